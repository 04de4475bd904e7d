"""Short runs on made-up data that show the JVM which classes a tool uses."""

from pathlib import Path


def command(tool: str, folder: Path, launcher: Path) -> list[str]:
    """Write a tiny input into `folder` and return the command that works on it."""
    return {"nextflow": _nextflow, "gatk": _gatk}[tool](folder, launcher)


def _nextflow(folder: Path, launcher: Path) -> list[str]:
    (folder / "main.nf").write_text("workflow { channel.of(1).view() }\n")
    return [str(launcher), "run", "main.nf"]


def _gatk(folder: Path, launcher: Path) -> list[str]:
    fasta = folder / "r.fa"
    fasta.write_text(">a\nACGT\n")
    return [str(launcher), "CreateSequenceDictionary", "-R", str(fasta)]

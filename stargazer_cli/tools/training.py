"""Short runs on made-up data, which show the JVM what classes a tool loads."""

import random
from pathlib import Path

_CONTIG = 4000
_READ = 100

_PIPELINE = """\
process TRAIN {
    tag "${meta.id}"
    cpus 1

    input:
    tuple val(meta), path(file)

    output:
    tuple val(meta), path('copy.txt'), emit: copies

    script:
    "cp ${file} copy.txt"
}

workflow {
    files = channel.of([[id: 'a'], file("${projectDir}/main.nf")])
    TRAIN(files)
    TRAIN.out.copies.map { meta, copy -> "${meta.id} ${copy.size()}" }.collectFile(name: 'list.txt').view()
}
"""


def commands(tool: str, folder: Path, launcher: Path) -> list[list[str]]:
    """Write a tiny input into `folder` and return the commands that work on it.

    The last one uses the most of the tool.
    """
    return {"nextflow": _nextflow, "gatk": _gatk}[tool](folder, str(launcher))


def _nextflow(folder: Path, nextflow: str) -> list[list[str]]:
    (folder / "main.nf").write_text(_PIPELINE)
    return [
        [
            nextflow, "run", "main.nf", "-ansi-log", "false", "-resume",
            "-with-trace", "trace.txt", "-with-report", "report.html", "-with-timeline", "timeline.html",
        ]
    ]  # fmt: skip


def _gatk(folder: Path, gatk: str) -> list[list[str]]:
    _write_reads(folder)
    return [
        [gatk, "CreateSequenceDictionary", "-R", "reference.fa"],
        [gatk, "SortSam", "-I", "reads.sam", "-O", "reads.bam", "-SO", "coordinate", "--CREATE_INDEX"],
        [
            gatk, "HaplotypeCaller", "-R", "reference.fa", "-I", "reads.bam", "-O", "reads.g.vcf.gz",
            "-ERC", "GVCF", "--native-pair-hmm-threads", "1",
        ],
    ]  # fmt: skip


def _write_reads(folder: Path) -> None:
    """Write a reference, and reads of a sample that is heterozygous at some places."""
    chance = random.Random(1)  # noqa: S311
    reference = "".join(chance.choices("ACGT", k=_CONTIG))
    other = list(reference)
    for place in range(250, _CONTIG, 500):
        other[place] = "ACGT"["ACGT".index(reference[place]) - 1]
    (folder / "reference.fa").write_text(f">train\n{reference}\n")
    (folder / "reference.fa.fai").write_text(f"train\t{_CONTIG}\t7\t{_CONTIG}\t{_CONTIG + 1}\n")
    lines = [f"@HD\tVN:1.6\n@SQ\tSN:train\tLN:{_CONTIG}\n@RG\tID:train\tSM:train\tPL:ILLUMINA\n"]
    for number, start in enumerate(range(0, _CONTIG - _READ, 7)):
        bases = (reference if number % 2 else "".join(other))[start : start + _READ]
        fields = [f"read{number}", "0", "train", str(start + 1), "60", f"{_READ}M", "*", "0", "0", bases]
        lines.append("\t".join([*fields, "I" * _READ, "RG:Z:train"]) + "\n")
    (folder / "reads.sam").write_text("".join(lines))

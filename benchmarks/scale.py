"""What the germline workflow's steps cost per megabase and per sample, for docs/guides/scale.md.

    python benchmarks/scale.py                         (an idle machine; about 20 minutes, 3 GB of memory)
    python benchmarks/scale.py --bases 100000 400000 --cohorts 5 20           (a try in minutes)

One simulated sample at 30x and two sizes, on one CPU, through germline_plain.sh with base recalibration: what
a step costs more on the larger one is its rate, and what is left its start. Sizes of files go likewise. Then
copies of its GVCF under other names are called together, as many as --cohorts says, for how the joint step
grows with samples. (Copies have the same sites: a real cohort has more, see the guide.)
"""

import argparse
import gzip
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measure import machine, table, timed

from stargazer_cli.settings import Settings
from stargazer_cli.tools import locate

GENOME = 3_100  # Mb
SAMPLE = "unrelated1"
FILES = {
    "reads": f"reads/{SAMPLE}_R?.fastq.gz",
    "BAM": f"plain/{SAMPLE}.bam",
    "GVCF": f"plain/{SAMPLE}.g.vcf.gz",
    "VCF": "plain/joint.vcf.gz",
    "metrics and tables": "plain/*.t*t*",
}


@dataclass(frozen=True)
class Line:
    """What grows with the bases: so much at the start, so much for each megabase."""

    start: float
    rate: float

    def at(self, megabases: float) -> float:
        return self.start + self.rate * megabases


def line(small: tuple[float, float], large: tuple[float, float]) -> Line:
    """Draw a line through two points (megabases, cost)."""
    rate = (large[1] - small[1]) / (large[0] - small[0])
    return Line(max(small[1] - rate * small[0], 0.0), rate)


def run_one(folder: Path, bases: int, env: dict[str, str]) -> tuple[dict[str, float], dict[str, float]]:
    """Run one sample through the script; return CPU seconds by step and megabytes by kind of file."""
    here = Path(__file__).parent
    simulate = [sys.executable, str(here / "simulate_cohort.py"), str(folder), "--samples", "1"]
    timed([*simulate, "--bases", str(bases)])
    reads = ":".join(str(folder / f"reads/{SAMPLE}_R{mate}.fastq.gz") for mate in (1, 2))
    known = ["-k", str(folder / "known_sites.vcf.gz")]
    script = [str(here / "germline_plain.sh"), "-t", "1", *known, str(folder / "plain")]
    timed([*script, str(folder / "reference.fa"), f"{SAMPLE}:{reads}"], env=env)
    cpu = {}
    for row in (folder / "plain/steps.tsv").read_text().splitlines():
        name, _, user, system = row.split("\t")
        cpu[name] = float(user) + float(system)
    sizes = {
        kind: sum(file.stat().st_size for file in folder.glob(pattern)) / 1e6
        for kind, pattern in FILES.items()
    }
    return cpu, sizes


def copies(folder: Path, count: int, env: dict[str, str]) -> list[tuple[str, Path]]:
    """Write a sample's GVCF under other names."""
    text = gzip.decompress((folder / f"plain/{SAMPLE}.g.vcf.gz").read_bytes()).decode()
    head, _, rest = text.partition(f"\t{SAMPLE}\n")
    made = []
    for number in range(count):
        plain = folder / f"copy{number}.g.vcf"
        plain.write_text(f"{head}\tcopy{number}\n{rest}")
        timed(["bcftools", "view", "-Oz", "-o", f"{plain}.gz", str(plain)], env=env)
        timed(["bcftools", "index", "-t", f"{plain}.gz"], env=env)
        plain.unlink()
        made.append((f"copy{number}", plain.with_suffix(".vcf.gz")))
    return made


def joint(folder: Path, gvcfs: list[tuple[str, Path]], env: dict[str, str]) -> list[float]:
    """Import and genotype together; return CPU seconds of both, megabytes of workspace and VCF."""
    reference = folder / "plain/reference/reference.fa"
    names, workspace, vcf = folder / "map.tsv", folder / "genomicsdb", folder / "together.vcf.gz"
    names.write_text("".join(f"{name}\t{file}\n" for name, file in gvcfs))
    lengths = (row.split("\t")[:2] for row in Path(f"{reference}.fai").read_text().splitlines())
    regions = folder / "contigs.bed"
    regions.write_text("".join(f"{name}\t0\t{length}\n" for name, length in lengths))
    shutil.rmtree(workspace, ignore_errors=True)
    put = [
        "gatk",
        "GenomicsDBImport",
        "--sample-name-map",
        str(names),
        "-L",
        str(regions),
        "--batch-size",
        "50",
    ]
    imported = timed([*put, "--genomicsdb-workspace-path", str(workspace)], env=env)
    size = sum(file.stat().st_size for file in workspace.rglob("*") if file.is_file())
    call = ["gatk", "GenotypeGVCFs", "-R", str(reference), "-V", f"gendb://{workspace}", "-O", str(vcf)]
    genotyped = timed(call, env=env)
    return [imported.cpu, genotyped.cpu, size / 1e6, vcf.stat().st_size / 1e6]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bases", type=int, nargs=2, default=[2_000_000, 8_000_000], metavar=("SMALL", "LARGE")
    )
    parser.add_argument("--cohorts", type=int, nargs="*", default=[20, 100], help="samples called together")
    parser.add_argument("--scratch", type=Path, help="where temporary folders go")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    # A heap for the larger cohorts, as the workflow gives the joint step.
    env = {**locate(Settings()).environment(), "JDK_JAVA_OPTIONS": "-Xmx3g"}
    print(f"{machine()}; on one CPU\n")
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        scratch = Path(name)
        small, large = (bases / 1e6 for bases in options.bases)
        cpu, sizes = zip(*(run_one(scratch / str(bases), bases, env) for bases in options.bases), strict=True)
        rows = []
        for step in cpu[1]:
            cost = line((small, cpu[0][step]), (large, cpu[1][step]))
            measured = [f"{cpu[0][step]:.1f}", f"{cpu[1][step]:.1f}"]
            rows.append([step, *measured, f"{cost.rate:.2f}", f"{cost.at(GENOME) / 3600:.1f}"])
        header = [
            "step, one sample at 30x",
            f"CPU s, {small:g} Mb",
            f"{large:g} Mb",
            "s / Mb",
            "CPU h, genome",
        ]
        print(table(header, rows), flush=True)
        rows = []
        for kind in FILES:
            size = line((small, sizes[0][kind]), (large, sizes[1][kind]))
            measured = [f"{sizes[0][kind]:.1f}", f"{sizes[1][kind]:.1f}"]
            rows.append([kind, *measured, f"{size.rate:.3f}", f"{size.at(GENOME) / 1e3:.1f}"])
        header = ["file, one sample at 30x", f"MB, {small:g} Mb", f"{large:g} Mb", "MB / Mb", "GB, genome"]
        print(f"\n{table(header, rows)}", flush=True)
        rows = []
        folder = scratch / str(options.bases[0])
        gvcfs = copies(folder, max(options.cohorts, default=0), env)
        for count in options.cohorts:
            costs = joint(folder, gvcfs[:count], env)
            rows.append([str(count), *(f"{cost:.1f}" for cost in costs)])
        if rows:
            header = ["samples", "import, CPU s", "genotyping, CPU s", "workspace, MB", "VCF, MB"]
            print(f"\nTogether, on {small:g} Mb:\n\n{table(header, rows)}")


if __name__ == "__main__":
    main()

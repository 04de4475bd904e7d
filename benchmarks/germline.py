"""The germline workflow against a plain shell script of the same tools.

    STARGAZER_REAL_DATA=… python benchmarks/germline.py --repeats 3 --threads 2

One sample (TP53 reads) and a trio (CEU). Both sides get the same reads, reference, tools and threads, in
turn; the workflow starts from a fresh store in each round. Both must call the same variants. Without
real data the bundled trio is measured.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import (
    Timing,
    alternate,
    fetched_gatk_jars,
    first_on_path,
    machine,
    read_trace,
    table,
    timed,
    wall,
    write_plain_gatk,
)

from stargazer_cli.demo import bundle, summary
from stargazer_cli.settings import Settings
from stargazer_cli.tools import locate

PARTS = ("resolve", "stage", "nextflow", "ingest")


@dataclass(frozen=True)
class Job:
    """A reference and the lanes (R1, R2) of each sample."""

    title: str
    reference: Path
    samples: dict[str, list[tuple[Path, Path]]]


def jobs(data: Path | None, scratch: Path) -> list[Job]:
    """Return what to measure: the real sets where they are, else the bundled trio."""
    if data is None:
        trio = bundle.load(bundle.GermlineBundle, "trio")
        samples: dict[str, list[tuple[Path, Path]]] = {}
        for lane in trio.reads:
            samples.setdefault(lane.sample, []).append((trio.path(lane.r1.name), trio.path(lane.r2.name)))
        return [Job("bundled trio", trio.path(trio.reference.name), samples)]
    tp53, ceu = data / "germline_tp53", data / "germline_ceu10kb"
    # Plain for both sides: the script takes no compressed reference.
    reference = scratch / "chr20w.fa"
    reference.write_bytes(gzip.decompress((ceu / "ref/chr20w.fa.gz").read_bytes()))
    family = {
        name: [(ceu / f"reads/{name}_R1.fastq.gz", ceu / f"reads/{name}_R2.fastq.gz")]
        for name in ("HG001", "NA12891", "NA12892")
    }
    one = {"NA12829": [(tp53 / "NA12829_TP53_R1.fq.gz", tp53 / "NA12829_TP53_R2.fq.gz")]}
    return [
        Job("one sample (TP53)", tp53 / "GRCh38_TP53.fa", one),
        Job("trio (CEU 10 kb)", reference, family),
    ]


class Plain:
    """The shell script, with a GATK that plain Java starts."""

    def __init__(self, job: Job, scratch: Path, threads: int, env: Mapping[str, str]) -> None:
        self.job, self.scratch, self.threads, self.env = job, scratch / "plain", threads, env

    def __call__(self, number: int) -> Timing:
        script = Path(__file__).with_name("germline_plain.sh")
        samples = [
            f"{sample}:{','.join(f'{r1}:{r2}' for r1, r2 in lanes)}"
            for sample, lanes in self.job.samples.items()
        ]
        arguments = ["-t", str(self.threads), str(self.scratch / str(number)), str(self.job.reference)]
        return timed([str(script), *arguments, *samples], env=self.env)

    def calls(self) -> summary.Calls:
        return summary.read_vcf(self.scratch / "0/joint.vcf.gz")


class Workflow:
    """`stargazer run germline`, each time from a fresh store."""

    def __init__(self, job: Job, scratch: Path, threads: int, profile: str) -> None:
        self.job, self.scratch, self.threads, self.profile = job, scratch / "stargazer", threads, profile
        self.stargazer = str(Path(sys.executable).with_name("stargazer"))
        self.parts: list[dict[str, float]] = []

    def store(self, number: int) -> Path:
        return self.scratch / str(number)

    def __call__(self, number: int) -> Timing:
        env = {**os.environ, "STARGAZER_LOCAL": str(self.store(number))}
        add = [self.stargazer, "assets", "add"]
        build = ["-k", "asset=reference", "-k", "build=benchmark"]
        timed([*add, str(self.job.reference), *build], env=env)
        for sample, lanes in self.job.samples.items():
            for lane, (r1, r2) in enumerate(lanes, 1):
                timed([*add, str(r1), str(r2), "-k", f"sample_id={sample}", "-k", f"lane=L{lane}"], env=env)
        options = {
            "--build": "benchmark",
            "--samples": ",".join(self.job.samples),
            "--aligner": "bwa",
            "--profile": self.profile,
            "--max-cpus": str(self.threads),
        }
        flat = [word for option in options.items() for word in option]
        timing = timed([self.stargazer, "run", "germline", *flat, "--json"], env=env)
        self.parts.append(self._parts(number, timing))
        return timing

    def _run(self, number: int) -> Path:
        (record,) = (self.store(number) / "runs").glob("*/run.json")
        return record.parent

    def _parts(self, number: int, timing: Timing) -> dict[str, float]:
        run = self._run(number)
        timings = json.loads((run / "run.json").read_text())["timings"]
        tasks = read_trace(max(run.glob("trace*.txt")))
        first = min(task.submitted for task in tasks)
        last = max(task.ended for task in tasks)
        busy = sum(task.realtime for task in tasks)
        parts = {name: timings.get(name, 0.0) for name in PARTS if name != "nextflow"}
        parts["Nextflow around the tasks"] = timings["nextflow"] - (last - first)
        parts["first task to last"] = last - first
        parts["Python"] = timing.wall - sum(timings.get(name, 0.0) for name in PARTS)
        parts["(work in tasks, added up)"] = busy
        return parts

    def calls(self) -> summary.Calls:
        (vcf,) = (self._run(0) / "results/variants").glob("*.vcf.gz")
        return summary.read_vcf(vcf)


def simple(calls: summary.Calls) -> dict[tuple[str, int, str, tuple[str, ...]], dict[str, summary.Genotype]]:
    """Return sites and genotypes, for comparing two VCFs."""
    return {(r.contig, r.pos, r.ref, r.alts): dict(r.genotypes) for r in calls.records}


def measure(job: Job, scratch: Path, options: argparse.Namespace, env: Mapping[str, str]) -> bool:
    """Measure one job and print what came out; say whether both sides called the same."""
    print(f"\n## {job.title}: {len(job.samples)} sample(s), {options.threads} threads\n")
    plain = Plain(job, scratch, options.threads, env)
    workflow = Workflow(job, scratch, options.threads, options.profile)
    timings = alternate(options.repeats, {"plain script": plain, "stargazer": workflow})
    script, run = wall(timings["plain script"]), wall(timings["stargazer"])
    rows = [["plain script", f"{script:.1f}"], ["stargazer run germline", f"{run:.1f}"]]
    print(table(["", f"median wall of {options.repeats}, s"], rows))
    print(f"\nratio {run / script:.2f}\n")
    medians = {name: statistics.median(part[name] for part in workflow.parts) for name in workflow.parts[0]}
    print(
        table(["part of the run", "median, s"], [[name, f"{value:.1f}"] for name, value in medians.items()])
    )
    same = simple(plain.calls()) == simple(workflow.calls())
    print(
        f"\n{len(workflow.calls().records)} sites; both sides called {'the same' if same else 'DIFFERENTLY'}"
    )
    return same


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    parser.add_argument("--profile", default="local")
    parser.add_argument(
        "--gatk-jars",
        type=Path,
        help="GATK's jars for the plain side (default: the fetched ones; without them, the gatk on PATH)",
    )
    options = parser.parse_args()

    jars = options.gatk_jars or fetched_gatk_jars()
    tools = locate(Settings(), ["java", "nextflow", "gatk", "bwa", "samtools"]).tools
    print(machine())
    print(", ".join(f"{tool.name} {tool.version or 'missing'} ({tool.origin})" for tool in tools.values()))
    data = os.environ.get("STARGAZER_REAL_DATA")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        env: Mapping[str, str] = os.environ
        if jars.is_dir():
            plain = write_plain_gatk(scratch / "bin", jars, str(tools["java"].path))
            env = first_on_path(plain.parent, os.environ)
            print(f"plain side: java -cp '{jars}/*'")
        else:
            print(f"plain side: {shutil.which('gatk')}")
        same = [
            measure(job, scratch / str(number), options, env)
            for number, job in enumerate(jobs(Path(data) if data else None, scratch))
        ]
    sys.exit(0 if all(same) else 1)


if __name__ == "__main__":
    main()

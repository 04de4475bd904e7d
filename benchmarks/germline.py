"""The germline workflow against plain shell scripts of the same tools.

    STARGAZER_REAL_DATA=… python benchmarks/germline.py                   everything, on all CPUs
    python benchmarks/germline.py --jobs cohort --threads 1 2 --repeats 1  one job, on one CPU and on two

Jobs: `tp53` (one sample) and `trio` (CEU, 10 kb), real; `cohort` (three simulated samples, 2 Mb at 30x) and
`sample` (its child alone); `bundled` (the demo's trio), taken where no real data are named.

Who takes part (--subjects), the same tools and steps, threads and CPUs, reads and reference for all, in turn:

- `shell`: germline_plain.sh, one tool after the other, bwa piped into the sort, and GATK as Stargazer's
  setup starts it (an archive of its classes, fewer threads of the collector);
- `java`: the same with GATK as plain `java -cp`, which is what a downloaded GATK does;
- `bare`: that, and without pipes: the aligner's SAM goes to disk and is sorted from there;
- `stargazer`: `stargazer run germline`, each time from a fresh store.

Everybody makes the samtools and bcftools statistics and the hard filters, and nobody a report (--report makes
one, which counts for Stargazer alone). With --bqsr base qualities are recalibrated on all sides, where a job
has known sites. --threads N binds everybody to N CPUs of the machine. All must call the same: sites,
genotypes, FILTER.
"""

import argparse
import gzip
import json
import math
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import accuracy
from measure import (
    TaskTime,
    Timing,
    alternate,
    chain,
    cpu,
    fetched_gatk_jars,
    first_on_path,
    machine,
    read_trace,
    table,
    timed,
    wall,
    write_plain_gatk,
)

from stargazer_cli.demo import dataset
from stargazer_cli.settings import Settings
from stargazer_cli.tools import locate

PARTS = ("resolve", "stage", "nextflow", "ingest")
SUBJECTS = ("shell", "java", "bare", "stargazer")
CHILD = "child"

# CHROM, POS, REF, ALT: FILTER, and each sample's genotype.
Calls = dict[tuple[str, ...], tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class Truth:
    """What is known of one sample, and where."""

    sample: str
    vcf: Path
    regions: Path


@dataclass(frozen=True)
class Job:
    """A reference and the lanes (R1, R2) of each sample."""

    title: str
    reference: Path
    samples: dict[str, list[tuple[Path, Path]]]
    truths: tuple[Truth, ...] = ()
    known: tuple[Path, ...] = ()


def tp53(data: Path) -> Job:
    folder = data / "germline_tp53"
    reads = (folder / "NA12829_TP53_R1.fq.gz", folder / "NA12829_TP53_R2.fq.gz")
    return Job("one sample (TP53)", folder / "GRCh38_TP53.fa", {"NA12829": [reads]})


def ceu(data: Path, scratch: Path) -> Job:
    folder = data / "germline_ceu10kb"
    # Plain for both sides: the script takes no compressed reference.
    reference = scratch / "chr20w.fa"
    reference.write_bytes(gzip.decompress((folder / "ref/chr20w.fa.gz").read_bytes()))
    reads = {
        name: [(folder / f"reads/{name}_R1.fastq.gz", folder / f"reads/{name}_R2.fastq.gz")]
        for name in ("HG001", "NA12891", "NA12892")
    }
    truth = Truth("HG001", folder / "truth/HG001.truth.vcf.gz", folder / "truth/HG001.confident.bed")
    return Job("trio (CEU 10 kb)", reference, reads, (truth,))


def bundled() -> Job:
    trio = dataset.load(dataset.GermlineData, "trio")
    samples: dict[str, list[tuple[Path, Path]]] = {}
    for lane in trio.reads:
        samples.setdefault(lane.sample, []).append((trio.path(lane.r1.name), trio.path(lane.r2.name)))
    return Job("bundled trio", trio.path(trio.reference.name), samples)


def simulated(folder: Path, bases: int, only: str | None = None) -> Job:
    """Make the cohort if it is not there, and return it or one sample of it."""
    if not (folder / "truth").is_dir():
        script = Path(__file__).with_name("simulate_cohort.py")
        timed([sys.executable, str(script), str(folder), "--bases", str(bases)])
    names = sorted(file.name.removesuffix("_R1.fastq.gz") for file in folder.glob("reads/*_R1.fastq.gz"))
    names = [name for name in names if only in (None, name)]
    reads = {
        name: [(folder / f"reads/{name}_R1.fastq.gz", folder / f"reads/{name}_R2.fastq.gz")] for name in names
    }
    truths = tuple(
        Truth(name, folder / f"truth/{name}.vcf.gz", folder / "truth/confident.bed") for name in names
    )
    title = f"simulated, {bases / 1e6:g} Mb, {len(names)} sample(s)"
    return Job(title, folder / "reference.fa", reads, truths, (folder / "known_sites.vcf.gz",))


def jobs(options: argparse.Namespace, scratch: Path) -> list[Job]:
    """Return what to measure."""
    named = os.environ.get("STARGAZER_REAL_DATA")
    data = Path(named) if named else None
    cohort = (options.data or scratch) / f"simulated-{options.bases}"
    make: dict[str, Callable[[], Job]] = {
        "bundled": bundled,
        "sample": lambda: simulated(cohort, options.bases, CHILD),
        "cohort": lambda: simulated(cohort, options.bases),
    }
    if data is not None:
        make |= {"tp53": lambda: tp53(data), "trio": lambda: ceu(data, scratch)}
    default = ["sample", "cohort"] + (["tp53", "trio"] if data else ["bundled"])
    missing = [name for name in options.jobs or [] if name not in make]
    if missing:
        sys.exit(f"{', '.join(missing)}: set STARGAZER_REAL_DATA to the folder of the real sets.")
    return [make[name]() for name in options.jobs or default]


@dataclass
class Plain:
    """The shell script."""

    job: Job
    scratch: Path
    threads: int
    env: Mapping[str, str]
    options: tuple[str, ...] = ()

    def __call__(self, number: int) -> Timing:
        script = Path(__file__).with_name("germline_plain.sh")
        samples = [
            f"{sample}:{','.join(f'{r1}:{r2}' for r1, r2 in lanes)}"
            for sample, lanes in self.job.samples.items()
        ]
        arguments = [*self.options, "-t", str(self.threads), str(self.scratch / str(number))]
        return timed([str(script), *arguments, str(self.job.reference), *samples], env=self.env)

    def vcf(self) -> Path:
        return self.scratch / "0/joint.vcf.gz"

    def steps(self) -> str:
        """Tell where the time of the first round went."""
        seconds: dict[str, list[float]] = {}
        for line in (self.scratch / "0/steps.tsv").read_text().splitlines():
            name, took, user, system = line.split("\t")
            row = seconds.setdefault(name, [0.0, 0.0])
            row[0] += float(took)
            row[1] += float(user) + float(system)
        rows = [[name, f"{took:.1f}", f"{used:.1f}"] for name, (took, used) in seconds.items()]
        return table(["step", "wall, s", "CPU, s"], rows)


@dataclass
class Workflow:
    """`stargazer run germline`, each time from a fresh store."""

    job: Job
    scratch: Path
    threads: int
    options: tuple[str, ...]
    bqsr: bool
    parts: list[dict[str, float]] = field(default_factory=list)

    def __call__(self, number: int) -> Timing:
        env = {**os.environ, "STARGAZER_LOCAL": str(self.scratch / str(number))}
        stargazer = str(Path(sys.executable).with_name("stargazer"))
        add = [stargazer, "assets", "add"]
        timed([*add, str(self.job.reference), "-k", "asset=reference", "-k", "build=benchmark"], env=env)
        for sample, lanes in self.job.samples.items():
            for lane, (r1, r2) in enumerate(lanes, 1):
                timed([*add, str(r1), str(r2), "-k", f"sample_id={sample}", "-k", f"lane=L{lane}"], env=env)
        for vcf in self.job.known if self.bqsr else ():
            kind = ["-k", "asset=known_sites", "-k", "build=benchmark", "-k", f"resource_name={vcf.name}"]
            timed([*add, str(vcf), *kind], env=env)
        options = {
            "--build": "benchmark",
            "--samples": ",".join(self.job.samples),
            "--aligner": "bwa",
            "--max-cpus": str(self.threads),
        }
        flat = [word for option in options.items() for word in option]
        timing = timed([stargazer, "run", "germline", *flat, *self.options, "--json"], env=env)
        self.parts.append(self._parts(number, timing))
        return timing

    def _run(self, number: int) -> Path:
        (record,) = (self.scratch / str(number) / "runs").glob("*/run.json")
        return record.parent

    def tasks(self, number: int = 0) -> list[TaskTime]:
        return read_trace(max(self._run(number).glob("trace*.txt")))

    def _parts(self, number: int, timing: Timing) -> dict[str, float]:
        timings = json.loads((self._run(number) / "run.json").read_text())["timings"]
        tasks = self.tasks(number)
        span = max(task.ended for task in tasks) - min(task.submitted for task in tasks)
        parts = {name: timings.get(name, 0.0) for name in PARTS if name != "nextflow"}
        parts["Nextflow around the tasks"] = timings["nextflow"] - span
        parts["first task to last"] = span
        parts["Python"] = timing.wall - sum(timings.get(name, 0.0) for name in PARTS)
        parts["(tasks that wait for each other: their own work)"] = sum(
            task.realtime for task in chain(tasks)
        )
        parts["(work in tasks, added up)"] = sum(task.realtime for task in tasks)
        return parts

    def vcf(self) -> Path:
        (vcf,) = (self._run(0) / "results/variants").glob("*.vcf.gz")
        return vcf

    def steps(self) -> str:
        """Tell where the time of the first round went: over the run, by task, and what waited for what."""
        medians = {name: statistics.median(part[name] for part in self.parts) for name in self.parts[0]}
        parts = table(
            ["part of the run", "median, s"], [[name, f"{took:.1f}"] for name, took in medians.items()]
        )
        tasks = self.tasks()
        every = sum(task.realtime for task in tasks)
        rows = []
        for name in dict.fromkeys(task.name for task in tasks):
            these = [task for task in tasks if task.name == name]
            work = sum(task.realtime for task in these)
            peak = max((task.peak_gb for task in these if not math.isnan(task.peak_gb)), default=0.0)
            shown = f"{peak:.2f}" if peak > 0.005 else "-"
            rows.append([name, str(len(these)), f"{work:.1f}", f"{100 * work / every:.0f} %", shown])
        by_task = table(["task", "runs", "work, s", "share", "most memory of one, GB"], rows)
        waited = " → ".join(f"{task.name} {task.realtime:.1f}" for task in chain(tasks))
        return f"{parts}\n\n{by_task}\n\nThe last task waited for: {waited}"


def calls(vcf: Path) -> Calls:
    """Read what two runs must agree on: sites with their FILTER, and genotypes."""
    found: Calls = {}
    samples: list[str] = []
    with accuracy.open_text(vcf) as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if line.startswith("#CHROM"):
                samples = fields[9:]
            if line.startswith("#"):
                continue
            place = (fields[0], fields[1], fields[3], fields[4])
            filters = ";".join(sorted(fields[6].split(";")))
            found[place] = (
                filters,
                {name: text.split(":")[0] for name, text in zip(samples, fields[9:], strict=True)},
            )
    return found


def compare(vcfs: Mapping[str, Path]) -> bool:
    """Say whether all called the same, and where not."""
    found = {name: calls(vcf) for name, vcf in vcfs.items()}
    first, *others = found
    same = True
    for other in others:
        places = found[first].keys() | found[other].keys()
        differ = sorted(place for place in places if found[first].get(place) != found[other].get(place))
        for place in differ[:5]:
            print(
                f"- {' '.join(place)}: {first} {found[first].get(place)}, {other} {found[other].get(place)}"
            )
        same = same and not differ
    passed = sum(filters in ("PASS", ".") for filters, _ in found[first].values())
    if others:
        verdict = "the same" if same else "DIFFERENTLY"
        print(f"\n{len(found[first])} sites, {passed} of them pass; all called {verdict}")
    return same


def score(job: Job, vcf: Path) -> None:
    """Print how right the calls are, where that is known."""
    rows = []
    for truth in job.truths:
        try:
            scores = accuracy.score(
                vcf, truth.vcf, bed=truth.regions, reference=job.reference, sample=truth.sample
            )
        except accuracy.AccuracyError as error:
            print(f"\nThe calls were not scored. {error}")
            return
        for one in scores:
            f1 = "-" if one.f1 is None else f"{one.f1:.4f}"
            rows.append(
                [truth.sample, one.kind, *map(str, (one.tp, one.fp, one.fn, one.genotype_errors)), f1]
            )
    if rows:
        print("\n" + table(["sample", "", "TP", "FP", "FN", "genotype errors", "F1"], rows))


def measure(
    job: Job, scratch: Path, options: argparse.Namespace, threads: int, envs: Mapping[str, Mapping[str, str]]
) -> bool:
    """Measure one job and print what came out; say whether all called the same."""
    os.sched_setaffinity(0, sorted(options.cpus)[:threads])
    bqsr = options.bqsr and bool(job.known)
    print(
        f"\n## {job.title}: {threads} CPU(s){', base qualities recalibrated' if bqsr else ''}\n", flush=True
    )
    known = tuple(word for vcf in job.known if bqsr for word in ("-k", str(vcf)))
    run_options = ("--profile", options.profile, *(() if options.report else ("--skip-report",)))
    everybody: dict[str, Plain | Workflow] = {
        "shell": Plain(job, scratch / "shell", threads, envs["shell"], known),
        "java": Plain(job, scratch / "java", threads, envs["java"], known),
        "bare": Plain(job, scratch / "bare", threads, envs["java"], (*known, "-d")),
        "stargazer": Workflow(job, scratch / "stargazer", threads, run_options, bqsr),
    }
    subjects = {name: everybody[name] for name in SUBJECTS if name in options.subjects}
    timings = alternate(options.repeats, subjects)
    walls = {name: wall(taken) for name, taken in timings.items()}
    ours = walls.get("stargazer")
    rows = []
    for name, took in walls.items():
        ratio = "-" if ours is None or name == "stargazer" else f"{ours / took:.2f}"
        used = cpu(timings[name])
        rows.append([name, f"{took:.1f}", f"{used:.1f}", f"{used / threads:.1f}", ratio])
    columns = ["", f"median wall of {options.repeats}, s", "CPU, s", "CPU / CPUs, s", "stargazer / this"]
    print(table(columns, rows))
    for name, subject in subjects.items():
        print(f"\n### {name}\n\n{subject.steps()}")
    print()
    same = compare({name: subject.vcf() for name, subject in subjects.items()})
    score(job, next(reversed(subjects.values())).vcf())
    return same


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", nargs="+", choices=["tp53", "trio", "sample", "cohort", "bundled"])
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS, default=["shell", "bare", "stargazer"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[os.cpu_count() or 1], help="default: %(default)s"
    )
    parser.add_argument("--profile", default="local")
    parser.add_argument("--bqsr", action="store_true", help="with known sites, where a job has them")
    parser.add_argument("--report", action="store_true", help="Stargazer makes its report, too")
    parser.add_argument("--bases", type=int, default=2_000_000, help="of the simulated reference")
    parser.add_argument(
        "--data", type=Path, help="folder to keep the simulated cohort in (default: made anew)"
    )
    parser.add_argument("--scratch", type=Path, help="where temporary folders go")
    parser.add_argument(
        "--gatk-jars",
        type=Path,
        help="GATK's jars for `java` and `bare` (default: the fetched ones; without them, the gatk on PATH)",
    )
    options = parser.parse_args()
    options.cpus = os.sched_getaffinity(0)

    jars = options.gatk_jars or fetched_gatk_jars()
    toolbox = locate(Settings(), ["java", "nextflow", "gatk", "bwa", "samtools", "bcftools"])
    print(machine())
    print(
        ", ".join(f"{one.name} {one.version or 'missing'} ({one.origin})" for one in toolbox.tools.values())
    )
    same = True
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        scratch = Path(name)
        envs: dict[str, Mapping[str, str]] = {"shell": toolbox.environment(), "java": os.environ}
        if jars.is_dir():
            plain = write_plain_gatk(scratch / "bin", jars, str(toolbox.tools["java"].path))
            envs["java"] = first_on_path(plain.parent, os.environ)
            print(f"plain java: java -cp '{jars}/*'")
        else:
            print(f"plain java: {shutil.which('gatk')}")
        for job in jobs(options, scratch):
            for threads in options.threads:
                folder = scratch / "job"
                same = measure(job, folder, options, threads, envs) and same
                shutil.rmtree(folder)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()

"""The single-cell workflow against one plain Python script of the same scanpy calls.

    STARGAZER_REAL_DATA=… python benchmarks/scrna.py --repeats 3
    python benchmarks/scrna.py --data simulated --cells 50000 --genes 17000 --depth 3500 --repeats 1

On pbmc3k, and on cells that scripts/simulate_cells.py makes. All sides get the same counts, Python and
parameters, in turn; each run of the workflow starts from a fresh store. One run before the first round is not
counted: it leaves compiled code in numba's cache, as the runs of any machine do. The clusters of both sides
are compared.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from measure import TaskTime, Timing, alternate, cpu, machine, read_trace, table, timed, wall

from stargazer_cli import catalog
from stargazer_cli.settings import Settings
from stargazer_cli.tools import locate

WORKFLOW = "scrna_clustering_pipeline"
STEPS = (
    "import", "read", "qc_filter", "normalize", "select_features", "reduce_dimensions", "cluster",
    "find_markers", "write", "scrna_chain", "scrna_report",
)  # fmt: skip
REPORT = "scrna_report"
SAMPLE = "benchmark"


@dataclass
class Subject:
    """One way to do the job; `steps` are seconds and peak GB of each round by step, `report` its seconds."""

    run: Callable[["Subject", Path], Timing]
    steps: list[dict[str, tuple[float, float]]] = field(default_factory=list)
    report: list[float] = field(default_factory=list)
    results: Path = Path()

    def median(self, step: str) -> tuple[float, float] | None:
        """Return the median seconds and peak GB of a step; None where the subject has no such step."""
        found = [steps[step] for steps in self.steps if step in steps]
        if not found:
            return None
        return statistics.median(s for s, _ in found), statistics.median(gb for _, gb in found)

    def take(self, trace: Path) -> None:
        """Note what Nextflow's trace says of a round."""
        tasks: list[TaskTime] = read_trace(trace)
        self.steps.append({task.name: (task.realtime, task.peak_gb) for task in tasks})
        last = max(task.ended for task in tasks)
        before = max(task.ended for task in tasks if task.name != REPORT)
        self.report.append(last - before)


def plain(source: Path, *, illico: bool) -> Subject:
    """The plain script, with scanpy's own Wilcoxon test or with the workflow's."""

    def run(subject: Subject, folder: Path) -> Timing:
        script = Path(__file__).with_name("scrna_plain.py")
        timing = timed(
            [sys.executable, str(script), str(source), str(folder), *(["--illico"] if illico else [])]
        )
        with (folder / "ticks.csv").open() as file:
            rows = list(csv.DictReader(file))
        subject.steps.append({row["step"]: (float(row["seconds"]), float(row["peak_gb"])) for row in rows})
        subject.results = folder / "clusters.csv"
        return timing

    return Subject(run)


def workflow(source: Path, profile: str, *, fuse: bool) -> Subject:
    """`stargazer run scrna` from a fresh store; adding the file is not timed."""
    stargazer = str(Path(sys.executable).with_name("stargazer"))

    def run(subject: Subject, folder: Path) -> Timing:
        env = {**os.environ, "STARGAZER_LOCAL": str(folder)}
        keys = ["-k", "asset=anndata", "-k", "stage=raw", "-k", f"sample_id={SAMPLE}"]
        timed([stargazer, "assets", "add", str(source), *keys], env=env)
        options = ["--sample-id", SAMPLE, "--profile", profile, "--json", *(["--fuse"] if fuse else [])]
        timing = timed([stargazer, "run", "scrna", *options], env=env)
        (record,) = (folder / "runs").glob("*/run.json")
        subject.take(max(record.parent.glob("trace*.txt")))
        subject.results = record.parent / f"results/anndata/{SAMPLE}.annotated.h5ad"
        return timing

    return Subject(run)


def nextflow(source: Path, profile: str, *, fuse: bool) -> Subject:
    """`nextflow run` alone, with a samplesheet: no store."""
    toolbox = locate(Settings(), ["java", "nextflow", "scanpy"])
    env = toolbox.environment()

    def run(subject: Subject, folder: Path) -> Timing:
        folder.mkdir(parents=True)
        (folder / "samplesheet.csv").write_text(f"sample,h5ad\n{SAMPLE},{source}\n")
        files = ["--input", "samplesheet.csv", "--outdir", "results", "-with-trace", "trace.txt"]
        choices = ["-profile", profile, "--workflow", WORKFLOW, "--fuse", str(fuse).lower()]
        command = [*toolbox.nextflow, "run", str(catalog.pipeline_dir()), *choices, *files]
        timing = timed(command, env=env, cwd=folder)
        subject.take(folder / "trace.txt")
        subject.results = folder / f"results/anndata/{SAMPLE}.annotated.h5ad"
        return timing

    return Subject(run)


def clusters(file: Path) -> dict[str, str]:
    """Return the cluster of each cell, from a table or from an AnnData."""
    if file.suffix == ".csv":
        with file.open() as lines:
            return {row["cell"]: row["cluster"] for row in csv.DictReader(lines)}
    import anndata

    cells = anndata.read_h5ad(file, backed="r")
    return dict(zip(cells.obs_names, cells.obs["leiden"].astype(str), strict=True))


def agreement(left: Mapping[str, str], right: Mapping[str, str]) -> str:
    """Say how far two clusterings are the same: the cells that both kept, and the ARI over them."""
    from sklearn.metrics import adjusted_rand_score

    both = sorted(left.keys() & right.keys())
    ari = adjusted_rand_score([left[cell] for cell in both], [right[cell] for cell in both])
    return f"{len(left)} and {len(right)} cells kept, {len(both)} by both; ARI {ari:.4f}"


def measure(title: str, source: Path, scratch: Path, options: argparse.Namespace) -> None:
    """Measure one set of cells and print what came out."""
    everyone = {
        "plain script": plain(source, illico=False),
        "plain script, illico": plain(source, illico=True),
        "stargazer run scrna": workflow(source, options.profile, fuse=False),
        "stargazer run scrna --fuse": workflow(source, options.profile, fuse=True),
        "nextflow run": nextflow(source, options.profile, fuse=False),
        "nextflow run --fuse": nextflow(source, options.profile, fuse=True),
    }
    if unknown := set(options.subjects) - set(everyone):
        sys.exit(f"--subjects: there is no {min(unknown)!r}; there are: {'; '.join(everyone)}")
    subjects = {name: everyone[name] for name in options.subjects}
    print(f"\n## {title}\n", flush=True)

    def round_of(name: str, subject: Subject) -> Callable[[int], Timing]:
        return lambda number: subject.run(subject, scratch / f"{name.replace(' ', '_')}_{number}")

    warm = workflow(source, options.profile, fuse=True)
    if not options.no_warm_up:
        print(f"first run, not counted: {warm.run(warm, scratch / 'warm').wall:.1f} s", flush=True)
    timings = alternate(
        options.repeats, {name: round_of(name, subject) for name, subject in subjects.items()}
    )
    base = wall(timings[next(iter(subjects))])
    rows = []
    for name, subject in subjects.items():
        seconds = wall(timings[name])
        spread = f"{min(t.wall for t in timings[name]):.1f} to {max(t.wall for t in timings[name]):.1f}"
        row = [name, f"{seconds:.1f}", spread, f"{cpu(timings[name]):.1f}", f"{seconds / base:.2f}"]
        if subject.report:
            without = statistics.median(
                timing.wall - report for timing, report in zip(timings[name], subject.report, strict=True)
            )
            row += [f"{without:.1f}", f"{without / base:.2f}"]
        rows.append(row + ["", ""] * (not subject.report))
    print(
        table(
            [
                *("", f"median wall of {options.repeats}, s", "range", "CPU, s", "ratio of wall"),
                *("without the report, s", "ratio"),
            ],
            rows,
        )
    )
    print("\nSeconds and peak memory (GB) of each step; the plain script's memory is that of all so far.\n")
    steps = [step for step in STEPS if any(subject.median(step) for subject in subjects.values())]
    print(
        table(
            ["step", *subjects],
            [[step, *(_cell(s.median(step)) for s in subjects.values())] for step in steps],
        )
    )
    reference, *others = subjects.items()
    print()
    for name, subject in others:
        same = agreement(clusters(reference[1].results), clusters(subject.results))
        print(f"{reference[0]} and {name}: {same}", flush=True)


def _cell(found: tuple[float, float] | None) -> str:
    return "" if found is None else f"{found[0]:.1f} s, {found[1]:.2f}"


def simulated(options: argparse.Namespace, scratch: Path) -> Path:
    """Return the simulated counts, made now unless a folder has them."""
    folder: Path = options.simulated or scratch / "simulated"
    if not (folder / "cells.h5ad").exists():
        script = Path(__file__).resolve().parents[1] / "scripts/simulate_cells.py"
        size = ["--cells", options.cells, "--genes", options.genes, "--depth", options.depth]
        subprocess.run([sys.executable, script, *map(str, size), "--out", folder], check=True)
    return (folder / "cells.h5ad").resolve()


def main() -> None:
    names = ["plain script", "plain script, illico", "stargazer run scrna", "stargazer run scrna --fuse"]
    names += ["nextflow run", "nextflow run --fuse"]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=["pbmc3k", "simulated"], default="pbmc3k")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", default="local")
    parser.add_argument(
        "--subjects",
        type=lambda text: [name.strip() for name in text.split(";")],
        default=names,
        help=f"which to measure, separated by ';', the first one is 1 (default: {'; '.join(names)})",
    )
    parser.add_argument("--no-warm-up", action="store_true", help="count from the first run on")
    parser.add_argument("--cells", type=int, default=50_000, help="of the simulated set")
    parser.add_argument("--genes", type=int, default=17_000)
    parser.add_argument("--depth", type=float, default=3_500)
    parser.add_argument("--simulated", type=Path, help="folder that keeps the simulated set")
    parser.add_argument("--scratch", type=Path, help="folder for temporary files (default: the system's)")
    options = parser.parse_args()

    tools = locate(Settings(), ["java", "nextflow", "scanpy"]).tools
    print(machine())
    print(", ".join(f"{tool.name} {tool.version or 'missing'} ({tool.origin})" for tool in tools.values()))
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        scratch = Path(name)
        if options.data == "simulated":
            source = simulated(options, scratch)
            measure(f"simulated: {options.cells:,} x {options.genes:,}", source, scratch, options)
        else:
            data = os.environ.get("STARGAZER_REAL_DATA")
            if not data:
                sys.exit("STARGAZER_REAL_DATA is not set: it names the folder with scrna_pbmc3k")
            measure("pbmc3k: 2,700 x 32,738", Path(data) / "scrna_pbmc3k/raw.h5ad", scratch, options)


if __name__ == "__main__":
    main()

"""What it costs to run tasks in images, and through Slurm.

    python benchmarks/containers.py                        everything that this machine can run
    python benchmarks/containers.py --parts tasks          many tasks that do nothing, one after the other
    python benchmarks/containers.py --parts trio --profiles local slurm slurm,podman
    python benchmarks/containers.py --parts images --build --base 'localhost/debian:{}'

- `tasks`: a pipeline of --tasks tasks that do nothing, so that all of it is what Nextflow and the engine do
  around a task: wall time, milliseconds that a task takes more than without an image, and from Nextflow's
  trace the time from a task's submission to its end that is not its own.
- `trio`: `stargazer run germline` on the bundled trio, each time from a fresh store, without a report. All
  profiles must make the same bytes; where only one can run, it says that nothing was compared.
- `images`: size of each image as the lock file has it; with --build, seconds of a build from nothing, with
  all downloads of packages.

Profiles are run in turn, so that a busy minute of the machine hits all of them. One whose engine, images or
scheduler is not here is left out, and said so. Slurm is one node that tests/helpers/slurm.py starts (root,
with slurm-wlm and munge), unless SLURM_CONF is set.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from germline import Workflow, bundled
from measure import TaskTime, Timing, alternate, machine, read_trace, table, timed, wall

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError
from stargazer_cli.images import ENGINES, check, lock
from stargazer_cli.settings import Settings
from stargazer_cli.tools import Toolbox, locate

ROOT = Path(__file__).parent.parent
SLURM = ROOT / "tests" / "helpers" / "slurm.py"
PARTS = ("tasks", "trio", "images")
PROFILES = ("local", "podman", "docker", "apptainer", "charliecloud", "slurm", "slurm,podman")
IMAGE = catalog.tasks()["samtools_faidx"].image
IMAGES = sorted({task.image for task in catalog.tasks().values() if "scanpy" not in task.image})

# One at a time: what is measured is one task after the other, and not how many fit beside each other.
NOTHING = """\
process NOTHING {
    maxForks 1
    memory '100 MB'
    container '%s'

    input:
    val number

    output:
    val number

    script:
    'true'
}

workflow {
    NOTHING(channel.of(1..params.tasks))
}
"""
CONFIG = """\
params.container_registry = null
params.tasks = 1
process.shell = ['/bin/bash', '-euo', 'pipefail']
includeConfig '{root}/conf/trace.config'
profiles {{
    local {{ process.executor = 'local' }}
{engines}
}}
"""


@dataclass
class Tasks:
    """The pipeline of tasks that do nothing, under a profile."""

    profile: str
    count: int
    folder: Path
    toolbox: Toolbox
    around: list[float] = field(default_factory=list)

    def __call__(self, number: int) -> Timing:
        trace = self.folder / f"{self.profile}-{number}.txt"
        work = self.folder / "work" / trace.stem
        command = [*self.toolbox.nextflow, "run", str(self.folder / "main.nf"), "-ansi-log", "false"]
        command += ["-profile", self.profile, "--tasks", str(self.count)]
        command += ["-work-dir", str(work), "-with-trace", str(trace)]
        timing = timed(command, env=self.toolbox.environment(), cwd=self.folder)
        self.around += around(read_trace(trace))
        return timing


def around(tasks: Sequence[TaskTime]) -> list[float]:
    """Return the seconds of each task, from its submission to its end, that are not its own."""
    return [task.ended - task.submitted - task.realtime for task in tasks]


def write_pipeline(folder: Path) -> None:
    """Write the pipeline of tasks that do nothing, with the project's own profiles."""
    lines = [f"    {engine} {{ includeConfig '{ROOT}/conf/{engine}.config' }}" for engine in ENGINES]
    (folder / "main.nf").write_text(NOTHING % IMAGE)
    (folder / "nextflow.config").write_text(CONFIG.format(root=ROOT, engines="\n".join(lines)))


def measure_tasks(
    profiles: Sequence[str], repeats: int, count: int, scratch: Path, settings: Settings
) -> None:
    """Print what an engine adds to a task that does nothing."""
    if not profiles:
        print("\nNo profile can run tasks here: nothing was measured.")
        return
    scratch.mkdir()
    write_pipeline(scratch)
    toolbox = locate(settings, ["java", "nextflow"])
    subjects = {name: Tasks(name, count, scratch, toolbox) for name in profiles}
    timings = alternate(repeats, subjects)
    first = wall(next(iter(timings.values())))
    rows = []
    for name, taken in timings.items():
        took = wall(taken)
        more = f"{(took - first) / count * 1000:.0f}" if took != first else "-"
        rows.append([name, f"{took:.1f}", f"{took / first:.2f}", more, milliseconds(subjects[name].around)])
    base = next(iter(timings))
    print(f"\n## {count} tasks that do nothing, one after the other\n")
    columns = [
        "profile", f"median wall of {repeats}, s", f"this / {base}", f"ms a task more than {base}",
        "ms around a task",
    ]  # fmt: skip
    print(table(columns, rows))


def milliseconds(seconds: Sequence[float]) -> str:
    """Write the median of some seconds in milliseconds."""
    return f"{statistics.median(seconds) * 1000:.0f}"


def measure_trio(profiles: Sequence[str], repeats: int, scratch: Path) -> bool:
    """Print what profiles cost `stargazer run germline`; returns whether none made other bytes."""
    if not profiles:
        print("\nNo profile can run the trio here: nothing was measured.")
        return True
    job = bundled()
    subjects = {
        name: Workflow(
            job,
            scratch / name.replace(",", "-"),
            os.cpu_count() or 1,
            ("--profile", name, "--skip-report"),
            bqsr=False,
        )
        for name in profiles
    }
    timings = alternate(repeats, subjects)
    base, *_ = timings
    first = wall(timings[base])
    rows = []
    digests: dict[str, list[str]] = {}
    for name, subject in subjects.items():
        took = wall(timings[name])
        tasks = [task for number in range(repeats) for task in subject.tasks(number)]
        work = sum(task.realtime for task in tasks) / repeats
        rows.append(
            [name, f"{took:.1f}", f"{took / first:.2f}", str(len(tasks) // repeats), f"{work:.1f}",
             milliseconds(around(tasks))]
        )  # fmt: skip
        digests.setdefault(hashlib.sha256(subject.vcf().read_bytes()).hexdigest(), []).append(name)
    print("\n## `stargazer run germline`, bundled trio\n")
    columns = ["profile", f"median wall of {repeats}, s", f"this / {base}", "tasks", "work in tasks, s"]
    print(table([*columns, "ms around a task"], rows))
    print(f"\n{compared(digests)}")
    return len(digests) == 1


def compared(made: Mapping[str, Sequence[str]]) -> str:
    """Say whether profiles made the same: digest of a VCF -> profiles that made it."""
    groups = list(made.values())
    if len(groups) > 1:
        return f"The VCFs are DIFFERENT bytes: {'; '.join(', '.join(names) for names in groups)}."
    [names] = groups
    return (
        f"No VCFs were compared: only {names[0]} ran." if len(names) == 1 else "The VCFs are the same bytes."
    )


def measure_images(profiles: Sequence[str], build: bool, base: str | None, settings: Settings) -> None:
    """Print the size of each image, and how long it takes to build where that is asked for."""
    for engine in lock.read(settings.tools).keys() & set(profiles):
        seconds = built(engine, base) if build else {}
        entries = lock.read(settings.tools)[engine]
        rows = [
            [reference, f"{entry['size'] / 1e6:.0f}", f"{seconds[reference]:.0f}" if seconds else "-"]
            for reference, entry in sorted(entries.items())
        ]
        total = sum(entry["size"] for entry in entries.values()) / 1e6
        rows.append(["all", f"{total:.0f}", f"{sum(seconds.values()):.0f}" if seconds else "-"])
        print(f"\n## Images of {engine}\n")
        print(table(["image", "MB", "build, s"], rows))


def built(engine: str, base: str | None) -> Mapping[str, float]:
    """Build all images anew; returns the seconds of each."""
    command = [
        str(Path(sys.executable).with_name("stargazer")),
        "build-images",
        "--engine",
        engine,
        "--no-cache",
    ]
    command += ["--base", base] if base else []
    done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    return {entry["reference"]: entry["seconds"] for entry in json.loads(done.stdout)["images"]}


def runnable(profiles: Sequence[str], references: Sequence[str], settings: Settings) -> list[str]:
    """Return the profiles that this machine can run, saying what keeps it from the others."""
    there = []
    for profile in profiles:
        engine = next((part for part in profile.split(",") if part in ENGINES), None)
        try:
            if engine:
                check(engine, references, settings.tools)
        except StargazerError as error:
            print(f"Left out: {profile}. {error}")
            continue
        if "slurm" in profile and "SLURM_CONF" not in os.environ:
            print(f"Left out: {profile}. There is no Slurm.")
            continue
        there.append(profile)
    return there


@contextmanager
def slurm(wanted: bool) -> Iterator[None]:
    """Have a Slurm while the block runs, where one can be started and none is there."""
    if not wanted or "SLURM_CONF" in os.environ:
        yield
        return
    # A short path: the socket of munge is in it.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        command = [sys.executable, str(SLURM)]
        done = subprocess.run([*command, "up", folder], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"No Slurm was started: {(done.stderr or done.stdout).strip()}")
            yield
            return
        os.environ["SLURM_CONF"] = done.stdout.strip().rpartition("=")[2]
        try:
            yield
        finally:
            del os.environ["SLURM_CONF"]
            subprocess.run([*command, "down", folder], check=False)


def versions(profiles: Sequence[str], settings: Settings) -> str:
    """Say what is measured: the tools, the engines that are here, and Slurm."""
    parts = {part for profile in profiles for part in profile.split(",")}
    programs = [part for part in ("podman", "docker", "apptainer") if part in parts]
    toolbox = locate(settings, ["java", "nextflow", "gatk", "bwa", "samtools", *programs])
    said = [f"{tool.name} {tool.version}" for tool in toolbox.tools.values() if tool.path]
    asked = {"charliecloud": ["ch-run", "--version"], "slurm": ["sinfo", "--version"]}
    said += [answer for part, command in asked.items() if part in parts and (answer := first_line(command))]
    return ", ".join(said)


def first_line(command: Sequence[str]) -> str:
    """Return what a program says first; an empty string where it is not here."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(
        command,
        env={"USER": "root", **os.environ},  # ch-run says nothing without it
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return f"{command[0]} {done.stdout.splitlines()[0]}" if done.returncode == 0 else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--profiles", nargs="+", default=PROFILES, help="the first is what others are compared with"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=40, help="tasks that do nothing (default: %(default)s)")
    parser.add_argument("--build", action="store_true", help="build the images anew, and time that")
    parser.add_argument("--base", help="base of the images that are built: as for `stargazer build-images`")
    parser.add_argument("--scratch", type=Path, help="where temporary folders go")
    options = parser.parse_args()

    settings = Settings()
    same = True
    # Whoever ends this leaves no Slurm behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(machine(), flush=True)
    wants_slurm = "trio" in options.parts and any("slurm" in profile for profile in options.profiles)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder, slurm(wants_slurm):
        print(versions(options.profiles, settings))
        if "tasks" in options.parts:
            # Slurm would tell how often it looks for new jobs, and nothing of images.
            plain = [name for name in options.profiles if "slurm" not in name]
            profiles = runnable(plain, [IMAGE], settings)
            measure_tasks(profiles, options.repeats, options.tasks, Path(folder) / "tasks", settings)
        if "trio" in options.parts:
            same = measure_trio(runnable(options.profiles, IMAGES, settings), options.repeats, Path(folder))
        if "images" in options.parts:
            measure_images(options.profiles, options.build, options.base, settings)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()

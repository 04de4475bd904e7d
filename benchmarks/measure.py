"""What the benchmarks share: timing a command, medians, tables, and a GATK that starts as plain Java does."""

import os
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MAIN_CLASS = "org.broadinstitute.hellbender.Main"


@dataclass(frozen=True)
class Timing:
    """Seconds that a command took."""

    wall: float
    cpu: float


def timed(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Timing:
    """Run a command to its end and time it with all that it starts; a failure ends the benchmark."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(
            f"{shlex.join(command)} failed ({done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
    return Timing(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def alternate(
    repeats: int, subjects: Mapping[str, Callable[[int], Timing]], *, progress: bool = True
) -> dict[str, list[Timing]]:
    """Time each subject once a round, in turn, so that a busy minute of the machine hits all of them."""
    timings: dict[str, list[Timing]] = {name: [] for name in subjects}
    for number in range(repeats):
        for name, run in subjects.items():
            timings[name].append(run(number))
            if progress:
                print(f"  round {number + 1}: {name} {timings[name][-1].wall:.2f} s", file=sys.stderr)
    return timings


def wall(timings: Sequence[Timing]) -> float:
    """Return the median wall time."""
    return statistics.median(timing.wall for timing in timings)


def cpu(timings: Sequence[Timing]) -> float:
    """Return the median CPU time."""
    return statistics.median(timing.cpu for timing in timings)


@dataclass(frozen=True)
class TaskTime:
    """What Nextflow's trace says of one task; seconds since the epoch, seconds, and GB at most."""

    name: str
    submitted: float
    ended: float
    realtime: float
    peak_gb: float


def read_trace(file: Path) -> list[TaskTime]:
    """Read the tasks of a trace that ran to their end, in its order."""
    lines = file.read_text().splitlines()
    header = lines[0].split("\t")
    rows = [dict(zip(header, line.split("\t"), strict=False)) for line in lines[1:]]
    return [
        TaskTime(
            name=row["process"].rpartition(":")[2].lower(),
            submitted=_moment(row["submit"]),
            ended=_moment(row["submit"]) + _seconds(row["duration"]),
            realtime=_seconds(row["realtime"]),
            peak_gb=_gigabytes(row.get("peak_rss", "-")),
        )
        for row in rows
        if row["status"] == "COMPLETED"
    ]


def chain(tasks: Sequence[TaskTime]) -> list[TaskTime]:
    """Return the tasks that the last one waited for, one after the other, itself at the end.

    A trace does not say what waits for what. What a task waited for, an input or a free CPU, is taken to be
    the one that ended last before it was begun.
    """
    waited: list[TaskTime] = []
    last = max(tasks, key=lambda task: task.ended, default=None)
    while last is not None:
        waited.insert(0, last)
        begun = last.ended - last.realtime
        earlier = (task for task in tasks if task.ended <= begun and task not in waited)
        last = max(earlier, key=lambda task: task.ended, default=None)
    return waited


def _moment(text: str) -> float:
    return float(text) / 1000 if text.isdigit() else datetime.fromisoformat(text).timestamp()


def _seconds(text: str) -> float:
    """Read a duration of Nextflow's trace: `1m 3.2s`, `870ms`, or plain milliseconds."""
    if text.isdigit():
        return float(text) / 1000
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    total = 0.0
    for word in text.replace("-", "").split():
        number = word.rstrip("dhms")
        total += float(number) * units[word[len(number) :]]
    return total


def _gigabytes(text: str) -> float:
    """Read a size of Nextflow's trace, `388.5 MB`; a task too short to be looked at has none."""
    if text in ("-", ""):
        return float("nan")
    number, _, unit = text.partition(" ")
    return float(number) * {"B": 1e-9, "KB": 1e-6, "MB": 1e-3, "GB": 1.0, "": 1e-9}[unit]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_plain_gatk(folder: Path, jars: Path, java: str) -> Path:
    """Write a `gatk` that starts Java with the jars on the class path and nothing else."""
    if not any(jars.glob("gatk-*.jar")):
        sys.exit(f"{jars} holds no GATK jars. Fetch them with `stargazer setup`, or give --gatk-jars.")
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "gatk"
    start = f"exec {shlex.quote(java)} -cp {shlex.quote(str(jars))}/'*' {MAIN_CLASS}"
    script.write_text(f'#!/bin/sh\n{start} "$@"\n')
    script.chmod(0o755)
    return script


def fetched_gatk_jars() -> Path:
    """Return the folder that `stargazer setup` fetches GATK into."""
    from stargazer_cli.settings import Settings
    from stargazer_cli.tools.jars import Lock

    return Lock.load("gatk").folder(Settings().tools)


def first_on_path(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with a folder put first on PATH."""
    return {**env, "PATH": f"{folder}{os.pathsep}{env.get('PATH', os.defpath)}"}


def machine() -> str:
    """Say what the numbers were measured on."""
    with Path("/proc/cpuinfo").open() as lines:
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} CPUs ({model}), load {load:.1f} at the start, Python {sys.version.split()[0]}"

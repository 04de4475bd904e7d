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

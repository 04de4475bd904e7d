"""The Python of the single-cell tasks: one that has scanpy and the rest, else an environment of its own.

The tasks' scripts are started by `#!/usr/bin/env python3`, so what is looked for is a `python3`.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stargazer_cli.tools.probe import Probes, run_quietly, which
from stargazer_cli.tools.python_env import LockedEnvironment, dotted, lock_of
from stargazer_cli.tools.spec import LIBRARIES, PYTHON_OLDEST, SCANPY_VERSION, version_tuple

ENVIRONMENT = LockedEnvironment(
    name="scanpy",
    version=SCANPY_VERSION,
    lock=lock_of("scanpy", SCANPY_VERSION),
    size="300 MB, on disk 900 MB",
    instead=(
        "It can also be a python3 on PATH that has them (pip install 'stargazer[scrna]'), "
        "or containers: --profile podman (docker, apptainer)."
    ),
    without="`stargazer setup germline` does without.",
)
_SECONDS = 30
# What decides, beside its files, which packages a Python finds.
_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE")

# Runs on whatever python3 is there. The current folder is none of a Python's packages.
_LOOK = """
import sys
sys.path = [folder for folder in sys.path if folder]
import json, platform, site
from importlib import metadata
versions = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        versions[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({"versions": versions, "places": sys.path + [site.getusersitepackages()]}))
"""


@dataclass(frozen=True)
class Python:
    """A `python3` and the versions of the libraries that it has; `python` is its own."""

    path: Path
    origin: str
    versions: Mapping[str, str]


def fetched_python(tools: Path) -> Path:
    """Where the fetched environment's executable is, or would be."""
    return ENVIRONMENT.executable(tools, "python3")


def find(
    tools: Path, env: Mapping[str, str], probes: Probes, libraries: Iterable[str]
) -> tuple[Python | None, str]:
    """Return the first Python that has all that is needed, and why those before it have not."""
    wanted = sorted({*LIBRARIES, *libraries} - {"python"})
    notes: list[str] = []
    for origin, path in _candidates(tools, env):
        found = Python(path, origin, _versions(path, wanted, env, probes))
        problem = _problem(found, wanted)
        if not problem:
            return found, "; ".join(notes)
        notes.append(f"{path} {problem}")
    return None, "; ".join(notes)


def _candidates(tools: Path, env: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    fetched = fetched_python(tools)
    on_path = which("python3", env, without=fetched.parent)
    if on_path is not None:
        yield "PATH", on_path
    own = own_python()
    if own != on_path and own is not None:
        yield "own", own
    if ENVIRONMENT.is_whole(tools):
        yield "fetched", fetched


def own_python() -> Path | None:
    """Return the `python3` beside the Python that Stargazer runs on: it may have the extra `scrna`."""
    path = Path(sys.executable).with_name("python3")
    return path if os.access(path, os.X_OK) else None


def _problem(python: Python, wanted: Sequence[str]) -> str:
    """Say why the tasks cannot run on a Python; an empty string where they can."""
    if not python.versions:
        return "does not answer"
    version = python.versions["python"]
    if version_tuple(version) < PYTHON_OLDEST:
        return f"is Python {version}, older than {dotted(PYTHON_OLDEST)}"
    if missing := [name for name in wanted if name not in python.versions]:
        return f"has no {missing[0] if len(missing) == 1 else ', '.join(_first(missing))}"
    for name, (oldest, too_new) in LIBRARIES.items():
        numbers = version_tuple(python.versions[name])
        if numbers < oldest or (too_new is not None and numbers >= too_new):
            limit = f", below {dotted(too_new)}" if too_new else ""
            return f"has {name} {python.versions[name]}, not {dotted(oldest)} or newer{limit}"
    return ""


def _first(names: Sequence[str]) -> list[str]:
    """Return the names that say most: scanpy before what it brings along."""
    ordered = sorted(names, key=lambda name: list(LIBRARIES).index(name) if name in LIBRARIES else 99)
    return [*ordered[:2], "…"] if len(ordered) > 2 else ordered


def _versions(path: Path, wanted: Sequence[str], env: Mapping[str, str], probes: Probes) -> dict[str, str]:
    """Ask a Python which libraries it has; remembered until one is installed, removed or changed there."""

    def ask() -> str:
        answer = run_quietly([str(path), "-c", _LOOK, *wanted], env, _SECONDS)
        # A Python may warn before it answers.
        return answer[1].strip().rpartition("\n")[2] if answer is not None and answer[0] == 0 else ""

    def stamp(answer: str) -> list[Any]:
        places = json.loads(answer)["places"] if answer else []
        return [
            [env.get(name, "") for name in _VARIABLES],
            [[str(place), _changed(Path(place))] for place in (path.resolve(), *places)],
        ]

    # A script that forwards to some Python (pyenv) may forward to another one tomorrow.
    answer = ask() if _is_script(path) else probes.remember(f"{path}: {' '.join(wanted)}", stamp, ask)
    versions: dict[str, str] = json.loads(answer)["versions"] if answer else {}
    return versions


def _changed(place: Path) -> int:
    try:
        return place.stat().st_mtime_ns
    except OSError:
        return 0


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return False

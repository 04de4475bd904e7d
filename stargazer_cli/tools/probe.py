"""Ask a tool for its version, and remember the answer for as long as the file is the same."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stargazer_cli.tools.spec import SPECS

# A tool that did not answer is asked again a day later, or at once by `setup` and `doctor`: asking one
# that hangs takes its whole time limit.
_FAILURE_SECONDS = 86_400

Stamp = list[Any] | Callable[[str], list[Any]]


def run_quietly(command: list[str], env: Mapping[str, str], timeout: float) -> tuple[int, str] | None:
    """Run a command and return its exit code and all its output; None if it hangs or cannot start."""
    try:
        process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        # The launcher may have started children (curl, java): they share its session.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    return process.returncode, output


def which(name: str, env: Mapping[str, str], without: Path | None = None) -> Path | None:
    """Find an executable on PATH, looking past the folder `without`."""
    for folder in env.get("PATH", os.defpath).split(os.pathsep):
        # An entry that is empty or relative means the current folder: never a tool's place.
        if not Path(folder).is_absolute() or (without is not None and Path(folder) == without):
            continue
        if found := shutil.which(name, path=folder):
            return Path(found)
    return None


def engine_trouble(engine: Path, env: Mapping[str, str]) -> str:
    """Say why an engine that is there cannot start containers; nothing where it can.

    Docker's command is no use without its daemon.
    """
    if engine.name != "docker":
        return ""
    answer = run_quietly([str(engine), "ps", "-q"], env, 5)
    if answer is not None and answer[0] == 0:
        return ""
    refused = answer is not None and "permission denied" in answer[1]
    return "no permission for its socket" if refused else "its daemon does not answer"


class Probes:
    """The versions of the executables that were asked before, kept in a small file."""

    def __init__(self, file: Path, env: Mapping[str, str], *, fresh: bool = False) -> None:
        self._file = file
        self._env = env
        self._changed = False
        self._known: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            known = json.loads(file.read_text())
            if isinstance(known, dict):
                self._known = known
        if fresh:
            self._known = {key: entry for key, entry in self._known.items() if entry.get("answer")}

    def version(self, tool: str, path: Path) -> str:
        """Return the version that the executable reports; an empty string when it reports none."""
        try:
            real = path.resolve(strict=True)
            stat = real.stat()
        except OSError:
            return ""
        # Nextflow's own launcher runs the version that NXF_VER names.
        variant = self._env.get("NXF_VER", "") if tool == "nextflow" else ""
        stamp = [str(real), stat.st_size, stat.st_mtime_ns]
        return self.remember(
            f"{tool} {path} {variant}".rstrip(),
            stamp,
            lambda: (_java_release(real) if tool == "java" else "") or self._ask(tool, path),
        )

    def remember(self, key: str, stamp: Stamp, ask: Callable[[], str]) -> str:
        """Return the answer to a question, asked again when `stamp` changed or it was empty for a while.

        What a stamp is made of may depend on the answer: then it is a function of it.
        """
        entry = self._known.get(key)
        if (
            isinstance(entry, dict)
            and entry.get("stamp") == _made(stamp, str(entry.get("answer", "")))
            and (entry.get("answer") or 0 <= time.time() - entry.get("at", 0) < _FAILURE_SECONDS)
        ):
            return str(entry["answer"])
        answer = ask()
        self._known[key] = {"stamp": _made(stamp, answer), "answer": answer, "at": int(time.time())}
        self._changed = True
        return answer

    def save(self) -> None:
        """Write what was learnt; a folder that cannot be written only costs time."""
        if not self._changed:
            return
        partial = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self._known, indent=1))
            partial.replace(self._file)

    def _ask(self, tool: str, path: Path) -> str:
        spec = SPECS[tool]
        env = {**self._env, "NXF_OFFLINE": "true", "NXF_DISABLE_CHECK_LATEST": "true"}
        answer = run_quietly([str(path), *spec.arguments], env, spec.timeout)
        if answer is None:
            return ""
        found = re.search(spec.pattern, answer[1], re.MULTILINE)
        # `bwa` without arguments prints its usage and exits 1; elsewhere a failure is a failure.
        if found is None or (answer[0] != 0 and spec.arguments):
            return ""
        return _package_version(tool, path) or found.group(1)


def _made(stamp: Stamp, answer: str) -> list[Any]:
    return stamp(answer) if callable(stamp) else stamp


def _java_release(java: Path) -> str:
    """Read the version from the `release` file of a Java home: no JVM is started."""
    with contextlib.suppress(OSError):
        text = (java.parent.parent / "release").read_text(errors="replace")
        if found := re.search(r'^JAVA_VERSION="([^"]+)"', text, re.MULTILINE):
            return found.group(1)
    return ""


def _package_version(tool: str, path: Path) -> str:
    """Return the version of the package that holds bwa-mem2: 2.3 reports itself as 2.2.1."""
    if tool != "bwa-mem2":
        return ""
    for record in sorted((path.parent.parent / "conda-meta").glob("bwa-mem2-*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            return str(json.loads(record.read_text())["version"])
    if not shutil.which("dpkg-query"):
        return ""
    owner = run_quietly(["dpkg-query", "-S", str(path.resolve())], os.environ, 10)
    if owner is None or owner[0] != 0:
        return ""
    package = owner[1].split(":")[0]
    answer = run_quietly(["dpkg-query", "-W", "-f", "${Version}", package], os.environ, 10)
    if answer is None or answer[0] != 0:
        return ""
    found = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", answer[1])
    return found.group(1) if found else ""

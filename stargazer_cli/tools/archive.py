"""The class-data archive of a Java tool: the JVM maps its classes instead of loading them anew.

An archive fits one Java and one class path, which its name is made from. The JVM compares both itself
and goes on without an archive that does not fit, so a stale one costs nothing but its space.
"""

import contextlib
import hashlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from stargazer_cli.tools import launchers, training
from stargazer_cli.tools.jars import Echo, Lock

_SECONDS = 600


def place(lock: Lock, tools: Path, java: Path) -> Path:
    """Where the archive for this Java and these jars is, or would be."""
    return tools / "archives" / f"{lock.tool}-{_key(lock, tools, java)}.jsa"


def make(lock: Lock, tools: Path, java: Path, echo: Echo) -> None:
    """Make the archive by a short run of the tool, whose launcher must be there.

    Without an archive the tool works, and starts slower: a failure is told, not raised.
    """
    target = place(lock, tools, java)
    if target.exists():
        return
    if " " in str(tools):
        echo(f"No class-data archive for {lock.tool}: the JVM makes none for a path with a space ({tools}).")
        return
    echo(f"Making the class-data archive of {lock.tool} {lock.version}, so that it starts faster.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}")
    partial.unlink(missing_ok=True)
    try:
        _train(lock, launchers.launcher(lock.tool, tools), partial)
        for old in target.parent.glob(f"{lock.tool}-*.jsa"):
            old.unlink()
        partial.replace(target)
    except (OSError, subprocess.SubprocessError):
        echo(f"  That failed: {lock.tool} works without it, and starts slower.")
    finally:
        partial.unlink(missing_ok=True)


def _train(lock: Lock, launcher: Path, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="stargazer-") as scratch:
        *first, last = training.commands(lock.tool, Path(scratch), launcher)
        # What the user sets for runs (a plugin, a work folder, JVM options) has no place in this one.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("NXF_", "JDK_"))}
        env |= {"NXF_OFFLINE": "true", "NXF_HOME": f"{scratch}/home"}
        for command in first:
            subprocess.run(command, cwd=scratch, env=env, capture_output=True, timeout=_SECONDS, check=True)
        env["JDK_JAVA_OPTIONS"] = f"-XX:ArchiveClassesAtExit={shlex.quote(str(archive))}"
        subprocess.run(last, cwd=scratch, env=env, capture_output=True, timeout=_SECONDS, check=True)


def _key(lock: Lock, tools: Path, java: Path) -> str:
    """Name the Java and the class path by what the JVM compares: paths, sizes and times of files."""
    real = java.resolve()
    files = [real, real.parent.parent / "lib" / "modules"]
    files += [lock.folder(tools) / jar.name for jar in lock.jars]
    seen = hashlib.sha256("\n".join(launchers.jvm_options(lock.tool)).encode())
    for file in files:
        with contextlib.suppress(OSError):
            stat = file.stat()
            seen.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]

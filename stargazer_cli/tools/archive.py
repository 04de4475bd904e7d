"""The class-data archive of a Java tool: the JVM maps its classes instead of loading them anew.

An archive fits one Java and one class path, which its name is made from. The JVM itself looks past an
archive that does not fit, so a stale one costs nothing but its space.
"""

import contextlib
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from stargazer_cli.tools import launchers, training
from stargazer_cli.tools.jars import Echo, Lock

_SECONDS = 300


def place(lock: Lock, tools: Path, java: Path) -> Path:
    """Where the archive for this Java and these jars is, or would be."""
    return tools / "archives" / f"{lock.tool}-{_key(lock, tools, java)}.jsa"


def make(lock: Lock, tools: Path, java: Path, echo: Echo) -> None:
    """Make the archive by a short run of the tool. Without one the tool works, and starts slower."""
    target = place(lock, tools, java)
    if target.exists():
        return
    echo(f"Making the class-data archive of {lock.tool} {lock.version}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}")
    partial.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="stargazer-") as scratch:
        command = training.command(lock.tool, Path(scratch), launchers.launcher(lock.tool, tools))
        env = {
            **os.environ,
            "JDK_JAVA_OPTIONS": f'"-XX:ArchiveClassesAtExit={partial}"',
            "NXF_OFFLINE": "true",
        }
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                command, cwd=scratch, env=env, capture_output=True, timeout=_SECONDS, check=False
            )
            if done.returncode == 0 and partial.exists():
                for old in target.parent.glob(f"{lock.tool}-*.jsa"):
                    old.unlink()
                partial.replace(target)
                return
    partial.unlink(missing_ok=True)
    echo(f"  That failed; {lock.tool} works without it, and starts slower.")


def _key(lock: Lock, tools: Path, java: Path) -> str:
    """Name the Java and the class path by what the JVM compares: paths, sizes and times of files."""
    real = java.resolve()
    files = [real, real.parent.parent / "lib" / "modules"]
    files += [lock.folder(tools) / jar.name for jar in lock.jars]
    seen = hashlib.sha256()
    for file in files:
        with contextlib.suppress(OSError):
            stat = file.stat()
            seen.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    seen.update("\n".join(launchers.jvm_options(lock.tool)).encode())
    return seen.hexdigest()[:16]

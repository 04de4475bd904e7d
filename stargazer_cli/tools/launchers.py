"""The `nextflow` and `gatk` commands that start the fetched jars."""

import os
import shlex
from pathlib import Path

from stargazer_cli.tools.jars import Lock
from stargazer_cli.tools.spec import GATK_VERSION, HTSJDK_VERSION, NEXTFLOW_VERSION, PICARD_VERSION

# Without these Nextflow's `-resume` caches nothing, and says nothing about it.
_OPENS = (
    "java.lang", "java.io", "java.nio", "java.nio.file.spi", "java.net", "java.util",
    "java.util.concurrent.locks", "java.util.concurrent.atomic", "java.util.regex",
    "sun.nio.ch", "sun.nio.fs", "sun.net.www.protocol.http", "jdk.internal.misc",
)  # fmt: skip

_MAIN = {"nextflow": "nextflow.cli.Launcher", "gatk": "org.broadinstitute.hellbender.Main"}

_JVM_OPTIONS = {
    # The first compiler alone: Nextflow waits for tasks, and is up in half the time.
    "nextflow": (
        "-XX:TieredStopAtLevel=1",
        "-Djava.awt.headless=true",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENS),
    ),
    # The properties are those that GATK's own launcher sets: the same command gives the same bytes.
    "gatk": (
        "-XX:+UseSerialGC",
        "-Dsamjdk.use_async_io_read_samtools=false",
        "-Dsamjdk.use_async_io_write_samtools=true",
        "-Dsamjdk.use_async_io_write_tribble=false",
        "-Dsamjdk.compression_level=2",
    ),
}

# The JVM writes its warnings to stdout, where a tool's output goes.
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")

_TITLE = {
    "nextflow": f"Nextflow {NEXTFLOW_VERSION}",
    "gatk": f"GATK {GATK_VERSION}",
}

_BEFORE = {
    "nextflow": "",
    "gatk": f"""\
if [ "$#" -eq 1 ] && [ "$1" = --version ]; then
    echo 'The Genome Analysis Toolkit (GATK) v{GATK_VERSION}'
    echo 'HTSJDK Version: {HTSJDK_VERSION}'
    echo 'Picard Version: {PICARD_VERSION}'
    exit 0
fi
if [ "${{1:-}}" = --java-options ]; then
    JDK_JAVA_OPTIONS="${{JDK_JAVA_OPTIONS:-}} $2"
    export JDK_JAVA_OPTIONS
    shift 2
fi
""",
}

_EXTRA = {"nextflow": "${NXF_OPTS:-} ${NXF_JVM_ARGS:-} ", "gatk": ""}

_SCRIPT = """\
#!/bin/sh
# {title}, written by `stargazer setup` ({digest})
{before}java={java}
archive={archive}
if [ ! -x "$java" ]; then
    # The Java of the setup is gone, and the archive of its classes fits no other.
    archive=
    java="${{JAVA_HOME:+$JAVA_HOME/bin/java}}"
    [ -x "$java" ] || java=$(command -v java) || {{
        echo '{title} finds no Java: run `stargazer setup`' >&2
        exit 127
    }}
fi
[ -r "$archive" ] || archive=
exec "$java" ${{archive:+"-XX:SharedArchiveFile=$archive"}} @{arguments} {extra}{main} "$@"
"""


def jvm_options(tool: str) -> tuple[str, ...]:
    """Return the options that the JVM gets, besides the class path and the archive."""
    return (*_QUIET, *_JVM_OPTIONS[tool])


def launcher(tool: str, tools: Path) -> Path:
    """Where the command is, or would be."""
    return tools / "bin" / tool


def arguments_file(lock: Lock, tools: Path) -> Path:
    """Where the JVM's options and the class path are: too long for a command line that people read."""
    return lock.folder(tools).parent / "java.args"


def is_current(lock: Lock, tools: Path) -> bool:
    """Whether the command starts the jars of this lock, in this folder."""
    try:
        text = launcher(lock.tool, tools).read_text()
    except OSError:
        return False
    return f"({lock.digest})" in text and f"@{_arguments(lock, tools)} " in text


def write_launcher(lock: Lock, tools: Path, java: Path, archive: Path) -> None:
    """Write the command that starts a tool with `java`."""
    lines = [*jvm_options(lock.tool), "-cp", class_path(lock, tools)]
    _write(arguments_file(lock, tools), "".join(f"{_java_quote(line)}\n" for line in lines), 0o644)
    text = _SCRIPT.format(
        title=_TITLE[lock.tool],
        digest=lock.digest,
        before=_BEFORE[lock.tool],
        java=shlex.quote(str(java)),
        archive=shlex.quote(str(archive)),
        arguments=_arguments(lock, tools),
        extra=_EXTRA[lock.tool],
        main=_MAIN[lock.tool],
    )
    _write(launcher(lock.tool, tools), text, 0o755)


def class_path(lock: Lock, tools: Path) -> str:
    """Return the jars in a fixed order: a wildcard's order is the file system's."""
    folder = lock.folder(tools)
    return os.pathsep.join(str(folder / jar.name) for jar in lock.jars)


def _arguments(lock: Lock, tools: Path) -> str:
    return shlex.quote(str(arguments_file(lock, tools)))


def _java_quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write(file: Path, text: str, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text)
    partial.chmod(mode)
    partial.replace(file)

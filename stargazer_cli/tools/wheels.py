"""Install what a lock file names, by pip or uv, each file checked against its pinned hashes."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools.jars import Echo

_ATTEMPTS = 2
_SECONDS_BETWEEN_LINES = 10
# What pip says of each package, and before it writes them.
_STEP = re.compile(r"\s*(Collecting|Downloading|Using cached) \S+|Installing collected packages")


def installer(what: str, instead: str) -> list[str]:
    """Return pip of this Python, or uv where the environment has no pip."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    if uv := shutil.which("uv"):
        return [uv, "pip"]
    raise StargazerError(
        f"Neither pip nor uv is there to fetch {what}.",
        f"{instead} Or get pip: {sys.executable} -m ensurepip",
    )


def install(
    lock: Path,
    place: Path,
    options: Sequence[str],
    *,
    what: str,
    instead: str,
    echo: Echo,
    begin: Callable[[], None] = lambda: None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Install the wheels of `lock` into the folder `place`, in a second attempt if need be.

    Each attempt begins with no such folder and a call of `begin`, and a failed one leaves none; `instead`
    says in one sentence what a user can do where the installation fails.
    """
    command = [
        *installer(what, instead), "install", "--require-hashes", "--only-binary", ":all:", *options,
        "-r", str(lock),
    ]  # fmt: skip
    reason = ""
    for _ in range(_ATTEMPTS):
        shutil.rmtree(place, ignore_errors=True)
        begin()
        with _progress(echo) as advance:
            status, output = _run(command, {**os.environ, **(env or {})}, advance)
        if status == 0:
            return
        errors = [line for line in output if "error" in line.lower()]
        reason = (errors or output or ["it ended without a word"])[-1].strip()
    shutil.rmtree(place, ignore_errors=True)
    raise StargazerError(
        f"Could not fetch {what}: {reason}",
        f"Check the network (HTTPS_PROXY, PIP_INDEX_URL) and try again. {instead}",
    )


def _run(command: list[str], env: Mapping[str, str], advance: Callable[[str], None]) -> tuple[int, list[str]]:
    """Run the installer, telling each step of it; returns its exit status and its output."""
    output: list[str] = []
    with subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - PIPE was asked for
            for line in process.stdout:
                output.append(line.rstrip())
                if match := _STEP.match(line):
                    advance(match[0].strip().lower())
        except BaseException:
            process.terminate()
            raise
    return process.returncode, output


@contextlib.contextmanager
def _progress(echo: Echo) -> Iterator[Callable[[str], None]]:
    """Give what to call with each step: a live line on a terminal, else a line every ten seconds."""
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("asking the package index …") as status:
            yield status.update
        return
    told = time.monotonic()

    def tell(step: str) -> None:
        nonlocal told
        # The last step takes longest.
        if step.startswith("installing") or time.monotonic() - told >= _SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            echo(f"  {step}")

    yield tell

"""Marimo as a process of its own, which ends with everything that it started.

Who reaches the server runs code as the user who started it: it listens on this machine only, and asks for a
token that is made anew each time. The token is given to it through a pipe, as other users see arguments.
"""

import importlib.util
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stargazer_cli.errors import StargazerError, UsageError, missing
from stargazer_cli.serving.listen import LOOPBACK, Listening, listen

if TYPE_CHECKING:
    import psutil

FIRST_PORT = 2718
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.05
_QUIET = "ignore:resource_tracker:UserWarning"
# The server gives its notebooks' processes a second or two; what a notebook started may take longer.
_SERVER_SECONDS = 10.0
_STOP_SECONDS = 20.0


def require_marimo() -> None:
    """Refuse where Marimo, or what the notebooks draw and read with, is not installed."""
    for module in ("marimo", "altair", "anndata"):
        if importlib.util.find_spec(module) is None:
            raise missing("A notebook", module, "notebook")


def address(host: str, port: int | None) -> Listening:
    """Return where to listen: the port that was asked for, or else a free one.

    Raises:
        UsageError: the address is another machine's, as who reaches a notebook can run any command; or the
            port is taken.

    """
    if host not in LOOPBACK:
        raise UsageError(
            f"Notebooks are served on this machine only, not on {host!r}: who reaches them runs code as you.",
            f"From another machine: ssh -L {FIRST_PORT}:localhost:{FIRST_PORT} THIS-MACHINE, "
            "and the address that is shown here.",
        )
    where = listen(host, port, "", first_port=FIRST_PORT)
    where.socket.close()  # Marimo takes the port itself
    return where


def serve(
    target: Path, where: Listening, tell: Callable[[str], None], *, as_app: bool, open_browser: bool
) -> None:
    """Serve a notebook, or a folder of them, until a stop signal or Ctrl-C; `tell` gets the address.

    Runs that a notebook started in the background go on: they are no part of the server.

    Raises:
        StargazerError: the server did not start, or ended by itself.

    """
    from stargazer_cli.runs.launch import stop_signals_interrupt

    token = secrets.token_urlsafe(32)
    with suppress(KeyboardInterrupt), stop_signals_interrupt():
        server = _start(target, where, token, as_app=as_app, open_browser=open_browser)
        try:
            _wait_until_up(server, where)
            tell(f"Notebooks: {where.url}?access_token={token}")
            tell("Ctrl-C ends them.")
            server.wait()
        finally:
            _end(server)
        raise StargazerError(
            f"The notebooks' server ended by itself (exit code {server.returncode}).",
            "What it said is above.",
        )


def _start(
    target: Path, where: Listening, token: str, *, as_app: bool, open_browser: bool
) -> "subprocess.Popen[bytes]":
    """Start Marimo in a session of its own, so that Ctrl-C comes here alone and is passed on once."""
    server = subprocess.Popen(
        [
            # -P: the module is Marimo's, whatever is in the current folder.
            *(sys.executable, "-P", "-m", "marimo", "--quiet", "--yes", "--log-level", "error"),
            *("run" if as_app else "edit", str(target)),
            *("--host", where.host, "--port", str(where.port), "--token", "--token-password-file", "-"),
            *("--no-sandbox", *(() if as_app else ("--skip-update-check",))),
            *(() if open_browser else ("--headless",)),
        ],
        stdin=subprocess.PIPE,
        env=os.environ
        | {
            # A notebook shows its results when it is opened, not only when each cell was run.
            "_MARIMO_CONFIG_OVERLOAD_RUNTIME_AUTO_INSTANTIATE": "true",
            # Killed outright, this process ends nothing any more: the server watches it.
            "MARIMO_ANCESTOR_PID": str(os.getpid()),
            # What its processes hold when they are ended is the system's to free: no news for the user.
            "PYTHONWARNINGS": ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _QUIET))),
        },
        start_new_session=True,
    )
    with suppress(BrokenPipeError):  # it ended at once, which is told elsewhere
        _give(server.stdin, token)
    return server


def _give(pipe: "IO[bytes] | None", token: str) -> None:
    if pipe is not None:
        with pipe:
            pipe.write(token.encode())


def _wait_until_up(server: "subprocess.Popen[bytes]", where: Listening) -> None:
    until = time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection((where.host, where.port), timeout=1):
            return
        time.sleep(_LOOK_SECONDS)
    if server.poll() is None:
        raise StargazerError(f"The notebooks' server did not answer on {where.url} within a minute.")


def _end(server: "subprocess.Popen[bytes]") -> None:
    """End the server and all that it and its notebooks started, but for runs in the background."""
    import psutil

    family = _family(server.pid)
    with suppress(ProcessLookupError):
        server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(_SERVER_SECONDS)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(family, _STOP_SECONDS)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()


def _family(pid: int) -> "list[psutil.Process]":
    """Return the process and those below it, without runs that are meant to go on, and what is below them."""
    import psutil

    found, waiting = [], [pid]
    while waiting:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(waiting.pop())
            if _is_run(process):
                continue
            found.append(process)
            waiting += [child.pid for child in process.children()]
    return found


def _is_run(process: "psutil.Process") -> bool:
    """Whether a process carries out a run in the background (see `stargazer_cli.runs.detach`)."""
    arguments: list[str] = process.cmdline()
    return os.getsid(process.pid) == process.pid and arguments[3:6] == ["stargazer_cli", "run", "--resume"]

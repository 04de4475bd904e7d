"""Carry a run out in the background: in a session of its own, which the end of a login does not end."""

import subprocess
import sys
import threading
import time
from pathlib import Path

from stargazer_cli.errors import StargazerError
from stargazer_cli.runs.progress import error_of
from stargazer_cli.runs.record import RunFolder

_LOOK_SECONDS = 0.1
# What is wrong shows by then, but for inputs that take long to hash: nobody waits for these.
_PATIENCE = 10.0
_TAIL_LINES = 12


def start(folder: RunFolder, *, keep_work: bool = False) -> None:
    """Start the run of a folder, and return when it goes on by itself.

    It is told nothing by its command line that is secret: the environment has that.

    Raises:
        StargazerError: it ended at once; the error is what ended it.
        KeyboardInterrupt: Ctrl-C was pressed here; the run goes on.

    """
    already = folder.said.stat().st_size if folder.said.exists() else 0
    child = _begin(folder, keep_work=keep_work)
    try:
        _wait(folder, child, already)
    finally:
        # Where this process lives on, the system need not remember how the child ended.
        threading.Thread(target=child.wait, daemon=True).start()


def _begin(folder: RunFolder, *, keep_work: bool) -> "subprocess.Popen[bytes]":
    options = ["--keep-work"] if keep_work else []
    try:
        with folder.said.open("ab") as said:
            return subprocess.Popen(
                # -P: the module is ours, whatever is in the current folder.
                [sys.executable, "-P", "-m", "stargazer_cli", "run", "--resume", folder.run_id, *options],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
    except OSError as error:
        folder.not_begun()
        raise StargazerError(
            f"The run {folder.run_id} could not be started: {error.strerror or error}.",
            f"Mend that, then start it with: stargazer run --resume {folder.run_id}",
        ) from None


def _wait(folder: RunFolder, child: "subprocess.Popen[bytes]", already: int) -> None:
    """Wait until the child has the run and started Nextflow, or has the run and takes its time."""
    began = time.monotonic()
    while child.poll() is None:
        kept = folder.read()
        if kept.pid == child.pid and (kept.nextflow_pid or time.monotonic() - began > _PATIENCE):
            return
        time.sleep(_LOOK_SECONDS)
    kept = folder.read()
    if kept.pid == child.pid and kept.status == "done":
        return
    if kept.pid == child.pid and kept.error:
        raise error_of(folder, kept)
    folder.check_free()  # by another one that was started at the same time
    folder.not_begun()
    raise StargazerError(
        f"The run {folder.run_id} did not start.", f"Its log is {folder.said}", _last(folder.said, already)
    )


def _last(file: Path, start: int) -> list[str]:
    with file.open("rb") as said:
        said.seek(start)
        lines = said.read().decode("utf-8", errors="replace").splitlines()
    return [f"| {line}" for line in lines if line.strip()][-_TAIL_LINES:]

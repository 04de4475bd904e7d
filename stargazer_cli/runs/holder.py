"""The processes that carry out a run: which they are, and how they are ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import launch
from stargazer_cli.runs.record import RunFolder, RunRecord, utc_now

_PROC = Path("/proc")
_LOOK_SECONDS = 0.2
# Beyond what stargazer gives its Nextflow, to write its record.
_MORE_SECONDS = 30.0
# Between taking the lock and writing down who took it.
_UNKNOWN_SECONDS = 5.0


def holds(pid: int, folder: RunFolder) -> bool:
    """Whether the process still carries out the run: the number alone may be another's by now.

    Raises StargazerError where the process is another user's.
    """
    if pid <= 0:
        return False
    if (_PROC / "self" / "fd").is_dir():
        return _has_open(pid, folder.lock)
    listed = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return "stargazer" in listed.stdout and folder.busy()


def cancel(folder: RunFolder, tell: Callable[[str], None]) -> RunRecord:
    """End a run, with its Nextflow and the tasks of that, and return its record.

    Nextflow gets the time to cancel the jobs of a scheduler; where it hangs it is killed. Two that cancel
    a run at once do no harm.
    """
    while (kept := folder.load()).begins and not folder.busy():
        time.sleep(_LOOK_SECONDS)  # there is nobody to end yet
    if kept.status != "running":
        raise UsageError(
            f"The run {kept.run_id} is not running: it is {kept.status}.",
            f"Look at it with: stargazer runs show {kept.run_id}",
        )
    if kept.elsewhere:
        raise UsageError(
            f"The run {kept.run_id} is carried out on {kept.host}, and can be cancelled only there.",
            f"ssh {kept.host} stargazer runs cancel {kept.run_id}",
        )
    # Another user's is refused before anything of theirs is touched.
    for pid in (kept.pid, kept.nextflow_pid):
        holds(pid, folder)
    with suppress(OSError):  # a full disk: then it is told as interrupted, not as cancelled
        folder.cancelled.touch()
    tell(f"ending the run {kept.run_id}; Nextflow has {launch.STOP_SECONDS:.0f} seconds to end its tasks")
    by_itself = _end_all(folder)
    return _closed(folder, by_itself=by_itself)


def ended(run_id: str, how: str, *, by_itself: bool) -> StargazerError:
    """Return what is said of a run that was cancelled or interrupted.

    `by_itself` is whether nothing had to be killed.
    """
    resume = f"stargazer run --resume {run_id}"
    message = f"The run {run_id} was {how}; {how_nextflow_ended(by_itself=by_itself)}."
    if by_itself:
        return StargazerError(message, f"Go on from there with: {resume}")
    return StargazerError(
        message, f"End what is left of them (squeue --me, ps), then go on from there with: {resume}"
    )


def how_nextflow_ended(*, by_itself: bool) -> str:
    """Say what became of Nextflow and its tasks, where it was asked to end."""
    if by_itself:
        return "Nextflow and its tasks have ended"
    return "Nextflow did not end and was killed, so that its tasks may go on"


def _end_all(folder: RunFolder) -> bool:
    """End stargazer, which ends its Nextflow, or else that; return whether none had to be killed."""
    unknown_since = time.monotonic()
    by_itself = True
    while folder.busy():
        kept = folder.read()
        if holds(kept.pid, folder):
            by_itself &= _end(kept.pid, folder, launch.STOP_SECONDS + _MORE_SECONDS)
        elif holds(kept.nextflow_pid, folder):
            by_itself &= _end(kept.nextflow_pid, folder, launch.STOP_SECONDS)
        elif time.monotonic() - unknown_since > _UNKNOWN_SECONDS:
            raise StargazerError(
                f"The run {folder.run_id} is carried out by a process that its record does not name.",
                f"It holds the file {folder.lock}: `fuser` or `lsof` shows which it is.",
            )
        else:
            time.sleep(_LOOK_SECONDS)
            continue
        unknown_since = time.monotonic()
    return by_itself


def _end(pid: int, folder: RunFolder, patience: float) -> bool:
    """Ask a process to end, and kill it where it does not: return whether it ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if not holds(pid, folder):
            return True
        time.sleep(_LOOK_SECONDS)
    with suppress(ProcessLookupError):
        # Nextflow leads a group, in which are the tasks that it runs on this machine.
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
    return False


def _closed(folder: RunFolder, *, by_itself: bool) -> RunRecord:
    """Close the record where nobody was left to do it, and return it."""
    kept = folder.read()
    if kept.status != "running":
        return kept
    with suppress(UsageError), folder.locked():  # somebody else goes on with it already
        kept = folder.read()
        if kept.status == "running":
            said = ended(kept.run_id, "cancelled", by_itself=by_itself)
            kept.status, kept.error, kept.hint = "interrupted", said.message, said.hint or ""
            kept.ended_at = utc_now()
            folder.save(kept)
    return kept


def _has_open(pid: int, file: Path) -> bool:
    """Whether a process has a file open, by what the kernel says."""
    wanted = file.stat()
    process = _PROC / str(pid)
    try:
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if os.path.samestat(descriptor.stat(), wanted):
                    return True
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        if _has_ended(process):
            return False
        raise StargazerError(
            f"The run is carried out by another user (process {pid}).", "Ask them to cancel it."
        ) from None
    return False


def _has_ended(process: Path) -> bool:
    """Whether a process is gone but for its exit status, which its parent did not fetch."""
    try:
        state = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2][:1]
    except OSError:
        return True
    return state in ("Z", "X")

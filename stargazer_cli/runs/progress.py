"""What a run says while it goes on: kept in its folder, so that whoever comes later can follow it."""

import time
from collections.abc import Callable
from contextlib import suppress

from stargazer_cli.errors import StargazerError
from stargazer_cli.output import printable
from stargazer_cli.runs import holder
from stargazer_cli.runs.record import RunFolder, RunRecord, utc_now

Tell = Callable[[str], None]
_LOOK_SECONDS = 0.5


def keeping(folder: RunFolder, tell: Tell) -> Tell:
    """Return a `tell` that also writes each line, with the time, into the run's folder."""

    def keep(line: str) -> None:
        # A line that is lost to a full disk is no reason to end a run: what matters will fail by itself.
        with suppress(OSError), folder.progress.open("a", encoding="utf-8") as log:
            log.write(f"{utc_now()}  {printable(line)}\n")
        with suppress(BrokenPipeError):  # nobody reads it any more: that is none either
            tell(line)

    return keep


def follow(folder: RunFolder, tell: Tell, timeout: float | None = None) -> RunRecord:
    """Tell what a run has said and says until it ends, and return how it ended.

    Raises TimeoutError where it goes on after that many seconds.
    """
    began = time.monotonic()
    read = 0
    warned = False
    while True:
        # The record first: then no line of a run that has ended is missed.
        kept = folder.load()
        lines, read = lines_from(folder, read)
        for line in lines:
            tell(line)
        if kept.status != "running":
            return kept
        if timeout is not None and time.monotonic() - began >= timeout:
            raise TimeoutError(f"The run {folder.run_id} goes on after {timeout:g} seconds.")
        if not warned and _orphaned(folder, kept):
            tell("its stargazer was killed; Nextflow goes on, and what it makes is stored by a --resume")
            warned = True
        time.sleep(_LOOK_SECONDS)


def failure_of(folder: RunFolder, kept: RunRecord) -> StargazerError | None:
    """Return the error that ended a run; None while it is running, and where it is done."""
    return None if kept.status in ("running", "done") else error_of(folder, kept)


def error_of(folder: RunFolder, kept: RunRecord) -> StargazerError:
    """Return the error that ended a run, as far as it is known."""
    resume = f"stargazer run --resume {kept.run_id}"
    if kept.error:
        message, *items = kept.error.splitlines()
        return StargazerError(message, kept.hint or None, [item.removeprefix("  ") for item in items])
    if folder.cancelled.exists():  # and nobody has written that down yet
        return holder.ended(kept.run_id, "cancelled", by_itself=True)
    if kept.elsewhere:
        return StargazerError(
            f"The run {kept.run_id} is silent: it was carried out on {kept.host}, gave its last sign of life "
            f"{folder.silence() / 60:.0f} minutes ago, and whether it has ended is not known here.",
            f"Look there: ssh {kept.host} stargazer runs show {kept.run_id}. If it has ended: {resume}",
        )
    if not kept.attempts:
        return StargazerError(
            f"The run {kept.run_id} was planned, but not started.", f"Start it with: {resume}"
        )
    return StargazerError(
        f"The run {kept.run_id} ended without a word: its stargazer was killed, or the machine went down.",
        f"Go on from there with: {resume}",
    )


def _orphaned(folder: RunFolder, kept: RunRecord) -> bool:
    """Whether only the Nextflow of a run on this host is left."""
    if kept.elsewhere or not kept.nextflow_pid:
        return False
    with suppress(StargazerError):  # another user's: who knows
        return not holder.holds(kept.pid, folder) and holder.holds(kept.nextflow_pid, folder)
    return False


def lines_from(folder: RunFolder, start: int) -> tuple[list[str], int]:
    """Return the whole lines of a run's log from a byte on, and the byte after them.

    It is opened each time: a network file system then looks for what another host wrote.
    """
    try:
        with folder.progress.open("rb") as log:
            log.seek(start)
            whole, newline, _ = log.read().rpartition(b"\n")
    except FileNotFoundError:
        return [], start
    lines = [line.decode("utf-8", errors="replace") for line in whole.split(b"\n")] if newline else []
    return lines, start + len(whole) + len(newline)

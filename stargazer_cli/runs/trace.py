"""The tasks that a run carried out, as Nextflow's tables tell them: one table an attempt."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_DONE = ("COMPLETED", "CACHED")


@dataclass(frozen=True)
class TaskRun:
    """One execution of a task. Times are None where the table has none; `subject` is Nextflow's tag.

    `container` is the image that the task is declared with, whether the profile used it or not.
    """

    key: str
    task: str
    subject: str
    succeeded: bool
    exit_status: str
    started_at: datetime | None
    ended_at: datetime | None
    container: str


def rows(trace: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a table; none where the file is not there."""
    if not trace.exists():
        return
    with trace.open(newline="", encoding="utf-8", errors="replace") as file:
        yield from csv.DictReader(file, delimiter="\t")


def task_name(process: str) -> str:
    """Return the name of a task from the full name of its process: `A:B:BWA_MEM` is `bwa_mem`.

    A process that is included for a second purpose is called `TASK__PURPOSE`.
    """
    return process.rpartition(":")[2].partition("__")[0].lower()


def task_runs(traces: list[Path]) -> list[TaskRun]:
    """Return every execution over the attempts of a run, in the order in which they began.

    What an attempt took over from an earlier one (CACHED) is that execution, not another.
    """
    found: dict[str, TaskRun] = {}
    for trace in traces:
        for row in rows(trace):
            # A table cut off by a kill may end in half a row.
            if row.get("process") and row.get("hash") and row.get("status") in (*_DONE, "FAILED"):
                found.setdefault(row["hash"], _task_run(row))
    return sorted(
        found.values(), key=lambda run: (run.started_at or datetime.min.replace(tzinfo=UTC), run.key)
    )


def _task_run(row: dict[str, str]) -> TaskRun:
    tag = row.get("tag") or ""
    return TaskRun(
        key=row["hash"],
        task=task_name(row["process"]),
        subject="" if tag == "-" else tag,
        succeeded=row["status"] in _DONE,
        exit_status=row.get("exit") or "",
        started_at=time_of(row.get("start")),
        ended_at=time_of(row.get("complete")),
        container="" if row.get("container") in (None, "-") else row["container"],
    )


def time_of(text: str | None) -> datetime | None:
    """Read a time, which Nextflow writes in the time zone of the machine, without saying which."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None

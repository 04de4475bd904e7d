"""A run as Python, agents and the browser hold it: how it stands, what it says, its result, its end."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import given, trace
from stargazer_cli.runs.progress import Tell, failure_of, follow, lines_from
from stargazer_cli.runs.record import MadeAsset, RunFolder, RunRecord, Status

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.runs.execute import RunResult
    from stargazer_cli.store import LocalStore

ReportKind = Literal["report", "resources", "timeline", "log"]
_LOOK_SECONDS = 0.5
_NEXTFLOWS = {"resources": "report.html", "timeline": "timeline.html", "log": "nextflow.log"}
_STATUS: dict[str, Literal["done", "kept", "failed"]] = {"COMPLETED": "done", "CACHED": "kept"}


def silent(_line: str) -> None:
    """Say nothing of how a run goes."""


@dataclass(frozen=True)
class TaskState:
    """One execution of a task in the run's last attempt.

    name         the task, as the catalogue calls it
    subject      whom or what it is for, such as a sample
    status       kept: an earlier attempt had done it
    duration     from submission to end, as Nextflow writes it: 1m 3s
    started_at   ISO 8601, UTC; '' where the table has no time, likewise `ended_at`
    exit_status  of its script; '' while it runs
    cpu, memory  what it took, as Nextflow writes it: 98.7%, 1.2 GB
    """

    name: str
    subject: str
    status: Literal["running", "done", "kept", "failed"]
    duration: str = ""
    started_at: str = ""
    ended_at: str = ""
    exit_status: str = ""
    cpu: str = ""
    memory: str = ""
    container: str = ""

    @property
    def seconds(self) -> float | None:
        """How long it ran; None while it does, and where the table has no times."""
        if not (self.started_at and self.ended_at):
            return None
        began, ended = map(datetime.fromisoformat, (self.started_at, self.ended_at))
        return (ended - began).total_seconds()


class Run:
    """A run as it stood when it was last looked at; `refresh` looks again.

    It is carried out by a process of its own, unless `run` waits for it: an object of this class may be
    dropped, and be had again by `get_run`.
    """

    def __init__(
        self,
        store: "LocalStore",
        folder: RunFolder | None,
        *,
        reused: "RunResult | None" = None,
        name: str = "",
    ) -> None:
        """Hold the run of a folder; or, where nothing was computed, a result that earlier runs made.

        Of such a result `name` is what was asked for.
        """
        self._store = store
        self._folder = folder
        self._record = folder.load() if folder else None
        self._result = reused
        self._name = name

    def __repr__(self) -> str:
        """Say which it is and how it stands."""
        return f"<Run {self.run_id or self.name}: {self.status}>"

    @property
    def run_id(self) -> str:
        """Its name; of a result that was reused as a whole, that of the run that made it."""
        if self._result:
            return self._result.run_id
        return self._folder.run_id if self._folder else ""

    @property
    def name(self) -> str:
        """The workflow or task."""
        return self._name or (self._record.workflow if self._record else "")

    @property
    def status(self) -> Status:
        """Whether it is running, done, failed or interrupted."""
        return self._record.status if self._record and not self._result else "done"

    @property
    def computed(self) -> bool:
        """Whether it had anything to compute; where not, all was here already."""
        return self._result is None

    @property
    def profile(self) -> str:
        """The Nextflow profiles that it ran under."""
        return self._record.profile if self._record else ""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the pipeline was told."""
        return dict(self._record.plan.parameters) if self._record else {}

    @property
    def notes(self) -> list[str]:
        """What was decided for the user, one sentence each."""
        if self._result:
            return list(self._result.notes)
        return list(self._record.plan.notes) if self._record else []

    @property
    def started_at(self) -> str:
        """When it was claimed: ISO 8601, UTC."""
        return self._record.started_at if self._record else ""

    @property
    def ended_at(self) -> str:
        """When it ended; '' while it is running, and where nobody wrote that down."""
        return self._record.ended_at if self._record else ""

    @property
    def outdir(self) -> Path | None:
        """The folder where the pipeline publishes files for people; None where it is not known."""
        if self._result:
            return self._result.outdir
        return self._folder.outdir if self._folder else None

    @property
    def record(self) -> RunRecord | None:
        """All that is written down of it: versions, images, inputs, times, the command."""
        return self._record

    @property
    def failure(self) -> StargazerError | None:
        """The error that ended it; None while it is running, and where it is done."""
        if self._folder is None or self._record is None or self._result:
            return None
        return failure_of(self._folder, self._record)

    @property
    def error(self) -> str:
        """Why it ended, where it did not end well; the first line says what happened."""
        return str(self.failure or "")

    @property
    def hint(self) -> str:
        """What to do about the error."""
        return (self.failure.hint or "") if self.failure else ""

    @property
    def made(self) -> list[MadeAsset]:
        """Its result as the record has it; `reused` tells what an earlier run made."""
        if self._result:
            return self._result.assets
        return self._record.assets if self._record else []

    @property
    def assets(self) -> list["Asset"]:
        """Its result, as the store has it now; one that was deleted since is as it was, without a path."""
        from stargazer_cli.assets import specialize

        made = self.made
        here = {asset.id: asset for asset in self._store.find(id=[each.id for each in made])} if made else {}
        return [here.get(each.id) or specialize(each.model_dump()) for each in made]

    @property
    def tasks(self) -> list[TaskState]:
        """The tasks of the last attempt: those that ended in the order of their ends, then those that run."""
        if self._folder is None or self._record is None:
            return []
        ended = list(_ended(self._folder, self._record))
        if self.status != "running":
            return ended
        began = Counter(_began(self.progress()[0]))
        began.subtract((task.name, task.subject) for task in ended)
        return ended + [TaskState(*which, "running") for which in began.elements()]

    def progress(self, start: int = 0) -> tuple[list[str], int]:
        """Return the lines, each with its time, that it said from a place on, and the place to go on at."""
        return lines_from(self._folder, max(start, 0)) if self._folder else ([], start)

    def refresh(self) -> "Run":
        """Look how it stands now, and return it."""
        if self._folder:
            self._record = self._folder.load()
        return self

    def wait(self, tell: Tell | None = None, timeout: float | None = None) -> "Run":
        """Wait until it is done, and return it; `tell` gets each line that it says.

        Ctrl-C ends the waiting alone: the run goes on.

        Raises:
            StargazerError: it failed, or was interrupted or cancelled.
            TimeoutError: `timeout` seconds have passed, and it goes on.

        """
        given.check(timeout=timeout, tell=tell)
        if self._folder:
            self._record = follow(self._folder, tell or silent, timeout)
        return self._checked()

    async def await_done(self, tell: Tell | None = None) -> "Run":
        """Wait as `wait` does, without keeping others from working; `tell` is called in this event loop."""
        read = 0
        while True:
            # The record first: then no line of a run that has ended is missed.
            await asyncio.to_thread(self.refresh)
            lines, read = await asyncio.to_thread(self.progress, read)
            for line in lines:
                (tell or silent)(line)
            if self.status != "running":
                return self._checked()
            await asyncio.sleep(_LOOK_SECONDS)

    def cancel(self, tell: Tell | None = None) -> "Run":
        """End it, its Nextflow and the tasks of that, on a cluster its jobs; `resume` goes on with it.

        Raises:
            UsageError: it is not running, or on another host.

        """
        from stargazer_cli.runs.holder import cancel

        self._record = cancel(self._there(), tell or silent)
        return self

    def resume(self, *, work_dir: str | Path | None = None, keep_work: bool = False, **limits: Any) -> "Run":
        """Go on with it, where it failed or was interrupted, in a process of its own; `wait` for its end.

        work_dir   keep Nextflow's work there from now on
        keep_work  keep it after a success
        limits     what changes no result, such as max_cpus=4; the others stay as they were

        Raises:
            UsageError: it is done, or being carried out, or its tools have changed since.

        """
        from stargazer_cli.runs import detach
        from stargazer_cli.runs.requests import to_go_on

        given.check(work_dir=work_dir, keep_work=keep_work)
        folder = self._there()
        to_go_on(self._store.settings, self._store, folder, limits, Path(work_dir) if work_dir else None)
        detach.start(folder, keep_work=keep_work)
        return self.refresh()

    def report(self, kind: ReportKind = "report") -> Path:
        """Return the file of a report.

        report     what the workflow tells people of its result, where it makes such a report
        resources  what each task took, by Nextflow; likewise timeline, and log, which is Nextflow's own

        Raises:
            UsageError: there is none, or not yet.

        """
        if kind in _NEXTFLOWS:
            file = self._there().path / _NEXTFLOWS[kind]
            if file.is_file():
                return file
        elif kind != "report":
            raise UsageError(
                f"There is no report of the kind {str(kind)[:60]!r}.",
                f"The kinds are: report, {', '.join(_NEXTFLOWS)}.",
            )
        else:
            for asset in self.assets:
                if asset.kind == "report" and asset.path:
                    return self._store.stage(asset.cid, asset.name)
        raise UsageError(f"The run {self.run_id} has no {kind}{' yet' if self.status == 'running' else ''}.")

    def to_dict(self) -> dict[str, Any]:
        """Return it as `stargazer run --json` prints it."""
        from stargazer_cli.runs.execute import RunResult

        result = RunResult(self.run_id, self.status, self.outdir, self.made, self.computed, self.notes)
        return result.to_dict()

    def _there(self) -> RunFolder:
        """Return its folder; there is none where a result was reused whose run was removed."""
        if self._folder is None:
            raise UsageError("The record of the run that made this is gone.")
        return self._folder

    def _checked(self) -> "Run":
        if failure := self.failure:
            raise failure
        return self


def _ended(folder: RunFolder, kept: RunRecord) -> Iterator[TaskState]:
    for row in trace.rows(folder.trace(kept.attempts)):
        # A table that is being written may end in half a row.
        if row.get("process") and row.get("status"):
            tag = row.get("tag") or ""
            yield TaskState(
                name=trace.task_name(row["process"]),
                subject="" if tag == "-" else tag,
                status=_STATUS.get(row["status"], "failed"),
                duration=_said(row, "duration"),
                started_at=_time(row.get("start")),
                ended_at=_time(row.get("complete")),
                exit_status=_said(row, "exit"),
                cpu=_said(row, "%cpu"),
                memory=_said(row, "peak_rss"),
                container=_said(row, "container"),
            )


def _said(row: dict[str, str], key: str) -> str:
    value = row.get(key) or ""
    return "" if value == "-" else value


def _time(text: str | None) -> str:
    time = trace.time_of(text)
    return time.isoformat() if time else ""


def _began(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Return (task, subject) of each task that the last attempt started, or took over."""
    said = [line.partition("  ")[2] for line in lines]
    last = max((place for place, line in enumerate(said) if line.startswith("run ")), default=-1)
    begun = []
    for line in said[last + 1 :]:
        what, _, named = line.partition(" ")
        if what in ("started", "kept"):
            name, _, subject = named.partition(" for ")
            begun.append((name, subject))
    return begun

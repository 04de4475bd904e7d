"""Routes for runs, and for the catalogue of what can be run."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from stargazer_cli import api, catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import record
from stargazer_cli.runs.handle import ReportKind, Run
from stargazer_cli.runs.requests import file_arguments
from stargazer_cli.serving.arguments import checked, paths_among
from stargazer_cli.web import bytes as as_bytes
from stargazer_cli.web import models
from stargazer_cli.web.assets import Limit, Offset
from stargazer_cli.web.errors import RESPONSES, refusing, responses_of

if TYPE_CHECKING:
    from stargazer_cli.runs.record import RunFolder
    from stargazer_cli.store import LocalStore
    from stargazer_cli.web.app import Context

Line = dict[str, Any]
_ENDED = ("done", "failed")
_PAGES = responses_of("text/html", "text/plain")
_REPORTS: tuple[tuple[ReportKind, str], ...] = (
    ("report", "Report"),
    ("resources", "What each task took"),
    ("timeline", "Timeline"),
    ("log", "Nextflow's log"),
)


class Shelf:
    """The runs of a store in a line each; the record of one that ended is read once."""

    def __init__(self, store: "LocalStore") -> None:
        self._store = store
        self._lines: dict[str, tuple[int, Line]] = {}
        self._lock = threading.Lock()

    def lines(self) -> list[Line]:
        """Return every run, the newest first; a damaged record is left out."""
        every = [self._line(folder) for folder in record.every(self._store.root / "runs")]
        return [line for line in every if line is not None]

    def line(self, run_id: str) -> Line | None:
        """Return one run; None where it has no record."""
        try:
            folder = record.find(self._store.root / "runs", run_id)
        except UsageError:
            return None
        return self._line(folder) if folder.run_id == run_id else None

    def _line(self, folder: "RunFolder") -> Line | None:
        try:
            changed = (folder.path / "run.json").stat().st_mtime_ns
            with self._lock:
                held = self._lines.get(folder.run_id)
            if held and held[0] == changed:
                return held[1]
            line = line_of(Run(self._store, folder))
        except (OSError, StargazerError):
            return None
        if line["status"] in _ENDED:
            with self._lock:
                self._lines[folder.run_id] = changed, line
        return line


def line_of(run: Run) -> Line:
    """Return a run in a few words."""
    fields = ("run_id", "name", "status", "profile", "started_at", "ended_at", "error")
    return {field: getattr(run, field) for field in fields}


def routes(context: "Context") -> APIRouter:
    """Return the routes over the runs of a server's store."""
    router = APIRouter(prefix="/api", tags=["runs"], responses=RESPONSES)
    _showing(router, context)
    _doing(router, context)
    _catalogue(router)
    return router


def _showing(router: APIRouter, context: "Context") -> None:
    @router.get("/runs", response_model=models.RunPage)
    def list_runs(
        status: record.Status | None = None,
        name: Annotated[str, Query(max_length=200)] = "",
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """List the runs, the newest first."""
        every = context.shelf.lines()
        found = [line for line in every if status in (None, line["status"]) and name in ("", line["name"])]
        return {
            "total": len(found),
            "offset": offset,
            "limit": limit,
            "running": sum(line["status"] == "running" for line in every),
            "runs": found[offset : offset + limit],
        }

    @router.get("/runs/{run_id}", response_model=models.RunDetail)
    def show_run(run_id: str) -> dict[str, Any]:
        """Show what a run did or does, with what, and what it made."""
        return _detail(context, _run(run_id))

    @router.get("/runs/{run_id}/progress", response_model=models.RunProgress)
    def show_progress(run_id: str, start: Annotated[int, Query(ge=0, le=2**53)] = 0) -> dict[str, Any]:
        """Give what a run said from a place on, which an earlier answer gave as `next`."""
        run = _run(run_id)
        lines, following = run.progress(start)
        tasks = _tasks(run)
        return {"lines": lines, "next": following, "status": run.status, "task_counts": tasks["task_counts"]}

    @router.get("/runs/{run_id}/tasks", response_model=models.Tasks)
    def show_tasks(run_id: str) -> dict[str, Any]:
        """List the tasks of a run's last attempt."""
        return _tasks(_run(run_id))

    @router.get("/runs/{run_id}/reports/{kind}", response_class=Response, responses=_PAGES)
    def show_report(run_id: str, kind: ReportKind) -> Response:
        """Give a report as a page that can do nothing but show itself; of a log, its end as text."""
        run = _run(run_id)
        with refusing(404):
            path = run.report(kind)
        if kind == "log":
            return as_bytes.tail(path)
        if kind != "report":
            return as_bytes.page_of_file(path)
        # A link that the store staged: its folder is named after the CID.
        return as_bytes.page(context.store, path.parent.name, path.name)


def _doing(router: APIRouter, context: "Context") -> None:
    @router.post("/runs/{run_id}/cancel", response_model=models.RunLine)
    def cancel_run(run_id: str) -> Line:
        """End a run and its tasks; it can be gone on with later."""
        run = _run(run_id)
        with refusing(409):
            return line_of(run.cancel())

    @router.post("/runs/{run_id}/resume", response_model=models.RunLine)
    def resume_run(run_id: str) -> Line:
        """Go on with a run that failed or was interrupted."""
        run = _run(run_id)
        with refusing(409):
            return line_of(run.resume())

    @router.post("/plan", response_model=models.PlanAnswer)
    def plan(wanted: models.RunRequest) -> dict[str, Any]:
        """Show what a run would reuse and compute; nothing is started."""
        with _asked(context, wanted) as asked:
            found = api.plan(wanted.name, **asked)
        return {
            "name": found.workflow,
            "steps": [step.model_dump() for step in found.steps],
            "notes": found.notes,
            "parameters": found.parameters,
            "inputs": [{"cid": cid, "name": Path(path).name} for path, cid in found.inputs.items()],
        }

    @router.post("/runs", status_code=201, response_model=models.StartedRun)
    def start_run(wanted: models.RunRequest) -> dict[str, Any]:
        """Start a run, which goes on without this server; one of which all is here already is done."""
        with _asked(context, wanted) as asked:
            run = api.start(wanted.name, **asked)
        return {"run": line_of(run), "computed": run.computed, "notes": run.notes}


def _catalogue(router: APIRouter) -> None:
    @router.get("/catalogue", response_model=models.Catalogue)
    def list_catalogue() -> dict[str, Any]:
        """List the workflows and tasks that can be run."""
        return {"entries": [entry.to_dict() for entry in catalog.everything()]}

    @router.get("/catalogue/{name}")
    def show_entry(name: str) -> dict[str, Any]:
        """Show one workflow or task."""
        with refusing(404):
            return catalog.find(name).to_dict()

    @router.get("/profiles", response_model=models.Profiles)
    def list_profiles() -> dict[str, Any]:
        """List the profiles that a run may have."""
        return {"profiles": list(catalog.profiles())}


def _run(run_id: str) -> Run:
    with refusing(404):
        return api.get_run(run_id)


@contextmanager
def _asked(context: "Context", wanted: models.RunRequest) -> Iterator[dict[str, Any]]:
    """Give what `api.start` is asked for; files that are named by their paths are open within the block.

    Of a task these are its filters and inputs too.
    """
    given = {"filters": wanted.filters, "inputs": wanted.inputs}
    arguments = checked(wanted.arguments) | {key: value for key, value in given.items() if value}
    paths = paths_among(arguments, file_arguments(wanted.name))
    with context.roots.reading([Path(path) for path in paths.values()]) as reading:
        opened = dict(zip(paths, map(str, reading.paths), strict=True))
        yield {"profile": wanted.profile, "reuse": wanted.reuse, **arguments, **opened}


def _tasks(run: Run) -> dict[str, Any]:
    tasks = [asdict(task) for task in run.tasks]
    return {"tasks": tasks, "task_counts": dict(Counter(task["status"] for task in tasks))}


def _detail(context: "Context", run: Run) -> dict[str, Any]:
    kept = run.record
    assert kept is not None  # noqa: S101 - it was found by its record
    return {
        **line_of(run),
        **_tasks(run),
        "hint": run.hint,
        "notes": run.notes,
        "commit": kept.commit,
        "host": kept.host,
        "attempts": kept.attempts,
        "timings": kept.timings,
        "tools": kept.tools,
        "images": kept.images,
        "command": kept.command,
        "parameters": run.parameters,
        "inputs": [_input(context, path, cid) for path, cid in kept.plan.inputs.items()],
        "outputs": _outputs(context, run),
        "reports": _reports(run),
        "outdir": str(run.outdir) if run.outdir else None,
    }


def _input(context: "Context", path: str, cid: str) -> dict[str, Any]:
    records = context.store.records(cid=cid)
    first = records[0] if records else {"id": None, "keyvalues": {}}
    return {
        "cid": cid,
        "name": Path(path).name,
        "id": first["id"],
        "kind": first["keyvalues"].get("asset", ""),
    }


def _outputs(context: "Context", run: Run) -> list[dict[str, Any]]:
    made = run.made
    here = {each["id"] for each in context.store.records(id=[each.id for each in made])} if made else set()
    return [
        each.model_dump() | {"kind": each.keyvalues.get("asset", ""), "stored": each.id in here}
        for each in made
    ]


def _reports(run: Run) -> list[dict[str, Any]]:
    found = []
    for kind, title in _REPORTS:
        try:
            name = run.report(kind).name
        except StargazerError:
            continue
        found.append(
            {"name": name, "title": title, "kind": kind, "href": f"/api/runs/{run.run_id}/reports/{kind}"}
        )
    return found

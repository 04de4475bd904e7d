"""The Python API: `import stargazer_cli as sg`.

    assemble, add, lineage      assets: find them by what they are, store files, see where they came from
    tasks, workflows            what can be run: the catalogue
    plan, run, start            a workflow or task by its name; run_task and start_task for one task
    list_runs, get_run          runs that were started, here or elsewhere
    arun, astart, …             the same for asyncio

The settings are those of the command line: `STARGAZER_LOCAL` and the others, read anew in each call. What is
wrong is a `StargazerError` with a `message`, `items` and a `hint`, and where the request itself is wrong a
`UsageError`.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

from stargazer_cli import catalog
from stargazer_cli.assets import (
    Asset,
    assemble,
    generate_query_combinations,
    specialize,
)
from stargazer_cli.catalog import Task, Workflow
from stargazer_cli.earlier import TaskRegistry, log_execution, marshal_output
from stargazer_cli.errors import InterruptedRunError, StargazerError, UsageError
from stargazer_cli.runs import given, record
from stargazer_cli.runs.handle import Run, TaskState, silent
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.progress import Tell
from stargazer_cli.store import get_client

if TYPE_CHECKING:
    from stargazer_cli.runs.requests import Ready
    from stargazer_cli.store.lineage import Direction, Lineage

__all__ = [
    "Asset",
    "Plan",
    "Run",
    "StargazerError",
    "Task",
    "TaskRegistry",
    "TaskState",
    "UsageError",
    "Workflow",
    "aadd",
    "add",
    "afetch",
    "arun",
    "arun_task",
    "assemble",
    "astart",
    "astart_task",
    "generate_query_combinations",
    "get_client",
    "get_run",
    "lineage",
    "list_runs",
    "log_execution",
    "marshal_output",
    "plan",
    "run",
    "run_task",
    "specialize",
    "start",
    "start_task",
    "tasks",
    "workflows",
]

_LOG = logging.getLogger("stargazer")
Inputs = Mapping[str, Any]


def add(*files: str | Path, **keyvalues: Any) -> list[Asset]:
    """Store files, or all files of folders, and return their assets.

    `keyvalues` say what the files are; `asset` is the kind, which else is taken from the name and the content
    of each. R1 and R2 of one sample that are added together become mates, an index is linked to its file. All
    files are stored, or none; what is stored already is returned as it is.

    Raises:
        UsageError: a file is not what it is said to be, or is not there.

    """
    from stargazer_cli.store.intake import take_in

    if not files:
        raise UsageError("No file is named.", 'Name some: add("NA1_R1.fq.gz", sample_id="NA1")')
    for file in files:
        given.check(file=file)
    told = {key: given.told(key, value) for key, value in keyvalues.items() if value is not None}
    with TemporaryDirectory(prefix="stargazer-") as scratch:
        intake = take_in([Path(file) for file in files], told, None, scratch=Path(scratch))
        for note in intake.notes:
            _LOG.info(note)
        return [added.asset for added in get_client().add(intake.files)]


def lineage(asset: Asset | str, direction: "Direction" = "up") -> "Lineage":
    """Return what a file, or its CID, was made from (`up`), what was made from it (`down`), or `both`.

    Raises:
        UsageError: the store knows nothing of it.

    """
    from stargazer_cli.store import lineage as graphs

    cid = asset.cid if isinstance(asset, Asset) else asset
    given.check(cid=cid)
    if direction not in get_args(graphs.Direction):
        known = ", ".join(get_args(graphs.Direction))
        raise UsageError(f"direction must be one of {known}, not {given.shown(direction)}.")
    return graphs.trace(get_client(), cid, direction=direction)


def tasks() -> list[Task]:
    """Return every task that `run` takes, with its parameters, inputs and outputs."""
    return list(catalog.tasks().values())


def workflows() -> list[Workflow]:
    """Return every workflow that `run` takes, with its parameters, inputs and outputs."""
    return list(catalog.workflows().values())


def plan(
    name: str,
    /,
    *,
    profile: str = "local",
    reuse: bool = True,
    work_dir: str | Path | None = None,
    keep_work: bool = False,
    **arguments: Any,
) -> Plan:
    """Return what a run would reuse and what it would compute (`steps`); nothing is stored or started.

    name       a workflow, also by its short name such as germline, or a task
    profile    Nextflow profiles, such as slurm,podman
    reuse      take what earlier runs made by the same recipe
    work_dir   keep Nextflow's work there, in a folder named after the run
    keep_work  keep it after a success
    arguments  of a workflow, its parameters, as `workflows()` tells them; of a task, `filters` and `inputs`;
               of both, limits such as max_cpus=4; a file of the store is given by its CID or as its asset

    Raises:
        UsageError: an argument is wrong, or nothing or too much in the store is what is asked for.
        StargazerError: a tool is missing.

    """
    return _ready(name, arguments, profile, work_dir, reuse=reuse, keep_work=keep_work).plan


def run(
    name: str,
    /,
    *,
    profile: str = "local",
    reuse: bool = True,
    tell: Tell | None = None,
    work_dir: str | Path | None = None,
    keep_work: bool = False,
    **arguments: Any,
) -> Run:
    """Run a workflow or a task, and return when it is done; the arguments are those of `plan`.

    `tell` gets each line of its progress. Ctrl-C and SIGTERM end it, with its tasks; `get_run(…).resume()`
    goes on. In a thread that is not the main one it is carried out by a process of its own, and goes on
    where this one ends.

    Raises:
        UsageError: as `plan` does.
        StargazerError: it failed, or somebody cancelled it.
        KeyboardInterrupt: it was interrupted.

    """
    given.check(tell=tell)
    ready = _ready(name, arguments, profile, work_dir, reuse=reuse, keep_work=keep_work)
    if threading.current_thread() is threading.main_thread():
        return _carry_out(ready, tell or silent)
    return _begin(ready).wait(tell)


def start(
    name: str,
    /,
    *,
    profile: str = "local",
    reuse: bool = True,
    work_dir: str | Path | None = None,
    keep_work: bool = False,
    **arguments: Any,
) -> Run:
    """Start a workflow or a task in a process of its own, which outlives this one, and return at once.

    The arguments are those of `plan`. Where nothing is left to compute, the run that is returned is done.

    Raises:
        UsageError: as `plan` does.
        StargazerError: it could not be started.
        KeyboardInterrupt: Ctrl-C was pressed; a run that has begun by then goes on.

    """
    return _begin(_ready(name, arguments, profile, work_dir, reuse=reuse, keep_work=keep_work))


def run_task(
    name: str,
    /,
    *,
    filters: Inputs | None = None,
    inputs: Inputs | None = None,
    profile: str = "local",
    reuse: bool = True,
    tell: Tell | None = None,
    **limits: Any,
) -> Run:
    """Run one task, and return when it is done; what it raises is what `run` does.

    filters  what assets must say of themselves, such as sample_id: each holds for the kinds that have it
    inputs   the asset, or its CID or record's id, or several, of what takes a role; values of parameters and
             labels
    """
    own = {"filters": filters, "inputs": inputs, **limits}
    return run(_task(name), profile=profile, reuse=reuse, tell=tell, **own)


def start_task(
    name: str,
    /,
    *,
    filters: Inputs | None = None,
    inputs: Inputs | None = None,
    profile: str = "local",
    reuse: bool = True,
    **limits: Any,
) -> Run:
    """Start one task as `start` does; the arguments are those of `run_task`."""
    own = {"filters": filters, "inputs": inputs, **limits}
    return start(_task(name), profile=profile, reuse=reuse, **own)


def list_runs() -> list[Run]:
    """Return every run that is recorded, the newest first; a damaged record is left out, with a warning."""
    store = get_client()
    found = []
    for folder in record.every(store.root / "runs"):
        try:
            found.append(Run(store, folder))
        except StargazerError as error:
            _LOG.warning("%s %s", error.message, error.hint or "")
    return found


def get_run(run_id: str) -> Run:
    """Return a run by its id, or an unambiguous beginning or end of it.

    Raises:
        UsageError: there is none, or several.

    """
    given.check(run_id=run_id)
    store = get_client()
    return Run(store, record.find(store.root / "runs", run_id))


async def arun(
    name: str,
    /,
    *,
    profile: str = "local",
    reuse: bool = True,
    tell: Tell | None = None,
    work_dir: str | Path | None = None,
    keep_work: bool = False,
    **arguments: Any,
) -> Run:
    """Run a workflow or a task as `run` does, without keeping the event loop from other work.

    A process of its own carries it out. Where the waiting is cancelled or `tell` fails, the run is cancelled;
    use `astart` for one that goes on.
    """
    given.check(tell=tell)
    own: dict[str, Any] = {"work_dir": work_dir, "keep_work": keep_work, **arguments}
    begin = partial(start, name, profile=profile, reuse=reuse, **own)
    # No task of this loop, which could be cancelled: then nobody would know of the run that it starts.
    starting = asyncio.get_running_loop().run_in_executor(None, begin)
    try:
        started = await asyncio.shield(starting)
        return await started.await_done(tell)
    except StargazerError:
        raise
    except BaseException:
        await asyncio.shield(_give_up(starting))
        raise


async def astart(
    name: str,
    /,
    *,
    profile: str = "local",
    reuse: bool = True,
    work_dir: str | Path | None = None,
    keep_work: bool = False,
    **arguments: Any,
) -> Run:
    """Start a workflow or a task as `start` does, without keeping the event loop from other work."""
    own: dict[str, Any] = {"work_dir": work_dir, "keep_work": keep_work, **arguments}
    return await asyncio.to_thread(start, name, profile=profile, reuse=reuse, **own)


async def arun_task(
    name: str,
    /,
    *,
    filters: Inputs | None = None,
    inputs: Inputs | None = None,
    profile: str = "local",
    reuse: bool = True,
    tell: Tell | None = None,
    **limits: Any,
) -> Run:
    """Run one task as `arun` does; the arguments are those of `run_task`."""
    own = {"filters": filters, "inputs": inputs, **limits}
    return await arun(_task(name), profile=profile, reuse=reuse, tell=tell, **own)


async def astart_task(
    name: str,
    /,
    *,
    filters: Inputs | None = None,
    inputs: Inputs | None = None,
    profile: str = "local",
    reuse: bool = True,
    **limits: Any,
) -> Run:
    """Start one task as `astart` does; the arguments are those of `run_task`."""
    own = {"filters": filters, "inputs": inputs, **limits}
    return await astart(_task(name), profile=profile, reuse=reuse, **own)


async def aadd(*files: str | Path, **keyvalues: Any) -> list[Asset]:
    """Store files as `add` does, without keeping the event loop from other work."""
    return await asyncio.to_thread(add, *files, **keyvalues)


async def afetch(*assets: Asset) -> Sequence[list[Asset]]:
    """Fetch assets as their `fetch` does, side by side, and return the companions of each."""
    return await asyncio.gather(*(asyncio.to_thread(asset.fetch) for asset in assets))


def _ready(
    name: str,
    arguments: Mapping[str, Any],
    profile: str,
    work_dir: str | Path | None,
    *,
    reuse: bool,
    keep_work: bool,
) -> "Ready":
    from stargazer_cli.runs.requests import prepare, ready, with_work_dir

    given.check(name=name, profile=profile, reuse=reuse, keep_work=keep_work, work_dir=work_dir)
    began = time.monotonic()
    store = get_client()
    settings = with_work_dir(store.settings, Path(work_dir) if work_dir else None)
    prepared = prepare(store, name, given.by_name(arguments), reuse=reuse)
    found = ready(settings, store, prepared, profile=profile, keep_work=keep_work)
    return found.after(time.monotonic() - began)


def _carry_out(ready: "Ready", tell: Tell) -> Run:
    """Carry a plan out in this process."""
    from stargazer_cli.runs.execute import execute

    ready.before()
    try:
        result = execute(ready.site, ready.plan, tell)
    except InterruptedRunError as error:
        raise KeyboardInterrupt(str(error)) from error
    if result.computed:
        return Run(ready.site.store, record.find(ready.site.runs, result.run_id))
    return _reused(ready)


def _begin(ready: "Ready") -> Run:
    """Have a plan carried out by a process of its own."""
    from stargazer_cli.runs import detach
    from stargazer_cli.runs.execute import claim

    ready.before()
    if ready.plan.complete:
        return _reused(ready)
    folder = claim(ready.site, ready.plan)
    try:
        detach.start(folder, keep_work=ready.site.keep_work)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"The run {folder.run_id} has been started, and goes on.") from None
    return Run(ready.site.store, folder)


def _reused(ready: "Ready") -> Run:
    """Return the result that earlier runs made."""
    from stargazer_cli.runs.execute import execute

    result = execute(ready.site, ready.plan, silent)
    folder = record.RunFolder(ready.site.runs / result.run_id)
    there = bool(result.run_id) and (folder.path / "run.json").is_file()
    return Run(ready.site.store, folder if there else None, reused=result, name=ready.plan.workflow)


async def _give_up(starting: "asyncio.Future[Run]") -> None:
    """End a run that nobody waits for any more, also one that is only being started."""
    await asyncio.wait([starting])
    if starting.exception() is None:
        await asyncio.to_thread(_cancel, starting.result())


def _cancel(started: Run) -> None:
    """End a run, which may have ended by itself just now."""
    try:
        if started.refresh().status == "running":
            started.cancel()
    except StargazerError as error:
        _LOG.warning("%s", error.message)


def _task(name: str) -> str:
    """Return the name of a task; what is none is refused."""
    from stargazer_cli.runs.task import find_task

    given.check(name=name)
    return find_task(name).name

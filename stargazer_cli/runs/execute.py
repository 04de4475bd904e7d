"""Carry out a plan: stage, launch, ingest, record."""

import json
import os
import shlex
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.output import size_of
from stargazer_cli.runs import launch, record
from stargazer_cli.runs.ingest import Made, ingest
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.record import MadeAsset, RunFolder, RunRecord
from stargazer_cli.runs.site import Site
from stargazer_cli.runs.versions import actual, reported
from stargazer_cli.store.upkeep import check_whole

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore

Tell = Callable[[str], None]
_LONG_TO_HASH = 1 << 30  # a second or more: people want to know what goes on


@dataclass(frozen=True)
class RunResult:
    """The end of a run. `run_id` and `outdir` are of the run that made the result, now or earlier.

    notes  what was decided for the user
    """

    run_id: str
    status: str
    outdir: Path | None
    assets: list[MadeAsset]
    computed: bool
    notes: Sequence[str] = ()


def execute(site: Site, plan: Plan, tell: Tell) -> RunResult:
    """Carry out a plan from the beginning; where nothing is left to compute, only gather its result.

    The inputs are hashed first: a byte that a disk lost would go into every result. That is cheap beside
    what a run does with them.
    """
    if plan.complete:
        return _reused(site, plan)
    started = time.monotonic()
    check_inputs(site.store, plan, tell)
    checked = time.monotonic() - started
    pipeline = catalog.pipeline_dir()
    commit = record.pipeline_commit(pipeline)
    folder = record.create(site.runs, plan.workflow, commit)
    kept = record.new_record(
        folder,
        plan,
        profile=site.profile,
        commit=commit,
        versions=site.versions,
        tools={name: tool.version for name, tool in site.toolbox.tools.items() if tool.version},
    )
    kept.timings |= {"resolve": round(site.resolve_seconds, 3), "check": round(checked, 3)}
    with folder.locked() as lock:
        return _attempt(site, folder, kept, tell, lock)


def resume(site: Site, run_id: str, tell: Tell) -> RunResult:
    """Go on with a failed or interrupted run from where it ended."""
    folder = record.find(site.runs, run_id)
    with folder.locked() as lock:
        kept = folder.read()
        if kept.status == "done":
            raise UsageError(
                f"The run {kept.run_id} is done.", f"Look at it with: stargazer runs show {kept.run_id}"
            )
        with _timed(kept, "check"):
            check_inputs(site.store, kept.plan, tell)
        return _attempt(site, folder, kept, tell, lock)


def check_inputs(store: "LocalStore", plan: Plan, tell: Tell) -> None:
    """Raise StargazerError where an input's file is missing or damaged, by its bytes."""
    cids = set(plan.inputs.values())
    size = sum(path.stat().st_size for cid in cids if (path := store.object(cid)))
    if size >= _LONG_TO_HASH:
        tell(f"checking {size_of(size)} of inputs")
    check_whole(store, cids)


def files_of(plan: Plan, folder: RunFolder) -> dict[str, str]:
    """Return the files that tell the pipeline what to do, by name."""
    parameters = {**plan.parameters, "outdir": str(folder.outdir), "publish_dir_mode": "link"}
    files = {}
    for parameter, name, rows in (
        ("input", "samplesheet.csv", plan.samplesheet),
        ("known_sites", "known_sites.csv", plan.known_sites),
    ):
        if rows:
            parameters[parameter] = str(folder.path / name)
            files[name] = _table(rows)
    files["params.json"] = json.dumps(parameters, indent=2) + "\n"
    return files


def command_of(site: Site, folder: RunFolder, attempt: int) -> list[str]:
    """Return the exact `nextflow run` command of a run."""
    return launch.command(
        site.toolbox.nextflow,
        catalog.pipeline_dir(),
        profile=site.profile,
        trace=folder.trace(attempt),
        log=folder.log,
        params=folder.path / "params.json",
        work=folder.work,
    )


def shown(arguments: list[str]) -> str:
    """Return a command as a person would type it."""
    return shlex.join(arguments)


def _attempt(site: Site, folder: RunFolder, kept: RunRecord, tell: Tell, lock: int) -> RunResult:
    """Carry out a run whose lock is held by the descriptor `lock`."""
    kept.attempts += 1
    kept.status = "running"
    kept.error, kept.ended_at, kept.exit_status = "", "", None
    kept.host, kept.pid = socket.gethostname(), os.getpid()
    with _timed(kept, "stage"):
        _stage_again(site.store, kept.plan)
        for name, content in files_of(kept.plan, folder).items():
            (folder.path / name).write_text(content, encoding="utf-8")
    kept.command = command_of(site, folder, kept.attempts)
    folder.save(kept)
    tell(f"run {kept.run_id}")
    try:
        with _timed(kept, "nextflow"):
            kept.exit_status = launch.run(
                kept.command, folder.path, site.toolbox.environment(), tell, keep=lock
            )
        if kept.exit_status != 0:
            raise launch.failed(launch.failure(folder.path, folder.trace(kept.attempts)), kept.run_id)
        with _timed(kept, "ingest"):
            kept.reported_versions = reported(folder.outdir)
            made = ingest(
                site.store,
                Made(
                    kept.run_id,
                    kept.plan,
                    folder.outdir,
                    actual(kept.planned_versions, kept.reported_versions),
                    site.settings.owner,
                ),
            )
    except KeyboardInterrupt:
        _close(folder, kept, "interrupted", "interrupted")
        raise StargazerError(
            f"The run {kept.run_id} was interrupted; Nextflow and its tasks have ended.",
            f"Go on from there with: stargazer run --resume {kept.run_id}",
        ) from None
    except StargazerError as error:
        _close_failed(folder, kept, error)
        raise
    except OSError as error:
        _close_failed(folder, kept, error)
        place = (
            f": {error.filename}"
            if error.filename
            else f", on the disk of {folder.path} or on that of the store"
        )
        raise StargazerError(
            f"The run {kept.run_id} could not go on. {error.strerror or error}{place}",
            f"Mend that, then go on with: stargazer run --resume {kept.run_id}",
        ) from error
    kept.assets = [_made(asset, reused=False) for asset in made]
    kept.assets += [_made(asset, reused=True) for asset in _earlier(site.store, kept.plan)]
    _close(folder, kept, "done", "")
    if not site.keep_work:
        # Everything worth keeping is in the store, under the same inodes.
        shutil.rmtree(folder.work, ignore_errors=True)
    return RunResult(kept.run_id, "done", folder.outdir, kept.assets, computed=True, notes=kept.plan.notes)


def _reused(site: Site, plan: Plan) -> RunResult:
    assets = _earlier(site.store, plan)
    # Of several makers the last one finished the result: it made the VCF, or the last index.
    makers = {run_id for asset in assets for run_id in asset.run_ids[:1]}
    maker = max(makers, key=record.started, default="")
    outdir = site.runs / maker / "results" if maker else None
    made = [_made(asset, reused=True) for asset in assets]
    return RunResult(maker, "done", outdir, made, computed=False, notes=plan.notes)


def _earlier(store: "LocalStore", plan: Plan) -> list["Asset"]:
    """Return the reused assets, read at once: of several records on the same bytes, the recipe's own."""
    found: dict[str, Asset] = {}
    for asset in store.find(cid=list(plan.reused)):
        if plan.reused[asset.cid] in asset.recipes:
            found.setdefault(asset.cid, asset)
    return [found[cid] for cid in plan.reused if cid in found]


def _made(asset: "Asset", *, reused: bool) -> MadeAsset:
    return MadeAsset(
        cid=asset.cid, id=asset.id, name=asset.name, keyvalues=asset.to_keyvalues(), reused=reused
    )


def _stage_again(store: "LocalStore", plan: Plan) -> None:
    """Make sure that each input's link is there: a resumed run may find the staging folder emptied."""
    for path, cid in plan.inputs.items():
        if not Path(path).exists():
            store.stage(cid, Path(path).name)


def _close(folder: RunFolder, kept: RunRecord, status: record.Status, error: str) -> None:
    kept.status = status
    kept.error = error
    kept.ended_at = record.utc_now()
    folder.save(kept)


def _close_failed(folder: RunFolder, kept: RunRecord, error: Exception) -> None:
    """Close a run that failed; where the disk is full its record stays as it is."""
    with suppress(OSError):
        _close(folder, kept, "failed", str(error))


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    columns = list(rows[0])
    lines = [",".join(columns), *(",".join(_cell(row[column]) for column in columns) for row in rows)]
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if any(sign in value for sign in ',"\n\r') else value


@contextmanager
def _timed(kept: RunRecord, part: str) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    finally:
        kept.timings[part] = round(kept.timings.get(part, 0.0) + time.monotonic() - start, 3)

"""Carry out a plan: stage, launch, ingest, record."""

import json
import os
import shlex
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stargazer_cli import catalog
from stargazer_cli.errors import InterruptedRunError, StargazerError, UsageError
from stargazer_cli.output import size_of
from stargazer_cli.runs import cluster, holder, launch, record, work
from stargazer_cli.runs.ingest import Made, ingest
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.progress import Tell, keeping
from stargazer_cli.runs.record import MadeAsset, RunFolder, RunRecord
from stargazer_cli.runs.site import Site
from stargazer_cli.runs.versions import actual, reported, settled
from stargazer_cli.store.objects import faults_told
from stargazer_cli.store.upkeep import check_whole

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore

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

    def to_dict(self) -> dict[str, Any]:
        """Return it as `stargazer run --json` prints it."""
        return {
            "run_id": self.run_id,
            "status": self.status,
            "outdir": str(self.outdir) if self.outdir else None,
            "notes": list(self.notes),
            "assets": [made.model_dump(exclude={"id"}) for made in self.assets],
        }


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
    folder, kept = _claim(site, plan)
    kept.timings["check"] = round(checked, 3)
    with folder.locked() as lock:
        return _attempt(site, folder, kept, tell, lock)


def claim(site: Site, plan: Plan) -> RunFolder:
    """Make the folder and the record of a run that `resume` carries out."""
    folder, _ = _claim(site, plan)
    return folder


def resume(site: Site, run_id: str, tell: Tell) -> RunResult:
    """Go on with a claimed, failed or interrupted run from where it ended."""
    folder = record.find(site.runs, run_id)
    if not folder.busy():
        folder.cancelled.unlink(missing_ok=True)  # of an earlier attempt
    with folder.locked() as lock:
        kept = folder.read()
        check_unfinished(kept)
        return _attempt(site, folder, kept, tell, lock, checked=False)


def change(folder: RunFolder, limits: Mapping[str, Any], work_dir: Path | None) -> None:
    """Change in the record of a run how it goes on: by parameters that change no result, or elsewhere."""
    if all(value is None for value in limits.values()) and not work_dir:
        return
    with folder.locked():
        kept = folder.read()
        check_unfinished(kept)
        cluster.check(kept.profile, limits)
        kept.plan = with_limits(kept.plan, limits)
        if work_dir:
            _move_work(folder, kept, work_dir / folder.run_id)
        if kept.status == "running":
            kept.status = "interrupted"  # nobody holds it
        folder.save(kept)


def with_limits(plan: Plan, limits: Mapping[str, Any]) -> Plan:
    """Return a plan with parameters that change no result, such as max_cpus, as far as they are given."""
    given = {name: value for name, value in limits.items() if value is not None}
    changed = plan.model_copy(update={"parameters": plan.parameters | given})
    catalog.check_parameters(changed.parameters)
    return changed


def check_unfinished(kept: RunRecord) -> None:
    """Refuse to go on with a run that is done."""
    if kept.status == "done":
        raise UsageError(
            f"The run {kept.run_id} is done.", f"Look at it with: stargazer runs show {kept.run_id}"
        )


def result_of(folder: RunFolder, kept: RunRecord) -> RunResult:
    """Return the result of a run that is done."""
    return RunResult(kept.run_id, "done", folder.outdir, kept.assets, computed=True, notes=kept.plan.notes)


def check_inputs(store: "LocalStore", plan: Plan, tell: Tell) -> None:
    """Raise StargazerError where an input's file is missing or damaged, by its bytes."""
    cids = set(plan.inputs.values())
    size = sum(path.stat().st_size for cid in cids if (path := store.object(cid)))
    if size >= _LONG_TO_HASH:
        tell(f"checking {size_of(size)} of inputs")
    check_whole(store, cids)


def files_of(plan: Plan, folder: RunFolder, *, linked: bool = True) -> dict[str, str]:
    """Return the files that tell the pipeline what to do, by name.

    `linked`: a published file is a second name of the one in the work folder.
    """
    mode = "link" if linked else "copy"
    # A record may have come from someone else; where images come from is not its to say.
    known = catalog.planned_parameters(plan.workflow)
    own = {name: value for name, value in plan.parameters.items() if name in known}
    parameters = {**own, "outdir": str(folder.outdir), "publish_dir_mode": mode}
    files = {}
    for parameter, name, rows in (
        ("input", "samplesheet.csv", plan.samplesheet),
        ("known_sites", "known_sites.csv", plan.known_sites),
        ("input", "inputs.csv", plan.inputs_table),
    ):
        if rows:
            parameters[parameter] = str(folder.path / name)
            files[name] = _table(rows)
    files["params.json"] = json.dumps(parameters, indent=2) + "\n"
    return files


def work_of(site: Site, folder: RunFolder) -> Path:
    """Return the work folder that a new run in this folder has."""
    return site.settings.work / folder.run_id if site.settings.work else folder.work


def command_of(site: Site, folder: RunFolder, attempt: int, work_dir: Path) -> list[str]:
    """Return the exact `nextflow run` command of a run."""
    return launch.command(
        site.toolbox.nextflow,
        catalog.pipeline_dir() / catalog.script_of(site.workflow),
        profile=site.profile,
        trace=folder.trace(attempt),
        log=folder.log,
        params=folder.path / "params.json",
        work=work_dir,
    )


def shown(arguments: list[str]) -> str:
    """Return a command as a person would type it."""
    return shlex.join(arguments)


def _claim(site: Site, plan: Plan) -> tuple[RunFolder, RunRecord]:
    """Make the folder of a new run, and its record."""
    with faults_told(site.store.root):
        folder, kept = _new(site, plan)
        try:
            folder.save(kept)
        except OSError:
            for where in kept.work_folders(folder):
                work.remove(where, folder.path)
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
    return folder, kept


def _new(site: Site, plan: Plan) -> tuple[RunFolder, RunRecord]:
    """Make the folder of a new run, and its record, which is not written yet."""
    if site.settings.work:
        work.check(site.settings.work)
    commit = record.pipeline_commit(catalog.pipeline_dir())
    folder = record.create(site.runs, plan.workflow, commit)
    where = work_of(site, folder)
    if site.settings.work:
        try:
            work.make(where, folder.path)  # from now on it is there, or it was taken away
        except StargazerError:
            shutil.rmtree(folder.path)
            raise
    kept = record.new_record(
        folder,
        plan,
        profile=site.profile,
        commit=commit,
        versions=site.versions,
        tools={name: tool.version for name, tool in site.toolbox.tools.items() if tool.version},
        images=site.images,
        work=where if site.settings.work else None,
    )
    kept.timings["resolve"] = round(site.resolve_seconds, 3)
    return folder, kept


def _attempt(
    site: Site, folder: RunFolder, kept: RunRecord, tell: Tell, lock: int, *, checked: bool = True
) -> RunResult:
    """Carry out a run whose lock is held by the descriptor `lock`; `checked`: its inputs are whole."""
    with launch.stop_signals_interrupt():
        try:
            _begin(folder, kept)
            with folder.alive():
                made = _made_by(site, folder, kept, keeping(folder, tell), lock, checked=checked)
        except KeyboardInterrupt as stop:
            how = "cancelled" if folder.cancelled.exists() else "interrupted"
            by_itself = not isinstance(stop, launch.HadToBeKilled)
            error = holder.ended(kept.run_id, how, by_itself=by_itself)
            _close(folder, kept, "interrupted", error)
            if how == "interrupted":
                raise InterruptedRunError(error.message, error.hint) from None
            raise error from None
        except StargazerError as error:
            _close_failed(folder, kept, error)
            raise
        except OSError as error:
            told = _fault(folder, error)
            _close_failed(folder, kept, told)
            raise told from error
        except Exception as error:  # of a script's own `tell`, or one of ours
            _close_failed(folder, kept, _broken(folder, error))
            raise
    kept.assets = [_made(asset, reused=False) for asset in made]
    kept.assets += [_made(asset, reused=True) for asset in _earlier(site.store, kept.plan)]
    _close(folder, kept, "done")
    if not site.keep_work:
        # Everything worth keeping is in the store.
        shutil.rmtree(folder.work, ignore_errors=True)
        for where in kept.work_folders(folder):
            work.remove(where, folder.path)
    return result_of(folder, kept)


def _made_by(
    site: Site, folder: RunFolder, kept: RunRecord, tell: Tell, lock: int, *, checked: bool
) -> list["Asset"]:
    """Run the pipeline, and return what it made, which is in the store then."""
    tell(f"run {kept.run_id}")
    if not checked:
        with _timed(kept, "check"):
            check_inputs(site.store, kept.plan, tell)
    with _timed(kept, "stage"):
        _stage_again(site.store, kept.plan)
        _write_files(folder, kept)
    kept.command = command_of(site, folder, kept.attempts, kept.work_folders(folder)[0])

    def begun(pid: int) -> None:
        kept.nextflow_pid = pid
        with suppress(OSError):  # a full disk: what matters will fail by itself
            folder.save(kept)

    with _timed(kept, "nextflow"):
        kept.exit_status = launch.run(
            kept.command, folder.path, site.toolbox.environment(), tell, keep=lock, begun=begun
        )
    if kept.exit_status != 0:
        found = launch.failure(folder.path, folder.trace(kept.attempts), kept.exit_status)
        raise launch.failed(found, kept.run_id)
    _check_images(site, folder, kept)
    with _timed(kept, "ingest"):
        kept.reported_versions = reported(folder.outdir)
        kept.images |= site.images_after(kept.plan.tasks())
        kept.planned_versions = settled(kept.planned_versions, kept.images)
        versions = actual(kept.planned_versions, kept.reported_versions)
        return ingest(site.store, Made(kept.run_id, kept.plan, folder.outdir, versions, site.settings.owner))


def _check_images(site: Site, folder: RunFolder, kept: RunRecord) -> None:
    """Refuse what was not made, or not all of it, by the images that recipes would name."""
    moved = site.changed_images(kept.plan.tasks())
    if not moved:
        return
    # Nobody knows which tasks ran in which: none may be gone on from, should the images move back.
    shutil.rmtree(folder.path / ".nextflow", ignore_errors=True)
    raise StargazerError(
        f"{', '.join(moved)} changed while the run {kept.run_id} went on: it cannot be told which image made "
        "what, and nothing was stored.",
        "Start a new run, and build no images while it goes on.",
    )


def _move_work(folder: RunFolder, kept: RunRecord, where: Path) -> None:
    """Have the run go on with another work folder; what it finds in the one before is still reused."""
    work.make(where, folder.path)
    work.check(where)
    before = [str(each) for each in kept.work_folders(folder)]
    kept.work = str(where)
    kept.earlier_work = [each for each in before if each != kept.work]


def _begin(folder: RunFolder, kept: RunRecord) -> None:
    """Write down who carries the run out, so that it can be cancelled from now on."""
    kept.attempts += 1
    kept.status = "running"
    kept.error, kept.hint, kept.ended_at, kept.exit_status = "", "", "", None
    kept.host, kept.pid, kept.nextflow_pid = socket.gethostname(), os.getpid(), 0
    folder.save(kept)


def _write_files(folder: RunFolder, kept: RunRecord) -> None:
    """Write what tells the pipeline what to do."""
    where, *earlier = kept.work_folders(folder)
    if kept.work:
        work.check_there(where, kept.run_id)
        work.check(where)
    reused = [each for each in earlier if each.is_dir()]
    linked = all(work.linked(each, folder.outdir) for each in (where, *reused))
    for name, content in files_of(kept.plan, folder, linked=linked).items():
        (folder.path / name).write_text(content, encoding="utf-8")


def _fault(folder: RunFolder, error: OSError) -> StargazerError:
    """Tell a fault of the system, most of all a full disk, that ended a run."""
    place = (
        f": {error.filename}" if error.filename else f", on the disk of {folder.path} or on that of the store"
    )
    return StargazerError(
        f"The run {folder.run_id} could not go on. {error.strerror or error}{place}",
        f"Mend that, then go on with: stargazer run --resume {folder.run_id}",
    )


def _broken(folder: RunFolder, error: Exception) -> StargazerError:
    """Tell an error of the program itself, which ended a run."""
    return StargazerError(
        f"The run {folder.run_id} was ended by an error of its program: {type(error).__name__}: {error}",
        f"Mend that, then go on with: stargazer run --resume {folder.run_id}",
    )


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


def _close(
    folder: RunFolder, kept: RunRecord, status: record.Status, error: StargazerError | None = None
) -> None:
    kept.status = status
    kept.error, kept.hint = (str(error), error.hint or "") if error else ("", "")
    kept.ended_at = record.utc_now()
    folder.save(kept)


def _close_failed(folder: RunFolder, kept: RunRecord, error: StargazerError) -> None:
    """Close a run that failed; where the disk is full its record stays as it is."""
    with suppress(OSError):
        _close(folder, kept, "failed", error)


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

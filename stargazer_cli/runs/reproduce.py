"""Run a finished run again from its record, in a clean folder, and compare by CID what comes out.

Nothing is stored: the record, the objects and the records of the store stay as they were.
"""

import contextlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import cluster, holder, launch, record, work
from stargazer_cli.runs.execute import check_inputs, files_of, with_limits, work_of
from stargazer_cli.runs.ingest import read_manifest
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.progress import Tell
from stargazer_cli.runs.recipe import Versions
from stargazer_cli.runs.record import MadeAsset, RunFolder, RunRecord
from stargazer_cli.runs.site import Site, find_site, not_needed
from stargazer_cli.runs.versions import reported
from stargazer_cli.settings import checked_folder

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import LocalStore

Status = Literal["same", "differs", "missing", "not recorded"]

# By design these are not the same bytes again: they hold times, or what threads did in which order.
EXEMPT = frozenset({"report", "genomics_db"})
_FOLDER = "reproduce"
_LEFT_BEHIND = 3600.0  # seconds: nobody takes so long from making a folder to locking it


@dataclass(frozen=True)
class Output:
    """A file of the run then and now; a CID is empty where there was none.

    `name` is the file's, or its path below the results folder where that alone tells it from another.
    """

    kind: str
    name: str
    recorded: str
    now: str

    @property
    def status(self) -> Status:
        """How the two compare."""
        if not self.now:
            return "missing"
        if not self.recorded:
            return "not recorded"
        return "same" if self.now == self.recorded else "differs"

    @property
    def exempt(self) -> bool:
        """Whether it does not decide."""
        return self.kind in EXEMPT


@dataclass
class Reproduction:
    """What came of running a run again.

    reused   how many files of the result earlier runs had made: they were inputs of this one
    changes  what is not as it was when the run was recorded
    folder   where the new files are, if they were to be kept
    """

    run_id: str
    outputs: list[Output] = field(default_factory=list)
    reused: int = 0
    changes: list[str] = field(default_factory=list)
    folder: Path | None = None

    @property
    def decisive(self) -> list[Output]:
        """The outputs that decide."""
        return [output for output in self.outputs if not output.exempt]

    @property
    def same(self) -> bool:
        """Whether all of them are what they were; where there are none, nothing was shown to be."""
        return bool(self.decisive) and all(output.status == "same" for output in self.decisive)


def site_to_reproduce(
    settings: "Settings", store: "LocalStore", run_id: str, profile: str = ""
) -> tuple[Site, RunRecord]:
    """Return the record of a finished run, and the site to run it again, by default under its own profile."""
    kept = record.find(settings.local / "runs", run_id).load()
    if kept.status != "done":
        raise UsageError(
            f"The run {kept.run_id} is {kept.status}: only what a run has finished can be reproduced.",
            f"Finish it with: stargazer run --resume {kept.run_id}" if kept.status != "running" else None,
        )
    record.check_workflow(kept)
    parameters = kept.plan.parameters
    site = find_site(
        settings,
        store,
        profile or kept.profile,
        kept.workflow,
        str(parameters.get("aligner", "")),
        without=not_needed(skip_report=bool(parameters.get("skip_report"))),
    )
    site.require_tools(kept.plan.tasks())
    return site, kept


def reproduce(
    site: Site, kept: RunRecord, tell: Tell, *, limits: Mapping[str, Any], keep: Path | None = None
) -> Reproduction:
    """Carry out a recorded run once more from nothing, and compare its outputs with those recorded.

    `limits` are the parameters that change no result, such as max_cpus. The files are removed at the end
    unless `keep` names a new folder for them. Raises StargazerError where there is nothing to compare.
    """
    cluster.check(site.profile, limits)
    plan = with_limits(kept.plan, limits)
    check_inputs(site.store, plan, tell)
    found = Reproduction(
        kept.run_id,
        reused=sum(made.reused for made in kept.assets),
        changes=changes_since(kept, site),
        folder=keep,
    )
    for change in found.changes:
        tell(f"note: {change}")
    try:
        with _clean_folder(site, kept.run_id, keep) as (folder, where), folder.locked() as lock:
            _run(site, _staged(site.store, plan), (folder, where), lock, tell, kept=keep is not None)
            found.changes += _new_changes(kept.reported_versions, reported(folder.outdir), found.changes)
            then = paths_of(kept.assets, record.RunFolder(site.runs / kept.run_id).outdir)
            found.outputs = compare(kept.assets, folder.outdir, then)
    except KeyboardInterrupt as stop:
        by_itself = not isinstance(stop, launch.HadToBeKilled)
        left = "" if by_itself else "End what is left of them (squeue --me, ps). "
        raise StargazerError(
            f"Reproducing {kept.run_id} was interrupted; {holder.how_nextflow_ended(by_itself=by_itself)}.",
            left + (f"What there is, is in {keep}" if keep else "Nothing was kept."),
        ) from None
    if not found.decisive:
        raise StargazerError(
            f"There is nothing to compare: {kept.run_id} made no file then or now that decides.",
            "Reproduce the runs that made the files which it took over."
            if found.reused
            else "Its record may be damaged: stargazer runs show " + kept.run_id,
        )
    return found


def paths_of(recorded: Sequence[MadeAsset], outdir: Path) -> list[str]:
    """Return where a recorded run had each file that it made, in the order of the record.

    Its own manifest says it, whose lines are in that order; nothing where that is gone or is another's.
    """
    try:
        entries = read_manifest(outdir)
    except (StargazerError, OSError, UnicodeDecodeError):
        return []
    kinds = [made.keyvalues["asset"] for made in recorded if not made.reused]
    return [str(entry["path"]) for entry in entries] if [e["asset"] for e in entries] == kinds else []


def compare(recorded: Sequence[MadeAsset], outdir: Path, paths: Sequence[str] = ()) -> list[Output]:
    """Hash what a manifest names, and hold it against what a record says that the run made.

    Files are compared by kind and path below the results folder: two of them may have one name. `paths` are
    those of what the run made, in the record's order; where nobody knows them, files of a name are compared.
    """
    from stargazer_cli.store import cids_of
    from stargazer_cli.store.local import THREADS

    entries = read_manifest(outdir)
    cids = cids_of([outdir / entry["path"] for entry in entries], threads=THREADS)
    now = {(str(entry["asset"]), str(entry["path"])): cid for entry, cid in zip(entries, cids, strict=True)}
    made = [each for each in recorded if not each.reused]
    then = {
        (each.keyvalues["asset"], path): each.cid
        for each, path in zip(made, paths or _paths_by_name(made, now), strict=True)
    }
    files = list(dict.fromkeys([*then, *now]))
    times = Counter((kind, Path(path).name) for kind, path in files)
    return [
        Output(
            kind,
            path if times[kind, Path(path).name] > 1 else Path(path).name,
            then.get((kind, path), ""),
            now.get((kind, path), ""),
        )
        for kind, path in files
    ]


def _paths_by_name(made: Sequence[MadeAsset], now: Mapping[tuple[str, str], str]) -> list[str]:
    """Return for each file the path of one of its kind and name, each path once: of the same bytes first."""
    free = dict(now)
    found: dict[int, str] = {}
    for by_bytes in (True, False):
        for number, each in enumerate(made):
            like = (
                (kind, path)
                for (kind, path), cid in free.items()
                if (kind, Path(path).name) == (each.keyvalues["asset"], each.name)
                and (cid == each.cid or not by_bytes)
            )
            if number not in found and (place := next(like, None)):
                found[number] = place[1]
                del free[place]
    return [found.get(number, each.name) for number, each in enumerate(made)]


def changes_since(kept: RunRecord, site: Site) -> list[str]:
    """Return what is not as it was when a run was recorded, as far as that is known before it runs."""
    changes = []
    commit = record.pipeline_commit(catalog.pipeline_dir())
    if commit != kept.commit:
        changes.append(f"the pipeline was {kept.commit}, it is {commit}")
    scripts = kept.plan.scripts()
    changes += [
        f"the script of {task} is another" for task, then in kept.scripts.items() if scripts.get(task) != then
    ]
    if site.profile != kept.profile:
        return [*changes, f"the profile was {kept.profile}, it is {site.profile}"]
    ran = {task: kept.planned_versions.get(task, {}) for task in kept.plan.tasks()}
    return [*changes, *_new_changes(ran, site.versions, changes)]


def _new_changes(then: Versions, now: Versions, known: Sequence[str]) -> list[str]:
    """Return the tools whose versions differ in tasks that both have, each once."""
    changes = {
        f"{tool} was {then[task].get(tool) or 'missing'}, it is {now[task].get(tool) or 'missing'}"
        for task in then.keys() & now.keys()
        for tool in then[task].keys() | now[task].keys()
        if then[task].get(tool) != now[task].get(tool)
    }
    return sorted(changes.difference(known))


def _staged(store: "LocalStore", plan: Plan) -> Plan:
    """Return the plan with each input at the path that the store gives it now: it may have been moved."""
    places = {path: str(store.stage(cid, Path(path).name)) for path, cid in plan.inputs.items()}
    return plan.model_copy(
        update={
            "parameters": {
                name: [places.get(each, each) for each in value]
                if isinstance(value, list)
                else places.get(value, value)
                for name, value in plan.parameters.items()
            },
            "samplesheet": _moved(plan.samplesheet, places),
            "known_sites": _moved(plan.known_sites, places),
            "inputs_table": _moved(plan.inputs_table, places),
            "inputs": {places[path]: cid for path, cid in plan.inputs.items()},
        }
    )


def _moved(rows: Sequence[Mapping[str, str]], places: Mapping[str, str]) -> list[dict[str, str]]:
    return [{column: places.get(cell, cell) for column, cell in row.items()} for row in rows]


def _run(
    site: Site, plan: Plan, places: tuple[RunFolder, Path], lock: int, tell: Tell, *, kept: bool
) -> None:
    folder, where = places
    for name, content in files_of(plan, folder, linked=work.linked(where, folder.outdir)).items():
        (folder.path / name).write_text(content, encoding="utf-8")
    command = launch.command(
        site.toolbox.nextflow,
        catalog.pipeline_dir() / catalog.script_of(plan.workflow),
        profile=site.profile,
        trace=folder.trace(1),
        log=folder.log,
        params=folder.path / "params.json",
        work=where,
        resume=False,
    )
    with launch.stop_signals_interrupt():
        status = launch.run(command, folder.path, site.toolbox.environment(), tell, keep=lock)
    if status == 0:
        return
    failure = launch.failure(folder.path, folder.trace(1), status)
    hint = f"{failure.hint}." if kept else "--keep FOLDER leaves the task's folder and Nextflow's log there."
    raise StargazerError(failure.message, hint, failure.lines)


@contextlib.contextmanager
def _clean_folder(site: Site, run_id: str, keep: Path | None) -> Iterator[tuple[RunFolder, Path]]:
    """Give an empty folder and its work folder, gone at the end; one to keep loses its work at a success."""
    if site.settings.work:
        work.check(site.settings.work)
    if keep is not None:
        folder = RunFolder(_folder_to_keep(keep))
        where = folder.work
        if site.settings.work:
            where = Path(tempfile.mkdtemp(prefix=f"{run_id}-", dir=site.settings.work))
        yield folder, where
        shutil.rmtree(where, ignore_errors=True)
        return
    parent = site.store.root / _FOLDER
    parent.mkdir(exist_ok=True)
    _remove_left_behind(site, parent)
    path = Path(tempfile.mkdtemp(prefix=f"{run_id}-", dir=parent))
    where = work_of(site, RunFolder(path))
    try:
        if site.settings.work:
            work.make(where, path)
        yield RunFolder(path), where
    finally:
        _remove(site, path)
        with contextlib.suppress(OSError):  # another one is at work there
            parent.rmdir()


def _remove(site: Site, path: Path) -> None:
    """Remove a folder, and the work folder that was made for it; the name of the one leads to the other."""
    work.remove(work_of(site, RunFolder(path)), path)
    shutil.rmtree(path, ignore_errors=True)


def _folder_to_keep(keep: Path) -> Path:
    path = checked_folder(keep, "--keep")
    try:
        path.mkdir(parents=True, exist_ok=True)
        empty = not any(path.iterdir())
    except OSError as error:
        raise UsageError(f"{keep} cannot be made a folder: {error.strerror}.") from None
    if not empty:
        raise UsageError(f"{keep} is not empty.", "Give a new folder.")
    return path


def _remove_left_behind(site: Site, parent: Path) -> None:
    """Remove the folders of those that were killed."""
    for path in parent.iterdir():
        if time.time() - path.stat().st_mtime > _LEFT_BEHIND and not RunFolder(path).busy():
            _remove(site, path)

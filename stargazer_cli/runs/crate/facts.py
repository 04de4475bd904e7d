"""What the crate of a run says, gathered from the run's folder and the store.

Nothing in it tells about the machine: its name, its folders, its secrets.
"""

import contextlib
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError
from stargazer_cli.runs.crate.scrub import scrubber
from stargazer_cli.runs.ingest import read_manifest
from stargazer_cli.runs.record import pipeline_commit
from stargazer_cli.runs.trace import TaskRun, task_runs

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.runs.record import RunFolder, RunRecord
    from stargazer_cli.store import LocalStore


@dataclass(frozen=True)
class DataFile:
    """A file that the run took or made; `role` is what it is to the workflow."""

    cid: str
    name: str
    role: str
    keyvalues: Mapping[str, str]
    derived_from: tuple[str, ...] = ()
    size: int | None = None


@dataclass(frozen=True)
class Facts:
    """All that the crate says, with nothing in it that tells about the machine.

    made_by          execution (its key) -> CIDs of the stored files that it made
    script           that was run, as of `script_version`: the run's own commit wherever git has it
    """

    record: "RunRecord"
    inputs: tuple[DataFile, ...]
    outputs: tuple[DataFile, ...]
    reused: tuple[DataFile, ...]
    tasks: tuple[TaskRun, ...]
    made_by: Mapping[str, tuple[str, ...]]
    versions: Mapping[str, Mapping[str, str]]
    parameters: Mapping[str, Any]
    owner: str
    error: str
    script: bytes
    script_version: str


def gather(store: "LocalStore", folder: "RunFolder", kept: "RunRecord") -> Facts:
    """Read what is known about a run: its record, its tables of tasks, and the records of its files."""
    made = [asset for asset in kept.assets if not asset.reused]
    cids = {*kept.plan.inputs.values(), *(asset.cid for asset in kept.assets)}
    known: dict[str, list[Asset]] = {}
    for asset in store.find(cid=sorted(cids)) if cids else []:
        known.setdefault(asset.cid, []).append(asset)
    roles = _roles(kept)
    inputs = {
        cid: _data_file(store, cid, Path(path).name, roles.get(cid, ""), known.get(cid, []))
        for path, cid in kept.plan.inputs.items()
    }
    outputs, reused = (
        {
            asset.cid: replace(
                _data_file(store, asset.cid, asset.name, "", known.get(asset.cid, [])),
                keyvalues=asset.keyvalues,
                role=asset.keyvalues.get("asset", "output"),
            )
            for asset in kept.assets
            if asset.reused is was_reused
        }
        for was_reused in (False, True)
    )
    owners = [
        asset.owner for each in made for asset in known.get(each.cid, []) if kept.run_id in asset.run_ids
    ]
    tasks = task_runs([folder.trace(attempt) for attempt in range(1, kept.attempts + 1)])
    script, script_version = _script(catalog.script_of(kept.workflow), kept.commit)
    return Facts(
        record=kept,
        inputs=tuple(inputs.values()),
        outputs=tuple(outputs.values()),
        reused=tuple(file for cid, file in reused.items() if cid not in inputs and cid not in outputs),
        tasks=tuple(_timed_in(kept, task) for task in tasks),
        made_by=_made_by(folder, [asset.cid for asset in made], tasks),
        versions=_versions(kept, tasks),
        parameters=_parameters(kept, _scrubber(store, folder)),
        owner=next((owner for owner in owners if owner), ""),
        error=_scrubber(store, folder, host=kept.host)(kept.error)
        or ("" if kept.status == "done" else kept.status),
        script=script,
        script_version=script_version,
    )


def _data_file(store: "LocalStore", cid: str, name: str, role: str, assets: "list[Asset]") -> DataFile:
    here = store.object(cid)
    # Of several records on the bytes, the one under whose name the run was given them.
    named = [asset for asset in assets if store.staged_path(cid, asset.name).name == name]
    asset = next(iter(named or assets), None)
    keyvalues = asset.to_keyvalues() if asset else {}
    return DataFile(
        cid=cid,
        name=asset.name if asset else name,
        role=role or keyvalues.get("asset", "input"),
        keyvalues=keyvalues,
        derived_from=tuple(asset.derived_from) if asset else (),
        size=here.stat().st_size if here else None,
    )


def _roles(kept: "RunRecord") -> dict[str, str]:
    """Return what each input is to the workflow: its role in a recipe, else the parameter that names it."""
    roles = {kept.plan.inputs[value]: key for key, value in _paths(kept.plan.parameters, kept.plan.inputs)}
    roles |= {source.cid: source.role for spec in kept.plan.recipes for source in spec.sources}
    return roles


def _paths(parameters: Mapping[str, Any], inputs: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for key, value in parameters.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and each in inputs:
                yield key, each


def _parameters(kept: "RunRecord", scrub: Callable[[str], str]) -> dict[str, Any]:
    """Return the parameters that are values; those that name files are files of the crate."""
    files = {key for key, _ in _paths(kept.plan.parameters, kept.plan.inputs)}
    shown = {}
    for key, value in kept.plan.parameters.items():
        if key in files or key in ("workflow", "task") or value is None:
            continue
        shown[key] = value if isinstance(value, bool | int | float) else scrub(_text(value))
    return shown


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _scrubber(store: "LocalStore", folder: "RunFolder", *, host: str = "") -> Callable[[str], str]:
    """Return a function that takes secrets and folders of this machine, and a host's name, out of a text."""
    secrets = [
        value.get_secret_value()
        for value in dict(store.settings).values()
        if isinstance(value, SecretStr) and value.get_secret_value()
    ]
    folders = [folder.path, store.root, store.settings.tools, catalog.pipeline_dir(), Path.home()]
    folders += [work] if (work := store.settings.work) else []
    return scrubber(secrets=secrets, folders=folders, host=host)


def _versions(kept: "RunRecord", tasks: list[TaskRun]) -> dict[str, dict[str, str]]:
    """Return the versions of the tools of each task that ran: reported by it, else as planned."""
    planned, reported = kept.planned_versions, kept.reported_versions
    ran = {task.task for task in tasks} or set(planned | reported)
    merged = {task: planned.get(task, {}) | reported.get(task, {}) for task in sorted(ran)}
    # An image or a conda environment is no tool, and one that was not found has no version.
    return {
        task: {
            tool: version
            for tool, version in tools.items()
            if version and tool not in ("image", "environment")
        }
        for task, tools in merged.items()
    }


def _timed_in(kept: "RunRecord", task: TaskRun) -> TaskRun:
    """Leave out times outside the run: the table has no time zone, and this machine may be in another."""
    slack = timedelta(minutes=1)
    begin = datetime.fromisoformat(kept.started_at) - slack
    end = datetime.fromisoformat(kept.ended_at) + slack if kept.ended_at else datetime.now(UTC)
    times = (task.started_at, task.ended_at)
    if all(time is None or begin <= time <= end for time in times):
        return task
    return replace(task, started_at=None, ended_at=None)


def _made_by(folder: "RunFolder", made: list[str], tasks: list[TaskRun]) -> dict[str, tuple[str, ...]]:
    """Return which execution made which stored files, where task and subject leave no doubt."""
    try:
        entries = read_manifest(folder.outdir)
    except StargazerError:
        # Gone with the results, or of an earlier version: the crate says less, which is no fault.
        return {}
    if len(entries) != len(made):
        return {}
    found: dict[str, list[str]] = {}
    for entry, cid in zip(entries, made, strict=True):
        able = [task for task in tasks if task.succeeded and task.task == entry["task"]]
        subject = entry.get("subject") or entry.get("sample_id") or ""
        chosen = able if len(able) == 1 else [task for task in able if task.subject == subject]
        if len(chosen) == 1:
            found.setdefault(chosen[0].key, []).append(cid)
    return {key: tuple(dict.fromkeys(cids)) for key, cids in found.items()}


def _script(name: str, commit: str) -> tuple[bytes, str]:
    """Return a script as of a commit where git has it, else as it is now; and of which version it is."""
    pipeline = catalog.pipeline_dir()
    if re.fullmatch(r"[0-9a-f]{4,40}", commit):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            shown = subprocess.run(
                ["git", "-C", str(pipeline), "show", f"{commit}:./{name}"],
                capture_output=True,
                check=True,
                timeout=20,
            )
            return shown.stdout, commit
    return (pipeline / name).read_bytes(), pipeline_commit(pipeline)

"""Bring what the pipeline made into the store, from its manifest `assets.jsonl`, in one transaction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stargazer_cli.errors import StargazerError
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.recipe import Versions

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore, NewFile

MANIFEST = "assets.jsonl"

# What a line says of the run, beside the fields of the asset: the task that made the file, the task whose
# recipe stands for it where that is another (`step`: a gathered GVCF is what haplotype_caller calls), the
# sample or cohort that it was made for where no field of the asset tells, and where a task was run alone
# the name of the output.
_OF_THE_RUN = frozenset({"asset", "path", "task", "step", "subject", "output", "derived_from"})


@dataclass(frozen=True)
class Made:
    """What a run made and by what, as far as its assets need it."""

    run_id: str
    plan: Plan
    outdir: Path
    versions: Versions
    owner: str = ""


def ingest(store: "LocalStore", made: Made) -> list["Asset"]:
    """Store every file of the manifest with its links turned into CIDs; returns the assets, in its order.

    Nothing is stored unless every line is sound: a missing file, a path outside `outdir` or an unknown
    link refuses the whole manifest.
    """
    entries = _described(made.plan, read_manifest(made.outdir))
    files = {entry["path"]: _inside(made.outdir, entry["path"]) for entry in entries}
    return [added.asset for added in store.add([_new_file(made, entry, files) for entry in entries])]


def read_manifest(outdir: Path) -> list[dict[str, Any]]:
    """Return the lines of the manifest; each has at least `asset`, `path`, `task` and `derived_from`."""
    file = outdir / MANIFEST
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise StargazerError(
            f"The pipeline ended without a manifest: {file} is missing.", "Nothing was stored; run again."
        ) from None
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            missing = {"asset", "path", "task", "derived_from"} - set(entry)
        except (ValueError, TypeError):
            raise StargazerError(
                f"{file} line {number} is not a JSON object.", "Nothing was stored."
            ) from None
        if missing:
            raise StargazerError(
                f"{file} line {number} has no {sorted(missing)[0]!r}.", "Nothing was stored."
            )
        entries.append(entry)
    return entries


def _described(plan: Plan, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to the lines of a task that was run alone what its plan says of its outputs."""
    if not plan.outputs:
        return entries
    described = []
    for entry in entries:
        planned = plan.outputs.get(entry.get("output", ""))
        if planned is None or planned.kind != entry["asset"]:
            raise StargazerError(
                f"The manifest says that {entry['path']} is {entry.get('output')!r} of {plan.workflow}, "
                "which makes no such thing.",
                "Nothing was stored; please report this.",
            )
        links = {
            field: linked[0]["path"]
            for field, name in planned.links.items()
            if len(linked := [other for other in entries if other.get("output") == name]) == 1
        }
        described.append({**planned.fields, **links, **entry, "subject": plan.subject})
    return described


def _new_file(made: Made, entry: dict[str, Any], files: Mapping[str, Path]) -> "NewFile":
    """Return a file and what it is; links to files of the same run stay paths: the store knows their CIDs."""
    from stargazer_cli.assets import new_asset
    from stargazer_cli.store import NewFile

    path = files[entry["path"]]
    fields = {key: value for key, value in entry.items() if key not in _OF_THE_RUN}
    # What a plan knows to link to, it names by CID.
    known = [value for output in made.plan.outputs.values() for value in output.fields.values()]
    links = {
        key: value for key, value in fields.items() if key.endswith("_cid") and value and value not in known
    }
    for value in (*links.values(), *entry["derived_from"]):
        if value not in files and value not in made.plan.inputs:
            raise StargazerError(
                f"The manifest makes {entry['path']} from {value}: no input and no output of the run.",
                "Nothing was stored; please report this.",
            )
    subject = entry.get("subject") or entry.get("sample_id") or ""
    spec = made.plan.recipe_of(entry.get("step", entry["task"]), str(subject))
    asset = new_asset(
        entry["asset"],
        name=path.name,
        run_ids=[made.run_id],
        owner=made.owner,
        recipe=spec.digest(made.versions) if spec else "",
        derived_from=sorted(
            {made.plan.inputs[value] for value in entry["derived_from"] if value not in files}
        ),
        **{key: made.plan.inputs.get(value, "") if key in links else value for key, value in fields.items()},
    )
    return NewFile(
        path,
        asset,
        made_here=True,
        links={key: files[value] for key, value in links.items() if value in files},
        made_from=tuple(files[value] for value in entry["derived_from"] if value in files),
    )


def _inside(outdir: Path, relative: str) -> Path:
    path = outdir / relative
    if not path.resolve().is_relative_to(outdir.resolve()) or not path.is_file():
        raise StargazerError(
            f"The manifest names {relative}, which is not a file in {outdir}.", "Nothing was stored."
        )
    return path

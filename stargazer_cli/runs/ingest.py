"""Bring what the pipeline made into the store, from its manifest `assets.jsonl`, in one transaction."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
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
_HASH_THREADS = 4


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
    from stargazer_cli.store import cid_of

    entries = read_manifest(made.outdir)
    paths = [_inside(made.outdir, entry["path"]) for entry in entries]
    with ThreadPoolExecutor(_HASH_THREADS) as pool:
        cids = list(pool.map(cid_of, paths))
    links = made.plan.inputs | {entry["path"]: cid for entry, cid in zip(entries, cids, strict=True)}
    new = [
        _new_file(made, entry, path, cid, links)
        for entry, path, cid in zip(entries, paths, cids, strict=True)
    ]
    return [added.asset for added in store.add(new)]


def read_manifest(outdir: Path) -> list[dict[str, Any]]:
    """Return the lines of the manifest; each has at least `asset`, `path`, `stage` and `derived_from`."""
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
            missing = {"asset", "path", "stage", "derived_from"} - set(entry)
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


def _new_file(made: Made, entry: dict[str, Any], path: Path, cid: str, links: Mapping[str, str]) -> "NewFile":
    from stargazer_cli.assets import KINDS, new_asset
    from stargazer_cli.store import NewFile

    kind = entry["asset"]
    declared = KINDS[kind].model_fields if kind in KINDS else {}
    fields = {key: value for key, value in entry.items() if key not in {"asset", "path", "derived_from"}}
    stage = fields["stage"]
    if "stage" not in declared:
        # The name of the step; only an AnnData also carries it as a field of its own.
        del fields["stage"]
    for key, value in fields.items():
        if key.endswith("_cid") and value:
            fields[key] = _link(links, value, entry["path"])
    spec = made.plan.recipe_of(stage, str(fields.get("sample_id", "")))
    asset = new_asset(
        kind,
        cid=cid,
        name=path.name,
        run_ids=[made.run_id],
        owner=made.owner,
        recipe=spec.digest(made.versions) if spec else "",
        derived_from=sorted({_link(links, value, entry["path"]) for value in entry["derived_from"]}),
        **fields,
    )
    return NewFile(path, asset, made_here=True)


def _link(links: Mapping[str, str], value: str, path: str) -> str:
    try:
        return links[value]
    except KeyError:
        raise StargazerError(
            f"The manifest makes {path} from {value}, which is no input and no output of the run.",
            "Nothing was stored; please report this.",
        ) from None


def _inside(outdir: Path, relative: str) -> Path:
    path = outdir / relative
    if not path.resolve().is_relative_to(outdir.resolve()) or not path.is_file():
        raise StargazerError(
            f"The manifest names {relative}, which is not a file in {outdir}.", "Nothing was stored."
        )
    return path

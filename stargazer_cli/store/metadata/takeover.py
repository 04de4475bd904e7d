"""Files of TinyDB that something else wrote: made ours once, with nothing of them lost.

Two shapes are known. A plain one holds our records, perhaps without some of the base fields. That of an
earlier system has only `cid`, `keyvalues`, `created_at` and `rel_path`: its CIDs are `local_<md5>`, and the
bytes lie below the store folder at `rel_path`.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stargazer_cli.assets.asset import to_text
from stargazer_cli.errors import StargazerError
from stargazer_cli.store.metadata.sealed import SEAL_TABLE, Tables
from stargazer_cli.store.metadata.table import TABLE
from stargazer_cli.store.objects import Objects
from stargazer_cli.store.record import Identity, Record, checked, checked_keyvalues, identity

_EARLIER = "local_"


@dataclass
class Taken:
    """The records of a file, complete, and a line on each thing that was left out."""

    records: list[Record] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def take_over(root: Path, tables: Tables) -> Taken:
    """Return the records of a TinyDB file of the store folder `root`; files of an earlier system enter it.

    Such a file is copied, and its record taken, when its content is what the record says; links to it turn
    into links to its CID. The caller holds the store's lock.
    """
    taken = Taken()
    found: list[Record] = []
    cids: dict[str, str] = {}
    for name, table in tables.items():
        if name in (TABLE, "_default"):
            for number, record in table.items():
                try:
                    found.append(checked(_entered(root, record, cids)))
                except (ValueError, StargazerError) as error:
                    taken.left.append(f"record {number} of the table {name!r}: {str(error).rstrip('.')}")
        elif name != SEAL_TABLE:
            taken.left.append(f"the table {name!r} with {len(table)} records")
    seen: set[Identity] = set()
    for record in found:
        record["keyvalues"] = {key: _linked(key, value, cids) for key, value in record["keyvalues"].items()}
        record["derived_from"] = [cids.get(cid, cid) for cid in record["derived_from"]]
        taken.left += _lost_links(record)
        if (same := identity(record)) not in seen:
            seen.add(same)
            taken.records.append(record)
    return taken


def _entered(root: Path, record: Any, cids: dict[str, str]) -> Any:
    """Return a record of an earlier system as one of ours, with its file in the store; others as they are."""
    if not isinstance(record, dict) or "rel_path" not in record:
        return record
    cid, keyvalues = str(record.get("cid", "")), record.get("keyvalues")
    path = root / str(record["rel_path"])
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"its file {path} is outside of the store")
    if not isinstance(keyvalues, dict):
        raise ValueError("its keyvalues are not text")
    ours = checked_keyvalues(
        {key: to_text(value) for key, value in keyvalues.items() if value not in (None, "", [])}
    )
    if cid.startswith(_EARLIER):
        cids[cid] = _enter(Objects(root), path, cid.removeprefix(_EARLIER))
        cid = cids[cid]
    return {key: record[key] for key in record.keys() & {"created_at"}} | {
        "cid": cid,
        "name": path.name,
        "keyvalues": ours,
    }


def _enter(objects: Objects, path: Path, md5: str) -> str:
    """Copy a file into the store and return its CID; ValueError when it is not what its md5 says."""
    with objects.workspace() as workspace:
        entered = objects.enter(path, workspace / "0")
        copy = entered.waiting or objects.require(entered.cid)
        with copy.open("rb") as stream:
            if hashlib.file_digest(stream, _md5).hexdigest() != md5.lower():
                raise ValueError(f"the content of its file {path} is not what its cid says")
        objects.place([entered], [])
    return entered.cid


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _linked(key: str, value: str, cids: dict[str, str]) -> str:
    return cids.get(value, value) if key.endswith("_cid") else value


def _lost_links(record: Record) -> Iterable[str]:
    """Tell of links to files that could not be taken over: they stay as they were."""
    for key, value in record["keyvalues"].items():
        if key.endswith("_cid") and value.startswith(_EARLIER):
            yield f"the file behind {key}={value} of {record['name']}"

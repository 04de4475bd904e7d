"""Files of TinyDB that something else wrote: made ours once, with nothing of them lost.

Two shapes are known. A plain one holds our records, perhaps without some of the base fields. That of an
earlier system has only `cid`, `keyvalues`, `created_at` and `rel_path`: its CIDs are `local_<md5>`, and the
bytes lie below the store folder at `rel_path`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from stargazer_cli.assets.asset import to_text
from stargazer_cli.errors import StargazerError
from stargazer_cli.store.metadata.sealed import DEFAULT_TABLE, SEAL_TABLE, Lines, Tables, counted
from stargazer_cli.store.metadata.table import TABLE
from stargazer_cli.store.objects import Objects, unique
from stargazer_cli.store.record import (
    Identity,
    Record,
    checked,
    checked_keyvalues,
    identity,
    united,
)

_EARLIER = "local_"
_PATH = "rel_path"
_TABLES = (TABLE, DEFAULT_TABLE)


@dataclass
class Taken:
    """The records of a file by number, complete.

    faults   what is no record, one line each
    told     what else was left out or changed, one sentence each
    """

    records: dict[int, Record] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


def take_over(root: Path, tables: Tables, good: Lines = MappingProxyType({})) -> Taken:
    """Return the records of a TinyDB file of the store folder `root`; files of an earlier system enter it.

    Such a file is copied, and its record taken, when its content is what the record says; links to it turn
    into links to its CID. A record that is in `good`, the lines of an earlier state, stays as it is: it may
    be of another version. Equal records become one, and no two have the same id. The caller holds the
    store's lock.
    """
    taken = Taken()
    found: list[tuple[int, Record]] = []
    cids: dict[str, str] = {}
    fields: Counter[str] = Counter()
    for name, number, document in _documents(tables):
        known = name == TABLE and good.get(number) == orjson.dumps(document)
        try:
            record = document if known else checked(_entered(root, document, cids))
        except (ValueError, StargazerError) as error:
            table = "" if name == TABLE else f" of the table {name!r}"
            taken.faults.append(f"record {number}{table}: {str(error).rstrip('.')}")
            continue
        fields.update(document.keys() - {*record, _PATH})
        last = found[-1][0] if found else 0
        found.append((number if name == TABLE and number > last else last + 1, record))
    taken.told += [f"Not taken over: the field {key!r} of {counted(n)}." for key, n in sorted(fields.items())]
    for name, others in tables.items():
        if others and name not in (*_TABLES, SEAL_TABLE):
            taken.told.append(f"Not taken over: the table {name!r} of {counted(len(others))}.")
    for _, record in found:
        record["keyvalues"] = {key: _linked(key, value, cids) for key, value in record["keyvalues"].items()}
        record["derived_from"] = [cids.get(cid, cid) for cid in record["derived_from"]]
        taken.told += _lost_links(record)
    _join(found, taken)
    return taken


def _documents(tables: Tables) -> Iterator[tuple[str, int, Any]]:
    """Give what should be records, each with its table and number: ours first, in order."""
    for name in _TABLES:
        for number, document in sorted(tables.get(name, {}).items(), key=lambda each: int(each[0])):
            yield name, int(number), document


def _join(found: Iterable[tuple[int, Record]], taken: Taken) -> None:
    """Enter records: equal ones become one, and a second record of an id gets another id."""
    numbers: dict[Identity, int] = {}
    holders: dict[str, int] = {}
    for number, record in found:
        first = numbers.setdefault(identity(record), number)
        if first != number:
            taken.records[first] = united(taken.records[first], record)
            continue
        if (holder := holders.setdefault(record["id"], number)) != number:
            other = unique()
            taken.told.append(
                f"Record {number} had the id {record['id']} of record {holder}: it now has the id {other}."
            )
            record["id"] = other
        taken.records[number] = record


def _entered(root: Path, record: Any, cids: dict[str, str]) -> Any:
    """Return a record of an earlier system as one of ours, with its file in the store; others as they are."""
    if not isinstance(record, dict) or _PATH not in record:
        return record
    cid, keyvalues = str(record.get("cid", "")), record.get("keyvalues")
    path = root / str(record[_PATH])
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
            yield f"Not taken over: the file behind {key}={value} of {record['name']}."

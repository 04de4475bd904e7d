"""Records at Pinata: few keyvalues beside a file, and everything in a small JSON object of its own.

Pinata keeps ten pairs a file and finds files by them. So a file there carries what a search asks for:

    asset, sample_id, …    the keys that all records of the file agree on, in the order of its kind
    record_cid             the CID of the object with the full records, several of one file in one object
    record_partial         "true" where these pairs do not tell every record as a whole

The object itself carries `record_of`, the CID of the file. It is named by its content and never changed: a
new state is a new object. Where two machines wrote at the same time, both objects are there, and whoever
reads next unites them.
"""

import json
from collections.abc import Collection, Iterable, Mapping

from stargazer_cli.assets import BASE_FIELDS, KINDS, Asset
from stargazer_cli.errors import StargazerError
from stargazer_cli.store.record import FIELDS, Identity, Record, checked, identity, shaped, united
from stargazer_cli.store.remote.pinata import MOST_KEYVALUES

RECORD_CID = "record_cid"
RECORD_OF = "record_of"
PARTIAL = "record_partial"
_FORMAT = 1
_RESERVED = frozenset({RECORD_CID, RECORD_OF, PARTIAL})
# Nobody searches for a long text as a whole.
_LONGEST_VALUE = 250
# A hundred thousand runs of one file would fit.
LARGEST_OBJECT = 16 << 20


def encode(cid: str, records: Iterable[Record]) -> bytes:
    """Return the object with the records of a file; equal records give equal bytes."""
    # The path is that of this machine.
    ordered = sorted(({key: record[key] for key in FIELDS} for record in records), key=_by_id)
    document = {"stargazer": _FORMAT, "cid": cid, "records": ordered}
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def decode(content: bytes, cid: str) -> list[Record]:
    """Undo `encode`; what is not the records of this file is refused."""
    try:
        document = json.loads(content)
        if document["stargazer"] != _FORMAT:
            raise StargazerError(
                f"The records of {cid} at Pinata are in the form {document['stargazer']!r}, which is not"
                " known here.",
                "A newer stargazer wrote them: update this one.",
            )
        records = [shaped(record) for record in document["records"] if record.keys() >= {*FIELDS}]
        sound = len(records) == len(document["records"]) and document["cid"] == cid
        sound = sound and all(record["cid"] == cid and record["id"] for record in records)
        # Half a surrogate is JSON and no text.
        encode(cid, records)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise StargazerError(
            f"What Pinata keeps as the records of {cid} is none.",
            "Delete the file there, and push it again from where its records are.",
        )
    return records


def arrived(record: Record) -> Record:
    """Return a record of Pinata as it may enter a store; one that no asset here could be is refused."""
    try:
        return checked(record)
    except ValueError as error:
        raise StargazerError(
            f"The record of {record['name']!r} ({record['cid']}) at Pinata cannot be taken: {error}.",
            "Correct it where it was made, and push it again.",
        ) from None


def unite(*groups: Iterable[Record]) -> list[Record]:
    """Return all records, each once; of those with one id the first is taken, equal ones become one."""
    taken: dict[str, Record] = {}
    for record in (dict(record) for group in groups for record in group):
        taken.setdefault(record["id"], record)
    merged: dict[Identity, Record] = {}
    for record in taken.values():
        twin = merged.get(identity(record))
        merged[identity(record)] = record if twin is None else united(twin, record)
    return list(merged.values())


def searchable(records: Collection[Record], record_cid: str, present: Iterable[str] = ()) -> dict[str, str]:
    """Return the pairs of a file with these records; with the keys `present` there they are ten at most."""
    common = _common(records)
    pairs = {RECORD_CID: record_cid}
    taken = {RECORD_CID, *present}
    whole = all(record["keyvalues"] == common for record in records)
    if whole and len(taken | common.keys()) <= MOST_KEYVALUES:
        return pairs | common
    taken.add(PARTIAL)
    for key, value in common.items():
        if key in taken or len(taken) < MOST_KEYVALUES:
            pairs[key] = value
            taken.add(key)
    return pairs | {PARTIAL: "true"}


def told(keyvalues: Mapping[str, str]) -> dict[str, str]:
    """Return the keyvalues of the asset that a file's pairs tell; an empty one is what was removed."""
    foreign = _RESERVED | BASE_FIELDS
    return {key: value for key, value in keyvalues.items() if key not in foreign and value}


def _common(records: Collection[Record]) -> dict[str, str]:
    """Return the searchable keyvalues that all records share, in the order of their kind."""
    first, *others = (record["keyvalues"] for record in records)
    kind = KINDS.get(first.get("asset", ""), Asset)
    order = [key for key in ("asset", *kind.fields()) if key in first]
    order += [key for key in first if key not in order]
    return {
        key: first[key]
        for key in order
        if key not in _RESERVED
        and len(first[key]) <= _LONGEST_VALUE
        and all(other.get(key) == first[key] for other in others)
    }


def _by_id(record: Record) -> str:
    return str(record["id"])

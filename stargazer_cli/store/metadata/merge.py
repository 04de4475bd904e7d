"""How records join those that are here already."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.metadata.match import Match
from stargazer_cli.store.record import Identity, identity, united

if TYPE_CHECKING:
    from tinydb.table import Table

T = TypeVar("T")
_BATCH = 5_000


@dataclass(frozen=True)
class Merged:
    """How many records were new, taught an equal one something, or changed nothing."""

    added: int
    merged: int
    unchanged: int

    def __add__(self, other: "Merged") -> "Merged":
        """Return the sums."""
        return Merged(self.added + other.added, self.merged + other.merged, self.unchanged + other.unchanged)


def merge(table: "Table", records: Iterable[Mapping[str, Any]]) -> Merged:
    """Add records to a table within a transaction; one that is there already takes on what it lacks.

    Raises StargazerError where a record of the same id is another one: it was changed on one side.
    """
    total = Merged(0, 0, 0)
    for batch in batches(records):
        total += _merge(table, batch)
    return total


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Give items in lists of a few thousand, so that memory does not grow with their number."""
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _merge(table: "Table", records: list[Mapping[str, Any]]) -> Merged:
    here = table.search(Match({"cid": list({record["cid"] for record in records})}))
    known: dict[Identity, dict[str, Any]] = {identity(record): dict(record) for record in here}
    ids = {record["id"]: identity(record) for record in table.search(Match({"id": _ids(records)}))}
    doc_ids = {identity(record): record.doc_id for record in here}
    new: dict[Identity, dict[str, Any]] = {}
    changed: set[Identity] = set()
    merged = 0
    for record in records:
        same = identity(record)
        if ids.setdefault(record["id"], same) != same:
            raise StargazerError(
                f"The record {record['id']} of {record['name']!r} ({record['cid']}) says other things here"
                " than there.",
                "Make both say the same with `stargazer assets update`, or delete one of them.",
            )
        before = known.get(same)
        if before is None:
            known[same] = new[same] = dict(record)
            continue
        after = united(before, record)
        if after == before:
            continue
        merged += 1
        before.update(after)
        if same not in new:
            changed.add(same)
    table.insert_multiple(new.values())
    if changed:
        table.update(
            lambda found: found.update(known[identity(found)]), doc_ids=[doc_ids[same] for same in changed]
        )
    return Merged(len(new), merged, len(records) - len(new) - merged)


def _ids(records: list[Mapping[str, Any]]) -> list[str]:
    return [record["id"] for record in records]

"""How records join those that are here already."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.metadata.match import Match
from stargazer_cli.store.record import Identity, Record, identity, united

if TYPE_CHECKING:
    from tinydb.table import Table

T = TypeVar("T")
_BATCH = 5_000


@dataclass(frozen=True)
class Joined:
    """A record as the table has it now, and what its coming changed: all, something, or nothing."""

    record: Record
    change: Literal["added", "merged", "unchanged"]


@dataclass(frozen=True)
class Merged:
    """How many records were new, taught an equal one something, or changed nothing."""

    added: int
    merged: int
    unchanged: int


def merge(table: "Table", records: Iterable[Mapping[str, Any]]) -> Merged:
    """Add records to a table within a transaction; one that is there already takes on what it lacks.

    Raises StargazerError where a record of the same id is another one: it was changed on one side.
    """
    counts: Counter[str] = Counter()
    for batch in batches(records):
        _refuse_changed(table, batch)
        counts.update(joined.change for joined in enter(table, batch))
    return Merged(counts["added"], counts["merged"], counts["unchanged"])


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Give items in lists of a few thousand, so that memory does not grow with their number."""
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def enter(table: "Table", records: Sequence[Mapping[str, Any]]) -> list[Joined]:
    """Add records to a table within a transaction, all held in memory; gives what became of each.

    One that is there already, or came before it, takes on what it lacks. An id that is in the table must be
    that of an equal record: to look for ids that were just made would cost more than all else.
    """
    here = table.search(Match({"cid": list({record["cid"] for record in records})}))
    known: dict[Identity, Record] = {identity(record): dict(record) for record in here}
    doc_ids = {identity(record): record.doc_id for record in here}
    new: dict[Identity, Record] = {}
    changed: set[Identity] = set()
    result: list[Joined] = []
    for record in records:
        same = identity(record)
        before = known.get(same)
        if before is None:
            known[same] = new[same] = dict(record)
            result.append(Joined(known[same], "added"))
            continue
        after = united(before, record)
        result.append(Joined(before, "unchanged" if after == before else "merged"))
        before.update(after)
        if result[-1].change == "merged" and same not in new:
            changed.add(same)
    if new:
        table.insert_multiple(new.values())
    if changed:
        table.update(
            lambda found: found.update(known[identity(found)]), doc_ids=[doc_ids[same] for same in changed]
        )
    return result


def _refuse_changed(table: "Table", records: Sequence[Mapping[str, Any]]) -> None:
    """Raise StargazerError where a record of the same id says something else here."""
    here = table.search(Match({"id": [record["id"] for record in records]}))
    ids = {record["id"]: identity(record) for record in here}
    for record in records:
        same = identity(record)
        if ids.setdefault(record["id"], same) != same:
            raise StargazerError(
                f"The record {record['id']} of {record['name']!r} ({record['cid']}) says other things here"
                " than there.",
                "Make both say the same with `stargazer assets update`, or delete one of them.",
            )

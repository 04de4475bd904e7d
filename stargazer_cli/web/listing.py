"""The records of a store in a form that is filtered, sorted and counted at once.

Of each record a row is kept, with what a table of all records is drawn from. When the records change, only
those that are new are read again. A record is read as a whole where it is shown, and an asset is never made.
"""

import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from stargazer_cli.store.metadata.match import Match, check_filters
from stargazer_cli.store.metadata.table import Records

if TYPE_CHECKING:
    from tinydb.table import Table

    from stargazer_cli.store import LocalStore

Record = dict[str, Any]
Filters = Mapping[str, Sequence[str | None]]
_PLAIN_SORTS = ("name", "kind", "created_at", "id")
# A server's records have no sign of change that is cheap to ask for.
_SERVER_SECONDS = 5.0
_KEPT_ANSWERS = 32


class Row(NamedTuple):
    """What is kept of a record; `text` is what a search looks at, `line` the record itself as JSON."""

    number: int
    line: bytes
    id: str
    cid: str
    name: str
    kind: str
    created_at: str
    text: str

    @property
    def record(self) -> Record:
        """The record, read anew."""
        record: Record = orjson.loads(self.line)
        return record


@dataclass(frozen=True)
class Page:
    """Some of the records that match, in order; `kinds` counts all, whatever kind was asked for."""

    total: int
    records: list[Record]
    kinds: dict[str, int]


class Snapshot:
    """The rows of one moment."""

    def __init__(self, table: "Table", rows: dict[int, Row]) -> None:
        self.table = table
        self.rows = rows
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def page(
        self,
        *,
        words: str = "",
        where: Filters | None = None,
        kinds: Collection[str] = (),
        sort: str = "-created_at",
        offset: int = 0,
        limit: int = 50,
    ) -> Page:
        """Return one page of what matches.

        Raises:
            UsageError: a filter names a key that no asset has.

        """
        asked = (words.lower(), tuple(sorted((key, tuple(values)) for key, values in (where or {}).items())))
        matching = self._kept(asked, lambda: self._matching(words, where or {}))
        counts = self._kept(("kinds", asked), lambda: Counter(row.kind for row in matching))
        among = tuple(sorted(set(kinds)))
        ordered = self._kept(("sorted", asked, among, sort), lambda: self._sorted(matching, among, sort))
        records = [row.record for row in ordered[offset : offset + limit]]
        return Page(len(ordered), records, dict(counts.most_common()))

    def keys(self) -> list[str]:
        """Return every key that a record has, the most frequent first."""
        return [key for key, _ in self._key_counts.most_common()]

    def values(self, key: str, kinds: Collection[str], words: str) -> list[tuple[str, int]]:
        """Return the values of a key, the most frequent first, each with its number of records."""
        column = self._column(key)
        held = (
            column[row.number]
            for row in self.rows.values()
            if (not kinds or row.kind in kinds) and row.number in column
        )
        found = Counter(held)
        wanted = words.lower()
        ordered = sorted(found.items(), key=lambda each: (-each[1], each[0]))
        return [(value, count) for value, count in ordered if wanted in value.lower()]

    @cached_property
    def _key_counts(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for row in self.rows.values():
            counts.update(row.record["keyvalues"].keys())
        return counts

    def _matching(self, words: str, where: Filters) -> list[Row]:
        rows: Iterable[Row] = self.rows.values()
        having = {key: [value for value in values if value is not None] for key, values in where.items()}
        sure = {key: values for key, values in having.items() if None not in where[key]}
        if sure:
            numbers = self._numbers(sure)
            rows = [row for row in rows if row.number in numbers]
        for key in where.keys() - sure.keys():
            # By what has the key: nearly every record may lack it, and would have to be read.
            column, numbers = self._column(key), self._numbers({key: having[key]})
            rows = [row for row in rows if row.number not in column or row.number in numbers]
        for word in words.lower().split():
            rows = [row for row in rows if word in row.text]
        return list(rows)

    def _numbers(self, filters: Mapping[str, Sequence[str]]) -> set[int]:
        """Return the numbers of the records that match; a key that no asset has is refused."""
        found = self.table.search(Match(filters)) if all(filters.values()) else []
        check_filters(filters, found, self.table)
        return {document.doc_id for document in found}

    def _sorted(self, rows: Sequence[Row], kinds: Collection[str], sort: str) -> list[Row]:
        chosen = [row for row in rows if row.kind in kinds] if kinds else list(rows)
        key, down = sort.removeprefix("-"), sort.startswith("-")
        if down:
            chosen.reverse()  # equal ones too are then the other way round
        if key == "created_at":
            chosen.sort(key=lambda row: row.created_at, reverse=down)
            return chosen
        if key in _PLAIN_SORTS:
            chosen.sort(key=lambda row: getattr(row, key).casefold(), reverse=down)
            return chosen
        column = self._column(key)
        having = [row for row in chosen if row.number in column]
        having.sort(key=lambda row: _in_order(column[row.number]), reverse=down)
        return having + [row for row in chosen if row.number not in column]

    def _column(self, key: str) -> dict[int, str]:
        """Return the value of a key in each record that has it."""

        def read() -> dict[int, str]:
            mark = orjson.dumps(key)  # most records lack a key: those are not read
            lines = ((row.number, row.line) for row in self.rows.values() if mark in row.line)
            held = ((number, orjson.loads(line)["keyvalues"].get(key)) for number, line in lines)
            return {number: value for number, value in held if value is not None}

        column: dict[int, str] = self._kept(("column", key), read)
        return column

    def _kept(self, asked: Hashable, answer: Callable[[], Any]) -> Any:
        """Return an answer that was given before, or else find and keep it."""
        with self._lock:
            if asked in self._answers:
                self._answers.move_to_end(asked)
                return self._answers[asked]
        found = answer()
        with self._lock:
            self._answers[asked] = found
            while len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return found


class Listing:
    """The snapshot of a store's records, made anew when they changed."""

    def __init__(self, store: "LocalStore") -> None:
        self._store = store
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0

    def current(self) -> Snapshot:
        """Return the records as they stand; those on a server, as they stood a few seconds ago."""
        with self._lock:
            table = self._store.metadata.read()
            held = self._snapshot
            if held is not None and self._is_current(held, table):
                return held
            lines = _lines_of(table)
            before = held.rows if held else {}
            self._snapshot = Snapshot(table, _rows(lines, before))
            self._read_at = time.monotonic()
            return self._snapshot

    def forget(self) -> None:
        """Look at the records anew next time: this process changed them."""
        self._read_at = 0.0

    def _is_current(self, held: Snapshot, table: "Table") -> bool:
        if isinstance(table.storage, Records):
            return table.storage is held.table.storage
        return time.monotonic() - self._read_at < _SERVER_SECONDS


def _lines_of(table: "Table") -> Mapping[int, bytes]:
    """Return every record as JSON; those of a file are that already."""
    if isinstance(table.storage, Records):
        return table.storage.lines
    return {document.doc_id: orjson.dumps(dict(document)) for document in table}


def _rows(lines: Mapping[int, bytes], before: Mapping[int, Row]) -> dict[int, Row]:
    rows = {}
    for number, line in lines.items():
        row = before.get(number)
        rows[number] = row if row is not None and row.line == line else _row(number, line)
    return rows


def _row(number: int, line: bytes) -> Row:
    record = orjson.loads(line)
    keyvalues = record["keyvalues"]
    cid, name = intern(record["cid"]), record["name"]
    return Row(
        number=number,
        line=line,
        id=record["id"],
        cid=cid,
        name=name,
        kind=intern(keyvalues.get("asset", "")),
        created_at=record["created_at"],
        text="\n".join((name, cid, record["id"], *keyvalues.values())).lower(),
    )


def _in_order(value: str) -> tuple[bool, float, str]:
    """Return what a value is sorted by: numbers by what they are, before text."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    # A sample may be called nan, which is neither more nor less than any number.
    return (False, number, "") if math.isfinite(number) else (True, 0.0, value.casefold())

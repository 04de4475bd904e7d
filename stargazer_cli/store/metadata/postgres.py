"""The records of a team's store: TinyDB's table over documents on a PostgreSQL server.

A document is JSONB, as it is. Its keys are found by a GIN index over whole documents, its CID and id by
B-trees; and that a record is there once, the server itself sees to.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import reduce
from typing import Any, LiteralString

import orjson
from tinydb.storages import Storage

from stargazer_cli.errors import UsageError
from stargazer_cli.store.metadata.conditions import Condition, Path
from stargazer_cli.store.metadata.home import Home, Marker
from stargazer_cli.store.metadata.json_file import JsonMetadata
from stargazer_cli.store.metadata.server import Server, Session
from stargazer_cli.store.metadata.table import TABLE, Record, RecordTable

_BATCH = 5_000  # documents in one statement
# Of these thousands may be asked for at once, as no index over documents could.
_COLUMNS: dict[Path, LiteralString] = {
    ("cid",): "cid = ANY(%s::text[])",
    ("id",): "id = ANY(%s::text[])",
}
# Equal by whatever address and user the records are reached, and kept when tables come back from a backup.
_IDENTITY: LiteralString = """
SELECT concat_ws('/', system_identifier,
                 (SELECT oid FROM pg_database WHERE datname = current_database()),
                 (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = 'stargazer_records'::regclass))
FROM pg_control_system()
"""
_COMBINATIONS = 1_000  # of values of several keys that are asked for together


class PostgresMetadata:
    """The records in the database that `url` names.

    With the `marker` of a store's folder they are only given while the folder's records are not elsewhere;
    the first change says in the folder that they live here.
    """

    def __init__(self, url: str, marker: Marker | None = None) -> None:
        self._server = Server(url)
        self._marker = marker
        self._home: Home | None = None

    def __str__(self) -> str:
        """Return the address, without the password."""
        return str(self._server.address)

    def home(self) -> Home:
        """Return where these records live."""
        return self._home or self._found(self._server)

    def read(self) -> "PostgresTable":
        """Return the records, for queries: each sees what is committed when it is made."""
        self._check_home(self._server)
        return PostgresTable(self._server)

    @contextmanager
    def transaction(self) -> Iterator["PostgresTable"]:
        """Give the records for a change that is committed when the block ends, or not at all."""
        with self._held() as session:
            yield PostgresTable(session)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store: one change at a time, whichever machine makes it."""
        with self._held():
            yield

    def accept_edited(self) -> int:
        """Raise UsageError: there is no file that somebody could edit."""
        raise self._no_file()

    def restore_last(self) -> int:
        """Raise UsageError: there is no file to go back to."""
        raise self._no_file()

    def _no_file(self) -> UsageError:
        return UsageError(
            f"The records of this store are on a server ({self}) and not in a file.",
            "Go back with the server's own backups.",
        )

    @contextmanager
    def _held(self) -> Iterator[Session]:
        with self._server.transaction() as session:
            if self._marker and not self._check_home(session):
                with suppress(OSError):  # full, or not ours to write: the next change tries again
                    self._marker.set(self._found(session))
            yield session

    def _check_home(self, source: Server | Session) -> bool:
        """Return whether the store's folder says that its records live here.

        Raises StargazerError where it says that they live elsewhere, or holds some of its own.
        """
        if self._marker is None or self._marker.check(lambda: self._found(source)):
            return True
        if (file := JsonMetadata(self._marker.root)).is_there() and len(file.read()):
            raise self._marker.elsewhere(file.home(), self._found(source))
        return False

    def _found(self, source: Server | Session) -> Home:
        """Return what the server says of itself: its own number, that of the database, and the schema."""
        if self._home is None:
            [(said,)] = source.rows(_IDENTITY)
            self._home = Home(str(self), said)
        return self._home


class PostgresTable(RecordTable):
    """The table over a database, or over a transaction in it."""

    def __init__(self, source: Server | Session) -> None:
        super().__init__(_Documents(source))
        self._source = source

    def __len__(self) -> int:
        """Return the number of documents."""
        [(number,)] = self._source.rows("SELECT count(*) FROM stargazer_records")
        return int(number)

    def truncate(self) -> None:
        """Remove every document; ids begin at 1 again."""
        self._change().execute("DELETE FROM stargazer_records")
        self._next_id = None

    def _candidates(self, conditions: Collection[Condition]) -> Iterable[tuple[int, Record]]:
        if not conditions:
            return self._source.stream("SELECT doc_id, document FROM stargazer_records ORDER BY doc_id")
        where, parameters = narrowing(conditions)
        query = "SELECT doc_id, document FROM stargazer_records WHERE " + where  # noqa: S608 - our own words
        found = self._source.rows(query, parameters)
        # Sorted here: asked for an order, the server might walk the whole table in it.
        return sorted(found, key=lambda row: int(row[0]))

    def _by_id(self, doc_ids: Collection[int]) -> Iterable[tuple[int, Record]]:
        query: LiteralString = (
            "SELECT doc_id, document FROM stargazer_records WHERE doc_id = ANY(%s::bigint[]) ORDER BY doc_id"
        )
        return self._source.rows(query, [list(doc_ids)])

    def _put(self, documents: Mapping[int, Mapping[str, Any]]) -> None:
        # Every document is made before the first is sent: one of them may not be JSON.
        rows = [(doc_id, _json(dict(document))) for doc_id, document in documents.items()]
        for start in range(0, len(rows), _BATCH):
            doc_ids, texts = zip(*rows[start : start + _BATCH], strict=True)
            self._change().execute(
                """
                INSERT INTO stargazer_records AS here (doc_id, document)
                SELECT doc_id, document::jsonb
                FROM unnest(%s::bigint[], %s::text[]) AS fresh (doc_id, document)
                ON CONFLICT (doc_id) DO UPDATE SET document = excluded.document
                WHERE here.document <> excluded.document
                """,
                [list(doc_ids), list(texts)],
            )

    def _drop(self, doc_ids: Collection[int]) -> None:
        self._change().execute(
            "DELETE FROM stargazer_records WHERE doc_id = ANY(%s::bigint[])", [list(doc_ids)]
        )

    def _last_id(self) -> int:
        [(last,)] = self._source.rows("SELECT coalesce(max(doc_id), 0) FROM stargazer_records")
        return int(last)

    def _change(self) -> Session:
        if isinstance(self._source, Session):
            return self._source
        raise RuntimeError("These records are for reading: change them in a transaction.")


class _Documents(Storage):
    """The records as TinyDB's own table, which reads and writes everything, would see them."""

    def __init__(self, source: Server | Session) -> None:
        self._source = source

    def read(self) -> dict[str, dict[str, Any]]:
        """Return all."""
        table = PostgresTable(self._source)
        return {TABLE: {str(document.doc_id): dict(document) for document in table}}

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace all."""
        table = PostgresTable(self._source)
        given = {int(doc_id): document for doc_id, document in data[TABLE].items()}
        table._drop([document.doc_id for document in table if document.doc_id not in given])
        table._put(given)


def narrowing(conditions: Iterable[Condition]) -> tuple[LiteralString, list[Any]]:
    """Return a condition of SQL that the indexes answer, and its parameters.

    It holds for every record that meets the conditions. What they ask together is asked as one document
    where it can be: the index then begins with the rarest key, and a common one costs nothing.
    """
    clauses: list[LiteralString] = []
    parameters: list[Any] = []
    together: list[Record] = [{}]
    for condition in sorted(conditions, key=lambda each: len(each.values)):
        # What the server cannot hold, no record has.
        texts = [value for value in condition.values if value is not None and _can_be_held(value)]
        forms = [form for value in texts for form in _forms(condition.path, value)]
        if condition.path in _COLUMNS and None not in condition.values:
            clauses.append(_COLUMNS[condition.path])
            parameters.append(texts)
        elif None in condition.values:
            clauses.append("(document #>> %s::text[] IS NULL OR document @> ANY(%s::jsonb[]))")
            parameters += [list(condition.path), [_json(form) for form in forms]]
        elif len(together) * len(forms) <= _COMBINATIONS:
            together = [_joined(one, other) for one in together for other in forms]
        else:
            clauses.append("document @> ANY(%s::jsonb[])")
            parameters.append([_json(form) for form in forms])
    if together != [{}]:
        clauses.append("document @> ANY(%s::jsonb[])")
        parameters.append([_json(document) for document in together])
    return " AND ".join(clauses), parameters


def _forms(path: Path, value: str) -> list[Record]:
    """Return the smallest records that have a value at a path, or in a list there.

    Lists are at the top of a record; what is further down is text.
    """
    forms: list[Any] = [value, [value]] if len(path) == 1 else [value]
    return [reduce(lambda held, part: {part: held}, reversed(path), form) for form in forms]


def _joined(one: Record, other: Record) -> Record:
    """Return a record that has what both have, such as two keys of the keyvalues."""
    joined = dict(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(joined.get(key), dict)
        joined[key] = _joined(joined[key], value) if both else value
    return joined


def _can_be_held(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _json(document: Any) -> str:
    return orjson.dumps(document).decode()

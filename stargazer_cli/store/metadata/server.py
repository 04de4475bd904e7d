"""A PostgreSQL server that holds the records: connections to it, transactions in it, its tables."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, LiteralString

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.metadata.address import Address

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]
    Cursor = psycopg.Cursor[tuple[Any, ...]]

_LOCK_TIMEOUT = 120  # seconds; a change takes well under one: this is a process that hangs
_STARTING = "starting up|shutting down|not yet accepting connections"
_START_TIMEOUT = 15.0  # seconds that a server may take to start
_IDLE = 4  # connections that are kept for the next use
_FETCH = 2_000  # rows of a stream that are held at once

# One transaction at a time. The lock is of the table and not of a name: two users may find the same table
# by different search paths. Read committed, whatever the server's default is: what is read after the wait
# for the lock must be what stands then. The server, too, must notice a machine that is gone, or the lock
# would stay with it.
_BEGIN: LiteralString = f"""
BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}s';
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL tcp_keepalives_idle = 30;
SET LOCAL tcp_keepalives_interval = 10;
SET LOCAL tcp_keepalives_count = 3;
SET LOCAL tcp_user_timeout = '60s';
SELECT pg_advisory_xact_lock((1400136050::bigint << 32) + 'stargazer_records'::regclass::oid::bigint)
"""
_LOCK_SCHEMA: LiteralString = "SELECT pg_advisory_xact_lock(1400136050::bigint << 32)"

# Each step is taken once, in order; what was released is never edited, only followed by another.
_SCHEMA: tuple[LiteralString, ...] = (
    """
    CREATE TABLE stargazer_records (
        doc_id bigint PRIMARY KEY,
        document jsonb NOT NULL,
        id text GENERATED ALWAYS AS (document ->> 'id') STORED,
        cid text GENERATED ALWAYS AS (document ->> 'cid') STORED,
        meaning text GENERATED ALWAYS AS (md5((document -> 'keyvalues')::text)) STORED,
        -- A record is the same when CID and keyvalues are the same. Deferrable: looked at when a statement
        -- ends, so that one statement may exchange two.
        CONSTRAINT stargazer_one_record UNIQUE (cid, meaning) DEFERRABLE
    );
    CREATE INDEX stargazer_records_id ON stargazer_records (id);
    -- Without the list of pending entries, which each query would read through.
    CREATE INDEX stargazer_records_document ON stargazer_records USING gin (document jsonb_path_ops)
    WITH (fastupdate = off);
    """,
)


class Session:
    """One open transaction: what a table does goes through it, and is kept or dropped as a whole."""

    def __init__(self, server: "Server", connection: "Connection") -> None:
        self._server = server
        self._connection = connection

    def rows(self, query: LiteralString, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._server.told():
            return self._connection.execute(query, parameters).fetchall()

    def stream(self, query: LiteralString) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a query of any size, a few at a time."""
        with self._server.told(), self._connection.cursor(f"s{os.urandom(4).hex()}") as cursor:
            cursor.itersize = _FETCH
            yield from cursor.execute(query)

    def execute(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> None:
        """Change something."""
        with self._server.told():
            self._connection.execute(statement, parameters)


class Server:
    """A database that holds the records of a store; connections are made when they are needed.

    Safe for threads and after a fork: each use has a connection of its own, and a process never touches
    one that its parent made.
    """

    def __init__(self, url: str) -> None:
        self.address = Address(url)
        self._idle: dict[int, list[Connection]] = {}  # by process
        self._ready = False

    def rows(self, query: LiteralString, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query on what is committed now."""
        with self._first(query, parameters) as cursor:
            return cursor.fetchall()

    def stream(self, query: LiteralString) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a query of any size, a few at a time, all of one state of the records."""
        with self._first("BEGIN READ ONLY") as cursor:
            yield from Session(self, cursor.connection).stream(query)
            cursor.execute("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Hold the store, on whichever machine; what was changed is kept when the block ends well."""
        with self._first(_BEGIN) as cursor:
            try:
                yield Session(self, cursor.connection)
            except BaseException:
                import psycopg

                with suppress(psycopg.Error):
                    cursor.execute("ROLLBACK")
                raise
            self._commit(cursor)

    def _waiting(self) -> "list[Connection]":
        return self._idle.setdefault(os.getpid(), [])

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell a fault of the server or of the way to it as one error."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            raise self.address.fault(error) from error

    @contextmanager
    def _first(self, statement: LiteralString, parameters: Sequence[Any] = ()) -> "Iterator[Cursor]":
        """Run the first statement on a connection of the caller's own, and give its cursor.

        Where a connection that had waited turns out to be lost, a new one is made: nothing had begun.
        """
        import psycopg

        with self.told():
            waiting = idle.pop() if (idle := self._waiting()) else None
            connection = waiting or self._connect()
            try:
                try:
                    cursor = connection.execute(statement, parameters or None)
                except psycopg.OperationalError:
                    if connection is not waiting or not connection.closed:
                        raise
                    connection = self._connect()
                    cursor = connection.execute(statement, parameters or None)
                yield cursor
            finally:
                at_rest = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
                if at_rest and len(self._waiting()) < _IDLE:
                    self._waiting().append(connection)
                else:
                    connection.close()

    def _connect(self) -> "Connection":
        import orjson
        import psycopg
        from psycopg.types.json import set_json_loads

        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                # Prepared statements would not outlive a pooler between us and the server (pgbouncer).
                connection = psycopg.connect(
                    **self.address.parameters, autocommit=True, prepare_threshold=None
                )
                break
            except psycopg.OperationalError as error:
                if not re.search(_STARTING, str(error)) or time.monotonic() > deadline:
                    raise self.address.unreachable(error) from None
                time.sleep(0.2)
        set_json_loads(orjson.loads, connection)
        if not self._ready:
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._ready = True
        return connection

    def _prepare(self, connection: "Connection") -> None:
        """Make the tables, or bring them to the version that we know."""
        import psycopg

        with suppress(psycopg.errors.UndefinedTable):
            if self._version(connection) == len(_SCHEMA):
                return
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise StargazerError(
                f"The database {self.address} does not hold text in UTF-8.",
                "Make it with: createdb --encoding UTF8 --template template0 NAME",
            )
        with connection.transaction():
            connection.execute(_LOCK_SCHEMA)
            connection.execute("CREATE TABLE IF NOT EXISTS stargazer_schema (version integer NOT NULL)")
            version = self._version(connection)
            for step in _SCHEMA[version:]:
                connection.execute(step)
            connection.execute("DELETE FROM stargazer_schema")
            connection.execute("INSERT INTO stargazer_schema VALUES (%s)", [len(_SCHEMA)])

    def _version(self, connection: "Connection") -> int:
        row = connection.execute("SELECT version FROM stargazer_schema").fetchone()
        version: int = row[0] if row else 0
        if version > len(_SCHEMA):
            raise StargazerError(
                f"The records in {self.address} were made by a newer Stargazer (their version is {version}).",
                "Bring this Stargazer up to date.",
            )
        return version

    def _commit(self, cursor: "Cursor") -> None:
        import psycopg

        try:
            cursor.execute("COMMIT")
        except psycopg.OperationalError as error:
            raise StargazerError(
                f"The connection to {self.address} was lost while a change was written: it is there, or not.",
                "Do it again: what is there already is not added twice.",
            ) from error
        # A statement failed before, and who asked for it went on: the server drops the whole.
        if cursor.statusmessage != "COMMIT":
            raise StargazerError(f"{self.address} refused a part of the change: nothing of it was written.")

"""The metadata file: TinyDB over one JSON file that is replaced whole, never edited in place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.files import replace_file

TABLE = "assets"
_LOCK_TIMEOUT = 120.0  # a change takes well under a second; this is a process that hangs
Tables = dict[str, dict[str, Any]]


class AtomicJSONStorage(Storage):
    """Reads the file whole and replaces it whole, so that a reader never sees half a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Tables | None:
        """Return what the file holds, None where there is none."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            tables = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise self._damaged(str(error)) from None
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise self._damaged("it does not hold tables of records")
        for record in tables.get(TABLE, {}).values():
            if not isinstance(record, dict) or not isinstance(record.get("keyvalues"), dict):
                raise self._damaged("it holds something that is not a record")
        return tables

    def write(self, data: Tables) -> None:
        """Replace the file."""
        replace_file(self._path, orjson.dumps(data, option=orjson.OPT_INDENT_2))

    def _damaged(self, why: str) -> StargazerError:
        return StargazerError(
            f"The store's metadata file {self._path} is damaged: {why}. It was left as it is.",
            "Put back a copy of it from a backup; the files themselves are safe in 'objects' beside it.",
        )


class _Transaction(Storage):
    """Keeps reads and writes in memory, and writes once at the end, if anything changed."""

    def __init__(self, path: Path) -> None:
        self._file = AtomicJSONStorage(path)
        self._tables = self._file.read()
        self._changed = False

    def read(self) -> Tables | None:
        return self._tables

    def write(self, data: Tables) -> None:
        self._tables, self._changed = data, True

    def commit(self) -> None:
        if self._changed and self._tables is not None:
            self._file.write(self._tables)


class JsonMetadata:
    """The records in `stargazer_local.json` of the folder `root`, under a file lock of their own."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "stargazer_local.json"

    def read(self) -> Table:
        """Return the records as they stand, for queries."""
        # Another process may write between two searches: nothing is remembered from one to the next.
        return TinyDB(self._path, storage=AtomicJSONStorage).table(TABLE, cache_size=0)

    @contextmanager
    def transaction(self) -> Iterator[Table]:
        """Give the records for a change that is written at once when the block ends, or not at all."""
        with self.locked():
            database = TinyDB(self._path, storage=_Transaction)
            yield database.table(TABLE, cache_size=0)
            storage = database.storage
            assert isinstance(storage, _Transaction)  # noqa: S101 - for the type checker
            storage.commit()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store's lock: one change at a time."""
        from filelock import FileLock, Timeout

        folder = self._root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "store.lock", timeout=_LOCK_TIMEOUT)
        try:
            lock.acquire()
        except Timeout:
            raise StargazerError(
                f"Another process has held the store {self._root} for {_LOCK_TIMEOUT:.0f} s.",
                "End it, or wait for it, and try again.",
            ) from None
        try:
            yield
        finally:
            lock.release()

"""The records of a store: where they are kept, behind one interface.

Each backend gives TinyDB tables, so that TinyDB's query API is the way in whatever lies below.
"""

from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tinydb.table import Table

    from stargazer_cli.settings import Settings
    from stargazer_cli.store.metadata.home import Home


class Metadata(Protocol):
    """What a store asks of the place where its records are kept."""

    def read(self) -> "Table":
        """Return the records as they stand, for queries."""

    def transaction(self) -> AbstractContextManager["Table"]:
        """Give the records for a change that is kept as a whole when the block ends, or not at all.

        One transaction at a time holds the store, whichever process or machine it is on.
        """

    def locked(self) -> AbstractContextManager[None]:
        """Hold the store as a transaction does, without a change of the records."""

    def home(self) -> "Home":
        """Return where the records live, for the marker in the store's folder."""

    def accept_edited(self) -> int:
        """Keep the records of a file that something else edited, and return how many there are.

        Raises UsageError where no file holds the records.
        """

    def restore_last(self) -> int:
        """Go back to the last good state of the file, and return how many records it holds.

        Raises UsageError where no file holds the records.
        """


def open_metadata(settings: "Settings") -> Metadata:
    """Return the records of the store that the settings name.

    Using them raises StargazerError where the store's folder says that its records live elsewhere.
    """
    if settings.db is not None:
        from stargazer_cli.store.metadata.home import Marker
        from stargazer_cli.store.metadata.postgres import PostgresMetadata

        return PostgresMetadata(settings.db.get_secret_value(), Marker(settings.local))
    return _json_file(settings.local)


@lru_cache(maxsize=4)
def _json_file(root: Path) -> Metadata:
    # One for all stores of a process on this folder: what one of them read, the next need not read again.
    from stargazer_cli.store.metadata.home import Marker
    from stargazer_cli.store.metadata.json_file import JsonMetadata

    return JsonMetadata(root, Marker(root))

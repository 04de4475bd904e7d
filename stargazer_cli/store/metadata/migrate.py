"""From the metadata file to a server, or back: every record moves, or none."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import Progress, counted, counter
from stargazer_cli.store.metadata import Metadata
from stargazer_cli.store.metadata.address import FORM, SCHEMES
from stargazer_cli.store.metadata.home import Marker
from stargazer_cli.store.metadata.json_file import NAME, JsonMetadata
from stargazer_cli.store.metadata.match import Match
from stargazer_cli.store.metadata.merge import Merged, batches, merge
from stargazer_cli.store.record import identity, united

if TYPE_CHECKING:
    from tinydb.table import Table

    from stargazer_cli.settings import Settings


@dataclass(frozen=True)
class Place:
    """Where records are kept, and what to call it: a path, or an address without its password.

    `marker` is that of the store's folder, which says where the records of the store live.
    """

    metadata: Metadata
    name: str
    marker: Marker | None = None


def places(settings: "Settings", to: str) -> tuple[Place, Place]:
    """Return from where and to where records move.

    They go to `json`, the file in the store's folder; to `postgresql`, the server of the settings; or to a
    server by its address. They come from where the settings keep them now or, when that is the target, from
    the other of the two.
    """
    from stargazer_cli.store.metadata.postgres import PostgresMetadata

    def on_server(url: str) -> Place:
        metadata = PostgresMetadata(url)
        return Place(metadata, str(metadata), marker)

    marker = Marker(settings.local)
    file = Place(JsonMetadata(settings.local), str(settings.local / NAME), marker)
    server = None if settings.db is None else on_server(settings.db.get_secret_value())
    if to == "json":
        if server is None:
            marker.check(file.metadata.home)
            raise UsageError(
                "The records are in the file already: STARGAZER_DB is not set.",
                "To bring them from a server: STARGAZER_DB=postgresql://… stargazer assets migrate --to json",
            )
        return server, file
    if to == "postgresql":
        if server is None:
            raise UsageError("STARGAZER_DB is not set.", f"Set it, or give the address of the server: {FORM}")
        return file, server
    if not to.startswith(SCHEMES):
        raise UsageError("A target is json, postgresql, or the address of a server.", f"Its form is {FORM}.")
    target = on_server(to)
    return (file if server is None or server.name == target.name else server), target


def migrate(source: Place, target: Place, *, join: bool = False, progress: Progress | None = None) -> Merged:
    """Copy every record of one place to another, and compare each with its origin before it is kept.

    Both are held meanwhile. The source stays as it is, and the store's folder says that the records now live
    in the target. Where the target has an equal record, the two become one that lacks nothing of either.
    `progress` is called with the records that were moved or compared so far; each is moved and compared.

    Raises UsageError where both places are one, and where the target has records that the source has not,
    unless `join` says that they belong together.
    """
    _check_distinct(source, target)
    if len(source.metadata.read()) == 0:
        raise UsageError(f"{source.name} holds no assets: there is nothing to move.")
    with source.metadata.locked():
        _check_source(source, target, join=join)
        with _change(target.metadata) as table:
            records = source.metadata.read()
            count = counter(2 * len(records), progress)
            done = merge(table, counted(records, count))
            own = len({hash(identity(record)) for record in records})
            if (others := len(table) - own) and not join:
                raise UsageError(
                    f"{target.name} holds {others} assets that {source.name} does not.",
                    "If they were deleted there, put the target aside first; "
                    "`stargazer assets migrate --merge` puts both together.",
                )
            moved = counted(records, count)
            _compare(moved, table, target.name, exactly=done.merged + done.unchanged == 0)
        # Only now, and while the source is still held: nobody may write to it any more.
        if target.marker:
            target.marker.set(target.metadata.home())
    return done


def _change(target: Metadata) -> "AbstractContextManager[Table]":
    return target.begun() if isinstance(target, JsonMetadata) else target.transaction()


def _check_distinct(source: Place, target: Place) -> None:
    """Raise UsageError where two addresses are of one database, which would wait for its own lock."""
    server = source.metadata.home().server
    if server and server == target.metadata.home().server:
        raise UsageError(
            f"{source.name} and {target.name} are the same database: there is nothing to move.",
            "To bring the records of the file there: stargazer assets migrate --to postgresql",
        )


def _check_source(source: Place, target: Place, *, join: bool) -> None:
    """Raise StargazerError unless the store's records live in the source, or `join` takes it all the same.

    Otherwise what was changed or deleted since would come back as it was.
    """
    home = source.marker.home() if source.marker else None
    here = source.metadata.home()
    if source.marker is None or home is None or home.server == here.server:
        return
    if home.server != target.metadata.home().server:
        raise source.marker.elsewhere(home, here)
    if not join:
        raise UsageError(
            f"The records of the store are in {target.name} already: {source.name} is older.",
            "`stargazer assets migrate --merge` puts both together.",
        )


def _compare(records: Iterable[Mapping[str, Any]], table: "Table", name: str, *, exactly: bool) -> None:
    """Raise StargazerError unless a table holds each of the records, with everything that is said in it."""
    for batch in batches(records):
        found = table.search(Match({"cid": list({record["cid"] for record in batch})}))
        here = {identity(record): record for record in found}
        for record in batch:
            there = here.get(identity(record))
            if there != record and (exactly or there is None or not _covers(there, record)):
                raise StargazerError(
                    f"{name} did not take the record {record['id']} of {record['name']!r} as it is."
                    " Nothing was moved.",
                    "This is a fault of Stargazer or of the database: please report it.",
                )


def _covers(joined: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether a record that was joined with an equal one says everything that it said."""
    older = joined["id"] != record["id"] or joined["created_at"] == record["created_at"]
    return older and record.keys() <= joined.keys() and united(joined, record) == joined

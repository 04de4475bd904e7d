"""All records of a store as JSON Lines, to keep, to send, or to enter into another store.

    {"stargazer": 1, "exported_at": "2026-01-01T00:00:00+00:00"}
    {"id": …, "cid": …, "name": …, "keyvalues": {…}, …}
    {"records": 1}

The last line tells a whole file from one that was cut off. The bytes of the assets travel on their own, each
under its CID.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import Progress, counted, counter
from stargazer_cli.store.metadata.merge import Merged, merge
from stargazer_cli.store.objects import faults_told
from stargazer_cli.store.record import checked

if TYPE_CHECKING:
    from stargazer_cli.store.local import LocalStore

VERSION = 1
_LONGEST_LINE = 64 * 1024 * 1024  # what is longer is no record: it must not fill the memory


def export_records(store: "LocalStore", stream: BinaryIO, *, progress: Progress | None = None) -> int:
    """Write every record, and return how many there are; `progress` is called with those written so far."""
    with faults_told(store.root):
        records = store.metadata.read()
        number = counter(len(records), progress)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stream.write(_line({"stargazer": VERSION, "exported_at": now}))
    count = 0
    for record in counted(records, number):
        stream.write(_line(dict(record)))
        count += 1
    stream.write(_line({"records": count}))
    return count


def import_records(store: "LocalStore", stream: BinaryIO, *, progress: Progress | None = None) -> Merged:
    """Enter the records of an export, all or none; one that is here already takes on what it lacks.

    `progress` is called with the records read so far, then with those entered.
    Raises UsageError, with the number of the line, when a line is not what an export holds, and
    StargazerError when a record was changed on one side. Nothing is entered then.
    """
    # Kept as text: a million records as objects would take several times the memory.
    lines = [orjson.dumps(record) for record in counted(_records(stream), counter(None, progress))]
    with faults_told(store.root), store.metadata.transaction() as table:
        entering = counted(lines, counter(len(lines), progress))
        return merge(table, (orjson.loads(line) for line in entering))


def _records(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    """Give the records of an export, each checked."""
    header = _read_line(stream, 1)
    version = None if header is None else header.get("stargazer")
    if not isinstance(version, int):
        raise UsageError("Line 1 is not the header of an export.", "`stargazer assets export` writes one.")
    if version > VERSION:
        raise StargazerError(
            f"A newer version of Stargazer wrote this export (form {version}).", "Use that version."
        )
    number = 2
    while (document := _read_line(stream, number)) is not None:
        if document.keys() == {"records"}:
            if document["records"] != number - 2:
                raise UsageError(
                    f"Line {number} says that there are {document['records']} records, and "
                    f"{number - 2} came: lines are missing or were added.",
                    "Export again, or correct the number in the last line.",
                )
            return
        try:
            yield checked(document)
        except ValueError as error:
            raise UsageError(f"Line {number} is not a record: {error}.") from None
        number += 1
    raise UsageError(
        f"The export ends at line {number - 1} without its last line: it was cut off.",
        "Copy it again, or export again.",
    )


def _read_line(stream: BinaryIO, number: int) -> dict[str, Any] | None:
    """Return the object of the next line, None at the end."""
    line = stream.readline(_LONGEST_LINE)
    if not line:
        return None
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"Line {number} is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise UsageError(f"Line {number} is not a JSON object.")
    return document


def _line(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)

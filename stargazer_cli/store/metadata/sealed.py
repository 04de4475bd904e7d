"""The form of the metadata file: JSON with one record a line, and a seal that tells damage and edits.

    {"assets": {
    "1": {"id": …},
    "2": {"id": …}
    },
    "stargazer": {"1": {"format": 1, "records": 2, "crc32": "89abcdef"}}}

To TinyDB these are two tables, so anything that reads TinyDB's files reads this one. The checksum is of the
lines of the records, as they stand in the file. It finds accidents and edits; it is no proof against forgery.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.metadata.table import TABLE

SEAL_TABLE = "stargazer"
DEFAULT_TABLE = "_default"  # where TinyDB puts the records of who names no table
FORMAT = 1
# The seal ends a file; one that differs in nothing else differs here.
LONGEST_SEAL = 120
_HEAD = b'{"assets": {\n'
_MIDDLE = b"},\n"
_SEAL = b'"stargazer": {"1": '
_END = b"}}\n"
_LINES_A_CHUNK = 2_000
Lines = Mapping[int, bytes]
Tables = dict[str, dict[str, Any]]


class UnsoundError(ValueError):
    """What was read is not a sealed file: perhaps damaged, perhaps JSON of another form."""


@dataclass(frozen=True)
class Unsealed:
    """What a file holds that is JSON and not what we wrote.

    tables   its tables, as they stand
    lines    its records, as our lines, in the order of their ids
    known    whether we wrote the file once: its seal is there
    sealed   whether the seal is that of the records
    """

    tables: Tables
    lines: dict[int, bytes]
    known: bool
    sealed: bool

    @property
    def others(self) -> list[str]:
        """The names of tables that are not ours and hold something."""
        return [name for name, table in self.tables.items() if table and name not in (TABLE, SEAL_TABLE)]

    @property
    def whole(self) -> bool:
        """Whether only the form of the file was changed."""
        return self.sealed and not self.others


def seal(lines: Lines) -> Iterator[bytes]:
    """Give the content of the file, in pieces."""
    yield _HEAD
    check = 0
    numbers = list(lines)
    for start in range(0, len(numbers), _LINES_A_CHUNK):
        chunk = b",\n".join(b'"%d": %b' % (n, lines[n]) for n in numbers[start : start + _LINES_A_CHUNK])
        chunk += b",\n" if start + _LINES_A_CHUNK < len(numbers) else b"\n"
        check = zlib.crc32(chunk, check)
        yield chunk
    yield _MIDDLE + _SEAL
    yield orjson.dumps({"format": FORMAT, "records": len(numbers), "crc32": f"{check:08x}"}) + _END


def unseal(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give the number and line of each record, in order; UnsoundError, by the end, if the file is not whole.

    A line of a file that is not whole may be no JSON. Raises StargazerError when a newer version wrote it.
    """
    if stream.readline() != _HEAD:
        raise UnsoundError
    check = count = last = 0
    for line in stream:
        if line == _MIDDLE:
            break
        check = zlib.crc32(line, check)
        quote = line.find(b'": {', 1)
        number = int(line[1:quote])
        if number <= last:
            raise UnsoundError
        last = number
        count += 1
        yield number, line[quote + 3 : -2 if line.endswith(b",\n") else -1]
    end = stream.read(LONGEST_SEAL)
    if not end.startswith(_SEAL) or not end.endswith(_END):
        raise UnsoundError
    if _claimed(end[len(_SEAL) : -len(_END)]) != (count, f"{check:08x}"):
        raise UnsoundError


def inspect(content: bytes) -> Unsealed:
    """Read a file that `unseal` found unsound, whatever its form.

    Raises UnsoundError, with the reason, when it does not hold tables of records.
    """
    try:
        tables = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise UnsoundError(f"it is not JSON ({error})") from None
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UnsoundError("it does not hold tables of records")
    try:
        records, _ = (
            {int(number): record for number, record in tables.get(name, {}).items()}
            for name in (TABLE, DEFAULT_TABLE)
        )
    except ValueError:
        raise UnsoundError("its records are not numbered") from None
    lines = {number: orjson.dumps(records[number]) for number in sorted(records)}
    claim = tables.get(SEAL_TABLE)
    if claim is None:
        return Unsealed(tables, lines, known=False, sealed=False)
    check = 0
    for piece in list(seal(lines))[1:-2]:
        check = zlib.crc32(piece, check)
    fits = _claimed(orjson.dumps(claim.get("1"))) == (len(lines), f"{check:08x}")
    return Unsealed(tables, lines, known=True, sealed=fits)


def differences(one: Lines, other: Lines) -> set[int]:
    """Return the numbers of the records that are in only one of the two, or differ."""
    return {number for number in one.keys() | other.keys() if one.get(number) != other.get(number)}


def counted(records: int) -> str:
    """Return a number of records as a person says it."""
    return f"{records:,} record{'' if records == 1 else 's'}"


def tee(content: Iterable[bytes], copy: BinaryIO) -> Iterator[bytes]:
    """Give the content, and write it to `copy` as well, which has all of it before the end is seen."""
    for piece in content:
        copy.write(piece)
        yield piece
    copy.flush()


def _claimed(seal: bytes) -> tuple[int, str]:
    """Return the number of records and the checksum that a seal claims."""
    try:
        claim = orjson.loads(seal)
        version, count, check = claim["format"], claim["records"], claim["crc32"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise UnsoundError("its seal cannot be read") from None
    if isinstance(version, int) and version > FORMAT:
        raise StargazerError(
            "The store's metadata file was written by a newer version of Stargazer.",
            "Use that version, or `stargazer assets export` there and `import` here.",
        )
    return count, check

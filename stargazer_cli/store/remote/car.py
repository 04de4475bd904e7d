"""CAR streams of version 1: a header, then blocks, each after its length and its CID.

The form is that of ipld.io/specs/transport/car/carv1. Nothing in the header is needed or
believed: the block that is asked for is known by its CID.
"""

from collections.abc import Iterable, Iterator

from stargazer_cli.store.remote.http import Passing, Refused
from stargazer_cli.store.remote.unixfs import IDENTITY, MAX_BLOCK, SHA2_256, Name, read_name, read_varint

MEDIA_TYPE = "application/vnd.ipld.car"
_MAX_CID = 128
_MAX_HEADER = 4096
# Bytes in a row of blocks that lie in their own names: all that one node can link to, and their lengths.
_MAX_INLINE = 2 * MAX_BLOCK
_VERSION_1 = b"gversion\x01"  # the entry `version: 1` of the header, in CBOR


def blocks(pieces: Iterable[bytes]) -> Iterator[tuple[Name, bytes]]:
    """Yield the blocks of a CAR stream, each checked against its CID; a wrong one is Refused."""
    stream = _Stream(pieces)
    header = stream.section(_MAX_HEADER)
    if header is None or _VERSION_1 not in header:
        raise Refused("it sent something that is no CAR of version 1")
    inline = 0
    while (section := stream.section(MAX_BLOCK + _MAX_CID)) is not None:
        try:
            name, end = read_name(section)
        except ValueError as error:
            raise Refused(f"it sent a CAR that cannot be read: {error}") from None
        if name.hash == IDENTITY:
            inline += len(section)
            if inline > _MAX_INLINE:
                raise Refused("it sent a CAR that goes on and on without a block")
            continue
        inline = 0
        block = section[end:]
        if name.hash != SHA2_256 or not name.fits(block):
            raise Refused(f"it sent a block whose bytes are not those of its CID {name}")
        yield name, block


class _Stream:
    """Pieces of any size, read as sections that begin with their length."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = bytearray()

    def section(self, limit: int) -> bytes | None:
        """Return the next section, or None at the end of the stream."""
        length = self._length()
        if length is None:
            return None
        if not 0 < length <= limit:
            raise Refused(f"it sent a CAR with a part of {length:,} bytes, where {limit:,} are the most")
        while len(self._buffer) < length:
            if not self._more():
                raise Passing("the blocks broke off")
        section = bytes(self._buffer[:length])
        del self._buffer[:length]
        return section

    def _length(self) -> int | None:
        for size in range(1, 6):
            if len(self._buffer) < size and not self._more():
                if self._buffer:
                    raise Passing("the blocks broke off")
                return None
            if self._buffer[size - 1] < 0x80:
                length, end = read_varint(bytes(self._buffer[:size]), 0)
                del self._buffer[:end]
                return length
        raise Refused("it sent a CAR with a part of more than 32 GiB")

    def _more(self) -> bool:
        for piece in self._pieces:
            if piece:
                self._buffer += piece
                return True
        return False

"""The blocks of a UnixFS file: any chunk size, any tree, raw or dag-pb leaves, inline blocks.

A file is a tree of blocks, each named by the hash of its bytes, so each can be checked when it comes. The
forms are those of the specifications: CIDs and identity hashes (multiformats/cid, multiformats/multihash),
nodes (ipld.io/specs/codecs/dag-pb), files in nodes (specs.ipfs.tech/unixfs).
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from stargazer_cli.store.cid import to_binary, to_text, varint

RAW = 0x55
DAG_PB = 0x70
SHA2_256 = 0x12
IDENTITY = 0x00
# Peers pass on no block above 2 MiB, so nothing larger can be published; a little for the node around it.
MAX_BLOCK = (2 << 20) + 4096
# A balanced tree of two children a node has 40 levels for 256 PiB.
_MAX_DEPTH = 64

_KINDS = {1: "a folder", 3: "metadata without a file", 4: "a symbolic link", 5: "a folder (sharded)"}
_FILES = (0, 2)  # raw, file


class NotAFile(Exception):  # noqa: N818 - it never reaches a user
    """The bytes are those of the CID, and they are not a file that can be read."""


class Name(NamedTuple):
    """A CID, taken apart; version 0 is the same as version 1 of dag-pb."""

    codec: int
    hash: int
    digest: bytes

    def fits(self, block: bytes) -> bool:
        """Tell whether these are the bytes that the name stands for."""
        if self.hash == IDENTITY:
            return block == self.digest
        return self.hash == SHA2_256 and hashlib.sha256(block).digest() == self.digest

    def __str__(self) -> str:
        """Write it as a CID of version 1 in base32."""
        binary = b"\x01" + b"".join(map(varint, (self.codec, self.hash, len(self.digest)))) + self.digest
        return to_text(binary)


class Link(NamedTuple):
    """A child of a node, and how many bytes of the file are below it."""

    name: Name
    size: int


class Node(NamedTuple):
    """A dag-pb node of a file: bytes of its own, then those of its children."""

    data: bytes
    links: tuple[Link, ...]


class _Step(NamedTuple):
    """A block that is still to come: where its bytes lie in the file, and how many its parent says."""

    name: Name
    begin: int
    size: int | None
    depth: int


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the unsigned number that starts at `at`, and where it ends; ValueError where there is none."""
    value = 0
    for place in range(9):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("not a number of at most nine bytes")


def read_name(data: bytes, at: int = 0) -> tuple[Name, int]:
    """Return the binary CID that starts at `at`, and where it ends; ValueError where there is none."""
    version = 0 if data[at : at + 2] == b"\x12\x20" else 1
    codec = DAG_PB
    if version:
        version, at = read_varint(data, at)
        codec, at = read_varint(data, at)
    if version > 1:
        raise ValueError("not a CID of version 0 or 1")
    algorithm, at = read_varint(data, at)
    length, at = read_varint(data, at)
    if at + length > len(data):
        raise ValueError("the CID is cut off")
    return Name(codec, algorithm, data[at : at + length]), at + length


def name_of(cid: str) -> Name:
    """Take apart a CID that `check_cid` let pass."""
    return read_name(to_binary(cid))[0]


def read_node(block: bytes) -> Node:
    """Decode a dag-pb node that belongs to a file; NotAFile tells why it does not."""
    try:
        names: list[Name] = []
        message = b""
        for field, value in _fields(block):
            if field == 2 and isinstance(value, bytes):
                names.append(_link_target(value))
            elif field == 1 and isinstance(value, bytes):
                message = value
        kind, data, sizes = _unixfs(message)
    except ValueError as error:
        raise NotAFile(f"has a block that cannot be read: {error}") from None
    if kind not in _FILES:
        raise NotAFile(f"is {_KINDS.get(kind, 'not a file')}")
    if len(names) != len(sizes):
        raise NotAFile("has a block that does not say how long its parts are")
    if 0 in sizes:
        # Such parts could be nested without end and never bring a byte.
        raise NotAFile("has an empty part")
    return Node(data, tuple(map(Link, names, sizes)))


class Walk:
    """The blocks of a file in the order in which its bytes come: depth first, a node before its children.

    `start` bytes are there already: blocks that hold nothing beyond them are needed only where the server
    sends them, and of one that goes across only the rest is given out. Memory is that of one path.
    """

    def __init__(self, root: Name, start: int = 0) -> None:
        self.total: int | None = None
        self._start = start
        self._pending = [_Step(root, 0, None, 0)]

    @property
    def expected(self) -> Name | None:
        """Return the block that comes next, None at the end of the file."""
        return self._pending[-1].name if self._pending else None

    @property
    def skippable(self) -> bool:
        """Tell whether all bytes below the expected block are there already."""
        step = self._pending[-1]
        return step.size is not None and step.begin + step.size <= self._start

    def skip(self) -> None:
        """Leave out the expected block and all below it."""
        self._pending.pop()

    def take(self, block: bytes) -> bytes:
        """Take the expected block, which was checked, and return the bytes of the file that it brings."""
        brought = [self._take(block)]
        # What lies in its own name is never sent.
        while (name := self.expected) and name.hash == IDENTITY:
            brought.append(self._take(name.digest))
        return b"".join(brought)

    def _take(self, block: bytes) -> bytes:
        step = self._pending.pop()
        if step.name.codec == RAW:
            node = Node(block, ())
        elif step.name.codec == DAG_PB:
            node = read_node(block)
        else:
            raise NotAFile(f"has a block of another kind (codec {step.name.codec:#x})")
        size = len(node.data) + sum(link.size for link in node.links)
        if step.size is None:
            self.total = size
        elif step.size != size:
            raise NotAFile("has a block whose length is not the one that its parent says")
        if step.depth == _MAX_DEPTH and node.links:
            raise NotAFile(f"is a tree of more than {_MAX_DEPTH} levels")
        end = step.begin + size
        for link in reversed(node.links):
            end -= link.size
            self._pending.append(_Step(link.name, end, link.size, step.depth + 1))
        return node.data[max(0, self._start - step.begin) :]


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protobuf message: a number, or bytes."""
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        value, at = read_varint(message, at)
        if key & 7 == 0:
            yield key >> 3, value
        elif key & 7 == 2 and at + value <= len(message):
            yield key >> 3, message[at : at + value]
            at += value
        else:
            raise ValueError("not a protobuf message of this kind")


def _link_target(message: bytes) -> Name:
    for field, value in _fields(message):
        if field == 1 and isinstance(value, bytes):
            name, end = read_name(value)
            if end != len(value):
                raise ValueError("more than a CID in a link")
            if name.hash not in (SHA2_256, IDENTITY):
                raise NotAFile(f"has a block named by a hash other than sha2-256 ({name.hash:#x})")
            return name
    raise ValueError("a link without a CID")


def _unixfs(message: bytes) -> tuple[int, bytes, list[int]]:
    """Return type, bytes and the sizes of the children."""
    kind, data = -1, b""
    sizes: list[int] = []
    for field, value in _fields(message):
        if field == 1 and isinstance(value, int):
            kind = value
        elif field == 2 and isinstance(value, bytes):
            data = value
        elif field == 4 and isinstance(value, int):
            sizes.append(value)
        elif field == 4 and isinstance(value, bytes):
            # Packed: one field with all the numbers.
            at = 0
            while at < len(value):
                size, at = read_varint(value, at)
                sizes.append(size)
    return kind, data, sizes

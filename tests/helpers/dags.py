"""Files as IPFS importers lay them out: any chunk size, width and tree, written apart from what is tested.

`test_unixfs.py` compares the CIDs that come out with those of boxo, the library inside kubo.
"""

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

RAW, DAG_PB = 0x55, 0x70
TRICKLE_REPEATS = 4


@dataclass(frozen=True, eq=False, repr=False)
class Block:
    """A block, its binary CID, and the part of the file below it."""

    cid: bytes
    data: bytes
    own: bytes
    children: tuple["Block", ...] = ()
    size: int = 0
    tree_size: int = 0

    def __repr__(self) -> str:
        return f"Block({self.text})"

    @property
    def text(self) -> str:
        versioned = self.cid if self.cid[0] == 1 else bytes([1, DAG_PB]) + self.cid
        return "b" + base64.b32encode(versioned).decode().lower().rstrip("=")

    def content(self) -> bytes:
        return self.own + b"".join(child.content() for child in self.children)

    def sent(self, start: int = 0) -> Iterator["Block"]:
        """The blocks that a gateway sends for the bytes from `start` on, depth first."""
        yield self
        begin = len(self.own)
        for child in self.children:
            if begin + child.size > start:
                yield from child.sent(max(0, start - begin))
            begin += child.size


@dataclass(frozen=True)
class Layout:
    chunk: int
    width: int = 174
    tree: Literal["balanced", "trickle"] = "balanced"
    raw_leaves: bool = True
    inline: int = 0
    version: int = 1


def content(size: int) -> bytes:
    """The same bytes everywhere, that nothing compresses."""
    numbers = range(size // 32 + 1)
    return b"".join(hashlib.sha256(number.to_bytes(8, "little")).digest() for number in numbers)[:size]


def file(data: bytes, layout: Layout) -> Block:
    """Lay out a file; its top block has all others below it."""
    pieces = [data[at : at + layout.chunk] for at in range(0, len(data), layout.chunk)] or [b""]
    leaves = [leaf(piece, layout) for piece in pieces]
    if layout.tree == "trickle":
        return trickle(deque(leaves), layout, None)
    while len(leaves) > 1:
        groups = [leaves[at : at + layout.width] for at in range(0, len(leaves), layout.width)]
        leaves = [node(group, layout) for group in groups]
    return leaves[0]


def leaf(data: bytes, layout: Layout) -> Block:
    if layout.raw_leaves:
        return Block(cid_of(RAW, data, layout), data, data, (), len(data), len(data))
    return node([], layout, data, kind=0 if layout.tree == "trickle" else 2)


def trickle(leaves: deque[Block], layout: Layout, depth: int | None) -> Block:
    """A node begins with leaves, then has ever deeper trees, a few of each depth."""
    children = [leaves.popleft() for _ in range(min(layout.width, len(leaves)))]
    level = 1
    while leaves and (depth is None or level < depth):
        for _ in range(TRICKLE_REPEATS):
            if leaves:
                children.append(trickle(leaves, layout, level))
        level += 1
    return node(children, layout)


def node(children: list[Block], layout: Layout, own: bytes = b"", *, kind: int = 2) -> Block:
    links = b"".join(
        field(2, field(1, child.cid) + field(2, b"") + b"\x18" + varint(child.tree_size))
        for child in children
    )
    size = len(own) + sum(child.size for child in children)
    message = b"\x08" + varint(kind) + (field(2, own) if own else b"") + b"\x18" + varint(size)
    message += b"".join(b"\x20" + varint(child.size) for child in children)
    data = links + field(1, message)
    below = len(data) + sum(child.tree_size for child in children)
    return Block(cid_of(DAG_PB, data, layout), data, own, tuple(children), size, below)


def link(child: Block) -> bytes:
    return field(1, child.cid) + field(2, b"") + b"\x18" + varint(child.tree_size)


def block(codec: int, data: bytes, own: bytes = b"", children: Iterable[Block] = (), size: int = 0) -> Block:
    """Any bytes as a block, also such as no importer makes."""
    return Block(cid_of(codec, data, Layout(1)), data, own, tuple(children), size, len(data))


def cid_of(codec: int, data: bytes, layout: Layout) -> bytes:
    if layout.inline and len(data) <= layout.inline:
        return bytes([1, codec, 0]) + varint(len(data)) + data
    multihash = b"\x12\x20" + hashlib.sha256(data).digest()
    if layout.version == 0 and codec == DAG_PB:
        return multihash
    return bytes([1, codec]) + multihash


def car(root: Block, *, start: int = 0, repeat: bool = True) -> bytes:
    """A CAR of version 1 with the blocks of a file; in-line blocks are in it too, as in boxo's."""
    parts = [car_header(root)]
    seen: set[bytes] = set()
    for found in root.sent(start):
        if repeat or found.cid not in seen:
            parts.append(section(found.cid + found.data))
        seen.add(found.cid)
    return b"".join(parts)


def car_header(root: Block) -> bytes:
    """`{"roots": [root], "version": 1}` in CBOR."""
    top = b"\xd8\x2a" + b"\x58" + varint(len(root.cid) + 1) + b"\0" + root.cid
    return section(b"\xa2" + b"\x65roots\x81" + top + b"\x67version\x01")


def section(data: bytes) -> bytes:
    return varint(len(data)) + data


def field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])

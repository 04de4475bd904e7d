"""Content identifiers: the IPFS UnixFS CIDv1 of a file, computed while its bytes pass by.

The profile is that of `ipfs add --cid-version=1`: sha2-256, raw leaves, chunks of 256 KiB, a balanced
dag-pb tree of width 174, written in base32. Another profile gives another CID for the same bytes.
"""

import base64
import hashlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stargazer_cli.errors import UsageError

CHUNK = 256 * 1024
WIDTH = 174
_RAW = 0x55
_DAG_PB = 0x70
_SHA2_256 = b"\x12\x20"
# What one thread hashes before it asks for more: 1 MiB. Writes of 2 MiB took twice the time on ext4.
_LEAVES_AT_ONCE = 4
_LEAST_BUFFER = 64 * 1024
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST_CID = 100


@dataclass(frozen=True, slots=True)
class _Link:
    """What a parent needs to know of a block."""

    cid: bytes
    tree_size: int
    file_size: int


def varint(value: int) -> bytes:
    """Encode an unsigned number, as multiformats and protobuf do."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def to_text(cid: bytes) -> str:
    """Write a binary CID in lower-case base32, the form of CIDs of version 1."""
    return "b" + base64.b32encode(cid).decode("ascii").lower().rstrip("=")


def to_binary(cid: str) -> bytes:
    """Undo `to_text`, of capital letters as well; ValueError where that cannot be."""
    text = cid[1:].upper()
    return base64.b32decode(text + "=" * (-len(text) % 8))


def _field(tag: int, payload: bytes) -> bytes:
    return bytes([tag]) + varint(len(payload)) + payload


def _parent(children: list[_Link]) -> _Link:
    """Encode one dag-pb node over `children`; links come before the data, as the codec wants."""
    links = bytearray()
    sizes = bytearray()
    for child in children:
        # 0x0a hash, 0x12 name (always empty in a file), 0x18 size of the whole subtree
        links += _field(0x12, _field(0x0A, child.cid) + b"\x12\x00\x18" + varint(child.tree_size))
        sizes += b"\x20" + varint(child.file_size)
    file_size = sum(child.file_size for child in children)
    # 0x08 type (2 = file), 0x18 size of the file, 0x20 size of each child
    block = bytes(links) + _field(0x0A, b"\x08\x02\x18" + varint(file_size) + bytes(sizes))
    tree_size = len(block) + sum(child.tree_size for child in children)
    return _Link(_binary(_DAG_PB, hashlib.sha256(block).digest()), tree_size, file_size)


def _binary(codec: int, digest: bytes) -> bytes:
    return bytes([1, codec]) + _SHA2_256 + digest


class CidHasher:
    """Takes bytes in pieces of any size and gives their CID; memory stays constant.

    At each level of the tree at most `WIDTH` links wait for their parent.
    """

    def __init__(self) -> None:
        self._leaf = hashlib.sha256()
        self._leaf_size = 0
        self._leaves = 0
        self._levels: list[list[_Link]] = [[]]
        self._closed = 0

    @property
    def size(self) -> int:
        """Return how many bytes were taken, those of a chunk that is not whole yet included."""
        return self._closed + self._leaf_size

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        view = memoryview(data)
        while view:
            piece = view[: CHUNK - self._leaf_size]
            self._leaf.update(piece)
            self._leaf_size += len(piece)
            view = view[len(piece) :]
            if self._leaf_size == CHUNK:
                self._close_leaf()

    def take_leaf(self, digest: bytes, size: int) -> None:
        """Take the next chunk of the file by its sha2-256; only the last may be shorter than `CHUNK`."""
        self._closed += size
        self._leaves += 1
        self._push(0, _Link(_binary(_RAW, digest), size, size))

    def cid(self) -> str:
        """Return the CID of all bytes taken; the hasher cannot be used afterwards."""
        if self._leaf_size or not self._leaves:
            self._close_leaf()
        level = 0
        while True:
            waiting = self._levels[level]
            top = level == len(self._levels) - 1
            if top and len(waiting) == 1:
                return to_text(waiting[0].cid)
            if waiting:
                self._push(level + 1, _parent(waiting))
                self._levels[level] = []
            level += 1

    def _close_leaf(self) -> None:
        digest, size = self._leaf.digest(), self._leaf_size
        self._leaf, self._leaf_size = hashlib.sha256(), 0
        self.take_leaf(digest, size)

    def _push(self, level: int, link: _Link) -> None:
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(link)
        if len(self._levels[level]) == WIDTH:
            full, self._levels[level] = self._levels[level], []
            self._push(level + 1, _parent(full))


def hash_stream(
    read: Callable[[memoryview], int],
    size: int,
    *,
    threads: int = 1,
    sink: Callable[[memoryview], None] | None = None,
) -> CidHasher:
    """Hash all that `read` gives, about `size` bytes, and hand each piece to `sink` as well.

    `read` fills a buffer and returns how many bytes it put there, 0 at the end. Chunks are hashed on
    `threads` threads while the calling one reads on and writes: sha2-256 of a whole chunk leaves Python's
    lock alone, and chunks do not depend on each other. Memory: two pieces of 1 MiB more than threads.
    """
    hasher = CidHasher()
    piece_size = _LEAVES_AT_ONCE * CHUNK
    if size < piece_size:
        # Not worth a thread. A file that says less than it holds is read all the same.
        buffer = memoryview(bytearray(max(size + 1, _LEAST_BUFFER)))
        while count := read(buffer):
            hasher.update(buffer[:count])
            if sink:
                sink(buffer[:count])
        return hasher
    free = [memoryview(bytearray(piece_size)) for _ in range(threads + 2)]
    at_work: deque[tuple[Future[list[bytes]], memoryview, int]] = deque()

    def collect() -> None:
        digests, buffer, count = at_work.popleft()
        for number, digest in enumerate(digests.result()):
            hasher.take_leaf(digest, min(CHUNK, count - number * CHUNK))
        free.append(buffer)

    with ThreadPoolExecutor(threads, "cid") as pool:
        while True:
            buffer = free.pop()
            count = _fill(read, buffer)
            if not count:
                break
            at_work.append((pool.submit(_leaf_digests, buffer[:count]), buffer, count))
            if sink:
                sink(buffer[:count])
            if not free:
                collect()
        while at_work:
            collect()
    return hasher


def _fill(read: Callable[[memoryview], int], buffer: memoryview) -> int:
    """Read until the buffer is full, so that a piece always begins where a chunk does."""
    filled = 0
    while filled < len(buffer) and (count := read(buffer[filled:])):
        filled += count
    return filled


def _leaf_digests(piece: memoryview) -> list[bytes]:
    return [hashlib.sha256(piece[start : start + CHUNK]).digest() for start in range(0, len(piece), CHUNK)]


def cid_of(path: Path, *, threads: int = 1) -> str:
    """Return the CID of a file, hashed on so many threads."""
    with path.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        return hash_stream(stream.readinto, size, threads=threads).cid()


def cids_of(paths: Sequence[Path], *, threads: int = 1) -> list[str]:
    """Return the CIDs of files, on so many threads in all: several files at once, or one on all of them."""
    if not paths:
        return []
    at_once, each = share_threads(threads, len(paths))
    with ThreadPoolExecutor(at_once, "files") as pool:
        return list(pool.map(lambda path: cid_of(path, threads=each), paths))


def share_threads(threads: int, files: int) -> tuple[int, int]:
    """Return how many files to hash at once, and on how many threads each."""
    at_once = max(1, min(threads, files))
    return at_once, max(1, threads // at_once)


def is_cid(text: str) -> bool:
    """Tell whether `text` is a CID of the one kind that this store can verify."""
    return _problem(text) is None


def check_cid(text: str) -> str:
    """Return `text` when it is a CID of the one kind that this store can verify, else say why it is not."""
    problem = _problem(text)
    if problem is None:
        return text
    hint = "A CID here starts with bafkrei or bafybei; `stargazer assets query` lists those of the store."
    written_anew = _in_our_form(text)
    if written_anew:
        problem = problem if text.startswith("Qm") else "is not in lower-case base32"
        hint = f"The same CID in the form that is used here: {written_anew}"
    raise UsageError(f"{text[:_LONGEST_CID]!r} {problem}.", hint)


def _problem(text: str) -> str | None:
    if text.startswith("Qm") and len(text) == 46:
        return "is a CIDv0"
    try:
        binary = to_binary(text)
    except ValueError:
        return "is not a CID"
    if text != to_text(binary) or len(binary) < 4 or binary[0] != 1:
        return "is not a CID"
    if len(binary) != 36 or binary[2:4] != _SHA2_256:
        return "is a CID of a hash other than sha2-256"
    if binary[1] not in (_RAW, _DAG_PB):
        return "is a CID of something other than a file"
    return None


def _in_our_form(text: str) -> str | None:
    """Return a CID that is written in another way as it is written here."""
    if not text.startswith(("Qm", "z", "B")) or len(text) > _LONGEST_CID:
        return None
    try:
        if text.startswith("Qm"):
            binary = bytes([1, _DAG_PB]) + _from_base58(text)
        elif text.startswith("z"):
            binary = _from_base58(text[1:])
        else:
            binary = to_binary(text)
    except ValueError:
        return None
    written_anew = to_text(binary)
    return written_anew if is_cid(written_anew) else None


def _from_base58(text: str) -> bytes:
    """Decode base58btc of something that begins with no zero byte; ValueError where it is none."""
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    return number.to_bytes((number.bit_length() + 7) // 8)

"""What is in an HDF5 file, as far as its first bytes tell: read without the HDF5 library.

Sections and names of fields are those of the HDF5 File Format Specification, version 3.0.
"""

from pathlib import Path

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# The least that precedes the data of a file: signature, versions and addresses.
SUPERBLOCK = 48
_CACHED = 1  # III.C: the entry of a group holds the addresses of its B-tree and of its heap of names
_LONGEST_HEAP = 1 << 20


def end_of_file(raw: bytes) -> int | None:
    """Return where a file that begins with `raw` says that it ends (II.A); None where that is not known."""
    version = raw[8]
    if version > 3:
        return None
    # Where the size of an address is told, and where the addresses begin; the third is the end of the file.
    width_at, addresses_at = {0: (13, 24), 1: (13, 28)}.get(version, (9, 12))
    width = raw[width_at]
    return _number(raw, addresses_at + 2 * width, width)


def root_members(path: Path, raw: bytes) -> frozenset[str]:
    """Return the names in the root group of a file that begins with `raw`.

    Only of files that keep them as h5py does unless told otherwise (a superblock of version 0 or 1, a local
    heap); none of others.
    """
    if not raw.startswith(SIGNATURE) or len(raw) < SUPERBLOCK or raw[8] > 1:
        return frozenset()
    width, length = raw[13], raw[14]
    # II.A: four addresses, then the symbol table entry of the root group: offset of its name, address of its
    # header, type of cache, reserved, and the addresses of the B-tree and of the heap.
    entry = (24 if raw[8] == 0 else 28) + 4 * width
    cached = entry + 2 * width
    if _number(raw, cached, 4) != _CACHED:
        return frozenset()
    # III.D: signature, version, reserved; size of the names, offset of the free list, address of the names
    heap = _read(path, _number(raw, cached + 8 + width, width), 8 + 2 * length + width)
    if not heap.startswith(b"HEAP"):
        return frozenset()
    names = _read(path, _number(heap, 8 + 2 * length, width), min(_number(heap, 8, length), _LONGEST_HEAP))
    return frozenset(name.decode("utf-8", "replace") for name in names.split(b"\0") if name)


def _read(path: Path, start: int, count: int) -> bytes:
    """Return bytes of a file; none from behind its end, where a broken address may point."""
    if start >= path.stat().st_size:
        return b""
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(count)


def _number(data: bytes, start: int, width: int) -> int:
    return int.from_bytes(data[start : start + width], "little")

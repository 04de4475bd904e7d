"""Moving bytes so that a file is whole or absent, whatever happens in between."""

import contextlib
import fcntl
import os
import stat
from pathlib import Path

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import CHUNK, CidHasher

_BUFFER = 4 * CHUNK
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one of the two changes
READ_ONLY = 0o444


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step."""
    partial = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        with partial.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


class Source:
    """A file of someone else's, open for reading, that must not change while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # O_NONBLOCK: opening a pipe must not wait for a writer.
            self._handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise UsageError(f"The file {path} cannot be read: {error.strerror}.") from None
        self._before = os.fstat(self._handle)
        if not stat.S_ISREG(self._before.st_mode):
            os.close(self._handle)
            kind = "a folder" if stat.S_ISDIR(self._before.st_mode) else "not a regular file"
            raise UsageError(f"{path} is {kind}.", "Give the path of a file.")
        self.size = self._before.st_size

    def __enter__(self) -> "Source":
        """Give the open file."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        os.close(self._handle)

    def cid(self) -> str:
        """Return the CID of the file as it stands."""
        hasher = _hash(self._handle, self.path)
        self._check_unchanged()
        return hasher.cid()

    def copy_to(self, target: Path, *, read_only: bool = True) -> str:
        """Copy the file to the new path `target`, and return the CID of the bytes that are there."""
        handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try:
                fcntl.ioctl(handle, _FICLONE, self._handle)
                hasher = _hash(handle, target)
            except OSError:
                # No shared blocks on this file system, or not between these two.
                os.ftruncate(handle, 0)
                hasher = _copy(self._handle, handle, self.path)
            self._check_unchanged()
            if read_only:
                os.fchmod(handle, READ_ONLY)
            os.fsync(handle)
        finally:
            os.close(handle)
        return hasher.cid()

    def link_to(self, target: Path) -> bool:
        """Give the file the second name `target`, read-only; False where that cannot be done."""
        try:
            os.link(self.path.resolve(), target)
        except OSError:
            return False
        linked = target.stat()
        if (linked.st_dev, linked.st_ino) != (self._before.st_dev, self._before.st_ino):
            target.unlink()
            return False
        target.chmod(READ_ONLY)
        os.fsync(self._handle)
        return True

    def _check_unchanged(self) -> None:
        now = os.fstat(self._handle)
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise StargazerError(
                f"The file {self.path} changed while it was read.",
                "Add it when nothing writes to it any more.",
            )


def _hash(handle: int, path: Path) -> CidHasher:
    hasher = CidHasher()
    buffer = memoryview(bytearray(_BUFFER))
    os.lseek(handle, 0, os.SEEK_SET)
    while count := _read(handle, buffer, path):
        hasher.update(buffer[:count])
    return hasher


def _copy(source: int, target: int, path: Path) -> CidHasher:
    hasher = CidHasher()
    buffer = memoryview(bytearray(_BUFFER))
    os.lseek(source, 0, os.SEEK_SET)
    os.lseek(target, 0, os.SEEK_SET)
    while count := _read(source, buffer, path):
        hasher.update(buffer[:count])
        rest = buffer[:count]
        while rest:
            rest = rest[os.write(target, rest) :]
    return hasher


def _read(handle: int, buffer: memoryview, path: Path) -> int:
    # A fault of the source must not be told as one of the store.
    try:
        return os.readv(handle, [buffer])
    except OSError as error:
        raise StargazerError(f"The file {path} cannot be read: {error.strerror}.") from None


def remove_tree(folder: Path) -> None:
    """Remove a folder of files and links, as far as it goes."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()

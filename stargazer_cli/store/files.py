"""Moving bytes so that a file is whole or absent, whatever happens in between."""

import contextlib
import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import hash_stream

Item = TypeVar("Item")
# Called with the bytes so far and, where it is known, how many there will be.
Progress = Callable[[int, int | None], None]
# Called with the bytes that were dealt with since the last call, from whatever thread did it.
Count = Callable[[int], None]
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one of the two changes
READ_ONLY = 0o444


def counter(total: int | None, progress: Progress | None) -> Count | None:
    """Return what adds up bytes, or other things, from several threads for `progress`."""
    if progress is None:
        return None
    lock = threading.Lock()
    done = 0

    def count(more: int) -> None:
        nonlocal done
        with lock:
            done += more
            progress(done, total)

    return count


def share_of(count: Count | None) -> Progress | None:
    """Return the progress of one file of several, whose bytes `count` adds up."""
    if count is None:
        return None
    before = 0

    def watch(done: int, _: int | None) -> None:
        nonlocal before
        count(done - before)
        before = done

    return watch


def counted(items: Iterable[Item], count: Count | None) -> Iterator[Item]:
    """Give items, each counted when it was dealt with."""
    for item in items:
        yield item
        if count:
            count(1)


def check_absent(path: Path, hint: str = "Give another path, or --force to replace it.") -> None:
    """Raise UsageError where something is at a path already, be it a link to nothing."""
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already.", hint)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Put `content`, or what its pieces make together, at `path` in one step."""
    with replacing(path) as stream:
        stream.writelines([content] if isinstance(content, bytes) else content)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes the place of `path` in one step when the block ends well."""
    partial = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        with partial.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


class Source:
    """A file of someone else's, open for reading, that must not change while it is read.

    A symbolic link is followed: the file is what it leads to. `stat` is how the file was when it was opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # O_NONBLOCK: opening a pipe must not wait for a writer.
            self._handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise UsageError(f"The file {path} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise UsageError(f"{path} is not a path: it holds a zero byte.") from None
        self.stat = os.fstat(self._handle)
        if not stat.S_ISREG(self.stat.st_mode):
            os.close(self._handle)
            kind = "a folder" if stat.S_ISDIR(self.stat.st_mode) else "not a regular file"
            raise UsageError(f"{path} is {kind}.", "Give the path of a file.")
        self.size = self.stat.st_size

    @property
    def seal(self) -> str:
        """Size and time of change that the file had when it was opened: while they stay, so do its bytes."""
        return seal_of(self.stat)

    def __enter__(self) -> "Source":
        """Give the open file."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        os.close(self._handle)

    def cid(self, *, threads: int = 1, count: Count | None = None) -> str:
        """Return the CID of the file as it stands."""
        cid = self._hash(self._handle, threads, _counting(count))
        self._check_unchanged()
        return cid

    def copy_to(
        self, target: Path, *, read_only: bool = True, threads: int = 1, count: Count | None = None
    ) -> str:
        """Copy the file to the new path `target`, and return the CID of the bytes that are there."""
        handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            if share_blocks(self._handle, handle):
                cid = self._hash(handle, threads, _counting(count))
            else:
                cid = self._hash(self._handle, threads, _writing(handle, count))
            self._check_unchanged()
            if read_only:
                os.fchmod(handle, READ_ONLY)
            os.fsync(handle)
        finally:
            os.close(handle)
        return cid

    def link_to(self, target: Path) -> bool:
        """Give the file the second name `target`, read-only; False where that cannot be done."""
        try:
            os.link(self.path.resolve(), target)
        except OSError:
            return False
        linked = target.stat()
        if (linked.st_dev, linked.st_ino) != (self.stat.st_dev, self.stat.st_ino):
            target.unlink()
            return False
        target.chmod(READ_ONLY)
        os.fsync(self._handle)
        self._check_unchanged()
        return True

    def _hash(self, handle: int, threads: int, sink: Callable[[memoryview], None] | None) -> str:
        """Hash this file, or one that shares its blocks."""
        os.lseek(handle, 0, os.SEEK_SET)

        def read(buffer: memoryview) -> int:
            # A fault of the source must not be told as one of the store.
            try:
                return os.readv(handle, [buffer])
            except OSError as error:
                raise StargazerError(f"The file {self.path} cannot be read: {error.strerror}.") from None

        return hash_stream(read, self.size, threads=threads, sink=sink).cid()

    def _check_unchanged(self) -> None:
        now = os.fstat(self._handle)
        if seal_of(now) != self.seal:
            raise StargazerError(
                f"The file {self.path} changed while it was read.",
                "Add it when nothing writes to it any more.",
            )


def seal_of(found: os.stat_result) -> str:
    """Return size and time of change of a file, in one word."""
    return f"{found.st_size}-{found.st_mtime_ns}"


def share_blocks(source: int, target: int) -> bool:
    """Make an empty file share the blocks of another; False where the file system has no such thing."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        # Not this file system, or not between these two.
        os.ftruncate(target, 0)
        return False
    return True


def _counting(count: Count | None) -> Callable[[memoryview], None] | None:
    return (lambda piece: count(len(piece))) if count else None


def _writing(handle: int, count: Count | None) -> Callable[[memoryview], None]:
    def write(piece: memoryview) -> None:
        rest = piece
        while rest:
            rest = rest[os.write(handle, rest) :]
        if count:
            count(len(piece))

    return write


def remove_tree(folder: Path) -> None:
    """Remove a folder of files and links, as far as it goes."""
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()

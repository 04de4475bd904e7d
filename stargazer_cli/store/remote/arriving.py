"""A file that comes from elsewhere, in pieces and perhaps in several attempts."""

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.cid import CHUNK, CidHasher
from stargazer_cli.store.files import Progress
from stargazer_cli.store.remote.unixfs import MAX_BLOCK, Name

_READ = 1 << 20
# What an attempt must bring for those before it to be forgotten: nobody goes on byte by byte.
WORTHWHILE = 1 << 20


class Stale(Exception):  # noqa: N818 - it never reaches a user
    """What an earlier call left is no beginning of the file, or nobody can tell: it has to come anew."""


class PartialFile:
    """A file that comes in pieces: its bytes so far and the state of their hash.

    total      the length of the file, where it is known
    checked    how many of its first bytes are known to be those of the CID
    inherited  how many an earlier call left: they count as checked until the CID of the whole is known

    `target` is a new path; with `keep` it is a file that there is, which stays after an exception if it holds
    anything.
    """

    def __init__(self, target: Path, progress: Progress | None = None, *, keep: bool = False) -> None:
        self.total: int | None = None
        self.checked = 0
        self.inherited = 0
        self._target = target
        self._keep = keep
        self._progress = progress
        self._hasher = CidHasher()
        self._finished = False
        self._stream = target.open("r+b" if keep else "x+b")

    def __enter__(self) -> Self:
        """Give the open file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; after an exception nothing of it stays, unless it is to be kept."""
        # A full disk may show only now.
        try:
            self._stream.close()
        except OSError:
            self._target.unlink(missing_ok=True)
            raise
        # A disk that is full is not filled for a week, and one that fails is not relied on.
        if error is not None and (not self._keep or isinstance(error, OSError)):
            self._target.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """Return how many bytes are there."""
        return self._hasher.size

    def inherit(self) -> None:
        """Begin with what an earlier call left in the file."""
        self._read(os.fstat(self._stream.fileno()).st_size)
        self.inherited = self.checked = self.size
        self._tell()

    def start_anew(self) -> None:
        """Forget all bytes."""
        self.inherited = self.checked = 0
        self._cut(0)

    def expect(self, total: int | None) -> None:
        """Say how long the file will be; one that the disk cannot hold is refused before it comes."""
        self.total = total
        if total is not None and total - self.size > (free := self.room()):
            raise StargazerError(
                f"The file is {total:,} bytes long, and {self._target.parent} has room for {free:,}.",
                "Make room there, or choose another folder.",
            )

    def room(self) -> int:
        """Return how many bytes the disk can still take."""
        return shutil.disk_usage(self._target.parent).free

    def write(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the file."""
        self._stream.write(piece)
        self._hasher.update(piece)
        self._tell()

    def write_checked(self, piece: bytes, digest: bytes | None = None) -> None:
        """Take the next bytes, which are known to be those of the CID; `digest` is their sha2-256.

        They come after what was checked before: what was not goes.
        """
        self.rewind(self.checked)
        if digest and len(piece) == CHUNK and self.size % CHUNK == 0:
            # A chunk of our layout too: it need not be hashed a second time.
            self._stream.write(piece)
            self._hasher.take_leaf(digest, CHUNK)
            self._tell()
        elif piece:
            self.write(piece)
        self.checked = self.size

    def rewind(self, size: int) -> None:
        """Keep the first `size` bytes only; more can be added to a file that was finished."""
        if size != self.size or self._finished:
            self._cut(size)

    def finish(self, name: Name) -> str:
        """Make the bytes durable, and return their CID in our layout; Stale where it should be `name`."""
        self._finished = True
        self._stream.flush()
        os.fsync(self._stream.fileno())
        found = self._hasher.cid()
        if self.inherited and found != str(name):
            raise Stale
        return found

    def is_block(self, name: Name) -> bool:
        """Tell whether the file, which came whole, is this one block."""
        self._stream.seek(0)
        return name.fits(self._stream.read(MAX_BLOCK))

    def _cut(self, size: int) -> None:
        self._stream.truncate(size)
        self._hasher = CidHasher()
        self._finished = False
        self._read(size)

    def _read(self, size: int) -> None:
        """Hash the first bytes of the file, and stand behind them."""
        self._stream.seek(0)
        while self.size < size and (piece := self._stream.read(min(_READ, size - self.size))):
            self._hasher.update(piece)

    def _tell(self) -> None:
        if self._progress:
            self._progress(self.size, self.total)

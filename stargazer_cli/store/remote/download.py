"""Downloads from servers that are not trusted: every byte is checked by CID, and a broken transfer goes on.

A transfer goes through its sources in order. What a source sends is kept across broken connections, and a
source that sends wrong bytes is left for the next one. In the end the file is whole, or nothing is there.
"""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.cid import CidHasher, check_cid
from stargazer_cli.store.files import READ_ONLY
from stargazer_cli.store.remote import http

if TYPE_CHECKING:
    import httpx

Progress = Callable[[int, int | None], None]

_OK = 200
_PARTIAL = 206
_UNSATISFIABLE = 416
_READ = 1 << 20
# What an attempt must bring for those before it to be forgotten: nobody goes on byte by byte.
_WORTHWHILE = 1 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Source(Protocol):
    """Where the bytes of a CID can be asked for.

    name    for messages; it never holds a secret
    car     may be asked for the blocks of the file (`?format=car`), each of which can be checked
    """

    @property
    def name(self) -> str:
        """Return what messages call it."""

    @property
    def car(self) -> bool:
        """Tell whether it may be asked for blocks."""

    def request(self) -> http.Request:
        """Return what to ask for; called anew for each attempt, so that an address can be signed again."""


class Arriving:
    """A file that comes in pieces: its bytes so far and the state of their hash."""

    def __init__(self, target: Path, progress: Progress | None = None) -> None:
        self.total: int | None = None
        self._target = target
        self._progress = progress
        self._hasher = CidHasher()
        self._stream = target.open("x+b")

    def __enter__(self) -> Self:
        """Give the open file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; after an exception nothing of it stays."""
        # A full disk may show only now.
        try:
            self._stream.close()
        finally:
            if error is not None:
                self._target.unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """Return how many bytes are there."""
        return self._hasher.size

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
        if self._progress:
            self._progress(self.size, self.total)

    def rewind(self, size: int = 0) -> None:
        """Keep the first `size` bytes only."""
        if size == self.size:
            return
        self._stream.seek(size)
        self._stream.truncate()
        self._stream.seek(0)
        self._hasher = CidHasher()
        while self.size < size and (piece := self._stream.read(min(_READ, size - self.size))):
            self._hasher.update(piece)

    def finish(self) -> str:
        """Make the bytes durable, and return their CID in our layout; nothing can be added afterwards."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        return self._hasher.cid()


def download(
    sources: Sequence[Source],
    cid: str,
    target: Path,
    *,
    name: str = "",
    size: int | None = None,
    progress: Progress | None = None,
    read_only: bool = True,
) -> str:
    """Put the file of `cid` at the new path `target`, or leave nothing there.

    Returns the CID of the bytes in our layout: another one than `cid` where that was made with another chunk
    size or tree. `size` is the length of the file, where it is known; `progress` is called with the bytes so
    far and the length, where it is known by then.
    """
    check_cid(cid)
    what = f"{name} ({cid})" if name else cid
    problems: list[str] = []
    with Arriving(target, progress) as file, http.client() as client:
        file.expect(size)
        for source in sources:
            try:
                found = _Plain(client, source, cid, file, size).fetch()
            except http.Refused as reason:
                problems.append(f"{source.name} did not deliver {what}: {reason}")
                continue
            if read_only:
                target.chmod(READ_ONLY)
            return found
        raise StargazerError(
            f"{'; '.join(problems)}.",
            "Try again later, or another gateway: PINATA_GATEWAY=https://… stargazer …",
        )


class _Plain:
    """The bytes of a file as one body, whose CID is compared when all have come."""

    def __init__(
        self, client: "httpx.Client", source: Source, cid: str, file: Arriving, size: int | None
    ) -> None:
        self._client = client
        self._source = source
        self._cid = cid
        self._file = file
        self._size = size
        self._etag = ""

    def fetch(self) -> str:
        """Take the whole file, in as many attempts as bring something, and return its CID in our layout."""
        self._file.rewind()
        http.retried(self._attempt)
        found = self._file.finish()
        if found != self._cid:
            raise http.Refused(f"it sent bytes whose CID is {found}; they were removed")
        return found

    def _attempt(self) -> None:
        """Ask for what is still missing."""
        request = self._source.request()
        start = self._file.size
        headers = dict(request.headers)
        if start:
            headers["Range"] = f"bytes={start}-"
            if self._etag:
                headers["If-Range"] = self._etag
        try:
            with http.faults(), self._client.stream("GET", request.url, headers=headers) as response:
                self._take(response)
        except http.Passing as fault:
            fault.progressed = self._file.size - start >= _WORTHWHILE
            raise

    def _take(self, response: "httpx.Response") -> None:
        start = self._file.size
        if start and not _goes_on(response, start):
            # It sends all anew, or what it had is gone: nothing that came before can be relied on.
            self._file.rewind()
            self._etag = ""
            if response.status_code in (_PARTIAL, _UNSATISFIABLE):
                raise http.Passing("it did not go on where the transfer broke")
        http.check_status(response, _OK, *([_PARTIAL] if self._file.size else []))
        tag = response.headers.get("ETag", "")
        # A weak tag stands for the same meaning, not for the same bytes.
        self._etag = "" if tag.startswith("W/") else tag
        told = http.content_length(response)
        if told is not None:
            self._file.expect(self._file.size + told)
        for piece in http.body(response, limit=self._limit(told)):
            self._file.write(piece)

    def _limit(self, told: int | None) -> int | None:
        """Return how many bytes may come, at most."""
        if self._size is not None:
            return self._size - self._file.size
        # A body without an end must not take the whole disk from everybody.
        return self._file.room() // 2 if told is None else None


def _goes_on(response: "httpx.Response", start: int) -> bool:
    if response.status_code != _PARTIAL:
        # A fault says nothing about the file.
        return response.status_code not in (_OK, _UNSATISFIABLE)
    part = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return part is not None and int(part[1]) == start

"""A file as one body, from any server: a broken transfer goes on, and the CID is compared at the end."""

import re
from typing import TYPE_CHECKING

from stargazer_cli.store.remote import http
from stargazer_cli.store.remote.arriving import WORTHWHILE, PartialFile, Stale
from stargazer_cli.store.remote.source import Source
from stargazer_cli.store.remote.unixfs import MAX_BLOCK, RAW, Name

if TYPE_CHECKING:
    import httpx

_OK = 200
_PARTIAL = 206
_UNSATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class WholeDownload:
    """The bytes of a file as one body, whose CID is compared when all have come."""

    def __init__(
        self, client: "httpx.Client", source: Source, root: Name, file: PartialFile, size: int | None
    ) -> None:
        self._client = client
        self._source = source
        self._root = root
        self._file = file
        self._size = size
        self._etag = ""
        self._begun = False
        self._most = file.checked  # that was ever there, be it gone again

    def fetch(self) -> str:
        """Take the whole file, in as many attempts as bring something, and return its CID in our layout."""
        http.retried(self._attempt)
        found = self._file.finish(self._root)
        if found == str(self._root) or (self._root.codec == RAW and self._file.is_block(self._root)):
            return found
        self._file.rewind(self._file.checked)
        raise http.Refused(
            f"it sent bytes whose CID is {found}; they were removed. Either they are wrong, or the CID has "
            "another layout, which cannot be verified without a gateway that sends blocks"
        )

    def _attempt(self) -> None:
        """Ask for what is still missing."""
        request = self._source.request()
        # What another source sent and nobody could check is not gone on with.
        start = self._file.size if self._begun else self._file.checked
        url, headers = request.url, dict(request.headers)
        if self._source.car and self._root.codec == RAW:
            # A gateway that only serves blocks has this one too.
            url = http.with_query(url, {"format": "raw"})
        if start:
            headers["Range"] = f"bytes={start}-"
            if self._etag:
                headers["If-Range"] = self._etag
        try:
            with http.faults(), self._client.stream("GET", url, headers=headers) as response:
                self._take(response, start)
        except http.Passing as fault:
            fault.progressed = self._begun and self._file.size - self._most >= WORTHWHILE
            if self._begun:
                self._most = max(self._most, self._file.size)
            raise

    def _take(self, response: "httpx.Response", start: int) -> None:
        if self._file.inherited and response.status_code == _UNSATISFIABLE:
            if _is_length(response, start):
                return
            raise Stale
        if start and not _goes_on(response, start):
            # What it had is gone, or it sends all anew: only what was checked can be relied on.
            self._file.rewind(self._file.checked)
            self._etag = ""
            if response.status_code != _OK:
                raise http.Passing("it did not go on where the transfer broke")
        http.check_status(response, _OK, *([_PARTIAL] if start else []))
        if not self._begun:
            self._file.rewind(self._file.checked)
            self._begun = True
        present = self._file.size if response.status_code == _OK else 0
        tag = response.headers.get("ETag", "")
        # A weak tag stands for the same meaning, not for the same bytes.
        self._etag = "" if tag.startswith("W/") else tag
        told = http.content_length(response)
        if told is not None:
            self._expect(self._file.size - present + told)
        try:
            for piece in http.body(response, limit=self._limit(told, self._file.size - present)):
                fresh = memoryview(piece)[present:]
                present -= len(piece) - len(fresh)
                self._file.write(fresh)
        except http.Refused:
            # It goes on for ever, or is not what it says: nothing to be kept for a later call.
            self._file.rewind(self._file.checked)
            raise

    def _expect(self, total: int) -> None:
        """Note the length that the server tells; it may be a lie, and another source be right."""
        self._file.total = total
        if total - self._file.size > (free := self._file.room()):
            raise http.Refused(f"it announced {total:,} bytes, and the disk has room for {free:,}")

    def _limit(self, told: int | None, start: int) -> int | None:
        """Return how many bytes may come from `start` on, at most."""
        if self._root.codec == RAW:
            return MAX_BLOCK - start
        if self._size is not None:
            return self._size - start
        # A body without an end must not take the whole disk from everybody.
        return self._file.room() // 2 if told is None else None


def _is_length(response: "httpx.Response", size: int) -> bool:
    """Tell whether an answer that there is nothing to send says that the file has this length."""
    return bool(response.headers.get("Content-Range") == f"bytes */{size}")


def _goes_on(response: "httpx.Response", start: int) -> bool:
    if response.status_code != _PARTIAL:
        # A fault says nothing about the file.
        return response.status_code not in (_OK, _UNSATISFIABLE)
    part = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return part is not None and int(part[1]) == start

"""Resumable uploads: version 1.0.0 of the TUS protocol (tus.io/protocols/resumable-upload).

A file goes up in chunks. When one breaks, the server is asked how far it came, and the upload goes on there.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import httpx

from stargazer_cli.store.remote import http

if TYPE_CHECKING:
    from stargazer_cli.store.files import Progress

_VERSION = {"Tus-Resumable": "1.0.0"}
_OK, _CREATED, _NO_CONTENT = 200, 201, 204
_CONFLICT = 409
# The server no longer knows the upload: it ran out, or was swept away.
_GONE = frozenset({404, 410})
_MOST_UPLOADS = 3
_LONGEST_ANSWER = 1 << 20


@dataclass
class Upload:
    """A file on its way to a TUS server.

    endpoint    where uploads are begun
    metadata    told to the server with the beginning, in the header `Upload-Metadata`
    chunk       the most bytes to send at once
    tries       how often a fault that passes may follow another before it is given up
    begun       the address of an upload of this file that an earlier process began, to go on with
    remember    called with the address of an upload when it is begun
    """

    client: httpx.Client
    endpoint: str
    stream: BinaryIO
    size: int
    metadata: Mapping[str, str]
    chunk: int
    tries: int = http.TRIES
    progress: "Progress | None" = None
    begun: str = ""
    remember: Callable[[str], None] | None = None
    _place: httpx.URL | None = field(default=None, init=False)
    _offset: int = field(default=0, init=False)
    # That the server is at `_offset` too: until an answer comes, nobody knows how much of a chunk arrived.
    _sure: bool = field(default=True, init=False)
    _sent: bool = field(default=False, init=False)  # the last byte too
    _last: Mapping[str, str] = field(default_factory=dict, init=False)

    def send(self) -> Mapping[str, str]:
        """Send the file and return the headers of the server's last answer.

        They are empty where the answer to the last byte was lost and the server no longer knows the upload:
        it is most likely done with it.
        Raises `http.Refused` when the server does not take the file, or loses it again and again.
        """
        for _ in range(_MOST_UPLOADS):
            # Whatever is wrong with an upload of an earlier process, a new one may go well.
            renew = bool(self.begun)
            try:
                return self._send()
            except http.Refused as reason:
                if reason.status in _GONE and self._sent:
                    return {}
                if not renew and reason.status not in _GONE:
                    raise
                lost = reason
        raise lost

    def _send(self) -> Mapping[str, str]:
        if self.begun:
            self._go_on()
        else:
            http.retried(self._create, tries=self.tries)
        while self._offset < self.size:
            http.retried(self._send_chunk, tries=self.tries)
        return self._last

    def _create(self) -> None:
        headers = {
            **_VERSION,
            "Upload-Length": str(self.size),
            "Upload-Metadata": encode_metadata(self.metadata),
        }
        answer = self._ask("POST", self.endpoint, headers, b"", _CREATED)
        place = answer.url.join(answer.headers.get("Location", ""))
        # The bytes may be private: they go to no one else than the server that the user named.
        if "Location" not in answer.headers or http.origin(place) != http.origin(answer.url):
            raise http.Refused("it named no place of its own for the upload")
        self._place, self._offset, self._sure = place, 0, True
        if self.remember:
            self.remember(str(place))

    def _go_on(self) -> None:
        place, self.begun = httpx.URL(self.begun), ""
        if http.origin(place) != http.origin(httpx.URL(self.endpoint)):
            raise http.Refused("an upload was begun at another server")
        self._place, self._sure = place, False

    def _send_chunk(self) -> None:
        before = self._offset
        try:
            if not self._sure:
                self._find_offset()
            if self._offset < self.size:
                self._patch()
        except http.Passing as fault:
            fault.progressed = self._offset > before
            raise

    def _patch(self) -> None:
        self.stream.seek(self._offset)
        content = self.stream.read(min(self.chunk, self.size - self._offset))
        headers = {
            **_VERSION,
            "Upload-Offset": str(self._offset),
            "Content-Type": "application/offset+octet-stream",
        }
        self._sure = False
        self._sent = self._offset + len(content) == self.size
        try:
            answer = self._ask("PATCH", self._address(), headers, content, _NO_CONTENT, _OK, _CONFLICT)
        except http.Refused:
            self._sent = False
            raise
        if answer.status_code == _CONFLICT:
            raise http.Passing("it is at another place of the upload")
        offset = _number(answer.headers, "Upload-Offset")
        if not self._offset < offset <= self._offset + len(content):
            raise http.Refused(f"it took {len(content):,} bytes at {self._offset:,} and says {offset:,}")
        self._last = answer.headers
        self._go_to(offset)

    def _find_offset(self) -> None:
        answer = self._ask("HEAD", self._address(), _VERSION, b"", _OK, _NO_CONTENT)
        offset = _number(answer.headers, "Upload-Offset")
        if offset > self.size:
            raise http.Refused(f"it says that it has {offset:,} bytes of {self.size:,}")
        self._last = answer.headers
        self._go_to(offset)

    def _go_to(self, offset: int) -> None:
        self._offset = offset
        self._sure = True
        if self.progress:
            self.progress(offset, self.size)

    def _address(self) -> httpx.URL:
        assert self._place is not None  # noqa: S101 - `_create` came before
        return self._place

    def _ask(
        self, method: str, url: httpx.URL | str, headers: Mapping[str, str], content: bytes, *expected: int
    ) -> httpx.Response:
        with (
            http.faults(),
            # A redirect would take the bytes to somewhere else.
            self.client.stream(
                method, url, headers=dict(headers), content=content, follow_redirects=False
            ) as answer,
        ):
            http.check_status(answer, *expected)
            for _ in http.body(answer, limit=_LONGEST_ANSWER):
                pass  # read to its end, so that the connection serves the next chunk
        return answer


def encode_metadata(metadata: Mapping[str, str]) -> str:
    """Return the value of an `Upload-Metadata` header: keys, and values in base64."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode('ascii')}" for key, value in metadata.items()
    )


def _number(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise http.Refused(f"its answer has no {name}")
    return int(text)

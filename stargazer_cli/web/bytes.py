"""The bytes of a file as an answer: verified, in part, as a beginning, or as a page that can do no harm."""

import logging
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.cid import CidHasher

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

_LOG = logging.getLogger("stargazer")
_PIECE = 1024 * 1024
_BEGINNING = 64 * 1024
_TAIL = 256 * 1024
# More digits than the size of any file are no range.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
# A page from a run or a user: its own scripts may draw, as that of MultiQC do, and nothing else. It has an
# origin of its own, so that it can neither read nor ask for anything here.
_HARMLESS = {
    "Content-Security-Policy": "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; "
    "script-src 'unsafe-inline' 'unsafe-eval' data: blob:; style-src 'unsafe-inline' data:; "
    "img-src data: blob:; font-src data:; connect-src data: blob:; worker-src blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "private, no-cache",
}


def download(store: "LocalStore", request: Request, cid: str, name: str) -> Response:
    """Return a file as one to be saved: all of it, hashed on its way, or the part that is asked for.

    What is not what its CID says never arrives whole: the connection is cut before its end.
    """
    path = store.objects.require(cid, name)
    size = path.stat().st_size
    headers = {
        "Content-Disposition": _attachment(name or cid),
        "ETag": f'"{cid}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
    }
    if f'"{cid}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if not asked or not any(asked.groups()):
        return _streamed(_verified(store, path, cid), size, headers)
    begin, end = _part(asked[1], asked[2], size)
    if begin >= end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    return _streamed(_pieces(path, begin, end), end - begin, headers, 206)


def page(store: "LocalStore", cid: str, name: str) -> Response:
    """Return an HTML file as a page that can do no harm."""
    path = store.objects.require(cid, name)
    return _page(_verified(store, path, cid), path)


def page_of_file(path: Path) -> Response:
    """Return an HTML file of a run's folder as a page that can do no harm."""
    return _page(_pieces(path, 0, path.stat().st_size), path)


def tail(path: Path) -> Response:
    """Return the end of a log."""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL))
        return Response(log.read(_TAIL), media_type="text/plain; charset=utf-8")


def beginning(store: "LocalStore", cid: str, name: str) -> tuple[str | None, bool]:
    """Return the beginning of a file as text, unpacked where it is gzipped, and whether there is more.

    None for what is no text.
    """
    path = store.objects.require(cid, name)
    with path.open("rb") as file:
        raw = file.read(_BEGINNING + 1)
    if raw[:2] == b"\x1f\x8b":
        unpacked = _unpacked(raw)
        if unpacked is None:
            return None, False
        # One that is short but not packed in one piece has more, as has one that was cut off.
        content, more = unpacked[:_BEGINNING], len(unpacked) > _BEGINNING or len(raw) > _BEGINNING
    else:
        content, more = raw[:_BEGINNING], len(raw) > _BEGINNING
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        # A letter may be cut in two at the end.
        if not more or error.start < len(content) - 4:
            return None, False
        text = content[: error.start].decode("utf-8")
    return (None, False) if "\0" in text else (text, more)


def _page(pieces: Iterator[bytes], path: Path) -> Response:
    return _streamed(pieces, path.stat().st_size, _HARMLESS, media_type="text/html; charset=utf-8")


def _streamed(
    pieces: Iterator[bytes],
    size: int,
    headers: dict[str, str],
    status: int = 200,
    media_type: str = "application/octet-stream",
) -> Response:
    whole = headers | {"Content-Length": str(size)}
    return _Stream(pieces, status, whole, media_type)


class _Stream(StreamingResponse):
    """An answer that is cut off, for the client to see, where its bytes turn out not to be good."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except StargazerError as error:
            _LOG.warning("%s The download was cut off.", error.message)


def _verified(store: "LocalStore", path: Path, cid: str) -> Iterator[bytes]:
    """Give a file in pieces; the last one only when all of them are what the CID says."""
    hasher = CidHasher()
    last = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
            if last:
                yield last
            last = piece
    if hasher.cid() != store.objects.content_cid(cid):
        store.objects.unseal(cid)
        raise store.objects.damage(path)
    if last:
        yield last


def _pieces(path: Path, begin: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(begin)
        while begin < end:
            piece = file.read(min(_PIECE, end - begin))
            if not piece:
                raise StargazerError(f"The file {path} became shorter while it was sent.")
            begin += len(piece)
            yield piece


def _part(first: str, last: str, size: int) -> tuple[int, int]:
    """Return where a part begins and ends; empty where the file has no such part."""
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _attachment(name: str) -> str:
    """Return the header that names a file to be saved (RFC 6266); no letter of it turns the others round."""
    name = "".join(letter if letter.isprintable() and letter not in "/\\" else "_" for letter in name)
    plain = re.sub(r"[^A-Za-z0-9._+=,@ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _unpacked(raw: bytes) -> bytes | None:
    """Return the beginning of what is gzipped, over the blocks of BGZF; None for what is damaged."""
    out = bytearray()
    while raw[:2] == b"\x1f\x8b" and len(out) <= _BEGINNING:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            out += unpacker.decompress(raw, _BEGINNING + 1)
        except zlib.error:
            return None
        raw = unpacker.unused_data
    return bytes(out)

"""Files that a browser sends: from the connection straight into the store's folder, whatever their size."""

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.web.errors import RefusalError

FIELDS = ("asset", "keyvalues")
_LONGEST_FIELD = 64 * 1024
_MOST_FILES = 1000
_LONGEST_NAME = 255  # bytes, in most file systems
# Left free for others on the disk.
_RESERVE = 1024**3


class Upload:
    """Parts of a form (RFC 7578) as they arrive: `fields` by name, and `files` in the folder `folder`."""

    def __init__(self, folder: Path, boundary: bytes) -> None:
        from python_multipart.multipart import MultipartParser

        self.folder = folder
        self.fields: dict[str, str] = {}
        self.files: list[Path] = []
        self.complete = False
        self._name: bytes = b""
        self._value: bytes = b""
        self._disposition = b""
        self._field: str | None = None
        self._content = bytearray()
        self._file: IO[bytes] | None = None
        callbacks: Any = {
            "on_part_begin": self._begin,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._take,
            "on_part_end": self._close,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def write(self, piece: bytes) -> None:
        """Take what arrived."""
        from python_multipart.exceptions import ParseError

        try:
            self._parser.write(piece)
        except ParseError as error:
            raise _ill_formed(str(error)) from None

    def close(self) -> None:
        """Close what is open, at the end or where it broke off."""
        if self._file:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._name = self._value = self._disposition = b""

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _open(self) -> None:
        from python_multipart.multipart import parse_options_header

        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise _ill_formed("a part has no name")
        name = options[b"name"].decode("utf-8", "replace")
        self._content = bytearray()
        self._field = None
        if name in FIELDS and b"filename" not in options:
            self._field = name
        elif name == "file" and b"filename" in options:
            self._file = self._new_file(options[b"filename"].decode("utf-8", "replace"))
        else:
            raise _ill_formed(f"the part {name[:60]!r} is none of asset, keyvalues and file")

    def _new_file(self, told: str) -> IO[bytes]:
        """Open a file of the name that was told, without the folders that a browser may tell with it."""
        name = PurePosixPath(told.replace("\\", "/")).name
        if name in ("", "..") or not name.isprintable() or len(name.encode()) > _LONGEST_NAME:
            raise UsageError(f"{told[:60]!r} is not usable as a file name.", "Give the file another name.")
        if len(self.files) == _MOST_FILES:
            raise UsageError(f"There are more than {_MOST_FILES} files.", "Send fewer of them at once.")
        path = self.folder / name
        try:
            file = path.open("xb")
        except FileExistsError:
            raise UsageError(f"Two files are called {name}.", "Send them one after the other.") from None
        self.files.append(path)
        return file

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(memoryview(data)[start:end])
            return
        self._content += data[start:end]
        if len(self._content) > _LONGEST_FIELD:
            raise RefusalError(413, UsageError(f"The field {self._field} is too long."))

    def _close(self) -> None:
        self.close()
        if self._field:
            try:
                self.fields[self._field] = self._content.decode("utf-8")
            except UnicodeDecodeError:
                raise _ill_formed(f"the field {self._field} is not UTF-8") from None

    def _end(self) -> None:
        self.complete = True


async def receive(request: Request, folder: Path, free: Callable[[], int]) -> Upload:
    """Take the files of a request into a folder that is there; `free` tells how many bytes it may hold.

    Raises:
        UsageError: it is no such form, or a name in it is not usable.
        RefusalError: it is too much for the disk.

    """
    upload = Upload(folder, _boundary(request))
    most = free()
    _check_fits(int(request.headers.get("content-length") or 0), most)
    taken = 0
    try:
        async for piece in request.stream():
            taken += len(piece)
            _check_fits(taken, most)
            # A disk may be slow, and others are waiting.
            await run_in_threadpool(upload.write, piece)
    finally:
        upload.close()
    if not upload.complete:
        raise _ill_formed("it ends in the middle")
    if not upload.files:
        raise UsageError("No file was sent.", "Send one or more as parts called `file`.")
    return upload


def room(folder: Path) -> int:
    """Return how many bytes may be sent to a folder's disk."""
    return max(0, shutil.disk_usage(folder).free - _RESERVE)


def _boundary(request: Request) -> bytes:
    from python_multipart.multipart import parse_options_header

    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        raise RefusalError(415, UsageError("Files are sent as multipart/form-data."))
    return boundary


def _check_fits(size: int, most: int) -> None:
    if size > most:
        raise RefusalError(
            413,
            StargazerError(f"The disk of the store has room for {most:,} bytes more.", "Make room there."),
        )


def _ill_formed(why: str) -> UsageError:
    return UsageError(f"The form is not well-formed: {why}.")

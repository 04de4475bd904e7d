"""Pinata on loopback: the API v3 as its documentation describes it, and the faults of real servers.

Sources, by page of docs.pinata.cloud: api-reference/endpoint/upload-a-file, files/uploading-files (form
fields, TUS), api-reference/endpoint/list-files, files/listing-files and files/key-values (filters, merging
on update, ten pairs a file), api-reference/endpoint/update-file, delete-file-by-id, get-signed-url,
ipfs/list-gateways, account-management/limits, gateways/retrieving-files. Resumable uploads follow
tus.io/protocols/resumable-upload; that the last answer names the CID in `Upload-CID` is what Pinata's own
client for JavaScript reads.

Three servers on three ports, as Pinata has three hosts: `api`, `uploads`, `gateway`.
"""

import base64
import email.parser
import email.policy
import hashlib
import hmac
import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from stargazer_cli.store.cid import CidHasher

TOKEN = "eyJhbGciOiJIUzI1NiJ9.a-token-that-nobody-may-see.c2lnbmF0dXJl"
MOST_KEYVALUES = 10
LARGEST_CHUNK = 50_000_000
_SIGNING_KEY = b"known to the server only"


def cid_of_bytes(content: bytes) -> str:
    hasher = CidHasher()
    hasher.update(content)
    return hasher.cid()


@dataclass
class File:
    """A file of the account."""

    id: str
    network: str
    name: str
    cid: str
    content: bytes
    keyvalues: dict[str, str]
    created_at: str

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "cid": self.cid,
            "size": len(self.content),
            "number_of_files": 1,
            "mime_type": "application/octet-stream",
            "group_id": None,
            "keyvalues": self.keyvalues,
            "created_at": self.created_at,
        }


@dataclass
class Upload:
    """A resumable upload under way."""

    length: int
    metadata: dict[str, str]
    content: bytearray = field(default_factory=bytearray)


@dataclass
class Seen:
    """A request as it came."""

    host: str
    method: str
    path: str
    headers: dict[str, str]
    size: int


@dataclass
class Fault:
    """What the next `times` matching requests meet.

    status      answered at once, with `headers`
    cut         the connection breaks after so many bytes: of the request where it has a body that is read,
                else of the answer
    deaf        the request is carried out, and no answer comes
    pause       seconds before the answer
    wrong       the answer's bytes are others
    expire      with `cut`: the signature of the request is no longer good afterwards
    answer      a JSON document to answer with
    """

    method: str
    path: str
    times: int = 1
    host: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    deaf: bool = False
    pause: float = 0.0
    wrong: bool = False
    expire: bool = False
    answer: Any = None

    def meets(self, host: str, method: str, path: str) -> bool:
        return (
            self.times > 0
            and self.host in ("", host)
            and self.method == method
            and re.search(self.path, path) is not None
        )


class Pinata:
    """The account, its files, and the servers in front of it."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.uploads: dict[str, Upload] = {}
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.expired: set[str] = set()
        # What the pages of a list without an end hold: nothing ("empty"), files that nobody stored ("fresh"),
        # or the same again under the same token ("same").
        self.endless = ""
        self.wrong_cid = False
        # That a file is on the network where its bytes came first, whatever is asked for, and says so.
        self.one_network = False
        # The network that new files are put on, whatever is asked for, and that is told.
        self.puts_on = ""
        self.page_size = 10
        # The documentation names no `Upload-CID` and no filter by `metadata` or `keyvalues` alone.
        self.tells_cid = True
        self.filters = True
        self.clock: Callable[[], float] = time.time
        self.lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._servers = {host: self._serve(host) for host in ("api", "uploads", "gateway")}

    def _serve(self, host: str) -> ThreadingHTTPServer:
        outer = self

        class Handler(_Handler):
            pinata = outer
            role = host

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def url(self, host: str) -> str:
        port = self._servers[host].server_port
        return f"http://127.0.0.1:{port}" + ("" if host == "gateway" else "/v3")

    def close(self) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def fault(self, method: str, path: str, **what: Any) -> Fault:
        """Let the next matching request meet a fault; `path` is searched for as a pattern."""
        self.faults.append(Fault(method, path, **what))
        return self.faults[-1]

    def requests(self, method: str, path: str, host: str = "") -> list[Seen]:
        """Return the requests that came for a path, given as a pattern."""
        return [
            seen
            for seen in self.seen
            if seen.method == method and re.search(path, seen.path) and host in ("", seen.host)
        ]

    def store(
        self, content: bytes, name: str, keyvalues: dict[str, str] | None = None, network: str = "private"
    ) -> tuple[File, bool]:
        """Take a file; the same bytes on the same network are the file that is there."""
        cid = cid_of_bytes(content + b"!") if self.wrong_cid else cid_of_bytes(content)
        with self.lock:
            for file in self.files.values():
                if file.cid == cid and (file.network == network or self.one_network):
                    return file, True
            number = next(self._numbers)
            file = File(
                f"01919461-6d4c-7456-870d-{number:012x}",
                self.puts_on or network,
                name,
                cid,
                content,
                dict(keyvalues or {}),
                time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{number:06d}Z",
            )
            self.files[file.id] = file
            return file, False

    def named(self, cid: str, network: str = "private") -> File | None:
        """Return the file of a CID."""
        found = [file for file in self.files.values() if (file.cid, file.network) == (cid, network)]
        return found[0] if found else None

    def sign(self, url: str, date: int, expires: int, method: str) -> str:
        # Two signatures of one second are the same; the later one is good again.
        self.expired.discard(_signature(url, date, expires, method))
        query = {
            "X-Algorithm": "PINATA1",
            "X-Date": date,
            "X-Expires": expires,
            "X-Method": method,
            "X-Signature": _signature(url, date, expires, method),
        }
        return f"{url}?{urlencode(query)}"

    def valid(self, url: str, query: dict[str, str], method: str) -> bool:
        try:
            date, expires = int(query["X-Date"]), int(query["X-Expires"])
        except (KeyError, ValueError):
            return False
        right = _signature(url, date, expires, method)
        given = query.get("X-Signature", "")
        return hmac.compare_digest(right, given) and self.clock() < date + expires


def _signature(url: str, date: int, expires: int, method: str) -> str:
    return hmac.new(_SIGNING_KEY, f"{url} {date} {expires} {method}".encode(), hashlib.sha256).hexdigest()


class _BrokenError(Exception):
    """The connection is to be cut now."""


class _Handler(BaseHTTPRequestHandler):
    pinata: Pinata
    role: str
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True  # head and body go in two writes, and the second would wait for 40 ms

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (_BrokenError, ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET  # noqa: N815

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.route = parts.path
        seen = Seen(self.role, self.command, self.path, dict(self.headers), 0)
        with self.pinata.lock:
            self.pinata.seen.append(seen)
            self.fault = next(
                (each for each in self.pinata.faults if each.meets(self.role, self.command, self.path)), None
            )
            if self.fault:
                self.fault.times -= 1
        fault = self.fault or Fault("", "")
        threading.Event().wait(fault.pause)
        if fault.status:
            # The body may be left unread: so the connection cannot be used again.
            self._reply(fault.status, fault.answer, {**fault.headers, "Connection": "close"})
            return
        self.body = self._read_body()
        seen.size = len(self.body)
        if fault.answer is not None:
            self._reply(200, fault.answer)
            return
        if self.role == "gateway":
            self._gateway()
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._reply(401, {"error": {"reason": "INVALID_CREDENTIALS", "details": "Invalid/expired JWT"}})
        elif self.role == "uploads":
            self._uploads()
        else:
            self._api()

    def _read_body(self) -> bytes:
        length = int(self.headers.get("Content-Length", "0"))
        if self.fault and self.fault.cut is not None and length:
            part = self.rfile.read(min(length, self.fault.cut))
            self._patch_part(part)
            raise _BrokenError
        return self.rfile.read(length)

    def _patch_part(self, part: bytes) -> None:
        """Keep what came of a chunk before the connection broke, as a TUS server should."""
        upload = self.pinata.uploads.get(self.route.rpartition("/")[2])
        if upload and self.command == "PATCH" and int(self.headers["Upload-Offset"]) == len(upload.content):
            upload.content += part

    def _reply(self, status: int, document: Any = None, headers: dict[str, str] | None = None) -> None:
        if self.fault and self.fault.deaf:
            raise _BrokenError
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if document is not None:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            cut = self.fault.cut if self.fault else None
            self.wfile.write(content if cut is None else content[:cut])
            if cut is not None:
                raise _BrokenError

    # uploads

    def _uploads(self) -> None:
        if self.command == "POST" and self.route == "/v3/files":
            if "Upload-Length" in self.headers:
                self._create_upload()
            else:
                self._upload_form()
            return
        upload = self.pinata.uploads.get(self.route.removeprefix("/v3/files/tus/"))
        if upload is None:
            self._reply(404, {"error": "upload not found"}, {"Tus-Resumable": "1.0.0"})
        elif self.headers.get("Tus-Resumable") != "1.0.0":
            self._reply(412, None, {"Tus-Version": "1.0.0"})
        elif self.command == "HEAD":
            offset = {"Upload-Offset": str(len(upload.content)), "Upload-Length": str(upload.length)}
            self._reply(200, None, {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store", **offset})
        else:
            self._patch(upload)

    def _upload_form(self) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        fields: dict[str, bytes] = {}
        filename = ""
        for part in form.iter_parts():
            name = str(part.get_param("name", header="content-disposition"))
            fields[name] = bytes(part.get_payload(decode=True) or b"")
            if name == "file":
                filename = str(part.get_filename())
        if len(fields.get("file", b"")) > 100_000_000:
            self._reply(413, {"error": "use resumable uploads"})
            return
        if "file" not in fields:
            self._reply(400, {"error": "no file"})
            return
        self._take(
            fields["file"],
            fields.get("name", filename.encode()).decode(),
            fields.get("network", b"private").decode(),
            fields.get("keyvalues", b"{}").decode(),
        )

    def _take(self, content: bytes, name: str, network: str, keyvalues: str) -> None:
        pairs = _pairs(keyvalues)
        if pairs is None or network not in ("public", "private"):
            self._reply(400, {"error": "keyvalues are at most 10 pairs of text"})
            return
        file, duplicate = self.pinata.store(content, name, pairs, network)
        told = {"network": file.network} if self.pinata.one_network or self.pinata.puts_on else {}
        self._reply(200, {"data": file.document() | {"is_duplicate": duplicate} | told})

    def _create_upload(self) -> None:
        metadata = {}
        for pair in self.headers.get("Upload-Metadata", "").split(","):
            key, _, value = pair.strip().partition(" ")
            metadata[key] = base64.b64decode(value).decode()
        if self.headers.get("Tus-Resumable") != "1.0.0":
            self._reply(412, None, {"Tus-Version": "1.0.0"})
        elif _pairs(metadata.get("keyvalues", "{}")) is None:
            self._reply(400, {"error": "keyvalues are at most 10 pairs of text"})
        else:
            name = f"upload-{len(self.pinata.uploads) + 1}"
            self.pinata.uploads[name] = Upload(int(self.headers["Upload-Length"]), metadata)
            place = f"{self.pinata.url('uploads')}/files/tus/{name}"
            self._reply(201, None, {"Location": place, "Tus-Resumable": "1.0.0"})

    def _patch(self, upload: Upload) -> None:
        if self.headers.get("Content-Type") != "application/offset+octet-stream":
            self._reply(415)
        elif len(self.body) >= LARGEST_CHUNK:
            self._reply(413)
        elif int(self.headers["Upload-Offset"]) != len(upload.content):
            self._reply(409, None, {"Tus-Resumable": "1.0.0"})
        else:
            upload.content += self.body
            headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(len(upload.content))}
            if len(upload.content) == upload.length:
                about = upload.metadata
                file, _ = self.pinata.store(
                    bytes(upload.content),
                    about["filename"],
                    json.loads(about.get("keyvalues", "{}")),
                    about.get("network", "private"),
                )
                if self.pinata.tells_cid:
                    headers["Upload-CID"] = file.cid
            self._reply(204, None, headers)

    # the API

    def _api(self) -> None:
        route = self.route.removeprefix("/v3")
        if (self.command, route) == ("GET", "/gateways"):
            domain = urlsplit(self.pinata.url("gateway")).netloc
            row = {"id": "01dae16b", "domain": domain, "restrict": False, "custom_domains": []}
            self._reply(200, {"data": {"count": 1, "rows": [row]}})
        elif (self.command, route) == ("POST", "/files/private/download_link"):
            wanted = json.loads(self.body)
            signed = self.pinata.sign(wanted["url"], wanted["date"], wanted["expires"], wanted["method"])
            self._reply(200, {"data": signed})
        elif self.command == "GET" and route in ("/files/public", "/files/private"):
            self._list(route.rpartition("/")[2])
        elif found := re.fullmatch(r"/files/(public|private)/([^/]+)", route):
            self._one(*found.groups())
        else:
            self._reply(404, {"error": "not found"})

    def _list(self, network: str) -> None:
        files = [file for file in self.pinata.files.values() if file.network == network]
        for key, wanted in self.query.items() if self.pinata.filters else ():
            pair = re.fullmatch(r"(?:metadata|keyvalues)\[(.*)\]", key)
            if pair:
                files = [file for file in files if file.keyvalues.get(pair[1]) == wanted]
            elif key in ("cid", "name"):
                files = [file for file in files if getattr(file, key) == wanted]
        # Newest first, unless ASC is asked for.
        files.sort(key=lambda file: file.created_at, reverse=self.query.get("order") != "ASC")
        token = self.query.get("pageToken")
        start = int(base64.b64decode(token)) if token else 0
        end = start + min(int(self.query.get("limit", "10")), self.pinata.page_size)
        data: dict[str, Any] = {"files": [file.document() for file in files[start:end]]}
        if self.pinata.endless == "fresh":
            cid = cid_of_bytes(str(start).encode())
            data["files"].append(File(f"fresh-{start}", network, "x", cid, b"", {}, "").document())
            end = start + 1
        if end < len(files) or self.pinata.endless:
            onward = start if self.pinata.endless == "same" and token else end
            data["next_page_token"] = base64.b64encode(str(onward).encode()).decode()
        self._reply(200, {"data": data})

    def _one(self, network: str, name: str) -> None:
        with self.pinata.lock:
            file = self.pinata.files.get(name)
            if file is None or file.network != network:
                self._reply(404, {"error": "file not found"})
            elif self.command == "DELETE":
                del self.pinata.files[name]
                self._reply(200, {"data": None})
            elif self.command == "PUT":
                change = json.loads(self.body)
                merged = _pairs(json.dumps(file.keyvalues | change.get("keyvalues", {})))
                if merged is None:
                    self._reply(400, {"error": "keyvalues are at most 10 pairs of text"})
                    return
                file.keyvalues = merged
                file.name = change.get("name", file.name)
                self._reply(200, {"data": file.document()})
            else:
                self._reply(200, {"data": file.document()})

    # the account's gateway

    def _gateway(self) -> None:
        public = re.fullmatch(r"/ipfs/(\w+)", self.route)
        private = re.fullmatch(r"/files/(\w+)", self.route)
        if public:
            file = self.pinata.named(public[1], "public")
        elif private:
            url = self.pinata.url("gateway") + self.route
            good = self.pinata.valid(url, self.query, self.command)
            if not good or self.query["X-Signature"] in self.pinata.expired:
                self._reply(403, {"error": "the signature is not valid or has run out"})
                return
            file = self.pinata.named(private[1])
        else:
            file = None
        if file is None:
            self._reply(404)
            return
        self._send(file)

    def _send(self, file: File) -> None:
        fault = self.fault or Fault("", "")
        content = bytes(len(file.content)) if fault.wrong else file.content
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range", f'"{file.cid}"') == f'"{file.cid}"'
        if asked and fresh:
            start = int(asked[1])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", f'"{file.cid}"')
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if fault.cut is None:
            self.wfile.write(content[start:])
            return
        self.wfile.write(content[start : start + fault.cut])
        if fault.expire:
            self.pinata.expired.add(self.query["X-Signature"])
        raise _BrokenError


def _pairs(text: str) -> dict[str, str] | None:
    """Return keyvalues as they are kept, or None when they are not allowed."""
    try:
        pairs = json.loads(text)
    except ValueError:
        return None
    if not isinstance(pairs, dict) or len(pairs) > MOST_KEYVALUES:
        return None
    return pairs if all(isinstance(value, str) for value in pairs.values()) else None

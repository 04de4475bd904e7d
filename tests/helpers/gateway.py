"""A gateway on loopback that behaves as the specification says, with faults that can be switched on.

It serves whole files (with Range and ETag), single blocks (`?format=raw`) and CARs (`?format=car`, with
`entity-bytes` and `car-dups`). A fault is a function from the honest reply to the one that is sent.
"""

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from helpers.dags import Block, car

CAR = "application/vnd.ipld.car"


@dataclass(frozen=True)
class Reply:
    """What goes out: `body` may be cut or altered after `headers` told its length."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()


Fault = Callable[[Reply], Reply]


class HangUp(Exception):  # noqa: N818 - the fault, not an error
    """Close the connection without a word."""


@dataclass
class Gateway:
    """The files it has, what it can do, and the faults of the requests to come: one each, then `always`."""

    cars: bool = True
    whole: bool = True
    ranges: bool = True
    entity_bytes: bool = True
    repeats: bool = True
    car_type: str = f"{CAR}; version=1; order=dfs"
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    requests: list["Request"] = field(default_factory=list)
    url: str = ""
    _files: dict[str, Block] = field(default_factory=dict)

    def publish(self, root: Block) -> str:
        self._files[root.text] = root
        return root.text

    @property
    def asked_whole(self) -> list["Request"]:
        return [request for request in self.requests if "format" not in request.query]

    def reply(self, request: "Request") -> Reply:
        form = request.query.get("format")
        if form == "car" and not self.cars:
            # Such a gateway never gets to the faults.
            return error(406)
        honest = self._honest(request, form)
        fault = self.faults.pop(0) if self.faults else self.always
        return fault(honest) if fault else honest

    def _honest(self, request: "Request", form: str | None) -> Reply:
        root = self._files.get(request.path.removeprefix("/ipfs/"))
        if root is None:
            return error(404)
        if form == "car":
            start = (
                int(request.query.get("entity-bytes", "0:*").partition(":")[0]) if self.entity_bytes else 0
            )
            content = car(root, start=start, repeat=self.repeats and request.query.get("car-dups") == "y")
            # As from a gateway that streams, without a length: the end of the connection is the end.
            return Reply(200, {"Content-Type": self.car_type}, [content])
        if form == "raw":
            return whole(root.data, "application/vnd.ipld.raw")
        if not self.whole:
            return error(400)
        reply = whole(root.content(), "application/octet-stream", ETag=f'"{root.text}"')
        return self._part(reply, request) if self.ranges else reply

    def _part(self, reply: Reply, request: "Request") -> Reply:
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if not asked or request.headers.get("if-range", reply.headers["ETag"]) != reply.headers["ETag"]:
            return reply
        content, start = b"".join(reply.body), int(asked[1])
        if start >= len(content):
            return error(416, Content_Range=f"bytes */{len(content)}")
        told = {
            "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}",
            "Content-Length": str(len(content) - start),
        }
        return Reply(206, {**reply.headers, **told}, [content[start:]])


@dataclass(frozen=True)
class Request:
    """What was asked; the names of headers are in small letters."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


def whole(content: bytes, kind: str, **headers: str) -> Reply:
    return Reply(200, {"Content-Type": kind, "Content-Length": str(len(content)), **headers}, [content])


def error(status: int, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Length": "0", **named})


def status(code: int, **headers: str) -> Fault:
    return lambda _: error(code, **headers)


def send(content: bytes, **headers: str) -> Fault:
    """Other bytes than those that were asked for."""
    return lambda _: whole(content, "application/octet-stream", **headers)


def cut(after: int) -> Fault:
    """The connection breaks when so much of the body is out."""
    return lambda reply: replace(reply, body=[b"".join(reply.body)[:after]])


def flip(at: int) -> Fault:
    """One bit is wrong."""

    def fault(reply: Reply) -> Reply:
        body = bytearray(b"".join(reply.body))
        if body:
            body[at % len(body)] ^= 1
        return replace(reply, body=[bytes(body)])

    return fault


def headers(**changed: str | None) -> Fault:
    """Other headers; None takes one away."""
    named = {name.replace("_", "-"): value for name, value in changed.items()}

    def fault(reply: Reply) -> Reply:
        merged = {**reply.headers, **named}
        return replace(reply, headers={name: value for name, value in merged.items() if value is not None})

    return fault


def more(extra: Iterable[bytes], *, told: bool = False) -> Fault:
    """More bytes than there should be, perhaps without end; the length is not told, unless it is a lie."""

    def fault(reply: Reply) -> Reply:
        body = b"".join(reply.body)
        kept = {name: value for name, value in reply.headers.items() if told or name != "Content-Length"}
        return replace(reply, headers=kept, body=chain(body, extra))

    return fault


def chain(body: bytes, extra: Iterable[bytes]) -> Iterator[bytes]:
    yield body
    yield from extra


def hang_up(_: Reply) -> Reply:
    raise HangUp


def honest(reply: Reply) -> Reply:
    return reply


def stall(until: threading.Event) -> Fault:
    """Nothing comes at all."""

    def fault(reply: Reply) -> Reply:
        until.wait(10)
        return reply

    return fault


@contextmanager
def served(gateway: Gateway) -> Iterator[Gateway]:
    """Let the gateway answer on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            named = {name.lower(): value for name, value in self.headers.items()}
            request = Request(parts.path, query, named)
            gateway.requests.append(request)
            try:
                reply = gateway.reply(request)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in reply.body:
                    self.wfile.write(piece)
            except HangUp:
                # Zero seconds to linger: the other side sees a connection that is reset.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            except OSError:
                pass  # the client went away

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()

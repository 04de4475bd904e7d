"""Who is answered, asked of a real server on loopback with requests written byte for byte."""

import ctypes
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.serving import peer

TOKEN = "a-token-of-forty-characters-000000000000"


@dataclass
class Server:
    process: "subprocess.Popen[str]"
    port: int
    csrf: str
    cookie: str

    def ask(
        self, method: str = "GET", path: str = "/api", body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Send exactly these headers; `Host` is that of the server unless it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in ({"Host": f"127.0.0.1:{self.port}"} | named).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        connection.close()
        return found

    def status(self, *arguments: Any, **headers: Any) -> int:
        return self.ask(*arguments, **headers)[0]


@contextmanager
def serving(token: str, *kind: str) -> Iterator[Server]:
    echo = Path(__file__).parent / "echo.py"
    process = subprocess.Popen(
        [sys.executable, str(echo), "127.0.0.1", "0", token, *kind], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port, csrf, cookie = (process.stdout.readline().strip() for _ in range(3))
        yield Server(process, int(port), csrf, cookie)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    """One without a token, as on loopback."""
    with serving("") as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Server]:
    """One for browsers, with a token."""
    with serving(TOKEN, "browser") as server:
        yield server


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST.:{port}", "[::1]:{port}", "localhost:9000"]
)
def test_every_name_of_this_machine_is_answered_also_through_a_forwarded_port(
    plain: Server, host: str
) -> None:
    assert plain.status(Host=host.format(port=plain.port)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "localhost@evil.example",
        "evil.example@localhost",
        "",
        "localhost:port",
        "localhost/x",
        "192.168.1.10:{port}",
        "[::1",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(plain: Server, host: str) -> None:
    status, _, body = plain.ask(Host=host.format(port=plain.port))
    assert status == 403 or (status == 400 and b"error" not in body)
    if status == 403:
        assert "not reached by the name" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost:{port}",
        "file://",
        "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}/path",
        "http://[",
    ],
)
def test_pages_of_another_origin_are_refused_also_those_of_another_port(plain: Server, origin: str) -> None:
    assert plain.status("POST", Origin=origin.format(port=plain.port)) == 403


def test_pages_of_its_own_origin_are_answered(plain: Server) -> None:
    assert plain.status("POST", Origin=f"http://127.0.0.1:{plain.port}") == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_says_the_request_comes_from_elsewhere_is_refused(plain: Server, site: str) -> None:
    visit = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert plain.status("GET", "/api", **visit) == 403
    assert plain.status("GET", "/", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors") == 403
    assert plain.status("GET", "/", **visit) == 200  # a link to the front page
    assert plain.status("GET", "/api", Sec_Fetch_Site="same-origin") == 200


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer x", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN])
def test_without_the_token_nobody_is_answered(browser: Server, given: str) -> None:
    headers = {"Authorization": given} if given else {}
    status, answered, body = browser.ask(**headers)
    assert (status, answered["www-authenticate"]) == (401, "Bearer")
    assert json.loads(body)["error"]["message"] == "This server asks for a token."


def test_a_program_with_the_token_may_change_things(browser: Server) -> None:
    assert browser.status("POST", Authorization=f"bearer {TOKEN}") == 200


def test_a_browser_gets_a_cookie_for_the_address_and_the_address_is_not_kept(browser: Server) -> None:
    status, headers, _ = browser.ask(path=f"/?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    name, _, rest = headers["set-cookie"].partition("=")
    value, _, rules = rest.partition("; ")
    assert (name, rules) == (browser.cookie, "Path=/; HttpOnly; SameSite=Strict")
    # Servers on other ports of the machine get it too: it opens this one alone, and is not the token.
    assert browser.status(Cookie=f"{name}={value}") == 200
    assert browser.status(Cookie=f"{name}={TOKEN}") == 401
    assert browser.status(Authorization=f"Bearer {value}") == 401
    status, headers, body = browser.ask(
        path=f"/?token={TOKEN}",
        Sec_Fetch_Site="cross-site",
        Sec_Fetch_Mode="navigate",
        Sec_Fetch_Dest="document",
    )
    assert (status, b"url=/" in body, "set-cookie" in headers) == (200, True, True)
    assert browser.status(path="/?token=wrong") == 401
    assert browser.status("POST", f"/?token={TOKEN}") == 401
    assert browser.status(path=f"/api?token={TOKEN}") == 401


def test_with_the_cookie_alone_nothing_is_changed(browser: Server) -> None:
    given = browser.ask(path=f"/?token={TOKEN}")[1]["set-cookie"].partition(";")[0]
    cookie = f'[]={{"of": "another server"}}; x"; =; {given}; other=1'
    assert browser.status(Cookie=cookie) == 200
    for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
        assert browser.status(method, Cookie=cookie) == 403
        assert browser.status(method, Cookie=cookie, X_Stargazer_CSRF=TOKEN) == 403
        assert browser.status(method, Cookie=cookie, X_Stargazer_CSRF=browser.csrf) == 200
    assert browser.status("POST", X_Stargazer_CSRF=browser.csrf) == 401
    assert browser.status(Cookie=f"{browser.cookie}=wrong") == 401
    assert browser.status(Cookie='=; "\\') == 401


@contextmanager
def as_user(user: int) -> Iterator[None]:
    """Let this thread open files and sockets as another user does."""
    libc = ctypes.CDLL(None)
    libc.setfsuid(user)
    try:
        yield
    finally:
        libc.setfsuid(os.geteuid())


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can act as another user")
def test_another_user_of_the_machine_is_refused_where_there_is_no_token(
    plain: Server, browser: Server
) -> None:
    cookie = browser.ask(path=f"/?token={TOKEN}")[1]["set-cookie"].partition(";")[0]
    assert browser.status(Cookie=cookie) == 200
    with as_user(65534):
        assert browser.status(Cookie=cookie) == 403
        for _ in range(20):  # it is done, or not, though nobody waits for the answer
            with socket.socket() as asking:
                asking.connect(("127.0.0.1", plain.port))
                asking.sendall(b"POST /blind HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
                asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert plain.status("POST") == 403
        assert browser.status("POST") == 401
        assert browser.status("POST", Authorization=f"Bearer {TOKEN}") == 200
    assert plain.status("POST") == 200
    assert b"/blind" not in plain.ask(path="/heard")[2]


def test_the_list_of_connections_tells_whose_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ("127.0.0.1", 8765)
    user = os.geteuid()
    rows = (
        "sl local_address rem_address st tx_queue tr retrnsmt uid",
        f"0: 0100007F:9C40 0100007F:223D 01 0:0 0:0 0 {user} 0",
        "1: 0100007F:9C41 0100007F:223D 01 0:0 0:0 0 4242 0",
        "2: 0100007F:9C42 0100007F:223D 05 0:0 0:0 0 0 0",
        "3: 0100007F:9C43 0100007F:223D 01 0:0 0:0 0 0 0",
        "4: 0000000000000000FFFF00000100007F:9C44 0000000000000000FFFF00000100007F:223D 01 0:0 0:0 0 0 0",
        f"5: 00000000000000000000000001000000:9C40 00000000000000000000000001000000:223D 01 0 0 0 {user}",
    )
    table = tmp_path / "tcp"
    monkeypatch.setattr(peer, "_TABLES", (table, tmp_path / "nothing"))

    def strange(client: peer.Address, at: peer.Address = server, *, unlisted: bool = True) -> bool:
        return peer.is_another_users(client, at, unlisted=unlisted)

    assert not strange(("127.0.0.1", 40001))  # no list, as elsewhere than on Linux
    table.write_text("\n".join(rows))
    asked = [("127.0.0.1", 40000 + number) for number in range(6)]
    # Its own, another's, one that was closed, root's, one of a client that speaks IPv6, and none.
    assert [strange(each) for each in asked] == [False, True, True, False, False, True]
    assert [strange(each, unlisted=False) for each in asked] == [False, True, False, False, False, False]
    assert not strange(("::1", 40000), ("::1", 8765))


def test_a_long_body_is_refused_announced_or_not(plain: Server) -> None:
    assert plain.status("POST", body=b"x" * 1000) == 200
    assert plain.status("POST", body=b"x" * 1001) == 413
    chunked = b"".join(b"100\r\n" + b"x" * 256 + b"\r\n" for _ in range(5)) + b"0\r\n\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", plain.port, timeout=10)
    connection.request("POST", "/api", chunked, {"Transfer-Encoding": "chunked"}, encode_chunked=False)
    assert connection.getresponse().status == 413
    connection.close()
    assert plain.status("POST", "/big", body=b"x" * 5000) == 200


def test_every_answer_forbids_what_a_browser_might_do_with_it(browser: Server) -> None:
    for headers in (browser.ask()[1], browser.ask(Authorization=f"Bearer {TOKEN}")[1]):
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
        assert not any(name.startswith("access-control") for name in headers)


def test_a_person_is_told_on_a_page_how_to_come_in(browser: Server) -> None:
    status, headers, body = browser.ask(path="/")
    assert (status, headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert b"Open the address that it showed" in body


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_it_at_once_though_a_connection_is_open(stop: signal.Signals) -> None:
    with serving("") as server:
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        idle.request("GET", "/")
        idle.getresponse().read()
        server.process.send_signal(stop)
        out, _ = server.process.communicate(timeout=10)
        idle.close()
        assert (out, server.process.returncode) == ("closed\nended\n", 0)

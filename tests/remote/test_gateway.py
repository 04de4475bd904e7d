"""Downloads against a real HTTP server on loopback, with the faults that gateways have."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stargazer_cli.assets import Reference
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile, cid_of
from stargazer_cli.store.remote import http

CONTENT = bytes(range(256)) * 3000
Answer = Callable[[BaseHTTPRequestHandler], None]


class Gateway:
    """Answers each request with the next of `answers`; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append((self.path, dict(self.headers)))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                answer(self)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def send(content: bytes = CONTENT, *, said: int | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if said is None else said))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def send_until_close(content: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


@pytest.fixture
def remote() -> Iterator[Gateway]:
    server = Gateway()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, noted and not waited for."""
    noted: list[float] = []
    monkeypatch.setattr(http.time, "sleep", noted.append)
    return noted


@pytest.fixture
def store(tmp_path: Path, remote: Gateway, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.setenv("PINATA_GATEWAY", remote.url + "/")
    monkeypatch.setenv("PINATA_JWT", "a-secret-token")
    return LocalStore(Settings())


@pytest.fixture
def cid(tmp_path: Path) -> str:
    (tmp_path / "content").write_bytes(CONTENT)
    return cid_of(tmp_path / "content")


def nothing_stayed(store: LocalStore) -> bool:
    return not [path for folder in ("objects", "incoming") for path in (store.root / folder).iterdir()]


def test_right_bytes_become_an_object(store: LocalStore, remote: Gateway, cid: str) -> None:
    remote.answers = [send()]
    seen: list[tuple[int, int | None]] = []
    path = store.pull(cid, "ref.fa", progress=lambda done, size: seen.append((done, size)))
    assert path == store.object(cid)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o444
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert store.pull(cid, "ref.fa") == path
    assert [path for path, _ in remote.requests] == [f"/ipfs/{cid}"]


def test_the_token_is_never_sent(store: LocalStore, remote: Gateway, cid: str) -> None:
    remote.answers = [status(302, Location=f"{remote.url}/elsewhere"), send()]
    store.pull(cid, "ref.fa")
    assert len(remote.requests) == 2
    for _, headers in remote.requests:
        assert "a-secret-token" not in str(headers)
        assert "authorization" not in {name.lower() for name in headers}


def test_wrong_bytes_are_refused_and_removed(store: LocalStore, remote: Gateway, cid: str) -> None:
    remote.answers = [send(CONTENT[:-1] + b"x")]
    with pytest.raises(
        StargazerError,
        match=f"did not deliver ref.fa .{cid}.: it sent bytes whose CID is bafy.*they were removed",
    ):
        store.pull(cid, "ref.fa")
    assert nothing_stayed(store)
    assert len(remote.requests) == 1


@pytest.mark.parametrize("more", [CONTENT, b"\0"])
def test_more_bytes_than_there_should_be_are_refused(
    store: LocalStore, remote: Gateway, cid: str, more: bytes
) -> None:
    remote.answers = [send(CONTENT + more)]
    with pytest.raises(StargazerError, match="they were removed"):
        store.pull(cid, "ref.fa")
    assert nothing_stayed(store)


def test_a_transfer_cut_off_is_tried_again(
    store: LocalStore, remote: Gateway, cid: str, waits: list[float]
) -> None:
    remote.answers = [send(CONTENT[:5000], said=len(CONTENT)), hang_up, status(500), send()]
    assert store.pull(cid, "ref.fa").read_bytes() == CONTENT
    assert waits == pytest.approx([0.5, 2.0, 8.0], rel=0.25)


def test_a_transfer_cut_off_each_time_is_told(store: LocalStore, remote: Gateway, cid: str) -> None:
    remote.answers = [send(CONTENT[:5000], said=len(CONTENT))]
    with pytest.raises(StargazerError, match=r"did not deliver ref\.fa .*tried 4 times"):
        store.pull(cid, "ref.fa")
    assert nothing_stayed(store)
    assert len(remote.requests) == 4


def test_a_cut_that_the_protocol_does_not_show_is_found_by_the_cid(
    store: LocalStore, remote: Gateway, cid: str
) -> None:
    remote.answers = [send_until_close(CONTENT[:5000])]
    with pytest.raises(StargazerError, match="they were removed"):
        store.pull(cid, "ref.fa")
    assert nothing_stayed(store)


def test_too_many_requests_waits_as_long_as_is_asked(
    store: LocalStore, remote: Gateway, cid: str, waits: list[float]
) -> None:
    remote.answers = [status(429, Retry_After="7"), status(503, Retry_After="60"), send()]
    store.pull(cid, "ref.fa")
    assert waits == [7.0, 60.0]


def test_nobody_waits_for_a_day(store: LocalStore, remote: Gateway, cid: str, waits: list[float]) -> None:
    remote.answers = [status(503, Retry_After="86400")]
    with pytest.raises(StargazerError, match="asks to come back in 86,400 seconds"):
        store.pull(cid, "ref.fa")
    assert waits == []


def test_not_found_is_told_at_once(store: LocalStore, remote: Gateway, cid: str) -> None:
    remote.answers = [status(404)]
    with pytest.raises(StargazerError, match="answered 404 Not Found"):
        store.pull(cid, "ref.fa")
    assert len(remote.requests) == 1
    assert nothing_stayed(store)


def test_a_gateway_that_stops_answering_is_given_up(
    store: LocalStore, remote: Gateway, cid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    remote.answers = [lambda handler: done.wait(10) and None]
    monkeypatch.setattr(http, "TIMEOUT", 0.1)
    with pytest.raises(StargazerError, match="it stopped answering; tried 4 times"):
        store.pull(cid, "ref.fa")
    done.set()
    assert nothing_stayed(store)


def test_a_gateway_that_is_not_there_is_told(
    store: LocalStore, remote: Gateway, cid: str, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.settings, "pinata_gateway", "http://127.0.0.1:9")
    with pytest.raises(StargazerError, match="did not deliver"):
        store.pull(cid, "ref.fa")
    assert waits == pytest.approx([0.5, 2.0, 8.0], rel=0.25)


@pytest.mark.parametrize("address", ["ftp://example.org", "nonsense", "http://a:port"])
def test_a_gateway_that_is_no_web_address_is_told(
    store: LocalStore, cid: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.settings, "pinata_gateway", address)
    with pytest.raises(UsageError, match="is not a web address"):
        store.pull(cid, "ref.fa")


def test_an_empty_gateway_switches_downloads_off(
    store: LocalStore, remote: Gateway, cid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.settings, "pinata_gateway", "")
    with pytest.raises(StargazerError, match="public downloads are off"):
        store.pull(cid, "ref.fa")
    assert remote.requests == []


def test_what_is_no_cid_is_never_asked_for(store: LocalStore, remote: Gateway) -> None:
    with pytest.raises(UsageError, match="not a CID"):
        store.pull("../../admin", "x")
    assert remote.requests == []


def test_get_fetches_what_is_not_here_without_keeping_it(
    store: LocalStore, remote: Gateway, cid: str, tmp_path: Path
) -> None:
    remote.answers = [send()]
    out = store.get(cid, tmp_path / "out")
    assert out.read_bytes() == CONTENT
    assert out.stat().st_mode & 0o200
    assert not store.root.exists()


def test_get_of_wrong_bytes_leaves_nothing(
    store: LocalStore, remote: Gateway, cid: str, tmp_path: Path
) -> None:
    remote.answers = [send(b"wrong")]
    with pytest.raises(StargazerError, match="they were removed"):
        store.get(cid, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["content"]


def test_a_pulled_object_can_be_recorded_without_a_second_copy(
    store: LocalStore, remote: Gateway, cid: str
) -> None:
    remote.answers = [send()]
    path = store.pull(cid, "ref.fa")
    inode = path.stat().st_ino
    added = store.add([NewFile(path, Reference(build="b", name="ref.fa"))])[0]
    assert (added.asset.cid, added.asset.name) == (cid, "ref.fa")
    assert path.stat().st_ino == inode

"""Downloads into the store from a gateway on loopback that sends whole files, with the faults of gateways."""

import itertools
import os
import threading
from pathlib import Path

import pytest
from helpers.dags import Layout, content, file
from helpers.gateway import (
    Fault,
    Gateway,
    cut,
    error,
    flip,
    hang_up,
    headers,
    honest,
    more,
    send,
    stall,
    status,
)

from stargazer_cli.assets import Reference
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.remote import arriving, http
from stargazer_cli.store.remote.download import download
from stargazer_cli.store.remote.gateway import GatewaySource

OURS = Layout(256 * 1024)
ROOT = file(content(5_000_000), OURS)
CONTENT = ROOT.content()
CID = ROOT.text


@pytest.fixture
def remote(gateway: Gateway) -> Gateway:
    """A gateway without CARs: what it sends is checked as a whole."""
    gateway.cars = False
    gateway.publish(ROOT)
    return gateway


@pytest.fixture
def store(tmp_path: Path, remote: Gateway, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.setenv("PINATA_GATEWAY", remote.url + "/")
    monkeypatch.delenv("PINATA_JWT", raising=False)
    return LocalStore(Settings())


def nothing_stayed(store: LocalStore) -> bool:
    return not [
        path for folder in ("objects", "incoming", "partial") for path in (store.root / folder).rglob("*")
    ]


def ranges(remote: Gateway) -> list[str]:
    return [request.headers.get("range", "") for request in remote.asked_whole]


def test_right_bytes_become_an_object(store: LocalStore, remote: Gateway) -> None:
    seen: list[tuple[int, int | None]] = []
    path = store.pull(CID, "ref.fa", progress=lambda done, size: seen.append((done, size)))
    assert path == store.object(CID)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o444
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert store.pull(CID, "ref.fa") == path
    assert [request.path for request in remote.asked_whole] == [f"/ipfs/{CID}"]


def test_a_gateway_is_told_who_asks_and_nothing_else(store: LocalStore, remote: Gateway) -> None:
    store.pull(CID, "ref.fa")
    for request in remote.requests:
        assert request.headers["user-agent"].startswith("stargazer/")
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers.keys() <= {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_redirects_are_followed_but_not_for_ever(store: LocalStore, remote: Gateway) -> None:
    there = status(302, Location=f"{remote.url}/ipfs/{CID}?again")
    remote.faults = [there] * 5
    assert store.pull(CID, "ref.fa").read_bytes() == CONTENT
    remote.requests.clear()
    remote.always = there
    with pytest.raises(StargazerError, match="redirected more than 5 times"):
        store.get(file(content(9), Layout(3)).text, store.root / "out")
    assert len(remote.asked_whole) == 6


@pytest.mark.parametrize(
    "there",
    [
        "ftp://127.0.0.1/x",
        "http://[::1",
        "http://host:port/x",
        "http://xn--/",
        "http://a..b/",
        f"http://{'a' * 70}/",
    ],
)
def test_a_redirect_to_nowhere_is_told(store: LocalStore, remote: Gateway, there: str) -> None:
    remote.always = status(302, Location=there)
    with pytest.raises(StargazerError, match=r"did not deliver ref\.fa .*: it redirected to something"):
        store.pull(CID, "ref.fa")
    assert nothing_stayed(store)


def test_wrong_bytes_are_refused_and_removed(store: LocalStore, remote: Gateway) -> None:
    remote.always = flip(4_000_000)
    with pytest.raises(StargazerError) as told:
        store.pull(CID, "ref.fa")
    assert f"did not deliver ref.fa ({CID}): it sent bytes whose CID is bafy" in told.value.message
    assert (
        "another layout, which cannot be verified without a gateway that sends blocks" in told.value.message
    )
    assert "PINATA_GATEWAY=https://" in (told.value.hint or "")
    assert nothing_stayed(store)
    assert len(remote.asked_whole) == 1


@pytest.mark.parametrize("extra", [CONTENT, b"\0"])
def test_more_bytes_than_there_should_be_are_refused(
    store: LocalStore, remote: Gateway, extra: bytes
) -> None:
    remote.always = send(CONTENT + extra)
    with pytest.raises(StargazerError, match="they were removed"):
        store.pull(CID, "ref.fa")
    assert nothing_stayed(store)


def test_a_body_without_an_end_is_stopped(
    store: LocalStore, remote: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving.PartialFile, "room", lambda self: 12_000_000 - self.size)
    remote.always = more(itertools.repeat(bytes(100_000)))
    with pytest.raises(StargazerError, match=r"sent more than the 6,000,000 bytes that there can be"):
        store.pull(CID, "ref.fa")
    assert nothing_stayed(store)


def test_a_file_that_the_disk_cannot_hold_is_refused_before_it_comes(
    store: LocalStore, remote: Gateway
) -> None:
    remote.always = headers(Content_Length=str(1 << 60))
    with pytest.raises(StargazerError, match=r"1,152,921,504,606,846,976 bytes, and the disk has room for"):
        store.pull(CID, "ref.fa")
    assert nothing_stayed(store)


def test_a_lie_about_the_length_does_not_keep_another_source_from_giving_the_file(
    remote: Gateway, waits: list[float], tmp_path: Path
) -> None:
    remote.faults = [headers(Content_Length=str(1 << 60))]
    assert download([GatewaySource(remote.url, CID)] * 2, CID, tmp_path / "file") == CID


def test_a_file_of_known_length_cannot_be_longer(remote: Gateway, waits: list[float], tmp_path: Path) -> None:
    target = tmp_path / "file"
    source = [GatewaySource(remote.url, CID)]
    for fault, why in (
        (send(CONTENT + b"x"), "announced 5,000,001 bytes where 5,000,000 are the most"),
        (more([b"x"]), "sent more than the 5,000,000 bytes"),
    ):
        remote.faults = [fault]
        with pytest.raises(StargazerError, match=why):
            download(source, CID, target, size=len(CONTENT))
        assert not target.exists()
    remote.faults = [cut(2_000_000)]
    assert download(source, CID, target, size=len(CONTENT)) == CID
    with pytest.raises(StargazerError, match="bytes long, and"):
        download(source, CID, tmp_path / "other", size=1 << 60)


def test_a_file_of_one_block_cannot_be_longer_than_a_block(store: LocalStore, remote: Gateway) -> None:
    cid = remote.publish(file(content(5), OURS))
    remote.always = more(itertools.repeat(bytes(100_000)))
    with pytest.raises(StargazerError, match=r"sent more than the 2,101,248 bytes that there can be"):
        store.pull(cid, "x")
    remote.always = send(bytes(3_000_000))
    with pytest.raises(StargazerError, match="announced 3,000,000 bytes where 2,101,248 are the most"):
        store.pull(cid, "x")
    assert nothing_stayed(store)


def test_a_file_of_one_block_of_another_size_is_verified(store: LocalStore, remote: Gateway) -> None:
    root = file(content(700_000), Layout(1 << 20))
    assert store.pull(remote.publish(root), "x").read_bytes() == root.content()
    assert [request.query for request in remote.requests] == [{"format": "raw"}]
    remote.always = flip(5)
    other = file(content(700_001), Layout(1 << 20))
    with pytest.raises(StargazerError, match="they were removed"):
        store.pull(remote.publish(other), "y")


def test_compressed_bytes_are_refused(store: LocalStore, remote: Gateway) -> None:
    remote.always = headers(Content_Encoding="gzip")
    with pytest.raises(StargazerError, match="sent compressed bytes"):
        store.pull(CID, "ref.fa")
    assert nothing_stayed(store)


def test_a_broken_transfer_goes_on_where_it_broke(
    store: LocalStore, remote: Gateway, waits: list[float]
) -> None:
    remote.faults = [cut(2_000_000), hang_up, status(500), cut(1_100_000)]
    assert store.pull(CID, "ref.fa").read_bytes() == CONTENT
    here = "bytes=2000000-"
    assert ranges(remote) == ["", here, here, here, "bytes=3100000-"]
    assert {request.headers.get("if-range") for request in remote.asked_whole[1:]} == {f'"{CID}"'}
    assert waits == pytest.approx([0.5, 2.0, 8.0, 0.5], rel=0.25)


def test_a_transfer_that_gets_on_a_little_each_time_is_not_given_up(
    store: LocalStore, remote: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stargazer_cli.store.remote.plain.WORTHWHILE", 400_000)
    remote.always = cut(400_000)
    assert store.pull(CID, "ref.fa").read_bytes() == CONTENT
    assert len(remote.asked_whole) == 13


def test_a_gateway_that_gives_crumbs_is_given_up(store: LocalStore, remote: Gateway, tmp_path: Path) -> None:
    remote.always = cut(5000)
    with pytest.raises(StargazerError, match=r"did not deliver .*tried 4 times"):
        store.get(CID, tmp_path / "out")
    assert nothing_stayed(store)
    assert len(remote.asked_whole) == 4


@pytest.mark.parametrize("wrong", [status(416), headers(Content_Range="bytes 7-9/10")])
def test_a_gateway_that_never_goes_on_is_given_up(store: LocalStore, remote: Gateway, wrong: Fault) -> None:
    """To bring again what it brought before is no progress."""
    remote.faults = [cut(2 << 20), wrong] * 30
    with pytest.raises(StargazerError, match=f"tried {http.PATIENCE} times"):
        store.pull(CID, "ref.fa")


def test_a_gateway_without_ranges_sends_all_again(store: LocalStore, remote: Gateway) -> None:
    remote.ranges = False
    remote.faults = [cut(2_000_000)]
    assert store.pull(CID, "ref.fa").read_bytes() == CONTENT


def test_a_file_that_changed_in_between_is_taken_anew(store: LocalStore, remote: Gateway) -> None:
    remote.faults = [lambda reply: cut(2_000_000)(send(bytes(5_000_000), ETag='"old"')(reply))]
    assert store.pull(CID, "ref.fa").read_bytes() == CONTENT
    assert remote.asked_whole[1].headers["if-range"] == '"old"'


def test_a_weak_tag_is_not_relied_on(store: LocalStore, remote: Gateway) -> None:
    remote.faults = [lambda reply: cut(2_000_000)(headers(ETag='W/"x"')(reply))]
    assert store.pull(CID, "ref.fa").read_bytes() == CONTENT
    assert "if-range" not in remote.asked_whole[1].headers


@pytest.mark.parametrize(
    "wrong", [headers(Content_Range="bytes 7-9/10"), headers(Content_Range="nonsense"), status(416)]
)
def test_a_part_that_was_not_asked_for_is_not_taken(
    store: LocalStore, remote: Gateway, wrong: "object"
) -> None:
    remote.faults = [cut(2_000_000), wrong]  # type: ignore[list-item]
    assert store.pull(CID, "ref.fa").read_bytes() == CONTENT
    assert ranges(remote) == ["", "bytes=2000000-", ""]


def test_a_part_that_nobody_asked_for_is_refused(store: LocalStore, remote: Gateway) -> None:
    remote.always = lambda reply: error(206)
    with pytest.raises(StargazerError, match="answered 206"):
        store.pull(CID, "ref.fa")


def test_a_cut_that_the_protocol_does_not_show_is_found_by_the_cid(
    store: LocalStore, remote: Gateway
) -> None:
    remote.always = lambda reply: cut(5000)(headers(Content_Length=None)(reply))
    with pytest.raises(StargazerError, match="they were removed"):
        store.pull(CID, "ref.fa")
    assert nothing_stayed(store)


def test_too_many_requests_waits_as_long_as_is_asked(
    store: LocalStore, remote: Gateway, waits: list[float]
) -> None:
    remote.faults = [status(429, Retry_After="7"), status(503, Retry_After="60")]
    store.pull(CID, "ref.fa")
    assert waits == [7.0, 60.0]


def test_nobody_waits_for_a_day(store: LocalStore, remote: Gateway, waits: list[float]) -> None:
    remote.always = status(503, Retry_After="86400")
    with pytest.raises(StargazerError, match="503 Service Unavailable and asks to come back in 86,400 s"):
        store.pull(CID, "ref.fa")
    assert waits == []


def test_not_found_is_told_at_once(store: LocalStore, remote: Gateway) -> None:
    with pytest.raises(StargazerError, match="answered 404 Not Found"):
        store.pull(file(content(7_000_000), OURS).text, "ref.fa")
    assert len(remote.asked_whole) == 1
    assert nothing_stayed(store)


def test_a_gateway_that_stops_answering_is_given_up(
    store: LocalStore, remote: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    remote.always = stall(done)
    monkeypatch.setattr(http, "TIMEOUT", 0.1)
    with pytest.raises(StargazerError, match="it stopped answering; tried 4 times"):
        store.pull(CID, "ref.fa")
    done.set()
    assert nothing_stayed(store)


def test_a_gateway_that_is_not_there_is_told(
    store: LocalStore, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.settings, "pinata_gateway", "http://127.0.0.1:9")
    with pytest.raises(StargazerError, match=r"did not deliver ref\.fa .*refused; tried 4 times"):
        store.pull(CID, "ref.fa")
    assert waits == pytest.approx([0.5, 2.0, 8.0], rel=0.25)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org",
        "nonsense",
        "http://a:port",
        "https://",
        "http://[",
        "https://xn--/",
        "https://a..b",
        f"https://{'a' * 70}",
    ],
)
def test_a_gateway_that_is_no_web_address_is_told(
    store: LocalStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.settings, "pinata_gateway", address)
    with pytest.raises(UsageError, match="is not a web address"):
        store.pull(CID, "ref.fa")


def test_the_password_of_a_gateway_is_not_shown() -> None:
    assert GatewaySource("https://me:secret@host:8080/gate", CID).name == "https://host:8080"


def test_an_empty_gateway_switches_downloads_off(
    store: LocalStore, remote: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.settings, "pinata_gateway", "")
    with pytest.raises(StargazerError, match="public downloads are off"):
        store.pull(CID, "ref.fa")
    assert remote.requests == []


def test_what_is_no_cid_is_never_asked_for(store: LocalStore, remote: Gateway) -> None:
    with pytest.raises(UsageError, match="not a CID"):
        store.pull("../../admin", "x")
    assert remote.requests == []


@pytest.mark.parametrize(
    "cid",
    [
        "",
        "../x",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPBdG",
        "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
        CID.upper(),
        CID + "/a",
    ],
)
def test_a_cid_of_another_kind_is_refused_before_anything_is_made(
    remote: Gateway, tmp_path: Path, cid: str
) -> None:
    with pytest.raises(UsageError, match=r"is not a CID|CIDv0|other than a file|lower-case"):
        download([GatewaySource(remote.url, cid)], cid, tmp_path / "file")
    assert remote.requests == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_a_longer_file_is_left_in_the_next(
    remote: Gateway, waits: list[float], tmp_path: Path
) -> None:
    remote.faults = [send(CONTENT + CONTENT)]
    sources = [GatewaySource(remote.url, CID)] * 2
    assert download(sources, CID, tmp_path / "file") == CID
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_the_bytes_are_durable_before_the_file_is_said_to_be_there(
    remote: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def note(handle: int) -> None:
        synced.append(os.fstat(handle).st_size)
        fsync(handle)

    monkeypatch.setattr(arriving.os, "fsync", note)
    download([GatewaySource(remote.url, CID)], CID, tmp_path / "file")
    assert synced == [len(CONTENT)]


def test_get_fetches_what_is_not_here_without_keeping_it(
    store: LocalStore, remote: Gateway, tmp_path: Path
) -> None:
    out = store.get(CID, tmp_path / "out")
    assert out.read_bytes() == CONTENT
    assert out.stat().st_mode & 0o200


def test_get_of_wrong_bytes_leaves_nothing(store: LocalStore, remote: Gateway, tmp_path: Path) -> None:
    remote.always = send(b"wrong")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StargazerError, match="they were removed"):
        store.get(CID, tmp_path / "folder" / "out")
    assert list((tmp_path / "folder").iterdir()) == []


def test_an_interrupt_leaves_nothing(store: LocalStore, remote: Gateway) -> None:
    def interrupt(done: int, size: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull(CID, "ref.fa", progress=interrupt)
    assert nothing_stayed(store)


def test_a_pulled_object_can_be_recorded_without_a_second_copy(store: LocalStore, remote: Gateway) -> None:
    remote.faults = [honest]
    path = store.pull(CID, "ref.fa")
    inode = path.stat().st_ino
    added = store.add([NewFile(path, Reference(build="b", name="ref.fa"))])[0]
    assert (added.asset.cid, added.asset.name) == (CID, "ref.fa")
    assert path.stat().st_ino == inode

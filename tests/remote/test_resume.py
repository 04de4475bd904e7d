"""Downloads that go on in a later call: after a kill, Ctrl-C or a failure, from what came before."""

import itertools
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.dags import Block, Layout, content, file
from helpers.gateway import Fault, Gateway, Reply, cut, flip, more, served, status
from helpers.processes import fork

from stargazer_cli.errors import StargazerError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore
from stargazer_cli.store.remote import resume
from stargazer_cli.store.remote.arriving import PartialFile
from stargazer_cli.store.remote.download import download
from stargazer_cli.store.remote.gateway import GatewaySource
from stargazer_cli.store.upkeep import collect_garbage

OURS = Layout(256 * 1024)
ROOT = file(content(5_000_000), OURS)
CONTENT = ROOT.content()
CID = ROOT.text
WEEK = 7 * 24 * 3600

pytestmark = pytest.mark.usefixtures("waits")


@pytest.fixture(params=["whole", "blocks"])
def remote(request: pytest.FixtureRequest, gateway: Gateway) -> Gateway:
    """A gateway that has the file, and sends it as a whole or block by block."""
    gateway.cars = request.param == "blocks"
    gateway.publish(ROOT)
    return gateway


@pytest.fixture
def store(tmp_path: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.setenv("PINATA_GATEWAY", gateway.url)
    monkeypatch.delenv("PINATA_JWT", raising=False)
    return LocalStore(Settings())


def left(store: LocalStore, content: bytes, cid: str = CID) -> Path:
    """What an earlier call left of a file."""
    store.objects.partial.mkdir(parents=True, exist_ok=True)
    path = store.objects.partial / cid
    path.write_bytes(content)
    return path


def starts(gateway: Gateway) -> list[int]:
    """The byte from which each request that was answered asked for the file."""
    return [
        int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if "format" not in request.query
        else int(request.query.get("entity-bytes", "0:*").removesuffix(":*"))
        for request in gateway.requests
        if gateway.cars or "format" not in request.query
    ]


def is_here(store: LocalStore, root: Block = ROOT) -> bool:
    """Whether the file is an object like any other, and nothing else of it stayed."""
    path = store.object(root.text)
    return (
        path is not None
        and path.read_bytes() == root.content()
        and path.stat().st_mode & 0o777 == 0o444
        and not list(store.objects.partial.iterdir())
        and not list(store.objects.incoming.iterdir())
    )


def stop_after(size: int, until: threading.Event) -> Fault:
    """Nothing more comes after so many bytes, and the connection stays."""

    def pieces(body: bytes) -> Iterator[bytes]:
        yield body[:size]
        until.wait(20)

    def fault(reply: Reply) -> Reply:
        return replace(reply, body=pieces(b"".join(reply.body)))

    return fault


def test_a_pull_that_was_killed_goes_on_where_it_was(store: LocalStore, remote: Gateway) -> None:
    killed = threading.Event()
    remote.always = stop_after(3_000_000, killed)
    child = fork(lambda: store.pull(CID, "ref.fa"))
    partial = store.objects.partial / CID
    until = time.monotonic() + 15
    while not (partial.exists() and partial.stat().st_size > 2_500_000) and time.monotonic() < until:
        threading.Event().wait(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    killed.set()
    remote.always = None
    remote.requests.clear()
    there = partial.stat().st_size
    assert 2_500_000 < there <= 3_000_000
    seen: list[tuple[int, int | None]] = []
    store.pull(CID, "ref.fa", lambda *told: seen.append(told))
    assert starts(remote) == [there]
    assert is_here(store)
    assert (seen[0][0], seen[-1]) == (there, (len(CONTENT), len(CONTENT)))


def test_after_ctrl_c_it_goes_on(store: LocalStore, remote: Gateway) -> None:
    def interrupt(done: int, size: int | None) -> None:
        if done > 2_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull(CID, "ref.fa", interrupt)
    assert store.object(CID) is None
    remote.requests.clear()
    store.pull(CID, "ref.fa")
    assert starts(remote)[0] > 2_000_000
    assert is_here(store)


def test_after_a_failure_it_goes_on(store: LocalStore, remote: Gateway) -> None:
    remote.faults = [cut(3_000_000)]
    remote.always = status(503)
    with pytest.raises(StargazerError, match="503"):
        store.pull(CID, "ref.fa")
    there = (store.objects.partial / CID).stat().st_size
    assert 2_500_000 < there <= 3_000_000
    remote.always = None
    remote.requests.clear()
    store.pull(CID, "ref.fa")
    assert starts(remote) == [there]
    assert is_here(store)


def test_what_one_source_sent_is_kept_when_the_next_has_nothing(store: LocalStore, remote: Gateway) -> None:
    remote.faults = [cut(3_000_000)]
    remote.always = status(503)
    path = left(store, b"")
    with served(Gateway()) as empty:
        sources = [GatewaySource(gateway.url, CID) for gateway in (remote, empty)]
        with pytest.raises(StargazerError, match=r"503.*404"):
            download(sources, CID, path, keep=True)
    assert CONTENT.startswith(path.read_bytes())
    assert path.stat().st_size > 2_500_000


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\0" * 4_000_000], ids=["within", "beyond the end"])
def test_a_torn_tail_is_found_and_the_file_comes_anew(
    store: LocalStore, remote: Gateway, tail: bytes
) -> None:
    left(store, CONTENT[:2_000_000] + tail)
    store.pull(CID, "ref.fa")
    assert starts(remote)[0] == 2_000_000 + len(tail)
    assert starts(remote)[-1] == 0
    assert is_here(store)


def test_what_was_whole_already_is_not_had_again(store: LocalStore, remote: Gateway) -> None:
    left(store, CONTENT)
    store.pull(CID, "ref.fa")
    assert 0 not in starts(remote)
    assert is_here(store)


@pytest.mark.parametrize(
    ("layout", "most"),
    [
        (Layout(100_000, 3), 1_100_000),
        (Layout(1 << 20, 1024), 2_200_000),
        (Layout(256 * 1024, raw_leaves=False), 1_300_000),
        # Chunks as ours: only the end tells.
        (Layout(256 * 1024, 3), 3_000_000),
    ],
    ids=str,
)
def test_a_file_of_another_layout_comes_anew(
    store: LocalStore, gateway: Gateway, layout: Layout, most: int
) -> None:
    """What came before cannot be checked against its CID, and is not taken on trust."""
    root = file(CONTENT[:3_000_000], layout)
    gateway.publish(root)
    left(store, b"!" + root.content()[1:1_000_000], root.text)
    seen: list[int] = []
    store.pull(root.text, "x", lambda done, _: seen.append(done))
    assert starts(gateway) == [1_000_000, 0]
    assert next(before for before, now in itertools.pairwise(seen) if now <= before) <= most
    assert is_here(store, root)


def test_a_block_alone_comes_anew(store: LocalStore, gateway: Gateway) -> None:
    root = file(CONTENT[:200_000], OURS)
    gateway.publish(root)
    left(store, bytes(4_000_000), root.text)
    store.pull(root.text, "x")
    assert is_here(store, root)


def test_wrong_bytes_are_not_kept(store: LocalStore, gateway: Gateway) -> None:
    gateway.cars = False
    gateway.publish(ROOT)
    gateway.always = flip(4_000_000)
    left(store, CONTENT[:2_000_000])
    with pytest.raises(StargazerError, match="they were removed"):
        store.pull(CID, "ref.fa")
    assert starts(gateway) == [2_000_000, 0]
    assert not list(store.objects.partial.iterdir())


def test_a_body_without_an_end_is_not_kept(
    store: LocalStore, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.cars = False
    gateway.publish(ROOT)
    gateway.always = more(itertools.repeat(bytes(100_000)))
    monkeypatch.setattr(PartialFile, "room", lambda self: 12_000_000 - self.size)
    with pytest.raises(StargazerError, match="sent more than"):
        store.pull(CID, "ref.fa")
    assert not list(store.objects.partial.iterdir())


def test_a_disk_that_is_full_is_not_kept_full(store: LocalStore, remote: Gateway) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        with pytest.raises(StargazerError, match="cannot be used"):
            store.pull(CID, "ref.fa")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(store.objects.partial.iterdir())


def test_two_pulls_of_one_file_do_not_meet(store: LocalStore, remote: Gateway) -> None:
    left(store, CONTENT[:2_000_000])
    with resume.claimed(store.objects.partial, CID) as partial:
        assert partial
        store.pull(CID, "ref.fa")
        assert starts(remote) == [0]
        assert partial.read_bytes() == CONTENT[:2_000_000]
    assert store.object(CID).read_bytes() == CONTENT


def test_gc_removes_what_nobody_went_on_with_for_a_week(store: LocalStore) -> None:
    old, young = left(store, b"old", CID), left(store, b"young", file(b"other", OURS).text)
    # What is no partial file is not ours to judge.
    (old.parent / "folder").mkdir()
    (old.parent / "link").symlink_to(young)
    os.utime(old, (time.time() - WEEK - 10,) * 2)
    os.utime(young, (time.time() - WEEK + 100,) * 2)
    with resume.claimed(store.objects.partial, CID):
        assert collect_garbage(store).removed == ()
    assert collect_garbage(store, dry_run=True).removed == ((old, 3),)
    assert collect_garbage(store, only=[young]).removed == ()
    assert old.exists()
    assert collect_garbage(store).removed == ((old, 3),)
    assert {path.name for path in old.parent.iterdir()} == {young.name, "folder", "link"}

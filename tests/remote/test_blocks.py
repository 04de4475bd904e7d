"""Files that come block by block: layouts, resumed transfers, bad blocks, gateways that know less."""

import random
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.dags import DAG_PB, Block, Layout, block, car, car_header, content, field, file, node, section
from helpers.gateway import (
    Fault,
    Gateway,
    cut,
    flip,
    hang_up,
    headers,
    honest,
    more,
    send,
    served,
    status,
)

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.cid import cid_of
from stargazer_cli.store.remote import blocks, http
from stargazer_cli.store.remote.arriving import PartialFile
from stargazer_cli.store.remote.car import blocks as read_blocks
from stargazer_cli.store.remote.download import download
from stargazer_cli.store.remote.gateway import GatewaySource
from stargazer_cli.store.remote.unixfs import Walk, name_of

OURS = Layout(256 * 1024)
FINE = Layout(1000, 3)
COARSE = Layout(1 << 20, 1024)
KIBI = 1024

pytestmark = pytest.mark.usefixtures("waits")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "incoming").mkdir()
    return tmp_path / "incoming" / "file"


def fetch(root: Block, target: Path, *gateways: Gateway) -> str:
    """Publish the file nowhere new, and download it."""
    return download(
        [GatewaySource(gateway.url, root.text) for gateway in gateways], root.text, target, name="x"
    )


def stream_of(blocks: bytes) -> Fault:
    """Other blocks than those that were asked for."""
    return lambda reply: headers(Content_Type="application/vnd.ipld.car; version=1")(send(blocks)(reply))


def starts(gateway: Gateway) -> list[int]:
    """The byte from which each request asked for blocks."""
    return [int(request.query.get("entity-bytes", "0:*").removesuffix(":*")) for request in gateway.requests]


def own_cid(root: Block, folder: Path) -> str:
    (folder / "plain").write_bytes(root.content())
    return cid_of(folder / "plain")


@pytest.mark.parametrize(
    ("size", "layout"),
    [
        (1_000_000, OURS),
        (0, Layout(256 * 1024, raw_leaves=False)),
        (5, Layout(256 * 1024, raw_leaves=False)),
        (1_000_000, Layout(256 * 1024, raw_leaves=False)),
        (3_000_000, COARSE),
        (1_000_000, Layout(128 * 1024)),
        (1_000_000, Layout(512 * 1024)),
        (1_000_000, Layout(256 * 1024, 3)),
        (100_000, FINE),
        (100_000, Layout(1000, 2, version=0)),
        (100_000, Layout(1000, 3, "trickle")),
        (100_000, Layout(1000, 3, "trickle", raw_leaves=False)),
        (100_005, Layout(1000, 5, inline=36)),
    ],
)
def test_a_file_of_any_layout_is_verified_block_by_block(
    size: int, layout: Layout, gateway: Gateway, target: Path, tmp_path: Path
) -> None:
    gateway.whole = False
    root = file(content(size), layout)
    gateway.publish(root)
    found = fetch(root, target, gateway)
    assert target.read_bytes() == content(size)
    assert target.stat().st_mode & 0o777 == 0o444
    assert found == own_cid(root, tmp_path)
    assert (found == root.text) == (layout == OURS)
    assert len(gateway.requests) == 1


def test_chunks_of_our_size_at_other_places_make_another_cid(
    gateway: Gateway, target: Path, tmp_path: Path
) -> None:
    leaves = [file(content(size), OURS) for size in (100, 256 * KIBI, 256 * KIBI, 5)]
    root = node(leaves, OURS)
    gateway.publish(root)
    assert fetch(root, target, gateway) == own_cid(root, tmp_path) != root.text


def test_the_blocks_are_asked_for_as_the_specification_says(gateway: Gateway, target: Path) -> None:
    root = file(content(9000), FINE)
    gateway.publish(root)
    gateway.faults = [cut(5000)]
    fetch(root, target, gateway)
    first, second = gateway.requests
    assert first.query == {
        "format": "car",
        "dag-scope": "entity",
        "car-version": "1",
        "car-order": "dfs",
        "car-dups": "y",
    }
    assert first.headers["accept"] == "application/vnd.ipld.car; version=1; order=dfs; dups=y"
    assert second.query == {**first.query, "entity-bytes": "4000:*"}


def test_the_length_is_known_from_the_first_block(gateway: Gateway, target: Path) -> None:
    root = file(content(100_000), FINE)
    gateway.publish(root)
    seen: list[tuple[int, int | None]] = []
    source = GatewaySource(gateway.url, root.text)
    download([source], root.text, target, progress=lambda done, size: seen.append((done, size)))
    assert seen == [(done, 100_000) for done in range(1000, 100_001, 1000)]


@pytest.mark.parametrize("layout", [FINE, Layout(1000, 3, "trickle", raw_leaves=False), OURS])
@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("entity_bytes", [True, False])
def test_a_broken_transfer_goes_on_from_the_last_good_block(
    entity_bytes: bool, repeats: bool, layout: Layout, gateway: Gateway, target: Path, tmp_path: Path
) -> None:
    gateway.entity_bytes = entity_bytes
    gateway.repeats = repeats
    size = layout.chunk * 60 // 7
    root = file(content(size), layout)
    gateway.publish(root)
    half = len(car(root)) // 2
    gateway.faults = [cut(half), hang_up, status(503), honest]
    seen: list[int] = []
    source = GatewaySource(gateway.url, root.text)
    found = download([source], root.text, target, progress=lambda done, _: seen.append(done))
    assert target.read_bytes() == content(size)
    assert found == own_cid(root, tmp_path)
    assert starts(gateway)[1:] == [starts(gateway)[1]] * 3
    assert half - 3 * layout.chunk < starts(gateway)[1] <= half
    # Nothing was written twice.
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("entity_bytes", [True, False])
@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("breaks", [[], [cut(500)], [cut(900), cut(2500)]])
def test_a_run_of_equal_blocks_is_read_however_it_is_sent(
    breaks: list[Fault], repeats: bool, entity_bytes: bool, gateway: Gateway, target: Path
) -> None:
    gateway.entity_bytes = entity_bytes
    gateway.repeats = repeats
    data = bytes(40_000) + content(3000) + bytes(7_500)
    root = file(data, FINE)
    gateway.publish(root)
    gateway.faults = list(breaks)
    fetch(root, target, gateway)
    assert target.read_bytes() == data
    assert not gateway.asked_whole


def test_a_run_of_equal_blocks_is_read_though_each_transfer_breaks(gateway: Gateway, target: Path) -> None:
    root = file(bytes(100_000), FINE)
    gateway.publish(root)
    gateway.always = cut(5000)
    fetch(root, target, gateway)
    assert target.read_bytes() == bytes(100_000)


def test_blocks_that_come_again_and_again_are_not_read_for_ever(gateway: Gateway, target: Path) -> None:
    root = file(content(30_000), FINE)
    gateway.publish(root)
    leaf = next(found for found in root.sent() if not found.children)
    again = iter(lambda: section(leaf.cid + leaf.data) * 100, None)
    begun = car(Block(root.cid, root.data, root.own, root.children[:1], size=root.children[0].size))
    gateway.faults = [
        lambda reply: more(again)(headers(Content_Type=gateway.car_type)(send(begun)(reply)))
        for _ in range(2)
    ]
    with pytest.raises(StargazerError, match="they were removed"):
        fetch(root, target, gateway)
    assert [request.query.get("format") for request in gateway.requests] == ["car", "car", None]


def test_what_was_left_out_long_ago_is_asked_for(
    gateway: Gateway, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_KEPT", 5000)
    gateway.repeats = False
    root = file(content(20_000) * 3, FINE)
    gateway.publish(root)
    fetch(root, target, gateway)
    assert target.read_bytes() == content(20_000) * 3
    assert not gateway.asked_whole
    assert starts(gateway) == [0, 20_000, 40_000]


def test_a_gateway_that_never_sends_again_is_asked_for_the_rest_as_a_whole(
    gateway: Gateway, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_KEPT", 500_000)
    gateway.repeats = gateway.entity_bytes = False
    data = content(256 * KIBI * 3) * 2 + b"the end"
    root = file(data, OURS)
    gateway.publish(root)
    assert fetch(root, target, gateway) == root.text
    assert target.read_bytes() == data
    assert [request.headers.get("range") for request in gateway.asked_whole] == [f"bytes={256 * KIBI * 3}-"]


def test_a_bad_block_is_caught_where_it_is_and_another_gateway_goes_on(
    gateway: Gateway, target: Path
) -> None:
    root = file(content(5_000_000), OURS)
    gateway.publish(root)
    gateway.always = flip(3_000_000)
    with served(Gateway(cars=True)) as other:
        other.publish(root)
        assert fetch(root, target, gateway, other) == root.text
        assert target.read_bytes() == content(5_000_000)
        # Eleven blocks of 256 KiB came before the bad one.
        assert starts(other) == [11 * 256 * KIBI]
    assert len(gateway.requests) == 1


def test_a_bad_block_is_told_by_its_cid(gateway: Gateway, target: Path) -> None:
    root = file(content(100_000), FINE)
    gateway.publish(root)
    gateway.always = flip(50_000)
    with pytest.raises(
        StargazerError, match=rf"did not deliver x \({root.text}\): it sent a block whose bytes"
    ):
        fetch(root, target, gateway)
    assert not target.exists()


def test_a_gateway_of_whole_files_goes_on_after_one_of_blocks(gateway: Gateway, target: Path) -> None:
    root = file(content(5_000_000), OURS)
    gateway.publish(root)
    gateway.always = flip(3_000_000)
    with served(Gateway(cars=False)) as other:
        other.publish(root)
        other.faults = [cut(100_000)]
        fetch(root, target, gateway, other)
        assert [request.headers.get("range") for request in other.asked_whole] == [
            f"bytes={11 * 256 * KIBI}-",
            f"bytes={11 * 256 * KIBI + 100_000}-",
        ]
    assert target.read_bytes() == content(5_000_000)


def test_what_was_checked_is_kept_when_all_is_sent_anew(gateway: Gateway, target: Path) -> None:
    root = file(content(5_000_000), OURS)
    gateway.publish(root)
    gateway.always = flip(3_000_000)
    seen: list[int] = []
    with served(Gateway(cars=False, ranges=False)) as other:
        other.publish(root)
        sources = [GatewaySource(each.url, root.text) for each in (gateway, other)]
        download(sources, root.text, target, progress=lambda done, _: seen.append(done))
    assert target.read_bytes() == content(5_000_000)
    assert seen == sorted(seen)


def test_a_gateway_that_sends_nothing_leaves_a_clean_start(gateway: Gateway, target: Path) -> None:
    root = file(content(1_000_000), OURS)
    gateway.cars = False
    gateway.always = send(b"")
    with served(Gateway(cars=False)) as other:
        other.publish(root)
        assert fetch(root, target, gateway, other) == root.text
    assert target.read_bytes() == content(1_000_000)


def test_what_was_checked_outlives_wrong_bytes(gateway: Gateway, target: Path) -> None:
    root = file(content(5_000_000), OURS)
    gateway.publish(root)
    gateway.always = flip(3_000_000)
    with served(Gateway(cars=False)) as wrong, served(Gateway()) as right:
        for other in (wrong, right):
            other.publish(root)
        wrong.always = flip(1_000_000)
        fetch(root, target, gateway, wrong, right)
        assert starts(right) == [11 * 256 * KIBI]
    assert target.read_bytes() == content(5_000_000)


@pytest.mark.parametrize(
    "without",
    [
        status(400),
        status(406),
        status(501),
        headers(Content_Type="application/octet-stream"),
        headers(Content_Type="application/vnd.ipld.car; version=1; order=unk"),
        send(b"<html>"),
    ],
)
def test_a_gateway_without_cars_is_asked_for_the_whole_file(
    without: Fault, gateway: Gateway, target: Path
) -> None:
    root = file(content(1_000_000), OURS)
    gateway.publish(root)
    gateway.faults = [without]
    assert fetch(root, target, gateway) == root.text
    assert [request.query.get("format") for request in gateway.requests] == ["car", None]


def test_blocks_in_another_order_are_as_none(gateway: Gateway, target: Path) -> None:
    root = file(content(1_000_000), OURS)
    gateway.publish(root)
    gateway.faults = [
        lambda reply: headers(Content_Type=gateway.car_type)(send(car(root.children[1]))(reply))
    ]
    assert fetch(root, target, gateway) == root.text
    assert len(gateway.requests) == 2


def test_a_gateway_that_sends_no_block_at_all_is_asked_what_it_has(gateway: Gateway, target: Path) -> None:
    root = file(content(1_000_000), OURS)
    gateway.faults = [stream_of(car_header(root))]
    with pytest.raises(StargazerError, match="it answered 404 Not Found"):
        fetch(root, target, gateway)
    assert len(gateway.requests) == 2


def test_another_layout_cannot_be_verified_without_blocks(gateway: Gateway, target: Path) -> None:
    gateway.cars = False
    root = file(content(3_000_000), COARSE)
    gateway.publish(root)
    with pytest.raises(StargazerError, match="another layout, which cannot be verified without") as told:
        fetch(root, target, gateway)
    assert "one that sends blocks: PINATA_GATEWAY=https://trustless-gateway.link" in str(told.value.hint)
    assert not target.exists()


def test_a_stream_that_ends_early_each_time_is_given_up(gateway: Gateway, target: Path) -> None:
    root = file(content(100_000), FINE)
    gateway.publish(root)
    gateway.entity_bytes = False
    gateway.always = cut(len(car(root)) - 1000)
    with pytest.raises(StargazerError, match=r"the blocks (broke off|ended before the file did); tried 4"):
        fetch(root, target, gateway)
    assert not target.exists()


def test_a_stream_that_gets_on_is_not_given_up(
    gateway: Gateway, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stargazer_cli.store.remote.blocks.WORTHWHILE", 1000)
    root = file(content(30_000), FINE)
    gateway.publish(root)
    gateway.always = cut(3000)
    fetch(root, target, gateway)
    assert target.read_bytes() == content(30_000)
    assert len(gateway.requests) > 10


def test_what_comes_after_the_file_is_not_read(gateway: Gateway, target: Path) -> None:
    root = file(content(30_000), FINE)
    gateway.publish(root)
    gateway.always = more(iter(lambda: bytes(100_000), None))
    fetch(root, target, gateway)
    assert target.read_bytes() == content(30_000)


def test_blocks_that_do_not_belong_to_the_file_are_refused(gateway: Gateway, target: Path) -> None:
    root = file(content(30_000), FINE)
    gateway.publish(root)
    gateway.faults = [cut(3000)]
    gateway.always = stream_of(car(file(content(31_000)[1000:], FINE)))
    with pytest.raises(StargazerError, match="they were removed"):
        fetch(root, target, gateway)
    assert not target.exists()


def test_a_stalled_stream_is_given_up(
    gateway: Gateway, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = file(content(100_000), FINE)
    gateway.publish(root)
    done = threading.Event()

    def drip() -> Iterator[bytes]:
        while not done.wait(0.02):
            yield b"\0"

    gateway.always = lambda reply: more(drip())(cut(5000)(reply))
    monkeypatch.setattr(http, "_WINDOW", 0.1)
    monkeypatch.setattr(http, "_SLOWEST", 1 << 20)
    with pytest.raises(StargazerError, match="sent less than 1 KiB a second; tried 4 times"):
        fetch(root, target, gateway)
    done.set()
    assert not target.exists()


EMPTY = file(b"", Layout(10, raw_leaves=False))


@pytest.mark.parametrize(
    ("root", "why"),
    [
        (block(DAG_PB, field(1, b"\x08\x01")), "is a folder, so it cannot be an asset"),
        (block(DAG_PB, field(1, b"\x08\x05")), r"is a folder \(sharded\)"),
        (block(DAG_PB, field(1, b"\x08\x04\x12\x01x")), "is a symbolic link"),
        (node([EMPTY], FINE), "has an empty part"),
    ],
)
def test_what_is_no_file_is_told_as_such(root: Block, why: str, gateway: Gateway, target: Path) -> None:
    gateway.publish(root)
    with pytest.raises(StargazerError, match=rf"x \({root.text}\) {why}"):
        fetch(root, target, gateway)
    assert not target.exists()


def test_a_file_that_no_disk_can_hold_is_refused_at_its_first_block(gateway: Gateway, target: Path) -> None:
    root = file(bytes(1000), FINE)
    for _ in range(50):
        root = node([root, root], FINE)
    gateway.publish(Block(root.cid, root.data, root.own))
    with pytest.raises(StargazerError, match=r"1,125,899,906,842,624,000 bytes long, and .* has room for"):
        fetch(root, target, gateway)
    assert not target.exists()


def test_no_source_is_told(target: Path) -> None:
    with pytest.raises(StargazerError, match=r"There is nowhere to get x \(bafy"):
        download([], file(content(3), Layout(1)).text, target, name="x")
    assert not target.exists()


def any_fault(chance: random.Random, other: Block) -> Fault:
    at = chance.randrange(1, 30_000)
    return chance.choice(
        [
            cut(at),
            cut(at // 10),
            flip(-1),
            flip(at % 500),
            hang_up,
            status(500),
            status(429, Retry_After="1"),
            status(404),
            status(206),
            send(content(at)),
            stream_of(car(other)),
            stream_of(content(at)),
            more([content(at)]),
            headers(Content_Length=None),
            headers(Content_Range="bytes 5-9/10"),
            headers(Content_Type="text/html"),
            honest,
        ]
    )


@pytest.mark.parametrize("seed", range(80))
def test_whatever_happens_the_bytes_are_right_or_not_there(
    seed: int, gateway: Gateway, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(blocks, "_KEPT", chance.choice([1000, 5000, 1 << 24]))
    parts = [bytes(3000), content(3000), chance.randbytes(2500)]
    data = b"".join(chance.choices(parts, k=chance.randrange(12)))
    trickle, inline = Layout(1000, 2, "trickle", raw_leaves=False), Layout(700, 5, inline=40)
    layout = chance.choice([FINE, trickle, inline, OURS])
    root, other = file(data, layout), file(chance.randbytes(9000), FINE)
    with served(Gateway()) as second:
        for each in (gateway, second):
            each.publish(root)
            each.cars, each.ranges, each.entity_bytes, each.repeats = (
                chance.random() < 0.8 for _ in range(4)
            )
            each.faults = [any_fault(chance, other) for _ in range(chance.randrange(6))]
        try:
            found = fetch(root, target, gateway, second)
        except StargazerError:
            assert not target.exists()
        else:
            assert target.read_bytes() == data
            assert found == own_cid(root, tmp_path)
    assert list(target.parent.iterdir()) in ([], [target])


def test_blocks_that_lie_in_their_names_do_not_come_for_ever() -> None:
    inline = section(bytes([1, 0x55, 0, 100]) + bytes(200))
    stream = [car_header(file(b"x", OURS)), *[inline] * 60_000]
    with pytest.raises(http.Refused, match="goes on and on without a block"):
        list(read_blocks(stream))


def test_small_blocks_are_kept_for_the_room_that_they_take() -> None:
    recent = blocks._Recent()
    names = [name_of(file(number.to_bytes(4), OURS).text) for number in range(80_000)]
    for name in names:
        recent.keep(name, b"1")
    assert sum(name in recent for name in names) == (16 << 20) // 301


def test_memory_does_not_grow_with_the_file(target: Path) -> None:
    chunks = [number.to_bytes(8, "big") * (32 * KIBI) for number in range(160)]
    root = file(b"".join(chunks), OURS)
    sections = [section(found.cid + found.data) for found in root.sent()]
    stream = [car_header(root), *sections]
    del chunks
    tracemalloc.start()
    try:
        with PartialFile(target) as arriving:
            transfer = blocks.BlockDownload(None, None, name_of(root.text), arriving)  # type: ignore[arg-type]
            assert transfer._follow(Walk(name_of(root.text)), read_blocks(stream))
            assert arriving.finish(name_of(root.text)) == root.text
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert target.stat().st_size == 40 << 20
    assert peak < 24 << 20

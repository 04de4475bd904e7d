"""The walk over the blocks of a file, against layouts whose CIDs boxo (the library inside kubo) gave."""

import base64
import hashlib

import pytest
from helpers.dags import DAG_PB, RAW, Block, Layout, block, content, field, file, node, section, varint

from stargazer_cli.store.remote import car
from stargazer_cli.store.remote.http import Passing, Refused
from stargazer_cli.store.remote.unixfs import (
    MAX_BLOCK,
    Name,
    NotAFile,
    Walk,
    name_of,
    read_name,
    read_node,
    read_varint,
)

MIB = 1 << 20
FINE = Layout(1000, 3)

# Each CID is what boxo 0.24 made of the same bytes with the same chunker, width and kind of leaves.
LAYOUTS = [
    (0, Layout(256 * 1024), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    (0, Layout(256 * 1024, raw_leaves=False), "bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y"),
    (5, Layout(256 * 1024, raw_leaves=False), "bafybeigztmekbhmykdh6bejuahfpukozyac3f7htapsypg5c4gcfbdhcyy"),
    (1000000, Layout(256 * 1024), "bafybeiatmtxpykmsgeaquqep4ege5vjttr34l7vtdrpj5yl2ptbqfk457u"),
    (
        1000000,
        Layout(256 * 1024, raw_leaves=False),
        "bafybeihhuuijrqxwluf6lbqnc75rul65etb56a4fztlwoqu5o53koyrvvu",
    ),
    (3000000, Layout(MIB, 1024), "bafybeigls62bev6gwepq5mcbnwhwij4nichilqvg5eevekvejmqvkbv57i"),
    (700000, Layout(MIB, 1024), "bafkreiai647mdygarpzamjz53qjiwo7rczq2mik6o7e6mt6n4bibthtlyu"),
    (100000, FINE, "bafybeihihikrnk3izlrdr57falaqisdkczsnmnkt5s3sywlmzyxsnhozmi"),
    (
        100000,
        Layout(1000, 3, raw_leaves=False),
        "bafybeievk3tmm2prlyhomntjt2nsz4zfjzvjzrg4opefv3kq3cmpbcuclu",
    ),
    (100000, Layout(1000, 2, version=0), "bafybeienytn4fgqbyjhtc3j27gwo5iz3cs3oqqzyeihsr2l5yr2v23gqkm"),
    (100000, Layout(1000, 3, "trickle"), "bafybeigwpct7gw7muot4zq5gdanwyjk5avhpnjry3b2cgbq56lam3lzora"),
    (
        100000,
        Layout(1000, 3, "trickle", raw_leaves=False),
        "bafybeig5uerzqr5dzkhvipo6zhb52smubwg4qccef6smql6jdmbg7dnkdi",
    ),
    (100000, Layout(1000, 174, "trickle"), "bafybeiem7rsmpajtkhi5vo4gbrslzjh22s472w3iko347jka4newrsyx34"),
    (100005, Layout(1000, 5, inline=32), "bafybeihmk24z3zxhgiwxq67m626bbyivb5b3i7igko3eogovd7a7zgafhe"),
]


def walked(root: Block, walk: Walk) -> bytes:
    """The bytes that a walk gives, fed with what it asks for."""
    known = {found.cid[-32:]: found.data for found in root.sent()}
    out = b""
    while expected := walk.expected:
        if walk.skippable:
            walk.skip()
        else:
            out += walk.take(known[expected.digest])
    return out


@pytest.mark.parametrize(("size", "layout", "cid"), LAYOUTS)
def test_any_layout_is_walked_and_gives_the_bytes_in_order(size: int, layout: Layout, cid: str) -> None:
    data = content(size)
    root = file(data, layout)
    name = Name(RAW if cid.startswith("bafk") else DAG_PB, 0x12, hashlib.sha256(root.data).digest())
    assert str(name) == cid
    assert name_of(cid) == name
    walk = Walk(name)
    assert walked(root, walk) == data
    assert walk.total == size


@pytest.mark.parametrize("start", [1, 999, 1000, 1001, 27000, 81001, 99999, 100000])
@pytest.mark.parametrize("layout", [FINE, Layout(1000, 3, "trickle", raw_leaves=False)])
def test_a_walk_from_the_middle_gives_the_rest(layout: Layout, start: int) -> None:
    data = content(100000)
    root = file(data, layout)
    assert walked(root, Walk(name_of(root.text), start)) == data[start:]


def test_bytes_of_a_node_come_before_those_of_its_children() -> None:
    inner = node([file(b"b" * 5, FINE)], FINE, b"own")
    root = node([inner, file(b"c" * 5, FINE)], FINE, b"first")
    assert walked(root, Walk(name_of(root.text))) == b"first" + b"own" + b"bbbbb" + b"ccccc"
    assert walked(root, Walk(name_of(root.text), 7)) == b"n" + b"bbbbb" + b"ccccc"


def test_the_sizes_of_children_may_be_packed() -> None:
    child = file(b"12345", FINE)
    message = b"\x08\x02\x18\x0a" + field(4, b"\x05\x05")
    link = field(2, field(1, child.cid) + b"\x18\x05")
    root = block(DAG_PB, link + link + field(1, message), children=[child, child], size=10)
    assert walked(root, Walk(name_of(root.text))) == b"1234512345"


def unreadable(message: bytes, *links: bytes) -> Block:
    return block(DAG_PB, b"".join(field(2, link) for link in links) + field(1, message))


LEAF = file(b"12345", FINE)
LINK = field(1, LEAF.cid)
BLAKE = field(1, b"\x01\x55\xa0\xe4\x02\x20" + bytes(32))


@pytest.mark.parametrize(
    ("root", "why"),
    [
        (unreadable(b"\x08\x01"), "is a folder"),
        (unreadable(b"\x08\x05"), r"is a folder \(sharded\)"),
        (unreadable(b"\x08\x04\x12\x09elsewhere"), "is a symbolic link"),
        (unreadable(b"\x08\x03"), "is metadata"),
        (unreadable(b""), "is not a file"),
        (block(DAG_PB, b""), "is not a file"),
        (block(DAG_PB, b"\x0a"), "cannot be read"),
        (block(DAG_PB, b"\x0a\x05ab"), "cannot be read"),
        (block(DAG_PB, b"\xff" * 12), "cannot be read"),
        (unreadable(b"\x08\x02\x20\x05", b""), "a link without a CID"),
        (unreadable(b"\x08\x02\x20\x05", field(1, LEAF.cid[:20])), "the CID is cut off"),
        (unreadable(b"\x08\x02\x20\x05", field(1, LEAF.cid + b"x")), "more than a CID"),
        (unreadable(b"\x08\x02\x20\x05", field(1, b"\x02" + LEAF.cid[1:])), "not a CID of version"),
        (unreadable(b"\x08\x02\x20\x05", BLAKE), "a hash other than sha2-256"),
        (unreadable(b"\x08\x02", LINK), "does not say how long its parts are"),
        (unreadable(b"\x08\x02\x20\x05\x20\x05", LINK), "does not say how long its parts are"),
        (unreadable(b"\x08\x02\x20\x00", LINK), "has an empty part"),
    ],
)
def test_what_is_no_file_is_told(root: Block, why: str) -> None:
    with pytest.raises(NotAFile, match=why):
        read_node(root.data)


def test_a_part_that_is_not_as_long_as_its_parent_says_is_refused() -> None:
    root = unreadable(b"\x08\x02\x20\x06", LINK)
    walk = Walk(name_of(root.text))
    walk.take(root.data)
    with pytest.raises(NotAFile, match="whose length is not the one that its parent says"):
        walk.take(LEAF.data)


def test_a_part_that_is_no_block_of_a_file_is_refused() -> None:
    root = unreadable(b"\x08\x02\x20\x05", field(1, b"\x01\x71" + LEAF.cid[2:]))
    walk = Walk(name_of(root.text))
    walk.take(root.data)
    with pytest.raises(NotAFile, match=r"another kind \(codec 0x71\)"):
        walk.take(LEAF.data)


def test_a_tree_without_end_is_refused() -> None:
    root = LEAF
    for _ in range(70):
        root = node([root], FINE)
    with pytest.raises(NotAFile, match="more than 64 levels"):
        walked(root, Walk(name_of(root.text)))


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, (1 << 63) - 1])
def test_numbers_are_read_as_they_are_written(number: int) -> None:
    assert read_varint(b"x" + varint(number) + b"rest", 1) == (number, 1 + len(varint(number)))


def test_a_name_is_read_from_both_versions() -> None:
    digest = hashlib.sha256(b"x").digest()
    assert read_name(b"\x12\x20" + digest + b"rest") == (Name(DAG_PB, 0x12, digest), 34)
    assert read_name(b"--\x01\x70\x12\x20" + digest, 2) == (Name(DAG_PB, 0x12, digest), 38)


def test_a_name_fits_its_bytes_only() -> None:
    assert name_of(LEAF.text).fits(LEAF.data)
    assert not name_of(LEAF.text).fits(LEAF.data + b"\0")
    assert Name(RAW, 0, b"abc").fits(b"abc")
    assert not Name(RAW, 0x1E, hashlib.sha256(b"abc").digest()).fits(b"abc")
    assert not Name(RAW, 0x12, hashlib.sha256(b"abc").digest()[:20]).fits(b"abc")


# A CAR of one block, made by boxo's gateway from the 5 bytes above in a dag-pb leaf.
BOXO_CAR = base64.b64decode(
    "OqJlcm9vdHOB2CpYJQABcBIg2ZsIoJ2YUM/gkTQByvop2cAFsvzzA+WHm6LhhFCM4sZndmVyc2lvbgEx"
    "AXASINmbCKCdmFDP4JE0Acr6KdnABbL88wPlh5ui4YRQjOLGCgsIAhIFr1Vw9aEYBQ=="
)


def test_a_car_made_by_boxo_is_read() -> None:
    ((name, data),) = car.blocks([BOXO_CAR])
    assert str(name) == LAYOUTS[2][2]
    assert Walk(name).take(data) == content(5)


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_the_blocks_of_a_car_are_read_from_pieces_of_any_size(piece: int) -> None:
    from helpers.dags import car as written

    root = file(content(5005), Layout(1000, 3, inline=36))
    stream = written(root)
    pieces = [stream[at : at + piece] for at in range(0, len(stream), piece)]
    expected = [found.data for found in root.sent() if found.cid[2]]
    assert [data for _, data in car.blocks([b"", *pieces])] == expected


HEADER = section(b"\xa2\x65roots\x80\x67version\x01")


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (b"", "no CAR of version 1"),
        (b"\x0a\xa1gversion\x02", "no CAR of version 1"),
        (b"\xff\xff\xff\xff\xff\xff", "more than 32 GiB"),
        (varint(1 << 30), "1,073,741,824 bytes"),
        (HEADER + b"\0", "a part of 0 bytes"),
        (HEADER + section(b"\x01\x55"), "cannot be read"),
        (HEADER + section(LEAF.cid + b"12346"), f"not those of its CID {LEAF.text}"),
        (HEADER + section(BLAKE[2:] + b"12345"), "not those of its CID"),
        (HEADER + varint(MAX_BLOCK + 200), "are the most"),
    ],
)
def test_a_car_that_cannot_be_trusted_is_refused(stream: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        list(car.blocks([stream]))


@pytest.mark.parametrize("end", [1, 5, len(HEADER) + 1, len(HEADER) + 20])
def test_a_car_that_breaks_off_is_told_as_such(end: int) -> None:
    long = file(content(200), FINE)
    with pytest.raises(Passing, match="broke off"):
        list(car.blocks([(HEADER + section(long.cid + long.data))[:end]]))

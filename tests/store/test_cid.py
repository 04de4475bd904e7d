"""CIDs against known answers.

The tables were made with the Go implementation behind `ipfs add` (boxo 0.24.0: size-<chunk> chunker,
balanced layout, raw leaves, CIDv1, sha2-256), over the bytes that the functions below generate.
"""

import errno
import hashlib
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from stargazer_cli.errors import UsageError
from stargazer_cli.store import cid as cid_module
from stargazer_cli.store.cid import CHUNK, WIDTH, CidHasher, check_cid, cid_of, cids_of, hash_stream, is_cid

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

BOUNDARIES = {
    0: EMPTY,
    1: "bafkreidogqfzz75tpkmjzjke425xqcrmpcib2p5tg44hnbirumdbpl5adu",
    CHUNK - 1: "bafkreic6iqyxuiad5dem4bzgyy336yoi6tegdqa4e5vt24gq3btool5cra",
    CHUNK: "bafkreiekhhjkxu4ztk3tyng3er3ijhg56mb44oe3gwbgquhzu4afrg2ksa",
    CHUNK + 1: "bafybeidf7ins7dbwk2zrpiv7k3tzp65itaxindoduggdnvrtad2es6lj5y",
    2 * CHUNK: "bafybeidqhbgk73t35ildcx4c3uhro2g2ufw5t72h2xq5qtjbu7fhhndwoy",
    174 * CHUNK - 1: "bafybeiafjiklrqehljmtv6btnij62w2bbuvguz5yd7sp3qcwkmnmrq4pja",
    174 * CHUNK: "bafybeifroayooh5e4o3rcnpg2hjsc64fkejtvwbr4j47emu2s2fmermim4",
    174 * CHUNK + 1: "bafybeigvab7sc2be4g67s5xo6e4jkno3uzv56d23m7gxbmmvaptcpg5gyy",
    175 * CHUNK: "bafybeih6aqavgscyt5capflvsgdheuoudbi5nymzzbznhsx6v3qzh7hsoy",
    348 * CHUNK: "bafybeic34mrih75e3nfpemgd6gebrlcxh65r7gipcghofwk7pmswqbccgi",
    348 * CHUNK + 1: "bafybeib635koip2yljypct72q3orxk75mncpsntaols5xlwe57kv6xnt7m",
}

# Trees of several levels without gigabytes: chunks of 4 bytes, at most 3 children a node.
SMALL_TREES = {
    4: "bafkreiafj3pmdubbd5re73imxsu5j6kabmheshcdoqvpfrnqvpv7bsmq3a",
    5: "bafybeidoaxjtfzmllhcway5ubogf3onacj5hcjxkps6ltqkicxj5degtta",
    8: "bafybeidi3txkchykjupk3j4wfbwbzgj3skzhk2ey6hbmkgviaj7vrx4p64",
    9: "bafybeicfgk73jc55jyh5wtzebapnog537ijtwzhesiwvntivij56tblw5a",
    12: "bafybeiescpchc5ia7pu7ztozfeiu6k4yith5dbt3r43xshnyudv7krmtae",
    13: "bafybeigioqx7mhmr5omwrkizhlha6jprh2gzlqmazplk4cj2ezmbx6lhei",
    16: "bafybeiby5xwzw4iomlot4omvbn76t7i3tirnrk2lzdys6b6sbf52svbyk4",
    35: "bafybeiephtz3hwrvmaruupjgfjtc5tmdv5ha62xhun7vehlztit4r64lcy",
    36: "bafybeiazbw7qde46yxbdyyv4rzu3cbrk2cf7f3h7vtbpbzhooueqfws6ti",
    37: "bafybeidiwnloirt3sptf4j5vz6iif5pod6yee4z23t57sftychzrp2n4ge",
    40: "bafybeihetbzrlrafem3soqmvfd4konslub4z3fs7pbfuqcg3iyxken6yd4",
    107: "bafybeignt742yk5ex3vt55gc3grakl54mhmdhq7o6dt5qw3b3hww6zummq",
    108: "bafybeifkinfsm2fujjoekag7yheqoh2modzg4md4d3wlotmykqz3giqbay",
    109: "bafybeihqjgih5vr3po3xckv2yf67fsl7qf6mgclby5ik7to5zm6knpzbli",
    112: "bafybeigmp35lgknudqqmztf3wpy42lbugsquyf2ugfv4xu2q6jhqtccu3a",
    323: "bafybeihd65xs6cteatpfd5k5of5w7urscgyrxdkh4opcffg4btlsjyudgq",
    324: "bafybeih3g3y354f7lujjnhuertghwsn3a325pcpgsrhpmiyy4cc222hcd4",
    325: "bafybeiea6zonyssmc3ljjmeoytmr5w2lfnbn3zqyhgc7httkybm4mdcgzi",
    328: "bafybeigiqor3p3g7erbjh7vcd2tfvioa3gsjbtl3vuy4k3d6uv4ewpwhqu",
    1000: "bafybeigyscl3gpnr6flcilmrzpipwlidpnlkljpanmsj4g5f2pvjzltluy",
}

# Zeros, where the tree gains its third level: 7.4 GiB, so the leaves are told and not read.
THIRD_LEVEL = {
    WIDTH * WIDTH * CHUNK - 1: "bafybeicjnp7vq7xowqdfgtikkptteotnjuvdzoevgykmefloszwm4n6hr4",
    WIDTH * WIDTH * CHUNK: "bafybeidxp6macmsb2fl24g2urxdvecsmmuspexpjyxcav2wyazeytjh5yi",
    WIDTH * WIDTH * CHUNK + 1: "bafybeic3bmw3lls6npgpysoz7577inmexlh7ulmlepk4qypu72heonqfhu",
    (WIDTH + 1) * WIDTH * CHUNK + 1: "bafybeihnjoxj7eph7yks6l2pmjxk2zjo3xuvdwi4aunh6ufy5i5ir4zfxu",
}

TP53 = {
    "GRCh38_TP53.fa": "bafkreib6vj3os7l4lqqytaw5vju46iorcknttfiwfnlbizjcqn7xd5hrvy",
    "NA12829_TP53_R1.fq.gz": "bafybeia3lsmhibzqk3uo5phryz4wurlj26pn74klczwbmnxq3pf5q3iyy4",
    "NA12829_TP53_R2.fq.gz": "bafybeihd3nqlci7mlotdbbxrstxchesmafsytcsltaa2jdfgppeawh3cui",
}


def numbered_chunks(size: int) -> Iterator[bytes]:
    """Chunk i is the number i, 8 bytes little-endian, again and again."""
    for number in range(size // CHUNK + 1):
        yield (number.to_bytes(8, "little") * (CHUNK // 8))[: size - number * CHUNK]


def cid_in_pieces(pieces: Iterator[bytes]) -> str:
    hasher = CidHasher()
    for piece in pieces:
        hasher.update(piece)
    return hasher.cid()


@pytest.mark.parametrize(("size", "expected"), BOUNDARIES.items())
def test_known_answers_at_the_boundaries(size: int, expected: str) -> None:
    assert cid_in_pieces(numbered_chunks(size)) == expected


@pytest.mark.parametrize(("size", "expected"), SMALL_TREES.items())
def test_known_answers_of_deep_trees(size: int, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cid_module, "CHUNK", 4)
    monkeypatch.setattr(cid_module, "WIDTH", 3)
    content = bytes(number % 251 for number in range(size))
    assert cid_in_pieces(iter([content])) == expected


@pytest.mark.parametrize(("size", "expected"), THIRD_LEVEL.items())
def test_known_answers_where_the_tree_gains_a_level(size: int, expected: str) -> None:
    whole, rest = divmod(size, CHUNK)
    hasher = CidHasher()
    leaf = hashlib.sha256(bytes(CHUNK)).digest()
    for _ in range(whole):
        hasher.take_leaf(leaf, CHUNK)
    if rest:
        hasher.take_leaf(hashlib.sha256(bytes(rest)).digest(), rest)
    assert hasher.size == size
    assert hasher.cid() == expected


@pytest.mark.parametrize(("size", "expected"), BOUNDARIES.items())
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_the_time_and_not_the_answer(
    size: int, expected: str, threads: int, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    with path.open("wb") as stream:
        stream.writelines(numbered_chunks(size))
    assert cid_of(path, threads=threads) == expected


def test_several_files_at_once_keep_their_order(tmp_path: Path) -> None:
    paths = []
    for number, size in enumerate(BOUNDARIES):
        if size < 10 * CHUNK:
            paths.append(tmp_path / f"{number}")
            paths[-1].write_bytes(b"".join(numbered_chunks(size)))
    expected = [cid for size, cid in BOUNDARIES.items() if size < 10 * CHUNK]
    for threads in (1, 2, 3, 100):
        assert cids_of(paths, threads=threads) == expected
    assert cids_of([]) == []


@pytest.mark.parametrize("most", [1000, CHUNK - 1, CHUNK, 3 * CHUNK + 5])
def test_reads_may_bring_less_than_was_asked_for(most: int) -> None:
    """A network file system gives what it has."""
    size = 40 * CHUNK + 7
    content = b"".join(numbered_chunks(size))
    place = 0

    def read(buffer: memoryview) -> int:
        nonlocal place
        piece = content[place : place + min(most, len(buffer))]
        buffer[: len(piece)] = piece
        place += len(piece)
        return len(piece)

    written: list[bytes] = []
    # The size is what was true when the file was opened: a wrong one costs time and nothing else.
    for said in (size, 0, 100 * CHUNK):
        place = 0
        written.clear()
        hasher = hash_stream(read, said, threads=2, sink=lambda piece: written.append(bytes(piece)))
        assert hasher.cid() == cid_in_pieces(iter([content]))
        assert hasher.size == size
        assert b"".join(written) == content


def test_a_fault_of_the_disk_in_the_middle_ends_the_threads(tmp_path: Path) -> None:
    before = threading.active_count()
    reads = 0

    def read(buffer: memoryview) -> int:
        nonlocal reads
        reads += 1
        if reads == 5:
            raise OSError(errno.EIO, "Input/output error")
        return len(buffer)

    with pytest.raises(OSError, match="Input/output"):
        hash_stream(read, 100 * CHUNK, threads=2)
    assert threading.active_count() == before


def test_a_file_of_one_chunk_is_named_by_its_plain_sha256(tmp_path: Path) -> None:
    import base64

    content = b"@read\nACGT\n+\nIIII\n"
    (tmp_path / "a").write_bytes(content)
    binary = b"\x01\x55\x12\x20" + hashlib.sha256(content).digest()
    assert cid_of(tmp_path / "a") == "b" + base64.b32encode(binary).decode().lower().rstrip("=")


@pytest.mark.parametrize("piece", [1, 7, 65_537, CHUNK, CHUNK + 1, 10 * CHUNK])
def test_the_size_of_the_pieces_does_not_matter(piece: int, tmp_path: Path) -> None:
    content = b"".join(numbered_chunks(CHUNK + 1))
    (tmp_path / "a").write_bytes(content)
    pieces = (content[start : start + piece] for start in range(0, len(content), piece))
    assert cid_in_pieces(pieces) == BOUNDARIES[CHUNK + 1] == cid_of(tmp_path / "a")


def test_empty_pieces_change_nothing() -> None:
    assert cid_in_pieces(iter([b"", b""])) == EMPTY
    assert cid_in_pieces(iter([b"", b"\0", b""])) == BOUNDARIES[1]


def test_memory_does_not_grow_with_the_file() -> None:
    # 3,000 chunks of 64 bytes: were each kept, that would be more than what is allowed here.
    hasher = CidHasher()
    block = bytes(64 * CHUNK)
    hasher.update(block)
    tracemalloc.start()
    for _ in range(11):
        hasher.update(block)
    hasher.cid()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


def test_memory_of_the_threads_does_not_grow_with_the_file() -> None:
    left = 300 * CHUNK

    def read(buffer: memoryview) -> int:
        nonlocal left
        count = min(left, len(buffer))
        left -= count
        return count

    tracemalloc.start()
    hash_stream(read, left, threads=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Four pieces of four chunks, of 300.
    assert peak < 18 * CHUNK


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "expected"), TP53.items())
def test_the_cids_that_pinata_published(name: str, expected: str, real_data: Path) -> None:
    assert cid_of(real_data / "germline_tp53" / name) == expected


@pytest.mark.parametrize("good", [EMPTY, BOUNDARIES[CHUNK + 1]])
def test_a_cid_of_this_kind_is_taken(good: str) -> None:
    assert check_cid(good) == good


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "not a CID"),
        ("../../etc/passwd", "not a CID"),
        (EMPTY[:-1], "not a CID"),
        (EMPTY.upper(), "not in lower-case base32"),
        ("z" + "0" * 50, "not a CID"),
        ("z" * 60, "not a CID"),
        ("z" * 10_000_000, "not a CID"),
        (EMPTY + "\n", "not a CID"),
        ("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "CIDv0"),
        ("bafyreigdmqpykrgxyaxtlafqpqhzrb7qy2rh75nldvfd4tucqmqqme5yje", "other than a file"),
        ("bafk2bzacebbhb4ugntswbzyrvf6v2ex7ezyc4rzsnw6ffdvmvy5mkhbqmyvdm", "other than sha2-256"),
    ],
)
def test_what_cannot_be_verified_is_refused_with_the_reason(bad: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_cid(bad)
    assert not is_cid(bad)


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        # Pairs that the documentation of IPFS gives.
        (
            "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
            "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6d2ho34",
        ),
        (
            "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA",
            "bafkreidon73zkcrwdb5iafqtijxildoonbwnpv7dyd6ef3qdgads2jc4su",
        ),
        (EMPTY.upper(), EMPTY),
    ],
)
def test_a_cid_in_another_form_is_given_in_ours(written: str, ours: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_cid(written)
    assert (refused.value.hint or "").endswith(f": {ours}")
    assert is_cid(ours)

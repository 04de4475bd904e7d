"""CIDs against known answers.

The tables were made with the Go implementation behind `ipfs add` (boxo 0.24.0: size-<chunk> chunker,
balanced layout, raw leaves, CIDv1, sha2-256), over the bytes that the functions below generate.
"""

import hashlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from stargazer_cli.errors import UsageError
from stargazer_cli.store import cid as cid_module
from stargazer_cli.store.cid import CHUNK, CidHasher, check_cid, cid_of

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
        (EMPTY.upper(), "not a CID"),
        (EMPTY + "\n", "not a CID"),
        ("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "CIDv0"),
        ("bafyreigdmqpykrgxyaxtlafqpqhzrb7qy2rh75nldvfd4tucqmqqme5yje", "other than a file"),
        ("bafk2bzacebbhb4ugntswbzyrvf6v2ex7ezyc4rzsnw6ffdvmvy5mkhbqmyvdm", "other than sha2-256"),
    ],
)
def test_what_cannot_be_verified_is_refused_with_the_reason(bad: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        check_cid(bad)

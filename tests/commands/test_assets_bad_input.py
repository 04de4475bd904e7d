"""What a user, a file system or a remote may get wrong: one clear error, and the store as it was."""

import base64
import json
import os
import socket
from pathlib import Path

import h5py
import pytest
from helpers.shell import FASTA, Shell, write

from stargazer_cli.store import LocalStore, cid_of

ABSENT = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def cid(version: int, codec: int, hashed: bytes = b"\x12\x20", digest: bytes = bytes(32)) -> str:
    binary = bytes([version, codec]) + hashed + digest
    return "b" + base64.b32encode(binary).decode().lower().rstrip("=")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG", "is a CIDv0."),
        (cid(1, 0x71), "is a CID of something other than a file"),  # dag-cbor
        (cid(1, 0x70, b"\x13\x40", bytes(64)), "is a CID of a hash other than sha2-256"),
        (ABSENT[:-1], "is not a CID"),
        (ABSENT.upper(), "is not in lower-case base32"),
        (f"ipfs://{ABSENT}", "is not a CID"),
        (f"../objects/{ABSENT}", "is not a CID"),
        ("", "is not a CID"),
        ("b", "is not a CID"),
        ("\x1b[31m\n", "is not a CID"),
        ("ü" * 300, "is not a CID"),
    ],
)
def test_what_is_no_cid_of_ours(
    run: Shell, store: LocalStore, tmp_path: Path, text: str, problem: str
) -> None:
    assert problem in run.refuses("assets", "get", text, "-o", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_gateway_is_one_error(
    run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setenv("PINATA_GATEWAY", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setattr("stargazer_cli.store.remote.http.time.sleep", lambda _: None)
        result = run("assets", "get", ABSENT, "-o", tmp_path / "out")
    assert result.code == 1
    assert [line.split(":")[0] for line in result.err.splitlines()] == ["Error", "Hint"]
    assert ABSENT in result.err
    assert list(tmp_path.iterdir()) == []


def test_no_name_of_a_file_leads_out_of_the_store(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("a...txt", "a\nb.txt", "quo'te\".txt", "$(touch x).txt", "-o.txt", "~.txt", "x" * 255):
        write(folder / name, name)
    os.close(os.open(os.fsencode(folder) + b"/\xff\xfe.txt", os.O_CREAT | os.O_WRONLY))
    assert run("assets", "add", folder).code == 0
    outside = {path for path in tmp_path.rglob("*") if store.root not in (path, *path.parents)}
    for asset in store.find():
        staged = store.stage(asset.cid, asset.name)
        assert staged.parent == store.root / "stage" / asset.cid
        assert cid_of(staged) == asset.cid
        assert run("assets", "get", asset.cid, "-o", out, "--with-companions").code == 0
    new = {path for path in tmp_path.rglob("*") if store.root not in (path, *path.parents)} - outside
    assert {path.parent for path in new - {out}} == {out}
    assert len(new - {out}) == 8


def test_what_comes_after_two_dashes_is_a_file(
    run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "--json", "x")
    assert run("assets", "add", "--", "--json").out.splitlines()[1].split()[3] == "--json"


def test_an_error_about_a_strange_name_cannot_disturb_the_terminal(run: Shell, tmp_path: Path) -> None:
    result = run("assets", "add", write(tmp_path / "a\x1b[31m.bam", "x"))
    assert result.code == 2
    assert r"a\x1b[31m.bam is not compressed" in result.err
    assert "\x1b" not in result.err


def test_what_is_no_file(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.fa")
    assert "pipe.fa is not a regular file" in run.refuses("assets", "add", tmp_path / "pipe.fa")
    assert "is not a regular file" in run.refuses("assets", "add", "/dev/null")
    assert store.find() == []


def test_a_link_out_of_a_folder_brings_the_bytes_it_leads_to(run: Shell, tmp_path: Path) -> None:
    secret = write(tmp_path / "elsewhere/r.fa", FASTA)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link.fa").symlink_to(secret)
    [added] = run("assets", "add", tmp_path / "in", "--json").json
    assert (added["name"], added["cid"]) == ("link.fa", cid_of(secret))
    stored = Path(added["path"])
    assert not stored.is_symlink()
    secret.write_text(FASTA + "edited")
    assert stored.read_text() == FASTA


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        ("n_obs=many", "n_obs of asset=anndata must be a whole number, not 'many'"),
        ("n_obs=1.5", "must be a whole number"),
        ("stage=rwa", "must be one of raw, qc_filtered"),
        ("sample_id=../x", "sample id"),
        ("sample_id=a\nb", "sample id"),
        ("organism=\udcff", "is not text in UTF-8"),
        ("colour=blue", "asset=anndata has no key 'colour'"),
        ("cid=x", "is kept by the store"),
        ("=x", "is not KEY=VALUE"),
    ],
)
def test_keys_and_values_of_the_wrong_type(run: Shell, tmp_path: Path, pair: str, problem: str) -> None:
    h5py.File(tmp_path / "x.h5ad", "w").close()
    assert problem in run.refuses("assets", "add", tmp_path / "x.h5ad", "-k", pair)


def test_duplicates_marked_is_found_however_it_is_written(run: Shell, tmp_path: Path) -> None:
    path = write(tmp_path / "x.cram", b"CRAM\x03")
    run("assets", "add", path, "-k", "duplicates_marked=True")
    for text in ("true", "True", "TRUE"):
        assert len(run("assets", "query", f"duplicates_marked={text}", "--json").json) == 1, text
    assert run("assets", "query", "duplicates_marked=false", "--json").json == []


def test_the_same_name_with_other_bytes_is_another_asset(run: Shell, tmp_path: Path) -> None:
    one = write(tmp_path / "1/r.fa", FASTA)
    two = write(tmp_path / "2/r.fa", FASTA + "ACGT\n")
    cids = [run("assets", "add", path, "-k", "build=b", "--json").json[0]["cid"] for path in (one, two)]
    assert cids == [cid_of(one), cid_of(two)]
    for number, each in enumerate(cids):
        run("assets", "get", each, "-o", tmp_path / f"out{number}")
    assert (tmp_path / "out0").read_text() == FASTA
    assert (tmp_path / "out1").read_text() == FASTA + "ACGT\n"


def test_a_key_may_be_called_as_python_calls_things_and_no_record_breaks_the_store(
    run: Shell, store: LocalStore, tmp_path: Path
) -> None:
    file = write(tmp_path / "x.txt", "x")
    run("assets", "add", file, "-k", "self=me", "-k", "cls=it")
    assert [each["keyvalues"] for each in run("assets", "query", "self=me", "--json").json] == [
        {"self": "me", "cls": "it"}
    ]
    assert "'keyvalues' is kept by the store" in run.refuses("assets", "add", file, "-k", "keyvalues=abc")
    record = {"cid": store.find()[0].cid, "keyvalues": {"asset": "reference", "build": "b", "self": "x"}}
    lines = "\n".join(map(json.dumps, [{"stargazer": 1}, record, {"records": 1}]))
    assert "has no key 'self'" in run.refuses("assets", "import", write(tmp_path / "r.jsonl", lines))
    assert len(store.find()) == 1

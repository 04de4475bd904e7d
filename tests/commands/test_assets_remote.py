"""`stargazer assets push`, `pull` and `query --remote`, against Pinata on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.pinata import TOKEN, Fault, Pinata
from helpers.shell import FASTA, Shell, fastq, write

from stargazer_cli.store import LocalStore, cid_of
from stargazer_cli.store.remote import http

ABSENT = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pinata]:
    """The server, with the settings that lead to it; no wait between attempts takes time."""
    server = Pinata()
    monkeypatch.setenv("PINATA_JWT", TOKEN)
    monkeypatch.setenv("PINATA_API", server.url("api"))
    monkeypatch.setenv("PINATA_UPLOADS", server.url("uploads"))
    monkeypatch.setenv("PINATA_GATEWAY", "")
    monkeypatch.setattr(http.time, "sleep", lambda _: None)
    yield server
    server.close()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The folder of another machine's store."""
    return tmp_path / "elsewhere"


@pytest.fixture
def reference(run: Shell, tmp_path: Path) -> tuple[str, str]:
    """A reference and its index; gives both CIDs."""
    files = write(tmp_path / "r.fa", FASTA), write(tmp_path / "r.fa.fai", "chr1\t8\t11\t8\t9\n")
    reference, index = run("assets", "add", *files, "-k", "build=b", "--json").json
    return reference["cid"], index["cid"]


def test_what_is_pushed_is_found_and_pulled_elsewhere(
    run: Shell,
    server: Pinata,
    reference: tuple[str, str],
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, index = reference
    result = run("assets", "push", index, "--with-lineage")
    assert result.code == 0, result.err
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["status", "network", "name", "cid"]
    assert sorted(row[:3] for row in rows[1:]) == [
        ["pushed", "private", "r.fa"],
        ["pushed", "private", "r.fa.fai"],
    ]
    before = run("assets", "query", "--json").json

    monkeypatch.setenv("STARGAZER_LOCAL", str(elsewhere))
    assert run("assets", "query", "--json").json == []
    found = run("assets", "query", "asset=reference", "--remote", "--json").json
    assert [(asset["name"], asset["path"]) for asset in found] == [("r.fa", None)]
    pulled = run("assets", "pull", index, "--with-lineage", "--json")
    assert pulled.code == 0, pulled.err
    assert {each["name"]: each["status"] for each in pulled.json} == {"r.fa": "pulled", "r.fa.fai": "pulled"}
    after = run("assets", "query", "--json").json
    for asset in (*before, *after):
        asset.pop("path")
    assert sorted(after, key=str) == sorted(before, key=str)
    assert run("assets", "verify").code == 0


def test_again_it_is_not_needed(run: Shell, server: Pinata, reference: tuple[str, str]) -> None:
    cid, _ = reference
    assert [each["status"] for each in run("assets", "push", cid, "--json").json] == ["pushed"]
    assert run("assets", "push", cid).out.splitlines()[1].startswith("not needed  private  r.fa")
    run("assets", "update", cid, "build=GRCh38")
    assert run("assets", "push", cid).out.splitlines()[1].startswith("records pushed")
    assert run("assets", "pull", cid).out.splitlines()[1].startswith("not needed")


def test_nothing_is_public_unless_it_is_said(
    run: Shell, server: Pinata, reference: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cid, index = reference
    run("assets", "push", cid)
    assert {file.network for file in server.files.values()} == {"private"}
    run("assets", "push", index, "--public")
    assert {file.network for file in server.files.values() if file.cid == index} == {"public"}


def test_a_record_is_pushed_by_its_id(run: Shell, server: Pinata, tmp_path: Path) -> None:
    path = write(tmp_path / "x.fq", fastq())
    [added] = run("assets", "add", path, "-k", "sample_id=a", "--json").json
    assert run("assets", "push", added["id"], "--json").json[0]["cid"] == cid_of(path)


def test_what_is_deleted_there_stays_here(run: Shell, server: Pinata, reference: tuple[str, str]) -> None:
    cid, index = reference
    run("assets", "push", cid, index)
    assert "Nobody is here to answer" in run.refuses("assets", "delete", cid, "--remote")
    assert "Deleted at Pinata: r.fa, " in run("assets", "delete", cid, "--remote", "--yes").err
    assert cid not in {file.cid for file in server.files.values()}
    assert index in {file.cid for file in server.files.values()}
    assert len(run("assets", "query", "--json").json) == 2
    assert run("assets", "delete", cid, "--remote", "--yes").err == "Pinata has no file of this CID.\n"
    assert run("assets", "delete", cid, "--remote", "--yes", "--json").json == []
    assert "is not a CID" in run.refuses("assets", "delete", "nonsense", "--remote", "--yes")


def test_a_failed_pull_records_nothing(
    run: Shell,
    server: Pinata,
    reference: tuple[str, str],
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cid, _ = reference
    run("assets", "push", cid)
    monkeypatch.setenv("STARGAZER_LOCAL", str(elsewhere))
    server.faults.append(Fault("GET", f"/files/{cid}", times=99, host="gateway", wrong=True))
    result = run("assets", "pull", cid)
    assert result.code == 1
    assert "CID" in result.err
    assert run("assets", "query", "--json").json == []


def test_without_a_token_it_is_one_error(
    run: Shell, reference: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PINATA_JWT", raising=False)
    for args in (("push", reference[0]), ("query", "--remote")):
        result = run("assets", *args)
        assert result.code == 2, result
        assert "PINATA_JWT" in result.err


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("push", ABSENT), "No asset has the CID or id"),
        (("push", "nonsense"), "No asset has the CID or id"),
        (("pull", "nonsense"), "is not a CID"),
        (("pull", ABSENT), "Neither Pinata nor this store has a record"),
    ],
)
def test_what_is_nowhere(run: Shell, server: Pinata, args: tuple[str, ...], problem: str) -> None:
    assert problem in run.refuses("assets", *args)


def test_the_token_is_shown_nowhere(
    run: Shell, store: LocalStore, server: Pinata, reference: tuple[str, str]
) -> None:
    cid, _ = reference
    results = [
        run("assets", "push", cid),
        run("assets", "pull", cid),
        run("assets", "query", "--remote"),
        run("config", "--json"),
    ]
    server.faults.append(Fault("GET", "/v3/files", times=99, status=500))
    results += [run("assets", "push", cid), run("assets", "query", "--remote")]
    assert [result.code for result in results] == [0, 0, 0, 0, 1, 1]
    assert not [result for result in results if TOKEN in result.out + result.err]
    for path in store.root.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()

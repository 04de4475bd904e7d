"""How an error reaches the user: one line for each thing that is said, whatever names are in it."""

import json
from pathlib import Path

import pytest
from helpers.shell import FASTA, Shell, write

from stargazer_cli.assets import Alignment, Reference
from stargazer_cli.store import LocalStore, NewFile

FORGED = "nl\nError: fake\x1b[2K"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name would make a line of its own."""
    made = tmp_path / FORGED
    made.mkdir()
    return made


@pytest.mark.parametrize(
    "arguments",
    [
        ("assets", "add", "{}"),
        ("assets", "add", "{}/missing.fa"),
        ("assets", "export", "{}"),
        ("assets", "export", "{}/none/records.jsonl"),
        ("assets", "import", "{}"),
        ("assets", "import", "{}/missing.jsonl"),
        ("assets", "import", "-", "--with-files", "{}/none"),
        ("assets", "get", "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "-o", "{}"),
    ],
)
def test_a_name_makes_no_line_of_its_own(
    run: Shell, folder: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINATA_GATEWAY", "")
    result = run(*(argument.format(folder) for argument in arguments))
    assert result.code in (1, 2)
    assert [line.split(":")[0] for line in result.err.splitlines()] in (["Error"], ["Error", "Hint"])
    assert "\x1b" not in result.err


def test_what_is_listed_follows_in_lines_of_its_own(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    reference = store.add([NewFile(write(tmp_path / "r.fa", FASTA), Reference(build="b"))])[0].asset
    for number, name in enumerate((f"{FORGED}.bam", "plain.bam")):
        asset = Alignment(sample_id=f"s{number}", reference_cid=reference.cid)
        store.add([NewFile(write(tmp_path / name, name), asset)])
    error, *listed, hint = run("assets", "delete", reference.cid, "--yes").err.splitlines()
    assert error == "Error: r.fa is what 2 other assets link to:"
    assert [line.partition(" (")[0] for line in listed] == [
        "  alignment nl\\nError: fake\\x1b[2K.bam",
        "  alignment plain.bam",
    ]
    assert hint.startswith("Hint:  Delete those first")


def test_candidates_are_listed_with_their_keys(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    path = write(tmp_path / "x.fa", FASTA)
    for build in ("one", FORGED):
        store.add([NewFile(path, Reference(build=build))])
    [asset, *_] = store.find()
    error, *listed, _ = run("assets", "delete", asset.cid).err.splitlines()
    assert error == f"Error: {asset.cid} has 2 records:"
    assert listed == [
        f"  {each.id}  asset=reference build={build}"
        for each, build in zip(store.find(), ("one", "nl\\nError: fake\\x1b[2K"), strict=True)
    ]


def test_a_word_too_many_makes_no_line_of_its_own(run: Shell) -> None:
    *_, error = run("assets", "lineage", "cid", FORGED).err.splitlines()
    assert error == "Error: Got unexpected extra argument (nl\\nError: fake\\x1b[2K)"


def test_a_missing_metadata_file_may_be_a_server_that_was_not_named(
    run: Shell, store: LocalStore, tmp_path: Path
) -> None:
    store.add([NewFile(write(tmp_path / "x.fa", FASTA), Reference(build="b"))])
    for path in store.root.glob("stargazer_local.json*"):
        path.unlink()
    error, hint = run("assets", "query").err.splitlines()
    assert "it is missing" in error
    assert "set STARGAZER_DB, if the records are on a server" in hint


def test_a_notice_is_one_line_too(run: Shell, store: LocalStore) -> None:
    store.root.mkdir()
    record = {"cid": f"local_{'0' * 32}", "keyvalues": {}, "rel_path": f"../{FORGED}"}
    tables = {"_default": {"1": record}}
    (store.root / "stargazer_local.json").write_text(json.dumps(tables))
    taken, left = [line for line in run("assets", "query").err.splitlines() if "taken over" in line.lower()]
    assert "0 records taken over" in taken
    assert "nl\\nError: fake\\x1b[2K is outside of the store" in left

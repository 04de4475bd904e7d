"""Paths that users give by mistake."""

from pathlib import Path

import pytest
from helpers.shell import FASTA, Shell, write

from stargazer_cli.store import LocalStore

ALL = [
    ("assets", "add", "{}"),
    ("assets", "get", "bafkreia", "-o", "{}"),
    ("assets", "export", "{}"),
    ("assets", "export", "x.jsonl", "--with-files", "{}"),
    ("assets", "import", "{}"),
    ("runs", "export", "run-1", "-o", "{}"),
]


@pytest.mark.parametrize("arguments", ALL)
def test_an_empty_path_is_not_the_current_folder(
    run: Shell, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    write(tmp_path / "here" / "x.fa", FASTA)
    monkeypatch.chdir(tmp_path / "here")
    assert "is empty" in run.refuses(*(each.format("") for each in arguments))
    assert store.find() == []


@pytest.mark.parametrize("arguments", [each for each in ALL if each[-2] in ("-o", "--with-files")])
def test_a_dash_is_no_file(
    run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "A file of that name is ./-" in run.refuses(*(each.format("-") for each in arguments))
    assert not Path("-").exists()


def test_a_file_may_still_be_called_so(run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("assets", "export", "./-").code == 0
    assert Path("-").read_text().startswith('{"stargazer"')


@pytest.mark.parametrize("place", ["objects/x", "stargazer_local.json"])
def test_nothing_is_written_over_the_stores_own_files(
    run: Shell, store: LocalStore, tmp_path: Path, place: str
) -> None:
    [asset] = run("assets", "add", write(tmp_path / "x.fa", FASTA), "--json").json
    before = (store.root / "stargazer_local.json").read_bytes()
    for command in (
        ("assets", "get", asset["cid"], "--force", "-o"),
        ("assets", "export", "--force"),
        ("assets", "export", tmp_path / "x.jsonl", "--with-files"),
        ("runs", "export", "run-1", "-o"),
    ):
        assert "is in the store's own folder" in run.refuses(*command, store.root / place)
    assert (store.root / "stargazer_local.json").read_bytes() == before
    assert not (tmp_path / "x.jsonl").exists()


def test_a_folder_that_is_gone(run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = run("assets", "query")
    assert result.code == 1
    assert result.err == (
        "Error: The current folder does not exist any more.\nHint:  Go to another one: cd ~\n"
    )

"""What a person who watches a terminal sees of long work."""

from pathlib import Path

import pytest
from helpers.shell import Shell, on_a_terminal, write

FILES = 40


@pytest.mark.usefixtures("store")
def test_files_that_are_looked_at_are_counted(run: Shell, tmp_path: Path) -> None:
    for number in range(FILES):
        write(tmp_path / "files" / f"{number}.txt", str(number))
    assert "looking" not in run("assets", "add", tmp_path / "files").err
    code, shown = on_a_terminal(b"", "assets", "add", str(tmp_path / "files"))
    assert code == 0
    assert "looking" in shown
    assert f"{FILES}/{FILES}" in shown


@pytest.mark.usefixtures("store")
def test_records_are_counted_on_their_way_out_and_in(
    run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(FILES):
        write(tmp_path / "files" / f"{number}.txt", str(number))
    run("assets", "add", tmp_path / "files")
    code, shown = on_a_terminal(b"", "assets", "export", str(tmp_path / "x.jsonl"))
    assert code == 0
    assert "writing" in shown
    assert f"{FILES}/{FILES}" in shown
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "other"))
    code, shown = on_a_terminal(b"", "assets", "import", str(tmp_path / "x.jsonl"))
    assert code == 0
    assert "entering" in shown
    assert f"{FILES}/{FILES}" in shown

"""The copies of the package's notebooks: made, brought up to date, never overwritten when edited."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stargazer_cli.commands.main import cli
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.notebooks import server, shelf

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "notebooks.md"
GERMLINE = shelf.NOTEBOOKS["germline"]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's notebooks, to be changed as a newer version would."""
    folder = tmp_path / "package"
    folder.mkdir()
    for each in shelf.NOTEBOOKS.values():
        (folder / each.original.name).write_bytes(each.original.read_bytes())
    monkeypatch.setattr(shelf, "_PAGES", folder)
    return folder


def test_a_copy_is_the_notebook_and_its_user_s_own(tmp_path: Path) -> None:
    original = GERMLINE.original.read_bytes()
    made = shelf.copy(GERMLINE, tmp_path / "mine")
    assert (made.status, made.path.read_bytes()) == ("made", original)
    made.path.write_text("# mine\n")
    assert GERMLINE.original.read_bytes() == original


def test_an_edited_copy_stays_as_it_is(tmp_path: Path, package: Path) -> None:
    copy = shelf.copy(GERMLINE, tmp_path).path
    copy.write_text("# mine\n")
    GERMLINE.original.write_text("# newer\n")
    assert shelf.state(GERMLINE, tmp_path) == "edited"
    assert shelf.copy(GERMLINE, tmp_path).status == "kept"
    assert copy.read_text() == "# mine\n"


def test_an_unedited_copy_follows_the_package(tmp_path: Path, package: Path) -> None:
    copy = shelf.copy(GERMLINE, tmp_path).path
    assert shelf.copy(GERMLINE, tmp_path).status == "unchanged"
    GERMLINE.original.write_text("# newer\n")
    assert shelf.state(GERMLINE, tmp_path) == "older"
    assert shelf.copy(GERMLINE, tmp_path).status == "updated"
    assert copy.read_text() == "# newer\n"


def test_a_copy_of_which_nothing_is_known_is_taken_for_edited(tmp_path: Path, package: Path) -> None:
    copy = shelf.copy(GERMLINE, tmp_path).path
    (tmp_path / ".copies.json").write_text("damaged {")
    GERMLINE.original.write_text("# newer\n")
    assert shelf.copy(GERMLINE, tmp_path).status == "kept"
    assert copy.read_bytes() != b"# newer\n"


def test_a_link_to_nothing_is_not_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.py"
    (tmp_path / "germline.py").symlink_to(elsewhere)
    assert shelf.copy(GERMLINE, tmp_path).status == "kept"
    assert not elsewhere.exists()


def test_a_fresh_copy_lies_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "germline.py").write_text("# mine\n")
    names = [shelf.fresh(GERMLINE, tmp_path).path.name for _ in range(2)]
    assert names == ["germline-2.py", "germline-3.py"]
    assert (tmp_path / "germline.py").read_text() == "# mine\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StargazerError, match="cannot be made") as error:
        shelf.copy(GERMLINE, tmp_path / "file")
    assert "--folder" in (error.value.hint or "")


def test_own_notebooks_are_found_by_name_in_the_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    (tmp_path.parent / "other.py").touch()
    assert shelf.find("mine", tmp_path) == shelf.find("mine.py", tmp_path) == tmp_path / "mine.py"
    assert shelf.find("scrna", tmp_path) == shelf.NOTEBOOKS["scrna"]
    for name in ("../other", "germlin"):
        with pytest.raises(UsageError, match="no notebook"):
            shelf.find(name, tmp_path)


def _answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli(["notebook", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_notebooks_are_listed_with_their_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _answer(capsys, "germline", "--copy", "--json", "--folder", str(tmp_path))
    assert (code, json.loads(out)) == (0, [{"path": str(tmp_path / "germline.py"), "status": "made"}])
    _, out, _ = _answer(capsys, "--list", "--json", "--folder", str(tmp_path))
    assert {each["name"]: each["state"] for each in json.loads(out)} == {
        "data": "none",
        "germline": "same",
        "scrna": "none",
        "provenance": "none",
    }


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--host", "0.0.0.0"], "this machine only"),
        (["--host", "192.0.2.7", "germline"], "this machine only"),
        (["germlin"], "Did you mean 'germline'?"),
        (["--fresh"], "--fresh needs"),
        (["--json"], "--json goes with"),
    ],
)
def test_wrong_usage_is_told_and_makes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.setattr(server, "serve", lambda *_, **__: pytest.fail("something is served"))
    code, _, err = _answer(capsys, *arguments, "--folder", str(tmp_path / "mine"))
    assert (code, problem in err) == (2, True), err
    assert not (tmp_path / "mine").exists()


def test_the_guide_shows_what_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    _, out, _ = _answer(capsys, "--list")
    assert f"$ stargazer notebook --list\n{out}```" in GUIDE.read_text(encoding="utf-8")


def test_the_notebooks_are_sound() -> None:
    """No cell defines what another does, none refers to itself, and so on."""
    pages = [str(each.original) for each in shelf.NOTEBOOKS.values()]
    checked = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", *pages],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", shelf.NOTEBOOKS)
def test_a_notebook_is_light_or_dark_as_the_system_is(name: str) -> None:
    """Marimo is light where neither the notebook nor its user says otherwise."""
    lines = shelf.NOTEBOOKS[name].original.read_text(encoding="utf-8").split("# ///\n")[0].splitlines()
    assert lines[0] == "# /// script"
    settings = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines[1:]))
    assert settings["tool"]["marimo"]["display"]["theme"] == "system"

"""Which files a client may read and write, links and changes in between included."""

import os
import socket
import sys
from pathlib import Path

import pytest

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.serving import access
from stargazer_cli.serving.access import Roots
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.intake import take_in


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "a.bed").write_text("chr1\t0\t1\n")
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


@pytest.fixture
def roots(root: Path) -> Roots:
    return Roots([root])


def read(roots: Roots, *paths: str | Path) -> list[str]:
    with roots.reading([Path(path) for path in paths]) as reading:
        return [path.read_text() for path in reading.paths]


def test_files_below_a_root_are_read_by_absolute_and_relative_paths(roots: Roots, root: Path) -> None:
    assert read(roots, root / "run" / "a.bed", "run/a.bed", "run/../run/a.bed") == ["chr1\t0\t1\n"] * 3
    with roots.reading([Path("run/a.bed")]) as reading:
        assert reading.paths[0].name == "a.bed"
    assert not reading.paths[0].exists()


def test_a_folder_is_read_as_it_was_when_it_was_opened(roots: Roots, root: Path, outside: Path) -> None:
    (root / "run" / "deep").mkdir()
    (root / "run" / "deep" / "b.bed").write_text("b")
    with roots.reading([Path("run")]) as reading:
        (root / "run" / "deep" / "b.bed").unlink()
        (root / "run" / "deep" / "b.bed").symlink_to(outside / "secret")
        folder = reading.paths[0]
        assert folder.name == "run"
        assert sorted(path.name for path in folder.rglob("*")) == ["a.bed", "b.bed", "deep"]
        assert (folder / "deep" / "b.bed").read_text() == "b"


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret",
        "run/../../outside/secret",
        "link",
        "folder/secret",
        "run/within",
        "/etc/passwd",
        "/proc/self/environ",
        "~/.bashrc",
        ".hidden",
        ".config/key",
        "pipe",
        "socket",
        "/dev/zero",
        "nothing",
        "ring",
        "a\0b",
        "x" * 5000,
        "run/a.bed/x",
        "\udc80",
    ],
)
def test_nothing_else_is_read(roots: Roots, root: Path, outside: Path, path: str) -> None:
    (root / "link").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    (root / "run" / "within").symlink_to("../../outside/secret")
    (root / ".hidden").write_text("secret")
    (root / ".config").mkdir()
    (root / ".config" / "key").write_text("secret")
    os.mkfifo(root / "pipe")
    (root / "ring").symlink_to("ring")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        with pytest.raises(UsageError, match=r"not for clients|cannot be used"):
            read(roots, path)


def test_a_link_to_what_is_below_a_root_is_followed(root: Path, outside: Path) -> None:
    (root / "link").symlink_to(outside / "secret")
    assert read(Roots([root, outside]), "link") == ["secret"]
    with Roots([root, outside]).reading([root]) as reading:
        assert (reading.paths[0] / "link").read_text() == "secret"
    with pytest.raises(UsageError, match="link is not for clients: it is outside"):
        read(Roots([root]), root)


def test_a_link_that_is_put_in_the_way_leads_nowhere(
    roots: Roots, root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a path and its opening somebody swaps a folder of it for a link."""
    (outside / "a.bed").write_text("secret")
    resolved = Roots._resolved

    def swap(self: Roots, path: Path, told: Path | None = None) -> Path:
        found = resolved(self, path, told)
        (root / "run").rename(root / "was")
        (root / "run").symlink_to(outside)
        return found

    monkeypatch.setattr(Roots, "_resolved", swap)
    with pytest.raises(UsageError, match=r"run/a\.bed cannot be used: (Not a directory|Too many levels)"):
        read(roots, "run/a.bed")
    (root / "run").unlink()
    (root / "was").rename(root / "run")
    with pytest.raises(UsageError, match="cannot be used"), roots.writing(root / "run" / "new"):
        pass
    assert not (outside / "new").exists()


def test_a_file_that_is_swapped_once_it_is_open_is_read_as_it_was(
    roots: Roots, root: Path, outside: Path
) -> None:
    with roots.reading([Path("run/a.bed")]) as reading:
        (root / "run" / "a.bed").unlink()
        (root / "run" / "a.bed").symlink_to(outside / "secret")
        assert reading.paths[0].read_text() == "chr1\t0\t1\n"


def test_what_is_read_can_be_taken_into_the_store_and_notes_name_it_as_the_client_did(
    roots: Roots, root: Path, store: LocalStore, tmp_path: Path
) -> None:
    (root / "run" / ".key").write_text("secret")
    (root / "run" / "more").symlink_to(root)
    os.mkfifo(root / "run" / "pipe")
    with roots.reading([root / "run"]) as reading:
        intake = take_in(reading.paths, {}, None, scratch=tmp_path)
        notes = (
            [reading.named(note) for note in intake.left_out] if hasattr(intake, "left_out") else intake.notes
        )
        added = store.add(intake.files)
    assert [(each.asset.name, each.asset.kind) for each in added] == [("a.bed", "intervals")]
    said = "\n".join(reading.named(note) for note in notes)
    assert f"{root}/run/.key: hidden, left out" in said
    assert f"{root}/run/more: a link to a folder" in said
    assert f"{root}/run/pipe: neither a file nor a folder" in said


def test_errors_name_a_file_as_the_client_did(roots: Roots, root: Path, tmp_path: Path) -> None:
    (root / "run" / "a.bam").write_text("no BAM")
    with (
        pytest.raises(StargazerError, match=r"run/a\.bam") as caught,
        roots.reading([Path("run/a.bam")]) as reading,
    ):
        take_in(reading.paths, {}, None, scratch=tmp_path)
    assert "/proc/" not in str(caught.value)
    assert "stargazer-" not in str(caught.value)


def test_a_file_is_written_below_a_root_alone(
    roots: Roots, root: Path, outside: Path, store: LocalStore, tmp_path: Path
) -> None:
    source = tmp_path / "a.bed"
    source.write_text("chr1\t0\t9\n")
    added = store.add(take_in([source], {}, None, scratch=tmp_path).files)[0].asset
    with roots.writing(Path("run/copy.bed")) as at:
        store.get(added.cid, at)
    assert (root / "run" / "copy.bed").read_text() == "chr1\t0\t9\n"
    with (
        pytest.raises(UsageError, match=r"run/copy\.bed exists already"),
        roots.writing(Path("run/copy.bed")) as at,
    ):
        store.get(added.cid, at)
    (root / "run" / "link").symlink_to(outside / "secret")
    with roots.writing(Path("run/link")) as at:
        store.get(added.cid, at, overwrite=True)
    assert (outside / "secret").read_text() == "secret"
    assert not (root / "run" / "link").is_symlink()


@pytest.mark.parametrize(
    "path",
    [
        *(
            "../x",
            "/etc/x",
            "folder/x",
            ".bashrc",
            ".ssh/x",
            "",
            ".",
            "..",
            "/",
            "nowhere/x",
            "run/..",
            "a\0b/x",
        ),
        *("a\0b", "a\nb", "txt.\u202eexe", "x" * 300, "stargazer.toml", "run/Nextflow.config"),
    ],
)
def test_nothing_is_written_elsewhere(roots: Roots, root: Path, outside: Path, path: str) -> None:
    (root / "folder").symlink_to(outside)
    (root / ".ssh").mkdir()
    with pytest.raises(UsageError), roots.writing(Path(path)) as at:
        at.write_text("x")
    assert [each.name for each in outside.iterdir()] == ["secret"]


def test_the_store_and_the_tools_are_not_for_clients(
    settings: Settings, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a"
    source.write_text("a")
    cid = store.add([NewFile(source, take_in([source], {}, None, scratch=tmp_path).files[0].asset)])[
        0
    ].asset.cid
    (tmp_path / "tools").mkdir()
    monkeypatch.setenv("STARGAZER_TOOLS", str(tmp_path / "tools"))
    monkeypatch.setenv("STARGAZER_ROOTS", f"{tmp_path}:{settings.local}")
    roots = Roots.of(Settings())
    assert read(roots, "a") == ["a"]
    for path in (settings.local / "objects" / cid, settings.local / "stargazer_local.json", settings.local):
        with pytest.raises(UsageError, match="not for clients"):
            read(roots, path)
    for path in (settings.local / "x", settings.local / "objects" / "x", tmp_path / "tools" / "java"):
        with pytest.raises(UsageError, match="not for clients"), roots.writing(path):
            pass


def test_what_is_run_is_read_and_not_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the store may be anybody's, and its name is chosen by who asks for it."""
    for name, folder in (("venv", root / "venv" / "lib"), ("notebooks", root / "notebooks")):
        folder.mkdir(parents=True)
        (folder / "a.py").write_text(name)
    monkeypatch.setattr(sys, "prefix", str(root / "venv"))
    monkeypatch.setenv("STARGAZER_NOTEBOOKS", str(root / "notebooks"))
    roots = Roots.of(Settings(), [root])
    assert read(roots, "venv/lib/a.py", "notebooks/a.py") == ["venv", "notebooks"]
    for path in ("venv/lib/a.py", "venv/sitecustomize.py", "notebooks/b.py"):
        with pytest.raises(UsageError, match="it is among programs"), roots.writing(Path(path)):
            pass
    with Roots.of(Settings(), [root / "venv" / "lib"]).writing(Path("b")) as at:  # chosen on purpose
        at.write_text("b")


def test_the_store_is_not_for_clients_by_another_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a disk that does not tell upper from lower case the test has what `stat` says of its folders."""
    (root / "store" / "objects").mkdir(parents=True)
    (root / "STORE" / "objects").mkdir(parents=True)
    (root / "STORE" / "objects" / "a").write_text("a")
    true = access._identity
    monkeypatch.setattr(
        access,
        "_identity",
        lambda path: (
            true(root / "store" / path.relative_to(root / "STORE"))
            if path.is_relative_to(root / "STORE")
            else true(path)
        ),
    )
    roots = Roots([root], own=[root / "store"], programs=[])
    for path in ("STORE", "STORE/objects", "STORE/objects/a"):
        with pytest.raises(UsageError, match="it is in a folder that is not for clients"):
            read(roots, path)
    with pytest.raises(UsageError, match="not for clients"), roots.writing(Path("STORE/objects/b")):
        pass
    programs = Roots([root], programs=[root / "store"])
    with pytest.raises(UsageError, match="it is among programs"), programs.writing(Path("STORE/objects/b")):
        pass


def test_a_folder_that_holds_the_store_is_not_read_with_it(root: Path) -> None:
    (root / "run" / "store").mkdir()
    (root / "run" / "store" / "a").write_text("a")
    with pytest.raises(UsageError, match=r"run/store is not for clients: .* not for clients"):
        read(Roots([root], own=[root / "run" / "store"]), "run")


def test_the_whole_disk_is_not_for_clients_because_a_program_started_the_server_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir("/")
    with pytest.raises(UsageError, match="the current one is the whole disk"):
        Roots.of(Settings())
    assert Roots.of(Settings(), [Path("/")]).folders == (Path("/"),)


def test_a_folder_is_one_where_clients_may_use_it(roots: Roots, root: Path, outside: Path) -> None:
    (root / "folder").symlink_to(outside)
    assert all(roots.has_folder(Path(path)) for path in (".", str(root), "run", "run/.."))
    assert not any(roots.has_folder(Path(path)) for path in ("folder", "..", "run/a.bed", "nothing", "a\0b"))


def test_many_files_may_be_open_and_a_folder_of_too_many_is_refused(
    roots: Roots, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1500):
        (root / "run" / f"{number}.bed").touch()
    with roots.reading([Path("run")]) as reading:
        assert len(list(reading.paths[0].iterdir())) == 1501
    monkeypatch.setattr("stargazer_cli.serving.access._MOST_FILES", 1000)
    with pytest.raises(UsageError, match="more than 1000 files"):
        read(roots, "run")


def test_roots_are_those_of_the_command_else_of_the_settings_else_the_current_folder(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(root)
    assert Roots.of(Settings()).folders == (root,)
    monkeypatch.setenv("STARGAZER_ROOTS", f"{outside}:{root}:{root}/run/..")
    assert Roots.of(Settings()).folders == (outside, root)
    assert Roots.of(Settings(), [tmp_path]).folders == (tmp_path,)
    monkeypatch.setenv("STARGAZER_ROOTS", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="nowhere, in which clients may use files, is not there"):
        Roots.of(Settings())

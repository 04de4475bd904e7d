"""`stargazer assets export` and `import`: a whole store leaves and comes back."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.shell import FASTA, Shell, fastq, write

from stargazer_cli.assets import Asset
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile, cid_of
from stargazer_cli.store.carry import bring_in, copy_out
from stargazer_cli.store.portable import export_records, import_records


@pytest.fixture
def full(run: Shell, store: LocalStore, tmp_path: Path) -> LocalStore:
    """A store with three files and four records."""
    reads = write(tmp_path / "in/x.fq", fastq())
    for sample in "ab":
        run("assets", "add", reads, "-k", f"sample_id={sample}")
    run("assets", "add", write(tmp_path / "in/r.fa", FASTA), "-k", "build=b")
    run("assets", "add", write(tmp_path / "in/n\n.txt", "x"), "-k", "note=a\nb")
    return store


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Second":
    return Second(monkeypatch, tmp_path / "second")


class Second:
    """Another store, which commands use once it is entered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self._monkeypatch = monkeypatch
        self.root = root

    def enter(self) -> LocalStore:
        self._monkeypatch.setenv("STARGAZER_LOCAL", str(self.root))
        self._monkeypatch.setenv("PINATA_GATEWAY", "")
        return LocalStore(Settings())


def said(store: LocalStore) -> list[dict[str, object]]:
    return [asset.to_dict() | {"path": None} for asset in store.find()]


def test_a_store_goes_elsewhere_with_its_files(
    run: Shell, full: LocalStore, second: Second, tmp_path: Path
) -> None:
    out, files = tmp_path / "records.jsonl", tmp_path / "files"
    result = run("assets", "export", out, "--with-files", files)
    assert result.code == 0
    assert result.err.splitlines() == [
        f"4 records written to {out}.",
        f"3 files copied, 59 bytes, to {files}; 0 there already.",
    ]
    assert {path.name for path in files.iterdir()} == {asset.cid for asset in full.find()}
    other = second.enter()
    result = run("assets", "import", out, "--with-files", files)
    assert (result.code, result.out) == (0, "")
    assert result.err.splitlines() == [
        "4 records added, 0 joined with an equal one, 0 there already.",
        f"3 files copied, 59 bytes, from {files}; 0 there already.",
    ]
    assert said(other) == said(full)
    assert run("assets", "verify").code == 0


def test_both_may_be_repeated(run: Shell, full: LocalStore, second: Second, tmp_path: Path) -> None:
    out, files = tmp_path / "records.jsonl", tmp_path / "files"
    run("assets", "export", out, "--with-files", files)
    again = run("assets", "export", out, "--with-files", files, "--force", "--json").json
    assert again["records"] == 4
    assert (again["files"]["files"], again["files"]["there"]) == (0, 3)
    other = second.enter()
    for _ in range(2):
        result = run("assets", "import", out, "--with-files", files, "--json").json
    assert (result["added"], result["merged"], result["unchanged"]) == (0, 0, 4)
    assert (result["files"]["files"], result["files"]["there"]) == (0, 3)
    assert said(other) == said(full)


def test_records_alone_take_their_bytes_later(
    run: Shell, full: LocalStore, second: Second, tmp_path: Path
) -> None:
    run("assets", "export", tmp_path / "records.jsonl")
    other = second.enter()
    assert run("assets", "import", tmp_path / "records.jsonl").code == 0
    assert [asset.path for asset in other.find()] == [None] * 4
    assert run("assets", "verify").code == 1
    run("assets", "add", tmp_path / "in/r.fa", "-k", "build=b")
    assert [asset.name for asset in other.find() if asset.path] == ["r.fa"]


def test_a_pipe_from_one_store_to_another(full: LocalStore, second: Second) -> None:
    code = [sys.executable, "-c", "from stargazer_cli.commands.main import cli; cli()", "assets"]
    exported = subprocess.run([*code, "export", "-"], capture_output=True, check=True)
    assert json.loads(exported.stdout.split(b"\n", 1)[0])["stargazer"] == 1
    assert exported.stderr == b"4 records written.\n"
    other = second.enter()
    subprocess.run([*code, "import", "-"], input=exported.stdout, capture_output=True, check=True)
    assert said(other) == said(full)


@pytest.mark.parametrize("what", ["other bytes", "a folder", "nothing"])
def test_bytes_that_are_not_what_their_name_says_are_not_taken(
    run: Shell, full: LocalStore, second: Second, tmp_path: Path, what: str
) -> None:
    out, files = tmp_path / "records.jsonl", tmp_path / "files"
    run("assets", "export", out, "--with-files", files)
    [reference] = full.find(asset="reference")
    bad = files / reference.cid
    bad.unlink()
    if what == "other bytes":
        bad.write_text("tampered")
    elif what == "a folder":
        bad.mkdir()
    other = second.enter()
    result = run("assets", "import", out, "--with-files", files)
    assert result.code == 1
    if what == "other bytes":
        assert f"The file {reference.cid} was not taken: " in result.err
    else:
        assert f"Neither {files} nor the store has 1 file of the records." in result.err
    assert other.object(reference.cid) is None
    assert sum(asset.path is not None for asset in other.find()) == 3  # the others came


def rot(path: Path) -> None:
    """Change a byte of a file as a bad disk does: size and times stay."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.write(b"!")
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_damaged_object_is_not_exported_and_stops_no_other(
    run: Shell, full: LocalStore, tmp_path: Path
) -> None:
    [reference] = full.find(asset="reference")
    assert reference.path
    rot(reference.path)
    files = tmp_path / "files"
    result = run("assets", "export", tmp_path / "records.jsonl", "--with-files", files)
    assert result.code == 1
    assert f"1 file could not be copied: The stored file {reference.path} is damaged" in result.err
    assert {path.name for path in files.iterdir()} == {asset.cid for asset in full.find()} - {reference.cid}
    result = run("assets", "export", tmp_path / "again.jsonl", "--with-files", files, "--json")
    assert (result.code, list(result.json["files"]["refused"])) == (1, [reference.cid])


def test_files_that_are_not_here_are_left_out_and_said(run: Shell, full: LocalStore, tmp_path: Path) -> None:
    [reference] = full.find(asset="reference")
    assert reference.path
    reference.path.unlink()
    result = run("assets", "export", tmp_path / "records.jsonl", "--with-files", tmp_path / "files")
    assert result.code == 1
    assert "2 files copied" in result.err
    assert "Error: This store lacks 1 file of its records." in result.err


def test_what_a_backup_lost_is_copied_again(run: Shell, full: LocalStore, tmp_path: Path) -> None:
    files = tmp_path / "files"
    run("assets", "export", tmp_path / "records.jsonl", "--with-files", files)
    [reference] = full.find(asset="reference")
    rot(files / reference.cid)
    result = run("assets", "export", tmp_path / "again.jsonl", "--with-files", files)
    assert result.code == 0
    assert "1 file copied, 20 bytes," in result.err
    assert cid_of(files / reference.cid) == reference.cid


def test_what_the_store_lost_and_the_backup_has_is_there(
    run: Shell, full: LocalStore, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    run("assets", "export", tmp_path / "records.jsonl", "--with-files", files)
    [reference] = full.find(asset="reference")
    assert reference.path
    reference.path.unlink()
    assert run("assets", "export", tmp_path / "again.jsonl", "--with-files", files).code == 0


def test_what_is_damaged_and_not_in_the_folder_is_said(run: Shell, full: LocalStore, tmp_path: Path) -> None:
    records, files = tmp_path / "records.jsonl", tmp_path / "files"
    run("assets", "export", records, "--with-files", files)
    [reference] = full.find(asset="reference")
    assert reference.path
    (files / reference.cid).unlink()
    reference.path.chmod(0o644)
    reference.path.write_text("tampered")
    result = run("assets", "import", records, "--with-files", files)
    assert result.code == 1
    assert f"The stored file {reference.path} is damaged" in result.err


def test_an_import_mends_what_is_damaged(run: Shell, full: LocalStore, tmp_path: Path) -> None:
    records, files = tmp_path / "records.jsonl", tmp_path / "files"
    run("assets", "export", records, "--with-files", files)
    [reference] = full.find(asset="reference")
    assert reference.path
    rot(reference.path)
    result = run("assets", "import", records, "--with-files", files)
    assert result.code == 0
    assert "1 file copied, 20 bytes," in result.err
    assert reference.path.read_text() == FASTA
    assert run("assets", "verify").code == 0
    assert len(list(full.objects.damaged.iterdir())) == 1


def test_a_cid_of_another_layout_travels_with_the_cid_of_its_bytes(
    run: Shell, store: LocalStore, second: "Second", tmp_path: Path
) -> None:
    content = write(tmp_path / "x", "x" * 300_000)
    foreign = "bafybeidf7ins7dbwk2zrpiv7k3tzp65itaxindoduggdnvrtad2es6lj5y"  # chunks of another size
    with store.objects.workspace() as workspace, store.metadata.locked():
        write(workspace / "0", content.read_bytes())
        entered = store.objects.arrived(foreign, cid_of(content), workspace / "0")
        store.objects.place([entered], [])
    store.add([NewFile(store.objects.folder / foreign, Asset(name="x"))])
    records, files = tmp_path / "records.jsonl", tmp_path / "files"
    for there in (0, 1):
        result = run("assets", "export", records, "--with-files", files, "--force")
        assert (result.code, f"; {there} there already" in result.err) == (0, True)
    second.enter()
    result = run("assets", "import", records, "--with-files", files)
    assert result.code == 0
    assert "1 file with a CID of another layout" in result.err
    assert run("assets", "verify").code == 0
    rot(files / foreign)
    (second.root / "objects" / foreign).unlink()
    assert run("assets", "import", records, "--with-files", files).code == 1
    assert not (second.root / "objects" / foreign).exists()


def test_progress_is_that_of_all_files(full: LocalStore, second: Second, tmp_path: Path) -> None:
    big = write(tmp_path / "big.txt", bytes(20_000_000))  # is told of several times
    full.add([NewFile(big, Asset())])
    export, out, back = io.BytesIO(), Watch(), Watch()
    export_records(full, export)
    copy_out(full, tmp_path / "files", progress=out)
    other = second.enter()
    export.seek(0)
    import_records(other, export)
    bring_in(other, tmp_path / "files", progress=back)
    for watch in (out, back):
        assert watch.done == sorted(watch.done)
        assert (watch.done[-1], watch.total) == (20_000_059, 20_000_059)


class Watch:
    """Notes what it is told of the progress."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.total: int | None = None

    def __call__(self, done: int, total: int | None) -> None:
        self.done.append(done)
        self.total = total


class TestWrongUse:
    def test_an_export_replaces_nothing_unless_it_is_said(
        self, run: Shell, full: LocalStore, tmp_path: Path
    ) -> None:
        place = write(tmp_path / "precious", "precious")
        assert "precious exists already" in run.refuses("assets", "export", place)
        assert place.read_text() == "precious"
        assert run("assets", "export", place, "--force").code == 0
        assert place.read_text().startswith('{"stargazer":1')
        assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []

    def test_an_export_that_fails_leaves_nothing(self, run: Shell, full: LocalStore, tmp_path: Path) -> None:
        result = run("assets", "export", tmp_path / "none" / "records.jsonl")
        assert result.code == 1
        assert "records.jsonl cannot be written: No such file or directory." in result.err
        assert not (tmp_path / "none").exists()

    def test_what_prints_twice_is_refused(self, run: Shell) -> None:
        assert "--json and -" in run.refuses("assets", "export", "-", "--json")

    def test_a_file_in_the_place_of_the_folder(self, run: Shell, full: LocalStore, tmp_path: Path) -> None:
        place = write(tmp_path / "place", "precious")
        result = run("assets", "export", tmp_path / "records.jsonl", "--with-files", place)
        assert (result.code, place.read_text()) == (2, "precious")
        assert "is not a folder" in result.err

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("", "Line 1 is not the header of an export"),
            ('{"assets": {}}', "Line 1 is not the header of an export"),
            ('{"stargazer": 1}\nnonsense\n', "Line 2 is not JSON"),
            ('{"stargazer": 1}\n{"cid": "x"}\n', "Line 2 is not a record"),
            ('{"stargazer": 1}\n', "without its last line: it was cut off"),
            ('{"stargazer": 1}\n{"records": 2}\n', "says that there are 2 records, and 0 came"),
        ],
    )
    def test_what_is_no_export_enters_nothing(
        self, run: Shell, store: LocalStore, tmp_path: Path, content: str, problem: str
    ) -> None:
        assert problem in run.refuses("assets", "import", write(tmp_path / "x.jsonl", content))
        assert store.find() == []

    def test_an_export_that_was_cut_off_enters_nothing(
        self, run: Shell, full: LocalStore, second: Second, tmp_path: Path
    ) -> None:
        out = tmp_path / "records.jsonl"
        run("assets", "export", out)
        other = second.enter()
        content = out.read_bytes()
        for end in range(0, len(content) - 2, 97):
            out.write_bytes(content[:end])
            assert run("assets", "import", out).code == 2
        assert other.find() == []

    @pytest.mark.parametrize("what", ["absent", "folder"])
    def test_an_import_from_no_file(self, run: Shell, tmp_path: Path, what: str) -> None:
        (tmp_path / "folder").mkdir()
        assert f"{what} cannot be read: " in run.refuses("assets", "import", tmp_path / what)

    def test_an_import_with_a_folder_that_is_not_there_enters_nothing(
        self, run: Shell, full: LocalStore, second: Second, tmp_path: Path
    ) -> None:
        run("assets", "export", tmp_path / "records.jsonl")
        other = second.enter()
        absent = os.fspath(tmp_path / "absent")
        error = run.refuses("assets", "import", tmp_path / "records.jsonl", "--with-files", absent)
        assert f"There is no folder {absent}" in error
        assert other.find() == []

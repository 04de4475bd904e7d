"""`stargazer assets lineage`, `verify` and `gc`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.shell import FASTA, Shell, on_a_terminal, write

from stargazer_cli.assets import Asset
from stargazer_cli.store import LocalStore, NewFile, cid_of


@pytest.fixture
def family(store: LocalStore, tmp_path: Path) -> dict[str, str]:
    """Reads, a reference with an index, and an alignment of both; CIDs by name."""
    paths = {name: write(tmp_path / name, name) for name in ("x.fq", "r.fa", "r.fa.fai", "x.bam")}
    files = [
        NewFile(paths["x.fq"], Asset(asset="r1", sample_id="x")),
        NewFile(paths["r.fa"], Asset(asset="reference", build="b")),
        NewFile(paths["r.fa.fai"], Asset(asset="reference_index"), links={"reference_cid": paths["r.fa"]}),
        NewFile(
            paths["x.bam"],
            Asset(asset="alignment", sample_id="x"),
            links={"reference_cid": paths["r.fa"], "r1_cid": paths["x.fq"]},
            made_from=(paths["r.fa"], paths["x.fq"]),
        ),
    ]
    store.add(files)
    return {name: cid_of(path) for name, path in paths.items()}


class TestLineage:
    def test_a_tree_for_a_person(self, run: Shell, family: dict[str, str]) -> None:
        lines = run("assets", "lineage", family["x.bam"]).out.splitlines()
        assert lines[0] == f"alignment x.bam  {family['x.bam']}"
        assert {line[3:].split("  ")[0] for line in lines[2:]} == {"reference r.fa", "r1 x.fq"}

    @pytest.mark.parametrize(
        ("options", "names"),
        [
            ((), {"r.fa", "r.fa.fai", "x.bam"}),
            (("--up", "--down"), {"r.fa", "r.fa.fai", "x.bam"}),
            (("--up",), {"r.fa"}),
            (("--down",), {"r.fa", "r.fa.fai", "x.bam"}),
        ],
    )
    def test_directions(
        self, run: Shell, family: dict[str, str], options: tuple[str, ...], names: set[str]
    ) -> None:
        graph = run("assets", "lineage", family["r.fa"], "--json", *options).json
        assert {asset["name"] for node in graph["nodes"] for asset in node["assets"]} == names

    def test_forms(self, run: Shell, family: dict[str, str]) -> None:
        cid = family["x.bam"]
        graph = run("assets", "lineage", cid, "--json").json
        assert run("assets", "lineage", cid, "--format", "json").json == graph
        assert {"child": cid, "parent": family["x.fq"], "relation": "r1_cid"} in graph["edges"]
        assert run("assets", "lineage", cid, "--format", "mermaid").out.startswith("flowchart LR\n")
        dot = run("assets", "lineage", cid, "--format", "dot").out
        assert dot.startswith("digraph lineage {\n")
        assert f'"{family["r.fa"]}" -> "{cid}"' in dot

    def test_names_cannot_disturb_the_terminal(self, run: Shell, tmp_path: Path) -> None:
        [added] = run("assets", "add", write(tmp_path / "e\x1b[31mvil.txt", "x"), "--json").json
        for form in ("tree", "mermaid", "dot"):
            assert "\x1b" not in run("assets", "lineage", added["cid"], "--format", form).out

    def test_wrong_use(self, run: Shell, family: dict[str, str]) -> None:
        error = run.refuses("assets", "lineage", family["r.fa"], "--json", "--format", "dot")
        assert "contradict" in error
        assert "No asset has the CID" in run.refuses("assets", "lineage", "nonsense")


def spoil(path: Path) -> None:
    """Change a stored file behind the store's back."""
    path.chmod(0o644)
    path.write_bytes(b"x" + path.read_bytes()[1:])


def as_an_owner(*args: str) -> subprocess.CompletedProcess[str]:
    """Run a command for which the rights of files count, which they do not for root."""
    command = [sys.executable, "-c", "from stargazer_cli.commands.main import cli; cli()", *args]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestVerify:
    @pytest.fixture(autouse=True)
    def _no_remote(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PINATA_GATEWAY", "")

    def test_a_sound_store(self, run: Shell, family: dict[str, str]) -> None:
        result = run("assets", "verify")
        assert (result.code, result.out) == (0, "")
        assert result.err == "4 files, 21 bytes: sound.\n"

    def test_an_empty_store(self, run: Shell, store: LocalStore) -> None:
        assert run("assets", "verify").err == "0 files, 0 bytes: sound.\n"
        assert not store.root.exists()

    def test_all_that_is_wrong_is_shown(
        self, run: Shell, store: LocalStore, family: dict[str, str], tmp_path: Path
    ) -> None:
        spoil(store.objects.folder / family["r.fa"])
        (store.objects.folder / family["x.fq"]).unlink()
        orphan = write(tmp_path / "orphan", "nobody's")
        orphan.rename(store.objects.folder / cid_of(orphan))
        result = run("assets", "verify")
        assert result.code == 1
        rows = [line.split() for line in result.out.splitlines()]
        assert rows[0] == ["problem", "name", "cid"]
        assert ["missing", "x.fq", family["x.fq"]] in rows
        assert ["damaged", "r.fa", family["r.fa"]] in rows
        assert any(row[0] == "orphaned" and row[3:] == ["8", "bytes"] for row in rows)
        assert "Error: 2 of the store's files are missing or damaged." in result.err
        assert "gc" in result.err
        assert (store.objects.folder / family["r.fa"]).exists()  # only --repair moves it

    def test_the_report_as_json(self, run: Shell, store: LocalStore, family: dict[str, str]) -> None:
        spoil(store.objects.folder / family["r.fa"])
        result = run("assets", "verify", "--json")
        assert result.code == 1
        [damaged] = result.json["damaged"]
        assert (damaged["cid"], damaged["names"]) == (family["r.fa"], ["r.fa"])
        assert damaged["found"].startswith("bafkrei")
        assert damaged["moved_to"] is None
        assert result.json["sound"] is False

    def test_a_file_that_may_not_be_read_is_told_and_stops_no_other(
        self, store: LocalStore, family: dict[str, str]
    ) -> None:
        closed = store.objects.folder / family["r.fa"]
        closed.chmod(0)
        (store.objects.folder / family["x.fq"]).unlink()
        for options in ([], ["--repair"]):
            done = as_an_owner("assets", "verify", *options)
            assert done.returncode == 1
            rows = [line.split()[:3] for line in done.stdout.splitlines()]
            assert ["unreadable", "r.fa", family["r.fa"]] in rows
            assert ["missing", "x.fq", family["x.fq"]] in rows
            assert f"The file {closed} cannot be read: Permission denied." in done.stderr
            assert "Error: 2 of the store's files are missing, damaged or not ours to read." in done.stderr
            assert closed.exists()
        report = json.loads(as_an_owner("assets", "verify", "--json").stdout)
        assert [each["names"] for each in report["unreadable"]] == [["r.fa"]]

    def test_repair_moves_aside_and_says_why_nothing_came(
        self, run: Shell, store: LocalStore, family: dict[str, str]
    ) -> None:
        path = store.objects.folder / family["r.fa"]
        spoil(path)
        result = run("assets", "verify", "--repair", "--json")
        assert result.code == 1
        moved = Path(result.json["damaged"][0]["moved_to"])
        assert moved.read_bytes()[1:] == b".fa"
        assert not path.exists()
        assert "public downloads are off" in result.json["not_repaired"][family["r.fa"]]
        assert "Add them again under the same keys" in result.err

    def test_what_repair_did_is_shown(self, run: Shell, store: LocalStore, family: dict[str, str]) -> None:
        spoil(store.objects.folder / family["r.fa"])
        result = run("assets", "verify", "--repair")
        row = result.out.splitlines()[1].split()
        assert row == ["damaged", "r.fa", family["r.fa"], "moved", "aside,", "not", "fetched"]
        [moved] = store.objects.damaged.iterdir()
        assert f"What was damaged is now {moved}\n" in result.err
        assert "public downloads are off" in result.err

    def test_what_is_added_again_is_whole_again(self, run: Shell, store: LocalStore, tmp_path: Path) -> None:
        path = write(tmp_path / "r.fa", FASTA)
        [added] = run("assets", "add", path, "-k", "build=b", "--json").json
        spoil(store.objects.folder / added["cid"])
        run("assets", "verify", "--repair")
        assert run("assets", "add", path, "-k", "build=b", "--json").json[0]["status"] == "added"
        assert run("assets", "verify").code == 0


class TestMetadata:
    """The metadata file after something else wrote into it."""

    @pytest.fixture
    def edited(self, run: Shell, store: LocalStore, tmp_path: Path) -> Path:
        run("assets", "add", write(tmp_path / "r.fa", FASTA), "-k", "build=before")
        path = store.root / "stargazer_local.json"
        path.write_text(path.read_text().replace("before", "after!"))
        return path

    def builds(self, run: Shell) -> list[str]:
        return [asset["keyvalues"]["build"] for asset in run("assets", "query", "--json").json]

    def is_kept_aside(self, path: Path, text: str) -> bool:
        beside = set(path.parent.glob(f"{path.name}.*")) - {path.with_name(f"{path.name}.last")}
        return any(text in other.read_text() for other in beside)

    def test_an_edit_is_neither_taken_nor_dropped(self, run: Shell, edited: Path) -> None:
        content = edited.read_bytes()
        result = run("assets", "query")
        assert result.code == 1
        assert "differs from the last good state in 1 record." in result.err
        assert "--accept-metadata" in result.err
        assert "--restore-metadata" in result.err
        assert edited.read_bytes() == content

    def test_the_edit_is_taken_where_it_is_wanted(self, run: Shell, edited: Path) -> None:
        result = run("assets", "verify", "--accept-metadata")
        assert result.code == 0
        assert "1 file, 20 bytes: sound." in result.err
        assert self.builds(run) == ["after!"]
        assert self.is_kept_aside(edited, "before")

    def test_the_last_good_state_comes_back_where_it_is_wanted(self, run: Shell, edited: Path) -> None:
        assert run("assets", "verify", "--restore-metadata").code == 0
        assert self.builds(run) == ["before"]
        assert self.is_kept_aside(edited, "after!")

    def test_both_at_once_are_refused(self, run: Shell, edited: Path) -> None:
        content = edited.read_bytes()
        assert "contradict" in run.refuses("assets", "verify", "--accept-metadata", "--restore-metadata")
        assert edited.read_bytes() == content

    @pytest.mark.parametrize("option", ["--accept-metadata", "--restore-metadata"])
    def test_a_server_has_no_such_file(
        self, run: Shell, monkeypatch: pytest.MonkeyPatch, option: str
    ) -> None:
        monkeypatch.setenv("STARGAZER_DB", "postgresql://user:secret@localhost:1/none")
        error = run.refuses("assets", "verify", option)
        assert "are on a server" in error
        assert "secret" not in error


class TestGarbage:
    @pytest.fixture
    def rubbish(self, store: LocalStore, family: dict[str, str]) -> Path:
        """A link to a file that is gone."""
        staged = store.stage(family["x.bam"], "x.bam")
        (store.objects.folder / family["x.bam"]).unlink()
        return staged

    def test_a_dry_run_only_shows(self, run: Shell, rubbish: Path) -> None:
        result = run("assets", "gc", "--dry-run")
        assert result.code == 0
        assert str(rubbish) in result.out
        assert "would be removed" in result.err
        assert rubbish.is_symlink()

    def test_it_removes(self, run: Shell, store: LocalStore, rubbish: Path) -> None:
        result = run("assets", "gc", "--yes", "--json")
        assert result.json["removed"] is True
        assert str(rubbish) in [file["path"] for file in result.json["files"]]
        assert not rubbish.is_symlink()
        assert len(store.find()) == 4
        assert run("assets", "gc", "--yes").err == "Nothing to remove.\n"

    def test_what_became_waste_while_a_person_read_stays(
        self, store: LocalStore, family: dict[str, str], rubbish: Path
    ) -> None:
        later = store.stage(family["r.fa"], "r.fa")

        def lose() -> None:
            (store.objects.folder / family["r.fa"]).unlink()

        code, shown = on_a_terminal(b"y\n", "assets", "gc", "--json", meanwhile=lose)
        assert code == 0
        assert shown.count(str(rubbish)) == 2  # in the table above the question, and in the JSON
        assert str(later) not in shown
        assert not rubbish.is_symlink()
        assert later.is_symlink()

    @pytest.fixture
    def lost(self, store: LocalStore, family: dict[str, str]) -> list[Path]:
        """The files of a store whose records are gone."""
        for path in store.root.glob("stargazer_local.json*"):
            path.unlink()
        (store.root / "stargazer_local.json").write_text('{"assets": {}}')
        return [store.objects.folder / cid for cid in family.values()]

    def test_files_whose_records_may_be_elsewhere_stay_unless_forced(
        self, run: Shell, lost: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = run("assets", "verify")
        assert "Most files have no record" in report.err
        assert "gc" not in report.err
        assert report.err.endswith("sound, but most files have no record.\n")
        assert run("assets", "verify", "--json").json["lacks_records"] is True
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 86_400)
        assert "4 of the 4 files in " in run.refuses("assets", "gc", "--yes")
        assert all(path.exists() for path in lost)
        assert run("assets", "gc", "--yes", "--force").code == 0
        assert not any(path.exists() for path in lost)

    def test_where_nobody_can_answer_nothing_goes(self, run: Shell, rubbish: Path) -> None:
        result = run("assets", "gc")
        assert result.code == 2
        assert "Nobody is here to answer" in result.err
        assert rubbish.is_symlink()

    def test_fresh_bytes_without_a_record_stay(self, run: Shell, store: LocalStore, tmp_path: Path) -> None:
        run("assets", "add", write(tmp_path / "r.fa", FASTA))
        fresh = write(tmp_path / "fresh", "a record may come")
        place = store.objects.folder / cid_of(fresh)
        fresh.rename(place)
        assert run("assets", "gc", "--yes", "--json").json["files"] == []
        assert place.exists()

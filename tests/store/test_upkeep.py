"""Verifying a store, and removing what nothing needs."""

import os
import time
from pathlib import Path

import pytest
from helpers.disk import SmallDisk

from stargazer_cli.assets import R1, Alignment, Asset, Reference
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile, cid_of
from stargazer_cli.store.upkeep import collect_garbage, verify

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINATA_GATEWAY", "")
    monkeypatch.delenv("PINATA_JWT", raising=False)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _no_network: None) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    return LocalStore(Settings())


def put(store: LocalStore, folder: Path, name: str, asset: Asset, content: str = "") -> Asset:
    path = folder / name
    path.write_text(content or name)
    return store.add([NewFile(path, asset)])[0].asset


def object_of(asset: Asset) -> Path:
    assert asset.path is not None
    return asset.path


def rot(path: Path, content: bytes) -> None:
    """Change the bytes of a file as a bad disk does: its size and times stay."""
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.write(content)
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def orphan(store: LocalStore, folder: Path, content: str) -> Path:
    """An object without a record, as a download leaves it."""
    source = folder / "orphan"
    source.write_text(content)
    cid = cid_of(source)
    with store.objects.workspace() as workspace:
        source.rename(workspace / "0")
        with store.metadata.locked():
            store.objects.place([store.objects.arrived(cid, cid, workspace / "0")], [])
    return store.root / "objects" / cid


class TestVerify:
    def test_a_sound_store(self, store: LocalStore, tmp_path: Path) -> None:
        put(store, tmp_path, "a", R1(sample_id="a"), "A" * 1000)
        put(store, tmp_path, "b", R1(sample_id="b"), "B" * 500_000)
        seen: list[tuple[int, int | None]] = []
        report = verify(store, progress=lambda done, total: seen.append((done, total)))
        assert (report.checked, report.bytes, report.is_sound) == (2, 501_000, True)
        assert (report.missing, report.damaged, report.orphaned, report.strange) == ((), (), (), ())
        assert seen[-1] == (501_000, 501_000)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def test_an_empty_store(self, store: LocalStore) -> None:
        report = verify(store)
        assert (report.checked, report.is_sound) == (0, True)

    @pytest.mark.parametrize("size", [10, 300_000, 5_000_000])
    def test_a_byte_that_a_disk_lost_is_found(self, store: LocalStore, tmp_path: Path, size: int) -> None:
        asset = put(store, tmp_path, "a", R1(sample_id="a"), "A" * size)
        rot(object_of(asset), b"B")
        assert store.stage(asset.cid, "a").is_file()  # nobody can know without reading
        report = verify(store)
        [damaged] = report.damaged
        assert (damaged.cid, damaged.names, damaged.moved_to) == (asset.cid, ("a",), None)
        assert damaged.found == cid_of(object_of(asset))
        assert not report.is_sound
        # Now it is known.
        with pytest.raises(StargazerError, match="is damaged"):
            store.stage(asset.cid, "a")

    def test_what_is_missing_and_what_no_record_names(self, store: LocalStore, tmp_path: Path) -> None:
        gone = put(store, tmp_path, "a", R1(sample_id="a"))
        store.update(gone.id, {"lane": "L1"})
        put(store, tmp_path, "a again", R1(sample_id="b"), "a")
        object_of(gone).unlink()
        left = orphan(store, tmp_path, "orphan")
        (store.root / "objects" / "README").write_text("mine")
        (store.root / "objects" / "folder").mkdir()
        report = verify(store, repair=True)
        assert [(each.cid, each.names) for each in report.missing] == [(gone.cid, ("a", "a again"))]
        assert report.orphaned == ((left, 6),)
        assert [path.name for path in report.strange] == ["README", "folder"]
        assert not report.is_sound
        assert "public downloads are off" in report.not_repaired[gone.cid]
        assert left.exists()

    def test_a_link_in_the_place_of_an_object_is_what_it_leads_to(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        asset = put(store, tmp_path, "a", R1(sample_id="a"), "good")
        path = object_of(asset)
        moved = path.rename(tmp_path / "on another disk")
        path.symlink_to(moved)
        report = verify(store)
        assert (report.is_sound, report.checked, report.strange) == (True, 1, (path,))
        moved.chmod(0o644)
        moved.write_text("evil")
        assert [each.cid for each in verify(store).damaged] == [asset.cid]
        moved.unlink()
        assert [each.cid for each in verify(store).missing] == [asset.cid]
        moved.write_text("evil")
        [damaged] = verify(store, repair=True).damaged
        assert damaged.moved_to is not None
        assert damaged.moved_to.is_symlink()
        assert moved.read_text() == "evil"

    def test_repair_moves_damage_aside_and_keeps_it(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "a", R1(sample_id="a"), "good")
        rot(object_of(asset), b"evil")
        report = verify(store, repair=True)
        [damaged] = report.damaged
        assert damaged.moved_to is not None
        assert damaged.moved_to.parent == store.root / "damaged"
        assert damaged.moved_to.name.startswith(f"{asset.cid}-")
        assert damaged.moved_to.read_text() == "evil"
        assert not report.is_sound
        assert store.object(asset.cid) is None
        # The second time it is missing, and what was moved aside is still there.
        assert [each.cid for each in verify(store, repair=True).missing] == [asset.cid]
        assert collect_garbage(store, older_than=0).removed == ()
        assert damaged.moved_to.exists()
        # Its file puts it right.
        put(store, tmp_path, "a", R1(sample_id="a"), "good")
        assert verify(store).is_sound

    def test_adding_the_file_again_puts_a_damaged_object_right(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        asset = put(store, tmp_path, "a", R1(sample_id="a"), "good")
        path = object_of(asset)
        path.chmod(0o644)
        path.write_text("evil, and longer")
        again = store.add([NewFile(tmp_path / "a", R1(sample_id="a"))])[0]
        assert (again.status, again.asset.id) == ("added", asset.id)
        assert store.stage(asset.cid, "a").read_text() == "good"
        [aside] = (store.root / "damaged").iterdir()
        assert aside.read_text() == "evil, and longer"

    @pytest.mark.parametrize("size", [10, 20_000_000])
    def test_adding_the_file_again_puts_right_what_a_disk_lost(
        self, store: LocalStore, tmp_path: Path, size: int
    ) -> None:
        asset = put(store, tmp_path, "a", R1(sample_id="a"), "A" * size)
        rot(object_of(asset), b"B")
        again = store.add([NewFile(tmp_path / "a", R1(sample_id="a"))])[0]
        assert again.status == "added"
        assert verify(store).is_sound
        assert [path.stat().st_size for path in (store.root / "damaged").iterdir()] == [size]

    def test_an_orphan_that_is_damaged_is_no_fault_of_a_record(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = orphan(store, tmp_path, "x")
        path.write_text("y")
        report = verify(store)
        assert [each.names for each in report.damaged] == [()]
        assert report.orphaned == ()
        assert report.is_sound

    def test_what_is_added_and_deleted_meanwhile_is_no_fault(self, store: LocalStore, tmp_path: Path) -> None:
        put(store, tmp_path, "a", R1(sample_id="a"))
        gone = put(store, tmp_path, "b", R1(sample_id="b"))

        def meanwhile(_: int, __: int | None) -> None:
            if store.find(sample_id="b"):
                store.delete(gone.cid)
                put(store, tmp_path, "c", R1(sample_id="c"))

        report = verify(store, progress=meanwhile)
        assert (report.missing, report.damaged, report.orphaned) == ((), (), ())

    def test_what_was_made_with_another_layout_is_checked_by_its_content(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        """As a download block by block leaves it: named by a CID of another chunk size."""
        content = tmp_path / "x"
        content.write_text("x" * 300_000)
        foreign = "bafybeidf7ins7dbwk2zrpiv7k3tzp65itaxindoduggdnvrtad2es6lj5y"
        with store.objects.workspace() as workspace, store.metadata.locked():
            (workspace / "0").write_bytes(content.read_bytes())
            entered = store.objects.arrived(foreign, cid_of(content), workspace / "0")
            store.objects.place([entered], [])
        assert (store.root / "layouts" / foreign).read_text() == cid_of(content)
        assert verify(store).damaged == ()
        assert store.get(foreign, tmp_path / "out").read_bytes() == content.read_bytes()
        rot(store.root / "objects" / foreign, b"y")
        assert [each.cid for each in verify(store).damaged] == [foreign]
        with pytest.raises(StargazerError, match="is damaged"):
            store.get(foreign, tmp_path / "out2")
        collect_garbage(store, older_than=0, force=True)
        for folder in ("objects", "layouts", "seals"):
            assert list((store.root / folder).iterdir()) == []


class TestTamper:
    """A file that was written to is never given out as if it were whole."""

    @pytest.fixture
    def asset(self, store: LocalStore, tmp_path: Path) -> Asset:
        asset = put(store, tmp_path, "a", Reference(build="b"), "good")
        store.stage(asset.cid, "a")
        path = object_of(asset)
        path.chmod(0o644)
        path.write_text("evil")
        return asset

    def test_to_a_pipeline(self, store: LocalStore, asset: Asset) -> None:
        with pytest.raises(StargazerError, match="is damaged") as caught:
            store.stage(asset.cid, "a")
        assert "verify --repair" in str(caught.value.hint)

    def test_to_the_library(self, store: LocalStore, asset: Asset) -> None:
        with pytest.raises(StargazerError, match="is damaged"):
            store.pull(asset.cid)

    def test_to_a_user(self, store: LocalStore, asset: Asset, tmp_path: Path) -> None:
        with pytest.raises(StargazerError, match="is damaged"):
            store.get(asset.cid, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_touch_costs_a_look_and_no_more(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "b", Reference(build="c"))
        os.utime(object_of(asset))
        assert store.stage(asset.cid, "b").read_text() == "b"
        # The new time is noted: the file is not hashed again, as a rotten byte would show.
        rot(object_of(asset), b"x")
        assert store.stage(asset.cid, "b").read_text() == "x"

    def test_a_store_of_an_older_version_has_no_seals(self, store: LocalStore, tmp_path: Path) -> None:
        asset = put(store, tmp_path, "b", Reference(build="c"))
        seal = store.root / "seals" / asset.cid
        for content in (None, "", "\xff", "1-2"):
            seal.unlink()
            if content is not None:
                seal.write_text(content, "latin-1")
            assert store.stage(asset.cid, "b").read_text() == "b"
            assert seal.read_text().startswith("1-")


class TestGarbage:
    def test_what_records_name_stays_and_the_rest_goes(self, store: LocalStore, tmp_path: Path) -> None:
        kept = put(store, tmp_path, "a", R1(sample_id="a"))
        linked = orphan(store, tmp_path, "pulled for its link alone")
        put(store, tmp_path, "b", Alignment(reference_cid=linked.name))
        origin = orphan(store, tmp_path, "made from it")
        put(store, tmp_path, "c", Alignment(sample_id="c", derived_from=[origin.name]))
        left = orphan(store, tmp_path, "orphan")
        staged = store.stage(kept.cid, "a")
        idle = store.stage(left.name, "o")
        dangling = store.root / "stage" / EMPTY / "x"
        dangling.parent.mkdir()
        dangling.symlink_to(f"../../objects/{EMPTY}")
        stray = store.root / "seals" / EMPTY
        stray.write_text("1-2")
        found = collect_garbage(store, dry_run=True, older_than=0)
        assert all(os.path.lexists(path) for path, _ in found.removed)
        assert {path for path, _ in found.removed} == {
            left,
            idle,
            dangling,
            stray,
            store.root / "seals" / left.name,
        }
        assert dict(found.removed)[left] == 6
        removed = collect_garbage(store, older_than=0)
        assert removed == found
        assert removed.bytes == sum(size for _, size in removed.removed) > 6
        assert not any(os.path.lexists(path) for path, _ in removed.removed)
        assert not dangling.parent.exists()
        assert staged.read_text() == "a"
        assert linked.exists()
        assert origin.exists()
        assert verify(store).is_sound
        assert collect_garbage(store, older_than=0).removed == ()

    def test_only_what_was_shown_goes_and_only_if_it_still_is_waste(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        for name in "abc":
            put(store, tmp_path, name, R1(sample_id=name))
        shown, wanted = orphan(store, tmp_path, "shown"), orphan(store, tmp_path, "wanted")
        found = collect_garbage(store, dry_run=True, older_than=0)
        put(store, tmp_path, "x", R1(sample_id="x"), "wanted")
        later = orphan(store, tmp_path, "later")
        dead = store.objects.incoming / "dead"
        dead.mkdir()
        removed = collect_garbage(store, older_than=0, only={path for path, _ in found.removed})
        assert shown in {path for path, _ in removed.removed} < {path for path, _ in found.removed}
        assert not shown.exists()
        assert wanted.exists()
        assert later.exists()
        assert dead.exists()

    def test_a_download_whose_record_is_not_written_yet_stays(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        path = orphan(store, tmp_path, "just pulled")
        os.utime(path, (0, 0))  # the time of the content may be any
        assert collect_garbage(store).removed == ()
        assert path.exists()

    def test_what_killed_writers_left_goes_and_the_living_are_left_alone(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        put(store, tmp_path, "a", R1(sample_id="a"))
        child = os.fork()
        if child == 0:
            with store.objects.workspace() as workspace:
                (workspace / "0").write_bytes(bytes(1000))
                os.kill(os.getpid(), 9)
        os.waitpid(child, 0)
        with store.objects.workspace() as living:
            # Making a workspace swept what the dead one left.
            assert [path for path, _ in collect_garbage(store).removed] == []
            assert living.is_dir()
        child = os.fork()
        if child == 0:
            with store.objects.workspace() as workspace:
                (workspace / "0").write_bytes(bytes(1000))
                os.kill(os.getpid(), 9)
        os.waitpid(child, 0)
        for dry_run in (True, False):
            [waste] = collect_garbage(store, dry_run=dry_run).removed
            assert (waste.path.parent, waste.bytes) == (store.root / "incoming", 1000)
        assert list((store.root / "incoming").iterdir()) == []

    def test_a_link_that_was_not_named_yet_goes_when_it_is_old(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asset = put(store, tmp_path, "a", R1(sample_id="a"))
        partial = store.stage(asset.cid, "a").with_name(".0123.part")
        partial.symlink_to(f"../../objects/{asset.cid}")
        assert collect_garbage(store).removed == ()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 4000)
        assert [path for path, _ in collect_garbage(store).removed] == [partial]

    def test_an_empty_store_has_none(self, store: LocalStore) -> None:
        assert collect_garbage(store, dry_run=True).removed == ()
        assert not store.root.exists()
        assert collect_garbage(store).removed == ()


class TestRecordsElsewhere:
    """Files whose records are kept somewhere else, or were lost, are no garbage."""

    @pytest.fixture
    def files(self, store: LocalStore, tmp_path: Path) -> list[Path]:
        return [object_of(put(store, tmp_path, name, R1(sample_id=name))) for name in "abc"]

    def test_files_without_any_record_stay(self, store: LocalStore, files: list[Path]) -> None:
        for path in store.root.glob("stargazer_local.json*"):
            path.unlink()
        (store.root / "stargazer_local.json").write_text('{"assets": {}}')
        assert store.find() == []
        report = verify(store)
        assert (report.lacks_records, len(report.orphaned)) == (True, 3)
        for dry_run in (True, False):
            with pytest.raises(UsageError, match=r"^3 of the 3 files in .* have no record") as caught:
                collect_garbage(store, older_than=0, dry_run=dry_run)
            assert "STARGAZER_DB" in str(caught.value.hint)
        assert all(path.exists() for path in files)
        assert {path for path, _ in collect_garbage(store, older_than=0, force=True).removed} > set(files)

    def test_half_of_them_without_a_record_are_not_most(self, store: LocalStore, tmp_path: Path) -> None:
        put(store, tmp_path, "a", R1(sample_id="a"))
        left = orphan(store, tmp_path, "left")
        assert not verify(store).lacks_records
        assert left in {path for path, _ in collect_garbage(store, older_than=0).removed}

    @pytest.mark.parametrize("form", ["as it was", "cut off"])
    def test_what_a_metadata_file_that_was_put_aside_names_stays(
        self, store: LocalStore, tmp_path: Path, files: list[Path], form: str
    ) -> None:
        left = orphan(store, tmp_path, "left")
        aside = store.root / "stargazer_local.json.before-something"
        named = f'{{"assets": {{\n"1": {{"cid": "{left.name}", '
        aside.write_text(named if form == "cut off" else f'{named}"keyvalues": {{}}}}}}}}')
        with pytest.raises(UsageError, match=r"before-something, .* names 1 of the files"):
            collect_garbage(store, older_than=0)
        assert left.exists()
        aside.write_bytes(b"")
        assert left in {path for path, _ in collect_garbage(store, older_than=0).removed}

    def test_a_server_beside_a_metadata_file(
        self, database: str, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("STARGAZER_DB", database)
        store = LocalStore(Settings())
        for name in "ab":
            put(store, tmp_path, name, R1(sample_id=name))
        left = orphan(store, tmp_path, "left")
        (store.root / "stargazer_local.json").write_text(f'{{"assets": {{"1": {{"cid": "{left.name}"}}}}}}')
        with pytest.raises(UsageError, match=r"stargazer_local.json, .* names 1 of the files"):
            collect_garbage(store, older_than=0)
        assert left.exists()


def test_a_read_only_store_can_be_verified(
    small_disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(small_disk.mount()))
    store = LocalStore(Settings())
    put(store, tmp_path, "a", R1(sample_id="a"))
    rot(object_of(put(store, tmp_path, "b", R1(sample_id="b"))), b"x")
    dangling = store.stage(store.find(name="a")[0].cid, "a").with_name("b")
    dangling.symlink_to("nothing")
    small_disk.make_read_only()
    assert [each.names for each in verify(store).damaged] == [("b",)]
    with pytest.raises(StargazerError, match="is read-only"):
        verify(store, repair=True)
    with pytest.raises(StargazerError, match="is read-only"):
        collect_garbage(store)
    assert [path for path, _ in collect_garbage(store, dry_run=True).removed] == [dangling]

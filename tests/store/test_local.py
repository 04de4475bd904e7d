import errno
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from helpers.disk import SmallDisk

from stargazer_cli.assets import (
    R1,
    R2,
    Alignment,
    AlignmentIndex,
    Asset,
    KnownSites,
    Reference,
    ReferenceIndex,
    Variants,
    assemble,
)
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import Added, LocalStore, NewFile, cid_of
from stargazer_cli.store import files as files_module
from stargazer_cli.store.intake import take_in


def write(path: Path, content: str = "content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def add(store: LocalStore, path: Path, asset: Asset, **options: bool) -> Added:
    return store.add([NewFile(path, asset, **options)])[0]


def snapshot(store: LocalStore) -> dict[str, bytes | None]:
    """Every name in the store, and the content of its files."""
    return {
        str(path.relative_to(store.root)): path.read_bytes() if path.is_file() else None
        for path in store.root.rglob("*")
        if "locks" not in path.parts
    }


def test_bytes_are_kept_once_by_cid_and_read_only(store: LocalStore, tmp_path: Path) -> None:
    source = write(tmp_path / "ref.fa", ">c\nACGT\n")
    added = add(store, source, Reference(build="b"))
    assert added.status == "added"
    assert added.asset.cid == cid_of(source)
    assert added.asset.path == store.object(added.asset.cid) == store.root / "objects" / added.asset.cid
    assert added.asset.path is not None
    assert added.asset.path.read_text() == ">c\nACGT\n"
    assert added.asset.path.stat().st_mode & 0o777 == 0o444
    assert [asset.name for asset in store.find()] == ["ref.fa"]
    assert list((store.root / "incoming").iterdir()) == []


def test_adding_again_changes_nothing(store: LocalStore, tmp_path: Path) -> None:
    source = write(tmp_path / "ref.fa")
    first = add(store, source, Reference(build="b")).asset
    before = snapshot(store)
    again = add(store, write(tmp_path / "other name.fa"), Reference(build="b"))
    assert again.status == "notneeded"
    assert again.asset == first
    assert snapshot(store) == before


def test_one_object_may_have_several_meanings(store: LocalStore, tmp_path: Path) -> None:
    source = write(tmp_path / "x_R1.fq")
    one = add(store, source, R1(sample_id="a")).asset
    two = add(store, source, R1(sample_id="b"))
    assert two.status == "added"
    assert one.id != two.asset.id
    assert {asset.id for asset in store.by_cid(one.cid)} == {one.id, two.asset.id}
    assert len(list((store.root / "objects").iterdir())) == 1


def test_equal_names_with_other_bytes_do_not_meet(store: LocalStore, tmp_path: Path) -> None:
    one = add(store, write(tmp_path / "1/ref.fa", ">a"), Reference(build="a")).asset
    two = add(store, write(tmp_path / "2/ref.fa", ">b"), Reference(build="b")).asset
    assert store.stage(one.cid, one.name).read_text() == ">a"
    assert store.stage(two.cid, two.name).read_text() == ">b"


def test_the_first_run_stays_the_maker_and_what_was_missing_is_filled_in(
    store: LocalStore, tmp_path: Path
) -> None:
    source = write(tmp_path / "a.bam")
    add(store, source, Alignment(sample_id="a", run_ids=["run1"]))
    add(store, source, Alignment(sample_id="a", run_ids=["run2"], recipe="R", derived_from=["x"]))
    last = add(
        store, source, Alignment(sample_id="a", run_ids=["run2", "run3"], recipe="S", derived_from=["y"])
    )
    assert last.status == "notneeded"
    [found] = store.find(sample_id="a")
    assert (found.run_ids, found.recipe, found.derived_from) == (["run1", "run2", "run3"], "R", ["x"])
    assert found.recipes == ["R", "S"]
    assert store.find(recipes="S") == store.find(recipes="R") == [found]


def test_adding_tells_how_far_it_is(store: LocalStore, tmp_path: Path) -> None:
    files = [
        NewFile(write(tmp_path / f"{n}", f"{n}" * size), Asset(n=n))
        for n, size in enumerate((9, 3_000_000, 0))
    ]
    seen: list[tuple[int, int | None]] = []
    store.add(files, progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {3_000_009}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == 3_000_009
    # Hashed once more, and found to be here.
    again: list[int] = []
    store.add(files, progress=lambda done, _: again.append(done))
    assert again[-1] == 3_000_009


def test_equal_files_of_one_call_are_one_record(store: LocalStore, tmp_path: Path) -> None:
    first = NewFile(write(tmp_path / "a.fa"), Reference(build="b", run_ids=["1"]))
    second = NewFile(write(tmp_path / "b.fa"), Reference(build="b", run_ids=["2"]))
    assert [added.status for added in store.add([first, second])] == ["added", "notneeded"]
    [found] = store.find()
    assert found.run_ids == ["1", "2"]


def test_files_of_one_call_link_to_each_other(store: LocalStore, tmp_path: Path) -> None:
    bam, bai = write(tmp_path / "a.bam", "bam"), write(tmp_path / "a.bam.bai", "bai")
    reads = write(tmp_path / "r.fq", "reads")
    added = store.add(
        [
            NewFile(bai, AlignmentIndex(sample_id="a"), links={"alignment_cid": bam}, made_from=[bam]),
            NewFile(bam, Alignment(sample_id="a", derived_from=["other"]), made_from=[reads]),
            NewFile(reads, R1(sample_id="a")),
        ]
    )
    index, alignment, r1 = (each.asset for each in added)
    assert isinstance(index, AlignmentIndex)
    assert index.alignment_cid == alignment.cid == cid_of(bam)
    assert index.derived_from == [alignment.cid]
    assert alignment.derived_from == sorted([r1.cid, "other"])
    assert alignment.companions(store) == [index]


def test_a_file_that_is_not_what_was_said_is_refused(store: LocalStore, tmp_path: Path) -> None:
    source = write(tmp_path / "a.bam", "before")
    said = cid_of(source)
    source.write_text("after")
    with pytest.raises(StargazerError, match="it has changed"):
        add(store, source, Alignment(cid=said), made_here=True)
    assert store.find() == []


def test_editing_the_source_does_not_change_the_store(store: LocalStore, tmp_path: Path) -> None:
    # A file of the same size is here already: sizes decide what is hashed first.
    add(store, write(tmp_path / "other.fa", "others"), Reference(build="o"))
    source = write(tmp_path / "ref.fa", "before")
    added = add(store, source, Reference(build="b")).asset
    with source.open("r+") as stream:
        stream.write("AFTER!")
    assert added.path is not None
    assert added.path.read_text() == "before"
    assert added.path.stat().st_ino != source.stat().st_ino


def test_a_file_that_the_pipeline_made_shares_its_blocks(store: LocalStore, tmp_path: Path) -> None:
    source = write(tmp_path / "made.bam")
    link = tmp_path / "published.bam"
    link.symlink_to(source)
    added = add(store, link, Alignment(sample_id="a"), made_here=True).asset
    assert added.path is not None
    assert added.path.stat().st_ino == source.stat().st_ino
    assert added.path.stat().st_mode & 0o777 == 0o444
    assert added.name == "published.bam"


def test_a_made_file_on_another_file_system_is_copied(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def across(*paths: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", across)
    source = write(tmp_path / "made.bam")
    added = add(store, source, Alignment(sample_id="a"), made_here=True).asset
    assert added.path is not None
    assert added.path.read_text() == "content"
    assert added.path.stat().st_ino != source.stat().st_ino


def test_a_file_that_changes_while_it_is_read_is_refused(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "growing.fa", "A" * 3_000_000)
    real = os.readv
    reads = 0

    def slow(handle: int, buffers: list[memoryview]) -> int:
        nonlocal reads
        reads += 1
        if reads == 2:
            with source.open("a") as stream:
                stream.write("more")
        return real(handle, buffers)

    monkeypatch.setattr(files_module.os, "readv", slow)
    with pytest.raises(StargazerError, match="changed while it was read"):
        add(store, source, Reference(build="b"))
    assert store.find() == []
    assert list((store.root / "objects").iterdir()) == []
    assert list((store.root / "incoming").iterdir()) == []


@pytest.mark.parametrize("bad", ["missing", "folder", "pipe", "unreadable"])
def test_one_file_that_cannot_be_read_keeps_all_of_the_call_out(
    store: LocalStore, tmp_path: Path, bad: str
) -> None:
    good = write(tmp_path / "good.fa")
    path = tmp_path / bad
    if bad == "folder":
        path.mkdir()
    elif bad == "pipe":
        os.mkfifo(path)
    elif bad == "unreadable":
        if os.geteuid() == 0:
            pytest.skip("root may read every file")
        write(path).chmod(0)
    with pytest.raises(UsageError, match=str(path)):
        store.add([NewFile(good, Reference(build="b")), NewFile(path, Reference(build="c"))])
    assert store.find() == []
    assert list((store.root / "objects").iterdir()) == []


def test_the_empty_file_has_a_place_too(store: LocalStore, tmp_path: Path) -> None:
    added = add(store, write(tmp_path / "empty", ""), Asset(note="n")).asset
    assert store.object(added.cid) == added.path
    assert store.get(added.cid, tmp_path / "out").read_bytes() == b""


def test_a_name_that_is_no_text_is_kept_readable(store: LocalStore, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.fa"))
    path.write_text(">a")
    asset = add(store, path, Reference(build="b")).asset
    assert asset.name == "caf\N{REPLACEMENT CHARACTER}.fa"
    assert store.find(name=asset.name) == [asset]


class TestFind:
    @pytest.fixture(autouse=True)
    def _assets(self, store: LocalStore, tmp_path: Path) -> None:
        assets: list[Asset] = [
            R1(sample_id="a", lane="L001", recipe="r", owner="me", run_ids=["x", "y"]),
            R2(sample_id="a", lane="L001"),
            R1(sample_id="b", derived_from=["o"]),
            Alignment(sample_id="a", duplicates_marked=True),
            Alignment(sample_id="b", duplicates_marked=False),
            Alignment(sample_id="c"),
            Variants(sample_id="t", source_samples=["a", "b"], sample_count=2),
            KnownSites(prior=12, truth=True),
            Asset(project="p", truth="perhaps"),
        ]
        store.add([NewFile(write(tmp_path / f"{n}", f"{n}"), asset) for n, asset in enumerate(assets)])

    def names(self, store: LocalStore, **filters: object) -> list[int]:
        return [int(asset.name) for asset in store.find(**filters)]

    def test_by_keys_and_by_any_of_several_values(self, store: LocalStore) -> None:
        assert self.names(store) == list(range(9))
        assert self.names(store, sample_id="a") == [0, 1, 3]
        assert self.names(store, asset="r1", sample_id=["a", "b"]) == [0, 2]
        assert self.names(store, asset=["r1", "r2"], lane="L001") == [0, 1]
        assert self.names(store, sample_id=[]) == []
        assert self.names(store, sample_id="none") == []

    @pytest.mark.parametrize(("value", "found"), [(True, [3]), ("true", [3]), ("True", [3]), (False, [4])])
    def test_by_typed_values_however_written(
        self, store: LocalStore, value: object, found: list[int]
    ) -> None:
        assert self.names(store, duplicates_marked=value) == found
        assert self.names(store, asset="alignment", duplicates_marked=value) == found

    def test_other_types(self, store: LocalStore) -> None:
        assert self.names(store, prior=12) == self.names(store, prior="12.0") == [7]
        assert self.names(store, sample_count="2") == [6]
        assert self.names(store, source_samples=[["a", "b"]]) == [6]
        assert self.names(store, source_samples='["a","b"]') == [6]

    def test_not_set(self, store: LocalStore) -> None:
        assert self.names(store, asset="alignment", duplicates_marked=None) == [5]
        assert self.names(store, asset="alignment", duplicates_marked=[None, False]) == [4, 5]

    def test_by_base_fields(self, store: LocalStore) -> None:
        first = store.find(name="0")[0]
        assert self.names(store, cid=first.cid) == [0]
        assert self.names(store, id=first.id) == [0]
        assert self.names(store, recipe="r") == self.names(store, owner="me") == [0]
        assert self.names(store, run_ids="y") == [0]
        assert self.names(store, derived_from="o") == [2]

    def test_by_a_key_of_a_bare_asset(self, store: LocalStore) -> None:
        assert self.names(store, project="p") == [8]
        assert self.names(store, project="p", sample_id="a") == []

    def test_a_value_that_the_key_cannot_have_is_told(self, store: LocalStore) -> None:
        with pytest.raises(UsageError, match="duplicates_marked"):
            store.find(duplicates_marked="perhaps")

    def test_assemble_is_the_product_of_the_lists(self, store: LocalStore) -> None:
        found = assemble(asset=["r1", "alignment"], sample_id=["a", "b"])
        assert sorted(int(asset.name) for asset in found) == [0, 2, 3, 4]
        assert all(type(asset) in (R1, Alignment) for asset in found)


def test_fetch_brings_the_companions_and_only_those(store: LocalStore, tmp_path: Path) -> None:
    fasta, fai = (
        write(tmp_path / "r.fa", ">c1\nAC\n>c2\nGT\n"),
        write(tmp_path / "r.fa.fai", "c1\t2\t4\t2\t3\nc2\t2\t11\t2\t3\n"),
    )
    bam = write(tmp_path / "a.bam", "bam")
    added = store.add(
        [
            NewFile(fasta, Reference(build="b")),
            NewFile(fai, ReferenceIndex(build="b"), links={"reference_cid": fasta}),
            NewFile(bam, Alignment(sample_id="a"), links={"reference_cid": fasta}),
        ]
    )
    reference = added[0].asset
    assert isinstance(reference, Reference)
    assert [asset.kind for asset in reference.fetch()] == ["reference_index"]
    assert reference.path is not None
    assert reference.path.name == "r.fa"
    assert reference.contigs == ["c1", "c2"]


def test_mates_fetch_each_other(store: LocalStore, tmp_path: Path) -> None:
    one, two = write(tmp_path / "a_R1.fq", "1"), write(tmp_path / "a_R2.fq", "2")
    added = store.add(
        [
            NewFile(one, R1(sample_id="a"), links={"mate_cid": two}),
            NewFile(two, R2(sample_id="a"), links={"mate_cid": one}),
        ]
    )
    assert added[0].asset.fetch() == [
        store.find(asset="r2")[0].model_copy(update={"path": store.stage(added[1].asset.cid, "a_R2.fq")})
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"note": "x" * 10_001}, "The value of note has 10001 characters, more than 10000"),
        ({"note": "[" * 200_000}, "The value of note has 200000 characters"),
        ({"note": json.dumps(["a", "x" * 10_001])}, "The value of note has 10001 characters"),
        ({"note": json.dumps(["a"] * 300_000)}, "The value of note has 1500000 characters"),
        ({"k" * 201: "x"}, "has 201 characters, more than 200"),
        ({f"k{number}": "x" for number in range(1001)}, "There are 1001 keys, more than 1000"),
    ],
    ids=["value", "nested", "item", "list", "key", "keys"],
)
def test_what_is_said_of_a_file_has_bounds(
    store: LocalStore, tmp_path: Path, said: dict[str, str], told: str
) -> None:
    source = write(tmp_path / "notes.txt")
    cid = add(store, source, Asset(keyvalues={"note": "x"})).asset.cid
    with pytest.raises(UsageError, match=told):
        store.update(cid, said)
    with pytest.raises(UsageError, match=told):
        take_in([source], said, None, scratch=tmp_path)
    whole = {"note": "x" * 10_000, "samples": json.dumps(["a" * 9] * 10_000)}
    assert store.update(cid, whole).keyvalues == whole


def test_update_stores_a_file_and_takes_on_its_record(store: LocalStore, tmp_path: Path) -> None:
    asset = Alignment(sample_id="a")
    asset.update(write(tmp_path / "a.bam"), duplicates_marked=True)
    assert store.find(duplicates_marked=True) == [asset]
    asset.update(write(tmp_path / "b.bam", "other"), duplicates_marked=False)
    assert len(store.find(asset="alignment")) == 2


class TestStage:
    def test_the_same_path_and_time_each_time(self, store: LocalStore, tmp_path: Path) -> None:
        asset = add(store, write(tmp_path / "ref.fa"), Reference(build="b")).asset
        path = store.stage(asset.cid, "ref.fa")
        assert path == store.root / "stage" / asset.cid / "ref.fa"
        before = (path.stat().st_mtime_ns, path.lstat().st_mtime_ns, path.lstat().st_ino)
        time.sleep(0.01)
        assert LocalStore(store.settings).stage(asset.cid, "ref.fa") == path
        assert (path.stat().st_mtime_ns, path.lstat().st_mtime_ns, path.lstat().st_ino) == before

    def test_a_link_that_went_astray_is_made_anew(self, store: LocalStore, tmp_path: Path) -> None:
        asset = add(store, write(tmp_path / "ref.fa"), Reference(build="b")).asset
        path = store.stage(asset.cid, "ref.fa")
        path.unlink()
        path.symlink_to("/nowhere")
        assert store.stage(asset.cid, "ref.fa").read_text() == "content"

    def test_the_links_hold_when_the_store_moves(self, store: LocalStore, tmp_path: Path) -> None:
        asset = add(store, write(tmp_path / "ref.fa"), Reference(build="b")).asset
        path = store.stage(asset.cid, "ref.fa").relative_to(store.root)
        shutil.move(store.root, tmp_path / "moved")
        assert (tmp_path / "moved" / path).read_text() == "content"

    @pytest.mark.parametrize(
        ("name", "staged"),
        [
            ("a b_R1.fq.gz", "a_b_R1.fq.gz"),
            ("../../x.fa", "_._.._x.fa"),
            ("a\nb;rm -rf ~$(x)'\".fa", "a_b_rm_-rf____x___.fa"),
            (".hidden", "_hidden"),
            ("-o", "_o"),
            ("é.fa", "_.fa"),
            ("x" * 300 + ".fq.gz", "x" * 194 + ".fq.gz"),
        ],
    )
    def test_a_name_that_would_hurt_is_made_safe(
        self, store: LocalStore, tmp_path: Path, name: str, staged: str
    ) -> None:
        asset = add(store, write(tmp_path / "x"), Reference(build="b")).asset
        path = store.stage(asset.cid, name)
        assert path.parent == store.root / "stage" / asset.cid
        assert path.name == staged

    @pytest.mark.parametrize("name", ["", ".", "..", "/", "\n"])
    def test_a_name_that_is_none_is_refused(self, store: LocalStore, tmp_path: Path, name: str) -> None:
        asset = add(store, write(tmp_path / "x"), Reference(build="b")).asset
        with pytest.raises(UsageError, match="not usable as a file name"):
            store.stage(asset.cid, name)

    def test_what_is_not_here_cannot_be_staged(self, store: LocalStore) -> None:
        for cid in ("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "../../etc/passwd"):
            with pytest.raises(StargazerError, match="not in the store"):
                store.stage(cid, "x")


class TestGet:
    def test_a_copy_that_is_the_users_own(self, store: LocalStore, tmp_path: Path) -> None:
        asset = add(store, write(tmp_path / "ref.fa"), Reference(build="b")).asset
        out = store.get(asset.cid, tmp_path / "out.fa")
        out.write_text("edited")
        assert asset.path is not None
        assert asset.path.read_text() == "content"

    def test_nothing_is_replaced_without_being_asked(self, store: LocalStore, tmp_path: Path) -> None:
        asset = add(store, write(tmp_path / "ref.fa"), Reference(build="b")).asset
        out = write(tmp_path / "out.fa", "precious")
        with pytest.raises(UsageError, match=r"out\.fa exists already"):
            store.get(asset.cid, out)
        assert out.read_text() == "precious"
        assert store.get(asset.cid, out, overwrite=True).read_text() == "content"

    def test_a_damaged_object_is_not_handed_out(self, store: LocalStore, tmp_path: Path) -> None:
        asset = add(store, write(tmp_path / "ref.fa"), Reference(build="b")).asset
        assert asset.path is not None
        asset.path.chmod(0o644)
        asset.path.write_text("tampered")
        with pytest.raises(StargazerError, match="is damaged"):
            store.get(asset.cid, tmp_path / "out.fa")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["my store", "ref.fa"]

    def test_a_folder_that_is_not_there_is_told(self, store: LocalStore, tmp_path: Path) -> None:
        asset = add(store, write(tmp_path / "ref.fa"), Reference(build="b")).asset
        with pytest.raises(StargazerError, match="cannot be written: No such file"):
            store.get(asset.cid, tmp_path / "none" / "out.fa")


def test_a_missing_object_is_put_back_by_adding_the_file_again(store: LocalStore, tmp_path: Path) -> None:
    source = write(tmp_path / "ref.fa")
    asset = add(store, source, Reference(build="b")).asset
    assert asset.path is not None
    asset.path.unlink()
    assert store.find()[0].path is None
    again = add(store, source, Reference(build="b"))
    assert (again.status, again.asset.id) == ("added", asset.id)
    assert asset.path.read_text() == "content"


def test_a_relative_store_path_is_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STARGAZER_LOCAL", "a store/here")
    store = LocalStore(Settings())
    asset = add(store, write(Path("ref.fa")), Reference(build="b")).asset
    monkeypatch.chdir("/")
    assert store.stage(asset.cid, "ref.fa").is_relative_to(tmp_path / "a store" / "here")
    assert store.find()[0].path == asset.path


def test_the_metadata_are_json_that_a_person_and_tinydb_can_read(store: LocalStore, tmp_path: Path) -> None:
    from tinydb import TinyDB, where

    add(store, write(tmp_path / "ref.fa"), Reference(build="b"))
    path = store.root / "stargazer_local.json"
    assert '"build":"b"' in path.read_text()
    [record] = TinyDB(path).table("assets").search(where("keyvalues").build == "b")
    assert json.loads(path.read_text())["assets"]["1"] == record


def test_a_batch_is_one_write(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stargazer_cli.store.metadata import json_file as metadata

    add(store, write(tmp_path / "first"), Reference(build="first"))
    writes = []
    real = metadata.replace_file
    monkeypatch.setattr(metadata, "replace_file", lambda path, data: (writes.append(path), real(path, data)))
    files = [NewFile(write(tmp_path / f"{n}", f"{n}"), Reference(build=f"{n}")) for n in range(50)]
    store.add(files)
    assert len(writes) == 1
    store.add(files)
    assert len(writes) == 1
    store.add([NewFile(file.path, Reference(build=file.asset.build, run_ids=["r"])) for file in files])
    assert len(writes) == 2
    assert {tuple(asset.run_ids) for asset in store.find()} == {(), ("r",)}


def test_a_failed_write_of_the_metadata_leaves_no_object(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stargazer_cli.store.metadata import json_file as metadata

    add(store, write(tmp_path / "a"), Reference(build="a"))
    before = snapshot(store)

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(metadata, "replace_file", full)
    with pytest.raises(StargazerError, match=r"my store is full\. It was left as it was"):
        store.add([NewFile(write(tmp_path / "b", "b"), Reference(build="b"))])
    assert snapshot(store) == before


def test_an_interrupt_after_the_write_keeps_the_object(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stargazer_cli.store.metadata import json_file as metadata

    add(store, write(tmp_path / "first", "first"), Reference(build="first"))
    real = metadata.replace_file

    def interrupted(path: Path, data: bytes) -> None:
        real(path, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(metadata, "replace_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add(store, write(tmp_path / "a"), Reference(build="a"))
    [asset] = store.find(build="a")
    assert asset.path is not None


def test_threads_of_one_process_may_share_a_store(store: LocalStore, tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for n in range(5):
                name = f"{worker}-{n}"
                add(store, write(tmp_path / name, name), Reference(build=name))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.find()) == 20


def small_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(folder))
    return LocalStore(Settings())


def test_a_full_disk_is_told_and_the_store_left_as_it_was(
    small_disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small_store(small_disk.mount(), monkeypatch)
    add(store, write(tmp_path / "small"), Reference(build="a"))
    before = snapshot(store)
    big = write(tmp_path / "big.fa", "A" * 2_000_000)
    with pytest.raises(StargazerError, match=r"The store folder .*small disk is full") as caught:
        store.add(
            [
                NewFile(write(tmp_path / "fits", "fits"), Reference(build="c")),
                NewFile(big, Reference(build="b")),
            ]
        )
    assert caught.value.hint is not None
    assert "STARGAZER_LOCAL" in caught.value.hint
    assert snapshot(store) == before
    assert add(store, write(tmp_path / "other", "other"), Reference(build="c")).status == "added"


def test_a_disk_without_room_for_the_metadata_is_told(
    small_disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small_store(small_disk.mount(), monkeypatch)
    add(store, write(tmp_path / "small"), Reference(build="a" * 20_000))
    before = snapshot(store)
    free = shutil.disk_usage(small_disk.folder).free
    filler = small_disk.folder / "filler"
    filler.write_bytes(bytes(free - 8192))
    with pytest.raises(StargazerError, match="is full"):
        add(store, write(tmp_path / "b", "b"), Reference(build="b"))
    filler.unlink()
    assert snapshot(store) == before


def test_a_read_only_store_is_told_and_can_be_read(
    small_disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small_store(small_disk.mount(), monkeypatch)
    asset = add(store, write(tmp_path / "small"), Reference(build="a")).asset
    path = store.stage(asset.cid, "small")
    small_disk.make_read_only()
    with pytest.raises(StargazerError, match=r"small disk is read-only"):
        add(store, write(tmp_path / "b", "b"), Reference(build="b"))
    with pytest.raises(StargazerError, match=r"small disk is read-only"):
        store.stage(asset.cid, "other")
    assert store.find() == [asset]
    assert store.stage(asset.cid, "small") == path
    assert store.get(asset.cid, tmp_path / "out").read_text() == "content"


def test_a_store_path_that_is_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = small_store(write(tmp_path / "file"), monkeypatch)
    with pytest.raises(StargazerError, match="file is not a folder"):
        add(store, write(tmp_path / "a"), Reference(build="a"))
    with pytest.raises(StargazerError, match="file is not a folder"):
        store.find()


def test_objects_that_are_not_ours_are_told(store: LocalStore, tmp_path: Path) -> None:
    added = add(store, write(tmp_path / "a"), Reference(build="a"))
    store.objects.folder.chmod(0)
    try:
        if os.access(store.objects.folder, os.X_OK):
            pytest.skip("root may read every file")
        with pytest.raises(StargazerError, match="is not ours to write or read"):
            store.object(added.asset.cid)
    finally:
        store.objects.folder.chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_is_not_ours_is_told(store: LocalStore, tmp_path: Path) -> None:
    add(store, write(tmp_path / "a"), Reference(build="a"))
    for folder in (store.root / "incoming", store.root / "locks" / "store.lock"):
        folder.chmod(0o500)
    with pytest.raises(StargazerError, match="is not ours to write"):
        add(store, write(tmp_path / "b", "b"), Reference(build="b"))


def test_adding_a_file_again_brings_back_a_lost_object(store: LocalStore, tmp_path: Path) -> None:
    """What the error of a missing object advises."""
    source = tmp_path / "a.fa"
    source.write_text(">a\nACGT\n")
    cid = store.add([NewFile(source, Reference(build="b"))])[0].asset.cid
    (store.root / "objects" / cid).unlink()
    with pytest.raises(StargazerError, match="is not in the store") as error:
        store.stage(cid, "a.fa")
    assert "assets add" in str(error.value.hint)
    (again,) = store.add([NewFile(source, Reference(build="b"))])
    assert (again.status, len(store.by_cid(cid))) == ("added", 1)
    assert store.stage(cid, "a.fa").read_text() == ">a\nACGT\n"

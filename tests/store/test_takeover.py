"""TinyDB files that something else wrote become ours on first open, with nothing of them lost."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from helpers.disk import SmallDisk
from tinydb import TinyDB

from stargazer_cli.assets import Alignment, AlignmentIndex, Reference
from stargazer_cli.errors import StargazerError
from stargazer_cli.store import LocalStore, NewFile, cid_of
from stargazer_cli.store.metadata.json_file import NAME, JsonMetadata

CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def write_earlier(
    root: Path, name: str, content: bytes, keyvalues: dict[str, Any], md5: str = ""
) -> dict[str, Any]:
    """Lay a file down as the earlier system did; returns its record."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {
        "cid": f"local_{md5 or hashlib.md5(content).hexdigest()}",
        "keyvalues": keyvalues,
        "created_at": "2025-05-05T05:05:05",
        "rel_path": name,
    }


def write_tinydb(root: Path, records: list[Any], table: str = "_default") -> bytes:
    """Write a file as plain TinyDB does."""
    root.mkdir(parents=True, exist_ok=True)
    with TinyDB(root / NAME) as database:
        database.table(table).insert_multiple(records)
    return (root / NAME).read_bytes()


def backups(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in root.glob(f"{NAME}.before-takeover-*")]


@pytest.mark.parametrize("table", ["assets", "_default"])
@pytest.mark.parametrize("lacking", [[], ["id", "recipes", "owner", "run_ids", "name"]])
def test_a_plain_file_of_our_records(
    store: LocalStore, tmp_path: Path, table: str, lacking: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    paths = [tmp_path / name for name in ("a.fa", "b.fa")]
    for path in paths:
        path.write_text(path.name)
    added = [store.add([NewFile(path, Reference(build=path.name, recipe="r"))])[0].asset for path in paths]
    records = [{k: v for k, v in each.items() if k not in lacking} for each in store.metadata.read().all()]
    for path in store.root.glob(f"{NAME}*"):
        path.unlink()
    before = write_tinydb(store.root, records, table)
    found = LocalStore(store.settings).find()
    assert [asset.cid for asset in found] == [asset.cid for asset in added]
    assert [asset.recipes for asset in found] == [["r"], ["r"]]
    assert all(asset.id for asset in found)
    assert all(asset.path for asset in found)
    if not lacking:
        assert found == added
    assert backups(store.root) == [before]
    [notice] = caplog.messages
    assert "2 records taken over" in notice
    # Once: from here on the file is ours.
    assert LocalStore(store.settings).find() == found
    assert JsonMetadata(store.root).read().count(lambda record: True) == 2
    assert len(backups(store.root)) == 1


def test_a_store_of_an_earlier_system(store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
    root = store.root
    reference = write_earlier(root, "ref/r.fa", b">r\nACGT\n", {"asset": "reference", "build": "b"})
    bam = write_earlier(
        root,
        "s/a.bam",
        b"bam" * 100_000,
        {"asset": "alignment", "sample_id": "a", "reference_cid": reference["cid"], "bqsr_applied": True},
    )
    bai = write_earlier(
        root, "s/a.bam.bai", b"bai", {"asset": "alignment_index", "alignment_cid": bam["cid"]}
    )
    odd = write_earlier(root, "odd.txt", b"odd", {"project": "p", "count": 3, "empty": None})
    before = write_tinydb(root, [reference, bai, bam, odd])

    found = {asset.name: asset for asset in store.find()}
    assert set(found) == {"r.fa", "a.bam", "a.bam.bai", "odd.txt"}
    for name, record in (("r.fa", reference), ("a.bam", bam), ("a.bam.bai", bai), ("odd.txt", odd)):
        original = root / record["rel_path"]
        assert found[name].cid == cid_of(original)  # copied, not moved
        copy = store.get(found[name].cid, root.parent / name)  # `get` hashes what it gives
        assert copy.read_bytes() == original.read_bytes()
        assert found[name].created_at == "2025-05-05T05:05:05"
    alignment, index = found["a.bam"], found["a.bam.bai"]
    assert isinstance(alignment, Alignment)
    assert isinstance(index, AlignmentIndex)
    assert alignment.reference_cid == found["r.fa"].cid
    assert alignment.bqsr_applied is True
    assert index.alignment_cid == alignment.cid  # though its record comes first
    assert alignment.companions(store) == [index]
    assert found["odd.txt"].keyvalues == {"project": "p", "count": "3"}
    assert backups(root) == [before]
    assert len(caplog.messages) == 1
    assert "local_" not in (root / NAME).read_text()


def test_what_cannot_be_taken_over_is_named_and_stays(
    store: LocalStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = store.root
    good = write_earlier(root, "good.fa", b"good", {"asset": "reference", "build": "b"})
    changed = write_earlier(root, "changed.fa", b"changed", {"build": "c"}, md5="0" * 32)
    gone = write_earlier(root, "gone.fa", b"gone", {"build": "d"})
    (root / "gone.fa").unlink()
    index = write_earlier(root, "i.fai", b"i", {"asset": "reference_index", "reference_cid": gone["cid"]})
    (tmp_path / "secret").write_bytes(b"secret")
    outside = {
        "cid": "local_" + hashlib.md5(b"secret").hexdigest(),
        "keyvalues": {},
        "rel_path": "../secret",
    }
    (root / "link").symlink_to(tmp_path / "secret")
    by_link = outside | {"rel_path": "link"}
    records = [good, changed, gone, index, outside, by_link, {"a": "note"}, good | {"created_at": "later"}]
    before = write_tinydb(root, records)
    TinyDB(root / NAME).table("settings").insert({"theme": "dark"})
    before = (root / NAME).read_bytes()

    assert {asset.name for asset in store.find()} == {"good.fa", "i.fai"}  # and the same record once
    told = "\n".join(caplog.messages)
    for part in (
        "2 records taken over",
        "record 2 of the table '_default': the content of its file",
        "record 3 of the table '_default': The file",
        "record 5 of the table '_default': its file",
        "record 6 of the table '_default': its file",
        "record 7 of the table '_default': its keyvalues",
        f"the file behind reference_cid={gone['cid']} of i.fai",
        "the table 'settings' of 1 record",
    ):
        assert part in told
    assert len(caplog.messages) == 8
    assert backups(root) == [before]
    assert (root / "changed.fa").read_bytes() == b"changed"
    assert {path.name for path in (root / "objects").iterdir()} == {asset.cid for asset in store.find()}


def test_equal_records_become_one_and_ids_are_given_once(
    store: LocalStore, caplog: pytest.LogCaptureFixture
) -> None:
    ours = {"id": "x1", "cid": CID, "keyvalues": {"build": "b"}, "run_ids": ["one"]}
    equal = ours | {"run_ids": ["two"], "owner": "me", "id": "x2"}
    copied = ours | {"keyvalues": {"build": "c"}}
    write_tinydb(store.root, [ours, equal, copied])
    first, other = store.find()
    assert (first.id, first.run_ids, first.owner) == ("x1", ["one", "two"], "me")
    assert other.keyvalues == {"build": "c"}
    assert other.id not in ("", "x1")
    assert caplog.messages[1:] == [
        f"Record 3 had the id x1 of record 1: it now has the id {other.id}.",
    ]


def test_a_field_that_no_record_has_is_named(store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
    earlier = write_earlier(store.root, "a.fa", b"a", {"build": "a"}) | {"note": "mine"}
    later = {"cid": CID, "keyvalues": {}, "note": "too", "mood": "good"}
    write_tinydb(store.root, [earlier, later])
    assert len(store.find()) == 2
    assert caplog.messages[1:] == [
        "Not taken over: the field 'mood' of 1 record.",
        "Not taken over: the field 'note' of 2 records.",
    ]


def test_the_first_use_may_be_a_change(store: LocalStore, tmp_path: Path) -> None:
    write_tinydb(store.root, [write_earlier(store.root, "a.fa", b"a", {"build": "a"})])
    (tmp_path / "b.fa").write_text("b")
    store.add([NewFile(tmp_path / "b.fa", Reference(build="b"))])
    assert [asset.keyvalues["build"] for asset in store.find()] == ["a", "b"]


@pytest.mark.parametrize("table", ["assets", "_default"])
def test_to_accept_a_file_of_tinydb_takes_it_over(store: LocalStore, table: str) -> None:
    before = write_tinydb(store.root, [write_earlier(store.root, "a.fa", b"a", {"build": "a"})], table)
    assert JsonMetadata(store.root).accept_edited() == 1
    assert [asset.keyvalues for asset in store.find()] == [{"build": "a"}]
    assert backups(store.root) == [before]


def test_an_empty_file_of_tinydb_is_an_empty_store(store: LocalStore, tmp_path: Path) -> None:
    store.root.mkdir()
    TinyDB(store.root / NAME).close()
    assert (store.root / NAME).read_bytes() == b""
    assert store.find() == []
    (tmp_path / "a").write_text("a")
    store.add([NewFile(tmp_path / "a", Reference(build="b"))])
    assert len(LocalStore(store.settings).find()) == 1


def test_processes_that_open_it_at_once_take_it_over_once(store: LocalStore) -> None:
    records = [write_earlier(store.root, f"{n}.fa", b"%d" % n, {"build": f"{n}"}) for n in range(20)]
    write_tinydb(store.root, records)
    children = []
    for _ in range(4):
        if not (child := os.fork()):
            os._exit(0 if len(LocalStore(store.settings).find()) == 20 else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert len(backups(store.root)) == 1
    assert len({asset.id for asset in store.find()}) == 20


def test_a_failure_in_the_middle_leaves_the_file(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from stargazer_cli.store.metadata import json_file

    before = write_tinydb(store.root, [write_earlier(store.root, "a.fa", b"a", {"build": "a"})])

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(json_file, "replace_file", full)
        with pytest.raises(StargazerError, match="is full"):
            store.find()
    assert (store.root / NAME).read_bytes() == before
    assert [asset.keyvalues for asset in store.find()] == [{"build": "a"}]


def test_the_file_stays_readable_by_tinydb(store: LocalStore) -> None:
    write_tinydb(store.root, [write_earlier(store.root, "a.fa", b"a", {"build": "a"})])
    [asset] = store.find()
    [plain] = TinyDB(store.root / NAME, access_mode="r").table("assets").all()
    assert (plain["cid"], plain["id"]) == (asset.cid, asset.id)
    assert json.loads((store.root / NAME).read_text())["stargazer"]["1"]["records"] == 1


def test_a_store_that_cannot_be_written_is_not_taken_over(small_disk: SmallDisk) -> None:
    root = small_disk.mount()
    before = write_tinydb(root, [{"cid": "bafyx", "keyvalues": {}}])
    small_disk.make_read_only()
    with pytest.raises(StargazerError, match="must be writable"):
        JsonMetadata(root).read()
    assert [path.name for path in root.iterdir()] == [NAME]
    assert (root / NAME).read_bytes() == before

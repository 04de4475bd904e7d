"""Assets to and from an account at Pinata: records, lineage, several machines, faults in the middle."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.pinata import TOKEN, cid_of_bytes
from helpers.pinata import Pinata as Server
from pydantic import SecretStr

from stargazer_cli.assets import Alignment, Asset, KnownSites, Reference, Variants
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.remote import pinata, sync
from stargazer_cli.store.remote.pinata import Pinata

Add = Callable[..., Asset]


@pytest.fixture
def here(attached: Settings) -> LocalStore:
    return LocalStore(attached)


@pytest.fixture
def elsewhere(attached: Settings, tmp_path: Path) -> LocalStore:
    """Another machine with the same account."""
    return LocalStore(attached.model_copy(update={"local": tmp_path / "other machine"}))


@pytest.fixture
def add(here: LocalStore, tmp_path: Path) -> Add:
    def add(content: bytes, asset: Asset, name: str = "file", store: LocalStore = here) -> Asset:
        path = tmp_path / "incoming" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return store.add([NewFile(path, asset)])[0].asset

    return add


def state(assets: list[Asset]) -> list[dict[str, object]]:
    return sorted((asset.to_dict() | {"path": None} for asset in assets), key=lambda each: str(each["id"]))


def test_what_is_pushed_is_pulled_on_another_machine_as_it_was(
    here: LocalStore, elsewhere: LocalStore, add: Add
) -> None:
    asset = add(
        b"reads", Alignment(sample_id="NA1", duplicates_marked=True, run_ids=["run-1"], recipe="r" * 64)
    )
    assert [each.status for each in sync.push(here, [asset.cid])] == ["pushed"]
    pulled = sync.pull(elsewhere, [asset.cid])
    assert [each.status for each in pulled] == ["pulled"]
    assert state(elsewhere.find()) == state(here.find())
    path = pulled[0].assets[0].path
    assert path is not None
    assert path.read_bytes() == b"reads"


def test_nothing_is_sent_twice(here: LocalStore, elsewhere: LocalStore, server: Server, add: Add) -> None:
    asset = add(b"reads", Alignment(sample_id="NA1"))
    sync.push(here, [asset.cid])
    before = len(server.requests("POST", "/files", "uploads"))
    assert [each.status for each in sync.push(here, [asset.id])] == ["notneeded"]
    assert len(server.requests("POST", "/files", "uploads")) == before
    assert len(server.files) == 2
    assert [each.status for each in sync.pull(elsewhere, [asset.cid])] == ["pulled"]
    assert [each.status for each in sync.pull(elsewhere, [asset.cid])] == ["notneeded"]
    assert len(elsewhere.find()) == 1


def test_pinata_has_the_keys_of_the_kind_and_the_full_record_beside_it(
    here: LocalStore, server: Server, add: Add
) -> None:
    asset = add(
        b"bam",
        Alignment(
            sample_id="NA1",
            format="bam",
            sorted="coordinate",
            duplicates_marked=True,
            bqsr_applied=False,
            tool="bwa-mem2",
            reference_cid=cid_of_bytes(b"ref"),
            r1_cid=cid_of_bytes(b"r1"),
            owner="the lab",
        ),
        "NA1.bam",
    )
    sync.push(here, [asset.cid])
    kept = server.named(asset.cid)
    assert kept is not None
    record = server.named(kept.keyvalues["record_cid"])
    assert record is not None
    assert kept.name == "NA1.bam"
    assert kept.keyvalues == asset.keyvalues | {"record_cid": record.cid}
    assert len(kept.keyvalues) == 10
    assert record.keyvalues == {"record_of": asset.cid}
    [full] = json.loads(record.content)["records"]
    assert full["owner"] == "the lab"
    assert full["keyvalues"] == asset.keyvalues
    assert "path" not in full


def test_several_records_of_one_cid_are_all_pushed_found_and_pulled(
    here: LocalStore, elsewhere: LocalStore, attached: Settings, add: Add
) -> None:
    first = add(b"same", Alignment(sample_id="NA1", format="bam"))
    add(b"same", Alignment(sample_id="NA2", format="bam"))
    sync.push(here, [first.cid])
    for sample in ("NA1", "NA2"):
        assert [each.keyvalues for each in sync.remote_find(attached, sample_id=sample)] == [
            {"asset": "alignment", "sample_id": sample, "format": "bam"}
        ]
    assert len(sync.remote_find(attached, format="bam")) == 2
    assert sync.remote_find(attached, sample_id="NA3") == []
    sync.pull(elsewhere, [first.cid])
    assert state(elsewhere.find()) == state(here.find())


def test_a_record_changed_here_replaces_that_at_pinata(
    here: LocalStore, server: Server, attached: Settings, add: Add
) -> None:
    asset = add(b"x", KnownSites(build="GRCh37", resource_name="dbsnp", known=True))
    sync.push(here, [asset.cid])
    here.update(asset.cid, {"build": "GRCh38", "known": None})
    assert [each.status for each in sync.push(here, [asset.cid])] == ["updated"]
    assert sync.remote_find(attached, build="GRCh37") == []
    assert sync.remote_find(attached, known=True) == []
    [found] = sync.remote_find(attached, build="GRCh38")
    assert found.keyvalues == here.find()[0].keyvalues
    # The object with the old records is gone: the file and one object are left.
    assert len(server.files) == 2
    assert [each.status for each in sync.push(here, [asset.cid])] == ["notneeded"]


def test_two_machines_that_push_at_once_lose_no_record(
    here: LocalStore, elsewhere: LocalStore, attached: Settings, add: Add, tmp_path: Path
) -> None:
    asset = add(b"same", Alignment(sample_id="NA1"))
    add(b"same", Alignment(sample_id="NA2"), store=elsewhere)
    threads = [threading.Thread(target=sync.push, args=(each, [asset.cid])) for each in (here, elsewhere)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    third = LocalStore(attached.model_copy(update={"local": tmp_path / "third machine"}))
    sync.pull(third, [asset.cid])
    assert {each.keyvalues["sample_id"] for each in third.find()} == {"NA1", "NA2"}
    # The next push makes one object of them again.
    sync.push(here, [asset.cid])
    assert len(sync.remote_find(attached, sample_id=["NA1", "NA2"])) == 2


def test_an_old_object_that_was_left_there_changes_nothing(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add
) -> None:
    asset = add(b"x", Reference(build="old"))
    sync.push(here, [asset.cid])
    [old] = [file for file in server.files.values() if "record_of" in file.keyvalues]
    here.update(asset.cid, {"build": "new"})
    sync.push(here, [asset.cid])
    server.store(old.content, old.name, old.keyvalues)
    sync.pull(elsewhere, [asset.cid])
    assert [each.keyvalues["build"] for each in elsewhere.find()] == ["new"]


def test_records_that_were_deleted_there_by_hand_are_told(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add
) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid])
    [record] = [file for file in server.files.values() if "record_of" in file.keyvalues]
    del server.files[record.id]
    with pytest.raises(StargazerError, match=f"at Pinata are gone: the object {record.cid}"):
        sync.pull(elsewhere, [asset.cid])
    assert elsewhere.find() == []
    sync.push(here, [asset.cid])
    assert len(sync.pull(elsewhere, [asset.cid])) == 1


def test_a_push_from_elsewhere_in_the_middle_of_a_pull_does_no_harm(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add
) -> None:
    asset = add(b"x", Reference(build="old"))
    sync.push(here, [asset.cid])
    kept = server.named(asset.cid)
    assert kept is not None
    as_listed = json.loads(json.dumps(kept.document()))
    here.update(asset.cid, {"build": "new"})
    sync.push(here, [asset.cid])
    server.fault("GET", r"/files/private\?cid=", answer={"data": {"files": [as_listed]}})
    sync.pull(elsewhere, [asset.cid])
    assert [each.keyvalues["build"] for each in elsewhere.find()] == ["new"]


def test_an_object_that_vanishes_before_it_is_recorded_leaves_no_record(
    here: LocalStore, elsewhere: LocalStore, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid])
    pull = elsewhere.pull

    def pull_and_lose(*arguments: object) -> None:
        pull(*arguments).unlink()  # type: ignore[arg-type]

    monkeypatch.setattr(elsewhere, "pull", pull_and_lose)
    with pytest.raises(StargazerError, match="is not in the store"):
        sync.pull(elsewhere, [asset.cid])
    assert elsewhere.find() == []


def test_records_that_differ_on_both_sides_are_told_and_stay(
    here: LocalStore, elsewhere: LocalStore, add: Add
) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid])
    sync.pull(elsewhere, [asset.cid])
    elsewhere.update(asset.cid, {"build": "b"})
    with pytest.raises(StargazerError, match="says other things here than there"):
        sync.pull(elsewhere, [asset.cid])
    assert [each.keyvalues["build"] for each in elsewhere.find()] == ["b"]


def test_an_equal_record_made_on_both_machines_becomes_one_with_both_runs(
    here: LocalStore, elsewhere: LocalStore, attached: Settings, add: Add
) -> None:
    asset = add(b"x", Reference(build="a", run_ids=["run-1"]))
    add(b"x", Reference(build="a", run_ids=["run-2"]), store=elsewhere)
    sync.push(here, [asset.cid])
    sync.push(elsewhere, [asset.cid])
    sync.pull(here, [asset.cid])
    [mine] = here.find()
    assert sorted(mine.run_ids) == ["run-1", "run-2"]
    assert mine.id == asset.id
    assert len(sync.remote_find(attached, run_ids="run-2")) == 1


def test_lineage_comes_along(here: LocalStore, elsewhere: LocalStore, add: Add) -> None:
    reference = add(b"ref", Reference(build="GRCh38"), "ref.fa")
    bam = add(b"bam", Alignment(sample_id="NA1", reference_cid=reference.cid), "NA1.bam")
    gone = cid_of_bytes(b"never here")
    vcf = add(b"vcf", Variants(sample_id="NA1", derived_from=[bam.cid, gone]), "NA1.vcf.gz")
    pushed = {each.cid: each.status for each in sync.push(here, [vcf.cid], with_lineage=True)}
    assert pushed == {vcf.cid: "pushed", bam.cid: "pushed", reference.cid: "pushed", gone: "absent"}
    pulled = {each.cid: each.status for each in sync.pull(elsewhere, [vcf.cid], with_lineage=True)}
    assert pulled == {vcf.cid: "pulled", bam.cid: "pulled", reference.cid: "pulled", gone: "absent"}
    assert state(elsewhere.find()) == state(here.find())
    # Without it, only what was asked for is moved: never what links to it.
    third = LocalStore(here.settings.model_copy(update={"local": elsewhere.root.parent / "third"}))
    assert [each.cid for each in sync.pull(third, [reference.cid])] == [reference.cid]


def test_a_ring_of_links_ends(here: LocalStore, elsewhere: LocalStore, add: Add) -> None:
    first = add(b"1", Asset(note="a", other_cid=cid_of_bytes(b"2")), "1")
    add(b"2", Asset(note="b", other_cid=first.cid, odd_cid="no cid at all"), "2")
    assert len(sync.push(here, [first.cid], with_lineage=True)) == 2
    assert len(sync.pull(elsewhere, [first.cid], with_lineage=True)) == 2


def test_public_must_be_asked_for(here: LocalStore, server: Server, add: Add) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid])
    assert {file.network for file in server.files.values()} == {"private"}
    assert [each.network for each in sync.push(here, [asset.cid], network="public")] == ["public"]
    assert sorted(file.network for file in server.files.values()) == ["private"] * 2 + ["public"] * 2


def test_a_public_file_is_pulled_from_the_accounts_own_gateway(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add
) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid], network="public")
    assert [each.status for each in sync.pull(elsewhere, [asset.cid])] == ["pulled"]
    assert server.requests("GET", f"/ipfs/{asset.cid}", "gateway")


def test_more_than_ten_keys_are_found_by_any_of_them(
    here: LocalStore, server: Server, attached: Settings, add: Add
) -> None:
    keys = {f"key{number:02}": f"value {number}" for number in range(15)} | {"long": "x" * 1000}
    asset = add(b"x", Asset(**keys))
    sync.push(here, [asset.cid])
    kept = server.named(asset.cid)
    assert kept is not None
    assert len(kept.keyvalues) == 10
    for key, value in (("key00", "value 0"), ("key14", "value 14"), ("long", "x" * 1000)):
        [found] = sync.remote_find(attached, **{key: value})
        assert found.keyvalues == keys
    assert sync.remote_find(attached, key14="value 13") == []


def test_pairs_that_someone_added_by_hand_stay(
    here: LocalStore, server: Server, attached: Settings, add: Add
) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid])
    kept = server.named(asset.cid)
    assert kept is not None
    kept.keyvalues |= {f"own{number}": "y" for number in range(7)}
    here.update(asset.cid, {"build": "b"})
    sync.push(here, [asset.cid])
    assert {f"own{number}": "y" for number in range(7)}.items() <= kept.keyvalues.items()
    assert len(sync.remote_find(attached, build="b")) == 1


def test_filters_of_every_form_find_what_they_find_here(
    here: LocalStore, attached: Settings, add: Add
) -> None:
    for number, sample in enumerate(["NA1", "NA2", "NA3", "NA4"]):
        marked = number % 2 == 0
        add(
            bytes([number]),
            Alignment(sample_id=sample, duplicates_marked=marked, owner=f"o{number}"),
            f"{sample}.bam",
        )
    add(b"ref", Reference(build="GRCh38"), "ref.fa")
    sync.push(here, [each.cid for each in here.find()])
    for filters in (
        {},
        {"asset": "alignment"},
        {"sample_id": ["NA1", "NA3", "NA9"]},
        {"duplicates_marked": True},
        {"duplicates_marked": "True", "sample_id": "NA1"},
        {"sample_id": None},
        {"name": "NA2.bam"},
        {"owner": "o3"},
        {"cid": [each.cid for each in here.find(asset="alignment")]},
        {"sample_id": [f"NA{number}" for number in range(50)]},
    ):
        mine = {(each.cid, *each.keyvalues.items()) for each in here.find(**filters)}
        assert {(each.cid, *each.keyvalues.items()) for each in sync.remote_find(attached, **filters)} == mine


def test_a_search_does_not_read_what_it_does_not_need(
    here: LocalStore, server: Server, attached: Settings, add: Add
) -> None:
    for number in range(20):
        add(bytes([number]), Reference(build=f"b{number}"))
    sync.push(here, [each.cid for each in here.find()])
    server.seen.clear()
    assert len(sync.remote_find(attached, build="b7")) == 1
    # Two networks, and on each the question and that for pairs which do not tell everything.
    assert len(server.seen) == 4


def test_a_search_for_many_values_looks_through_a_list_once(server: Server, attached: Settings) -> None:
    sync.remote_find(attached, sample_id=[f"NA{number}" for number in range(50)])
    assert len(server.seen) == 2


def test_files_of_the_account_that_are_no_assets_are_left_alone(
    here: LocalStore, server: Server, attached: Settings
) -> None:
    server.store(b"a photo", "cat.jpg", {"album": "cats"})
    server.store(b"a reference", "ref.fa", {"asset": "reference", "build": "GRCh38", "name": "odd"})
    server.store(b"of another version", "x", {"asset": "hologram", "colour": "blue"})
    found = {each.name: each.keyvalues for each in sync.remote_find(attached)}
    assert found == {
        "ref.fa": {"asset": "reference", "build": "GRCh38"},
        "x": {"asset": "hologram", "colour": "blue"},
    }
    [pulled] = sync.pull(here, [cid_of_bytes(b"a reference")])
    assert [each.keyvalues for each in pulled.assets] == [{"asset": "reference", "build": "GRCh38"}]


def test_what_has_no_record_anywhere_is_refused(here: LocalStore) -> None:
    cid = cid_of_bytes(b"unknown")
    with pytest.raises(UsageError, match=f"Neither Pinata nor this store has a record of {cid}"):
        sync.pull(here, [cid])
    with pytest.raises(UsageError, match="No asset has the CID or id 'nothing'"):
        sync.push(here, ["nothing"])
    with pytest.raises(UsageError, match="is not a CID"):
        sync.pull(here, ["nothing"])


def test_a_pull_that_fails_records_nothing(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add
) -> None:
    good = add(b"good", Reference(build="a"))
    bad = add(b"bad bytes", Reference(build="b"))
    sync.push(here, [good.cid, bad.cid])
    server.fault("GET", f"/files/{bad.cid}", host="gateway", wrong=True, times=9)
    with pytest.raises(StargazerError, match="it sent bytes whose CID is"):
        sync.pull(elsewhere, [good.cid, bad.cid])
    assert elsewhere.find() == []
    assert elsewhere.object(bad.cid) is None
    server.faults.clear()
    sync.pull(elsewhere, [good.cid, bad.cid])
    assert len(elsewhere.find()) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"stargazer": 1, "cid": "other", "records": []}',
        b'{"stargazer": 1, "cid": "CID", "records": [{}]}',
        b'{"stargazer": 1, "cid": "CID", "records": ["x"]}',
        b'{"stargazer": 1, "cid": "CID", "records": 3}',
    ],
)
def test_an_object_that_holds_no_records_is_told(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add, content: bytes
) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid])
    server.store(content.replace(b"CID", asset.cid.encode()), "x", {"record_of": asset.cid})
    with pytest.raises(StargazerError, match=f"keeps as the records of {asset.cid} is none"):
        sync.pull(elsewhere, [asset.cid])
    assert elsewhere.find() == []


def test_records_of_a_newer_version_are_told(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add
) -> None:
    asset = add(b"x", Reference(build="a"))
    sync.push(here, [asset.cid])
    content = json.dumps({"stargazer": 2, "cid": asset.cid}).encode()
    server.store(content, "x", {"record_of": asset.cid})
    with pytest.raises(StargazerError, match="not known here"):
        sync.pull(elsewhere, [asset.cid])


def test_a_push_that_broke_is_gone_on_with(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add
) -> None:
    asset = add(b"x" * 1000, Reference(build="a"))
    # The object with the records arrives, the file does not.
    server.fault("POST", "/files", host="uploads", times=1, pause=0.0)
    server.fault("POST", "/files", host="uploads", times=99, status=500)
    with pytest.raises(StargazerError, match="did not take file: it answered 500"):
        sync.push(here, [asset.cid])
    with pytest.raises(UsageError, match="Neither Pinata nor"):
        sync.pull(elsewhere, [asset.cid])
    server.faults.clear()
    assert [each.status for each in sync.push(here, [asset.cid])] == ["pushed"]
    assert [each.status for each in sync.pull(elsewhere, [asset.cid])] == ["pulled"]


def test_a_large_push_that_was_killed_is_gone_on_with(
    here: LocalStore, server: Server, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinata, "LARGEST_FORM", 10_000)
    monkeypatch.setattr(pinata, "CHUNK", 10_000)
    asset = add(b"x" * 100_000, Reference(build="a"))
    server.fault("PATCH", "/tus/", times=7)  # these meet nothing
    server.fault("PATCH", "/tus/", status=403)
    with pytest.raises(StargazerError, match="403"):
        sync.push(here, [asset.cid])
    assert [each.status for each in sync.push(here, [asset.cid])] == ["pushed"]
    assert len(server.requests("PATCH", "/tus/")) == 8 + 3
    assert not list((here.root / "uploads").iterdir())


@pytest.fixture
def spoilt(here: LocalStore, server: Server, add: Add) -> str:
    """The CID of a file whose records at Pinata are in an object that is none."""
    asset = add(b"two things", Reference(build="a"))
    add(b"two things", Reference(build="b"))
    sync.push(here, [asset.cid])
    object_, _ = server.store(b"no records", "x.records.json", {"record_of": asset.cid})
    server.named(asset.cid).keyvalues["record_cid"] = object_.cid
    return asset.cid


def test_records_that_cannot_be_read_hide_no_others(
    here: LocalStore, attached: Settings, server: Server, add: Add, spoilt: str
) -> None:
    other = add(b"other", Reference(build="a"))
    sync.push(here, [other.cid])
    notes: list[str] = []
    assert [each.cid for each in sync.search_remote(attached, {"build": "a"}, notes.append)] == [other.cid]
    (said,) = notes
    assert said.startswith(f"file ({spoilt}) was left out. ")
    assert [each.cid for each in sync.remote_find(attached, asset="reference", name="file")] == [other.cid]


def test_records_that_cannot_be_read_are_told_with_their_object_and_pushed_again(
    here: LocalStore, elsewhere: LocalStore, server: Server, spoilt: str
) -> None:
    bad = server.named(cid_of_bytes(b"no records"))
    with pytest.raises(StargazerError) as told:
        sync.pull(elsewhere, [spoilt])
    assert f"They are in the object x.records.json (id {bad.id})" in told.value.message
    assert "not the file, which is whole" in (told.value.hint or "")
    assert [each.status for each in sync.push(here, [spoilt])] == ["updated"]
    # What could not be read is nobody's to delete but the user's.
    assert server.named(bad.cid) is bad
    del server.files[bad.id]
    sync.pull(elsewhere, [spoilt])
    assert state(elsewhere.find()) == state(here.find())


def test_a_damaged_file_is_not_pushed(here: LocalStore, server: Server, add: Add) -> None:
    asset = add(b"right", Reference(build="a"))
    path = here.object(asset.cid)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    with pytest.raises(StargazerError):
        sync.push(here, [asset.cid])
    assert server.named(asset.cid) is None
    assert server.named(cid_of_bytes(b"wrong")) is None


def test_many_files_go_a_few_at_a_time_under_one_progress(
    here: LocalStore, elsewhere: LocalStore, add: Add
) -> None:
    for number in range(12):
        add(bytes([number]) * 1000, Reference(build=str(number)), str(number))
    told: list[tuple[int, int | None]] = []
    cids = [each.cid for each in here.find()]
    sync.push(here, cids, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (12_000, 12_000)
    told.clear()
    sync.pull(elsewhere, cids, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (12_000, 12_000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_what_is_deleted_at_pinata_stays_here(
    here: LocalStore, server: Server, attached: Settings, add: Add
) -> None:
    asset = add(b"x", Reference(build="a"))
    other = add(b"y", Reference(build="b"))
    sync.push(here, [asset.cid, other.cid])
    sync.push(here, [asset.cid], network="public")
    assert len(sync.delete_remote(attached, asset.cid, network="public")) == 2
    assert len(sync.delete_remote(attached, asset.cid)) == 2
    assert sync.delete_remote(attached, asset.cid) == []
    assert {file.keyvalues.get("build") for file in server.files.values()} == {"b", None}
    assert len(here.find()) == 2
    assert here.object(asset.cid)


def test_without_an_account_what_is_recorded_here_is_had_from_the_public_gateway(
    here: LocalStore, server: Server, add: Add
) -> None:
    asset = add(b"x", Reference(build="a"))
    server.store(b"x", "x", network="public")
    here.settings.pinata_jwt = None
    here.settings.pinata_gateway = server.url("gateway")
    path = here.object(asset.cid)
    assert path is not None
    path.unlink()
    assert [each.status for each in sync.pull(here, [asset.cid])] == ["pulled"]
    with pytest.raises(UsageError, match="there is no token"):
        sync.push(here, [asset.cid])


def test_the_store_asks_the_account_for_private_bytes(
    here: LocalStore, server: Server, add: Add, tmp_path: Path
) -> None:
    asset = add(b"private", Reference(build="a"))
    sync.push(here, [asset.cid])
    path = here.object(asset.cid)
    assert path is not None
    path.unlink()
    assert here.get(asset.cid, tmp_path / "out").read_bytes() == b"private"
    assert here.pull(asset.cid).read_bytes() == b"private"


def test_what_the_account_has_not_comes_from_the_public_gateway(
    here: LocalStore, server: Server, add: Add
) -> None:
    public = Server()
    public.store(b"public", "x", network="public")
    here.settings.pinata_gateway = public.url("gateway")
    assert here.pull(cid_of_bytes(b"public")).read_bytes() == b"public"
    assert all("Authorization" not in seen.headers for seen in public.seen)
    public.close()


def test_the_token_is_in_no_file_that_anything_of_this_leaves(
    here: LocalStore, elsewhere: LocalStore, server: Server, add: Add, tmp_path: Path
) -> None:
    asset = add(b"x" * 2000, Reference(build="a"))
    sync.push(here, [asset.cid])
    sync.pull(elsewhere, [asset.cid])
    sync.remote_find(here.settings)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 4
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]
    assert not [path for path in written if b"X-Signature" in path.read_bytes()]
    assert all(TOKEN.encode() not in file.content for file in server.files.values())
    assert TOKEN not in repr(here.settings) + str(here.settings) + here.settings.model_dump_json()
    assert all("Authorization" not in seen.headers for seen in server.seen if seen.host == "gateway")


def test_an_account_is_told_apart_from_its_token(attached: Settings) -> None:
    attached.pinata_jwt = SecretStr("a token with a space")
    with pytest.raises(UsageError, match="PINATA_JWT is no access token") as refused:
        Pinata(attached)
    assert "with a space" not in refused.value.message

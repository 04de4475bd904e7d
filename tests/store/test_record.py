"""What a record is, and which records a store takes from outside."""

import io
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from stargazer_cli.assets import BASE_FIELDS, Alignment, Reference
from stargazer_cli.errors import UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.metadata.json_file import NAME, JsonMetadata
from stargazer_cli.store.portable import export_records, import_records
from stargazer_cli.store.record import FIELDS, LISTS, TEXTS, blank, checked, identity, united

CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
ALIGNMENT = {"asset": "alignment", "sample_id": "a"}

# What no asset of a known kind has, with what is told of it.
REFUSED = [
    (
        ALIGNMENT | {"nonsense": "1"},
        "asset=alignment has no key 'nonsense'. Its keys are: sample_id, format,",
    ),
    (ALIGNMENT | {"sampel_id": "a"}, "Did you mean 'sample_id'"),
    (
        ALIGNMENT | {"duplicates_marked": "banana"},
        "duplicates_marked of asset=alignment must be true or false",
    ),
    (ALIGNMENT | {"sample_id": "../../etc"}, "sample id '../../etc' is not usable as a name"),
    ({"asset": "genomics_db", "cohort_id": "a b"}, "cohort id 'a b' is not usable as a name"),
    ({"asset": "variants", "variant_type": "bcf"}, "must be one of gvcf, vcf"),
    ({"asset": "variants", "sample_count": "two"}, "must be a whole number"),
]


def lines(*records: Any) -> io.BytesIO:
    """An export with these records."""
    documents = [{"stargazer": 1}, *records, {"records": len(records)}]
    return io.BytesIO(b"".join(json.dumps(document).encode() + b"\n" for document in documents))


def test_the_fields_are_those_of_an_asset() -> None:
    assert {*FIELDS} == (BASE_FIELDS - {"path"}) | {"keyvalues"} == {*TEXTS, *LISTS, "keyvalues"}
    record = blank(name="x")
    record["run_ids"].append("r")
    record["keyvalues"]["a"] = "b"
    assert blank(name="x") | {"run_ids": ["r"], "keyvalues": {"a": "b"}} == record


@pytest.mark.parametrize(("keyvalues", "told"), REFUSED)
def test_an_import_refuses_what_no_asset_of_its_kind_is(
    store: LocalStore, keyvalues: dict[str, str], told: str
) -> None:
    good = {"cid": CID, "keyvalues": {"asset": "reference", "build": "b"}}
    with pytest.raises(UsageError) as caught:
        import_records(store, lines(good, {"cid": CID, "keyvalues": keyvalues}))
    assert caught.value.message.startswith("Line 3 is not a record: ")
    assert told in caught.value.message
    assert "\n" not in caught.value.message
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "../x"}, "record id '../x' is not usable"),
        ({"id": "a\nb"}, "is not usable as a name"),
        ({"id": 5}, "its id is not text"),
        ({"id": CID}, "its id is a CID"),
        ({"cid": "bafyx"}, "'bafyx' is not a CID"),
        ({"cid": None}, "its cid is not text"),
        ({"recipes": [1]}, "its recipes is not a list of text"),
        ({"keyvalues": {"owner": "x"}}, "'owner' is kept by the store"),
        ({"keyvalues": ["asset"]}, "its keyvalues are not text"),
    ],
)
def test_base_fields_are_checked_too(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        checked({"cid": CID, "keyvalues": {}} | change)


@pytest.mark.parametrize(
    "keyvalues", [{"asset": "hologram", "depth": "x"}, {"project": "p", "sample_id": "../.."}, {}]
)
def test_a_kind_that_is_not_known_may_say_anything(store: LocalStore, keyvalues: dict[str, str]) -> None:
    import_records(store, lines({"cid": CID, "keyvalues": keyvalues}))
    assert [asset.keyvalues for asset in store.find()] == [keyvalues]


def test_values_take_the_form_in_which_a_query_finds_them(store: LocalStore) -> None:
    import_records(store, lines({"cid": CID, "keyvalues": ALIGNMENT | {"duplicates_marked": "True"}}))
    [found] = store.find(duplicates_marked=True)
    assert found.keyvalues == ALIGNMENT | {"duplicates_marked": "true"}
    assert found.id


def test_a_takeover_leaves_out_what_no_asset_of_its_kind_is(
    store: LocalStore, caplog: pytest.LogCaptureFixture
) -> None:
    kept = {"cid": CID, "keyvalues": {"asset": "reference", "build": "b"}}
    bad = [{"cid": CID, "keyvalues": keyvalues} for keyvalues, _ in REFUSED]
    store.root.mkdir()
    before = json.dumps({"assets": {str(number): each for number, each in enumerate([kept, *bad], 1)}})
    (store.root / NAME).write_text(before)
    assert [asset.keyvalues for asset in store.find()] == [kept["keyvalues"]]
    for number, (_, told) in enumerate(REFUSED, 2):
        assert any(
            message.startswith(f"Not taken over: record {number}") and told in message
            for message in caplog.messages
        )
    [backup] = store.root.glob(f"{NAME}.before-takeover*")
    assert backup.read_text() == before


def test_a_takeover_brings_in_no_bytes_of_what_it_leaves_out(store: LocalStore) -> None:
    store.root.mkdir()
    (store.root / "a.bam").write_bytes(b"bam")
    # The sum is right, the key is not.
    record = {
        "cid": "local_e5bea9a864d5b94d76ebdaaf43d66f4d",
        "rel_path": "a.bam",
        "keyvalues": {"asset": "alignment", "nonsense": 1},
    }
    (store.root / NAME).write_text(json.dumps({"_default": {"1": record}}))
    assert store.find() == []
    assert not list((store.root / "objects").glob("*"))


def test_what_a_store_holds_already_stays_readable_and_hinders_no_edit(
    store: LocalStore, tmp_path: Path
) -> None:
    """A version that knows other keys may have written it."""
    (tmp_path / "r.fa").write_text(">r")
    asset = store.add([NewFile(tmp_path / "r.fa", Reference(build="b"))])[0].asset
    newer = blank(id="1", cid=asset.cid, keyvalues={"asset": "reference", "ploidy": "3"})
    with store.metadata.transaction() as table:
        table.insert(newer)
    assert [found.keyvalues for found in store.find(build=None)] == [newer["keyvalues"]]
    document = orjson.loads((store.root / NAME).read_bytes())
    document["assets"]["1"]["name"] = "edited"
    (store.root / NAME).write_bytes(orjson.dumps(document))
    assert JsonMetadata(store.root).accept_edited() == 2
    assert {found.name for found in store.find()} == {"edited", ""}


def test_equal_records_unite_and_nothing_is_replaced() -> None:
    first = blank(id="1", cid=CID, name="a", run_ids=["1", "2"], recipe="R", recipes=["R"], created_at="then")
    second = blank(
        id="2",
        cid=CID,
        name="b",
        run_ids=["2", "3"],
        derived_from=["x"],
        recipe="S",
        recipes=["S"],
        created_at="now",
        owner="me",
    )
    assert identity(first) == identity(second)
    assert united(first, second) == first | {
        "run_ids": ["1", "2", "3"],
        "derived_from": ["x"],
        "recipes": ["R", "S"],
        "owner": "me",
    }


def test_an_equal_record_comes_to_the_same_end_by_every_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.bam").write_text("bam")
    first = Alignment(sample_id="a", run_ids=["1"], recipe="R", derived_from=["x"])
    second = Alignment(sample_id="a", run_ids=["2"], recipe="S", derived_from=["y"], owner="me")

    def fresh(name: str, *assets: Alignment) -> LocalStore:
        monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / name))
        made = LocalStore(Settings())
        for asset in assets:
            made.add([NewFile(tmp_path / "a.bam", asset)])
        return made

    def end(of: LocalStore) -> tuple[object, ...]:
        [found] = of.find()
        return found.run_ids, found.recipe, found.recipes, found.derived_from, found.owner

    added, imported, updated = fresh("a", first, second), fresh("i", first), fresh("u", first)
    stream = io.BytesIO()
    export_records(fresh("other", second), stream)
    stream.seek(0)
    import_records(imported, stream)
    apart = second.model_copy(update={"sample_id": "b"})
    record = updated.add([NewFile(tmp_path / "a.bam", apart)])[0].asset
    updated.update(record.id, {"sample_id": "a"})
    assert end(added) == (["1", "2"], "R", ["R", "S"], ["x"], "me")
    assert end(imported) == end(updated) == end(added)

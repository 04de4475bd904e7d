"""What is kept at Pinata of a file's records: the pairs beside it, and the object with all of them."""

import json
from typing import Any

import pytest

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.remote import records

CID = "bafkreib6vj3os7l4lqqytaw5vju46iorcknttfiwfnlbizjcqn7xd5hrvy"


def record(identifier: str = "1", /, **keyvalues: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "cid": CID,
        "name": "ä.bam",
        "keyvalues": keyvalues,
        "run_ids": ["run-1"],
        "derived_from": [],
        "recipe": "",
        "recipes": [],
        "created_at": "2026-11-23T05:00:00+00:00",
        "owner": "",
    }


def test_an_object_gives_back_its_records() -> None:
    two = [record("1", build="a"), record("2", build="b")]
    assert records.decode(records.encode(CID, two), CID) == two


def test_equal_records_are_equal_bytes_whatever_else_a_machine_keeps_with_them() -> None:
    one, two = record("1", b="1", a="2"), record("2", c="3")
    here = {key: one[key] for key in reversed(one)} | {
        "path": "/home/me/x.bam",
        "keyvalues": {"a": "2", "b": "1"},
    }
    assert records.encode(CID, [one, two]) == records.encode(CID, [two, here])


@pytest.mark.parametrize(
    "change",
    [
        {"cid": "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
        {"id": ""},
        {"id": 3},
        {"keyvalues": {"sample_count": 3}},
        {"keyvalues": {"": "x"}},
        {"keyvalues": {"owner": "x"}},
        {"keyvalues": []},
        {"run_ids": "run-1"},
        {"derived_from": [None]},
        {"name": None},
        {"name": "\ud800"},
    ],
    ids=str,
)
def test_a_record_that_is_none_is_refused(change: dict[str, Any]) -> None:
    document = {"stargazer": 1, "cid": CID, "records": [record() | change]}
    with pytest.raises(StargazerError, match="is none"):
        records.decode(json.dumps(document).encode(), CID)


def test_json_without_an_end_of_depth_is_refused() -> None:
    with pytest.raises(StargazerError, match="is none"):
        records.decode(b"[" * 200_000, CID)


@pytest.mark.parametrize("missing", sorted(record()))
def test_a_record_without_one_of_its_fields_is_refused(missing: str) -> None:
    part = {key: value for key, value in record().items() if key != missing}
    with pytest.raises(StargazerError, match="is none"):
        records.decode(json.dumps({"stargazer": 1, "cid": CID, "records": [part]}).encode(), CID)


def test_one_record_is_told_by_its_pairs_as_a_whole() -> None:
    pairs = records.searchable([record(asset="reference", build="GRCh38")], "r")
    assert pairs == {"record_cid": "r", "asset": "reference", "build": "GRCh38"}
    assert records.told(pairs) == {"asset": "reference", "build": "GRCh38"}


def test_several_records_are_told_by_what_they_share() -> None:
    several = [record("1", asset="alignment", sample_id="a"), record("2", asset="alignment", sample_id="b")]
    assert records.searchable(several, "r") == {
        "record_cid": "r",
        "asset": "alignment",
        "record_partial": "true",
    }


def test_the_keys_of_the_kind_go_first_in_its_order() -> None:
    keys = {f"key{number}": "x" for number in range(9)} | {"asset": "reference", "build": "b"}
    pairs = records.searchable([record(**keys)], "r")
    assert list(pairs)[:3] == ["record_cid", "asset", "build"]
    assert len(pairs) == 10
    assert pairs["record_partial"] == "true"


def test_a_long_value_and_a_key_of_pinatas_own_use_are_left_to_the_object() -> None:
    pairs = records.searchable([record(build="b", note="x" * 251, record_cid="mine")], "r")
    assert pairs == {"record_cid": "r", "build": "b", "record_partial": "true"}


@pytest.mark.parametrize("present", range(9))
def test_with_what_is_there_already_the_pairs_are_ten_at_most(present: int) -> None:
    there = {f"own{number}" for number in range(present)}
    pairs = records.searchable([record(**{f"key{number}": "x" for number in range(9)})], "r", there)
    assert len(there | pairs.keys()) == 10


def test_a_pair_that_was_emptied_and_one_of_someone_elses_tell_nothing() -> None:
    assert records.told({"build": "", "name": "x", "sample_id": "a", "record_partial": "true"}) == {
        "sample_id": "a"
    }


def test_the_first_of_one_id_is_taken_and_equal_ones_become_one() -> None:
    mine, theirs = record("1", build="new"), record("1", build="old")
    assert records.unite([mine], [theirs]) == [mine]
    other = record("2", build="new") | {"run_ids": ["run-2"]}
    [united] = records.unite([mine], [other])
    assert united["run_ids"] == ["run-1", "run-2"]
    assert united["id"] == "1"

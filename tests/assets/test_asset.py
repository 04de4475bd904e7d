import json
from typing import Any

import pytest

from stargazer_cli.assets import (
    BASE_FIELDS,
    KINDS,
    R1,
    Alignment,
    Asset,
    KnownSites,
    Reference,
    Variants,
    generate_query_combinations,
    new_asset,
    specialize,
)
from stargazer_cli.errors import UsageError

# The fields of every kind, as users and stored records know them.
FIELDS = {
    "reference": "build",
    "reference_index": "build tool reference_cid",
    "sequence_dict": "build tool reference_cid",
    "aligner_index": "build aligner reference_cid",
    "r1": "sample_id mate_cid sequencing_platform lane library",
    "r2": "sample_id mate_cid sequencing_platform lane library",
    "alignment": "sample_id format sorted duplicates_marked bqsr_applied tool reference_cid r1_cid",
    "alignment_index": "sample_id alignment_cid",
    "bqsr_report": "sample_id tool alignment_cid",
    "duplicate_metrics": "sample_id tool alignment_cid",
    "known_sites": "build resource_name known training truth prior vqsr_mode",
    "known_sites_index": "known_sites_cid",
    "variants": "sample_id caller variant_type build vqsr_mode sample_count source_samples",
    "variants_index": "sample_id variants_cid",
    "vqsr_model": "sample_id mode build variants_cid tranches_cid",
    "vqsr_tranches": "sample_id mode variants_cid",
    "markers": "sample_id groupby method source_cid",
    "qc_metrics": "sample_id tool alignment_cid variants_cid",
    "intervals": "build reference_cid",
    "genomics_db": "cohort_id build reference_cid",
    "counts": "sample_id organism format",
    "anndata": "sample_id n_obs n_vars stage organism source_cid",
    "report": "workflow title",
}

SAMPLE_VALUES: dict[str, Any] = {
    "aligner": "bwa-mem2",
    "variant_type": "gvcf",
    "stage": "raw",
    "sample_id": "NA1",
    "cohort_id": "trio",
    "duplicates_marked": False,
    "bqsr_applied": True,
    "known": True,
    "training": False,
    "truth": True,
    "prior": 12.5,
    "sample_count": 3,
    "source_samples": ["a", 'b "c"'],
    "n_obs": 0,
    "n_vars": 32738,
}


def full(kind: str) -> Asset:
    return new_asset(kind, **{key: SAMPLE_VALUES.get(key, f"the {key}") for key in KINDS[kind].fields()})


def test_every_kind_of_the_contract_is_there_with_its_fields() -> None:
    assert {kind: " ".join(cls.fields()) for kind, cls in KINDS.items()} == FIELDS


@pytest.mark.parametrize("kind", FIELDS)
def test_keyvalues_are_flat_text_and_come_back_as_they_were(kind: str) -> None:
    asset = full(kind)
    keyvalues = asset.to_keyvalues()
    assert keyvalues["asset"] == kind
    assert set(keyvalues) == {"asset", *FIELDS[kind].split()}
    assert all(isinstance(value, str) for value in keyvalues.values())
    assert KINDS[kind].from_keyvalues(keyvalues) == asset
    assert specialize({"keyvalues": keyvalues}) == asset
    assert KINDS[kind].from_dict(json.loads(json.dumps(asset.to_dict()))) == asset


def test_text_passes_through_and_the_rest_is_json() -> None:
    variants = Variants(sample_id="007", sample_count=2, source_samples=["a", "b"])
    assert variants.to_keyvalues() == {
        "asset": "variants",
        "sample_id": "007",
        "sample_count": "2",
        "source_samples": '["a", "b"]',
    }
    assert Variants.from_keyvalues({"sample_id": "007"}).sample_id == "007"


def test_what_is_not_set_is_left_out_and_false_is_set() -> None:
    assert Alignment().to_keyvalues() == {"asset": "alignment"}
    assert Alignment(duplicates_marked=False, tool="", bqsr_applied=None).to_keyvalues() == {
        "asset": "alignment",
        "duplicates_marked": "false",
    }


@pytest.mark.parametrize("written", ["true", "True", True, "1"])
def test_a_truth_value_may_be_written_in_several_ways(written: Any) -> None:
    keyvalues = {"duplicates_marked": written}
    assert Alignment.from_keyvalues(keyvalues).to_keyvalues()["duplicates_marked"] == "true"


def test_an_unknown_key_is_refused_by_name_with_the_allowed_ones() -> None:
    for attempt in (
        lambda: Alignment(sampel_id="x"),
        lambda: Alignment.from_keyvalues({"sampel_id": "x"}),
        lambda: new_asset("alignment", sampel_id="x"),
        lambda: setattr(Alignment(), "sampel_id", "x"),
    ):
        with pytest.raises(UsageError, match=r"'sampel_id'.*Did you mean 'sample_id'") as caught:
            attempt()
        assert caught.value.hint == f"Its keys are: {', '.join(FIELDS['alignment'].split())}."


def test_an_unknown_kind_is_refused_with_the_kinds_there_are() -> None:
    with pytest.raises(UsageError, match=r"'alignmnet'.*Did you mean 'alignment'") as caught:
        new_asset("alignmnet")
    assert caught.value.hint is not None
    assert "vqsr_tranches" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "key", "value", "wanted"),
    [
        ("alignment", "duplicates_marked", "maybe", "true or false"),
        ("variants", "sample_count", "two", "a whole number"),
        ("variants", "sample_count", 2.5, "a whole number"),
        ("variants", "source_samples", "a,b", "a list"),
        ("variants", "variant_type", "bcf", "one of gvcf, vcf"),
        ("aligner_index", "aligner", "bowtie", "one of bwa, bwa-mem2"),
        ("known_sites", "prior", "high", "a number"),
        ("known_sites", "prior", float("inf"), "a finite number"),
        ("reference", "build", ["GRCh38"], "text"),
        ("reference", "build", "GRCh\udcff", "UTF-8"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_in_one_line(kind: str, key: str, value: Any, wanted: str) -> None:
    with pytest.raises(UsageError) as caught:
        KINDS[kind].from_keyvalues({key: value})
    assert wanted in caught.value.message
    assert key in caught.value.message
    assert "\n" not in caught.value.message
    with pytest.raises(UsageError):
        setattr(KINDS[kind](), key, value)


@pytest.mark.parametrize("name", ["a;rm -rf ~", "../x", "a b", "x" * 300, ".hidden", "a\nb", "-x"])
@pytest.mark.parametrize("kind", ["r1", "alignment", "variants", "anndata"])
def test_a_sample_id_that_is_no_safe_name_is_refused(kind: str, name: str) -> None:
    with pytest.raises(UsageError, match="sample id"):
        new_asset(kind, sample_id=name)


def test_what_the_store_keeps_is_not_for_keyvalues() -> None:
    for cls in (Reference, Asset):
        with pytest.raises(UsageError, match="'recipe' is kept by the store"):
            cls.from_keyvalues({"recipe": "x"})
    with pytest.raises(UsageError, match="asset=r2"):
        R1.from_keyvalues({"asset": "r2"})


def test_a_bare_asset_takes_any_keys_as_text() -> None:
    asset = Asset(keyvalues={"project": "p1", "n": 3}, cid="c", ok=True)
    assert asset.keyvalues == {"project": "p1", "n": "3", "ok": "true"}
    asset.n = 4
    assert asset.to_keyvalues()["n"] == "4"
    assert Asset.from_dict(asset.to_dict()) == asset
    assert asset.cid == "c"


def test_a_record_of_a_kind_or_version_that_is_not_known_stays_readable() -> None:
    odd = {"cid": "c", "keyvalues": {"asset": "hologram", "depth": "3"}}
    assert specialize(odd).keyvalues == odd["keyvalues"]
    newer = {"cid": "c", "keyvalues": {"asset": "reference", "ploidy": "3"}}
    assert type(specialize(newer)) is Asset
    bare = Asset(keyvalues={"asset": "reference", "build": "b"})
    assert specialize(bare) == Reference(build="b")


def test_a_new_kind_takes_one_class() -> None:
    from typing import ClassVar

    from stargazer_cli.assets import TypedAsset

    try:

        class Pedigree(TypedAsset):
            kind: ClassVar[str] = "pedigree"
            families: int | None = None

        made = new_asset("pedigree", families=2)
        assert isinstance(made, Pedigree)
        assert specialize({"keyvalues": made.to_keyvalues()}) == made
    finally:
        del KINDS["pedigree"]


def test_every_kind_is_shown_with_others_in_a_colour() -> None:
    assert {kind: cls.kind_family for kind, cls in KINDS.items() if cls.kind_family == "other"} == {}
    assert Asset.kind_family == "other"


def test_one_field_name_has_one_type_in_all_kinds() -> None:
    # A query without a kind must know how a value of a key is written.
    types: dict[str, set[str]] = {}
    for cls in KINDS.values():
        for name in cls.fields():
            types.setdefault(name, set()).add(str(cls.model_fields[name].annotation))
    assert {name: found for name, found in types.items() if len(found) > 1} == {}
    assert not BASE_FIELDS & types.keys()


def test_query_combinations_are_the_product_of_the_lists() -> None:
    assert generate_query_combinations({"x": 1}, {"build": ["a", "b"], "tool": "t"}) == [
        {"x": 1, "build": "a", "tool": "t"},
        {"x": 1, "build": "b", "tool": "t"},
    ]
    assert generate_query_combinations({"x": 1}, {}) == [{"x": 1}]
    assert generate_query_combinations({}, {"a": []}) == []


def test_defaults_are_not_shared() -> None:
    one, two = KnownSites(), KnownSites()
    one.run_ids.append("r")
    assert two.run_ids == []


@pytest.mark.parametrize(
    "key", ["self", "cls", "kind", "fields", "base", "model_config", "fetch", "__class__", "store"]
)
def test_a_bare_asset_may_have_a_key_of_any_name(key: str) -> None:
    asset = Asset.from_keyvalues({key: "x"}, cid="c")
    assert asset.to_keyvalues() == {key: "x"}
    assert Asset.from_dict(asset.to_dict()) == asset
    assert specialize(asset.to_dict()) == asset
    assert new_asset("", **{key: "x"}) == Asset.from_keyvalues({key: "x"})


@pytest.mark.parametrize("key", ["self", "keyvalues", "cls"])
def test_a_typed_asset_refuses_such_a_key_in_words(key: str) -> None:
    with pytest.raises(UsageError, match=key):
        Reference.from_keyvalues({"build": "b", key: "x"})


def test_keyvalues_are_no_key() -> None:
    with pytest.raises(UsageError, match="'keyvalues' is kept by the store"):
        Asset.from_keyvalues({"keyvalues": "x"})
    with pytest.raises(UsageError, match="'keyvalues' is kept by the store"):
        Asset(keyvalues={"keyvalues": "x"})

from collections.abc import Callable
from pathlib import Path

import pytest

from stargazer_cli.assets import new_asset
from stargazer_cli.catalog import pipeline_dir
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.resolve import PLATFORMS, resolve_reference, resolve_samples
from stargazer_cli.store import LocalStore, NewFile

Put = Callable[..., str]


@pytest.fixture
def put(store: LocalStore, tmp_path: Path) -> Put:
    """Store a small file with metadata; returns its CID."""

    def put(kind: str, content: str, **fields: object) -> str:
        file = tmp_path / f"{kind}-{content}"
        file.write_text(content)
        return store.add([NewFile(file, new_asset(kind, name=file.name, **fields))])[0].asset.cid

    return put


def test_an_unknown_build_is_told_which_exist(store: LocalStore, put: Put) -> None:
    put("reference", "one", build="GRCh38")
    with pytest.raises(UsageError, match=r"No reference of build 'hg19'.*there are: GRCh38"):
        resolve_reference(store, "hg19")


def test_two_references_of_a_build_are_listed_and_an_option_decides(store: LocalStore, put: Put) -> None:
    one, two = put("reference", "one", build="b"), put("reference", "two", build="b")
    with pytest.raises(UsageError, match="2 references") as error:
        resolve_reference(store, "b")
    assert error.value.hint is not None
    assert "--reference" in error.value.hint
    assert one in error.value.hint
    assert two in error.value.hint
    assert resolve_reference(store, "b", two).cid == two
    with pytest.raises(UsageError, match="has the CID nonsense"):
        resolve_reference(store, "b", "nonsense")


def test_a_decompressed_reference_is_not_a_second_candidate(store: LocalStore, put: Put) -> None:
    source = put("reference", "gzipped", build="b")
    put("reference", "plain", build="b", derived_from=[source])
    assert resolve_reference(store, "b").cid == source


def test_an_unknown_sample_is_told_what_is_close(store: LocalStore, put: Put) -> None:
    put("r1", "reads", sample_id="NA12829")
    with pytest.raises(UsageError, match="Did you mean NA12829"):
        resolve_samples(store, ["NA12892"], set(), "b")
    with pytest.raises(UsageError, match="There are: NA12829"):
        resolve_samples(store, ["xyz"], set(), "b")


@pytest.mark.parametrize("name", ["a;rm -rf ~", "../x", "a b", "x" * 300, "", "-n", "a\nb", "a'b"])
def test_a_sample_id_that_is_no_name_is_refused(store: LocalStore, name: str) -> None:
    with pytest.raises(UsageError, match="not usable as a name"):
        resolve_samples(store, [name], set(), "b")


def test_a_sample_named_twice_is_refused(store: LocalStore) -> None:
    with pytest.raises(UsageError, match="named twice"):
        resolve_samples(store, ["a", "b", "a"], set(), "b")
    with pytest.raises(UsageError, match="upper and lower case"):
        resolve_samples(store, ["a", "A"], set(), "b")


def test_every_lane_of_a_sample_is_used_in_their_order(store: LocalStore, put: Put) -> None:
    for lane in ("L002", "L001"):
        first = put("r1", f"1{lane}", sample_id="a", lane=lane)
        put("r2", f"2{lane}", sample_id="a", lane=lane, mate_cid=first)
    put("r1", "single", sample_id="a", lane="L003")
    (sample,) = resolve_samples(store, ["a"], set(), "b")
    assert [(lane.lane, lane.r2 is not None) for lane in sample.lanes] == [
        ("L001", True),
        ("L002", True),
        ("L003", False),
    ]


def test_two_reads_of_one_lane_are_a_question_for_the_user(store: LocalStore, put: Put) -> None:
    put("r1", "one", sample_id="a")
    put("r1", "two", sample_id="a")
    with pytest.raises(UsageError, match="Two R1 of sample 'a'"):
        resolve_samples(store, ["a"], set(), "b")


def test_a_missing_mate_and_a_lone_second_read_are_refused(store: LocalStore, put: Put) -> None:
    put("r1", "one", sample_id="a", mate_cid="bafkreigone")
    with pytest.raises(UsageError, match="mate bafkreigone of r1-one"):
        resolve_samples(store, ["a"], set(), "b")
    put("r1", "x", sample_id="c")
    put("r2", "y", sample_id="c", lane="L009")
    with pytest.raises(UsageError, match="has no R1"):
        resolve_samples(store, ["c"], set(), "b")


def test_a_mate_of_another_sample_is_refused(store: LocalStore, put: Put) -> None:
    stranger = put("r2", "two", sample_id="other")
    put("r1", "one", sample_id="a", mate_cid=stranger)
    with pytest.raises(UsageError, match="for sample other"):
        resolve_samples(store, ["a"], set(), "b")


def test_the_same_reads_under_two_samples_are_refused(store: LocalStore, put: Put) -> None:
    put("r1", "same", sample_id="a")
    put("r1", "same", sample_id="b")
    with pytest.raises(UsageError, match="'a' and 'b' have the same reads"):
        resolve_samples(store, ["a", "b"], set(), "b")


def test_a_bam_enters_only_when_it_is_analysis_ready_and_of_this_reference(
    store: LocalStore, put: Put
) -> None:
    put("alignment", "elsewhere", sample_id="a", duplicates_marked=True, reference_cid="other")
    with pytest.raises(UsageError, match="No reads, BAM or GVCF"):
        resolve_samples(store, ["a"], {"ref"}, "b")
    put("alignment", "raw", sample_id="a", reference_cid="ref")
    with pytest.raises(UsageError, match="not recorded as duplicate-marked"):
        resolve_samples(store, ["a"], {"ref"}, "b")
    ready = put("alignment", "ready", sample_id="a", duplicates_marked=True, reference_cid="ref")
    (sample,) = resolve_samples(store, ["a"], {"ref"}, "b")
    assert sample.alignment is not None
    assert sample.alignment.cid == ready


def test_reads_win_over_a_bam(store: LocalStore, put: Put) -> None:
    put("alignment", "ready", sample_id="a", duplicates_marked=True, reference_cid="ref")
    put("r1", "reads", sample_id="a")
    (sample,) = resolve_samples(store, ["a"], {"ref"}, "b")
    assert len(sample.lanes) == 1
    assert sample.alignment is None


def test_one_file_is_not_both_mates(store: LocalStore, put: Put) -> None:
    first = put("r1", "same", sample_id="a")
    put("r2", "same", sample_id="a", mate_cid=first)
    with pytest.raises(UsageError, match="of sample 'a' are the same file"):
        resolve_samples(store, ["a"], set(), "b")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"sequencing_platform": "Illumina NovaSeq"}, "sequencing_platform 'Illumina NovaSeq' of r1-x"),
        ({"library": "lib 1"}, "library of r1-x .* 'lib 1' is not usable"),
        ({"lane": "L1;id"}, "lane of r1-x .* 'L1;id' is not usable"),
    ],
)
def test_a_read_group_that_the_pipeline_would_refuse_names_the_reads(
    store: LocalStore, put: Put, fields: dict[str, str], problem: str
) -> None:
    put("r1", "x", sample_id="a", **fields)
    with pytest.raises(UsageError, match=problem):
        resolve_samples(store, ["a"], set(), "b")


def test_a_bam_whose_second_record_says_that_it_is_ready_enters(store: LocalStore, put: Put) -> None:
    """The error about the first record advises to add the file so."""
    put("alignment", "x", sample_id="a")
    bam = put("alignment", "x", sample_id="a", duplicates_marked=True)
    (sample,) = resolve_samples(store, ["a"], set(), "b")
    assert sample.alignment is not None
    assert sample.alignment.cid == bam


def test_a_cram_is_refused_unless_a_bam_is_there(store: LocalStore, put: Put) -> None:
    put("alignment", "x.cram", sample_id="a", format="cram", duplicates_marked=True)
    with pytest.raises(UsageError, match="is a CRAM"):
        resolve_samples(store, ["a"], {"ref"}, "b")
    bam = put("alignment", "x.bam", sample_id="a", format="bam", duplicates_marked=True)
    (sample,) = resolve_samples(store, ["a"], {"ref"}, "b")
    assert sample.alignment is not None
    assert sample.alignment.cid == bam


def test_a_gvcf_of_another_reference_of_the_build_does_not_enter(store: LocalStore, put: Put) -> None:
    ours, other = put("reference", "ours", build="b"), put("reference", "other", build="b")
    fields = {"sample_id": "a", "variant_type": "gvcf", "build": "b"}
    put("variants", "made elsewhere", **fields, derived_from=["a bam", other])
    with pytest.raises(UsageError, match="No reads, BAM or GVCF"):
        resolve_samples(store, ["a"], {ours}, "b")
    made_here = put("variants", "made here", **fields, derived_from=["a bam", ours])
    (sample,) = resolve_samples(store, ["a"], {ours}, "b")
    assert sample.gvcf is not None
    assert sample.gvcf.cid == made_here


def test_a_sample_with_a_gvcf_only_is_among_those_there_are(store: LocalStore, put: Put) -> None:
    put("variants", "x", sample_id="NA1", variant_type="gvcf", build="b")
    with pytest.raises(UsageError, match="There are: NA1"):
        resolve_samples(store, ["other"], set(), "b")


def test_the_two_halves_know_the_same_platforms() -> None:
    functions = (pipeline_dir() / "subworkflows" / "functions").glob("*.nf")
    (text,) = (text for file in functions if "def platforms()" in (text := file.read_text()))
    listed = text.partition("def platforms()")[2].partition("[")[2].partition("]")[0]
    assert [name.strip(" '") for name in listed.split(",")] == list(PLATFORMS)

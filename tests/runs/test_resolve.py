from collections.abc import Callable
from pathlib import Path

import pytest

from stargazer_cli.assets import new_asset
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.resolve import resolve_reference, resolve_samples
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

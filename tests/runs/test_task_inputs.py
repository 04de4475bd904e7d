"""Which files a task takes: by filters, by links, by name; and what is said where that does not decide."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.assets import Asset, new_asset
from stargazer_cli.catalog import Task
from stargazer_cli.catalog.entries import task_of
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.task_inputs import Chosen, resolve_inputs
from stargazer_cli.store import LocalStore, NewFile

Put = Callable[..., str]


def _role(name: str, kind: str, *, required: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "required": required, **more}


def _task(name: str, *inputs: dict[str, Any], one_sample: bool = True) -> Task:
    of_cohort = {"sample_id": "{label.cohort_id}", "source_samples": "{all.gvcfs.sample_id}"}
    fields = {"sample_id": "{subject}"} if one_sample else of_cohort
    made = [{"name": "made", "kind": "qc_metrics", "fields": fields}]
    return task_of({"name": name, "description": "", "tools": [], "inputs": inputs, "outputs": made}, Path())


REFERENCE = (_role("fasta", "reference"), _role("fai", "reference_index"))
CALL = _task("call", _role("bam", "alignment"), _role("bai", "alignment_index"), *REFERENCE)
MARK = _task("mark", _role("lanes", "alignment", many=True, where={"duplicates_marked": False}))
JOIN = _task(
    "join",
    _role("gvcfs", "variants", many=True, where={"variant_type": "gvcf"}),
    _role("tbis", "variants_index", required=False, many=True),
    *REFERENCE,
    _role("call", "intervals", required=False),
    one_sample=False,
)
ALIGN = _task(
    "align",
    _role("fastq_1", "r1"),
    _role("fastq_2", "r2", required=False),
    _role("index", "aligner_index", many=True, where={"aligner": "bwa"}),
)


@pytest.fixture
def put(store: LocalStore, tmp_path: Path) -> Put:
    """Store a small file under its content as name, with metadata; returns its CID."""

    def put(kind: str, content: str, **fields: object) -> str:
        file = tmp_path / content
        file.write_text(content)
        return store.add([NewFile(file, new_asset(kind, name=content, **fields))])[0].asset.cid

    return put


@pytest.fixture
def find(store: LocalStore) -> Callable[..., Chosen]:
    def find(task: Task, given: dict[str, list[str]] | None = None, **filters: Any) -> Chosen:
        lists = {key: value if isinstance(value, list) else [value] for key, value in filters.items()}
        return resolve_inputs(store, task, lists, given or {})

    return find


def _names(chosen: Chosen) -> dict[str, list[str]]:
    return {role: [asset.name for asset in assets] for role, assets in chosen.items()}


def _genome(put: Put, build: str = "b") -> str:
    fasta = put("reference", f"{build}.fa", build=build)
    put("reference_index", f"{build}.fai", build=build, reference_cid=fasta)
    return fasta


def _bam(put: Put, name: str, sample: str, **fields: object) -> str:
    bam = put("alignment", name, sample_id=sample, **fields)
    put("alignment_index", f"{name}.bai", sample_id=sample, alignment_cid=bam)
    return bam


def test_a_filter_holds_for_the_kinds_that_have_its_key(put: Put, find: Callable[..., Chosen]) -> None:
    for build in ("b", "c"):
        fasta = _genome(put, build)
        for sample in ("s", "t"):
            _bam(put, f"{sample}-{build}.bam", sample, reference_cid=fasta)
    assert _names(find(CALL, sample_id="s", build="b")) == {
        "bam": ["s-b.bam"],
        "bai": ["s-b.bam.bai"],
        "fasta": ["b.fa"],
        "fai": ["b.fai"],
    }


def test_the_reference_is_that_of_the_reads(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put, "b")
    fasta = _genome(put, "c")
    _bam(put, "s.bam", "s", reference_cid=fasta)
    assert _names(find(CALL, sample_id="s"))["fasta"] == ["c.fa"]


def test_what_was_decompressed_is_the_same_reference(put: Put, find: Callable[..., Chosen]) -> None:
    gzipped = put("reference", "b.fa.gz", build="b")
    plain = put("reference", "b.fa", build="b", derived_from=[gzipped])
    put("reference_index", "b.fai", reference_cid=plain)
    _bam(put, "s.bam", "s", reference_cid=gzipped)
    assert _names(find(CALL, sample_id="s"))["fasta"] == ["b.fa"]
    decompress = task_of(
        {
            "name": "decompress",
            "description": "",
            "tools": [],
            "inputs": [_role("fasta", "reference")],
            "outputs": [{"name": "fasta", "kind": "reference"}],
        },
        Path(),
    )
    assert _names(find(decompress)) == {"fasta": ["b.fa.gz"]}


def test_several_candidates_are_listed_with_what_decides(put: Put, find: Callable[..., Chosen]) -> None:
    fasta = _genome(put)
    cids = [_bam(put, f"{sample}.bam", sample, reference_cid=fasta) for sample in ("s", "t")]
    with pytest.raises(UsageError, match="2 assets may be bam of call") as error:
        find(CALL)
    assert error.value.hint is not None
    assert "--input bam=CID" in error.value.hint
    assert "--filter sample_id=" in error.value.hint
    assert [item.split()[0] for item in error.value.items] == cids
    assert "sample_id=t" in error.value.items[1]
    assert _names(find(CALL, {"bam": [cids[1]]}))["bai"] == ["t.bam.bai"]


def test_what_is_missing_is_named_with_what_it_was_looked_for_by(
    put: Put, find: Callable[..., Chosen]
) -> None:
    _bam(put, "s.bam", "s")
    with pytest.raises(UsageError, match="bam of call is missing: the store has no alignment with sample_id"):
        find(CALL, sample_id="x")
    with pytest.raises(UsageError, match="fasta of call is missing: the store has no reference") as error:
        find(CALL, sample_id="s")
    assert error.value.hint is not None
    assert "stargazer assets add FILE -k asset=reference" in error.value.hint


def test_a_companion_that_is_missing_is_named_with_the_task_that_makes_it(
    put: Put, find: Callable[..., Chosen]
) -> None:
    put("reference", "b.fa", build="b")
    _bam(put, "s.bam", "s")
    with pytest.raises(UsageError, match=r"fai of call is missing: b\.fa .* has none") as error:
        find(CALL)
    assert error.value.hint is not None
    assert "samtools_faidx" in error.value.hint


@pytest.mark.parametrize(
    ("where", "makers"),
    [
        ({"sorted": "coordinate", "duplicates_marked": False}, "bwa_mem, bwa_mem2_mem, merge_bam_alignment"),
        ({"bqsr_applied": True}, "apply_bqsr"),
        ({"sorted": "unsorted"}, "bwa_mem, bwa_mem2_mem"),
    ],
)
def test_the_tasks_that_are_named_make_what_is_missing(
    find: Callable[..., Chosen], where: dict[str, Any], makers: str
) -> None:
    with pytest.raises(UsageError, match="bam of call is missing") as error:
        find(_task("call", _role("bam", "alignment", where=where)))
    # sort_sam leaves all but the order as it was.
    others = "" if where.get("sorted") == "unsorted" else ", sort_sam"
    assert f"It is made by {makers}{others}: " in str(error.value.hint)


def test_what_an_asset_says_against_itself_leaves_it_out(put: Put, find: Callable[..., Chosen]) -> None:
    put("alignment", "L2.bam", sample_id="s", duplicates_marked=False)
    put("alignment", "L1.bam", sample_id="s")
    put("alignment", "ready.bam", sample_id="s", duplicates_marked=True)
    put("alignment", "other.bam", sample_id="t", duplicates_marked=True)
    assert _names(find(MARK, sample_id="s")) == {"lanes": ["L1.bam", "L2.bam"]}
    with pytest.raises(
        UsageError, match="lanes of mark is missing: no alignment with sample_id=t in the store"
    ) as error:
        find(MARK, sample_id="t")
    assert "other.bam" in error.value.items[0]
    ready = error.value.items[0].split()[0]
    with pytest.raises(UsageError, match="cannot be lanes of mark, which takes what has duplicates_"):
        find(MARK, {"lanes": [ready]})


def test_the_result_of_one_sample_is_of_one(put: Put, find: Callable[..., Chosen]) -> None:
    first, _ = (put("alignment", f"{sample}.bam", sample_id=sample) for sample in ("s", "t"))
    with pytest.raises(UsageError, match="The inputs of mark are not of one sample_id: s, t") as error:
        find(MARK)
    assert error.value.hint is not None
    assert "--filter sample_id=" in error.value.hint
    assert _names(find(MARK, {"lanes": [first]})) == {"lanes": ["s.bam"]}


def _gvcfs(put: Put, *samples: str, build: str = "b") -> list[str]:
    return [
        put("variants", f"{sample}.{build}.g.vcf.gz", sample_id=sample, variant_type="gvcf", build=build)
        for sample in samples
    ]


def test_a_cohort_is_all_that_the_filters_leave_in_a_fixed_order(
    put: Put, find: Callable[..., Chosen]
) -> None:
    _genome(put)
    cids = _gvcfs(put, "t", "s", "u")
    put("variants", "cohort.vcf.gz", sample_id="cohort", variant_type="vcf", build="b")
    assert _names(find(JOIN))["gvcfs"] == ["s.b.g.vcf.gz", "t.b.g.vcf.gz", "u.b.g.vcf.gz"]
    assert _names(find(JOIN, sample_id=["t", "s"]))["gvcfs"] == ["s.b.g.vcf.gz", "t.b.g.vcf.gz"]
    # Whoever names them decides their order, too.
    assert _names(find(JOIN, {"gvcfs": cids[:2]}))["gvcfs"] == ["t.b.g.vcf.gz", "s.b.g.vcf.gz"]


def test_a_sample_has_one_gvcf_in_a_cohort(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put)
    put("variants", "one", sample_id="s", variant_type="gvcf", build="b")
    put("variants", "two", sample_id="s", variant_type="gvcf", build="b")
    with pytest.raises(UsageError, match="2 of gvcfs of join are of the sample 's'") as error:
        find(JOIN)
    assert len(error.value.items) == 2


def test_optional_companions_may_be_missing(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put)
    first, second = _gvcfs(put, "s", "t")
    put("variants_index", "s.tbi", variants_cid=first)
    assert _names(find(JOIN))["tbis"] == ["s.tbi"]
    put("variants_index", "t.tbi", variants_cid=second)
    assert _names(find(JOIN))["tbis"] == ["s.tbi", "t.tbi"]


def test_an_optional_input_that_is_no_companion_is_named_or_left_out(
    put: Put, find: Callable[..., Chosen]
) -> None:
    _genome(put)
    _gvcfs(put, "s")
    bed = put("intervals", "targets.bed", build="b")
    assert _names(find(JOIN))["call"] == []
    assert _names(find(JOIN, {"call": [bed]}))["call"] == ["targets.bed"]


def test_builds_that_differ_are_refused(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put)
    given = _gvcfs(put, "s") + _gvcfs(put, "t", build="c")
    with pytest.raises(UsageError, match="not of one build: b, c"):
        find(JOIN, {"gvcfs": given})


def test_references_that_differ_are_refused(put: Put, find: Callable[..., Chosen]) -> None:
    fasta, other = _genome(put, "b"), put("reference", "c.fa")
    bam = _bam(put, "s.bam", "s", reference_cid=other)
    with pytest.raises(UsageError, match="not of one reference") as error:
        find(CALL, {"fasta": [fasta], "bam": [bam]})
    assert {item.split(":")[0] for item in error.value.items} == {"bam", "fasta"}


@pytest.mark.parametrize("build", ["GRCh38", "hg38"])
def test_of_two_names_of_the_same_bytes_each_has_its_companions(
    store: LocalStore, put: Put, find: Callable[..., Chosen], build: str
) -> None:
    for name in ("GRCh38", "hg38"):
        fasta = put("reference", "same.fa", build=name)
        put("reference_index", "same.fa.fai", build=name, reference_cid=fasta)
        _bam(put, "same.bam", f"{name}_sample", reference_cid=fasta)
    assert len(store.by_cid(fasta)) == 2
    found = find(CALL, build=build, sample_id=f"{build}_sample")
    said = {str(getattr(asset, "build", "")) for assets in found.values() for asset in assets}
    assert said - {""} == {build}
    assert {getattr(asset, "sample_id", f"{build}_sample") for (asset,) in found.values()} == {
        f"{build}_sample"
    }
    with pytest.raises(UsageError, match="has records that differ in build"):
        find(CALL, sample_id=f"{build}_sample")


def test_an_index_of_another_file_is_refused(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put)
    bam = _bam(put, "s.bam", "s")
    other = put("alignment_index", "x.bai", alignment_cid=_bam(put, "other.bam", "s"))
    with pytest.raises(UsageError, match=r"x\.bai .* given as bai, belongs to"):
        find(CALL, {"bam": [bam], "bai": [other]})


def test_mates_are_found_by_their_link_and_by_their_lane(put: Put, find: Callable[..., Chosen]) -> None:
    for part in ("amb", "ann", "bwt"):
        put("aligner_index", f"b.fa.{part}", aligner="bwa", build="b", reference_cid="ref")
    put("aligner_index", "b.fa.0123", aligner="bwa-mem2", build="b", reference_cid="ref")
    for lane in ("L1", "L2"):
        put("r1", f"{lane}_R1", sample_id="s", lane=lane)
        put("r2", f"{lane}_R2", sample_id="s", lane=lane)
    put("r1", "alone", sample_id="t")
    assert _names(find(ALIGN, sample_id="s", lane="L2")) == {
        "fastq_1": ["L2_R1"],
        "fastq_2": ["L2_R2"],
        "index": ["b.fa.amb", "b.fa.ann", "b.fa.bwt"],
    }
    assert _names(find(ALIGN, sample_id="t"))["fastq_2"] == []
    with pytest.raises(UsageError, match="2 assets may be fastq_1 of align") as error:
        find(ALIGN, sample_id="s")
    assert error.value.hint is not None
    assert "--filter lane=" in error.value.hint


@pytest.mark.parametrize(
    ("lane", "said"),
    [
        ({"lane": "other"}, r"The R2 mate .* has no R1"),
        ({"lane": "L1", "sequencing_platform": "abacus"}, "sequencing_platform 'abacus' .* is not known"),
        ({"lane": "L 1"}, "The lane of R1 .* is not usable"),
    ],
)
def test_reads_are_judged_as_the_workflows_do(
    put: Put, find: Callable[..., Chosen], lane: dict[str, str], said: str
) -> None:
    put("aligner_index", "b.fa.bwt", aligner="bwa", build="b", reference_cid="ref")
    put("r1", "R1", sample_id="s", **lane)
    put("r2", "mate", sample_id="s", lane="L1")
    with pytest.raises(UsageError, match=said):
        find(ALIGN, sample_id="s")


def test_reads_are_not_their_own_mates(put: Put, find: Callable[..., Chosen]) -> None:
    put("aligner_index", "b.fa.bwt", aligner="bwa", build="b", reference_cid="ref")
    reads = put("r1", "same", sample_id="s")
    put("r2", "same", sample_id="s")
    for given in ({}, {"fastq_1": [reads], "fastq_2": [reads]}):
        with pytest.raises(UsageError, match=r"are the same file|which are two files"):
            find(ALIGN, given, sample_id="s")


def test_the_files_of_two_indexes_are_not_one(put: Put, find: Callable[..., Chosen]) -> None:
    put("r1", "reads", sample_id="s")
    for reference in ("one", "two"):
        put("aligner_index", f"{reference}.bwt", aligner="bwa", build=reference, reference_cid=reference)
    with pytest.raises(UsageError, match="not of one"):
        find(ALIGN, sample_id="s")
    assert _names(find(ALIGN, sample_id="s", build="two"))["index"] == ["two.bwt"]


def test_a_role_may_say_whose_companion_it_is(put: Put, find: Callable[..., Chosen]) -> None:
    task = _task(
        "apply",
        _role("vcf", "variants"),
        _role("tbi", "variants_index"),
        _role("recal", "vqsr_model"),
        _role("recal_tbi", "variants_index", required=False, of="recal"),
    )
    vcf, recal = (
        put("variants", "c.vcf", sample_id="c"),
        put("vqsr_model", "c.recal", sample_id="c", mode="SNP"),
    )
    put("variants_index", "c.vcf.tbi", sample_id="c", variants_cid=vcf)
    put("variants_index", "c.recal.tbi", sample_id="c", variants_cid=recal)
    found = _names(find(task))
    assert (found["tbi"], found["recal_tbi"]) == (["c.vcf.tbi"], ["c.recal.tbi"])


def test_one_of_two_inputs_is_taken(put: Put, find: Callable[..., Chosen]) -> None:
    task = _task(
        "genotype",
        _role("workspace", "genomics_db", required=False),
        _role("gvcf", "variants", required=False, instead_of="workspace", where={"variant_type": "gvcf"}),
        _role("tbi", "variants_index", required=False),
    )
    with pytest.raises(UsageError, match="takes workspace or gvcf, one of them, and none is there") as error:
        find(task)
    assert len(error.value.items) == 2
    gvcf = put("variants", "all.g.vcf", sample_id="c", variant_type="gvcf", build="b")
    put("variants_index", "all.g.vcf.tbi", variants_cid=gvcf)
    assert _names(find(task)) == {"workspace": [], "gvcf": ["all.g.vcf"], "tbi": ["all.g.vcf.tbi"]}
    workspace = put("genomics_db", "all.tar", cohort_id="c", build="b")
    with pytest.raises(UsageError, match="and both are there"):
        find(task)
    assert _names(find(task, {"workspace": [workspace]})) == {"workspace": ["all.tar"], "gvcf": [], "tbi": []}
    with pytest.raises(UsageError, match="and both are there"):
        find(task, {"workspace": [workspace], "gvcf": [gvcf]})


def test_what_is_measured_is_followed(put: Put, find: Callable[..., Chosen]) -> None:
    task = _task("query", _role("vcf", "variants"), _role("stats", "qc_metrics"))
    first = put("variants", "first.vcf", sample_id="c", variant_type="vcf")
    second = put("variants", "second.vcf", sample_id="c", variant_type="vcf")
    for name, vcf in (("first", first), ("second", second)):
        put("qc_metrics", f"{name}.stats", sample_id="c", variants_cid=vcf)
    assert _names(find(task, {"vcf": [second]}))["stats"] == ["second.stats"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"bam": ["bafkreinothing"]}, "bam of call: no asset 'bafkreinothing' is in the store"),
        ({"bam": ["FASTA"]}, r"bam of call takes asset=alignment, and b\.fa .* is asset=reference"),
        ({"bam": ["BAM", "FASTA"]}, "takes asset=alignment"),
    ],
)
def test_a_wrong_name_is_refused(
    put: Put, find: Callable[..., Chosen], given: dict[str, list[str]], said: str
) -> None:
    cids = {"FASTA": _genome(put), "BAM": _bam(put, "s.bam", "s")}
    named = {role: [cids.get(cid, cid) for cid in each] for role, each in given.items()}
    with pytest.raises(UsageError, match=said):
        find(CALL, named)


def test_two_files_for_a_role_that_takes_one_are_refused(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put)
    bams = [_bam(put, f"{name}.bam", "s") for name in "xy"]
    with pytest.raises(UsageError, match="2 assets may be bam of call, which takes one"):
        find(CALL, {"bam": bams})


def test_files_that_say_the_same_are_told_by_where_they_came_from(
    put: Put, find: Callable[..., Chosen]
) -> None:
    task = _task("stats", _role("vcf", "variants"))
    made = put("variants", "made.vcf", sample_id="c", run_ids=["hard_filter-1", "later-2"])
    added = put("variants", "added.vcf", sample_id="c")
    with pytest.raises(UsageError, match="2 assets may be vcf of stats") as error:
        find(task)
    told = dict(item.split("  ", 1) for item in error.value.items)
    assert told[made] == "made.vcf  made by hard_filter-1"
    assert told[added].startswith("added.vcf  added 20")


def test_records_that_contradict_each_other_are_told_apart_by_id(
    store: LocalStore, put: Put, find: Callable[..., Chosen]
) -> None:
    cid = put("alignment", "x.bam", sample_id="s")
    put("alignment", "x.bam", sample_id="t")
    put("alignment", "x.bam", sample_id="s", tool="gatk")
    with pytest.raises(UsageError, match=r"x\.bam .* has records that differ in sample_id") as error:
        find(MARK, {"lanes": [cid]})
    assert len(error.value.items) == 3
    ids: dict[str, Asset] = {asset.id: asset for asset in store.by_cid(cid)}
    (of_t,) = (each for each, asset in ids.items() if asset.to_keyvalues()["sample_id"] == "t")
    assert find(MARK, {"lanes": [of_t]})["lanes"][0].id == of_t
    # Of records that agree, the one that says most.
    (fullest,) = find(MARK, sample_id="s")["lanes"]
    assert fullest.to_keyvalues()["tool"] == "gatk"


def test_an_unknown_key_is_refused_with_what_is_close(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put)
    with pytest.raises(UsageError, match=r"No input of call has a key 'sample'\. Did you mean 'sample_id'\?"):
        find(CALL, sample="s")
    with pytest.raises(UsageError, match="No input of call has a key 'reference_cid'"):
        find(CALL, reference_cid="x")
    with pytest.raises(UsageError, match="duplicates_marked of asset=alignment must be true or false"):
        find(CALL, duplicates_marked="maybe")


def test_a_file_of_no_kind_is_found_by_what_it_says(put: Put, find: Callable[..., Chosen]) -> None:
    task = _task("name", _role("sets", "", where={"format": "gmt"}))
    with pytest.raises(UsageError, match="sets of name is missing"):
        find(task)
    put("", "types.gmt", format="gmt")
    assert _names(find(task)) == {"sets": ["types.gmt"]}


RECALIBRATE = _task("recalibrate", _role("bam", "alignment"), _role("table", "bqsr_report"))


def test_a_table_of_another_file_is_not_taken(put: Put, find: Callable[..., Chosen]) -> None:
    first, second = (
        put("alignment", "first.bam", sample_id="s"),
        put("alignment", "second.bam", sample_id="s"),
    )
    table = put("bqsr_report", "first.table", sample_id="s", alignment_cid=first)
    with pytest.raises(UsageError, match=r"table of recalibrate is missing: .* other files") as error:
        find(RECALIBRATE, {"bam": [second]}, sample_id="s")
    (item,) = error.value.items
    assert item.startswith(f"{table}  first.table")
    assert _names(find(RECALIBRATE, {"bam": [second], "table": [table]}))["table"] == ["first.table"]
    # One that says of nothing what it is of may be of any; one of the file itself goes before it.
    put("bqsr_report", "any.table", sample_id="s")
    assert _names(find(RECALIBRATE, {"bam": [second]}))["table"] == ["any.table"]
    assert _names(find(RECALIBRATE, {"bam": [first]}))["table"] == ["first.table"]


def test_a_table_of_what_a_file_was_made_from_is_taken(put: Put, find: Callable[..., Chosen]) -> None:
    first = put("alignment", "first.bam", sample_id="s")
    put("bqsr_report", "first.table", sample_id="s", alignment_cid=first)
    between = put("alignment", "by_name.bam", sample_id="s", derived_from=[first])
    last = put("alignment", "last.bam", sample_id="s", derived_from=[between])
    assert _names(find(RECALIBRATE, {"bam": [last]}))["table"] == ["first.table"]


@pytest.mark.parametrize("named", [False, True])
def test_reads_come_once_into_what_is_put_together(
    put: Put, find: Callable[..., Chosen], named: bool
) -> None:
    unmapped = put("alignment", "raw.bam", sample_id="s", duplicates_marked=True)
    reads = put("r1", "L1_R1", sample_id="s", lane="L1", derived_from=[unmapped])
    put("alignment", "L2.bam", sample_id="s", r1_cid=put("r1", "L2_R1", sample_id="s", lane="L2"))
    one = put("alignment", "L1.bwa.bam", sample_id="s", tool="bwa", r1_cid=reads)
    assert _names(find(MARK, sample_id="s"))["lanes"] == ["L2.bam", "L1.bwa.bam"]
    for name, how in {"L1.other.bam": {"tool": "other", "r1_cid": reads}, "L1.merged.bam": {}}.items():
        made_from = {"derived_from": [unmapped]} if not how else {}
        other = put("alignment", name, sample_id="s", **how, **made_from)
        with pytest.raises(UsageError, match=r"Two of lanes hold the same reads, those of") as error:
            find(MARK, {"lanes": [one, other]} if named else {}, sample_id="s")
        assert "L1.bwa.bam" in error.value.message


@pytest.mark.parametrize("sample", ["", "s"])
def test_what_is_nobodys_is_not_put_together_unless_it_is_named(
    put: Put, find: Callable[..., Chosen], sample: str
) -> None:
    lane, other = put("alignment", "L1.bam", sample_id=sample), put("alignment", "nobody.bam")
    with pytest.raises(UsageError, match=r"one of 2 that may be lanes, does not say whose it is"):
        find(MARK)
    assert len(find(MARK, {"lanes": [lane, other]})["lanes"]) == 2
    if sample:
        assert _names(find(MARK, sample_id="s"))["lanes"] == ["L1.bam"]


def test_every_value_of_a_filter_is_met(put: Put, find: Callable[..., Chosen]) -> None:
    _genome(put)
    bam = _bam(put, "s.bam", "s")
    _gvcfs(put, "s")
    with pytest.raises(UsageError, match=r"No input of join has sample_id=t: sample_id is s\."):
        find(JOIN, sample_id=["s", "t"])
    # A file that is named against a filter: one of them is a slip.
    with pytest.raises(UsageError, match=r"No input of call has sample_id=t: sample_id is s\."):
        find(CALL, {"bam": [bam]}, sample_id="t")


@pytest.mark.parametrize(
    ("parent", "child", "fields"),
    [("r1", "r2", {}), ("vqsr_model", "vqsr_tranches", {"mode": "SNP"})],
)
def test_a_companion_that_is_named_is_that_which_its_file_names(
    put: Put, find: Callable[..., Chosen], parent: str, child: str, fields: dict[str, str]
) -> None:
    task = _task("take", _role("file", parent), _role("companion", child))
    own, other = put(child, "own", **fields), put(child, "other", **fields)
    link = {"mate_cid" if parent == "r1" else "tranches_cid": own}
    file = put(parent, "file", **fields, **link)
    assert _names(find(task, {"companion": [own]})) == _names(find(task))
    with pytest.raises(UsageError, match=f"other .* given as companion, is not that of file, which is {own}"):
        find(task, {"file": [file], "companion": [other]})


def test_of_the_same_bytes_the_record_that_says_more_decides(put: Put, find: Callable[..., Chosen]) -> None:
    put("alignment", "lane.bam", sample_id="s", duplicates_marked=False)
    put("alignment", "marked.bam", sample_id="s", duplicates_marked=True)
    put("alignment", "marked.bam", sample_id="s")
    assert _names(find(MARK, sample_id="s"))["lanes"] == ["lane.bam"]

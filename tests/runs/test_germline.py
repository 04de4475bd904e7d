"""What a germline run decides, computes and finds done; nothing is run."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.assets import Asset, new_asset
from stargazer_cli.errors import UsageError
from stargazer_cli.runs import decisions
from stargazer_cli.runs.execute import files_of
from stargazer_cli.runs.germline import Request, plan
from stargazer_cli.runs.known_sites import resolve_known_sites, variant_types
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.runs.reference import bases_of
from stargazer_cli.runs.resolve import resolve_reference
from stargazer_cli.store import LocalStore, NewFile

Put = Callable[..., str]

WORKFLOW = "germline_short_variant_discovery"
VERSIONS = {name: dict.fromkeys(task.tools, "1.0") for name, task in catalog.tasks().items()}
SITES = {"resource_name": "dbsnp", "known": True, "prior": 2.0}
TRAINING = {"known": False, "training": True, "truth": True, "prior": 15.0}

BAM = ("alignment", "alignment_index")
CALLS = ("variants", "variants_index")
MADE: dict[str, tuple[str, ...]] = {
    "samtools_faidx": ("reference_index",),
    "create_sequence_dictionary": ("sequence_dict",),
    "bwa_index": ("aligner_index",) * 5,
    "index_feature_file": ("known_sites_index",),
    "bwa_mem": BAM,
    "merge_bam_alignment": BAM,
    "mark_duplicates": (*BAM, "duplicate_metrics"),
    "apply_bqsr": BAM,
    "base_recalibrator": ("bqsr_report", "qc_metrics"),
    "sort_sam": BAM,
    "samtools_stats": ("qc_metrics",),
    "samtools_coverage": ("qc_metrics",),
    "haplotype_caller": CALLS,
    "joint_call_gvcfs": CALLS,
    "hard_filter": CALLS,
    "apply_vqsr": CALLS,
    "variant_recalibrator": ("vqsr_model", "vqsr_model", "vqsr_tranches", "vqsr_tranches"),
    "bcftools_stats": ("qc_metrics",),
    "multiqc": ("report",),
}
OF_A_SAMPLE = {"mark_duplicates", "samtools_stats", "samtools_coverage", "haplotype_caller"}
RECALIBRATING = {"base_recalibrator", "apply_bqsr"}
OF_THE_COHORT = {"hard_filter", "bcftools_stats", "multiqc"}


def vcf(*changes: str) -> str:
    """A VCF without samples, with these changes as `A>T`."""
    lines = [
        f"c\t{100 * number}\t.\t{change.replace('>', chr(9))}\t.\t.\t."
        for number, change in enumerate(changes, 1)
    ]
    return "\n".join(["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO", *lines, ""])


def bam(header: str) -> bytes:
    text = header.encode()
    return gzip.compress(b"BAM\x01" + len(text).to_bytes(4, "little") + text + bytes(4), mtime=0)


@pytest.fixture
def put(store: LocalStore, tmp_path: Path) -> Put:
    """Store a small file with metadata; returns its CID."""

    def put(kind: str, name: str, content: str | bytes = "", **fields: object) -> str:
        file = tmp_path / name
        file.write_bytes((content or name).encode() if isinstance(content or name, str) else content)  # type: ignore[union-attr, arg-type]
        return store.add([NewFile(file, new_asset(kind, name=name, **fields))])[0].asset.cid

    return put


@pytest.fixture(autouse=True)
def reads(put: Put) -> None:
    """A reference, and the reads of three samples."""
    put("reference", "r.fa", ">c\nACGT\nAC\n", build="b")
    for sample in ("s1", "s2", "s3"):
        put("r1", f"{sample}.fq", sample_id=sample)


@pytest.fixture(autouse=True)
def toys_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference of 6 bases is enough to recalibrate from."""
    monkeypatch.setattr(decisions, "ENOUGH_TO_RECALIBRATE", 1)


@pytest.fixture
def bed(tmp_path: Path) -> Asset:
    """Regions that are not in the store."""
    file = tmp_path / "targets.bed"
    file.write_text("c\t0\t4\n")
    return new_asset("intervals", cid="bafkreibed", name=file.name, path=file, build="b")


def request(*samples: str, **fields: Any) -> Request:
    fields = {
        "workflow": WORKFLOW,
        "build": "b",
        "aligner": "bwa",
        "samples": samples or ("s1", "s2"),
        **fields,
    }
    return Request(**fields)


def carry_out(store: LocalStore, put: Put, planned: Plan, without: Sequence[str] = ()) -> None:
    """Store what the pipeline would have made of a plan."""
    recalibrated = {step.subject for step in planned.steps if step.stage == "apply_bqsr"}
    for step in planned.steps:
        if step.reused or step.stage in without:
            continue
        subject = "" if planned.recipe_of(step.stage, "") else step.subject
        spec = planned.recipe_of(step.stage, subject)
        if spec is None:
            continue  # done on the way to another's result
        recipe = spec.digest(VERSIONS)
        assert recipe
        kinds = MADE[step.stage]
        if step.stage in ("bwa_mem", "merge_bam_alignment"):
            kinds *= sum(row["sample"] == step.subject for row in planned.samplesheet)
        marked = step.stage == "mark_duplicates" and step.subject in recalibrated
        left_out = BAM if marked and not planned.parameters.get("save_intermediates") else ()
        for number, kind in enumerate(kinds):
            if kind in left_out:
                continue
            fields = {"sample_id": subject} if subject and kind not in ("report", "known_sites_index") else {}
            put(kind, f"{kind}-{recipe[:12]}-{number}", recipe=recipe, run_ids=["run"], **fields)


def computed(planned: Plan) -> set[tuple[str, str]]:
    """What is made that has a recipe of its own."""
    own = {spec.stage for spec in planned.recipes}
    return {(step.stage, step.subject) for step in planned.steps if not step.reused and step.stage in own}


def on_the_way(planned: Plan) -> list[tuple[str, str]]:
    """What runs besides."""
    own = {spec.stage for spec in planned.recipes}
    return [(step.stage, step.subject) for step in planned.steps if step.stage not in own]


def stages(planned: Plan, subject: str) -> set[str]:
    return {stage for stage, of in computed(planned) if of == subject}


def named(planned: Plan, parameter: str) -> list[str]:
    """The names of the files that a parameter lists."""
    return sorted(Path(path).name.partition("-")[0] for path in planned.parameters.get(parameter, []))


@pytest.fixture
def sites(put: Put) -> str:
    """Known SNPs and indels of the build in one file."""
    return put("known_sites", "dbsnp.vcf", vcf("A>T", "AC>A"), build="b", **SITES)


# What is decided


def test_without_known_sites_nothing_is_recalibrated_and_hard_filters_follow(store: LocalStore) -> None:
    planned = plan(store, request(), VERSIONS)
    assert planned.notes[0] == "bqsr: off (no known sites of the build are in the store)"
    assert planned.notes[1].startswith("filter: hard (2 samples on 6 bases, no training or truth resource")
    assert (planned.parameters["bqsr"], planned.parameters["filter"]) == ("off", "hard")
    assert stages(planned, "s1") == OF_A_SAMPLE
    assert stages(planned, "cohort") == OF_THE_COHORT
    assert planned.known_sites == []


def test_all_that_runs_is_planned_also_what_has_no_recipe_of_its_own(
    store: LocalStore, put: Put, bed: Asset
) -> None:
    of_the_cohort = [("joint_call_gvcfs", "cohort"), ("bcftools_query", "cohort")]
    planned = plan(store, request(), VERSIONS)
    assert on_the_way(planned) == [("bwa_mem", "s1"), ("bwa_mem", "s2"), *of_the_cohort]
    split = on_the_way(plan(store, request(intervals=bed), VERSIONS))
    assert split == [("bwa_mem", "s1"), ("bwa_mem", "s2"), ("split_intervals", "cohort"), *of_the_cohort]
    carry_out(store, put, planned)
    assert on_the_way(plan(store, request(), VERSIONS)) == []
    assert on_the_way(plan(store, request("s1", "s2", "s3"), VERSIONS)) == [("bwa_mem", "s3"), *of_the_cohort]
    assert on_the_way(plan(store, request(filter="none", skip_report=True), VERSIONS)) == []
    put("alignment", "x.bam", bam(UNMAPPED.format("x")), sample_id="u")
    other = plan(store, request("u", aligner="bwa-mem2", workflow="preprocess_sample"), VERSIONS)
    assert set(on_the_way(other)) == {
        ("samtools_fastq", "u"), ("bwa_mem2_mem", "u"), ("merge_bam_alignment", "u"),
    }  # fmt: skip


def test_a_reference_that_is_worth_it_is_planned_to_be_split(store: LocalStore, put: Put) -> None:
    """From the 8 Mb on of which count_parts makes two parts."""
    parts = {"split_intervals", "gather_vcfs"}
    for build, bases, split in (("large", 8_000_000, parts), ("less", 7_999_999, set())):
        put("reference", f"{build}.fa", f">c\n{'A' * bases}\n", build=build)
        tasks = {stage for stage, _ in on_the_way(plan(store, request(build=build), VERSIONS))}
        assert tasks & parts == split
        asked = request(build=build, parameters={"scatter_count": 2})
        assert {stage for stage, _ in on_the_way(plan(store, asked, VERSIONS))} >= parts


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"parameters": {"interval_padding": 7}}, "--interval-padding does nothing without --intervals"),
        ({"parameters": {"max_gaussians_snp": 2}}, "--max-gaussians-snp does nothing as the filter is hard"),
        (
            {"parameters": {"truth_sensitivity_indel": 98.0}, "filter": "none"},
            "--truth-sensitivity-indel does nothing as the filter is none",
        ),
    ],
)
def test_an_option_that_does_nothing_is_said(store: LocalStore, fields: dict[str, Any], note: str) -> None:
    assert plan(store, request(**fields), VERSIONS).notes[2:] == [note]
    assert len(plan(store, request(), VERSIONS).notes) == 2


def test_with_known_snps_and_indels_reads_are_recalibrated(store: LocalStore, sites: str) -> None:
    planned = plan(store, request(), VERSIONS)
    assert planned.notes[0] == "bqsr: on (known SNPs and indels in dbsnp)"
    assert stages(planned, "s1") == OF_A_SAMPLE | RECALIBRATING
    assert ("index_feature_file", "dbsnp") in computed(planned)
    (row,) = planned.known_sites
    assert planned.inputs[row.pop("vcf")] == sites
    assert row == {
        "resource_name": "dbsnp",
        "index": "",
        "known": "true",
        "training": "",
        "truth": "",
        "prior": "2.0",
        "vqsr_mode": "",
    }


def test_indels_alone_are_not_learnt_from(store: LocalStore, put: Put) -> None:
    put("known_sites", "mills.vcf", vcf("AC>A", "A>AT"), build="b")
    planned = plan(store, request(), VERSIONS)
    assert planned.notes[0] == "bqsr: off (no known SNPs: unmasked variants would be learnt as errors)"
    assert planned.known_sites == []
    assert not any(name.endswith("mills.vcf") for name in planned.inputs)


def test_known_sites_of_another_build_count_for_nothing(store: LocalStore, put: Put) -> None:
    put("known_sites", "dbsnp.vcf", vcf("A>T", "AC>A"), build="other")
    assert plan(store, request(), VERSIONS).parameters["bqsr"] == "off"


def test_known_sites_are_chosen_by_their_cids(store: LocalStore, put: Put, sites: str) -> None:
    other = put("known_sites", "mills.vcf", vcf("AC>A"), build="b")
    assert plan(store, request(known_sites=(sites,)), VERSIONS).parameters["bqsr"] == "on"
    assert plan(store, request(known_sites=(other,)), VERSIONS).parameters["bqsr"] == "off"
    left_out = plan(store, request(known_sites=()), VERSIONS)
    assert left_out.parameters["bqsr"] == "off"
    assert left_out.notes[0] == "bqsr: off (--known-sites none)"
    with pytest.raises(UsageError, match="No known sites of build 'b' have the CID bafkreinone") as error:
        plan(store, request(known_sites=("bafkreinone",)), VERSIONS)
    assert sites in str(error.value.hint)


def test_the_files_tell_the_pipeline_what_was_decided(store: LocalStore, sites: str, tmp_path: Path) -> None:
    planned = plan(store, request(skip_report=True), VERSIONS)
    files = files_of(planned, RunFolder(tmp_path / "run"))
    assert set(files) == {"samplesheet.csv", "known_sites.csv", "params.json"}
    header, row = files["known_sites.csv"].splitlines()
    assert header == "resource_name,vcf,index,known,training,truth,prior,vqsr_mode"
    assert row.startswith("dbsnp,/")
    for said in (
        '"bqsr": "on"',
        '"filter": "hard"',
        '"skip_report": true',
        f'{tmp_path}/run/known_sites.csv"',
    ):
        assert said in files["params.json"]


def test_a_model_is_trained_on_resources_of_both_modes(
    store: LocalStore, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, mode, change in (("hapmap", "SNP", "A>T"), ("mills", "INDEL", "AC>A")):
        put(
            "known_sites",
            f"{name}.vcf",
            vcf(change),
            build="b",
            resource_name=name,
            vqsr_mode=mode,
            **TRAINING,
        )
    planned = plan(store, request(filter="vqsr"), VERSIONS)
    assert "may be too few variants to train on" in planned.notes[1]
    assert stages(planned, "cohort") == {"variant_recalibrator", "apply_vqsr", "bcftools_stats", "multiqc"}
    assert [row["resource_name"] for row in planned.known_sites] == ["hapmap", "mills"]
    carry_out(store, put, planned)
    assert plan(store, request(filter="vqsr"), VERSIONS).complete
    # Whether depths take part is decided by how much is called.
    with monkeypatch.context() as patched:
        patched.setattr(decisions.Target, "targeted", True)
        again = plan(store, request(filter="vqsr", skip_report=True), VERSIONS)
    assert stages(again, "cohort") >= stages(planned, "cohort") - {"multiqc", "bcftools_query"}
    assert not stages(again, "s1")
    # How far a resource is trusted changes the model, and nothing that comes before it.
    (hapmap,) = store.find(resource_name="hapmap")
    store.update(hapmap.cid, {"prior": 10.0})
    again = plan(store, request(filter="vqsr"), VERSIONS)
    assert computed(again) == {(stage, "cohort") for stage in stages(planned, "cohort")}


def test_without_filters_the_joint_call_is_the_result(store: LocalStore) -> None:
    planned = plan(store, request(filter="none", skip_report=True), VERSIONS)
    assert stages(planned, "cohort") == {"joint_call_gvcfs", "bcftools_stats"}


# What is not made again


def test_what_was_made_once_is_all_there_is(store: LocalStore, put: Put, sites: str) -> None:
    first = plan(store, request(), VERSIONS)
    carry_out(store, put, first)
    again = plan(store, request(), VERSIONS)
    assert again.complete
    assert again.samplesheet == []
    assert again.known_sites == []
    made = {cid for step in again.steps for cid in step.cids}
    kinds = sorted(asset.kind for asset in store.find(cid=sorted(made)))
    each = (*BAM, *CALLS, "bqsr_report", "duplicate_metrics", *("qc_metrics",) * 3)
    assert kinds == sorted([*each, *each, *CALLS, "qc_metrics", "report"])


@pytest.mark.parametrize("recalibrated", [False, True])
def test_another_sample_is_all_that_is_computed(
    store: LocalStore, put: Put, sites: str, recalibrated: bool
) -> None:
    bqsr = "on" if recalibrated else "off"
    carry_out(store, put, plan(store, request(bqsr=bqsr), VERSIONS))
    planned = plan(store, request("s1", "s2", "s3", bqsr=bqsr), VERSIONS)
    assert stages(planned, "s3") == OF_A_SAMPLE | (RECALIBRATING if recalibrated else set())
    assert {subject for _, subject in computed(planned)} == {"s3", "cohort"}
    entries = {
        row["sample"]: sorted(column for column, value in row.items() if value) for row in planned.samplesheet
    }
    assert entries["s1"] == entries["s2"] == ["gvcf", "sample", "tbi"]
    assert "fastq_1" in entries["s3"]
    # What was counted in the first two is in the report of all three.
    tables = ["bqsr_report", "qc_metrics"] if recalibrated else []
    assert named(planned, "qc_metrics") == sorted(
        2 * ["duplicate_metrics", "qc_metrics", "qc_metrics", *tables]
    )
    index = [step for step in planned.steps if step.stage == "index_feature_file"]
    assert [step.reused for step in index] == [True] * recalibrated


def test_another_way_of_calling_takes_the_bams_that_are_there(
    store: LocalStore, put: Put, sites: str
) -> None:
    carry_out(store, put, plan(store, request(), VERSIONS))
    planned = plan(store, request(parameters={"pcr_indel_model": "NONE"}), VERSIONS)
    assert stages(planned, "s1") == {"haplotype_caller", "samtools_stats", "samtools_coverage"}
    (row, _) = planned.samplesheet
    assert row["bam"]
    assert row["bai"]
    # The statistics are counted again, what was counted on the way to the BAM is not.
    assert named(planned, "qc_metrics") == sorted(2 * ["bqsr_report", "duplicate_metrics", "qc_metrics"])


def test_known_sites_decide_over_what_is_recalibrated_only(store: LocalStore, put: Put, sites: str) -> None:
    for bqsr in ("on", "off"):
        carry_out(store, put, plan(store, request(bqsr=bqsr), VERSIONS))
    put("known_sites", "more.vcf", vcf("A>G", "ACC>A"), build="b")
    assert plan(store, request(bqsr="off"), VERSIONS).complete
    assert stages(plan(store, request(bqsr="on"), VERSIONS), "s1") >= RECALIBRATING | {"haplotype_caller"}
    assert plan(store, request(bqsr="on", known_sites=(sites,)), VERSIONS).complete


def test_where_the_report_alone_is_missing_the_joint_call_is_made_again(store: LocalStore, put: Put) -> None:
    carry_out(store, put, plan(store, request(), VERSIONS), without=["multiqc"])
    assert plan(store, request(skip_report=True), VERSIONS).complete
    planned = plan(store, request(), VERSIONS)
    assert computed(planned) == {(stage, "cohort") for stage in OF_THE_COHORT}
    assert all(row["gvcf"] for row in planned.samplesheet)


def test_a_pedigree_is_for_the_report_alone(store: LocalStore, put: Put, tmp_path: Path) -> None:
    carry_out(store, put, plan(store, request(), VERSIONS))
    file = tmp_path / "family.ped"
    file.write_text("f s1 0 0 1 0\n")
    ped = Asset(cid="bafkreiped", name=file.name, path=file, format="ped")
    planned = plan(store, request(pedigree=ped), VERSIONS)
    assert computed(planned) == {(stage, "cohort") for stage in OF_THE_COHORT}
    assert planned.inputs[planned.parameters["pedigree"]] == "bafkreiped"
    assert plan(store, request(pedigree=ped, skip_report=True), VERSIONS).complete


def test_regions_decide_over_calls_and_not_over_alignments(store: LocalStore, put: Put, bed: Asset) -> None:
    carry_out(store, put, plan(store, request(), VERSIONS))
    planned = plan(store, request(intervals=bed), VERSIONS)
    assert "haplotype_caller" in stages(planned, "s1")
    assert "mark_duplicates" not in stages(planned, "s1")
    assert planned.inputs[planned.parameters["intervals"]] == "bafkreibed"
    assert "2 samples on 4 bases of --intervals" in planned.notes[1]


def test_regions_decide_over_what_is_learnt_in_them(
    store: LocalStore, put: Put, sites: str, bed: Asset
) -> None:
    carry_out(store, put, plan(store, request(), VERSIONS))
    assert "apply_bqsr" in stages(plan(store, request(intervals=bed), VERSIONS), "s1")


def test_the_padding_of_no_regions_is_nothing(store: LocalStore, put: Put, bed: Asset) -> None:
    carry_out(store, put, plan(store, request(), VERSIONS))
    assert plan(store, request(parameters={"interval_padding": 7}), VERSIONS).complete
    carry_out(store, put, plan(store, request(intervals=bed), VERSIONS))
    assert plan(store, request(intervals=bed), VERSIONS).complete
    assert not plan(store, request(intervals=bed, parameters={"interval_padding": 7}), VERSIONS).complete


def test_one_sample_is_preprocessed_without_calling_it(store: LocalStore, put: Put, sites: str) -> None:
    asked = request("s1", workflow="preprocess_sample")
    planned = plan(store, asked, VERSIONS)
    assert stages(planned, "s1") == (OF_A_SAMPLE | RECALIBRATING) - {"haplotype_caller"}
    assert [note.partition(":")[0] for note in planned.notes] == ["bqsr"]
    carry_out(store, put, planned)
    assert plan(store, asked, VERSIONS).complete
    assert "mark_duplicates" not in stages(plan(store, request("s1"), VERSIONS), "s1")


@pytest.mark.parametrize(
    ("subworkflow", "anew", "kept"),
    [
        ("filter_variants", {("hard_filter", "cohort")}, {("haplotype_caller", "s1"), ("apply_bqsr", "s1")}),
        (
            "germline_short_variant_discovery",
            {("hard_filter", "cohort"), ("haplotype_caller", "s1")},
            {("apply_bqsr", "s1")},
        ),
        ("preprocess_sample", {("haplotype_caller", "s1"), ("apply_bqsr", "s1")}, {("bwa_index", "b")}),
        ("index_known_sites", {("apply_bqsr", "s1")}, {("bwa_index", "b")}),
        ("prepare_reference", {("apply_bqsr", "s1"), ("bwa_index", "b")}, {("index_feature_file", "dbsnp")}),
        ("quality_control", {("multiqc", "cohort")}, {("haplotype_caller", "s1"), ("apply_bqsr", "s1")}),
        ("scrna_clustering_pipeline", set(), {("hard_filter", "cohort"), ("apply_bqsr", "s1")}),
    ],
)
def test_what_another_wiring_stands_before_is_made_anew(
    store: LocalStore,
    put: Put,
    sites: str,
    monkeypatch: pytest.MonkeyPatch,
    subworkflow: str,
    anew: set[tuple[str, str]],
    kept: set[tuple[str, str]],
) -> None:
    carry_out(store, put, plan(store, request(), VERSIONS))
    another(subworkflow, monkeypatch)
    planned = plan(store, request(), VERSIONS)
    assert anew <= computed(planned)
    assert not kept & computed(planned)
    assert planned.complete is not bool(anew)


def another(subworkflow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the wiring of a subworkflow another."""
    wiring_of = catalog.wiring_of
    monkeypatch.setattr(
        catalog,
        "wiring_of",
        lambda names: {
            name: "0" if name == subworkflow else digest for name, digest in wiring_of(names).items()
        },
    )


def test_what_is_counted_otherwise_is_counted_in_the_bam_that_is_there(
    store: LocalStore, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calling again would be dear: a report does without, and preprocessing counts again."""
    asked, alone = request("s1"), request("s1", workflow="preprocess_sample")
    carry_out(store, put, plan(store, asked, VERSIONS))
    assert plan(store, alone, VERSIONS).complete
    another("quality_control", monkeypatch)
    planned = plan(store, asked, VERSIONS)
    assert not stages(planned, "s1")
    assert "without the depths of s1" in planned.notes[-1]
    assert not any("depths" in note for note in plan(store, request("s2"), VERSIONS).notes)
    planned = plan(store, alone, VERSIONS)
    assert stages(planned, "s1") == {"samtools_stats", "samtools_coverage"}
    (row,) = planned.samplesheet
    assert row["bam"]
    assert row["bai"]
    carry_out(store, put, planned)
    planned = plan(store, asked, VERSIONS)
    assert named(planned, "qc_metrics") == ["duplicate_metrics", "qc_metrics", "qc_metrics"]
    assert not any("depths" in note for note in planned.notes)


def targets(folder: Path, name: str = "targets.bed", end: int = 4) -> Asset:
    """Regions under a name; their CID is that of the last base."""
    (folder / name).write_text(f"c\t0\t{end}\n")
    return new_asset("intervals", cid=f"bafkreibed{end}", name=name, path=folder / name, build="b")


def test_statistics_are_those_of_the_regions(store: LocalStore, put: Put, tmp_path: Path) -> None:
    def asked(end: int) -> Request:
        return request("s1", workflow="preprocess_sample", intervals=targets(tmp_path, end=end))

    carry_out(store, put, plan(store, asked(4), VERSIONS))
    assert plan(store, asked(4), VERSIONS).complete
    assert stages(plan(store, asked(3), VERSIONS), "s1") == {"samtools_stats", "samtools_coverage"}


@pytest.mark.parametrize("told", ["the name of the regions", "the name of known sites", "a reason"])
def test_a_report_is_made_again_where_it_would_tell_something_else(
    store: LocalStore, put: Put, tmp_path: Path, sites: str, told: str
) -> None:
    bed = targets(tmp_path)
    # What `auto` decides names the known sites in its reason; this does not.
    fields: dict[str, Any] = {"bqsr": "on"}
    carry_out(store, put, plan(store, request(intervals=bed, **fields), VERSIONS))
    assert plan(store, request(intervals=bed, **fields), VERSIONS).complete
    if told == "the name of the regions":
        bed = targets(tmp_path, "renamed.bed")
    elif told == "the name of known sites":
        store.update(sites, {"resource_name": "renamed"})
    else:
        fields["bqsr"] = "auto"
    planned = plan(store, request(intervals=bed, **fields), VERSIONS)
    assert ("multiqc", "cohort") in computed(planned)
    assert not stages(planned, "s1")
    assert plan(store, request(intervals=bed, skip_report=True, **fields), VERSIONS).complete


def test_a_report_tells_the_files_and_the_decisions(store: LocalStore, put: Put, tmp_path: Path) -> None:
    planned = plan(store, request(intervals=targets(tmp_path)), VERSIONS)
    spec = planned.recipe_of("multiqc", "cohort")
    assert spec is not None
    assert {name: text.partition(":")[0] for name, text in spec.told.items()} == {
        "build": "b",
        "reference": "r.fa",
        "intervals": "targets.bed",
        "bqsr": "off",
        "filter": "hard",
    }
    assert not any(each.told for each in planned.recipes if each.stage != "multiqc")
    renamed = spec.model_copy(update={"told": spec.told | {"reference": "other.fa"}})
    assert renamed.digest(VERSIONS) != spec.digest(VERSIONS)


# Files on the way to a BAM

KEPT = {"save_intermediates": True}


@pytest.mark.parametrize("workflow", [WORKFLOW, "preprocess_sample"])
@pytest.mark.parametrize("bqsr", ["on", "off"])
def test_what_is_wanted_of_the_way_and_is_not_here_is_made(
    store: LocalStore, put: Put, sites: str, bqsr: str, workflow: str
) -> None:
    carry_out(store, put, plan(store, request(bqsr=bqsr, workflow=workflow), VERSIONS))
    asked = request(bqsr=bqsr, workflow=workflow, options=KEPT)
    planned = plan(store, asked, VERSIONS)
    made = {"bwa_mem", "mark_duplicates"} | (RECALIBRATING if bqsr == "on" else set())
    assert stages(planned, "s1") >= made
    assert all(row["fastq_1"] for row in planned.samplesheet)
    assert planned.parameters["aligner_index"]
    assert "intermediates: s1, s2 made again from the reads (--save-intermediates)" in planned.notes
    carry_out(store, put, planned)
    again = plan(store, asked, VERSIONS)
    assert again.complete
    assert not any("intermediates" in note for note in again.notes)
    kept = [step for step in again.steps if step.stage in ("bwa_mem", "mark_duplicates")]
    assert {(step.stage, len(step.cids)) for step in kept} == {("bwa_mem", 2), ("mark_duplicates", 3)}
    assert plan(store, request(bqsr=bqsr, workflow=workflow), VERSIONS).complete


def test_only_the_samples_whose_intermediates_are_not_here_are_made_again(
    store: LocalStore, put: Put
) -> None:
    carry_out(store, put, plan(store, request("s1", options=KEPT), VERSIONS))
    carry_out(store, put, plan(store, request("s2"), VERSIONS))
    planned = plan(store, request("s1", "s2", options=KEPT), VERSIONS)
    assert not stages(planned, "s1")
    assert stages(planned, "s2") == OF_A_SAMPLE | {"bwa_mem"}
    assert [bool(row["gvcf"]) for row in planned.samplesheet] == [True, False]
    # The BAMs on the way are no metrics.
    assert named(planned, "qc_metrics") == ["duplicate_metrics", "qc_metrics", "qc_metrics"]


def test_the_marked_bams_are_no_metrics(store: LocalStore, put: Put, sites: str) -> None:
    carry_out(store, put, plan(store, request("s1", options=KEPT), VERSIONS))
    planned = plan(store, request("s1", "s2", options=KEPT), VERSIONS)
    assert named(planned, "qc_metrics") == ["bqsr_report", "duplicate_metrics", *("qc_metrics",) * 3]


@pytest.mark.parametrize(
    ("field", "value"), [("lane", "L9"), ("library", "other"), ("sequencing_platform", "ONT")]
)
def test_another_read_group_is_another_bam(store: LocalStore, put: Put, field: str, value: str) -> None:
    carry_out(store, put, plan(store, request("s1"), VERSIONS))
    (reads,) = store.find(asset="r1", sample_id="s1")
    store.update(reads.cid, {field: value})
    assert stages(plan(store, request("s1"), VERSIONS), "s1") == OF_A_SAMPLE


# Unmapped BAMs

UNMAPPED = "@HD\tVN:1.6\n@RG\tID:{0}\tSM:u\n"


def test_unmapped_bams_are_lanes_of_their_sample(store: LocalStore, put: Put, sites: str) -> None:
    cids = [put("alignment", f"{n}.bam", bam(UNMAPPED.format(n)), sample_id="u") for n in ("x", "y")]
    planned = plan(store, request("u"), VERSIONS)
    assert [row["lane"] for row in planned.samplesheet] == ["L1", "L2"]
    assert {planned.inputs[row["bam"]] for row in planned.samplesheet} == set(cids)
    assert not any(row["bai"] for row in planned.samplesheet)
    assert stages(planned, "u") == OF_A_SAMPLE | RECALIBRATING
    assert ("bwa_index", "b") in computed(planned)
    spec = planned.recipe_of("haplotype_caller", "u")
    assert spec is not None
    assert {"merge_bam_alignment", "samtools_fastq"} <= set(spec.tasks)
    carry_out(store, put, planned)
    assert plan(store, request("u"), VERSIONS).complete
    kept = plan(store, request("u", options=KEPT), VERSIONS)
    assert stages(kept, "u") >= {"merge_bam_alignment", "mark_duplicates"}
    carry_out(store, put, kept)
    assert plan(store, request("u", options=KEPT), VERSIONS).complete


def test_one_unmapped_bam_needs_no_lane_and_a_mapped_one_must_be_ready(store: LocalStore, put: Put) -> None:
    put("alignment", "x.bam", bam(UNMAPPED.format("x")), sample_id="u")
    (row,) = plan(store, request("u"), VERSIONS).samplesheet
    assert row["lane"] == ""
    put("alignment", "m.bam", bam("@HD\tVN:1.6\n@SQ\tSN:c\tLN:6\n"), sample_id="m")
    with pytest.raises(UsageError, match="not recorded as duplicate-marked"):
        plan(store, request("m"), VERSIONS)


def test_a_bam_that_is_ready_is_not_recalibrated(store: LocalStore, put: Put, sites: str) -> None:
    header = "@HD\tVN:1.6\n@SQ\tSN:c\tLN:6\n"
    cid = put("alignment", "m.bam", bam(header), sample_id="m", duplicates_marked=True)
    put("alignment_index", "m.bam.bai", sample_id="m", alignment_cid=cid)
    planned = plan(store, request("m"), VERSIONS)
    assert planned.notes[0] == "bqsr: off (no sample enters as reads or as an unmapped BAM)"
    assert stages(planned, "m") == {"samtools_stats", "samtools_coverage", "haplotype_caller"}


# Known sites: which files, and what is in them


@pytest.mark.parametrize(
    ("changes", "types"),
    [
        (("A>T",), {"SNP"}),
        (("a>t",), {"SNP"}),
        (("AC>A",), {"INDEL"}),
        (("A>T,AT",), {"SNP", "INDEL"}),
        (("A>T", "A>ACG"), {"SNP", "INDEL"}),
        (("AC>GT",), set()),
        (("A><DEL>", "A>*", "A>."), set()),
        ((), set()),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_the_types_are_those_of_the_records(
    tmp_path: Path, changes: tuple[str, ...], types: set[str], compressed: bool
) -> None:
    text = vcf(*changes).encode()
    (tmp_path / "x.vcf").write_bytes(gzip.compress(text) if compressed else text)
    assert variant_types(tmp_path / "x.vcf") == types


def test_two_resources_of_one_name_are_a_question_for_the_user(
    store: LocalStore, put: Put, sites: str
) -> None:
    other = put("known_sites", "other.vcf", vcf("A>G"), build="b", resource_name="DBSNP")
    with pytest.raises(UsageError, match="Two known_sites of build 'b' are named") as error:
        plan(store, request(), VERSIONS)
    assert "--known-sites" in str(error.value.hint)
    assert other in str(error.value.hint)
    assert plan(store, request(known_sites=(sites,)), VERSIONS).parameters["bqsr"] == "on"


def test_two_records_of_one_file_are_refused(store: LocalStore, put: Put, sites: str) -> None:
    put("known_sites", "dbsnp.vcf", vcf("A>T", "AC>A"), build="b", resource_name="again")
    with pytest.raises(UsageError, match=r"dbsnp.vcf .* are recorded 2 times"):
        plan(store, request(), VERSIONS)


def test_a_resource_without_a_name_has_its_file_s(store: LocalStore, put: Put) -> None:
    put("known_sites", "_Mills and 1000G.indels.vcf", vcf("AC>A"), build="b")
    (site,) = resolve_known_sites(store, "b")
    assert site.name == "Mills_and_1000G.indels"


def test_what_trains_must_say_how_far_it_is_trusted(store: LocalStore, put: Put) -> None:
    put("known_sites", "hapmap.vcf", vcf("A>T"), build="b", training=True)
    with pytest.raises(UsageError, match="say no prior"):
        plan(store, request(), VERSIONS)


def test_known_sites_whose_bytes_are_elsewhere_are_named(store: LocalStore, put: Put, sites: str) -> None:
    path = store.object(sites)
    assert path is not None
    path.unlink()
    with pytest.raises(UsageError, match="their bytes are not here"):
        plan(store, request(), VERSIONS)
    assert plan(store, request(known_sites=()), VERSIONS).parameters["bqsr"] == "off"


def test_an_index_that_came_with_them_is_taken_under_the_name_that_gatk_reads(
    store: LocalStore, put: Put, sites: str
) -> None:
    index = put("known_sites_index", "mine.idx", "TIDX and so on", known_sites_cid=sites)
    planned = plan(store, request(), VERSIONS)
    (row,) = planned.known_sites
    assert Path(row["index"]).name == "dbsnp.vcf.idx"
    assert planned.inputs[row["index"]] == index
    assert not any(step.stage == "index_feature_file" for step in planned.steps)


def test_an_index_of_the_wrong_kind_is_made_anew(store: LocalStore, put: Put, sites: str) -> None:
    put("known_sites_index", "mine.tbi", gzip.compress(b"TBI\x01"), known_sites_cid=sites)
    assert ("index_feature_file", "dbsnp") in computed(plan(store, request(), VERSIONS))


# The reference's length


def test_the_bases_are_counted_in_the_index_or_in_the_reference(store: LocalStore, put: Put) -> None:
    plain = resolve_reference(store, "b")
    assert bases_of(store, plain, {plain.cid}) == 6
    packed = put("reference", "z.fa.gz", gzip.compress(b">c\nACGT\r\nAC\r\n>d\nA\n"), build="z")
    assert bases_of(store, resolve_reference(store, "z"), {packed}) == 7
    put("reference_index", "r.fa.fai", "c\t60\t3\t4\t5\nd\t40\t9\t4\t5\n", reference_cid=plain.cid)
    assert bases_of(store, plain, {plain.cid}) == 100


def test_every_stage_is_a_task_of_its_workflow() -> None:
    """A plan sorts its steps by the workflow's tasks, and asks for their versions."""
    preprocessing = {"mark_duplicates", "sort_sam", "samtools_stats", "samtools_coverage", *RECALIBRATING}
    assert set(MADE) <= set(catalog.workflows()[WORKFLOW].tasks)
    assert preprocessing <= set(catalog.workflows()["preprocess_sample"].tasks)


@pytest.mark.parametrize(
    "fields", [{}, {"filter": "vqsr"}, {"filter": "none"}, {"workflow": "preprocess_sample"}]
)
def test_every_recipe_is_known_by_the_versions_of_its_workflow(
    store: LocalStore, put: Put, sites: str, fields: dict[str, Any]
) -> None:
    """A task that the workflow does not list has no version, and nothing would ever be reused."""
    for name, mode, change in (("hapmap", "SNP", "A>T"), ("mills", "INDEL", "AC>A")):
        put("known_sites", f"{name}.vcf", vcf(change), build="b", vqsr_mode=mode, **TRAINING)
    put("alignment", "x.bam", bam(UNMAPPED.format("x")), sample_id="u")
    asked = request("s1", "u", **fields)
    versions = {task: VERSIONS[task] for task in catalog.workflows()[asked.workflow].tasks}
    for spec in plan(store, asked, versions).recipes:
        assert spec.digest(versions), spec

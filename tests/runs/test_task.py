"""The plan of one task: what it is given, what is known of its outputs, and when nothing is left to do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.assets import Alignment, new_asset
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs.execute import files_of
from stargazer_cli.runs.ingest import Made, ingest
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.record import MadeAsset, RunFolder, new_record
from stargazer_cli.runs.task import COLUMNS, TaskRequest, plan
from stargazer_cli.store import LocalStore, NewFile

VERSIONS = {name: dict.fromkeys(task.tools, "1.0") for name, task in catalog.tasks().items()}
RUN_ID = "mark_duplicates-v1-20260101T000000Z"
Ask = Callable[..., Plan]


@pytest.fixture
def ask(store: LocalStore) -> Ask:
    def ask(task: str, filters: dict[str, Any] | None = None, **more: Any) -> Plan:
        inputs = more.pop("inputs", {})
        return plan(store, TaskRequest(task=task, filters=filters or {}, inputs=inputs, **more), VERSIONS)

    return ask


@pytest.fixture
def lanes(store: LocalStore, tmp_path: Path) -> list[str]:
    """Two lanes of the sample `s`; returns their CIDs."""
    cids = []
    for lane in ("L1", "L2"):
        file = tmp_path / f"s.{lane}.bam"
        file.write_text(lane)
        bam = new_asset(
            "alignment",
            name=file.name,
            sample_id="s",
            sorted="coordinate",
            duplicates_marked=False,
            reference_cid="the reference",
            r1_cid=f"reads of {lane}",
        )
        cids.append(store.add([NewFile(file, bam)])[0].asset.cid)
    return cids


def test_the_pipeline_is_given_a_table_and_parameters(ask: Ask, lanes: list[str], tmp_path: Path) -> None:
    planned = ask("mark_duplicates", {"sample_id": "s"}, options={"max_cpus": 2})
    assert [row["role"] for row in planned.inputs_table] == ["lanes", "lanes"]
    assert [row["name"] for row in planned.inputs_table] == ["s.L1.bam", "s.L2.bam"]
    assert {row["sample_id"] for row in planned.inputs_table} == {"s"}
    assert [planned.inputs[row["path"]] for row in planned.inputs_table] == lanes
    assert all(tuple(row) == COLUMNS for row in planned.inputs_table)
    files = files_of(planned, RunFolder(tmp_path / "run"))
    assert files["inputs.csv"].splitlines()[0] == ",".join(COLUMNS)
    assert json.loads(files["params.json"]) == {
        "task": "mark_duplicates",
        "cohort_id": "cohort",
        "optical_duplicate_pixel_distance": 100,
        "max_cpus": 2,
        "input": str(tmp_path / "run" / "inputs.csv"),
        "outdir": str(tmp_path / "run" / "results"),
        "publish_dir_mode": "link",
    }


def test_a_companion_is_told_with_whose_it_is(store: LocalStore, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "a.vcf.gz").write_text("vcf")
    (tmp_path / "a.vcf.gz.tbi").write_text("tbi")
    vcf = new_asset("variants", name="a.vcf.gz", sample_id="a", variant_type="vcf", build="b")
    cid = store.add([NewFile(tmp_path / "a.vcf.gz", vcf)])[0].asset.cid
    tbi = new_asset("variants_index", name="a.vcf.gz.tbi", variants_cid=cid)
    store.add([NewFile(tmp_path / "a.vcf.gz.tbi", tbi)])
    first, second = ask("hard_filter").inputs_table
    assert (first["role"], first["of"], first["build"]) == ("vcf", "", "b")
    assert (second["role"], second["of"]) == ("tbi", first["path"])


def test_what_is_found_is_told_and_what_is_named_is_not(ask: Ask, lanes: list[str]) -> None:
    (note,) = ask("mark_duplicates").notes
    assert note == f"lanes: s.L1.bam ({lanes[0]}), s.L2.bam ({lanes[1]})"
    assert ask("mark_duplicates", inputs={"lanes": lanes}).notes == []


def test_a_table_of_another_file_that_is_named_is_told(store: LocalStore, ask: Ask, tmp_path: Path) -> None:
    def put(kind: str, name: str, **fields: str) -> str:
        (tmp_path / name).write_text(name)
        return store.add([NewFile(tmp_path / name, new_asset(kind, name=name, **fields))])[0].asset.cid

    fasta = put("reference", "b.fa", build="b")
    for kind, name in (("reference_index", "b.fa.fai"), ("sequence_dict", "b.dict")):
        put(kind, name, reference_cid=fasta)
    bams = {}
    for name in ("one", "two"):
        told = {"sample_id": "s", "format": "bam", "sorted": "coordinate", "reference_cid": fasta}
        bams[name] = put("alignment", f"{name}.bam", **told)
        put("alignment_index", f"{name}.bam.bai", sample_id="s", alignment_cid=bams[name])
    table = put("bqsr_report", "one.table", sample_id="s", alignment_cid=bams["one"])

    def notes(bam: str) -> list[str]:
        planned = ask("apply_bqsr", inputs={"bam": bams[bam], "table": table})
        return [note for note in planned.notes if "belongs to" in note]

    assert notes("one") == []
    assert notes("two") == [
        f"table: one.table ({table}) belongs to another alignment, {bams['one']}; it is taken as it was named"
    ]


def test_a_lane_that_is_left_out_is_told(store: LocalStore, ask: Ask, tmp_path: Path) -> None:
    reads = {}
    for lane in ("L1", "L2"):
        (tmp_path / f"{lane}.fq").write_text(lane)
        asset = new_asset("r1", name=f"{lane}.fq", sample_id="s", lane=lane)
        reads[lane] = store.add([NewFile(tmp_path / f"{lane}.fq", asset)])[0].asset.cid
    for lane in ("L1", "L2"):
        if lane == "L2":
            (note,) = (each for each in ask("mark_duplicates").notes if "none of them" in each)
            assert note == (
                f"lanes: none of them is made from L2.fq ({reads['L2']}), which has reads of s too"
            )
        (tmp_path / f"{lane}.bam").write_text(lane)
        asset = new_asset("alignment", name=f"{lane}.bam", sample_id="s", r1_cid=reads[lane])
        store.add([NewFile(tmp_path / f"{lane}.bam", asset)])
    assert not any("none of them" in each for each in ask("mark_duplicates").notes)


def test_the_fields_of_what_is_made_are_known_before(ask: Ask, lanes: list[str]) -> None:
    planned = ask("mark_duplicates")
    assert planned.subject == "s"
    assert planned.outputs["bam"].fields == {
        "sample_id": "s",
        "format": "bam",
        "sorted": "coordinate",
        "duplicates_marked": True,
        "bqsr_applied": False,
        "tool": "gatk",
        "reference_cid": "the reference",
        "r1_cid": "reads of L1",
    }
    assert planned.outputs["bai"].links == {"alignment_cid": "bam"}
    (spec,) = planned.recipes
    assert [(source.role, source.cid) for source in spec.sources] == [("lanes", cid) for cid in lanes]
    assert spec.sources[0].labels == {"name": "s.L1.bam", "sample_id": "s"}


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"optical_duplicate_pixel_distance": "2500"}},
        {"inputs": {"cohort_id": "other"}},
        {"inputs": {"lanes": "REVERSED"}},
        {"inputs": {"lanes": "FIRST"}},
    ],
)
def test_what_changes_the_result_changes_the_recipe(
    ask: Ask, lanes: list[str], change: dict[str, Any]
) -> None:
    named = {"REVERSED": lanes[::-1], "FIRST": lanes[0]}
    inputs = {name: named.get(value, value) for name, value in change["inputs"].items()}
    (before,), (after,) = ask("mark_duplicates").recipes, ask("mark_duplicates", inputs=inputs).recipes
    assert "" != before.digest(VERSIONS) != after.digest(VERSIONS) != ""


@pytest.mark.parametrize(
    ("task", "inputs", "said"),
    [
        ("mark_duplicate", {}, "There is no task and no workflow 'mark_duplicate'. Did you mean"),
        ("prepare_reference", {}, "prepare_reference is a workflow, not a task"),
        ("mark_duplicates", {"lane": "x"}, "mark_duplicates has no input 'lane'. Did you mean 'lanes'?"),
        ("mark_duplicates", {"optical_duplicate_pixel_distance": "far"}, "must be a whole number, not 'far'"),
        ("mark_duplicates", {"optical_duplicate_pixel_distance": -1}, "must be at least 0"),
        ("mark_duplicates", {"cohort_id": "a/b"}, "a name has 1 to 100 letters"),
        ("samtools_fastq", {"lane": "a b/../c"}, "The lane 'a b/../c' is not usable as a name"),
        ("mark_duplicates", {"lanes": 7}, "lanes must be a CID or a list of CIDs, not '7'"),
        ("mark_duplicates", {"lanes": ""}, "lanes is given without a CID"),
        ("mark_duplicates", {"lanes": "x,x"}, "lanes is given x twice"),
        ("sort_sam", {"sort_order": "name"}, "must be one of coordinate, queryname, duplicate"),
        ("variant_recalibrator", {}, "mode is missing"),
    ],
)
def test_wrong_input_is_refused(
    ask: Ask, lanes: list[str], task: str, inputs: dict[str, Any], said: str
) -> None:
    assert lanes
    with pytest.raises(UsageError) as error:
        ask(task, inputs=inputs)
    assert said in error.value.message


def test_what_a_file_says_of_a_parameter_counts(store: LocalStore, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "s.h5ad").write_text("cells")
    cells = new_asset("anndata", name="s.h5ad", sample_id="s", stage="raw", organism="mouse")
    store.add([NewFile(tmp_path / "s.h5ad", cells)])
    assert ask("qc_filter").parameters["organism"] == "mouse"
    assert ask("qc_filter", inputs={"organism": "mouse"}).inputs_table[0]["organism"] == "mouse"
    with pytest.raises(UsageError, match=r"s\.h5ad .* says organism=mouse, and not organism=human"):
        ask("qc_filter", inputs={"organism": "human"})


def test_a_result_of_a_cohort_is_named_as_what_it_is_made_from(
    store: LocalStore, ask: Ask, tmp_path: Path
) -> None:
    def put(kind: str, name: str, **fields: Any) -> str:
        (tmp_path / name).write_text(name)
        asset = new_asset(kind, name=name, **fields)
        return store.add([NewFile(tmp_path / name, asset)])[0].asset.cid

    fasta = put("reference", "b.fa", build="b")
    for kind, name in (("reference_index", "b.fa.fai"), ("sequence_dict", "b.dict")):
        put(kind, name, build="b", reference_cid=fasta)
    put("genomics_db", "trio.tar", cohort_id="trio", build="b")

    def name_of(task: str, **inputs: str) -> str:
        planned = ask(task, inputs=inputs)
        assert planned.parameters["cohort_id"] == planned.outputs["vcf"].fields["sample_id"]
        return str(planned.parameters["cohort_id"])

    assert name_of("genotype_gvcfs") == "trio"
    assert name_of("genotype_gvcfs", cohort_id="family") == "family"
    for sample in ("s", "t"):
        put("variants", f"{sample}.g.vcf.gz", sample_id=sample, variant_type="gvcf", sample_count=1)
    combined = {"sample_id": "pair", "variant_type": "gvcf", "sample_count": 2}
    gvcf = put("variants", "pair.g.vcf.gz", **combined)
    assert name_of("genotype_gvcfs", gvcf=gvcf) == "pair"
    # A cohort of samples has its own name; a GVCF of several samples is none of them.
    assert name_of("joint_call_gvcfs") == "cohort"
    assert ask("joint_call_gvcfs").outputs["vcf"].fields["source_samples"] == ["s", "t"]


@pytest.mark.parametrize("value", [None, [], {"a": "b"}, [None]])
def test_a_filter_needs_a_value(ask: Ask, lanes: list[str], value: Any) -> None:
    assert lanes
    with pytest.raises(UsageError, match="The filter 'sample_id' has no value"):
        ask("mark_duplicates", {"sample_id": value})


def _carry_out(store: LocalStore, planned: Plan) -> list[str]:
    """Do what a run of the plan does with what the pipeline made; returns the CIDs."""
    folder = RunFolder(store.root / "runs" / RUN_ID)
    made = [("bam", "s.bam"), ("bai", "s.bam.bai"), ("metrics", "s.duplicate_metrics.txt")]
    published = folder.outdir / "mark_duplicates"
    published.mkdir(parents=True)
    lines = []
    for output, name in made:
        (published / name).write_text(name)
        line = {
            "asset": planned.outputs[output].kind,
            "path": f"mark_duplicates/{name}",
            "task": "mark_duplicates",
            "output": output,
            "derived_from": list(planned.inputs),
        }
        lines.append(json.dumps(line) + "\n")
    (folder.outdir / "assets.jsonl").write_text("".join(lines))
    assets = ingest(store, Made(RUN_ID, planned, folder.outdir, VERSIONS))
    kept = new_record(folder, planned, profile="local", commit="v1", versions={}, tools={})
    kept.assets = [
        MadeAsset(cid=a.cid, id=a.id, name=a.name, keyvalues=a.to_keyvalues(), reused=False) for a in assets
    ]
    folder.save(kept)
    return [asset.cid for asset in assets]


def test_what_a_task_made_is_stored_with_its_fields_and_links(
    store: LocalStore, ask: Ask, lanes: list[str]
) -> None:
    planned = ask("mark_duplicates")
    _carry_out(store, planned)
    (bam,) = store.find(asset="alignment", duplicates_marked=True)
    assert isinstance(bam, Alignment)
    assert (bam.sample_id, bam.reference_cid, bam.r1_cid) == ("s", "the reference", "reads of L1")
    assert bam.derived_from == sorted(lanes)
    assert bam.recipe == planned.recipes[0].digest(VERSIONS)
    (bai,) = store.find(asset="alignment_index")
    (metrics,) = store.find(asset="duplicate_metrics")
    assert bai.to_keyvalues()["alignment_cid"] == metrics.to_keyvalues()["alignment_cid"] == bam.cid


def test_an_equal_task_is_not_run_again(store: LocalStore, ask: Ask, lanes: list[str]) -> None:
    assert lanes
    made = _carry_out(store, ask("mark_duplicates"))
    again = ask("mark_duplicates")
    assert again.complete
    assert list(again.reused) == made
    assert again.inputs_table == []
    assert not ask("mark_duplicates", reuse=False).complete
    assert not ask("mark_duplicates", inputs={"optical_duplicate_pixel_distance": 2500}).complete


def test_a_result_of_which_a_file_is_gone_is_made_again(
    store: LocalStore, ask: Ask, lanes: list[str]
) -> None:
    assert lanes
    made = _carry_out(store, ask("mark_duplicates"))
    store.delete(made[2])
    assert not ask("mark_duplicates").complete


def test_a_result_whose_record_was_changed_is_made_again(
    store: LocalStore, ask: Ask, lanes: list[str]
) -> None:
    assert lanes
    made = _carry_out(store, ask("mark_duplicates"))
    store.update(made[0], {"sample_id": "renamed"})
    assert not ask("mark_duplicates", {"sample_id": "s"}).complete


def test_without_its_run_nobody_knows_whether_a_result_is_whole(
    store: LocalStore, ask: Ask, lanes: list[str]
) -> None:
    assert lanes
    _carry_out(store, ask("mark_duplicates"))
    (store.root / "runs" / RUN_ID / "run.json").unlink()
    assert not ask("mark_duplicates").complete


@pytest.mark.parametrize("change", [{"output": "log"}, {"asset": "report"}])
def test_a_manifest_of_something_else_stores_nothing(
    store: LocalStore, ask: Ask, lanes: list[str], tmp_path: Path, change: dict[str, str]
) -> None:
    assert lanes
    (tmp_path / "s.bam").write_text("bam")
    line = {"asset": "alignment", "path": "s.bam", "task": "mark_duplicates", "output": "bam"}
    (tmp_path / "assets.jsonl").write_text(json.dumps(line | {"derived_from": []} | change))
    with pytest.raises(StargazerError, match=r"says that s\.bam is .* of mark_duplicates, which"):
        ingest(store, Made(RUN_ID, ask("mark_duplicates"), tmp_path, VERSIONS))
    assert store.find(asset="alignment", duplicates_marked=True) == []

import json
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.assets import Alignment, AlignmentIndex, AnnData, KnownSitesIndex, VQSRModel
from stargazer_cli.errors import StargazerError
from stargazer_cli.runs.ingest import Made, ingest
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.recipe import RecipeSpec
from stargazer_cli.store import LocalStore, cid_of

BAM = {
    "asset": "alignment",
    "path": "alignments/a.bam",
    "task": "mark_duplicates",
    "sample_id": "a",
    "format": "bam",
    "duplicates_marked": True,
    "reference_cid": "/in/ref.fa",
    "derived_from": ["/in/a_R1.fq", "/in/ref.fa"],
}
BAI = {
    "asset": "alignment_index",
    "path": "alignments/a.bam.bai",
    "task": "mark_duplicates",
    "sample_id": "a",
    "alignment_cid": "alignments/a.bam",
    "derived_from": ["alignments/a.bam"],
}


def _made(outdir: Path, entries: list[dict[str, Any]]) -> Made:
    folder = outdir / "alignments"
    folder.mkdir(parents=True)
    (folder / "a.bam").write_bytes(b"bam")
    (folder / "a.bam.bai").write_bytes(b"bai")
    (outdir / "assets.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    plan = Plan(
        workflow="preprocess_sample",
        subject="a",
        parameters={},
        inputs={"/in/ref.fa": "cid-of-reference", "/in/a_R1.fq": "cid-of-reads"},
    )
    return Made(run_id="run-1", plan=plan, outdir=outdir, versions={}, owner="lab")


def test_links_become_cids_and_the_maker_is_recorded(store: LocalStore, tmp_path: Path) -> None:
    bam, bai = ingest(store, _made(tmp_path / "out", [BAM, BAI]))
    assert isinstance(bam, Alignment)
    assert isinstance(bai, AlignmentIndex)
    assert bam.cid == cid_of(tmp_path / "out" / "alignments" / "a.bam")
    assert bam.reference_cid == "cid-of-reference"
    assert bam.derived_from == ["cid-of-reads", "cid-of-reference"]
    assert bai.alignment_cid == bam.cid
    assert bai.derived_from == [bam.cid]
    assert bam.run_ids == ["run-1"]
    assert bam.owner == "lab"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "../outside.bam"}, "not a file in"),
        ({"path": "alignments/missing.bam"}, "not a file in"),
        ({"derived_from": ["/somewhere/else"]}, "no input and no output"),
        ({"reference_cid": "gone.fa"}, "no input and no output"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_one_unsound_line_stores_nothing(
    store: LocalStore, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    (tmp_path / "outside.bam").write_bytes(b"secret")
    with pytest.raises(StargazerError, match=said):
        ingest(store, _made(tmp_path / "out", [BAI, BAM | change]))
    assert store.find() == []


def test_a_missing_or_broken_manifest_stores_nothing(store: LocalStore, tmp_path: Path) -> None:
    made = _made(tmp_path / "out", [BAM, BAI])
    manifest = made.outdir / "assets.jsonl"
    manifest.write_text(manifest.read_text() + '{"asset": "align')
    with pytest.raises(StargazerError, match="line 3 is not a JSON object"):
        ingest(store, made)
    manifest.unlink()
    with pytest.raises(StargazerError, match="without a manifest"):
        ingest(store, made)
    assert store.find() == []


def test_the_recipe_is_that_of_the_task_and_the_stage_is_the_anndatas_own(
    store: LocalStore, tmp_path: Path
) -> None:
    outdir = tmp_path / "out"
    outdir.mkdir()
    for name in ("s.qc_filtered.h5ad", "s.report.html"):
        (outdir / name).write_text(name)
    h5ad = {
        "asset": "anndata",
        "path": "s.qc_filtered.h5ad",
        "task": "qc_filter",
        "sample_id": "s",
        "stage": "qc_filtered",
        "n_obs": 12,
        "derived_from": [],
    }
    # A report has no sample_id of its own, so the line says whose it is.
    report = {
        "asset": "report",
        "path": "s.report.html",
        "task": "scrna_report",
        "subject": "s",
        "title": "s: clusters",
        "derived_from": ["s.qc_filtered.h5ad"],
    }
    (outdir / "assets.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in (h5ad, report)))
    specs = [
        RecipeSpec(stage=stage, subject="s", tasks=(), sources=()) for stage in ("qc_filter", "scrna_report")
    ]
    plan = Plan(workflow="scrna_clustering_pipeline", subject="s", parameters={}, recipes=specs)
    filtered, page = ingest(store, Made(run_id="run-1", plan=plan, outdir=outdir, versions={}))
    assert isinstance(filtered, AnnData)
    assert (filtered.stage, filtered.n_obs) == ("qc_filtered", 12)
    assert [filtered.recipe, page.recipe] == [spec.digest({}) for spec in specs]
    assert page.to_keyvalues() == {"asset": "report", "title": "s: clusters"}
    assert page.derived_from == [filtered.cid]


def test_a_model_points_at_its_tranches_and_a_gathered_file_has_the_recipe_of_its_step(
    store: LocalStore, tmp_path: Path
) -> None:
    outdir = tmp_path / "out"
    outdir.mkdir()
    lines: list[dict[str, Any]] = [
        {
            "asset": "vqsr_model",
            "path": "c.snp.recal.vcf.gz",
            "task": "variant_recalibrator",
            "sample_id": "c",
            "mode": "SNP",
            "variants_cid": "c.vcf.gz",
            "tranches_cid": "c.snp.tranches",
            "derived_from": ["/in/hapmap.vcf"],
        },
        {
            "asset": "vqsr_tranches",
            "path": "c.snp.tranches",
            "task": "variant_recalibrator",
            "sample_id": "c",
            "mode": "SNP",
            "variants_cid": "c.vcf.gz",
            "derived_from": ["/in/hapmap.vcf"],
        },
        {
            "asset": "variants",
            "path": "c.vcf.gz",
            "task": "gather_vcfs",
            "step": "joint_call_gvcfs",
            "sample_id": "c",
            "variant_type": "vcf",
            "derived_from": [],
        },
        {
            "asset": "known_sites_index",
            "path": "hapmap.vcf.idx",
            "task": "index_feature_file",
            "subject": "hapmap",
            "known_sites_cid": "/in/hapmap.vcf",
            "derived_from": ["/in/hapmap.vcf"],
        },
    ]
    for line in lines:
        (outdir / line["path"]).write_text(line["path"])
    (outdir / "assets.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    named = (("variant_recalibrator", "c"), ("joint_call_gvcfs", "c"), ("index_feature_file", "hapmap"))
    specs = [RecipeSpec(stage=stage, subject=subject, tasks=(), sources=()) for stage, subject in named]
    plan = Plan(
        workflow="germline_short_variant_discovery",
        subject="c",
        parameters={},
        inputs={"/in/hapmap.vcf": "cid-of-hapmap"},
        recipes=specs,
    )
    model, tranches, vcf, index = ingest(store, Made("run-1", plan, outdir, {}))
    assert isinstance(model, VQSRModel)
    assert (model.tranches_cid, model.variants_cid) == (tranches.cid, vcf.cid)
    assert [companion.cid for companion in model.companions(store)] == [tranches.cid]
    assert isinstance(index, KnownSitesIndex)
    assert index.known_sites_cid == "cid-of-hapmap"
    training, calling, indexing = (spec.digest({}) for spec in specs)
    assert [asset.recipe for asset in (model, tranches, vcf, index)] == [
        training,
        training,
        calling,
        indexing,
    ]

"""Every task of the catalogue, run alone on small real inputs, most of them files of one workflow's run."""

import gzip
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from e2e.user import Answer, User, made, make_user
from helpers.simulated_calls import simulate

from stargazer_cli import catalog
from stargazer_cli.runs import record
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

AT_ONCE = 2
SAMPLES = ("--filter", "sample_id=child", "--filter", "sample_id=mother", "--filter", "build=trio")
CHILD = ("--filter", "sample_id=child", "--filter", "build=trio")
READY = ("--filter", "sample_id=child", "--filter", "bqsr_applied=true")
CELLS = ("--filter", "sample_id=cells")
BAM = ("alignment", "alignment_index")
VCF = ("variants", "variants_index")


@dataclass(frozen=True)
class Lab:
    """A user with a store, what a workflow made there, and what tasks made so far."""

    user: User
    workflow: Answer
    toolbox: Toolbox
    store: LocalStore
    runs: dict[str, "Future[Answer]"] = field(default_factory=dict)

    def made_by(self, case: str, kind: str) -> str:
        """Return the CID of the first file of a kind that a task made; waits for the task."""
        answer = self.runs[case].result()
        assert answer.status == 0, f"{case}: {answer.err}"
        cid: str = made(answer, asset=kind)[0]["cid"]
        return cid

    def record_of(self, case: str, kind: str) -> str:
        """Return the id of the record of that file which the task's result names."""
        cid = self.made_by(case, kind)
        (said,) = (a["keyvalues"] for a in self.runs[case].result().json["assets"] if a["cid"] == cid)
        (ours,) = (each for each in self.store.by_cid(cid) if each.to_keyvalues() == said)
        return ours.id

    def of_workflow(self, kind: str, **wanted: str) -> str:
        (asset,) = made(self.workflow, asset=kind, **wanted)
        cid: str = asset["cid"]
        return cid

    def known(self, *query: str) -> str:
        (asset,) = self.user.succeeds("assets", "query", *query, "--json").json
        cid: str = asset["cid"]
        return cid


Arguments = Callable[[Lab], Sequence[str]]


@dataclass(frozen=True)
class Case:
    """One run of a task: what it is given, and the kinds of what it makes.

    same   the kinds whose files are those of the workflow, each one record
    after  the cases whose results it takes
    """

    task: str
    arguments: Sequence[str] | Arguments
    makes: Sequence[str]
    same: Sequence[str] = ()
    after: Sequence[str] = ()

    def given(self, lab: Lab) -> Sequence[str]:
        return self.arguments(lab) if callable(self.arguments) else self.arguments


def _inputs(**named: str) -> list[str]:
    return [word for name, value in named.items() for word in ("--input", f"{name}={value}")]


CASES = {
    "samtools_faidx": Case(
        "samtools_faidx", ("--filter", "build=trio"), ["reference_index"], ["reference_index"]
    ),
    "create_sequence_dictionary": Case(
        "create_sequence_dictionary", ("--filter", "build=trio"), ["sequence_dict"], ["sequence_dict"]
    ),
    "decompress_fasta": Case("decompress_fasta", ("--filter", "build=zipped"), ["reference"]),
    "bwa_index": Case("bwa_index", ("--filter", "build=trio"), ["aligner_index"] * 5, ["aligner_index"]),
    "bwa_mem2_index": Case("bwa_mem2_index", ("--filter", "build=trio"), ["aligner_index"] * 5),
    "index_feature_file": Case(
        "index_feature_file", ("--filter", "build=trio"), ["known_sites_index"], ["known_sites_index"]
    ),
    "split_intervals": Case(
        "split_intervals",
        ("--filter", "build=trio", "--input", "scatter_count=2"),
        ["intervals"] * 4,
    ),
    "bwa_mem": Case("bwa_mem", (*CHILD, "--filter", "lane=L001"), BAM, BAM),
    "bwa_mem2_mem": Case("bwa_mem2_mem", (*CHILD, "--filter", "lane=L001"), BAM, after=["bwa_mem2_index"]),
    # In the workflow its metrics are of the BAM that comes of it in the end.
    "mark_duplicates": Case("mark_duplicates", CHILD[:2], [*BAM, "duplicate_metrics"], BAM),
    "base_recalibrator": Case("base_recalibrator", CHILD, ["bqsr_report"]),
    "apply_bqsr": Case("apply_bqsr", CHILD, BAM, BAM, after=["base_recalibrator", "mark_duplicates"]),
    "haplotype_caller": Case("haplotype_caller", READY, VCF, VCF),
    "validate_sam": Case("validate_sam", READY, ["qc_metrics"]),
    "samtools_stats": Case("samtools_stats", READY, ["qc_metrics"], ["qc_metrics"]),
    "samtools_coverage": Case("samtools_coverage", READY, ["qc_metrics"], ["qc_metrics"]),
    "combine_gvcfs": Case("combine_gvcfs", SAMPLES, VCF),
    "genomics_db_import": Case("genomics_db_import", SAMPLES, ["genomics_db"]),
    "genotype_gvcfs": Case(
        "genotype_gvcfs",
        lambda lab: _inputs(workspace=lab.made_by("genomics_db_import", "genomics_db")),
        VCF,
        after=["genomics_db_import"],
    ),
    "joint_call_gvcfs": Case("joint_call_gvcfs", SAMPLES, VCF),
    "hard_filter": Case(
        "hard_filter",
        # The same bytes as of genotype_gvcfs, but another caller: its own record is named.
        lambda lab: _inputs(vcf=lab.record_of("joint_call_gvcfs", "variants")),
        VCF,
        VCF,
        after=["joint_call_gvcfs"],
    ),
    "gather_vcfs": Case(
        "gather_vcfs",
        lambda lab: _inputs(parts=",".join(lab.known(f"name=part{number}.vcf.gz") for number in "12")),
        VCF,
    ),
    "variant_recalibrator": Case(
        "variant_recalibrator",
        ("--filter", "build=simulated", *_inputs(mode="SNP", max_gaussians_snp="4")),
        ["vqsr_model", "vqsr_tranches", "variants_index"],
    ),
    "apply_vqsr": Case("apply_vqsr", ("--filter", "build=simulated"), VCF, after=["variant_recalibrator"]),
    "bcftools_stats": Case(
        "bcftools_stats",
        lambda lab: _inputs(vcf=lab.of_workflow("variants", sample_id="cohort")),
        ["qc_metrics"],
        ["qc_metrics"],
    ),
    "bcftools_query": Case(
        "bcftools_query",
        lambda lab: _inputs(vcf=lab.of_workflow("variants", sample_id="cohort")),
        ["qc_metrics"],
    ),
    "multiqc": Case(
        "multiqc",
        (*SAMPLES, "--filter", "sample_id=cohort"),
        ["report"],
        after=["bcftools_query", "bcftools_stats", "samtools_stats", "samtools_coverage"],
    ),
    "sort_sam": Case(
        "sort_sam", ("--filter", "sample_id=raw", "--input", "sort_order=queryname"), ["alignment"]
    ),
    "samtools_fastq": Case(
        "samtools_fastq",
        lambda lab: _inputs(bam=lab.made_by("sort_sam", "alignment")),
        ["r1", "r2"],
        after=["sort_sam"],
    ),
    "bwa_mem unsorted": Case(
        "bwa_mem",
        ("--filter", "sample_id=raw", "--filter", "build=trio", "--input", "sort_order=unsorted"),
        ["alignment"],
        after=["samtools_fastq"],
    ),
    "merge_bam_alignment": Case(
        "merge_bam_alignment",
        lambda lab: _inputs(
            unmapped=lab.made_by("sort_sam", "alignment"),
            aligned=lab.made_by("bwa_mem unsorted", "alignment"),
        ),
        BAM,
        after=["sort_sam", "bwa_mem unsorted"],
    ),
    "import_counts": Case("import_counts", ("--filter", "sample_id=tenx"), ["anndata"]),
    "qc_filter": Case("qc_filter", (*CELLS, "--input", "doublets=none"), ["anndata"]),
    "normalize": Case("normalize", CELLS, ["anndata"], after=["qc_filter"]),
    "select_features": Case("select_features", CELLS, ["anndata"], after=["normalize"]),
    "reduce_dimensions": Case("reduce_dimensions", CELLS, ["anndata"], after=["select_features"]),
    "cluster": Case("cluster", CELLS, ["anndata"], after=["reduce_dimensions"]),
    "find_markers": Case("find_markers", CELLS, ["anndata", "markers"], after=["cluster"]),
    "scrna_report": Case("scrna_report", CELLS, ["report", "qc_metrics"], after=["find_markers"]),
    "scrna_chain": Case(
        "scrna_chain",
        lambda lab: _inputs(h5ad=lab.known("asset=anndata", "stage=raw", "sample_id=cells"), doublets="none"),
        [*["anndata"] * 6, "markers"],
        after=["find_markers"],
    ),
}


def _add_germline(user: User, bundled: Path) -> None:
    build = ("-k", "build=trio")
    user.adds(bundled / "reference.fa", "-k", "asset=reference", *build)
    user.adds(bundled / "truth.vcf", "--asset", "known_sites", *build, "-k", "resource_name=planted")
    for sample in ("child", "mother"):
        user.adds(*sorted(bundled.glob(f"{sample}_*R?.fastq.gz")), "-k", f"sample_id={sample}")
    # Not the other build's bytes: a file that is of two builds has to be named, wherever it is taken.
    contig = (bundled / "reference.fa").read_text().split("\n>")[0]
    zipped = user.folder / "zipped.fa.gz"
    zipped.write_bytes(gzip.compress(f"{contig}\n".encode()))
    user.adds(zipped, "-k", "asset=reference", "-k", "build=zipped")


def _add_unmapped(user: User, bundled: Path) -> None:
    """Add reads as an unmapped BAM, as some sequencers write them."""
    bam = user.folder / "raw.bam"
    mates = [word for mate in "12" for word in (f"-{mate}", bundled / f"mother_R{mate}.fastq.gz")]
    group = ("-r", "ID:raw", "-r", "SM:raw", "-r", "LB:raw", "-r", "PL:ILLUMINA")
    subprocess.run(["samtools", "import", *group, *mates, "-o", bam], check=True)
    user.adds(bam, "-k", "asset=alignment", "-k", "sample_id=raw")


def _add_parts(user: User, vcf: Path) -> None:
    """Add a VCF as two parts."""
    listed = subprocess.run(["tabix", "-l", vcf], check=True, capture_output=True, text=True)
    first, *others = listed.stdout.split()
    for number, contigs in (("1", first), ("2", ",".join(others))):
        part = user.folder / f"part{number}.vcf.gz"
        subprocess.run(
            ["bcftools", "view", "--no-version", "-r", contigs, "-Oz", "-o", part, vcf], check=True
        )
        said = ("-k", "sample_id=parted", "-k", "variant_type=vcf", "-k", "build=trio")
        user.adds(part, "-k", "asset=variants", *said)


def _add_simulated_calls(user: User) -> None:
    folder = user.folder / "simulated"
    folder.mkdir()
    simulated = simulate(folder, snps=3000, indels=800)
    build = ("-k", "build=simulated")
    sample = ("-k", "sample_id=simulated", "-k", "variant_type=vcf")
    (calls,) = user.adds(simulated.vcf, "-k", "asset=variants", *sample, *build)
    user.adds(f"{simulated.vcf}.tbi", "-k", "asset=variants_index", "-k", f"variants_cid={calls['cid']}")
    for resource in simulated.resources:
        path = folder / resource["path"]
        said = [
            word
            for key in ("resource_name", "known", "training", "truth", "prior")
            if resource.get(key) is not None
            for word in ("-k", f"{key}={str(resource[key]).lower()}")
        ]
        mode = resource["types"][0] if len(resource["types"]) == 1 else ""
        said += ["-k", f"vqsr_mode={mode}"] if mode else []
        (sites,) = user.adds(path, "--asset", "known_sites", *build, *said)
        user.adds(f"{path}.tbi", "-k", "asset=known_sites_index", "-k", f"known_sites_cid={sites['cid']}")


def _add_cells(user: User, cells: Path) -> None:
    from anndata import read_h5ad
    from scipy.io import mmwrite

    human = ("-k", "organism=human")
    user.adds(cells, "-k", "asset=anndata", "-k", "sample_id=cells", "-k", "stage=raw", *human)
    adata = read_h5ad(cells)[:60]
    folder = user.folder / "tenx"
    folder.mkdir()
    mmwrite(folder / "matrix.mtx", adata.X.T.astype(int))
    (folder / "barcodes.tsv").write_text("".join(f"{name}\n" for name in adata.obs_names))
    (folder / "genes.tsv").write_text("".join(f"ENSG_{name}\t{name}\n" for name in adata.var_names))
    with tarfile.open(user.folder / "tenx.tar", "w") as tar:
        tar.add(folder, "tenx")
    user.adds(user.folder / "tenx.tar", "-k", "asset=counts", "-k", "sample_id=tenx", *human)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, bundled: Path, toolbox: Toolbox) -> Iterator[Lab]:
    """A store with the files of a workflow, and all cases running there, some at once."""
    user = make_user(tmp_path_factory.mktemp("tasks") / "a user")
    _add_germline(user, bundled)
    workflow = user.succeeds(
        *("run", "germline", "--build", "trio", "--samples", "child,mother", "--aligner", "bwa"),
        *("--bqsr", "on", "--filter", "hard", "--save-intermediates", "--skip-report", "--json"),
    )
    store = LocalStore(Settings(STARGAZER_LOCAL=user.local))
    lab = Lab(user, workflow, toolbox, store)
    (vcf,) = Path(workflow.json["outdir"]).glob("**/cohort.vcf.gz")
    _add_parts(user, vcf)
    _add_unmapped(user, bundled)
    _add_simulated_calls(user)
    _add_cells(user, bundled.parent / "scrna" / "cells.h5ad")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # In their order: what a case waits for was begun before it.
        for name, case in CASES.items():
            lab.runs[name] = pool.submit(_run, lab, case)
        yield lab


def _run(lab: Lab, case: Case) -> Answer:
    for before in case.after:
        lab.runs[before].result()
    return lab.user.types("tasks", "run", case.task, *case.given(lab), "--json")


def _described(answer: Answer, kinds: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    return [(a["cid"], a["keyvalues"]) for a in answer.json["assets"] if a["keyvalues"]["asset"] in kinds]


def test_every_task_of_the_catalogue_has_a_case() -> None:
    assert {case.task for case in CASES.values()} == catalog.tasks().keys()


@pytest.mark.parametrize("name", CASES)
def test_a_task_runs_alone(lab: Lab, name: str) -> None:
    case = CASES[name]
    if "bwa-mem2" in catalog.tasks()[case.task].tools and lab.toolbox.tools["bwa-mem2"].path is None:
        pytest.skip("bwa-mem2 is not on this machine")
    answer = lab.runs[name].result()
    assert answer.status == 0, answer.err
    assets = answer.json["assets"]
    assert sorted(asset["keyvalues"]["asset"] for asset in assets) == sorted(case.makes)
    assert all(not asset["reused"] for asset in assets)
    # What a workflow made of the same files, and says of it, is the same record.
    of_workflow = _described(lab.workflow, case.same)
    assert [each for each in _described(answer, case.same) if each not in of_workflow] == []
    kept = record.find(lab.user.local / "runs", answer.json["run_id"]).load()
    assert kept.status == "done"
    sources = {*kept.plan.inputs.values(), *(asset["cid"] for asset in assets)}
    for asset in assets:
        known = lab.store.by_cid(asset["cid"])
        (ours,) = (each for each in known if each.to_keyvalues() == asset["keyvalues"])
        assert kept.run_id in ours.run_ids
        # Who made a file first told what of.
        assert ours.run_ids[0] != kept.run_id or sources & set(ours.derived_from)


def test_a_table_of_qualities_has_the_bytes_of_the_workflow(lab: Lab) -> None:
    assert lab.made_by("base_recalibrator", "bqsr_report") == lab.of_workflow(
        "bqsr_report", sample_id="child"
    )


def test_the_steps_and_the_chain_of_them_give_the_same_files(lab: Lab) -> None:
    steps = ("qc_filter", "normalize", "select_features", "reduce_dimensions", "cluster", "find_markers")
    cids = {asset["cid"] for asset in made(lab.runs["scrna_chain"].result(), asset="anndata")}
    assert cids == {lab.made_by(step, "anndata") for step in steps}


def test_a_task_that_was_run_is_not_run_again(lab: Lab) -> None:
    before = lab.runs["mark_duplicates"].result().json
    again = lab.user.succeeds("tasks", "run", "mark_duplicates", *CHILD[:2], "--json").json
    assert again["run_id"] == before["run_id"]
    assert [asset["cid"] for asset in again["assets"]] == [asset["cid"] for asset in before["assets"]]
    assert all(asset["reused"] for asset in again["assets"])


def test_a_run_of_a_task_is_reproduced(lab: Lab) -> None:
    run_id = lab.runs["samtools_faidx"].result().json["run_id"]
    (output,) = lab.user.succeeds("runs", "reproduce", run_id, "--json").json["outputs"]
    assert (output["name"], output["status"]) == ("reference.fa.fai", "same")

"""Single cells by the pipeline itself: `nextflow run` on a samplesheet, without CLI and store."""

import gzip
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import anndata
import pandas as pd
import pytest
from e2e.user import Nextflow, manifest
from scipy.io import mmwrite
from sklearn.metrics import adjusted_rand_score

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

CELLS = Path(__file__).parents[2] / "stargazer_cli" / "demo" / "data" / "scrna"
BATCH = 'the "donor\'s" batch'
BATCH_CELL = '"the ""donor\'s"" batch"'  # the same in a CSV
STEPS = ("qc_filter", "normalize", "select_features", "reduce_dimensions", "cluster", "find_markers")
MADE = ("qc_filtered", "normalized", "featured", "reduced", "clustered", "annotated")


@dataclass(frozen=True)
class Run:
    """A run that was made, where it was made, and what it printed."""

    nextflow: Nextflow
    outdir: Path
    said: str

    @property
    def files(self) -> dict[str, bytes]:
        """The bytes of every result by its path."""
        found = sorted(file for file in self.outdir.glob("*/*") if file.is_file())
        return {str(file.relative_to(self.outdir)): file.read_bytes() for file in found}


def _mouse_counts(cells: anndata.AnnData, folder: Path) -> None:
    """Write cells as a matrix-market folder, its genes with the names of a mouse."""
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as matrix:
        mmwrite(matrix, cells.X.T.astype(int))
    (folder / "barcodes.tsv").write_text("".join(f"{name}\n" for name in cells.obs_names))
    symbols = [
        re.sub("^MT-", "mt-", name) if name.startswith("MT-") else name.capitalize()
        for name in cells.var_names
    ]
    lines = [f"id{number}\t{symbol}\tGene Expression\n" for number, symbol in enumerate(symbols)]
    (folder / "features.tsv").write_text("".join(lines))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> Run:
    """Two samples that enter by different ways, in a folder with a space, with labels and marker sets."""
    folder = tmp_path_factory.mktemp("cells") / "my single cells"
    folder.mkdir()
    cells = anndata.read_h5ad(CELLS / "cells.h5ad")
    _mouse_counts(cells, folder / "the mouse's counts")
    cells.obs[BATCH] = cells.obs.pop("batch")
    cells.write_h5ad(folder / "it's mine.h5ad")
    for name in ("marker_sets.gmt", "truth.csv"):
        shutil.copy(CELLS / name, folder / f"my {name}")
    (folder / "my samples.csv").write_text(
        "sample,organism,batch,h5ad,counts\n"
        f"human.1,,{BATCH_CELL},it's mine.h5ad,\n"
        "mouse-2,mouse,,,the mouse's counts\n"
    )
    nextflow = Nextflow(folder, toolbox)
    done = nextflow(
        "--workflow", "scrna_clustering_pipeline", "--input", "my samples.csv", "--outdir", "the results",
        "--marker_sets", "my marker_sets.gmt", "--labels", "my truth.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return Run(nextflow, folder / "the results", done.stdout)


def _again(first: Run, outdir: str, *arguments: str, sheet: str = "my samples.csv") -> Run:
    """Run once more in the same folder with the same files, and more arguments."""
    done = first.nextflow(
        "--workflow", "scrna_clustering_pipeline", "--input", sheet, "--outdir", outdir,
        "--marker_sets", "my marker_sets.gmt", "--labels", "my truth.csv", *arguments,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return Run(first.nextflow, first.nextflow.folder / outdir, done.stdout)


def _started(run: Run, word: str = "Submitted") -> set[str]:
    """The tasks that a run started (or took from an earlier one), as `TASK (sample)`."""
    return set(re.findall(rf"{word} process > (?:\w+:)*(\w+ \(.*\))", run.said))


def test_two_samples_find_their_planted_types(first: Run) -> None:
    truth = pd.read_csv(CELLS / "truth.csv", index_col="cell")["label"]
    given = anndata.read_h5ad(CELLS / "cells.h5ad")
    for sample in ("human.1", "mouse-2"):
        found = anndata.read_h5ad(first.outdir / "anndata" / f"{sample}.annotated.h5ad")
        label = truth.reindex(found.obs_names)
        known = label.notna()
        assert adjusted_rand_score(label[known], found.obs["leiden"][known]) > 0.95
        # The counts of every cell that stayed are those that were given.
        at = given.obs_names.get_indexer(found.obs_names)
        genes = given.var_names.str.upper().get_indexer(found.var_names.str.upper())
        assert (found.layers["counts"] != given.X[at][:, genes]).nnz == 0
    asked = anndata.read_h5ad(first.outdir / "anndata" / "human.1.annotated.h5ad").uns["stargazer"]
    assert asked["qc_filter"]["parameters"]["batch_key"] == BATCH


def test_the_manifest_names_every_file_and_what_it_was_made_from(first: Run) -> None:
    lines = {line["path"]: line for line in manifest(first.outdir)}
    expected = {f"anndata/{sample}.{stage}.h5ad" for sample in ("human.1", "mouse-2") for stage in MADE}
    expected |= {f"markers/{sample}.markers.csv" for sample in ("human.1", "mouse-2")}
    expected |= {
        f"reports/{s}.{kind}" for s in ("human.1", "mouse-2") for kind in ("report.html", "summary.json")
    }
    expected.add("anndata/mouse-2.raw.h5ad")
    assert set(lines) == set(first.files) == expected

    raw = lines["anndata/mouse-2.raw.h5ad"]
    assert (raw["task"], raw["stage"], raw["organism"]) == ("import_counts", "raw", "mouse")
    assert (raw["n_obs"], raw["n_vars"]) == anndata.read_h5ad(CELLS / "cells.h5ad").shape
    assert raw["source_cid"] == "the mouse's counts"
    kept = lines["anndata/human.1.qc_filtered.h5ad"]
    assert (kept["task"], kept["organism"], kept["source_cid"]) == ("qc_filter", "human", "it's mine.h5ad")
    assert (kept["n_obs"], kept["n_vars"]) == anndata.read_h5ad(first.outdir / kept["path"]).shape
    assert lines["anndata/human.1.annotated.h5ad"]["derived_from"] == [
        "anndata/human.1.clustered.h5ad", "my marker_sets.gmt",
    ]  # fmt: skip
    markers = lines["markers/human.1.markers.csv"]
    assert (markers["groupby"], markers["method"]) == ("leiden", "wilcoxon")
    assert markers["source_cid"] == "anndata/human.1.clustered.h5ad"
    report = lines["reports/mouse-2.report.html"]
    assert report["title"] == "mouse-2: single-cell clustering"
    assert report["derived_from"] == ["anndata/mouse-2.annotated.h5ad", "my truth.csv"]

    # Each task says what ran it: the libraries that its meta.yml names.
    versions = json.loads((first.outdir / "versions.json").read_text())
    for task in ("import_counts", *STEPS, "scrna_report"):
        assert set(versions[task]) == set(catalog.tasks()[task].tools)


def test_one_cpu_and_one_process_a_sample_give_the_same_files(first: Run) -> None:
    fused = _again(first, "fused", "--fuse", "--max_cpus", "1")
    assert _started(fused) == {
        "IMPORT_COUNTS (mouse-2)", "SCRNA_CHAIN (human.1)", "SCRNA_CHAIN (mouse-2)",
        "SCRNA_REPORT (human.1)", "SCRNA_REPORT (mouse-2)",
    }  # fmt: skip
    ours, theirs = first.files, fused.files
    assert list(ours) == list(theirs)
    assert [path for path in ours if ours[path] != theirs[path]] == []
    assert (first.outdir / "assets.jsonl").read_bytes() == (fused.outdir / "assets.jsonl").read_bytes()
    assert set(json.loads((fused.outdir / "versions.json").read_text())) >= set(STEPS)


def test_another_resolution_runs_only_what_follows(first: Run) -> None:
    # Any earlier run may be resumed, by the id that Nextflow keeps of it.
    history = (first.nextflow.folder / ".nextflow" / "history").read_text().splitlines()
    session = history[0].split("\t")[5]
    second = _again(first, "finer", "-resume", session, "--resolution", "2", "--more_resolutions", "1.0")
    assert _started(second) == {
        f"{task} ({sample})"
        for task in ("CLUSTER", "FIND_MARKERS", "SCRNA_REPORT")
        for sample in ("human.1", "mouse-2")
    }
    assert "REDUCE_DIMENSIONS (human.1)" in _started(second, "Cached")
    found = anndata.read_h5ad(second.outdir / "anndata" / "human.1.clustered.h5ad")
    assert {"leiden", "leiden_1"} <= set(found.obs)


def test_a_sample_goes_on_from_any_stage(first: Run) -> None:
    """Each from files of the first run: from the third step of one, from the last of the other."""
    (first.nextflow.folder / "later.csv").write_text(
        "sample,organism,batch,stage,h5ad\n"
        f"human.1,,{BATCH_CELL},normalized,the results/anndata/human.1.normalized.h5ad\n"
        "mouse-2,mouse,,clustered,the results/anndata/mouse-2.clustered.h5ad\n"
    )
    later = _again(first, "later", sheet="later.csv")
    assert "NORMALIZE (human.1)" not in _started(later)
    assert "CLUSTER (mouse-2)" not in _started(later)
    ours, theirs = first.files, later.files
    assert "anndata/human.1.featured.h5ad" in theirs
    assert [path for path in theirs if ours[path] != theirs[path]] == []
    lines = {line["path"]: line for line in manifest(later.outdir)}
    assert (
        lines["anndata/mouse-2.annotated.h5ad"]["source_cid"] == "the results/anndata/mouse-2.clustered.h5ad"
    )


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        ("sample,h5ad\ns,cut.h5ad\n", [], "qc_filter.py: error: cut.h5ad: "),
        ("sample,batch,h5ad\ns,the lane,cells.h5ad\n", [], "'the lane'"),
        ("sample,h5ad\ns,cells.h5ad\n", ["--integrate", "harmony"], "s.csv, line 2, column batch: is empty"),
        ("sample,h5ad\ns,cells.h5ad\n", ["--min_genes", "100000"], "min_genes"),
        ("sample,stage,h5ad\ns,clustered,cells.h5ad\n", [], "find_markers.py: error: cells.h5ad: "),
    ],
    ids=["cut off", "no such batch", "harmony without batches", "no cell left", "not at this stage"],
)
def test_bad_cells_fail_with_a_reason_and_publish_nothing(
    nextflow: Nextflow, tmp_path: Path, columns: str, options: list[str], said: str
) -> None:
    whole = (CELLS / "cells.h5ad").read_bytes()
    (tmp_path / "cells.h5ad").write_bytes(whole)
    (tmp_path / "cut.h5ad").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "s.csv").write_text(columns)
    ended = nextflow("--workflow", "scrna_clustering_pipeline", "--input", "s.csv", *options)
    assert ended.returncode != 0
    assert said in ended.stdout
    assert not (tmp_path / "results" / "anndata").exists()
    assert not (tmp_path / "results" / "assets.jsonl").exists()


def test_the_versions_script_says_how_it_is_used() -> None:
    script = catalog.pipeline_dir() / "bin" / "scanpy_versions.py"
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert "usage: scanpy_versions.py" in done.stdout

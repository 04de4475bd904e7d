"""Single cells through the store: real Nextflow and scanpy on simulated cells, against the planted truth."""

import csv
import gzip
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import anndata
import pandas as pd
import pytest
from e2e.user import STARGAZER, Answer, User, computed, made, make_user
from scipy.io import mmwrite
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

pytestmark = pytest.mark.pipeline

CELLS = Path(__file__).parent.parent.parent / "stargazer_cli" / "demo" / "data" / "scrna"
STAGES = ("qc_filtered", "normalized", "featured", "reduced", "clustered", "annotated")
STEPS = ("qc_filter", "normalize", "select_features", "reduce_dimensions", "cluster", "find_markers")
SCRNA = ("scrna", "--sample-id", "s1")


def _add_cells(user: User, sample: str = "s1") -> str:
    (added,) = user.adds(CELLS / "cells.h5ad", "-k", f"sample_id={sample}", "-k", "organism=human")
    assert added["keyvalues"]["stage"] == "raw"
    cid: str = added["cid"]
    return cid


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[User, Answer]:
    """A sample that went from raw counts to a report, compared with known labels."""
    user = make_user(tmp_path_factory.mktemp("cells") / "a user")
    _add_cells(user)
    return user, user.succeeds("run", *SCRNA, "--labels", CELLS / "truth.csv", "--json")


def _file(user: User, asset: dict[str, Any]) -> Path:
    """Return a copy of an asset of the store."""
    target = user.folder / f"{asset['cid']}-{asset['name']}"
    if not target.exists():
        user.succeeds("assets", "get", asset["cid"], "-o", target)
    return target


def _stage(answer: Answer, stage: str) -> dict[str, Any]:
    (asset,) = made(answer, asset="anndata", stage=stage)
    return asset


def _cids(answer: Answer) -> dict[str, str]:
    """The CID of each result that must not change, by its file's name."""
    exempt = ("report", "qc_metrics")
    return {a["name"]: a["cid"] for a in answer.json["assets"] if a["keyvalues"]["asset"] not in exempt}


def test_every_stage_is_an_asset_that_links_to_the_one_before(done: tuple[User, Answer]) -> None:
    user, answer = done
    kinds = sorted(asset["keyvalues"]["asset"] for asset in answer.json["assets"])
    assert kinds == ["anndata"] * len(STAGES) + ["markers", "qc_metrics", "report"]
    (raw,) = user.succeeds("assets", "query", "asset=anndata", "stage=raw", "--json").json
    source = raw["cid"]
    for stage in STAGES:
        asset = _stage(answer, stage)
        cells = anndata.read_h5ad(_file(user, asset))
        assert asset["keyvalues"] == {
            "asset": "anndata",
            "sample_id": "s1",
            "stage": stage,
            "organism": "human",
            "source_cid": source,
            "n_obs": str(cells.n_obs),
            "n_vars": str(cells.n_vars),
        }
        (record,) = user.succeeds("assets", "query", f"cid={asset['cid']}", "--json").json
        assert record["path"]
        source = asset["cid"]
    (markers,) = made(answer, asset="markers")
    assert markers["keyvalues"]["source_cid"] == _stage(answer, "clustered")["cid"]
    assert markers["keyvalues"]["method"] == "wilcoxon" and markers["keyvalues"]["groupby"] == "leiden"


def test_the_clusters_and_markers_are_the_planted_ones(done: tuple[User, Answer]) -> None:
    user, answer = done
    cells = anndata.read_h5ad(_file(user, _stage(answer, "annotated")))
    raw = anndata.read_h5ad(CELLS / "cells.h5ad")
    kept = raw[cells.obs_names, cells.var_names]
    assert (cells.layers["counts"] != kept.X).nnz == 0, "raw counts of a kept cell changed"
    assert abs(cells.X - kept.X).max() > 0.1

    truth = pd.read_csv(CELLS / "truth.csv", index_col="cell").loc[cells.obs_names]
    whole = (truth["kind"] == "cell").to_numpy()
    ari = adjusted_rand_score(truth["label"][whole], cells.obs["leiden"][whole])
    nmi = normalized_mutual_info_score(truth["label"][whole], cells.obs["leiden"][whole])
    assert ari > 0.95 and nmi > 0.95
    assert (truth["kind"] == "damaged").sum() == 0 and (truth["kind"] == "empty").sum() == 0

    (metrics,) = made(answer, asset="qc_metrics")
    summary = json.loads(_file(user, metrics).read_text())
    assert summary["agreement"]["ari"] == pytest.approx(ari, abs=0.02)

    planted = json.loads((CELLS / "truth.json").read_text())["markers"]
    best: dict[str, set[str]] = {}
    (markers,) = made(answer, asset="markers")
    with _file(user, markers).open(newline="") as table:
        for row in csv.DictReader(table):
            best.setdefault(row["group"], set()).add(row["gene"])
    for label, genes in planted.items():
        cluster = cells.obs["leiden"][whole & (truth["label"] == label).to_numpy()].mode()[0]
        assert len(best[cluster] & set(genes)) >= len(genes) / 2, (label, cluster)


def test_the_same_request_computes_nothing_and_another_resolution_only_what_follows(
    done: tuple[User, Answer],
) -> None:
    user, answer = done
    labels = ("--labels", CELLS / "truth.csv")
    again = user.succeeds("run", *SCRNA, *labels, "--json")
    assert not computed(again) and all(asset["reused"] for asset in again.json["assets"])
    assert _cids(again) == _cids(answer)

    finer = user.succeeds("run", *SCRNA, "--resolution", "1.0", "--json")
    assert computed(finer) == {"cluster s1", "find_markers s1", "scrna_report s1"}
    assert _stage(finer, "reduced")["reused"] and not _stage(finer, "clustered")["reused"]
    plans = user.plans(*SCRNA)
    assert all(plans[step, "s1"] for step in STEPS) and not plans["scrna_report", "s1"], (
        "a report without labels is another one"
    )
    assert not user.plans(*SCRNA, "--min-genes", "150")["qc_filter", "s1"]


def test_one_process_and_one_cpu_give_the_same_cids(done: tuple[User, Answer]) -> None:
    user, answer = done
    fused = user.succeeds("run", *SCRNA, "--fuse", "--no-reuse", "--max-cpus", "1", "--json")
    assert {line.split()[0] for line in computed(fused)} == {"scrna_chain", "scrna_report"}
    assert _cids(fused) == _cids(answer)


def test_a_matrix_market_folder_gives_what_the_same_counts_as_h5ad_give(
    done: tuple[User, Answer], tmp_path: Path
) -> None:
    _, answer = done
    raw = anndata.read_h5ad(CELLS / "cells.h5ad")
    folder = tmp_path / "filtered feature bc matrix"
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        mmwrite(file, raw.X.T.astype(int))
    features = (f"{row.gene_id}\t{name}\tGene Expression\n" for name, row in raw.var.iterrows())
    (folder / "features.tsv.gz").write_bytes(gzip.compress("".join(features).encode()))
    barcodes = "".join(f"{name}\n" for name in raw.obs_names)
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress(barcodes.encode()))

    user = make_user(tmp_path / "a user")
    (added,) = user.adds(folder, "-k", "sample_id=s1", "-k", "organism=human")
    assert added["keyvalues"]["asset"] == "counts"
    run = user.succeeds("run", *SCRNA, "--fuse", "--json")
    assert _stage(run, "raw")["keyvalues"]["source_cid"] == added["cid"]
    ours, theirs = (anndata.read_h5ad(_file(user, _stage(run, "clustered"))), done)
    same = anndata.read_h5ad(_file(theirs[0], _stage(answer, "clustered")))
    assert (ours.obs["leiden"] == same.obs["leiden"]).all()


def test_two_samples_at_once_and_a_batch_column_with_a_space(tmp_path: Path) -> None:
    user = make_user(tmp_path / "a user")
    cells = anndata.read_h5ad(CELLS / "cells.h5ad")
    for number, batch in enumerate(("batch1", "batch2"), start=1):
        part = cells[cells.obs["batch"] == batch].copy()
        part.obs["the 'donor'"] = ["d1", "d2"] * (part.n_obs // 2) + ["d1"] * (part.n_obs % 2)
        file = user.folder / f"cells {number}.h5ad"
        part.write_h5ad(file)
        user.adds(file, "-k", f"sample_id=s{number}")
    run = user.succeeds(
        *("run", "scrna", "--sample-id", "s1,s2", "--fuse", "--json"),
        *("--batch-key", "the 'donor'", "--integrate", "harmony"),
    )
    for sample in ("s1", "s2"):
        (asset,) = made(run, asset="anndata", sample_id=sample, stage="annotated")
        result = anndata.read_h5ad(_file(user, asset))
        assert "X_pca_harmony" in result.obsm
        assert result.obs_names.isin(cells.obs_names[cells.obs["batch"] == f"batch{sample[1]}"]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--batch-key", "donor"), ("donor", "batch")),
        (("--organism", "mouse"), ("mouse", "--organism human")),
        (("--min-genes", "2400"), ("min_genes", "700")),
    ],
    ids=["batch", "organism", "empty"],
)
def test_what_the_data_cannot_do_is_said_in_one_error_and_stores_nothing(
    done: tuple[User, Answer], options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    user, _ = done
    before = user.succeeds("assets", "query", "--json").json
    answer = user.types("run", *SCRNA, *options)
    assert answer.status == 1
    assert "qc_filter failed for s1" in answer.err and "cells.h5ad" in answer.err
    assert all(word in answer.err for word in words), answer.err
    assert "Traceback" not in answer.err
    assert user.succeeds("assets", "query", "--json").json == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sample-id", "s9"), "s1"),
        (("--sample-id", "s1,s1"), "twice"),
        (("--sample-id", "../s1"), "sample id"),
        (("--sample-id", "s1", "--resolution", "0"), "resolution"),
        (("--sample-id", "s1", "--more-resolutions", "1,x"), "more-resolutions"),
        (("--sample-id", "s1", "--integrate", "harmony"), "--batch-key"),
        (("--sample-id", "s1", "--labels", "none.csv"), "none.csv"),
        (("--sample-id", "s1", "--marker-sets", "."), "folder"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_before_a_run(
    done: tuple[User, Answer], arguments: tuple[str, ...], message: str
) -> None:
    user, _ = done
    runs = sorted((user.local / "runs").iterdir())
    answer = user.types("run", "scrna", *arguments)
    assert answer.status == 2 and message in answer.err, answer.err
    assert len(answer.err.strip().splitlines()) <= 3
    assert sorted((user.local / "runs").iterdir()) == runs


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    user = make_user(tmp_path / "a user")
    _add_cells(user)
    process = subprocess.Popen(
        [STARGAZER, "run", *SCRNA], cwd=user.folder, env=user.environment(), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("started normalize"):
            break
    process.send_signal(signal.SIGTERM)
    process.stderr.read()
    assert process.wait(60) == 1
    time.sleep(0.5)
    assert user.succeeds("assets", "query", "asset=anndata", "stage=qc_filtered", "--json").json == []
    (run,) = (user.local / "runs").iterdir()
    resumed = user.succeeds("run", "--json", "--resume", run.name)
    assert "kept qc_filter for s1" in resumed.err
    assert _stage(resumed, "annotated")

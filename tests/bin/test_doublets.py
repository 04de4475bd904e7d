from pathlib import Path

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData, read_h5ad
from helpers.planted import planted_counts
from scipy import sparse
from scrna.doublets import score_doublets
from scrna.options import QcFilter
from scrna.qc import qc_filter
from scrna.summary import scrublet_runs
from sklearn.metrics import roc_auc_score


def _batches(adata: AnnData) -> np.ndarray:
    return adata.obs["batch"].to_numpy(dtype=str)


def test_scores_are_those_of_scanpy() -> None:
    adata = planted_counts(400)
    expected = adata.copy()
    sc.pp.scrublet(expected, random_state=3, expected_doublet_rate=0.06)
    notes = score_doublets(adata, 0.06, 3, None, None)

    assert notes == []
    assert np.array_equal(adata.obs["doublet_score"], expected.obs["doublet_score"])
    assert np.array_equal(adata.obs["predicted_doublet"], expected.obs["predicted_doublet"])
    assert adata.uns["scrublet"]["threshold"] == expected.uns["scrublet"]["threshold"]
    assert adata.uns["scrublet"].keys() == expected.uns["scrublet"].keys()


def test_scores_of_batches_are_those_of_scanpy() -> None:
    adata = planted_counts(400, batches=2)
    expected = adata.copy()
    sc.pp.scrublet(expected, batch_key="batch")
    score_doublets(adata, 0.05, 0, _batches(adata), "batch")

    assert np.array_equal(adata.obs["doublet_score"], expected.obs["doublet_score"])
    assert list(adata.uns["scrublet"]["batches"]) == ["b0", "b1"]
    for place, batch in enumerate(["b0", "b1"]):
        run, theirs = adata.uns["scrublet"]["runs"][str(place)], expected.uns["scrublet"]["batches"][batch]
        assert run.keys() == theirs.keys()
        assert run["threshold"] == theirs["threshold"]
    assert adata.uns["scrublet"]["batched_by"] == "batch"


def test_planted_doublets_score_highest() -> None:
    adata = planted_counts(600)
    groups = adata.obs["truth"].to_numpy()
    first, second = np.flatnonzero(groups == "T")[:40], np.flatnonzero(groups == "B")[:40]
    mixed = adata.X.tolil()
    mixed[first] = adata.X[first] + adata.X[second]
    adata.X = sparse.csr_matrix(mixed)
    score_doublets(adata, 0.07, 0, None, None)

    planted = np.isin(np.arange(600), first)
    assert roc_auc_score(planted, adata.obs["doublet_score"]) > 0.95


def test_predicted_doublets_are_removed_with_their_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skimage.filters.threshold_minimum", lambda _: 0.1)
    adata = planted_counts(200)
    kept = qc_filter(adata, QcFilter(min_genes=20))
    removed = kept.uns["qc"]["removed"]

    assert 0 < len(removed) == kept.uns["qc"]["removed_counts"]["doublet"] == 200 - kept.n_obs
    assert (removed["reason"] == "doublet").all()
    assert (removed["doublet_score"] > 0.1).all()
    assert (kept.obs["doublet_score"] <= 0.1).all()
    assert kept.uns["qc"]["thresholds"]["doublet_score"] == {"upper": 0.1}


def test_a_batch_that_is_too_small_is_not_scored() -> None:
    adata = planted_counts(200, batches=2)
    batches = np.where(np.arange(200) < 20, "tiny/1", "large")
    notes = score_doublets(adata, 0.05, 0, batches, "lane")

    assert notes == ["doublets of batch tiny/1 were not looked for: 20 cells are too few (at least 50)"]
    assert adata.obs["doublet_score"].isna().sum() == 20
    assert adata.obs["predicted_doublet"].dtype == bool
    assert list(adata.uns["scrublet"]["batches"]) == ["large"]


def test_names_of_batches_are_no_paths_in_the_file_and_none_takes_the_place_of_another(
    tmp_path: Path,
) -> None:
    adata = planted_counts(240)
    names = np.array([".", "a/b", "a_b", "b"])[np.arange(240) // 60]
    score_doublets(adata, 0.05, 0, names, "lane")
    adata.write_h5ad(tmp_path / "a.h5ad")
    runs = scrublet_runs(read_h5ad(tmp_path / "a.h5ad"))

    assert list(runs) == [".", "a/b", "a_b", "b"]
    for name, run in runs.items():
        alone = planted_counts(240)[names == name].copy()
        score_doublets(alone, 0.05, 0, None, None)
        assert np.array_equal(run["doublet_scores_sim"], alone.uns["scrublet"]["doublet_scores_sim"])


def test_what_scrublets_own_filters_leave_empty_is_not_scored() -> None:
    one_gene = planted_counts(200)[:, :1].copy()
    assert score_doublets(one_gene, 0.05, 0, None, None) == [
        "doublets were not looked for: 1 genes are too few (at least 10)"
    ]
    adata = planted_counts(240)
    empty = np.arange(240) < 80
    adata.X = sparse.csr_matrix(adata.X.multiply(~empty[:, None]))
    notes = score_doublets(adata, 0.05, 0, np.where(empty, "empty", "full"), "lane")

    assert notes == [
        "doublets of batch empty were not looked for: 0 cells with counts are too few (at least 50)"
    ]
    assert adata.obs["doublet_score"].isna().to_numpy().tolist() == empty.tolist()


@pytest.mark.parametrize(("cells", "genes"), [(49, 600), (200, 120)])
def test_too_little_data_is_noted_and_nothing_removed(cells: int, genes: int) -> None:
    adata = planted_counts(cells, genes)
    if genes == 120:
        adata.X = sparse.csr_matrix(np.tile(adata.X[0].toarray(), (200, 1)))
    notes = score_doublets(adata, 0.05, 0, None, None)

    assert len(notes) == 1
    assert "too few (at least" in notes[0]
    assert not adata.obs["predicted_doublet"].any()
    assert "scrublet" not in adata.uns


def test_fewer_cells_than_components_are_scored() -> None:
    adata = planted_counts(60)[:, :90].copy()

    assert score_doublets(adata, 0.05, 0, None, None) is not None
    assert adata.obs["doublet_score"].notna().all() or "scrublet" not in adata.uns


def test_without_a_threshold_nothing_is_removed_and_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_peak(_: object) -> float:
        raise RuntimeError("unable to find two maxima")

    monkeypatch.setattr("skimage.filters.threshold_minimum", one_peak)
    kept = qc_filter(planted_counts(200), QcFilter(min_genes=20))

    assert kept.n_obs == 200
    assert kept.obs["doublet_score"].notna().all()
    assert "doublet_score" not in kept.uns["qc"]["thresholds"]
    notes = kept.uns["stargazer"]["qc_filter"]["notes"]
    assert any("found no threshold" in note for note in notes)


def test_more_cells_than_one_capture_gives_are_noted_without_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrna.doublets._LARGEST_CAPTURE", 100)
    adata = planted_counts(120)
    batched = score_doublets(adata.copy(), 0.05, 0, np.where(np.arange(120) < 60, "a", "b"), "lane")

    assert (
        "in 120 cells at once, more than one capture gives" in score_doublets(adata, 0.05, 0, None, None)[0]
    )
    assert not [note for note in batched if "at once" in note]

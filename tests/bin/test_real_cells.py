"""The chain on two public data sets, by meaning and not by bytes: agreement with labels, known markers.

Clusters of cells near a border move with the CPU and the versions of libraries, so limits stand a few
hundredths below what was measured.
"""

from pathlib import Path

import pandas as pd
import pytest
from anndata import AnnData, read_h5ad
from helpers.chained import run_until
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

pytestmark = pytest.mark.real_data


def _agreement(adata: AnnData, folder: Path, column: str) -> tuple[float, float]:
    """Return ARI and NMI of a clustering with the labels, over the cells that have one."""
    labels = pd.read_csv(folder / "labels.csv", index_col="cell")["label"].reindex(adata.obs_names)
    known = labels.notna().to_numpy()
    both = labels[known], adata.obs.loc[known, column]
    return adjusted_rand_score(*both), normalized_mutual_info_score(*both)


@pytest.fixture(scope="module")
def pbmc3k(real_data: Path) -> AnnData:
    raw = read_h5ad(real_data / "scrna_pbmc3k" / "raw.h5ad")
    return run_until(raw, "find_markers", more_resolutions="1.0")


def test_pbmc3k_agrees_with_its_labels(real_data: Path, pbmc3k: AnnData) -> None:
    ari, nmi = _agreement(pbmc3k, real_data / "scrna_pbmc3k", "leiden")

    assert ari >= 0.80  # measured: 0.859
    assert nmi >= 0.80  # measured: 0.839
    assert 6 <= pbmc3k.obs["leiden"].nunique() <= 9


def test_pbmc3k_has_the_known_markers_in_clusters_of_their_own(pbmc3k: AnnData) -> None:
    markers = pbmc3k.uns["markers"]
    clusters = []
    for genes in (["NKG7", "GNLY"], ["CD79A", "MS4A1"], ["LYZ"], ["PPBP"]):
        found = markers[markers["gene"].isin(genes)].groupby("group")["rank"].agg(["size", "max"])
        found = found[(found["size"] == len(genes)) & (found["max"] <= 20)]
        assert len(found), f"{genes} are not among the best 20 markers of one cluster"
        clusters.append(found["max"].idxmin())

    assert len(set(clusters)) == 4


def test_pbmc3k_keeps_the_counts_of_every_kept_cell(real_data: Path, pbmc3k: AnnData) -> None:
    raw = read_h5ad(real_data / "scrna_pbmc3k" / "raw.h5ad")

    assert pbmc3k.n_obs > 2500
    assert (pbmc3k.layers["counts"] != raw[pbmc3k.obs_names, pbmc3k.var_names].X).nnz == 0
    assert (pbmc3k.var["gene_id"] == raw.var.loc[pbmc3k.var_names, "gene_id"]).all()
    assert list(pbmc3k.var_names[pbmc3k.var["mt"]])[:2] == ["MT-ND1", "MT-ND2"]


def test_225_cells_of_three_lines(real_data: Path) -> None:
    raw = read_h5ad(real_data / "scrna_dropseq_3cl" / "raw.h5ad")
    adata = run_until(raw, "find_markers", more_resolutions="0.1")

    assert _agreement(adata, real_data / "scrna_dropseq_3cl", "leiden")[0] >= 0.70  # measured: 0.773
    assert _agreement(adata, real_data / "scrna_dropseq_3cl", "leiden_0.1")[0] >= 0.90  # measured: 0.946
    assert adata.obs["leiden_0.1"].nunique() == 3

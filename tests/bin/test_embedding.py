import argparse

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from helpers.chained import run_until
from helpers.planted import planted_counts
from scipy import sparse
from scrna.embedding import reduce_dimensions
from scrna.errors import InputError
from scrna.features import select_features
from scrna.normalization import normalize
from scrna.options import Normalize, ReduceDimensions, SelectFeatures
from sklearn.neighbors import NearestNeighbors

from stargazer_cli import catalog

QC = {"min_genes": 20, "doublets": "none"}


def _same_batch_share(adata: AnnData, basis: str) -> float:
    """Return the mean share of a cell's 20 nearest neighbours that are of its own batch."""
    search = NearestNeighbors(n_neighbors=21).fit(adata.obsm[basis])
    neighbours = search.kneighbors(return_distance=False, n_neighbors=20)
    batch = adata.obs["batch"].to_numpy(dtype=str)
    return float((batch[neighbours] == batch[:, None]).mean())


def _largest_share(values: pd.Series) -> float:
    return float(values.value_counts(normalize=True).max())


def test_harmony_mixes_batches_and_keeps_groups() -> None:
    adata = run_until(
        planted_counts(400, batches=2), "cluster", integrate="harmony", batch_key="batch", n_pcs=20,
        n_top_genes=300, resolution=0.3, **QC,
    )  # fmt: skip

    assert adata.obsm["X_pca_harmony"].shape == adata.obsm["X_pca"].shape
    assert _same_batch_share(adata, "X_pca") > 0.8
    assert _same_batch_share(adata, "X_pca_harmony") < 0.6
    assert adata.uns["neighbors"]["params"]["use_rep"] == "X_pca_harmony"
    truth = adata.obs.groupby("leiden", observed=True)["truth"].agg(
        lambda x: x.value_counts(normalize=True).max()
    )
    assert (truth > 0.9).all()
    assert adata.obs["leiden"].nunique() == 3


def test_harmony_needs_two_batches_that_are_named() -> None:
    featured = run_until(planted_counts(100), "select_features", **QC)
    with pytest.raises(InputError, match=r"--integrate harmony needs --batch-key"):
        reduce_dimensions(featured.copy(), ReduceDimensions(integrate="harmony"))
    with pytest.raises(InputError, match="has one value, 'b0': there is nothing to integrate"):
        reduce_dimensions(featured.copy(), ReduceDimensions(integrate="harmony", batch_key="batch"))
    with pytest.raises(InputError, match="no obs column is named 'donor'; the columns are: truth, batch"):
        reduce_dimensions(featured.copy(), ReduceDimensions(batch_key="donor"))


@pytest.mark.parametrize("n_cells", [3, 4, 5, 8, 12, 30])
def test_few_cells_end_well_with_fewer_components_and_neighbours(n_cells: int) -> None:
    adata = run_until(planted_counts(n_cells), "find_markers", min_cells=1, **QC)
    notes = " ".join(adata.uns["stargazer"]["reduce_dimensions"]["notes"])

    assert adata.n_obs == n_cells
    assert adata.obsm["X_pca"].shape == (n_cells, min(50, n_cells - 1))
    assert f"{n_cells - 1} principal components instead of 50" in notes
    assert ("neighbours instead of 15" in notes) == (n_cells < 15)
    assert np.isfinite(adata.obsm["X_umap"]).all()
    assert adata.obs["leiden"].notna().all()


def test_harmony_on_few_cells() -> None:
    adata = run_until(
        planted_counts(24, batches=2), "reduce_dimensions", integrate="harmony", batch_key="batch", **QC
    )

    assert np.isfinite(adata.obsm["X_pca_harmony"]).all()


def test_harmony_takes_the_largest_seed_and_none_is_larger() -> None:
    parameters = {each.name: each for each in catalog.tasks()["reduce_dimensions"].parameters}
    seed = int(parameters["seed"].maximum or 0)
    run_until(
        planted_counts(24, batches=2),
        "reduce_dimensions",
        integrate="harmony",
        batch_key="batch",
        seed=seed,
        **QC,
    )

    parse = ReduceDimensions.__dataclass_fields__["seed"].metadata["parse"]
    assert parse(str(seed)) == seed
    with pytest.raises(argparse.ArgumentTypeError, match="at most"):
        parse(str(seed + 1))


def test_components_are_limited_by_the_selected_genes() -> None:
    adata = run_until(planted_counts(100), "reduce_dimensions", n_top_genes=10, **QC)

    assert adata.obsm["X_pca"].shape == (100, 9)
    assert len(adata.uns["pca"]["variance_ratio"]) == 9


def test_more_genes_than_there_are_is_noted() -> None:
    adata = run_until(planted_counts(100), "select_features", n_top_genes=5000, **QC)

    assert adata.var["highly_variable"].sum() == adata.n_vars
    assert "5,000 variable genes were asked for, but the data have" in str(
        adata.uns["stargazer"]["select_features"]["notes"][0]
    )


def test_one_batch_is_noted_and_selects_as_without() -> None:
    normalized = run_until(planted_counts(100), "normalize", **QC)
    plain = select_features(normalized.copy(), SelectFeatures(n_top_genes=50))
    batched = select_features(normalized.copy(), SelectFeatures(n_top_genes=50, batch_key="batch"))

    assert (plain.var["highly_variable"] == batched.var["highly_variable"]).all()
    assert list(batched.uns["stargazer"]["select_features"]["notes"]) == [
        "batch names one batch only: genes were selected over all cells"
    ]


@pytest.mark.parametrize("kind", [int, float, bool, "category"])
@pytest.mark.parametrize("flavor", ["seurat", "cell_ranger", "seurat_v3"])
def test_a_batch_column_of_any_type_selects_as_one_of_text(kind: type | str, flavor: str) -> None:
    text = run_until(planted_counts(200, batches=2), "normalize", **QC)
    number = text.copy()
    column = (number.obs["batch"] == "b1").astype(int)
    number.obs["batch"] = column.astype(kind)
    options = SelectFeatures(n_top_genes=50, hvg_flavor=flavor, batch_key="batch")
    select_features(text, options)
    select_features(number, options)

    assert (text.var["highly_variable"] == number.var["highly_variable"]).all()
    assert number.obs["batch"].dtype == column.astype(kind).dtype
    assert list(number.obs) == list(text.obs)


def test_no_gene_that_varies_is_said() -> None:
    counts = planted_counts(60)
    counts.X = sparse.csr_matrix(np.tile(counts.X[0].toarray(), (60, 1)))
    counts.X[:, :] = 1
    normalized = run_until(counts, "normalize", **QC)
    with pytest.raises(InputError, match="no gene varies between the cells"):
        select_features(normalized, SelectFeatures())


def test_too_few_cells_for_seurat_v3_is_said() -> None:
    few = planted_counts(4)[:, :30].copy()
    normalized = run_until(few, "normalize", min_genes=1, min_cells=1, max_pct_mt=100.0, doublets="none")
    with pytest.raises(InputError, match=r"too few for --hvg-flavor seurat_v3 .*; take another flavour"):
        select_features(normalized, SelectFeatures(hvg_flavor="seurat_v3", n_top_genes=5))


def test_a_target_sum_is_kept() -> None:
    counts = run_until(planted_counts(50), "qc_filter", **QC)
    adata = normalize(counts.copy(), Normalize(target_sum=1e4))

    assert np.expm1(adata.X.toarray()).sum(axis=1) == pytest.approx(np.full(50, 1e4), rel=1e-4)
    assert (adata.layers["counts"] != counts.X).nnz == 0


def test_each_step_refuses_what_it_cannot_start_from() -> None:
    counts = run_until(planted_counts(60), "qc_filter", **QC)
    normalized = run_until(planted_counts(60), "normalize", **QC)
    with pytest.raises(InputError, match=r"X looks log-normalised.*normalize starts from raw counts"):
        normalize(normalized.copy(), Normalize())
    with pytest.raises(InputError, match="X holds raw counts, but select_features works on log-normalised"):
        select_features(counts.copy(), SelectFeatures())
    with pytest.raises(InputError, match=r"has no var\['highly_variable'\]; run select_features first"):
        reduce_dimensions(normalized.copy(), ReduceDimensions())
    scaled = normalized.copy()
    sc.pp.scale(scaled)
    with pytest.raises(InputError, match=r"X looks scaled.*run normalize on raw counts"):
        select_features(scaled, SelectFeatures())
    del normalized.layers["counts"]
    with pytest.raises(InputError, match=r"has no layers\['counts'\], which seurat_v3 works on"):
        select_features(normalized, SelectFeatures(hvg_flavor="seurat_v3"))

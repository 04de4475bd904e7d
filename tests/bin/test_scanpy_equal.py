"""The chain against a plain scanpy script with the same parameters, on the same machine.

Equal means the same bits: both call the same functions with the same seeds. Where the order of a sum differs
(Wilcoxon in illico and in scanpy), the tolerance stands beside the test.
"""

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData
from helpers.chained import run_until
from helpers.planted import planted_counts
from sklearn.metrics import adjusted_rand_score

OPTIONS = {"min_genes": 50, "n_top_genes": 200, "n_pcs": 20}


@pytest.fixture(scope="module")
def raw() -> AnnData:
    return planted_counts(400, batches=2)


def _plain(raw: AnnData, flavor: str = "seurat", batch_key: str | None = None) -> AnnData:
    """Do what the chain does by scanpy's own calls."""
    adata = raw.copy()
    sc.pp.filter_cells(adata, min_genes=50)
    sc.pp.filter_genes(adata, min_cells=3)
    adata.var["mt"] = adata.var_names.str.startswith("MT-")
    sc.pp.calculate_qc_metrics(adata, qc_vars=["mt"], percent_top=[20], inplace=True)
    sc.pp.scrublet(adata, batch_key=batch_key)
    adata = adata[(adata.obs["pct_counts_mt"] <= 20) & ~adata.obs["predicted_doublet"]].copy()
    adata.layers["counts"] = adata.X.copy()
    sc.pp.normalize_total(adata)
    sc.pp.log1p(adata)
    layer = "counts" if flavor == "seurat_v3" else None
    sc.pp.highly_variable_genes(adata, n_top_genes=200, flavor=flavor, layer=layer, batch_key=batch_key)
    sc.pp.pca(adata, n_comps=20)
    sc.pp.neighbors(adata, n_neighbors=15, use_rep="X_pca")
    sc.tl.umap(adata)
    return adata


def _same(chain: AnnData, plain: AnnData) -> None:
    assert list(chain.obs_names) == list(plain.obs_names)
    assert list(chain.var_names) == list(plain.var_names)
    assert (chain.layers["counts"] != plain.layers["counts"]).nnz == 0
    assert (chain.X != plain.X).nnz == 0
    assert (chain.var["highly_variable"] == plain.var["highly_variable"]).all()
    assert np.array_equal(chain.obsm["X_pca"], plain.obsm["X_pca"])
    assert (chain.obsp["connectivities"] != plain.obsp["connectivities"]).nnz == 0
    assert np.array_equal(chain.obsm["X_umap"], plain.obsm["X_umap"])


@pytest.mark.parametrize("flavor", ["seurat", "cell_ranger", "seurat_v3"])
def test_the_same_cells_genes_and_places(raw: AnnData, flavor: str) -> None:
    _same(run_until(raw, "reduce_dimensions", hvg_flavor=flavor, **OPTIONS), _plain(raw, flavor))


def test_the_same_with_batches(raw: AnnData) -> None:
    chain = run_until(raw, "reduce_dimensions", batch_key="batch", **OPTIONS)
    _same(chain, _plain(raw, batch_key="batch"))


@pytest.mark.parametrize("flavor", ["igraph", "leidenalg"])
def test_the_same_clusters(raw: AnnData, flavor: str) -> None:
    plain = _plain(raw)
    chosen = {"flavor": "igraph", "n_iterations": 2, "directed": False} if flavor == "igraph" else {}
    sc.tl.leiden(plain, resolution=3.0, **chosen)
    chain = run_until(raw, "cluster", leiden_flavor=flavor, resolution=3.0, **OPTIONS)

    assert adjusted_rand_score(chain.obs["leiden"], plain.obs["leiden"]) == 1
    sizes = chain.obs["leiden"].value_counts(sort=False)
    assert list(sizes.index) == [str(number) for number in range(len(sizes))]
    assert sizes.is_monotonic_decreasing


@pytest.mark.parametrize("method", ["wilcoxon", "t-test"])
def test_the_same_tests(raw: AnnData, method: str) -> None:
    chain = run_until(raw, "find_markers", method=method, **OPTIONS)
    plain = chain.copy()
    plain.uns["log1p"] = {}
    sc.tl.rank_genes_groups(plain, "leiden", method=method)
    for group in chain.obs["leiden"].cat.categories:
        one, two = (sc.get.rank_genes_groups_df(adata, group).set_index("names") for adata in (chain, plain))
        two = two.loc[one.index]
        # Rank sums in double precision, stored as float32: half of the last of 24 bits, at scores up to 100.
        assert np.allclose(one["scores"], two["scores"], rtol=1e-6, atol=1e-5)
        assert np.allclose(one["logfoldchanges"], two["logfoldchanges"], rtol=1e-4, atol=1e-5)
        assert np.allclose(one["pvals"], two["pvals"], rtol=1e-8, atol=1e-300)
        assert np.allclose(one["pvals_adj"], two["pvals_adj"], rtol=1e-8, atol=1e-300)
        assert one["scores"].is_monotonic_decreasing


def test_planted_groups_come_back_with_their_genes(raw: AnnData) -> None:
    adata = run_until(raw, "find_markers", resolution=0.3, **OPTIONS)

    assert adjusted_rand_score(adata.obs["truth"], adata.obs["leiden"]) > 0.95
    truth = adata.obs.groupby("leiden", observed=True)["truth"].agg(lambda values: values.mode()[0])
    for cluster, genes in adata.uns["markers"].groupby("group")["gene"]:
        best = list(genes[:20])
        planted = [gene for gene in best if gene.rstrip("0123456789") == truth[cluster]]
        assert len(planted) >= 18

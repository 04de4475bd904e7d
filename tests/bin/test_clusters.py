import pandas as pd
import pytest
from anndata import AnnData
from chained import run_until
from planted import planted_counts
from scipy import sparse
from scrna.clustering import cluster
from scrna.errors import InputError
from scrna.options import Cluster
from sklearn.metrics import adjusted_rand_score

QC = {"min_genes": 20, "doublets": "none", "n_pcs": 20}


@pytest.fixture(scope="module")
def reduced_once() -> AnnData:
    return run_until(planted_counts(240), "reduce_dimensions", **QC)


@pytest.fixture
def reduced(reduced_once: AnnData) -> AnnData:
    return reduced_once.copy()


@pytest.mark.parametrize("flavor", ["igraph", "leidenalg"])
def test_several_resolutions_are_columns(reduced: AnnData, flavor: str) -> None:
    options = Cluster(
        resolution=0.3, more_resolutions="0.05, 1.0,3", leiden_flavor=flavor, key_added="groups"
    )
    adata = cluster(reduced, options)
    numbers = [adata.obs[f"groups_{resolution}"].nunique() for resolution in ("0.05", "1", "3")]

    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[-1]
    assert adjusted_rand_score(adata.obs["truth"], adata.obs["groups"]) > 0.95
    assert adata.uns["stargazer"]["cluster"]["parameters"]["key_added"] == "groups"


def test_clusters_are_numbered_by_size(reduced: AnnData) -> None:
    sizes = cluster(reduced, Cluster(resolution=2.0)).obs["leiden"].value_counts(sort=False)

    assert list(sizes.index) == [str(number) for number in range(len(sizes))]
    assert sizes.is_monotonic_decreasing


def test_the_seed_decides(reduced: AnnData) -> None:
    first, second, other = (
        cluster(reduced.copy(), Cluster(resolution=3.0, seed=seed)).obs["leiden"] for seed in (1, 1, 2)
    )

    assert (first == second).all()
    assert not (first.astype(str) == other.astype(str)).all()


def test_one_cluster_is_noted() -> None:
    counts = planted_counts(240)
    one_group = counts[counts.obs["truth"] == "B"].copy()
    adata = run_until(one_group, "cluster", resolution=0.001, **QC)

    assert list(adata.obs["leiden"].cat.categories) == ["0"]
    assert "all cells are in one cluster" in adata.uns["stargazer"]["cluster"]["notes"][0]


def test_a_cluster_of_one_cell_is_noted(reduced: AnnData) -> None:
    graph = reduced.obsp["connectivities"].tolil()
    graph[0, :] = 0
    graph[:, 0] = 0
    reduced.obsp["connectivities"] = sparse.csr_matrix(graph)
    adata = cluster(reduced, Cluster())

    assert adata.obs["leiden"].value_counts().min() == 1
    assert list(adata.uns["stargazer"]["cluster"]["notes"]) == ["1 clusters have a single cell"]


def test_a_column_of_the_input_is_kept_under_another_name(reduced: AnnData) -> None:
    reduced.obs["leiden"] = pd.Categorical(["mine"] * reduced.n_obs)
    adata = cluster(reduced, Cluster())

    assert set(adata.obs["leiden_input"]) == {"mine"}
    assert "0" in adata.obs["leiden"].cat.categories
    assert list(adata.uns["stargazer"]["cluster"]["notes"]) == [
        "the obs column leiden of the input is now leiden_input"
    ]


def test_clustering_again_replaces_what_it_made(reduced: AnnData) -> None:
    once = cluster(reduced.copy(), Cluster(resolution=1.0, more_resolutions="2"))
    again = cluster(once, Cluster(resolution=1.0, more_resolutions="2"))

    assert not [name for name in again.obs if name.endswith("_input")]
    assert list(again.uns["stargazer"]["cluster"]["notes"]) == []


def test_a_name_that_another_result_has_is_refused(reduced: AnnData) -> None:
    with pytest.raises(InputError, match="--key-added neighbors is the name of another result"):
        cluster(reduced, Cluster(key_added="neighbors"))


def test_without_a_graph_it_says_which_step_is_missing(reduced: AnnData) -> None:
    del reduced.obsp["connectivities"]
    with pytest.raises(InputError, match=r"has no neighbour graph .*; run reduce_dimensions first"):
        cluster(reduced, Cluster())

import pandas as pd
import pytest
from anndata import AnnData
from helpers.chained import run_until
from helpers.planted import planted_counts
from scipy import sparse
from scrna.clustering import cluster
from scrna.errors import InputError
from scrna.options import Cluster, name_clash
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


@pytest.mark.parametrize("result", [{"params": {"method": "x"}}, {"params": "x"}, "x"])
def test_a_name_that_another_result_has_is_refused(reduced: AnnData, result: object) -> None:
    reduced.uns["velocity"] = result
    with pytest.raises(InputError, match="--key-added velocity is the name of another result"):
        cluster(reduced, Cluster(key_added="velocity"))


def test_without_a_graph_it_says_which_step_is_missing(reduced: AnnData) -> None:
    del reduced.obsp["connectivities"]
    with pytest.raises(InputError, match=r"has no neighbour graph .*; run reduce_dimensions first"):
        cluster(reduced, Cluster())


def test_what_the_steps_write_is_no_name_for_clusters() -> None:
    counts = planted_counts(240, batches=2)
    own = {**QC, "doublets": "scrublet", "batch_key": "batch", "integrate": "harmony", "key_added": "mine"}
    given = set(counts.obs)
    adata = run_until(counts, "find_markers", **own, more_resolutions="0.1")
    written = ({*adata.obs} - given | {*adata.uns, "cell_type_hints", "_index"}) - {"mine", "mine_0.1"}

    assert {"total_counts", "pct_counts_mt", "markers", "neighbors"} <= written
    assert not [name for name in written if name_clash(name, None) is None]
    for fine in ("leiden", "clusters", "mine"):
        assert name_clash(fine, "0.1,2", {"batch"}) is None


@pytest.mark.parametrize(
    ("key", "more", "message"),
    [
        ("donor 1", None, "would overwrite the batches, obs column donor 1"),
        ("x", "2,0.5", "would overwrite the batches, obs column x_0.5"),
        ("x", "1,1.0000001", r"has 1.0 and 1.0000001: both would be the column x_1; leave one out"),
        ("pct_counts", "20", "pct_counts_20 is a name that the steps or the report use"),
    ],
)
def test_columns_that_would_collide_are_named(key: str, more: str | None, message: str) -> None:
    assert message in str(name_clash(key, more, {"donor 1", "x_0.5"}))


def test_the_batches_of_an_earlier_step_are_not_overwritten(reduced: AnnData) -> None:
    reduced.uns["stargazer"]["qc_filter"]["parameters"]["batch_key"] = "batch_1"
    with pytest.raises(InputError, match="would overwrite the batches, obs column batch_1"):
        cluster(reduced, Cluster(key_added="batch_1"))


def test_the_index_of_the_cells_is_no_column(reduced: AnnData) -> None:
    reduced.obs.index.name = "barcode"
    with pytest.raises(InputError, match="--key-added barcode is the name of the index of the cells"):
        cluster(reduced, Cluster(key_added="barcode"))


def test_no_column_of_the_input_is_lost(reduced: AnnData) -> None:
    for number, name in enumerate(("leiden", "leiden_input", "leiden_2", "leiden_old")):
        reduced.obs[name] = f"{number}"
    adata = cluster(cluster(reduced, Cluster()), Cluster(more_resolutions="2"))

    kept = {"leiden_input_2": "0", "leiden_input": "1", "leiden_2_input": "2", "leiden_old": "3"}
    assert {name: adata.obs[name].iloc[0] for name in kept} == kept


@pytest.mark.parametrize("more", ["1,1.0000001", "high"])
def test_further_resolutions_of_another_version_do_not_stop_it(reduced: AnnData, more: str) -> None:
    reduced.obs["leiden"] = "0"
    reduced.uns["stargazer"]["cluster"] = {"parameters": {"key_added": "leiden", "more_resolutions": more}}

    assert "leiden_input" not in cluster(reduced, Cluster()).obs

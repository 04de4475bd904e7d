import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from helpers.chained import run_until
from helpers.planted import planted_counts
from scipy import sparse
from scrna.errors import InputError
from scrna.groups import group_means
from scrna.hints import cell_type_hints, read_marker_sets
from scrna.markers import COLUMNS, find_markers
from scrna.options import FindMarkers

QC = {"min_genes": 20, "doublets": "none", "n_pcs": 20, "resolution": 0.3}


@pytest.fixture(scope="module")
def clustered_once() -> AnnData:
    counts = planted_counts(240)
    counts.var["gene_id"] = [f"ENSG{number:011d}" for number in range(counts.n_vars)]
    return run_until(counts, "cluster", **QC)


@pytest.fixture
def clustered(clustered_once: AnnData) -> AnnData:
    return clustered_once.copy()


@pytest.mark.parametrize("method", ["wilcoxon", "t-test"])
def test_the_table_holds_what_passes_the_limits_best_first(clustered: AnnData, method: str) -> None:
    options = FindMarkers(method=method, min_log2_fold_change=0.5, min_fraction=0.5, max_pval_adj=1e-4)
    table = find_markers(clustered, options).uns["markers"]

    assert tuple(table.columns) == COLUMNS
    assert len(table) > 60
    assert (table["log2_fold_change"] >= 0.5).all()
    assert (table["fraction_in"] >= 0.5).all()
    assert (table["pval_adj"] <= 1e-4).all()
    for _, part in table.groupby("group"):
        assert list(part["rank"]) == list(range(1, len(part) + 1))
        assert part["score"].is_monotonic_decreasing
    ids = clustered.var["gene_id"]
    assert (ids[table["gene"]].to_numpy() == table["gene_id"].to_numpy()).all()


def test_fractions_and_fold_changes_by_hand(clustered: AnnData) -> None:
    row = find_markers(clustered, FindMarkers()).uns["markers"].iloc[3]
    inside = (clustered.obs["leiden"] == row["group"]).to_numpy()
    values = clustered.to_df()[row["gene"]].to_numpy(dtype=np.float64)

    assert row["fraction_in"] == pytest.approx((values[inside] > 0).mean())
    assert row["fraction_out"] == pytest.approx((values[~inside] > 0).mean())
    ratio = np.expm1(values[inside].mean()) / np.expm1(values[~inside].mean())
    assert row["log2_fold_change"] == pytest.approx(np.log2(ratio), rel=1e-5)  # stored as float32


def test_a_gene_that_a_group_lacks_has_a_finite_fold_change(clustered: AnnData) -> None:
    values = clustered.X.toarray()
    values[(clustered.obs["leiden"] == "0").to_numpy(), 50] = 0
    clustered.X = sparse.csr_matrix(values)
    adata = find_markers(clustered, FindMarkers())

    for group in adata.obs["leiden"].cat.categories:
        assert np.isfinite(sc.get.rank_genes_groups_df(adata, group).drop(columns="names")).all().all()


@pytest.mark.parametrize("method", ["wilcoxon", "t-test"])
def test_a_group_of_one_cell_is_left_out_and_noted(clustered: AnnData, method: str) -> None:
    groups = clustered.obs["leiden"].astype(str).to_numpy()
    groups[0] = "99"
    clustered.obs["leiden"] = groups
    adata = find_markers(clustered, FindMarkers(method=method))

    assert "99" not in adata.uns["rank_genes_groups"]["names"].dtype.names
    assert "99" not in set(adata.uns["markers"]["group"])
    assert list(adata.uns["stargazer"]["find_markers"]["notes"]) == [
        "group 99 has a single cell and is not tested"
    ]


def test_one_group_ends_well_without_a_test(clustered: AnnData, tmp_path) -> None:
    clustered.obs["leiden"] = pd.Categorical(["0"] * clustered.n_obs)
    adata = find_markers(clustered, FindMarkers())
    adata.write_h5ad(tmp_path / "a.h5ad")

    assert adata.uns["markers"].empty
    assert tuple(adata.uns["markers"].columns) == COLUMNS
    assert "rank_genes_groups" not in adata.uns
    assert "one group only" in adata.uns["stargazer"]["find_markers"]["notes"][0]


def test_clusters_of_single_cells_are_one_note_and_the_reason_is_true(clustered: AnnData) -> None:
    clustered.obs["leiden"] = pd.Categorical([str(number) for number in range(clustered.n_obs)])
    clustered.uns["rank_genes_groups"] = {"params": {"groupby": "of an earlier analysis"}}
    adata = find_markers(clustered, FindMarkers())
    first = ", ".join(adata.obs["leiden"].cat.categories[:5])

    assert list(adata.uns["stargazer"]["find_markers"]["notes"]) == [
        f"{adata.n_obs} groups have a single cell and are not tested: {first}, …",
        "no group has more than one cell: no test, no markers",
    ]
    assert "rank_genes_groups" not in adata.uns


def test_both_tests_honour_the_base_of_the_logarithms(clustered: AnnData) -> None:
    natural = find_markers(clustered.copy(), FindMarkers()).uns["markers"].set_index(["group", "gene"])
    clustered.X = clustered.X / np.float32(np.log(2))
    clustered.uns["log1p"] = {"base": 2}
    by_test = {
        method: find_markers(clustered.copy(), FindMarkers(method=method))
        .uns["markers"]
        .set_index(["group", "gene"])["log2_fold_change"]
        for method in ("wilcoxon", "t-test")
    }

    assert by_test["wilcoxon"].sort_index().to_numpy() == pytest.approx(
        natural["log2_fold_change"].sort_index().to_numpy(), rel=1e-4
    )
    common = by_test["wilcoxon"].index.intersection(by_test["t-test"].index)
    assert len(common) > 60
    assert by_test["wilcoxon"][common].to_numpy() == pytest.approx(
        by_test["t-test"][common].to_numpy(), rel=1e-4
    )


@pytest.mark.parametrize("noted", [{"base": "two"}, {"base": 1}, {"base": np.nan}, "x"])
def test_what_is_no_base_is_refused(clustered: AnnData, noted: object) -> None:
    clustered.uns["log1p"] = noted
    with pytest.raises(InputError, match=r"uns\['log1p'\] has .* as the base of the logarithms"):
        find_markers(clustered, FindMarkers())


def test_limits_that_nothing_passes_leave_an_empty_table(clustered: AnnData) -> None:
    table = find_markers(clustered, FindMarkers(min_log2_fold_change=50.0)).uns["markers"]

    assert table.empty
    assert tuple(table.columns) == COLUMNS


@pytest.mark.parametrize("kind", ["int", "bool", "unused category"])
def test_groups_of_the_users_own(clustered: AnnData, kind: str) -> None:
    truth = clustered.obs["truth"] == "B"
    clustered.obs["mine"] = {
        "int": truth.astype(int),
        "bool": truth,
        "unused category": pd.Categorical(truth.map({True: "b", False: "a"}), categories=["a", "b", "c"]),
    }[kind]
    adata = find_markers(clustered, FindMarkers(groupby="mine"))

    assert len(adata.uns["rank_genes_groups"]["names"].dtype.names) == 2
    assert adata.uns["stargazer"]["find_markers"]["parameters"]["groupby"] == "mine"
    high = adata.uns["markers"].query("group in ['1', 'True', 'b']")["gene"]
    assert sum(gene.startswith("B") for gene in high[:20]) >= 18


def test_what_it_cannot_start_from_is_refused(clustered: AnnData) -> None:
    with pytest.raises(InputError, match="no obs column is named 'absent'; the columns are: truth"):
        find_markers(clustered, FindMarkers(groupby="absent"))
    clustered.obs["gap"] = [None, *["a"] * (clustered.n_obs - 1)]
    with pytest.raises(InputError, match="1 cells have no value in obs column 'gap'"):
        find_markers(clustered, FindMarkers(groupby="gap"))
    counts = clustered.copy()
    counts.X = counts.layers["counts"]
    with pytest.raises(InputError, match="X holds raw counts, but find_markers works on log-normalised"):
        find_markers(counts, FindMarkers())
    del clustered.uns["stargazer"]["cluster"]
    with pytest.raises(InputError, match=r"has no clusters of the step cluster; .* --groupby"):
        find_markers(clustered, FindMarkers())


def test_hints_name_the_planted_groups(clustered: AnnData, tmp_path) -> None:
    gmt = tmp_path / "sets.gmt"
    gmt.write_text("".join(f"{name}\tmade up\t{name}0\t{name}1\t{name}2\n" for name in ("T", "B", "NK")))
    adata = find_markers(clustered, FindMarkers(marker_sets=gmt))
    hints = adata.uns["cell_type_hints"].set_index("group")
    truth = adata.obs.groupby("leiden", observed=True)["truth"].agg(lambda values: values.mode()[0])

    assert hints["cell_type"].to_dict() == truth.to_dict()
    assert (hints["score"] > hints["second_score"]).all()
    assert "marker_sets" not in adata.uns["stargazer"]["find_markers"]["parameters"]


def test_a_hint_is_a_mean_of_z_scores() -> None:
    matrix = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 3.0], [6.0, 3.0]])
    adata = AnnData(X=matrix, var=pd.DataFrame({"gene_id": ["ENSG1", "ENSG2"]}, index=["A", "B"]))
    groups = pd.Series(pd.Categorical(["x", "x", "y", "y"]))
    table, notes = cell_type_hints(adata, group_means(matrix, groups), {"a": ["A"], "both": ["A", "ENSG2"]})

    z_a, z_b = 2 / np.sqrt(5), 1.0
    assert table.iloc[1][["group", "cell_type", "second"]].tolist() == ["y", "both", "a"]
    assert table.iloc[1]["score"] == pytest.approx((z_a + z_b) / 2)
    assert table.iloc[1]["second_score"] == pytest.approx(z_a)
    assert not notes


def test_sets_without_a_gene_in_the_data_are_noted() -> None:
    matrix = np.array([[0.0], [2.0]])
    adata = AnnData(X=matrix, var=pd.DataFrame(index=["A"]))
    means = group_means(matrix, pd.Series(pd.Categorical(["x", "y"])))
    table, notes = cell_type_hints(adata, means, {"a": ["A"], "none": ["Q"]})
    nothing, _ = cell_type_hints(adata, means, {"none": ["Q"]})

    assert notes == ["no gene of the marker set 'none' varies in the data: it was not scored"]
    assert table["second"].tolist() == ["", ""]
    assert nothing.empty


def test_a_set_of_which_few_genes_are_in_the_data_is_noted() -> None:
    matrix = np.array([[0.0, 1.0], [2.0, 3.0]])
    adata = AnnData(X=matrix, var=pd.DataFrame(index=["A", "B"]))
    means = group_means(matrix, pd.Series(pd.Categorical(["x", "y"])))
    _, notes = cell_type_hints(adata, means, {"half": ["A", "Q"], "few": ["A", "B", "Q", "R", "S"]})

    assert notes == ["2 of 5 genes of the marker set 'few' are in the data"]


def test_no_set_is_named_where_none_is_expressed_more_than_elsewhere() -> None:
    matrix = np.array([[0.0, 1.0], [2.0, 3.0]])
    adata = AnnData(X=matrix, var=pd.DataFrame(index=["A", "B"]))
    means = group_means(matrix, pd.Series(pd.Categorical(["x", "y"])))
    table, _ = cell_type_hints(adata, means, {"a": ["A"], "b": ["B"]})

    assert table["cell_type"].tolist() == ["", "a"]
    assert table["second"].tolist() == ["", "b"]
    assert table["score"].tolist() == [-1.0, 1.0]
    assert np.isnan(table["second_score"].iloc[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no marker set"),
        ("T cell\tdescription\n", "line 1 is not a marker set"),
        ("T,CD3D\n", "line 1 is not a marker set"),
        ("T\tx\tCD3D\n\nT\tx\tCD3E\n", "line 3 has the cell type 'T' once more"),
    ],
)
def test_a_bad_gmt_is_refused_by_line_and_name(tmp_path, content: str, message: str) -> None:
    (tmp_path / "sets.gmt").write_text(content)
    with pytest.raises(InputError, match=message) as error:
        read_marker_sets(tmp_path / "sets.gmt")
    assert error.value.file == "sets.gmt"


def test_group_means_equal_a_dense_computation() -> None:
    rng = np.random.default_rng(0)
    matrix = sparse.random(50, 7, density=0.4, random_state=rng, format="csr", dtype=np.float32)
    groups = pd.Series(pd.Categorical(rng.choice(["a", "b", "c"], 50)))
    means, dense = group_means(matrix, groups), matrix.toarray().astype(np.float64)
    inside = (groups == "b").to_numpy()

    assert means.inside("b") == pytest.approx(dense[inside].mean(axis=0))
    assert means.outside("b") == pytest.approx(dense[~inside].mean(axis=0))
    assert means.fraction_outside("b") == pytest.approx((dense[~inside] > 0).mean(axis=0))
    mean, deviation = means.mean_and_deviation()
    assert mean == pytest.approx(dense.mean(axis=0))
    assert deviation == pytest.approx(dense.std(axis=0))

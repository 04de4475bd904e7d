import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from helpers.planted import HAEMOGLOBIN, MITOCHONDRIAL, planted_counts
from scipy import sparse
from scrna.errors import InputError
from scrna.options import QcFilter
from scrna.qc import qc_filter

WITHOUT_DOUBLETS = {"doublets": "none", "min_genes": 50}


def _filtered(adata: AnnData, **options: object) -> AnnData:
    return qc_filter(adata.copy(), QcFilter(**{**WITHOUT_DOUBLETS, **options}))  # type: ignore[arg-type]


def _add_counts(adata: AnnData, cells: slice, genes: list[str], share: float) -> None:
    """Give `cells` so many counts of `genes` that these are `share` of their total."""
    dense = adata.to_df()
    rest = dense.iloc[cells].drop(columns=genes).sum(axis=1)
    dense.iloc[cells, [dense.columns.get_loc(gene) for gene in genes]] = 0.0
    dense.iloc[cells, dense.columns.get_loc(genes[0])] = (rest * share / (1 - share)).round()
    adata.X = dense.to_numpy(dtype=np.float32)


@pytest.fixture
def spoilt() -> AnnData:
    """Cells 0-4 have 60 % mitochondrial counts, 4-7 50 % haemoglobin, and 8-9 next to nothing."""
    adata = planted_counts(120)
    _add_counts(adata, slice(4, 8), HAEMOGLOBIN, 0.5)
    _add_counts(adata, slice(0, 5), MITOCHONDRIAL, 0.6)
    adata.X[8:10, 30:] = 0
    return adata


def test_counts_of_kept_cells_are_unchanged(spoilt: AnnData) -> None:
    before = spoilt.to_df()
    after = _filtered(spoilt, max_pct_hb=15.0)

    assert after.n_obs == 110
    assert (before.loc[after.obs_names, after.var_names].to_numpy() == after.X.toarray()).all()


def test_each_removed_cell_has_its_reasons_and_its_metrics(spoilt: AnnData) -> None:
    qc = _filtered(spoilt, max_pct_hb=15.0).uns["qc"]
    removed = qc["removed"]

    assert qc["removed_counts"] == {
        "min_genes": 2, "max_pct_mt": 5, "max_pct_ribo": 0, "max_pct_hb": 4,
    }  # fmt: skip
    assert list(removed["reason"]) == [
        "min_genes", "min_genes", *["max_pct_mt"] * 4, "max_pct_mt;max_pct_hb", *["max_pct_hb"] * 3,
    ]  # fmt: skip
    assert list(removed.index[:3]) == ["CELL0008-1", "CELL0009-1", "CELL0000-1"]
    assert removed["pct_counts_mt"].iloc[2] == pytest.approx(60, abs=1)
    assert removed["total_counts"].gt(0).all()
    assert removed["doublet_score"].isna().all()
    assert (qc["n_cells_before"], qc["n_cells_after"], qc["n_genes_before"]) == (120, 110, 600)


def test_a_cell_at_the_limit_stays() -> None:
    adata = planted_counts(60)
    shares = _filtered(adata).obs["pct_counts_mt"]
    kept = _filtered(adata, max_pct_mt=float(shares.sort_values().iloc[29]))

    assert kept.n_obs == 30


def test_genes_in_too_few_cells_go_and_cells_are_measured_on_the_rest() -> None:
    adata = planted_counts(60)
    adata.X = adata.X.toarray()
    adata.X[:, -1] = 0
    adata.X[:2, -1] = 5
    kept = _filtered(adata, min_cells=3)

    assert adata.var_names[-1] not in kept.var_names
    assert kept.obs["total_counts"].to_numpy() == pytest.approx(np.asarray(kept.X.sum(axis=1)).ravel())
    assert (kept.var["n_cells_by_counts"] >= 3).all()


def test_thresholds_are_told() -> None:
    assert _filtered(planted_counts(60)).uns["qc"]["thresholds"] == {
        "n_genes_by_counts": {"lower": 50.0},
        "pct_counts_mt": {"upper": 20.0},
        "pct_counts_ribo": {"upper": 100.0},
        "pct_counts_hb": {"upper": 100.0},
    }


def test_a_class_of_genes_that_the_data_lack_has_no_column() -> None:
    adata = planted_counts(60)
    adata = adata[:, ~adata.var_names.isin(MITOCHONDRIAL)].copy()
    kept = _filtered(adata)

    assert "pct_counts_mt" not in kept.obs
    assert "max_pct_mt" not in kept.uns["qc"]["removed_counts"]
    assert kept.uns["qc"]["removed"]["pct_counts_mt"].isna().all()
    assert "no mitochondrial gene of human is in the data" in kept.uns["stargazer"]["qc_filter"]["notes"][0]


def test_classes_that_are_in_the_data_but_not_in_enough_cells_are_0_percent() -> None:
    adata = planted_counts(60)
    adata.X = adata.X.toarray()
    adata.X[:, adata.var_names.isin(HAEMOGLOBIN)] = 0
    kept = _filtered(adata)

    assert (kept.obs["pct_counts_hb"] == 0).all()


def test_adaptive_limits_are_median_and_deviations() -> None:
    adata = planted_counts(200)
    _add_counts(adata, slice(0, 3), MITOCHONDRIAL, 0.15)
    fixed = _filtered(adata)
    adaptive = _filtered(adata, qc="mad")
    shares = fixed.obs["pct_counts_mt"]
    deviation = (shares - shares.median()).abs().median()

    assert fixed.n_obs == 200
    assert set(adata.obs_names[:3]).isdisjoint(adaptive.obs_names)
    assert adaptive.uns["qc"]["removed_counts"]["mad_mt"] >= 3
    limit = adaptive.uns["qc"]["thresholds"]["pct_counts_mt"]["upper"]
    assert limit == pytest.approx(shares.median() + 3 * deviation)
    assert set(adaptive.uns["qc"]["thresholds"]["log1p_total_counts"]) == {"lower", "upper"}


def test_adaptive_limits_are_those_of_each_batch() -> None:
    adata = planted_counts(200, batches=2)
    adata.X = adata.X.toarray()
    deep = adata.obs["batch"].to_numpy() == "b1"
    adata.X[deep] *= 30
    together = _filtered(adata, qc="mad")
    apart = _filtered(adata, qc="mad", batch_key="batch")
    table = apart.uns["qc"]["thresholds_by_batch"]

    assert apart.n_obs > together.n_obs or apart.n_obs == 200
    assert set(table["batch"]) == {"b0", "b1"}
    depth = table[table["metric"] == "log1p_total_counts"].set_index("batch")
    assert depth.loc["b1", "lower"] > depth.loc["b0", "upper"]


def test_a_metric_without_spread_has_no_adaptive_limit() -> None:
    adata = planted_counts(60)
    adata.X = adata.X.toarray()
    adata.X[:, adata.var_names.isin(MITOCHONDRIAL)] = 0
    adata.X[0, adata.var_names.isin(MITOCHONDRIAL)] = 1
    adata.X[1:3, adata.var_names.isin(MITOCHONDRIAL[:1])] = 1
    kept = _filtered(adata, qc="mad")

    assert kept.uns["qc"]["removed_counts"]["mad_mt"] == 0
    assert "pct_counts_mt has no spread: no adaptive limit" in kept.uns["stargazer"]["qc_filter"]["notes"]


def test_no_cell_left_says_what_removed_them() -> None:
    adata = planted_counts(60)
    with pytest.raises(
        InputError, match=r"no cell is left of 60 after QC: min_genes 5000 removed 60; loosen"
    ):
        _filtered(adata, min_genes=5000)
    with pytest.raises(InputError, match=r"max_pct_mt 0.0 removed 60, max_pct_hb 0.0 removed"):
        _filtered(adata, max_pct_mt=0.0, max_pct_hb=0.0)
    with pytest.raises(InputError, match="only 2 cells are left of 2 after QC: there were no more"):
        _filtered(planted_counts(2), min_cells=0)
    with pytest.raises(InputError, match="no gene is expressed in 61 cells or more; lower --min-cells"):
        _filtered(adata, min_cells=61)


def test_cells_without_counts_always_go() -> None:
    adata = planted_counts(60)
    adata.X = adata.X.toarray()
    adata.X[5] = 0
    adata.X[7] = 0
    kept = _filtered(adata, min_genes=0, qc="mad", n_mads=20.0, n_mads_mt=20.0)

    assert kept.n_obs == 58
    assert kept.uns["qc"]["removed_counts"]["min_genes"] == 2
    assert kept.uns["qc"]["removed_counts"]["mad_mt"] == 0
    assert np.isfinite(kept.uns["qc"]["thresholds"]["pct_counts_in_top_20_genes"]["upper"])


def test_a_cell_whose_genes_were_all_too_rare_goes() -> None:
    adata = planted_counts(60)
    adata.X = adata.X.toarray()
    adata.X[:, -1] = 0
    adata.X[5] = 0
    adata.X[5, -1] = 9
    kept = _filtered(adata, min_genes=1)

    assert "CELL0005-1" not in kept.obs_names
    assert list(kept.uns["qc"]["removed"]["reason"]) == ["min_genes"]


def test_fewer_than_twenty_genes_are_all_top_genes() -> None:
    adata = planted_counts(60)[:, :15].copy()
    kept = _filtered(adata, min_genes=1, max_pct_mt=100.0)

    assert (kept.obs["pct_counts_in_top_20_genes"] == 100).all()


def test_removed_cells_are_a_table_even_when_there_are_none() -> None:
    removed = _filtered(planted_counts(60)).uns["qc"]["removed"]

    assert isinstance(removed, pd.DataFrame)
    assert removed.empty
    assert removed.columns[0] == "reason"


def test_an_earlier_quality_control_does_not_pass_for_this_one() -> None:
    adata = planted_counts(60)
    adata.obs["predicted_doublet"] = [True] * 30 + [False] * 30
    adata.obs["pct_counts_hb"] = 99.0
    adata.obs["pct_counts_of_mine"] = 1.0
    adata = adata[:, ~adata.var_names.isin(HAEMOGLOBIN)].copy()
    kept = _filtered(adata)

    assert kept.n_obs == 60
    assert not {"predicted_doublet", "pct_counts_hb"} & set(kept.obs)
    assert "pct_counts_of_mine" in kept.obs
    assert (
        "obs columns of an earlier quality control were left out: predicted_doublet, pct_counts_hb"
        in kept.uns["stargazer"]["qc_filter"]["notes"]
    )


@pytest.mark.parametrize("nothing", ["", " ", np.nan])
def test_a_batch_without_a_name_is_no_batch(nothing: str | float) -> None:
    adata = planted_counts(60, batches=2)
    adata.obs["batch"] = adata.obs["batch"].astype(object).where(adata.obs["batch"] != "b1", nothing)
    missing = int((adata.obs["batch"] != "b0").sum())
    with pytest.raises(InputError, match=f"^{missing} cells have no value in the batch column 'batch'"):
        _filtered(adata, batch_key="batch")


def test_a_batch_of_empty_cells_has_no_adaptive_limit() -> None:
    adata = planted_counts(240)
    empty = np.arange(240) < 80
    adata.X = sparse.csr_matrix(adata.X.multiply(~empty[:, None]))
    adata.obs["batch"] = np.where(empty, "empty", "full")
    kept = _filtered(adata, min_genes=0, qc="mad", batch_key="batch")

    assert set(kept.obs["batch"]) == {"full"}
    assert set(kept.uns["qc"]["thresholds_by_batch"]["batch"]) == {"full"}


def test_an_organism_in_other_letters_is_called_by_its_name() -> None:
    adata = planted_counts(60)
    adata = adata[:, ~adata.var_names.str.startswith("HB")].copy()
    kept = _filtered(adata, organism="HUMAN")

    assert kept.uns["qc"]["organism"] == "human"
    assert "no haemoglobin gene of human is in the data" in kept.uns["stargazer"]["qc_filter"]["notes"][0]

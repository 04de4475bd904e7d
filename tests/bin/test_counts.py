import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from helpers.planted import planted_counts
from scipy import sparse
from scrna.counts import batches_of, gene_names, raw_counts, writable
from scrna.errors import InputError


def _log_normalised(adata: AnnData) -> sparse.csr_matrix:
    scaled = sparse.csr_matrix(adata.X.multiply(1e4 / adata.X.sum(axis=1)))
    return scaled.log1p().astype(np.float32)


@pytest.mark.parametrize(
    "convert",
    [
        lambda counts: counts.astype(np.int64),
        lambda counts: counts.astype(np.uint8),
        lambda counts: counts.toarray(),
        lambda counts: counts.toarray().astype(np.int32),
        sparse.csc_matrix,
        sparse.csr_array,
        lambda counts: counts.astype(np.float64),
    ],
    ids=["int64", "uint8", "dense", "dense-int", "csc", "csr_array", "float64"],
)
def test_counts_of_any_type_become_the_same_matrix(convert) -> None:
    adata = planted_counts(40)
    found = raw_counts(AnnData(X=convert(adata.X), obs=adata.obs, var=adata.var)).adata.X

    assert isinstance(found, sparse.csr_matrix)
    assert found.dtype == np.float32
    assert found.has_sorted_indices
    assert (found != adata.X).nnz == 0


def test_stored_zeros_are_not_expression() -> None:
    adata = planted_counts(40)
    adata.X.data[:10] = 0

    assert raw_counts(adata).adata.X.nnz == adata.X.nnz - 10
    assert (adata.X.data[:10] == 0).all(), "the input must not be changed"


@pytest.mark.parametrize("place", ["layer", "raw"])
def test_counts_beside_normalised_values_are_used_and_the_place_is_told(place: str) -> None:
    adata = planted_counts(40)
    normalised = adata[:, :400].copy()
    normalised.X = _log_normalised(normalised)
    if place == "layer":
        normalised.layers["counts"] = adata[:, :400].X.copy()
    else:
        normalised.raw = adata
    counts = raw_counts(normalised)

    expected = adata[:, :400] if place == "layer" else adata
    assert list(counts.adata.var_names) == list(expected.var_names)
    assert (counts.adata.X != expected.X).nnz == 0
    assert "X looks log-normalised: largest value" in counts.notes[0]
    assert ("layers['counts']" if place == "layer" else ".raw") in counts.notes[0]


def _spoilt(kind: str) -> AnnData:
    adata = planted_counts(40)
    if kind == "log":
        adata.X = _log_normalised(adata)
    elif kind == "scaled":
        adata.X = adata.X.toarray() - 0.5
    elif kind == "normalised":
        adata.X = adata.X * np.float32(10.1)
    else:
        adata.X.data[7] = {"nan": np.nan, "inf": np.inf, "negative": -3, "huge": 2**25}[kind]
    return adata


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("log", "X looks log-normalised: largest value"),
        ("scaled", "X looks scaled: values from -0.5"),
        ("normalised", "X holds fractional values"),
        ("nan", "X holds NaN"),
        ("inf", "X holds NaN, infinite"),
        ("negative", "X holds negative values, down to -3"),
        ("huge", "X holds counts above 16,777,216"),
    ],
)
def test_what_is_not_counts_is_refused_with_the_reason(kind: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        raw_counts(_spoilt(kind))


def test_every_place_that_was_tried_is_named() -> None:
    adata = _spoilt("log")
    adata.layers["counts"] = adata.X.copy()
    adata.raw = adata.copy()

    with pytest.raises(InputError, match=r"X looks.*; layers\['counts'\] looks.*; \.raw looks"):
        raw_counts(adata)


def test_data_without_cells_genes_or_counts_are_refused() -> None:
    adata = planted_counts(40)
    with pytest.raises(InputError, match="has 0 cells and 600 genes"):
        raw_counts(adata[:0].copy())
    with pytest.raises(InputError, match="has 40 cells and 0 genes"):
        raw_counts(adata[:, :0].copy())
    adata.X = sparse.csr_matrix(adata.shape, dtype=np.float32)
    with pytest.raises(InputError, match="no count above 0"):
        raw_counts(adata)
    with pytest.raises(InputError, match="X is empty"):
        raw_counts(AnnData(obs=adata.obs, var=adata.var))


@pytest.mark.parametrize("place", ["layer", "raw"])
def test_counts_that_differ_from_x_are_told(place: str) -> None:
    adata, other = planted_counts(40), planted_counts(40, seed=1)
    if place == "layer":
        adata.layers["counts"] = other.X
    else:
        adata.raw = other
    counts = raw_counts(adata)
    name = "layers['counts']" if place == "layer" else ".raw"

    assert (counts.adata.X != adata.X).nnz == 0
    assert counts.notes[0] == f"counts were taken from X: {name} holds other whole numbers"
    same = planted_counts(40)
    same.layers["counts"] = same.X.toarray().astype(int)
    assert "counts were taken" not in raw_counts(same).notes[0]


@pytest.mark.parametrize(("factor", "reason"), [(1, "X holds only 0 and 1"), (0, "X holds no count above 0")])
def test_x_without_counts_gives_way_to_the_layer(factor: int, reason: str) -> None:
    adata = planted_counts(40)
    adata.layers["counts"] = adata.X.copy()
    adata.X = (adata.X > 0).astype(np.float32) * factor
    counts = raw_counts(adata)

    assert (adata.layers["counts"] != counts.adata.X).nnz == 0
    assert counts.notes[0] == f"counts were taken from layers['counts']: {reason}"
    adata.layers["counts"] = adata.X.copy()
    if factor:
        assert raw_counts(adata).adata.X.max() == 1


def test_repeated_cell_names_are_refused_with_examples() -> None:
    adata = planted_counts(40)
    adata.obs_names = ["AAAC-1", "AAAC-1", "GGGT-1", "GGGT-1", *adata.obs_names[4:]]

    with pytest.raises(InputError, match="2 cell names occur more than once, as AAAC-1, GGGT-1"):
        raw_counts(adata)


def test_results_of_an_earlier_analysis_do_not_survive() -> None:
    adata = planted_counts(40)
    adata.obsm["X_pca"] = np.ones((40, 2))
    adata.uns["neighbors"] = {"params": {}}
    adata.layers["spliced"] = adata.X.copy()
    counts = raw_counts(adata)

    assert not counts.adata.obsm and not counts.adata.uns and not counts.adata.layers
    assert counts.notes == ["results of an earlier analysis in the input were left out: layers, obsm, uns"]


@pytest.mark.parametrize("column", ["gene_symbols", "gene_name", "feature_name", "Symbol", "gene"])
def test_symbols_take_the_place_of_ensembl_ids(column: str) -> None:
    ids = ["ENSG00000198888.2", "ENSG00000198763", "ENSG00000000003.15", "ENSG00000000005"]
    var = pd.DataFrame({column: pd.Categorical(["MT-ND1", "MT-ND2", None, "TNMD"])}, index=ids)
    table, notes = gene_names(var)

    assert list(table.index) == ["MT-ND1", "MT-ND2", "ENSG00000000003.15", "TNMD"]
    assert list(table["gene_id"]) == ids
    assert not notes


def test_a_column_of_ids_is_not_taken_for_symbols() -> None:
    ids = ["ENSG00000198888", "ENSG00000198763"]
    table, _ = gene_names(pd.DataFrame({"gene_name": ids, "gene": ["MT-ND1", "MT-ND2"]}, index=ids))

    assert list(table.index) == ["MT-ND1", "MT-ND2"]


def test_repeated_symbols_get_a_suffix_and_keep_their_ids() -> None:
    var = pd.DataFrame({"gene_ids": ["ENSG1", "ENSG2", "ENSG3"]}, index=["TBCE", "TBCE", "ACTB"])
    table, notes = gene_names(var)

    assert list(table.index) == ["TBCE", "TBCE-1", "ACTB"]
    assert list(table["gene_id"]) == ["ENSG1", "ENSG2", "ENSG3"]
    assert notes == ["1 gene names occurred before and got a suffix (-1, -2, …)"]


def test_genes_without_any_id_have_no_id_column() -> None:
    table, _ = gene_names(pd.DataFrame(index=["ACTB", "GAPDH"]))

    assert list(table.columns) == []


def test_columns_that_a_file_cannot_hold_become_text(tmp_path) -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5, np.nan],
            "flag": [True, False],
            "text": ["a", "b"],
            "gap": ["a", None],
            "nullable": pd.array([1, None], dtype="Int64"),
            "string": pd.array(["a", None], dtype="string"),
            "category": pd.Categorical([1, 2]),
            "date": pd.to_datetime(["2020-01-01", None]),
            "mixture": [1, "x"],
            "interval": pd.cut([1, 5], [0, 2, 6]),
            7: [1, 2],
        },
        index=[0, 1],
    )
    result, changed = writable(frame)
    AnnData(obs=result).write_h5ad(tmp_path / "a.h5ad")

    assert changed == ["date", "mixture", "interval"]
    assert list(result.index) == ["0", "1"]
    assert list(result.columns)[-1] == "7"
    assert result["date"].isna().tolist() == [False, True]
    assert result["mixture"].tolist() == ["1", "x"]


def test_a_missing_batch_column_lists_the_columns() -> None:
    with pytest.raises(InputError, match=r"no obs column is named 'donor'; the columns are: truth, batch"):
        batches_of(planted_counts(20).obs, "donor")


def test_cells_without_a_batch_are_counted() -> None:
    obs = planted_counts(20).obs
    obs["batch"] = obs["batch"].astype(object)
    obs.iloc[:3, 1] = None
    with pytest.raises(InputError, match="3 cells have no value in the batch column 'batch'"):
        batches_of(obs, "batch")


def test_a_column_of_one_value_a_cell_is_no_batch() -> None:
    obs = planted_counts(20).obs
    obs["barcode"] = obs.index
    with pytest.raises(InputError, match="has 20 values in 20 cells"):
        batches_of(obs, "barcode")

"""Find the raw counts of an AnnData, check them, and name its genes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from anndata import AnnData
from anndata.utils import make_index_unique
from scipy import sparse

from scrna.errors import InputError
from scrna.organisms import SYMBOL_COLUMNS, are_ensembl_ids, is_ensembl_id

# Whole numbers up to here are exact in float32, the type that scanpy works in.
_LARGEST = 2**24
_ID_COLUMNS = ("gene_id", "gene_ids", "ensembl_id", "ensembl_ids", "ensembl", "ensembl_gene_id", "feature_id")


@dataclass(frozen=True)
class Counts:
    """Raw counts as a fresh AnnData, and what a person must know of where they came from."""

    adata: AnnData
    notes: list[str]


def raw_counts(adata: AnnData) -> Counts:
    """Return the raw counts of `adata` with its cells and genes, and nothing that was computed from them.

    Counts are taken from `X`, else `layers['counts']`, else `.raw`, the first that holds whole numbers of at
    least 0, some above 0; one of only 0 and 1 gives way to a later one of the same genes that counts further.
    The result has `X` in CSR float32 (cells x genes), unique gene symbols as `var_names` and Ensembl ids,
    where known, in `var['gene_id']`; `obs` stays, in types that an `.h5ad` can hold.

    Raises `InputError` where no matrix holds counts (with the reason for each), nothing is in the data, or
    cell names are not unique.
    """
    check_names(adata)
    if 0 in adata.shape:
        raise InputError(f"has {adata.n_obs} cells and {adata.n_vars} genes; nothing can be computed")
    matrix, var, notes = _find(adata)
    names, renamed = gene_names(var)
    obs, changed = writable(adata.obs)
    if changed:
        notes.append(f"obs columns that a file cannot hold as they are became text: {', '.join(changed)}")
    dropped = [
        slot
        for slot in ("layers", "obsm", "obsp", "varm", "varp", "uns")
        if set(getattr(adata, slot)) - {"stargazer"}
    ]
    if dropped:
        notes.append(f"results of an earlier analysis in the input were left out: {', '.join(dropped)}")
    result = AnnData(X=matrix, obs=obs, var=names)
    # What import_counts did belongs to this data; what an earlier chain did, does not.
    imported = adata.uns.get("stargazer", {}).get("import_counts")
    if imported is not None:
        result.uns["stargazer"] = {"import_counts": imported}
    return Counts(result, [*notes, *renamed])


def check_names(adata: AnnData, genes: bool = False) -> None:
    """Raise `InputError` where two cells, or two of the `genes`, have one name."""
    checked = [("cell", adata.obs_names, "make them unique, such as by adding the name of the batch")]
    if genes:
        checked.append(("gene", adata.var_names, "make them unique, or start from raw counts"))
    for kind, names, cure in checked:
        repeated = names[names.duplicated()].unique()
        if len(repeated):
            raise InputError(
                f"{len(repeated)} {kind} names occur more than once,"
                f" as {', '.join(map(str, repeated[:3]))}; {cure}"
            )


def problem_of(matrix: Any) -> str | None:
    """Say why the values of a matrix are not raw counts; None where they are."""
    values = matrix.data if sparse.issparse(matrix) else np.asarray(matrix)
    if values.size == 0:
        return None
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        return "holds NaN, infinite values or no numbers"
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        return _kind_of_fractions(low, high)
    if low < 0:
        return f"holds negative values, down to {low:g}"
    if high > _LARGEST:
        return f"holds counts above {_LARGEST:,}, up to {high:,.0f}"
    return None


def _kind_of_fractions(low: float, high: float) -> str:
    """Say what fractional values between `low` and `high` may be; log(1 + x) of any depth stays below 20."""
    if low < 0:
        return f"looks scaled: values from {low:.3g} to {high:.3g}, fractional"
    if high < 20:
        return f"looks log-normalised: largest value {high:.3g}, fractional"
    return f"holds fractional values, largest {high:.6g}: normalised, estimated or corrected"


def gene_names(var: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a gene table with unique symbols as index and `gene_id` where known, and notes.

    Where the index is mostly Ensembl ids and a column holds symbols, symbols take their place; a gene without
    a symbol keeps its id. A repeated symbol gets a suffix, as scanpy's `var_names_make_unique` gives it.
    """
    index = [str(name) for name in var.index]
    from_ids = are_ensembl_ids(index)
    symbols, ids = index, _column(var, _ID_COLUMNS)
    if from_ids:
        found = _column(var, SYMBOL_COLUMNS, symbols=True)
        if found is not None:
            symbols = [symbol or name for symbol, name in zip(found, index, strict=True)]
    if ids is None:
        ids = [name if is_ensembl_id(name) else "" for name in index]
    repeated = len(symbols) - len(set(symbols))
    table = pd.DataFrame(index=make_index_unique(pd.Index(symbols, dtype=object)))
    if any(ids):
        table["gene_id"] = np.array(ids, dtype=object)
    notes = [f"{repeated:,} gene names occurred before and got a suffix (-1, -2, …)"] if repeated else []
    return table, notes


def writable(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return `frame` with every column of a type that an `.h5ad` can hold, and the columns that became text.

    Numbers, Booleans, text and categories of these stay; dates, intervals and mixtures become text; a missing
    value stays missing.
    """
    result = pd.DataFrame(index=frame.index.astype(str))
    changed = []
    for name, column in frame.items():
        kept = _plain(column)
        if kept is None:
            changed.append(str(name))
            kept = column.astype(object).map(str, na_action="ignore").astype("category")
        result[str(name)] = kept.to_numpy() if kept.dtype == object else kept.array
    return result, changed


def batches_of(obs: pd.DataFrame, key: str) -> npt.NDArray[np.str_]:
    """Return the batch of each cell as text, whatever the type of its column; the only way to ask for it.

    Raises `InputError` where there is no such column (listing those there are), where cells have no batch
    (a missing value, or text without a character), and where nearly every cell has one of its own.
    """
    if key not in obs:
        there = ", ".join(map(str, obs.columns)) or "none"
        raise InputError(f"no obs column is named {key!r}; the columns are: {there}")
    batches = obs[key].astype(str).to_numpy(dtype=str)
    missing = int((obs[key].isna().to_numpy() | (np.char.strip(batches) == "")).sum())
    if missing:
        raise InputError(
            f"{missing:,} cells have no value in the batch column {key!r}; fill it, or leave them out"
        )
    if len(np.unique(batches)) > max(1, len(batches) // 2):
        raise InputError(
            f"the batch column {key!r} has {len(np.unique(batches)):,} values in {len(batches):,} cells;"
            " a batch holds many cells"
        )
    return batches


def _find(adata: AnnData) -> tuple[sparse.csr_matrix, pd.DataFrame, list[str]]:
    """Return the first matrix that holds counts, the genes of its columns, and where it was, if not in X."""
    places: list[tuple[str, Any, pd.DataFrame]] = [("X", adata.X, adata.var)]
    if "counts" in adata.layers:
        places.append(("layers['counts']", adata.layers["counts"], adata.var))
    if adata.raw is not None:
        places.append((".raw", adata.raw.X, adata.raw.var))
    problems: list[str] = []
    found: list[_Place] = []
    for place, matrix, var in places:
        problem = _unusable(matrix)
        if problem is None:
            found.append(_Place(place, _csr(matrix), var))
        else:
            problems.append(f"{place} {problem}")
    if not found:
        raise InputError(f"has no raw counts: {'; '.join(problems)}; give whole, non-negative counts in X")
    first = found[0]
    others = [other for other in found[1:] if not _same(first, other)]
    taken = first
    if first.counts.data.max() == 1:
        taken = next((other for other in others if other.counts.data.max() > 1), first)
    reasons = problems if first.name != "X" else []
    if taken is not first:
        reasons = [*reasons, f"{first.name} holds only 0 and 1"]
    elif others:
        reasons = [*reasons, f"{' and '.join(other.name for other in others)} holds other whole numbers"]
    notes = [f"counts were taken from {taken.name}: {'; '.join(reasons)}"] if reasons else []
    return taken.counts, taken.var, notes


@dataclass(frozen=True)
class _Place:
    """Counts (cells x genes) of an AnnData, the genes, and what messages call the place."""

    name: str
    counts: sparse.csr_matrix
    var: pd.DataFrame


def _unusable(matrix: Any) -> str | None:
    """Say why a matrix cannot be taken for raw counts; None where it can."""
    if matrix is None:
        return "is empty"
    values = matrix.data if sparse.issparse(matrix) else np.asarray(matrix)
    return problem_of(matrix) or (None if values.any() else "holds no count above 0")


def _same(one: _Place, other: _Place) -> bool:
    """Tell whether two places hold the same counts; where their genes differ, there is nothing to compare."""
    return not one.var.index.equals(other.var.index) or all(
        np.array_equal(getattr(one.counts, part), getattr(other.counts, part))
        for part in ("indptr", "indices", "data")
    )


def _csr(matrix: Any) -> sparse.csr_matrix:
    """Return a matrix as CSR float32 with sorted indices and no stored zeros."""
    result = sparse.csr_matrix(matrix, dtype=np.float32)
    if result.has_canonical_format and np.count_nonzero(result.data) == result.nnz:
        return result
    result = result.copy()  # the caller's matrix stays as it is
    result.sum_duplicates()
    result.eliminate_zeros()
    return result


def _column(var: pd.DataFrame, names: Sequence[str], symbols: bool = False) -> list[str] | None:
    """Return the first column with one of `names` (in any case) as text, missing values empty.

    With `symbols`, a column of Ensembl ids is passed over.
    """
    by_name = {str(column).lower(): column for column in reversed(var.columns)}
    for name in names:
        if name in by_name:
            values = ["" if pd.isna(value) else str(value).strip() for value in var[by_name[name]]]
            if not (symbols and are_ensembl_ids(values)):
                return values
    return None


def _plain(column: "pd.Series[Any]") -> "pd.Series[Any] | None":
    """Return a column in a type that an `.h5ad` can hold and give back, None where it has none."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        if categories.dtype.kind in "biuf" or all(isinstance(value, str) for value in categories):
            return column
        return None
    if column.dtype.kind in "biuf" and column.dtype != np.float16:
        return column
    if isinstance(column.dtype, pd.StringDtype) or column.dtype == object:
        present = column.dropna()
        if all(isinstance(value, str) for value in present):
            return (
                column.astype(object).astype("category")
                if len(present) < len(column)
                else column.astype(object)
            )
    return None

"""How well the clusters of a sample agree with labels that its cells have from elsewhere."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scrna.errors import InputError

_EXAMPLES = 3


@dataclass(frozen=True)
class Agreement:
    """The comparison of clusters with labels.

    `ari` (adjusted Rand index) is 1 for equal partitions and about 0 for unrelated ones; `nmi` (mutual
    information over the mean of both entropies) lies between 0 and 1. Both count the `compared` cells:
    those that were kept and have a label. Of the `labelled` cells, `removed` were taken out by quality
    control and `missing` are not in the data at all; `unlabelled` kept cells have no label.
    `contingency` holds the numbers of cells, clusters as rows and labels as columns.
    """

    ari: float
    nmi: float
    labelled: int
    compared: int
    removed: int
    missing: int
    unlabelled: int
    contingency: pd.DataFrame


def read_labels(path: Path, sample: str, name: str = "") -> pd.Series:
    """Read the labels of one sample: a Series of strings, indexed by cell.

    The file is a CSV whose header has `cell` and `label`; with a column `sample` only the rows of that
    sample count; other columns are left alone. Rows with an empty label are cells without one.
    `name` is what messages call the file. Raises InputError where the file cannot be read like this.
    """
    name = name or str(path)
    rows = _rows(path, name)
    if "sample" in rows.columns:
        samples = rows["sample"].unique()
        rows = rows[rows["sample"] == sample]
        if rows.empty:
            raise InputError(
                f"no row is of the sample {sample}: its column sample has {_some(samples)}; "
                "correct the column or leave it out",
                file=name,
            )
    rows = rows[rows["label"] != ""]
    if rows.empty:
        raise InputError("no cell has a label: the column label is empty; fill it", file=name)
    twice = rows["cell"][rows["cell"].duplicated()]
    if len(twice):
        raise InputError(f"the cell {twice.iloc[0]} is there twice; leave one row a cell", file=name)
    return pd.Series(rows["label"].to_numpy(), index=pd.Index(rows["cell"].to_numpy()), name="label")


def compare(clusters: pd.Series, labels: pd.Series, removed: pd.Index, name: str = "") -> Agreement:
    """Compare the clusters of the kept cells with labels, both indexed by cell name.

    `removed` names the cells that quality control took out; `name` is what messages call the labels.
    Raises InputError where no kept cell has a label.
    """
    common = clusters.index.intersection(labels.index)
    if not len(common):
        raise InputError(
            f"none of its cells is among those that were kept: it has {_some(labels.index)}; the sample has "
            f"{_some(clusters.index)}; give the cells the names that they have in the sample",
            file=name or None,
        )
    table = pd.crosstab(clusters.loc[common].astype(str), labels.loc[common])
    order = [group for group in map(str, _groups(clusters)) if group in table.index]
    table = table.loc[order, table.sum().sort_values(ascending=False, kind="stable").index]
    counts = table.to_numpy()
    gone = labels.index.intersection(removed)
    return Agreement(
        ari=adjusted_rand_index(counts),
        nmi=normalized_mutual_information(counts),
        labelled=len(labels),
        compared=len(common),
        removed=len(gone),
        missing=len(labels) - len(common) - len(gone),
        unlabelled=len(clusters) - len(common),
        contingency=table,
    )


def adjusted_rand_index(counts: np.ndarray) -> float:
    """Compute the adjusted Rand index of a contingency table (Hubert and Arabie 1985)."""
    pairs = _pairs(counts)
    rows, columns = _pairs(counts.sum(axis=1)), _pairs(counts.sum(axis=0))
    total = _pairs(counts.sum())
    if rows == columns == pairs:  # equal partitions, also where there is one group or only single cells
        return 1.0
    expected = rows * columns / total
    return float((pairs - expected) / ((rows + columns) / 2 - expected))


def normalized_mutual_information(counts: np.ndarray) -> float:
    """Compute the mutual information of a contingency table over the mean of the two entropies."""
    joint = counts / counts.sum()
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    mean = (_entropy(rows) + _entropy(columns)) / 2
    if mean == 0:  # one group on both sides
        return 1.0
    information = _entropy(rows) + _entropy(columns) - _entropy(joint.ravel())
    return float(np.clip(information / mean, 0.0, 1.0))


def _pairs(counts: np.ndarray) -> float:
    """Count the pairs of cells that share a field."""
    counts = np.asarray(counts, dtype=float)
    return float((counts * (counts - 1) / 2).sum())


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _rows(path: Path, name: str) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [column.strip() for column in next(reader, [])]
            rows = [[field.strip() for field in row] for row in reader if row]
    except FileNotFoundError:
        raise InputError("no such file", file=name) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV of text: {error}", file=name) from None
    absent = [column for column in ("cell", "label") if column not in header]
    if absent:
        raise InputError(
            f"its first line has no column {' and no column '.join(absent)}: it is "
            f"{','.join(header)[:80]!r}; give a CSV with the header cell,label or cell,label,sample",
            file=name,
        )
    twice = [column for column in ("cell", "label", "sample") if header.count(column) > 1]
    if twice:
        raise InputError(
            f"its first line has the column {' and the column '.join(twice)} more than once; leave one",
            file=name,
        )
    for number, row in enumerate(rows, start=1):
        if any(row) and len(row) != len(header):
            raise InputError(
                f"row {number} after the header has {len(row)} fields, the header has {len(header)}",
                file=name,
            )
    return pd.DataFrame([row for row in rows if any(row)], columns=header, dtype=str)


def _groups(clusters: pd.Series) -> list[str]:
    """Return the groups in their own order: that of the categories where there are some."""
    if isinstance(clusters.dtype, pd.CategoricalDtype):
        return list(clusters.cat.categories)
    return sorted(clusters.unique())


def _some(names: object) -> str:
    """Return the first few names as text."""
    listed = [str(name) for name in list(names)[: _EXAMPLES + 1]]  # type: ignore[call-overload]
    more = ", …" if len(listed) > _EXAMPLES else ""
    return ", ".join(listed[:_EXAMPLES]) + more

"""Means of genes over groups of cells, without a dense copy of the matrix."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

Values: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GroupMeans:
    """Sums over the cells of each group (groups x genes), from which means inside and outside follow."""

    names: list[str]
    sizes: npt.NDArray[np.int64]
    sums: Values
    squares: Values
    expressing: Values

    def inside(self, group: str) -> Values:
        """Return the mean of each gene over the cells of `group`."""
        return self._over(self.sums, [self.names.index(group)])

    def outside(self, group: str) -> Values:
        """Return the mean of each gene over all other cells."""
        return self._over(self.sums, self._others(group))

    def fraction_inside(self, group: str) -> Values:
        """Return the share of the cells of `group` that express each gene."""
        return self._over(self.expressing, [self.names.index(group)])

    def fraction_outside(self, group: str) -> Values:
        """Return the share of all other cells that express each gene."""
        return self._over(self.expressing, self._others(group))

    def mean_and_deviation(self) -> tuple[Values, Values]:
        """Return the mean and the standard deviation of each gene over all cells."""
        everyone = list(range(len(self.names)))
        mean = self._over(self.sums, everyone)
        variance = np.maximum(self._over(self.squares, everyone) - mean**2, 0)
        return mean, np.sqrt(variance)

    def _others(self, group: str) -> list[int]:
        return [at for at, name in enumerate(self.names) if name != group]

    def _over(self, totals: Values, chosen: list[int]) -> Values:
        mean: Values = totals[chosen].sum(axis=0) / self.sizes[chosen].sum()
        return mean


def group_means(matrix: Any, groups: "pd.Series[Any]") -> GroupMeans:
    """Sum a matrix (cells x genes, sparse or dense) over the categories of `groups`, in double precision."""
    names = [str(name) for name in groups.cat.categories]
    codes = groups.cat.codes.to_numpy()
    member = sparse.csr_matrix(
        (np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(len(names), len(codes))
    )
    values = sparse.csr_matrix(matrix)
    place = (values.indices, values.indptr)
    sums = [
        (member @ sparse.csr_matrix((data, *place), shape=values.shape)).toarray()
        for data in (
            values.data.astype(np.float64),
            values.data.astype(np.float64) ** 2,
            (values.data > 0) * 1.0,
        )
    ]
    return GroupMeans(names, np.bincount(codes, minlength=len(names)), *sums)

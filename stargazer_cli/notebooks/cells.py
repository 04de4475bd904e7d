"""Single cells as tables: what a notebook shows of an AnnData file, read when it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stargazer_cli.errors import StargazerError, needing

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class Cells:
    """Clustered cells in a file: the matrix stays there until a gene is asked for.

    `cluster_key` is the column of `table` that holds the clusters.
    """

    path: Path
    cluster_key: str = "leiden"

    @cached_property
    def table(self) -> "pd.DataFrame":
        """What is known about each cell, one row a cell, with `umap 1` and `umap 2` where there is a UMAP."""
        cells: pd.DataFrame = self._element("obs")
        if self.cluster_key not in cells:
            raise StargazerError(
                f"The cells of {self.path.name} have no column {self.cluster_key!r}.",
                f"They have: {', '.join(cells.columns)}.",
            )
        umap = self._element("obsm").get("X_umap")
        if umap is not None:
            cells["umap 1"], cells["umap 2"] = umap[:, 0], umap[:, 1]
        return cells

    @cached_property
    def clusters(self) -> list[str]:
        """The clusters, the largest first."""
        return [str(name) for name in self.table[self.cluster_key].value_counts().index]

    @cached_property
    def genes(self) -> list[str]:
        """The genes, in the order of the matrix."""
        return [str(name) for name in self._element("var").index]

    @cached_property
    def _matrix(self) -> Any:
        # By column: each look at a gene is at one column.
        matrix = self._element("X")
        return matrix.tocsc() if hasattr(matrix, "tocsc") else matrix

    def expression(self, gene: str) -> "np.ndarray":
        """Return the normalized, log-transformed expression of a gene, one value a cell."""
        import numpy as np

        if gene not in self.genes:
            raise StargazerError(f"There is no gene {gene!r} in {self.path.name}.")
        column = self._matrix[:, [self.genes.index(gene)]]
        values: np.ndarray = np.asarray(column.todense() if hasattr(column, "todense") else column)
        return values.ravel()

    def expressed(self, genes: Sequence[str]) -> "pd.DataFrame":
        """Return for each cluster and gene: mean (of its expression), fraction (of cells that have any)."""
        import pandas as pd

        clusters = self.table[self.cluster_key].astype(str).to_numpy()
        parts = []
        for gene in genes:
            values = pd.DataFrame({"cluster": clusters, "value": self.expression(gene)})
            found = values.groupby("cluster")["value"].agg(mean="mean", fraction=lambda of: (of > 0).mean())
            parts.append(found.reset_index().assign(gene=gene))
        return pd.concat(parts, ignore_index=True)

    def sample(self, size: int, gene: str) -> "pd.DataFrame":
        """Return at most so many cells, the same ones each time, in an order that hides no cluster.

        Each has its `cluster`, and its `expression` of a gene.
        """
        clusters = self.table[self.cluster_key].astype(str)
        cells = self.table.assign(cluster=clusters, expression=self.expression(gene))
        return cells.sample(n=min(size, len(cells)), random_state=0)

    def _element(self, name: str) -> Any:
        """Read one part of the file, and nothing else."""
        with needing("A notebook", "anndata", "notebook"):
            import h5py
            from anndata.io import read_elem

        try:
            with h5py.File(self.path) as file:
                return read_elem(file[name])
        except (OSError, KeyError) as error:
            raise StargazerError(f"{self.path.name} cannot be read as AnnData: {error}.") from None

"""Clusters: communities of the neighbour graph, by Leiden.

Traag, Waltman & van Eck 2019, doi:10.1038/s41598-019-41695-z.
"""

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData

from scrna.errors import InputError
from scrna.options import Cluster
from scrna.provenance import parameter_of, record


def cluster(adata: AnnData, options: Cluster) -> AnnData:
    """Add the clusters of each cell, `obs[key_added]`, and `obs['<key_added>_<r>']` for further resolutions.

    Clusters are categories '0', '1', …, the largest first. `igraph` runs two iterations on the undirected
    graph, scanpy's coming default; `leidenalg` is scanpy's present default, until nothing improves. `adata`
    is changed and returned.

    Raises `InputError` where there is no neighbour graph or `key_added` is the name of something else.
    """
    if "neighbors" not in adata.uns or "connectivities" not in adata.obsp:
        raise InputError("has no neighbour graph (obsp['connectivities']); run reduce_dimensions first")
    resolutions = _further(options)
    columns = {options.key_added: options.resolution}
    columns |= {f"{options.key_added}_{resolution:g}": resolution for resolution in resolutions}
    notes = _make_room(adata, list(columns))
    for column, resolution in columns.items():
        _leiden(adata, column, resolution, options)
    sizes = adata.obs[options.key_added].value_counts()
    if len(sizes) == 1:
        notes.append(
            "all cells are in one cluster: no markers can tell clusters apart; try a higher --resolution"
        )
    singles = int((sizes == 1).sum())
    if singles:
        notes.append(f"{singles} clusters have a single cell")
    package = "igraph" if options.leiden_flavor == "igraph" else "leidenalg"
    record(adata, "cluster", options, notes, sorted({"igraph", package}))
    return adata


def _further(options: Cluster) -> list[float]:
    """Return the resolutions of `more_resolutions`, each once, in their order."""
    if options.more_resolutions is None:
        return []
    return list(dict.fromkeys(float(part) for part in options.more_resolutions.split(",")))


def _make_room(adata: AnnData, columns: list[str]) -> list[str]:
    """See that `columns` overwrite nothing but earlier clusterings of this step; returns notes.

    A column that came with the input is kept as `<column>_input`.
    """
    notes = []
    mine = parameter_of(adata, "cluster", "key_added")
    for column in columns:
        if column in adata.uns and "resolution" not in adata.uns[column].get("params", {}):
            raise InputError(f"--key-added {column} is the name of another result in uns; take another name")
        if column in adata.obs and not (mine and column.startswith(str(mine))):
            adata.obs[f"{column}_input"] = adata.obs.pop(column)
            notes.append(f"the obs column {column} of the input is now {column}_input")
    return notes


def _leiden(adata: AnnData, column: str, resolution: float, options: Cluster) -> None:
    """Cluster at one resolution into `obs[column]`, the largest cluster first, ties by their first cell."""
    if options.leiden_flavor == "igraph":
        sc.tl.leiden(
            adata,
            resolution,
            key_added=column,
            flavor="igraph",
            n_iterations=2,
            directed=False,
            random_state=options.seed,
        )
    else:
        sc.tl.leiden(adata, resolution, key_added=column, flavor="leidenalg", random_state=options.seed)
    # pandas numbers values as they appear, so a stable sort by size breaks ties by the first cell.
    codes, _ = pd.factorize(adata.obs[column])
    by_size = np.argsort(-np.bincount(codes), kind="stable")
    rank = np.empty_like(by_size)
    rank[by_size] = np.arange(len(by_size))
    labels = [str(number) for number in range(len(by_size))]
    adata.obs[column] = pd.Categorical.from_codes(rank[codes], categories=labels)

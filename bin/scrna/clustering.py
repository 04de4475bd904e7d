"""Clusters: communities of the neighbour graph, by Leiden.

Traag, Waltman & van Eck 2019, doi:10.1038/s41598-019-41695-z.
"""

from collections.abc import Collection, Mapping
from itertools import chain, count
from typing import Any

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData

from scrna.errors import InputError
from scrna.options import Cluster, cluster_columns, name_clash
from scrna.provenance import parameter_of, record
from scrna.steps import CHAIN


def cluster(adata: AnnData, options: Cluster) -> AnnData:
    """Add the clusters of each cell, `obs[key_added]`, and `obs['<key_added>_<r>']` for further resolutions.

    Clusters are categories '0', '1', …, the largest first. `igraph` runs two iterations on the undirected
    graph, scanpy's coming default; `leidenalg` is scanpy's present default, until nothing improves. `adata`
    is changed and returned.

    Raises `InputError` where there is no neighbour graph or `key_added` is the name of something else.
    """
    if "neighbors" not in adata.uns or "connectivities" not in adata.obsp:
        raise InputError("has no neighbour graph (obsp['connectivities']); run reduce_dimensions first")
    problem = name_clash(options.key_added, options.more_resolutions, _batch_keys(adata))
    if problem:
        raise InputError(problem)
    columns = cluster_columns(options.key_added, options.resolution, options.more_resolutions)
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


def _batch_keys(adata: AnnData) -> set[str]:
    """Return the obs columns that told batches in the steps before."""
    return {str(key) for step in CHAIN if (key := parameter_of(adata, step.task, "batch_key"))}


def _make_room(adata: AnnData, columns: list[str]) -> list[str]:
    """See that `columns` overwrite nothing but earlier clusterings of this step; returns notes.

    A column that came with the input is kept as `<column>_input`, with a number where that is taken.
    """
    notes = []
    mine = _earlier_columns(adata)
    for column in columns:
        if column == adata.obs.index.name:
            raise InputError(f"--key-added {column} is the name of the index of the cells; take another name")
        if column in adata.uns and not _is_clustering(adata.uns[column]):
            raise InputError(f"--key-added {column} is the name of another result in uns; take another name")
        if column in adata.obs and column not in mine:
            kept = _free_name(f"{column}_input", {*adata.obs, *columns})
            adata.obs[kept] = adata.obs.pop(column)
            notes.append(f"the obs column {column} of the input is now {kept}")
    return notes


def _earlier_columns(adata: AnnData) -> list[str]:
    """Return the columns that this step made when it ran on the data before."""
    key = parameter_of(adata, "cluster", "key_added")
    if key is None:
        return []
    more = parameter_of(adata, "cluster", "more_resolutions")
    try:
        return list(cluster_columns(str(key), 0.0, None if more is None else str(more)))
    except ValueError:  # not what this version writes: only the main column is known
        return [str(key)]


def _is_clustering(result: Any) -> bool:
    """Tell whether something in uns is what a Leiden clustering leaves."""
    parameters = result.get("params") if isinstance(result, Mapping) else None
    return isinstance(parameters, Mapping) and "resolution" in parameters


def _free_name(wanted: str, taken: Collection[str]) -> str:
    """Return `wanted`, with the first number from 2 that makes it free where it is taken."""
    names = chain((wanted,), (f"{wanted}_{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


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

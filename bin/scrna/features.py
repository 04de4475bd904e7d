"""Feature selection: the genes whose variation tells cells apart."""

import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from scipy import sparse

from scrna.counts import batches_of, problem_of
from scrna.errors import InputError
from scrna.options import SelectFeatures
from scrna.provenance import record


def select_features(adata: AnnData, options: SelectFeatures) -> AnnData:
    """Mark the most variable genes in `var['highly_variable']`; no gene is removed.

    `seurat` and `cell_ranger` rank normalised dispersion of log-normalised `X`; `seurat_v3` (Stuart et al.
    2019, doi:10.1016/j.cell.2019.05.031) ranks the variance of raw counts, `layers['counts']`, against a
    fitted trend. With a batch, genes that vary within many batches come first, so that what differs only
    between batches is not selected. `adata` is changed and returned.

    Raises `InputError` where `X` is not log-normalised, there are no counts for `seurat_v3`, or the data are
    too few for the flavour, or no gene varies.
    """
    require_log_normalized(adata, "select_features")
    notes = []
    n_top = min(options.n_top_genes, adata.n_vars)
    if n_top < options.n_top_genes:
        notes.append(
            f"{options.n_top_genes:,} variable genes were asked for, but the data have {n_top:,} genes"
        )
    obs, batch_key = adata.obs, None
    if options.batch_key is not None:
        batches = batches_of(adata.obs, options.batch_key)
        if len(np.unique(batches)) == 1:
            notes.append(f"{options.batch_key} names one batch only: genes were selected over all cells")
        # scanpy takes a batch from a column of categories only; the user's column may hold anything.
        batch_key = "batch"
        adata.obs = pd.DataFrame({batch_key: pd.Categorical(batches)}, index=obs.index)
    on_counts = options.hvg_flavor == "seurat_v3"
    if on_counts and "counts" not in adata.layers:
        raise InputError(
            "has no layers['counts'], which seurat_v3 works on; run normalize on raw counts first"
        )
    try:
        sc.pp.highly_variable_genes(
            adata,
            n_top_genes=n_top,
            flavor=options.hvg_flavor,
            layer="counts" if on_counts else None,
            batch_key=batch_key,
        )
    except (ValueError, ZeroDivisionError, IndexError) as error:
        if not _any_gene_varies(adata):
            raise InputError(
                "no gene varies between the cells, so that none can be selected; look at the counts"
            ) from error
        batch = "" if options.batch_key is None else f", or leave out --batch-key {options.batch_key}"
        raise InputError(
            f"{adata.n_obs:,} cells x {adata.n_vars:,} genes are too few for --hvg-flavor"
            f" {options.hvg_flavor} ({str(error).splitlines()[0]}); take another flavour{batch}"
        ) from error
    finally:
        adata.obs = obs
    record(adata, "select_features", options, notes, ("scikit-misc",) if on_counts else ())
    return adata


def _any_gene_varies(adata: AnnData) -> bool:
    """Tell whether a gene has different values of `X` in different cells."""
    values = sparse.csc_matrix(adata.X)
    return bool((values.max(axis=0) != values.min(axis=0)).nnz)


def require_log_normalized(adata: AnnData, task: str) -> None:
    """Raise `InputError` where `X` holds raw counts, scaled values or nothing that `task` can work on."""
    problem = problem_of(adata.X)
    if problem is None:
        raise InputError(
            f"X holds raw counts, but {task} works on log-normalised values; run normalize first"
        )
    if not problem.startswith("looks log-normalised"):
        raise InputError(
            f"X {problem}, but {task} works on log-normalised values; run normalize on raw counts"
        )

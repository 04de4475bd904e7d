"""Placement of cells: principal components, batch integration, neighbours, and a map for the eye."""

import numpy as np
import numpy.typing as npt
import scanpy as sc
from anndata import AnnData

from scrna.counts import batches_of
from scrna.errors import InputError
from scrna.features import require_log_normalized
from scrna.numba_cache import import_umap
from scrna.options import ReduceDimensions
from scrna.provenance import record


def reduce_dimensions(adata: AnnData, options: ReduceDimensions) -> AnnData:
    """Add components, the neighbour graph and UMAP, computed on the highly variable genes.

    `obsm['X_pca']` (cells x components), with Harmony `obsm['X_pca_harmony']`, `obsp['distances']` and
    `obsp['connectivities']` from the latter where it is there, `obsm['X_umap']` (cells x 2). UMAP (McInnes et
    al. 2018, doi:10.21105/joss.00861) is for looking: clusters come from the graph. `adata` is changed and
    returned.

    Raises `InputError` where `X` is not log-normalised, no genes are selected, or Harmony has no two batches.
    """
    require_log_normalized(adata, "reduce_dimensions")
    if "highly_variable" not in adata.var:
        raise InputError("has no var['highly_variable']; run select_features first")
    n_selected = int(adata.var["highly_variable"].sum())
    if min(n_selected, adata.n_obs) < 3:
        raise InputError(
            f"{adata.n_obs} cells x {n_selected} selected genes have no components; at least 3 of each"
        )
    batches = _batches(adata, options)
    notes = []
    n_pcs = min(options.n_pcs, adata.n_obs - 1, n_selected - 1)
    if n_pcs < options.n_pcs:
        notes.append(
            f"{n_pcs} principal components instead of {options.n_pcs}:"
            f" the data have {adata.n_obs:,} cells and {n_selected:,} selected genes"
        )
    n_neighbors = options.n_neighbors
    if n_neighbors > adata.n_obs:
        n_neighbors = 1 + adata.n_obs // 2  # as scanpy does
        notes.append(
            f"{n_neighbors} neighbours instead of {options.n_neighbors}: there are {adata.n_obs} cells"
        )
    sc.pp.pca(adata, n_comps=n_pcs, mask_var="highly_variable", random_state=options.seed)
    basis = "X_pca"
    packages = ["scikit-learn", "umap-learn", "pynndescent", "numba"]
    if options.integrate == "harmony" and batches is not None:
        basis = "X_pca_harmony"
        packages.append("harmonypy")
        integrate(adata, batches, options.seed)
    import_umap()
    sc.pp.neighbors(adata, n_neighbors=n_neighbors, use_rep=basis, random_state=options.seed)
    # The spectral start asks for three eigenvectors of a matrix of the size of the cells.
    sc.tl.umap(adata, init_pos="spectral" if adata.n_obs > 3 else "random", random_state=options.seed)
    record(adata, "reduce_dimensions", options, notes, packages)
    return adata


def _batches(adata: AnnData, options: ReduceDimensions) -> npt.NDArray[np.str_] | None:
    """Return the batch of each cell, None where no batch is named; check that Harmony has what it needs."""
    if options.batch_key is None:
        if options.integrate == "harmony":
            raise InputError("--integrate harmony needs --batch-key, the obs column that tells batches")
        return None
    batches = batches_of(adata.obs, options.batch_key)
    if options.integrate == "harmony" and len(set(batches)) < 2:
        raise InputError(
            f"the batch column {options.batch_key!r} has one value, {str(batches[0])!r}:"
            " there is nothing to integrate; leave out --integrate"
        )
    return batches


def integrate(adata: AnnData, batches: npt.NDArray[np.str_], seed: int) -> None:
    """Add `obsm['X_pca_harmony']`: the components with the differences between `batches` taken out.

    Harmony (Korsunsky et al. 2019, doi:10.1038/s41592-019-0619-0) moves cells of each soft cluster together
    until every cluster mixes the batches. Called directly: scanpy's wrapper transposes what harmonypy 2
    returns, cells x components already.
    """
    import harmonypy

    components = adata.obsm["X_pca"]
    result = harmonypy.run_harmony(
        components.astype(np.float64),
        {"batch": batches},
        "batch",
        # harmonypy takes a cluster for each 30 cells, and would take none for 14.
        nclust=int(np.clip(round(adata.n_obs / 30), 2, 100)),
        random_state=seed,
        verbose=False,
    )
    adata.obsm["X_pca_harmony"] = np.asarray(result.Z_corr, dtype=components.dtype)

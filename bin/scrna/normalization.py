"""Normalisation: make counts comparable between cells of different depth."""

import scanpy as sc
from anndata import AnnData

from scrna.counts import problem_of
from scrna.errors import InputError
from scrna.options import Normalize
from scrna.provenance import record


def normalize(adata: AnnData, options: Normalize) -> AnnData:
    """Keep raw counts in `layers['counts']`, then scale each cell to `target_sum` and take log(1 + x).

    The shifted logarithm with the median depth as target serves selection, PCA and tests well
    (Ahlmann-Eltze & Huber 2023, doi:10.1038/s41592-023-01814-1). `adata` (cells x genes, raw counts in `X`)
    is changed and returned.

    Raises `InputError` where `X` does not hold raw counts.
    """
    problem = problem_of(adata.X)
    if problem:
        raise InputError(
            f"X {problem}, but normalize starts from raw counts;"
            " give the result of qc_filter, or start at select_features if it is normalised"
        )
    adata.layers["counts"] = adata.X.copy()
    sc.pp.normalize_total(adata, target_sum=options.target_sum)
    sc.pp.log1p(adata)
    record(adata, "normalize", options, [])
    return adata

"""Doublets: two cells that were read as one, scored by scrublet.

Wolock, Lopez & Klein 2019, doi:10.1016/j.cels.2018.11.005.

Scrublet adds random pairs of observed cells, embeds them with the observed cells and scores each cell by the
share of simulated doublets among its neighbours. A doublet forms within one capture, so each batch is scored
on its own.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scanpy as sc
from anndata import AnnData

from scrna.numba_cache import import_umap

# Scrublet's own number of components, and the least cells among which doublets can be told.
_COMPONENTS = 30
_FEWEST_CELLS = 50
_FEWEST_GENES = 10
_SIMULATED_PER_CELL = 2.0
# More cells than one capture gives: the sample has batches, and random pairs across them are no doublets.
_LARGEST_CAPTURE = 25_000
# From here on scanpy searches neighbours with pynndescent, over observed and simulated cells together.
_APPROXIMATE_FROM = 8192


def score_doublets(
    cells: AnnData,
    expected_rate: float,
    seed: int,
    batches: npt.NDArray[np.str_] | None,
    batch_key: str | None,
) -> list[str]:
    """Score the raw counts `cells`; returns notes for people.

    Adds `obs['doublet_score']` (NaN where a cell was not scored), `obs['predicted_doublet']` and
    `uns['scrublet']` as `scanpy.pp.scrublet` leaves it; with batches, that has `batched_by`, `batches`, the
    names of those that were scored, and `runs`: scanpy's result of each by its place among these names
    ('0', '1', ...), because a name may be none that a file can have. Without a clear threshold, or with too
    few cells or variable genes, no cell is called a doublet, and a note says so.
    """
    labels = np.full(cells.n_obs, "") if batches is None else batches
    scores = np.full(cells.n_obs, np.nan)
    predicted = np.zeros(cells.n_obs, dtype=bool)
    found: list[tuple[str, dict[str, Any]]] = []
    notes = []
    if batches is None and cells.n_obs > _LARGEST_CAPTURE:
        notes.append(
            f"doublets were looked for in {cells.n_obs:,} cells at once, more than one capture gives:"
            " --batch-key makes that right, and much faster"
        )
    for batch in np.unique(labels):
        chosen = labels == batch
        where = f" of batch {batch}" if batch else ""
        scored, problem = _scrublet(cells[chosen], expected_rate, seed)
        if scored is None:
            notes.append(f"doublets{where} were not looked for: {problem}")
            continue
        result = scored.obs.reindex(cells.obs_names[chosen])
        scores[chosen] = result["doublet_score"].to_numpy(dtype=float)
        predicted[chosen] = result["predicted_doublet"].eq(True).to_numpy(dtype=bool)
        found.append((str(batch), scored.uns["scrublet"]))
        if "threshold" not in scored.uns["scrublet"]:
            notes.append(
                f"scrublet found no threshold between single cells and doublets{where}: none was removed;"
                " look at the scores in the report"
            )
    cells.obs["doublet_score"] = scores
    cells.obs["predicted_doublet"] = predicted
    if found and batches is None:
        cells.uns["scrublet"] = found[0][1]
    elif found:
        cells.uns["scrublet"] = {
            "batched_by": batch_key,
            "batches": np.array([name for name, _ in found], dtype=object),
            "runs": {str(place): run for place, (_, run) in enumerate(found)},
        }
    return notes


def _scrublet(cells: AnnData, expected_rate: float, seed: int) -> tuple[AnnData | None, str]:
    """Return one batch with its scores, or the reason why it has none.

    The preparation is that of `scanpy.pp.scrublet`, done here because scanpy always asks for 30 components
    and fails on data with fewer cells or variable genes.
    """
    if problem := _too_few(cells, ""):
        return None, problem
    observed = AnnData(
        X=cells.X.copy(), obs=pd.DataFrame(index=cells.obs_names), var=pd.DataFrame(index=cells.var_names)
    )
    sc.pp.filter_genes(observed, min_cells=3)
    sc.pp.filter_cells(observed, min_genes=3)
    if problem := _too_few(observed, " with counts"):
        return None, problem
    observed.layers["raw"] = observed.X.copy()
    sc.pp.normalize_total(observed)
    observed.layers["log1p"] = observed.X.copy()
    sc.pp.log1p(observed, layer="log1p")
    sc.pp.highly_variable_genes(observed, layer="log1p")
    del observed.layers["log1p"]
    observed = observed[:, observed.var["highly_variable"]].copy()
    if problem := _too_few(observed, " that vary"):
        return None, problem
    simulated = sc.pp.scrublet_simulate_doublets(
        observed, layer="raw", sim_doublet_ratio=_SIMULATED_PER_CELL, random_seed=seed
    )
    del observed.layers["raw"]
    for part in (observed, simulated):
        sc.pp.normalize_total(part, target_sum=1e6)
    if observed.n_obs * (1 + _SIMULATED_PER_CELL) >= _APPROXIMATE_FROM:
        import_umap()
    sc.pp.scrublet(
        observed,
        simulated,
        expected_doublet_rate=expected_rate,
        n_prin_comps=min(_COMPONENTS, observed.n_obs - 1, observed.n_vars - 1),
        random_state=seed,
        verbose=False,
    )
    return observed, ""


def _too_few(cells: AnnData, kind: str) -> str:
    """Say which of the cells and genes, those of a `kind`, are too few to tell doublets; '' if none."""
    for name, there, least in (("cells", cells.n_obs, _FEWEST_CELLS), ("genes", cells.n_vars, _FEWEST_GENES)):
        if there < least:
            return f"{there} {name}{kind} are too few (at least {least})"
    return ""

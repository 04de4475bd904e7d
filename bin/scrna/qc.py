"""Quality control: measure cells, find doublets, and keep what passes, with a record of what did not.

The steps and their order are those of the scanpy tutorials and of single-cell best practices
(https://www.sc-best-practices.org, Heumos et al. 2023, doi:10.1038/s41576-023-00586-w): cells with too few
genes and genes in too few cells go first, the rest is measured, doublets are scored, and then the limits
are applied together.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import scanpy as sc
from anndata import AnnData
from scipy.stats import median_abs_deviation

from scrna.counts import batches_of, raw_counts
from scrna.doublets import score_doublets
from scrna.errors import InputError
from scrna.options import QcFilter
from scrna.organisms import CLASSES, GeneClasses, classify_genes, organism_name
from scrna.provenance import record

Mask: TypeAlias = npt.NDArray[np.bool_]

# Fewer cells have no neighbours to speak of: nothing after this step would mean anything.
_FEWEST_CELLS = 3
# What this step writes to obs: values that came with the input must not pass for its own.
_EARLIER = re.compile(
    r"(log1p_)?(total_counts|n_genes_by_counts)(_(mt|ribo|hb))?|pct_counts_(mt|ribo|hb|in_top_20_genes)"
    r"|doublet_score|predicted_doublet"
)
_TOP_20 = "pct_counts_in_top_20_genes"
# (reason, metric, whether low values are outliers too) for --qc mad
_MAD_METRICS = (
    ("mad_total_counts", "log1p_total_counts", True),
    ("mad_n_genes", "log1p_n_genes_by_counts", True),
    ("mad_top_20", _TOP_20, True),
    ("mad_mt", "pct_counts_mt", False),
)
_REMOVED_METRICS = (
    "total_counts", "n_genes_by_counts", "pct_counts_mt", "pct_counts_ribo", "pct_counts_hb", "doublet_score",
)  # fmt: skip


@dataclass
class _Filters:
    """The reasons to remove a cell, each with a mask over the measured cells, and the limits behind them."""

    reasons: dict[str, Mask]
    thresholds: dict[str, dict[str, float]]
    by_batch: list[dict[str, Any]]
    notes: list[str]


def qc_filter(adata: AnnData, options: QcFilter) -> AnnData:
    """Return the cells and genes of raw counts `adata` that pass, with what was measured.

    Adds to `obs`: scanpy's QC metrics (`n_genes_by_counts`, `total_counts`, their `log1p_`,
    `pct_counts_in_top_20_genes`, `pct_counts_mt`, `_ribo`, `_hb` in %), `doublet_score`,
    `predicted_doublet`; to `var`: `mt`, `ribo`, `hb`, `n_cells_by_counts`; to `uns`: `qc` (counts before and
    after, thresholds, removed cells with their reasons) and `scrublet`. Counts are not changed.

    Raises `InputError` where there are no raw counts, the organism fits no gene, the batch column is
    missing, or fewer than three cells are left.
    """
    options = dataclasses.replace(options, organism=organism_name(options.organism))
    counts = raw_counts(adata)
    everything = counts.adata
    earlier = [name for name in everything.obs if _EARLIER.fullmatch(name)]
    everything.obs = everything.obs.drop(columns=earlier)
    batches = None if options.batch_key is None else batches_of(everything.obs, options.batch_key)
    classes = classify_genes(list(everything.var_names), options.organism, options.mt_prefix)

    genes_of_cell = np.diff(everything.X.indptr)
    measured = genes_of_cell >= options.min_genes
    _require(measured, {"min_genes": ~measured}, options, everything.n_obs)
    kept_genes = np.bincount(everything.X[measured].indices, minlength=everything.n_vars) >= options.min_cells
    if not kept_genes.any():
        raise InputError(f"no gene is expressed in {options.min_cells} cells or more; lower --min-cells")
    small = _measure(everything[~measured][:, kept_genes].copy(), classes, kept_genes)
    cells = _measure(everything[measured][:, kept_genes].copy(), classes, kept_genes)
    batches = None if batches is None else batches[measured]

    notes = [*counts.notes, *classes.notes]
    if earlier:
        notes.append(f"obs columns of an earlier quality control were left out: {', '.join(earlier)}")
    if options.doublets == "scrublet":
        notes += score_doublets(
            cells, options.expected_doublet_rate, options.seed, batches, options.batch_key
        )
    filters = _filters(cells, options, batches)
    remove = np.logical_or.reduce(list(filters.reasons.values()))
    _require(~remove, {"min_genes": ~measured, **filters.reasons}, options, everything.n_obs)

    result = cells[~remove].copy()
    result.uns["qc"] = {
        "organism": options.organism,
        "mode": options.qc,
        "n_cells_before": everything.n_obs,
        "n_cells_after": result.n_obs,
        "n_genes_before": everything.n_vars,
        "n_genes_after": result.n_vars,
        "thresholds": filters.thresholds,
        "removed_counts": _removed_counts(small.n_obs, filters.reasons),
        "removed": _removed(small, cells, filters.reasons),
    }
    if filters.by_batch:
        result.uns["qc"]["thresholds_by_batch"] = _text_index(pd.DataFrame(filters.by_batch))
    record(
        result,
        "qc_filter",
        options,
        [*notes, *filters.notes],
        ("scikit-image", "scikit-learn", "pynndescent"),
    )
    return result


def _measure(cells: AnnData, classes: GeneClasses, kept_genes: Mask) -> AnnData:
    """Add scanpy's QC metrics to `cells`, whose genes are those of `kept_genes`; returns `cells`."""
    for name, mask in classes.masks.items():
        cells.var[name] = mask[kept_genes]
    if cells.n_obs == 0:
        return cells
    top = (20,) if cells.n_vars >= 20 else ()
    sc.pp.calculate_qc_metrics(cells, qc_vars=list(classes.masks), percent_top=top, log1p=True, inplace=True)
    if not top:
        cells.obs[_TOP_20] = 100.0  # all genes are among the top 20
    return cells


def _filters(cells: AnnData, options: QcFilter, batches: npt.NDArray[np.str_] | None) -> _Filters:
    """Return what removes cells: the fixed limits always, adaptive ones with `--qc mad`, and doublets."""
    obs = cells.obs
    filters = _Filters({}, {"n_genes_by_counts": {"lower": float(options.min_genes)}}, [], [])
    # Of a cell without counts, or only of genes that were too rare to keep, nothing can be measured.
    empty = obs["total_counts"].to_numpy() == 0
    if empty.any():
        filters.reasons["min_genes"] = empty
    for name, limit in zip(
        CLASSES, (options.max_pct_mt, options.max_pct_ribo, options.max_pct_hb), strict=True
    ):
        metric = f"pct_counts_{name}"
        if metric in obs:
            filters.reasons[f"max_pct_{name}"] = obs[metric].to_numpy() > limit
            filters.thresholds[metric] = {"upper": limit}
    if options.qc == "mad":
        _add_adaptive(filters, obs, options, batches)
    if "predicted_doublet" in obs:
        filters.reasons["doublet"] = obs["predicted_doublet"].to_numpy()
        if "threshold" in cells.uns.get("scrublet", {}):
            filters.thresholds["doublet_score"] = {"upper": float(cells.uns["scrublet"]["threshold"])}
    return filters


def _add_adaptive(
    filters: _Filters, obs: pd.DataFrame, options: QcFilter, batches: npt.NDArray[np.str_] | None
) -> None:
    """Add the limits of `--qc mad`: median ± n median absolute deviations, in each batch on its own.

    See Germain et al. 2020 (doi:10.1186/s13059-020-02136-7) and sc-best-practices, whose 5 and 3 deviations
    are the defaults. The deviation is not scaled to a normal distribution's, as there. Where it is 0, more
    than half of the cells have the same value, and any other value would be an outlier: no limit then.
    """
    labels = np.full(len(obs), "") if batches is None else batches
    has_counts = obs["total_counts"].to_numpy() > 0
    for reason, metric, low_too in _MAD_METRICS:
        if metric not in obs:
            continue
        values = obs[metric].to_numpy(dtype=float)
        outlier: Mask = np.zeros(len(obs), dtype=bool)
        for batch in np.unique(labels):
            chosen = (labels == batch) & has_counts
            limits = _mad_limits(values[chosen], options.n_mads if low_too else options.n_mads_mt, low_too)
            where = f" in batch {batch}" if batch else ""
            if limits is None:
                filters.notes.append(f"{metric} has no spread{where}: no adaptive limit")
                continue
            outlier |= chosen & ((values < limits.get("lower", -np.inf)) | (values > limits["upper"]))
            if batches is None:
                fixed = filters.thresholds.get(metric, {})
                filters.thresholds[metric] = {
                    **limits,
                    "upper": min(limits["upper"], fixed.get("upper", np.inf)),
                }
            else:
                row = {"batch": str(batch), "metric": metric, "lower": limits.get("lower", np.nan)}
                filters.by_batch.append({**row, "upper": limits["upper"]})
        filters.reasons[reason] = outlier


def _mad_limits(values: npt.NDArray[np.float64], n_mads: float, low_too: bool) -> dict[str, float] | None:
    """Return the limits of one metric in one batch; None where there is no spread, or no value."""
    if not len(values):
        return None
    median, deviation = float(np.median(values)), float(median_abs_deviation(values))
    if deviation == 0:
        return None
    upper = {"upper": median + n_mads * deviation}
    return {"lower": median - n_mads * deviation, **upper} if low_too else upper


def _require(keep: Mask, reasons: Mapping[str, Mask], options: QcFilter, n_before: int) -> None:
    """Raise `InputError` where fewer than three cells are left, saying which filter removed how many."""
    left = int(keep.sum())
    if left >= _FEWEST_CELLS:
        return
    limits = [
        f"{reason} {getattr(options, reason)}" if hasattr(options, reason) else reason for reason in reasons
    ]
    removed = [
        f"{limit} removed {int(mask.sum()):,}"
        for limit, mask in zip(limits, reasons.values(), strict=True)
        if mask.any()
    ]
    raise InputError(
        f"{'no cell is' if left == 0 else f'only {left} cells are'} left of {n_before:,} after QC:"
        f" {', '.join(removed) or 'there were no more'}; loosen what removed most, or check the input"
    )


def _removed_counts(n_small: int, reasons: Mapping[str, Mask]) -> dict[str, int]:
    """Return how many cells each reason removed; a cell with several reasons counts in each."""
    counts = {"min_genes": n_small}
    for reason, mask in reasons.items():
        counts[reason] = counts.get(reason, 0) + int(mask.sum())
    return counts


def _removed(small: AnnData, cells: AnnData, reasons: Mapping[str, Mask]) -> pd.DataFrame:
    """Return the removed cells (index) with reasons, joined by `;`, and metrics (NaN: unknown)."""
    names = np.array(list(reasons), dtype=object)
    table = np.column_stack(list(reasons.values()))
    joined = np.array([";".join(names[row]) for row in table], dtype=object)
    small_part = pd.DataFrame({"reason": "min_genes"}, index=small.obs_names)
    large_part = pd.DataFrame({"reason": joined}, index=cells.obs_names)[table.any(axis=1)]
    result = pd.concat([small_part, large_part])
    metrics = pd.concat([small.obs, cells.obs]).reindex(columns=list(_REMOVED_METRICS)).astype(float)
    result = result.join(metrics)
    result.index.name = None
    return result.astype({"reason": object})


def _text_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with its row numbers as text, the only index that an `.h5ad` holds."""
    return frame.set_axis(frame.index.astype(str))

"""The numbers of a finished sample: what the report shows, as a document that other programs read."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from scrna.agreement import Agreement
from scrna.errors import InputError
from scrna.provenance import notes_of, parameter_of
from scrna.steps import CHAIN

METRICS = (
    "n_genes_by_counts",
    "total_counts",
    "pct_counts_mt",
    "pct_counts_ribo",
    "pct_counts_hb",
    "pct_counts_in_top_20_genes",
)
TOP_MARKERS = 5
_BATCH_COLUMNS = ("batch", "sample", "donor")
_MOST_BATCHES = 50


@dataclass(frozen=True)
class Hint:
    """The cell type whose given marker genes fit a group best, and the next one: a hint, not a finding."""

    group: str
    cell_type: str
    score: float
    second: str
    second_score: float


@dataclass(frozen=True)
class Cluster:
    """A cluster: its cells, their share of all kept cells, its first markers and its hint."""

    name: str
    cells: int
    fraction: float
    top_markers: list[str]
    hint: Hint | None


@dataclass(frozen=True)
class Quality:
    """What quality control saw and did.

    `removed` counts cells by reason; a cell with several reasons counts in each. `thresholds` are limits by
    metric (`lower`, `upper`), counts not in logarithms; `batch_thresholds` those that each batch has of its
    own. `medians` are by metric, before and after.
    """

    mode: str
    removed: dict[str, int]
    thresholds: dict[str, dict[str, float]]
    batch_thresholds: dict[str, dict[str, dict[str, float]]]
    medians: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Doublets:
    """What the search for doublets found.

    `rate` is the share of `predicted` in the `scored` cells. `threshold` is None where none was found, or
    where each batch has its own in `batch_thresholds`.
    """

    scored: int
    predicted: int
    rate: float
    expected_rate: float | None
    threshold: float | None
    batch_thresholds: dict[str, float | None]


@dataclass(frozen=True)
class Note:
    """What a step wants a person to know."""

    task: str
    text: str


@dataclass(frozen=True)
class Summary:
    """All numbers of a finished sample; `None` where a step did not run or does not apply.

    `resolutions` are the numbers of clusters of the further clusterings, by column. `batches` are the kept
    cells of each batch. `markers` is the number of marker genes of each group of `groupby`.
    """

    sample: str
    organism: str | None
    cells_before: int
    cells_after: int
    genes_before: int
    genes_after: int
    variable_genes: int | None
    components: int | None
    quality: Quality | None
    doublets: Doublets | None
    batch_key: str | None
    batches: dict[str, int]
    cluster_key: str
    clusters: list[Cluster]
    resolutions: dict[str, int]
    groupby: str
    markers: dict[str, int]
    hints: list[Hint]
    agreement: Agreement | None
    notes: list[Note]
    parameters: dict[str, dict[str, Any]]
    versions: dict[str, dict[str, str]]


def summarize(adata: AnnData, sample: str, agreement: Agreement | None = None) -> Summary:
    """Collect the numbers of an annotated AnnData; `agreement` is its comparison with known labels.

    Raises `InputError` where the AnnData is not a finished sample.
    """
    require_finished(adata)
    cells = cell_table(adata)
    qc = adata.uns.get("qc", {})
    key, groupby = cluster_key(adata), marker_key(adata)
    batch = batch_key(adata)
    markers = marker_table(adata)
    hints = _hints(adata)
    steps = adata.uns.get("stargazer", {})
    organism = qc.get("organism")
    return Summary(
        sample=sample,
        organism=None if organism is None else str(organism),
        cells_before=int(qc.get("n_cells_before", adata.n_obs)),
        cells_after=int(adata.n_obs),
        genes_before=int(qc.get("n_genes_before", adata.n_vars)),
        genes_after=int(adata.n_vars),
        variable_genes=int(adata.var["highly_variable"].sum()) if "highly_variable" in adata.var else None,
        components=adata.obsm["X_pca"].shape[1] if "X_pca" in adata.obsm else None,
        quality=_quality(cells, qc) if qc else None,
        doublets=_doublets(adata, cells),
        batch_key=batch,
        batches=_sizes(adata.obs[batch]) if batch else {},
        cluster_key=key,
        clusters=_clusters(adata.obs[key], markers, hints, described=key == groupby),
        resolutions={column: len(groups_of(adata.obs[column])) for column in resolution_columns(adata)},
        groupby=groupby,
        markers={group: int((markers["group"] == group).sum()) for group in groups_of(adata.obs[groupby])},
        hints=hints,
        agreement=agreement,
        notes=[Note(task, text) for task in steps_of(adata) for text in notes_of(adata, task)],
        parameters={task: _plain(steps[task].get("parameters", {})) for task in steps_of(adata)},
        versions={task: _plain(steps[task].get("versions", {})) for task in steps_of(adata)},
    )


def to_document(summary: Summary) -> dict[str, Any]:
    """Return the summary as JSON holds it: no NaN, the contingency table as its two axes and its counts."""
    agreement = summary.agreement
    document = dataclasses.asdict(dataclasses.replace(summary, agreement=None))
    if agreement:
        table = agreement.contingency
        document["agreement"] = {
            **dataclasses.asdict(dataclasses.replace(agreement, contingency=None)),
            "contingency": {
                "clusters": list(table.index),
                "labels": list(table.columns),
                "counts": table.to_numpy().tolist(),
            },
        }
    result: dict[str, Any] = _plain(document)
    return result


def require_finished(adata: AnnData) -> None:
    """Raise `InputError` where the AnnData has no markers or lacks the groups that they are for."""
    if "markers" not in adata.uns:
        raise InputError(
            "has no table of markers: it is not a finished sample; give the annotated AnnData of find_markers"
        )
    key = marker_key(adata)
    if key not in adata.obs:
        there = ", ".join(map(str, adata.obs.columns))
        raise InputError(f"no obs column is named {key!r}, which has the groups; the columns are: {there}")


def cluster_key(adata: AnnData) -> str:
    """Return the obs column of the main clustering: that of the cluster step, else what markers were for."""
    key = parameter_of(adata, "cluster", "key_added")
    return str(key) if key is not None and key in adata.obs else marker_key(adata)


def marker_key(adata: AnnData) -> str:
    """Return the obs column whose groups the markers are for."""
    ranked = adata.uns.get("rank_genes_groups", {}).get("params", {}).get("groupby")
    key = ranked or parameter_of(adata, "find_markers", "groupby")
    return str(key or parameter_of(adata, "cluster", "key_added") or "leiden")


def batch_key(adata: AnnData) -> str | None:
    """Return the obs column that tells batches: the one that a step was given, else one of a usual name."""
    given = [
        parameter_of(adata, task, "batch_key")
        for task in ("reduce_dimensions", "select_features", "qc_filter")
    ]
    for column in [key for key in given if key is not None] or _BATCH_COLUMNS:
        if column in adata.obs and 1 < adata.obs[column].nunique() <= _MOST_BATCHES:
            return str(column)
    return None


def resolution_columns(adata: AnnData) -> list[str]:
    """Return the obs columns of the further resolutions, in the order of the resolutions."""
    asked = parameter_of(adata, "cluster", "more_resolutions")
    values = sorted({float(part) for part in str(asked).split(",")}) if asked else []
    columns = [f"{cluster_key(adata)}_{value:g}" for value in values]
    return [column for column in columns if column in adata.obs]


def steps_of(adata: AnnData) -> list[str]:
    """Return the tasks that left a record, in the order of the chain; others follow by name."""
    recorded = adata.uns.get("stargazer", {})
    chain = ["import_counts", *(step.task for step in CHAIN)]
    return [task for task in chain if task in recorded] + sorted(set(recorded) - set(chain))


def groups_of(values: pd.Series) -> list[str]:
    """Return the names of the groups that have a cell, in the order of the categories."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        present = set(values)
        return [str(group) for group in values.cat.categories if group in present]
    return sorted(map(str, values.dropna().unique()))


def marker_table(adata: AnnData) -> pd.DataFrame:
    """Return the table of markers, group after group, best first."""
    table = adata.uns["markers"].reset_index(drop=True)
    for column in ("group", "gene", "gene_id"):
        if column in table:
            table[column] = table[column].astype(str)
    order = {group: place for place, group in enumerate(groups_of(adata.obs[marker_key(adata)]))}
    return table.assign(place=table["group"].map(order)).sort_values(["place", "rank"], kind="stable")


def cell_table(adata: AnnData) -> pd.DataFrame:
    """Return the metrics of every cell that came in, kept or removed.

    The index are cell names; the columns those of METRICS and `doublet_score` that are known, `kept` (bool)
    and `reason` ('' for kept cells). What was not measured of a removed cell is NaN.
    """
    columns = [column for column in (*METRICS, "doublet_score") if column in adata.obs]
    kept = adata.obs[columns].astype(float).assign(kept=True, reason="")
    removed = removed_cells(adata)
    if removed.empty:
        return kept
    gone = (
        removed.reindex(columns=columns)
        .astype(float)
        .assign(kept=False, reason=removed["reason"].astype(str))
    )
    return pd.concat([kept, gone])


def removed_cells(adata: AnnData) -> pd.DataFrame:
    """Return the cells that quality control took out, as it left them; empty where it did not run."""
    removed = adata.uns.get("qc", {}).get("removed")
    return pd.DataFrame({"reason": []}) if removed is None else removed


def doublet_thresholds(adata: AnnData) -> dict[str, float | None]:
    """Return the doublet threshold of each batch, under '' where all share one; None where not found."""
    return {batch: _number(run.get("threshold")) for batch, run in scrublet_runs(adata).items()}


def scrublet_runs(adata: AnnData) -> dict[str, Mapping[str, Any]]:
    """Return what scrublet left for each batch that it scored, under '' where all cells are one batch."""
    scrublet = adata.uns.get("scrublet")
    if scrublet is None:
        return {}
    if "runs" not in scrublet:
        return {"": scrublet}
    return {str(batch): scrublet["runs"][str(place)] for place, batch in enumerate(scrublet["batches"])}


def _quality(cells: pd.DataFrame, qc: Mapping[str, Any]) -> Quality:
    metrics = [metric for metric in METRICS if metric in cells]
    return Quality(
        mode=str(qc.get("mode", "fixed")),
        removed={str(reason): int(count) for reason, count in qc.get("removed_counts", {}).items()},
        thresholds=_limits(qc.get("thresholds", {})),
        batch_thresholds=_batch_limits(qc.get("thresholds_by_batch")),
        medians={
            metric: {
                "before": float(cells[metric].median()),
                "after": float(cells.loc[cells["kept"], metric].median()),
            }
            for metric in metrics
        },
    )


def _limits(thresholds: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return limits by metric; those on log1p of a metric become limits on the metric, narrower ones win."""
    result: dict[str, dict[str, float]] = {}
    for metric, limits in thresholds.items():
        plain = result.setdefault(metric.removeprefix("log1p_"), {})
        for side, value in limits.items():
            number = _number(value)
            if number is not None:
                number = math.expm1(number) if metric.startswith("log1p_") else number
                narrower = max if side == "lower" else min
                plain[side] = narrower(number, plain.get(side, number))
    return result


def _batch_limits(table: pd.DataFrame | None) -> dict[str, dict[str, dict[str, float]]]:
    """Return the limits of each batch out of a table of batch, metric, lower and upper."""
    if table is None:
        return {}
    return {
        str(batch): _limits(
            {row.metric: {"lower": row.lower, "upper": row.upper} for row in rows.itertuples()}
        )
        for batch, rows in table.groupby("batch", sort=False, observed=True)
    }


def _doublets(adata: AnnData, cells: pd.DataFrame) -> Doublets | None:
    if "doublet_score" not in cells:
        return None
    scored = int(cells["doublet_score"].notna().sum())
    if not scored:
        return None
    predicted = int(cells["reason"].str.split(";").map(lambda reasons: "doublet" in reasons).sum())
    thresholds = doublet_thresholds(adata)
    return Doublets(
        scored=scored,
        predicted=predicted,
        rate=predicted / scored,
        expected_rate=_number(parameter_of(adata, "qc_filter", "expected_doublet_rate")),
        threshold=thresholds.get(""),
        batch_thresholds={batch: value for batch, value in thresholds.items() if batch},
    )


def _clusters(
    values: pd.Series, markers: pd.DataFrame, hints: Sequence[Hint], described: bool
) -> list[Cluster]:
    """Return the clusters; markers and hints belong to them only where they are `described` by those."""
    sizes = _sizes(values)
    found = {hint.group: hint for hint in hints}
    return [
        Cluster(
            name=name,
            cells=cells,
            fraction=cells / len(values),
            top_markers=list(markers.loc[markers["group"] == name, "gene"][:TOP_MARKERS])
            if described
            else [],
            hint=found.get(name) if described else None,
        )
        for name, cells in sizes.items()
    ]


def _sizes(values: pd.Series) -> dict[str, int]:
    counts = values.astype(str).value_counts()
    return {group: int(counts[group]) for group in groups_of(values)}


def _hints(adata: AnnData) -> list[Hint]:
    table = adata.uns.get("cell_type_hints")
    if table is None:
        return []
    return [
        Hint(str(row.group), str(row.cell_type), float(row.score), str(row.second), float(row.second_score))
        for row in table.itertuples()
    ]


def _number(value: Any) -> float | None:
    """Return a finite number, or None."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _plain(value: Any) -> Any:
    """Return `value` in Python's own types, as JSON has them; a number that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return _number(value) if isinstance(value, float) else value

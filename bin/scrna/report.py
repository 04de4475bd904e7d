"""The report of a finished sample: one HTML file that needs nothing else to be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

from scrna import figures, files
from scrna.agreement import Agreement, compare, read_labels
from scrna.drawing import BATCH_PALETTE, THIRD, Picture, colours_of, matching_colours, percent
from scrna.summary import (
    METRICS,
    Quality,
    Summary,
    cell_table,
    cluster_key,
    doublet_thresholds,
    groups_of,
    marker_table,
    removed_cells,
    require_finished,
    resolution_columns,
    scrublet_runs,
    summarize,
    to_document,
)

TABLE_MARKERS = 25
SMALL_CLUSTER = 10
_PANEL_GENES = 48
_PANEL_MOST = 5
_HEAT_COLUMNS = 1400
_HEAT_LEAST = 12
_NOTHING = "\N{EN DASH}"
_BATCH_VIOLINS = 24
_REASONS = {
    "min_genes": "too few genes",
    "max_pct_mt": "too many mitochondrial counts: a damaged cell, most often",
    "max_pct_ribo": "too many ribosomal-protein counts",
    "max_pct_hb": "too many haemoglobin counts: a red blood cell, most often",
    "mad_total_counts": "counts far from those of the other cells",
    "mad_n_genes": "number of genes far from that of the other cells",
    "mad_top_20": "too much, or too little, in the 20 strongest genes",
    "mad_mt": "mitochondrial share far above that of the other cells",
    "doublet": "predicted doublet: two cells in one droplet",
}
_METRIC_OF_REASON = {
    "mad_total_counts": "total_counts",
    "mad_n_genes": "n_genes_by_counts",
    "mad_top_20": "pct_counts_in_top_20_genes",
    "mad_mt": "pct_counts_mt",
    "doublet": "doublet_score",
}
_SPREADS = {"variances_norm": "standardised variance", "dispersions_norm": "normalised dispersion"}
_STEPS = {
    "import_counts": "Import",
    "qc_filter": "Quality control",
    "normalize": "Normalisation",
    "select_features": "Variable genes",
    "reduce_dimensions": "Dimensions",
    "cluster": "Clusters",
    "find_markers": "Markers",
    "scrna_report": "Report",
}


@dataclass(frozen=True)
class Panel:
    """A figure with the sentence under it."""

    picture: Picture
    caption: str = ""


@dataclass(frozen=True)
class Removal:
    """One reason for which cells were removed, and the limit that stands behind it."""

    reason: str
    meaning: str
    limit: str
    cells: int
    share: float


@dataclass(frozen=True)
class KnownLabel:
    """The cells of a known label, the cluster that holds most of them, and its share of them."""

    label: str
    cells: int
    cluster: str
    share: float


def report_files(
    source: Path,
    sample: str,
    *,
    report: Path,
    summary: Path,
    labels: Path | None = None,
    labels_name: str = "",
) -> Summary:
    """Write the report (HTML) and the summary (JSON) of the annotated AnnData `source`; returns the numbers.

    `labels` is a CSV of known labels, `labels_name` what messages call it.
    """
    for output in (report, summary):
        files.check_folder(output)
    adata = files.read_h5ad(source)
    require_finished(adata)
    agreement = None
    if labels:
        known = read_labels(labels, sample, labels_name)
        agreement = compare(clusters_of(adata), known, removed_cells(adata).index, labels_name or str(labels))
    numbers = summarize(adata, sample, agreement)
    files.write_text(render(adata, numbers), report)
    files.write_json(to_document(numbers), summary)
    return numbers


def clusters_of(adata: AnnData) -> pd.Series:
    """Return the main cluster of each cell as text, its categories in their order."""
    return _grouping(adata, cluster_key(adata))


def render(adata: AnnData, summary: Summary) -> str:
    """Return the report as HTML."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        count=_count,
        percent=percent,
        sig=_significant,
        pvalue=_p_value,
        limit=_limit,
        metric_label=figures.metric_label,
    )
    keys = {summary.cluster_key, summary.groupby}
    colours = {key: colours_of(groups_of(adata.obs[key])) for key in keys}
    batches = colours_of(list(summary.batches), BATCH_PALETTE)
    cells = cell_table(adata)
    markers = marker_table(adata)
    page: str = templates.get_template("report.html").render(
        numbers=summary,
        lead=lead_sentences(summary),
        cautions=cautions(summary),
        steps=_STEPS,
        colours=colours[summary.cluster_key],
        group_colours=colours[summary.groupby],
        overview=_cluster_map(adata, summary.cluster_key, colours[summary.cluster_key]),
        quality=_quality_panels(adata, cells, summary, batches),
        removals=removals(summary),
        doublets=_doublet_panel(adata, cells, summary, batches),
        features=_feature_panels(adata),
        maps=_maps(adata, summary, colours, batches),
        composition=_composition(adata, summary, colours[summary.cluster_key], batches),
        marker_panels=_marker_panels(adata, markers, summary.groupby, colours[summary.groupby]),
        marker_rows=table_rows(markers, TABLE_MARKERS),
        table_markers=TABLE_MARKERS,
        agreement=_agreement_panel(summary.agreement),
        known=label_rows(summary.agreement),
        versions=all_versions(summary),
    )
    return page


def lead_sentences(summary: Summary) -> list[str]:
    """Say in plain words what came out."""
    said = []
    if summary.quality:
        share = summary.cells_after / max(summary.cells_before, 1)
        kept, before = f"{summary.cells_after:,}", f"{summary.cells_before:,}"
        said.append(f"{kept} of {before} cells ({percent(share)}) passed quality control.")
        said += _typical_cell(summary.quality)
    said.append(_clusters_in_words(summary))
    found = sum(summary.markers.values())
    if found:
        ours = summary.groupby == summary.cluster_key
        groups = "the clusters" if ours else f"the groups of {summary.groupby}"
        said.append(f"{found:,} marker genes tell {groups} from the rest.")
    if summary.agreement:
        said.append(
            f"Compared with the known labels of {summary.agreement.compared:,} cells, the clusters reach an "
            f"adjusted Rand index of {summary.agreement.ari:.2f} (1: the same groups, 0: as by chance)."
        )
    return said


def cautions(summary: Summary) -> list[str]:
    """Say what in the result itself asks for care, beside the notes of the steps."""
    said = []
    if summary.cells_after * 2 < summary.cells_before:
        said.append(
            f"Fewer than half of the cells were kept ({summary.cells_after:,} of {summary.cells_before:,}): "
            "look at the limits of quality control."
        )
    small = [cluster.name for cluster in summary.clusters if cluster.cells < SMALL_CLUSTER]
    if small:
        said.append(f"{_have(small)} fewer than {SMALL_CLUSTER} cells: too few to tell much from.")
    bare = [group for group, count in summary.markers.items() if not count]
    if bare and len(summary.markers) > 1:
        said.append(f"{_have(bare)} no marker gene that passes the filters.")
    return said


def removals(summary: Summary) -> list[Removal]:
    """Return why cells were removed, the most frequent reason first; a cell may have several."""
    if not summary.quality:
        return []
    before = max(summary.cells_before, 1)
    rows = [
        Removal(reason, _REASONS.get(reason, reason), _limit_in_words(reason, summary), cells, cells / before)
        for reason, cells in summary.quality.removed.items()
    ]
    return sorted(rows, key=lambda row: -row.cells)


def label_rows(agreement: Agreement | None) -> list[KnownLabel]:
    """Return where the cells of each known label went, the most frequent label first."""
    if not agreement:
        return []
    table = agreement.contingency
    return [
        KnownLabel(label, int(cells.sum()), str(cells.idxmax()), float(cells.max() / cells.sum()))
        for label, cells in table.items()
    ]


def table_rows(markers: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    """Return the best `most` markers of each group as rows of the table, group after group."""
    best = markers.groupby("group", sort=False).head(most)
    rows: list[dict[str, Any]] = best.to_dict("records")
    return rows


def marker_choice(
    markers: pd.DataFrame, groups: Sequence[str], known: Sequence[str]
) -> list[tuple[str, str]]:
    """Choose the marker genes that the figures show: (group, gene), each gene once, the same number a group.

    Fewer a group where there are many groups; a gene that an earlier group has gives way to the next.
    """
    each = int(np.clip(_PANEL_GENES // max(len(groups), 1), 1, _PANEL_MOST))
    chosen: dict[str, str] = {}
    present = set(known)
    for group in groups:
        fresh = [
            gene
            for gene in markers.loc[markers["group"] == group, "gene"]
            if gene in present and gene not in chosen
        ]
        chosen.update(dict.fromkeys(fresh[:each], group))
    return [(group, gene) for gene, group in chosen.items()]


def all_versions(summary: Summary) -> dict[str, str]:
    """Return the version of each library; where steps ran with different ones, all of them."""
    found: dict[str, set[str]] = {name: {version(name)} for name in ("matplotlib", "jinja2", "pillow")}
    for versions in summary.versions.values():
        for name, value in versions.items():
            found.setdefault(name, set()).add(value)
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}


def _limit_in_words(reason: str, summary: Summary) -> str:
    """Return the limit of a reason: as asked where it is a parameter, else as found; '' where unknown."""
    asked = summary.parameters.get("qc_filter", {}).get(reason)
    if asked is not None:
        return f"at least {asked:,}" if reason.startswith("min") else f"at most {asked:g}%"
    quality, metric = summary.quality, _METRIC_OF_REASON.get(reason, "")
    limits = quality.thresholds.get(metric, {}) if quality else {}
    if reason.startswith("mad") and quality and quality.batch_thresholds:
        return "by batch"
    if not limits:
        return ""
    upper = _limit(limits["upper"], metric)
    return f"{_limit(limits['lower'], metric)} to {upper}" if "lower" in limits else f"at most {upper}"


def _limit(value: float, metric: str) -> str:
    if metric.startswith("pct_"):
        return f"{value:.3g}%"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _grouping(adata: AnnData, key: str) -> pd.Series:
    groups = groups_of(adata.obs[key])
    return adata.obs[key].astype(str).astype(pd.CategoricalDtype(groups))


def _typical_cell(quality: Quality) -> list[str]:
    medians = {metric: values["after"] for metric, values in quality.medians.items()}
    if not {"total_counts", "n_genes_by_counts"} <= set(medians):
        return []
    counts, genes = f"{medians['total_counts']:,.0f}", f"{medians['n_genes_by_counts']:,.0f}"
    share = medians.get("pct_counts_mt")
    mitochondrial = "" if share is None else f"; {share:.1f}% of its counts are mitochondrial"
    return [f"A typical kept cell (median) has {counts} counts from {genes} genes{mitochondrial}."]


def _clusters_in_words(summary: Summary) -> str:
    resolution = summary.parameters.get("cluster", {}).get("resolution")
    at = f" at resolution {resolution:g}" if resolution is not None else ""
    if len(summary.clusters) == 1:
        return f"All cells are in one cluster{at}: there is nothing to compare it with."
    sizes = [cluster.cells for cluster in summary.clusters]
    return f"The cells fall into {len(sizes)} clusters{at}, of {min(sizes):,} to {max(sizes):,} cells."


def _have(names: Sequence[str]) -> str:
    """Return the subject of a sentence on clusters with its verb, as in "Clusters 3, 5 have"."""
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return f"Cluster {shown} has" if len(names) == 1 else f"Clusters {shown} have"


def _quality_panels(
    adata: AnnData, cells: pd.DataFrame, summary: Summary, batches: Mapping[str, str]
) -> dict[str, list[Panel]]:
    """Return the violins, those by batch, and the scatter of counts against genes."""
    if not summary.quality:
        return {"violins": [], "by_batch": [], "scatter": []}
    kept = cells["kept"].to_numpy()
    limits = {metric: _telling(metric, sides) for metric, sides in summary.quality.thresholds.items()}
    shown = [metric for metric in METRICS if metric in cells and _worth_a_violin(metric, cells, limits)]
    panels = [
        Panel(figures.violin(metric, values, values[kept], limits.get(metric, {})))
        for metric, values in ((metric, cells[metric].to_numpy()) for metric in shown)
    ]
    by_batch = []
    if summary.batch_key and len(batches) <= _BATCH_VIOLINS:
        column = adata.obs[summary.batch_key]
        by_batch = [
            Panel(figures.violins_by_batch(metric, adata.obs[metric], column, batches))
            for metric in shown
            if metric in ("n_genes_by_counts", "total_counts", "pct_counts_mt")
        ]
    both = {"total_counts", "n_genes_by_counts"} <= set(cells.columns)
    return {
        "violins": panels,
        "by_batch": by_batch,
        "scatter": [Panel(figures.counts_against_genes(cells))] if both else [],
    }


def _telling(metric: str, limits: Mapping[str, float]) -> dict[str, float]:
    """Leave out a limit of 100 %, which no cell can pass."""
    whole = metric.startswith("pct_")
    return {side: value for side, value in limits.items() if not (whole and side == "upper" and value >= 100)}


def _worth_a_violin(metric: str, cells: pd.DataFrame, limits: Mapping[str, Any]) -> bool:
    """Haemoglobin and the top 20 genes are shown only where they say something or a limit is set."""
    if metric == "pct_counts_in_top_20_genes":
        return bool(limits.get(metric))
    return metric != "pct_counts_hb" or bool((cells[metric] > 1).mean() > 0.01)


def _doublet_panel(
    adata: AnnData, cells: pd.DataFrame, summary: Summary, batches: Mapping[str, str]
) -> Panel | None:
    if not summary.doublets:
        return None
    scores = cells["doublet_score"].dropna().to_numpy()
    runs = scrublet_runs(adata).values()
    simulated = [run["doublet_scores_sim"] for run in runs if "doublet_scores_sim" in run]
    return Panel(
        figures.doublet_histogram(
            scores,
            np.concatenate(simulated) if simulated else None,
            doublet_thresholds(adata),
            batches,
        )
    )


def _feature_panels(adata: AnnData) -> list[Panel]:
    """Return the highly variable genes and the variance of the components."""
    panels = []
    var = adata.var
    spread = next((name for name in _SPREADS if name in var), None)
    if spread and {"means", "highly_variable"} <= set(var):
        panels.append(
            Panel(
                figures.variable_genes(
                    mean=var["means"].to_numpy(dtype=float),
                    spread=var[spread].to_numpy(dtype=float),
                    chosen=var["highly_variable"].to_numpy(dtype=bool),
                    names=var.index.to_numpy(),
                    label=_SPREADS[spread],
                ),
                "Each dot is a gene. Those that vary more between cells than others of the same mean "
                "place and group the cells.",
            )
        )
    ratios = adata.uns.get("pca", {}).get("variance_ratio")
    if ratios is not None and len(ratios):
        panels.append(
            Panel(
                figures.component_variance(np.asarray(ratios, dtype=float)),
                f"The {len(ratios)} components together hold {percent(float(np.sum(ratios)))} of the "
                "variance of the selected genes.",
            )
        )
    return panels


def _cluster_map(adata: AnnData, key: str, colours: Mapping[str, str]) -> Panel | None:
    if "X_umap" not in adata.obsm:
        return None
    umap = np.asarray(adata.obsm["X_umap"])
    return Panel(figures.umap_by_group(umap, adata.obs[key], colours, f"Clusters ({key})"))


def _maps(
    adata: AnnData, summary: Summary, colours: Mapping[str, Mapping[str, str]], batches: Mapping[str, str]
) -> dict[str, list[Panel]]:
    """Return the maps of the cells: by batch and other groups, by resolution, by metric."""
    if "X_umap" not in adata.obsm:
        return {"groups": [], "resolutions": [], "metrics": []}
    umap = np.asarray(adata.obsm["X_umap"])
    main = adata.obs[summary.cluster_key]
    groups, resolutions = [], []
    if summary.batch_key:
        title = f"Batches ({summary.batch_key})"
        picture = figures.umap_by_group(umap, adata.obs[summary.batch_key], batches, title, named=False)
        groups.append(Panel(picture, "Clusters of one colour only may be a difference between batches."))
    if summary.groupby != summary.cluster_key:
        values, title = adata.obs[summary.groupby], f"Groups ({summary.groupby})"
        picture = figures.umap_by_group(umap, values, colours[summary.groupby], title, named=False)
        groups.append(Panel(picture, "The groups that the markers are for."))
    further = resolution_columns(adata)
    if further:
        title = f"Main clustering: {len(summary.clusters)} clusters"
        picture = figures.umap_by_group(umap, main, colours[summary.cluster_key], title, size=THIRD)
        resolutions.append(Panel(picture))
    for column in further:
        other = adata.obs[column]
        names = groups_of(other)
        matched = matching_colours(main, colours[summary.cluster_key], other, names)
        title = f"Resolution {column.removeprefix(summary.cluster_key + '_')}: {len(names)} clusters"
        resolutions.append(Panel(figures.umap_by_group(umap, other, matched, title, size=THIRD)))
    metrics = [
        Panel(figures.umap_by_value(umap, adata.obs[metric].to_numpy(dtype=float), metric))
        for metric in (
            "total_counts",
            "n_genes_by_counts",
            "pct_counts_mt",
            "pct_counts_ribo",
            "doublet_score",
        )
        if metric in adata.obs and adata.obs[metric].notna().any()
    ]
    return {"groups": groups, "resolutions": resolutions, "metrics": metrics}


def _composition(
    adata: AnnData, summary: Summary, colours: Mapping[str, str], batches: Mapping[str, str]
) -> list[Panel]:
    """Return the sizes of the clusters and, where there are batches, what each consists of."""
    sizes = {cluster.name: cluster.cells for cluster in summary.clusters}
    panels = [Panel(figures.cluster_sizes(sizes, colours))]
    if summary.batch_key:
        table = pd.crosstab(
            clusters_of(adata).astype(str), adata.obs[summary.batch_key].astype(str).rename("batch")
        ).reindex(index=list(sizes), columns=list(batches), fill_value=0)
        panels.append(
            Panel(
                figures.batch_shares(table, batches),
                "The top bar is the share of each batch in all cells: a cluster that is the same in every "
                "batch resembles it.",
            )
        )
    return panels


def _marker_panels(
    adata: AnnData, markers: pd.DataFrame, groupby: str, colours: Mapping[str, str]
) -> list[Panel]:
    """Return the dot plot and the heat map of the best markers; none where there are no markers."""
    values = _grouping(adata, groupby)
    chosen = marker_choice(markers, list(colours), list(adata.var_names))
    if not chosen:
        return []
    owners, genes = [group for group, _ in chosen], [gene for _, gene in chosen]
    columns = adata.X[:, adata.var_names.get_indexer(genes)]
    expression = np.asarray(columns.toarray() if sparse.issparse(columns) else columns, dtype=np.float32)
    codes = values.cat.codes.to_numpy()
    places = [np.flatnonzero(codes == code) for code in range(len(colours))]
    groups = list(colours)
    mean = pd.DataFrame([expression[place].mean(axis=0) for place in places], groups, genes)
    fraction = pd.DataFrame([(expression[place] > 0).mean(axis=0) for place in places], groups, genes)
    blocks = [_heat_cells(place, len(places)) for place in places]
    deviation = expression.std(axis=0)
    scores = expression[np.concatenate(blocks)] - expression.mean(axis=0)
    scores /= np.where(deviation > 0, deviation, 1)
    widths = {group: len(block) for group, block in zip(colours, blocks, strict=True)}
    return [
        Panel(
            figures.dot_plot(mean, fraction, owners, colours),
            "The best markers of each group (colour strip). The size of a dot is the share of cells that "
            "express the gene, its colour their mean, scaled for each gene from 0 (lowest) to 1 (highest).",
        ),
        Panel(
            figures.heat_map(scores.T, genes, owners, widths, colours),
            "One column a cell. Red: more than the average of all cells; blue: less. Large groups are shown "
            "by a sample of their cells, very small ones are drawn wider.",
        ),
    ]


def _heat_cells(cells: np.ndarray, groups: int) -> np.ndarray:
    """Choose the columns of a group in the heat map: some of its cells, or each several times if few."""
    most = max(_HEAT_COLUMNS // groups, _HEAT_LEAST)
    if len(cells) > most:
        cells = np.sort(np.random.default_rng(0).choice(cells, most, replace=False))
    wide: np.ndarray = np.repeat(cells, -(-_HEAT_LEAST // max(len(cells), 1)))
    return wide


def _agreement_panel(agreement: Agreement | None) -> Panel | None:
    if not agreement:
        return None
    return Panel(
        figures.contingency(agreement.contingency),
        "The numbers are cells; the colour is the share of each label (column) that a cluster holds.",
    )


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _significant(value: float) -> str:
    return _NOTHING if pd.isna(value) else f"{value:.3g}"


def _p_value(value: float) -> str:
    return _NOTHING if pd.isna(value) else "< 1e-300" if value < 1e-300 else f"{value:.2g}"

"""The report's figures: data in, a picture out.

Dots of single cells become PNG at two pixels per CSS pixel; what has few marks is SVG. Samples of cells that
only serve to draw are fixed by a seed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from scrna.drawing import (
    AFTER,
    BEFORE,
    FULL,
    HALF,
    INK,
    LIMIT,
    QUARTER,
    RULE,
    THIRD,
    Picture,
    colour_bar,
    compact,
    dot_size,
    finish,
    legend_below,
    log_axis,
    map_axes,
    new_figure,
    percent,
    round_values,
    short,
    slanted,
    styled,
)

_MOST_DOTS = 1500
_NAMED_GENES = 12
_EXPRESSION = LinearSegmentedColormap.from_list(
    "expression", ["#f4f1f7", "#c9a6cf", "#9a4fa0", "#5b1a6e", "#2a0a3c"]
)
_SHARE = LinearSegmentedColormap.from_list("share", ["#ffffff", "#cfe3f1", "#6aaed6", "#1f6fae", "#08325f"])
_LABELS = {
    "n_genes_by_counts": "Genes per cell",
    "total_counts": "Counts per cell",
    "pct_counts_mt": "Mitochondrial counts (%)",
    "pct_counts_ribo": "Ribosomal-protein counts (%)",
    "pct_counts_hb": "Haemoglobin counts (%)",
    "pct_counts_in_top_20_genes": "Counts in the top 20 genes (%)",
    "doublet_score": "Doublet score",
}
_LOGARITHMIC = ("n_genes_by_counts", "total_counts")


def metric_label(metric: str) -> str:
    """Return what people call a metric."""
    return _LABELS.get(metric, metric)


@styled
def violin(metric: str, before: np.ndarray, after: np.ndarray, limits: Mapping[str, float]) -> Picture:
    """Draw one metric before and after quality control, with the limits that were set (lower, upper)."""
    figure, axes = new_figure(QUARTER, 3.0)
    logged = metric in _LOGARITHMIC
    sets = [_finite(before, logged), _finite(after, logged)]
    _violins(axes, sets, [BEFORE, AFTER])
    _limits(
        axes,
        {side: np.log10(x) if logged else x for side, x in limits.items() if x > 0 or not logged},
        sets,
        logged,
    )
    axes.set_title(metric_label(metric), fontsize=9)
    axes.set_xticks([0, 1], [f"before\n{len(before):,} cells", f"after\n{len(after):,} cells"])
    _tidy_values(axes, logged)
    medians = [
        f"{np.median(values):,.4g}"
        for values in (before[np.isfinite(before)], after[np.isfinite(after)])
        if len(values)
    ]
    return finish(
        figure,
        f"{metric_label(metric)} before and after quality control, violins; medians {' and '.join(medians)}.",
        "png",
    )


@styled
def violins_by_batch(
    metric: str, values: pd.Series, batches: pd.Series, colours: Mapping[str, str]
) -> Picture:
    """Draw one metric of the kept cells, a violin a batch."""
    figure, axes = new_figure(min(FULL, max(QUARTER, 1.2 + 0.42 * len(colours))), 3.0)
    logged = metric in _LOGARITHMIC
    names = batches.astype(str).to_numpy()
    numbers = values.to_numpy(dtype=float)
    _violins(axes, [_finite(numbers[names == batch], logged) for batch in colours], list(colours.values()))
    axes.set_title(metric_label(metric), fontsize=9)
    axes.set_xticks(range(len(colours)), [short(batch, 16) for batch in colours], **slanted(len(colours)))
    _tidy_values(axes, logged)
    return finish(
        figure,
        f"Violins of {metric_label(metric)} after quality control, one for each of {len(colours)} batches.",
        "png",
    )


@styled
def counts_against_genes(cells: pd.DataFrame) -> Picture:
    """Draw counts against genes of every cell that came in; removed cells are crosses.

    Kept cells show their mitochondrial share where it is known.
    """
    figure, axes = new_figure(HALF, 4.2)
    kept, gone = cells[cells["kept"]], cells[~cells["kept"]]
    share = "pct_counts_mt" in cells
    order = np.argsort(kept["pct_counts_mt"].to_numpy(), kind="stable") if share else np.arange(len(kept))
    dots = axes.scatter(
        kept["total_counts"].to_numpy()[order],
        kept["n_genes_by_counts"].to_numpy()[order],
        c=kept["pct_counts_mt"].to_numpy()[order] if share else AFTER,
        cmap="viridis" if share else None,
        s=dot_size(len(kept), HALF * 4.2) * 0.7,
        linewidths=0,
    )
    if len(gone):
        axes.scatter(
            gone["total_counts"],
            gone["n_genes_by_counts"],
            marker="x",
            s=14,
            linewidths=0.8,
            color=LIMIT,
            alpha=0.8,
        )
    for axis in "xy":
        getattr(axes, f"set_{axis}scale")("log")
        log_axis(getattr(axes, f"{axis}axis"))
    axes.set_xlabel("Counts per cell")
    axes.set_ylabel("Genes per cell")
    axes.set_title("Counts and genes of every cell")
    if share:
        colour_bar(figure, axes, dots, "mitochondrial %")
    legend_below(
        axes,
        {
            f"kept ({len(kept):,})": ("o", AFTER if not share else "#21908C"),
            f"removed ({len(gone):,})": ("x", LIMIT),
        },
    )
    return finish(
        figure,
        f"Scatter of counts against genes for {len(cells):,} cells, {len(gone):,} of them removed.",
        "png",
    )


@styled
def doublet_histogram(
    observed: np.ndarray,
    simulated: np.ndarray | None,
    thresholds: Mapping[str, float | None],
    colours: Mapping[str, str],
) -> Picture:
    """Draw the doublet scores of the cells, and of the simulated doublets, with the threshold of each batch.

    `thresholds` has the key '' where all cells share one; `colours` are those of the batches.
    """
    panels = 1 if simulated is None else 2
    figure = Figure(figsize=(HALF, 2.2 + 1.3 * (panels - 1)), layout="constrained", facecolor="white")
    upper, *lower = np.atleast_1d(figure.subplots(panels, 1, sharex=True))
    lines = {batch: value for batch, value in thresholds.items() if value is not None}
    everything = np.concatenate([observed, *([] if simulated is None else [simulated]), list(lines.values())])
    edges = np.linspace(0, max(float(everything.max(initial=0.0)), 0.1) * 1.02, 61)
    upper.hist(observed, bins=edges, color=AFTER, log=True)
    upper.set_ylim(bottom=0.6)  # a bar of one cell is seen
    upper.set_ylabel("cells (log)")
    upper.set_title("Score of the cells")
    log_axis(upper.yaxis)
    for axes in lower:
        axes.hist(simulated, bins=edges, color=BEFORE)
        axes.set_ylabel("simulated")
        axes.set_title("Score of simulated doublets")
    for axes in (upper, *lower):
        for batch, value in lines.items():
            axes.axvline(
                value,
                color=colours.get(batch, LIMIT),
                linestyle=(0, (4, 2)),
                linewidth=1.4,
                label=short(batch, 24) or f"threshold {value:.3g}",
            )
    if lines:
        upper.legend(title="" if "" in lines else "thresholds", loc="upper right")
    (lower[-1] if lower else upper).set_xlabel("doublet score")
    said = (
        f"threshold at {lines['']:.3g}"
        if "" in lines
        else f"{len(lines)} thresholds, one a batch"
        if lines
        else "no threshold"
    )
    return finish(figure, f"Histogram of the doublet scores of {len(observed):,} cells, {said}.", "svg")


@styled
def variable_genes(
    *, mean: np.ndarray, spread: np.ndarray, chosen: np.ndarray, names: np.ndarray, label: str
) -> Picture:
    """Draw how much every gene varies (`spread`, called `label`) against its mean; the chosen in colour."""
    figure, axes = new_figure(HALF, 4.0)
    for flag, colour, size in ((False, "#b9c0c9", 3), (True, AFTER, 5)):
        axes.scatter(
            mean[chosen == flag], spread[chosen == flag], s=size, linewidths=0, color=colour, alpha=0.8
        )
    if (mean > 0).any():
        axes.set_xscale("log")
        log_axis(axes.xaxis)
    axes.set_xlabel("mean expression (log)")
    axes.set_ylabel(label)
    axes.set_title("Highly variable genes")
    named = chosen & np.isfinite(spread) & (mean > 0)
    _name_highest(figure, mean[named], spread[named], names[named])
    legend_below(
        axes,
        {
            f"selected ({int(chosen.sum()):,})": ("o", AFTER),
            f"others ({int((~chosen).sum()):,})": ("o", "#b9c0c9"),
        },
    )
    return finish(
        figure,
        f"Variability against mean of {len(mean):,} genes, {int(chosen.sum()):,} of them selected.",
        "png",
    )


@styled
def component_variance(ratios: np.ndarray) -> Picture:
    """Draw the share of variance that each principal component explains."""
    figure, axes = new_figure(HALF, 4.0)
    numbers = np.arange(1, len(ratios) + 1)
    axes.plot(numbers, ratios * 100, marker="o", markersize=3.5, linewidth=1, color=AFTER)
    axes.set_yscale("log")
    log_axis(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("principal component")
    axes.set_ylabel("explained variance (%, log)")
    axes.set_title("Variance of the components")
    axes.grid(axis="y")
    return finish(
        figure,
        f"Explained variance of {len(ratios)} components, from {ratios[0]:.1%} to {ratios[-1]:.2%}.",
        "svg",
    )


@styled
def umap_by_group(
    umap: np.ndarray,
    values: pd.Series,
    colours: Mapping[str, str],
    title: str,
    *,
    size: float = HALF,
    named: bool = True,
) -> Picture:
    """Draw the map of the cells in the colours of their groups.

    `named` writes each group's name at its middle cell; without it there is a legend.
    """
    figure, axes = new_figure(size, size * 0.94 + (0 if named else 0.3))
    names = values.astype(str).to_numpy()
    paint = np.array([colours.get(name, RULE) for name in names], dtype=object)
    order = np.random.default_rng(0).permutation(len(names))  # no group lies on top of the others
    axes.scatter(
        umap[order, 0],
        umap[order, 1],
        c=paint[order].tolist(),
        s=dot_size(len(names), size * size),
        linewidths=0,
    )
    map_axes(axes, title)
    if named:
        font = float(np.clip(11.5 - len(colours) / 9, 6.5, 10)) * min(1, size / 4.2)
        halo = [patheffects.withStroke(linewidth=2.6, foreground="white")]
        for group in colours:
            here = umap[names == group]
            if len(here):
                middle = here[np.linalg.norm(here - np.median(here, axis=0), axis=1).argmin()]
                # beside a group of few cells, not on them
                lift = font * 0.9 if len(here) < len(names) / 100 else 0
                axes.annotate(
                    short(group, 24),
                    (float(middle[0]), float(middle[1])),
                    xytext=(0, lift),
                    textcoords="offset points",
                    ha="center",
                    va="center",
                    fontsize=font,
                    fontweight="bold",
                    color=INK,
                    path_effects=halo,
                )
    else:
        legend_below(axes, {short(group, 24): ("o", colour) for group, colour in list(colours.items())[:30]})
    return finish(figure, f"UMAP of {len(names):,} cells, coloured by {title}: {len(colours)} groups.", "png")


@styled
def umap_by_value(umap: np.ndarray, values: np.ndarray, metric: str) -> Picture:
    """Draw the map of the cells by a metric, high values on top; the colours span percentiles 1 to 99."""
    figure, axes = new_figure(THIRD, THIRD * 0.9)
    order = np.argsort(np.where(np.isfinite(values), values, -np.inf), kind="stable")
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [1, 99]) if len(finite) else (0.0, 1.0)
    high = high if high > low else low + max(abs(low) * 0.01, 1e-6)
    logged = metric in _LOGARITHMIC and low > 0
    dots = axes.scatter(
        umap[order, 0],
        umap[order, 1],
        c=values[order],
        cmap="viridis",
        s=dot_size(len(values), THIRD * THIRD),
        linewidths=0,
        norm=LogNorm(low, high) if logged else Normalize(low, high),
        plotnonfinite=False,
    )
    map_axes(axes, metric_label(metric))
    colour_bar(figure, axes, dots, "", logged=logged)
    return finish(figure, f"UMAP of {len(values):,} cells, coloured by {metric_label(metric)}.", "png")


@styled
def cluster_sizes(sizes: Mapping[str, int], colours: Mapping[str, str]) -> Picture:
    """Draw the number of cells of each cluster."""
    figure, axes = new_figure(HALF, 0.9 + 0.24 * len(sizes))
    places = np.arange(len(sizes))
    cells = np.array(list(sizes.values()))
    axes.barh(places, cells, color=[colours[name] for name in sizes], height=0.76)
    for place, count in zip(places, cells, strict=True):
        axes.annotate(
            f"{count:,}  ({percent(count / cells.sum())})",
            (count, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=INK,
        )
    axes.set_yticks(places, [short(name, 24) for name in sizes])
    axes.set_xlim(0, cells.max() * 1.28)
    axes.set_ylim(len(sizes) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel("cells")
    axes.set_title("Cells of each cluster")
    return finish(
        figure, f"Bars of the cells of {len(sizes)} clusters, from {cells.min():,} to {cells.max():,}.", "svg"
    )


@styled
def batch_shares(table: pd.DataFrame, colours: Mapping[str, str]) -> Picture:
    """Draw which share of each cluster comes from which batch; `table` counts cells, clusters by batches.

    The top bar is the share of all cells, which a well-mixed cluster resembles.
    """
    figure, axes = new_figure(HALF, 1.3 + 0.24 * (len(table) + 1))
    rows = pd.concat([table.sum().to_frame("all cells").T, table])
    shares = rows.div(rows.sum(axis=1), axis=0)
    places = np.concatenate([[0], np.arange(len(table)) + 1.5])
    left = np.zeros(len(rows))
    for batch in table.columns:
        axes.barh(
            places,
            shares[batch],
            left=left,
            color=colours[batch],
            height=0.76,
            edgecolor="white",
            linewidth=0.5,
        )
        left += shares[batch].to_numpy()
    axes.set_yticks(places, [short(str(name), 24) for name in rows.index])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(0, 1)
    axes.set_title("Batches of each cluster")
    legend_below(axes, {short(batch, 24): ("s", colours[batch]) for batch in list(table.columns)[:30]})
    return finish(
        figure,
        f"Stacked bars: the share of {len(table.columns)} batches in each of {len(table)} clusters.",
        "svg",
    )


@styled
def dot_plot(
    mean: pd.DataFrame, fraction: pd.DataFrame, owners: Sequence[str], colours: Mapping[str, str]
) -> Picture:
    """Draw marker genes by group: the dot's size is the share of expressing cells, its colour the mean.

    `mean` (log-normalised) and `fraction` (0 to 1) have groups as rows and genes as columns; `owners` names
    the group that each gene is a marker of. Means are scaled to 0..1 for each gene.
    """
    groups, genes = list(mean.index), list(mean.columns)
    figure, axes = new_figure(min(FULL, 2.3 + 0.215 * len(genes)), 1.9 + 0.225 * len(groups))
    low, high = mean.min(), mean.max()
    scaled = (mean - low) / (high - low).replace(0, 1)
    across: np.ndarray
    down: np.ndarray
    across, down = np.meshgrid(np.arange(len(genes)), np.arange(len(groups)))
    room = min(1.0, FULL / (2.3 + 0.215 * len(genes)))
    largest = 120 * room**2
    axes.scatter(
        across,
        down,
        s=fraction.to_numpy() * largest + 0.4,
        c=scaled.to_numpy(),
        cmap=_EXPRESSION,
        vmin=0,
        vmax=1,
        edgecolors="#8a8f98",
        linewidths=0.35,
    )
    axes.set_xticks(
        range(len(genes)),
        [short(gene, 18) for gene in genes],
        rotation=90,
        fontsize=7.5 * max(room, 0.75),
        style="italic",
    )
    axes.set_yticks(range(len(groups)), [short(group, 20) for group in groups], fontsize=8)
    axes.set_xlim(-0.7, len(genes) - 0.3)
    axes.set_ylim(len(groups) - 0.3, -1.15)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_color(RULE)
    _owner_strip(axes, owners, colours, -1.05, 0.22)
    shrink = float(np.clip(5 / len(groups), 0.15, 1))
    colour_bar(figure, axes, ScalarMappable(Normalize(0, 1), _EXPRESSION), "scaled mean", shrink=shrink)
    shares = (0.25, 0.5, 0.75, 1.0)
    handles = [axes.scatter([], [], s=share * largest, color="#8a8f98", linewidths=0) for share in shares]
    figure.legend(
        handles,
        [f"{share:.0%}" for share in shares],
        title="cells that express it",
        loc="outside lower center",
        ncols=4,
        title_fontsize=8,
    )
    return finish(
        figure,
        f"Dot plot of {len(genes)} marker genes in {len(groups)} groups.",
        "svg" if mean.size <= 900 else "png",
    )


@styled
def heat_map(
    scores: np.ndarray,
    genes: Sequence[str],
    owners: Sequence[str],
    blocks: Mapping[str, int],
    colours: Mapping[str, str],
) -> Picture:
    """Draw the expression of marker genes in single cells.

    `scores` are z scores, genes by cells, the cells in the order of `blocks` (group: number of columns);
    `owners` names the group that each gene is a marker of.
    """
    figure, axes = new_figure(FULL, 1.5 + 0.155 * len(genes))
    image = axes.imshow(scores, aspect="auto", cmap="RdBu_r", vmin=-2.5, vmax=2.5, interpolation="nearest")
    axes.set_yticks(range(len(genes)), [short(gene, 18) for gene in genes], fontsize=7.5, style="italic")
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    height = max(0.5, len(genes) * 0.014)
    font = 8 if len(blocks) <= 25 else 6
    start = 0
    for group, width in blocks.items():
        axes.add_patch(
            Rectangle(
                (start - 0.5, -0.7 - height), width, height, color=colours[group], clip_on=False, linewidth=0
            )
        )
        axes.text(
            start + width / 2,
            -0.9 - height,
            short(group, 14),
            ha="center",
            va="bottom",
            fontsize=font,
            rotation=0 if len(group) <= 3 else 35,
        )
        start += width
        if start < scores.shape[1]:
            axes.axvline(start - 0.5, color="white", linewidth=1)
    axes.set_ylim(len(genes) - 0.5, -0.7 - height)
    for place in range(1, len(genes)):
        if owners[place] != owners[place - 1]:
            axes.axhline(place - 0.5, color="white", linewidth=0.8)
    colour_bar(figure, axes, image, "z score", shrink=0.5)
    return finish(figure, f"Heat map of {len(genes)} marker genes in cells of {len(blocks)} groups.", "png")


@styled
def contingency(table: pd.DataFrame) -> Picture:
    """Draw which share of each label lies in which cluster; `table` counts cells, clusters by labels."""
    rows, columns = table.shape
    width = HALF if columns <= 10 else min(FULL, 2.6 + 0.52 * columns)
    figure, axes = new_figure(width, min(14.0, 1.9 + 0.27 * rows))
    shares = (table / table.sum(axis=0)).to_numpy()
    image = axes.imshow(shares, aspect="auto", cmap=_SHARE, vmin=0, vmax=1)
    axes.set_xticks(
        range(columns),
        [short(str(label), 24) for label in table.columns],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(rows), [short(str(cluster), 24) for cluster in table.index])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_ylabel("cluster")
    axes.set_title("Known labels in the clusters")
    if rows * columns <= 400:
        for (row, column), share in np.ndenumerate(shares):
            if table.iat[row, column]:
                axes.text(
                    column,
                    row,
                    f"{table.iat[row, column]:,}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if share > 0.5 else INK,
                )
    colour_bar(figure, axes, image, "share of the label", shrink=0.7)
    return finish(
        figure,
        f"Heat map of {columns} known labels in {rows} clusters.",
        "svg" if rows * columns <= 900 else "png",
    )


def _finite(values: np.ndarray, logged: bool) -> np.ndarray:
    """Return the values that can be drawn, as logarithms where `logged`."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return np.log10(values[values > 0]) if logged else values


def _violins(axes: Axes, sets: Sequence[np.ndarray], colours: Sequence[str]) -> None:
    """Draw a violin, dots of some cells and the median of each set, from left to right."""
    random = np.random.default_rng(0)
    filled = [place for place, values in enumerate(sets) if len(values)]
    if not filled:
        return
    shapes: Any = axes.violinplot(
        [sets[place] for place in filled], positions=filled, widths=0.82, showextrema=False
    )
    for place, body in zip(filled, shapes["bodies"], strict=True):
        values = sets[place]
        body.set(facecolor=colours[place], edgecolor=colours[place], alpha=0.45, linewidth=1)
        shown = values if len(values) <= _MOST_DOTS else random.choice(values, _MOST_DOTS, replace=False)
        axes.scatter(
            place + random.uniform(-0.17, 0.17, len(shown)),
            shown,
            s=1.6,
            color=INK,
            alpha=0.28,
            linewidths=0,
        )
        axes.hlines(np.median(values), place - 0.26, place + 0.26, color=INK, linewidth=1.8)
    axes.set_xlim(-0.6, len(sets) - 0.4)


def _limits(axes: Axes, limits: Mapping[str, float], sets: Sequence[np.ndarray], logged: bool) -> None:
    """Draw the limits as lines; one far from every cell is only named, so that violins keep their size."""
    everything = np.concatenate(sets)
    if not len(everything):
        return
    low, high = everything.min(), everything.max()
    span = max(high - low, 1e-9)
    for side, value in limits.items():
        name = f"{'at least' if side == 'lower' else 'at most'} {10**value if logged else value:,.4g}"
        above = side == "upper"
        if low - 0.6 * span <= value <= high + 0.6 * span:
            axes.axhline(value, color=LIMIT, linestyle=(0, (4, 2)), linewidth=1.2)
            axes.annotate(
                name,
                (1, value),
                xycoords=("axes fraction", "data"),
                xytext=(0, 2 if above else -2),
                textcoords="offset points",
                ha="right",
                va="bottom" if above else "top",
                fontsize=7,
                color=LIMIT,
            )
        else:
            axes.annotate(
                f"{name} (off this scale)",
                (1, 0.99 if above else 0.01),
                xycoords="axes fraction",
                ha="right",
                va="top" if above else "bottom",
                fontsize=7,
                color=LIMIT,
            )
    axes.margins(y=0.09)


def _tidy_values(axes: Axes, logged: bool) -> None:
    axes.grid(axis="y")
    if logged:
        low, high = axes.get_ylim()
        ticks = np.log10(round_values(10**low, 10**high))
        axes.set_yticks(ticks, [compact(10**tick) for tick in ticks])
        axes.set_ylim(low, high)
    elif axes.get_ylim()[0] < 0:
        axes.set_ylim(bottom=0)


def _name_highest(figure: Figure, x: np.ndarray, y: np.ndarray, names: np.ndarray) -> None:
    """Write the names of the highest dots, leaving out one that would cover another."""
    axes = figure.axes[0]
    taken: list[tuple[float, float]] = []
    figure.draw_without_rendering()  # settles where the data lie on the page
    for place in np.argsort(-y, kind="stable")[: _NAMED_GENES * 3]:
        right, up = axes.transData.transform((x[place], y[place])) * 72 / figure.dpi
        if len(taken) < _NAMED_GENES and all(abs(right - a) > 44 or abs(up - b) > 9 for a, b in taken):
            taken.append((right, up))
            axes.annotate(
                short(str(names[place]), 16),
                (x[place], y[place]),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                style="italic",
                color=INK,
            )


def _owner_strip(
    axes: Axes, owners: Sequence[str], colours: Mapping[str, str], top: float, height: float
) -> None:
    """Draw a strip above the genes in the colour of the group that each is a marker of."""
    start = 0
    for place in range(1, len(owners) + 1):
        if place == len(owners) or owners[place] != owners[start]:
            axes.add_patch(
                Rectangle(
                    (start - 0.42, top),
                    place - start - 0.16,
                    height,
                    color=colours[owners[start]],
                    linewidth=0,
                )
            )
            start = place

# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Single-cell results")

with app.setup(hide_code=True):
    import json

    import altair as alt
    import marimo as mo
    import pandas as pd

    import stargazer_cli as sg
    from stargazer_cli.notebooks import bringing, charts
    from stargazer_cli.notebooks.cells import Cells

    charts.use_theme()

    # More points than that hide each other, and keep a browser busy.
    POINTS = 30_000


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Single-cell results

    The clusters of a sample, the genes that mark them, and what quality control took out. Everything is read
    from the AnnData file in your store. Choose a sample.
    """)
    return


@app.cell(hide_code=True)
def _():
    clustered = sg.assemble(asset="anndata", stage=["annotated", "clustered"])
    # The same cells once: an annotated file was made from a clustered one.
    told_further = {each.source_cid for each in clustered}
    results = [each for each in clustered if each.cid not in told_further]
    mo.stop(
        not results,
        mo.md("""
        **Your store holds no clustered cells yet.**

        Run `stargazer demo scrna` for simulated cells whose types are known, or bring your own counts
        with the notebook *data* (`stargazer notebook data`). Then run this notebook again.
        """).callout(kind="warn"),
    )
    newest_first = sorted(results, key=lambda each: each.created_at, reverse=True)
    samples = {f"{each.sample_id} — {each.name} …{each.cid[-6:]}": each for each in newest_first}
    sample = mo.ui.dropdown(samples, value=next(iter(samples)), label="Sample")
    sample
    return (sample,)


@app.cell(hide_code=True)
def _(sample):
    result = sample.value
    related = [each for each in (result.cid, result.source_cid) if each]
    marker_files = sorted(
        sg.assemble(asset="markers", source_cid=related), key=lambda each: each.created_at, reverse=True
    )
    grouped_by = (marker_files[0].groupby if marker_files else "") or "leiden"
    try:
        result.fetch()
        cells = Cells(result.path, grouped_by)
        cells.table  # read now: what is wrong with it is told here
    except sg.StargazerError as _error:
        mo.stop(True, mo.callout(mo.plain_text(bringing.said(_error)), kind="danger"))

    # The summary that the report is written from says what quality control took out.
    written = [
        each for each in sg.assemble(asset="qc_metrics", tool="scanpy") if result.cid in each.derived_from
    ]
    summary = {}
    for each in written[:1]:
        each.fetch()
        summary = json.loads(each.path.read_text())
    return cells, marker_files, summary


@app.cell(hide_code=True)
def _(cells, summary):
    before = summary.get("cells_before")
    kept = f"of {before:,} droplets" if before else "after quality control"
    cards = [
        ("Cells", f"{len(cells.table):,}", kept),
        (
            "Clusters",
            f"{len(cells.clusters)}",
            f"largest {cells.table[cells.cluster_key].value_counts().max():,}",
        ),
        ("Genes", f"{len(cells.genes):,}", "in the matrix"),
    ]
    of_each = {"n_genes_by_counts": "Genes a cell", "total_counts": "Counts a cell"}
    cards += [
        (label, f"{cells.table[column].median():,.0f}", "median")
        for column, label in of_each.items()
        if column in cells.table
    ]
    mo.hstack(
        [mo.stat(value, label=label, caption=caption, bordered=True) for label, value, caption in cards],
        widths="equal",
        gap=0.75,
    )
    return


@app.cell(hide_code=True)
def _(marker_files):
    marker_table = pd.DataFrame()
    for _each in marker_files[:1]:
        _each.fetch()
        marker_table = pd.read_csv(_each.path, dtype={"group": str})
    return (marker_table,)


@app.cell(hide_code=True)
def _(cells, marker_table):
    marking = list(dict.fromkeys(marker_table["gene"])) if len(marker_table) else []
    others = sorted(set(cells.genes) - set(marking))
    gene = mo.ui.dropdown([*marking, *others], value=(marking or others)[0], label="Gene", searchable=True)
    mo.vstack([mo.md("## UMAP"), gene])
    return (gene,)


@app.cell(hide_code=True)
def _(cells, gene):
    mo.stop(
        "umap 1" not in cells.table,
        mo.md("These cells have no UMAP: the run that clustered them made none.").callout(),
    )
    drawn = cells.sample(POINTS, gene.value)[["umap 1", "umap 2", "cluster", "expression"]]
    size = max(4, min(40, 40_000 // len(drawn)))
    names = sorted(cells.clusters, key=lambda name: (len(name), name))

    # The numbers along the axes of a UMAP mean nothing.
    bare = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    umap = (
        alt.Chart(drawn)
        .mark_circle(size=size, opacity=0.85)
        .encode(
            x=alt.X("umap 1:Q", title="UMAP 1", scale=alt.Scale(zero=False), axis=bare),
            y=alt.Y("umap 2:Q", title="UMAP 2", scale=alt.Scale(zero=False), axis=bare),
        )
        .properties(width="container", height=400)
    )
    chosen = alt.selection_point(fields=["cluster"], bind="legend")
    by_cluster = (
        umap.encode(
            color=alt.Color(
                "cluster:N",
                sort=names,
                scale=alt.Scale(domain=names, range=charts.palette(len(names))),
                legend=alt.Legend(orient="right", columns=1 + len(names) // 18),
            ),
            opacity=alt.condition(chosen, alt.value(0.85), alt.value(0.06)),
            tooltip=["cluster"],
        )
        .properties(title="Clusters: click one in the legend")
        .add_params(chosen)
    )
    by_gene = umap.encode(
        color=alt.Color("expression:Q", title=None),
        # What is expressed is drawn over what is not.
        order=alt.Order("expression:Q"),
        tooltip=["cluster", alt.Tooltip("expression:Q", format=".2f")],
    ).properties(title=f"{gene.value}, log-normalized")
    mo.vstack(
        [
            mo.hstack([by_cluster, by_gene], widths="equal", gap=2),
            mo.md(f"_{len(drawn):,} of {len(cells.table):,} cells are drawn._")
            if len(drawn) < len(cells.table)
            else "",
        ]
    )
    return (names,)


@app.cell(hide_code=True)
def _(marker_table, names):
    mo.stop(
        marker_table.empty,
        mo.md("## Marker genes\n\nThe store holds no table of markers for these cells.").callout(),
    )
    of_cluster = mo.ui.multiselect(names, label="Clusters")
    first = mo.ui.slider(1, 10, value=4, label="Genes of each cluster", show_value=True)
    mo.vstack([mo.md("## Marker genes"), mo.hstack([of_cluster, first], justify="start", gap=2)])
    return first, of_cluster


@app.cell(hide_code=True)
def _(cells, first, marker_table, names, of_cluster):
    wanted = of_cluster.value or names
    markers = marker_table[marker_table["group"].isin(wanted)]
    tops = markers[markers["rank"] <= first.value].drop_duplicates("gene")
    dots = (
        alt.Chart(cells.expressed(list(tops["gene"])))
        .mark_circle()
        .encode(
            x=alt.X("gene:N", sort=list(tops["gene"]), title=None, axis=alt.Axis(labelAngle=-60)),
            y=alt.Y("cluster:N", sort=names, title="cluster"),
            size=alt.Size(
                "fraction:Q", title="cells that have it", legend=alt.Legend(format=".0%", orient="top")
            ),
            color=alt.Color(
                "mean:Q", title="mean, log-normalized", legend=alt.Legend(orient="top", gradientLength=120)
            ),
            tooltip=[
                "gene",
                "cluster",
                alt.Tooltip("mean:Q", format=".2f"),
                alt.Tooltip("fraction:Q", format=".0%"),
            ],
        )
        .properties(width="container", height=alt.Step(26))
    )
    mo.vstack(
        [
            dots,
            mo.ui.table(
                markers.rename(columns={"group": "cluster"}),
                selection=None,
                page_size=10,
                show_data_types=False,
                format_mapping=dict.fromkeys(["pval", "pval_adj"], "{:.1e}".format)
                | dict.fromkeys(["score", "log2_fold_change"], "{:.2f}".format)
                | dict.fromkeys(["fraction_in", "fraction_out"], "{:.1%}".format),
            ),
        ]
    )
    return (markers,)


@app.cell(hide_code=True)
def _(cells, names):
    def spread(column):
        """Draw how a column spreads in each cluster: quartiles, and the 1st and 99th percentile."""
        of_clusters = cells.table.groupby(cells.cluster_key, observed=True)[column]
        levels = of_clusters.quantile([0.01, 0.25, 0.5, 0.75, 0.99]).unstack().reset_index()
        levels.columns = ["cluster", "low", "lower", "median", "upper", "high"]
        levels["cluster"] = levels["cluster"].astype(str)
        base = alt.Chart(levels).encode(
            x=alt.X("cluster:N", sort=names, axis=alt.Axis(labelAngle=0)),
            color=alt.Color(
                "cluster:N", scale=alt.Scale(domain=names, range=charts.palette(len(names))), legend=None
            ),
            tooltip=["cluster", *(alt.Tooltip(each, format=",.1f") for each in levels.columns[1:])],
        )
        y = alt.Y("low:Q", title=None)
        return (
            base.mark_rule(strokeWidth=1.5).encode(y=y, y2="high")
            + base.mark_bar(width=16, cornerRadius=2).encode(y="lower:Q", y2="upper")
            + base.mark_tick(color="white", width=16, thickness=2).encode(
                y="median:Q", color=alt.value("white")
            )
        ).properties(width="container", height=200)

    titles = {
        "n_genes_by_counts": "Genes a cell",
        "total_counts": "Counts a cell",
        "pct_counts_mt": "Mitochondrial counts, %",
    }
    there = [column for column in titles if column in cells.table]
    mo.vstack(
        [
            mo.md("## Quality of the cells"),
            mo.hstack(
                [spread(column).properties(title=titles[column]) for column in there], widths="equal", gap=2
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(cells, names, summary):
    reasons = {
        "min_genes": "too few genes",
        "max_pct_mt": "too many mitochondrial counts",
        "max_pct_ribo": "too many ribosomal counts",
        "max_pct_hb": "too many haemoglobin counts",
        "doublet": "doublet",
    }
    removed = pd.DataFrame(
        [
            {"reason": reasons.get(reason, reason), "droplets": count}
            for reason, count in summary.get("quality", {}).get("removed", {}).items()
            if count
        ],
        columns=["reason", "droplets"],
    )
    taken_out = (
        alt.Chart(removed)
        .mark_bar(cornerRadiusEnd=3, color="#D55E00")
        .encode(
            x=alt.X("droplets:Q", title="droplets", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("reason:N", sort="-x", title=None, axis=alt.Axis(labelLimit=240)),
            tooltip=["reason", "droplets"],
        )
        .properties(
            title="Taken out (a droplet may have several reasons)", width="container", height=alt.Step(30)
        )
    )
    batch = summary.get("batch_key") or "batch"
    has_batches = batch in cells.table and cells.table[batch].nunique() > 1
    grouping = [cells.cluster_key, batch] if has_batches else [cells.cluster_key]
    sizes = cells.table.groupby(grouping, observed=True).size().rename("cells").reset_index()
    sizes = sizes.rename(columns={cells.cluster_key: "cluster"}).astype({"cluster": str})
    colour = (
        {"color": alt.Color(f"{batch}:N", title=None, legend=alt.Legend(orient="top"))} if has_batches else {}
    )
    by_size = (
        alt.Chart(sizes)
        .mark_bar()
        .encode(
            x=alt.X("cluster:N", sort=names, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("cells:Q", title="cells"),
            tooltip=list(sizes.columns),
            **colour,
        )
        .properties(title="Cells by cluster", width="container", height=180)
    )
    mo.hstack([by_size, taken_out] if len(removed) else [by_size], widths="equal", gap=2)
    return


if __name__ == "__main__":
    app.run()

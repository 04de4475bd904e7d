# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Provenance")

with app.setup(hide_code=True):
    import altair as alt
    import marimo as mo
    import pandas as pd

    import stargazer_cli as sg
    from stargazer_cli.notebooks import bringing, charts, lineages

    charts.use_theme()

    # Of more files than that, those of one kind are drawn as one box, until you say otherwise.
    BOXES = 40
    # So many files can be chosen by name, the newest; any other by its CID.
    CHOICES = 1_000


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Provenance

    What a file was made from, what was made from it, and the runs that made it all. Boxes are files, named by
    what they are; lines go the way that the data went, from left to right. Paler boxes are files that
    somebody brought, the others were made by runs; the one that you chose has a frame.
    """)
    return


@app.cell(hide_code=True)
def _():
    everything = sg.assemble()
    mo.stop(
        not everything,
        mo.md("""
        **Your store is empty.**

        Run `stargazer demo germline` or `stargazer demo scrna` for data whose truth is known, or bring
        your own with the notebook *data* (`stargazer notebook data`). Then run this notebook again.
        """).callout(kind="warn"),
    )
    by_kind = {}
    for _asset in sorted(everything, key=lambda asset: asset.created_at, reverse=True):
        by_kind.setdefault(_asset.kind or "other", []).append(_asset)
    # What most people ask about first: results.
    results = [each for each in ("report", "variants", "anndata", "markers", "alignment") if each in by_kind]
    kind = mo.ui.dropdown(sorted(by_kind), value=results[0] if results else min(by_kind), label="Kind")
    return by_kind, kind


@app.cell(hide_code=True)
def _(by_kind, kind):
    named = {f"{asset.name} …{asset.cid[-6:]}": asset.cid for asset in by_kind[kind.value][:CHOICES]}
    chosen = mo.ui.dropdown(named, value=next(iter(named)), label="File", searchable=True)
    by_cid = mo.ui.text(placeholder="bafy…", label="or its CID")
    direction = mo.ui.radio(
        {"what it was made from": "up", "what was made from it": "down", "both": "both"},
        value="what it was made from",
        inline=True,
    )
    return by_cid, chosen, direction


@app.cell(hide_code=True)
def _(by_cid, chosen, direction):
    try:
        graph = sg.lineage(by_cid.value.strip() or chosen.value, direction=direction.value)
    except sg.StargazerError as _error:
        mo.stop(True, mo.callout(mo.plain_text(bringing.said(_error)), kind="danger"))
    fold = mo.ui.switch(len(graph.nodes) > BOXES, label="One box for files of a kind")
    return fold, graph


@app.cell(hide_code=True)
def _(by_cid, chosen, direction, fold, kind):
    mo.hstack([kind, chosen, by_cid, direction, fold], justify="start", gap=1.5, wrap=True)
    return


@app.cell(hide_code=True)
def _(fold, graph):
    drawing = lineages.draw(graph, fold=fold.value)
    columns = drawing.boxes["x"].max() + 1
    # Few columns are as wide as they need; many share the page, and names are shortened to that.
    letters = min(22, max(10, 112 // columns))
    # What is still too wide, in a narrow window or a broad font, is cut at the edge of its box.
    inside = alt.ExprRef(f"{2 * lineages.HALF_WIDTH} * width / {columns} - 6")
    boxes = drawing.boxes.assign(
        left=lambda box: box["x"] - lineages.HALF_WIDTH,
        right=lambda box: box["x"] + lineages.HALF_WIDTH,
        top=lambda box: box["y"] - 0.36,
        bottom=lambda box: box["y"] + 0.36,
        above=lambda box: box["y"] - 0.15,
        below=lambda box: box["y"] + 0.13,
        short=lambda box: box["name"].map(lambda name: lineages.shortened(name, letters)),
    )
    families = [each for each in lineages.COLOURS if each in set(boxes["family"])]
    colours = alt.Scale(domain=families, range=[lineages.COLOURS[each] for each in families])
    across = alt.Scale(domain=[-0.5, boxes["x"].max() + 0.5], nice=False)
    # The first row is the uppermost.
    down = alt.Scale(domain=[boxes["bottom"].max() + 0.2, boxes["top"].min() - 0.2], nice=False)

    def x(field):
        return alt.X(f"{field}:Q", scale=across, axis=None)

    def y(field):
        return alt.Y(f"{field}:Q", scale=down, axis=None)

    placed = alt.Chart(boxes).encode(
        tooltip=["kind", "name", alt.Tooltip("run", title="made by"), "files", "cid"]
    )
    links = (
        alt.Chart(drawing.lines)
        .mark_line(strokeWidth=1.3, color="#9ca3af")
        .encode(x=x("x"), y=y("y"), detail="line", order="place:Q")
    )
    rectangles = placed.mark_rect(cornerRadius=6, stroke="#f59e0b").encode(
        x=x("left"),
        x2="right",
        y=y("top"),
        y2="bottom",
        color=alt.Color(
            "family:N", title=None, scale=colours, legend=alt.Legend(orient="top", symbolStrokeWidth=0)
        ),
        fillOpacity=alt.condition("datum.run == 'brought'", alt.value(0.75), alt.value(1)),
        strokeWidth=alt.condition("datum.chosen", alt.value(3), alt.value(0)),
    )
    kinds = placed.mark_text(fontSize=9, color="white", limit=inside).encode(
        x=x("x"), y=y("above"), text="kind"
    )
    names = placed.mark_text(fontSize=10, fontWeight=600, color="white", limit=inside).encode(
        x=x("x"), y=y("below"), text="short"
    )
    rows = boxes["y"].max() - boxes["y"].min() + 1.2
    (links + rectangles + kinds + names).properties(
        width=int(190 * columns) if columns < 6 else "container", height=int(58 * rows)
    )
    return (drawing,)


@app.cell(hide_code=True)
def _(graph):
    table = lineages.files(graph)
    mo.vstack(
        [
            mo.md(f"## Files\n\n{len(table)} of them; those that no run made were brought to the store."),
            mo.ui.table(table, selection=None, page_size=12, show_data_types=False),
        ]
    )
    return (table,)


@app.cell(hide_code=True)
def _(graph):
    def told_of(run_id):
        """Return what is recorded of a run; records of other machines are not here."""
        try:
            return sg.get_run(run_id)
        except sg.StargazerError:
            return None

    makers = {run_id: told_of(run_id) for run_id in lineages.runs(graph)}
    mo.stop(not makers, mo.md("## Runs\n\nNo run made these files: all of them were brought."))
    run_table = pd.DataFrame(
        [
            {
                "run": run_id,
                "workflow or task": run.name if run else "recorded on another machine",
                "status": run.status if run else "",
                "started (UTC)": run.started_at[:19] if run else "",
                "ended (UTC)": run.ended_at[:19] if run else "",
            }
            for run_id, run in makers.items()
        ]
    )
    mo.vstack(
        [
            mo.md("## Runs"),
            mo.ui.table(run_table, selection=None, pagination=False, show_data_types=False),
        ]
    )
    return makers, run_table


@app.cell(hide_code=True)
def _(makers):
    def details(run):
        """Show what a run was told, what it ran with, and each of its tasks."""
        settings = {
            name: value for name, value in run.parameters.items() if value not in (None, "", [], False)
        }
        task_table = pd.DataFrame(
            [
                {
                    "task": task.name,
                    "of": task.subject,
                    "status": task.status,
                    "took": task.duration,
                    "CPU": task.cpu,
                    "memory": task.memory,
                }
                for task in run.tasks
            ]
        )
        shown = mo.ui.table(task_table, selection=None, page_size=10, show_data_types=False)
        tools = ", ".join(f"{name} {version}" for name, version in sorted(run.record.tools.items()))
        return mo.vstack(
            [
                mo.md(f"**Tools** {tools}"),
                mo.tree(settings, label="Parameters"),
                shown if len(task_table) else mo.md("Its table of tasks is gone."),
            ]
        )

    recorded = {run_id: details(run) for run_id, run in makers.items() if run and run.record}
    mo.accordion(recorded) if recorded else None
    return


if __name__ == "__main__":
    app.run()

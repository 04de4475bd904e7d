# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Bring your own data")

with app.setup(hide_code=True):
    from pathlib import Path

    import marimo as mo
    import pandas as pd

    import stargazer_cli as sg
    from stargazer_cli.assets import KINDS
    from stargazer_cli.notebooks import bringing

    def problem(error):
        """Show an error in the words of the command line."""
        return mo.callout(mo.plain_text(bringing.said(error)), kind="danger")


@app.cell(hide_code=True)
def _():
    mo.md("""
    # Bring your own data

    Choose files, see what they are taken for, say what only you know, and add them to your store. Then
    choose a workflow, look at its plan and start it. Nothing is stored or started before you press a button,
    and your files stay where they are: the store keeps copies.

    ## 1 · Files
    """)
    return


@app.cell(hide_code=True)
def _():
    browser = mo.ui.file_browser(
        Path.cwd(), selection_mode="all", restrict_navigation=False, label="Files, or folders of files"
    )
    typed = mo.ui.text_area(
        placeholder="/data/run7/NA12878_R1.fastq.gz", label="or paths, one a line", rows=3
    )
    mo.vstack([browser, typed])
    return browser, typed


@app.cell(hide_code=True)
def _(browser, typed):
    lines = (line.strip() for line in typed.value.splitlines())
    paths = [Path(each.path) for each in browser.value] + [Path(line).expanduser() for line in lines if line]
    mo.stop(
        not paths,
        mo.md("""
        Reads (FASTQ, both mates together), a reference (FASTA), aligned reads (BAM, with its index), variants
        (VCF), count matrices (10x HDF5, or the folder with `matrix.mtx`), cells (`.h5ad`), regions (BED) …
        """).callout(),
    )
    try:
        first_look = bringing.look(paths, {})
    except sg.StargazerError as _error:
        mo.stop(True, problem(_error))
    return first_look, paths


@app.cell(hide_code=True)
def _(first_look):
    as_kind = mo.ui.dropdown(["as they look", *sorted(KINDS)], value="as they look", label="Take them for")
    fields = mo.ui.dictionary({name: mo.ui.text(label=name) for name in first_look.fields})
    mo.vstack(
        [
            mo.md("""
            ## 2 · What they are

            This holds for all the files above: add the files of one sample at a time.
            """),
            mo.hstack([as_kind, *fields.values()], justify="start", gap=1, wrap=True),
        ]
    )
    return as_kind, fields


@app.cell(hide_code=True)
def _(as_kind, fields, paths):
    keyvalues = {name: value.strip() for name, value in fields.value.items() if value.strip()}
    if as_kind.value != "as they look":
        keyvalues["asset"] = as_kind.value
    try:
        taken = bringing.look(paths, keyvalues)
    except sg.StargazerError as _error:
        mo.stop(True, problem(_error))
    add = mo.ui.run_button(label="Add to the store", kind="success")
    mo.vstack(
        [
            mo.ui.table(
                taken.table,
                selection=None,
                show_data_types=False,
                wrapped_columns=["known", "remarks"],
                column_widths={"remarks": 460},
            ),
            add,
        ]
    )
    return add, keyvalues, taken


@app.cell(hide_code=True)
def _():
    # How often something was added: whoever asks is run again when it was.
    times_added, set_times_added = mo.state(0)
    return set_times_added, times_added


@app.cell(hide_code=True)
def _(add, keyvalues, paths, set_times_added):
    mo.stop(not add.value)
    try:
        added = sg.add(*paths, **keyvalues)
    except sg.StargazerError as _error:
        mo.stop(True, problem(_error))
    set_times_added(lambda times: times + 1)
    _lines = "\n".join(f"{asset.name}  {asset.cid}" for asset in added)
    mo.callout(mo.plain_text(f"In the store:\n{_lines}"), kind="success")
    return (added,)


@app.cell(hide_code=True)
def _():
    workflows = {entry.name.replace("_", " "): entry for entry in sg.workflows()}
    wanted = mo.ui.dropdown(workflows, value=next(iter(workflows)), label="Workflow")
    mo.vstack([mo.md("## 3 · Workflow"), wanted])
    return (wanted,)


@app.cell(hide_code=True)
def _(times_added, wanted):
    times_added()
    stored = sg.assemble()
    workflow = wanted.value
    known_samples = bringing.samples_for(workflow, stored)
    known_builds = bringing.builds(stored)

    def ask(parameter):
        """Return what asks for a parameter: what the store has to choose from, else what fits its type."""
        label = f"{parameter.name}{' *' if parameter.required else ''}"
        if parameter.name == "samples":
            return mo.ui.multiselect(known_samples, label=label)
        if parameter.name == "build":
            return mo.ui.dropdown(
                known_builds, value=known_builds[0] if len(known_builds) == 1 else None, label=label
            )
        if parameter.choices:
            return mo.ui.dropdown(parameter.choices, value=parameter.default, label=label)
        if parameter.type == "boolean":
            return mo.ui.switch(bool(parameter.default), label=label)
        if parameter.type in ("integer", "number"):
            step = 1 if parameter.type == "integer" else None
            return mo.ui.number(
                parameter.minimum, parameter.maximum, step=step, value=parameter.default, label=label
            )
        return mo.ui.text(str(parameter.default or ""), label=label)

    answers = mo.ui.dictionary({parameter.name: ask(parameter) for parameter in workflow.parameters})
    profile = mo.ui.text("local", label="profile")
    return answers, profile, workflow


@app.cell(hide_code=True)
def _(answers, profile, workflow):
    def with_help(parameter):
        return mo.vstack([answers[parameter.name], mo.md(f"<small>{parameter.told}</small>")], gap=0.2)

    asked_first = [
        "build",
        "samples",
        "cohort_id",
        "organism",
        "aligner",
        "n_top_genes",
        "resolution",
        "max_pct_mt",
    ]
    first = [each for each in workflow.parameters if each.name in asked_first]
    rest = [each for each in workflow.parameters if each.name not in asked_first]
    mo.vstack(
        [
            mo.md(workflow.description),
            mo.hstack([with_help(each) for each in first], justify="start", gap=2, wrap=True, align="start"),
            mo.accordion({"More": mo.vstack([*(with_help(each) for each in rest), profile], gap=1)}),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    show_plan = mo.ui.run_button(label="Show the plan")
    start = mo.ui.run_button(label="Start", kind="success")
    mo.vstack(
        [
            mo.md("""
            ## 4 · Run

            The plan says what is taken from earlier runs and what is computed. A run goes on in the
            background, also when you close this notebook.
            """),
            mo.hstack([show_plan, start], justify="start"),
        ]
    )
    return show_plan, start


@app.cell(hide_code=True)
def _(answers, profile, workflow):
    given = {
        parameter.name: bringing.value_of(parameter, answers.value[parameter.name])
        for parameter in workflow.parameters
    }
    arguments = {name: value for name, value in given.items() if value is not None}
    missing = [each.name for each in workflow.parameters if each.required and each.name not in arguments]
    request = {"profile": profile.value.strip() or "local", **arguments}
    return missing, request


@app.cell(hide_code=True)
def _(missing, request, show_plan, workflow):
    mo.stop(not show_plan.value)
    mo.stop(missing, mo.md(f"Still to be said: {', '.join(missing)}.").callout(kind="warn"))
    try:
        plan = sg.plan(workflow.name, **request)
    except sg.StargazerError as _error:
        mo.stop(True, problem(_error))
    steps = pd.DataFrame(
        [
            {"": "reuse" if step.reused else "compute", "stage": step.stage, "of": step.subject}
            for step in plan.steps
        ]
    )
    mo.vstack(
        [
            mo.ui.table(steps, selection=None, page_size=15, show_data_types=False),
            *(mo.plain_text(note) for note in plan.notes),
            mo.md("_Everything is there already: nothing is left to compute._") if plan.complete else "",
        ]
    )
    return


@app.cell(hide_code=True)
def _(missing, request, start, workflow):
    run = None
    if start.value:
        mo.stop(missing, mo.md(f"Still to be said: {', '.join(missing)}.").callout(kind="warn"))
        try:
            run = sg.start(workflow.name, **request)
        except sg.StargazerError as _error:
            mo.stop(True, problem(_error))
    elif recorded := sg.list_runs():
        run = recorded[0]
    return (run,)


@app.cell(hide_code=True)
def _(run):
    again = mo.ui.refresh(
        options=["2s", "10s", "1m"], default_interval="2s" if run and run.status == "running" else None
    )
    cancel = mo.ui.run_button(label="Cancel", kind="danger")
    mo.stop(run is None, mo.md("_No run yet._"))
    controls = [again, cancel] if run.status == "running" else []
    mo.hstack([mo.md("### The latest run"), *controls], justify="start", align="center")
    return again, cancel


@app.cell(hide_code=True)
def _(cancel, run):
    if cancel.value:
        try:
            run.cancel()
        except sg.StargazerError as _error:
            mo.stop(True, problem(_error))
    return


@app.cell(hide_code=True)
def _(again, run):
    again
    run.refresh()
    said = run.progress()[0]
    kinds = {"done": "success", "running": "info", "failed": "danger", "interrupted": "warn"}
    ended = pd.DataFrame(
        [{"kind": asset.kind, "name": asset.name, "cid": asset.cid} for asset in run.assets],
        columns=["kind", "name", "cid"],
    )
    mo.vstack(
        [
            mo.callout(mo.plain_text(f"{run.run_id}: {run.status}"), kind=kinds[run.status]),
            problem(run.failure) if run.failure else "",
            mo.plain_text("\n".join(said[-12:])) if said else "",
            mo.ui.table(ended, selection=None, page_size=10, show_data_types=False) if len(ended) else "",
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    mo.md("""
    The notebooks *germline* and *scrna* show what such runs found, and *provenance* what it was made from.
    """)
    return


if __name__ == "__main__":
    app.run()

"""`stargazer run scrna`: raw counts of single cells to clusters, markers and a report."""

from typing import Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.run.beside import beside, store_new
from stargazer_cli.commands.run.carry_out import carry_out
from stargazer_cli.commands.run.options import (
    chosen_parameters,
    chosen_running,
    parameters,
    read_samples,
    running,
)
from stargazer_cli.runs.scrna import WORKFLOW, Request, plan

# Whose default is not the pipeline's but what the assets say.
_OWN = ("organism",)
# Files that a user has beside the cells, and how the store says what they are.
_FORMATS = {"marker_sets": "gmt", "labels": "csv"}


@click.command()
@click.option(
    "--sample-id",
    "samples",
    multiple=True,
    required=True,
    metavar="ID[,ID…]",
    help="Samples: a comma list, repeated, or @FILE with one a line.",
)
@click.option(
    "--anndata",
    multiple=True,
    metavar="CID",
    help="The AnnData or counts that a sample enters with, where it has several; may be repeated.",
)
@click.option(
    "--organism",
    default="",
    metavar="NAME",
    help="Organism of all samples, human or mouse (any with --mt-prefix); by default each asset's own, else "
    "human.",
)
@click.option(
    "--marker-sets",
    default="",
    metavar="FILE|CID",
    help="GMT file of known marker genes, one cell type a line, for hints at what a cluster is.",
)
@click.option(
    "--labels",
    default="",
    metavar="FILE|CID",
    help="CSV of known labels, cell,label[,sample], which the report compares with the clusters.",
)
@click.option(
    "--fuse", is_flag=True, help="Run the steps of a sample in one process: the same files, sooner."
)
@running
@parameters(WORKFLOW, without=_OWN)
@click.pass_obj
def scrna(app: App, /, **options: Any) -> None:
    """Cluster single cells and find their markers: raw counts to a report.

    A file that is given by its path is added to the store when the run begins.
    """
    files = {
        name: beside(app.store, options[name], option=f"--{name.replace('_', '-')}", format=form)
        for name, form in _FORMATS.items()
    }
    request = Request(
        samples=read_samples(options["samples"]),
        anndata=options["anndata"],
        organism=options["organism"],
        **files,
        parameters=chosen_parameters(WORKFLOW, options, without=_OWN),
        options=chosen_running(options, "fuse"),
        reuse=not options["no_reuse"],
    )
    carry_out(
        app,
        WORKFLOW,
        options,
        lambda versions: plan(app.store, request, versions),
        before=lambda: store_new(app.store, files.values()),
    )

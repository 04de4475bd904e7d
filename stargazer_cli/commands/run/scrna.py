"""`stargazer run scrna`: raw counts of single cells to clusters, markers and a report."""

from typing import Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.run.carry_out import carry_out_request
from stargazer_cli.commands.run.options import parameters, read_samples, running
from stargazer_cli.runs.scrna import WORKFLOW

# Whose default is not the pipeline's but what the assets say.
_OWN = ("organism",)


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
    metavar="NAME",
    help="Organism of all samples, human or mouse (any with --mt-prefix); by default each asset's own, else "
    "human.",
)
@click.option(
    "--marker-sets",
    metavar="FILE|CID",
    help="GMT file of known marker genes, one cell type a line, for hints at what a cluster is.",
)
@click.option(
    "--labels",
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
    """Cluster single cells and find their markers.

    Raw counts to a report. A file that is given by its path is added to the store when the run begins.
    """
    carry_out_request(app, WORKFLOW, options, options | {"samples": read_samples(options["samples"])})

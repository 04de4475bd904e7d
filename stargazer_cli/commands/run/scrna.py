"""`stargazer run scrna`: raw counts of single cells to clusters, markers and a report."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.run.carry_out import carry_out
from stargazer_cli.commands.run.options import (
    chosen_parameters,
    chosen_running,
    parameters,
    read_samples,
    running,
)
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.scrna import WORKFLOW, Request, plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore

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
    beside = {
        name: _beside(app.store, options[name], what=name, form=form) for name, form in _FORMATS.items()
    }
    request = Request(
        samples=read_samples(options["samples"]),
        anndata=options["anndata"],
        organism=options["organism"],
        **beside,
        parameters=chosen_parameters(WORKFLOW, options, without=_OWN),
        options=chosen_running(options, "fuse"),
        reuse=not options["no_reuse"],
    )
    carry_out(
        app,
        WORKFLOW,
        options,
        lambda versions: plan(app.store, request, versions),
        before=lambda: _store(app.store, beside),
    )


def _beside(store: "LocalStore", given: str, *, what: str, form: str) -> "Asset | None":
    """Return the file that is given by its path, or by the CID of one in the store; None where none is."""
    from stargazer_cli.assets import Asset
    from stargazer_cli.assets.checks import read_head
    from stargazer_cli.store import cid_of

    path = Path(given)
    if not given:
        return None
    if not path.exists() and (known := store.by_cid(given)):
        return known[0]
    head = read_head(path)
    if b"\0" in head.text:
        raise UsageError(f"--{what.replace('_', '-')} {given}: is not text, which a {form} file is.")
    return Asset(cid=cid_of(path), name=path.name, path=path, format=form)


def _store(store: "LocalStore", beside: "Mapping[str, Asset | None]") -> None:
    """Put the files that were given by their paths into the store, under what they are."""
    from stargazer_cli.store import NewFile

    store.add(
        [NewFile(asset.path, asset) for asset in beside.values() if asset and asset.path and not asset.id]
    )

"""`stargazer tasks run`."""

from collections.abc import Sequence
from typing import Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import parse_pairs
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.run.carry_out import carry_out_request
from stargazer_cli.commands.run.options import running
from stargazer_cli.runs.task import find_task


@click.command(
    "run",
    epilog=examples(
        "stargazer tasks run mark_duplicates --filter sample_id=NA12829",
        "stargazer tasks run haplotype_caller --filter sample_id=NA1 --filter build=GRCh38",
        "stargazer tasks run cluster --input h5ad=CID --input resolution=0.8",
    ),
)
@click.argument("name")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="KEY=VALUE",
    help="What the inputs say of themselves: a key holds for the kinds that have it. May be repeated; a key "
    "that is given twice matches either value.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input by its CID or record id (repeated or with commas: several), or the value of a parameter "
    "or label. May be repeated.",
)
@running
@click.pass_obj
def run_task(app: App, /, name: str, **options: Any) -> None:
    """Run one task on assets of the store.

    What a task takes is told by `stargazer tasks show NAME`. An input that is not named is found by the
    filters, a companion (an index, a mate) by its link to the file that it belongs to.
    """
    given = options | {"filters": _gathered(options["filters"]), "inputs": _gathered(options["inputs"])}
    carry_out_request(app, find_task(name).name, options, given)


def _gathered(pairs: Sequence[str]) -> dict[str, str | list[str]]:
    """Return the values by their keys; a key that is given more than once has a list."""
    values: dict[str, list[str]] = {}
    for key, value in parse_pairs(pairs):
        values.setdefault(key, []).append(value)
    return {key: each[0] if len(each) == 1 else each for key, each in values.items()}

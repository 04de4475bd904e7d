"""`stargazer assets`: add files to the store, find them, change what is said of them, get them out."""

import click

from stargazer_cli.commands.lazy import LazyGroup

_COMMANDS = {
    "add": ("add", "add", "Add files to the store."),
    "query": ("query", "query", "Find assets by what they are."),
    "get": ("get", "get", "Copy files out of the store."),
}


@click.group(cls=LazyGroup, package=__name__, lazy=_COMMANDS)
def assets() -> None:
    """Add, find, change and get assets."""

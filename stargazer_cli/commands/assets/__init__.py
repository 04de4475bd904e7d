"""`stargazer assets`: add files to the store, find them, change what is said of them, get them out."""

import click

from stargazer_cli.commands.lazy import LazyGroup

_COMMANDS = {
    "add": ("add", "add", "Add files to the store."),
    "query": ("query", "query", "Find assets by what they are."),
    "get": ("get", "get", "Copy files out of the store."),
    "update": ("update", "update", "Change what is said of an asset."),
    "delete": ("delete", "delete", "Remove an asset, and its bytes with the last one of them."),
    "lineage": ("lineage", "lineage", "Show what an asset was made from, and what from it."),
    "verify": ("verify", "verify", "Hash every file again, and say what is wrong."),
    "gc": ("gc", "gc", "Remove what nothing needs any more."),
    "export": ("portable", "export", "Write all records as JSON Lines, and the files."),
    "import": ("portable", "import_", "Enter the records of an export, and the files."),
    "push": ("push", "push", "Bring assets to Pinata."),
    "pull": ("pull", "pull", "Bring assets from Pinata into the store."),
    "migrate": ("migrate", "migrate", "Copy all records between the file and a PostgreSQL server."),
}


@click.group(cls=LazyGroup, package=__name__, lazy=_COMMANDS)
def assets() -> None:
    """Keep files by what they are: add, find, get, change, check and move them."""

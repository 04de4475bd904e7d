"""Paths that a user gives: what is refused before anything is done with them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from stargazer_cli.errors import UsageError


class GivenPath(click.Path):
    """The path of a file or folder.

    An empty one is refused: it comes of a variable that is not set, and would mean the current folder.
    So is `-` unless it is a `stream` that the command reads or writes; that type gives text, as a file may
    be called so too.
    """

    def __init__(self, *, stream: bool = False) -> None:
        super().__init__(path_type=str if stream else Path)
        self._stream = stream

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if value == "":
            name = param.get_error_hint(ctx) if param and ctx else "a path"
            raise UsageError(f"The path for {name} is empty.", "Is a variable in the command not set?")
        if value == "-" and not self._stream:
            raise UsageError("- stands for no file here.", "A file of that name is ./-")
        return super().convert(value, param, ctx)


def check_outside(root: Path, paths: Iterable[Path]) -> None:
    """Refuse to write into the folder of the store, whose files are its own."""
    for path in paths:
        if path.resolve().is_relative_to(root.resolve()):
            raise UsageError(f"{path} is in the store's own folder {root}.", "Give a path outside of it.")

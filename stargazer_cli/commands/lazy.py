"""A group of commands that are imported when they are called, so that every command starts at once."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that knows each of its commands by name: module of the package, attribute, one line of help."""

    def __init__(
        self, *args: Any, package: str, lazy: Mapping[str, tuple[str, str, str]], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._package = package
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order in which help shows them."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None where there is no such name."""
        if cmd_name not in self._lazy:
            return None
        module, attribute, _ = self._lazy[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"{self._package}.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; click itself knows no names to suggest, as none is imported."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from stargazer_cli.assets import did_you_mean

            meant = did_you_mean(args[0], self._lazy)
            raise click.UsageError(f"{error.message}{meant}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands into the help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self._lazy.items()])


def examples(*lines: str) -> str:
    """Return the end of a help text: command lines that are shown as they are."""
    return "\b\n" + "\n".join(lines)

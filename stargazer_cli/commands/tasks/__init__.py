"""`stargazer tasks`: what the pipeline can do, and one task of it run alone."""

import click

from stargazer_cli.commands.lazy import LazyGroup

_COMMANDS = {
    "list": ("show", "list_tasks", "List the tasks and workflows, each with what it does."),
    "show": ("show", "show_task", "Show what a task or workflow takes and makes."),
    "run": ("run", "run_task", "Run one task on assets of the store."),
}


@click.group(cls=LazyGroup, package=__name__, lazy=_COMMANDS)
def tasks() -> None:
    """List what the pipeline can do, and run one task alone."""

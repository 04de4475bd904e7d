"""Options that several workflows have, and those that are made from the pipeline's own files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stargazer_cli import catalog
from stargazer_cli.commands.limits import Command, Option, decorated, limit_options, work_dir
from stargazer_cli.errors import UsageError

_TYPES: dict[str, click.ParamType[Any]] = {
    "integer": click.INT,
    "number": click.FLOAT,
    "boolean": click.BOOL,
    "string": click.STRING,
}


detach = click.option(
    "--detach",
    is_flag=True,
    help="Run in the background, also after a logout; see `stargazer runs attach` and `cancel`.",
)


RUNNING = ("profile", "no_reuse", "dry_run", "detach", "work_dir", "keep_work", "as_json")


def running(command: Command) -> Command:
    """Add the options of every workflow: where and how it runs, and what is printed."""
    options: list[Option] = [
        click.option(
            "--profile", default="local", show_default=True, help="Nextflow profiles, such as slurm,podman."
        ),
        click.option("--no-reuse", is_flag=True, help="Compute all anew."),
        click.option("--dry-run", is_flag=True, help="Show what would be reused and computed, and stop."),
        detach,
        *limit_options(),
        work_dir,
        click.option("--keep-work", is_flag=True, help="Keep Nextflow's work folder after a success."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document."),
    ]
    return decorated(command, options)


def parameters(workflow: str, *, without: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """Add an option for each result-affecting parameter of the workflow's tasks, in their order."""

    def decorate(command: Command) -> Command:
        known = [each for each in catalog.parameters_of(workflow).values() if each.name not in without]
        for parameter in reversed(known):
            unit = f" [{parameter.unit}]" if parameter.unit else ""
            command = click.option(
                f"--{parameter.name.replace('_', '-')}",
                parameter.name,
                type=click.Choice(parameter.choices) if parameter.choices else _TYPES[parameter.type],
                default=parameter.default,
                show_default=True,
                help=parameter.description + unit,
            )(command)
        return command

    return decorate


def read_samples(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return sample ids from comma lists, repeats, and `@file` with one id a line."""
    names: list[str] = []
    for value in values:
        if value.startswith("@"):
            file = Path(value[1:])
            try:
                lines = file.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"The sample list {file} cannot be read: {error}.") from None
            names += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        else:
            names += [name.strip() for name in value.split(",") if name.strip()]
    return tuple(names)

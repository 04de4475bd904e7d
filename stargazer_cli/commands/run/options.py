"""Options that several workflows have, and those that are made from the pipeline's own files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from stargazer_cli import catalog
from stargazer_cli.commands.paths import GivenPath
from stargazer_cli.errors import UsageError
from stargazer_cli.runs import cluster

Command = Callable[..., Any]

_TYPES: dict[str, click.ParamType[Any]] = {
    "integer": click.INT,
    "number": click.FLOAT,
    "boolean": click.BOOL,
    "string": click.STRING,
}


def _limits() -> list[Callable[[Command], Command]]:
    """Return the options that change no result: what a task may take, and what a cluster is told.

    What the pipeline is told of them is what is given, under their own names.
    """
    return [
        click.option("--max-cpus", type=click.IntRange(min=1), help="Most CPUs that one task may take."),
        click.option(
            "--max-memory", metavar="SIZE", help="Most memory that one task may take, such as '8 GB'."
        ),
        click.option("--max-time", metavar="TIME", help="Most time that one task may take, such as '12 h'."),
        click.option(
            "--partition", metavar="NAME[,NAME…]", help="Cluster: partition (queue) that jobs go to."
        ),
        click.option("--account", metavar="NAME", help="Cluster: account that jobs are charged to."),
        click.option(
            "--cluster-options",
            metavar="OPTIONS",
            help="Cluster: further options of sbatch, such as '--qos=long --exclude=node7'.",
        ),
        click.option(
            "--scratch",
            is_flag=False,
            flag_value="true",
            metavar="[FOLDER]",
            help="Cluster: run tasks on a disk of their node, in $TMPDIR there or in FOLDER.",
        ),
        click.option(
            "--job-array",
            type=click.IntRange(min=2),
            metavar="N",
            help="Cluster: submit the parts of calling and genotyping as job arrays of N.",
        ),
        click.option(
            "--queue-size",
            type=click.IntRange(min=1),
            metavar="N",
            help="Cluster: most jobs in its queue at once.",
        ),
    ]


_LIMITS = ("max_cpus", "max_memory", "max_time", *cluster.OPTIONS)
work_dir = click.option(
    "--work-dir",
    metavar="FOLDER",
    type=GivenPath(),
    help="Keep Nextflow's work here, in a folder named after the run, such as on a scratch disk "
    "(STARGAZER_WORK).",
)
detach = click.option(
    "--detach",
    is_flag=True,
    help="Run in the background, also after a logout; see `stargazer runs attach` and `cancel`.",
)


def limits(command: Command) -> Command:
    """Add the options that change no result."""
    return _decorated(command, _limits())


def running(command: Command) -> Command:
    """Add the options of every workflow: where and how it runs, and what is printed."""
    options: list[Callable[[Command], Command]] = [
        click.option(
            "--profile", default="local", show_default=True, help="Nextflow profiles, such as slurm,podman."
        ),
        click.option("--no-reuse", is_flag=True, help="Compute all anew."),
        click.option("--dry-run", is_flag=True, help="Show what would be reused and computed, and stop."),
        detach,
        *_limits(),
        work_dir,
        click.option("--keep-work", is_flag=True, help="Keep Nextflow's work folder after a success."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document."),
    ]
    return _decorated(command, options)


def _decorated(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


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


def chosen_parameters(
    workflow: str, options: dict[str, Any], *, without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return those of the options that `parameters` made."""
    known = catalog.parameters_of(workflow).keys() - set(without)
    return {name: value for name, value in options.items() if name in known}


def chosen_running(options: dict[str, Any], *more: str) -> dict[str, Any]:
    """Return those of the options that say how the pipeline runs, as far as they are given."""
    given = {name: options[name] for name in (*_LIMITS, *more) if options.get(name) is not None}
    return {name: value for name, value in given.items() if value is not False}


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

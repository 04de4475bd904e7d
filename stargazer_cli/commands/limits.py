"""Options of whatever runs the pipeline: they say how, and change no result."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from stargazer_cli.commands.paths import GivenPath

Command = Callable[..., Any]
Option = Callable[[Command], Command]


def limit_options() -> list[Option]:
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
            help="Cluster: further options of sbatch, such as --qos=long.",
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


work_dir = click.option(
    "--work-dir",
    metavar="FOLDER",
    type=GivenPath(),
    help="Keep Nextflow's work here, in a folder named after the run, such as on a scratch disk "
    "(STARGAZER_WORK).",
)


def limits(command: Command) -> Command:
    """Add the options that change no result."""
    return decorated(command, limit_options())


def decorated(command: Command, options: Sequence[Option]) -> Command:
    """Add options to a command, in their order."""
    for option in reversed(options):
        command = option(command)
    return command

"""`stargazer demo`: a pipeline on data whose result is known."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.app import App
from stargazer_cli.demo import dataset
from stargazer_cli.output import emit_json, note

if TYPE_CHECKING:
    from stargazer_cli.runs.germline import Aligner


@click.group()
def demo() -> None:
    """Run a pipeline on data whose result is known."""


def _common(kind: type[dataset.DataSet], default: str, data_help: str) -> Callable[..., Any]:
    """Add the options that every demo has; `kind` tells which data sets it can run on."""
    options = [
        click.option(
            "--data",
            type=click.Choice(dataset.names(kind)),
            default=default,
            show_default=True,
            help=data_help,
        ),
        click.option(
            "--profile",
            default="local",
            show_default=True,
            help="Nextflow profiles, such as podman or slurm,apptainer.",
        ),
        click.option("-y", "--yes", is_flag=True, help="Install missing tools without asking."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document."),
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@demo.command()
@_common(
    dataset.GermlineData,
    "trio",
    "trio: bundled, simulated, with planted variants. tp53: real reads, fetched by CID.",
)
@click.option(
    "--aligner",
    type=click.Choice(["bwa-mem2", "bwa"]),
    help="Aligner; by default bwa-mem2 where the profile has it, else bwa.",
)
@click.pass_obj
def germline(
    app: App, /, *, data: str, profile: str, aligner: "Aligner | None", yes: bool, as_json: bool
) -> int:
    """Call a family's variants, and check them against the truth.

    Missing tools are fetched first. The exit code is 1 when a planted variant is missed, has another
    genotype than planted, or a variant is called that nobody planted.
    """
    from stargazer_cli.demo.germline import as_document, as_text, run_demo

    outcome = run_demo(
        app.settings,
        app.store,
        dataset.load(dataset.GermlineData, data),
        profile=profile,
        aligner=aligner,
        yes=yes,
        tell=note,
    )
    return _show(as_document(outcome) if as_json else as_text(outcome), outcome.passed)


@demo.command()
@_common(dataset.ScrnaData, "simulated", "simulated: bundled, with planted cell types, markers and flaws.")
@click.option("--fuse", is_flag=True, help="Run the steps of the sample in one process: quicker, same files.")
@click.pass_obj
def scrna(app: App, /, *, data: str, profile: str, fuse: bool, yes: bool, as_json: bool) -> int:
    """Cluster single cells, and check them against the truth.

    Missing tools are fetched first. The exit code is 1 when the clusters agree with the planted types, or
    markers and flawed droplets are found, less than the planted truth makes sure.
    """
    from stargazer_cli.demo.scrna import as_document, as_text, run_demo

    outcome = run_demo(
        app.settings,
        app.store,
        dataset.load(dataset.ScrnaData, data),
        profile=profile,
        fuse=fuse,
        yes=yes,
        tell=note,
    )
    return _show(as_document(outcome) if as_json else as_text(outcome), outcome.passed)


def _show(result: dict[str, Any] | str, passed: bool) -> int:
    """Print a text or a document, and return the exit code."""
    if isinstance(result, str):
        click.echo(result)
    else:
        emit_json(result)
    return 0 if passed else 1

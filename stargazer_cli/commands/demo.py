"""`stargazer demo`: a pipeline on data whose result is known."""

from typing import TYPE_CHECKING

import click

from stargazer_cli.app import App
from stargazer_cli.demo import bundle
from stargazer_cli.output import emit_json, note

if TYPE_CHECKING:
    from stargazer_cli.runs.germline import Aligner


@click.group()
def demo() -> None:
    """Run a pipeline on data whose result is known."""


@demo.command()
@click.option(
    "--data",
    type=click.Choice(bundle.names()),
    default="trio",
    show_default=True,
    help="trio: bundled, simulated, with planted variants. tp53: real reads, fetched by CID.",
)
@click.option(
    "--profile",
    default="local",
    show_default=True,
    help="Nextflow profiles, such as podman or slurm,apptainer.",
)
@click.option(
    "--aligner",
    type=click.Choice(["bwa-mem2", "bwa"]),
    help="Aligner; by default bwa-mem2 where the profile has it, else bwa.",
)
@click.option("-y", "--yes", is_flag=True, help="Install missing tools without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_obj
def germline(
    app: App, /, *, data: str, profile: str, aligner: "Aligner | None", yes: bool, as_json: bool
) -> int:
    """Call the variants of a family jointly, and check them against what was planted.

    Missing tools are fetched first. The exit code is 1 when a planted variant is missed, has another
    genotype than planted, or a variant is called that nobody planted.
    """
    from stargazer_cli.demo.germline import as_document, as_text, run_demo

    outcome = run_demo(
        app.settings,
        app.store,
        bundle.load(data),
        profile=profile,
        aligner=aligner,
        yes=yes,
        tell=note,
    )
    if as_json:
        emit_json(as_document(outcome))
    else:
        click.echo(as_text(outcome))
    return 0 if outcome.passed else 1

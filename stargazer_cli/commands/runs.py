"""`stargazer runs`: look at earlier runs."""

from pathlib import Path

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.paths import GivenPath, check_outside
from stargazer_cli.errors import StargazerError
from stargazer_cli.output import emit_json, note, printable, progress
from stargazer_cli.runs import record


@click.group()
def runs() -> None:
    """Look at earlier runs."""


@runs.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_runs(app: App, as_json: bool) -> None:
    """List the runs, the newest first."""
    found = []
    for folder in record.every(app.settings.local / "runs"):
        try:
            found.append(folder.load())
        except StargazerError as error:
            note(f"Note: {error.message} {error.hint}")
    if as_json:
        emit_json(
            [
                kept.model_dump(
                    include={"run_id", "workflow", "status", "profile", "started_at", "ended_at", "error"}
                )
                for kept in found
            ]
        )
        return
    if not found:
        click.echo("No run yet. Try: stargazer demo germline")
    for kept in found:
        click.echo(f"{kept.status:<11}  {kept.started_at}  {kept.run_id}")


@runs.command("show")
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print the whole record.")
@click.pass_obj
def show_run(app: App, run_id: str, as_json: bool) -> None:
    """Show what a run did, with what, and what it made."""
    folder = record.find(app.settings.local / "runs", run_id)
    kept = folder.load()
    if as_json:
        emit_json(kept.model_dump(mode="json"))
        return
    click.echo(f"run       {kept.run_id}")
    click.echo(f"status    {kept.status}" + (f"  (exit {kept.exit_status})" if kept.exit_status else ""))
    click.echo(f"workflow  {kept.workflow}  profile {kept.profile}  pipeline {kept.commit}")
    click.echo(f"time      {kept.started_at} to {kept.ended_at or '-'}  attempts {kept.attempts}")
    parts = "  ".join(f"{part} {seconds:.1f} s" for part, seconds in kept.timings.items())
    click.echo(f"parts     {parts}")
    for tool, version in sorted(kept.tools.items()):
        click.echo(f"tool      {tool} {version}")
    for path, cid in kept.plan.inputs.items():
        click.echo(f"input     {cid}  {printable(path.rpartition('/')[2])}")
    for made in kept.assets:
        word = "reused" if made.reused else "made"
        click.echo(f"{word:<8}  {made.cid}  {printable(made.name)}")
    for line in kept.error.splitlines():
        click.echo(f"error     {printable(line)}")
    click.echo(f"folder    {folder.path}")


@runs.command(
    "export",
    epilog=examples(
        "stargazer runs export germline_short_variant_discovery-1a2b3c4-20260102T030405Z -o crate.zip"
    ),
)
@click.argument("run_id")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER|FILE.zip",
    type=GivenPath(),
    help="A new folder, or a new .zip file.",
)
@click.option("--with-files", is_flag=True, help="Put the inputs and outputs into it too, verified.")
@click.option(
    "--license", "data_license", metavar="NAME|URL", default="", help="Licence of the data: SPDX name or URL."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_obj
def export_run(
    app: App, run_id: str, *, output: Path, with_files: bool, data_license: str, as_json: bool
) -> None:
    """Write what a run did, from what and with what, as a Workflow Run RO-Crate.

    Files are named by their CIDs; nothing in it tells the machine's name, its folders or its secrets.
    """
    from stargazer_cli.runs.crate import export

    check_outside(app.store.root, [output])
    folder = record.find(app.settings.local / "runs", run_id)
    with progress(f"run {folder.run_id}") as moved:
        export(
            app.store,
            folder,
            output,
            with_files=with_files,
            data_license=data_license,
            progress=moved,
        )
    if as_json:
        emit_json({"run_id": folder.run_id, "path": str(output), "with_files": with_files})
        return
    note(f"{output}: the run {folder.run_id} as an RO-Crate")

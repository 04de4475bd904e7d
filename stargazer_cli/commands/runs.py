"""`stargazer runs`: look at runs, follow and end them, and run them again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli import catalog
from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.limits import limits, work_dir
from stargazer_cli.commands.paths import GivenPath, check_outside
from stargazer_cli.errors import StargazerError
from stargazer_cli.output import emit_json, note, printable, progress
from stargazer_cli.runs import record

if TYPE_CHECKING:
    from stargazer_cli.runs.reproduce import Output, Reproduction


@click.group()
def runs() -> None:
    """Look at runs, follow and end them, and run them again."""


@runs.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_runs(app: App, as_json: bool) -> None:
    """List the runs, the newest first."""
    from stargazer_cli.runs.progress import failure_of

    found = []
    for folder in record.every(app.settings.local / "runs"):
        try:
            kept = folder.load()
            kept.error = str(failure_of(folder, kept) or "")
            found.append(kept)
        except StargazerError as error:
            note(f"Note: {error.message} {error.hint}")
    if as_json:
        fields = {"run_id", "workflow", "status", "profile", "started_at", "ended_at", "error"}
        # `name` as agents and the browser have it: it may be a task's.
        emit_json([kept.model_dump(include=fields) | {"name": kept.workflow} for kept in found])
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
    from stargazer_cli.runs.progress import failure_of

    folder = record.find(app.settings.local / "runs", run_id)
    kept = folder.load()
    if failure := failure_of(folder, kept):
        kept.error, kept.hint = str(failure), failure.hint or ""
    if as_json:
        emit_json(kept.model_dump(mode="json"))
        return
    click.echo(f"run       {kept.run_id}")
    click.echo(f"status    {kept.status}" + (f"  (exit {kept.exit_status})" if kept.exit_status else ""))
    if kept.status == "running" or (kept.elsewhere and kept.status == "interrupted"):
        click.echo(f"host      {printable(kept.host)}  process {kept.pid}")
    what = catalog.category_of(kept.workflow)
    click.echo(f"{what:<8}  {kept.workflow}  profile {kept.profile}  pipeline {kept.commit}")
    click.echo(f"time      {kept.started_at} to {kept.ended_at or '-'}  attempts {kept.attempts}")
    parts = "  ".join(f"{part} {seconds:.1f} s" for part, seconds in kept.timings.items())
    click.echo(f"parts     {parts}")
    for decision in kept.plan.notes:
        click.echo(f"decided   {printable(decision)}")
    for tool, version in sorted(kept.tools.items()):
        click.echo(f"tool      {tool} {version}")
    for reference, digest in sorted(kept.images.items()):
        click.echo(f"image     {printable(reference)}  {digest}")
    for path, cid in kept.plan.inputs.items():
        click.echo(f"input     {cid}  {printable(path.rpartition('/')[2])}")
    for made in kept.assets:
        word = "reused" if made.reused else "made"
        click.echo(f"{word:<8}  {made.cid}  {printable(made.name)}")
    for line in kept.error.splitlines():
        click.echo(f"error     {printable(line)}")
    if kept.hint and kept.status != "done":
        click.echo(f"hint      {printable(kept.hint)}")
    for work in kept.work_folders(folder):
        if work.exists():
            click.echo(f"work      {printable(str(work))}")
    click.echo(f"folder    {folder.path}")


@runs.command("attach")
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_obj
def attach_to_run(app: App, run_id: str, as_json: bool) -> int:
    """Follow a run to its end, and print its result.

    What it has said already is shown first. The exit code is 0 when the run is done. Ctrl-C ends the
    watching alone: the run goes on.
    """
    from stargazer_cli.commands.run.carry_out import show_result
    from stargazer_cli.runs.execute import result_of
    from stargazer_cli.runs.progress import error_of, follow

    folder = record.find(app.settings.local / "runs", run_id)
    try:
        kept = follow(folder, note)
    except KeyboardInterrupt:
        note(f"Detached: the run {folder.run_id} goes on. End it with: stargazer runs cancel {folder.run_id}")
        return 1
    if kept.status != "done":
        raise error_of(folder, kept)
    show_result(result_of(folder, kept), as_json)
    return 0


@runs.command("cancel")
@click.argument("run_id")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as one JSON document.")
@click.pass_obj
def cancel_run(app: App, run_id: str, as_json: bool) -> int:
    """End a run with all its tasks, on a cluster its jobs.

    It can be gone on with later.
    """
    from stargazer_cli.runs.holder import cancel

    folder = record.find(app.settings.local / "runs", run_id)
    kept = cancel(folder, note)
    if as_json:
        emit_json({"run_id": kept.run_id, "status": kept.status, "error": kept.error})
    elif kept.status == "interrupted":
        click.echo(kept.error)
        note(f"Hint:  {kept.hint}")
    else:
        click.echo(f"The run {kept.run_id} was {kept.status} before it could be cancelled.")
    return 0


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
    """Write what a run did as a Workflow Run RO-Crate.

    It tells from what and with what, and names files by their CIDs; nothing in it tells the machine's name,
    its folders or its secrets.
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


@runs.command(
    "reproduce",
    epilog=examples(
        "stargazer runs reproduce germline_short_variant_discovery-1a2b3c4-20260102T030405Z",
        "stargazer runs reproduce 20260102T030405Z --profile podman --max-cpus 1 --keep again",
    ),
)
@click.argument("run_id")
@click.option(
    "--profile", default="", metavar="NAMES", help="Nextflow profiles; by default those of the run."
)
@limits
@work_dir
@click.option(
    "--keep", metavar="FOLDER", type=GivenPath(), help="Run in this new folder, and leave the files there."
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as one JSON document.")
@click.pass_obj
def reproduce_run(
    app: App,
    /,
    run_id: str,
    *,
    profile: str,
    keep: Path | None,
    work_dir: Path | None,
    as_json: bool,
    **limits: Any,
) -> int:
    """Run a finished run again, and compare its outputs.

    It is run from its record, and every output is compared by its CID. Nothing is reused and nothing is
    stored: it runs in a clean folder, which is removed at the end. The exit code is 1 where an output is not
    the same. Reports and GenomicsDB workspaces are compared, but hold times and do not decide.
    """
    from stargazer_cli.commands.run.carry_out import progress as progress_of_tasks
    from stargazer_cli.runs.reproduce import reproduce, site_to_reproduce
    from stargazer_cli.runs.requests import with_work_dir

    if keep is not None:
        check_outside(app.store.root, [keep])
    settings = with_work_dir(app.settings, work_dir)
    site, kept = site_to_reproduce(settings, app.store, run_id, profile)
    with progress_of_tasks() as tell:
        found = reproduce(site, kept, tell, limits=limits, keep=keep)
    if as_json:
        emit_json(_as_document(found))
    else:
        _show_comparison(found)
    return 0 if found.same else 1


def _as_document(found: "Reproduction") -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "same": found.same,
        "outputs": [
            {
                "asset": output.kind,
                "name": output.name,
                "status": output.status,
                "exempt": output.exempt,
                "recorded": output.recorded or None,
                "now": output.now or None,
            }
            for output in found.outputs
        ],
        "reused": found.reused,
        "changes": found.changes,
        "folder": str(found.folder) if found.folder else None,
    }


def _show_comparison(found: "Reproduction") -> None:
    width = max((len(printable(output.name)) for output in found.outputs), default=0)
    for output in found.outputs:
        word = output.status + (" (exempt)" if output.exempt else "")
        click.echo(f"{word:<16}  {output.kind:<18} {printable(output.name):<{width}}  {_cids(output)}")
    same = sum(output.status == "same" for output in found.decisive)
    click.echo(f"\n{same} of {len(found.decisive)} outputs are the same as those of {found.run_id}.")
    if found.reused:
        click.echo(f"{found.reused} files of its result were made by earlier runs, and were not made again.")
    if not found.same:
        for change in found.changes:
            click.echo(f"Since then: {printable(change)}.")
    if found.folder:
        click.echo(f"Files: {found.folder / 'results'}")


def _cids(output: "Output") -> str:
    if output.status == "differs":
        return f"{output.now}, recorded {output.recorded}"
    return output.now or output.recorded

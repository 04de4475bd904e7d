"""From a request to its result: plan it, carry it out, and show how it goes and what it gave."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.run.options import RUNNING
from stargazer_cli.output import emit_json, live_line, note
from stargazer_cli.runs import detach
from stargazer_cli.runs.execute import RunResult, claim, command_of, execute, files_of, shown, work_of
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.runs.requests import Prepared, prepare, ready, with_work_dir
from stargazer_cli.runs.site import Site

if TYPE_CHECKING:
    from stargazer_cli.runs.plan import Plan


def carry_out_request(app: App, name: str, options: dict[str, Any], arguments: Mapping[str, Any]) -> None:
    """Run a workflow or task with these arguments, as the options of `running` among them say."""
    own = {key: value for key, value in arguments.items() if key not in RUNNING}
    prepared = prepare(app.store, name, own, reuse=not options["no_reuse"])
    carry_out(app, prepared, options)


def carry_out(app: App, prepared: Prepared, options: dict[str, Any]) -> None:
    """Run what was prepared as the options of `running` say."""
    started = time.monotonic()
    settings = with_work_dir(app.settings, options["work_dir"])
    request = ready(settings, app.store, prepared, profile=options["profile"], keep_work=options["keep_work"])
    site, planned = request.after(time.monotonic() - started).site, request.plan
    for decision in planned.notes:
        note(decision)
    if options["dry_run"]:
        _show_plan(site, planned, options["as_json"])
        return
    request.before()
    for step in planned.steps:
        if step.reused:
            note(f"reused {step.stage} for {step.subject}")
    if options["detach"] and not planned.complete:
        start_detached(claim(site, planned), options["as_json"], keep_work=options["keep_work"])
        return
    with progress() as tell:
        result = execute(site, planned, tell)
    show_result(result, options["as_json"])


def start_detached(folder: RunFolder, as_json: bool, *, keep_work: bool) -> None:
    """Start a claimed run in the background, and say how it is followed and ended."""
    # Once it has begun it does not get a Ctrl-C of this terminal any more.
    with suppress(KeyboardInterrupt):
        detach.start(folder, keep_work=keep_work)
    run_id = folder.run_id
    if as_json:
        emit_json(
            {"run_id": run_id, "status": "running", "outdir": str(folder.outdir), "log": str(folder.said)}
        )
        return
    click.echo(f"Run {run_id} goes on in the background.")
    click.echo(f"Follow it:  stargazer runs attach {run_id}")
    click.echo(f"End it:     stargazer runs cancel {run_id}")


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Give a function that takes one line of a run's progress."""
    with live_line("starting Nextflow …", ("started", "kept"), "{} tasks so far") as tell:
        yield tell


def _show_plan(site: Site, planned: "Plan", as_json: bool) -> None:
    folder = RunFolder(site.runs / "RUN_ID")
    arguments = [] if planned.complete else command_of(site, folder, 1, work_of(site, folder))
    files = {} if planned.complete else files_of(planned, folder)
    if as_json:
        emit_json(
            {
                "run_id": None,
                "status": "planned",
                "outdir": None,
                "notes": planned.notes,
                "steps": [step.model_dump() for step in planned.steps],
                "command": arguments,
                "files": files,
                "assets": [],
            }
        )
        return
    for step in planned.steps:
        word = "reuse  " if step.reused else "compute"
        click.echo(f"{word}  {step.stage}  {step.subject}  {' '.join(step.cids)}".rstrip())
    if planned.complete:
        click.echo("Nothing to compute.")
        return
    for name, content in files.items():
        click.echo(f"\n{name}\n{content.rstrip()}")
    click.echo(f"\n{shown(arguments)}")


def show_result(result: RunResult, as_json: bool) -> None:
    """Print the assets of a result, made now or reused."""
    if as_json:
        emit_json(result.to_dict())
        return
    if not result.computed:
        click.echo(f"Nothing to compute: every output is in the store already, made by {result.run_id}.")
    width = max((len(made.name) for made in result.assets), default=0)
    for made in result.assets:
        origin = "reused" if made.reused else "made"
        click.echo(f"{origin:<6}  {made.keyvalues['asset']:<18} {made.name:<{width}}  {made.cid}")
    if result.computed:
        click.echo(f"\nRun {result.run_id}\nFiles: {result.outdir}")

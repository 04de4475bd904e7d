"""`stargazer run`: ask for a result by what the data is."""

from pathlib import Path
from typing import Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.limits import limits, work_dir
from stargazer_cli.commands.run import germline, scrna
from stargazer_cli.commands.run.carry_out import progress, show_result, start_detached
from stargazer_cli.commands.run.options import detach
from stargazer_cli.errors import UsageError
from stargazer_cli.runs import record
from stargazer_cli.runs.execute import resume
from stargazer_cli.runs.requests import ALIASES, to_go_on

_SHORT = {full: short for short, full in ALIASES.items()}


class _Workflows(click.Group):
    """A group in which each workflow also answers to its full name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _SHORT.get(cmd_name, cmd_name))


@click.group(cls=_Workflows, invoke_without_command=True)
@click.option("--resume", "run_id", metavar="RUN_ID", help="Go on with a failed or interrupted run.")
@detach
@limits
@work_dir
@click.option("--keep-work", is_flag=True, help="Keep Nextflow's work folder after a success.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def run(ctx: click.Context, /, run_id: str | None, **options: Any) -> None:
    """Run a workflow on assets of the store.

    The options here are those of --resume: a run goes on as it was planned, with other limits where they
    are given. Those of a workflow come after its name.
    """
    if ctx.invoked_subcommand is not None:
        _check_before(ctx.invoked_subcommand, run_id, options)
        return
    if not run_id:
        _check_alone(options)
        click.echo(ctx.get_help())
        return
    _resume(ctx.obj, run_id, **options)


def _check_alone(options: dict[str, Any]) -> None:
    """Refuse options with nothing to run: a script would take the help for a run that began."""
    if option := _first_given(options):
        raise UsageError(
            f"{option} comes after the name of a workflow, or belongs to --resume.",
            f"Use: stargazer run germline … {option} …, or stargazer run --resume RUN_ID {option} …",
        )


def _first_given(options: dict[str, Any]) -> str:
    """Return the first option that is given, as it is written; '' where none is."""
    given = [name for name, value in options.items() if value not in (None, False)]
    if not given:
        return ""
    return "--json" if given[0] == "as_json" else f"--{given[0].replace('_', '-')}"


def _check_before(workflow: str, run_id: str | None, options: dict[str, Any]) -> None:
    """Refuse options before the name of a workflow: they would not be its."""
    if run_id:
        raise UsageError(
            "--resume goes on with a run as it was planned, and takes no workflow.",
            f"Use: stargazer run --resume {run_id}",
        )
    if option := _first_given(options):
        raise UsageError(
            f"{option} before the name of the workflow belongs to --resume.",
            f"Use: stargazer run {workflow} … {option} …",
        )


def _resume(
    app: App,
    run_id: str,
    *,
    detach: bool,
    work_dir: Path | None,
    keep_work: bool,
    as_json: bool,
    **limits: Any,
) -> None:
    folder = record.find(app.settings.local / "runs", run_id)
    site = to_go_on(app.settings, app.store, folder, limits, work_dir, keep_work=keep_work)
    if detach:
        start_detached(folder, as_json, keep_work=keep_work)
        return
    with progress() as tell:
        result = resume(site, folder.run_id, tell)
    show_result(result, as_json)


run.add_command(germline.prepare_reference)
run.add_command(germline.preprocess)
run.add_command(germline.germline)
run.add_command(scrna.scrna)

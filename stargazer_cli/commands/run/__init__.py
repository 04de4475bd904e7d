"""`stargazer run`: ask for a result by what the data is."""

import click

from stargazer_cli.app import App
from stargazer_cli.commands.run import germline, scrna
from stargazer_cli.commands.run.carry_out import progress, show_result
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.execute import resume
from stargazer_cli.runs.site import site_of_record

_ALIASES = {
    "prepare_reference": "prepare-reference",
    "preprocess_sample": "preprocess",
    "germline_short_variant_discovery": "germline",
    "scrna_clustering_pipeline": "scrna",
}


class _Workflows(click.Group):
    """A group in which each workflow also answers to its full name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _ALIASES.get(cmd_name, cmd_name))


@click.group(cls=_Workflows, invoke_without_command=True)
@click.option("--resume", "run_id", metavar="RUN_ID", help="Go on with a failed or interrupted run.")
@click.option("--keep-work", is_flag=True, help="Keep Nextflow's work folder after a success.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.pass_context
def run(ctx: click.Context, run_id: str | None, keep_work: bool, as_json: bool) -> None:
    """Run a workflow on assets of the store."""
    if ctx.invoked_subcommand is not None:
        if run_id:
            raise UsageError(
                "--resume goes on with a run as it was planned, and takes no workflow.",
                f"Use: stargazer run --resume {run_id}",
            )
        return
    if not run_id:
        click.echo(ctx.get_help())
        return
    app: App = ctx.obj
    site = site_of_record(app.settings, app.store, run_id, keep_work=keep_work)
    with progress() as tell:
        result = resume(site, run_id, tell)
    show_result(result, as_json)


run.add_command(germline.prepare_reference)
run.add_command(germline.preprocess)
run.add_command(germline.germline)
run.add_command(scrna.scrna)

"""`stargazer run`: ask for a result by what the data is."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli import catalog
from stargazer_cli.app import App
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_json, note
from stargazer_cli.runs.execute import RunResult, command_of, execute, files_of, resume, shown
from stargazer_cli.runs.germline import ALIGNERS, Request, plan
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.runs.site import Site, find_site, site_of_record

if TYPE_CHECKING:
    from stargazer_cli.runs.plan import Plan

_TYPES: dict[str, click.ParamType[Any]] = {
    "integer": click.INT,
    "number": click.FLOAT,
    "boolean": click.BOOL,
    "string": click.STRING,
}
_ALIASES = {
    "prepare_reference": "prepare-reference",
    "preprocess_sample": "preprocess",
    "germline_short_variant_discovery": "germline",
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
    with _progress() as tell:
        result = resume(site, run_id, tell)
    _show_result(result, as_json)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every workflow has."""
    options = [
        click.option("--build", required=True, help="Genome build label of the reference, such as GRCh38."),
        click.option(
            "--reference", default="", metavar="CID", help="The reference, where a build has several."
        ),
        click.option(
            "--aligner", type=click.Choice(ALIGNERS), default="bwa-mem2", show_default=True, help="Aligner."
        ),
        click.option(
            "--profile", default="local", show_default=True, help="Nextflow profiles, such as slurm,podman."
        ),
        click.option("--no-reuse", is_flag=True, help="Compute all anew."),
        click.option("--dry-run", is_flag=True, help="Show what would be reused and computed, and stop."),
        click.option("--max-cpus", type=click.IntRange(min=1), help="Most CPUs that one task may take."),
        click.option(
            "--max-memory", metavar="SIZE", help="Most memory that one task may take, such as '8 GB'."
        ),
        click.option("--keep-work", is_flag=True, help="Keep Nextflow's work folder after a success."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _parameters(workflow: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option for each result-affecting parameter of the workflow's tasks."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for parameter in catalog.parameters_of(workflow).values():
            kind = click.Choice(parameter.choices) if parameter.choices else _TYPES[parameter.type]
            unit = f" [{parameter.unit}]" if parameter.unit else ""
            command = click.option(
                f"--{parameter.name.replace('_', '-')}",
                parameter.name,
                type=kind,
                default=parameter.default,
                show_default=True,
                help=parameter.description + unit,
            )(command)
        return command

    return decorate


_samples_option = click.option(
    "--samples",
    multiple=True,
    required=True,
    metavar="ID[,ID…]",
    help="Samples: a comma list, repeated, or @FILE with one a line.",
)
_intermediates_option = click.option(
    "--save-intermediates", is_flag=True, help="Also store the sorted BAM of each lane."
)


@run.command("prepare-reference")
@_common
@click.pass_obj
def prepare_reference(app: App, /, **options: Any) -> None:
    """Index a reference: .fai, .dict and the aligner's index."""
    _run(app, "prepare_reference", options)


@run.command("preprocess")
@_common
@_samples_option
@_intermediates_option
@_parameters("preprocess_sample")
@click.pass_obj
def preprocess(app: App, /, **options: Any) -> None:
    """Align reads and mark duplicates: one analysis-ready BAM a sample."""
    _run(app, "preprocess_sample", options)


@run.command("germline")
@_common
@_samples_option
@click.option("--cohort-id", default="cohort", show_default=True, help="Name of the joint call set.")
@_intermediates_option
@_parameters("germline_short_variant_discovery")
@click.pass_obj
def germline(app: App, /, **options: Any) -> None:
    """Call SNPs and indels of samples jointly: reads to one VCF."""
    _run(app, "germline_short_variant_discovery", options)


def _run(app: App, workflow: str, options: dict[str, Any]) -> None:
    started = time.monotonic()
    parameters = {name: options[name] for name in catalog.parameters_of(workflow) if name in options}
    request = Request(
        workflow=workflow,
        build=options["build"],
        samples=read_samples(options.get("samples", ())),
        cohort_id=options.get("cohort_id", "cohort"),
        aligner=options["aligner"],
        reference=options["reference"],
        parameters=parameters,
        options={
            name: options[name]
            for name in ("save_intermediates", "max_cpus", "max_memory")
            if options.get(name)
        },
        reuse=not options["no_reuse"],
    )
    site = find_site(
        app.settings, app.store, options["profile"], workflow, request.aligner, keep_work=options["keep_work"]
    )
    planned = plan(app.store, request, site.versions)
    if not planned.complete:
        site.require_tools()
    if options["dry_run"]:
        _show_plan(site, planned, options["as_json"])
        return
    site = site.after(time.monotonic() - started)
    for step in planned.steps:
        if step.reused:
            note(f"reused {step.stage} for {step.subject}")
    with _progress() as tell:
        result = execute(site, planned, tell)
    _show_result(result, options["as_json"])


def read_samples(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sample ids of `--samples`: comma lists, repeats, and `@file` with one id a line."""
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


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give a function that takes one line of progress: a live line on a terminal, else plain lines."""
    if not sys.stderr.isatty():
        yield note
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("starting Nextflow …") as status:
        tasks = 0

        def tell(line: str) -> None:
            nonlocal tasks
            console.print(line, highlight=False, markup=False, style="dim")
            if line.startswith(("started", "kept")):
                tasks += 1
                status.update(f"{tasks} tasks so far; last {line}")

        yield tell


def _show_plan(site: Site, planned: "Plan", as_json: bool) -> None:
    folder = RunFolder(site.runs / "RUN_ID")
    arguments = [] if planned.complete else command_of(site, folder, 1)
    files = {} if planned.complete else files_of(planned, folder)
    if as_json:
        emit_json(
            {
                "run_id": None,
                "status": "planned",
                "outdir": None,
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


def _show_result(result: RunResult, as_json: bool) -> None:
    if as_json:
        emit_json(
            {
                "run_id": result.run_id,
                "status": result.status,
                "outdir": str(result.outdir) if result.outdir else None,
                "assets": [made.model_dump(exclude={"id"}) for made in result.assets],
            }
        )
        return
    if not result.computed:
        click.echo(f"Nothing to compute: every output is in the store already, made by {result.run_id}.")
    width = max((len(made.name) for made in result.assets), default=0)
    for made in result.assets:
        origin = "reused" if made.reused else "made"
        click.echo(f"{origin:<6}  {made.keyvalues['asset']:<18} {made.name:<{width}}  {made.cid}")
    if result.computed:
        click.echo(f"\nRun {result.run_id}\nFiles: {result.outdir}")

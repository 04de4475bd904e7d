"""`stargazer tasks list` and `show`."""

from collections.abc import Iterable, Sequence

import click

from stargazer_cli import catalog
from stargazer_cli.assets import to_text
from stargazer_cli.output import columns, emit_json, table


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print all of them, whole, as one JSON list.")
def list_tasks(as_json: bool) -> None:
    """List the tasks and workflows, each with what it does."""
    entries = catalog.everything()
    if as_json:
        emit_json([entry.to_dict() for entry in entries])
        return
    table(
        ("category", "name", "what it does"),
        [(entry.category, entry.name, entry.description.strip()) for entry in entries],
        prose=True,
    )


@click.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON document.")
def show_task(name: str, as_json: bool) -> None:
    """Show what a task or workflow takes and makes."""
    from stargazer_cli.runs.requests import ALIASES, full_name

    entry = catalog.find(full_name(name))
    if as_json:
        emit_json(entry.to_dict())
        return
    columns([[f"{entry.name} ({entry.category})"], [entry.description.strip()]], prose=True)
    _section("Inputs", (_role(role) for role in entry.inputs))
    _section("Parameters", (_parameter(parameter) for parameter in entry.parameters))
    if isinstance(entry, catalog.Task):
        _section("Labels", (_parameter(label) for label in entry.labels))
    _section("Outputs", (_output(output) for output in entry.outputs))
    if isinstance(entry, catalog.Task):
        click.echo()
        columns([[f"Tools: {', '.join(entry.tools)}. Image: {entry.image}."]], prose=True)
        click.echo(f"Run it: stargazer tasks run {entry.name} --filter KEY=VALUE --input NAME=VALUE")
    else:
        click.echo()
        columns([[f"Tasks: {', '.join(entry.tasks)}."]], prose=True)
        short = next(short for short, full in ALIASES.items() if full == entry.name)
        click.echo(f"Run it: stargazer run {short} --help")


def _section(title: str, rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns under a title; nothing where there are none."""
    if shown := list(rows):
        click.echo(f"\n{title}")
        columns(shown, indent="  ", prose=True)


def _role(role: catalog.Role) -> list[str]:
    return [role.name, role.kind or "file", role.need, role.told]


def _parameter(parameter: catalog.Parameter) -> list[str]:
    default = (
        "required" if parameter.required else "-" if parameter.default is None else to_text(parameter.default)
    )
    return [parameter.name, parameter.type, default, parameter.told]


def _output(output: catalog.Output) -> list[str]:
    return [output.name, output.kind or "file", output.description]

"""`stargazer assets lineage`."""

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_json, printable


@click.command(
    epilog=examples(
        "stargazer assets lineage bafkrei…",
        "stargazer assets lineage bafkrei… --up --format dot | dot -Tsvg > lineage.svg",
    )
)
@click.argument("cid")
@click.option("--up", is_flag=True, help="Only what it was made from.")
@click.option("--down", is_flag=True, help="Only what was made from it.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "json", "mermaid", "dot"]),
    default="tree",
    show_default=True,
    help="For a terminal, a program, a Markdown page, or Graphviz.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_obj
def lineage(app: App, cid: str, *, up: bool, down: bool, form: str, as_json: bool) -> None:
    """Show what an asset was made from, and what was made from it."""
    from stargazer_cli.store.lineage import to_document, to_dot, to_mermaid, trace, tree

    if as_json and form not in ("tree", "json"):
        raise UsageError(f"--json and --format {form} contradict each other.", "Give one of them.")
    found = trace(app.store, cid, direction="both" if up == down else "up" if up else "down")
    if as_json or form == "json":
        emit_json(to_document(found))
    elif form == "mermaid":
        click.echo(to_mermaid(found), nl=False)
    elif form == "dot":
        click.echo(to_dot(found), nl=False)
    else:
        for line in tree(found):
            click.echo(printable(line))

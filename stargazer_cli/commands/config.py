"""`stargazer config`: every setting and where it came from."""

import click

from stargazer_cli.app import App
from stargazer_cli.output import emit_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def config(app: App, as_json: bool) -> None:
    """Show every setting and where it came from; secrets are masked."""
    from stargazer_cli.settings import described

    rows = described(app.settings)
    if as_json:
        emit_json(rows)
        return
    width = {key: max(len(row[key]) for row in rows) for key in ("name", "value", "origin")}
    for row in rows:
        cells = [row[key].ljust(width[key]) for key in width]
        click.echo("  ".join([*cells, row["description"]]))

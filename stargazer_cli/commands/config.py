"""`stargazer config`: every setting and where it came from."""

import os

import click

from stargazer_cli.app import App
from stargazer_cli.output import emit_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def config(app: App, as_json: bool) -> None:
    """Show every setting and where it came from; secrets are masked."""
    from pydantic import SecretStr

    rows: list[dict[str, str]] = []
    for name, field in type(app.settings).model_fields.items():
        value = getattr(app.settings, name)
        alias = str(field.alias)
        if alias in os.environ:
            origin = "environment"
        elif name in app.settings.model_fields_set:
            origin = "file"
        else:
            origin = "default"
        shown = ("********" if value.get_secret_value() else "") if isinstance(value, SecretStr) else value
        rows.append(
            {
                "name": alias,
                "value": "" if shown is None else str(shown),
                "origin": origin,
                "description": field.description or "",
            }
        )
    if as_json:
        emit_json(rows)
        return
    width = {key: max(len(row[key]) for row in rows) for key in ("name", "value", "origin")}
    for row in rows:
        cells = [row[key].ljust(width[key]) for key in width]
        click.echo("  ".join([*cells, row["description"]]))

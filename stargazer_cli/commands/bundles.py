"""`stargazer bundles`: sets of published files, by name."""

import click

from stargazer_cli.app import App
from stargazer_cli.bundles import Bundle, load, names
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, note, progress, table


@click.group()
def bundles() -> None:
    """List and fetch sets of published files."""


@bundles.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_bundles(app: App, as_json: bool) -> None:
    """List the bundles, and how many of their files are here."""
    every = [load(name) for name in names()]
    if as_json:
        emit_json([bundle.to_dict(app.store) for bundle in every])
        return
    table(["name", "here", "title"], [[bundle.name, _here(app, bundle), bundle.title] for bundle in every])


@bundles.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def show(app: App, name: str, as_json: bool) -> None:
    """Show what a bundle holds, and who published it."""
    bundle = load(name)
    if as_json:
        emit_json(bundle.to_dict(app.store))
        return
    click.echo(f"{bundle.title}\n{bundle.source}")
    for file in bundle.files:
        click.echo(f"\n{file.name}  {'here' if app.store.object(file.cid) else 'not here'}\n  cid={file.cid}")
        for key, value in bundle.asset(file).to_keyvalues().items():
            click.echo(f"  {key}={value}")


@bundles.command(epilog=examples("stargazer bundles fetch variant_calling_demo"))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the assets.")
@click.pass_obj
def fetch(app: App, name: str, as_json: bool) -> None:
    """Bring the files of a bundle into the store.

    Every byte is checked by its CID. All files are recorded, or none. Where Pinata is attached and knows a
    file, what it says about the file takes the place of what the bundle says.
    """
    from stargazer_cli.bundles.fetch import fetch as fetch_bundle
    from stargazer_cli.commands.assets.common import COLUMNS, document, row

    bundle = load(name)
    notes: list[str] = []
    with progress(bundle.name) as moved:
        added = fetch_bundle(bundle, app.store, moved, notes.append)
    for each in notes:
        note(each)
    if as_json:
        emit_json([document(each.asset) | {"status": each.status} for each in added])
        return
    new = sum(each.status == "added" for each in added)
    note(f"{bundle.title}: {new} added to the store, {len(added) - new} already there.")
    table(COLUMNS, [row(each.asset) for each in added])


def _here(app: App, bundle: Bundle) -> str:
    return f"{sum(app.store.object(file.cid) is not None for file in bundle.files)} of {len(bundle.files)}"

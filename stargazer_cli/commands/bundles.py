"""`stargazer bundles`: sets of published files, by name."""

from typing import Any

import click

from stargazer_cli.app import App
from stargazer_cli.bundles import Bundle, load, names
from stargazer_cli.output import emit_json, note


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
        emit_json([_document(app, bundle) for bundle in every])
        return
    width = max(len(bundle.name) for bundle in every)
    for bundle in every:
        here = sum(app.store.object(file.cid) is not None for file in bundle.files)
        click.echo(f"{bundle.name:<{width}}  {here} of {len(bundle.files)} files here  {bundle.title}")


@bundles.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def show(app: App, name: str, as_json: bool) -> None:
    """Show what a bundle holds, and who published it."""
    bundle = load(name)
    if as_json:
        emit_json(_document(app, bundle))
        return
    click.echo(f"{bundle.title}\n{bundle.source}")
    for file in bundle.files:
        here = "here" if app.store.object(file.cid) else "not here"
        click.echo(f"\n{file.name}  {here}\n  cid={file.cid}")
        for key, value in bundle.asset(file).to_keyvalues().items():
            click.echo(f"  {key}={value}")


@bundles.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the assets.")
@click.pass_obj
def fetch(app: App, name: str, as_json: bool) -> None:
    r"""Bring the files of a bundle into the store: every byte is checked by its CID.

    All files are recorded, or none.

    \b
    stargazer bundles fetch variant_calling_demo
    """
    from stargazer_cli.bundles.fetch import fetch as fetch_bundle

    bundle = load(name)
    added = fetch_bundle(bundle, app.store)
    if as_json:
        emit_json([each.asset.to_dict() | {"status": each.status} for each in added])
        return
    new = sum(each.status == "added" for each in added)
    note(f"{bundle.title}: {new} files added, {len(added) - new} already there.")
    for each in added:
        click.echo(f"{each.asset.cid}  {each.asset.name}")


def _document(app: App, bundle: Bundle) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "title": bundle.title,
        "source": bundle.source,
        "files": [
            {
                "name": file.name,
                "cid": file.cid,
                "keyvalues": bundle.asset(file).to_keyvalues(),
                "here": app.store.object(file.cid) is not None,
            }
            for file in bundle.files
        ],
    }

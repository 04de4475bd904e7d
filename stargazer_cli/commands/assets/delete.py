"""`stargazer assets delete`."""

from typing import TYPE_CHECKING

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import confirm, document
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, note

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore
    from stargazer_cli.store.local import Link


@click.command(
    epilog=examples(
        "stargazer assets delete bafkrei…",
        "stargazer assets delete 3f2a51c09d7e4b68 --yes",
        "stargazer assets delete bafkrei… --remote",
    )
)
@click.argument("target", metavar="CID|ID")
@click.option("--force", is_flag=True, help="Delete it although other assets link to it.")
@click.option("--remote", is_flag=True, help="Delete a CID and its records at Pinata, and not here.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what was deleted as JSON.")
@click.pass_obj
def delete(app: App, target: str, *, force: bool, remote: bool, yes: bool, as_json: bool) -> None:
    """Remove an asset; the bytes go when no other asset has them.

    Refused while other assets link to it, unless --force is given: their links then lead nowhere.
    """
    if remote:
        _delete_remote(app, target, yes=yes, as_json=as_json)
        return
    named = app.store.find(id=target) or app.store.by_cid(target)
    # Of none or several the store says what is wrong, and of one that may not go.
    if len(named) == 1 and not yes:
        links = _links_that_break(app.store, named[0])
        if force or not links:
            for link in links:
                note(f"{link.asset.name or link.asset.cid} links to it: {link.field}")
            confirm(_question(named[0]))
    deleted = app.store.delete(target, force=force)
    if as_json:
        emit_json({"asset": document(deleted.asset), "object_removed": deleted.object_removed})
        return
    name = deleted.asset.name or deleted.asset.cid
    if deleted.object_removed:
        note(f"Deleted {name} and its bytes.")
    else:
        note(f"Deleted {name}; its bytes stay for the other assets that have them.")


def _delete_remote(app: App, cid: str, *, yes: bool, as_json: bool) -> None:
    from stargazer_cli.store.cid import check_cid
    from stargazer_cli.store.remote.sync import delete_remote

    check_cid(cid)
    if not yes:
        confirm(f"Delete {cid} and all that is recorded of it at Pinata?")
    deleted = delete_remote(app.settings, cid)
    if as_json:
        emit_json([{"cid": file.cid, "name": file.name, "network": file.network} for file in deleted])
    elif deleted:
        note(f"Deleted at Pinata: {', '.join(file.name or file.cid for file in deleted)}.")
    else:
        note("Pinata has no file of this CID.")


def _links_that_break(store: "LocalStore", asset: "Asset") -> list["Link"]:
    """Return the links of other assets to bytes that would go."""
    if len(store.by_cid(asset.cid)) > 1:
        return []
    return [link for link in store.links_to(asset.cid) if link.asset.cid != asset.cid]


def _question(asset: "Asset") -> str:
    what = " ".join(f"{key}={value}" for key, value in asset.to_keyvalues().items())
    return f"Delete {asset.name or asset.cid}{f' ({what})' if what else ''}?"

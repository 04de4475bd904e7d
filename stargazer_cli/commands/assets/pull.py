"""`stargazer assets pull`."""

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import document
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, note, progress, table

_SAID = {"pulled": "pulled", "notneeded": "not needed", "absent": "nowhere"}


@click.command(
    epilog=examples("stargazer assets pull bafkrei…", "stargazer assets pull bafkrei… --with-lineage")
)
@click.argument("cids", nargs=-1, required=True, metavar="CID...")
@click.option("--with-lineage", is_flag=True, help="Pull what they were made from and point at too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the files, with their assets.")
@click.pass_obj
def pull(app: App, cids: tuple[str, ...], *, with_lineage: bool, as_json: bool) -> None:
    """Bring files and what is recorded of them from Pinata into the store; every byte is verified.

    A file whose record is here already comes from wherever its bytes are, a public gateway for one.
    """
    from stargazer_cli.store.remote.sync import pull as pull_files

    with progress("pulling") as watch:
        pulled = pull_files(app.store, cids, with_lineage=with_lineage, progress=watch)
    if as_json:
        emit_json(
            [
                {
                    "cid": each.cid,
                    "name": each.name,
                    "status": each.status,
                    "assets": [document(asset) for asset in each.assets],
                }
                for each in pulled
            ]
        )
        return
    table(["status", "name", "cid"], [[_SAID[each.status], each.name, each.cid] for each in pulled])
    if absent := sum(each.status == "absent" for each in pulled):
        note(f"{absent:,} of the lineage could not be pulled: their bytes are neither here nor at Pinata.")

"""`stargazer assets push`."""

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, note, progress, table

_SAID = {
    "pushed": "pushed",
    "updated": "records pushed",
    "notneeded": "not needed",
    "absent": "not here",
}


@click.command(
    epilog=examples(
        "stargazer assets push bafkrei… bafybei…",
        "stargazer assets push bafkrei… --with-lineage",
        "stargazer assets push bafkrei… --public",
    )
)
@click.argument("targets", nargs=-1, required=True, metavar="CID|ID...")
@click.option("--with-lineage", is_flag=True, help="Push what they were made from and point at too.")
@click.option(
    "--public", is_flag=True, help="Onto the public network: anyone may get files and records, for good."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the files.")
@click.pass_obj
def push(app: App, targets: tuple[str, ...], *, with_lineage: bool, public: bool, as_json: bool) -> None:
    """Bring files and all that is recorded of them to the Pinata account of PINATA_JWT.

    They stay private unless --public or PINATA_VISIBILITY=public says otherwise. What is public is so with
    its records: sample ids, owner, runs, and the CIDs that it was made from. Bytes that are there are not
    sent again.
    """
    from stargazer_cli.store.remote.sync import push as push_files

    with progress("pushing") as watch:
        pushed = push_files(
            app.store,
            targets,
            network="public" if public else None,
            with_lineage=with_lineage,
            progress=watch,
        )
    if as_json:
        emit_json(
            [
                {
                    "cid": each.cid,
                    "name": each.name,
                    "status": each.status,
                    "network": each.network,
                    "size": each.size,
                }
                for each in pushed
            ]
        )
        return
    table(
        ["status", "network", "name", "cid"],
        [[_SAID[each.status], each.network, each.name, each.cid] for each in pushed],
    )
    if absent := sum(each.status == "absent" for each in pushed):
        note(f"{absent:,} of the lineage could not be pushed: their bytes are not in this store.")

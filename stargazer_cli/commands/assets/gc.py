"""`stargazer assets gc`."""

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import confirm
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, note, size_of, table


@click.command(epilog=examples("stargazer assets gc --dry-run", "stargazer assets gc --yes"))
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--force", is_flag=True, help="Also where the files seem to belong to records kept somewhere else."
)
@click.option("--json", "as_json", is_flag=True, help="Print what went, or would go, as JSON.")
@click.pass_obj
def gc(app: App, *, dry_run: bool, yes: bool, force: bool, as_json: bool) -> None:
    """Remove what nothing needs: bytes without a record, links to nothing, what killed processes left.

    Nothing that a record names is ever removed. Bytes that came within the last hour stay: their record may
    be on its way. Refused where most files have no record, as with a wrong STARGAZER_DB, or where another
    metadata file in the store's folder names what would go.
    """
    from stargazer_cli.store.upkeep import collect_garbage

    garbage = collect_garbage(app.store, dry_run=True, force=force)
    asks = bool(garbage.removed) and not (dry_run or yes)
    if garbage.removed and (asks or not as_json):
        rows = [[size_of(waste.bytes), str(waste.path)] for waste in garbage.removed]
        table(["size", "path"], rows, err=as_json)
    if asks:
        confirm(f"Remove these {len(garbage.removed):,} ({size_of(garbage.bytes)})?")
    if garbage.removed and not dry_run:
        # What became waste while the person read was not agreed to.
        garbage = collect_garbage(app.store, only={waste.path for waste in garbage.removed}, force=force)
    if as_json:
        emit_json(
            {
                "removed": not dry_run,
                "bytes": garbage.bytes,
                "files": [{"path": str(waste.path), "bytes": waste.bytes} for waste in garbage.removed],
            }
        )
        return
    said = "would be removed" if dry_run else "removed"
    note(
        f"{len(garbage.removed):,} {said}, {size_of(garbage.bytes)}."
        if garbage.removed
        else "Nothing to remove."
    )

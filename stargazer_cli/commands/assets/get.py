"""`stargazer assets get`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_json, note, progress

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore


@click.command(
    epilog=examples(
        "stargazer assets get bafkrei… -o GRCh38.fa",
        "stargazer assets get bafkrei… -o folder/ --with-companions",
    )
)
@click.argument("cid")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="Where to put the file; in a folder it keeps its name.",
)
@click.option(
    "--with-companions",
    is_flag=True,
    help="Copy what travels with it too (indexes, mate, tranches), into the folder --output.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the files.")
@click.pass_obj
def get(app: App, cid: str, output: Path, *, with_companions: bool, force: bool, as_json: bool) -> None:
    """Copy the file of a CID out of the store, or from a remote when it is not here; verified."""
    if with_companions:
        output.mkdir(parents=True, exist_ok=True)
    wanted = _wanted(app.store, cid, output, with_companions=with_companions)
    if not force:
        _check_absent(wanted)
    for each, path in wanted.items():
        with progress(path.name) as watch:
            app.store.get(each, path, overwrite=force, progress=watch)
        note(f"{path}: verified, {path.stat().st_size:,} bytes")
    if as_json:
        emit_json(
            [{"cid": each, "path": str(path), "size": path.stat().st_size} for each, path in wanted.items()]
        )


def _wanted(store: "LocalStore", cid: str, output: Path, *, with_companions: bool) -> dict[str, Path]:
    """Return where each file goes, by CID."""
    records = store.by_cid(cid)
    if not output.is_dir():
        return {cid: output}
    named = {cid: next((asset.name for asset in records if asset.name), cid)}
    if with_companions:
        for companion in (each for asset in records for each in asset.companions(store)):
            named.setdefault(companion.cid, companion.name or companion.cid)
    wanted: dict[str, Path] = {}
    for each, name in named.items():
        path = output / (Path(name).name or each)
        if path in wanted.values():
            raise UsageError(
                f"Two of the files are named {path.name}: they cannot go into one folder.",
                "Get each by its CID, under a path of its own.",
            )
        wanted[each] = path
    return wanted


def _check_absent(wanted: dict[str, Path]) -> None:
    """Refuse before the first file is written what would be refused at the last."""
    for path in wanted.values():
        if os.path.lexists(path):
            raise UsageError(f"{path} exists already.", "Give another path, or --force to replace it.")

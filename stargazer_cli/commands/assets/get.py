"""`stargazer assets get`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.paths import GivenPath, check_outside
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
    type=GivenPath(),
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
    from stargazer_cli.store.files import check_absent

    if with_companions and output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file, and --with-companions needs a folder.", "Give a folder.")
    into_folder = with_companions or output.is_dir()
    named = _named(app.store, cid, with_companions=with_companions)
    wanted = _placed(named, output) if into_folder else {cid: output}
    check_outside(app.store.root, wanted.values())
    # Before the first file is written.
    for path in () if force else wanted.values():
        check_absent(path)
    if into_folder:
        output.mkdir(parents=True, exist_ok=True)
    for each, path in wanted.items():
        with progress(path.name) as watch:
            app.store.get(each, path, overwrite=force, progress=watch)
        note(f"{path}: verified, {path.stat().st_size:,} bytes")
    if as_json:
        emit_json(
            [{"cid": each, "path": str(path), "size": path.stat().st_size} for each, path in wanted.items()]
        )


def _named(store: "LocalStore", cid: str, *, with_companions: bool) -> dict[str, str]:
    """Return the name of each file that is wanted, by CID."""
    from stargazer_cli.store import check_cid

    records = store.by_cid(cid)
    named = {cid if records else check_cid(cid): next((asset.name for asset in records if asset.name), cid)}
    if with_companions:
        for companion in (each for asset in records for each in asset.companions(store)):
            named.setdefault(companion.cid, companion.name or companion.cid)
    return named


def _placed(named: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Return where each file goes in a folder; a name in a record is no path."""
    placed: dict[str, Path] = {}
    for cid, name in named.items():
        path = folder / (Path(name).name or cid)
        if path in placed.values():
            raise UsageError(
                f"Two of the files are named {path.name}: they cannot go into one folder.",
                "Get each by its CID, under a path of its own.",
            )
        placed[cid] = path
    return placed

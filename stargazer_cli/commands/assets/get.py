"""`stargazer assets get`."""

from pathlib import Path

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.paths import GivenPath, check_outside
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_json, note, progress


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
    from stargazer_cli.store.copies import file_names
    from stargazer_cli.store.files import check_absent

    if with_companions and output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file, and --with-companions needs a folder.", "Give a folder.")
    into_folder = with_companions or output.is_dir()
    named = file_names(app.store, cid, with_companions=with_companions)
    wanted = {each: output / name if into_folder else output for each, name in named.items()}
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

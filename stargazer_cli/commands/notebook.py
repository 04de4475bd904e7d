"""`stargazer notebook`: look at results, and bring data, in notebooks."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_json, note, table

if TYPE_CHECKING:
    from stargazer_cli.notebooks.shelf import Copied, Notebook

_EPILOG = examples(
    "stargazer notebook germline         the variants of a cohort, as a notebook",
    "stargazer notebook scrna --app      the clusters of a sample, without the code",
    "stargazer notebook                  choose in the browser",
    "stargazer notebook --list",
)
_SAID = {
    "none": "not copied yet",
    "same": "as it came",
    "older": "as an earlier version had it; opening it brings the new one",
    "edited": "edited by you",
}


@click.command(epilog=_EPILOG)
@click.argument("name", required=False)
@click.option("--list", "listed", is_flag=True, help="List the notebooks, and start nothing.")
@click.option("--copy", "copies", is_flag=True, help="Only make the copies, and show where they are.")
@click.option("--fresh", is_flag=True, help="Open one more copy, as the notebook came, beside yours.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where your copies are; by default the setting STARGAZER_NOTEBOOKS.",
)
@click.option("--app", "as_app", is_flag=True, help="Show the results without the code.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen on: loopback."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; by default a free one.")
@click.option("--no-open", is_flag=True, help="Open no browser: only print the address.")
@click.option("--json", "as_json", is_flag=True, help="With --list or --copy: print one JSON document.")
@click.pass_obj
def notebook(
    app: App,
    /,
    *,
    name: str | None,
    listed: bool,
    copies: bool,
    fresh: bool,
    folder: Path | None,
    as_app: bool,
    host: str,
    port: int | None,
    no_open: bool,
    as_json: bool,
) -> None:
    """Open a notebook, or all of them, in the browser: Marimo, on this machine only.

    You work in a copy, which later versions of Stargazer bring up to date as long as you did not edit it.
    The address that is shown holds a token: who has it can run code as you. Ctrl-C ends the server and all
    that it started, except runs, which go on in the background.
    """
    from stargazer_cli.notebooks import server, shelf
    from stargazer_cli.settings import checked_folder

    place = checked_folder(folder, "--folder") if folder else app.settings.notebooks
    if as_json and not (listed or copies):
        raise UsageError("--json goes with --list or --copy.", "A server prints no document.")
    if listed:
        _list(place, as_json=as_json)
        return
    wanted = shelf.find(name, place) if name else None
    if fresh and not isinstance(wanted, shelf.Notebook):
        raise UsageError("--fresh needs the name of a notebook.", "`stargazer notebook --list` shows them.")
    if copies:
        _show_copies(_copies(wanted, place, fresh=fresh), as_json=as_json)
        return
    server.require_marimo()
    where = server.address(host, port)
    made = _copies(wanted, place, fresh=fresh)
    for each in made:
        if each.status == "kept" and wanted:
            note(f"{each.path} is as you edited it; --fresh opens the notebook as it comes.")
    target = made[0].path if wanted else place
    server.serve(target, where, note, as_app=as_app, open_browser=not no_open)


def _list(folder: Path, *, as_json: bool) -> None:
    """Print the notebooks, and what became of their copies."""
    from stargazer_cli.notebooks import shelf

    found = [(each, shelf.state(each, folder)) for each in shelf.NOTEBOOKS.values()]
    if as_json:
        emit_json(
            [
                {"name": each.name, "title": each.title, "copy": str(each.copy_in(folder)), "state": state}
                for each, state in found
            ]
        )
        return
    table(
        ("NAME", "WHAT IT SHOWS", "YOUR COPY"),
        [(each.name, each.title, _SAID[state]) for each, state in found],
    )
    click.echo(f"\nYour copies are in {folder}")


def _copies(wanted: "Notebook | Path | None", folder: Path, *, fresh: bool) -> "list[Copied]":
    """Bring the copies up to date: of one notebook, or of all where none is named."""
    from stargazer_cli.notebooks import shelf

    if isinstance(wanted, Path):
        return [shelf.Copied(wanted, "unchanged")]
    if wanted:
        return [shelf.fresh(wanted, folder) if fresh else shelf.copy(wanted, folder)]
    return [shelf.copy(each, folder) for each in shelf.NOTEBOOKS.values()]


def _show_copies(made: "list[Copied]", *, as_json: bool) -> None:
    if as_json:
        emit_json([{"path": str(each.path), "status": each.status} for each in made])
        return
    for each in made:
        click.echo(f"{each.status:<9}  {each.path}")

"""`stargazer browse`: the assets and runs of the store in a browser."""

import os
import secrets
import sys
import threading
import webbrowser
from pathlib import Path

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.paths import GivenPath
from stargazer_cli.errors import needing
from stargazer_cli.output import note

_FIRST_PORT = 8766


@click.command(
    epilog=examples(
        "stargazer browse",
        "stargazer browse --no-open --port 9000    elsewhere; then ssh -L 9000:localhost:9000 THERE",
    )
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a token."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on; by default a free one.")
@click.option("--no-open", is_flag=True, help="Open no browser: only print the address.")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="FOLDER",
    type=GivenPath(),
    help="A folder whose files the page may store; may be repeated. By default STARGAZER_ROOTS'.",
)
@click.pass_obj
def browse(app: App, *, host: str, port: int | None, no_open: bool, roots: tuple[Path, ...]) -> None:
    """Show the assets and runs of the store in a browser: find, add, change, delete, trace, run, follow.

    The address that is shown holds a token, anew each time unless STARGAZER_TOKEN is set: who has it can do
    as you can here. Ctrl-C ends the server; runs that were started go on.
    """
    with needing("`stargazer browse`", "fastapi", "web"):
        from stargazer_cli.web.app import UPLOAD, make_app
    from stargazer_cli.serving.access import Roots
    from stargazer_cli.serving.guard import Guard, Session
    from stargazer_cli.serving.listen import listen, serve
    from stargazer_cli.serving.pinned import pin_store

    allowed = Roots.of(app.settings, roots)
    given = app.settings.token.get_secret_value() if app.settings.token else ""
    where = listen(host, port, given, first_port=_FIRST_PORT)
    token = given or secrets.token_urlsafe(32)
    session = Session.new(where.port)
    application = make_app(app.store, allowed, session.csrf)
    pin_store(app.settings)
    guard = Guard(
        application,
        where.hosts,
        token,
        session=session,
        # Behind a proxy, which is another user's, there is a token of one's own.
        own_user=not given,
        unlimited=[UPLOAD],
    )

    def ready() -> None:
        click.echo(f"Stargazer: {where.url}/?token={token}")
        note("Ctrl-C ends it.")
        if not no_open and _has_screen():
            once = f"{where.url}/?token={session.code}"
            threading.Thread(target=webbrowser.open, args=[once], daemon=True).start()

    serve(guard, where, ready)


def _has_screen() -> bool:
    """Whether a browser has a window to open: one for terminals would take over this one."""
    return sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )

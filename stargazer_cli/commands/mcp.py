"""`stargazer mcp`: serve the store and the pipeline to agents."""

import os
from pathlib import Path

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.paths import GivenPath
from stargazer_cli.errors import needing

_FIRST_PORT = 8765


@click.command(
    epilog=examples(
        "stargazer mcp --root ~/sequencing",
        "stargazer mcp --http --port 8765",
    )
)
@click.option("--http", is_flag=True, help="Serve streamable HTTP, and not standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on, with --http.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port, with --http; by default a free one.")
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="FOLDER",
    type=GivenPath(),
    help="A folder that clients may read and write files in; may be repeated. By default STARGAZER_ROOTS'.",
)
@click.pass_obj
def mcp(app: App, *, http: bool, host: str, port: int | None, roots: tuple[Path, ...]) -> None:
    """Serve the store and the pipeline to agents, as tools of the Model Context Protocol.

    An agent's program starts this command and talks to it over standard input and output. With --http it
    listens on this machine; on another address only with a token of 32 characters or more in
    STARGAZER_TOKEN, which clients then send as a bearer token. Runs that a client starts go on without it.
    """
    from stargazer_cli.serving.access import Roots
    from stargazer_cli.serving.listen import listen
    from stargazer_cli.serving.pinned import pin_store

    # What is wrong with folders and address is told before FastMCP is loaded, which takes a second.
    usable = Roots.of(app.settings, roots)
    token = app.settings.token.get_secret_value() if app.settings.token else ""
    where = listen(host, port, token, first_port=_FIRST_PORT) if http else None
    _need_fastmcp()
    from stargazer_cli.mcp.server import make_server, serve_here, serve_http

    server = make_server(app, usable)
    pin_store(app.settings)
    if where is None:
        serve_here(server)
    else:
        serve_http(server, where, token)


def _need_fastmcp() -> None:
    """Refuse to go on without the extra."""
    # FastMCP would read the file .env of the current folder, which may have come from someone else.
    os.environ["FASTMCP_ENV_FILE"] = os.devnull
    with needing("`stargazer mcp`", "fastmcp", "mcp"):
        import fastmcp  # noqa: F401

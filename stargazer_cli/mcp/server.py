"""The server with all of its tools, and how it is run."""

import signal
from typing import TYPE_CHECKING

from fastmcp import FastMCP
from fastmcp.resources import FunctionResource
from pydantic import AnyUrl

from stargazer_cli import __version__
from stargazer_cli.app import App
from stargazer_cli.mcp.assets import AssetTools
from stargazer_cli.mcp.bundles import BundleTools
from stargazer_cli.mcp.config import config_of
from stargazer_cli.mcp.runs import RunTools
from stargazer_cli.mcp.tasks import CatalogueTools

if TYPE_CHECKING:
    from stargazer_cli.serving.access import Roots
    from stargazer_cli.serving.listen import Listening

PATH = "/mcp"
# On stderr, where a program shows or keeps it.
_LOG_LEVEL = "WARNING"
_INSTRUCTIONS = """\
Stargazer runs genomics pipelines on files that are named by their content (CID) and found by what they are.

1. query_files shows what the store holds; upload_file adds files, fetch_resource_bundle published ones.
2. list_tasks shows the workflows and single tasks, with their parameters.
3. run_workflow or run_task runs one. What an earlier run made already is reused. A run goes on without you:
   with background=true its run_id comes at once, and get_run tells how it stands.
4. get_lineage tells what a result was made from, download_file copies it out of the store.

Files are assets: `keyvalues` say the kind (`asset`) and what it is of (sample_id, build, …). An error says
what is wrong and, after "Hint:", what to do. Commands in a hint are for the user's shell.
"""


def make_server(app: App, roots: "Roots") -> FastMCP:
    """Return the server over the store of `app`, which reads and writes users' files below `roots` only."""
    server: FastMCP = FastMCP(
        "stargazer", instructions=_INSTRUCTIONS, version=__version__, mask_error_details=True
    )
    groups = (CatalogueTools(), RunTools(), AssetTools(app, roots), BundleTools(app))
    for tool in (tool for group in groups for tool in group.tools()):
        server.add_tool(tool)
    # As it was when the server was started, which keeps to it.
    config = config_of(app.settings, roots).model_dump_json(indent=2)
    server.add_resource(
        FunctionResource(
            uri=AnyUrl("stargazer://config"),
            name="config",
            title="How the server is set up",
            description="Every setting and where it came from, secrets masked, and the folders for files.",
            mime_type="application/json",
            fn=lambda: config,
        )
    )
    return server


def serve_http(server: FastMCP, where: "Listening", token: str) -> None:
    """Serve streamable HTTP until Ctrl-C or a stop signal, to who has the token where there is one."""
    from stargazer_cli.output import note
    from stargazer_cli.serving.guard import Guard
    from stargazer_cli.serving.listen import serve

    application = Guard(server.http_app(path=PATH), where.hosts, token)
    asked = "; clients send the token as Authorization: Bearer …" if token else ""
    serve(application, where, lambda: note(f"Serving agents at {where.url}{PATH} (Ctrl-C ends it{asked})"))


def serve_here(server: FastMCP) -> None:
    """Serve over standard input and output, until the client closes them or a signal ends it."""
    # The thread that reads cannot be interrupted: a Ctrl-C would wait for the next line. It ends at once, as
    # by SIGTERM: runs are processes of their own, and whatever else is cut off leaves the store whole.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    server.run("stdio", show_banner=False, log_level=_LOG_LEVEL)

"""The `stargazer` command: its groups, and how an error reaches the user."""

import sys
from typing import Any

import click

from stargazer_cli import __version__
from stargazer_cli.app import App
from stargazer_cli.commands.lazy import LazyGroup
from stargazer_cli.errors import StargazerError, fault
from stargazer_cli.output import note, printable

# name -> (module, attribute, one line of help). Modules are imported when their command is called,
# so that `--help` answers at once.
_COMMANDS = {
    "demo": ("demo", "demo", "Run a pipeline on the bundled data, whose truth is known."),
    "run": ("run", "run", "Run a workflow on assets of the store."),
    "assets": ("assets", "assets", "Keep files by what they are: add, find, get, change, check, move."),
    "bundles": ("bundles", "bundles", "List and fetch sets of published files."),
    "tasks": ("tasks", "tasks", "List what the pipeline can do, and run one task alone."),
    "runs": ("runs", "runs", "Look at runs, follow and end them, and run them again."),
    "browse": ("browse", "browse", "Look at assets and runs, and start runs, in a browser."),
    "notebook": ("notebook", "notebook", "Look at results, and bring data, in notebooks."),
    "setup": ("setup", "setup", "Find the tools, and get what is missing."),
    "build-images": ("build_images", "build_images", "Build the images that tasks run in."),
    "mcp": ("mcp", "mcp", "Serve the store and the pipeline to agents (Model Context Protocol)."),
    "doctor": ("setup", "doctor", "Show each tool, its version and where it came from."),
    "config": ("config", "config", "Show every setting and where it came from."),
}


@click.group(
    cls=LazyGroup,
    package=__package__,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="stargazer")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def root(ctx: click.Context, debug: bool) -> None:
    """Run genomics pipelines on content-addressed data."""
    ctx.obj = App(debug=debug)
    _show_notices(ctx)


def _show_notices(ctx: click.Context) -> None:
    """Print what the library logs for the person who watches, escaped as everything else is."""
    import logging

    class Notices(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note(record.getMessage())

    notices, logger = Notices(logging.WARNING), logging.getLogger("stargazer")
    logger.addHandler(notices)
    ctx.call_on_close(lambda: logger.removeHandler(notices))


def _show(error: StargazerError) -> None:
    """Print an error; a line break in a name is escaped with the rest, and makes no line of its own."""
    first, *others = error.lines()
    for line in (f"Error: {first}", *others):
        note(line)


def cli(args: list[str] | None = None) -> None:
    """Entry point: run a command; an error becomes one or two lines and an exit code."""
    debug = "--debug" in (sys.argv[1:] if args is None else args)
    try:
        result: Any = root.main(args=args, prog_name="stargazer", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Error: Interrupted.", err=True)
        sys.exit(1)
    except click.ClickException as error:
        # click repeats the user's words as they are.
        vars(error)["message"] = printable(error.message)
        error.show()
        sys.exit(error.exit_code)
    except StargazerError as error:
        if debug:
            raise
        _show(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if debug:
            raise
        _show(fault(error))
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)

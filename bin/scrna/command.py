"""What the executables share: their common options, their messages and their exit codes."""

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scrna.errors import InputError
from scrna.options import add_arguments, from_arguments
from scrna.steps import IMPORT, Step, step_of

if TYPE_CHECKING:
    from anndata import AnnData


def parser_of(text: str) -> argparse.ArgumentParser:
    """Return a parser with the options of every executable; `text` is the executable's docstring."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="input file")
    parser.add_argument("--name", metavar="TEXT", help="how messages call the input (default: its path)")
    return parser


def run_step(task: str, text: str, arguments: Sequence[str] | None = None) -> int:
    """Run the step `task` on one file, as its executable's command line says; returns the exit code."""
    step = step_of(task)
    parser = parser_of(text)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help=f"the {step.stage} AnnData"
    )
    parser.add_argument("--summary", type=Path, metavar="FILE", help="numbers of the result as JSON")
    if task == "find_markers":
        parser.add_argument("--markers", type=Path, metavar="FILE", help="the table of markers as CSV")
    add_arguments(parser, step.options)
    given = parser.parse_args(arguments)
    chosen = from_arguments(step.options, given)

    def work() -> None:
        from scrna import files
        from scrna.chain import write_outputs

        files.check_folder(given.output)
        # Reading first: a bad file is refused before a second is spent on loading the step.
        source = given.input if step is IMPORT else files.read_h5ad(given.input)
        adata = files.canonical(step.load()(source, chosen))
        write_outputs(step, adata, given.output, given.summary, getattr(given, "markers", None))
        tell_notes(step, adata)

    return guarded(work, given.name or str(given.input))


def tell_notes(step: Step, adata: "AnnData") -> None:
    """Print what a person must know about the result of a step."""
    from scrna.provenance import notes_of

    for note in notes_of(adata, step.task):
        print(f"{step.task}: note: {note}", file=sys.stderr)


def guarded(work: Callable[[], None], name: str) -> int:
    """Do `work`; say in one line what is wrong where the input, the options or the installation are at fault.

    Libraries' warnings are not shown unless Python was asked for them (`-W`): what matters becomes a note.
    """
    program = Path(sys.argv[0]).name
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    try:
        work()
    except InputError as error:
        print(f"{program}: error: {error.file or name}: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f"{program}: error: this Python has no {error.name}; use a container (-profile docker or podman),"
            " `stargazer setup`, or pip install 'stargazer[scrna]'",
            file=sys.stderr,
        )
        return 1
    except MemoryError:
        print(f"{program}: error: {name}: out of memory; give the step more", file=sys.stderr)
        return 1
    return 0

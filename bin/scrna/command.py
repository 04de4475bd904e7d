"""What the executables share: their common options, their messages and their exit codes."""

import argparse
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrna.errors import InputError, WriteError
from scrna.options import Cluster, ReduceDimensions, add_arguments, from_arguments, name_clash
from scrna.steps import CHAIN, IMPORT, Step, step_of

if TYPE_CHECKING:
    from anndata import AnnData


_SAMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


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
    refuse_wrong_use(parser, chosen)
    markers = getattr(given, "markers", None)

    def work() -> None:
        from scrna import files
        from scrna.chain import write_outputs

        for output in filter(None, (given.output, given.summary, markers)):
            files.check_folder(output)
        # Reading first: a bad file is refused before a second is spent on loading the step.
        source = given.input if step is IMPORT else files.read_h5ad(given.input, raw=step is CHAIN[0])
        adata = files.canonical(step.load()(source, chosen))
        write_outputs(step, adata, given.output, given.summary, markers)
        tell_notes(step, adata)

    return guarded(work, given.name or str(given.input))


def sample_name(text: str) -> str:
    """Check the name of a sample, which becomes part of file names; the pipeline has the same rule."""
    if not _SAMPLE.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no sample name: at most 100 of A-Z a-z 0-9 . _ -, the first a letter or digit"
        )
    return text


def refuse_wrong_use(parser: argparse.ArgumentParser, *chosen: Any) -> None:
    """Leave with the message for wrong usage where the options of a step do not go together."""
    batch_keys = {key for options in chosen if (key := getattr(options, "batch_key", None))}
    for options in chosen:
        if isinstance(options, Cluster):
            problem = name_clash(options.key_added, options.more_resolutions, batch_keys)
            if problem:
                parser.error(problem)
        if (
            isinstance(options, ReduceDimensions)
            and options.integrate == "harmony"
            and options.batch_key is None
        ):
            parser.error("--integrate harmony needs --batch-key, the obs column that tells batches")


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
        print(f"{program}: error: {error.file or name}: {error}", file=sys.stderr, flush=True)
        if isinstance(error, WriteError):
            os._exit(1)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
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

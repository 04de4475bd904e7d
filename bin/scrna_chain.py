#!/usr/bin/env python3
"""Run all steps that are left, from quality control to markers, in one process.

Leaves the same files as the single steps, byte for byte, in the output folder: <sample>.<stage>.h5ad and
<sample>.<stage>.summary.json for each step, and <sample>.markers.csv. Where a step fails, the files of the
steps before it stay.
"""

import sys
from pathlib import Path

from scrna.command import guarded, parser_of, refuse_wrong_use, sample_name, tell_notes
from scrna.options import add_arguments, from_arguments
from scrna.steps import CHAIN, STAGES, steps_after


def main() -> int:
    """Read the command line and run the chain; returns the exit code."""
    parser = parser_of(__doc__)
    parser.add_argument(
        "--from-stage", choices=STAGES[:-1], default="raw", help="how far the input is (default: raw)"
    )
    parser.add_argument(
        "--sample",
        type=sample_name,
        required=True,
        metavar="NAME",
        help="what the names of the files begin with",
    )
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="FOLDER", help="folder of the files (default: .)"
    )
    add_arguments(parser, *(step.options for step in CHAIN))
    given = parser.parse_args()
    target = given.outdir / given.sample
    options = {step.task: from_arguments(step.options, given) for step in CHAIN}
    refuse_wrong_use(parser, *options.values())

    def work() -> None:
        from scrna.chain import run_chain

        run_chain(given.input, steps_after(given.from_stage), options, target, tell_notes)

    return guarded(work, given.name or str(given.input))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Show a finished sample: a report to look at (one HTML file) and its numbers (JSON).

The input is the annotated AnnData that find_markers.py makes. With --labels, a CSV with the header
cell,label or cell,label,sample, the clusters are compared with labels that the cells have from elsewhere.
"""

import sys
from pathlib import Path

from scrna.command import guarded, parser_of


def main() -> int:
    """Read the command line and write both files; returns the exit code."""
    parser = parser_of(__doc__ or "")
    parser.add_argument("--sample", required=True, metavar="NAME", help="what the sample is called")
    parser.add_argument("--report", type=Path, required=True, metavar="FILE", help="the report, HTML")
    parser.add_argument("--summary", type=Path, required=True, metavar="FILE", help="the numbers, JSON")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="known labels of the cells, CSV")
    parser.add_argument(
        "--labels-name", metavar="TEXT", help="how messages call the labels (default: their path)"
    )
    given = parser.parse_args()

    def work() -> None:
        from scrna.report import report_files

        report_files(
            given.input,
            given.sample,
            report=given.report,
            summary=given.summary,
            labels=given.labels,
            labels_name=given.labels_name or "",
        )

    return guarded(work, given.name or str(given.input))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Lay out a folder that MultiQC makes the report of a germline run from.

It holds the metrics of the samples under their names, our own sections (how the run was made, whether the
samples are who they should be), and multiqc_config.yaml.
"""

import argparse
import json
import sys
from pathlib import Path

from germline.genotypes import read_genotypes
from germline.pedigree import read_pedigree
from germline.report import Sources, files_by_kind, write_report


def main() -> int:
    """Read the command line and write the folder; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--run", type=Path, required=True, metavar="FILE", help="how the run was made, JSON")
    parser.add_argument("--metrics", type=Path, required=True, metavar="FOLDER", help="SAMPLE.KIND files")
    parser.add_argument("--genotypes", type=Path, required=True, metavar="FILE", help="of bcftools_query")
    parser.add_argument("--fai", type=Path, required=True, metavar="FILE", help="the reference's index")
    parser.add_argument("--pedigree", type=Path, metavar="FILE", help="sexes and parents, PED")
    parser.add_argument("--outdir", type=Path, required=True, metavar="FOLDER", help="a new folder")
    given = parser.parse_args()
    run = json.loads(given.run.read_text(encoding="utf-8"))
    rows = (line.split("\t") for line in given.fai.read_text(encoding="utf-8").splitlines())
    sources = Sources(
        run=run,
        files=files_by_kind(given.metrics, run["samples"], run["cohort_id"]),
        genotypes=read_genotypes(given.genotypes),
        lengths={row[0]: int(row[1]) for row in rows},
        people=read_pedigree(given.pedigree) if given.pedigree else {},
    )
    for hint in write_report(sources, given.outdir).hints:
        print(f"germline_report.py: {hint}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

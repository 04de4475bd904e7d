#!/usr/bin/env python3
"""Turn 10x counts into a raw-count AnnData.

The input is a 10x .h5 file, a folder with matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv), each
perhaps gzipped, or a tar of such a folder. Only Gene Expression features are taken.
"""

import sys

from scrna.command import run_step

if __name__ == "__main__":
    sys.exit(run_step("import_counts", __doc__))

#!/usr/bin/env python3
"""Remove poor cells, rare genes and doublets from a raw-count AnnData, and record what went and why.

Counts are whole numbers in X, else in layers['counts'], else in .raw; the result keeps them unchanged.
Limits given in % are of a cell's counts. Cells beyond a limit go, cells at the limit stay.
"""

import sys

from scrna.command import run_step

if __name__ == "__main__":
    sys.exit(run_step("qc_filter", __doc__))

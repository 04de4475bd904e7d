#!/usr/bin/env python3
"""Find the genes that tell each group of cells from all others, on log-normalised values.

Every gene is tested; the table of markers has those that pass the limits. With marker sets, each group gets
a hint at its cell type: the set that it expresses most, compared with the other groups.
"""

import sys

from scrna.command import run_step

if __name__ == "__main__":
    sys.exit(run_step("find_markers", __doc__))

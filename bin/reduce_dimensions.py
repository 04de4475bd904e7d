#!/usr/bin/env python3
"""Place cells by the selected genes: principal components, Harmony if asked for, neighbours and UMAP."""

import sys

from scrna.command import run_step

if __name__ == "__main__":
    sys.exit(run_step("reduce_dimensions", __doc__))

#!/usr/bin/env python3
"""Mark the genes that vary most between cells in var['highly_variable']; no gene is removed."""

import sys

from scrna.command import run_step

if __name__ == "__main__":
    sys.exit(run_step("select_features", __doc__))

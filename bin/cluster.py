#!/usr/bin/env python3
"""Group cells into clusters of the neighbour graph by Leiden, at one resolution or several."""

import sys

from scrna.command import run_step

if __name__ == "__main__":
    sys.exit(run_step("cluster", __doc__))

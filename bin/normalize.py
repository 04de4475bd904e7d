#!/usr/bin/env python3
"""Keep the raw counts in layers['counts'], then scale each cell to one depth and take log(1 + x) in X."""

import sys

from scrna.command import run_step

if __name__ == "__main__":
    sys.exit(run_step("normalize", __doc__))

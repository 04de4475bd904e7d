#!/usr/bin/env python3
"""Print the versions of the libraries that every single-cell step uses, and of those named.

usage: scanpy_versions.py [LIBRARY ...]    (one line each: library=version; one that is not there has no line)
"""

import sys
from importlib.metadata import PackageNotFoundError, version

SHARED = ("anndata", "h5py", "numpy", "pandas", "scanpy", "scipy")


def main(names: list[str]) -> None:
    """Print a line for each library that this Python has."""
    if {"-h", "--help"} & set(names):
        print(__doc__)
        return
    for name in sorted({*SHARED, *names}):
        try:
            print(f"{name}={version(name)}")
        except PackageNotFoundError:
            continue


if __name__ == "__main__":
    main(sys.argv[1:])

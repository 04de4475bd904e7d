#!/usr/bin/env python3
"""Write the lock files of the Python environments: each package's version and the sha256 of its files.

    scripts/lock_python.py [scanpy] [multiqc]

`uv` (on PATH) resolves them once, here, for every platform and Python that their releases run on;
`stargazer setup` and the images then install exactly those files. The single-cell environment is the extra
`scrna` of pyproject.toml; MultiQC's is its pinned release without what its reports here do not use.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from stargazer_cli.tools.multiqc_env import LEFT_OUT  # noqa: E402
from stargazer_cli.tools.spec import MULTIQC_VERSION  # noqa: E402

LOCKS = HERE / "stargazer_cli" / "tools" / "locks"
WRITTEN = "for Python 3.11 to 3.13, written by scripts/lock_python.py.\n"


def resolve(requirements: Sequence[str], left_out: Sequence[str] = ()) -> str:
    """Return the pinned packages, with their hashes, that fulfil the requirements."""
    done = subprocess.run(
        ["uv", "pip", "compile", "-", "--universal", "--python-version", "3.11", "--generate-hashes",
         "--no-header", "--no-annotate", "--quiet", *(f"--no-emit-package={name}" for name in left_out)],
        input="\n".join(requirements),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def lock_scanpy() -> tuple[str, str]:
    """Resolve the extra of pyproject.toml; returns the header and the pinned packages."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = project["optional-dependencies"]["scrna"]
    return f"# The extra `scrna` of pyproject.toml {WRITTEN}", resolve(extra)


def lock_multiqc() -> tuple[str, str]:
    """Resolve the pinned release, less what it can do without; returns the header and the packages."""
    without = f"{', '.join(LEFT_OUT[:-1])} and {LEFT_OUT[-1]}"
    return f"# MultiQC without {without} {WRITTEN}", resolve([f"multiqc=={MULTIQC_VERSION}"], LEFT_OUT)


LOCKERS = {"scanpy": lock_scanpy, "multiqc": lock_multiqc}


def main() -> None:
    """Write `<name>-<version>.txt` of each environment that is named beside the other locks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="scanpy or multiqc; both by default")
    names = parser.parse_args().names or list(LOCKERS)
    for name in names:
        if name not in LOCKERS:
            parser.error(f"there is no environment {name}: {', '.join(LOCKERS)}")
        header, packages = LOCKERS[name]()
        found = re.search(rf"^{name}==(\S+)", packages, re.M)
        if found is None:
            sys.exit(f"uv resolved no {name}")
        lock = LOCKS / f"{name}-{found[1]}.txt"
        lock.write_text(header + packages, encoding="utf-8")
        print(lock.relative_to(HERE))


if __name__ == "__main__":
    main()

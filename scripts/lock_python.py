#!/usr/bin/env python3
"""Write the lock file of the single-cell environment: each package's version and the sha256 of its files.

    scripts/lock_python.py

`uv` (on PATH) resolves the extra `scrna` of pyproject.toml once, here, for every platform and Python that
scanpy's release runs on; `stargazer setup` and the scanpy image then install exactly those files.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
LOCKS = HERE / "stargazer_cli" / "tools" / "locks"
HEADER = "# The extra `scrna` of pyproject.toml for Python 3.11 to 3.13, written by scripts/lock_python.py.\n"


def main() -> None:
    """Resolve the extra and write `scanpy-<version>.txt` beside the other locks."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    done = subprocess.run(
        ["uv", "pip", "compile", "-", "--universal", "--python-version", "3.11", "--generate-hashes",
         "--no-header", "--no-annotate", "--quiet"],
        input="\n".join(project["optional-dependencies"]["scrna"]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(done.stderr)
    found = re.search(r"^scanpy==(\S+)", done.stdout, re.M)
    if found is None:
        sys.exit("uv resolved no scanpy")
    lock = LOCKS / f"scanpy-{found[1]}.txt"
    lock.write_text(HEADER + done.stdout, encoding="utf-8")
    print(lock.relative_to(HERE))


if __name__ == "__main__":
    main()

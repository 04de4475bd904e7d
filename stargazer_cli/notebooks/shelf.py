"""Which notebooks come with the package, and the copies that users work in.

The package's own files are never opened: whoever edits a notebook edits a copy. A copy that was not edited
follows the package to a newer version, one that was edited stays as it is.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stargazer_cli.assets import did_you_mean
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import replace_file

_PAGES = Path(__file__).parent / "pages"
# Beside the copies: the sha256 of each as it was made.
_MADE = ".copies.json"

State = Literal["none", "same", "older", "edited"]


@dataclass(frozen=True)
class Notebook:
    """A notebook of the package."""

    name: str
    title: str

    @property
    def original(self) -> Path:
        """The package's own file."""
        return _PAGES / f"{self.name}.py"

    def copy_in(self, folder: Path) -> Path:
        """Return where its copy is, or would be."""
        return folder / self.original.name


NOTEBOOKS = {
    each.name: each
    for each in (
        Notebook("data", "Bring your own data: add files, say what they are, run a workflow."),
        Notebook("germline", "Germline results: variants, genotypes, coverage and quality."),
        Notebook("scrna", "Single-cell results: UMAP by cluster and by gene, markers and quality."),
        Notebook("provenance", "Provenance: what a result was made from, and by which runs."),
    )
}


@dataclass(frozen=True)
class Copied:
    """A copy and what became of it: `kept` is one that its user edited."""

    path: Path
    status: Literal["made", "updated", "unchanged", "kept"]


def find(name: str, folder: Path) -> Notebook | Path:
    """Return a notebook of the package, or the user's own file of that name in their folder.

    Raises UsageError, with the names there are, where there is neither.
    """
    if name in NOTEBOOKS:
        return NOTEBOOKS[name]
    own = folder / f"{name.removesuffix('.py')}.py"
    if own.parent == folder and own.is_file():
        return own
    raise UsageError(
        f"There is no notebook {name!r}.{did_you_mean(name, NOTEBOOKS)}",
        f"The notebooks are: {', '.join(NOTEBOOKS)}, and your own in {folder}.",
    )


def state(notebook: Notebook, folder: Path) -> State:
    """Say whether there is a copy, and whether it is as the package has it now."""
    copy = notebook.copy_in(folder)
    if not os.path.lexists(copy):
        return "none"
    there = _digest(copy)
    if there == _digest(notebook.original):
        return "same"
    return "older" if there and there == _read_made(folder).get(copy.name) else "edited"


def copy(notebook: Notebook, folder: Path) -> Copied:
    """Bring the copy of a notebook up to date, or make it; one that was edited is left as it is."""
    target = notebook.copy_in(folder)
    before = state(notebook, folder)
    if before in ("same", "edited"):
        return Copied(target, "unchanged" if before == "same" else "kept")
    _write(notebook, target, replace=before == "older")
    return Copied(target, "made" if before == "none" else "updated")


def fresh(notebook: Notebook, folder: Path) -> Copied:
    """Make one more copy, under a name that is free: germline-2.py."""
    target, number = notebook.copy_in(folder), 2
    while os.path.lexists(target):
        target = folder / f"{notebook.name}-{number}.py"
        number += 1
    _write(notebook, target, replace=False)
    return Copied(target, "made")


def _write(notebook: Notebook, target: Path, *, replace: bool) -> None:
    """Put the notebook there; without `replace` nothing is ever overwritten."""
    content = notebook.original.read_bytes()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if replace:
            replace_file(target, content)
        else:
            with target.open("xb") as stream:
                stream.write(content)
        made = _read_made(target.parent) | {target.name: hashlib.sha256(content).hexdigest()}
        replace_file(target.parent / _MADE, json.dumps(made, indent=2).encode())
    except OSError as error:
        raise StargazerError(
            f"The copy {target} cannot be made: {error.strerror}.", "Name another folder with --folder."
        ) from None


def _read_made(folder: Path) -> dict[str, str]:
    """Return what the copies were when they were made; of a file that cannot be read, nothing."""
    try:
        made = json.loads((folder / _MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return made if isinstance(made, dict) else {}


def _digest(file: Path) -> str:
    """Return the sha256 of a file; empty where it cannot be read, as a link to nothing."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""

"""From the paths that a user names to the files that are meant: what is in a folder, and what is left out."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stargazer_cli.assets.matrix import holds_matrix, is_whole_matrix
from stargazer_cli.errors import UsageError

# Folders that are one thing, told by a file in them, and how each becomes a file.
_ONE_THING = {
    ".zgroup": ("a Zarr store", "Write it as one file: anndata.read_zarr(FOLDER).write_h5ad(FILE)"),
    "zarr.json": ("a Zarr store", "Write it as one file: anndata.read_zarr(FOLDER).write_h5ad(FILE)"),
    "vidmap.json": ("a GenomicsDB workspace", "Pack it: tar -cf WORKSPACE.tar WORKSPACE"),
}


@dataclass
class Gathered:
    """Files, and folders that are one asset each; `left_out` says which were not taken, and why."""

    paths: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def gather(paths: Sequence[Path]) -> Gathered:
    """Return each file once, in the order given, and those of a folder in the order of their names.

    A folder with the files of a count matrix is one asset and stays a folder. Other folders that mean
    something only as a whole are refused.
    """
    gathered = Gathered()
    for path in paths:
        if not is_folder(path):
            gathered.paths.append(path)
        elif holds_matrix(entry.name for entry in os.scandir(path)):
            # What is missing of the matrix is told when it is packed.
            gathered.paths.append(path)
        else:
            found = list(_inside(path, gathered.left_out))
            if not found:
                raise UsageError(f"There is no file in the folder {path}.", "Give the paths of files.")
            gathered.paths += found
    distinct: dict[str, Path] = {}
    for path in gathered.paths:
        distinct.setdefault(os.path.realpath(path), path)
    gathered.paths = list(distinct.values())
    return gathered


def is_folder(path: Path) -> bool:
    """Whether a path is that of a folder; what is wrong with a path is told where it is read."""
    try:
        return path.is_dir()
    except OSError:
        return False  # a ring of links, a name that is too long


def _inside(folder: Path, left_out: list[str]) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be read: {error.strerror}.") from None
    for entry in entries:
        if entry.name in _ONE_THING:
            what, hint = _ONE_THING[entry.name]
            raise UsageError(f"{folder} is {what}, whose files mean nothing one by one.", hint)
    for entry in entries:
        path = Path(entry.path)
        if why := _why_not(entry):
            left_out.append(f"{path}: {why}")
        elif not is_folder(path) or is_whole_matrix(each.name for each in os.scandir(path)):
            yield path
        else:
            yield from _inside(path, left_out)


def _why_not(entry: "os.DirEntry[str]") -> str | None:
    """Return why an entry of a folder is left out; None for one that is taken.

    A link to a file is taken: data folders are often made of them. A link to a folder may lead anywhere,
    back to where it stands for one.
    """
    if entry.name.startswith("."):
        return "hidden, left out"
    if entry.is_symlink() and is_folder(Path(entry.path)):
        return "a link to a folder, left out; name it itself to add it"
    try:
        mode = entry.stat().st_mode
    except OSError:
        return None  # a link that leads nowhere: refused where it is read
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        return "neither a file nor a folder, left out"
    return None

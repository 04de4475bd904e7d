"""A count matrix as a folder of three files (matrix-market, as Cell Ranger writes it), and as a tar of it."""

import re
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from stargazer_cli.errors import UsageError

# What a folder must hold one of each, and how a message calls it. A prefix of the names, as archives
# give it, is fine.
_PARTS = {
    "matrix.mtx": re.compile(r"matrix\.mtx(\.gz)?$"),
    "barcodes.tsv": re.compile(r"barcodes\.tsv(\.gz)?$"),
    "features.tsv (or genes.tsv)": re.compile(r"(features|genes)\.tsv(\.gz)?$"),
}


def holds_matrix(names: Iterable[str]) -> bool:
    """Whether one of the names is that of a file of a count matrix."""
    return any(pattern.search(name) for name in names for pattern in _PARTS.values())


def is_whole_matrix(names: Iterable[str]) -> bool:
    """Whether the three files of one count matrix are among the names, each once."""
    visible = [name for name in names if not name.startswith(".")]
    return all(sum(bool(pattern.search(name)) for name in visible) == 1 for pattern in _PARTS.values())


def parts_of(path: Path, names: Iterable[str]) -> list[str]:
    """Return the three files of a matrix among `names`; anything else than one of each is refused."""
    visible = sorted(name for name in names if not Path(name).name.startswith("."))
    parts = []
    for part, pattern in _PARTS.items():
        found = [name for name in visible if pattern.search(name)]
        if len(found) != 1:
            problem = f"has {' and '.join(found)}: which one?" if found else f"has no {part}, plain or .gz."
            raise UsageError(
                f"{path} {problem}",
                "A count matrix is one matrix.mtx, one barcodes.tsv and one features.tsv.",
            )
        parts += found
    return parts


def check_archive(path: Path) -> None:
    """Refuse an uncompressed tar that does not hold a matrix."""
    parts_of(path, members(path))


def pack(folder: Path, parts: Sequence[str], target: Path) -> None:
    """Write the files of a matrix as an uncompressed tar: the same files give the same bytes.

    Their order is that of their names; owners, rights and times are left out.
    """
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted(parts):
            with (folder / name).open("rb") as stream:
                member = tarfile.TarInfo(name)
                member.size = (folder / name).stat().st_size
                archive.addfile(member, stream)


def members(path: Path) -> list[str]:
    """Return the names of the files in an uncompressed tar; none of a file that is no such tar."""
    try:
        with tarfile.open(path, "r:") as archive:
            return [member.name for member in archive if member.isfile()]
    except (tarfile.TarError, OSError):
        return []

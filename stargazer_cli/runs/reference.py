"""What a plan reads in a reference itself."""

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import UsageError

if TYPE_CHECKING:
    from stargazer_cli.assets import Reference
    from stargazer_cli.store import LocalStore

_GZIP_MAGIC = b"\x1f\x8b"


def is_gzip(reference: "Reference") -> bool:
    """Whether its FASTA is compressed."""
    with _file_of(reference).open("rb") as file:
        return file.read(2) == _GZIP_MAGIC


def bases_of(store: "LocalStore", reference: "Reference", cids: Iterable[str]) -> int:
    """Return the length of all contigs: by the index of one of `cids`, its forms, else by reading it."""
    for index in store.find(asset="reference_index", reference_cid=sorted(cids)):
        if index.path is not None:
            contigs = index.path.read_text(encoding="utf-8").splitlines()
            return sum(int(contig.split("\t")[1]) for contig in contigs if contig)
    path = _file_of(reference)
    with gzip.open(path, "rb") if is_gzip(reference) else path.open("rb") as lines:
        return sum(len(line.strip()) for line in lines if not line.startswith(b">"))


def _file_of(reference: "Reference") -> Path:
    if reference.path is None:
        raise UsageError(
            f"The reference {reference.name} ({reference.cid}) is recorded, but its bytes are not here.",
            "Add the file again with `stargazer assets add`, under the same keys: its record takes it back.",
        )
    return reference.path

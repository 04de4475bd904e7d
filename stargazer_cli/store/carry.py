"""The bytes of a store in a folder, each file under its CID: what travels beside an export of the records."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import Progress, counter, share_of
from stargazer_cli.store.local import NewFile

if TYPE_CHECKING:
    from stargazer_cli.store.local import LocalStore


@dataclass
class Carried:
    """What was copied.

    files, bytes    what was copied now
    there           files that were there already
    missing         CIDs whose bytes are not where they were to come from
    refused         CIDs whose file has another content, each with what is wrong
    """

    files: int = 0
    bytes: int = 0
    there: int = 0
    missing: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def copy_out(store: "LocalStore", folder: Path, *, progress: Progress | None = None) -> Carried:
    """Copy the bytes of every record into `folder`, each verified; what an earlier call copied stays.

    Raises StargazerError for a damaged object.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", "Give the path of a folder, which may be new.")
    carried = Carried()
    sizes: dict[str, int] = {}
    for cid in _cids(store):
        here = store.object(cid)
        if here is None:
            carried.missing.append(cid)
        elif (folder / cid).exists():
            carried.there += 1
        else:
            sizes[cid] = here.stat().st_size
    folder.mkdir(parents=True, exist_ok=True)
    count = counter(sum(sizes.values()), progress)
    for cid, size in sizes.items():
        store.get(cid, folder / cid, progress=share_of(count))
        carried.files += 1
        carried.bytes += size
    return carried


def bring_in(store: "LocalStore", folder: Path, *, progress: Progress | None = None) -> Carried:
    """Take from `folder` the bytes that records name and that are not here, each verified."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give the one that `export --with-files` wrote.")
    carried = Carried()
    sizes: dict[str, int] = {}
    for cid in _cids(store):
        if store.object(cid):
            carried.there += 1
        elif (folder / cid).is_file():
            sizes[cid] = (folder / cid).stat().st_size
        else:
            carried.missing.append(cid)
    count = counter(sum(sizes.values()), progress)
    for cid, size in sizes.items():
        try:
            # The record is the one that is here: it takes its bytes back.
            store.add([NewFile(folder / cid, store.by_cid(cid)[0])], progress=share_of(count))
        except StargazerError as error:
            carried.refused[cid] = error.message
            continue
        carried.files += 1
        carried.bytes += size
    return carried


def _cids(store: "LocalStore") -> list[str]:
    return list(dict.fromkeys(record["cid"] for record in store.metadata.read()))

"""The bytes of a store in a folder, each file under its CID: what travels beside an export of the records.

<cid>           the file
layouts/<cid>   the CID of the file in our layout, where <cid> was made with another one
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import Count, Progress, Source, counter, replace_file, share_of
from stargazer_cli.store.local import THREADS
from stargazer_cli.store.objects import faults_told

if TYPE_CHECKING:
    from stargazer_cli.store.local import LocalStore


@dataclass
class Carried:
    """What was copied.

    files, bytes    what was copied now
    there           files that were there already, and whole
    missing         CIDs whose bytes are not where they were to come from
    refused         CIDs whose file was not copied, as it is not whole, each with what is wrong
    unproven        CIDs of another layout: that they are of the bytes that came, the folder alone says
    """

    files: int = 0
    bytes: int = 0
    there: int = 0
    missing: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unproven: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every record has its bytes there now."""
        return not self.missing and not self.refused


def copy_out(store: "LocalStore", folder: Path, *, progress: Progress | None = None) -> Carried:
    """Copy the bytes of every record into `folder`, each verified.

    What an earlier call copied stays if it is whole, which is read from its bytes, and is copied again if
    not. A damaged object stops nothing: it is told in what is returned.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder.", "Give the path of a folder, which may be new.")
    carried = Carried()
    sizes = {cid: _size(store.object(cid)) or _size(folder / cid) for cid in _cids(store)}
    folder.mkdir(parents=True, exist_ok=True)
    count = counter(sum(sizes.values()), progress)
    for cid, size in sizes.items():
        target = folder / cid
        content = store.objects.content_cid(cid)
        was_there = target.is_file()
        if was_there and _is(target, content if content != cid else _content_cid(folder, cid), count):
            carried.there += 1
        elif store.object(cid) is None:
            carried.missing.append(cid)
            continue
        else:
            try:
                store.get(cid, target, overwrite=True, progress=share_of(None if was_there else count))
            except StargazerError as error:
                if isinstance(error.__cause__, OSError):
                    raise  # of the folder, which would take no other file either
                carried.refused[cid] = error.message
                continue
            carried.files += 1
            carried.bytes += size
        if content != cid:
            (folder / "layouts").mkdir(exist_ok=True)
            replace_file(folder / "layouts" / cid, content.encode())
    return carried


def bring_in(store: "LocalStore", folder: Path, *, progress: Progress | None = None) -> Carried:
    """Take from `folder` the bytes that records name and that are not here whole, each verified.

    A damaged object makes room for the file of the folder, and is kept aside.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give the one that `export --with-files` wrote.")
    carried = Carried()
    sizes: dict[str, int] = {}
    for cid in _cids(store):
        if (folder / cid).is_file():
            sizes[cid] = _size(folder / cid)
        elif store.object(cid) is None:
            carried.missing.append(cid)
        else:
            try:
                # Not always hashed: a large store may take the files of a small export.
                store.objects.require(cid)
                carried.there += 1
            except StargazerError as error:
                carried.refused[cid] = error.message
    count = counter(sum(sizes.values()), progress)
    for cid, size in sizes.items():
        here = store.object(cid)
        try:
            if here and store.objects.hashes_whole(cid, threads=THREADS, count=count):
                carried.there += 1
                continue
            content = _take(store, folder, cid, None if here else count)
        except StargazerError as error:
            carried.refused[cid] = error.message
            continue
        if content != cid:
            carried.unproven.append(cid)
        carried.files += 1
        carried.bytes += size
    return carried


def _take(store: "LocalStore", folder: Path, cid: str, count: Count | None) -> str:
    """Put a file of the folder into the store, and return the CID of its bytes in our layout.

    Raises StargazerError where the bytes are not those of `cid`.
    """
    with faults_told(store.root), store.objects.workspace() as workspace:
        waiting = workspace / "0"
        with Source(folder / cid) as source:
            found = source.copy_to(waiting, threads=THREADS, count=count)
        if found != _content_cid(folder, cid):
            raise StargazerError(f"its content is {found}.")
        with store.metadata.locked():
            store.objects.place([store.objects.arrived(cid, found, waiting)], [])
    return found


def _content_cid(folder: Path, cid: str) -> str:
    """Return the CID that the bytes of `cid` have in our layout, as the folder says."""
    try:
        return (folder / "layouts" / cid).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return cid


def _is(path: Path, content: str, count: Count | None) -> bool:
    """Whether the bytes of a file are those of a CID in our layout."""
    try:
        with Source(path) as source:
            return source.cid(threads=THREADS, count=count) == content
    except StargazerError:
        return False


def _size(path: Path | None) -> int:
    return path.stat().st_size if path and path.is_file() else 0


def _cids(store: "LocalStore") -> list[str]:
    return list(dict.fromkeys(record["cid"] for record in store.metadata.read()))

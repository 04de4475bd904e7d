"""Looking after a store: whether its bytes are still what they were, and what can go.

Nothing that a record names, as its own bytes or by a link, is ever removed here. A damaged file is moved
aside and kept: what is wrong with a disk can be learned from it.
"""

import contextlib
import mmap
import re
import stat
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import is_cid, share_threads
from stargazer_cli.store.files import Progress, Source, counter, seal_of
from stargazer_cli.store.local import THREADS, links_of
from stargazer_cli.store.objects import faults_told
from stargazer_cli.store.remote import resume

if TYPE_CHECKING:
    from stargazer_cli.store.local import LocalStore
    from stargazer_cli.store.objects import Objects

# Bytes without a record may be of a download whose record is not written yet.
SAFE_AGE = 3600.0
_CID_LIKE = re.compile(rb"[A-Za-z0-9]{40,}")


class Waste(NamedTuple):
    """Something in the store's folder that nothing needs."""

    path: Path
    bytes: int


@dataclass(frozen=True)
class Missing:
    """Bytes that records name and that are not here."""

    cid: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Damaged:
    """A file whose bytes are not those of its CID.

    names       what the records call it; none for a file without record
    found       the CID of what is there; empty where it cannot be read to its end
    moved_to    where `repair` put it
    """

    cid: str
    names: tuple[str, ...]
    found: str
    moved_to: Path | None = None


@dataclass(frozen=True)
class Unreadable:
    """A file that may not be opened, so that nobody knows whether it is whole; `reason` says why."""

    cid: str
    names: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class VerifyReport:
    """What is in a store and what is wrong with it.

    checked, bytes    files that were looked at, and how many bytes those are
    orphaned          files that no record names; `gc` removes them
    strange           things in the objects folder that no store put there, such as links; never removed
    repaired          CIDs of missing or damaged files that a remote had
    not_repaired      CIDs that no remote gave, each with the reason
    """

    checked: int
    bytes: int
    missing: tuple[Missing, ...]
    damaged: tuple[Damaged, ...]
    unreadable: tuple[Unreadable, ...]
    orphaned: tuple[Waste, ...]
    strange: tuple[Path, ...]
    repaired: tuple[str, ...]
    not_repaired: Mapping[str, str]

    @property
    def is_sound(self) -> bool:
        """Whether every record has its bytes, and they are whole."""
        wrong: list[Missing | Damaged | Unreadable] = [*self.missing, *self.damaged, *self.unreadable]
        return {each.cid for each in wrong if each.names} <= set(self.repaired)

    @property
    def lacks_records(self) -> bool:
        """Whether most of the files have no record: the records may be lost, or somewhere else."""
        return _are_most(len(self.orphaned), self.checked)


@dataclass(frozen=True)
class Garbage:
    """What was removed, or would be."""

    removed: tuple[Waste, ...]

    @property
    def bytes(self) -> int:
        """How much room that is."""
        return sum(waste.bytes for waste in self.removed)


def verify(store: "LocalStore", *, repair: bool = False, progress: Progress | None = None) -> VerifyReport:
    """Hash every object again and compare the objects folder with the records.

    `repair` moves damaged files aside, and fetches from a remote what is missing or damaged. `progress` is
    called with the bytes hashed so far and all that there are, then with those of each file that is fetched.
    A file that is found damaged is not given to a pipeline any more, repaired or not. One that may not be
    read stays where it is.
    """
    objects = store.objects
    with faults_told(store.root):
        files, strange = _files(objects)
        # What a link leads to is what a pipeline would be given.
        files |= _behind_links(strange)
        faulty = _hash_all(objects, files, progress)
        bad = [each for each in faulty if isinstance(each, _Bad)]
        # Not before: what was added or deleted meanwhile is no fault.
        records = _Records(store)
        bad_cids = {each.cid for each in bad}
        damaged = [
            Damaged(each.cid, records.names.get(each.cid, ()), each.found, _aside(store, each, repair))
            for each in bad
        ]
        unreadable = [
            Unreadable(each.cid, records.names.get(each.cid, ()), each.reason)
            for each in faulty
            if isinstance(each, _Closed)
        ]
        missing = [
            Missing(cid, names)
            for cid, names in sorted(records.names.items())
            if objects.path(cid) is None and cid not in bad_cids
        ]
        orphaned = [waste for waste in _orphans(objects, records) if waste.path.name not in bad_cids]
    wanted: list[Missing | Damaged] = [*missing, *damaged]
    repaired, not_repaired = _fetch_again(store, wanted if repair else [], progress)
    return VerifyReport(
        checked=len(files),
        bytes=sum(files.values()),
        missing=tuple(missing),
        damaged=tuple(damaged),
        unreadable=tuple(unreadable),
        orphaned=tuple(orphaned),
        strange=tuple(strange),
        repaired=tuple(repaired),
        not_repaired=not_repaired,
    )


def check_whole(store: "LocalStore", cids: Iterable[str]) -> None:
    """Hash the files of these CIDs, several at once.

    Raises StargazerError for one that is missing or damaged, or may not be read.
    """
    objects = store.objects
    with faults_told(store.root):
        sizes = {cid: objects.require(cid).stat().st_size for cid in dict.fromkeys(cids)}
        for faulty in _hash_all(objects, sizes, None):
            if isinstance(faulty, _Closed):
                raise StargazerError(faulty.reason)
            raise objects.damage(objects.folder / faulty.cid)


def collect_garbage(
    store: "LocalStore",
    *,
    dry_run: bool = False,
    older_than: float = SAFE_AGE,
    only: Collection[Path] | None = None,
    force: bool = False,
) -> Garbage:
    """Remove what nothing needs: bytes without record, links to nothing, what killed writers left.

    What came of a broken download goes when nobody has gone on with it for a week.

    Bytes without record go only when they have been here for `older_than` seconds. `only` names what may go,
    if it still is waste: what an earlier dry run showed. Nothing can be added while this looks and removes;
    a dry run writes nothing, not even the lock that this takes.

    Raises UsageError, unless `force` is set, where it seems that the records are not those of these files:
    most of them have none, or another metadata file in the store's folder names some that would go.
    """
    objects = store.objects
    held = contextlib.nullcontext() if dry_run else store.metadata.locked()
    with faults_told(store.root), held:
        records = _Records(store)
        wastes = _among(only, _orphans(objects, records, older_than))
        if wastes and not force:
            _refuse_other_records(store, records, wastes)
        gone = {waste.path.name for waste in wastes}
        wastes += _among(only, [*_without_object(objects, gone), *_idle_links(objects, gone)])
        if not dry_run:
            for waste in wastes:
                waste.path.unlink(missing_ok=True)
            _remove_empty_folders(objects.stage)
        if objects.incoming.is_dir():
            wastes += [Waste(*each) for each in objects.sweep(dry_run=dry_run, only=only)]
        wastes += [Waste(*each) for each in resume.sweep(objects.partial, dry_run=dry_run, only=only)]
    return Garbage(tuple(wastes))


def _refuse_other_records(store: "LocalStore", records: "_Records", wastes: Sequence[Waste]) -> None:
    """Raise the error that keeps the files of records which are in another place than was looked at."""
    orphans, files = len(_orphans(store.objects, records)), len(_files(store.objects)[0])
    if _are_most(orphans, files):
        raise UsageError(
            f"{orphans:,} of the {files:,} files in {store.root} have no record where the settings say that "
            "the records are: perhaps they are somewhere else. Nothing was removed.",
            "Set STARGAZER_DB to where they are, or bring them back (`stargazer assets import`, `migrate`); "
            "--force removes the files all the same.",
        )
    going = {waste.path.name for waste in wastes}
    for path in _other_metadata(store):
        if named := len(going & _cids_in(path)):
            raise UsageError(
                f"{path}, where the settings do not look for records, names {named:,} of the files that "
                "would go. Nothing was removed.",
                "Bring its records in (`stargazer assets migrate` for those of a whole store), or move it "
                "out of the folder; --force removes the files all the same.",
            )


def _are_most(part: int, whole: int) -> bool:
    return 2 * part > whole


def _other_metadata(store: "LocalStore") -> list[Path]:
    """Return the metadata files in the store's folder that do not hold the records in use."""
    from stargazer_cli.store.metadata.json_file import NAME, JsonMetadata

    in_use = {NAME, f"{NAME}.last"} if isinstance(store.metadata, JsonMetadata) else set()
    return [path for path in sorted(store.root.glob(f"{NAME}*")) if path.name not in in_use]


def _cids_in(path: Path) -> set[str]:
    """Return all words of a file that may be CIDs, whatever state it is in."""
    if not path.is_file() or not path.stat().st_size:
        return set()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return {found[0].decode("ascii") for found in _CID_LIKE.finditer(content)}


def _among(only: Collection[Path] | None, wastes: list[Waste]) -> list[Waste]:
    return wastes if only is None else [waste for waste in wastes if waste.path in only]


class _Records:
    """What the records say of CIDs: the names of each one's files, and all that anything points at."""

    def __init__(self, store: "LocalStore") -> None:
        self.names: dict[str, tuple[str, ...]] = {}
        self.linked: set[str] = set()
        for record in store.metadata.read():
            self.names[record["cid"]] = (*self.names.get(record["cid"], ()), record["name"])
            self.linked.update(cid for _, cid in links_of(record))

    def point_at(self, cid: str) -> bool:
        """Whether a record names the CID, as its own or by a link."""
        return cid in self.names or cid in self.linked


def _files(objects: "Objects") -> tuple[dict[str, int], list[Path]]:
    """Return the size of each object, and what is in the folder besides objects."""
    files: dict[str, int] = {}
    strange: list[Path] = []
    for path in sorted(objects.folder.iterdir()) if objects.folder.is_dir() else ():
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # deleted meanwhile
        if stat.S_ISREG(found.st_mode) and is_cid(path.name):
            files[path.name] = found.st_size
        else:
            strange.append(path)
    return files, strange


def _behind_links(paths: Sequence[Path]) -> dict[str, int]:
    """Return the size of each file that a link under a CID leads to."""
    return {
        path.name: path.stat().st_size
        for path in paths
        if path.is_symlink() and path.is_file() and is_cid(path.name)
    }


@dataclass(frozen=True)
class _Bad:
    """A file that is not what its CID says; `inode` and `seal` tell whether it is still that file."""

    cid: str
    found: str
    inode: int
    seal: str


class _Closed(NamedTuple):
    """A file that may not be opened, and why."""

    cid: str
    reason: str


def _hash_all(
    objects: "Objects", files: Mapping[str, int], progress: Progress | None
) -> list[_Bad | _Closed]:
    """Hash all files, several at once, and return those that are damaged or may not be read."""
    from concurrent.futures import ThreadPoolExecutor

    at_once, threads = share_threads(THREADS, len(files))
    count = counter(sum(files.values()), progress)

    def look(cid: str) -> _Bad | _Closed | None:
        path = objects.folder / cid
        try:
            source = Source(path)
        except UsageError as error:
            return _Closed(cid, error.message) if path.exists() else None
        with source:
            try:
                found = source.cid(threads=threads, count=count)
            except StargazerError:
                found = ""
        if found == objects.content_cid(cid):
            objects.seal(cid, source.seal)
            return None
        objects.unseal(cid)
        return _Bad(cid, found, source.stat.st_ino, source.seal)

    with ThreadPoolExecutor(at_once, "verify") as pool:
        return [bad for bad in pool.map(look, files) if bad]


def _aside(store: "LocalStore", bad: _Bad, repair: bool) -> Path | None:
    """Move a damaged file aside, if that is wanted and nobody has put another in its place."""
    if not repair:
        return None
    with store.metadata.locked():
        path = store.object(bad.cid)
        now = path.stat() if path else None
        if now is None or (now.st_ino, seal_of(now)) != (bad.inode, bad.seal):
            return None
        return store.objects.set_aside(bad.cid)


def _fetch_again(
    store: "LocalStore", wanted: Sequence[Missing | Damaged], progress: Progress | None
) -> tuple[list[str], dict[str, str]]:
    repaired: list[str] = []
    not_repaired: dict[str, str] = {}
    for each in wanted:
        if not each.names:
            continue
        try:
            store.pull(each.cid, each.names[0], progress)
            repaired.append(each.cid)
        except StargazerError as error:
            not_repaired[each.cid] = error.message
    return repaired, not_repaired


def _orphans(objects: "Objects", records: _Records, older_than: float = 0.0) -> list[Waste]:
    now = time.time()
    orphans = []
    for cid, size in _files(objects)[0].items():
        if records.point_at(cid):
            continue
        path = objects.folder / cid
        with contextlib.suppress(FileNotFoundError):
            # The time of its name, and not that of its content, which may come with the file.
            if now - path.stat().st_ctime >= older_than:
                orphans.append(Waste(path, size))
    return orphans


def _without_object(objects: "Objects", gone: set[str]) -> list[Waste]:
    """Return notes about objects that are not here, or will not be."""
    notes = []
    for folder in (objects.layouts, objects.seals):
        for path in _inside(folder):
            if path.name in gone or objects.path(path.name) is None:
                with contextlib.suppress(FileNotFoundError):
                    notes.append(Waste(path, path.stat().st_size))
    return notes


def _idle_links(objects: "Objects", gone: set[str]) -> list[Waste]:
    """Return links that lead to nothing, or will, and links that a killed process had not named yet."""
    return [
        Waste(link, 0)
        for folder in _inside(objects.stage)
        for link in _inside(folder)
        if link.is_symlink()
        and (folder.name in gone or not link.exists() or (link.name.startswith(".") and _is_old(link)))
    ]


def _inside(folder: Path) -> list[Path]:
    """Return what is in a folder, which another process may just have removed; nothing in other things."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_old(link: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return time.time() - link.lstat().st_ctime >= SAFE_AGE
    return False


def _remove_empty_folders(parent: Path) -> None:
    for folder in _inside(parent):
        with contextlib.suppress(OSError):
            folder.rmdir()

"""The store on this machine: records in one metadata file, bytes once each under their CID."""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stargazer_cli.assets.asset import Asset
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import check_cid
from stargazer_cli.store.files import Source, remove_tree, sync_folder
from stargazer_cli.store.metadata import open_metadata
from stargazer_cli.store.metadata.match import Match

if TYPE_CHECKING:
    from tinydb.table import Table

    from stargazer_cli.settings import Settings
    from stargazer_cli.store.remote.download import Progress

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=,@-]")
_LONGEST_NAME = 200
_THREADS = 4


@dataclass(frozen=True)
class NewFile:
    """A file to store, and what it is.

    made_here   our own pipeline made it and nobody will edit it: the store may share its blocks
    links       `*_cid` field -> another file of the same call, whose CID it takes
    made_from   other files of the same call that belong in `derived_from`
    """

    path: Path
    asset: Asset
    made_here: bool = False
    links: Mapping[str, Path] = field(default_factory=dict)
    made_from: Sequence[Path] = ()


@dataclass(frozen=True)
class Added:
    """The asset as it is stored now, and whether that took anything."""

    asset: Asset
    status: Literal["added", "notneeded"]


@dataclass(frozen=True)
class _Entered:
    """The bytes of a new file: their CID, and where they wait when the store has them not yet."""

    cid: str
    waiting: Path | None


class LocalStore:
    """Assets kept in one folder, safe for several processes at once."""

    def __init__(self, settings: "Settings") -> None:
        self.settings = settings
        self.root = settings.local
        self.metadata = open_metadata(settings)
        self._objects = self.root / "objects"
        self._incoming = self.root / "incoming"

    def add(self, files: Sequence[NewFile]) -> list[Added]:
        """Store all of the files, or none: bytes once by CID, one record for each meaning of them.

        A record is the same when CID and keyvalues are the same: it gains the run ids, and a recipe or
        origin that it did not have; nothing of it is replaced.
        """
        if not files:
            return []
        from concurrent.futures import ThreadPoolExecutor

        with self._told(), self._workspace() as workspace:
            sizes = {entry.stat().st_size for entry in os.scandir(self._objects)}
            with ThreadPoolExecutor(_THREADS) as pool:
                waiting = [workspace / str(number) for number in range(len(files))]
                entered = list(pool.map(lambda file, path: self._enter(file, path, sizes), files, waiting))
            fresh = self._describe(files, entered)
            placed: list[Path] = []
            try:
                with self.metadata.transaction() as table:
                    self._place(entered, placed)
                    added = _record(table, fresh)
            except BaseException:
                self._take_back(placed)
                raise
        # What was missing and came back counts as added, even where its record was here.
        restored = {path.name for path in placed} - {record["cid"] for record, new in added if new}
        result = []
        for record, new in added:
            result.append(
                Added(self._typed(record), "added" if new or record["cid"] in restored else "notneeded")
            )
            restored.discard(record["cid"])
        return result

    def find(self, **filters: Any) -> list[Asset]:
        """Find assets: each filter names a key or base field and gives its value, or a list of values.

        Values may be typed or as text; None finds what is not set.
        """
        match = Match(filters)
        with self._told():
            return [self._typed(dict(record)) for record in self.metadata.read().search(match)]

    def by_cid(self, cid: str) -> list[Asset]:
        """Return every record of these bytes."""
        return self.find(cid=cid)

    def object(self, cid: str) -> Path | None:
        """Return the file of a CID, or None when it is not here."""
        if not cid.isalnum():
            return None
        path = self._objects / cid
        return path if path.is_file() else None

    def pull(self, cid: str, name: str = "", progress: "Progress | None" = None) -> Path:
        """Return the file of a CID, from a remote if it is not here; bytes from outside are verified."""
        if here := self.object(cid):
            return here
        from stargazer_cli.store import remote

        check_cid(cid)
        with self._told(), self._workspace() as workspace:
            waiting = workspace / "0"
            remote.fetch(self.settings, cid, waiting, name=name, progress=progress)
            with self.metadata.locked():
                self._place([_Entered(cid, waiting)], [])
        return self._objects / cid

    def stage(self, cid: str, name: str) -> Path:
        """Return a path that ends in `name` and is the same each time: what a pipeline is given."""
        target = self.object(cid)
        if target is None:
            raise self._absent(cid, name)
        path = self.staged_path(cid, name)
        # Relative, so that the store may be moved.
        link = f"../../objects/{cid}"
        with self._told():
            if path.is_symlink() and path.readlink() == Path(link):
                return path
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.parent / f".{_unique()}.part"
            partial.symlink_to(link)
            partial.replace(path)
        return path

    def staged_path(self, cid: str, name: str) -> Path:
        """Return the path that `stage` gives a file, whether it is there yet or not."""
        return self.root / "stage" / cid / _safe_name(name)

    def get(
        self, cid: str, dest: Path, *, overwrite: bool = False, progress: "Progress | None" = None
    ) -> Path:
        """Copy the file of a CID to `dest`, verified, in one step; the copy is the user's to edit."""
        dest = Path(dest)
        if not overwrite and os.path.lexists(dest):
            raise UsageError(f"{dest} exists already.", "Give another path, or --force to replace it.")
        if dest.is_dir():
            raise UsageError(f"{dest} is a folder.", "Give the path of a file.")
        partial = dest.with_name(f".{_unique()}.part")
        try:
            here = self.object(cid)
            if here is None:
                from stargazer_cli.store import remote

                names = [asset.name for asset in self.by_cid(check_cid(cid))]
                name = names[0] if names else ""
                remote.fetch(self.settings, cid, partial, name=name, progress=progress, read_only=False)
            else:
                with Source(here) as source:
                    found = source.copy_to(partial, read_only=False)
                if found != cid:
                    raise StargazerError(
                        f"The stored file {here} is damaged: its content is {found}.",
                        "Remove it and add the file again, or get it from a remote.",
                    )
            partial.replace(dest)
            sync_folder(dest.parent)
        except OSError as error:
            raise StargazerError(f"{dest} cannot be written: {error.strerror}.") from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        return dest

    def _enter(self, file: NewFile, waiting: Path, sizes: set[int]) -> _Entered:
        """Bring the bytes of a file into the workspace, unless the store has them."""
        with Source(file.path) as source:
            if file.made_here or source.size in sizes:
                cid = source.cid()
                if self.object(cid):
                    return _Entered(cid, None)
                if file.made_here and source.link_to(waiting):
                    return _Entered(cid, waiting)
            # Hashed from the bytes that were copied: they are what the name stands for.
            return _Entered(source.copy_to(waiting), waiting)

    def _place(self, entered: list[_Entered], placed: list[Path]) -> None:
        """Give new bytes their name; the caller holds the lock. `placed` tells what was new."""
        for entry in entered:
            target = self._objects / entry.cid
            if target.exists():
                continue
            if entry.waiting is None:
                raise StargazerError(f"The object {entry.cid} was removed meanwhile.", "Add the files again.")
            placed.append(target)
            entry.waiting.rename(target)
        if placed:
            sync_folder(self._objects)

    def _take_back(self, placed: list[Path]) -> None:
        """Remove new objects after a failure, unless a record names them: then the change was written."""
        with contextlib.suppress(Exception), self.metadata.locked():
            names = Match({"cid": [path.name for path in placed]})
            kept = {record["cid"] for record in self.metadata.read().search(names)}
            for path in placed:
                if path.name not in kept:
                    path.unlink(missing_ok=True)

    def _describe(self, files: Sequence[NewFile], entered: list[_Entered]) -> list[dict[str, Any]]:
        """Return a record of each file, with the links between the files of the call made."""
        cids = {Path(file.path): entry.cid for file, entry in zip(files, entered, strict=True)}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        records = []
        for file, entry in zip(files, entered, strict=True):
            asset = file.asset.model_copy()
            if asset.cid not in ("", entry.cid):
                raise StargazerError(
                    f"The file {file.path} is {entry.cid} and not {asset.cid} as was said: it has changed."
                )
            for key, path in file.links.items():
                setattr(asset, key, cids[Path(path)])
            origin = {*asset.derived_from, *(cids[Path(path)] for path in file.made_from)}
            name = asset.name or Path(file.path).name
            records.append(
                {
                    "id": _unique(),
                    "cid": entry.cid,
                    # A name of the file system may hold bytes that are no text.
                    "name": os.fsencode(name).decode("utf-8", "replace"),
                    "keyvalues": asset.to_keyvalues(),
                    "run_ids": list(asset.run_ids),
                    "derived_from": sorted(origin) if file.made_from else list(asset.derived_from),
                    "recipe": asset.recipe,
                    "recipes": [asset.recipe] if asset.recipe else [],
                    "created_at": now,
                    "owner": asset.owner or self.settings.owner,
                }
            )
        return records

    def _typed(self, record: dict[str, Any]) -> Asset:
        from stargazer_cli.assets import specialize

        return specialize(record | {"path": self.object(record["cid"])})

    @contextmanager
    def _workspace(self) -> Iterator[Path]:
        """Give a folder of our own on the store's file system; what a killed writer left is swept."""
        self._objects.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        workspace = self._incoming / _unique()
        with self.metadata.locked():
            for left in self._incoming.iterdir():
                _sweep(left)
            workspace.mkdir()
            handle = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX)  # says to others that we live
        try:
            yield workspace
        finally:
            remove_tree(workspace)
            os.close(handle)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell a fault of the store's folder as one."""
        try:
            yield
        except OSError as error:
            reasons = {
                errno.ENOSPC: "is full",
                errno.EDQUOT: "is over its quota",
                errno.EROFS: "is read-only",
                errno.EACCES: "is not ours to write or read",
                errno.EPERM: "is not ours to write",
                errno.ENOTDIR: "is not a folder",
                errno.EEXIST: "is not a folder",
            }
            reason = reasons.get(error.errno or 0, f"cannot be used ({error.strerror or error})")
            raise StargazerError(
                f"The store folder {self.root} {reason}. It was left as it was.",
                "Make room or give rights there, or choose another folder: STARGAZER_LOCAL=/path stargazer …",
            ) from error

    def _absent(self, cid: str, name: str) -> StargazerError:
        return StargazerError(
            f"The file of {name or 'the asset'} ({cid}) is not in the store {self.root}.",
            "Add the file again with `stargazer assets add`, under the same keys: its record takes it back.",
        )


def get_client() -> LocalStore:
    """Return the store that the settings name."""
    from stargazer_cli.app import App

    return App().store


def _unique() -> str:
    return os.urandom(8).hex()


def _identity(record: Any) -> tuple[Any, ...]:
    return record["cid"], *sorted(record["keyvalues"].items())


def _record(table: "Table", fresh: list[dict[str, Any]]) -> list[tuple[dict[str, Any], bool]]:
    """Write the records; gives each as it is now and whether it is new."""
    here = table.search(Match({"cid": [record["cid"] for record in fresh]}))
    known = {_identity(record): dict(record) for record in here}
    new: dict[tuple[Any, ...], dict[str, Any]] = {}
    changed: dict[str, dict[str, Any]] = {}
    result: list[tuple[dict[str, Any], bool]] = []
    for candidate in fresh:
        identity = _identity(candidate)
        record = known.get(identity)
        if record is None:
            known[identity] = new[identity] = candidate
            result.append((candidate, True))
            continue
        change = _gained(record, candidate)
        record.update(change)
        if change and identity not in new:
            changed[record["id"]] = record
        result.append((record, False))
    if new:
        table.insert_multiple(new.values())
    if changed:
        table.update(lambda doc: doc.update(changed.get(doc["id"], {})))
    return result


def _gained(record: dict[str, Any], fresh: dict[str, Any]) -> dict[str, Any]:
    """Return what an existing record learns from being made again."""
    change: dict[str, Any] = {}
    for key in ("run_ids", "recipes"):
        known = record.get(key, [])
        more = [item for item in fresh[key] if item not in known]
        if more:
            change[key] = known + more
    for key in ("recipe", "derived_from"):
        if fresh[key] and not record[key]:
            change[key] = fresh[key]
    return change


def _sweep(left: Path) -> None:
    """Remove the workspace of a process that ended without doing so; a living one holds a lock on its own."""
    with contextlib.suppress(OSError):
        handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(left)
        finally:
            os.close(handle)


def _safe_name(name: str) -> str:
    """Return a file name that no shell and no pipeline stumbles over; its end, which tools read, is kept."""
    safe = _UNSAFE.sub("_", name)[-_LONGEST_NAME:]
    if not safe.strip("._-"):
        raise UsageError(f"{name!r} is not usable as a file name.")
    return re.sub(r"^[.-]", "_", safe)

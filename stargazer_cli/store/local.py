"""The store on this machine: records of what files are, and their bytes once each under their CID."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stargazer_cli.assets.asset import BASE_FIELDS, KINDS, Asset, check_said, to_text
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import check_cid, share_threads
from stargazer_cli.store.files import READ_ONLY, Progress, Source, check_absent, counter, sync_folder
from stargazer_cli.store.metadata import open_metadata
from stargazer_cli.store.metadata.match import Match, check_filters
from stargazer_cli.store.metadata.merge import enter
from stargazer_cli.store.objects import LARGE, Entered, Objects, VanishedError, faults_told, unique
from stargazer_cli.store.record import Record, blank, united

if TYPE_CHECKING:
    from tinydb.table import Table

    from stargazer_cli.settings import Settings

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=,@-]")
_LONGEST_NAME = 200
THREADS = max(2, min(8, os.cpu_count() or 1))
_SHOWN = 5


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
class Link:
    """A record that points at a CID, and the field by which it does."""

    asset: Asset
    field: str


@dataclass(frozen=True)
class Deleted:
    """The record that is no more, and whether its bytes went with it."""

    asset: Asset
    object_removed: bool


class LocalStore:
    """Assets kept in one folder, safe for several processes at once."""

    def __init__(self, settings: "Settings") -> None:
        self.settings = settings
        self.root = settings.local
        self.metadata = open_metadata(settings)
        self.objects = Objects(self.root)

    def add(self, files: Sequence[NewFile], *, progress: Progress | None = None) -> list[Added]:
        """Store all of the files, or none: bytes once by CID, one record for each meaning of them.

        A record is the same when CID and keyvalues are the same: it gains run ids, recipes and what it was
        made from; nothing of it is replaced.
        """
        if not files:
            return []
        try:
            return self._add(files, progress)
        except VanishedError:
            # Another process deleted an object between our look at it and our record of it.
            return self._add(files, progress, reuse=False)

    def _add(self, files: Sequence[NewFile], progress: Progress | None, *, reuse: bool = True) -> list[Added]:
        with self._told(), self.objects.workspace() as workspace:
            entered = self._enter(files, workspace, progress, reuse=reuse)
            fresh = self._describe(files, entered)
            placed: list[str] = []
            try:
                with self.metadata.transaction() as table:
                    self.objects.place(entered, placed)
                    joined = enter(table, fresh)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._remove_unnamed(placed)
                raise
        # What was missing and came back counts as added, even where its record was here.
        restored = set(placed) - {each.record["cid"] for each in joined if each.change == "added"}
        result = []
        for each in joined:
            cid = each.record["cid"]
            taken = each.change == "added" or cid in restored
            result.append(Added(self._typed(each.record), "added" if taken else "notneeded"))
            restored.discard(cid)
        return result

    def find(self, /, **filters: Any) -> list[Asset]:
        """Find assets: each filter names a key or base field and gives its value, or a list of values.

        Values may be typed or as text; None finds what is not set. Raises UsageError for a key or kind that
        no asset has: it is a slip, and would silently find nothing.
        """
        return [self._typed(record) for record in self.records(**filters)]

    def records(self, /, **filters: Any) -> list[Record]:
        """Find assets as `find` does, and return their records: an asset takes ten times as long to make."""
        match = Match(filters)
        with self._told():
            table = self.metadata.read()
            found = [dict(record) for record in table.search(match)]
            check_filters(filters, found, table)
        return found

    def by_cid(self, cid: str) -> list[Asset]:
        """Return every record of these bytes."""
        return self.find(cid=cid)

    def object(self, cid: str) -> Path | None:
        """Return the file of a CID, or None when it is not here."""
        with self._told():
            return self.objects.path(cid)

    def pull(self, cid: str, name: str = "", progress: Progress | None = None) -> Path:
        """Return the file of a CID, from a remote if it is not here; bytes from outside are verified.

        What has come by the time of a failure is kept, and a later call goes on from there.
        """
        if self.object(cid):
            return self.objects.require(cid, name)
        from stargazer_cli.store.remote import fetch, resume

        check_cid(cid)
        with (
            self._told(),
            self.objects.workspace() as workspace,
            resume.claimed(self.objects.partial, cid) as partial,
        ):
            waiting = partial or workspace / "0"
            keep = partial is not None
            content = fetch(
                self.settings, cid, waiting, name=name, progress=progress, read_only=False, keep=keep
            )
            with self.metadata.locked():
                # Not before: one that is killed up to here must be able to go on.
                waiting.chmod(READ_ONLY)
                self.objects.place([self.objects.arrived(cid, content, waiting)], [])
        return self.objects.folder / cid

    def stage(self, cid: str, name: str) -> Path:
        """Return a path that ends in `name` and is the same each time: what a pipeline is given.

        An object that was written to since it was stored is not given out: its size and time say so
        without reading it.
        """
        with self._told():
            self.objects.require(cid, name)
            path = self.staged_path(cid, name)
            # Relative, so that the store may be moved.
            link = f"../../objects/{cid}"
            if path.is_symlink() and path.readlink() == Path(link):
                return path
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.parent / f".{unique()}.part"
            partial.symlink_to(link)
            partial.replace(path)
        return path

    def staged_path(self, cid: str, name: str) -> Path:
        """Return the path that `stage` gives a file, whether it is there yet or not."""
        return self.root / "stage" / cid / _safe_name(name)

    def get(self, cid: str, dest: Path, *, overwrite: bool = False, progress: Progress | None = None) -> Path:
        """Copy the file of a CID to `dest`, verified, in one step; the copy is the user's to edit."""
        dest = Path(dest)
        partial = dest.with_name(f".{unique()}.part")
        try:
            if dest.is_dir():
                raise UsageError(f"{dest} is a folder.", "Give the path of a file.")
            if not overwrite:
                check_absent(dest)
            here = self.object(cid)
            if here is None:
                from stargazer_cli.store.remote import fetch

                names = [asset.name for asset in self.by_cid(check_cid(cid))]
                name = names[0] if names else ""
                fetch(self.settings, cid, partial, name=name, progress=progress, read_only=False)
            else:
                with Source(here) as source:
                    count = counter(source.size, progress)
                    found = source.copy_to(partial, read_only=False, threads=THREADS, count=count)
                if found != self.objects.content_cid(cid):
                    raise self.objects.damage(here)
            partial.replace(dest)
            sync_folder(dest.parent)
        except OSError as error:
            raise StargazerError(f"{dest} cannot be written: {error.strerror}.") from error
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        return dest

    def update(self, target: str, changes: Mapping[str, Any]) -> Asset:
        """Change keyvalues of the record that `target`, a CID or a record's id, names; None removes a key.

        Values may be typed or as text, and are checked as those of a new asset are. Where another record of
        the CID says the same afterwards, the two become one, which keeps the older id and loses nothing.
        """
        with self._told(), self.metadata.transaction() as table:
            record = _one(table, target)
            keyvalues = changed_keyvalues(record["keyvalues"], changes)
            if keyvalues == record["keyvalues"]:
                return self._typed(record)
            alike = [
                dict(other)
                for other in table.search(Match({"cid": record["cid"]}))
                if other["id"] == record["id"] or other["keyvalues"] == keyvalues
            ]
            kept, *others = sorted(alike, key=lambda each: str(each["created_at"]))
            for other in others:
                kept |= united(kept, other)
                table.remove(Match({"id": other["id"]}))
            kept["keyvalues"] = keyvalues
            table.update(kept, Match({"id": kept["id"]}))
        return self._typed(kept)

    def delete(self, target: str, *, force: bool = False) -> Deleted:
        """Remove the record that `target`, a CID or a record's id, names; bytes go with their last record.

        Refused while other assets link to bytes that would go, unless `force` says so.
        """
        with self._told():
            with self.metadata.transaction() as table:
                record = _one(table, target)
                cid = record["cid"]
                if len(table.search(Match({"cid": cid}))) == 1 and not force:
                    _refuse_linked(record, [each for each in _links(table, cid) if each[0]["cid"] != cid])
                table.remove(Match({"id": record["id"]}))
            removed = bool(self._remove_unnamed([cid]))
        return Deleted(self._typed(record), removed)

    def links_to(self, cid: str) -> list[Link]:
        """Return every record that points at a CID, by a `*_cid` key or as something it was made from."""
        with self._told():
            return [
                Link(self._typed(record), field)
                for record, fields in _links(self.metadata.read(), cid)
                for field in fields
            ]

    def _enter(
        self, files: Sequence[NewFile], workspace: Path, progress: Progress | None, *, reuse: bool
    ) -> list[Entered]:
        """Bring the bytes of all files into the workspace; with `reuse`, unless the store has them."""
        from concurrent.futures import ThreadPoolExecutor

        at_once, threads = share_threads(THREADS, len(files))
        bytes_of = [_size(file.path) for file in files]
        known = self.objects.sizes() if reuse and max(bytes_of) >= LARGE else frozenset()
        count = counter(sum(bytes_of), progress)

        def enter(number: int, file: NewFile) -> Entered:
            return self.objects.enter(
                file.path,
                workspace / str(number),
                made_here=file.made_here,
                known_sizes=known if reuse else None,
                threads=threads,
                count=count,
            )

        with ThreadPoolExecutor(at_once, "add") as pool:
            return list(pool.map(enter, range(len(files)), files))

    def _remove_unnamed(self, cids: Sequence[str]) -> list[str]:
        """Remove objects that no record names, and return those CIDs.

        After a failed change this decides as well: what was written before the failure is kept.
        """
        if not cids:
            return []
        with self.metadata.locked():
            named = {record["cid"] for record in self.metadata.read().search(Match({"cid": list(cids)}))}
            removed = [cid for cid in cids if cid not in named and self.object(cid)]
            for cid in removed:
                self.objects.remove(cid)
        return removed

    def _describe(self, files: Sequence[NewFile], entered: list[Entered]) -> list[dict[str, Any]]:
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
                blank(
                    id=unique(),
                    cid=entry.cid,
                    # A name of the file system may hold bytes that are no text.
                    name=os.fsencode(name).decode("utf-8", "replace"),
                    keyvalues=asset.to_keyvalues(),
                    run_ids=list(asset.run_ids),
                    derived_from=sorted(origin) if file.made_from else list(asset.derived_from),
                    recipe=asset.recipe,
                    recipes=[asset.recipe] if asset.recipe else [],
                    created_at=now,
                    owner=asset.owner or self.settings.owner,
                )
            )
        return records

    def _typed(self, record: dict[str, Any]) -> Asset:
        from stargazer_cli.assets import specialize

        return specialize(record | {"path": self.object(record["cid"])})

    def _told(self) -> AbstractContextManager[None]:
        return faults_told(self.root)


def get_client() -> LocalStore:
    """Return the store that the settings name."""
    from stargazer_cli.settings import read_settings

    return LocalStore(read_settings())


def changed_keyvalues(keyvalues: Mapping[str, str], changes: Mapping[str, Any]) -> dict[str, str]:
    """Return keyvalues with changes made and checked as those of a new asset are; None removes a key."""
    from stargazer_cli.assets import kind_class

    check_said(changes)
    for key in changes:
        if key in BASE_FIELDS:
            raise UsageError(f"The key {key!r} is kept by the store and cannot be set.")
    said = changes.get("asset", keyvalues.get("asset"))
    # A kind of another version is not known here: its record is a bare asset.
    cls = kind_class(to_text(said)) if changes.get("asset") else KINDS.get(said or "", Asset)
    merged = {key: value for key, value in keyvalues.items() if key not in changes}
    for key, value in changes.items():
        if value is not None:
            merged[key] = to_text(value) if key == "asset" else cls.canonical(key, value)
    return cls.from_keyvalues(merged).to_keyvalues()


def links_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what a record points at, each CID with the key that does: a `*_cid` key, or `derived_from`."""
    for key, value in record["keyvalues"].items():
        if key.endswith("_cid") and value:
            yield key, value
    for cid in record.get("derived_from", []):
        yield "derived_from", cid


def _one(table: "Table", target: str) -> dict[str, Any]:
    """Return a copy of the one record that a CID or id names."""
    found = table.search(Match({"id": target})) or table.search(Match({"cid": target}))
    if not found:
        raise UsageError(
            f"No asset has the CID or id {target[:100]!r}.", "`stargazer assets query --json` lists both."
        )
    if len(found) > 1:
        raise UsageError(
            f"{target} has {len(found)} records:",
            "Give the id of the one that is meant.",
            [f"{each['id']}  {_keys(each['keyvalues'])}" for each in found],
        )
    return dict(found[0])


def _keys(keyvalues: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in keyvalues.items()) or "(no keys)"


def _links(table: "Table", cid: str) -> list[tuple[dict[str, Any], list[str]]]:
    """Return each record that points at a CID, with the fields by which it does.

    Every record is looked at: a bare asset may have link keys that no kind has.
    """
    found = []
    for record in table:
        fields = [key for key, linked in links_of(record) if linked == cid]
        if fields:
            found.append((dict(record), fields))
    return found


def _refuse_linked(record: Mapping[str, Any], links: list[tuple[dict[str, Any], list[str]]]) -> None:
    if not links:
        return
    lines = []
    for each, fields in links[:_SHOWN]:
        kind = each["keyvalues"].get("asset", "asset")
        lines.append(f"{kind} {each['name']} ({each['cid']}) by {', '.join(fields)}")
    if len(links) > _SHOWN:
        lines.append(f"and {len(links) - _SHOWN} more")
    others = "another asset links" if len(links) == 1 else f"{len(links)} other assets link"
    raise UsageError(
        f"{record['name'] or record['cid']} is what {others} to:",
        "Delete those first, or delete it all the same with --force.",
        lines,
    )


def _size(path: Path) -> int:
    """Return the size of a file; one that cannot be read is told when it is opened."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _safe_name(name: str) -> str:
    """Return a file name that no shell and no pipeline stumbles over; its end, which tools read, is kept."""
    safe = _UNSAFE.sub("_", name)[-_LONGEST_NAME:]
    if not safe.strip("._-"):
        raise UsageError(f"{name!r} is not usable as a file name.")
    return re.sub(r"^[.-]", "_", safe)

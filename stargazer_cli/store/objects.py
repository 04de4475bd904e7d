"""The folder of a store's bytes: each file once, under its CID, read-only.

    objects/<cid>           the file
    seals/<cid>             size and time of change that the file had when it was last found whole
    layouts/<cid>           the CID of the file in our layout, where <cid> was made with another one
    stage/<cid>/<name>      links that a pipeline is given
    incoming/<id>[.lock]    files on their way in; who brings them holds the lock
    partial/<cid>           what came of a download that broke off; who goes on with it holds its lock
    damaged/<cid>-<time>    what was here under a CID and is not what the CID says

A seal makes it cheap to notice that a file was written to: who finds another size or time hashes the file.
Bytes that changed without either (a disk that rots) are found by those who always hash: `verify`, `get`, a
run that is about to begin, and `add` before it takes a file for one that is here.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import Count, Source, remove_tree, replace_file, seal_of, sync_folder

# Below this a file is hashed before it is copied, as it may be here; above, only if one of its size is here.
LARGE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Entered:
    """The bytes of a new file: their CID, and where they wait when the store has them not yet.

    seal      size and time of change of the waiting file when its bytes were hashed
    content   the CID in our layout, where `cid` is of another one
    """

    cid: str
    waiting: Path | None = None
    seal: str = ""
    content: str = ""


class VanishedError(StargazerError):
    """An object that was here when a file was hashed has been deleted before a record could name it."""

    def __init__(self, cid: str) -> None:
        super().__init__(f"The object {cid} was deleted while it was added.", "Add its file again.")


class Objects:
    """The files below the store folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "objects"
        self.incoming = root / "incoming"
        self.stage = root / "stage"
        self.layouts = root / "layouts"
        self.seals = root / "seals"
        self.partial = root / "partial"
        self.damaged = root / "damaged"

    def path(self, cid: str) -> Path | None:
        """Return the file of a CID, or None when it is not here."""
        if not cid.isalnum():
            return None
        path = self.folder / cid
        return path if path.is_file() else None

    def content_cid(self, cid: str) -> str:
        """Return the CID that the bytes of `cid` have in our layout."""
        try:
            return (self.layouts / cid).read_text("ascii")
        except FileNotFoundError:
            return cid

    def is_whole(self, cid: str) -> bool:
        """Whether the file is here and is what its CID says; it is hashed when it was touched since then."""
        path = self.path(cid)
        if path is None:
            return False
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if (self.seals / cid).read_text("ascii") == seal_of(path.stat()):
                return True
        return self.hashes_whole(cid)

    def hashes_whole(self, cid: str, *, threads: int = 1, count: Count | None = None) -> bool:
        """Whether the file is here and is what its CID says, by its bytes; its seal follows what they say.

        Raises UsageError where it may not be opened.
        """
        path = self.path(cid)
        if path is None:
            return False
        try:
            source = Source(path)
        except UsageError:
            if path.exists():
                raise
            return False  # deleted just now
        # A disk that does not give the bytes does not have the file.
        with source, contextlib.suppress(StargazerError):
            if source.cid(threads=threads, count=count) == self.content_cid(cid):
                self.seal(cid, source.seal)
                return True
        self.unseal(cid)
        return False

    def require(self, cid: str, name: str = "") -> Path:
        """Return the file of a CID; an error where it is missing, or is seen to be damaged."""
        path = self.path(cid)
        if path is None:
            raise StargazerError(
                f"The file of {name or 'the asset'} ({cid}) is not in the store {self.root}.",
                "Add the file again with `stargazer assets add`, under the same keys: "
                "its record takes it back.",
            )
        if not self.is_whole(cid):
            raise self.damage(path)
        return path

    def damage(self, path: Path) -> StargazerError:
        """Return the error that tells of a damaged object."""
        return StargazerError(
            f"The stored file {path} is damaged: its content is not what its CID says.",
            "`stargazer assets verify --repair` moves it aside and fetches it again where a remote has it; "
            "adding the file again puts it right as well.",
        )

    def seal(self, cid: str, seal: str) -> None:
        """Note that the file of a CID was whole; a note that is lost costs no more than hashing it again."""
        with contextlib.suppress(OSError):
            self.seals.mkdir(exist_ok=True)
            # Of a store that several users share, the note may be someone else's, but not the folder.
            (self.seals / cid).unlink(missing_ok=True)
            (self.seals / cid).write_text(seal, "ascii")

    def unseal(self, cid: str) -> None:
        """Forget that the file of a CID was whole: it is hashed before it is given out again."""
        with contextlib.suppress(OSError):
            (self.seals / cid).unlink(missing_ok=True)

    def sizes(self) -> frozenset[int]:
        """Return the sizes of all files: what has another size is not here."""
        sizes = set()
        with os.scandir(self.folder) as entries:
            for entry in entries:
                # Another process may delete it.
                with contextlib.suppress(FileNotFoundError):
                    sizes.add(entry.stat().st_size)
        return frozenset(sizes)

    def enter(
        self,
        path: Path,
        waiting: Path,
        *,
        made_here: bool = False,
        known_sizes: frozenset[int] | None = frozenset(),
        threads: int = 1,
        count: Count | None = None,
    ) -> Entered:
        """Bring the bytes of a user's file to `waiting`, unless the store has them.

        A file that was `made_here` is given a second name, where that can be; others share blocks or are
        copied. A large file is hashed before it is copied only if an object has its size, which
        `known_sizes` tells; with None every file is brought, whether it is here or not. A file of the store
        itself is what its name says, which may be of another layout.
        """
        if path.parent == self.folder:
            return Entered(self.require(path.name).name)
        with Source(path) as source:
            may_be_here = known_sizes is not None and (source.size < LARGE or source.size in known_sizes)
            if made_here or may_be_here:
                cid = source.cid(threads=threads, count=count)
                count = None
                # By its bytes, as this may be the last good copy: a seal would let a rotten object pass.
                if known_sizes is not None and self.hashes_whole(cid, threads=threads):
                    return Entered(cid)
                if made_here and source.link_to(waiting):
                    return Entered(cid, waiting, source.seal)
            # Hashed from the bytes that were copied: they are what the name stands for.
            cid = source.copy_to(waiting, threads=threads, count=count)
            return Entered(cid, waiting, seal_of(waiting.stat()))

    def arrived(self, cid: str, content: str, waiting: Path) -> Entered:
        """Return what was downloaded to `waiting`, as something to place."""
        return Entered(cid, waiting, seal_of(waiting.stat()), content if content != cid else "")

    def place(self, entered: Sequence[Entered], placed: list[str]) -> None:
        """Give new bytes their name, and `placed` the CIDs that were new; the caller holds the store's lock.

        Raises VanishedError when what was here has been removed meanwhile.
        """
        for entry in entered:
            target = self.folder / entry.cid
            if entry.waiting is None:
                if not target.exists():
                    raise VanishedError(entry.cid)
                continue
            if target.exists():
                if self.is_whole(entry.cid):
                    continue
                self.set_aside(entry.cid)
            if entry.content:
                self.layouts.mkdir(exist_ok=True)
                replace_file(self.layouts / entry.cid, entry.content.encode())
            placed.append(entry.cid)
            entry.waiting.rename(target)
            self.seal(entry.cid, entry.seal)
        if placed:
            sync_folder(self.folder)

    def remove(self, cid: str) -> None:
        """Remove the file of a CID and what is noted of it; the caller holds the store's lock."""
        (self.folder / cid).unlink(missing_ok=True)
        (self.layouts / cid).unlink(missing_ok=True)
        self.unseal(cid)

    def set_aside(self, cid: str) -> Path:
        """Move a damaged file out of the way, and return where it is; the caller holds the store's lock."""
        self.damaged.mkdir(exist_ok=True)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        target = self.damaged / f"{cid}-{now}"
        (self.folder / cid).rename(target)
        sync_folder(self.damaged)
        self.unseal(cid)
        return target

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Give a folder of our own on the store's file system; what killed writers left is swept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.incoming.mkdir(exist_ok=True)
        self.sweep()
        lock, handle = self._claim()
        workspace = lock.with_suffix("")
        try:
            workspace.mkdir()
            yield workspace
        finally:
            remove_tree(workspace)
            lock.unlink(missing_ok=True)
            os.close(handle)

    def sweep(self, *, dry_run: bool = False, only: Collection[Path] | None = None) -> list[tuple[Path, int]]:
        """Remove the workspaces of processes that ended without doing so; returns each with its bytes.

        `only` names the ones that may go.
        """
        swept = []
        for path in self.incoming.iterdir():
            if only is not None and path.with_suffix("") not in only:
                continue
            with contextlib.suppress(OSError):
                if path.suffix == ".lock":
                    swept += _sweep_locked(path, dry_run=dry_run)
                elif not path.with_name(f"{path.name}.lock").exists() and path.exists():
                    # A lock is made before its folder and goes after it: nobody is at work here.
                    swept.append((path, _folder_size(path)))
                    if not dry_run:
                        remove_tree(path)
        return swept

    def _claim(self) -> tuple[Path, int]:
        """Make a new lock file and hold its lock, which says to others that we live.

        A file, opened for writing: on NFS that is what an exclusive lock needs.
        """
        while True:
            lock = self.incoming / f"{unique()}.lock"
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            # Without locks on this file system nobody can sweep, and a lock is not needed.
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            if lock.exists():
                return lock, handle
            # Swept between its making and its locking.
            os.close(handle)


@contextmanager
def faults_told(root: Path) -> Iterator[None]:
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
            f"The store folder {root} {reason}. It was left as it was.",
            "Make room or give rights there, or choose another folder: STARGAZER_LOCAL=/path stargazer …",
        ) from error


def unique() -> str:
    """Return a name that nobody else takes."""
    return os.urandom(8).hex()


def _folder_size(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)


def _sweep_locked(lock: Path, *, dry_run: bool) -> list[tuple[Path, int]]:
    """Remove the workspace of a lock that nobody holds; OSError when somebody does."""
    handle = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder = lock.with_suffix("")
        swept = [(folder, _folder_size(folder))] if folder.is_dir() else []
        if not dry_run:
            remove_tree(folder)
            lock.unlink(missing_ok=True)
        return swept
    finally:
        os.close(handle)

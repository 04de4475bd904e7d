"""The metadata file of a store: read again only when it changed, replaced whole, and never lost.

    stargazer_local.json                    every record, one a line, under a checksum
    stargazer_local.json.last               a copy of its own of the same state, for the day of damage
    stargazer_local.json.<what>-<time>      what was here before something else took its place

A file that is damaged is put right from the copy and kept aside. A file that something else edited is
neither taken nor dropped: a person decides (`accept_edited`, `restore_last`).
"""

import contextlib
import errno
import io
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.files import replace_file, sync_folder
from stargazer_cli.store.metadata import sealed
from stargazer_cli.store.metadata.home import Home, Marker
from stargazer_cli.store.metadata.sealed import Unsealed, UnsoundError, counted
from stargazer_cli.store.metadata.table import IndexedTable, Records
from stargazer_cli.store.objects import faults_told

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from stargazer_cli.store.metadata.takeover import Taken

NAME = "stargazer_local.json"
_LOCK_TIMEOUT = 120.0  # a change takes well under a second; this is a process that hangs
_LOCK_POLL = 0.01
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, *_FULL)
Stamp = tuple[int, int, int, int, bytes]


class JsonMetadata:
    """The records in `stargazer_local.json` of the folder `root`, under a file lock of their own.

    With a `marker` they are only given while it does not say that they live elsewhere. May be used by
    several threads: each sees the state of one moment.
    """

    def __init__(self, root: Path, marker: Marker | None = None) -> None:
        self._root = root
        self._marker = marker
        self._path = root / NAME
        self._copy = root / f"{NAME}.last"
        self._held: tuple[Stamp, Records] | None = None
        self._unsound: Stamp | None = None  # of a file that is read and not as we wrote it
        self._lock: BaseFileLock | None = None
        self._making_lock = threading.Lock()

    def home(self) -> Home:
        """Return where these records live."""
        return Home(NAME)

    def read(self) -> IndexedTable:
        """Return the records as they stand, for queries."""
        self._check_home()
        records = self._current()
        records.frozen = True
        return IndexedTable(records)

    @contextmanager
    def transaction(self) -> Iterator[IndexedTable]:
        """Give the records for a change that is written at once when the block ends, or not at all."""
        with self.locked():
            before = self._stamp_now()
            records = self._current().fork()
            try:
                yield IndexedTable(records)
            finally:
                records.frozen = True
            if records.changed:
                if self._stamp_now() != before:
                    raise StargazerError(
                        f"Something else wrote to {self._path} during a change, which was not made.",
                        "Do it again when nothing but Stargazer writes there.",
                    )
                self._write(records)

    @contextmanager
    def begun(self) -> Iterator[IndexedTable]:
        """Give the records for a change, as `transaction` does, to which all records come from elsewhere.

        So a file that is missing was not lost: there was none, and it is only there when the block ends well.
        """
        with self._lock_held():
            if self.is_there():
                with self.transaction() as table:
                    yield table
                return
            records = Records()
            try:
                yield IndexedTable(records)
            finally:
                records.frozen = True
            kept = self._keep(self._copy, "before-migration")
            self._write(records)
        if kept:
            _tell(f"Kept aside, a copy of the records that were in this folder before: {kept}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store's lock: one change at a time."""
        with self._lock_held():
            # What is damaged or not of ours yet is put right first: that is no change by something else.
            records = self._current(to_change=True)
            if not self.is_there():
                # Before the first object is: later a missing file means that records were lost.
                self._write(records)
            self._renew_copy()
            yield

    def accept_edited(self) -> int:
        """Keep the records of a file that something else edited, and return how many there are.

        The edited file and the last good state are kept aside. A store whose file is missing begins without
        records; a file that was never ours is taken over. Raises StargazerError when a record is not one.
        """
        from stargazer_cli.store.metadata.takeover import take_over

        with faults_told(self._root), self._lock_held():
            content = self._content()
            if (whole := _whole(content or b"{}")) is not None:
                return len(whole.lines)
            try:
                edited = sealed.inspect(content or b"{}")
            except UnsoundError as error:
                raise self._damaged(str(error)) from None
            last = self._last_good()
            if content and last is None and not edited.known:
                return len(self._take_over(edited.tables).lines)
            taken = take_over(self._root, edited.tables, last.lines if last else {})
            if taken.faults:
                more = f"; and {len(taken.faults) - 3} more" if len(taken.faults) > 3 else ""
                raise StargazerError(
                    f"The metadata file {self._path} cannot be taken: {'; '.join(taken.faults[:3])}{more}.",
                    "Put that right, or go back with `stargazer assets verify --restore-metadata`.",
                )
            kept = [self._keep(self._path, "edited"), self._keep(self._copy, "before-edit")]
            self._write(_records(taken))
        if aside := " and ".join(str(path) for path in kept if path):
            said = f"{self._path} holds {counted(len(taken.records))} as something else edited it."
            _tell(f"{said} Kept aside: {aside}.")
        for each in taken.told:
            _tell(each)
        return len(taken.records)

    def restore_last(self) -> int:
        """Go back to the last good state, and return how many records it holds.

        The file that is there now is kept aside. Raises StargazerError when there is no good state.
        """
        with faults_told(self._root), self._lock_held():
            whole = _whole(self._content() or b"{}")
            if whole is not None:
                return len(whole.lines)
            last = self._last_good()
            if last is None:
                raise StargazerError(
                    f"There is no good copy {self._copy} to go back to.",
                    "Put back a copy of the metadata file from a backup.",
                )
            kept = self._supplant(last, "before-restore")
        aside = f" Kept aside: {kept}." if kept else ""
        _tell(f"{self._path} is the last good state again, {counted(len(last.lines))}.{aside}")
        return len(last.lines)

    def _current(self, *, to_change: bool = False) -> Records:
        """Return the records as they stand, read again only where the file changed.

        To be changed, a damaged file must be put right; to be read, the records may come from the copy.
        """
        held = self._held
        try:
            with _opened(self._path) as stream:
                stamp = _stamp(stream)
                if held is not None and held[0] == stamp and not (to_change and stamp == self._unsound):
                    return held[1]
                records = (held[1] if held else Records()).follow(sealed.unseal(stream))
        except FileNotFoundError:
            if not self._copy.exists() and not self._has_objects():
                return Records()
            return self._put_right(to_change=to_change)
        except ValueError:  # the file is unsound, or one of its lines is no JSON
            records = self._put_right(to_change=to_change)
            if self._held is not None and self._held[1] is records:
                return records
            self._unsound = stamp
        self._held = stamp, records
        return records

    def _put_right(self, *, to_change: bool) -> Records:
        """Return the records of a file that is not as we wrote it, and put it right where that may be."""
        try:
            with self._lock_held():
                return self._settle()
        except OSError as error:
            if to_change or error.errno not in _NOT_WRITABLE:
                raise
            return self._settle(error)

    def _settle(self, hindrance: OSError | None = None) -> Records:
        """Decide what a file is that is not as we wrote it: damaged, edited, or not of ours yet.

        With a `hindrance` nothing is written.
        """
        content = self._content()
        if not content:
            if not self._copy.exists() and not self._has_objects():
                return Records()
            return self._recover("it is missing" if content is None else "it is empty", hindrance)
        if (whole := _whole(content)) is not None:
            return whole
        try:
            found = sealed.inspect(content)
        except UnsoundError as error:
            return self._recover(str(error), hindrance)
        last = self._last_good()
        if last is not None and not found.others and not sealed.differences(found.lines, last.lines):
            return last  # only the seal was lost
        if found.known or last is not None:
            raise self._edited(found, last)
        return self._take_over(found.tables, hindrance)

    def _recover(self, why: str, hindrance: OSError | None) -> Records:
        """Go back to the copy because the file is damaged, and say so."""
        last = self._last_good()
        if last is None:
            raise self._damaged(why)
        said = (
            f"The store's metadata file {self._path} is damaged: {why}. "
            f"Its last good state of {counted(len(last.lines))} was recovered from {self._copy}"
        )
        if hindrance is None:
            kept = self._supplant(last, "damaged")
            _tell(f"{said}{f'; the damaged file is now {kept}' if kept else ''}.")
        else:
            _tell(f"{said} for now; nothing was changed, as the store cannot be written.")
        return last

    def _take_over(self, tables: sealed.Tables, hindrance: OSError | None = None) -> Records:
        """Make a TinyDB file ours, once, with the file as it was kept aside."""
        from stargazer_cli.store.metadata.takeover import take_over

        if hindrance and hindrance.errno in _FULL:
            raise hindrance
        if hindrance:
            raise StargazerError(
                f"The metadata file {self._path} is not of this version and has to be taken over, "
                "for which the store must be writable.",
                "Run any command once as a user who may write there, for example `stargazer assets query`.",
            )
        taken = take_over(self._root, tables)
        records = _records(taken)
        kept = self._supplant(records, "before-takeover")
        _tell(f"{self._path}: {counted(len(records.lines))} taken over; the file as it was is now {kept}.")
        for each in [*(f"Not taken over: {fault}." for fault in taken.faults), *taken.told]:
            _tell(each)
        return records

    def _damaged(self, why: str) -> StargazerError:
        return StargazerError(
            f"The store's metadata file {self._path} is damaged: {why}. It was left as it is.",
            "Put back a copy of it from a backup, or set STARGAZER_DB, if the records are on a server. To "
            "begin without records, move it away and run `stargazer assets verify --accept-metadata`. "
            "The files themselves are safe in 'objects' beside it.",
        )

    def _edited(self, found: Unsealed, last: Records | None) -> StargazerError:
        said = [f"it holds a table {name!r} of {counted(len(found.tables[name]))}" for name in found.others]
        if last is not None and (differ := sealed.differences(found.lines, last.lines)):
            said.append(f"it differs from the last good state in {counted(len(differ))}")
        elif last is None and not found.sealed:
            said.append("its checksum does not fit, and there is no good copy to compare it with")
        return StargazerError(
            f"The store's metadata file {self._path} was edited by something else: {' and '.join(said)}.",
            "Keep the edit with `stargazer assets verify --accept-metadata`, "
            "or go back with `stargazer assets verify --restore-metadata`; what goes is kept aside.",
        )

    def _check_home(self) -> None:
        if self._marker:
            self._marker.check(self.home)

    def is_there(self) -> bool:
        """Whether there is a file, whatever is in it."""
        return self._path.exists() and self._path.stat().st_size > 0

    def _stamp_now(self) -> Stamp:
        with _opened(self._path) as stream:
            return _stamp(stream)

    def _content(self) -> bytes | None:
        try:
            with _opened(self._path) as stream:
                return stream.read()
        except FileNotFoundError:
            return None

    def _last_good(self) -> Records | None:
        """Return the records of the copy, None when it is not whole."""
        try:
            with _opened(self._copy) as stream:
                return _unsealed(stream)
        except FileNotFoundError:
            return None

    def _write(self, records: Records) -> None:
        """Replace the file and its copy; the caller holds the lock."""
        for left in self._root.glob(f".{NAME}.*.part"):
            left.unlink()  # of a writer that was killed
        waiting = self._root / f".{NAME}.last.part"
        try:
            with waiting.open("wb") as copy:
                # Both are complete before the first takes its name: a full disk leaves the store as it was.
                replace_file(self._path, sealed.tee(sealed.seal(records.lines), copy))
            waiting.replace(self._copy)
        finally:
            waiting.unlink(missing_ok=True)
        records.frozen = True
        self._held = self._stamp_now(), records

    def _renew_copy(self) -> None:
        """Make the copy anew where a writer was killed between the file and its copy, or it was removed.

        Where it has what the file lacks, an older file was put back: what is newer is kept aside.
        """
        with _opened(self._path) as stream:
            end = _stamp(stream)[-1]
            with contextlib.suppress(FileNotFoundError), _opened(self._copy) as copy:
                if _stamp(copy)[-1] == end:
                    return
            waiting = self._root / f".{NAME}.last.part"
            with contextlib.suppress(FileNotFoundError), waiting.open("rb") as killed:
                if _stamp(killed)[-1] == end:
                    waiting.replace(self._copy)
                    return
            if (here := _unsealed(stream)) is None:
                return
        last = self._last_good()
        lacking = set(last.lines.values()).difference(here.lines.values()) if last else ()
        if lacking:
            kept = self._keep(self._copy, "before-backup")
            _tell(
                f"{self._copy} held {counted(len(lacking))} that {self._path} does not, as when an older "
                f"file is put back. To go back to it, put it in the place of that file: {kept}"
            )
        shutil.copyfile(self._path, waiting)
        waiting.replace(self._copy)

    def _supplant(self, records: Records, what: str) -> Path | None:
        """Replace a file that is not as we wrote it, which keeps a name of its own where that goes well."""
        kept = self._keep(self._path, what)
        try:
            self._write(records)
        except BaseException:
            # Each further attempt would leave one more name.
            if kept and self._path.exists() and kept.samefile(self._path):
                kept.unlink()
            raise
        return kept

    def _keep(self, path: Path, what: str) -> Path | None:
        """Give what is at `path` a name of its own, by which it stays when `path` is replaced."""
        if not path.exists():
            return None
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        kept, number = self._root / f"{NAME}.{what}-{now}", 1
        while kept.exists():
            number += 1
            kept = self._root / f"{NAME}.{what}-{now}-{number}"
        try:
            os.link(path, kept)
        except OSError:
            shutil.copyfile(path, kept)
        sync_folder(self._root)
        return kept

    def _has_objects(self) -> bool:
        try:
            return any((self._root / "objects").iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return False

    @contextmanager
    def _lock_held(self) -> Iterator[None]:
        """Hold the store's lock; a thread that holds it already goes on."""
        from filelock import FileLock, Timeout

        folder = self._root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with self._making_lock:
            if self._lock is None:
                self._lock = FileLock(folder / "store.lock")
        try:
            self._lock.acquire(timeout=_LOCK_TIMEOUT, poll_interval=_LOCK_POLL)
        except Timeout:
            raise StargazerError(
                f"Another process has held the store {self._root} for {_LOCK_TIMEOUT:.0f} s.",
                "End it, or wait for it, and try again.",
            ) from None
        try:
            self._check_home()  # only now: the records may have moved while this process waited
            yield
        finally:
            self._lock.release()


def _opened(path: Path) -> BinaryIO:
    """Open a file of ours for reading.

    Raises StargazerError where it is a link, which the next write would replace and leave what it leads to
    behind, or no file at all.
    """
    try:
        # O_NONBLOCK: opening a pipe must not wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _no_plain_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _no_plain_file(path)
    return os.fdopen(handle, "rb")


def _no_plain_file(path: Path) -> StargazerError:
    return StargazerError(
        f"{path} is not a plain file, which the metadata of a store have to be.",
        "Put the file itself there. To keep a store elsewhere, set STARGAZER_LOCAL or link its whole folder.",
    )


def _stamp(stream: BinaryIO) -> Stamp:
    """Return what tells this state of a file from any other.

    Its seal too: a file system may give the inode of a replaced file to the next one at once, and two
    writes may fall into one tick of its clock.
    """
    status = os.fstat(stream.fileno())
    start = max(0, status.st_size - sealed.LONGEST_SEAL)
    end = os.pread(stream.fileno(), sealed.LONGEST_SEAL, start)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, end


def _unsealed(stream: BinaryIO) -> Records | None:
    """Return the records of a file that is as we wrote it."""
    try:
        return Records().follow(sealed.unseal(stream))
    except ValueError:
        return None


def _whole(content: bytes) -> Records | None:
    """Return the records of a file that holds what we wrote, perhaps in another form."""
    if (records := _unsealed(io.BytesIO(content))) is not None:
        return records
    with contextlib.suppress(UnsoundError):
        found = sealed.inspect(content)
        if found.whole:
            return Records().follow(found.lines.items())
    return None


def _records(taken: "Taken") -> Records:
    return Records().follow((number, orjson.dumps(record)) for number, record in taken.records.items())


def _tell(notice: str) -> None:
    """Tell the person who watches; where logging is not set up, it prints this on stderr."""
    import logging

    logging.getLogger("stargazer").warning(notice)

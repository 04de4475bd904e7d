"""What came of a download that was killed or failed, kept for the next one: `<store>/partial/<cid>`.

Who brings a file holds the lock of its partial file. Another one who wants the same file meanwhile takes a
way of their own: nobody waits for a download that may never end.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds. What nobody has gone on with for a week is not wanted any more.
KEPT_FOR = 7 * 24 * 3600.0


@contextmanager
def claimed(folder: Path, cid: str) -> Iterator[Path | None]:
    """Give the partial file of a CID, new or with what came of it before, until the end of the `with`.

    None where another process is at work on it, or where it is another user's. Who has the whole file gives
    it another name; else it stays, unless it is empty.
    """
    folder.mkdir(exist_ok=True)
    path = folder / cid
    handle = _lock(path, os.O_CREAT)
    if handle is None:
        yield None
        return
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):
            found = path.stat()
            # By now another process may have begun one.
            if found.st_size == 0 and os.path.samestat(found, os.fstat(handle)):
                path.unlink()
        os.close(handle)


def sweep(
    folder: Path, *, dry_run: bool = False, only: Collection[Path] | None = None
) -> list[tuple[Path, int]]:
    """Remove the partial files that nobody has gone on with; returns each with its bytes.

    With `only`, none but these.
    """
    swept = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        handle = _lock(path) if only is None or path in only else None
        if handle is None:
            continue
        found = os.fstat(handle)
        if time.time() - found.st_mtime >= KEPT_FOR:
            swept.append((path, found.st_size))
            if not dry_run:
                path.unlink()
        os.close(handle)
    return swept


def _lock(path: Path, flags: int = 0) -> int | None:
    """Open a partial file and hold its lock; None where that cannot be."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | flags, 0o666)
    except OSError:
        # Another user's, gone, or no file at all.
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who held it before may have given it another name, or removed it.
        if os.path.samestat(os.fstat(handle), path.stat()):
            return handle
    except OSError:
        pass
    os.close(handle)
    return None

"""Bring the files of a bundle here: downloads side by side, then every record in one transaction."""

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from stargazer_cli.bundles.model import Bundle, PublishedFile

if TYPE_CHECKING:
    from stargazer_cli.store import Added, LocalStore

# Bytes so far, and the size where it is known.
Progress = Callable[[int, int | None], None]

_AT_ONCE = 4  # more does not help: gateways limit what one address may ask of them


def fetch(bundle: Bundle, store: "LocalStore", progress: Progress | None = None) -> "list[Added]":
    """Bring every file of a bundle here and record what it is; returns the assets in the bundle's order.

    Files that the store has are not downloaded. Where a file cannot be had, nothing is recorded: the error
    is that of the first such file, and what did arrive is not downloaded again next time.
    `progress` is called with the bytes of all downloads together.
    """
    from stargazer_cli.store import NewFile

    paths = _pull(bundle, store, progress)
    return store.add(
        [NewFile(path, bundle.asset(file)) for file, path in zip(bundle.files, paths, strict=True)]
    )


def _pull(bundle: Bundle, store: "LocalStore", progress: Progress | None) -> list[Path]:
    missing = [file for file in bundle.files if store.object(file.cid) is None]
    together = _Together(missing, progress)

    def pull(file: PublishedFile) -> Path:
        return store.pull(file.cid, file.name, together.of(file))

    with ThreadPoolExecutor(_AT_ONCE, "fetch") as pool:
        downloads = [pool.submit(pull, file) for file in bundle.files]
        try:
            wait(downloads, return_when=FIRST_EXCEPTION)
        finally:
            # After a failure or Ctrl-C those under way go on to their end, the others are not begun.
            for download in downloads:
                download.cancel()
    failed = [download for download in downloads if not download.cancelled() and download.exception()]
    return [download.result() for download in failed or downloads]


class _Together:
    """The progress of several downloads as that of one; its total is told once every size is known."""

    def __init__(self, files: list[PublishedFile], progress: Progress | None) -> None:
        self._progress = progress
        self._lock = Lock()
        self._told: dict[str, tuple[int, int | None]] = {file.cid: (0, None) for file in files}

    def of(self, file: PublishedFile) -> Progress | None:
        """Return the callback of one download."""
        return (lambda done, size: self._tell(file.cid, done, size)) if self._progress else None

    def _tell(self, cid: str, done: int, size: int | None) -> None:
        # Several threads tell at once: the sum must not go back.
        with self._lock:
            self._told[cid] = done, size
            sizes = [size for _, size in self._told.values() if size is not None]
            total = sum(sizes) if len(sizes) == len(self._told) else None
            if self._progress:
                self._progress(sum(done for done, _ in self._told.values()), total)

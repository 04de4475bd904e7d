"""Bring the files of a bundle here: downloads side by side, then every record in one transaction."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from stargazer_cli.bundles.model import Bundle, PublishedFile

if TYPE_CHECKING:
    from pathlib import Path

    from stargazer_cli.store import Added, LocalStore, NewFile

# Bytes so far, and the size where it is known.
Progress = Callable[[int, int | None], None]

_AT_ONCE = 4  # more does not help: gateways limit what one address may ask of them


def fetch(
    bundle: Bundle, store: "LocalStore", watch: Callable[[PublishedFile], Progress] | None = None
) -> "list[Added]":
    """Bring every file of a bundle here and record what it is; returns the assets in the bundle's order.

    Files that the store has are hashed and not downloaded. Where a file cannot be had, nothing is recorded:
    the error is that of the first such file, and what did arrive is not downloaded again next time.
    `watch` is asked once for each file for the callback that follows its download.
    """
    paths = _pull(bundle, store, watch)
    return store.add([_new_file(bundle, file, path) for file, path in zip(bundle.files, paths, strict=True)])


def _pull(
    bundle: Bundle, store: "LocalStore", watch: Callable[[PublishedFile], Progress] | None
) -> "list[Path]":
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        downloads = [
            pool.submit(store.pull, file.cid, file.name, watch(file) if watch else None)
            for file in bundle.files
        ]
        try:
            wait(downloads, return_when=FIRST_EXCEPTION)
        finally:
            # After a failure or Ctrl-C those under way go on to their end, the others are not begun.
            for download in downloads:
                download.cancel()
    failed = [download for download in downloads if not download.cancelled() and download.exception()]
    return [download.result() for download in failed or downloads]


def _new_file(bundle: Bundle, file: PublishedFile, path: "Path") -> "NewFile":
    from stargazer_cli.store import NewFile

    return NewFile(path, bundle.asset(file))

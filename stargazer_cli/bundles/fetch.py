"""Bring the files of a bundle here: downloads side by side, then every record in one transaction."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from stargazer_cli.bundles.model import Bundle

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import Added, LocalStore
    from stargazer_cli.store.remote.source import Progress


def fetch(bundle: Bundle, store: "LocalStore", progress: "Progress | None" = None) -> "list[Added]":
    """Bring every file of a bundle here and record what it is; returns the assets in the bundle's order.

    Where Pinata is switched on and has records of a file, those are taken and not the bundle's own. Files
    that the store has are not downloaded. Where a file cannot be had, nothing is recorded: the error is that
    of the first such file, and what did arrive is not downloaded again next time. `progress` is called with
    the bytes of all downloads together.
    """
    from stargazer_cli.store import NewFile
    from stargazer_cli.store.files import counter, share_of
    from stargazer_cli.store.remote.parallel import side_by_side

    known = _known_to_pinata(store.settings, [file.cid for file in bundle.files])
    count = counter(None, progress)
    paths = side_by_side(lambda file: store.pull(file.cid, file.name, share_of(count)), bundle.files)
    return store.add(
        [
            NewFile(path, asset)
            for file, path in zip(bundle.files, paths, strict=True)
            for asset in known.get(file.cid) or [bundle.asset(file)]
        ]
    )


def _known_to_pinata(settings: "Settings", cids: Sequence[str]) -> "Mapping[str, list[Asset]]":
    """Return what Pinata says that files are, by CID; nothing without an account."""
    if not settings.pinata_jwt:
        return {}
    from stargazer_cli.store.remote.sync import remote_find

    known: dict[str, list[Asset]] = {}
    for asset in remote_find(settings, cid=list(cids)):
        known.setdefault(asset.cid, []).append(asset)
    return known

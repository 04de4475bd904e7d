"""Bring the files of a bundle here: downloads side by side, then every record in one transaction."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.bundles.model import Bundle, PublishedFile
from stargazer_cli.errors import StargazerError

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import Added, LocalStore
    from stargazer_cli.store.files import Progress


def fetch(
    bundle: Bundle,
    store: "LocalStore",
    progress: "Progress | None" = None,
    note: Callable[[str], None] | None = None,
) -> "list[Added]":
    """Bring every file of a bundle here and record what it is; returns the assets in the bundle's order.

    Where Pinata is switched on and has records of a file, those are taken and not the bundle's own. Of cells,
    the genes say what organism they are of, where they can be read. Files that the store has are not
    downloaded. Where a file cannot be had, nothing is recorded: the error is that of the first such file, and
    what did arrive is not downloaded again next time. `progress` is called with the bytes of all downloads
    together, `note` with what a person should know of it.
    """
    from stargazer_cli.store import NewFile
    from stargazer_cli.store.files import counter, share_of
    from stargazer_cli.store.remote.parallel import side_by_side

    tell = note or _say_nothing
    known = _known(bundle, store, tell)
    count = counter(None, progress)
    paths = side_by_side(lambda file: store.pull(file.cid, file.name, share_of(count)), bundle.files)
    return store.add(
        [
            NewFile(path, asset)
            for file, path in zip(bundle.files, paths, strict=True)
            for asset in known.get(file.cid) or [_described(bundle, file, path, tell)]
        ]
    )


def _described(bundle: Bundle, file: PublishedFile, path: Path, note: Callable[[str], None]) -> "Asset":
    """Return what a file is by its bundle, the organism of cells by their genes."""
    from stargazer_cli.assets import AnnData
    from stargazer_cli.bundles.genes import organism_of_cells

    asset = bundle.asset(file)
    if isinstance(asset, AnnData):
        found = organism_of_cells(path)
        if found and found != asset.organism:
            said = f", not of {asset.organism} as the bundle says" if asset.organism else ""
            note(f"{file.name}: its genes are those of {found}{said}; recorded as organism={found}.")
            asset.organism = found
    return asset


def _known(bundle: Bundle, store: "LocalStore", note: Callable[[str], None]) -> "Mapping[str, list[Asset]]":
    """Return what Pinata says that files are, by CID; nothing without an account.

    Where Pinata does not answer and every file is recorded here, what is recorded stands.
    """
    if not store.settings.pinata_jwt:
        return {}
    from stargazer_cli.store.remote.sync import search_remote

    cids = [file.cid for file in bundle.files]
    known: dict[str, list[Asset]] = {}
    try:
        found = search_remote(store.settings, {"cid": cids}, note)
    except StargazerError as error:
        here = {cid: store.by_cid(cid) for cid in cids if store.object(cid)}
        if not all(here.get(cid) for cid in cids):
            raise
        note(f"{error.message} All of {bundle.name} is here, and stays recorded as it is.")
        return here
    for asset in found:
        known.setdefault(asset.cid, []).append(asset)
    return known


def _say_nothing(_: str) -> None:
    pass

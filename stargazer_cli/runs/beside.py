"""Files that a user has beside the data, given by their paths or as assets of the store."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stargazer_cli.errors import UsageError

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore


def beside(
    store: "LocalStore", given: str | Path, *, option: str, kind: str = "", **fields: Any
) -> "Asset | None":
    """Return the text file that is given by its path, or by the CID of one in the store; None where none is.

    `kind` and `fields` are what the store is told of a file, and what an asset of it must be.
    """
    from stargazer_cli.assets import new_asset
    from stargazer_cli.assets.checks import read_head
    from stargazer_cli.store import cid_of

    path = Path(given)
    if not given:
        return None
    if not path.exists() and (known := store.by_cid(str(given))):
        return _fitting(known, option, str(given), kind, fields)
    head = read_head(path)
    if b"\0" in head.text:
        raise UsageError(f"{option} {given}: is not text.")
    return new_asset(kind, cid=cid_of(path), name=path.name, path=path, **fields)


def store_new(store: "LocalStore", assets: "Iterable[Asset | None]") -> None:
    """Put the files that were given by their paths into the store, under what they are."""
    from stargazer_cli.store import NewFile

    store.add([NewFile(asset.path, asset) for asset in assets if asset and asset.path and not asset.id])


def _fitting(known: "list[Asset]", option: str, given: str, kind: str, fields: dict[str, Any]) -> "Asset":
    """Return the record that is what is wanted; a bare one may be anything."""
    if not kind:
        return known[0]
    of_kind = [asset for asset in known if asset.kind == kind]
    fitting = [
        asset for asset in of_kind if all(getattr(asset, key) in ("", value) for key, value in fields.items())
    ]
    if not fitting:
        said = ", ".join(f"{key}={getattr(of_kind[0], key)}" for key in fields) if of_kind else "another kind"
        wanted = " ".join([f"asset={kind}", *(f"{key}={value}" for key, value in fields.items())])
        raise UsageError(
            f"{option} {given}: is recorded with {said}.", f"It takes what is recorded with {wanted}."
        )
    return fitting[0]

"""Files that are copied out of the store together: which they are, and what they are called."""

from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import UsageError
from stargazer_cli.store.cid import check_cid

if TYPE_CHECKING:
    from stargazer_cli.store.local import LocalStore


def file_names(store: "LocalStore", cid: str, *, with_companions: bool) -> dict[str, str]:
    """Return the file name of each CID that is wanted: a file, and what travels with it.

    A name in a record is no path. A file that no record names is called by its CID.

    Raises:
        UsageError: there is no such CID, or two of the files have one name.

    """
    assets = store.by_cid(cid)
    names = {cid if assets else check_cid(cid): ""}
    travelling = (each for asset in assets for each in asset.companions(store)) if with_companions else ()
    for asset in (*assets, *travelling):
        names[asset.cid] = names.get(asset.cid) or Path(asset.name).name
    named = {each: name or each for each, name in names.items()}
    taken = list(named.values())
    if twice := next((name for name in taken if taken.count(name) > 1), ""):
        raise UsageError(
            f"Two of the files are named {twice}: they cannot go into one folder.",
            "Get each by its CID, under a path of its own.",
        )
    return named

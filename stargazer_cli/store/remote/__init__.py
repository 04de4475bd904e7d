"""Bytes from elsewhere and to elsewhere; none of it is trusted before its CID is checked."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store.remote.download import Progress


def fetch(
    settings: "Settings",
    cid: str,
    target: Path,
    *,
    name: str = "",
    progress: "Progress | None" = None,
    read_only: bool = True,
) -> str:
    """Put the verified bytes of `cid` at the new path `target`, or leave nothing there.

    Returns the CID of the bytes in our layout: another one than `cid` where that was made with another
    chunk size or tree.
    """
    # The HTTP library takes a tenth of a second to import: nobody waits for it before bytes are needed.
    from stargazer_cli.store.remote.download import download
    from stargazer_cli.store.remote.gateway import public_source

    source = public_source(settings.pinata_gateway, cid, name)
    return download([source], cid, target, name=name, progress=progress, read_only=read_only)

"""Bytes from elsewhere and to elsewhere; none of it is trusted before its CID is checked.

http       the client of all transfers: time-outs, repeated attempts, who sees a token
download   a file from the first of several sources that gives it
source     what a source is; gateway is the public one, pinata the user's account
blocks     a file block by block; car reads the stream, unixfs knows the tree
plain      a file as one body
arriving   the file that comes, and the state of its hash
resume     what came of a broken download, kept for a later call
pinata     the API of the account; tus uploads what is large
records    the records of assets as Pinata keeps them
sync       push, pull and search of assets
parallel   several transfers at once
"""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store.files import Progress
    from stargazer_cli.store.remote.source import Source


def fetch(
    settings: "Settings",
    cid: str,
    target: Path,
    *,
    name: str = "",
    progress: "Progress | None" = None,
    read_only: bool = True,
    keep: bool = False,
) -> str:
    """Put the verified bytes of `cid` at the new path `target`, or leave nothing there.

    With `keep`, `target` is a file that there is, with what an earlier call left: it is gone on with, and
    stays after a failure.

    The user's account at Pinata is asked first, where there is one: its private files, then its public ones
    through its own gateway. Then the public gateway is.

    Returns the CID of the bytes in our layout: another one than `cid` where that was made with another
    chunk size or tree.
    """
    # The HTTP library takes a tenth of a second to import: nobody waits for it before bytes are needed.
    from stargazer_cli.store.remote.download import download
    from stargazer_cli.store.remote.gateway import public_source

    sources: list[Source] = []
    with ExitStack() as stack:
        if settings.pinata_jwt:
            from stargazer_cli.store.remote.pinata import NETWORKS, Pinata

            account = stack.enter_context(Pinata(settings))
            sources += [account.source(cid, network) for network in NETWORKS]
        if settings.pinata_gateway or not sources:
            sources.append(public_source(settings.pinata_gateway, cid, name))
        return download(sources, cid, target, name=name, progress=progress, read_only=read_only, keep=keep)

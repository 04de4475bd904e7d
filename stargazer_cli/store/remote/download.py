"""Downloads from servers that are not trusted: every byte is checked by CID, and a broken transfer goes on.

A transfer goes through its sources in order. What a source sends is kept across broken connections, and a
source that sends wrong bytes is left for the next one. In the end the file is whole, or nothing is there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.cid import check_cid
from stargazer_cli.store.files import READ_ONLY, Progress
from stargazer_cli.store.remote import http
from stargazer_cli.store.remote.arriving import PartialFile, Stale
from stargazer_cli.store.remote.blocks import BlockDownload, NotOffered
from stargazer_cli.store.remote.plain import WholeDownload
from stargazer_cli.store.remote.source import Source
from stargazer_cli.store.remote.unixfs import DAG_PB, Name, NotAFile, name_of

if TYPE_CHECKING:
    import httpx

__all__ = ["Source", "download"]


def download(
    sources: Sequence[Source],
    cid: str,
    target: Path,
    *,
    name: str = "",
    size: int | None = None,
    progress: Progress | None = None,
    read_only: bool = True,
    keep: bool = False,
) -> str:
    """Put the file of `cid` at the new path `target`, or leave nothing there.

    With `keep`, `target` is a file that there is: what it holds is gone on with, and what has come by the
    time of a failure stays for a later call. Where in the end the CID says that the beginning was wrong, or
    cannot say it as it is of another layout, the file is had anew, once.

    Returns the CID of the bytes in our layout: another one than `cid` where that was made with another chunk
    size or tree. `size` is the length of the file, where it is known; `progress` is called with the bytes so
    far and the length, where it is known by then.
    """
    root = name_of(check_cid(cid))
    what = f"{name} ({cid})" if name else cid
    problems: list[str] = []
    with PartialFile(target, progress, keep=keep) as file, http.client() as client:
        if keep and root.codec == DAG_PB:
            file.inherit()
        elif keep:
            file.start_anew()
        file.expect(size)
        for source in sources:
            try:
                try:
                    found = _from(client, source, root, file, size)
                except Stale:
                    file.start_anew()
                    found = _from(client, source, root, file, size)
            except http.Refused as reason:
                problems.append(f"{source.name} did not deliver {what}: {reason}")
                continue
            except NotAFile as reason:
                file.start_anew()
                raise StargazerError(
                    f"{what} {reason}, so it cannot be an asset.",
                    "Give the CID of one file, such as `ipfs add` prints.",
                ) from None
            if read_only:
                target.chmod(READ_ONLY)
            return found
        raise StargazerError(
            f"{'; '.join(problems) or f'There is nowhere to get {what} from'}.",
            "Try again later, or another gateway, best one that sends blocks: "
            "PINATA_GATEWAY=https://trustless-gateway.link stargazer …",
        )


def _from(client: "httpx.Client", source: Source, root: Name, file: PartialFile, size: int | None) -> str:
    """Take the file from one source, block by block where it can do that."""
    if source.car and root.codec == DAG_PB:
        try:
            return BlockDownload(client, source, root, file).fetch()
        except NotOffered:
            pass
    return WholeDownload(client, source, root, file, size).fetch()

"""What the inputs of a task were made from, where that tells which of them belong together."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from stargazer_cli.assets import Asset
from stargazer_cli.store.lineage import trace

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

_READS = frozenset({"r1", "r2", "alignment"})


def linked_to(
    store: "LocalStore", others: Iterable[Asset], assets: Sequence[Asset], field: str
) -> list[Asset]:
    """Return those of some assets that belong to one of the others by a link.

    They point at it, else at something that it was made from, else at nothing. What points elsewhere belongs
    to another file, and is not taken even where nothing else is left.
    """
    cids = {asset.cid for asset in others}
    links = {getattr(asset, field) for asset in assets}
    wanted = cids & links or _ancestors(store, cids, links - {""}) or {""}
    return [asset for asset in assets if getattr(asset, field) in wanted]


def same_reads(store: "LocalStore", assets: Sequence[Asset]) -> Iterator[tuple[Asset, Asset, list[Asset]]]:
    """Give each two of some files that hold the same reads, and which reads these are."""
    reads = {asset.cid: _reads_in(store, asset) for asset in assets} if len(assets) > 1 else {}
    for one, other in combinations(assets, 2):
        if shared := reads[one.cid].keys() & reads[other.cid].keys():
            yield one, other, [reads[one.cid][cid] for cid in sorted(shared)]


def reads_left_out(store: "LocalStore", assets: Sequence[Asset], sample: str) -> list[Asset]:
    """Return the reads of a sample that none of some files is made from, so far as they say."""
    reads = {cid for asset in assets for cid in _reads_in(store, asset)}
    of_sample = {asset.cid: asset for asset in store.find(asset="r1", sample_id=sample)} if sample else {}
    return [asset for cid, asset in of_sample.items() if cid not in reads]


def _ancestors(store: "LocalStore", cids: Iterable[str], links: set[str]) -> set[str]:
    """Return which of the links some files were made from."""
    return (
        {link for cid in cids for link in trace(store, cid, direction="up").nodes if link in links}
        if links
        else set()
    )


def _reads_in(store: "LocalStore", asset: Asset) -> dict[str, Asset]:
    """Return the files of reads that are in a file, itself among them, by their CIDs."""
    nodes = trace(store, asset.cid, direction="up").nodes
    return {cid: records[0] for cid, records in nodes.items() if records and records[0].kind in _READS}

"""A file block by block, from a gateway that offers CARs (`?format=car`): a bad byte is caught at its block.

The question and the answer are those of specs.ipfs.tech/http-gateways/trustless-gateway: the blocks of one
file, depth first, repeated where the file repeats them; `entity-bytes=N:*` leaves out those that hold nothing
beyond byte N. A gateway that knows less of it is understood too: one that leaves out repeated blocks, or
sends all again.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stargazer_cli.store.cid import CHUNK
from stargazer_cli.store.remote import car, http
from stargazer_cli.store.remote.arriving import WORTHWHILE, PartialFile, Stale
from stargazer_cli.store.remote.source import Source
from stargazer_cli.store.remote.unixfs import RAW, Name, Walk

if TYPE_CHECKING:
    import httpx

_OK = 200
_QUERY = {"format": "car", "dag-scope": "entity", "car-version": "1", "car-order": "dfs", "car-dups": "y"}
# Bytes of blocks that are kept, should they come again, with what Python takes for each.
_KEPT = 16 << 20
_OVERHEAD = 300
_ACCEPT = f"{car.MEDIA_TYPE}; version=1; order=dfs; dups=y"


class NotOffered(Exception):  # noqa: N818 - it never reaches a user
    """The source has no blocks in order to give."""


class BlockDownload:
    """The blocks of a file in order, each checked when it comes; what has come is not asked for again."""

    def __init__(self, client: "httpx.Client", source: Source, root: Name, file: PartialFile) -> None:
        self._client = client
        self._source = source
        self._root = root
        self._file = file

    def fetch(self) -> str:
        """Take the blocks that are missing, and return the CID of the file in our layout."""
        http.retried(self._attempt)
        self._file.rewind(self._file.checked)
        return self._file.finish(self._root)

    def _attempt(self) -> None:
        start = self._file.checked
        try:
            while not self._request():
                pass
        except http.Passing as fault:
            fault.progressed = self._file.checked - start >= WORTHWHILE
            raise

    def _request(self) -> bool:
        """Ask for the blocks from here on; False where a block was left out and has to be asked for."""
        start = self._file.checked
        request = self._source.request()
        query = {**_QUERY, "entity-bytes": f"{start}:*"} if start else _QUERY
        url, headers = http.with_query(request.url, query), {**request.headers, "Accept": _ACCEPT}
        with http.faults(), self._client.stream("GET", url, headers=headers) as response:
            self._check(response)
            whole = self._follow(Walk(self._root, start), car.blocks(http.body(response)))
        if not whole and self._file.checked == start:
            # It sends in an order of its own, or never again what it sent once.
            raise NotOffered
        return whole

    def _check(self, response: "httpx.Response") -> None:
        try:
            http.check_status(response, _OK)
        except http.Refused as reason:
            # It may know the file and not the question; asked plainly it says what is the matter.
            raise NotOffered from reason
        kind = response.headers.get("Content-Type", "").lower()
        if not kind.startswith(car.MEDIA_TYPE) or "order=unk" in kind:
            raise NotOffered

    def _follow(self, walk: Walk, stream: Iterator[tuple[Name, bytes]]) -> bool:
        """Write the file along the walk; False where the blocks that come are not those of the walk."""
        recent = _Recent()
        surplus = 0
        arrived = None
        while expected := walk.expected:
            block = recent.get(expected)
            if block is None:
                arrived = arrived or next(stream, None)
                if arrived and arrived[0] == expected:
                    block, arrived = arrived[1], None
                elif arrived and arrived[0] in recent and surplus <= (walk.total or 0):
                    # It was taken from those before, and comes again.
                    surplus += len(arrived[1])
                    arrived = None
                    continue
                elif walk.skippable:
                    walk.skip()
                    continue
                elif arrived:
                    return False
                elif walk.total is None:
                    # Not even the first one: asked plainly it says that it does not have the file.
                    raise NotOffered
                else:
                    raise http.Passing("the blocks ended before the file did")
            recent.keep(expected, block)
            brought = walk.take(block)
            if self._file.total != walk.total:
                self._file.expect(walk.total)
            self._file.write_checked(brought, expected.digest if brought == block else None)
            if brought and self._file.inherited and not self._is_ours(expected, block):
                # Of another layout: the CID of the whole will say nothing about what was there before.
                raise Stale
        return True

    def _is_ours(self, name: Name, block: bytes) -> bool:
        """Tell whether the block that came last is a chunk of our layout."""
        return name.codec == RAW and (len(block) == CHUNK or self._file.size == self._file.total)


class _Recent:
    """The last blocks: a file may repeat them, as in a run of zeros, and a stream may send them once."""

    def __init__(self) -> None:
        self._blocks: dict[Name, bytes] = {}
        self._size = 0

    def __contains__(self, name: Name) -> bool:
        """Tell whether a block is among them."""
        return name in self._blocks

    def get(self, name: Name) -> bytes | None:
        """Return the block of a name, if it is among them."""
        return self._blocks.get(name)

    def keep(self, name: Name, block: bytes) -> None:
        """Put a block last, and let the first ones go when there are too many."""
        if self._blocks.pop(name, None) is None:
            self._size += len(block) + _OVERHEAD
        self._blocks[name] = block
        while self._size > _KEPT:
            self._size -= len(self._blocks.pop(next(iter(self._blocks)))) + _OVERHEAD

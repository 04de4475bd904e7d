"""Where a file comes from and what was made from it: the files that are nearest, as nodes and edges."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from stargazer_cli.assets import KINDS
from stargazer_cli.store.lineage import Direction, Edge, edges_of
from stargazer_cli.store.metadata.match import Match
from stargazer_cli.store.metadata.table import Records

if TYPE_CHECKING:
    from tinydb.table import Table

_AT_ONCE = 200


@dataclass(frozen=True)
class Graph:
    """The files around one.

    depths     each CID with how far it is: negative for what the file was made from
    records    the records of each CID; none where the store has none
    arrows     (parent, child) -> relations, between these files
    truncated  whether there are more files, which are further away
    """

    depths: Mapping[str, int]
    records: Mapping[str, list[Mapping[str, Any]]]
    arrows: Mapping[tuple[str, str], list[str]]
    truncated: bool


def around(table: "Table", cid: str, direction: Direction, limit: int) -> Graph:
    """Return at most `limit` files up, down or both ways from one, the nearest first.

    It goes from record to record by the indexes of the store, and no further than it has to.
    """
    depths = {cid: 0}
    edges: set[Edge] = set()
    left_out = False
    generations = (
        {-1: [cid]} if direction == "up" else {1: [cid]} if direction == "down" else {-1: [cid], 1: [cid]}
    )
    while generations and len(depths) <= limit:
        for sign, generation in list(generations.items()):
            if sign < 0:
                found, more = parents_of(table, generation), False
            else:
                pointing, total = pointing_at(table, generation, limit)
                found, more = {edge for _, edge in pointing}, total > limit
            edges |= found
            left_out |= more
            ends = sorted(edge.parent if sign < 0 else edge.child for edge in found)
            fresh = [each for each in dict.fromkeys(ends) if each not in depths]
            # All of one generation are equally far.
            depths.update(dict.fromkeys(fresh, depths[generation[0]] + sign))
            generations[sign] = fresh
        generations = {sign: fresh for sign, fresh in generations.items() if fresh}
    kept = dict(list(depths.items())[:limit])
    records: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in table.search(Match({"cid": list(kept)})):
        records[record["cid"]].append(record)
    return Graph(kept, records, _arrows(edges, kept), left_out or len(depths) > limit)


def parents_of(table: "Table", cids: Iterable[str]) -> set[Edge]:
    """Return the edges from files to what they were made from."""
    return {edge for record in table.search(Match({"cid": list(cids)})) for edge in edges_of(record)}


def pointing_at(
    table: "Table", cids: Iterable[str], most: int
) -> tuple[list[tuple[Mapping[str, Any], Edge]], int]:
    """Return at most so many records that point at files, with the edges by which they do, and their number.

    They are looked up by the keys that are links in some kind, and by what they were made from: a bare
    asset's own link is told where it is one of these. The number may be too high where there are more.
    """
    wanted = frozenset(cids)
    numbers = sorted(
        {number for key in ("derived_from", *_link_keys()) for number in _having(table, key, wanted)}
    )
    found: list[tuple[Mapping[str, Any], Edge]] = []
    pointing = 0
    for begin in range(0, len(numbers), _AT_ONCE):
        for record in table.get(doc_ids=numbers[begin : begin + _AT_ONCE]) or ():
            edges = [edge for edge in edges_of(record) if edge.parent in wanted]
            found += [(record, edge) for edge in edges]
            pointing += bool(edges)
            if pointing == most:
                return found, len(numbers)
    return found, pointing


def _having(table: "Table", key: str, values: frozenset[str]) -> Iterable[int]:
    """Return the numbers of the records that have one of the values, without reading those of a file."""
    match = Match({key: values})
    if isinstance(table.storage, Records):
        return table.storage.candidates(match.conditions())
    return [document.doc_id for document in table.search(match)]


@cache
def _link_keys() -> tuple[str, ...]:
    return tuple(sorted({key for kind in KINDS.values() for key in kind.fields() if key.endswith("_cid")}))


def _arrows(edges: Iterable[Edge], kept: Mapping[str, int]) -> dict[tuple[str, str], list[str]]:
    arrows: dict[tuple[str, str], list[str]] = {}
    for edge in sorted(edges):
        if edge.parent in kept and edge.child in kept:
            arrows.setdefault((edge.parent, edge.child), []).append(edge.relation)
    return arrows

"""What a file was made from and what was made from it, as a graph of CIDs.

An edge goes from a file to one that it points at: by a link (`reference_cid`, `source_cid`, …) or as
something that it was made from (`derived_from`). Mates point at each other and neither was made from the
other: such links are no edges. Nothing keeps users from making rings of the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from stargazer_cli.assets import KINDS
from stargazer_cli.errors import UsageError
from stargazer_cli.store.local import links_of
from stargazer_cli.store.metadata.match import Match

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store.local import LocalStore

Direction = Literal["up", "down", "both"]
_PLAIN = frozenset(" ._=+,@/-…")


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`child` points at `parent`; `relation` is the link's key, or `derived_from`."""

    child: str
    parent: str
    relation: str


@dataclass(frozen=True)
class Lineage:
    """The graph around `cid`.

    nodes    every CID with its records; none where the store has no record of it
    edges    sorted, and only between these nodes
    """

    cid: str
    nodes: Mapping[str, tuple["Asset", ...]]
    edges: tuple[Edge, ...]

    @cached_property
    def parents(self) -> Mapping[str, Mapping[str, list[str]]]:
        """What each file points at, with the relations."""
        steps: dict[str, dict[str, list[str]]] = {cid: {} for cid in self.nodes}
        for edge in self.edges:
            steps[edge.child].setdefault(edge.parent, []).append(edge.relation)
        return steps

    @cached_property
    def children(self) -> Mapping[str, Mapping[str, list[str]]]:
        """What points at each file, with the relations."""
        steps: dict[str, dict[str, list[str]]] = {cid: {} for cid in self.nodes}
        for edge in self.edges:
            steps[edge.parent].setdefault(edge.child, []).append(edge.relation)
        return steps


def trace(store: "LocalStore", cid: str, *, direction: Direction = "both") -> Lineage:
    """Return all that a file was made from (`up`), all that was made from it (`down`), or both.

    Raises UsageError when the store has no record of `cid` and nothing there points at it.
    """
    edges: set[Edge] = set()
    if direction in ("up", "both"):
        edges |= _ancestry(store, cid)
    if direction in ("down", "both"):
        edges |= _descent(store, cid)
    cids = sorted({cid} | {end for edge in edges for end in (edge.child, edge.parent)})
    found: dict[str, list[Asset]] = defaultdict(list)
    for asset in store.find(cid=cids):
        found[asset.cid].append(asset)
    if not found and not edges:
        raise UsageError(f"No asset has the CID {cid[:100]!r}.", "`stargazer assets query` lists them.")
    return Lineage(cid, {each: tuple(found[each]) for each in cids}, tuple(sorted(edges)))


def _ancestry(store: "LocalStore", cid: str) -> set[Edge]:
    """Go from record to record, one query a generation."""
    edges: set[Edge] = set()
    seen, generation = {cid}, {cid}
    while generation:
        records = store.metadata.read().search(Match({"cid": sorted(generation)}))
        fresh = {edge for record in records for edge in edges_of(record)}
        edges |= fresh
        generation = {edge.parent for edge in fresh} - seen
        seen |= generation
    return edges


def _descent(store: "LocalStore", cid: str) -> set[Edge]:
    """Look at every record once: any key of a bare asset may be a link."""
    children: dict[str, list[Edge]] = defaultdict(list)
    for record in store.metadata.read():
        for edge in edges_of(record):
            children[edge.parent].append(edge)
    edges: set[Edge] = set()
    seen, waiting = {cid}, [cid]
    while waiting:
        for edge in children.get(waiting.pop(), ()):
            edges.add(edge)
            if edge.child not in seen:
                seen.add(edge.child)
                waiting.append(edge.child)
    return edges


def edges_of(record: Mapping[str, Any]) -> Iterator[Edge]:
    """Give the edges from one record to what it points at."""
    for relation, parent in links_of(record):
        if relation not in _links_of_peers():
            yield Edge(record["cid"], parent, relation)


@cache
def _links_of_peers() -> frozenset[str]:
    """Return the links that go both ways: a kind has the key itself and is pointed at by it."""
    return frozenset(
        key for kind in KINDS.values() for key in kind.companion_kinds.values() if key in kind.fields()
    )


def to_document(lineage: Lineage) -> dict[str, Any]:
    """Return the graph in a form that JSON can hold."""
    return {
        "cid": lineage.cid,
        "nodes": [
            {"cid": cid, "assets": [asset.to_dict() for asset in assets]}
            for cid, assets in lineage.nodes.items()
        ],
        "edges": [
            {"child": edge.child, "parent": edge.parent, "relation": edge.relation} for edge in lineage.edges
        ],
    }


def to_mermaid(lineage: Lineage) -> str:
    """Return the graph in the language of Mermaid; arrows go the way that the data went."""
    number = {cid: f"n{place}" for place, cid in enumerate(lineage.nodes)}
    lines = ["flowchart LR"]
    for cid in lineage.nodes:
        label = "<br/>".join(_entities(line) for line in _label(lineage, cid))
        lines.append(f'    {number[cid]}["{label}"]')
    for parent, child, relations in _arrows(lineage):
        lines.append(f'    {number[parent]} -->|"{_entities(relations)}"| {number[child]}')
    lines.append(f"    style {number[lineage.cid]} stroke-width:3px")
    return "\n".join(lines) + "\n"


def to_dot(lineage: Lineage) -> str:
    """Return the graph in the language of Graphviz; arrows go the way that the data went."""
    lines = ["digraph lineage {", "    rankdir=LR;", "    node [shape=box];"]
    for cid in lineage.nodes:
        label = "\\n".join(_quoted(line) for line in _label(lineage, cid))
        bold = ", penwidth=3" if cid == lineage.cid else ""
        lines.append(f'    "{_quoted(cid)}" [label="{label}"{bold}];')
    for parent, child, relations in _arrows(lineage):
        lines.append(f'    "{_quoted(parent)}" -> "{_quoted(child)}" [label="{_quoted(relations)}"];')
    return "\n".join([*lines, "}"]) + "\n"


def tree(lineage: Lineage) -> list[str]:
    """Return lines for a terminal: the file, what it was made from, and what was made from it.

    A file that was shown with its branch already is not unfolded again. Names are as their users wrote
    them: escape what a terminal would act on.
    """
    lines = [_line(lineage, lineage.cid)]
    above = list(_branches(lineage, up=True))
    below = list(_branches(lineage, up=False))
    if above:
        lines += ["made from", *above]
    if below:
        lines += ["used by", *below]
    return lines


def _branches(lineage: Lineage, *, up: bool) -> Iterator[str]:
    steps = lineage.parents if up else lineage.children
    shown = {lineage.cid}
    # A stack and no recursion: a chain of edits may be long.
    waiting = [(cid, relations, "", last) for cid, relations, last in _last_first(steps[lineage.cid])]
    while waiting:
        cid, relations, indent, last = waiting.pop()
        again = cid in shown
        shown.add(cid)
        below = {} if again else steps[cid]
        mark = " (shown above)" if again and steps[cid] else ""
        yield f"{indent}{'└─' if last else '├─'} {_line(lineage, cid)}  [{', '.join(relations)}]{mark}"
        further = indent + ("   " if last else "│  ")
        waiting += [(cid, relations, further, last) for cid, relations, last in _last_first(below)]


def _last_first(steps: Mapping[str, list[str]]) -> list[tuple[str, list[str], bool]]:
    """Return steps in the order of a stack, each with whether it is drawn last."""
    return [
        (cid, relations, not place) for place, (cid, relations) in enumerate(reversed(list(steps.items())))
    ]


def _line(lineage: Lineage, cid: str) -> str:
    kind, name, *_ = _label(lineage, cid)
    return f"{kind} {name}  {cid}" if lineage.nodes[cid] else f"{kind}  {cid}"


def _label(lineage: Lineage, cid: str) -> list[str]:
    """Return what to call a file: its kind, its name and of what it is, the CID in short."""
    assets = lineage.nodes[cid]
    short = f"{cid[:9]}…{cid[-4:]}" if len(cid) > 16 else cid
    if not assets:
        return ["not recorded here", short]
    kinds = dict.fromkeys(asset.to_keyvalues().get("asset", "asset") for asset in assets)
    names = dict.fromkeys(asset.name for asset in assets)
    return [" and ".join(kinds), " and ".join(names), short]


def _arrows(lineage: Lineage) -> Iterable[tuple[str, str, str]]:
    """Give (parent, child, relations), one for each two files."""
    for child in lineage.nodes:
        for parent, relations in lineage.parents[child].items():
            yield parent, child, ", ".join(relations)


def _entities(text: str) -> str:
    """Write text so that Mermaid reads it as text: anything else than letters and digits may be syntax."""
    return "".join(
        letter if letter.isalnum() or letter in _PLAIN or letter in "_…" else f"#{ord(letter)};"
        for letter in text
    )


def _quoted(text: str) -> str:
    """Write text for between double quotes of Graphviz, which reads entities of HTML there."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(
        letter if letter.isprintable() and letter != "&" else f"&#{ord(letter)};" for letter in escaped
    )

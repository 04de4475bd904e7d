"""The graph of what a result was made from, laid out for a drawing: files as boxes, from left to right.

A file stands to the right of all that it was made from. What follows from other lines is left out: that a
VCF was made from a reference shows by the GVCF between them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stargazer_cli.assets.asset import Family
from stargazer_cli.errors import needing

if TYPE_CHECKING:
    import pandas as pd

    from stargazer_cli.assets import Asset
    from stargazer_cli.store.lineage import Lineage

# How often the boxes of a column move to where their neighbours are; more changes nothing to see.
_SWEEPS = 8
# Half the width of a box, where 1 is from one column to the next.
HALF_WIDTH = 0.4
# Points of a line between two boxes, which is level at both ends.
_POINTS = 13
# Dark enough for white letters, and apart for any eyes.
COLOURS: dict[Family, str] = {
    "reads": "#3b6ea5",
    "reference": "#64748b",
    "alignment": "#0f766e",
    "variants": "#6d4bb3",
    "cells": "#b4530a",
    "reports": "#a3426f",
    "other": "#374151",
}


@dataclass(frozen=True)
class Drawing:
    """Boxes and the lines between them; x counts columns, y rows, 0 in the middle.

    boxes    cid (several, for files that were put together), kind, name, family, files, run, x, y, chosen
    lines    line, place, x, y: the points of each line, from what something was made from
    """

    boxes: "pd.DataFrame"
    lines: "pd.DataFrame"


def draw(lineage: "Lineage", *, fold: bool = False) -> Drawing:
    """Lay the graph out; `fold` puts files of one kind and column into one box."""
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    steps = {cid: set(parents) - {cid} for cid, parents in lineage.parents.items()}
    columns = _columns(steps)
    groups = {cid: f"{columns[cid]} {_kind(lineage, cid)}" if fold else cid for cid in columns}
    members: dict[str, list[str]] = defaultdict(list)
    for cid in sorted(columns, key=lambda each: (_kind(lineage, each), _name(lineage, each))):
        members[groups[cid]].append(cid)
    joined = {
        group: {groups[parent] for cid in cids for parent in steps[cid]} - {group}
        for group, cids in members.items()
    }
    direct = _reduced(joined)
    column_of = {group: columns[cids[0]] for group, cids in members.items()}
    rows = _rows(column_of, direct)
    boxes = [
        {
            "cid": " ".join(cids),
            "kind": _kind(lineage, cids[0]).replace("_", " "),
            "name": _name(lineage, cids[0]) if len(cids) == 1 else f"{len(cids)} files",
            "family": _family(lineage, cids[0]),
            "files": len(cids),
            "run": _run(lineage.nodes[cids[0]]) or "brought",
            "x": column_of[group],
            "y": rows[group],
            "chosen": lineage.cid in cids,
        }
        for group, cids in members.items()
    ]
    lines = [
        {"line": f"{parent} {child}", "place": place, "x": x, "y": y}
        for child, parents in direct.items()
        for parent in sorted(parents)
        for place, (x, y) in enumerate(
            _curve(
                (column_of[parent] + HALF_WIDTH, rows[parent]), (column_of[child] - HALF_WIDTH, rows[child])
            )
        )
    ]
    return Drawing(pd.DataFrame(boxes), pd.DataFrame(lines, columns=["line", "place", "x", "y"]))


def files(lineage: "Lineage") -> "pd.DataFrame":
    """Return the files of the graph as a table, what something was made from before it."""
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    columns = _columns({cid: set(parents) - {cid} for cid, parents in lineage.parents.items()})
    rows = [
        {
            "kind": _kind(lineage, cid),
            "name": _name(lineage, cid),
            "made by": _run(lineage.nodes[cid]) or "brought",
            "made at (UTC)": next((asset.created_at for asset in lineage.nodes[cid]), "")[:19],
            "made from": len(lineage.parents[cid]),
            "cid": cid,
        }
        for cid in sorted(
            columns, key=lambda each: (columns[each], _kind(lineage, each), _name(lineage, each))
        )
    ]
    return pd.DataFrame(rows)


def ancestors(lineage: "Lineage") -> list[str]:
    """Return the CIDs of the other files of the graph: each before all that it was made from."""
    columns = _columns({cid: set(parents) - {cid} for cid, parents in lineage.parents.items()})
    return sorted(columns.keys() - {lineage.cid}, key=lambda cid: (-columns[cid], cid))


def runs(lineage: "Lineage") -> list[str]:
    """Return the runs that made the files, the earliest first."""
    made = sorted(
        (asset.created_at, asset.run_ids[0])
        for assets in lineage.nodes.values()
        for asset in assets
        if asset.run_ids
    )
    return list(dict.fromkeys(run for _, run in made))


def shortened(name: str, longest: int) -> str:
    """Return a name that fits into a box: its end, which says what it is, stays."""
    if len(name) <= longest:
        return name
    end = 2 * longest // 3
    return f"{name[: longest - end - 1]}…{name[-end:]}"


def _kind(lineage: "Lineage", cid: str) -> str:
    return next((asset.to_keyvalues().get("asset", "asset") for asset in lineage.nodes[cid]), "not recorded")


def _family(lineage: "Lineage", cid: str) -> Family:
    return next((asset.kind_family for asset in lineage.nodes[cid]), "other")


def _name(lineage: "Lineage", cid: str) -> str:
    return next((asset.name for asset in lineage.nodes[cid]), f"{cid[:8]}…{cid[-6:]}")


def _run(assets: "Iterable[Asset]") -> str:
    return next((asset.run_ids[0] for asset in assets if asset.run_ids), "")


def _columns(steps: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the column of each: one to the right of the rightmost that it was made from.

    Users can make rings by hand: what is on one stands after what is not.
    """
    columns: dict[str, int] = {}
    waiting = dict.fromkeys(sorted(steps))
    while waiting:
        ready = [each for each in waiting if steps[each] <= columns.keys()] or [next(iter(waiting))]
        for each in ready:
            columns[each] = 1 + max((columns.get(parent, -1) for parent in steps[each]), default=-1)
            del waiting[each]
    return columns


def _reduced(steps: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Leave out each step that a longer way makes too."""
    above: dict[str, set[str]] = {}

    def ancestors(of: str) -> set[str]:
        # A stack and no recursion: a chain of edits may be long.
        if of not in above:
            found: set[str] = set()
            waiting = list(steps[of])
            while waiting:
                each = waiting.pop()
                if each not in found:
                    found.add(each)
                    waiting += steps[each]
            above[of] = found
        return above[of]

    return {
        child: {
            parent
            for parent in parents
            # On a ring everything is above everything: there all steps stay.
            if not any(
                parent in ancestors(other) and other not in ancestors(parent)
                for other in parents
                if other != parent
            )
        }
        for child, parents in steps.items()
    }


def _rows(columns: Mapping[str, int], steps: Mapping[str, set[str]]) -> dict[str, float]:
    """Return the row of each, so that lines cross little: boxes go where their neighbours are, by turns."""
    near: dict[str, set[str]] = defaultdict(set)
    for child, parents in steps.items():
        for parent in parents:
            near[child].add(parent)
            near[parent].add(child)
    filled: dict[int, list[str]] = defaultdict(list)
    for each, column in columns.items():
        filled[column].append(each)
    rows: dict[str, float] = {}
    for boxes in filled.values():
        rows |= _spread(boxes)
    for sweep in range(_SWEEPS):
        for column in sorted(filled, reverse=bool(sweep % 2)):
            ordered = sorted(
                filled[column],
                key=lambda each: (
                    sum(rows[other] for other in near[each]) / len(near[each]) if near[each] else rows[each]
                ),
            )
            rows |= _spread(ordered)
    return rows


def _curve(start: tuple[float, float], end: tuple[float, float]) -> Iterator[tuple[float, float]]:
    """Give the points of a line that is level where it begins and ends."""
    for step in range(_POINTS):
        share = step / (_POINTS - 1)
        bend = share * share * (3 - 2 * share)
        yield start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * bend


def _spread(boxes: list[str]) -> dict[str, float]:
    middle = (len(boxes) - 1) / 2
    return {each: place - middle for place, each in enumerate(boxes)}

"""Cell-type hints: which of the user's marker sets a group of cells expresses most. A hint, not a label."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from scrna.errors import InputError
from scrna.groups import GroupMeans


def read_marker_sets(path: Path) -> dict[str, list[str]]:
    """Read a GMT file: a line a cell type, with its name, a description and its genes, separated by tabs.

    Raises `InputError`, naming the line, where the file is not like that.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read as text ({error}); give a GMT file", file=path.name) from error
    sets: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *rest = (part.strip() for part in line.split("\t"))
        genes = [gene for gene in rest[1:] if gene]
        if not name or not genes:
            raise InputError(
                f"line {number} is not a marker set: a name, a description and genes, separated by tabs",
                file=path.name,
            )
        if name in sets:
            raise InputError(f"line {number} has the cell type {name!r} once more", file=path.name)
        sets[name] = list(dict.fromkeys(genes))
    if not sets:
        raise InputError("has no marker set", file=path.name)
    return sets


def cell_type_hints(
    adata: AnnData, means: GroupMeans, sets: Mapping[str, list[str]]
) -> tuple[pd.DataFrame, list[str]]:
    """Score every marker set in every group; returns the best two of each group, and notes.

    The score is the mean, over the genes of the set, of how many standard deviations the group's mean lies
    above the mean of all cells: a weakly expressed gene counts as much as a strong one. It compares the
    groups of this sample with each other, so the best set of a group can still be wrong: look at the second
    score; where even the best lies below 0, the group expresses no set more than the others do, and none is
    named. Genes are found by symbol or by Ensembl id.
    """
    mean, deviation = means.mean_and_deviation()
    position = {str(name): at for at, name in enumerate(adata.var_names)}
    if "gene_id" in adata.var:
        position = {str(name): at for at, name in enumerate(adata.var["gene_id"]) if name} | position
    usable: dict[str, list[int]] = {}
    notes = []
    for name, genes in sets.items():
        found = sorted({position[gene] for gene in genes if gene in position})
        if found and len(found) < len(genes) / 2:
            notes.append(f"{len(found)} of {len(genes)} genes of the marker set {name!r} are in the data")
        found = [at for at in found if deviation[at] > 0]
        if found:
            usable[name] = found
        else:
            notes.append(f"no gene of the marker set {name!r} varies in the data: it was not scored")
    columns = ["group", "cell_type", "score", "second", "second_score"]
    rows = []
    for group in means.names if usable else []:
        inside = means.inside(group)
        scores = {
            name: float(np.mean((inside[at] - mean[at]) / deviation[at])) for name, at in usable.items()
        }
        best, second = [*sorted(scores, key=lambda name: -scores[name]), ""][:2]
        if scores[best] < 0:
            rows.append((group, "", scores[best], "", np.nan))
        else:
            rows.append((group, best, scores[best], second, scores.get(second, np.nan)))
    table = pd.DataFrame(rows, columns=columns)
    return table.set_axis(table.index.astype(str)), notes

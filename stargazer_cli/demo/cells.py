"""What a single-cell run found, in numbers, beside what was planted.

The run's own documents are read: the summary (JSON) and the table of markers (CSV). Nothing is printed, and
no library for single cells is needed.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from stargazer_cli.errors import StargazerError

# Which planted flaw a filter is there to remove.
AIMED_AT = {"min_genes": "empty", "max_pct_mt": "damaged", "doublet": "doublet"}


class _Read(BaseModel):
    """A part of a document, of which only these fields matter here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Document = TypeVar("Document", bound=_Read)


class Contingency(_Read):
    """Numbers of cells, clusters as rows and labels as columns."""

    clusters: tuple[str, ...]
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Agreement(_Read):
    """Clusters against labels: `removed` cells with a label were filtered out, `unlabelled` ones kept."""

    ari: float
    nmi: float
    compared: int
    removed: int
    unlabelled: int
    contingency: Contingency


class Quality(_Read):
    """Droplets removed by reason; one with several reasons counts in each."""

    removed: dict[str, int]


class Hint(_Read):
    """The given marker set that fits a cluster best."""

    cell_type: str


class Cluster(_Read):
    """A cluster and the number of its cells."""

    name: str
    cells: int
    hint: Hint | None


class RunSummary(_Read):
    """What the pipeline's summary says of a sample that was compared with labels."""

    cells_before: int
    cells_after: int
    quality: Quality
    clusters: tuple[Cluster, ...]
    agreement: Agreement


class Truth(_Read):
    """What was planted: droplets by kind, whole cells by type, markers by type."""

    kinds: dict[str, int]
    cells: dict[str, int]
    markers: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Match:
    """A cluster and the planted type that most of its cells have.

    `shared` cells are in both; `planted` is the size of the type before quality control; `markers` are the
    type's planted markers that the cluster's table holds. Without a labelled cell `label` is empty.
    """

    cluster: str
    cells: int
    label: str
    shared: int
    planted: int
    markers: frozenset[str]
    hint: str


@dataclass(frozen=True)
class Findings:
    """A run against the truth."""

    summary: RunSummary
    truth: Truth
    matches: tuple[Match, ...]

    @property
    def ari(self) -> float:
        """Adjusted Rand index of clusters and planted types, over the whole cells that were kept."""
        return self.summary.agreement.ari

    @property
    def planted_markers(self) -> int:
        """How many markers were planted."""
        return sum(map(len, self.truth.markers.values()))

    @property
    def found_markers(self) -> int:
        """How many of them are markers of a cluster of their type."""
        return len({(match.label, gene) for match in self.matches for gene in match.markers})

    @property
    def whole_cells(self) -> int:
        """How many whole cells were planted."""
        return sum(self.truth.cells.values())

    @property
    def flawed(self) -> int:
        """How many droplets were planted that quality control should remove."""
        return sum(self.truth.kinds.values()) - self.whole_cells


def read(summary: Path, markers: Path, truth: Path) -> Findings:
    """Read the documents of a run and the truth's numbers, and match each cluster with a planted type."""
    run = _model(RunSummary, summary)
    planted = _model(Truth, truth)
    listed = _markers_by_cluster(markers)
    return Findings(run, planted, tuple(_match(cluster, run, planted, listed) for cluster in run.clusters))


def _match(cluster: Cluster, run: RunSummary, truth: Truth, listed: Mapping[str, set[str]]) -> Match:
    table = run.agreement.contingency
    shared, label = 0, ""
    if cluster.name in table.clusters:
        row = table.counts[table.clusters.index(cluster.name)]
        shared, label = max(zip(row, table.labels, strict=True))
    return Match(
        cluster=cluster.name,
        cells=cluster.cells,
        label=label,
        shared=shared,
        planted=truth.cells.get(label, 0),
        markers=frozenset(truth.markers.get(label, ())) & listed.get(cluster.name, set()),
        hint=cluster.hint.cell_type if cluster.hint else "",
    )


def _model(kind: type[Document], file: Path) -> Document:
    try:
        return kind.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except ValueError as error:
        raise StargazerError(f"{file} cannot be read as the demo expects: {error}") from None


def _markers_by_cluster(file: Path) -> dict[str, set[str]]:
    """Read the table of markers: cluster to its genes."""
    found: dict[str, set[str]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            found.setdefault(row["group"], set()).add(row["gene"])
    return found

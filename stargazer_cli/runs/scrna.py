"""The plan of the single-cell workflow: counts of each sample to clusters, markers and a report.

For each sample the furthest AnnData with the wanted recipe enters the samplesheet, with the stage that it
is at; the steps after it are computed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stargazer_cli import catalog
from stargazer_cli.assets import AnnData, Asset, Counts
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.planner import BaseRequest, Planner
from stargazer_cli.runs.recipe import RecipeSpec, Source, Versions
from stargazer_cli.runs.resolve import check_names, distinct, listing, who_is_there

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

WORKFLOW = "scrna_clustering_pipeline"
_COLUMNS = ("sample", "organism", "batch", "stage", "h5ad", "counts")
_DEFAULT_ORGANISM = "human"

# What an AnnData is after each task, in the order of the tasks; the report follows the last.
STAGES = {
    "import_counts": "raw",
    "qc_filter": "qc_filtered",
    "normalize": "normalized",
    "select_features": "featured",
    "reduce_dimensions": "reduced",
    "cluster": "clustered",
    "find_markers": "annotated",
}
_TASKS = tuple(STAGES)
_REPORT = "scrna_report"


class Request(BaseRequest):
    """What the user asked for.

    anndata      CIDs that decide where a sample has several candidates
    organism     of all samples, not among the parameters; where empty, what the asset says, else human
    marker_sets  a GMT file, which need not be in the store before the plan is carried out
    labels       a CSV file of known labels, likewise
    """

    workflow: str = WORKFLOW
    samples: tuple[str, ...]
    anndata: tuple[str, ...] = ()
    organism: str = ""
    marker_sets: Asset | None = None
    labels: Asset | None = None


@dataclass(frozen=True)
class Sample:
    """One sample and the file that it enters with: counts, or an AnnData at some stage."""

    name: str
    entry: AnnData | Counts
    organism: str

    @property
    def stage(self) -> str:
        """The stage of the AnnData; empty for counts."""
        return (self.entry.stage or "raw") if isinstance(self.entry, AnnData) else ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks from the entry to the markers."""
        done = [task for task in _TASKS if STAGES[task] == self.stage]
        return _TASKS[_TASKS.index(done[0]) + 1 :] if done else _TASKS


def plan(store: "LocalStore", request: Request, versions: Versions) -> Plan:
    """Resolve the request against the store, and decide what is reused and what is computed."""
    return _SingleCell(store, request, versions).plan()


class _SingleCell(Planner):
    """Builds one plan."""

    def __init__(self, store: "LocalStore", request: Request, versions: Versions) -> None:
        self.request = request
        super().__init__(store, request, versions, subject=",".join(request.samples), parameters={})
        if self.parameters["integrate"] != "none" and not self.parameters["batch_key"]:
            raise UsageError(
                f"--integrate {self.parameters['integrate']} brings batches together, and none are named.",
                "Name the obs column that tells them with --batch-key.",
            )
        # It is each sample's own, and stands in its row.
        del self.draft.parameters["organism"]
        self.beside = {
            name: asset
            for name, asset in (("marker_sets", request.marker_sets), ("labels", request.labels))
            if asset is not None
        }

    def plan(self) -> Plan:
        samples = resolve(self.store, self.request)
        for sample in samples:
            catalog.check_parameters({"organism": sample.organism})
        specs = {sample.name: self._specs(sample) for sample in samples}
        self.look_up(spec for ours in specs.values() for spec in ours.values())
        rows = [row for sample in samples for row in self._rows(sample, specs[sample.name])]
        if rows:
            for name, asset in self.beside.items():
                path = str(self.store.staged_path(asset.cid, asset.name))
                self.draft.inputs[path] = asset.cid
                self.draft.parameters[name] = path
        self.draft.samplesheet = rows
        return self.finished()

    def _rows(self, sample: Sample, specs: dict[str, RecipeSpec]) -> list[dict[str, str]]:
        """Decide where a sample enters, and return its row; no row where nothing is left to compute."""
        found = {
            task: self.made(spec, *(("anndata", "markers") if task == "find_markers" else ("anndata",)))
            for task, spec in specs.items()
            if task != _REPORT
        }
        report = self.made(specs[_REPORT], "report", "qc_metrics")
        furthest = next((task for task in reversed(sample.tasks) if found[task]), "")
        done = sample.tasks[: sample.tasks.index(furthest) + 1] if furthest else ()
        for task in sample.tasks:
            # An AnnData on the way that is no longer here is missed by nobody.
            if found[task] or task not in done:
                self.note(specs[task], found[task])
        # A report without the markers that it shows is made anew with them.
        finished = bool(report) and furthest == "find_markers"
        self.note(specs[_REPORT], report if finished else [])
        if finished:
            return []
        row = dict.fromkeys(_COLUMNS, "") | {"sample": sample.name, "organism": sample.organism}
        if furthest:
            row |= {"stage": STAGES[furthest], "h5ad": self.input(found[furthest][0])}
        elif isinstance(sample.entry, AnnData):
            row |= {"stage": sample.stage, "h5ad": self.input(sample.entry)}
        else:
            row |= {"counts": self.input(sample.entry)}
        return [row]

    def _specs(self, sample: Sample) -> dict[str, RecipeSpec]:
        """Return the recipe of each task of a sample: over all tasks so far, and all files that they read."""
        role = "anndata" if isinstance(sample.entry, AnnData) else "counts"
        sources = [Source(role=role, cid=sample.entry.cid)]
        tasks = (*sample.tasks, _REPORT)
        specs = {}
        for number, task in enumerate(tasks, start=1):
            read = {"find_markers": "marker_sets", _REPORT: "labels"}.get(task, "")
            if read in self.beside:
                sources = [*sources, Source(role=read, cid=self.beside[read].cid)]
            specs[task] = self.spec(task, sample.name, tasks[:number], sources, organism=sample.organism)
        return specs


def resolve(store: "LocalStore", request: Request) -> list[Sample]:
    """Return the samples in the order of their names, each with the file that it enters with.

    A raw AnnData wins over counts; what a run made of a candidate is no second candidate.
    """
    check_names(request.samples, "--sample-id")
    known = store.find(asset=["anndata", "counts"])
    unused = set(request.anndata)
    samples = []
    for name in sorted(request.samples):
        entry = _entry(name, known, request.anndata)
        unused.discard(entry.cid)
        samples.append(Sample(name, entry, request.organism or _organism(name, entry, known)))
    if unused:
        cid = min(unused)
        raise UsageError(
            f"{cid} is no AnnData and no counts of {', '.join(request.samples)}.",
            "Find the right one with: stargazer assets query asset=anndata sample_id=…",
        )
    _refuse_shared_files(samples)
    return samples


def _entry(name: str, known: Sequence[Asset], chosen: Sequence[str]) -> AnnData | Counts:
    ours = [asset for asset in known if getattr(asset, "sample_id", "") == name]
    cells, counts = distinct(AnnData, ours), distinct(Counts, ours)
    everything: Sequence[AnnData | Counts] = (*cells, *counts)
    for asset in everything:
        if asset.cid in chosen:
            return _usable(asset)
    sources = {asset.cid for asset in counts}
    raw = [
        asset
        for asset in distinct(AnnData, (each for each in ours if _may_be_raw(each)))
        if not sources.intersection(asset.derived_from)
    ]
    candidates: Sequence[AnnData | Counts] = raw or counts
    if len(candidates) > 1:
        what = "raw AnnData" if raw else "count matrices"
        raise UsageError(
            f"{len(candidates)} {what} of sample {name!r} are in the store.",
            f"Choose one with --anndata CID. {listing('They are', candidates)}",
        )
    if not candidates:
        raise _none_of(name, known, cells)
    return candidates[0]


def _may_be_raw(asset: Asset) -> bool:
    """Whether an AnnData may be where an analysis begins: it is raw, or nobody knows and no run made it."""
    return isinstance(asset, AnnData) and (asset.stage == "raw" or not (asset.stage or asset.recipe))


def _usable(asset: AnnData | Counts) -> AnnData | Counts:
    if isinstance(asset, AnnData) and asset.stage == "annotated":
        raise UsageError(
            f"{asset.name} ({asset.cid}) has its markers already: nothing is left to do.",
            "Choose the AnnData that it was made from: stargazer assets query asset=anndata sample_id=…",
        )
    return asset


def _none_of(name: str, known: Iterable[Asset], cells: Sequence[AnnData]) -> UsageError:
    if cells:
        return UsageError(
            f"The store has an AnnData of sample {name!r}, but none with raw counts.",
            "Add one with -k stage=raw, or go on from what is there with --anndata CID. "
            + listing("There is", cells),
        )
    others = {sample for asset in known if (sample := getattr(asset, "sample_id", ""))}
    return UsageError(
        f"No raw AnnData and no counts of sample {name!r} are in the store. {who_is_there(name, others)}",
        f"Add them with: stargazer assets add {name}.h5ad -k sample_id={name}",
    )


def _organism(name: str, entry: AnnData | Counts, known: Iterable[Asset]) -> str:
    """Return the organism that the records of a file agree on, or else the default."""
    said = sorted(
        {
            organism
            for asset in known
            if asset.cid == entry.cid
            and getattr(asset, "sample_id", "") == name
            and (organism := getattr(asset, "organism", ""))
        }
    )
    if len(said) > 1:
        raise UsageError(
            f"{entry.name} ({entry.cid}) of sample {name!r} is recorded as {' and as '.join(said)}.",
            f"Say which is right with --organism {said[0]}.",
        )
    return said[0] if said else _DEFAULT_ORGANISM


def _refuse_shared_files(samples: Iterable[Sample]) -> None:
    owner: dict[str, str] = {}
    for sample in samples:
        other = owner.setdefault(sample.entry.cid, sample.name)
        if other != sample.name:
            raise UsageError(
                f"The samples {other!r} and {sample.name!r} have the same cells: {sample.entry.cid}.",
                "One of them is labelled wrongly: add the right file for it under a new sample id.",
            )

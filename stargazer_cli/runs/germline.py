"""The plans of the germline workflows: prepare_reference, preprocess_sample and joint calling.

For each sample the furthest output with the wanted recipe enters the samplesheet: the GVCF, else the
analysis-ready BAM, else the reads. The same holds for the reference's indexes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from stargazer_cli import catalog
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.names import check_name
from stargazer_cli.runs.plan import SAMPLESHEET_COLUMNS, Plan, Step
from stargazer_cli.runs.recipe import RecipeSpec, Source, Versions
from stargazer_cli.runs.resolve import Sample, resolve_reference, resolve_samples

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset, Reference
    from stargazer_cli.store import LocalStore

Aligner = Literal["bwa-mem2", "bwa"]
ALIGNERS: tuple[Aligner, ...] = ("bwa-mem2", "bwa")

_ALIGNER_TASKS = {"bwa": ("bwa_index", "bwa_mem"), "bwa-mem2": ("bwa_mem2_index", "bwa_mem2_mem")}
_GZIP_MAGIC = b"\x1f\x8b"
_GVCF_TASKS = ("samtools_faidx", "create_sequence_dictionary", "haplotype_caller")


class Request(BaseModel):
    """What the user asked for."""

    workflow: str
    build: str
    samples: tuple[str, ...] = ()
    cohort_id: str = "cohort"
    aligner: Aligner = "bwa-mem2"
    reference: str = ""
    parameters: dict[str, Any] = {}
    options: dict[str, Any] = {}
    reuse: bool = True


def plan(store: "LocalStore", request: Request, versions: Versions) -> Plan:
    """Resolve the request against the store, and decide what is reused and what is computed."""
    return _Planner(store, request, versions).plan()


class _Planner:
    """Builds one plan; each method adds what it decided to `self.draft`."""

    def __init__(self, store: "LocalStore", request: Request, versions: Versions) -> None:
        self.store = store
        self.request = request
        self.versions = versions
        known = catalog.parameters_of(request.workflow)
        unknown = sorted(set(request.parameters) - set(known))
        if unknown:
            raise UsageError(
                f"The workflow {request.workflow} has no parameter {unknown[0]!r}.",
                f"It has: {', '.join(sorted(known))}.",
            )
        self.parameters = {name: item.default for name, item in known.items()} | request.parameters
        self.draft = Plan(
            workflow=request.workflow,
            subject=request.cohort_id if request.samples else request.build,
            parameters={
                "workflow": request.workflow,
                "build": request.build,
                "aligner": request.aligner,
                **self.parameters,
                **request.options,
            },
        )
        catalog.check_parameters(self.draft.parameters)
        self.index_task, self.align_task = _ALIGNER_TASKS[request.aligner]

    def plan(self) -> Plan:
        self._decide()
        order = catalog.workflows()[self.request.workflow].tasks
        self.draft.steps.sort(key=lambda step: (order.index(step.stage), step.subject))
        return self.draft

    def _decide(self) -> None:
        reference = resolve_reference(self.store, self.request.build, self.request.reference)
        self.reference_source = Source(role="reference", cid=reference.cid)
        # bwa reads a gzipped FASTA, samtools and GATK do not: the pipeline decompresses it once.
        self.reference_tasks = ("decompress_fasta",) if _is_gzip(reference) else ()
        if self.request.workflow == "prepare_reference":
            self._prepare_reference(reference, with_index=True)
            return
        samples = resolve_samples(
            self.store, self.request.samples, self._cids_of(reference), self.request.build
        )
        if self.request.workflow == "preprocess_sample":
            self._preprocess(reference, samples)
        else:
            check_name("cohort id", self.request.cohort_id)
            self.draft.parameters["cohort_id"] = self.request.cohort_id
            self._call(reference, samples)

    # Workflows

    def _prepare_reference(self, reference: "Reference", *, with_index: bool) -> None:
        fasta: Asset = reference
        fresh = False
        if self.reference_tasks:
            decompressed = self._reuse_or_compute("decompress_fasta", "", ("decompress_fasta",), "reference")
            fresh = not decompressed
            fasta = decompressed[0] if decompressed else reference
        self.draft.parameters["fasta"] = self._input(fasta)
        for parameter, task, kind in (
            ("fasta_fai", "samtools_faidx", "reference_index"),
            ("dict", "create_sequence_dictionary", "sequence_dict"),
        ):
            found = self._reuse_or_compute(task, "", (*self.reference_tasks, task), kind, allowed=not fresh)
            if found:
                self.draft.parameters[parameter] = self._input(found[0])
        if with_index:
            tasks = (*self.reference_tasks, self.index_task)
            files = self._reuse_or_compute(self.index_task, "", tasks, "aligner_index", allowed=not fresh)
            if files:
                self.draft.parameters["aligner_index"] = [self._input(file) for file in files]

    def _preprocess(self, reference: "Reference", samples: Sequence[Sample]) -> None:
        rows = []
        for sample in samples:
            if sample.gvcf is not None:
                raise UsageError(
                    f"Sample {sample.name!r} has a GVCF only: there is nothing to preprocess.",
                    "Add its reads, or run `stargazer run germline`.",
                )
            if not self._bam(sample):
                rows += self._entry_rows(sample)
        self._finish(reference, rows)

    def _call(self, reference: "Reference", samples: Sequence[Sample]) -> None:
        sources = (self.reference_source, *(source for sample in samples for source in _sources(sample)))
        tasks = {"joint_call_gvcfs"}.union(*(self._gvcf_tasks(sample) for sample in samples))
        joint = self._spec("joint_call_gvcfs", self.request.cohort_id, sorted(tasks), sources)
        called = self._made(joint, "variants", "variants_index")
        rows: list[dict[str, str]] = []
        for sample in samples:
            rows += self._gvcf_rows(sample, wanted=not called)
        if called:
            self._note(joint, called)
            self.draft.samplesheet = []
            return
        self._note(joint, [])
        self._finish(reference, rows)

    def _finish(self, reference: "Reference", rows: list[dict[str, str]]) -> None:
        if self.draft.complete:
            return
        self._prepare_reference(reference, with_index=any(row.get("fastq_1") for row in rows))
        self.draft.samplesheet = [
            {column: row.get(column, "") for column in SAMPLESHEET_COLUMNS} for row in rows
        ]

    # One sample

    def _gvcf_rows(self, sample: Sample, *, wanted: bool) -> list[dict[str, str]]:
        """Decide where a sample enters, and return its rows; `wanted` is false where the cohort is done."""
        if sample.gvcf is not None:
            return self._entry_rows(sample) if wanted else []
        spec = self._spec(
            "haplotype_caller",
            sample.name,
            self._gvcf_tasks(sample),
            (self.reference_source, *_sources(sample)),
        )
        found = self._made(spec, "variants", "variants_index")
        if found:
            self._note(spec, found)
        if found or not wanted:
            # The BAM of a sample belongs to the result, although calling needs it no more.
            self._bam(sample, optional=True)
            if not wanted:
                return []
            return [{"sample": sample.name, "gvcf": self._input(found[0]), "tbi": self._input(found[1])}]
        bam = self._bam(sample)
        self._note(spec, [])
        if bam:
            return [{"sample": sample.name, "bam": self._input(bam[0]), "bai": self._input(bam[1])}]
        return self._entry_rows(sample)

    def _bam(self, sample: Sample, *, optional: bool = False) -> list["Asset"]:
        """Return the analysis-ready BAM, its index (and its metrics) where an equal recipe made them."""
        if sample.gvcf is not None or (sample.alignment is not None and sample.alignment_index is not None):
            return []
        stage = "mark_duplicates" if sample.lanes else "sort_sam"
        spec = self._spec(
            stage, sample.name, self._bam_tasks(sample), (self.reference_source, *_sources(sample))
        )
        kinds = ("alignment", "alignment_index", "duplicate_metrics")
        found = self._made(spec, *(kinds if sample.lanes else kinds[:2]))
        if found or not optional:
            self._note(spec, found)
        return found

    def _entry_rows(self, sample: Sample) -> list[dict[str, str]]:
        if sample.gvcf is not None:
            row = {"sample": sample.name, "gvcf": self._input(sample.gvcf)}
            if sample.gvcf_index is not None:
                row["tbi"] = self._input(sample.gvcf_index)
            return [row]
        if sample.alignment is not None:
            row = {"sample": sample.name, "bam": self._input(sample.alignment)}
            if sample.alignment_index is not None:
                row["bai"] = self._input(sample.alignment_index)
            return [row]
        return [
            {
                "sample": sample.name,
                "lane": lane.lane,
                "library": lane.library,
                "platform": lane.platform,
                "fastq_1": self._input(lane.r1),
                "fastq_2": self._input(lane.r2) if lane.r2 is not None else "",
            }
            for lane in sample.lanes
        ]

    def _bam_tasks(self, sample: Sample) -> tuple[str, ...]:
        if sample.lanes:
            return (*self.reference_tasks, self.index_task, self.align_task, "mark_duplicates")
        if sample.alignment is not None and sample.alignment_index is None:
            return ("sort_sam",)
        return ()

    def _gvcf_tasks(self, sample: Sample) -> tuple[str, ...]:
        if sample.gvcf is not None:
            return ()
        return (*self._bam_tasks(sample), *self.reference_tasks, *_GVCF_TASKS)

    # Recipes and inputs

    def _cids_of(self, reference: "Reference") -> set[str]:
        """Return the CIDs that an alignment to it may link to: the reference and its decompressed form."""
        derived = self.store.find(asset="reference", build=self.request.build)
        return {reference.cid} | {asset.cid for asset in derived if reference.cid in asset.derived_from}

    def _spec(self, stage: str, subject: str, tasks: Sequence[str], sources: Sequence[Source]) -> RecipeSpec:
        return RecipeSpec(
            stage=stage,
            subject=subject,
            tasks=tuple(tasks),
            sources=tuple(sources),
            parameters=self.parameters,
        )

    def _reuse_or_compute(
        self, stage: str, subject: str, tasks: Sequence[str], kind: str, *, allowed: bool = True
    ) -> list["Asset"]:
        spec = self._spec(stage, subject, tasks, (self.reference_source,))
        found = self._made(spec, kind) if allowed else []
        self._note(spec, found)
        return found

    def _made(self, spec: RecipeSpec, *kinds: str) -> list["Asset"]:
        """Return what an equal recipe made, in the order of `kinds`; nothing unless all of it is here."""
        recipe = spec.digest(self.versions)
        if not self.request.reuse or not recipe:
            return []
        found: list[Asset] = []
        for kind in kinds:
            candidates = {
                asset.cid: asset
                for asset in self.store.find(asset=kind, recipes=recipe)
                if asset.path is not None and getattr(asset, "build", "") in ("", self.request.build)
            }
            wanted = _files_of(spec.stage, kind)
            if len(candidates) != wanted:
                return []
            found += sorted(candidates.values(), key=lambda asset: asset.name)
        return found

    def _note(self, spec: RecipeSpec, found: Sequence["Asset"]) -> None:
        cids = tuple(asset.cid for asset in found)
        self.draft.recipes.append(spec)
        self.draft.reused |= dict.fromkeys(cids, spec.digest(self.versions))
        self.draft.steps.append(
            Step(stage=spec.stage, subject=spec.subject or self.request.build, reused=bool(cids), cids=cids)
        )

    def _input(self, asset: "Asset") -> str:
        path = str(self.store.stage(asset.cid, asset.name))
        self.draft.inputs[path] = asset.cid
        return path


def _sources(sample: Sample) -> list[Source]:
    """Return the source files of a sample, with the labels that tools write into what they make of them."""
    if sample.gvcf is not None:
        return [Source(role="gvcf", cid=sample.gvcf.cid, labels={"sample": sample.name})]
    if sample.alignment is not None:
        return [Source(role="alignment", cid=sample.alignment.cid, labels={"sample": sample.name})]
    found = []
    for lane in sample.lanes:
        group = {
            "sample": sample.name,
            "lane": lane.lane,
            "library": lane.library,
            "platform": lane.platform,
        }
        found.append(Source(role="r1", cid=lane.r1.cid, labels=group))
        if lane.r2 is not None:
            found.append(Source(role="r2", cid=lane.r2.cid, labels=group))
    return found


def _files_of(stage: str, kind: str) -> int:
    """How many files of `kind` the task makes: an aligner's index is several, and useless in part."""
    for output in catalog.tasks()[stage].outputs:
        if output["kind"] == kind:
            return len(output.get("files") or (kind,))
    return 1


def _is_gzip(asset: "Asset") -> bool:
    if asset.path is None:
        raise UsageError(
            f"The reference {asset.name} ({asset.cid}) is recorded, but its bytes are not here.",
            "Add the file again with `stargazer assets add`, under the same keys: its record takes it back.",
        )
    with asset.path.open("rb") as file:
        return bool(file.read(2) == _GZIP_MAGIC)

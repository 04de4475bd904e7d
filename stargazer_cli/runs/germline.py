"""The plans of the germline workflows: prepare_reference, preprocess_sample and joint calling.

For each sample the furthest output with the wanted recipe enters the samplesheet: the GVCF, else the
analysis-ready BAM, else the reads. The same holds for the reference's indexes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from stargazer_cli.assets.names import check_name
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.planner import BaseRequest, Planner
from stargazer_cli.runs.recipe import Source, Versions
from stargazer_cli.runs.resolve import Sample, resolve_reference, resolve_samples

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset, Reference
    from stargazer_cli.store import LocalStore

Aligner = Literal["bwa-mem2", "bwa"]
ALIGNERS: tuple[Aligner, ...] = ("bwa-mem2", "bwa")

_COLUMNS = ("sample", "lane", "library", "platform", "fastq_1", "fastq_2", "bam", "bai", "gvcf", "tbi")
_ALIGNER_TASKS = {"bwa": ("bwa_index", "bwa_mem"), "bwa-mem2": ("bwa_mem2_index", "bwa_mem2_mem")}
_GZIP_MAGIC = b"\x1f\x8b"
_GVCF_TASKS = ("samtools_faidx", "create_sequence_dictionary", "haplotype_caller")


class Request(BaseRequest):
    """What the user asked for."""

    build: str
    samples: tuple[str, ...] = ()
    cohort_id: str = "cohort"
    aligner: Aligner = "bwa-mem2"
    reference: str = ""


def plan(store: "LocalStore", request: Request, versions: Versions) -> Plan:
    """Resolve the request against the store, and decide what is reused and what is computed."""
    return _Germline(store, request, versions).plan()


class _Germline(Planner):
    """Builds one plan."""

    def __init__(self, store: "LocalStore", request: Request, versions: Versions) -> None:
        self.request = request
        super().__init__(
            store,
            request,
            versions,
            subject=request.cohort_id if request.samples else request.build,
            parameters={"build": request.build, "aligner": request.aligner},
        )
        self.index_task, self.align_task = _ALIGNER_TASKS[request.aligner]

    def plan(self) -> Plan:
        self._decide()
        return self.finished()

    def fits(self, asset: "Asset") -> bool:
        """Whether it says that it is of this build, or of none."""
        return getattr(asset, "build", "") in ("", self.request.build)

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
        self.draft.parameters["fasta"] = self.input(fasta)
        for parameter, task, kind in (
            ("fasta_fai", "samtools_faidx", "reference_index"),
            ("dict", "create_sequence_dictionary", "sequence_dict"),
        ):
            found = self._reuse_or_compute(task, "", (*self.reference_tasks, task), kind, allowed=not fresh)
            if found:
                self.draft.parameters[parameter] = self.input(found[0])
        if with_index:
            tasks = (*self.reference_tasks, self.index_task)
            files = self._reuse_or_compute(self.index_task, "", tasks, "aligner_index", allowed=not fresh)
            if files:
                self.draft.parameters["aligner_index"] = [self.input(file) for file in files]

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
        joint = self.spec("joint_call_gvcfs", self.request.cohort_id, sorted(tasks), sources)
        called = self.made(joint, "variants", "variants_index")
        rows: list[dict[str, str]] = []
        for sample in samples:
            rows += self._gvcf_rows(sample, wanted=not called)
        if called:
            self.note(joint, called)
            self.draft.samplesheet = []
            return
        self.note(joint, [])
        self._finish(reference, rows)

    def _finish(self, reference: "Reference", rows: list[dict[str, str]]) -> None:
        if self.draft.complete:
            return
        self._prepare_reference(reference, with_index=any(row.get("fastq_1") for row in rows))
        self.draft.samplesheet = [{column: row.get(column, "") for column in _COLUMNS} for row in rows]

    # One sample

    def _gvcf_rows(self, sample: Sample, *, wanted: bool) -> list[dict[str, str]]:
        """Decide where a sample enters, and return its rows; `wanted` is false where the cohort is done."""
        if sample.gvcf is not None:
            return self._entry_rows(sample) if wanted else []
        spec = self.spec(
            "haplotype_caller",
            sample.name,
            self._gvcf_tasks(sample),
            (self.reference_source, *_sources(sample)),
        )
        found = self.made(spec, "variants", "variants_index")
        if found:
            self.note(spec, found)
        if found or not wanted:
            # The BAM of a sample belongs to the result, although calling needs it no more.
            self._bam(sample, optional=True)
            if not wanted:
                return []
            return [{"sample": sample.name, "gvcf": self.input(found[0]), "tbi": self.input(found[1])}]
        bam = self._bam(sample)
        self.note(spec, [])
        if bam:
            return [{"sample": sample.name, "bam": self.input(bam[0]), "bai": self.input(bam[1])}]
        return self._entry_rows(sample)

    def _bam(self, sample: Sample, *, optional: bool = False) -> list["Asset"]:
        """Return the analysis-ready BAM, its index (and its metrics) where an equal recipe made them."""
        if sample.gvcf is not None or (sample.alignment is not None and sample.alignment_index is not None):
            return []
        stage = "mark_duplicates" if sample.lanes else "sort_sam"
        spec = self.spec(
            stage, sample.name, self._bam_tasks(sample), (self.reference_source, *_sources(sample))
        )
        kinds = ("alignment", "alignment_index", "duplicate_metrics")
        found = self.made(spec, *(kinds if sample.lanes else kinds[:2]))
        if found or not optional:
            self.note(spec, found)
        return found

    def _entry_rows(self, sample: Sample) -> list[dict[str, str]]:
        if sample.gvcf is not None:
            row = {"sample": sample.name, "gvcf": self.input(sample.gvcf)}
            if sample.gvcf_index is not None:
                row["tbi"] = self.input(sample.gvcf_index)
            return [row]
        if sample.alignment is not None:
            row = {"sample": sample.name, "bam": self.input(sample.alignment)}
            if sample.alignment_index is not None:
                row["bai"] = self.input(sample.alignment_index)
            return [row]
        return [
            {
                "sample": sample.name,
                "lane": lane.lane,
                "library": lane.library,
                "platform": lane.platform,
                "fastq_1": self.input(lane.r1),
                "fastq_2": self.input(lane.r2) if lane.r2 is not None else "",
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

    def _reuse_or_compute(
        self, stage: str, subject: str, tasks: Sequence[str], kind: str, *, allowed: bool = True
    ) -> list["Asset"]:
        spec = self.spec(stage, subject, tasks, (self.reference_source,))
        found = self.made(spec, kind) if allowed else []
        self.note(spec, found, self.request.build)
        return found


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


def _is_gzip(asset: "Asset") -> bool:
    if asset.path is None:
        raise UsageError(
            f"The reference {asset.name} ({asset.cid}) is recorded, but its bytes are not here.",
            "Add the file again with `stargazer assets add`, under the same keys: its record takes it back.",
        )
    with asset.path.open("rb") as file:
        return bool(file.read(2) == _GZIP_MAGIC)

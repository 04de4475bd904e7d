"""What each output of a germline run is made by: its stage, its tasks and its sources.

Stages are tasks, as the lines of the manifest name them. A task counts for everything that comes after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stargazer_cli.runs.known_sites import Resource
from stargazer_cli.runs.recipe import Source
from stargazer_cli.runs.resolve import Sample

Aligner = Literal["bwa-mem2", "bwa"]
ALIGNERS: tuple[Aligner, ...] = ("bwa-mem2", "bwa")

# The kinds of a BAM's files.
BAM = ("alignment", "alignment_index")

_ALIGNER_TASKS = {"bwa": ("bwa_index", "bwa_mem"), "bwa-mem2": ("bwa_mem2_index", "bwa_mem2_mem")}
_BESIDE_REFERENCE = ("samtools_faidx", "create_sequence_dictionary")
_FROM_UNMAPPED = ("sort_sam", "samtools_fastq", "merge_bam_alignment")
_CALLING = ("split_intervals", "haplotype_caller", "gather_vcfs")
_JOINT_CALLING = ("split_intervals", "joint_call_gvcfs", "gather_vcfs")
_KNOWN_SITES = "index_feature_file"
_FILTERS = {
    "hard": ("hard_filter",),
    "vqsr": (_KNOWN_SITES, "variant_recalibrator", "apply_vqsr"),
    "none": (),
}
_STATISTICS = ("samtools_stats", "samtools_coverage")
_REPORTING = ("bcftools_stats", "bcftools_query", "multiqc")


@dataclass(frozen=True)
class Product:
    """What a stage makes of a sample, a cohort or a file: the kinds of its assets, and by what.

    told  what is decided for it, or told in it, that neither its tasks nor the bytes of its sources tell
    """

    stage: str
    subject: str
    kinds: tuple[str, ...]
    tasks: tuple[str, ...]
    sources: tuple[Source, ...]
    told: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipes:
    """The products of one run; its fields are what they have in common.

    targeted       whether only targets are called, so that VQSR leaves depths out
    intermediates  whether the BAMs on the way to the analysis-ready one are wanted, too
    told           what the report tells of the run: names of files, decisions and their reasons
    """

    reference: Source
    aligner: Aligner
    compressed: bool = False
    bqsr: bool = False
    filter: str = "none"
    sites: Sequence[Resource] = ()
    intervals: Sequence[Source] = ()
    pedigree: Sequence[Source] = ()
    cohort_id: str = ""
    samples: Sequence[Sample] = field(default=())
    targeted: bool = False
    intermediates: bool = False
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference_tasks(self) -> tuple[str, ...]:
        """The task that makes a plain FASTA: bwa reads a gzipped one, samtools and GATK do not."""
        return ("decompress_fasta",) if self.compressed else ()

    # The reference and the known sites

    def of_reference(self, task: str, kind: str) -> Product:
        """Return what a task makes of the reference alone."""
        tasks = tuple(dict.fromkeys((*self.reference_tasks, task)))
        return Product(task, "", (kind,), tasks, (self.reference,))

    @property
    def aligner_index(self) -> Product:
        """The index of the aligner."""
        return self.of_reference(_ALIGNER_TASKS[self.aligner][0], "aligner_index")

    def known_sites_index(self, site: Resource) -> Product:
        """Return the index of known sites that come without one."""
        task = _KNOWN_SITES
        source = Source(role="known_sites", cid=site.asset.cid)
        return Product(task, site.name, ("known_sites_index",), (task,), (source,))

    # One sample

    def bam(self, sample: Sample) -> Product | None:
        """Return the analysis-ready BAM; None where the sample has one, or needs none."""
        kinds: tuple[str, ...] = BAM
        if sample.from_reads:
            stage = "apply_bqsr" if self.bqsr else "mark_duplicates"
            kinds = kinds if self.bqsr else (*kinds, "duplicate_metrics")
        elif sample.alignment is not None and sample.alignment_index is None:
            stage = "sort_sam"
        else:
            return None
        return Product(stage, sample.name, kinds, self._bam_tasks(sample), self._bam_sources(sample))

    def beside_bam(self, sample: Sample) -> list[Product]:
        """Return what is left beside the BAM: BAMs on the way, and what recalibration counted in them."""
        if not sample.from_reads:
            return []
        lanes = [self._lane_bams(sample)] if self.intermediates else []
        if not self.bqsr:
            return lanes
        tables = Product(
            "base_recalibrator",
            sample.name,
            ("bqsr_report", "qc_metrics"),
            self._bam_tasks(sample),
            self._bam_sources(sample),
        )
        return [*lanes, self._marked(sample), tables]

    def on_the_way(self, sample: Sample) -> list[Product]:
        """Return the BAMs on the way to the analysis-ready one, where they are wanted."""
        if not (self.intermediates and sample.from_reads):
            return []
        return [self._lane_bams(sample), *([self._marked(sample)] if self.bqsr else [])]

    def _lane_bams(self, sample: Sample) -> Product:
        stage = "merge_bam_alignment" if sample.unmapped else _ALIGNER_TASKS[self.aligner][1]
        kinds = BAM * len(sample.unmapped or sample.lanes)
        sources = (self.reference, *sources_of(sample))
        return Product(stage, sample.name, kinds, self._lane_tasks(sample), sources)

    def _marked(self, sample: Sample) -> Product:
        """Return what is marked before it is recalibrated."""
        kinds = (*(BAM if self.intermediates else ()), "duplicate_metrics")
        sources = (self.reference, *sources_of(sample))
        return Product("mark_duplicates", sample.name, kinds, self._marking_tasks(sample), sources)

    def statistics(self, sample: Sample) -> list[Product]:
        """Return what is counted in the analysis-ready BAM."""
        if sample.gvcf is not None:
            return []
        sources = (*self._bam_sources(sample), *self.intervals)
        return [
            Product(task, sample.name, ("qc_metrics",), (*self._bam_tasks(sample), task), unique(sources))
            for task in _STATISTICS
        ]

    def gvcf(self, sample: Sample) -> Product:
        """Return the GVCF of a sample that has none."""
        sources = unique((*self._bam_sources(sample), *self.intervals))
        kinds = ("variants", "variants_index")
        return Product("haplotype_caller", sample.name, kinds, self._gvcf_tasks(sample), sources)

    def _lane_tasks(self, sample: Sample) -> tuple[str, ...]:
        merging = (*_FROM_UNMAPPED, *_BESIDE_REFERENCE) if sample.unmapped else ()
        return (*self.reference_tasks, *_ALIGNER_TASKS[self.aligner], *merging)

    def _marking_tasks(self, sample: Sample) -> tuple[str, ...]:
        return (*self._lane_tasks(sample), "mark_duplicates")

    def _bam_tasks(self, sample: Sample) -> tuple[str, ...]:
        if sample.from_reads:
            recalibrating = (*_BESIDE_REFERENCE, _KNOWN_SITES, "base_recalibrator", "apply_bqsr")
            return (*self._marking_tasks(sample), *(recalibrating if self.bqsr else ()))
        needs_sorting = sample.alignment is not None and sample.alignment_index is None
        return ("sort_sam",) if needs_sorting else ()

    def _bam_sources(self, sample: Sample) -> tuple[Source, ...]:
        learnt = (*self._masked, *self.intervals) if self.bqsr and sample.from_reads else ()
        return (self.reference, *sources_of(sample), *learnt)

    @property
    def _masked(self) -> tuple[Source, ...]:
        """The known sites that recalibration leaves out of account; to it they are all the same."""
        cids = sorted(site.asset.cid for site in self.sites)
        return tuple(Source(role="known_sites", cid=cid) for cid in cids)

    def _gvcf_tasks(self, sample: Sample) -> tuple[str, ...]:
        if sample.gvcf is not None:
            return ()
        return (*self._bam_tasks(sample), *self.reference_tasks, *_BESIDE_REFERENCE, *_CALLING)

    # The cohort

    @property
    def vcf(self) -> Product:
        """The joint call, filtered."""
        stage = (_FILTERS[self.filter] or ("joint_call_gvcfs",))[-1]
        kinds = ("variants", "variants_index")
        return Product(stage, self.cohort_id, kinds, self._vcf_tasks, self._vcf_sources, self._decided)

    @property
    def beside_vcf(self) -> list[Product]:
        """What is made with the VCF, and counted in it."""
        model = "variant_recalibrator"
        beside: list[tuple[str, tuple[str, ...]]] = [("bcftools_stats", ("qc_metrics",))]
        if self.filter == "vqsr":
            # One of SNPs and one of indels.
            beside.insert(0, (model, ("vqsr_model", "vqsr_model", "vqsr_tranches", "vqsr_tranches")))
        return [
            Product(task, self.cohort_id, kinds, (*self._vcf_tasks, task), self._vcf_sources, self._decided)
            for task, kinds in beside
        ]

    @property
    def report(self) -> Product:
        """The page about the cohort, over all that was counted."""
        tasks = (*self._vcf_tasks, *_STATISTICS, *_REPORTING)
        sources = (*self._vcf_sources, *self.pedigree)
        read = self.sites if self.bqsr or self.filter == "vqsr" else ()
        sites = {f"known_sites {site.name}": " ".join(sorted(site.types)) for site in read}
        told = {**self.told, **sites, **self._decided}
        return Product("multiqc", self.cohort_id, ("report",), tasks, sources, told)

    @property
    def _decided(self) -> dict[str, str]:
        return {"targeted": str(self.targeted)} if self.filter == "vqsr" else {}

    @property
    def _vcf_tasks(self) -> tuple[str, ...]:
        tasks = {*_JOINT_CALLING, *_FILTERS[self.filter]}
        return tuple(sorted(tasks.union(*(self._gvcf_tasks(sample) for sample in self.samples))))

    @property
    def _vcf_sources(self) -> tuple[Source, ...]:
        trained = [
            Source(role="resource", cid=site.asset.cid, labels=site.labels)
            for site in self.sites
            if self.filter == "vqsr"
        ]
        own = (source for sample in self.samples for source in self._bam_sources(sample)[1:])
        return unique((self.reference, *own, *self.intervals, *trained))


def sources_of(sample: Sample) -> list[Source]:
    """Return the source files of a sample, with the labels that tools write into what they make of them."""
    if sample.gvcf is not None:
        return [Source(role="gvcf", cid=sample.gvcf.cid, labels={"sample": sample.name})]
    if sample.alignment is not None:
        return [Source(role="alignment", cid=sample.alignment.cid, labels={"sample": sample.name})]
    found = [
        Source(role="unmapped", cid=bam.cid, labels={"sample": sample.name, "lane": lane})
        for lane, bam in sample.unmapped_lanes.items()
    ]
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


def unique(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Return sources in their order, each once: what samples share is one source of their cohort."""
    return tuple({source.model_dump_json(): source for source in sources}.values())

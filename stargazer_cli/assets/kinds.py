"""Every kind of asset. One class is one kind; nothing else has to know of a new one."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from stargazer_cli.assets.asset import Family, TypedAsset
from stargazer_cli.assets.names import check_name


def _sample(value: str) -> str:
    return check_name("sample id", value) if value else value


def _cohort(value: str) -> str:
    return check_name("cohort id", value) if value else value


SampleId = Annotated[str, AfterValidator(_sample)]
CohortId = Annotated[str, AfterValidator(_cohort)]
Aligner = Literal["", "bwa", "bwa-mem2"]


class Reference(TypedAsset):
    """A reference genome, FASTA."""

    kind: ClassVar[str] = "reference"
    kind_family: ClassVar[Family] = "reference"
    companion_kinds: ClassVar[dict[str, str]] = {
        "reference_index": "reference_cid",
        "sequence_dict": "reference_cid",
        "aligner_index": "reference_cid",
    }
    build: str = ""

    @property
    def contigs(self) -> list[str]:
        """Names of the sequences in their order, read from the companion .fai; empty without one."""
        from stargazer_cli.store import get_client

        store = get_client()
        for index in store.find(asset="reference_index", reference_cid=self.cid) if self.cid else []:
            path = store.pull(index.cid, index.name)
            return [line.split("\t", 1)[0] for line in path.read_text("utf-8").splitlines() if line]
        return []


class ReferenceIndex(TypedAsset):
    """The .fai of a reference."""

    kind: ClassVar[str] = "reference_index"
    kind_family: ClassVar[Family] = "reference"
    build: str = ""
    tool: str = ""
    reference_cid: str = ""


class SequenceDict(TypedAsset):
    """The .dict of a reference."""

    kind: ClassVar[str] = "sequence_dict"
    kind_family: ClassVar[Family] = "reference"
    build: str = ""
    tool: str = ""
    reference_cid: str = ""


class AlignerIndex(TypedAsset):
    """One file of an aligner's index of a reference."""

    kind: ClassVar[str] = "aligner_index"
    kind_family: ClassVar[Family] = "reference"
    build: str = ""
    aligner: Aligner = ""
    reference_cid: str = ""


class _Reads(TypedAsset):
    sample_id: SampleId = ""
    mate_cid: str = ""
    sequencing_platform: str = ""
    lane: str = ""
    library: str = ""


class R1(_Reads):
    """First reads of pairs, or single-end reads, FASTQ."""

    kind: ClassVar[str] = "r1"
    kind_family: ClassVar[Family] = "reads"
    companion_kinds: ClassVar[dict[str, str]] = {"r2": "mate_cid"}
    companion_links: ClassVar[dict[str, str]] = {"mate_cid": "r2"}


class R2(_Reads):
    """Second reads of pairs, FASTQ."""

    kind: ClassVar[str] = "r2"
    kind_family: ClassVar[Family] = "reads"
    companion_kinds: ClassVar[dict[str, str]] = {"r1": "mate_cid"}
    companion_links: ClassVar[dict[str, str]] = {"mate_cid": "r1"}


class Alignment(TypedAsset):
    """Aligned reads, BAM or CRAM."""

    kind: ClassVar[str] = "alignment"
    kind_family: ClassVar[Family] = "alignment"
    companion_kinds: ClassVar[dict[str, str]] = {"alignment_index": "alignment_cid"}
    sample_id: SampleId = ""
    format: str = ""
    sorted: str = ""
    duplicates_marked: bool | None = None
    bqsr_applied: bool | None = None
    tool: str = ""
    reference_cid: str = ""
    r1_cid: str = ""


class AlignmentIndex(TypedAsset):
    """The .bai or .crai of an alignment."""

    kind: ClassVar[str] = "alignment_index"
    kind_family: ClassVar[Family] = "alignment"
    sample_id: SampleId = ""
    alignment_cid: str = ""


class BQSRReport(TypedAsset):
    """The table of a base quality recalibration."""

    kind: ClassVar[str] = "bqsr_report"
    kind_family: ClassVar[Family] = "alignment"
    sample_id: SampleId = ""
    tool: str = ""
    alignment_cid: str = ""


class DuplicateMetrics(TypedAsset):
    """What duplicate marking counted."""

    kind: ClassVar[str] = "duplicate_metrics"
    kind_family: ClassVar[Family] = "reports"
    sample_id: SampleId = ""
    tool: str = ""
    alignment_cid: str = ""


class KnownSites(TypedAsset):
    """Variants known beforehand, VCF."""

    kind: ClassVar[str] = "known_sites"
    kind_family: ClassVar[Family] = "reference"
    companion_kinds: ClassVar[dict[str, str]] = {"known_sites_index": "known_sites_cid"}
    build: str = ""
    resource_name: str = ""
    known: bool | None = None
    training: bool | None = None
    truth: bool | None = None
    prior: float | None = None
    vqsr_mode: str = ""


class KnownSitesIndex(TypedAsset):
    """The index of known sites."""

    kind: ClassVar[str] = "known_sites_index"
    kind_family: ClassVar[Family] = "reference"
    known_sites_cid: str = ""


class Variants(TypedAsset):
    """Called variants, VCF or GVCF."""

    kind: ClassVar[str] = "variants"
    kind_family: ClassVar[Family] = "variants"
    companion_kinds: ClassVar[dict[str, str]] = {"variants_index": "variants_cid"}
    sample_id: SampleId = ""
    caller: str = ""
    variant_type: Literal["", "gvcf", "vcf"] = ""
    build: str = ""
    vqsr_mode: str = ""
    sample_count: int | None = None
    source_samples: list[str] = Field(default=[])


class VariantsIndex(TypedAsset):
    """The index of variants."""

    kind: ClassVar[str] = "variants_index"
    kind_family: ClassVar[Family] = "variants"
    sample_id: SampleId = ""
    variants_cid: str = ""


class VQSRModel(TypedAsset):
    """The recalibration table of a variant quality model."""

    kind: ClassVar[str] = "vqsr_model"
    kind_family: ClassVar[Family] = "variants"
    companion_links: ClassVar[dict[str, str]] = {"tranches_cid": "vqsr_tranches"}
    sample_id: SampleId = ""
    mode: str = ""
    build: str = ""
    variants_cid: str = ""
    tranches_cid: str = ""


class VQSRTranches(TypedAsset):
    """The tranches of a variant quality model."""

    kind: ClassVar[str] = "vqsr_tranches"
    kind_family: ClassVar[Family] = "variants"
    sample_id: SampleId = ""
    mode: str = ""
    variants_cid: str = ""


class Markers(TypedAsset):
    """The tidy table of marker genes."""

    kind: ClassVar[str] = "markers"
    kind_family: ClassVar[Family] = "cells"
    sample_id: SampleId = ""
    groupby: str = ""
    method: str = ""
    source_cid: str = ""


class QCMetrics(TypedAsset):
    """Statistics of an alignment or of variants."""

    kind: ClassVar[str] = "qc_metrics"
    kind_family: ClassVar[Family] = "reports"
    sample_id: SampleId = ""
    tool: str = ""
    alignment_cid: str = ""
    variants_cid: str = ""


class Intervals(TypedAsset):
    """Regions of a reference, BED or interval list."""

    kind: ClassVar[str] = "intervals"
    kind_family: ClassVar[Family] = "reference"
    build: str = ""
    reference_cid: str = ""


class GenomicsDB(TypedAsset):
    """A GenomicsDB workspace as one uncompressed tar."""

    kind: ClassVar[str] = "genomics_db"
    kind_family: ClassVar[Family] = "variants"
    cohort_id: CohortId = ""
    build: str = ""
    reference_cid: str = ""


class Counts(TypedAsset):
    """A count matrix as the instrument's software wrote it."""

    kind: ClassVar[str] = "counts"
    kind_family: ClassVar[Family] = "cells"
    sample_id: SampleId = ""
    organism: str = ""
    format: str = ""


class AnnData(TypedAsset):
    """Single cells with what is known about them, HDF5."""

    kind: ClassVar[str] = "anndata"
    kind_family: ClassVar[Family] = "cells"
    sample_id: SampleId = ""
    n_obs: int | None = None
    n_vars: int | None = None
    stage: Literal[
        "", "raw", "qc_filtered", "normalized", "featured", "reduced", "clustered", "annotated"
    ] = ""
    organism: str = ""
    source_cid: str = ""


class Report(TypedAsset):
    """HTML that a person reads."""

    kind: ClassVar[str] = "report"
    kind_family: ClassVar[Family] = "reports"
    workflow: str = ""
    title: str = ""

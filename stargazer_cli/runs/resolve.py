"""From what the user asked for to the assets that it means.

Nothing found, or more than one candidate for a role, is an error that lists the candidates and says
which option decides. Candidates are counted by CID: two records on the same bytes are one candidate.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from stargazer_cli.assets import R1, R2, Alignment, AlignmentIndex, Asset, Reference, Variants, VariantsIndex
from stargazer_cli.assets.names import check_name
from stargazer_cli.errors import UsageError

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

_Kind = TypeVar("_Kind", bound=Asset)
_DEFAULT_LANE = "L1"
_DEFAULT_PLATFORM = "ILLUMINA"
# What the SAM specification knows for PL; the pipeline takes no other.
PLATFORMS = (
    "CAPILLARY",
    "DNBSEQ",
    "ELEMENT",
    "HELICOS",
    "ILLUMINA",
    "IONTORRENT",
    "LS454",
    "ONT",
    "PACBIO",
    "SINGULAR",
    "SOLID",
    "ULTIMA",
)


@dataclass(frozen=True)
class Lane:
    """The reads of one sample from one lane of one library: a read group."""

    lane: str
    library: str
    platform: str
    r1: R1
    r2: R2 | None


@dataclass(frozen=True)
class Sample:
    """One sample and where it enters the pipeline: reads, unmapped BAMs, an analysis-ready BAM, or a GVCF."""

    name: str
    lanes: tuple[Lane, ...] = ()
    unmapped: tuple[Alignment, ...] = ()
    alignment: Alignment | None = None
    alignment_index: AlignmentIndex | None = None
    gvcf: Variants | None = None
    gvcf_index: VariantsIndex | None = None

    @property
    def from_reads(self) -> bool:
        """Whether its BAM is made here."""
        return bool(self.lanes or self.unmapped)

    @property
    def unmapped_lanes(self) -> dict[str, Alignment]:
        """Its unmapped BAMs by lane; one alone needs no name."""
        if len(self.unmapped) == 1:
            return {"": self.unmapped[0]}
        return {f"L{number}": bam for number, bam in enumerate(self.unmapped, start=1)}


def resolve_reference(store: "LocalStore", build: str, cid: str = "") -> Reference:
    """Return the one reference of `build`, or the one that `cid` names.

    A FASTA that was decompressed from another candidate is not a second candidate.
    """
    found = distinct(Reference, store.find(asset="reference", build=build))
    if cid:
        chosen = [asset for asset in found if asset.cid == cid]
        if not chosen:
            raise UsageError(
                f"No reference of build {build!r} has the CID {cid}.", listing("references of it", found)
            )
        return chosen[0]
    cids = {asset.cid for asset in found}
    roots = [asset for asset in found if not cids.intersection(asset.derived_from)]
    if not roots:
        known = sorted({asset.build for asset in distinct(Reference, store.find(asset="reference"))} - {""})
        raise UsageError(
            f"No reference of build {build!r} is in the store; "
            + (f"there are: {', '.join(known)}." if known else "it holds no reference."),
            f"Add it with: stargazer assets add FILE.fa -k asset=reference -k build={build}",
        )
    if len(roots) > 1:
        raise UsageError(
            f"{len(roots)} references have the build {build!r}.",
            f"Choose one with --reference CID. {listing('They are', roots)}",
        )
    return roots[0]


def resolve_samples(
    store: "LocalStore", names: Sequence[str], reference_cids: set[str], build: str
) -> list[Sample]:
    """Return the samples in the order of their names, each with its entry into the pipeline.

    Reads win over unmapped BAMs, these over a mapped one, and that over a GVCF: the source decides, what was
    made from it is reused by recipe.
    """
    check_names(names, "--samples")
    samples = [_resolve_sample(store, name, reference_cids, build) for name in sorted(names)]
    _refuse_shared_reads(samples)
    return samples


def check_names(names: Sequence[str], option: str) -> None:
    """Refuse sample ids that are no names, or that a run could not keep apart; `option` takes them."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UsageError(f"The sample {repeated[0]!r} is named twice.", "Name each sample once.")
    if not names:
        raise UsageError("No sample is named.", f"Name them with {option} ID,ID or {option} @file.")
    for name in names:
        check_name("sample id", name)
    folded: dict[str, str] = {}
    for name in names:
        other = folded.setdefault(name.lower(), name)
        if other != name:
            raise UsageError(
                f"The samples {other!r} and {name!r} differ by upper and lower case only.",
                "Their files would collide on some file systems: rename one.",
            )


def _resolve_sample(store: "LocalStore", name: str, reference_cids: set[str], build: str) -> Sample:
    lanes = _lanes(store, name)
    if lanes:
        return Sample(name, lanes=lanes)
    bams = distinct(Alignment, store.find(asset="alignment", sample_id=name))
    unmapped = tuple(bam for bam in bams if _holds_no_alignment(bam))
    if unmapped:
        return Sample(name, unmapped=unmapped)
    alignment = _entry_alignment(store, name, reference_cids)
    if alignment is not None:
        index = _companion(AlignmentIndex, store.find(asset="alignment_index", alignment_cid=alignment.cid))
        return Sample(name, alignment=alignment, alignment_index=index)
    gvcfs = _entry_gvcfs(store, name, reference_cids, build)
    if len(gvcfs) > 1:
        raise UsageError(
            f"{len(gvcfs)} GVCFs of sample {name!r} have the build {build!r}.",
            f"Keep one, or add the reads. {listing('They are', gvcfs)}",
        )
    if gvcfs:
        index_of = _companion(VariantsIndex, store.find(asset="variants_index", variants_cid=gvcfs[0].cid))
        return Sample(name, gvcf=gvcfs[0], gvcf_index=index_of)
    raise _no_such_sample(store, name)


def _no_such_sample(store: "LocalStore", name: str) -> UsageError:
    known = {
        sample
        for filters in ({"asset": ["r1", "alignment"]}, {"asset": "variants", "variant_type": "gvcf"})
        for asset in store.find(**filters)
        if (sample := getattr(asset, "sample_id", ""))
    }
    return UsageError(
        f"No reads, BAM or GVCF of sample {name!r} are in the store. {who_is_there(name, known)}",
        f"Add reads with: stargazer assets add {name}_R1.fastq.gz {name}_R2.fastq.gz -k sample_id={name}",
    )


def who_is_there(name: str, known: Iterable[str]) -> str:
    """Return the end of an error about a sample that is not there: what it may have been meant for."""
    known = sorted(known)
    if close := difflib.get_close_matches(name, known, n=3):
        return f"Did you mean {' or '.join(close)}?"
    if known:
        return f"There are: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}."
    return "The store holds no sample."


def _lanes(store: "LocalStore", sample: str) -> tuple[Lane, ...]:
    firsts: list[R1] = _one_record_each(R1, sample, store.find(asset="r1", sample_id=sample))
    seconds: list[R2] = _one_record_each(R2, sample, store.find(asset="r2", sample_id=sample))
    lanes = []
    unpaired = {asset.cid: asset for asset in seconds}
    for r1 in firsts:
        r2 = _mate(store, sample, r1, seconds)
        if r2 is not None:
            unpaired.pop(r2.cid, None)
        lanes.append(_lane(sample, r1, r2))
    if unpaired:
        alone = next(iter(unpaired.values()))
        raise UsageError(
            f"The R2 {alone.name} ({alone.cid}) of sample {sample!r} has no R1.",
            "Add its R1 in one call with it: stargazer assets add R1 R2 -k sample_id=…",
        )
    lanes.sort(key=lambda lane: (lane.library, lane.lane, lane.r1.cid))
    for left, right in pairwise(lanes):
        if (left.library, left.lane) == (right.library, right.lane):
            raise UsageError(
                f"Two R1 of sample {sample!r} are of library {left.library!r}, lane {left.lane!r}: "
                f"{left.r1.name} ({left.r1.cid}) and {right.r1.name} ({right.r1.cid}).",
                "Add both with different -k lane=…, or give one of them a sample id of its own.",
            )
    return tuple(lanes)


def _lane(sample: str, r1: R1, r2: R2 | None) -> Lane:
    of = f"of {r1.name} (sample {sample!r})"
    if r2 is not None and r1.cid == r2.cid:
        raise UsageError(
            f"{r1.name} and {r2.name} of sample {sample!r} are the same file: {r1.cid}.",
            "A pair has two files of reads: add R1 and R2 anew under another sample id.",
        )
    platform = (r1.sequencing_platform or _DEFAULT_PLATFORM).upper()
    if platform not in PLATFORMS:
        raise UsageError(
            f"The sequencing_platform {r1.sequencing_platform[:60]!r} {of} is not known.",
            f"Add the reads with one of: {', '.join(PLATFORMS)}.",
        )
    return Lane(
        lane=check_name(f"lane {of}", r1.lane or _DEFAULT_LANE),
        library=check_name(f"library {of}", r1.library or sample),
        platform=platform,
        r1=r1,
        r2=r2,
    )


def mate_of(store: "LocalStore", r1: R1) -> R2 | None:
    """Return the R2 of an R1, by the link between them or by their lane; None where there is none.

    Raises:
        UsageError: an R2 of the sample belongs to no R1, which may be this one; or lanes are not told apart.

    """
    if not r1.sample_id:
        return next((asset for asset in r1.companions(store) if isinstance(asset, R2)), None)
    return next(lane.r2 for lane in _lanes(store, r1.sample_id) if lane.r1.cid == r1.cid)


def _mate(store: "LocalStore", sample: str, r1: R1, seconds: Iterable[R2]) -> R2 | None:
    if r1.mate_cid:
        for r2 in seconds:
            if r2.cid == r1.mate_cid:
                return r2
        others = sorted({getattr(a, "sample_id", "?") for a in store.by_cid(r1.mate_cid)})
        where = f"it is in the store for sample {', '.join(others)}" if others else "it is not in the store"
        raise UsageError(
            f"The mate {r1.mate_cid} of {r1.name} (sample {sample!r}) is missing: {where}.",
            "Add the R2 with: stargazer assets add FILE -k asset=r2 "
            f"-k sample_id={sample} -k mate_cid={r1.cid}",
        )
    linked = [r2 for r2 in seconds if r2.mate_cid == r1.cid]
    same_lane = [r2 for r2 in seconds if not r2.mate_cid and (r2.lane, r2.library) == (r1.lane, r1.library)]
    candidates = linked or same_lane
    if len(candidates) > 1:
        raise UsageError(
            f"{len(candidates)} files may be the R2 of {r1.name} (sample {sample!r}).",
            f"Link the mates with -k mate_cid={r1.cid}. {listing('They are', candidates)}",
        )
    return candidates[0] if candidates else None


def _one_record_each(kind: type[_Kind], sample: str, found: Iterable[Asset]) -> list[_Kind]:
    """One record for each CID; the same bytes under two read groups would be counted as two lanes."""
    by_cid: dict[str, _Kind] = {}
    for asset in found:
        if not isinstance(asset, kind):
            continue
        other = by_cid.setdefault(asset.cid, asset)
        group = [getattr(a, key) for a in (other, asset) for key in ("lane", "library", "mate_cid")]
        if group[:3] != group[3:]:
            raise UsageError(
                f"The {kind.kind} {asset.name} ({asset.cid}) of sample {sample!r} is recorded twice, "
                "with different lane, library or mate.",
                "Use one record for a file: name the sample anew and add the reads once.",
            )
    return sorted(by_cid.values(), key=lambda asset: asset.cid)


def _holds_no_alignment(bam: Alignment) -> bool:
    """Whether a BAM is unmapped by its own header; one whose bytes are not here is taken for mapped."""
    from stargazer_cli.assets.checks import read_head
    from stargazer_cli.assets.content import is_unmapped

    return bam.path is not None and not bam.reference_cid and is_unmapped(read_head(bam.path))


def _entry_alignment(store: "LocalStore", sample: str, reference_cids: set[str]) -> Alignment | None:
    found = [
        asset
        for asset in store.find(asset="alignment", sample_id=sample)
        if isinstance(asset, Alignment) and asset.reference_cid in reference_cids | {""}
    ]
    crams = [asset for asset in found if asset.format == "cram" or asset.name.endswith(".cram")]
    found = [asset for asset in found if asset not in crams]
    if crams and not found:
        raise UsageError(
            f"{crams[0].name} ({crams[0].cid}) of sample {sample!r} is a CRAM, which no workflow takes.",
            "Convert it and add the BAM: samtools view -b -T REFERENCE.fa -o OUT.bam IN.cram",
        )
    # One file may have two records, of which the later says what the first left out.
    ready = distinct(Alignment, (asset for asset in found if asset.duplicates_marked))
    if len(ready) > 1:
        raise UsageError(
            f"{len(ready)} analysis-ready BAMs of sample {sample!r} are in the store.",
            f"Keep one, or add the reads. {listing('They are', ready)}",
        )
    if found and not ready:
        raise UsageError(
            f"The BAM {found[0].name} ({found[0].cid}) of sample {sample!r} is not recorded as "
            "duplicate-marked.",
            "Mark duplicates first and add it with -k duplicates_marked=true, or add the reads.",
        )
    return ready[0] if ready else None


def _entry_gvcfs(store: "LocalStore", sample: str, reference_cids: set[str], build: str) -> list[Variants]:
    """Return the GVCFs of the build, without those that are known to be made with another reference."""
    found = distinct(
        Variants, store.find(asset="variants", variant_type="gvcf", sample_id=sample, build=build)
    )
    references = {asset.cid for asset in store.find(asset="reference")} - reference_cids
    return [
        gvcf
        for gvcf in found
        if reference_cids.intersection(gvcf.derived_from) or not references.intersection(gvcf.derived_from)
    ]


def _refuse_shared_reads(samples: Sequence[Sample]) -> None:
    owner: dict[str, str] = {}
    for sample in samples:
        reads: Sequence[Asset | None] = (
            *sample.unmapped,
            *(each for lane in sample.lanes for each in (lane.r1, lane.r2)),
        )
        for asset in reads:
            if asset is None:
                continue
            other = owner.setdefault(asset.cid, sample.name)
            if other != sample.name:
                raise UsageError(
                    f"The samples {other!r} and {sample.name!r} have the same reads: {asset.cid}.",
                    "One of them is labelled wrongly: add the right file for it under a new sample id.",
                )


def _companion(kind: type[_Kind], found: Iterable[Asset]) -> _Kind | None:
    return next(iter(distinct(kind, found)), None)


def distinct(kind: type[_Kind], found: Iterable[Asset]) -> list[_Kind]:
    """Return one record of a kind for each CID, in the order of the CIDs."""
    by_cid: dict[str, _Kind] = {}
    for asset in found:
        if isinstance(asset, kind):
            by_cid.setdefault(asset.cid, asset)
    return sorted(by_cid.values(), key=lambda asset: asset.cid)


def listing(what: str, found: Iterable[Asset]) -> str:
    """Return a sentence that lists assets by CID and name."""
    return f"{what}: " + ", ".join(f"{asset.cid} ({asset.name})" for asset in found) + "."

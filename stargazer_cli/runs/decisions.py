"""What `auto` means for germline runs: recalibrate or not, and how to filter; each with its reason.

The rules are those of the pipeline (subworkflows/functions/decisions.nf), which is told the outcome: a plan
is made before Nextflow starts, and a sample that enters as a reused GVCF was read once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from stargazer_cli.errors import UsageError
from stargazer_cli.runs.known_sites import TYPES, Resource

Bqsr = Literal["auto", "on", "off"]
Filter = Literal["auto", "vqsr", "hard", "none"]

# Below this what is called is no whole genome, and has too few variants to train a model on.
WHOLE_GENOME = 100_000_000
# Regions of as many bases are those of a genome without its gaps and the like, never targets.
MORE_THAN_TARGETS = 1_000_000_000
# Of exomes it takes this many samples to have enough variants.
# https://gatk.broadinstitute.org/hc/en-us/articles/4402736812443
ENOUGH_EXOMES = 30
# The smallest exomes have about 30 Mb; what is much smaller is a panel.
EXOME = 20_000_000
# How many bases a read group GATK asks for to learn the errors of a sequencer from.
# https://gatk.broadinstitute.org/hc/en-us/articles/360035890531
ENOUGH_TO_RECALIBRATE = 100_000_000
# The depth of a usual genome, and one that hardly any panel reaches once duplicates are marked.
USUAL_DEPTH, GREATEST_DEPTH = 30, 1_000

_PLURALS = {"SNP": "SNPs", "INDEL": "indels"}


@dataclass(frozen=True)
class Decision:
    """What is done, and why, for people."""

    value: str
    reason: str


@dataclass(frozen=True)
class Target:
    """What is called: the whole reference, or regions of it.

    regions    the bases that they cover, without padding; None: the whole reference
    reference  counts the bases of the reference, where they matter
    """

    regions: int | None
    reference: Callable[[], int]

    @cached_property
    def length(self) -> int:
        """The bases of the reference."""
        return self.reference()

    @property
    def bases(self) -> int:
        """The bases that are called."""
        return self.length if self.regions is None else self.regions

    @property
    def targeted(self) -> bool:
        """Whether it is but the targets of an exome or a panel, and not most of a genome."""
        if self.regions is None or self.regions >= MORE_THAN_TARGETS:
            return False
        return 2 * self.regions < self.length

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.bases:,} bases{'' if self.regions is None else ' of --intervals'}"


def decide_bqsr(
    asked: Bqsr, sites: Sequence[Resource], *, from_reads: bool, target: Target, left_out: bool = False
) -> Decision:
    """Decide on base quality recalibration.

    from_reads  whether a sample's BAM is made from its reads
    left_out    whether the user wants no known sites, whatever there are
    """
    types = frozenset[str]().union(*(site.types for site in sites))
    missing = " and ".join(f"no known {_PLURALS[each]}" for each in TYPES if each not in types)
    unmasked = f"{missing}: unmasked variants would be learnt as errors" if missing else ""
    if asked == "off":
        return Decision("off", "--bqsr off")
    if asked == "on":
        _refuse_in_vain(sites, from_reads=from_reads, left_out=left_out)
        there = unmasked and f"there are {unmasked}"
        doubts = " and ".join(filter(None, (there, too_few(target, USUAL_DEPTH))))
        return Decision("on", ", although ".join(filter(None, ("--bqsr on", doubts))))
    if not sites:
        reason = "--known-sites none" if left_out else "no known sites of the build are in the store"
    elif not from_reads:
        reason = "no sample enters as reads or as an unmapped BAM"
    else:
        reason = unmasked or too_few(target, GREATEST_DEPTH)
    if reason:
        return Decision("off", reason)
    known = f"known SNPs and indels in {', '.join(sorted(site.name for site in sites))}"
    return Decision("on", ", although ".join(filter(None, (known, too_few(target, USUAL_DEPTH)))))


def _refuse_in_vain(sites: Sequence[Resource], *, from_reads: bool, left_out: bool) -> None:
    """Raise UsageError where recalibration is asked for and has nothing to learn from, or nothing to mend."""
    why = "what is no known variant counts as an error of the sequencer."
    if left_out:
        raise UsageError(
            f"--bqsr on takes known sites, and --known-sites none leaves them out: {why}",
            "Leave out one of the two.",
        )
    if not any(site.types for site in sites):
        there = "hold no variant" if sites else "are not in the store"
        raise UsageError(
            f"--bqsr on takes known sites, and those of the build {there}: {why}",
            "Add them: stargazer assets add FILE.vcf.gz -k asset=known_sites -k build=…; or take --bqsr off.",
        )
    if not from_reads:
        raise UsageError(
            "--bqsr on: no sample enters as reads or as an unmapped BAM, so there is nothing to recalibrate: "
            "mapped BAMs and GVCFs are taken as they are.",
            "Leave --bqsr out, or add the samples' reads.",
        )


def too_few(target: Target, depth: int) -> str:
    """Say that it takes more than `depth` for enough bases to recalibrate from; nothing where it does not."""
    needed = -(-ENOUGH_TO_RECALIBRATE // max(target.bases, 1))
    if needed <= depth:
        return ""
    wanted = f"{ENOUGH_TO_RECALIBRATE // 1_000_000} million bases a read group that GATK asks for"
    return f"{target.name} take a depth of {needed:,}x for the {wanted}"


def decide_filter(
    asked: Filter, sites: Sequence[Resource], *, samples: int, target: Target, left_out: bool = False
) -> Decision:
    """Decide how the joint call is filtered; `left_out`: whether the user wants no known sites."""
    if asked in ("none", "hard"):
        return Decision(asked, f"--filter {asked}")
    missing = missing_resources(sites)
    if asked == "vqsr" and left_out:
        raise UsageError(
            f"--filter vqsr: {missing}, as --known-sites none leaves them out.", "Leave out one of the two."
        )
    if asked == "vqsr" and missing:
        raise UsageError(
            f"--filter vqsr: {missing} among the known sites, and a model of SNPs and one of indels each "
            "take both kinds.",
            "Add them with -k asset=known_sites -k training=true -k truth=true -k prior=15 and the like; or "
            "take --filter hard.",
        )
    counted = f"{samples:,} {'sample' if samples == 1 else 'samples'} on {target.name}"
    genome = target.bases >= WHOLE_GENOME and not target.targeted
    large = genome or (samples >= ENOUGH_EXOMES and target.bases >= EXOME)
    if asked == "vqsr":
        return Decision(
            "vqsr",
            f"--filter vqsr, {counted}{'' if large else ', which may be too few variants to train on'}",
        )
    if large and not missing:
        return Decision("vqsr", f"{counted}, with training and truth resources for SNPs and indels")
    lacking = f"{missing} (--known-sites none)" if left_out else missing
    reasons = ", ".join(reason for reason in (counted, lacking) if reason)
    return Decision(
        "hard",
        f"{reasons}; VQSR takes a whole genome or {ENOUGH_EXOMES} exomes, and training and truth resources "
        "for SNPs and indels",
    )


def missing_resources(sites: Collection[Resource]) -> str:
    """Say which kinds of resource VQSR would miss; nothing where it has all."""
    kinds: dict[str, list[str]] = {}
    for kind in ("training", "truth"):
        missing = [mode for mode in TYPES if not any(site.serves(mode, kind == "truth") for site in sites)]
        if missing:
            kinds.setdefault(" and ".join(_PLURALS[mode] for mode in missing), []).append(kind)
    return " and ".join(f"no {' or '.join(lacking)} resource for {modes}" for modes, lacking in kinds.items())

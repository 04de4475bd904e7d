"""What `auto` means for germline runs: recalibrate or not, and how to filter; each with its reason.

The rules are those of the pipeline (subworkflows/functions/decisions.nf), which is told the outcome: a plan
is made before Nextflow starts, and a sample that enters as a reused GVCF was read once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from stargazer_cli.errors import UsageError
from stargazer_cli.runs.known_sites import TYPES, Resource

Bqsr = Literal["auto", "on", "off"]
Filter = Literal["auto", "vqsr", "hard", "none"]

# Below this a reference is no whole genome, and has too few variants to train a model on.
WHOLE_GENOME = 100_000_000
# With intervals it takes this many samples to have enough variants.
# https://gatk.broadinstitute.org/hc/en-us/articles/4402736812443
ENOUGH_EXOMES = 30

_PLURALS = {"SNP": "SNPs", "INDEL": "indels"}


@dataclass(frozen=True)
class Decision:
    """What is done, and why, for people."""

    value: str
    reason: str


def decide_bqsr(asked: Bqsr, sites: Sequence[Resource], *, from_reads: bool) -> Decision:
    """Decide on base quality recalibration; `from_reads`: whether a sample's BAM is made from its reads."""
    types = frozenset[str]().union(*(site.types for site in sites))
    if asked == "on" and not types:
        there = "hold no variant" if sites else "are not in the store"
        raise UsageError(
            f"--bqsr on takes known sites, and those of the build {there}: "
            "what is no known variant counts as an error of the sequencer.",
            "Add them: stargazer assets add FILE.vcf.gz -k asset=known_sites -k build=…; or take --bqsr off.",
        )
    missing = " and ".join(f"no known {_PLURALS[each]}" for each in TYPES if each not in types)
    unmasked = f"{missing}: unmasked variants would be learnt as errors"
    if asked != "auto":
        warned = f", although there are {unmasked}" if asked == "on" and missing else ""
        return Decision(asked, f"--bqsr {asked}{warned}")
    if not sites:
        return Decision("off", "no known sites of the build are in the store")
    if not from_reads:
        return Decision("off", "no sample enters as reads or as an unmapped BAM")
    if missing:
        return Decision("off", unmasked)
    return Decision("on", f"known SNPs and indels in {', '.join(sorted(site.name for site in sites))}")


def decide_filter(
    asked: Filter, sites: Sequence[Resource], *, samples: int, intervals: bool, bases: Callable[[], int]
) -> Decision:
    """Decide how the joint call is filtered; `bases` of the reference are counted where they matter."""
    if asked in ("none", "hard"):
        return Decision(asked, f"--filter {asked}")
    missing = missing_resources(sites)
    if asked == "vqsr" and missing:
        raise UsageError(
            f"--filter vqsr: {missing} among the known sites, and a model of SNPs and one of indels each "
            "take both kinds.",
            "Add them with -k asset=known_sites -k training=true -k truth=true -k prior=15 and the like; or "
            "take --filter hard.",
        )
    cohort = f"{samples:,} {'sample' if samples == 1 else 'samples'}"
    if intervals:
        large, counted = samples >= ENOUGH_EXOMES, f"{cohort} within --intervals"
    else:
        length = bases()
        large, counted = length >= WHOLE_GENOME, f"{cohort} on {length:,} bases"
    if asked == "vqsr":
        return Decision(
            "vqsr",
            f"--filter vqsr, {counted}{'' if large else ', which may be too few variants to train on'}",
        )
    if large and not missing:
        return Decision("vqsr", f"{counted}, with training and truth resources for SNPs and indels")
    reasons = ", ".join(reason for reason in (counted, missing) if reason)
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

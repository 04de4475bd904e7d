"""Whether the samples are who they are said to be, as far as their data tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from germline import relatedness, sexes
from germline.genotypes import Genotypes
from germline.metrics import Contig
from germline.pedigree import Person, is_parent
from germline.relatedness import IDENTICAL, PARENT_CHILD, Pair
from germline.sexes import Sex


@dataclass(frozen=True)
class Findings:
    """What the samples look like, and hints of what may be wrong; `lack` says why pairs were not compared."""

    sexes: dict[str, Sex]
    given_sexes: dict[str, str]
    pairs: list[Pair]
    given_parents: set[tuple[str, str]]
    lack: str
    hints: list[str] = field(default_factory=list)


def check_samples(
    samples: list[str],
    genotypes: Genotypes,
    lengths: Mapping[str, int],
    coverage: Mapping[str, Mapping[str, Contig]],
    people: dict[str, Person],
) -> Findings:
    """Compare the samples with each other and with what is said of them."""
    on_x = sexes.sites_of_x(genotypes, lengths)
    found = {name: sexes.judge(on_x.get(name), coverage.get(name, {})) for name in samples}
    autosomal = [sexes.is_autosome_like(contig) for contig, _position in genotypes.sites]
    sites = [site for site, take in zip(genotypes.sites, autosomal, strict=True) if take]
    lack = relatedness.lack_of_sites(sites) if len(samples) > 1 else "there is one sample"
    pairs = [] if lack else list(relatedness.compare(genotypes.at(autosomal)))
    parents = {pair.samples for pair in pairs if is_parent(people, *pair.samples)}
    given = {name: people[name].sex if name in people else "" for name in samples}
    findings = Findings(found, given, pairs, parents, lack)
    findings.hints.extend(_hints_of_pairs(findings) + _hints_of_sexes(findings))
    return findings


def _hints_of_pairs(findings: Findings) -> list[str]:
    hints = []
    for pair in findings.pairs:
        one, other = pair.samples
        if pair.looks == IDENTICAL:
            hints.append(
                f"{one} and {other} look identical (kinship {pair.kinship:.2f}): the same person or "
                "identical twins, or one sample's reads under two names."
            )
        elif pair.samples in findings.given_parents and pair.looks != PARENT_CHILD:
            hints.append(
                f"{one} and {other} are given as parent and child but do not look like it (kinship "
                f"{pair.kinship:.2f}, {pair.opposite:,} opposite homozygotes at {pair.sites:,} sites): they "
                f"look like {'strangers' if pair.looks == relatedness.UNRELATED else pair.looks}."
            )
    return hints


def _hints_of_sexes(findings: Findings) -> list[str]:
    return [
        f"{name} is given as {given} but looks {findings.sexes[name].looks}, by its X and Y chromosomes."
        for name, given in findings.given_sexes.items()
        if given and findings.sexes[name].looks in {"male", "female"} - {given}
    ]

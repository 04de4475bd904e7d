"""How close two samples are: kinship as KING-robust estimates it, and what that looks like.

KING-robust needs no allele frequencies, so it works for a cohort of any size and ancestry: Manichaikul et al.
2010, https://doi.org/10.1093/bioinformatics/btq559, whose limits between the degrees are taken too.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from germline.genotypes import Marks

# A kinship from less says little; from one stretch of a genome it says nothing of the rest, as relatives
# share some stretches wholly and others not at all.
FEWEST_SITES = 1000
FEWEST_STRETCHES = 50
STRETCH = 1_000_000

SAME, FIRST, SECOND, THIRD = 0.354, 0.177, 0.0884, 0.0442
# A child has one allele of each parent, so opposite homozygotes are errors; siblings have more of them.
_PARENTAL_OPPOSITES = 0.01

IDENTICAL = "the same person, or identical twins"
PARENT_CHILD = "parent and child"
SIBLINGS = "siblings"
SECOND_DEGREE = "second degree"
THIRD_DEGREE = "third degree"
UNRELATED = "unrelated"


@dataclass(frozen=True)
class Pair:
    """Two samples: sites where both are known, and what they have there."""

    samples: tuple[str, str]
    sites: int
    opposite: int  # homozygous for different alleles: IBS0
    both: int  # heterozygous in both
    kinship: float

    @property
    def looks(self) -> str:
        """What the two samples look like."""
        if self.kinship > SAME:
            return IDENTICAL
        if self.kinship > FIRST:
            return PARENT_CHILD if self.opposite <= _PARENTAL_OPPOSITES * self.both else SIBLINGS
        if self.kinship > SECOND:
            return SECOND_DEGREE
        return THIRD_DEGREE if self.kinship > THIRD else UNRELATED


def lack_of_sites(sites: Collection[tuple[str, int]]) -> str:
    """Say why sites are too few to compare samples by; an empty string where they are enough."""
    stretches = len({(contig, position // STRETCH) for contig, position in sites})
    if len(sites) >= FEWEST_SITES and stretches >= FEWEST_STRETCHES:
        return ""
    return (
        f"not enough data: {len(sites):,} biallelic SNPs in {stretches:,} stretches of 1 Mb, "
        f"where {FEWEST_SITES:,} in {FEWEST_STRETCHES} are needed"
    )


def compare(marks: Mapping[str, Marks]) -> Iterator[Pair]:
    """Compare each sample with each other one, at the sites that both have a genotype for."""
    for (one, ours), (other, theirs) in combinations(marks.items(), 2):
        yield _pair((one, other), ours, theirs)


def _pair(samples: tuple[str, str], one: Marks, other: Marks) -> Pair:
    sites = (one.called & other.called).bit_count()
    both = (one.heterozygous & other.heterozygous).bit_count()
    opposite = ((one.reference & other.alternate) | (one.alternate & other.reference)).bit_count()
    counts = ((one.heterozygous & other.called).bit_count(), (other.heterozygous & one.called).bit_count())
    fewer = min(counts)
    # The between-family estimator, equation 11 of the paper.
    kinship = (both - 2 * opposite) / (2 * fewer) + 0.5 - sum(counts) / (4 * fewer) if fewer else 0.0
    return Pair(samples, sites, opposite, both, kinship)

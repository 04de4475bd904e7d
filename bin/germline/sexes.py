"""What X and Y say of a sample's sex: heterozygous genotypes on X, and how deep X and Y are covered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from germline.genotypes import Genotypes, Marks
from germline.metrics import Contig

# The regions that X shares with Y, from 1 on, by the length of X: GRCh37, GRCh38, T2T-CHM13 v2.0.
# https://www.ncbi.nlm.nih.gov/grc/human, https://github.com/marbl/CHM13
_SHARED = {
    155_270_560: ((60_001, 2_699_520), (154_931_044, 155_260_560)),
    156_040_895: ((10_001, 2_781_479), (155_701_383, 156_030_895)),
    154_259_566: ((1, 2_394_410), (153_925_835, 154_259_566)),
}
_X, _Y = ("chrX", "X"), ("chrY", "Y")
_AUTOSOME = re.compile(r"(chr)?\d+$")

_FEWEST_GENOTYPES = 100
# Of the genotypes on X that differ from the reference, this part is heterozygous: with one X at most, with
# two at least.
_ONE_X, _TWO_X = 0.15, 0.35
# The depths of X and Y, where that of the autosomes is 1: half of it for one X; Y is half mapped and halved.
_DEPTH_OF_TWO_X, _DEPTH_OF_Y = 0.75, 0.1
_LEAST_DEPTH, _FEWEST_READS = 1.0, 10_000


@dataclass(frozen=True)
class Sex:
    """What the data of one sample say; None where there are too few."""

    heterozygous: float | None
    x_depth: float | None
    y_depth: float | None
    looks: str  # male, female, unclear, or '' without enough data


def is_autosome_like(contig: str) -> bool:
    """Whether samples can be compared by a contig's sites: it is neither X, Y nor mitochondrial."""
    return contig not in (*_X, *_Y, "chrM", "M", "MT", "chrMT")


def sites_of_x(genotypes: Genotypes, lengths: Mapping[str, int]) -> dict[str, Marks]:
    """Return the genotypes on X alone; none where the reference's X is of no build that is known."""
    shared = {name: _SHARED.get(lengths.get(name, 0)) for name in _X}

    def wanted(contig: str, position: int) -> bool:
        regions = shared.get(contig)
        return regions is not None and not any(start <= position <= end for start, end in regions)

    return genotypes.at(wanted(*site) for site in genotypes.sites)


def judge(marks: Marks | None, contigs: Mapping[str, Contig]) -> Sex:
    """Say what a sample's genotypes on X, and the depths of its contigs, look like."""
    heterozygous = _heterozygous(marks) if marks else None
    x_depth, y_depth = _depths(contigs)
    answers = {_by_genotypes(heterozygous), _by_depths(x_depth, y_depth)} - {""}
    return Sex(
        heterozygous, x_depth, y_depth, answers.pop() if len(answers) == 1 else "unclear" if answers else ""
    )


def _heterozygous(marks: Marks) -> float | None:
    both, alternate = marks.heterozygous.bit_count(), marks.alternate.bit_count()
    return both / (both + alternate) if both + alternate >= _FEWEST_GENOTYPES else None


def _by_genotypes(heterozygous: float | None) -> str:
    if heterozygous is None:
        return ""
    if heterozygous <= _ONE_X:
        return "male"
    return "female" if heterozygous >= _TWO_X else "unclear"


def _depths(contigs: Mapping[str, Contig]) -> tuple[float | None, float | None]:
    """Return the depths of X and Y, where that of the autosomes is 1."""
    autosomes = [contig for name, contig in contigs.items() if _AUTOSOME.match(name)]
    bases = sum(contig.length for contig in autosomes)
    if not bases or sum(contig.reads for contig in autosomes) < _FEWEST_READS:
        return None, None
    depth = sum(contig.depth * contig.length for contig in autosomes) / bases
    found = [next((contigs[name].depth for name in names if name in contigs), None) for names in (_X, _Y)]
    if depth < _LEAST_DEPTH:
        return None, None
    x_depth, y_depth = (None if value is None else value / depth for value in found)
    return x_depth, y_depth


def _by_depths(x_depth: float | None, y_depth: float | None) -> str:
    if x_depth is None or y_depth is None:
        return ""
    two, has_y = x_depth >= _DEPTH_OF_TWO_X, y_depth >= _DEPTH_OF_Y
    if two == has_y:
        return "unclear"
    return "female" if two else "male"

"""The numbers of one sample, or of the cohort, from the files of samtools and bcftools."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What the files of a sample are called behind its name, and what kind that is.
KINDS = {
    ".samtools_stats.txt": "stats",
    ".samtools_coverage.txt": "coverage",
    ".duplicate_metrics.txt": "duplicates",
    ".recalibration.table": "before",
    ".recalibration_after.table": "after",
    ".bcftools_stats.txt": "variants",
}
DEPTHS = (10, 20, 30)


@dataclass(frozen=True)
class Contig:
    """One contig, or what the run's regions have of it, as samtools coverage saw it."""

    length: int
    reads: int
    depth: float


@dataclass(frozen=True)
class Region:
    """One region as samtools coverage saw it; its first base is base 1 of the contig where `start` is 1."""

    contig: str
    start: int
    end: int
    covered: float  # percent
    depth: float

    @property
    def bases(self) -> int:
        """How long it is."""
        return self.end - self.start + 1


def kind_of(name: str) -> tuple[str, str]:
    """Return whose file this is and its kind."""
    for ending, kind in KINDS.items():
        if name.endswith(ending) and name != ending:
            return name.removesuffix(ending), kind
    raise ValueError(f"{name} has none of the names {', '.join('SAMPLE' + ending for ending in KINDS)}")


def read_coverage(file: Path) -> dict[str, Contig]:
    """Return each contig of samtools coverage; the regions of a contig count as one."""
    contigs: dict[str, tuple[int, int, float]] = {}
    for row in _rows(file):
        if not row[0].startswith("#"):
            length, reads, depths = contigs.get(row[0], (0, 0, 0.0))
            own = int(row[2]) - int(row[1]) + 1
            contigs[row[0]] = length + own, reads + int(row[3]), depths + own * float(row[6])
    return {name: Contig(length, reads, depths / length) for name, (length, reads, depths) in contigs.items()}


def is_of_regions(file: Path) -> bool:
    """Whether the module samtools_coverage was given regions: then there are no qualities in its file."""
    header = next(_rows(file), [])
    return "meandepth" in header and "meanbaseq" not in header


def read_regions(file: Path) -> Iterator[Region]:
    """Read the regions of a file that is of regions one by one: an exome has hundreds of thousands."""
    for row in _rows(file):
        if not row[0].startswith("#"):
            yield Region(row[0], int(row[1]), int(row[2]), float(row[5]), float(row[6]))


@dataclass(frozen=True)
class Stats:
    """What samtools stats counted: bases of each depth, pairs of each insert size.

    The bases are those of the regions, where the statistics are of regions, else those of the genome.
    """

    bases: int
    depths: dict[int, int]
    inserts: dict[int, int]

    @property
    def mean_depth(self) -> float:
        """The mean depth of the bases."""
        return sum(depth * count for depth, count in self.depths.items()) / self.bases

    def covered(self, least: int) -> float:
        """Return the part of the bases, in percent, that is covered at least so often."""
        if least == 0:
            return 100.0
        return 100 * sum(count for depth, count in self.depths.items() if depth >= least) / self.bases


def read_stats(file: Path, genome: int) -> Stats:
    """Return the depths and the insert sizes of samtools stats on a genome of so many bases."""
    bases, depths, inserts = genome, {}, {}
    for row in _rows(file):
        if row[:2] == ["SN", "bases inside the target:"]:
            bases = int(row[2])
        elif row[0] == "COV":
            depths[int(row[2])] = int(row[3])
        elif row[0] == "IS" and int(row[2]):
            inserts[int(row[1])] = int(row[2])
    return Stats(bases, depths, inserts)


def read_calls(file: Path) -> dict[str, dict[str, float]]:
    """Return the counts of each sample's calls, of bcftools stats."""
    samples = {}
    for row in _rows(file):
        if row[0] == "PSC":
            alternate, both, transitions, transversions, indels = map(int, row[4:9])
            samples[row[2]] = {
                "snps": alternate + both,
                "indels": indels,
                "singletons": int(row[10]),
                "missing": int(row[13]),
            } | _ratios({"ti_tv": (transitions, transversions), "het_hom": (both, alternate)})
    return samples


def read_cohort(file: Path) -> dict[str, float]:
    """Return the counts of a cohort's variants, of bcftools stats, by what they are called."""
    wanted = {
        "number of records:": "Records",
        "number of SNPs:": "With SNPs",
        "number of indels:": "With indels",
        "number of multiallelic sites:": "With several alternate alleles",
    }
    counts: dict[str, float] = {}
    for row in _rows(file):
        if row[0] == "SN" and row[2] in wanted:
            counts[wanted[row[2]]] = int(row[3])
        elif row[0] == "TSTV":
            counts |= _ratios({"Ti/Tv": (int(row[2]), int(row[3]))})
    return counts


def _ratios(counts: dict[str, tuple[int, int]]) -> dict[str, float]:
    return {name: above / below for name, (above, below) in counts.items() if below}


def _rows(file: Path) -> Iterator[list[str]]:
    with file.open(encoding="utf-8") as stream:
        for line in stream:
            yield line.rstrip("\n").split("\t")

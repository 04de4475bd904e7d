"""Make a cohort whose variants are known: a reference, reads of each sample, and truth VCFs.

    python benchmarks/simulate_cohort.py OUT                                (2 Mb, 30x, a trio; 15 s)
    python benchmarks/simulate_cohort.py OUT --bases 100000 --samples 1     (seconds)

The same options give the same bytes. Needs numpy (the extra `scrna` has it).

Three samples are a trio: the child has one copy from each parent, with one crossover a contig. Further
samples are unrelated, and so are one or two. Per 1,000 bases about two sites vary among two unrelated
people: 85 % SNPs (two of three are transitions), the rest indels whose lengths fall off geometrically, and
one site in 100 has two ALTs. Sites lie anywhere, repeats included, and VCFs are left-aligned.

The reference has human-like base and dinucleotide frequencies, a family of diverged 300-base repeats
(10 % of it) and short tandem repeats. Reads are pairs of 150 bases from fragments of 400 +- 80; qualities
are those of a recent instrument in four bins, fall towards the end, and errors are as frequent as they say.
One pair in 20 is a PCR duplicate.

    reference.fa            reads/SAMPLE_R1.fastq.gz, _R2      family.ped (a trio only)
    truth/SAMPLE.vcf.gz     truth/joint.vcf.gz                 truth/confident.bed (all but the contigs' ends)
    known_sites.vcf.gz      nine of ten sites, without genotypes, for base recalibration
"""

import argparse
import gzip
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

READ, FRAGMENT, FRAGMENT_SD = 150, 400, 80
DUPLICATES = 0.05
SITES = 0.0012  # a base, between two copies of a genome; see `site_count`
INDELS, MULTI, KNOWN = 0.15, 0.01, 0.9
EDGE = 1000  # no variant so close to a contig's end: coverage falls there
BLOCK = 20_000  # pairs drawn at once
BGZF_BLOCK = 65_280
QUALITIES = np.array([37, 25, 11, 2])
# Shares of the four bins at the first and at the last base of a read.
FIRST, LAST = np.array([0.965, 0.025, 0.008, 0.002]), np.array([0.88, 0.08, 0.03, 0.01])
BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
COMPLEMENT: np.ndarray[Any, np.dtype[np.uint8]] = np.zeros(256, dtype=np.uint8)
COMPLEMENT[BASES] = BASES[::-1]
# P(next base | base) over A, C, G, T, close to the human genome's: CG is rare, poly-A and poly-T are not.
NEXT = {
    "A": (0.33, 0.17, 0.24, 0.26),
    "C": (0.35, 0.25, 0.05, 0.35),
    "G": (0.29, 0.21, 0.25, 0.25),
    "T": (0.22, 0.20, 0.25, 0.33),
}
TRANSITION = {"A": "G", "G": "A", "C": "T", "T": "C"}

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Alleles = tuple[int, int]  # of copy 0 and copy 1


@dataclass(frozen=True)
class Site:
    """One varying site, left-aligned; `pos` is 1-based, genotypes are by sample."""

    contig: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    genotypes: dict[str, Alleles]


def draw_sequence(rng: np.random.RandomState, size: int) -> str:
    """Draw bases one after the other with the frequencies of NEXT."""
    edges = {base: np.cumsum(shares)[:3].tolist() for base, shares in NEXT.items()}
    base, bases = "A", []
    for share in rng.random_sample(size).tolist():
        first, second, third = edges[base]
        base = ("A" if share < first else "C") if share < second else ("G" if share < third else "T")
        bases.append(base)
    return "".join(bases)


def draw_contig(rng: np.random.RandomState, size: int, family: str) -> str:
    """Draw a contig and overwrite parts of it with diverged copies of a repeat and with tandem repeats."""
    bases = bytearray(draw_sequence(rng, size), "ascii")
    for start in range(1500, size - 1500, 3000):
        copy = bytearray(family, "ascii")
        for place in np.flatnonzero(rng.random_sample(len(copy)) < rng.uniform(0.05, 0.2)):
            copy[place] = BASES[rng.randint(4)]
        at = start + int(rng.randint(1000))
        bases[at : at + len(copy)] = copy
    for start in range(4000, size - 1500, 5000):
        unit = draw_sequence(rng, int(rng.randint(1, 5)))
        repeat = (unit * 20)[: int(rng.randint(12, 30))]
        at = start + int(rng.randint(500))
        bases[at : at + len(repeat)] = repeat.encode()
    return bases.decode()


def left_aligned(sequence: str, pos: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Move an indel as far to the left as it goes."""
    while ref[-1] == alt[-1] and pos > 1:
        ref, alt = ref[:-1], alt[:-1]
        if not ref or not alt:
            pos -= 1
            ref, alt = sequence[pos - 1] + ref, sequence[pos - 1] + alt
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos, ref, alt = pos + 1, ref[1:], alt[1:]
    return pos, ref, alt


def draw_snp(rng: np.random.RandomState, base: str, *, multi: bool) -> tuple[str, ...]:
    others = [other for other in "ACGT" if other not in (base, TRANSITION[base])]
    rng.shuffle(others)
    if multi:
        return TRANSITION[base], others[0]
    return (TRANSITION[base] if rng.random_sample() < 0.67 else others[0],)


def draw_change(rng: np.random.RandomState, sequence: str, pos: int) -> tuple[int, str, tuple[str, ...]]:
    """Draw what changes at a position: its left-most place, REF and ALTs."""
    base = sequence[pos - 1]
    if rng.random_sample() >= INDELS:
        return pos, base, draw_snp(rng, base, multi=rng.random_sample() < MULTI / (1 - INDELS))
    size = min(int(rng.geometric(0.35)), 40)
    if rng.random_sample() < 0.5:
        ref, alt = sequence[pos - 1 : pos + size], base
    else:
        ref, alt = base, base + draw_sequence(rng, size)
    moved, ref, alt = left_aligned(sequence, pos, ref, alt)
    return moved, ref, (alt,)


def draw_copies(rng: np.random.RandomState, founders: int, alts: int) -> list[int]:
    """Draw the allele on each copy of the founders: at least one has each ALT, most sites are rare."""
    copies = [0] * (2 * founders)
    carriers = rng.permutation(2 * founders)
    for number in range(alts):
        copies[carriers[number]] = number + 1
    share = rng.beta(0.3, 0.9)
    for place in carriers[alts:]:
        if rng.random_sample() < share:
            copies[place] = 1 + int(rng.randint(alts))
    return copies


def site_count(size: int, founders: int) -> int:
    """Return how many sites vary among so many people: each further one adds fewer."""
    return round(size * SITES * sum(1 / number for number in range(1, 2 * founders)))


def plan_sites(rng: np.random.RandomState, contigs: dict[str, str], names: list[str]) -> list[Site]:
    """Plan the sites of each contig, the child of a trio having one copy from each parent."""
    trio = len(names) >= 3
    founders = names[1:] if trio else names
    sites = []
    for contig, sequence in contigs.items():
        crossover, first = rng.randint(len(sequence), size=2), rng.randint(2, size=2)
        places = np.sort(rng.randint(EDGE, len(sequence) - EDGE, site_count(len(sequence), len(founders))))
        end = 0
        for place in places.tolist():
            pos, ref, alts = draw_change(rng, sequence, place)
            if pos <= end + 1:
                continue  # one site's bases do not touch another's, so that each has one truth
            end = pos + len(ref)
            copies = draw_copies(rng, len(founders), len(alts))
            genotypes = {
                name: (copies[2 * number], copies[2 * number + 1]) for number, name in enumerate(founders)
            }
            if trio:
                handed = [
                    copies[2 * parent + int((first[parent] + (pos > crossover[parent])) % 2)]
                    for parent in (0, 1)
                ]
                genotypes[names[0]] = (handed[0], handed[1])
            sites.append(Site(contig, pos, ref, alts, genotypes))
    return sites


def haplotype(sequence: str, sites: list[Site], sample: str, copy: int) -> Bytes:
    """Write one copy of a contig with the alleles that this copy has."""
    pieces, done = [], 0
    for site in sites:
        allele = site.genotypes[sample][copy]
        if allele:
            pieces += [sequence[done : site.pos - 1], site.alts[allele - 1]]
            done = site.pos - 1 + len(site.ref)
    return np.frombuffer("".join([*pieces, sequence[done:]]).encode(), dtype=np.uint8)


def read_through(rng: np.random.RandomState, templates: Bytes) -> tuple[Bytes, Bytes]:
    """Read templates (one a row) as an instrument does: qualities, and errors as often as they say."""
    share = np.linspace(0.0, 1.0, READ)[:, None]
    edges = np.cumsum(FIRST * (1 - share) + LAST * share, axis=1)[:, :3]
    draws = rng.random_sample(templates.shape).astype(np.float32)
    bins: Bytes = np.zeros(templates.shape, dtype=np.uint8)
    for number in range(3):
        bins += draws > edges[:, number].astype(np.float32)
    quality = QUALITIES.astype(np.uint8)[bins]
    wrong = rng.random_sample(templates.shape) < (10.0 ** (-QUALITIES / 10))[bins]
    bases = templates.copy()
    # Any of the three other bases: one to three steps further in ACGT.
    steps = np.searchsorted(BASES, bases[wrong])
    bases[wrong] = BASES[(steps + rng.randint(1, 4, steps.size)) % 4]
    return bases, quality + np.uint8(33)


def draw_pairs(
    rng: np.random.RandomState, copies: list[Bytes], pairs: int
) -> Iterator[tuple[Bytes, Bytes, Bytes, Bytes]]:
    """Draw blocks of pairs from anywhere in a genome: bases and qualities of both ends."""
    sizes = np.array([len(copy) for copy in copies])
    genome = np.concatenate(copies)
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    ends = np.arange(READ)
    for done in range(0, pairs, BLOCK):
        count = min(BLOCK, pairs - done)
        copy = rng.choice(len(copies), count, p=sizes / sizes.sum())
        length = np.clip(np.rint(rng.normal(FRAGMENT, FRAGMENT_SD, count)).astype(int), READ, 3 * FRAGMENT)
        start = (rng.random_sample(count) * (sizes[copy] - length)).astype(int) + offsets[copy]
        again = np.flatnonzero(rng.random_sample(count) < DUPLICATES)
        again = again[again > 0]
        source = (rng.random_sample(again.size) * again).astype(int)  # an earlier pair of the block
        start[again], length[again] = start[source], length[source]
        turned = rng.random_sample(count) < 0.5
        turned[again] = turned[source]
        left = genome[start[:, None] + ends]
        right = COMPLEMENT[genome[(start + length - 1)[:, None] - ends]]
        first = np.where(turned[:, None], right, left)
        second = np.where(turned[:, None], left, right)
        yield (*read_through(rng, first), *read_through(rng, second))


def write_compressed(path: Path, text: str) -> None:
    """Write text as BGZF, blocks of gzip that each say their size: tabix and GATK want it so."""
    data = text.encode()
    blocks = [data[start : start + BGZF_BLOCK] for start in range(0, len(data), BGZF_BLOCK)]
    with path.open("wb") as file:
        for block in [*blocks, b""]:  # an empty one marks the end
            packer = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = packer.compress(block) + packer.flush()
            head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0"
            file.write(head + struct.pack("<H", len(packed) + 25) + packed)
            file.write(struct.pack("<II", zlib.crc32(block), len(block)))


def write_reads(
    rng: np.random.RandomState, folder: Path, sample: str, copies: list[Bytes], pairs: int
) -> None:
    """Write the two FASTQ files of a sample; each pair has a place of its own on the flow cell."""
    number = 0
    with (
        (folder / f"{sample}_R1.fastq.gz").open("wb") as raw1,
        (folder / f"{sample}_R2.fastq.gz").open("wb") as raw2,
        gzip.GzipFile("", "wb", 1, raw1, mtime=0) as file1,
        gzip.GzipFile("", "wb", 1, raw2, mtime=0) as file2,
    ):
        for bases1, qualities1, bases2, qualities2 in draw_pairs(rng, copies, pairs):
            texts: tuple[list[bytes], list[bytes]] = ([], [])
            for row in range(len(bases1)):
                tile, x = divmod(number, 1000)
                name = (
                    f"@SIM:1:FC1:1:{1101 + tile // 10}:{1000 + 20 * x}:{1000 + 2000 * (tile % 10)}".encode()
                )
                number += 1
                for text, mate, bases, qualities in (
                    (texts[0], b"1", bases1, qualities1),
                    (texts[1], b"2", bases2, qualities2),
                ):
                    text += [name, b" ", mate, b":N:0:SIM\n", bases[row].tobytes(), b"\n+\n"]
                    text += [qualities[row].tobytes(), b"\n"]
            file1.write(b"".join(texts[0]))
            file2.write(b"".join(texts[1]))


def vcf(contigs: dict[str, str], sites: list[Site], samples: list[str]) -> str:
    """Write the sites that one of the samples carries; all sites where no sample is asked for."""
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={name},length={len(bases)}>" for name, bases in contigs.items()]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if samples:
        lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Planted genotype">')
        columns += ["FORMAT", *samples]
    lines.append("\t".join(columns))
    for site in sites:
        if samples and not any(allele for name in samples for allele in site.genotypes[name]):
            continue
        row = [site.contig, str(site.pos), ".", site.ref, ",".join(site.alts), ".", "PASS", "."]
        if samples:
            row += ["GT", *("|".join(map(str, site.genotypes[name])) for name in samples)]
        lines.append("\t".join(row))
    return "\n".join(lines) + "\n"


def sample_names(count: int) -> list[str]:
    """Return a trio and unrelated samples, or one or two unrelated ones."""
    family = ["child", "father", "mother"] if count >= 3 else []
    return family + [f"unrelated{number}" for number in range(1, count - len(family) + 1)]


def simulate(out: Path, *, bases: int, coverage: float, samples: int, seed: int) -> None:
    """Write a cohort into a folder."""
    # Not the newer Generator: numpy promises this one's stream for all its releases.
    rng = np.random.RandomState(seed)
    family = draw_sequence(rng, 300)
    sizes = {"sim1": bases * 3 // 5, "sim2": bases - bases * 3 // 5}
    contigs = {name: draw_contig(rng, size, family) for name, size in sizes.items()}
    names = sample_names(samples)
    sites = plan_sites(rng, contigs, names)
    known = [site for site in sites if rng.random_sample() < KNOWN]

    for folder in ("reads", "truth"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with (out / "reference.fa").open("w") as file:
        for name, sequence in contigs.items():
            lines = (sequence[start : start + 60] for start in range(0, len(sequence), 60))
            file.write(f">{name}\n" + "\n".join(lines) + "\n")
    write_compressed(out / "known_sites.vcf.gz", vcf(contigs, known, []))
    write_compressed(out / "truth/joint.vcf.gz", vcf(contigs, sites, names))
    bed = "".join(f"{name}\t{EDGE // 2}\t{size - EDGE // 2}\n" for name, size in sizes.items())
    (out / "truth/confident.bed").write_text(bed)
    if len(names) >= 3:
        rows = ("child\tfather\tmother\t0", "father\t0\t0\t1", "mother\t0\t0\t2")
        (out / "family.ped").write_text("".join(f"family\t{row}\t0\n" for row in rows))
    for number, name in enumerate(names):
        write_compressed(out / f"truth/{name}.vcf.gz", vcf(contigs, sites, [name]))
        copies = [
            haplotype(sequence, [site for site in sites if site.contig == contig], name, copy)
            for contig, sequence in contigs.items()
            for copy in (0, 1)
        ]
        # A stream of its own: a sample's reads do not depend on how many others there are.
        reads = np.random.RandomState((seed * 1000 + number + 1) % 2**32)
        write_reads(reads, out / "reads", name, copies, round(bases * coverage / (2 * READ)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument(
        "--bases", type=int, default=2_000_000, help="of the reference (default: %(default)s)"
    )
    parser.add_argument("--coverage", type=float, default=30.0, help="default: %(default)s")
    parser.add_argument("--samples", type=int, default=3, help="default: %(default)s, a trio")
    parser.add_argument("--seed", type=int, default=7, help="default: %(default)s")
    options = parser.parse_args()
    if options.bases < 20_000 or options.samples < 1 or options.coverage <= 0:
        parser.error("at least 20000 bases, one sample, and a coverage above 0")
    simulate(
        options.out,
        bases=options.bases,
        coverage=options.coverage,
        samples=options.samples,
        seed=options.seed,
    )


if __name__ == "__main__":
    main()

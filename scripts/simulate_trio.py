#!/usr/bin/env python3
"""Make the bundled germline trio: a small reference, three diploid genomes with known variants, and reads.

    python3 scripts/simulate_trio.py --seed 7 --out stargazer_cli/demo/data/germline

The same seed gives the same content. Only the standard library is needed.

The reference has base and dinucleotide frequencies close to the human genome's (GC 41 %, few CpG) and no
repeated 20-mer, so that each read has one place to map to. Features that real genomes have and pipelines
stumble over are put in on purpose: a homopolymer, a microsatellite, a soft-masked stretch and a run of Ns.
Variants are left-aligned and parsimonious, and far enough apart that each has one representation.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

READ_LENGTH = 125
FRAGMENT_MEAN = 340.0
FRAGMENT_SD = 45.0
FRAGMENT_MAX = 520
COVERAGE = 30.0
DUPLICATE_SHARE = 0.25  # of the mother's pairs that come from the reference
OPTICAL_SHARE = 0.1  # of her duplicates
FOREIGN_SHARE = 0.02  # pairs of no known origin: they must stay unmapped
UNIQUE_KMER = 20

CONTIGS = (("chrA", 12_600), ("chrB", 9_000))
SAMPLES = ("child", "father", "mother")  # sorted, as the VCF's columns are
SPACING = 400
MARGIN = 420  # no variant so close to a contig's end or to a run of Ns: coverage falls there
DISTANCE = {"gap": MARGIN, "homopolymer": 120, "microsatellite": 120}
INSERTION_SIZES = (1, 1, 2, 3, 5, 8, 13, 20)
DELETION_SIZES = (1, 1, 2, 4, 6, 9, 14, 20)

# P(next base | base) over A, C, G, T, close to the human genome's: CG is rare, poly-A and poly-T are not.
TRANSITIONS = {
    "A": (0.33, 0.17, 0.24, 0.26),
    "C": (0.35, 0.25, 0.05, 0.35),
    "G": (0.29, 0.21, 0.25, 0.25),
    "T": (0.22, 0.20, 0.25, 0.33),
}
COMPLEMENT = str.maketrans("ACGTNacgtn", "TGCANtgcan")
TRANSITION_OF = {"A": "G", "G": "A", "C": "T", "T": "C"}

Genotype = tuple[int, int]
Place = tuple[str, int, str, tuple[str, ...]]  # contig, 1-based position, REF, ALTs

# Binned base qualities of a recent Illumina instrument, as characters of a FASTQ file.
QUALITY = {37: "F", 25: ":", 11: ",", 2: "#"}


@dataclass(frozen=True)
class Feature:
    """A deliberate oddity of the reference, 0-based and half-open."""

    contig: str
    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Reference:
    """Contigs in order, and the oddities that were put into them."""

    contigs: dict[str, str]
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class Variant:
    """One planted site. `pos` is 1-based; a genotype is (allele of copy 0, allele of copy 1)."""

    id: str
    contig: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    kind: str
    genotypes: dict[str, Genotype]

    @property
    def alleles(self) -> tuple[str, ...]:
        """The reference allele, then the alternatives."""
        return (self.ref, *self.alts)


@dataclass(frozen=True)
class Haplotype:
    """One copy of a contig: its bases, and for each the reference position that it stands for."""

    contig: str
    bases: str
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Fragment:
    """A piece of DNA in the library: its bases 5' to 3' as read 1 sees them, and where its ends map."""

    bases: str
    ends: tuple[str, int, int] | None


@dataclass(frozen=True, order=True)
class Cluster:
    """Where on the flow cell a pair was read."""

    lane: int
    tile: int
    x: int
    y: int


@dataclass
class Library:
    """The pairs of one sample and what is known about them."""

    pairs: list[tuple[Cluster, Fragment]] = field(default_factory=list)
    duplicates: int = 0
    optical_duplicates: int = 0
    foreign: int = 0

    @property
    def lanes(self) -> list[int]:
        """The lanes that the pairs were read on."""
        return sorted({cluster.lane for cluster, _ in self.pairs})


def reverse_complement(bases: str) -> str:
    """Return the other strand, 5' to 3'."""
    return bases.translate(COMPLEMENT)[::-1]


def random_sequence(rng: random.Random, length: int) -> str:
    """Draw a sequence with the dinucleotide frequencies of TRANSITIONS."""
    base = rng.choice("ACGT")
    bases = []
    for _ in range(length):
        base = rng.choices("ACGT", TRANSITIONS[base])[0]
        bases.append(base)
    return "".join(bases)


def repeated_kmers(sequences: list[str], size: int) -> set[str]:
    """Return the k-mers that occur more than once on either strand, those with an N left out."""
    seen: Counter[str] = Counter()
    for sequence in sequences:
        for start in range(len(sequence) - size + 1):
            kmer = sequence[start : start + size].upper()
            if "N" not in kmer:
                seen[min(kmer, reverse_complement(kmer))] += 1
    return {kmer for kmer, count in seen.items() if count > 1}


def insert_feature(contigs: dict[str, str], contig: str, start: int, bases: str, kind: str) -> Feature:
    """Overwrite part of a contig with a feature, between two Gs that keep it from growing longer."""
    end = start + len(bases)
    old = contigs[contig]
    contigs[contig] = old[: start - 1] + "G" + bases + "G" + old[end + 1 :]
    return Feature(contig, start, end, kind)


def make_reference(rng: random.Random) -> Reference:
    """Draw the contigs and put the oddities in; draw again if another 20-mer than theirs repeats."""
    while True:
        contigs = {name: random_sequence(rng, length) for name, length in CONTIGS}
        features = [
            insert_feature(contigs, "chrA", 3_300, "A" * 16, "homopolymer"),
            insert_feature(contigs, "chrA", 8_100, "CA" * 15, "microsatellite"),
            insert_feature(contigs, "chrB", 4_300, "N" * 200, "gap"),
        ]
        # The features' own 20-mers are made of two bases at most; by chance nothing else is.
        if any(len(set(kmer)) > 2 for kmer in repeated_kmers(list(contigs.values()), UNIQUE_KMER)):
            continue
        masked = Feature("chrA", 5_600, 6_000, "soft-masked")
        bases = contigs[masked.contig]
        inside = bases[masked.start : masked.end].lower()
        contigs[masked.contig] = bases[: masked.start] + inside + bases[masked.end :]
        return Reference(contigs, tuple(sorted([*features, masked], key=lambda f: (f.contig, f.start))))


def haplotype(
    reference: Reference, contig: str, variants: list[Variant], sample: str, copy: int
) -> Haplotype:
    """Write one copy of a contig: the reference with the alleles that this copy carries."""
    source = reference.contigs[contig].upper()
    pieces: list[str] = []
    positions: list[int] = []
    done = 0
    for variant in variants:
        if variant.contig != contig:
            continue
        start = variant.pos - 1
        allele = variant.alleles[variant.genotypes[sample][copy]]
        pieces.append(source[done:start])
        positions.extend(range(done, start))
        pieces.append(allele)
        positions.extend(min(start + i, start + len(variant.ref) - 1) for i in range(len(allele)))
        done = start + len(variant.ref)
    pieces.append(source[done:])
    positions.extend(range(done, len(source)))
    return Haplotype(contig, "".join(pieces), tuple(positions))


@dataclass(frozen=True)
class Transmission:
    """Which copy a parent hands down along a contig: `first` up to `crossover` (1-based), then the other."""

    first: int
    crossover: int | None

    def copy_at(self, pos: int) -> int:
        """Return the copy (0 or 1) that is handed down at a position."""
        return self.first if self.crossover is None or pos < self.crossover else 1 - self.first


def draw_transmissions(rng: random.Random) -> dict[tuple[str, str], Transmission]:
    """Draw, for each parent and contig, what the child gets: a crossover on the first contig only."""
    drawn = {}
    for parent in ("father", "mother"):
        for index, (contig, length) in enumerate(CONTIGS):
            crossover = rng.randrange(length // 3, 2 * length // 3) if index == 0 else None
            drawn[parent, contig] = Transmission(rng.randrange(2), crossover)
    return drawn


def variant_positions(rng: random.Random, reference: Reference) -> list[tuple[str, int]]:
    """Choose sites (contig, 1-based position of the anchor base) away from ends, gaps and repeats."""
    chosen = []
    for contig, bases in reference.contigs.items():
        for slot in range(MARGIN, len(bases) - MARGIN - 40, SPACING):
            pos = slot + rng.randrange(40)
            near = any(
                feature.contig == contig and feature.start - away <= pos <= feature.end + away
                for feature in reference.features
                if (away := DISTANCE.get(feature.kind))
            )
            if not near:
                chosen.append((contig, pos))
    return chosen


def plain_site(bases: str, pos: int, span: int) -> bool:
    """Say whether the bases around a site hold no run that would give an indel a second representation."""
    around = bases[pos - 11 : pos + span + 10]
    runs = any(base * 4 in around for base in "ACGT")
    pairs = any((a + b) * 3 in around for a in "ACGT" for b in "ACGT" if a != b)
    return not runs and not pairs


def draw_alleles(
    rng: random.Random, bases: str, pos: int, kind: str, size: int
) -> tuple[int, str, tuple[str, ...]]:
    """Draw REF and ALTs of a site at or soon after `pos`; return the position taken with them."""
    while True:
        pos += 1
        span = size + 1
        if not plain_site(bases, pos, span):
            continue
        anchor = bases[pos - 1]
        if kind == "snp":
            # Two of three substitutions in the human genome are transitions.
            others = [base for base in "ACGT" if base not in (anchor, TRANSITION_OF[anchor])]
            alt = TRANSITION_OF[anchor] if rng.random() < 0.67 else rng.choice(others)
            return pos, anchor, (alt,)
        if kind == "multi-snp":
            return pos, anchor, tuple(sorted(base for base in "ACGT" if base != anchor)[:2])
        deleted = bases[pos : pos + size]
        if kind in ("deletion", "multi-indel") and (deleted[-1] == anchor or deleted[0] == bases[pos + size]):
            # Not left-aligned, or slidable to the right: another caller could write it otherwise.
            continue
        if kind == "deletion":
            return pos, anchor + deleted, (anchor,)
        while True:
            inserted = random_sequence(rng, 3 if kind == "multi-indel" else size)
            if inserted[-1] != anchor and inserted[0] != bases[pos] and inserted[0] != anchor:
                break
        if kind == "insertion":
            return pos, anchor, (anchor + inserted,)
        return pos, anchor + deleted, (anchor, anchor + inserted + deleted)


def plan_variants(
    rng: random.Random, reference: Reference, transmissions: dict[tuple[str, str], Transmission]
) -> list[Variant]:
    """Plan every site: what changes, and who carries it, so that the child follows from its parents."""
    sites = variant_positions(rng, reference)
    special = [("multi-snp", 1), ("multi-indel", 4)]
    indels = [("insertion", size) for size in INSERTION_SIZES] + [
        ("deletion", size) for size in DELETION_SIZES
    ]
    plan = special + indels + [("snp", 1)] * (len(sites) - len(special) - len(indels))
    rng.shuffle(plan)

    # Every way in which two parents can carry an allele (at least one copy among four) comes up in turn.
    carriers = [tuple(bits >> shift & 1 for shift in range(4)) for bits in range(1, 16)]
    queues: dict[str, list[tuple[int, ...]]] = {}
    drawn: list[Variant] = []

    def handed_at(contig: str, pos: int) -> tuple[int, int]:
        return transmissions["father", contig].copy_at(pos), transmissions["mother", contig].copy_at(pos)

    for (contig, slot), (kind, size) in zip(sites, plan, strict=True):
        pos, ref, alts = draw_alleles(rng, reference.contigs[contig].upper(), slot, kind, size)
        handed = handed_at(contig, pos)
        if kind.startswith("multi"):
            # Father and mother each hand down their own ALT: the child has both and no reference allele.
            father, mother = carrier(1, handed[0]), carrier(2, handed[1])
        else:
            queue = queues.setdefault(kind, [])
            if not queue:
                queue.extend(rng.sample(carriers, len(carriers)))
            f0, f1, m0, m1 = queue.pop()
            father, mother = (f0, f1), (m0, m1)
        drawn.append(site(kind, (contig, pos, ref, alts), father, mother, handed))

    repeat = next(feature for feature in reference.features if feature.kind == "microsatellite")
    bases = reference.contigs[repeat.contig].upper()
    # Two units fewer, anchored on the base before the repeat: the left-aligned form.
    pos = repeat.start
    handed = handed_at(repeat.contig, pos)
    ref, alt = bases[pos - 1 : pos + 4], bases[pos - 1]
    father = carrier(1, handed[0])
    drawn.append(site("deletion", (repeat.contig, pos, ref, (alt,)), father, (0, 0), handed))
    return numbered(drawn)


def carrier(allele: int, copy: int) -> Genotype:
    """Return the genotype that has an allele on one copy and the reference on the other."""
    return (allele, 0) if copy == 0 else (0, allele)


def site(kind: str, place: Place, father: Genotype, mother: Genotype, handed: tuple[int, int]) -> Variant:
    """Build a site whose child has, in this order, what the father and what the mother handed down."""
    contig, pos, ref, alts = place
    child = (father[handed[0]], mother[handed[1]])
    return Variant("", contig, pos, ref, alts, kind, {"child": child, "father": father, "mother": mother})


def numbered(variants: list[Variant]) -> list[Variant]:
    """Sort by position and give each site an identifier such as snp3, ins1, del2 or multi1."""
    prefix = {
        "snp": "snp",
        "insertion": "ins",
        "deletion": "del",
        "multi-snp": "multi",
        "multi-indel": "multi",
    }
    order = {name: index for index, (name, _) in enumerate(CONTIGS)}
    counts: Counter[str] = Counter()
    result = []
    for variant in sorted(variants, key=lambda v: (order[v.contig], v.pos)):
        name = prefix[variant.kind]
        counts[name] += 1
        kind = "multi-allelic" if name == "multi" else variant.kind
        result.append(
            Variant(
                f"{name}{counts[name]}",
                variant.contig,
                variant.pos,
                variant.ref,
                variant.alts,
                kind,
                variant.genotypes,
            )
        )
    return result


def draw_fragment(rng: random.Random, copies: list[tuple[Haplotype, Haplotype]]) -> Fragment:
    """Draw a fragment from anywhere in a diploid genome; none reaches into a run of Ns."""
    lengths = [len(pair[0].bases) for pair in copies]
    while True:
        pair = rng.choices(copies, lengths)[0]
        source = pair[rng.randrange(2)]
        length = min(FRAGMENT_MAX, max(READ_LENGTH + 5, round(rng.gauss(FRAGMENT_MEAN, FRAGMENT_SD))))
        start = rng.randrange(len(source.bases) - length + 1)
        bases = source.bases[start : start + length]
        if "N" in bases:
            continue
        ends = (source.contig, source.positions[start], source.positions[start + length - 1])
        return Fragment(bases if rng.random() < 0.5 else reverse_complement(bases), ends)


def draw_cluster(rng: random.Random, lane: int, other_than: int | None = None) -> Cluster:
    """Draw a place on the flow cell, on another tile than a given one where asked."""
    tiles = [tile for tile in (1101, 1102, 1103, 2101, 2102, 2103) if tile != other_than]
    return Cluster(lane, rng.choice(tiles), rng.randrange(1_000, 32_000), rng.randrange(1_000, 32_000))


def draw_library(
    rng: random.Random,
    copies: list[tuple[Haplotype, Haplotype]],
    lanes: tuple[int, ...],
    duplicate_share: float,
) -> Library:
    """Draw the pairs of one sample; no two original fragments have the same ends."""
    genome = sum(len(pair[0].bases) for pair in copies)
    mapped = round(genome * COVERAGE / (2 * READ_LENGTH))
    library = Library(duplicates=round(mapped * duplicate_share), foreign=round(mapped * FOREIGN_SHARE))
    library.optical_duplicates = round(library.duplicates * OPTICAL_SHARE)

    taken: set[tuple[str, int, int] | None] = set()
    while len(library.pairs) < mapped - library.duplicates:
        fragment = draw_fragment(rng, copies)
        if fragment.ends not in taken:
            taken.add(fragment.ends)
            library.pairs.append((draw_cluster(rng, rng.choice(lanes)), fragment))
    originals = list(library.pairs)
    copied = rng.sample(range(len(originals)), library.optical_duplicates)
    for index in copied:
        cluster, fragment = originals[index]
        near = Cluster(
            cluster.lane, cluster.tile, cluster.x + rng.randrange(5, 60), cluster.y + rng.randrange(60)
        )
        library.pairs.append((near, fragment))
    # PCR copies of other fragments, on other tiles: none of them can pass for an optical duplicate.
    used: dict[int, set[int]] = {}
    free = sorted(set(range(len(originals))) - set(copied))
    while len(library.pairs) < mapped:
        index = rng.choice(free)
        cluster, fragment = originals[index]
        tiles = used.setdefault(index, {cluster.tile})
        copy = draw_cluster(rng, cluster.lane)
        if copy.tile not in tiles:
            tiles.add(copy.tile)
            library.pairs.append((copy, fragment))
    for _ in range(library.foreign):
        bases = random_sequence(rng, round(FRAGMENT_MEAN))
        library.pairs.append((draw_cluster(rng, rng.choice(lanes)), Fragment(bases, None)))
    library.pairs.sort(key=lambda pair: pair[0])
    return library


def draw_qualities(rng: random.Random, length: int, decay: float) -> list[int]:
    """Draw binned base qualities: high at first, falling towards the end, sometimes a bad tail."""
    qualities = []
    quality = 37
    for index in range(length):
        draw = rng.random()
        if quality == 37:
            if draw < 0.003 + decay * (index / length) ** 2:
                quality = 25
        elif quality == 25:
            quality = 37 if draw < 0.5 else 11 if draw < 0.62 else 25
        else:
            quality = 37 if draw < 0.4 else 25 if draw < 0.7 else 11
        qualities.append(quality)
    if rng.random() < decay:
        tail = rng.randrange(4, 25)
        qualities[length - tail :] = [2] * tail
    return qualities


def sequence_read(rng: random.Random, template: str, decay: float) -> tuple[str, str]:
    """Read a template: draw base qualities, and from them the errors."""
    qualities = draw_qualities(rng, len(template), decay)
    bases = list(template)
    for index, quality in enumerate(qualities):
        if rng.random() < math.pow(10, -quality / 10):
            called_nothing = quality == 2 and rng.random() < 0.1
            bases[index] = "N" if called_nothing else rng.choice([b for b in "ACGT" if b != bases[index]])
    return "".join(bases), "".join(QUALITY[quality] for quality in qualities)


def fastq_records(rng: random.Random, library: Library, lane: int, barcode: str) -> tuple[str, str]:
    """Write the pairs of one lane as the text of its R1 and its R2 file."""
    forward, backward = [], []
    for cluster, fragment in library.pairs:
        if cluster.lane != lane:
            continue
        name = f"@SIM01:42:HDEMOXY:{cluster.lane}:{cluster.tile}:{cluster.x}:{cluster.y}"
        bases, qualities = sequence_read(rng, fragment.bases[:READ_LENGTH], 0.012)
        forward.append(f"{name} 1:N:0:{barcode}\n{bases}\n+\n{qualities}\n")
        bases, qualities = sequence_read(rng, reverse_complement(fragment.bases)[:READ_LENGTH], 0.025)
        backward.append(f"{name} 2:N:0:{barcode}\n{bases}\n+\n{qualities}\n")
    return "".join(forward), "".join(backward)


def fasta_text(reference: Reference, width: int = 60) -> str:
    """Write the reference as FASTA."""
    lines = []
    for name, bases in reference.contigs.items():
        lines.append(f">{name} simulated")
        lines.extend(bases[start : start + width] for start in range(0, len(bases), width))
    return "\n".join(lines) + "\n"


def vcf_text(reference: Reference, variants: list[Variant], seed: int) -> str:
    """Write the planted variants as VCF; genotypes are phased, the child's as father|mother."""
    lines = ["##fileformat=VCFv4.2", f"##source=simulate_trio.py seed={seed}"]
    lines += [f"##contig=<ID={name},length={len(bases)}>" for name, bases in reference.contigs.items()]
    lines.append('##INFO=<ID=KIND,Number=1,Type=String,Description="What was planted">')
    lines.append(
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype; the child\'s is father|mother">'
    )
    lines.append(
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *SAMPLES])
    )
    for variant in variants:
        genotypes = ["|".join(map(str, variant.genotypes[sample])) for sample in SAMPLES]
        alts = ",".join(variant.alts)
        head = [variant.contig, str(variant.pos), variant.id, variant.ref, alts, ".", "PASS"]
        lines.append("\t".join([*head, f"KIND={variant.kind}", "GT", *genotypes]))
    return "\n".join(lines) + "\n"


def carried_kind(variant: Variant, sample: str) -> str:
    """Name what a sample carries at a site; it is multi-allelic for a sample with two different ALTs."""
    carried = sorted(set(variant.genotypes[sample]) - {0})
    if len(carried) != 1:
        return "multi-allelic" if carried else ""
    longer = len(variant.alleles[carried[0]]) - len(variant.ref)
    return "insertion" if longer > 0 else "deletion" if longer < 0 else "snp"


def truth_document(
    reference: Reference,
    variants: list[Variant],
    libraries: dict[str, Library],
    transmissions: dict[tuple[str, str], Transmission],
    seed: int,
) -> dict[str, object]:
    """Say what was planted, in numbers that a test can check."""
    samples = {}
    for sample, library in libraries.items():
        carried = Counter(kind for v in variants if (kind := carried_kind(v, sample)))
        samples[sample] = {
            "lanes": library.lanes,
            "pairs": len(library.pairs),
            "duplicate_pairs": library.duplicates,
            "optical_duplicate_pairs": library.optical_duplicates,
            "unmapped_pairs": library.foreign,
            "variants": dict(sorted(carried.items())),
        }
    return {
        "seed": seed,
        "read_length": READ_LENGTH,
        "contigs": {name: len(bases) for name, bases in reference.contigs.items()},
        "features": [
            {"contig": f.contig, "start": f.start, "end": f.end, "kind": f.kind} for f in reference.features
        ],
        "crossovers": {
            f"{parent} {contig}": passed.crossover
            for (parent, contig), passed in transmissions.items()
            if passed.crossover is not None
        },
        "sites": dict(sorted(Counter(v.kind for v in variants).items())),
        "samples": samples,
    }


def readme_text(
    reference: Reference, variants: list[Variant], libraries: dict[str, Library], seed: int
) -> str:
    """Describe the data for the people who find it."""
    rows = "\n".join(
        f"| {sample} | {', '.join(f'L{lane:03d}' for lane in library.lanes)} | {len(library.pairs)} "
        f"| {library.duplicates} ({library.optical_duplicates} optical) | {library.foreign} |"
        for sample, library in libraries.items()
    )
    planted = ", ".join(
        f"{count} {kind}" for kind, count in sorted(Counter(v.kind for v in variants).items())
    )
    size = " and ".join(f"{name} ({len(bases):,} bp)" for name, bases in reference.contigs.items())
    return f"""# A simulated trio whose truth is known

Made by `python3 scripts/simulate_trio.py --seed {seed} --out FOLDER`: the same seed gives the same content.
Nothing in here comes from a person.

- `reference.fa`: {size}, with base and dinucleotide frequencies like the human
  genome's. No {UNIQUE_KMER}-mer repeats but for a homopolymer and a microsatellite; there are a soft-masked
  stretch and a run of Ns.
- `truth.vcf`: the planted sites ({planted}), left-aligned, with
  phased genotypes of child, father and mother. At the multi-allelic sites father and mother carry
  different ALTs and the child both. One deletion lies in the microsatellite. Each parent passed on a
  crossover of {CONTIGS[0][0]}.
- `*_R1.fastq.gz`, `*_R2.fastq.gz`: paired reads, 2 x {READ_LENGTH}, about {COVERAGE:.0f}x, with binned base
  qualities and errors drawn from them. The child was read on two lanes. The mother's library is rich in
  duplicates.
- `truth.json`: these numbers and the places of the features, for tests.

| sample | lanes | pairs | duplicate pairs | unmapped pairs |
|---|---|---|---|---|
{rows}
"""


def gzipped(text: str) -> bytes:
    """Compress without name or time, so that equal text gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(text.encode("ascii"))
    return buffer.getvalue()


def simulate(seed: int) -> dict[str, bytes]:
    """Simulate everything; return file names and contents, FASTQ files compressed."""
    reference = make_reference(random.Random(f"{seed} reference"))
    transmissions = draw_transmissions(random.Random(f"{seed} transmissions"))
    variants = plan_variants(random.Random(f"{seed} variants"), reference, transmissions)

    files: dict[str, bytes] = {}
    libraries: dict[str, Library] = {}
    barcodes = {"child": "ATTACTCG", "father": "TCCGGAGA", "mother": "CGCTCATT"}
    for sample in SAMPLES:
        copies = [
            (
                haplotype(reference, contig, variants, sample, 0),
                haplotype(reference, contig, variants, sample, 1),
            )
            for contig in reference.contigs
        ]
        lanes = (1, 2) if sample == "child" else (1,)
        share = DUPLICATE_SHARE if sample == "mother" else 0.0
        libraries[sample] = draw_library(random.Random(f"{seed} library {sample}"), copies, lanes, share)
        for lane in lanes:
            rng = random.Random(f"{seed} reads {sample} {lane}")
            stem = f"{sample}_L{lane:03d}" if len(lanes) > 1 else sample
            for mate, text in zip(
                ("R1", "R2"), fastq_records(rng, libraries[sample], lane, barcodes[sample]), strict=True
            ):
                files[f"{stem}_{mate}.fastq.gz"] = gzipped(text)

    truth = truth_document(reference, variants, libraries, transmissions, seed)
    files["reference.fa"] = fasta_text(reference).encode("ascii")
    files["truth.vcf"] = vcf_text(reference, variants, seed).encode("ascii")
    files["truth.json"] = (json.dumps(truth, indent=2) + "\n").encode("ascii")
    files["README.md"] = readme_text(reference, variants, libraries, seed).encode("ascii")
    return files


def main(arguments: list[str] | None = None) -> None:
    """Write the files into a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7, help="which trio to make (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into; made when absent")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, content in simulate(options.seed).items():
        (options.out / name).write_bytes(content)


if __name__ == "__main__":
    main()

"""What a finished run found, in numbers.

Reads come from duplicate metrics, variants from a VCF; calls are compared with a truth. Everything here
reads files that already exist and returns plain values; nothing is printed.
"""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from stargazer_cli.errors import StargazerError

KINDS = ("SNP", "insertion", "deletion", "multi-allelic", "other")

# An allele reduced to what differs: contig, 1-based position, REF, ALT.
Change = tuple[str, int, str, str]
# Allele numbers of one sample at one site; None where the caller could not tell.
Genotype = tuple[int | None, ...]


@dataclass(frozen=True)
class ReadCounts:
    """What MarkDuplicates saw in one sample."""

    reads: int
    mapped: int
    duplicates: int

    @property
    def mapped_share(self) -> float:
        """Mapped reads among all reads, 0 to 1."""
        return self.mapped / self.reads if self.reads else 0.0

    @property
    def duplicate_share(self) -> float:
        """Duplicates among the mapped reads, 0 to 1: Picard's PERCENT_DUPLICATION."""
        return self.duplicates / self.mapped if self.mapped else 0.0


def read_duplicate_metrics(path: Path) -> ReadCounts:
    """Add up the libraries of a Picard duplicate-metrics file; reads are single reads, not pairs."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = next((number for number, line in enumerate(lines) if line.startswith("LIBRARY\t")), None)
    if header is None:
        raise StargazerError(f"{path} holds no duplicate metrics: no line begins with LIBRARY.")
    columns = lines[header].split("\t")
    reads = mapped = duplicates = 0
    for line in lines[header + 1 :]:
        if not line.strip():
            break  # the histogram follows
        row = dict(zip(columns, line.split("\t"), strict=False))
        # A pair with one mapped end counts as one unpaired and one unmapped read.
        library_mapped = int(row["UNPAIRED_READS_EXAMINED"]) + 2 * int(row["READ_PAIRS_EXAMINED"])
        mapped += library_mapped
        reads += library_mapped + int(row["UNMAPPED_READS"])
        duplicates += int(row["UNPAIRED_READ_DUPLICATES"]) + 2 * int(row["READ_PAIR_DUPLICATES"])
    return ReadCounts(reads, mapped, duplicates)


@dataclass(frozen=True)
class Record:
    """One line of a VCF, with the genotypes of its samples."""

    contig: str
    pos: int
    id: str
    ref: str
    alts: tuple[str, ...]
    genotypes: Mapping[str, Genotype]

    def allele(self, number: int) -> str:
        """Return the allele that a genotype's number stands for."""
        return self.ref if number == 0 else self.alts[number - 1]


@dataclass(frozen=True)
class Calls:
    """The samples of a VCF, the records that passed its filters, and how many did not."""

    samples: tuple[str, ...]
    records: tuple[Record, ...]
    filtered: int = 0


def read_vcf(path: Path) -> Calls:
    """Read a VCF, plain or compressed; records that a filter took out are left out."""
    with _open_text(path) as file:
        samples: tuple[str, ...] | None = None
        records = []
        filtered = 0
        for number, line in enumerate(file, 1):
            if line.startswith("##"):
                continue
            fields = line.rstrip("\r\n").split("\t")
            if line.startswith("#CHROM"):
                samples = tuple(fields[9:])
                continue
            if samples is None or len(fields) < 8:
                raise StargazerError(f"{path} line {number} is not a VCF record.")
            if fields[6] not in (".", "PASS"):
                filtered += 1
                continue
            records.append(_record(fields, samples))
    if samples is None:
        raise StargazerError(f"{path} is not a VCF: it has no #CHROM line.")
    return Calls(samples, tuple(records), filtered)


def _open_text(path: Path) -> TextIO:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    if compressed:
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _record(fields: Sequence[str], samples: Sequence[str]) -> Record:
    contig, pos, identifier, ref, alts = fields[:5]
    genotypes: dict[str, Genotype] = {}
    if len(fields) > 9 and "GT" in (keys := fields[8].split(":")):
        index = keys.index("GT")
        for sample, values in zip(samples, fields[9:], strict=True):
            called = values.split(":")
            genotypes[sample] = _genotype(called[index] if index < len(called) else ".")
    listed = () if alts == "." else tuple(alts.split(","))
    return Record(contig, int(pos), identifier, ref, listed, genotypes)


def _genotype(text: str) -> Genotype:
    """Read a GT field; phase is dropped."""
    return tuple(None if part == "." else int(part) for part in text.replace("|", "/").split("/"))


def is_symbolic(allele: str) -> bool:
    """Say whether an ALT stands for no sequence of its own.

    `*` says that a deletion further up removed the site, `<NON_REF>` and its like name no bases.
    """
    return allele in ("*", ".") or allele.startswith("<") or "[" in allele or "]" in allele


def normalise(
    contig: str, pos: int, ref: str, alt: str, reference: Mapping[str, str] | None = None
) -> Change:
    """Reduce an allele to its parsimonious form, and with the reference's bases to its left-most one."""
    ref, alt = ref.upper(), alt.upper()
    while ref != alt:
        if ref[-1] == alt[-1] and min(len(ref), len(alt)) > 1:
            ref, alt = ref[:-1], alt[:-1]
        elif ref[-1] == alt[-1] and reference is not None and pos > 1:
            # One more base to the left, so that the shared last one can go: the allele moves left.
            pos -= 1
            before = reference[contig][pos - 1].upper()
            ref, alt = before + ref[:-1], before + alt[:-1]
        else:
            break
    while min(len(ref), len(alt)) > 1 and ref[0] == alt[0]:
        ref, alt, pos = ref[1:], alt[1:], pos + 1
    return contig, pos, ref, alt


def kind_of(ref: str, alt: str) -> str:
    """Name the kind of one sequence allele: SNP, insertion, deletion or other."""
    _, _, ref, alt = normalise("", 1, ref, alt)
    if len(ref) == len(alt) == 1:
        return "SNP"
    if len(ref) == 1 and alt.startswith(ref):
        return "insertion"
    if len(alt) == 1 and ref.startswith(alt):
        return "deletion"
    return "other"


def count_variants(calls: Calls) -> dict[str, dict[str, int]]:
    """Count, for each sample, the sites at which it carries a variant, by kind.

    A site counts as multi-allelic for a sample that carries two different ALTs there, so that the
    count of a sample does not depend on who else is in the file.
    """
    counts: dict[str, dict[str, int]] = {sample: dict.fromkeys(KINDS, 0) for sample in calls.samples}
    for record in calls.records:
        for sample, genotype in record.genotypes.items():
            carried = {number for number in genotype if number} - _symbolic_numbers(record)
            if len(carried) > 1:
                counts[sample]["multi-allelic"] += 1
            elif carried:
                counts[sample][kind_of(record.ref, record.allele(carried.pop()))] += 1
    return counts


def _symbolic_numbers(record: Record) -> set[int]:
    return {number for number, alt in enumerate(record.alts, 1) if is_symbolic(alt)}


def kind_of_site(record: Record) -> str:
    """Name the kind of a site: multi-allelic where it has several ALTs with sequence."""
    alts = [alt for alt in record.alts if not is_symbolic(alt)]
    if len(alts) == 1:
        return kind_of(record.ref, alts[0])
    return "multi-allelic" if alts else "other"


@dataclass(frozen=True)
class Mistake:
    """A sample whose genotype at a planted site differs from the truth."""

    sample: str
    expected: str
    called: str


@dataclass(frozen=True)
class Site:
    """What became of one planted site."""

    id: str
    contig: str
    pos: int
    ref: str
    alts: tuple[str, ...]
    kind: str
    found: bool
    mistakes: tuple[Mistake, ...] = ()

    @property
    def right(self) -> bool:
        """Whether every ALT was called and every sample has its genotype."""
        return self.found and not self.mistakes

    def __str__(self) -> str:
        """Name the site as people do: snp3 chrA:1241 G>A."""
        change = f"{self.contig}:{self.pos} {self.ref}>{','.join(self.alts)}"
        return change if self.id == "." else f"{self.id} {change}"


@dataclass(frozen=True)
class Extra:
    """A called allele that nobody planted, and who was said to carry it."""

    change: Change
    samples: tuple[str, ...]

    def __str__(self) -> str:
        """Name the allele: chrA:1241 G>A."""
        contig, pos, ref, alt = self.change
        return f"{contig}:{pos} {ref}>{alt}"


@dataclass(frozen=True)
class Comparison:
    """Calls against a truth: every planted site that a compared sample carries, and what is too much."""

    samples: tuple[str, ...]
    sites: tuple[Site, ...]
    extra: tuple[Extra, ...]

    @property
    def found(self) -> list[Site]:
        """The sites all of whose alleles were called in somebody."""
        return [site for site in self.sites if site.found]

    @property
    def right(self) -> list[Site]:
        """The sites at which every sample has its true genotype."""
        return [site for site in self.sites if site.right]

    @property
    def missed(self) -> list[Site]:
        """The sites of which an allele was called in nobody."""
        return [site for site in self.sites if not site.found]

    @property
    def perfect(self) -> bool:
        """Whether all is as planted: nothing missed, no genotype wrong, nothing extra."""
        return bool(self.sites) and all(site.right for site in self.sites) and not self.extra

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """Count (right, planted) for each kind that was planted."""
        planted = Counter(site.kind for site in self.sites)
        right = Counter(site.kind for site in self.right)
        return {kind: (right[kind], planted[kind]) for kind in KINDS if planted[kind]}


@dataclass
class _Carried:
    """How many copies of each change a sample carries, and the spans where a copy was not called."""

    copies: Counter[Change] = field(default_factory=Counter)
    unknown: list[tuple[str, int, int]] = field(default_factory=list)

    def knows(self, record: Record) -> bool:
        """Say whether every copy was called wherever a record of this sample overlaps the site."""
        end = record.pos + len(record.ref) - 1
        return not any(
            contig == record.contig and first <= end and record.pos <= last
            for contig, first, last in self.unknown
        )


def compare(calls: Calls, truth: Calls, reference: Mapping[str, str] | None = None) -> Comparison:
    """Compare calls with the truth, by unphased genotype, over the samples that both have.

    Alleles are compared one by one in normalised form, so that neither how a caller writes an indel
    nor how it groups ALTs into lines matters. `reference` (contig to bases) makes that exact for
    indels within repeats.
    """
    samples = tuple(sample for sample in truth.samples if sample in calls.samples)
    called = {sample: _carried(calls.records, sample, reference) for sample in samples}
    anywhere = {change for carried in called.values() for change, copies in carried.copies.items() if copies}
    sites = []
    planted: set[Change] = set()
    for record in truth.records:
        changes = _changes(record, reference)
        planted.update(changes.values())
        expected = {sample: _copies(record.genotypes[sample], changes) for sample in samples}
        carried = {change for copies in expected.values() for change in copies}
        if not carried:
            continue
        mistakes = tuple(
            Mistake(sample, _written(record.genotypes[sample]), _as_called(record, changes, called[sample]))
            for sample in samples
            if any(expected[sample][change] != called[sample].copies[change] for change in changes.values())
            or not called[sample].knows(record)
        )
        sites.append(
            Site(
                id=record.id,
                contig=record.contig,
                pos=record.pos,
                ref=record.ref,
                alts=record.alts,
                kind=kind_of_site(record),
                found=carried <= anywhere,
                mistakes=mistakes,
            )
        )
    extra = tuple(
        Extra(change, tuple(sample for sample in samples if called[sample].copies[change]))
        for change in sorted(anywhere - planted)
    )
    return Comparison(samples, tuple(sites), extra)


def _changes(record: Record, reference: Mapping[str, str] | None) -> dict[int, Change]:
    """Return what each ALT number of a record changes; symbolic alleles change nothing here."""
    return {
        number: normalise(record.contig, record.pos, record.ref, alt, reference)
        for number, alt in enumerate(record.alts, 1)
        if not is_symbolic(alt)
    }


def _copies(genotype: Genotype, changes: Mapping[int, Change]) -> Counter[Change]:
    return Counter(changes[number] for number in genotype if number is not None and number in changes)


def _carried(records: Iterable[Record], sample: str, reference: Mapping[str, str] | None) -> _Carried:
    carried = _Carried()
    for record in records:
        genotype = record.genotypes.get(sample, (None,))
        carried.copies.update(_copies(genotype, _changes(record, reference)))
        if None in genotype:
            carried.unknown.append((record.contig, record.pos, record.pos + len(record.ref) - 1))
    return carried


def _as_called(record: Record, changes: Mapping[int, Change], carried: _Carried) -> str:
    """Write a sample's calls in the allele numbers of the truth's record."""
    numbers = [number for number, change in changes.items() for _ in range(carried.copies[change])]
    ploidy = max((len(genotype) for genotype in record.genotypes.values()), default=2)
    filler = "0" if carried.knows(record) else "."
    return "/".join([filler] * (ploidy - len(numbers)) + [str(number) for number in sorted(numbers)])


def _written(genotype: Genotype) -> str:
    return "/".join(
        "." if number is None else str(number) for number in sorted(genotype, key=lambda n: n or 0)
    )


def read_fasta(path: Path) -> dict[str, str]:
    """Read a FASTA file, plain or compressed: contig to bases."""
    pieces: dict[str, list[str]] = {}
    current: list[str] | None = None
    with _open_text(path) as file:
        for line in _stripped(file):
            if line.startswith(">"):
                current = pieces.setdefault(line[1:].split()[0], [])
            elif current is None:
                raise StargazerError(f"{path} is not FASTA: it does not begin with '>'.")
            else:
                current.append(line)
    return {name: "".join(parts) for name, parts in pieces.items()}


def _stripped(file: TextIO) -> Iterator[str]:
    return (line.strip() for line in file if line.strip())

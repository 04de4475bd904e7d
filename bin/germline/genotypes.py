"""The genotypes of a cohort as one row of marks a sample, which samples are compared by."""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# What a sample has at a site.
REFERENCE, HETEROZYGOUS, ALTERNATE, MISSING = b"0", b"1", b"2", b"3"
_ALLELES = {"0/0": REFERENCE, "0/1": HETEROZYGOUS, "1/0": HETEROZYGOUS, "1/1": ALTERNATE}
# Genotypes that the caller itself doubts by more than one in a hundred are left out.
_LOWEST_QUALITY = 20


@dataclass(frozen=True)
class Marks:
    """A sample's genotypes at some sites, one byte a site."""

    codes: bytes

    @cached_property
    def reference(self) -> int:
        """The sites without the alternate allele, as the bits of a number."""
        return self._bits(REFERENCE)

    @cached_property
    def heterozygous(self) -> int:
        """The sites with both alleles."""
        return self._bits(HETEROZYGOUS)

    @cached_property
    def alternate(self) -> int:
        """The sites with the alternate allele alone."""
        return self._bits(ALTERNATE)

    @cached_property
    def called(self) -> int:
        """The sites where the genotype is known."""
        return self.reference | self.heterozygous | self.alternate

    def _bits(self, code: bytes) -> int:
        row = bytes(b"1"[0] if value == code[0] else b"0"[0] for value in range(256))
        return int(self.codes.translate(row) or b"0", 2)


@dataclass(frozen=True)
class Genotypes:
    """The sites of a table in its order, and each sample's genotypes at them."""

    sites: list[tuple[str, int]]
    samples: dict[str, bytes]

    def at(self, wanted: Iterable[bool]) -> dict[str, Marks]:
        """Return each sample's genotypes at the sites that are wanted."""
        chosen = [index for index, take in enumerate(wanted) if take]
        return {name: Marks(bytes(codes[index] for index in chosen)) for name, codes in self.samples.items()}


def read_genotypes(file: Path) -> Genotypes:
    """Read the table of the module bcftools_query: contig, position, and GT or GT:GQ of each sample."""
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        names = stream.readline().rstrip("\n").split("\t")[2:]
        rows: list[bytearray] = [bytearray() for _ in names]
        sites = []
        for line in stream:
            contig, position, *cells = line.rstrip("\n").split("\t")
            sites.append((contig, int(position)))
            for row, code in zip(rows, _codes(cells), strict=True):
                row.extend(code)
    return Genotypes(sites, {name: bytes(row) for name, row in zip(names, rows, strict=True)})


def _codes(cells: list[str]) -> Iterator[bytes]:
    for cell in cells:
        alleles, _, quality = cell.partition(":")
        doubted = quality.isdigit() and int(quality) < _LOWEST_QUALITY
        # Samples of another ploidy than two are not compared.
        yield MISSING if doubted else _ALLELES.get(alleles.replace("|", "/"), MISSING)

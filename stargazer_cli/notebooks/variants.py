"""A VCF as tables, and numbers over them.

Everything counts what it is given: numbers of a selection are those of `select(calls, …)`.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stargazer_cli.errors import StargazerError, needing

if TYPE_CHECKING:
    import pandas as pd

# What a notebook still filters at once: a whole genome has five million records. Of large cohorts fewer are
# read, so that there are no more genotypes than that.
RECORDS = 200_000
GENOTYPES = 1_000_000
TYPES = ("SNP", "insertion", "deletion", "MNP", "complex", "mixed", "symbolic", "no allele")
ZYGOSITIES = ("het", "hom alt", "hom ref", "no call")
_COLUMNS = ("chrom", "pos", "id", "ref", "alt", "quality", "filter")
_FIXED = 9  # columns before those of the samples
_TRANSITIONS = frozenset(("AG", "GA", "CT", "TC"))
_TRANSVERSIONS = frozenset(("AC", "CA", "AT", "TA", "CG", "GC", "GT", "TG"))
# What stands where there is no alternative allele.
_NO_ALLELES = frozenset((".", "<NON_REF>"))
# A deletion that began further up: an allele, and no change at this site.
_SPANNING = "*"


@dataclass(frozen=True)
class Calls:
    """The records of a VCF, or some of them.

    records     chrom, pos, id, ref, alt, type, quality, filter, depth (over all samples), alleles
                (alternative ones), transitions and transversions among them, snp and indel (whether one of
                them is one); one row a record, whose index is its place in the file
    genotypes   record, sample, genotype, zygosity, depth, quality; one row a record and a sample
    complete    whether these are all that the file has
    """

    samples: tuple[str, ...]
    records: "pd.DataFrame"
    genotypes: "pd.DataFrame"
    complete: bool = True


def read(path: Path, *, limit: int | None = None) -> Calls:
    """Read a VCF, plain or compressed, up to `limit` records; by default what a notebook can work with.

    Raises:
        StargazerError: it is no VCF, or it is cut short or damaged.

    """
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    rows: list[tuple[object, ...]] = []
    genotypes: list[tuple[object, ...]] = []
    complete = True
    with _open(path) as stream:
        lines = _whole(stream, path)
        samples = _samples(lines, path)
        most = min(RECORDS, GENOTYPES // max(1, len(samples))) if limit is None else limit
        columns = _FIXED + len(samples) if samples else _FIXED - 1
        for number, line in enumerate(lines):
            if number == most:
                complete = False
                break
            fields = line.rstrip("\n").split("\t")
            if len(fields) < columns or not fields[1].isdecimal():
                raise StargazerError(
                    f"Record {number + 1} of {path.name} is cut short or damaged: {line[:60]!r}."
                )
            rows.append(_record(fields))
            genotypes += _genotypes(number, fields, samples)
    records = pd.DataFrame(
        rows,
        columns=[*_COLUMNS, "depth", "type", "alleles", "transitions", "transversions", "snp", "indel"],
    )
    called = pd.DataFrame(genotypes, columns=["record", "sample", "genotype", "zygosity", "depth", "quality"])
    return Calls(samples, records, called, complete)


def select(
    calls: Calls,
    *,
    passed: bool = False,
    types: Sequence[str] = (),
    contigs: Sequence[str] = (),
    min_quality: float = 0,
    min_depth: float = 0,
    sample: str = "",
) -> Calls:
    """Return the records that fit all of these, with their genotypes.

    No types or contigs: any. `sample`: only what that sample carries. A record that has no quality or depth
    fits only where none is asked for.
    """
    records = calls.records
    fits = records["pos"] > 0
    if passed:
        fits &= records["filter"].isin(["PASS", "."])
    if types:
        fits &= records["type"].isin(types)
    if contigs:
        fits &= records["chrom"].isin(contigs)
    if min_quality:
        fits &= records["quality"] >= min_quality
    if min_depth:
        fits &= records["depth"] >= min_depth
    if sample:
        carried = calls.genotypes[calls.genotypes["sample"].eq(sample) & _carried(calls.genotypes)]
        fits &= records.index.isin(carried["record"])
    kept = records[fits]
    genotypes = calls.genotypes[calls.genotypes["record"].isin(kept.index)]
    return Calls(calls.samples, kept, genotypes, calls.complete)


def summary(calls: Calls) -> dict[str, float]:
    """Return numbers of records, by type too, of sites that passed, and Ti/Tv over all SNP alleles.

    `with SNP` and `with indel` count as bcftools does: a site that has both is in either.
    """
    records = calls.records
    transitions, transversions = int(records["transitions"].sum()), int(records["transversions"].sum())
    return {
        "records": len(records),
        "passed": int(records["filter"].isin(["PASS", "."]).sum()),
        "multi-allelic": int((records["alleles"] > 1).sum()),
        "with SNP": int(records["snp"].sum()),
        "with indel": int(records["indel"].sum()),
        "transitions": transitions,
        "transversions": transversions,
        "ti/tv": _ratio(transitions, transversions),
        **{kind: int((records["type"] == kind).sum()) for kind in TYPES},
    }


def by_sample(calls: Calls) -> "pd.DataFrame":
    """Return for each sample: genotypes by zygosity, het/hom alt, mean depth, mean genotype quality (GQ)."""
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    rows = []
    for sample in calls.samples:
        called = calls.genotypes[calls.genotypes["sample"] == sample]
        counts = Counter(called["zygosity"])
        rows.append(
            {
                "sample": sample,
                "variants": counts["het"] + counts["hom alt"],
                **{zygosity: counts[zygosity] for zygosity in ZYGOSITIES},
                "het / hom alt": round(_ratio(counts["het"], counts["hom alt"]), 3),
                "mean depth": round(called["depth"].mean(), 1),
                "mean GQ": round(called["quality"].mean(), 1),
            }
        )
    return pd.DataFrame(rows)


def wide(calls: Calls) -> "pd.DataFrame":
    """Return one row a record, for reading: what it is, and the genotype of each sample."""
    shown = calls.records.drop(columns=["id", "alleles", "transitions", "transversions", "snp", "indel"])
    if not calls.samples:
        return shown
    genotypes = calls.genotypes.pivot_table(
        index="record", columns="sample", values="genotype", aggfunc="first", observed=True
    )
    return shown.join(genotypes.reindex(columns=list(calls.samples)))


def _open(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    # Headers hold what people wrote, in whatever letters they had.
    if packed:
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")


def _whole(stream: IO[str], path: Path) -> Iterator[str]:
    """Give the lines, as far as there are whole ones."""
    try:
        yield from stream
    except (EOFError, OSError, zlib.error) as error:
        raise StargazerError(f"{path.name} cannot be read to its end: {error}.") from None


def _samples(lines: Iterator[str], path: Path) -> tuple[str, ...]:
    """Read the header, and return the names of the samples."""
    for line in lines:
        if line.startswith("#CHROM"):
            return tuple(line.rstrip("\n").split("\t")[_FIXED:])
        if not line.startswith("##"):
            break
    raise StargazerError(f"{path.name} is no VCF: it has no line that begins with #CHROM.")


def _record(fields: Sequence[str]) -> tuple[object, ...]:
    chrom, pos, name, ref, alt, quality, filters, info = fields[:8]
    alleles = [each for each in alt.split(",") if each not in _NO_ALLELES]
    changed = [each for each in alleles if each != _SPANNING]
    kinds = [classify(ref, each) for each in changed]
    changes = [
        "".join(_trimmed(ref, each)).upper()
        for each, kind in zip(changed, kinds, strict=True)
        if kind == "SNP"
    ]
    return (
        *(chrom, int(pos), name, ref, alt, _number(quality), filters),
        _number(_info(info, "DP")),
        kinds[0] if len(set(kinds)) == 1 else "mixed" if kinds else "no allele",
        len(alleles),
        sum(change in _TRANSITIONS for change in changes),
        sum(change in _TRANSVERSIONS for change in changes),
        "SNP" in kinds,
        "insertion" in kinds or "deletion" in kinds,
    )


def classify(ref: str, alt: str) -> str:
    """Return what an alternative allele is, once what it shares with the reference is set aside."""
    if not alt.isalpha():
        return "symbolic"
    ref, alt = _trimmed(ref, alt)
    if len(ref) == len(alt):
        return "SNP" if len(ref) == 1 else "MNP"
    if not ref:
        return "insertion"
    return "complex" if alt else "deletion"


def _trimmed(ref: str, alt: str) -> tuple[str, str]:
    """Take off the bases that both end with, then those that both begin with."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        ref, alt = ref[1:], alt[1:]
    return ref, alt


def _genotypes(number: int, fields: Sequence[str], samples: Sequence[str]) -> Iterator[tuple[object, ...]]:
    if not samples:
        return
    keys = fields[_FIXED - 1].split(":")
    for sample, values in zip(samples, fields[_FIXED:], strict=False):
        said = dict(zip(keys, values.split(":"), strict=False))
        genotype = said.get("GT", ".")
        yield number, sample, genotype, zygosity(genotype), _number(said.get("DP")), _number(said.get("GQ"))


def zygosity(genotype: str) -> str:
    """Return one of `ZYGOSITIES`: no call where an allele is missing; a haploid one counts as homozygous."""
    alleles = set(genotype.replace("|", "/").split("/"))
    if "." in alleles:
        return "no call"
    if len(alleles) > 1:
        return "het"
    return "hom ref" if alleles == {"0"} else "hom alt"


def _carried(genotypes: "pd.DataFrame") -> "pd.Series":
    return genotypes["zygosity"].isin(["het", "hom alt"])


def _info(text: str, key: str) -> str | None:
    for part in text.split(";"):
        if part.startswith(f"{key}="):
            return part[len(key) + 1 :]
    return None


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:  # a missing one: "."
        return float("nan")


def _ratio(one: float, other: float) -> float:
    return one / other if other else float("nan")

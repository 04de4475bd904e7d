"""The regions that --intervals names, checked while a run is planned: before anything is stored or started.

The rules and the words are those of the pipeline (subworkflows/functions/intervals.nf), which checks what it
is given, too; tests/helpers/regions.py has the cases that try both.
"""

import gzip
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import UsageError
from stargazer_cli.runs.reference import is_gzip

if TYPE_CHECKING:
    from stargazer_cli.assets import Reference
    from stargazer_cli.store import LocalStore

_GZIP_MAGIC = b"\x1f\x8b"
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
# Not those of splitlines(): GATK and Nextflow know no others.
_LINE_END = re.compile(r"\r\n|\r|\n")
_NO_REGION = ("@", "#", "track", "browser")
_DIFFER = "they belong to different references or builds"


def text_of(path: Path, source: str) -> str:
    """Return a text file that a user has beside the data; `source` is what messages call it.

    Raises UsageError where it is compressed or not UTF-8.
    """
    data = path.read_bytes()
    if data.startswith(_GZIP_MAGIC):
        raise UsageError(f"{source}: is compressed, and it is read as plain text: decompress it with gunzip.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{source}, line {line}: is not UTF-8 text.",
            "Convert it, such as with: iconv -f ISO-8859-1 -t UTF-8 FILE > NEW",
        ) from None


def bases_of_regions(
    path: Path, name: str, source: str, reference: str, contigs: Callable[[], Mapping[str, int]]
) -> int:
    """Return how many bases the regions of a BED or an interval list cover, each counted once.

    name       the name under which GATK gets the file
    source     what messages call it
    reference  what messages call the reference
    contigs    gives those of the reference; asked where the file is one of regions

    Raises UsageError where it is no such file, or has a region that is not on the reference.
    """
    lines = _LINE_END.split(text_of(path, source))
    picard = lines[0].startswith("@")
    _check_kind(source, name, lines, picard=picard)
    header = [line for line in lines if line.startswith("@SQ\t")] if picard else []
    if picard and not header:
        raise UsageError(
            f"{source}: its header has no @SQ line: make it with gatk BedToIntervalList and the reference's "
            "dictionary."
        )
    numbered = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith(_NO_REGION)
    ]
    if not numbered:
        raise UsageError(f"{source}: has no regions, so there is nothing to call.")
    known = contigs()
    if header:
        _check_contigs(source, _contigs_of_header(header), reference, known)
    return _covered(
        _region(f"{source}, line {number}", line, reference, known, picard=picard)
        for number, line in numbered
    )


def contigs_of(store: "LocalStore", reference: "Reference", cids: Iterable[str]) -> dict[str, int]:
    """Return a reference's contigs and lengths: by an index of `cids`, its forms, else by reading it."""
    for index in store.find(asset="reference_index", reference_cid=sorted(cids)):
        if index.path is not None:
            rows = [line.split("\t") for line in index.path.read_text(encoding="utf-8").splitlines() if line]
            return {row[0]: int(row[1]) for row in rows}
    contigs: dict[str, int] = {}
    name = ""
    # Refuses a reference whose bytes are not here.
    compressed = is_gzip(reference)
    path = Path(str(reference.path))
    with gzip.open(path, "rb") if compressed else path.open("rb") as lines:
        for line in lines:
            if line.startswith(b">"):
                name = (line[1:].decode("utf-8", "replace").split() or [""])[0]
                contigs[name] = 0
            elif name:
                contigs[name] += len(line.strip())
    return contigs


def _check_kind(source: str, name: str, lines: list[str], *, picard: bool) -> None:
    """Refuse what is neither a BED nor an interval list: GATK tells the two by their names."""
    if lines[0].startswith("##fileformat=VCF"):
        raise UsageError(f"{source}: is a VCF; regions are a BED or an interval list.")
    ending = ".interval_list" if picard else ".bed"
    if not name.endswith(ending):
        held = (
            "an interval list"
            if picard
            else "no interval list (which begins with @HD or @SQ), so it must be a BED"
        )
        raise UsageError(f"{source}: holds {held}, and GATK tells by the name: it must end in {ending}.")


def _contigs_of_header(lines: Iterable[str]) -> dict[str, int | None]:
    tags = [{tag[:2]: tag[3:] for tag in line.split("\t")[1:]} for line in lines]
    return {each.get("SN", ""): int(each["LN"]) if each.get("LN", "").isdecimal() else None for each in tags}


def _check_contigs(
    source: str, own: Mapping[str, int | None], reference: str, known: Mapping[str, int]
) -> None:
    """Refuse an interval list whose contigs are not the reference's, in its order."""
    if own.keys().isdisjoint(known):
        raise UsageError(
            f"{source} has contig {next(iter(own))} and {reference} has {next(iter(known), '')}, and they "
            f"share none: {_DIFFER}."
        )
    for name, length in own.items():
        if name not in known:
            raise UsageError(f"{source} has contig {name}, which {reference} has not: {_DIFFER}.")
        if length is not None and length != known[name]:
            raise UsageError(
                f"{source} has {length} bases on contig {name} and {reference} has {known[name]}: {_DIFFER}."
            )
    for one, other in zip(own, (name for name in known if name in own), strict=True):
        if one != other:
            raise UsageError(
                f"{source} has contig {one} where {reference} has {other}: the order of their contigs "
                f"differs, so {_DIFFER}."
            )


def _region(
    where: str, line: str, reference: str, known: Mapping[str, int], *, picard: bool
) -> tuple[str, int, int]:
    """Return contig, start and end of a line, counted from 0, the end behind the last base."""
    cells = re.split(r"\t" if picard else r"[ \t]+", line)
    if len(cells) < 3 or not all(_NUMBER.fullmatch(cell.strip()) for cell in cells[1:3]):
        raise UsageError(
            f"{where}: '{line[:80]}' is no region: contig, start and end are needed, with tabs between them."
        )
    name, start, end = cells[0], int(cells[1]), int(cells[2])
    if name not in known:
        raise UsageError(
            f"{where}: contig {name} is not in {reference}, whose first is {next(iter(known), '')}: "
            f"{_DIFFER}."
        )
    if (start > end) if picard else (start >= end):
        raise UsageError(
            f"{where}: the region {name} {start} {end} is empty: its end must be behind its start."
        )
    if start < (1 if picard else 0) or end > known[name]:
        raise UsageError(
            f"{where}: the region {name} {start} {end} is not on the contig, which has {known[name]} bases "
            f"in {reference}."
        )
    return name, start - 1 if picard else start, end


def _covered(regions: Iterable[tuple[str, int, int]]) -> int:
    """Count the bases of regions, those of several once."""
    bases = 0
    contig, done = "", 0
    for name, start, end in sorted(regions):
        done = done if name == contig else 0
        contig = name
        bases += max(0, end - max(start, done))
        done = max(done, end)
    return bases

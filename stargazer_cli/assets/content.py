"""What the first bytes of a file say about what it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from stargazer_cli.assets.checks import Head, first_read, is_tar
from stargazer_cli.assets.hdf5 import SIGNATURE, root_members
from stargazer_cli.assets.matrix import holds_matrix, members

# The tabix and CSI specifications: what an index was made of (2 is VCF), and the length of what says so.
_TABIX_VCF = 2
_TABIX_HEADER = 28
_NUCLEOTIDES = re.compile(rb">[^\n]*\n[ACGTUNRYSWKMBDHVacgtunryswkmbdhv*.-]+\r?(?:\n|$)")
_INTERVAL = re.compile(rb"\n[^\t\n@]+\t\d+\t\d+\t[+-]\t")
_SAMPLE = re.compile(rb"\tSM:([^\t\r\n]+)")
# A block of sites without a variant: GATK writes <NON_REF>, others <*> (VCF specification, 5.5).
# That the header defines the allele says nothing: joint calling leaves the definition there.
_GVCF = re.compile(rb"##GVCFBlock|\t<(?:NON_REF|\*)>\t[^\t\n]*\t[^\t\n]*\t(?:[^\t\n]*;)?END=")
# How reports begin that tools write as text.
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (rb"#:GATKReport[^\n]*\n(?s:.*)RecalTable0", "bqsr_report"),
    (rb"# Variant quality score tranches file", "vqsr_tranches"),
    (rb"(?s:.{0,4096})## METRICS CLASS\s+\S*DuplicationMetrics", "duplicate_metrics"),
    (rb"\s*<(?i:!doctype html|html)", "report"),
)


@dataclass(frozen=True)
class Content:
    """A kind, and fields of it, that the bytes of a file show; the kind is empty where they show none."""

    kind: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def infer_content(head: Head) -> Content:
    """Return what the beginning of a file says of it."""
    for beginning, look in _BEGINNINGS.items():
        if head.text.startswith(beginning):
            return look(head)
    if is_tar(head):
        return Content(_tar(head))
    return Content(next((kind for pattern, kind in _TEXTS if re.match(pattern, head.text)), ""))


def samples_of(head: Head) -> tuple[str, ...]:
    """Return the samples that the header of a BAM or VCF names, in their order."""
    if head.text.startswith(b"BAM\x01"):
        lines = [line for line in _bam_header(head).split(b"\n") if line.startswith(b"@RG\t")]
        found = [match[1] for line in lines if (match := _SAMPLE.search(line))]
    elif columns := _columns(head.text):
        found = columns[9:]
    else:
        found = []
    return tuple(dict.fromkeys(name.decode("utf-8", "replace") for name in found))


def is_unmapped(head: Head) -> bool:
    """Whether a file is a BAM whose header names no contig: reads that were never aligned."""
    return head.text.startswith(b"BAM\x01") and b"\n@SQ\t" not in b"\n" + _bam_header(head)


def is_sites_only(head: Head) -> bool:
    """Whether a file is a VCF without samples, as resources of known variants are."""
    columns = _columns(head.text)
    return bool(columns) and len(columns) <= 9


def _bam_header(head: Head) -> bytes:
    return head.text[8 : 8 + _number(head.text, 4)]


def _columns(text: bytes) -> list[bytes]:
    """Return the columns of a VCF; none of another file, or where they come after what was read."""
    if not text.startswith(b"##fileformat=VCF"):
        return []
    _, found, rest = text.partition(b"\n#CHROM\t")
    line, ended, _ = rest.partition(b"\n")
    return [b"CHROM", *line.rstrip(b"\r").split(b"\t")] if found and ended else []


def _vcf(head: Head) -> Content:
    if b"\t<VQSR>\t" in head.text:
        return Content("vqsr_model")
    return Content("variants", {"variant_type": "gvcf"} if _GVCF.search(head.text) else {})


def _tabix(head: Head) -> Content:
    return Content("variants_index" if _number(head.text, 8) == _TABIX_VCF else "")


def _csi(head: Head) -> Content:
    # What it calls auxiliary data is the header of tabix, and empty in the index of a BAM.
    of_vcf = _number(head.text, 12) >= _TABIX_HEADER and _number(head.text, 16) == _TABIX_VCF
    return Content("variants_index" if of_vcf else "")


def _number(text: bytes, start: int) -> int:
    return int.from_bytes(text[start : start + 4], "little")


def _fasta(head: Head) -> Content:
    return Content("reference" if _NUCLEOTIDES.match(head.text) else "")


def _at_sign(head: Head) -> Content:
    """Tell FASTQ from what begins with a header of SAM."""
    first = head.text.split(b"\n", 3)
    if len(first) > 3 and first[2].startswith(b"+"):
        return Content(f"r{first_read(head).number or 1}")
    if not head.text.startswith((b"@HD\t", b"@SQ\t")):
        return Content()
    if _INTERVAL.search(head.text):
        return Content("intervals")
    lines = head.text.rstrip(b"\n").split(b"\n")
    header_alone = all(line.startswith((b"@HD\t", b"@SQ\t", b"@CO\t")) for line in lines)
    return Content("sequence_dict" if header_alone else "")


def _hdf5(head: Head) -> Content:
    root = root_members(head.path, head.raw)
    if {"obs", "var"} <= root:
        return Content("anndata")
    return Content("counts" if "matrix" in root else "")


def _tar(head: Head) -> str:
    names = members(head.path)
    if holds_matrix(names):
        return "counts"
    # What GenomicsDBImport writes beside its arrays.
    has = {name.rpartition("/")[2] for name in names}
    return "genomics_db" if {"callset.json", "vidmap.json"} <= has else ""


_BEGINNINGS: dict[bytes, Callable[[Head], Content]] = {
    b"CRAM": lambda _: Content("alignment", {"format": "cram"}),
    b"BAM\x01": lambda _: Content("alignment", {"format": "bam"}),
    b"BAI\x01": lambda _: Content("alignment_index"),
    b"TBI\x01": _tabix,
    b"CSI\x01": _csi,
    b"##fileformat=VCF": _vcf,
    b">": _fasta,
    b"@": _at_sign,
    SIGNATURE: _hdf5,
}

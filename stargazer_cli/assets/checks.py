"""Cheap looks at a file before it is stored, to see that it is what it is said to be.

Only the beginning is read (and the end of a BAM or .vcf.gz, and the names in a tar), so the cost does not
grow with the file.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stargazer_cli.assets.hdf5 import SIGNATURE, SUPERBLOCK, end_of_file, root_members
from stargazer_cli.assets.matrix import check_archive
from stargazer_cli.errors import UsageError

_HEAD = 1 << 20
_GZIP = b"\x1f\x8b"
# The empty block that ends a whole file of bgzip (SAM specification, 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_CASAVA = re.compile(r"([12]):[YN]:\d+(:|$)")
_MATE_SUFFIX = re.compile(r"/([12])$")


@dataclass(frozen=True)
class Head:
    """The beginning of a file, decompressed where it is gzip."""

    path: Path
    raw: bytes
    text: bytes
    whole: bool

    def refuse(self, problem: str, hint: str) -> NoReturn:
        """Raise the error that tells what is wrong with the file."""
        raise UsageError(f"{self.path} {problem}", hint)


@dataclass(frozen=True)
class ReadName:
    """What the first record of a FASTQ says of itself: its name, and 1 or 2 where it tells."""

    name: str
    number: int | None


def read_head(path: Path, *, may_be_empty: bool = False) -> Head:
    """Read the beginning of a file, and refuse what cannot be a file of data."""
    try:
        if not path.is_file():
            if path.exists():
                kind = "a folder" if path.is_dir() else "not a regular file"
                raise UsageError(f"{path} is {kind}.", "Give the paths of files.")
            if path.is_symlink():
                raise UsageError(f"{path} is a link that leads nowhere.", "Mend the link, or leave it out.")
            raise UsageError(f"There is no file {path}.", "Check the path.")
        with path.open("rb") as stream:
            raw = stream.read(_HEAD)
            whole = not stream.read(1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    if not raw and not may_be_empty:
        raise UsageError(f"{path} is empty.", "Copy or download it again.")
    if path.name.lower().endswith((".gz", ".bgz", ".bam")) and raw and not raw.startswith(_GZIP):
        raise UsageError(
            f"{path} is not compressed, though its name says so.",
            "Rename it without .gz, or copy or download it again.",
        )
    if not raw.startswith(_GZIP):
        return Head(path, raw, raw, whole)
    text, complete = _inflate(path, raw)
    if whole and not complete:
        raise UsageError(f"{path} is cut off: its compressed data end in the middle.", "Copy it again.")
    return Head(path, raw, text, whole and complete)


def _inflate(path: Path, raw: bytes) -> tuple[bytes, bool]:
    """Decompress as far as `raw` goes (several members, as bgzip writes); tells whether it ended cleanly."""
    text = bytearray()
    while raw and len(text) < _HEAD:
        member = zlib.decompressobj(wbits=31)
        try:
            text += member.decompress(raw, _HEAD)
        except zlib.error:
            raise UsageError(f"{path} is damaged: its gzip data cannot be read.", "Copy it again.") from None
        if not member.eof:
            return bytes(text), bool(member.unconsumed_tail)
        raw = member.unused_data.lstrip(b"\0")
    return bytes(text), True


def check_content(kind: str, head: Head) -> None:
    """Refuse a file whose beginning is not that of its kind."""
    if not head.raw and kind:
        head.refuse("is empty.", "Copy or download it again.")
    if kind in _CHECKS:
        _CHECKS[kind](head)


def check_pair(first: ReadName, second: ReadName, names: tuple[str, str]) -> None:
    """Refuse two FASTQ files, of these names, whose first reads are not mates."""
    if first.name != second.name:
        raise UsageError(
            f"{names[0]} and {names[1]} are not mates: "
            f"they begin with read {first.name!r} and read {second.name!r}.",
            "Give the two files of one lane; their reads must be in the same order.",
        )


def first_read(head: Head) -> ReadName:
    """Return what the first record of a FASTQ says of itself."""
    header = head.text.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")[1:]
    name, _, comment = header.partition(" ")
    suffix = _MATE_SUFFIX.search(name)
    casava = _CASAVA.match(comment)
    number = suffix or casava
    return ReadName(name[: suffix.start()] if suffix else name, int(number[1]) if number else None)


def _fastq(number: int) -> Callable[[Head], None]:
    def check(head: Head) -> None:
        _first_record(head)
        said = first_read(head).number
        if said not in (None, number):
            head.refuse(
                f"is given as R{number}, but its reads say that they are R{said}.",
                "Are the two files swapped? Rename them, or give --asset r1 or r2.",
            )

    return check


def _first_record(head: Head) -> None:
    lines = head.text.split(b"\n", 4)
    if not lines[0].startswith(b"@"):
        head.refuse("is not FASTQ: its first line does not begin with '@'.", "Check which file this is.")
    complete = len(lines) > 4 or (head.whole and len(lines) == 4)
    if not complete:
        if head.whole:
            head.refuse("is cut off in its first read.", "Copy or download it again.")
        return  # a read longer than what is looked at
    bases, plus, qualities = (line.rstrip(b"\r") for line in lines[1:4])
    if not plus.startswith(b"+"):
        head.refuse("is not FASTQ: its third line does not begin with '+'.", "Check which file this is.")
    if len(bases) != len(qualities):
        head.refuse(
            f"is not sound FASTQ: its first read has {len(bases)} bases and {len(qualities)} qualities.",
            "Copy or download it again.",
        )


def _fasta(head: Head) -> None:
    if not head.text.lstrip().startswith(b">"):
        head.refuse("is not FASTA: it does not begin with '>'.", "Check which file this is.")


def _alignment(head: Head) -> None:
    if head.raw.startswith(b"CRAM"):
        return
    if not head.text.startswith(b"BAM\x01"):
        head.refuse("is neither BAM nor CRAM.", "Convert it: samtools view -b -o OUT.bam IN")
    _check_end(head)


def _check_end(head: Head) -> None:
    """Refuse a file of bgzip's blocks (BAM, .vcf.gz) that lacks the last one."""
    with head.path.open("rb") as stream:
        stream.seek(-min(len(_BGZF_END), len(head.raw)), 2)
        if stream.read() != _BGZF_END:
            head.refuse("is cut off: the empty block that ends such a file is missing.", "Copy it again.")


def _alignment_index(head: Head) -> None:
    if not (head.text.startswith((b"BAI\x01", b"CSI\x01")) or head.path.name.lower().endswith(".crai")):
        head.refuse("is not an index of a BAM.", "Make one: samtools index FILE.bam")


def _vcf(head: Head) -> None:
    if not head.text.startswith(b"##fileformat=VCF"):
        head.refuse("is not VCF: its first line is not '##fileformat=VCF…'.", "Check which file this is.")
    if head.raw[12:14] == b"BC":  # bgzip's mark; plain gzip has no end to look for
        _check_end(head)


def _vcf_index(head: Head) -> None:
    if not (head.text.startswith((b"TBI\x01", b"CSI\x01")) or head.path.name.lower().endswith(".idx")):
        head.refuse("is not an index of a VCF.", "Make one: tabix -p vcf FILE.vcf.gz")


def _fai(head: Head) -> None:
    columns = head.text.split(b"\n", 1)[0].split(b"\t")
    if len(columns) < 5 or not all(column.strip().isdigit() for column in columns[1:5]):
        head.refuse("is not a FASTA index.", "Make one: samtools faidx FILE.fa")


def _dictionary(head: Head) -> None:
    if not head.text.startswith((b"@HD", b"@SQ")):
        head.refuse("is not a sequence dictionary.", "Make one: samtools dict -o FILE.dict FILE.fa")


def _h5ad(head: Head) -> None:
    if not _is_hdf5(head):
        head.refuse("is not HDF5, which an .h5ad is.", "Check which file this is.")
    _check_hdf5_end(head)
    if "matrix" in (root := root_members(head.path, head.raw)) and "obs" not in root:
        head.refuse("is a count matrix of 10x and no AnnData.", "Add it with --asset counts.")


def _counts(head: Head) -> None:
    if _is_hdf5(head):
        _check_hdf5_end(head)
        if {"obs", "var"} <= root_members(head.path, head.raw):
            head.refuse("is an AnnData and no count matrix of 10x.", "Add it with --asset anndata.")
    elif not is_tar(head):
        head.refuse(
            "is neither a .h5 file of 10x nor a tar of a matrix-market folder.",
            "Give the .h5 file, or the folder itself.",
        )
    elif head.raw == head.text:
        check_archive(head.path)


def is_tar(head: Head) -> bool:
    """Whether a file is a tar, compressed with gzip or not."""
    return head.text[257:262] == b"ustar"


def _is_hdf5(head: Head) -> bool:
    return head.raw.startswith(SIGNATURE)


def _check_hdf5_end(head: Head) -> None:
    """Refuse an HDF5 file that ends before it says that it does."""
    if len(head.raw) < SUPERBLOCK:
        head.refuse("is cut off in its first bytes.", "Copy it again.")
    end, size = end_of_file(head.raw), head.path.stat().st_size
    if end is not None and size < end:
        head.refuse(f"is cut off: it says that it has {end:,} bytes, and has {size:,}.", "Copy it again.")


_CHECKS: dict[str, Callable[[Head], None]] = {
    "r1": _fastq(1),
    "r2": _fastq(2),
    "reference": _fasta,
    "reference_index": _fai,
    "sequence_dict": _dictionary,
    "alignment": _alignment,
    "alignment_index": _alignment_index,
    "variants": _vcf,
    "variants_index": _vcf_index,
    "known_sites": _vcf,
    "known_sites_index": _vcf_index,
    "anndata": _h5ad,
    "counts": _counts,
}

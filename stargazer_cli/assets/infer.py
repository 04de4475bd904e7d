"""What a file's name says about what it is."""

import re
from pathlib import PurePath

_FASTQ = re.compile(r"\.(?:fastq|fq)(?:\.gz|\.bgz)?$", re.IGNORECASE)
_LANE = re.compile(r"(?:^|[._-])(L\d{3})(?=[._-]|$)")
# The last mark of a read number in a stem: _R1, .r2, _1, _R1_001.
_MATE = re.compile(r"(?P<before>^|.*[._-])(?P<mark>[Rr]?)(?P<number>[12])(?P<after>_\d{3})?$")

_ENDINGS: tuple[tuple[str, str], ...] = (
    (r"\.(fa|fasta|fna)(\.gz|\.bgz)?", "reference"),
    (r"\.fai", "reference_index"),
    (r"\.dict", "sequence_dict"),
    (r"\.(amb|ann|pac|bwt|sa|0123|bwt\.2bit\.64)", "aligner_index"),
    (r"\.(bam|cram)", "alignment"),
    (r"\.(bai|crai|bam\.csi|cram\.csi)", "alignment_index"),
    (r"\.vcf(\.gz|\.bgz)?", "variants"),
    (r"\.(tbi|vcf\.idx|vcf\.gz\.csi|vcf\.bgz\.csi)", "variants_index"),
    (r"[._]duplicate[._]metrics(\.txt)?", "duplicate_metrics"),
    (r"\.(bed|interval_list)", "intervals"),
    (r"\.h5ad", "anndata"),
    (r"\.h5", "counts"),
    (r"\.html", "report"),
)


def infer_kind(filename: str) -> str | None:
    """Return the kind that a file name stands for, or None when it says nothing."""
    name = PurePath(filename).name
    if _FASTQ.search(name):
        return f"r{split_mate(name)[1] or 1}"
    for ending, kind in _ENDINGS:
        if re.search(ending + "$", name, re.IGNORECASE):
            return kind
    return None


def infer_fields(kind: str, filename: str) -> dict[str, str]:
    """Return the fields of `kind` that a file name shows, or that go without saying."""
    name = PurePath(filename).name
    lowered = name.lower()
    if kind in ("r1", "r2"):
        lane = _LANE.search(_FASTQ.sub("", name))
        return {"lane": lane[1]} if lane else {}
    if kind == "alignment" and lowered.endswith((".bam", ".cram")):
        return {"format": lowered.rpartition(".")[2]}
    if kind == "variants":
        return {"variant_type": "gvcf" if ".g.vcf" in lowered else "vcf"}
    if kind == "anndata":
        # What people bring is where an analysis begins; what runs make of it says so itself.
        return {"stage": "raw"}
    return {}


def split_mate(filename: str) -> tuple[str, int | None]:
    """Split a FASTQ name into what both mates share and the read number, None where it shows none."""
    stem = _FASTQ.sub("", PurePath(filename).name)
    match = _MATE.match(stem)
    if not match:
        return stem, None
    return f"{match['before']}{match['mark'].upper()}#{match['after'] or ''}", int(match["number"])

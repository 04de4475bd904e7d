"""Score a VCF against a truth inside regions: SNPs and indels found, missed, invented, and their genotypes.

    python benchmarks/accuracy.py calls.vcf.gz truth.vcf.gz --bed confident.bed --reference ref.fa --sample S

Both files are brought into one form first: the sample's column alone, alleles split and left-aligned by
`bcftools norm`, changes of several bases next to each other cut into single ones, symbolic alleles and `*`
left out. Then aardvark (github.com/PacificBiosciences/aardvark, MIT) compares the haplotypes that they
spell, so that one change written in two ways is no error, whatever the way:

    cargo install aardvark-bio --version 1.1.0 --locked

What counts (as GA4GH's benchmarking group has it, its "genotype match"):

- TP: the allele was found with its genotype. Phase does not count.
- A wrong genotype (0/1 for 1/1) is one FN and one FP; it is also told apart, as a genotype error.
- Genotype concordance: TP / (TP + genotype errors), over the alleles that were found.
- 0/0 and ./. are no calls of the allele. In ./1 the missing half counts as reference. A haploid 1 is 1/1.
- Only what lies wholly inside the regions counts; an insertion lies at the base before it.
- Calls whose FILTER is neither PASS nor `.` are left out, unless --all is given. The truth's always count.

Precision without calls, and recall without truth, have no value: `-`, in JSON null.
"""

import argparse
import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

AARDVARK = "1.1.0"
INSTALL = f"cargo install aardvark-bio --version {AARDVARK} --locked"
# aardvark's names of what is left after cutting into single changes.
KINDS = {"SNP": "Snv", "indel": "JointIndel"}
SAMPLE = "SAMPLE"


class AccuracyError(Exception):
    """What is wrong with the files, and what to do."""


@dataclass(frozen=True)
class Score:
    """How well one kind of variant was called."""

    kind: str
    tp: int
    fp: int
    fn: int
    genotype_errors: int

    @property
    def precision(self) -> float | None:
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        return _share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def concordance(self) -> float | None:
        return _share(self.tp, self.tp + self.genotype_errors)

    def document(self) -> dict[str, object]:
        """Return the counts and the shares, for JSON."""
        shares = {name: getattr(self, name) for name in ("precision", "recall", "f1", "concordance")}
        return {**asdict(self), **shares}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def sample_names(path: Path) -> list[str]:
    """Read the names of a VCF's samples."""
    with open_text(path) as file:
        header = next((line for line in file if line.startswith("#CHROM")), None)
    if header is None:
        raise AccuracyError(f"{path} is no VCF: it has no #CHROM line.")
    return header.rstrip("\r\n").split("\t")[9:]


def open_text(path: Path) -> TextIO:
    """Open a text file, compressed (gzip, bgzip) or not."""
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise AccuracyError(f"{path} cannot be read: {error.strerror}.") from error
    return gzip.open(path, "rt") if compressed else path.open()


def contig_lengths(fasta: Path) -> dict[str, int]:
    """Read the names and lengths of a FASTA's sequences."""
    lengths: dict[str, int] = {}
    name = None
    with open_text(fasta) as file:
        for line in file:
            if line.startswith(">"):
                name = line[1:].split()[0]
                lengths[name] = 0
            elif name is None:
                raise AccuracyError(f"{fasta} is no FASTA: it does not begin with >.")
            else:
                lengths[name] += len(line.strip())
    return lengths


def read_regions(bed: Path, contigs: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Read a BED file and return its regions in the reference's order, those that overlap or touch as one."""
    order = {name: number for number, name in enumerate(contigs)}
    regions = []
    with open_text(bed) as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            fields = line.split("\t") if "\t" in line else line.split()
            try:
                name, start, end = fields[0], int(fields[1]), int(fields[2])
            except (IndexError, ValueError):
                raise AccuracyError(f"{bed} line {number} is no region: contig, start, end.") from None
            _check_contig(bed, name, contigs)
            regions.append((name, start, min(end, contigs[name])))
    merged: list[tuple[str, int, int]] = []
    for name, start, end in sorted(regions, key=lambda region: (order[region[0]], *region[1:])):
        if merged and merged[-1][0] == name and start <= merged[-1][2]:
            merged[-1] = (name, merged[-1][1], max(end, merged[-1][2]))
        elif start < end:
            merged.append((name, start, end))
    if not merged:
        raise AccuracyError(f"{bed} has no region.")
    return merged


def _check_contig(path: Path, name: str, contigs: Mapping[str, int]) -> None:
    if name not in contigs:
        some = ", ".join(list(contigs)[:3])
        raise AccuracyError(
            f"{path} names {name}, which the reference does not have (it has {some}"
            f"{', …' if len(contigs) > 3 else ''}). Bring both to one build and one way to name contigs."
        )


def column(path: Path, sample: str | None) -> int:
    """Return where a sample's genotypes are; without a name the file must have one sample alone."""
    samples = sample_names(path)
    if sample is None:
        if len(samples) != 1:
            some = ", ".join(samples[:5])
            raise AccuracyError(f"{path} has {len(samples)} samples: name one ({some}).")
        return 9
    if sample not in samples:
        raise AccuracyError(f"{path} has no sample {sample}, only: {', '.join(samples[:5]) or 'none'}.")
    return 9 + samples.index(sample)


def is_sequence(allele: str) -> bool:
    """Say whether an allele spells bases: `*`, `<DEL>` and breakends do not."""
    return bool(allele) and not set(allele.upper()) - set("ACGTN")


def genotype(text: str, alts: int) -> tuple[int, ...]:
    """Read a GT of one or two alleles as two; what is missing counts as reference."""
    alleles = [int(part) if part.isdigit() else 0 for part in text.replace("|", "/").split("/")]
    if len(alleles) == 1:
        alleles *= 2
    if len(alleles) != 2 or max(alleles) > alts:
        raise ValueError(text)
    return tuple(alleles)


def plain_records(
    path: Path, sample: str | None, contigs: Mapping[str, int], *, passing: bool
) -> Iterator[str]:
    """Yield a sample's non-reference records, one for each allele that it has and that spells bases."""
    index = column(path, sample)
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#"):
                continue
            fields = line.rstrip("\r\n").split("\t")
            if len(fields) <= index:
                raise AccuracyError(f"{path} line {number} is no VCF record.")
            _check_contig(path, fields[0], contigs)
            if passing and fields[6] not in ("PASS", "."):
                continue
            yield from _alleles(path, number, fields, index)


def _alleles(path: Path, number: int, fields: list[str], index: int) -> Iterator[str]:
    contig, pos, _, ref, alt = fields[:5]
    alts = alt.split(",")
    keys = fields[8].split(":")
    values = fields[index].split(":")
    if "GT" not in keys:
        raise AccuracyError(f"{path} line {number} has no GT: genotypes cannot be scored.")
    try:
        called = genotype(values[keys.index("GT")], len(alts))
    except ValueError:
        raise AccuracyError(
            f"{path} line {number} has the genotype {values[keys.index('GT')]}: only haploid and diploid "
            "samples can be scored."
        ) from None
    for allele in sorted({allele for allele in called if allele}):
        if is_sequence(alts[allele - 1]) and is_sequence(ref):
            copies = "/".join("1" if one == allele else "0" for one in called)
            yield "\t".join([contig, pos, ".", ref, alts[allele - 1], ".", "PASS", ".", "GT", copies])


def write_plain(path: Path, records: Iterable[str], contigs: Mapping[str, int]) -> None:
    """Write a VCF with nothing in it but genotypes."""
    with path.open("w") as file:
        file.write("##fileformat=VCFv4.2\n")
        file.writelines(f"##contig=<ID={name},length={length}>\n" for name, length in contigs.items())
        file.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        file.write(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{SAMPLE}\n")
        file.writelines(f"{record}\n" for record in records)


def run(command: list[str | Path]) -> None:
    """Run a tool; what it says is shown only where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = done.stderr.strip().splitlines() or ["no message"]
        raise AccuracyError(f"{Path(command[0]).name} failed: {' '.join(message[-3:])}")


def normalise(bcftools: Path, plain: Path, reference: Path) -> Path:
    """Left-align, cut into single changes, sort and index."""
    cut, aligned = plain.with_suffix(".cut.bcf"), plain.with_suffix(".aligned.bcf")
    done = plain.with_suffix(".norm.vcf.gz")
    run([bcftools, "norm", "--atomize", "-Ob", "-o", cut, plain])
    # A REF that is not the reference's means another build: an error, not a warning.
    run([bcftools, "norm", "-c", "e", "-f", reference, "-Ob", "-o", aligned, cut])
    run([bcftools, "sort", "-T", plain.parent / plain.stem, "-Oz", "-o", done, aligned])
    run([bcftools, "index", "-t", done])
    return done


def find_tool(name: str, hint: str) -> Path:
    """Find a tool on PATH or where cargo puts what it installs."""
    places = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path.home() / '.cargo/bin'}"
    found = shutil.which(name, path=places)
    if found is None:
        raise AccuracyError(f"{name} is not on PATH. Install it: {hint}")
    return Path(found)


def read_summary(path: Path) -> list[Score]:
    """Read what aardvark counted.

    Where a genotype differs, it counts the homozygous side as wrong and the heterozygous one as right.
    Here both are wrong, so that TP is the same number on either side.
    """
    with path.open(newline="") as file:
        rows = {
            row["variant_type"]: row
            for row in csv.DictReader(file, delimiter="\t")
            if row["comparison"] == "GT"
        }
    scores = []
    for kind, name in KINDS.items():
        row = rows.get(name, {})
        missed, invented = int(row.get("truth_fn_gt") or 0), int(row.get("query_fp_gt") or 0)
        scores.append(
            Score(
                kind,
                tp=int(row.get("truth_tp") or 0) - invented,
                fp=int(row.get("query_fp") or 0) + missed,
                fn=int(row.get("truth_fn") or 0) + invented,
                genotype_errors=missed + invented,
            )
        )
    return scores


def score(
    calls: Path,
    truth: Path,
    *,
    bed: Path,
    reference: Path,
    sample: str | None = None,
    truth_sample: str | None = None,
    passing: bool = True,
    threads: int = 1,
) -> list[Score]:
    """Score a sample's calls against its truth: SNPs, then indels."""
    aardvark = find_tool("aardvark", INSTALL)
    bcftools = find_tool("bcftools", "apt-get install bcftools")
    contigs = contig_lengths(reference)
    regions = read_regions(bed, contigs)
    if truth_sample is None and len(sample_names(truth)) > 1:
        truth_sample = sample
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        fasta = scratch / "reference.fa"  # plain, and with an index that nobody else sees
        with open_text(reference) as source, fasta.open("w") as copy:
            shutil.copyfileobj(source, copy)
        (scratch / "regions.bed").write_text("".join(f"{c}\t{start}\t{end}\n" for c, start, end in regions))
        ready = {}
        for role, path, who, only in (
            ("truth", truth, truth_sample, False),
            ("calls", calls, sample, passing),
        ):
            write_plain(scratch / f"{role}.vcf", plain_records(path, who, contigs, passing=only), contigs)
            try:
                ready[role] = normalise(bcftools, scratch / f"{role}.vcf", fasta)
            except AccuracyError as error:
                raise AccuracyError(f"{path} does not fit {reference}: {error}") from error
        command: list[str | Path] = [
            aardvark,
            "compare",
            "--reference",
            fasta,
            "--regions",
            scratch / "regions.bed",
        ]
        command += ["--truth-vcf", ready["truth"], "--query-vcf", ready["calls"]]
        run([*command, "--output-dir", scratch / "compared", "--threads", str(threads)])
        return read_summary(scratch / "compared/summary.tsv")


def table(scores: Iterable[Score]) -> str:
    """Write the scores as a Markdown table."""
    lines = [
        "| | TP | FP | FN | precision | recall | F1 | genotype errors | concordance |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in scores:
        shares = [
            "-" if value is None else f"{value:.4f}"
            for value in (one.precision, one.recall, one.f1, one.concordance)
        ]
        counts = [one.kind, str(one.tp), str(one.fp), str(one.fn)]
        lines.append(f"| {' | '.join([*counts, *shares[:3], str(one.genotype_errors), shares[3]])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("calls", type=Path, metavar="CALLS.vcf[.gz]")
    parser.add_argument("truth", type=Path, metavar="TRUTH.vcf[.gz]")
    parser.add_argument("--bed", type=Path, required=True, help="regions in which the truth is complete")
    parser.add_argument("--reference", type=Path, required=True, help="FASTA of both, compressed or not")
    parser.add_argument("--sample", help="in the calls (default: the only one)")
    parser.add_argument("--truth-sample", help="in the truth (default: the only one, else --sample)")
    parser.add_argument("--all", action="store_true", help="score filtered calls, too")
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of a table")
    options = parser.parse_args()
    try:
        scores = score(
            options.calls,
            options.truth,
            bed=options.bed,
            reference=options.reference,
            sample=options.sample,
            truth_sample=options.truth_sample,
            passing=not options.all,
            threads=options.threads,
        )
    except AccuracyError as error:
        sys.exit(f"Error: {error}")
    print(json.dumps([one.document() for one in scores], indent=1) if options.json else table(scores))


if __name__ == "__main__":
    main()

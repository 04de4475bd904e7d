"""Calling in parts gives what calling in one piece gives, compared with plain GATK."""

import gzip
import os
import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.user import Nextflow, manifest

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

# No read is on it: one block of reference is longer than what a part sees beyond its edge.
EMPTY = "empty:1-50000"
SAMPLES = ("father", "mother")
# Options under which GATK writes the same bytes again, as the modules have them.
SAME_BYTES = "--add-output-vcf-command-line false --use-jdk-deflater true --use-jdk-inflater true"


@dataclass(frozen=True)
class Cohort:
    """Analysis-ready BAMs on one reference, in a folder whose files are named by what they are."""

    folder: Path
    toolbox: Toolbox

    def shell(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=_environment(self.toolbox),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def prepare(self, samples: dict[str, str]) -> None:
        """Index reference.fa and align each sample's reads, given as words of the shell."""
        self.shell(
            "samtools faidx reference.fa; bwa index reference.fa;"
            "gatk CreateSequenceDictionary -R reference.fa -O reference.dict"
        )
        for sample, reads in samples.items():
            self.shell(
                f"bwa mem -R '@RG\\tID:{sample}\\tSM:{sample}\\tPL:ILLUMINA' reference.fa {reads}"
                f" | samtools sort -o {sample}.bam; samtools index {sample}.bam"
            )
        rows = [f"{sample},{sample}.bam,{sample}.bam.bai" for sample in samples]
        (self.folder / "samples.csv").write_text("\n".join(["sample,bam,bai", *rows]) + "\n")

    def call_plainly(self, samples: Sequence[str], regions: str = "") -> None:
        """Make SAMPLE.g.vcf.gz and cohort.vcf.gz, undivided, without the pipeline."""
        for sample in samples:
            self.shell(
                f"gatk HaplotypeCaller -R reference.fa -I {sample}.bam {regions} -O {sample}.g.vcf.gz"
                f" -ERC GVCF {SAME_BYTES}"
            )
        given = " ".join(f"-V {sample}.g.vcf.gz" for sample in samples)
        # CombineGVCFs would do for the records, but orders the ALTs of a site in its own way.
        self.shell(
            "awk -v OFS='\\t' '{ print $1, 0, $2 }' reference.fa.fai > contigs.bed;"
            f"gatk GenomicsDBImport --genomicsdb-workspace-path database -L contigs.bed {given}"
            " --merge-contigs-into-num-partitions 5;"
            f"gatk GenotypeGVCFs -R reference.fa {regions} -V gendb://database -O cohort.vcf.gz {SAME_BYTES}"
        )

    def call_in_parts(self, outdir: str, *options: str | Path) -> tuple[Path, str]:
        """Return the pipeline's outdir and what it printed."""
        nextflow = Nextflow(self.folder, self.toolbox)
        given = {"input": "samples.csv", "fasta": "reference.fa", "fasta_fai": "reference.fa.fai"}
        given |= {"dict": "reference.dict", "filter": "none"}
        words = [word for name, value in given.items() for word in (f"--{name}", value)]
        ended = nextflow(*words, "--skip_report", "true", "--outdir", outdir, *options)
        assert ended.returncode == 0, ended.stdout
        return self.folder / outdir, ended.stdout


def _environment(toolbox: Toolbox) -> dict[str, str]:
    environment = toolbox.environment() | {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"}
    environment["PATH"] = f"{catalog.pipeline_dir() / 'bin'}{os.pathsep}{environment['PATH']}"
    return environment


def _records(vcf: Path) -> list[list[str]]:
    with gzip.open(vcf, "rt") as lines:
        return [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]


def _without_drawn_qd(record: list[str]) -> list[str]:
    """Take QD out where GATK draws it by chance: where QUAL / depth of those with the variant is over 35.

    QualByDepth replaces it by a number around 30 from a random generator that each run of GATK starts
    anew, so it depends on how many such sites came before in the same part.
    """
    depth = 0
    for cell in record[9:]:
        fields = dict(zip(record[8].split(":"), cell.split(":"), strict=False))
        if re.search("[1-9]", fields["GT"]):
            depth += sum(int(count) for count in fields["AD"].split(","))
    drawn = depth == 0 or float(record[5]) / depth >= 34.9
    return [re.sub(r"QD=[^;]+;?", "", cell) if drawn and at == 7 else cell for at, cell in enumerate(record)]


def _joint(vcf: Path) -> list[list[str]]:
    return [_without_drawn_qd(record) for record in _records(vcf)]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox, bundled: Path) -> Cohort:
    """Two of the bundled trio, on a reference with a long stretch without reads and 110 tiny contigs."""
    made = Cohort(tmp_path_factory.mktemp("a cohort"), toolbox)
    chance = random.Random(6)
    more = {EMPTY: 50_000} | {f"tiny{number}-x": 200 for number in range(110)}
    with (made.folder / "reference.fa").open("w") as fasta:
        fasta.write((bundled / "reference.fa").read_text())
        for name, bases in more.items():
            fasta.write(f">{name}\n{''.join(chance.choices('ACGT', k=bases))}\n")
    made.prepare(
        {sample: f"{bundled}/{sample}_R1.fastq.gz {bundled}/{sample}_R2.fastq.gz" for sample in SAMPLES}
    )
    made.call_plainly(SAMPLES)
    return made


def test_parts_hold_the_calls_of_the_whole(cohort: Cohort) -> None:
    """GVCFs and their indexes are the same to the byte, the joint calls in all but QDs that GATK draws."""
    out, printed = cohort.call_in_parts("parts of all", "--scatter_count", "3")
    assert "HAPLOTYPE_CALLER (father 2/3)" in printed
    assert "JOINT_CALL_GVCFS (cohort 3/3)" in printed
    for sample in SAMPLES:
        for name in (f"{sample}.g.vcf.gz", f"{sample}.g.vcf.gz.tbi"):
            assert (out / "gvcfs" / name).read_bytes() == (cohort.folder / name).read_bytes(), name
    blocks = [record for record in _records(out / "gvcfs" / "father.g.vcf.gz") if record[0] == EMPTY]
    assert [block[7] for block in blocks] == ["END=50000"]
    ours = _joint(out / "variants" / "cohort.vcf.gz")
    assert len(ours) > 30
    assert ours == _joint(cohort.folder / "cohort.vcf.gz")
    made_by = {line["path"]: (line["task"], line.get("step")) for line in manifest(out)}
    assert made_by["gvcfs/father.g.vcf.gz"] == ("gather_vcfs", "haplotype_caller")
    assert made_by["variants/cohort.vcf.gz"] == ("gather_vcfs", "joint_call_gvcfs")
    published = {str(file.relative_to(out)) for file in out.rglob("*.vcf.gz*")}
    assert published == {path for path in made_by if ".vcf.gz" in path}  # and no part


def test_a_deletion_over_an_edge_is_an_allele_on_its_other_side(tmp_path: Path, toolbox: Toolbox) -> None:
    """A spanning deletion (*) there, which begins in the part before."""
    seam = 12_000
    bases = random.Random(7).choices("ACGT", k=2 * seam)
    deleted = "".join(bases[: seam - 10] + bases[seam + 30 :])
    bases[seam + 10] = "G" if bases[seam + 10] != "G" else "T"
    changed = "".join(bases)
    bases[seam + 10] = "A"
    sample = Cohort(tmp_path, toolbox)
    (tmp_path / "reference.fa").write_text(f">seam\n{''.join(bases)}\n")
    reads = [
        haplotype[at : at + 150]
        for haplotype in (deleted, changed)
        for at in range(seam - 3_000, seam + 3_000, 9)
    ]
    (tmp_path / "reads.fq").write_text(
        "".join(f"@r{number}\n{read}\n+\n{'I' * len(read)}\n" for number, read in enumerate(reads))
    )
    sample.prepare({"a": "reads.fq"})
    sample.call_plainly(["a"])
    out, printed = sample.call_in_parts("out", "--scatter_count", "2")
    assert "JOINT_CALL_GVCFS (cohort 2/2)" in printed
    ours = _joint(out / "variants" / "cohort.vcf.gz")
    found = [(record[1], "*" in record[4].split(",")) for record in ours]
    assert found == [("11990", False), ("12011", True)]
    assert ours == _joint(tmp_path / "cohort.vcf.gz")


def test_regions_and_their_padding_bound_the_calls(cohort: Cohort) -> None:
    """Two regions that overlap once padded, and a contig: nothing starts outside, nothing inside is lost."""
    (cohort.folder / "my regions.bed").write_text("chrB\t0\t9000\nchrA\t2000\t3000\nchrA\t3060\t9000\n")
    out, printed = cohort.call_in_parts(
        "regions", "--intervals", "my regions.bed", "--interval_padding", "50"
    )
    assert "HAPLOTYPE_CALLER (father)" in printed
    inside = [("chrA", 1951, 9050), ("chrB", 1, 9000)]

    def starts_inside(record: list[str]) -> bool:
        return any(record[0] == contig and first <= int(record[1]) <= last for contig, first, last in inside)

    blocks = _records(out / "gvcfs" / "mother.g.vcf.gz")
    assert blocks[0][:2] == ["chrA", "1951"]
    assert all(map(starts_inside, blocks))
    whole = [record for record in _joint(cohort.folder / "cohort.vcf.gz") if starts_inside(record)]
    assert 20 < len(whole) < len(_joint(cohort.folder / "cohort.vcf.gz"))
    assert _joint(out / "variants" / "cohort.vcf.gz") == whole


def test_ten_thousand_contigs_are_grouped(cohort: Cohort) -> None:
    """With names that read like regions; every base is in one part, in order."""
    contigs = {f"ctg:{number}-9": 150 + number % 100 for number in range(10_000)}
    with (cohort.folder / "many.fa").open("w") as fasta:
        fasta.writelines(f">{name}\n{'A' * bases}\n" for name, bases in contigs.items())
    cohort.shell(
        "samtools faidx many.fa; samtools dict -o many.dict many.fa; regions_to_call many.fa.fai > many.bed;"
        "gatk SplitIntervals -R many.fa -L many.bed --scatter-count $(count_parts many.bed 2) -O split;"
        "widen_parts parts 10000 split/*-scattered.interval_list"
    )
    files = sorted((cohort.folder / "parts").glob("*.part.bed"))
    assert [file.name for file in files] == ["1.part.bed", "2.part.bed"]
    pieces = [line.split("\t") for file in files for line in file.read_text().splitlines()]
    covered = dict.fromkeys(contigs, 0)
    for contig, start, end in pieces:
        covered[contig] += int(end) - int(start)
    assert covered == contigs
    assert list(dict.fromkeys(contig for contig, _, _ in pieces)) == list(contigs)


@pytest.mark.real_data
def test_a_contig_whose_name_reads_like_a_region(tmp_path: Path, toolbox: Toolbox, real_data: Path) -> None:
    """NA12829's TP53, in two parts of two regions."""
    data = real_data / "germline_tp53"
    sample = Cohort(tmp_path, toolbox)
    contig = "chr17:7658421-7697490"
    (tmp_path / "reference.fa").symlink_to(data / "GRCh38_TP53.fa")
    (tmp_path / "regions.bed").write_text(f"{contig}\t1000\t20000\n{contig}\t21000\t39000\n")
    sample.prepare({"NA12829": f"{data}/NA12829_TP53_R1.fq.gz {data}/NA12829_TP53_R2.fq.gz"})
    sample.call_plainly(["NA12829"], "-L regions.bed")
    out, printed = sample.call_in_parts(
        "out", "--scatter_count", "2", "--intervals", "regions.bed", "--interval_padding", "0"
    )
    assert "HAPLOTYPE_CALLER (NA12829 2/2)" in printed
    name = "NA12829.g.vcf.gz"
    assert (out / "gvcfs" / name).read_bytes() == (tmp_path / name).read_bytes()
    ours = _joint(out / "variants" / "cohort.vcf.gz")
    assert len(ours) > 10
    assert ours == _joint(tmp_path / "cohort.vcf.gz")

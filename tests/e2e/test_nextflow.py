"""The pipeline by itself: `nextflow run` on a samplesheet, without the CLI and without a store."""

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.user import Nextflow, manifest

from stargazer_cli import catalog
from stargazer_cli.demo import summary
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

HEADER = "sample,lane,library,platform,fastq_1,fastq_2,bam,bai,gvcf,tbi"


def test_one_samplesheet_may_hold_reads_a_bam_and_a_gvcf(
    nextflow: Nextflow, bundled: Path, tmp_path: Path
) -> None:
    """First the three from reads, then the father's BAM and the mother's GVCF in the place of their reads."""
    shutil.copy(bundled / "reference.fa", tmp_path / "my ref.fa")
    lanes = [
        f"child,{n},,,{bundled}/child_{n}_R1.fastq.gz,{bundled}/child_{n}_R2.fastq.gz"
        for n in ("L001", "L002")
    ]
    alone = [f"{s},,,,{bundled}/{s}_R1.fastq.gz,{bundled}/{s}_R2.fastq.gz" for s in ("father", "mother")]
    (tmp_path / "reads.csv").write_text(
        "\n".join(["sample,lane,library,platform,fastq_1,fastq_2", *lanes, *alone])
    )
    options = ("--aligner", "bwa", "--fasta", tmp_path / "my ref.fa")
    first = nextflow("--input", "reads.csv", *options, "--outdir", "first")
    assert first.returncode == 0, first.stdout
    entries = manifest(tmp_path / "first")
    for entry in entries:
        assert (tmp_path / "first" / entry["path"]).is_file(), entry
        assert not (tmp_path / "first" / entry["path"]).is_symlink()
    published = {
        f
        for f in (tmp_path / "first").rglob("*")
        if f.is_file() and f.name not in ("assets.jsonl", "versions.json")
    }
    assert published == {tmp_path / "first" / entry["path"] for entry in entries}
    versions = json.loads((tmp_path / "first" / "versions.json").read_text())
    assert set(versions["bwa_mem"]) == {"bwa", "samtools"}
    assert versions["haplotype_caller"]["gatk"].startswith("4.")

    made = tmp_path / "first"
    mixed = [f"{lane},,,," for lane in lanes]
    mixed.append(f"father,,,,,,{made}/alignments/father.bam,{made}/alignments/father.bam.bai,,")
    mixed.append(f"mother,,,,,,,,{made}/gvcfs/mother.g.vcf.gz,{made}/gvcfs/mother.g.vcf.gz.tbi")
    (tmp_path / "mixed.csv").write_text("\n".join([HEADER, *mixed]) + "\n")
    second = nextflow("--input", "mixed.csv", *options, "--outdir", "second")
    assert second.returncode == 0, second.stdout
    assert "BWA_MEM (father" not in second.stdout
    assert "HAPLOTYPE_CALLER (mother" not in second.stdout
    # The way in makes no difference to what comes out.
    for name in ("cohort.vcf.gz", "cohort.vcf.gz.tbi"):
        ours, theirs = ((tmp_path / out / "variants" / name).read_bytes() for out in ("first", "second"))
        assert ours == theirs
    compared = summary.compare(
        summary.read_vcf(tmp_path / "second" / "variants" / "cohort.vcf.gz"),
        summary.read_vcf(bundled / "truth.vcf"),
        summary.read_fasta(bundled / "reference.fa"),
    )
    assert compared.perfect, compared


READS = "{r1},{r2}"
BAD_ROWS = {
    "no such file": ("sample,fastq_1", ["a,missing.fastq.gz"], ["line 2", "fastq_1", "missing.fastq.gz"]),
    "no sample column": ("name,fastq_1", ["a,{r1}"], ["sample"]),
    "unknown column": ("sample,fastq_1,fastq1", ["a,{r1},"], ["fastq1"]),
    "shell in a sample id": ("sample,fastq_1", ["a;rm -rf ~,{r1}"], ["line 2", "sample", "a;rm -rf ~"]),
    "path in a sample id": ("sample,fastq_1", ["../x,{r1}"], ["line 2", "sample", "../x"]),
    "space in a sample id": ("sample,fastq_1", ["a b,{r1}"], ["line 2", "sample", "a b"]),
    "long sample id": ("sample,fastq_1", ["x" * 300 + ",{r1}"], ["line 2", "sample"]),
    "duplicate row": ("sample,fastq_1,fastq_2", ["a,{r1},{r2}"] * 2, ["line 3", "line 2"]),
    "R2 without R1": ("sample,fastq_1,fastq_2", ["a,,{r2}"], ["line 2", "fastq_1"]),
    "R1 twice": ("sample,fastq_1,fastq_2", ["a,{r1},{r1}"], ["line 2", "fastq_2"]),
    "two entries": ("sample,fastq_1,bam", ["a,{r1},{r2}"], ["line 2"]),
    "nothing": ("sample,fastq_1", ["a,"], ["line 2"]),
    "no rows": ("sample,fastq_1", [], ["no "]),
    "empty reads": ("sample,fastq_1", ["a,{empty}"], ["line 2", "fastq_1", "empty"]),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_samplesheet_is_refused_before_any_task(
    nextflow: Nextflow, bundled: Path, tmp_path: Path, case: str
) -> None:
    header, rows, said = BAD_ROWS[case]
    (tmp_path / "empty.fastq.gz").touch()
    names = {
        "r1": bundled / "father_R1.fastq.gz",
        "r2": bundled / "father_R2.fastq.gz",
        "empty": "empty.fastq.gz",
    }
    sheet = tmp_path / "my samples.csv"
    sheet.write_text("\n".join([header, *(row.format(**names) for row in rows)]) + "\n")
    ended = nextflow("--input", sheet.name, "--fasta", bundled / "reference.fa", "--aligner", "bwa")
    assert ended.returncode != 0
    assert "Submitted process" not in ended.stdout
    (error,) = [line for line in ended.stdout.splitlines() if "my samples.csv" in line]
    for word in said:
        assert word in error
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fast", "x.fa"], "--fast"),
        (["--aligner", "bowtie"], "bwa-mem2"),
        (["--fasta", "none.fa"], "none.fa"),
        (["--workflow", "rnaseq"], "prepare_reference"),
        (["--cohort_id", "a/b"], "cohort_id"),
    ],
)
def test_a_bad_parameter_is_refused_before_any_task(
    nextflow: Nextflow, tmp_path: Path, bundled: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "s.csv").write_text(f"sample,fastq_1\na,{bundled}/father_R1.fastq.gz\n")
    ended = nextflow("--input", "s.csv", "--fasta", bundled / "reference.fa", *arguments)
    assert ended.returncode != 0
    assert "Submitted process" not in ended.stdout
    error = ended.stdout.strip().splitlines()[-1]
    assert said in error


def _preprocess(bundled: Path) -> list[str | Path]:
    """Align the reads of `s.csv`, and stop there."""
    options = {"workflow": "preprocess_sample", "input": "s.csv", "aligner": "bwa"}
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [*given, "--fasta", bundled / "reference.fa"]


def _cut(file: Path, target: Path) -> None:
    target.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _shorten(file: Path, target: Path) -> None:
    with gzip.open(file, "rt") as reads:
        kept = reads.read().splitlines(keepends=True)[:-4]
    with gzip.open(target, "wt") as fewer:
        fewer.writelines(kept)


def _fake(file: Path, target: Path) -> None:
    target.write_bytes(b"no gzip at all\n" * 100)


@pytest.mark.parametrize(
    ("damage", "said"),
    [(_cut, "truncated or damaged gzip"), (_shorten, "R1 has"), (_fake, "gzip")],
    ids=["cut", "uneven", "not gzip"],
)
def test_damaged_reads_fail_and_nothing_is_published(
    nextflow: Nextflow, bundled: Path, tmp_path: Path, damage: Callable[[Path, Path], None], said: str
) -> None:
    """Without a check `bwa mem | samtools sort` succeeds on each of these, with fewer reads."""
    damage(bundled / "father_R2.fastq.gz", tmp_path / "father R2.fastq.gz")
    (tmp_path / "s.csv").write_text(
        f"sample,fastq_1,fastq_2\nfather,{bundled}/father_R1.fastq.gz,{tmp_path}/father R2.fastq.gz\n"
    )
    ended = nextflow(*_preprocess(bundled))
    assert ended.returncode != 0
    assert said in ended.stdout
    assert "father R2.fastq.gz" in ended.stdout
    assert not (tmp_path / "results" / "alignments").exists()
    assert not (tmp_path / "results" / "assets.jsonl").exists()


def test_a_crashing_aligner_fails_the_task(
    nextflow: Nextflow, bundled: Path, tmp_path: Path, toolbox: Toolbox
) -> None:
    """A bwa that writes a good part of its output and then exits 1: without pipefail that is a success."""
    real = toolbox.tools["bwa"].path
    fake = tmp_path / "bin" / "bwa"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/bash\n\'{real}\' "$@"\n[ "$1" != mem ] || {{ echo out of luck >&2; exit 1; }}\n')
    fake.chmod(0o755)
    (tmp_path / "s.csv").write_text(f"sample,fastq_1\nfather,{bundled}/father_R1.fastq.gz\n")
    ended = nextflow(*_preprocess(bundled), first=fake.parent)
    assert ended.returncode != 0
    assert "out of luck" in ended.stdout
    assert not (tmp_path / "results" / "assets.jsonl").exists()


def test_contigs_of_one_name_are_refused(nextflow: Nextflow, tmp_path: Path) -> None:
    (tmp_path / "twice.fa.gz").write_bytes(gzip.compress(b">one\nACGT\n>two\nACGT\n>one\nTTTT\n"))
    ended = nextflow("--workflow", "prepare_reference", "--fasta", "twice.fa.gz", "--aligner", "bwa")
    assert ended.returncode != 0
    assert "one" in ended.stdout
    assert "twice" in ended.stdout
    assert not (tmp_path / "results" / "assets.jsonl").exists()


def test_help_names_every_parameter(nextflow: Nextflow) -> None:
    shown = nextflow("--help")
    assert shown.returncode == 0
    schema = json.loads((catalog.pipeline_dir() / "nextflow_schema.json").read_text())
    for group in schema["$defs"].values():
        for name in group["properties"]:
            assert f"--{name} " in shown.stdout


def test_every_nextflow_file_passes_the_linter(toolbox: Toolbox) -> None:
    """One file at a time: of several the linter of 25.04 may crash where it has something to say."""
    version = tuple(int(part) for part in toolbox.tools["nextflow"].version.split(".")[:2])
    if version < (25, 4):
        pytest.skip("nextflow lint came with 25.04")
    root = catalog.pipeline_dir()
    files = [
        root / "main.nf",
        root / "task.nf",
        root / "nextflow.config",
        *sorted((root / "conf").glob("*.config")),
    ]
    files += sorted((root / "subworkflows").rglob("*.nf")) + sorted((root / "modules").rglob("*.nf"))
    done = subprocess.run(
        [*toolbox.nextflow, "lint", *files],
        env=toolbox.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "had no errors" in done.stdout + done.stderr

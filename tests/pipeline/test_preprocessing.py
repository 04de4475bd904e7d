"""From reads and unmapped BAMs to recalibrated BAMs, with the real tools and against GATK run plainly."""

import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.user import Nextflow, manifest
from helpers.shell import bgzf

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

SHEET = """sample,lane,fastq_1,fastq_2,bam
father,,{bundled}/father_R1.fastq.gz,{bundled}/father_R2.fastq.gz,
child,L001,,,child L001.bam
child,L002,,,child L002.bam
"""
LANES = {"L001": 2646, "L002": 2638}  # reads of the child
FIRST_RUN, SECOND_RUN = "first", "another folder"


class Bench:
    """A folder with the inputs, and the tools in it."""

    def __init__(self, folder: Path, toolbox: Toolbox, bundled: Path) -> None:
        self.folder = folder
        self.toolbox = toolbox
        self.bundled = bundled

    def tool(self, *command: str | Path, stdin: bytes | None = None) -> bytes:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.toolbox.environment() | {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"},
            capture_output=True,
            input=stdin,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def unmapped(self, lane: str, order: str, tag: str = "") -> None:
        """The child's reads of a lane as a sequencing centre would hand them over."""
        reads = [f"{self.bundled}/child_{lane}_{mate}.fastq.gz" for mate in ("R1", "R2")]
        target = self.folder / f"child {lane}.bam"
        self.tool(
            *("gatk", "FastqToSam", "--FASTQ", reads[0], "--FASTQ2", reads[1], "--OUTPUT", target),
            *("--SAMPLE_NAME", "child", "--READ_GROUP_NAME", f"rg{lane}", "--LIBRARY_NAME", "library X"),
            *("--PLATFORM", "ILLUMINA", "--PLATFORM_UNIT", f"FLOWCELL.{lane}", "--SORT_ORDER", order),
        )
        if tag:
            lines = self.tool("samtools", "view", "-h", "--no-PG", target).decode().splitlines()
            tagged = [line if line.startswith("@") else f"{line}\t{tag}" for line in lines]
            self.tool(
                "samtools",
                "view",
                "--no-PG",
                "-b",
                "-o",
                target,
                "-",
                stdin="\n".join(tagged).encode() + b"\n",
            )

    def header(self, bam: Path) -> list[str]:
        return self.tool("samtools", "view", "--no-PG", "-H", bam).decode().splitlines()

    def records(self, bam: Path) -> list[list[str]]:
        return [line.split("\t") for line in self.tool("samtools", "view", bam).decode().splitlines()]


def _known_sites(truth: Path) -> Iterator[tuple[str, bytes]]:
    """The planted SNPs as plain text, the planted indels bgzipped; neither with an index."""
    lines = truth.read_text().splitlines()
    head = [line for line in lines if line.startswith("##")]
    columns, *rows = [line.split("\t")[:8] for line in lines if not line.startswith("##")]
    for name, are_snps in (("snps.vcf", True), ("indels.vcf.gz", False)):
        kept = [row for row in rows if (len(row[3]) == len(row[4])) == are_snps]
        text = "\n".join([*head, *("\t".join(row) for row in [columns, *kept])]) + "\n"
        yield name, text.encode() if are_snps else bgzf(text.encode())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox, bundled: Path) -> Bench:
    made = Bench(tmp_path_factory.mktemp("preprocessing"), toolbox, bundled)
    made.unmapped("L001", "queryname", tag="RX:Z:ACGTACGT")
    made.unmapped("L002", "unsorted")
    for name, content in _known_sites(bundled / "truth.vcf"):
        (made.folder / name).write_bytes(content)
    (made.folder / "regions.bed").write_text("chrA\t100\t12000\n")
    return made


def _preprocess(bench: Bench, folder: str, *more: str) -> Path:
    """Run the workflow in a folder of its own, which has the inputs under the same names."""
    place = bench.folder / folder
    place.mkdir()
    for name in ("child L001.bam", "child L002.bam", "snps.vcf", "indels.vcf.gz", "regions.bed"):
        (place / name).symlink_to(bench.folder / name)
    (place / "s.csv").write_text(SHEET.format(bundled=bench.bundled))
    (place / "sites.csv").write_text("resource_name,vcf\nsnps,snps.vcf\nindels,indels.vcf.gz\n")
    ended = Nextflow(place, bench.toolbox)(
        *("--workflow", "preprocess_sample", "--input", "s.csv", "--aligner", "bwa"),
        *("--fasta", bench.bundled / "reference.fa", "--known_sites", "sites.csv"),
        *("--intervals", "regions.bed"),
        *("--bqsr", "on", "--save_intermediates", "--skip_report", *more),
    )
    assert ended.returncode == 0, ended.stdout
    return place / "results"


@pytest.fixture(scope="module")
def results(bench: Bench) -> Path:
    return _preprocess(bench, FIRST_RUN)


def test_an_unmapped_bam_keeps_its_read_groups_and_tags(bench: Bench, results: Path) -> None:
    bam = results / "alignments" / "child.bam"
    groups = sorted(line for line in bench.header(bam) if line.startswith("@RG"))
    assert groups == [
        f"@RG\tID:rg{lane}\tSM:child\tLB:library X\tPL:ILLUMINA\tPU:FLOWCELL.{lane}" for lane in LANES
    ]
    primary = [record for record in bench.records(bam) if not int(record[1]) & 0x900]
    assert len(primary) == sum(LANES.values())
    tagged = Counter(("RG:Z:rgL001" in record, "RX:Z:ACGTACGT" in record) for record in primary)
    assert tagged == {(True, True): LANES["L001"], (False, False): LANES["L002"]}


def test_reads_are_aligned_alike_from_an_unmapped_bam_and_from_fastq(bench: Bench, results: Path) -> None:
    """But for the read group and the tags: the flags, the positions and the CIGARs."""
    reads = [f"{bench.bundled}/child_L001_{mate}.fastq.gz" for mate in ("R1", "R2")]
    bin_folder = catalog.pipeline_dir() / "bin"
    index = results / "reference" / "reference.fa"
    script = f'PATH="{bin_folder}:$PATH" align_and_sort "$@"'
    options = (
        "--aligner",
        "bwa",
        "--index",
        index,
        "--read-group",
        "@RG\\tID:x\\tSM:child",
        "--output",
        "fastq.bam",
    )
    bench.tool("bash", "-c", script, "align", *options, *reads)
    direct, merged = (
        Counter(tuple(record[:9]) for record in bench.records(bam))
        for bam in (bench.folder / "fastq.bam", results / "alignments" / "lanes" / "child.L001.bam")
    )
    assert direct == merged


def test_recalibration_is_what_gatk_run_plainly_makes_of_it(bench: Bench, results: Path) -> None:
    """Learnt from the regions and their padding, applied to every read."""
    reference = bench.folder / "reference.fa"
    for file in (bench.bundled / "reference.fa", *(results / "reference").glob("reference.*")):
        (bench.folder / file.name).symlink_to(file)
    for index in (results / "reference" / "known_sites").iterdir():
        (bench.folder / index.name).symlink_to(index)
    marked = results / "alignments" / "marked" / "father.bam"
    bench.tool(
        *("gatk", "BaseRecalibrator", "-R", reference, "-I", marked, "-O", "plain.table"),
        *("--known-sites", "snps.vcf", "--known-sites", "indels.vcf.gz", "-L", "regions.bed", "-ip", "100"),
    )
    assert (bench.folder / "plain.table").read_bytes() == (
        results / "metrics" / "father.recalibration.table"
    ).read_bytes()
    bench.tool("gatk", "ApplyBQSR", "-R", reference, "-I", marked, "-bqsr", "plain.table", "-O", "plain.bam")
    ours = bench.records(results / "alignments" / "father.bam")
    assert ours == bench.records(bench.folder / "plain.bam")
    qualities = {record[10] for record in ours}
    assert qualities != {record[10] for record in bench.records(marked)}
    assert sum(record[2] == "chrB" for record in ours) > 1000
    assert (results / "metrics" / "father.recalibration_after.table").stat().st_size > 0


def test_outputs_hold_no_command_lines_dates_or_paths(bench: Bench, results: Path) -> None:
    for bam in (results / "alignments").rglob("*.bam"):
        programs = [line for line in bench.header(bam) if line.startswith("@PG")]
        assert [line for line in programs if "\tCL:" in line] == []
        assert not any(f"{bench.folder}" in line for line in bench.header(bam))
    for file in (f for f in results.rglob("*") if f.is_file() and f.name != "assets.jsonl"):
        assert str(bench.folder).encode() not in file.read_bytes(), file


def test_the_manifest_names_what_a_recalibrated_bam_was_made_from(bench: Bench, results: Path) -> None:
    entries: dict[str, dict[str, Any]] = {entry["path"]: entry for entry in manifest(results)}
    written = {str(f.relative_to(results)) for f in results.rglob("*") if f.is_file()}
    assert written - {"assets.jsonl", "versions.json"} == set(entries)
    reference = str(bench.bundled / "reference.fa")
    sites = ["indels.vcf.gz", "snps.vcf"]
    child = entries["alignments/child.bam"]
    assert child["derived_from"] == ["child L001.bam", "child L002.bam", reference, *sites]
    assert (child["task"], child["bqsr_applied"], child["duplicates_marked"]) == ("apply_bqsr", True, True)
    assert "r1_cid" not in child
    assert entries["alignments/father.bam"]["r1_cid"] == str(bench.bundled / "father_R1.fastq.gz")
    marked = entries["alignments/marked/child.bam"]
    assert (marked["task"], marked["bqsr_applied"]) == ("mark_duplicates", False)
    assert marked["derived_from"] == ["child L001.bam", "child L002.bam", reference]
    assert entries["alignments/lanes/child.L001.bam"]["task"] == "merge_bam_alignment"
    table = entries["metrics/child.recalibration.table"]
    assert (table["asset"], table["alignment_cid"]) == ("bqsr_report", "alignments/child.bam")
    after = entries["metrics/child.recalibration_after.table"]
    assert (after["asset"], after["task"], after["tool"]) == ("qc_metrics", "base_recalibrator", "gatk")
    index = entries["reference/known_sites/snps.vcf.idx"]
    assert (index["asset"], index["subject"]) == ("known_sites_index", "snps")
    assert index["known_sites_cid"] == "snps.vcf"
    versions = json.loads((results / "versions.json").read_text())
    assert set(versions) <= set(catalog.workflows()["preprocess_sample"].tasks)


def test_another_folder_and_another_number_of_cpus_give_the_same_bytes(bench: Bench, results: Path) -> None:
    again = _preprocess(bench, SECOND_RUN, "--max_cpus", "1")
    first, second = (
        {
            str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in folder.rglob("*")
            if file.is_file()
        }
        for folder in (results, again)
    )
    assert first == second

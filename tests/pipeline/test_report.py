"""The report of the bundled trio: its numbers against samtools and bcftools, its names, what it asks for."""

import csv
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from e2e.user import manifest

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

# Names with all that a name may have, and endings that MultiQC would cut off.
CHILD, FATHER, MOTHER = "a.b-c_1", "father.bam", "mother_R1"
# From 0 on, as a BED counts; chrB has two.
REGIONS = (("chrA", 100, 12_600), ("chrB", 0, 4000), ("chrB", 4100, 8800))
CALLS = "%FILTER\t%REF,%ALT[\t%SAMPLE=%GT]\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, bundled: Path, toolbox: Toolbox) -> Path:
    """The folder of a run without the CLI, with regions and a PED file."""
    folder = tmp_path_factory.mktemp("report") / "a folder"
    folder.mkdir()
    reads = ((CHILD, "child_L001"), (CHILD, "child_L002"), (FATHER, "father"), (MOTHER, "mother"))
    rows = [
        f"{name},{lane},{bundled / stem}_R1.fastq.gz,{bundled / stem}_R2.fastq.gz"
        for lane, (name, stem) in enumerate(reads)
    ]
    (folder / "s.csv").write_text("\n".join(["sample,lane,fastq_1,fastq_2", *rows]) + "\n")
    (folder / "t.bed").write_text("".join(f"{name}\t{start}\t{end}\n" for name, start, end in REGIONS))
    (folder / "f.ped").write_text(
        f"F {CHILD} {FATHER} {MOTHER} 1 0\nF {FATHER} 0 0 1 0\nF {MOTHER} 0 0 2 0\n"
    )
    done = subprocess.run(
        [
            *toolbox.nextflow, "run", catalog.pipeline_dir(), "-ansi-log", "false", "--input", "s.csv",
            "--fasta", bundled / "reference.fa", "--build", "TRIO", "--cohort_id", "trio", "--aligner", "bwa",
            "--pedigree", "f.ped", "--intervals", "t.bed",
        ],
        cwd=folder, env=toolbox.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return folder


def tool(toolbox: Toolbox, *command: str | Path) -> str:
    return subprocess.run(
        command, env=toolbox.environment(), capture_output=True, text=True, check=True
    ).stdout


def statistics(run: Path) -> dict[str, dict[str, str]]:
    """The rows of the report's first table, as MultiQC writes them beside it."""
    (file,) = run.glob("work/*/*/report_data/multiqc_general_stats.txt")
    with file.open() as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {row["Sample"]: {key.rpartition("-")[2]: value for key, value in row.items()} for row in rows}


def snp_genotypes(calls: str) -> dict[str, tuple[int, int]]:
    """Count each sample's heterozygous and homozygous SNPs among the calls that passed."""
    counts: dict[str, list[int]] = {CHILD: [0, 0], FATHER: [0, 0], MOTHER: [0, 0]}
    for line in calls.splitlines():
        status, alleles, *cells = line.split("\t")
        bases = alleles.split(",")
        for cell in cells:
            name, _, genotype = cell.partition("=")
            found = re.split(r"[/|]", genotype)
            other = [bases[int(allele)] for allele in found if allele not in "0."]
            if status in ("PASS", ".") and other and all(len(base) == len(bases[0]) == 1 for base in other):
                counts[name][len(set(found)) == 1] += 1
    return {name: (het, hom) for name, (het, hom) in counts.items()}


def test_the_numbers_are_those_of_samtools_and_bcftools(run: Path, toolbox: Toolbox) -> None:
    table = statistics(run)
    assert set(table) == {CHILD, FATHER, MOTHER, "trio"}
    vcf = run / "results" / "variants" / "trio.vcf.gz"

    genotypes = snp_genotypes(tool(toolbox, "bcftools", "query", "--format", CALLS, vcf))

    for sample in (CHILD, FATHER, MOTHER):
        row = {key: float(value) for key, value in table[sample].items() if key != "Sample" and value}
        bam = run / "results" / "alignments" / f"{sample}.bam"
        flags = tool(toolbox, "samtools", "flagstat", bam)
        counts = {
            name: int(n)
            for n, name in re.findall(r"^(\d+) \+ 0 (primary|primary mapped)(?: \(|$)", flags, re.M)
        }
        assert row["raw_total_sequences"] == pytest.approx(counts["primary"] / 1000)
        mapped = 100 * counts["primary mapped"] / counts["primary"]
        assert row["reads_mapped_percent"] == pytest.approx(mapped)
        depths = [
            int(line.split("\t")[2])
            for line in tool(toolbox, "samtools", "depth", "-a", "-b", run / "t.bed", bam).splitlines()
        ]
        assert row["mean_depth"] == pytest.approx(sum(depths) / len(depths))
        for least in (10, 20, 30):
            covered = sum(depth >= least for depth in depths)
            assert row[f"covered_{least}"] == pytest.approx(100 * covered / len(depths))
        het, hom = genotypes[sample]
        assert (row["snps"], row["het_hom"]) == (het + hom, pytest.approx(het / hom))
    # Planted by the simulation: every fourth pair of the mother is a duplicate.
    assert float(table[MOTHER]["PERCENT_DUPLICATION"]) == pytest.approx(25, abs=0.1)


def test_coverage_is_of_the_regions(run: Path, toolbox: Toolbox) -> None:
    """Against samtools coverage, which takes one region at a time."""
    for sample in (CHILD, FATHER, MOTHER):
        bam = run / "results" / "alignments" / f"{sample}.bam"
        alone = [
            tool(toolbox, "samtools", "coverage", "--no-header", "--region", f"{name}:{start + 1}-{end}", bam)
            for name, start, end in REGIONS
        ]
        _header, *rows = (
            (run / "results" / "metrics" / f"{sample}.samtools_coverage.txt").read_text().splitlines()
        )
        assert [row.split("\t") for row in rows] == [row.split("\t")[:7] for row in alone]


class Page(HTMLParser):
    """What a page loads from elsewhere, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.policy = ""
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if tag in ("script", "link", "img", "iframe"):
            self.loaded += [given[key] for key in ("src", "href") if key in given]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_tells_how_it_was_made_and_loads_nothing(run: Path) -> None:
    text = (run / "results" / "reports" / "trio.germline.html").read_text()
    page = Page()
    page.feed(text)
    assert [source for source in page.loaded if not source.startswith("data:")] == []
    assert page.policy.startswith("default-src 'none'")
    assert str(run) not in text
    words = " ".join(" ".join(page.text).split())
    for told in (
        "Germline variants of trio",
        f"3: {CHILD}, {FATHER}, {MOTHER}",
        "hard filters",
        "Pedigree f.ped",
        "Regions t.bed: variants were called in them with 100 bases more on each side",
        f"{CHILD} chrB:1-4,000",
        "Ploidy 2",
        "Known sites none were used",
        "Pipeline Stargazer 0.",
        "the sequencer's quality scores were used as they are",
        "not enough data: 28 biallelic SNPs in 2 stretches of 1 Mb",
    ):
        assert told in words
    assert "TRIO" in words


def test_the_manifest_names_the_metrics_and_the_report(run: Path) -> None:
    lines = {line["path"]: line for line in manifest(run / "results")}
    stats = lines[f"metrics/{CHILD}.samtools_stats.txt"]
    assert (stats["asset"], stats["tool"], stats["task"]) == ("qc_metrics", "samtools", "samtools_stats")
    assert stats["alignment_cid"] == f"alignments/{CHILD}.bam"
    coverage = lines[f"metrics/{CHILD}.samtools_coverage.txt"]
    assert stats["derived_from"] == coverage["derived_from"] == [f"alignments/{CHILD}.bam", "t.bed"]
    calls = lines["metrics/trio.bcftools_stats.txt"]
    assert (calls["variants_cid"], calls["sample_id"]) == ("variants/trio.vcf.gz", "trio")
    report = lines["reports/trio.germline.html"]
    assert (report["asset"], report["task"], report["subject"]) == ("report", "multiqc", "trio")
    assert set(report["derived_from"]) >= {
        "variants/trio.vcf.gz",
        "f.ped",
        f"metrics/{MOTHER}.samtools_stats.txt",
    }
    assert not re.search("command line was", (run / "results" / stats["path"]).read_text())


def test_a_pedigree_and_earlier_metrics_are_checked_before_the_first_task(
    tmp_path: Path, toolbox: Toolbox
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name in (
        "one/a.samtools_stats.txt",
        "two/a.samtools_stats.txt",
        "one/b.recalibration.table",
        "notes.txt",
    ):
        (tmp_path / name).write_text("x\n")
    (tmp_path / "none.samtools_stats.txt").touch()
    pedigrees = {
        "good": "# F\nF a b c 1 0\n\nF b 0 0 other\n",
        "short": "F a 0 0\n",
        "sex": "F a 0 0 3 0\n",
        "twice": "F a 0 0 1 0\nG a 0 0 2 0\n",
        "father": "F a b c 1 0\nF b 0 0 2 0\n",
        "mother": "# F\nF c 0 0 1 0\nF a b c 1 0\n",
        "parents": "F a b c 1 0\nF b 0 0 1 0\nF c 0 0 2 0\n",
        "strangers": "F x 0 0 1 0\n",
        "latin": "F\xe9 a 0 0 1 0\n",
        "marked": "\ufeff# F\xe9\nF a 0 0 1 0\n",
    }
    for name, text in pedigrees.items():
        (tmp_path / f"{name}.ped").write_text(text, encoding="latin-1" if name == "latin" else "utf-8")
    metrics = {
        "list": ["one/a.samtools_stats.txt", "one/b.recalibration.table"],
        "glob": "one/*",
        "commas": "one/a.samtools_stats.txt, one/b.recalibration.table",
        "nothing": None,
        "missing": "one/a.samtools_stats.txt,three/*",
        "same name": ["one/a.samtools_stats.txt", "two/a.samtools_stats.txt"],
        "other kind": "notes.txt",
        "empty": "none.samtools_stats.txt",
    }
    cases = {name: {"pedigree": f"{name}.ped", "samples": ["n", "a"]} for name in pedigrees}
    cases |= {name: {"qc_metrics": given} for name, given in metrics.items()}  # type: ignore[misc]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    script = Path(__file__).parent / "qc_inputs.nf"
    done = subprocess.run(
        [*toolbox.nextflow, "run", script, "--cases", "cases.json", "--said", "said.json"],
        cwd=tmp_path, env=toolbox.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    said = json.loads((tmp_path / "said.json").read_text())
    both = "one/a.samtools_stats.txt=a.samtools_stats.txt, one/b.recalibration.table=b.recalibration.table"
    for name in ("good", "parents", "marked"):
        assert said[name] == f"accepted: {name}.ped"
    assert said["list"] == said["commas"] == f"accepted: [{both}]"
    assert said["glob"].replace(f"{tmp_path}/", "") == f"accepted: [{both}]"
    assert said["nothing"] == "accepted: []"
    wanted = {
        "short": "--pedigree short.ped, line 1: has 4 columns; a PED file has family, sample,",
        "sex": "--pedigree sex.ped, line 1: the sex of a is '3'; it is 1 (male), 2 (female) or 0",
        "twice": "--pedigree twice.ped, line 2: sample a is in line 1 already",
        "father": "--pedigree father.ped, line 1: b is the father of a, and is female (sex 2) in line 2",
        "mother": "--pedigree mother.ped, line 3: c is the mother of a, and is male (sex 1) in line 2",
        "strangers": "--pedigree strangers.ped: names none of the run's samples in its second column: "
        "the run has n, a, the file x",
        "latin": "--pedigree latin.ped: is not UTF-8 text: save it as UTF-8",
        "missing": "--qc_metrics three/*: there is no such file",
        "same name": "--qc_metrics: one/a.samtools_stats.txt and two/a.samtools_stats.txt have the same name",
        "other kind": "--qc_metrics notes.txt: is none of SAMPLE.samtools_stats.txt,",
        "empty": "--qc_metrics none.samtools_stats.txt: the file is empty",
    }
    assert {name: said[name][: len(text)] for name, text in wanted.items()} == wanted

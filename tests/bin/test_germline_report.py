"""What MultiQC is given for the report of a germline run: names, numbers, our own sections."""

import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from germline import metrics, sections
from germline.checks import Findings
from germline.relatedness import Pair
from germline.sexes import Sex

BIN = Path(__file__).parents[2] / "bin"
RUN = {
    "cohort_id": "c", "samples": ["a.b-c_1", "x.bam"], "build": "B<38>", "reference": "my.fa", "regions": "",
    "padding": 100, "ploidy": 2, "known_sites": [], "pedigree": "", "bqsr": "off", "filter": "hard",
    "reasons": {}, "version": "0.1.0", "versions": [["gatk", "4.6"]],
}  # fmt: skip
NOTHING = sections.Counts({}, {}, {}, {})
STATS = """# This file was produced by samtools stats (1.16.1+htslib-1.16)
SN\traw total sequences:\t10
IS\t0\t0\t0\t0\t0
IS\t300\t6\t6\t0\t0
IS\t302\t4\t4\t0\t0
# Coverage distribution. Use `grep ^COV | cut -f 2-` to extract this part.
COV\t[9-9]\t9\t100
COV\t[20-20]\t20\t300
COV\t[35-35]\t35\t100
"""
COVERAGE = "#rname\tstartpos\tendpos\tnumreads\tcovbases\tcoverage\tmeandepth\tmeanbaseq\tmeanmapq\n"
CALLS = """SN\t0\tnumber of records:\t3
SN\t0\tnumber of SNPs:\t2
TSTV\t0\t4\t2\t2.00\t4\t2\t2.00
PSC\t0\ta.b-c_1\t1\t2\t5\t4\t2\t3\t30.0\t1\t0\t0\t0
PSC\t0\tx.bam\t1\t0\t5\t4\t0\t3\t30.0\t1\t0\t0\t7
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what the script reads: two samples, of which one has only calls."""
    kinds = {
        "a.b-c_1.samtools_stats.txt": STATS,
        "a.b-c_1.samtools_coverage.txt": COVERAGE + "1\t1\t1000\t5\t600\t60\t20\t30\t60\n",
        "a.b-c_1.recalibration.table": "#:GATKReport\n",
        "a.b-c_1.recalibration_after.table": "#:GATKReport\n",
        "other.samtools_stats.txt": STATS,
        "c.bcftools_stats.txt": CALLS,
    }
    (tmp_path / "metrics").mkdir()
    for name, text in kinds.items():
        (tmp_path / "metrics" / name).write_text(text)
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    (tmp_path / "r.fai").write_text("1\t1000\t0\t60\t61\n")
    (tmp_path / "g.tsv.gz").write_bytes(gzip.compress(b"#contig\tposition\ta.b-c_1\tx.bam\n1\t5\t0/1\t1/1\n"))
    return tmp_path


def lay_out(folder: Path, *more: str) -> Path:
    command = [
        BIN / "germline_report.py", "--run", "run.json", "--metrics", "metrics", "--genotypes", "g.tsv.gz",
        "--fai", "r.fai", "--outdir", "report", *more,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "report"


def section(report: Path, name: str) -> Any:
    return json.loads((report / f"{name}_mqc.json").read_text())


def test_files_are_called_like_their_samples_and_strangers_are_left_out(folder) -> None:
    report = lay_out(folder)
    names = {str(file.relative_to(report)) for file in report.rglob("*/*")}
    assert names == {
        "samtools_stats/a.b-c_1",
        "samtools_coverage/a.b-c_1",
        "recalibration/a.b-c_1",
        "recalibration/a.b-c_1 recalibrated",
        "bcftools_stats/c",
    }


def test_each_sample_has_its_numbers_and_only_those_that_are_known(folder) -> None:
    data = section(lay_out(folder), "stargazer_samples")["data"]
    assert data["a.b-c_1"] == pytest.approx(
        {
            "mean_depth": 10.4, "covered_10": 40, "covered_20": 40, "covered_30": 10, "snps": 7, "indels": 3,
            "singletons": 1, "missing": 0, "ti_tv": 2.0, "het_hom": 2.5,
        }
    )  # fmt: skip
    # No depths without reads, and no ratio to nothing.
    assert data["x.bam"] == {"snps": 5, "indels": 3, "singletons": 1, "missing": 7}


def test_depths_are_of_the_regions_where_the_run_has_some(tmp_path: Path) -> None:
    file = tmp_path / "s.txt"
    file.write_text(STATS.replace("IS\t0", "SN\tbases inside the target:\t500\nIS\t0"))
    found = metrics.read_stats(file, 1000)
    assert (found.bases, found.mean_depth, found.covered(20)) == (500, 20.8, 80)


def test_plots_are_in_the_order_of_numbers(folder) -> None:
    points = section(lay_out(folder), "stargazer_depths")["data"]["a.b-c_1"]
    assert list(points) == sorted(points)
    assert [float(depth) for depth in points] == list(range(37))
    assert (points["000009"], points["000010"], points["000036"]) == (50, 40, 0)
    inserts = section(lay_out_again(folder), "stargazer_inserts")["data"]["a.b-c_1"]
    assert inserts == {"000300": 6, "000301": 0, "000302": 4}


def lay_out_again(folder: Path) -> Path:
    return lay_out(folder, "--outdir", "again")


def test_nothing_of_ours_is_markup_by_accident() -> None:
    odd = "<script>alert('&')</script>"
    pair = Pair((odd, "b"), 2000, 0, 1000, 0.5)
    findings = Findings({odd: Sex(0.5, None, None, "female")}, {odd: ""}, [pair], set(), odd, [odd])
    run = RUN | dict.fromkeys(("cohort_id", "build", "reference", "regions", "pedigree", "version"), odd)
    run |= {"samples": [odd], "known_sites": [{"name": odd, "types": []}], "versions": [[odd, odd]]}
    run |= {"reasons": {"bqsr": odd, "filter": odd}}
    assert "<script" not in sections.hints_on_top(findings)
    for written in sections.written(run, sections.Counts({}, {}, {odd: 1.0}, {}), findings):
        if written["plot_type"] == "html":
            assert "<script" not in written["data"]


def test_a_large_cohort_shows_its_relatives_only() -> None:
    pairs = [Pair((f"s{n}", "t"), 2000, 0, 100, 0.25 if n % 100 == 0 else 0.0) for n in range(500)]
    findings = Findings({}, {}, pairs, {("s7", "t")}, "")
    (table,) = [made for made in sections.written(RUN, NOTHING, findings) if made["id"] == "stargazer_pairs"]
    assert list(table["data"]) == [*(f"s{n} and t" for n in range(0, 500, 100)), "s7 and t"]
    assert "Of 500 pairs, the 6 that look related" in table["description"]


def test_thousands_of_contigs_are_cut_to_the_longest_in_their_order(folder) -> None:
    rows = [f"c{n}\t1\t{1000 + n}\t5\t600\t60\t20\t30\t60\n" for n in range(5000)]
    (folder / "metrics" / "a.b-c_1.samtools_coverage.txt").write_text(COVERAGE + "".join(rows))
    shown = (lay_out(folder) / "samtools_coverage" / "a.b-c_1").read_text()
    assert shown == COVERAGE + "".join(rows[-50:])


def told(**more: Any) -> dict[str, str]:
    """The rows of "How it was made" by their first cells."""
    (made,) = [
        made
        for made in sections.written(RUN | more, NOTHING, Findings({}, {}, [], set(), ""))
        if made["id"] == "stargazer_run"
    ]
    return dict(re.findall("<th>(.*?)</th><td>(.*?)</td>", made["data"]))


def test_how_it_was_made_tells_what_was_given_and_what_was_decided_and_why() -> None:
    sites = [{"name": "mills", "types": ["INDEL"]}, {"name": "dbsnp", "types": ["SNP", "INDEL"]}]
    reasons = {"bqsr": "--bqsr on, although there are no known SNPs", "filter": "3 samples on 5 bases"}
    rows = told(
        regions="t.bed", padding=50, ploidy=4, known_sites=sites, pedigree="f.ped", bqsr="on", reasons=reasons
    )
    assert rows.items() >= {
        "Pedigree": "f.ped",
        "Ploidy": "4",
        "Known sites": "mills (indels); dbsnp (SNPs and indels)",
        "Pipeline": "Stargazer 0.1.0",
        "gatk": "4.6",
    }.items()  # fmt: skip
    assert rows["Base qualities"].endswith("recalibrated. Why: --bqsr on, although there are no known SNPs")
    assert rows["Filter"].endswith("for indels. Why: 3 samples on 5 bases")
    assert rows["Regions"].startswith("t.bed: variants were called in them with 50 bases more on each side;")


def test_how_it_was_made_tells_what_was_not_given() -> None:
    rows = told()
    assert rows["Regions"] == "the whole reference"
    assert (rows["Pedigree"], rows["Known sites"]) == ("none was given", "none were used")
    sites = [{"name": "mills", "types": ["INDEL"]}]
    assert told(known_sites=sites)["Known sites"] == "none were used"
    assert told(known_sites=sites, filter="vqsr")["Known sites"] == "mills (indels)"
    assert rows["Base qualities"].endswith("used as they are")
    assert "with no bases beside them" in told(regions="t.bed", padding=0)["Regions"]


def of_regions(folder: Path, sample: str, *rows: tuple[str, int, int, float]) -> None:
    """Write the coverage of regions: contig, start, end, depth."""
    lines = ["#rname\tstartpos\tendpos\tnumreads\tcovbases\tcoverage\tmeandepth"]
    lines += [f"{contig}\t{start}\t{end}\t7\t1\t50\t{depth}" for contig, start, end, depth in rows]
    (folder / "metrics" / f"{sample}.samtools_coverage.txt").write_text("\n".join(lines) + "\n")


def test_regions_have_their_own_table_and_multiqc_does_not_take_them_for_contigs(folder) -> None:
    of_regions(folder, "a.b-c_1", ("1", 101, 200, 30), ("1", 301, 600, 10), ("2", 1, 50, 20))
    made = lay_out(folder)
    assert not (made / "samtools_coverage").exists()
    table = section(made, "stargazer_regions")
    assert table["data"] == {
        "a.b-c_1 1:301-600": {"depth": 10, "covered": 50, "bases": 300},
        "a.b-c_1 2:1-50": {"depth": 20, "covered": 50, "bases": 50},
        "a.b-c_1 1:101-200": {"depth": 30, "covered": 50, "bases": 100},
    }
    assert next(iter(table["data"])) == "a.b-c_1 1:301-600"
    assert table["description"].startswith("Each region;")
    # Sexes are judged by contigs, of which only the regions count.
    file = folder / "metrics" / "a.b-c_1.samtools_coverage.txt"
    assert metrics.read_coverage(file) == {"1": metrics.Contig(400, 14, 15), "2": metrics.Contig(50, 7, 20)}


def test_of_many_regions_those_with_the_lowest_depth_are_shown(folder) -> None:
    for sample in RUN["samples"]:
        of_regions(folder, sample, *(("1", 1 + 10 * n, 10 + 10 * n, 1000 - n) for n in range(300)))
    table = section(lay_out(folder), "stargazer_regions")
    depths = [row["depth"] for row in table["data"].values()]
    assert depths == [701 + n for n in range(100)] * 2
    assert table["description"].startswith("The 100 regions of each sample with the lowest depth;")


@pytest.mark.parametrize(("contigs", "removed"), [(1, True), (2, False)])
def test_one_contig_makes_no_line_from_contig_to_contig(folder, contigs, removed) -> None:
    rows = "".join(f"{n}\t1\t1000\t5\t600\t60\t20\t30\t60\n" for n in range(contigs))
    (folder / "metrics" / "a.b-c_1.samtools_coverage.txt").write_text(COVERAGE + rows)
    settings = json.loads((lay_out(folder) / "multiqc_config.yaml").read_text())
    assert ("samtools-coverage-section" in settings["remove_sections"]) is removed


def test_nothing_asks_the_network_and_nothing_says_where_it_was_made(folder) -> None:
    settings = json.loads((lay_out(folder) / "multiqc_config.yaml").read_text())
    wanted = {
        "no_ai": True,
        "no_version_check": True,
        "show_analysis_paths": False,
        "show_analysis_time": False,
    }
    assert settings.items() >= wanted.items()
    assert settings["fn_clean_exts"] == settings["fn_ignore_files"] == []


@pytest.mark.parametrize(("reads", "unit"), [(999_999, "K"), (2_000_000_000, None)])
def test_what_is_written_as_a_number_is_read_as_one(folder, reads, unit) -> None:
    """As YAML, where 1e-06 is a text: MultiQC would repeat it once a read."""
    row = f"1\t1\t1000\t{reads}\t600\t60\t20\t30\t60\n"
    (folder / "metrics" / "a.b-c_1.samtools_coverage.txt").write_text(COVERAGE + row)
    text = (lay_out(folder) / "multiqc_config.yaml").read_text()
    assert yaml.safe_load(text) == json.loads(text)
    assert yaml.safe_load(text).get("read_count_prefix") == unit


def test_one_persons_reads_under_two_names_are_told(folder) -> None:
    cells = ("1/1:99\t1/1:99", "0/1\t0/1")
    sites = [f"{1 + n % 22}\t{n * 40_000}\t{cells[n % 2]}\n" for n in range(5000)]
    table = "#contig\tposition\ta.b-c_1\tx.bam\n" + "".join(sites)
    (folder / "g.tsv.gz").write_bytes(gzip.compress(table.encode()))
    told = "a.b-c_1 and x.bam look identical (kinship 0.50)"
    made = lay_out(folder)
    assert told in section(made, "stargazer_checks")["data"]
    # Above all tables, too, and nothing is there where all is well.
    assert told in json.loads((made / "multiqc_config.yaml").read_text())["report_comment"]
    assert sections.hints_on_top(Findings({}, {}, [], set(), "")) == ""


def test_join_stats_takes_depths_and_sizes_of_the_other_file(tmp_path: Path) -> None:
    (tmp_path / "all").write_text(STATS + "# GC-depth.\nGCD\t0\n")
    part = STATS.replace("IS\t0", "SN\tbases inside the target:\t500\nIS\t0").replace("[9-9]\t9", "[8-8]\t8")
    (tmp_path / "part").write_text(part)
    done = subprocess.run(
        [BIN / "join_stats", "all", "part"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == part + "# GC-depth.\nGCD\t0\n"

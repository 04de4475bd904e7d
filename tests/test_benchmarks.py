"""The simulated cohort is what it says, and the benchmark of the germline run tells two runs apart."""

import gzip
import importlib
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
BASES = 60_000


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a benchmark as its own folder sees it; the report's package in bin/ has the same name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in [name for name in sys.modules if name.split(".")[0] == "germline"]:
        monkeypatch.delitem(sys.modules, name)
    found = importlib.import_module("germline")
    monkeypatch.setitem(sys.modules, "germline", found)
    monkeypatch.delitem(sys.modules, "germline")
    return found


def simulate(folder: Path, *options: str) -> Path:
    command = [sys.executable, BENCHMARKS / "simulate_cohort.py", folder, "--bases", str(BASES), *options]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("numpy")
    return simulate(tmp_path_factory.mktemp("cohort") / "a folder")


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def sequences(fasta: Path) -> dict[str, str]:
    entries = fasta.read_text().split(">")[1:]
    return {entry.split()[0]: "".join(entry.split()[1:]) for entry in entries}


def rows(vcf: Path) -> list[list[str]]:
    lines = gzip.decompress(vcf.read_bytes()).decode().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def test_the_same_options_give_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    assert files(simulate(tmp_path / "again")) == files(cohort)
    other = files(simulate(tmp_path / "other", "--seed", "8"))
    assert other["reference.fa"] != files(cohort)["reference.fa"]


def test_sites_fit_the_reference_and_are_left_aligned(cohort: Path) -> None:
    contigs = sequences(cohort / "reference.fa")
    assert sum(map(len, contigs.values())) == BASES
    sites = rows(cohort / "truth/joint.vcf.gz")
    assert 60 < len(sites) < 200
    assert any(len(row[3]) > 1 for row in sites)
    assert any(len(row[4].split(",")[0]) > 1 for row in sites)
    for contig, text, _, ref, alts, *_ in sites:
        pos = int(text)
        assert contigs[contig][pos - 1 : pos - 1 + len(ref)] == ref
        for alt in alts.split(","):
            assert ref != alt
            # Neither could lose its last base, nor its first.
            assert ref[-1] != alt[-1]
            assert min(len(ref), len(alt)) == 1


def test_the_child_has_one_copy_from_each_parent(cohort: Path) -> None:
    sites = rows(cohort / "truth/joint.vcf.gz")
    for row in sites:
        child, father, mother = (genotype.split("|") for genotype in row[9:])
        assert child[0] in father
        assert child[1] in mother
    alone = {name: rows(cohort / f"truth/{name}.vcf.gz") for name in ("child", "father", "mother")}
    for column, (name, own) in enumerate(alone.items(), 9):
        assert [[*row[:5], row[9]] for row in own] == [
            [*row[:5], row[column]] for row in sites if row[column] != "0|0"
        ], name


def test_reads_have_the_errors_that_they_claim(cohort: Path) -> None:
    text = gzip.decompress((cohort / "reads/father_R1.fastq.gz").read_bytes()).decode().splitlines()
    reads, qualities = text[1::4], text[3::4]
    assert len(reads) == BASES * 30 // 300
    assert {len(read) for read in reads} == {150}
    assert len({name.split()[0] for name in text[::4]}) == len(reads)
    reference = sequences(cohort / "reference.fa")
    both = "".join(reference.values())
    both += "N" + both.translate(str.maketrans("ACGT", "TGCA"))[::-1]
    right = {one: 1 - 10 ** ((33 - ord(one)) / 10) for one in set("".join(qualities))}
    # What has no error and no variant is found as it is; about one read in seven has a variant.
    free = sum(math.prod(right[one] for one in quality) for quality in qualities)
    exact = sum(read in both for read in reads)
    assert 0.78 * free < exact < 0.94 * free


def test_known_sites_are_most_of_the_planted_ones(cohort: Path) -> None:
    known = {tuple(row[:5]) for row in rows(cohort / "known_sites.vcf.gz")}
    planted = {tuple(row[:5]) for row in rows(cohort / "truth/joint.vcf.gz")}
    assert known < planted
    assert 0.8 < len(known) / len(planted) < 0.97


def vcf(path: Path, *lines: str) -> Path:
    header = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT A B"
    text = "\n".join(line.replace(" ", "\t") for line in (header, *lines))
    path.write_text(text + "\n")
    return path


CALLED = ("c 5 . A G 9.5 PASS . GT:DP 0/1:3 0|0:4", "c 9 . A G 5 QD2;FS60 . GT 1/1 ./.")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (("c 5 . A G 9.6 PASS . GT 0/1 0|0", "c 9 . A G 5 FS60;QD2 . GT 1/1 ./."), True),
        ((CALLED[0],), False),
        ((CALLED[0], "c 9 . A G 5 PASS . GT 1/1 ./."), False),
        ((CALLED[0], "c 9 . A G 5 QD2;FS60 . GT 0/1 ./."), False),
        ((CALLED[0], "c 9 . A T 5 QD2;FS60 . GT 1/1 ./."), False),
    ],
    ids=["other annotations", "a site less", "other FILTER", "other genotype", "other allele"],
)
def test_what_two_runs_must_agree_on(
    load: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], other: tuple[str, ...], same: bool
) -> None:
    files = {"shell": vcf(tmp_path / "1.vcf", *CALLED), "stargazer": vcf(tmp_path / "2.vcf", *other)}
    assert load.compare(files) is same
    said = capsys.readouterr().out
    assert ("all called the same" in said) is same
    assert ("- c 9" in said) is not same


def test_what_the_last_task_waited_for(load: ModuleType) -> None:
    """Two samples side by side: the slower one counts."""

    def task(name: str, begun: float, ended: float) -> object:
        return load.TaskTime(name, begun - 0.1, ended, ended - begun, 1.0)

    tasks = [task("index", 0, 2), task("fast", 3, 4), task("slow", 3, 9), task("joint", 10, 12)]
    assert [one.name for one in load.chain(tasks)] == ["index", "slow", "joint"]
    assert load.chain([]) == []

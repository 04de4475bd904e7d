"""benchmarks/accuracy.py on made cases whose answer is known by hand."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "accuracy.py"
_spec = importlib.util.spec_from_file_location("accuracy", SCRIPT)
assert _spec and _spec.loader
accuracy = importlib.util.module_from_spec(_spec)
sys.modules["accuracy"] = accuracy
_spec.loader.exec_module(accuracy)

# Position 101 of c1 is the T of TAAAAAAC; 111 begins CAGT; every other base is far from a repeat of itself.
_BEFORE = (
    "ACGTCTGATCGGATTCAGCTAGGCATCGTTACGCGATGCCTAGATCCGTATGCAGGCTTAGCCATGACGTTGCAATCGGCTAACTGCGATTCGAGCTACG"
)
_AFTER = (
    "GGTCATTGCCGATAGCTCGGATCTTACGCAGTCCGATGACTTAGCGGCATACGTCCTGATAGGCTCAATCGCTGTACCGAATGGCTAGTCATGCAGGTCC"
)
C1 = _BEFORE + "TAAAAAACGTCAGT" + _AFTER
C2 = "GATTACAGGCTTAACCGTCGATGCATCGGTACTAGCTTGC" * 3

Row = tuple[Any, ...]  # POS, REF, ALT, GT [, FILTER [, contig]]


def at(pos: int, length: int = 1) -> str:
    return C1[pos - 1 : pos - 1 + length]


def other(base: str) -> str:
    return {"A": "G", "G": "A", "C": "T", "T": "C"}[base]


def snp(pos: int, genotype: str, *rest: str) -> Row:
    return (pos, at(pos), other(at(pos)), genotype, *rest)


class Case:
    """A reference, regions, and two VCFs in a folder with a space in its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a folder"
        self.folder.mkdir()
        (self.folder / "ref.fa").write_text(f">c1 first\n{C1}\n>c2\n{C2}\n")
        self.regions((("c1", 0, len(C1)), ("c2", 0, len(C2))))

    def regions(self, rows: tuple[tuple[str, int, int], ...]) -> None:
        (self.folder / "regions.bed").write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in rows))

    def write(self, name: str, rows: list[Row], samples: tuple[str, ...] = ("S",)) -> None:
        lines = [
            "##fileformat=VCFv4.2",
            "##contig=<ID=c1>",
            "##contig=<ID=c2>",
            '##FILTER=<ID=low,Description="x">',
        ]
        lines.append(
            "\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"), *samples])
        )
        for pos, ref, alt, genotypes, *rest in rows:
            filtered, contig = (*rest, *(".", "c1")[len(rest) :])
            texts = genotypes.split(" ")
            lines.append("\t".join([contig, str(pos), ".", ref, alt, "50", filtered, ".", "GT", *texts]))
        (self.folder / f"{name}.vcf").write_text("\n".join(lines) + "\n")

    def command(self, *options: str) -> subprocess.CompletedProcess[str]:
        files = [self.folder / name for name in ("calls.vcf", "truth.vcf")]
        where = ["--bed", self.folder / "regions.bed", "--reference", self.folder / "ref.fa"]
        command = [sys.executable, SCRIPT, *files, *where, "--json", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def scores(self, truth: list[Row], calls: list[Row], *options: str) -> dict[str, tuple[int, ...]]:
        """Return (TP, FP, FN, genotype errors) of each kind."""
        self.write("truth", truth)
        self.write("calls", calls)
        return self.counted(*options)

    def counted(self, *options: str) -> dict[str, tuple[int, ...]]:
        done = self.command(*options)
        assert done.returncode == 0, done.stderr
        return {
            one["kind"]: (one["tp"], one["fp"], one["fn"], one["genotype_errors"])
            for one in json.loads(done.stdout)
        }


@pytest.fixture
def case(tmp_path: Path) -> Case:
    try:
        accuracy.find_tool("aardvark", accuracy.INSTALL)
        accuracy.find_tool("bcftools", "")
    except accuracy.AccuracyError as error:
        pytest.skip(str(error))
    return Case(tmp_path)


NOTHING = (0, 0, 0, 0)


def test_the_same_calls(case: Case) -> None:
    rows = [snp(20, "0/1"), snp(60, "1|1"), (150, at(150), at(150) + "GTC", "0/1")]
    assert case.scores(rows, rows) == {"SNP": (2, 0, 0, 0), "indel": (1, 0, 0, 0)}


def test_missed_and_invented(case: Case) -> None:
    truth = [snp(20, "0/1"), snp(60, "1/1"), (150, at(150), at(150) + "GTC", "0/1")]
    calls = [snp(20, "0/1"), snp(80, "0/1"), (170, at(170, 3), at(170), "0/1")]
    assert case.scores(truth, calls) == {"SNP": (1, 1, 1, 0), "indel": (0, 1, 1, 0)}


def test_a_deletion_that_is_not_left_aligned(case: Case) -> None:
    """One A fewer among six: at the run's begin, and at its end."""
    assert at(101, 8) == "TAAAAAAC"
    assert case.scores([(101, "TA", "T", "0/1")], [(106, "AA", "A", "0/1")])["indel"] == (1, 0, 0, 0)


def test_bases_around_the_change(case: Case) -> None:
    long = (101, "TAAAAAAC", "TAAAAAC", "1/1")
    assert case.scores([(101, "TA", "T", "1/1")], [long]) == {"SNP": NOTHING, "indel": (1, 0, 0, 0)}


def test_two_snps_as_one_record(case: Case) -> None:
    joined = (20, at(20, 2), other(at(20)) + other(at(21)), "0/1")
    apart = [snp(20, "0/1"), snp(21, "0/1")]
    assert case.scores(apart, [joined]) == {"SNP": (2, 0, 0, 0), "indel": NOTHING}
    assert case.scores([joined], apart) == {"SNP": (2, 0, 0, 0), "indel": NOTHING}


def test_a_haplotype_that_no_alignment_makes_the_same(case: Case) -> None:
    """AG turned into GA: two SNPs, or a G put in before and one taken out after."""
    assert at(111, 4) == "CAGT"
    snps = [(112, "A", "G", "0/1"), (113, "G", "A", "0/1")]
    indels = [(111, "C", "CG", "0/1"), (112, "AG", "A", "0/1")]
    assert case.scores(snps, indels) == {"SNP": (2, 0, 0, 0), "indel": NOTHING}


def test_two_alts_in_one_record_or_in_two(case: Case) -> None:
    assert at(20) == "T"
    one = [(20, "T", "A,C", "1/2")]
    two = [(20, "T", "A", "0/1"), (20, "T", "C", "0/1")]
    assert case.scores(one, two)["SNP"] == (2, 0, 0, 0)
    assert case.scores(two, one)["SNP"] == (2, 0, 0, 0)
    assert case.scores(one, two[:1])["SNP"] == (1, 0, 1, 0)


@pytest.mark.parametrize(("planted", "called"), [("0/1", "1/1"), ("1/1", "0/1"), ("1/1", "./1")])
def test_a_wrong_genotype_is_missed_and_invented(case: Case, planted: str, called: str) -> None:
    assert case.scores([snp(20, planted)], [snp(20, called)])["SNP"] == (0, 1, 1, 1)


@pytest.mark.parametrize(
    ("planted", "called"), [("0/1", "1|0"), ("0/1", "./1"), ("1/1", "1"), ("0|1", "1/0")]
)
def test_the_same_genotype_in_other_words(case: Case, planted: str, called: str) -> None:
    assert case.scores([snp(20, planted)], [snp(20, called)])["SNP"] == (1, 0, 0, 0)


@pytest.mark.parametrize("called", ["./.", ".", "0/0", "./0"])
def test_no_call_of_the_allele(case: Case, called: str) -> None:
    assert case.scores([snp(20, "0/1")], [snp(20, called)])["SNP"] == (0, 0, 1, 0)


def test_symbolic_and_deleted_alleles_are_no_calls(case: Case) -> None:
    calls = [(20, at(20), f"{other(at(20))},*,<NON_REF>", "1/2"), (60, at(60), "<DEL>", "0/1")]
    assert case.scores([snp(20, "0/1")], calls) == {"SNP": (1, 0, 0, 0), "indel": NOTHING}


def test_only_what_lies_inside_the_regions(case: Case) -> None:
    case.regions((("c1", 19, 60),))  # 20 to 60, counted from 1
    assert case.scores([], [snp(pos, "0/1") for pos in (19, 20, 60, 61)])["SNP"] == (0, 2, 0, 0)
    # A deletion of 60 alone, one that reaches to 61, and an insertion behind 60.
    assert case.scores([], [(59, at(59, 2), at(59), "0/1")])["indel"] == (0, 1, 0, 0)
    assert case.scores([], [(59, at(59, 3), at(59), "0/1")])["indel"] == NOTHING
    assert case.scores([], [(60, at(60), at(60) + "ATG", "0/1")])["indel"] == (0, 1, 0, 0)


def test_regions_that_overlap_count_once(case: Case) -> None:
    case.regions((("c2", 0, 40), ("c1", 10, 40), ("c1", 0, 30), ("c1", 15, 20)))
    assert case.scores([snp(20, "0/1")], [snp(20, "0/1"), snp(35, "0/1")])["SNP"] == (1, 1, 0, 0)


def test_nothing_called_and_nothing_to_find(case: Case) -> None:
    assert case.scores([snp(20, "0/1")], [])["SNP"] == (0, 0, 1, 0)
    one = next(one for one in json.loads(case.command().stdout) if one["kind"] == "SNP")
    assert (one["precision"], one["recall"], one["f1"], one["concordance"]) == (None, 0.0, 0.0, None)
    assert case.scores([], []) == {"SNP": NOTHING, "indel": NOTHING}


def test_filtered_calls(case: Case) -> None:
    calls = [snp(20, "0/1", "low"), snp(60, "0/1", "PASS")]
    truth = [snp(20, "0/1"), snp(60, "0/1", "low")]
    assert case.scores(truth, calls)["SNP"] == (1, 0, 1, 0)
    assert case.scores(truth, calls, "--all")["SNP"] == (2, 0, 0, 0)


def test_one_sample_of_several(case: Case) -> None:
    case.write("truth", [snp(20, "0/1")])
    case.write("calls", [snp(20, "0/0 0/1"), snp(60, "0/1 ./.")], samples=("A", "B"))
    assert case.counted("--sample", "A")["SNP"] == (0, 1, 1, 0)
    assert case.counted("--sample", "B")["SNP"] == (1, 0, 0, 0)
    assert "2 samples: name one (A, B)" in case.command().stderr
    assert "no sample C, only: A, B" in case.command("--sample", "C").stderr


def test_a_second_contig(case: Case) -> None:
    row = (30, C2[29], other(C2[29]), "0/1", ".", "c2")
    assert case.scores([row], [row, snp(20, "0/1")])["SNP"] == (1, 1, 0, 0)


def test_contigs_and_bases_of_another_build(case: Case) -> None:
    case.write("truth", [snp(20, "0/1")])
    case.write("calls", [snp(20, "0/1", ".", "chr1")])
    done = case.command()
    assert done.returncode == 1
    assert "calls.vcf names chr1, which the reference does not have (it has c1, c2)" in done.stderr
    case.write("calls", [(20, other(at(20)), at(20), "0/1")])
    done = case.command()
    assert done.returncode == 1
    assert "calls.vcf does not fit" in done.stderr
    case.regions((("chr1", 0, 100),))
    assert "regions.bed names chr1" in case.command().stderr


def test_genotypes_of_more_copies_are_refused(case: Case) -> None:
    case.write("truth", [snp(20, "0/1")])
    case.write("calls", [snp(20, "0/0/1")])
    assert "calls.vcf line 6 has the genotype 0/0/1" in case.command().stderr

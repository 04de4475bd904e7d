"""Whether samples look like who they are said to be: on simulated families whose truth is known."""

import gzip
import random
from pathlib import Path

import pytest
from germline import relatedness, sexes
from germline.checks import check_samples
from germline.genotypes import Genotypes, read_genotypes
from germline.metrics import Contig
from germline.pedigree import Person, is_parent, read_pedigree
from germline.relatedness import (
    IDENTICAL,
    PARENT_CHILD,
    SECOND_DEGREE,
    SIBLINGS,
    UNRELATED,
)

GRCH38 = {f"chr{number}": 140_000_000 for number in range(1, 23)} | {"chrX": 156_040_895, "chrY": 57_227_415}
SITES = 20_000

Haplotypes = tuple[list[int], list[int]]


@pytest.fixture(scope="module")
def family() -> Genotypes:
    """Three generations, a twin, a cousin and a stranger; one call in 500 is wrong."""
    generator = random.Random(4)
    frequencies = [generator.uniform(0.05, 0.5) for _ in range(SITES)]

    def founder() -> Haplotypes:
        return tuple([int(generator.random() < f) for f in frequencies] for _ in range(2))  # type: ignore[return-value]

    def gamete(parent: Haplotypes) -> list[int]:
        # Linked blocks, of which each comes from either haplotype: a genome is inherited in stretches.
        block = 50
        picks = [generator.randrange(2) for _ in range(SITES // block + 1)]
        return [parent[picks[site // block]][site] for site in range(SITES)]

    def child(one: Haplotypes, other: Haplotypes) -> Haplotypes:
        return gamete(one), gamete(other)

    grandmother, grandfather, mother, aunt = founder(), founder(), founder(), founder()
    father, uncle = child(grandmother, grandfather), child(grandmother, grandfather)
    people = {
        "grandmother": grandmother, "father": father, "uncle": uncle, "mother": mother,
        "son": child(father, mother), "daughter": child(father, mother), "cousin": child(uncle, aunt),
        "stranger": founder(),
    }  # fmt: skip
    people["twin"] = people["son"]

    def called(haplotypes: Haplotypes) -> bytes:
        codes = (one + other for one, other in zip(*haplotypes, strict=True))
        return bytes(48 + (generator.randrange(4) if generator.random() < 0.002 else code) for code in codes)

    sites = [(f"chr{1 + site % 22}", 1 + (site // 22) * 100_000) for site in range(SITES)]
    return Genotypes(sites, {name: called(haplotypes) for name, haplotypes in people.items()})


def test_relatives_look_like_what_they_are(family) -> None:
    assert relatedness.lack_of_sites(family.sites) == ""
    pairs = list(relatedness.compare(family.at([True] * SITES)))
    looks = {frozenset(pair.samples): pair.looks for pair in pairs}
    known = {
        ("son", "twin"): IDENTICAL,
        ("father", "son"): PARENT_CHILD,
        ("mother", "daughter"): PARENT_CHILD,
        ("grandmother", "father"): PARENT_CHILD,
        ("son", "daughter"): SIBLINGS,
        ("father", "uncle"): SIBLINGS,
        ("uncle", "son"): SECOND_DEGREE,
        ("grandmother", "daughter"): SECOND_DEGREE,
        ("mother", "father"): UNRELATED,
        ("stranger", "daughter"): UNRELATED,
    }
    assert {pair: looks[frozenset(pair)] for pair in known} == known
    # Cousins share an eighth of their genomes, give or take: some look like no relatives.
    (cousins,) = [pair for pair in pairs if pair.samples == ("son", "cousin")]
    assert cousins.kinship == pytest.approx(0.0625, abs=0.03)


def test_kinship_is_that_of_the_paper() -> None:
    """Worked by hand: 4 heterozygous in both, 1 opposite, 6 and 8 heterozygous in all."""
    codes = {"a": b"1111" + b"11" + b"0000" + b"0" + b"000", "b": b"1111" + b"00" + b"1111" + b"2" + b"003"}
    marks = Genotypes([("1", n) for n in range(14)], codes).at([True] * 14)
    (pair,) = relatedness.compare(marks)
    assert (pair.sites, pair.both, pair.opposite) == (13, 4, 1)
    assert pair.kinship == pytest.approx((4 - 2) / 12 + 0.5 - (6 + 8) / 24)


def test_a_swap_is_hinted_and_a_true_family_is_not(family) -> None:
    people = {"son": Person("", ("father", "mother"))}
    trio = {name: family.samples[name] for name in ("son", "father", "mother")}
    true = check_samples(list(trio), Genotypes(family.sites, trio), GRCH38, {}, people)
    assert true.hints == []
    assert true.given_parents == {("son", "father"), ("son", "mother")}
    # The stranger's reads under the mother's name.
    swapped = trio | {"mother": family.samples["stranger"]}
    (hint,) = check_samples(list(trio), Genotypes(family.sites, swapped), GRCH38, {}, people).hints
    assert hint.startswith("son and mother are given as parent and child but do not look like it (kinship ")
    assert hint.endswith("they look like strangers.")
    # The father's reads under the mother's name, too.
    twice = trio | {"mother": family.samples["father"]}
    hints = check_samples(list(trio), Genotypes(family.sites, twice), GRCH38, {}, people).hints
    assert [hint.partition(" look ")[0] for hint in hints] == ["father and mother"]


def test_too_few_sites_say_nothing(family) -> None:
    few = Genotypes(family.sites[:900], {name: codes[:900] for name, codes in family.samples.items()})
    findings = check_samples(list(few.samples), few, GRCH38, {}, {})
    assert (findings.pairs, findings.hints) == ([], [])
    assert findings.lack.startswith("not enough data: 900 biallelic SNPs in ")
    # Many sites in one gene say nothing of the rest of the genome.
    gene = [("chr1", position) for position in range(5000)]
    assert "in 1 stretches of 1 Mb" in relatedness.lack_of_sites(gene)


def test_a_cohort_of_one_has_no_pairs(family) -> None:
    alone = Genotypes(family.sites, {"son": family.samples["son"]})
    assert check_samples(["son"], alone, GRCH38, {}, {}).lack == "there is one sample"


# Sexes.


def contigs(x_depth: float, y_depth: float) -> dict[str, Contig]:
    autosomes = {f"chr{number}": Contig(140_000_000, 1_000_000, 30.0) for number in range(1, 23)}
    lengths = {"chrX": x_depth, "chrY": y_depth}
    return autosomes | {name: Contig(GRCH38[name], 1000, 30 * depth) for name, depth in lengths.items()}


def on_x(heterozygous: int, alternate: int, start: int = 50_000_000) -> Genotypes:
    """Genotypes of one sample on X, from a position on."""
    codes = b"1" * heterozygous + b"2" * alternate
    return Genotypes([("chrX", start + 1000 * n) for n in range(len(codes))], {"s": codes})


@pytest.mark.parametrize(
    ("calls", "depths", "looks"),
    [
        (on_x(2, 300), None, "male"),
        (on_x(200, 150), None, "female"),
        (on_x(75, 225), None, "unclear"),
        (on_x(20, 10), None, ""),
        (on_x(0, 0), contigs(0.5, 0.2), "male"),
        (on_x(0, 0), contigs(1.0, 0.01), "female"),
        # Y is a male's from a tenth of the autosomes' depth on, X a female's from three quarters on.
        (on_x(0, 0), contigs(0.5, 0.11), "male"),
        (on_x(0, 0), contigs(0.5, 0.09), "unclear"),
        (on_x(0, 0), contigs(0.76, 0.09), "female"),
        (on_x(0, 0), contigs(0.74, 0.11), "male"),
        (on_x(0, 0), contigs(1.0, 0.25), "unclear"),
        (on_x(0, 0), contigs(0.5, 0.0), "unclear"),
        (on_x(2, 300), contigs(0.5, 0.2), "male"),
        (on_x(2, 300), contigs(1.0, 0.0), "unclear"),
    ],
)
def test_x_and_y_tell_the_sex(calls, depths, looks) -> None:
    findings = check_samples(
        ["s"], calls, GRCH38, {"s": depths} if depths else {}, {"s": Person("female", ())}
    )
    assert findings.sexes["s"].looks == looks
    told = ["s is given as female but looks male, by its X and Y chromosomes."] if looks == "male" else []
    assert findings.hints == told


def test_what_x_shares_with_y_does_not_count() -> None:
    """A male is heterozygous in the pseudoautosomal regions, as anyone is on the autosomes."""
    shared = on_x(300, 100, start=10_001 + 500_000)
    assert sexes.sites_of_x(shared, GRCH38)["s"].called.bit_count() == 0
    assert sexes.sites_of_x(shared, GRCH38 | {"chrX": 1000})["s"].called.bit_count() == 0


def test_a_shallow_or_small_sample_has_no_sex() -> None:
    shallow = {name: Contig(c.length, 100, c.depth / 100) for name, c in contigs(1.0, 0.0).items()}
    assert check_samples(["s"], on_x(0, 0), GRCH38, {"s": shallow}, {}).sexes["s"].looks == ""


# Files.


def test_genotypes_are_read_with_doubt_and_other_ploidies_left_out(tmp_path: Path) -> None:
    file = tmp_path / "g.tsv.gz"
    rows = ["#contig\tposition\ta\tb", "1:2\t7\t0/1:99\t1|0:20", "1:2\t9\t0/0:19\t./.:0", "X\t1\t1:50\t1/1"]
    file.write_bytes(gzip.compress(("\n".join(rows) + "\n").encode()))
    found = read_genotypes(file)
    assert found.sites == [("1:2", 7), ("1:2", 9), ("X", 1)]
    assert found.samples == {"a": b"133", "b": b"132"}
    file.write_bytes(gzip.compress(b"#contig\tposition\ta\n"))
    assert read_genotypes(file) == Genotypes([], {"a": b""})


def test_a_pedigree_gives_sexes_and_parents(tmp_path: Path) -> None:
    file = tmp_path / "f.ped"
    file.write_text("# a family\nF son father mother 1 2\nF\tfather\t0\t0\tother\t0\n\nF mother 0 0 2 -9\n")
    people = read_pedigree(file)
    assert people["son"] == Person("male", ("father", "mother"))
    assert [people[name].sex for name in ("father", "mother")] == ["", "female"]
    assert is_parent(people, "son", "mother")
    assert is_parent(people, "mother", "son")
    assert not is_parent(people, "mother", "father")
    assert not is_parent(people, "a", "b")

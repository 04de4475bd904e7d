"""The bundled trio: made by the script, consistent with itself, small."""

import gzip
import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from stargazer_cli.demo import summary

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "stargazer_cli" / "demo" / "data" / "germline"
TRUTH = json.loads((DATA / "truth.json").read_text())


@pytest.fixture(scope="module")
def simulator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulate_trio", ROOT / "scripts" / "simulate_trio.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def truth() -> summary.Calls:
    return summary.read_vcf(DATA / "truth.vcf")


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    return summary.read_fasta(DATA / "reference.fa")


def content(name: str, data: bytes) -> bytes:
    """Uncompressed: zlib versions differ in their bytes."""
    return gzip.decompress(data) if name.endswith(".gz") else data


def reads(path: Path) -> list[list[str]]:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [lines[start : start + 4] for start in range(0, len(lines), 4)]


def test_the_script_makes_exactly_what_is_bundled(simulator: ModuleType, tmp_path: Path) -> None:
    simulator.main(["--seed", str(TRUTH["seed"]), "--out", str(tmp_path)])
    made = {file.name: content(file.name, file.read_bytes()) for file in tmp_path.iterdir()}
    bundled = {file.name: content(file.name, file.read_bytes()) for file in DATA.iterdir()}
    assert made.keys() == bundled.keys()
    assert [name for name in made if made[name] != bundled[name]] == []


def test_another_seed_makes_another_trio(simulator: ModuleType) -> None:
    other = simulator.simulate(TRUTH["seed"] + 1)
    assert other["truth.vcf"] != (DATA / "truth.vcf").read_bytes()
    assert other["reference.fa"] != (DATA / "reference.fa").read_bytes()


def test_fastq_files_name_no_file_and_no_time() -> None:
    for file in DATA.glob("*.gz"):
        flags, time = file.read_bytes()[3], file.read_bytes()[4:8]
        assert (flags, time) == (0, b"\0\0\0\0"), file.name


def test_the_bundle_is_small() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 1_500_000


def test_reference_alleles_stand_in_the_reference(truth: summary.Calls, reference: dict[str, str]) -> None:
    assert truth.records
    for record in truth.records:
        bases = reference[record.contig][record.pos - 1 : record.pos - 1 + len(record.ref)]
        assert bases.upper() == record.ref, record.id


def test_the_child_has_one_allele_of_each_parent(truth: summary.Calls) -> None:
    assert truth.samples == ("child", "father", "mother")
    for record in truth.records:
        paternal, maternal = record.genotypes["child"]
        assert paternal in record.genotypes["father"], record.id
        assert maternal in record.genotypes["mother"], record.id


def test_alleles_are_left_aligned_and_parsimonious(truth: summary.Calls, reference: dict[str, str]) -> None:
    for record in truth.records:
        if len(record.alts) > 1:
            continue  # ALTs of several lengths share one REF, which cannot be parsimonious for each
        (alt,) = record.alts
        expected = (record.contig, record.pos, record.ref, alt)
        assert summary.normalise(*expected, reference) == expected, record.id


def test_sites_are_far_apart(truth: summary.Calls) -> None:
    for left, right in zip(truth.records, truth.records[1:], strict=False):
        if left.contig == right.contig:
            assert right.pos - (left.pos + len(left.ref)) > 250, (left.id, right.id)


def test_every_kind_of_variant_is_planted(truth: summary.Calls) -> None:
    kinds = Counter(summary.kind_of_site(record) for record in truth.records)
    assert kinds == {"SNP": 28, "insertion": 8, "deletion": 9, "multi-allelic": 2}
    assert kinds == {name.replace("snp", "SNP"): count for name, count in TRUTH["sites"].items()}
    genotypes = {frozenset(g) for record in truth.records for g in record.genotypes.values()}
    assert genotypes == {frozenset(g) for g in ({0}, {0, 1}, {1}, {0, 2}, {1, 2})}
    sizes = {len(alt) - len(record.ref) for record in truth.records for alt in record.alts}
    assert {-20, -1, 0, 1, 20} <= sizes


def test_at_multi_allelic_sites_the_child_has_an_alt_of_each_parent(truth: summary.Calls) -> None:
    for record in truth.records:
        if len(record.alts) > 1:
            carried = {sample: set(genotype) - {0} for sample, genotype in record.genotypes.items()}
            assert (carried["father"], carried["mother"], carried["child"]) == ({1}, {2}, {1, 2})


def test_the_numbers_of_variants_are_as_stated(truth: summary.Calls) -> None:
    counted = summary.count_variants(truth)
    for sample, known in TRUTH["samples"].items():
        stated = {kind.replace("snp", "SNP"): count for kind, count in known["variants"].items()}
        assert {kind: count for kind, count in counted[sample].items() if count} == stated


def test_the_reference_has_the_features_that_are_stated(reference: dict[str, str]) -> None:
    assert {name: len(bases) for name, bases in reference.items()} == TRUTH["contigs"]
    seen = {}
    for feature in TRUTH["features"]:
        seen[feature["kind"]] = reference[feature["contig"]][feature["start"] : feature["end"]]
    assert set(seen["homopolymer"]) == {"A"}
    assert seen["microsatellite"] == "CA" * (len(seen["microsatellite"]) // 2)
    assert set(seen["gap"]) == {"N"}
    assert seen["soft-masked"].islower()
    bases = "".join(reference.values()).upper()
    known = len(bases) - bases.count("N")
    assert 0.38 < (bases.count("G") + bases.count("C")) / known < 0.44


def test_no_stretch_of_the_reference_repeats_by_chance(
    simulator: ModuleType, reference: dict[str, str]
) -> None:
    repeated = simulator.repeated_kmers(list(reference.values()), 20)
    assert {"".join(sorted(set(kmer))) for kmer in repeated} <= {"A", "T", "AC", "GT"}


@pytest.mark.parametrize("sample", ["child", "father", "mother"])
def test_reads_come_in_pairs_with_the_stated_numbers(sample: str) -> None:
    known = TRUTH["samples"][sample]
    pairs = 0
    names: list[str] = []
    for lane in known["lanes"]:
        stem = f"{sample}_L{lane:03d}" if len(known["lanes"]) > 1 else sample
        forward, backward = (reads(DATA / f"{stem}_{mate}.fastq.gz") for mate in ("R1", "R2"))
        assert [r[0].split()[0] for r in forward] == [r[0].split()[0] for r in backward]
        assert {r[0].split(" ")[1][:2] for r in forward} == {"1:"}
        assert {r[0].split(" ")[1][:2] for r in backward} == {"2:"}
        for header, bases, plus, qualities in forward + backward:
            assert header.split(":")[3] == str(lane)
            assert len(bases) == len(qualities) == TRUTH["read_length"]
            assert plus == "+"
            assert set(qualities) <= set("F:,#")
        names += [r[0].split()[0] for r in forward]
        pairs += len(forward)
    assert pairs == known["pairs"]
    assert len(set(names)) == pairs

"""The summary's arithmetic: metrics, kinds of variants, and the comparison with a truth."""

import gzip
from pathlib import Path

import pytest

from stargazer_cli.demo import summary
from stargazer_cli.errors import StargazerError

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"


def vcf(path: Path, samples: str, *rows: str) -> summary.Calls:
    """Write rows `CHROM POS ID REF ALT GT…` as a VCF and read it."""
    lines = [HEADER + "\t".join(samples.split())]
    for row in rows:
        contig, pos, identifier, ref, alt, *genotypes = row.split()
        lines.append("\t".join([contig, pos, identifier, ref, alt, "50", ".", ".", "GT:DP", *genotypes]))
    path.write_text("\n".join(lines) + "\n")
    return summary.read_vcf(path)


def test_metrics_count_reads_and_add_up_libraries(tmp_path: Path) -> None:
    columns = (
        "LIBRARY\tUNPAIRED_READS_EXAMINED\tREAD_PAIRS_EXAMINED\tSECONDARY_OR_SUPPLEMENTARY_RDS\tUNMAPPED_READS\t"
        "UNPAIRED_READ_DUPLICATES\tREAD_PAIR_DUPLICATES\tREAD_PAIR_OPTICAL_DUPLICATES\tPERCENT_DUPLICATION\t"
        "ESTIMATED_LIBRARY_SIZE"
    )
    metrics = tmp_path / "m.txt"
    metrics.write_text(
        "## htsjdk.samtools.metrics.StringHeader\n# MarkDuplicates\n"
        + columns
        + "\nlib1\t4\t100\t7\t12\t1\t25\t3\t0.25\t\nlib2\t0\t50\t0\t0\t0\t0\t0\t0\t\n\n"
        "## HISTOGRAM\tjava.lang.Double\nBIN\tCoverageMult\n1.0\t1.0\n"
    )
    counts = summary.read_duplicate_metrics(metrics)
    assert counts == summary.ReadCounts(reads=4 + 200 + 12 + 100, mapped=304, duplicates=1 + 50)
    assert counts.mapped_share == pytest.approx(304 / 316)
    assert counts.duplicate_share == pytest.approx(51 / 304)


def test_one_library_has_the_duplicate_share_that_picard_prints(tmp_path: Path) -> None:
    metrics = tmp_path / "m.txt"
    metrics.write_text(
        "LIBRARY\tUNPAIRED_READS_EXAMINED\tREAD_PAIRS_EXAMINED\tUNMAPPED_READS\t"
        "UNPAIRED_READ_DUPLICATES\tREAD_PAIR_DUPLICATES\tPERCENT_DUPLICATION\nmother\t0\t2595\t104\t0\t649\t0.250096\n"
    )
    assert summary.read_duplicate_metrics(metrics).duplicate_share == pytest.approx(0.250096, abs=1e-6)


def test_no_reads_are_no_share_and_no_error(tmp_path: Path) -> None:
    assert summary.ReadCounts(0, 0, 0).mapped_share == 0.0
    assert summary.ReadCounts(4, 0, 0).duplicate_share == 0.0


def test_a_file_that_is_not_metrics_is_refused_by_name(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("hello\n")
    with pytest.raises(StargazerError, match=r"other\.txt"):
        summary.read_duplicate_metrics(other)


def test_a_compressed_vcf_reads_like_a_plain_one_and_filtered_records_are_left_out(tmp_path: Path) -> None:
    text = (
        f"{HEADER}s\n"
        "c\t5\t.\tA\tG\t9\t.\t.\tGT\t0/1\n"
        "c\t6\t.\tA\tG\t9\tLowQual\t.\tGT\t0/1\n"
        "c\t7\t.\tA\tG\t9\tPASS\t.\tGT\t0/1\n"
    )
    packed = tmp_path / "calls.vcf.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert [record.pos for record in summary.read_vcf(packed).records] == [5, 7]


@pytest.mark.parametrize("text", ["", "##fileformat=VCFv4.2\n", "not a vcf\n"])
def test_a_file_that_is_not_a_vcf_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.vcf").write_text(text)
    with pytest.raises(StargazerError, match=r"x\.vcf"):
        summary.read_vcf(tmp_path / "x.vcf")


@pytest.mark.parametrize(
    ("ref", "alt", "kind"),
    [
        ("A", "G", "SNP"),
        ("a", "g", "SNP"),
        ("ACT", "GCT", "SNP"),
        ("A", "AGG", "insertion"),
        ("ACA", "ACAGA", "insertion"),
        ("AGG", "A", "deletion"),
        ("GCTAA", "GAA", "deletion"),
        ("AC", "GT", "other"),
        ("ACG", "GT", "other"),
    ],
)
def test_kinds_of_alleles(ref: str, alt: str, kind: str) -> None:
    assert summary.kind_of(ref, alt) == kind


def test_variants_are_counted_by_what_a_sample_carries(tmp_path: Path) -> None:
    calls = vcf(
        tmp_path / "v.vcf",
        "a b",
        "c 10 . A G 0/1:9 1|1:9",
        "c 20 . A AT,G 1/2:9 0/2:9",  # a carries two ALTs, b one of them
        "c 30 . ATT A 0/1:9 0/0:9",
        "c 31 . T *,C 0/1:9 0/2:9",  # a: gone with the deletion at 30; b: a SNP
        "c 33 . T *,C 1/2:9 ./.",  # one ALT and one lost copy are not two ALTs
        "c 40 . G T ./1:9 ./.:0",  # a half call still carries
        "c 50 . G <NON_REF> 0/1:9 0/0:9",
        "c 60 . AC GT 0/1:9 .:0",
    )
    assert summary.count_variants(calls) == {
        "a": {"SNP": 3, "insertion": 0, "deletion": 1, "multi-allelic": 1, "other": 1},
        "b": {"SNP": 3, "insertion": 0, "deletion": 0, "multi-allelic": 0, "other": 0},
    }


def test_normalise_trims_both_ends() -> None:
    assert summary.normalise("c", 100, "GCTAA", "GTCCCTAA") == ("c", 100, "G", "GTCC")
    assert summary.normalise("c", 100, "CAT", "CGT") == ("c", 101, "A", "G")
    assert summary.normalise("c", 100, "TTCA", "TT") == ("c", 101, "TCA", "T")


def test_normalise_moves_an_indel_to_the_left_end_of_its_repeat() -> None:
    reference = {"c": "GGTCACACATT"}
    left = ("c", 3, "TCA", "T")
    assert summary.normalise("c", 3, "TCA", "T", reference) == left
    assert summary.normalise("c", 7, "ACA", "A", reference) == left
    assert summary.normalise("c", 3, "TCACA", "TCA", reference) == left
    # At the contig's first base there is nothing further left.
    assert summary.normalise("c", 1, "GG", "G", reference)[0:2] == ("c", 1)


class TestCompare:
    """Calls against a truth, site by site."""

    def run(
        self, tmp_path: Path, truth: list[str], calls: list[str], samples: str = "a b"
    ) -> summary.Comparison:
        return summary.compare(
            vcf(tmp_path / "calls.vcf", samples, *calls), vcf(tmp_path / "truth.vcf", samples, *truth)
        )

    def test_equal_calls_are_perfect_whatever_the_phase(self, tmp_path: Path) -> None:
        found = self.run(tmp_path, ["c 10 snp1 A G 1|0 0|0"], ["c 10 . A G 0/1 0/0"])
        assert found.perfect
        assert found.by_kind() == {"SNP": (1, 1)}

    def test_a_site_that_is_not_called_is_missed(self, tmp_path: Path) -> None:
        found = self.run(
            tmp_path, ["c 10 snp1 A G 0|1 0|0", "c 90 del1 AT A 1|1 0|1"], ["c 10 . A G 0/1 0/0"]
        )
        assert [site.id for site in found.missed] == ["del1"]
        assert (len(found.right), len(found.sites), found.perfect) == (1, 2, False)
        assert found.by_kind() == {"SNP": (1, 1), "deletion": (0, 1)}

    def test_a_hom_ref_call_of_a_planted_site_is_missed(self, tmp_path: Path) -> None:
        found = self.run(tmp_path, ["c 10 snp1 A G 0|1 0|0"], ["c 10 . A G 0/0 0/0"])
        assert [site.id for site in found.missed] == ["snp1"]

    def test_a_wrong_genotype_is_found_but_not_right(self, tmp_path: Path) -> None:
        found = self.run(tmp_path, ["c 10 snp1 A G 0|1 0|0"], ["c 10 . A G 1/1 0/0"])
        (site,) = found.found
        assert site.mistakes == (summary.Mistake("a", "0/1", "1/1"),)
        assert not found.missed
        assert not found.right

    def test_a_call_in_the_wrong_sample_is_a_wrong_genotype(self, tmp_path: Path) -> None:
        found = self.run(tmp_path, ["c 10 snp1 A G 0|1 0|0"], ["c 10 . A G 0/1 0/1"])
        assert found.sites[0].mistakes == (summary.Mistake("b", "0/0", "0/1"),)

    @pytest.mark.parametrize(("called", "shown"), [("./.", "./."), (".", "./."), ("./1", "./1")])
    def test_a_no_call_or_half_call_is_not_the_right_genotype(
        self, tmp_path: Path, called: str, shown: str
    ) -> None:
        found = self.run(tmp_path, ["c 10 snp1 A G 0|1 1|1"], [f"c 10 . A G {called} 1/1"])
        assert found.sites[0].mistakes == (summary.Mistake("a", "0/1", shown),)

    def test_a_no_call_of_a_hom_ref_sample_is_not_right_either(self, tmp_path: Path) -> None:
        found = self.run(tmp_path, ["c 10 snp1 A G 0|0 1|1"], ["c 10 . A G ./. 1/1"])
        assert [mistake.sample for mistake in found.sites[0].mistakes] == ["a"]

    def test_what_nobody_planted_is_extra(self, tmp_path: Path) -> None:
        found = self.run(
            tmp_path,
            ["c 10 snp1 A G 0|1 0|0"],
            ["c 10 . A G,T 0/1 0/2", "c 70 . C T 0/0 0/1", "c 80 . C T 0/0 0/0"],
        )
        assert [(item.change, item.samples) for item in found.extra] == [
            (("c", 10, "A", "T"), ("b",)),
            (("c", 70, "C", "T"), ("b",)),
        ]
        assert not found.perfect

    def test_a_multi_allelic_site_in_other_order_or_split_in_lines_is_the_same(self, tmp_path: Path) -> None:
        truth = ["c 10 multi1 GCTAA G,GTCCCTAA 1|2 0|1"]
        assert self.run(tmp_path, truth, ["c 10 . GCTAA GTCCCTAA,G 1/2 0/2"]).perfect
        assert self.run(tmp_path, truth, ["c 10 . GCTAA G 0/1 0/1", "c 10 . G GTCC 0/1 0/0"]).perfect
        half = self.run(tmp_path, truth, ["c 10 . GCTAA G 0/1 0/1"])
        assert [site.id for site in half.missed] == ["multi1"]

    def test_the_same_indel_written_otherwise_is_the_same(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, ["c 10 del1 GCACA G 0|1 0|0"], ["c 9 . TGCACAT TGT 0/1 0/0"]).perfect

    def test_with_the_reference_a_shifted_indel_is_the_same(self, tmp_path: Path) -> None:
        truth = vcf(tmp_path / "t.vcf", "a", "c 3 del1 TCA T 0|1")
        calls = vcf(tmp_path / "c.vcf", "a", "c 7 . ACA A 0/1")
        assert not summary.compare(calls, truth).perfect
        assert summary.compare(calls, truth, {"c": "GGTCACACATT"}).perfect

    def test_a_spanning_deletion_allele_is_no_variant_of_its_own(self, tmp_path: Path) -> None:
        found = self.run(
            tmp_path,
            ["c 10 del1 ATTT A 0|1 0|1", "c 12 snp1 T C 0|0 1|0"],
            ["c 10 . ATTT A 0/1 0/1", "c 12 . T *,C 0/1 2/1"],
        )
        assert found.perfect

    def test_only_samples_in_both_and_sites_that_they_carry_count(self, tmp_path: Path) -> None:
        truth = vcf(tmp_path / "t.vcf", "a b", "c 10 snp1 A G 0|1 0|0", "c 50 snp2 A G 0|0 1|1")
        calls = vcf(tmp_path / "c.vcf", "other a", "c 10 . A G 1/1 0/1", "c 50 . A G 0/1 0/0")
        found = summary.compare(calls, truth)
        assert found.samples == ("a",)
        assert [site.id for site in found.sites] == ["snp1"]
        assert found.perfect

    def test_nothing_in_common_is_not_perfect(self, tmp_path: Path) -> None:
        truth = vcf(tmp_path / "t.vcf", "a", "c 10 snp1 A G 0|1")
        assert not summary.compare(vcf(tmp_path / "c.vcf", "z", "c 10 . A G 0/1"), truth).perfect

import pytest

from stargazer_cli.assets import infer_kind
from stargazer_cli.assets.infer import infer_fields, split_mate


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NA1_R1.fastq.gz", "r1"),
        ("NA1_R2.fq.gz", "r2"),
        ("NA1_1.fq", "r1"),
        ("NA1_2.FASTQ", "r2"),
        ("NA1.r2.fq.gz", "r2"),
        ("NA1_S1_L001_R1_001.fastq.gz", "r1"),
        ("NA1_S1_L001_R2_001.fastq.gz", "r2"),
        ("NA12_L002_R2.fastq.gz", "r2"),
        ("reads.fastq.gz", "r1"),
        ("NA12.fastq.gz", "r1"),
        ("GRCh38.fa", "reference"),
        ("GRCh38.fasta.gz", "reference"),
        ("GRCh38.fna", "reference"),
        ("GRCh38.fa.fai", "reference_index"),
        ("GRCh38.dict", "sequence_dict"),
        ("GRCh38.fa.bwt", "aligner_index"),
        ("GRCh38.fa.bwt.2bit.64", "aligner_index"),
        ("GRCh38.fa.0123", "aligner_index"),
        ("x.bam", "alignment"),
        ("x.cram", "alignment"),
        ("x.bai", "alignment_index"),
        ("x.bam.bai", "alignment_index"),
        ("x.g.vcf.gz", "variants"),
        ("x.vcf.gz", "variants"),
        ("x.vcf", "variants"),
        ("x.vcf.gz.tbi", "variants_index"),
        ("x.duplicate_metrics.txt", "duplicate_metrics"),
        ("x.h5ad", "anndata"),
        ("filtered_feature_bc_matrix.h5", "counts"),
        ("x.bed", "intervals"),
        ("/a/folder_R2/x.bam", "alignment"),
        ("notes.txt", None),
        ("fa", None),
        ("x.fastq.gz.md5", None),
    ],
)
def test_the_kind_that_a_name_stands_for(name: str, kind: str | None) -> None:
    assert infer_kind(name) == kind


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("NA1_S1_L002_R1_001.fastq.gz", {"lane": "L002"}),
        ("child_L001_R1.fq.gz", {"lane": "L001"}),
        ("XL001_R1.fq.gz", {}),
        ("NA1_R1.fq.gz", {}),
    ],
)
def test_the_lane_that_a_name_shows(name: str, fields: dict[str, str]) -> None:
    assert infer_fields("r1", name) == fields


def test_the_type_of_variants_and_the_format_of_an_alignment() -> None:
    assert infer_fields("variants", "x.g.vcf.gz") == {"variant_type": "gvcf"}
    assert infer_fields("variants", "x.vcf.gz") == {"variant_type": "vcf"}
    assert infer_fields("alignment", "x.cram") == {"format": "cram"}
    assert infer_fields("known_sites", "x.vcf.gz") == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a_R1.fq.gz", "a_R2.fq.gz"),
        ("a_1.fq", "a_2.fq"),
        ("a.r1.fastq", "a.r2.fastq"),
        ("a_L001_R1_001.fastq.gz", "a_L001_R2_001.fastq.gz"),
    ],
)
def test_mates_share_what_is_left_without_the_read_number(first: str, second: str) -> None:
    assert split_mate(first) == (split_mate(second)[0], 1)
    assert split_mate(second)[1] == 2


@pytest.mark.parametrize(
    ("first", "second"), [("a_R1.fq", "b_R2.fq"), ("a_L001_R1.fq", "a_L002_R2.fq"), ("a_1.fq", "a_R2.fq")]
)
def test_what_differs_in_more_is_no_pair(first: str, second: str) -> None:
    assert split_mate(first)[0] != split_mate(second)[0]

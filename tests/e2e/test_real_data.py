"""The main job on real reads, where STARGAZER_REAL_DATA names them, against what is known about them."""

import gzip
import subprocess
from pathlib import Path

import pytest
from e2e.user import Answer, User, made, make_user

from stargazer_cli.demo import summary
from stargazer_cli.store import cid_of
from stargazer_cli.tools import Toolbox

pytestmark = [pytest.mark.pipeline, pytest.mark.real_data]

GERMLINE = ("germline", "--aligner", "bwa", "--skip-report")

# NA12829's reads as their publisher's IPFS node names them.
PUBLISHED = {
    "GRCh38_TP53.fa": "bafkreib6vj3os7l4lqqytaw5vju46iorcknttfiwfnlbizjcqn7xd5hrvy",
    "NA12829_TP53_R1.fq.gz": "bafybeia3lsmhibzqk3uo5phryz4wurlj26pn74klczwbmnxq3pf5q3iyy4",
    "NA12829_TP53_R2.fq.gz": "bafybeihd3nqlci7mlotdbbxrstxchesmafsytcsltaa2jdfgppeawh3cui",
}


def _vcf(user: User, answer: Answer, target: str) -> Path:
    (vcf,) = made(answer, asset="variants", variant_type="vcf")
    user.succeeds("assets", "get", vcf["cid"], "-o", user.folder / target)
    return user.folder / target


def _exact(vcf: Path) -> list[list[str]]:
    """Return of each record its place, alleles, FILTER and genotypes."""
    with gzip.open(vcf, "rt") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    return [[*row[:2], *row[3:5], row[6], *(column.split(":")[0] for column in row[9:])] for row in rows]


def test_tp53_from_reads_to_variants(tmp_path: Path, toolbox: Toolbox, real_data: Path) -> None:
    """One contig, whose name has a colon and a dash."""
    user = make_user(tmp_path / "a user")
    data = real_data / "germline_tp53"
    added = user.adds(data / "GRCh38_TP53.fa", "-k", "build=GRCh38")
    added += user.adds(*sorted(data.glob("*.fq.gz")), "-k", "sample_id=NA12829")
    assert {asset["name"]: asset["cid"] for asset in added} == PUBLISHED
    mills = ("--asset", "known_sites", "-k", "resource_name=mills", "-k", "vqsr_mode=INDEL")
    user.adds(*data.glob("Mills*.vcf"), *mills, "-k", "build=GRCh38")
    answer = user.succeeds("run", *GERMLINE, "--build", "GRCh38", "--samples", "NA12829", "--json")
    # Known indels alone: what is a true SNP would be learnt as an error.
    assert "bqsr: off (no known SNPs: unmasked variants would be learnt as errors)" in answer.err
    assert made(answer, asset="alignment")[0]["keyvalues"]["bqsr_applied"] == "false"
    calls = summary.read_vcf(_vcf(user, answer, "tp53.vcf.gz"))
    assert calls.samples == ("NA12829",)
    assert {record.contig for record in calls.records} == {"chr17:7658421-7697490"}
    plain = tmp_path / "plain"
    script = Path(__file__).parent.parent.parent / "benchmarks" / "germline_plain.sh"
    reads = ":".join(str(file) for file in sorted(data.glob("*.fq.gz")))
    subprocess.run(
        [script, plain, data / "GRCh38_TP53.fa", f"NA12829:{reads}"],
        env=toolbox.environment(),
        check=True,
        capture_output=True,
    )
    assert _exact(plain / "joint.vcf.gz") == _exact(tmp_path / "a user" / "tp53.vcf.gz")


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox, real_data: Path) -> User:
    user = make_user(tmp_path_factory.mktemp("ceu") / "a user")
    data = real_data / "germline_ceu10kb"
    user.adds(data / "ref" / "chr20w.fa.gz", "-k", "build=chr20w")
    for sample in ("HG001", "NA12891", "NA12892"):
        user.adds(*sorted((data / "reads").glob(f"{sample}_R?.fastq.gz")), "-k", f"sample_id={sample}")
    return user


@pytest.mark.parametrize("samples", ["HG001", "HG001,NA12891,NA12892"], ids=["alone", "as a trio"])
def test_hg001_has_every_variant_of_the_giab_truth_and_no_other(
    family: User, toolbox: Toolbox, real_data: Path, tmp_path: Path, samples: str
) -> None:
    """Compared by bcftools inside the confident regions: 44 SNPs, 4 indels, with their genotypes."""
    answer = family.succeeds("run", *GERMLINE, "--build", "chr20w", "--samples", samples, "--json")
    vcf = _vcf(family, answer, f"{len(samples)}.vcf.gz")
    truth = real_data / "germline_ceu10kb" / "truth"
    reference = tmp_path / "ref.fa"
    reference.write_bytes(
        gzip.decompress((real_data / "germline_ceu10kb" / "ref" / "chr20w.fa.gz").read_bytes())
    )

    def bcftools(*arguments: str | Path) -> str:
        return subprocess.run(
            [str(toolbox.tools["bcftools"].path), *arguments],
            env=toolbox.environment(),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def variants(file: Path, name: str) -> set[tuple[str, ...]]:
        one, split = tmp_path / f"{name}.bcf", tmp_path / f"{name}.split.bcf"
        bcftools("view", "--samples", "HG001", "--trim-alt-alleles", "-Ob", "-o", one, file)
        bcftools("norm", "-f", reference, "-m", "-any", "-Ob", "-o", split, one)
        text = bcftools(
            "query",
            "--targets-file",
            truth / "HG001.confident.bed",
            "--include",
            'GT="alt"',
            "--format",
            "%POS\\t%REF\\t%ALT[\\t%GT]\\n",
            split,
        )
        rows = [line.split("\t") for line in text.splitlines()]
        return {(*row[:3], "/".join(sorted(row[3].replace("|", "/").split("/")))) for row in rows}

    ours, theirs = variants(vcf, "ours"), variants(truth / "HG001.truth.vcf.gz", "truth")
    assert ours == theirs
    snps = [row for row in theirs if len(row[1]) == len(row[2]) == 1]
    assert (len(snps), len(theirs) - len(snps)) == (44, 4)


def test_the_decompressed_reference_is_no_second_candidate(family: User, real_data: Path) -> None:
    """The tests above stored the plain FASTA as well: the build still means one reference."""
    found = family.succeeds("assets", "query", "asset=reference", "build=chr20w", "--json").json
    source = cid_of(real_data / "germline_ceu10kb" / "ref" / "chr20w.fa.gz")
    assert {asset["cid"]: asset["derived_from"] for asset in found}[source] == []
    assert [asset["derived_from"] for asset in found if asset["cid"] != source] == [[source]]
    plan = family.plans(*GERMLINE, "--build", "chr20w", "--samples", "HG001")
    assert all(plan.values())

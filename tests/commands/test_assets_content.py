"""`stargazer assets add` looks into files: their bytes say what they are where the name does not."""

import io
import tarfile
from pathlib import Path

import h5py
import pytest
from helpers.shell import FASTA, MATRIX, VCF, Shell, bgzf, fastq, write

from stargazer_cli.assets.hdf5 import root_members

GVCF_BLOCK = "chr1\t1\t.\tA\t<NON_REF>\t.\t.\tEND=9\tGT\t0/0\n"
SAMPLES = VCF.replace("INFO\n", "INFO\tFORMAT\tNA1\tNA2\n")


def bam(header: str) -> bytes:
    return bgzf(b"BAM\x01" + len(header).to_bytes(4, "little") + header.encode())


def tabix(made_of: int) -> bytes:
    return bgzf(b"TBI\x01" + (1).to_bytes(4, "little") + made_of.to_bytes(4, "little") + bytes(24))


def csi(auxiliary: bytes) -> bytes:
    numbers = (14, 5, len(auxiliary))
    return bgzf(b"CSI\x01" + b"".join(number.to_bytes(4, "little") for number in numbers) + auxiliary)


def tar(*names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


def hdf5(path: Path, *groups: str, **options: str) -> Path:
    with h5py.File(path, "w", **options) as file:
        for name in groups:
            file.create_group(name)
    return path


ANNDATA = ("X", "layers", "obs", "obsm", "obsp", "uns", "var", "varm", "varp")

BY_CONTENT: dict[str, tuple[str | bytes, dict[str, str]]] = {
    "bam": (bam("@HD\tVN:1.6\n"), {"asset": "alignment", "format": "bam"}),
    "cram": (b"CRAM\x03", {"asset": "alignment", "format": "cram"}),
    "bai": (b"BAI\x01", {"asset": "alignment_index"}),
    "tbi": (tabix(2), {"asset": "variants_index"}),
    "tbi of bed": (tabix(0x10000), {}),
    "csi of vcf": (csi((2).to_bytes(4, "little") + bytes(24)), {"asset": "variants_index"}),
    "csi of bam": (csi(b""), {}),
    "vcf": (VCF, {"asset": "variants", "variant_type": "vcf"}),
    "bgzipped vcf": (bgzf(VCF.encode()), {"asset": "variants", "variant_type": "vcf"}),
    "gvcf": (SAMPLES + GVCF_BLOCK, {"asset": "variants", "variant_type": "gvcf"}),
    "gvcf without blocks yet": (
        "##fileformat=VCFv4.2\n##GVCFBlock0-1=minGQ=0(inclusive)\n",
        {"asset": "variants", "variant_type": "gvcf"},
    ),
    "joint calls keep the definition": (
        "##fileformat=VCFv4.2\n##ALT=<ID=NON_REF,Description=x>\nchr1\t1\t.\tA\tC\t9\t.\tDP=9\n",
        {"asset": "variants", "variant_type": "vcf"},
    ),
    "vqsr model": (VCF + "chr1\t1\t.\tN\t<VQSR>\t.\t.\tEND=1;VQSLOD=3\n", {"asset": "vqsr_model"}),
    "vqsr tranches": (
        "# Variant quality score tranches file\n# Version number 5\n",
        {"asset": "vqsr_tranches"},
    ),
    "bqsr report": ("#:GATKReport.v1.1:5\n#:GATKTable:RecalTable0:\n", {"asset": "bqsr_report"}),
    "another report of GATK": ("#:GATKReport.v1.1:5\n#:GATKTable:VariantEval:\n", {}),
    "duplicate metrics": (
        "## htsjdk.samtools\n## METRICS CLASS\tpicard.sam.DuplicationMetrics\n",
        {"asset": "duplicate_metrics"},
    ),
    "fastq": (fastq(), {"asset": "r1"}),
    "fastq of second reads": (fastq("r", "2:N:0:AC"), {"asset": "r2"}),
    "fasta": (FASTA, {"asset": "reference"}),
    "protein": (">sp|P04637|P53_HUMAN\nMEEPQSDPSVEPPLSQETFSDLWKLLPEN\n", {}),
    "a citation": ("> quoted text, no sequence\n", {}),
    "dict": ("@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:8\n", {"asset": "sequence_dict"}),
    "interval list": ("@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:8\nchr1\t1\t8\t+\tone\n", {"asset": "intervals"}),
    "sam": ("@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:8\nr\t4\t*\t0\t0\t*\t*\t0\t0\tA\tI\n", {}),
    "html": ("<!DOCTYPE html><html></html>", {"asset": "report"}),
    "tar of a matrix": (tar(*(f"m/{name}" for name in MATRIX)), {"asset": "counts", "format": "mtx"}),
    "tar of a workspace": (tar("db/callset.json", "db/vidmap.json"), {"asset": "genomics_db"}),
    "tar of something": (tar("a", "b"), {}),
    "bytes": (bytes(range(256)) * 9, {}),
    "an at sign": ("@someone said\n", {}),
}


@pytest.mark.parametrize("case", BY_CONTENT)
def test_a_name_that_says_nothing_leaves_it_to_the_bytes(run: Shell, tmp_path: Path, case: str) -> None:
    content, keyvalues = BY_CONTENT[case]
    result = run("assets", "add", write(tmp_path / "file", content), "--json")
    assert result.code == 0, result.err
    assert result.json[0]["keyvalues"] == keyvalues
    kind = keyvalues.get("asset")
    seen = f"asset={kind} by its content" if kind else "no kind known by its name or content"
    assert result.err.startswith(f"file: {seen}")


@pytest.mark.parametrize(
    ("name", "groups", "keyvalues"),
    [
        ("x.h5", ANNDATA, {"asset": "anndata", "stage": "raw"}),
        ("x.h5ad", ANNDATA, {"asset": "anndata", "stage": "raw"}),
        ("x.h5", ("matrix",), {"asset": "counts", "format": "10x_h5"}),
        ("x.h5", ("GRCh38",), {"asset": "counts", "format": "10x_h5"}),  # Cell Ranger before 3
        ("download", ("obs", "var"), {"asset": "anndata", "stage": "raw"}),
        ("download", ("matrix",), {"asset": "counts", "format": "10x_h5"}),
        ("download", ("something",), {}),
        ("download", (), {}),
    ],
)
def test_hdf5_is_told_apart_by_its_groups(
    run: Shell, tmp_path: Path, name: str, groups: tuple[str, ...], keyvalues: dict[str, str]
) -> None:
    assert run("assets", "add", hdf5(tmp_path / name, *groups), "--json").json[0]["keyvalues"] == keyvalues


@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
def test_hdf5_of_another_age_goes_by_its_name(run: Shell, tmp_path: Path, libver: str) -> None:
    path = hdf5(tmp_path / "x.h5ad", *ANNDATA, libver=libver)
    assert run("assets", "add", path, "--json").json[0]["keyvalues"]["asset"] == "anndata"


@pytest.mark.parametrize("byte", [0x00, 0x7F, 0xFF])
def test_hdf5_with_broken_addresses_is_read_without_an_error(tmp_path: Path, byte: int) -> None:
    path = hdf5(tmp_path / "download", "obs", "var")
    whole = path.read_bytes()
    for start in range(9, 700):
        broken = whole[:start] + bytes([byte]) * 8 + whole[start + 8 :]
        path.write_bytes(broken)
        # Other bytes may be taken for names, but for none of another kind of file.
        found = root_members(path, broken)
        assert "matrix" not in found, start
        assert sum(map(len, found)) <= len(broken)


@pytest.mark.parametrize(
    ("name", "groups", "problem"),
    [
        ("x.h5ad", ("matrix",), "is a count matrix of 10x and no AnnData"),
        ("x.h5", ANNDATA, "is an AnnData and no count matrix of 10x"),
    ],
)
def test_cells_under_the_wrong_kind_are_refused(
    run: Shell, tmp_path: Path, name: str, groups: tuple[str, ...], problem: str
) -> None:
    kind = "anndata" if "matrix" in groups else "counts"
    assert problem in run.refuses("assets", "add", hdf5(tmp_path / name, *groups), "--asset", kind)


def test_a_number_in_the_name_is_not_overruled(run: Shell, tmp_path: Path) -> None:
    error = run.refuses("assets", "add", write(tmp_path / "x_R1.fq", fastq("r", "2:N:0:AC")))
    assert "is given as R1, but its reads say that they are R2" in error
    assert "--asset r1 or r2" in error


def test_second_reads_without_a_number_in_the_name_are_r2(run: Shell, tmp_path: Path) -> None:
    [added] = run("assets", "add", write(tmp_path / "reads.fq", fastq("r/2")), "--json").json
    assert added["keyvalues"]["asset"] == "r2"


def test_what_the_header_says_of_the_sample_is_told(run: Shell, tmp_path: Path) -> None:
    header = "@HD\tVN:1.6\n@RG\tID:1\tSM:NA1\n@RG\tID:2\tSM:NA1\n@PG\tID:x\tSM:no\n"
    path = write(tmp_path / "x.bam", bam(header))
    assert "(-k sample_id=NA1, as its header says)" in run("assets", "add", path).err
    assert "names sample NA1 and not NA2" in run("assets", "add", path, "-k", "sample_id=NA2").err
    assert "header" not in run("assets", "add", path, "-k", "sample_id=NA1").err


def test_variants_without_samples_may_be_known_sites(run: Shell, tmp_path: Path) -> None:
    assert "--asset known_sites" in run("assets", "add", write(tmp_path / "x.vcf", VCF)).err
    assert "known_sites" not in run("assets", "add", write(tmp_path / "y.vcf", SAMPLES)).err


def test_a_sample_is_asked_for_where_it_means_something(run: Shell, tmp_path: Path) -> None:
    for name, content in (("x.vcf", VCF), ("x.bai", "BAI\x01"), ("x.bed", "chr1\t0\t1\n")):
        assert "sample_id" not in run("assets", "add", write(tmp_path / name, content)).err, name
    for name, content in (("y.vcf", SAMPLES), ("y.fq", fastq()), ("y.cram", "CRAM\x03")):
        assert "no sample_id" in run("assets", "add", write(tmp_path / name, content)).err, name


@pytest.mark.parametrize("option", ["--asset", "--kind"])
def test_a_kind_that_is_said_leaves_indexes_what_they_are(run: Shell, tmp_path: Path, option: str) -> None:
    vcf, tbi = write(tmp_path / "m.vcf.gz", VCF), write(tmp_path / "m.vcf.gz.tbi", b"TBI\x01")
    result = run("assets", "add", vcf, tbi, option, "known_sites", "-k", "build=b", "--json")
    sites, index = result.json
    assert sites["keyvalues"] == {"asset": "known_sites", "build": "b"}
    assert index["keyvalues"] == {"asset": "known_sites_index", "known_sites_cid": sites["cid"]}
    assert "m.vcf.gz.tbi: asset=known_sites_index, index of m.vcf.gz" in result.err


def test_a_kind_that_is_said_goes_before_name_and_content(run: Shell, tmp_path: Path) -> None:
    path = write(tmp_path / "x.vcf", SAMPLES + GVCF_BLOCK)
    [added] = run("assets", "add", path, "--asset", "known_sites", "--json").json
    assert added["keyvalues"] == {"asset": "known_sites"}

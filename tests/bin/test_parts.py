"""The scripts that divide the regions to call, keep what belongs to a part, and mend the seams."""

import gzip
import os
import re
import subprocess
from pathlib import Path

import pytest

BIN = Path(__file__).parent.parent.parent / "bin"
SCRIPTS = (
    "regions_to_call",
    "count_parts",
    "widen_parts",
    "keep_part",
    "join_parts",
    "map_gvcfs",
    "import_regions",
    "import_gvcfs",
    "many_regions",
    "open_evidence",
)
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"


def _run(
    folder: Path, script: str, *arguments: str | Path, given: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [BIN / script, *arguments],
        cwd=folder,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        input=given,
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )


def _block(contig: str, first: int, last: int, likelihoods: str = "0,0,0") -> str:
    return f"{contig}\t{first}\t.\tA\t<NON_REF>\t.\t.\tEND={last}\tGT:PL\t0/0:{likelihoods}\n"


def _snp(contig: str, at: int) -> str:
    return f"{contig}\t{at}\t.\tA\tG,<NON_REF>\t50.60\t.\tDP=9\tGT:PL\t0/1:50,0,50\n"


@pytest.fixture
def fai(tmp_path: Path) -> Path:
    """Names that numbers or regions could be taken for; 1E1 is no 10."""
    file = tmp_path / "ref.fa.fai"
    file.write_text("10\t500\t4\t60\t61\n1E1\t1000\t600\t60\t61\nchr1:7-9\t300\t1700\t60\t61\n")
    return file


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_and_wrong_usage(tmp_path: Path, script: str) -> None:
    shown = _run(tmp_path, script, "--help")
    assert (shown.returncode, shown.stdout.split()[:2]) == (0, ["usage:", script])
    assert _run(tmp_path, script).returncode == 2


def test_the_whole_reference_is_its_contigs(tmp_path: Path, fai: Path) -> None:
    assert _run(tmp_path, "regions_to_call", fai).stdout == "10\t0\t500\n1E1\t0\t1000\nchr1:7-9\t0\t300\n"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("text", "padding", "regions"),
    [
        ("track x\nchr1:7-9\t0\t10\r\n\n10\t20\t30\n#c\n10 25 40\n", 0, "10\t20\t40\nchr1:7-9\t0\t10\n"),
        ("1E1\t10\t20\n10\t10\t20\n", 100, "10\t0\t120\n1E1\t0\t120\n"),
        ("10\t100\t200\n10\t220\t490\n", 10, "10\t90\t500\n"),
        ("10\t100\t200\n10\t221\t490\n", 10, "10\t90\t210\n10\t211\t500\n"),
        ("10\t100\t200\n10\t120\t130\n10\t150\t160\n", 0, "10\t100\t200\n"),
        ("@HD\tVN:1.6\n@SQ\tSN:10\tLN:500\n10\t101\t200\t+\tx\n", 0, "10\t100\t200\n"),
    ],
    ids=["BED", "padding ends with the contig", "touch", "apart", "nested", "interval list"],
)
def test_regions_are_padded_sorted_and_merged(
    tmp_path: Path, fai: Path, text: str, padding: int, regions: str, packed: bool
) -> None:
    file = tmp_path / "my regions"
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    done = _run(tmp_path, "regions_to_call", "--intervals", file, "--padding", str(padding), fai)
    assert (done.returncode, done.stdout) == (0, regions), done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10\t0\t9\nchr7\t0\t9\n", "line 2: the reference has no contig chr7"),
        ("1e1\t0\t9\n", "no contig 1e1"),
        ("10\t5\t5\n", "line 1: the region has no bases"),
        ("10\t0\t501\n", "line 1: ends at 501, and contig 10 has 500 bases"),
        ("10\tx\t5\n", "line 1: is not contig, start and end"),
        ("#nothing\n", "the file names no region"),
        ("", "the file names no region"),
    ],
)
def test_bad_regions_are_refused(tmp_path: Path, fai: Path, text: str, said: str) -> None:
    (tmp_path / "r.bed").write_text(text)
    done = _run(tmp_path, "regions_to_call", "--intervals", "r.bed", fai)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("bases", "count", "parts"),
    [
        (21_600, "", 1),
        (7_999_999, "", 1),
        (8_000_000, "", 2),
        (32_000_000, "", 8),
        (60_000_000, "", 11),
        (3_100_000_000, "", 79),
        (21_600, "3", 3),
        (21_600, "5000", 21),
        (900, "7", 1),
    ],
)
def test_the_number_of_parts_follows_the_bases(tmp_path: Path, bases: int, count: str, parts: int) -> None:
    (tmp_path / "r.bed").write_text(f"a\t0\t{bases - 100}\nb\t100\t200\n")
    assert _run(tmp_path, "count_parts", "r.bed", *filter(None, [count])).stdout == f"{parts}\n"


def test_the_workflow_splits_from_where_there_are_two_parts(tmp_path: Path) -> None:
    """The workflow leaves splitting out where count_parts would make one part."""
    workflow = BIN.parent / "subworkflows/germline_short_variant_discovery/main.nf"
    (least,) = re.findall(r">= ([\d_]+)L", workflow.read_text())
    for bases, parts in ((int(least) - 1, "1\n"), (int(least), "2\n")):
        (tmp_path / "r.bed").write_text(f"a\t0\t{bases}\n")
        assert _run(tmp_path, "count_parts", "r.bed").stdout == parts


def test_only_edges_that_cut_a_region_are_widened(tmp_path: Path) -> None:
    """A region in four parts, two of them shorter than the reach, and one that no edge cuts."""
    pieces = [
        [("10", 1, 500)],
        [("10", 501, 520)],
        [("10", 521, 530)],
        [("10", 531, 1000), ("1E1", 1, 400)],
        [("1E1", 402, 900)],
    ]
    files = [tmp_path / f"{number}-scattered.interval_list" for number in range(len(pieces))]
    for file, regions in zip(files, pieces, strict=True):
        lines = [f"{contig}\t{first}\t{last}\t+\t.\n" for contig, first, last in regions]
        file.write_text("@HD\tVN:1.6\n" + "".join(lines))
    assert _run(tmp_path, "widen_parts", "my parts", "50", *files).returncode == 0
    made = {file.name: file.read_text() for file in (tmp_path / "my parts").iterdir()}
    assert len(made) == 10
    assert made["4.part.bed"] == "10\t530\t1000\n1E1\t0\t400\n"
    assert [made[f"{number}.call.bed"] for number in range(1, 6)] == [
        "10\t0\t550\n",
        "10\t450\t570\n",
        "10\t470\t580\n",
        "10\t480\t1000\n1E1\t0\t400\n",
        "1E1\t401\t900\n",
    ]


def test_a_part_reaches_no_further_than_its_region(tmp_path: Path) -> None:
    """Neither before the contig's start nor beyond the target that its edge cuts."""
    for number, lines in ((1, "a\t11\t20\t+\t.\n"), (2, "a\t21\t30\t+\t.\na\t500\t600\t+\t.\n")):
        (tmp_path / f"{number}.interval_list").write_text(f"@HD\tVN:1.6\n{lines}")
    assert _run(tmp_path, "widen_parts", "parts", "50", "1.interval_list", "2.interval_list").returncode == 0
    assert (tmp_path / "parts/1.call.bed").read_text() == "a\t10\t30\n"
    assert (tmp_path / "parts/2.call.bed").read_text() == "a\t10\t30\na\t499\t600\n"


def test_a_part_keeps_its_own(tmp_path: Path, fai: Path) -> None:
    """Records beyond a cut go; a block that crosses the first edge begins there, with the base there."""
    bases = "ACGTN" * 100
    lines = [bases[at : at + 60] for at in range(0, 500, 60)]
    (tmp_path / "ref.fa").write_text(">10\n" + "\n".join(lines).lower() + "\n")
    (tmp_path / "part.bed").write_text("10\t202\t300\n")
    (tmp_path / "call.bed").write_text("10\t100\t400\n")
    called = _snp("10", 150) + _block("10", 151, 204) + _snp("10", 205) + _block("10", 206, 400)
    later = _snp("10", 401) + _snp("1E1", 9)
    done = _run(tmp_path, "keep_part", "part.bed", "call.bed", "ref.fa", given=HEADER + called + later)
    crossing = _block("10", 203, 204).replace("\tA\t", f"\t{bases[202]}\t")
    kept = HEADER + crossing + _snp("10", 205) + _block("10", 206, 400) + _snp("1E1", 9)
    assert done.stdout == kept
    edges = [_snp("10", at) for at in (202, 203, 300, 301)]
    done = _run(tmp_path, "keep_part", "part.bed", "call.bed", "ref.fa", given="".join(edges))
    assert done.stdout == "".join(edges[1:3])
    (tmp_path / "call.bed").write_text("10\t202\t300\n")
    uncut = _run(tmp_path, "keep_part", "part.bed", "call.bed", "ref.fa", given=HEADER + called)
    assert uncut.stdout == HEADER + called


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (
            [_block("a", 1, 300), _block("a", 201, 250) + _snp("a", 301)],
            [_block("a", 1, 300), _snp("a", 301)],
        ),
        ([_block("a", 1, 300), _block("a", 201, 900)], [_block("a", 1, 900)]),
        (
            [_block("a", 1, 300), _block("a", 201, 900, "0,9,90")],
            [_block("a", 1, 200), _block("a", 201, 900, "0,9,90")],
        ),
        (
            [_block("a", 1, 300), _block("a", 101, 400), "", _block("a", 201, 500) + _snp("a", 501)],
            [_block("a", 1, 500), _snp("a", 501)],
        ),
        ([_block("a", 1, 300), _block("b", 1, 900)], [_block("a", 1, 300), _block("b", 1, 900)]),
        ([_snp("a", 5), _block("a", 6, 9)], [_snp("a", 5), _block("a", 6, 9)]),
        (["", _snp("a", 5), ""], [_snp("a", 5)]),
    ],
    ids=["all in there", "longer", "other values", "across parts", "other contig", "no block", "empty"],
)
def test_blocks_are_mended_at_seams(tmp_path: Path, parts: list[str], joined: list[str]) -> None:
    names = []
    for number, records in enumerate(parts):
        names.append(f"part {number}.vcf.gz")
        (tmp_path / names[-1]).write_bytes(gzip.compress((HEADER + records).encode()))
    done = _run(tmp_path, "join_parts", "mended", *names)
    assert (done.returncode, done.stderr) == (0, "")
    files = sorted((tmp_path / "mended").iterdir())
    texts = [gzip.decompress(file.read_bytes()).decode() for file in files]
    assert len(texts) == len(parts)
    assert all(text.startswith(HEADER) for text in texts)
    assert "".join(text.removeprefix(HEADER) for text in texts) == "".join(joined)


@pytest.mark.parametrize(
    ("value", "other"),
    [("\t.\t.\tEND", "\t7\t.\tEND"), ("\t.\tEND", "\tq\tEND"), ("GT:PL", "GT:GQ"), ("0,0,0", "0,0,1")],
    ids=["QUAL", "FILTER", "FORMAT", "sample"],
)
def test_blocks_that_differ_stay_two(tmp_path: Path, value: str, other: str) -> None:
    for name, record in (("1", _block("a", 1, 300)), ("2", _block("a", 201, 900).replace(value, other))):
        (tmp_path / name).write_bytes(gzip.compress((HEADER + record).encode()))
    assert _run(tmp_path, "join_parts", "mended", "1", "2").returncode == 0
    texts = [gzip.decompress(file.read_bytes()) for file in sorted((tmp_path / "mended").iterdir())]
    expected = [_block("a", 1, 200), _block("a", 201, 900).replace(value, other)]
    assert [text.decode().removeprefix(HEADER) for text in texts] == expected


def test_a_damaged_part_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((HEADER + "".join(_snp("a", at) for at in range(1, 999))).encode())
    (tmp_path / "1.vcf.gz").write_bytes(whole[: len(whole) // 2])
    done = _run(tmp_path, "join_parts", "mended", "1.vcf.gz")
    assert done.returncode == 1
    assert "1.vcf.gz cannot be read to its end" in done.stderr


def test_a_part_is_imported_with_what_reaches_into_it(tmp_path: Path, fai: Path) -> None:
    assert _run(tmp_path, "import_regions", fai).stdout.splitlines()[0] == "10\t0\t500"
    (tmp_path / "part.bed").write_text("1E1\t0\t10\nlong\t5000\t6000\n")
    fai.write_text(fai.read_text() + "long\t9000\t0\t60\t61\n")
    done = _run(tmp_path, "import_regions", fai, "part.bed")
    assert done.stdout == "1E1\t0\t1000\nlong\t4000\t7000\n"
    # Of many contigs all bases, in the reference's order: GenomicsDBImport merges no parts of contigs.
    fai.write_text("".join(f"c{number}\t2000\t0\t60\t61\n" for number in range(200)))
    (tmp_path / "part.bed").write_text("".join(f"c{number}\t5\t6\n" for number in range(99, 200)))
    whole = _run(tmp_path, "import_regions", fai, "part.bed").stdout
    assert whole == "".join(f"c{number}\t0\t2000\n" for number in range(99, 200))


@pytest.mark.parametrize(
    ("contigs", "each", "many"),
    [(1, 100, "false"), (1, 101, "true"), (100, 2, "true"), (101, 1, "false"), (101, 2, "false")],
)
def test_many_regions_of_few_contigs_are_read_as_one(
    tmp_path: Path, contigs: int, each: int, many: str
) -> None:
    lines = [f"{10**at}\t{9 * n}\t{9 * n + 5}\n" for at in range(contigs) for n in range(each)]
    (tmp_path / "call.bed").write_text("".join(lines))
    assert _run(tmp_path, "many_regions", "call.bed").stdout == f"{many}\n"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "there are no GVCFs"),
        ("a\tx.gz\t-\nb\ty.gz\t-\na\tz.gz\t-\n", "sample a has more than one GVCF"),
        ("a\tmissing.g.vcf.gz\t-\n", "GVCF of sample a"),
    ],
)
def test_gvcfs_are_checked_before_any_tool_runs(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "gvcfs.tsv").write_text(table)
    done = _run(tmp_path, "map_gvcfs", "gvcfs.tsv", "linked")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert not (tmp_path / "linked").exists()
    assert _run(tmp_path, "import_gvcfs", "gvcfs.tsv", "ref.fa.fai", "genomicsdb").returncode == 1


def test_evidence_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no tar\n")
    assert "is neither" in _run(tmp_path, "open_evidence", "x").stderr
    subprocess.run(["tar", "-cf", "y", "-C", tmp_path, "x"], cwd=tmp_path, check=True)
    (tmp_path / "genomicsdb").rmdir()
    done = _run(tmp_path, "open_evidence", "y")
    assert done.returncode == 1

"""`stargazer assets …` as a user runs it."""

import gzip
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import h5py
import pytest
from helpers.shell import FASTA, MATRIX, VCF, Shell, bgzf, fastq, write

from stargazer_cli.store import LocalStore, cid_of


def test_mates_added_together_know_each_other(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    r1 = write(tmp_path / "NA1_R1.fq.gz", fastq("r", "1:N:0:AC"))
    r2 = write(tmp_path / "NA1_R2.fq.gz", fastq("r", "2:N:0:AC"))
    result = run("assets", "add", r2, r1, "-k", "sample_id=NA1", "--json")
    assert result.code == 0
    second, first = result.json
    assert first.pop("id")
    assert first.pop("created_at")
    assert first == {
        "cid": cid_of(r1),
        "name": "NA1_R1.fq.gz",
        "keyvalues": {"asset": "r1", "sample_id": "NA1", "mate_cid": cid_of(r2)},
        "derived_from": [],
        "run_ids": [],
        "owner": "",
        "path": str(store.object(cid_of(r1))),
        "status": "added",
    }
    assert second["keyvalues"] == {"asset": "r2", "sample_id": "NA1", "mate_cid": cid_of(r1)}
    assert "NA1_R1.fq.gz: asset=r1, mate NA1_R2.fq.gz" in result.err


def test_lanes_are_paired_each_and_named(run: Shell, tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"child_S1_L00{lane}_R{n}_001.fastq.gz", fastq(f"lane{lane}", f"{n}:N:0:AC"))
        for lane in (1, 2)
        for n in (1, 2)
    ]
    added = run("assets", "add", *files, "-k", "sample_id=child", "--json").json
    assert [(a["keyvalues"]["asset"], a["keyvalues"]["lane"]) for a in added] == [
        ("r1", "L001"),
        ("r2", "L001"),
        ("r1", "L002"),
        ("r2", "L002"),
    ]
    cids = [asset["cid"] for asset in added]
    assert [asset["keyvalues"]["mate_cid"] for asset in added] == [cids[1], cids[0], cids[3], cids[2]]


def test_mates_are_found_beside_each_other_first(run: Shell, tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"run{lane}" / f"x_R{n}.fq", fastq(f"lane{lane}", f"{n}:N:0:A"))
        for lane in (1, 2)
        for n in (1, 2)
    ]
    added = run("assets", "add", *files, "--json").json
    cids = [asset["cid"] for asset in added]
    assert [asset["keyvalues"]["mate_cid"] for asset in added] == [cids[1], cids[0], cids[3], cids[2]]


def test_mates_in_two_folders_are_found(run: Shell, tmp_path: Path) -> None:
    one, two = write(tmp_path / "1/x_R1.fq", fastq()), write(tmp_path / "2/x_R2.fq", fastq())
    added = run("assets", "add", one, two, "--json").json
    assert [asset["keyvalues"]["mate_cid"] for asset in added] == [cid_of(two), cid_of(one)]


def test_a_lane_that_is_given_goes_before_the_name(run: Shell, tmp_path: Path) -> None:
    path = write(tmp_path / "x_L001_R1.fq", fastq())
    [added] = run("assets", "add", path, "-k", "sample_id=x", "-k", "lane=L9", "--json").json
    assert added["keyvalues"]["lane"] == "L9"


def test_a_single_end_file_has_no_mate(run: Shell, tmp_path: Path) -> None:
    path = write(tmp_path / "x.fastq.gz", fastq())
    [added] = run("assets", "add", path, "-k", "sample_id=x", "--json").json
    assert added["keyvalues"] == {"asset": "r1", "sample_id": "x"}


def test_two_files_that_a_run_could_not_tell_apart_are_refused(
    run: Shell, store: LocalStore, tmp_path: Path
) -> None:
    files = [write(tmp_path / f"{name}_R{n}.fq", fastq(name)) for name in "ab" for n in (1, 2)]
    error = run.refuses("assets", "add", *files, "-k", "sample_id=x")
    assert "a_R1.fq and b_R1.fq would both be R1 of sample x without a lane" in error
    assert "-k lane=L001" in error
    assert store.find() == []


def test_an_index_is_linked_to_its_file(run: Shell, tmp_path: Path) -> None:
    bam, bai = write(tmp_path / "x.bam", bgzf(b"BAM\x01")), write(tmp_path / "x.bai", b"BAI\x01")
    fasta, fai = write(tmp_path / "r.fa", FASTA), write(tmp_path / "r.fa.fai", "chr1\t8\t11\t8\t9\n")
    sequences = write(tmp_path / "r.dict", "@HD\tVN:1.6\n")
    added = run("assets", "add", bam, bai, "-k", "sample_id=x", "--json").json
    assert added[0]["keyvalues"] == {"asset": "alignment", "sample_id": "x", "format": "bam"}
    assert added[1]["keyvalues"]["alignment_cid"] == added[0]["cid"]
    added = run("assets", "add", fai, fasta, sequences, "-k", "build=b", "--json").json
    assert added[0]["keyvalues"] == {"asset": "reference_index", "build": "b", "reference_cid": cid_of(fasta)}
    assert added[2]["keyvalues"]["reference_cid"] == cid_of(fasta)


def test_a_key_goes_to_the_files_that_have_it(run: Shell, tmp_path: Path) -> None:
    bam, bai = write(tmp_path / "x.bam", bgzf(b"BAM\x01")), write(tmp_path / "x.bam.bai", b"BAI\x01")
    given = ("-k", "sample_id=x", "-k", "duplicates_marked=true")
    ready, index = run("assets", "add", bam, bai, *given, "--json").json
    assert ready["keyvalues"]["duplicates_marked"] == "true"
    assert index["keyvalues"] == {"asset": "alignment_index", "sample_id": "x", "alignment_cid": ready["cid"]}
    refused = run("assets", "add", bam, bai, *given, "-k", "colour=blue")
    assert refused.code == 2
    assert "colour" in refused.err


def test_adding_again_says_that_it_was_not_needed(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    path = write(tmp_path / "r.fa", FASTA)
    assert run("assets", "add", path, "-k", "build=b").out.splitlines()[1].startswith("added ")
    before = (store.root / "stargazer_local.json").read_bytes()
    again = run("assets", "add", path, "-k", "build=b")
    assert again.code == 0
    assert again.out.splitlines()[1].startswith("not needed  reference  b  ")
    assert run("assets", "add", path, "-k", "build=b", "--json").json[0]["status"] == "notneeded"
    assert (store.root / "stargazer_local.json").read_bytes() == before


def test_a_kind_may_be_given_in_two_ways(run: Shell, tmp_path: Path) -> None:
    path = write(tmp_path / "mills.vcf.gz", VCF)
    keys = ["-k", "build=b", "-k", "known=true", "-k", "prior=12"]
    one = run("assets", "add", path, "--kind", "known_sites", *keys, "--json").json
    two = run("assets", "add", path, "-k", "asset=known_sites", *keys, "--json").json
    assert one[0]["keyvalues"] == two[0]["keyvalues"]
    assert one[0]["keyvalues"] == {"asset": "known_sites", "build": "b", "known": "true", "prior": "12.0"}
    assert two[0]["status"] == "notneeded"


def test_a_file_whose_name_says_nothing_is_a_bare_asset(run: Shell, tmp_path: Path) -> None:
    result = run("assets", "add", write(tmp_path / "notes.txt", "x"), "-k", "project=p1", "--json")
    assert result.json[0]["keyvalues"] == {"project": "p1"}
    assert "no kind known by its name or content (--asset gives one)" in result.err
    assert [a["name"] for a in run("assets", "query", "project=p1", "--json").json] == ["notes.txt"]


def test_the_same_file_named_twice_is_one(run: Shell, tmp_path: Path) -> None:
    path = write(tmp_path / "x_R1.fq", fastq())
    assert len(run("assets", "add", path, path, "-k", "sample_id=x", "--json").json) == 1


BROKEN: dict[str, tuple[str, str | bytes, str]] = {
    "empty": ("x_R1.fq", "", "is empty"),
    "no gzip": ("x_R1.fq.gz", b"raw:" + fastq().encode(), "is not compressed, though its name says so"),
    "damaged gzip": ("x_R1.fq.gz", b"raw:\x1f\x8bgarbage follows here", "is damaged: its gzip data"),
    "gzip cut off": ("x_R1.fq.gz", b"raw:" + gzip.compress(fastq().encode() * 9)[:-15], "is cut off"),
    "gzip of nothing": ("x_R1.fq.gz", "", "is not FASTQ"),
    "not fastq": ("x_R1.fq", FASTA, "is not FASTQ: its first line"),
    "no plus": ("x_R1.fq", "@r\nACGT\nIIII\nIIII\n", "is not FASTQ: its third line"),
    "cut in the first read": ("x_R1.fq", "@r\nACGT\n+", "is cut off in its first read"),
    "qualities": ("x_R1.fq", "@r\nACGT\n+\nIII\n", "4 bases and 3 qualities"),
    "R2 as R1": ("x_R1.fq.gz", fastq("r", "2:N:0:AC"), "is given as R1, but its reads say that they are R2"),
    "R1 as R2": ("x_R2.fq.gz", fastq("r/1"), "is given as R2, but its reads say that they are R1"),
    "not fasta": ("x.fa", fastq(), "is not FASTA"),
    "not fasta inside gzip": ("x.fa.gz", fastq(), "is not FASTA"),
    "not bam": ("x.bam", bgzf(b"SAM\x01"), "is neither BAM nor CRAM"),
    "bam without its end": ("x.bam", bgzf(b"BAM\x01")[:-28], "is cut off: the empty block"),
    "sam as bam": ("x.bam", "@HD\tVN:1.6\n", "is not compressed"),
    "not bai": ("x.bai", "BAX", "is not an index of a BAM"),
    "not vcf": ("x.vcf", "#CHROM\n", "is not VCF"),
    "not vcf inside gzip": ("x.g.vcf.gz", FASTA, "is not VCF"),
    "vcf without its end": ("x.vcf.gz", b"raw:" + bgzf(VCF.encode())[:-28], "is cut off: the empty block"),
    "not tbi": ("x.vcf.gz.tbi", b"raw:" + gzip.compress(b"XXX"), "is not an index of a VCF"),
    "not fai": ("x.fa.fai", FASTA, "is not a FASTA index"),
    "not dict": ("x.dict", FASTA, "is not a sequence dictionary"),
    "not h5ad": ("x.h5ad", "HDF", "is not HDF5"),
    "not 10x": ("x.h5", "HDF", "is neither a .h5 file of 10x nor a tar"),
    "h5ad of nothing but its signature": ("x.h5ad", b"\x89HDF\r\n\x1a\n", "is cut off in its first bytes"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_not_what_it_should_be_is_refused_and_nothing_stored(
    run: Shell, store: LocalStore, tmp_path: Path, case: str
) -> None:
    name, content, problem = BROKEN[case]
    if isinstance(content, bytes) and content.startswith(b"raw:"):
        path = tmp_path / name
        path.write_bytes(content.removeprefix(b"raw:"))
    else:
        path = write(tmp_path / name, content)
    error = run.refuses("assets", "add", write(tmp_path / "good.fa", FASTA), path)
    assert str(path) in error
    assert problem in error
    assert "Hint:" in error
    assert store.find() == []
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x_R1.fq", fastq(bases="ACGT" * 500_000)),
        ("x_R1.fq", fastq().replace("\n", "\r\n")),
        ("x_R1.fq", fastq()[:-1]),
        ("x_R1.fq.gz", fastq("SRR1.1", "1 length=4")),
        ("x_R1.fq.gz", fastq() * 200_000),
        ("x.fa.gz", FASTA),
        ("x.fa", "\n" + FASTA),
        ("x.cram", b"CRAM\x03"),
        ("x.bam", bgzf(b"BAM\x01" + bytes(range(256)) * 20)),
        ("x.vcf.gz", VCF),
        ("x.bed", "chr1\t0\t1\n"),
        ("empty.txt", ""),
    ],
)
def test_a_sound_file_is_taken(run: Shell, tmp_path: Path, name: str, content: str | bytes) -> None:
    assert run("assets", "add", write(tmp_path / name, content)).code == 0


def test_gzip_of_several_members_is_read_through(run: Shell, tmp_path: Path) -> None:
    # bgzip and sequencers' software write many small members.
    path = tmp_path / "x_R1.fq.gz"
    path.write_bytes(
        b"".join(gzip.compress(part.encode()) for part in fastq().split("\n", 1)[0])
        + gzip.compress(b"\nACGT\n+\nIIII\n")
    )
    assert run("assets", "add", path).code == 0


def test_files_that_are_no_mates_are_refused(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    one, two = write(tmp_path / "x_R1.fq", fastq("a/1")), write(tmp_path / "x_R2.fq", fastq("b/2"))
    error = run.refuses("assets", "add", one, two)
    assert "x_R1.fq and x_R2.fq are not mates: they begin with read 'a' and read 'b'" in error
    assert store.find() == []


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["r.fa", "-k", "build"], "'build' is not KEY=VALUE"),
        (["r.fa", "-k", "=x"], "'=x' is not KEY=VALUE"),
        (["r.fa", "-k", "build=a", "-k", "build=b"], "'build' is given twice"),
        (["r.fa", "-k", "biuld=b"], "r.fa: asset=reference has no key 'biuld'. Did you mean 'build'?"),
        (["r.fa", "--kind", "refrence"], "no asset kind 'refrence'. Did you mean 'reference'?"),
        (["r.fa", "--kind", "reference", "-k", "asset=r1"], "contradict"),
        (["r.fa", "-k", "recipe=x"], "'recipe' is kept by the store"),
        (["none.fa"], "no file none.fa"),
        (["empty"], "There is no file in the folder empty"),
        (["."], "dangling.bam is a link that leads nowhere"),
        (["loop"], "loop is a link that leads nowhere"),
        (["n" * 300], "cannot be read: File name too long"),
        (["r_R1.fq", "-k", "sample_id=a;rm -rf ~"], "sample id"),
        (["r_R1.fq", "-k", "sample_id=../x"], "sample id"),
        (["r_R1.fq", "-k", "sample_id=a b"], "sample id"),
        (["r_R1.fq", "-k", "sample_id=" + "x" * 300], "(300 characters)"),
        (["x.bam", "-k", "duplicates_marked=maybe"], "must be true or false"),
    ],
)
def test_wrong_use_of_add(
    run: Shell,
    store: LocalStore,
    tmp_path: Path,
    args: list[str],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "r.fa", FASTA)
    write(tmp_path / "r_R1.fq", fastq())
    write(tmp_path / "x.bam", bgzf(b"BAM\x01"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling.bam").symlink_to("gone.bam")
    (tmp_path / "loop").symlink_to("loop")
    assert problem in run.refuses("assets", "add", *args)
    assert not store.root.exists()


class TestQuery:
    @pytest.fixture(autouse=True)
    def _files(self, run: Shell, tmp_path: Path) -> None:
        run("assets", "add", write(tmp_path / "a_R1.fq", fastq()), "-k", "sample_id=a", "-k", "lane=L1")
        run("assets", "add", write(tmp_path / "b_R1.fq", fastq("b")), "-k", "sample_id=b")
        run("assets", "add", write(tmp_path / "r.fa", FASTA), "-k", "build=GRCh38")

    def test_a_table_that_a_person_reads(self, run: Shell, store: LocalStore) -> None:
        lines = run("assets", "query").out.splitlines()
        assert lines[0].split() == ["kind", "of", "name", "cid"]
        assert [re.split(r"  +", line)[:3] for line in lines[1:]] == [
            ["r1", "a L1", "a_R1.fq"],
            ["r1", "b", "b_R1.fq"],
            ["reference", "GRCh38", "r.fa"],
        ]
        assert [line.split()[-1] for line in lines[1:]] == [asset.cid for asset in store.find()]

    def test_filters(self, run: Shell) -> None:
        def names(*filters: str) -> list[str]:
            return [asset["name"] for asset in run("assets", "query", *filters, "--json").json]

        assert names("asset=r1") == ["a_R1.fq", "b_R1.fq"]
        assert names("asset=r1", "sample_id=b") == ["b_R1.fq"]
        assert names("sample_id=a", "sample_id=b") == ["a_R1.fq", "b_R1.fq"]
        assert names("build=GRCh38") == ["r.fa"]
        assert names("name=r.fa") == ["r.fa"]
        assert names("sample_id=c") == []

    def test_json_has_the_path(self, run: Shell, store: LocalStore) -> None:
        [asset] = run("assets", "query", "build=GRCh38", "--json").json
        assert asset == {
            "id": store.find()[2].id,
            "cid": asset["cid"],
            "name": "r.fa",
            "keyvalues": {"asset": "reference", "build": "GRCh38"},
            "derived_from": [],
            "run_ids": [],
            "created_at": store.find()[2].created_at,
            "owner": "",
            "path": str(store.object(asset["cid"])),
        }

    def test_nothing_found_is_said_on_stderr(self, run: Shell) -> None:
        result = run("assets", "query", "sample_id=c")
        assert (result.code, result.out, result.err) == (0, "", "No asset matches.\n")

    @pytest.mark.parametrize(
        ("filters", "problem"),
        [
            (["sampel_id=a"], "'sampel_id' is not a key of any asset. Did you mean 'sample_id'?"),
            (["asset=r1", "build=x"], "'build' is not a key of asset=r1"),
            (["asset=r3"], "no asset kind 'r3'"),
            (["duplicates_marked=maybe"], "must be true or false"),
            (["path=/x"], "'path' is not a key"),
            (["r1"], "'r1' is not KEY=VALUE"),
        ],
    )
    def test_a_slip_is_told(self, run: Shell, filters: list[str], problem: str) -> None:
        assert problem in run.refuses("assets", "query", *filters)

    def test_names_cannot_disturb_the_terminal(self, run: Shell, tmp_path: Path) -> None:
        run("assets", "add", write(tmp_path / "evil\x1b[31m\nname.txt", "x"))
        out = run("assets", "query").out
        assert r"evil\x1b[31m\nname.txt" in out
        assert "\x1b" not in out


def test_an_empty_store_is_said_to_be_empty(run: Shell, store: LocalStore) -> None:
    result = run("assets", "query")
    assert (result.code, result.out) == (0, "")
    assert "holds no assets yet" in result.err
    assert run("assets", "query", "--json").json == []
    assert not store.root.exists()


def test_get_copies_out(run: Shell, tmp_path: Path) -> None:
    [asset] = run("assets", "add", write(tmp_path / "r.fa", FASTA), "--json").json
    out = tmp_path / "out.fa"
    assert run("assets", "get", asset["cid"], "-o", out).code == 0
    assert out.read_text() == FASTA
    out.write_text("precious")
    assert "out.fa exists already" in run.refuses("assets", "get", asset["cid"], "-o", out)
    assert out.read_text() == "precious"
    assert run("assets", "get", asset["cid"], "-o", out, "--force").code == 0
    assert out.read_text() == FASTA


def test_get_into_a_folder_keeps_the_name(run: Shell, tmp_path: Path) -> None:
    [asset] = run("assets", "add", write(tmp_path / "r.fa", FASTA), "--json").json
    (tmp_path / "folder").mkdir()
    assert run("assets", "get", asset["cid"], "-o", tmp_path / "folder").code == 0
    assert (tmp_path / "folder" / "r.fa").read_text() == FASTA


def test_get_of_what_is_nowhere(run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not a CID" in run.refuses("assets", "get", "nonsense", "-o", tmp_path / "x")
    monkeypatch.setenv("PINATA_GATEWAY", "")
    cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    result = run("assets", "get", cid, "-o", tmp_path / "x")
    assert result.code == 1
    assert "public downloads are off" in result.err
    assert not (tmp_path / "x").exists()


def test_a_query_does_not_import_what_it_does_not_need(tmp_path: Path) -> None:
    # Start-up time is kept by what is imported; the time itself is measured in benchmarks/.
    code = (
        "import sys; sys.argv = ['stargazer', 'assets', 'query', 'asset=r1']\n"
        "from stargazer_cli.commands.main import cli\n"
        "try: cli()\nexcept SystemExit: pass\n"
        "print(*sorted({'httpx', 'rich', 'jgo', 'yaml', 'filelock'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"STARGAZER_LOCAL": str(tmp_path / "none")},
    )
    assert done.stdout.strip() == ""


@pytest.mark.real_data
def test_the_real_sets_are_taken(run: Shell, real_data: Path) -> None:
    tp53, ceu = real_data / "germline_tp53", real_data / "germline_ceu10kb"
    reads = sorted(tp53.glob("*.fq.gz"))
    added = run("assets", "add", *reads, "-k", "sample_id=NA12829", "--json").json
    assert [asset["keyvalues"]["mate_cid"] for asset in added] == [added[1]["cid"], added[0]["cid"]]
    assert run("assets", "add", tp53 / "GRCh38_TP53.fa", "-k", "build=GRCh38").code == 0
    assert run("assets", "add", *tp53.glob("Mills*"), "--kind", "known_sites").code == 0
    for sample in ("HG001", "NA12891", "NA12892"):
        reads = sorted((ceu / "reads").glob(f"{sample}_*"))
        added = run("assets", "add", *reads, "-k", f"sample_id={sample}", "--json").json
        assert [asset["keyvalues"]["mate_cid"] for asset in added] == [added[1]["cid"], added[0]["cid"]]
    truth = sorted((ceu / "truth").glob("*.vcf.gz*"))
    [vcf, tbi] = run("assets", "add", *truth, "-k", "sample_id=HG001", "--json").json
    assert tbi["keyvalues"]["variants_cid"] == vcf["cid"]
    assert run("assets", "add", ceu / "ref" / "chr20w.fa.gz", "-k", "build=GRCh37").code == 0


# Single cells


def hdf5(path: Path, **options: Any) -> Path:
    with h5py.File(path, "w", **options) as file:
        file["X"] = [[1.0, 0.0]] * 100
    return path


def folder(path: Path, **files: str | None) -> Path:
    """A matrix-market folder with some files more, other or less."""
    for name, content in (MATRIX | files).items():
        if content is not None:
            write(path / name, content)
    return path


@pytest.mark.parametrize("name", ["x.h5ad", "x.h5"])
@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
def test_hdf5_of_any_age_is_taken_and_refused_when_it_is_cut_off(
    run: Shell, store: LocalStore, tmp_path: Path, name: str, libver: str
) -> None:
    path = hdf5(tmp_path / name, libver=libver)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert f"has {len(whole):,} bytes, and has {len(whole) - 1:,}" in run.refuses("assets", "add", path)
    assert store.find() == []
    path.write_bytes(whole)
    assert run("assets", "add", path).code == 0


def test_an_h5ad_counts_as_raw_unless_it_is_said_to_be_further(run: Shell, tmp_path: Path) -> None:
    path = hdf5(tmp_path / "x.h5ad")
    added = run("assets", "add", path, "-k", "sample_id=s1", "--json")
    assert added.json[0]["keyvalues"] == {"asset": "anndata", "sample_id": "s1", "stage": "raw"}
    assert "taken for raw counts (-k stage=… where it is further)" in added.err
    assert "no organism: a run takes it for human" in added.err
    further = run("assets", "add", path, "-k", "stage=normalized", "-k", "organism=mouse", "--json")
    assert further.json[0]["keyvalues"] == {"asset": "anndata", "organism": "mouse", "stage": "normalized"}
    assert "taken for" not in further.err


def test_a_matrix_market_folder_becomes_one_file_of_its_three_files(
    run: Shell, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = folder(tmp_path / "one" / "my matrix", **{"web_summary.html": "<html>", ".barcodes.tsv": "hidden"})
    (added,) = run("assets", "add", one, "-k", "sample_id=s1", "--json").json
    assert added["keyvalues"] == {"asset": "counts", "sample_id": "s1", "format": "mtx"}
    assert added["name"] == "my matrix.tar"
    with tarfile.open(added["path"]) as archive:
        assert archive.getnames() == sorted(MATRIX)
        assert [archive.extractfile(name).read().decode() for name in MATRIX] == list(MATRIX.values())
        assert {(member.mtime, member.uid, member.uname, member.mode) for member in archive} == {
            (0, 0, "", 0o644)
        }
    # The same files are the same asset, wherever, whenever and by whomever they were written.
    two = folder(tmp_path / "two" / "my matrix")
    os.utime(two / "matrix.mtx", (1, 1))
    (two / "genes.tsv").chmod(0o600)
    monkeypatch.chdir(two)
    (again,) = run("assets", "add", ".", "-k", "sample_id=s1", "--json").json
    assert (again["cid"], again["name"], again["status"]) == (added["cid"], "my matrix.tar", "notneeded")
    # And so is the tar itself.
    packed = tmp_path / "my matrix.tar"
    run("assets", "get", added["cid"], "-o", packed)
    (tar,) = run("assets", "add", packed, "-k", "sample_id=s1", "--json").json
    assert (tar["cid"], tar["status"]) == (added["cid"], "notneeded")


def test_gzipped_parts_with_a_prefix_and_their_compressed_tar_are_counts(run: Shell, tmp_path: Path) -> None:
    parts = {f"GSM1_{name}.gz": text for name, text in MATRIX.items()}
    for name, text in parts.items():
        write(tmp_path / "m" / name, text)
    (added,) = run("assets", "add", tmp_path / "m", "--json").json
    assert added["keyvalues"]["format"] == "mtx"
    write(tmp_path / "m.tar.gz", Path(added["path"]).read_bytes())
    (tar,) = run("assets", "add", tmp_path / "m.tar.gz", "--kind", "counts", "--json").json
    assert tar["keyvalues"] == {"asset": "counts", "format": "mtx"}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"barcodes.tsv": None}, "has no barcodes.tsv, plain or .gz."),
        ({"features.tsv.gz": "ENSG1"}, "has features.tsv.gz and genes.tsv: which one?"),
        ({"matrix.mtx": "1 1 1\n"}, "is not matrix-market"),
        ({"barcodes.tsv": ""}, "barcodes.tsv is empty"),
    ],
)
def test_a_folder_that_is_no_count_matrix_is_refused(
    run: Shell, store: LocalStore, tmp_path: Path, files: dict[str, str | None], problem: str
) -> None:
    assert problem in run.refuses("assets", "add", folder(tmp_path / "m", **files))
    assert store.find() == []


def test_a_tar_of_something_else_is_no_count_matrix(run: Shell, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(write(tmp_path / "notes.txt", "notes"), "notes.txt")
    assert run("assets", "add", tmp_path / "x.tar", "--json").json[0]["keyvalues"] == {}
    error = run.refuses("assets", "add", tmp_path / "x.tar", "--kind", "counts")
    assert "x.tar has no matrix.mtx" in error

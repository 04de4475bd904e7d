"""`stargazer assets add FOLDER`: what is in it, what is left out, and which files belong together."""

import os
import socket
from pathlib import Path

import pytest
from helpers.shell import FASTA, MATRIX, Shell, bgzf, fastq, write

from stargazer_cli.store import LocalStore


def names(added: list[dict[str, object]]) -> list[object]:
    return [asset["name"] for asset in added]


def test_every_file_of_a_folder_is_added_with_what_belongs_to_it(run: Shell, tmp_path: Path) -> None:
    for lane in ("L001", "L002"):
        for n in (1, 2):
            write(tmp_path / f"run/reads/s_{lane}_R{n}.fq", fastq(lane, f"{n}:N:0:A"))
    write(tmp_path / "run/bam/x.bam", bgzf(b"BAM\x01"))
    write(tmp_path / "run/bam/x.bam.bai", b"BAI\x01")
    write(tmp_path / "run/notes.txt", "x")
    added = run("assets", "add", tmp_path / "run", "-k", "sample_id=s", "--json").json
    assert names(added) == [
        "x.bam",
        "x.bam.bai",
        "notes.txt",
        "s_L001_R1.fq",
        "s_L001_R2.fq",
        "s_L002_R1.fq",
        "s_L002_R2.fq",
    ]
    bam, bai, _, *reads = added
    assert bai["keyvalues"]["alignment_cid"] == bam["cid"]
    cids = [asset["cid"] for asset in reads]
    assert [asset["keyvalues"]["mate_cid"] for asset in reads] == [cids[1], cids[0], cids[3], cids[2]]


def test_an_index_belongs_to_the_file_beside_it(run: Shell, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / "run" / folder / "x.bam", bgzf(b"BAM\x01" + folder.encode()))
        write(tmp_path / "run" / folder / "x.bam.bai", b"BAI\x01" + folder.encode())
    a, a_index, b, b_index = run("assets", "add", tmp_path / "run", "--json").json
    assert a["cid"] != b["cid"]
    assert a_index["keyvalues"]["alignment_cid"] == a["cid"]
    assert b_index["keyvalues"]["alignment_cid"] == b["cid"]


def test_an_index_that_fits_two_files_is_linked_to_none(run: Shell, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "x.bam", bgzf(b"BAM\x01" + folder.encode()))
    result = run("assets", "add", tmp_path / "a", tmp_path / "b", write(tmp_path / "x.bam.bai", "BAI\x01"))
    assert "x.bam.bai: asset=alignment_index, " in result.err
    assert "of no file among these (-k alignment_cid=CID" in result.err


def test_what_is_left_out_of_a_folder_is_said(run: Shell, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/r.fa", FASTA)
    folder = tmp_path / "run"
    write(folder / "x.fa", FASTA + "A\n")
    write(folder / ".hidden.fa", FASTA)
    write(folder / ".git/config", "x")
    (folder / "loop").symlink_to(folder)
    (folder / "other").symlink_to(tmp_path / "elsewhere")
    (folder / "linked.fa").symlink_to(tmp_path / "elsewhere/r.fa")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        result = run("assets", "add", folder, "--json")
    assert names(result.json) == ["linked.fa", "x.fa"]
    assert result.err.splitlines()[:6] == [
        f"{folder}/.git: hidden, left out",
        f"{folder}/.hidden.fa: hidden, left out",
        f"{folder}/loop: a link to a folder, left out; name it itself to add it",
        f"{folder}/other: a link to a folder, left out; name it itself to add it",
        f"{folder}/pipe: neither a file nor a folder, left out",
        f"{folder}/socket: neither a file nor a folder, left out",
    ]


def test_a_link_to_a_folder_is_followed_where_it_is_named(run: Shell, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/r.fa", FASTA)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert names(run("assets", "add", tmp_path / "link", "--json").json) == ["r.fa"]


def test_a_matrix_inside_a_folder_stays_one_file(run: Shell, tmp_path: Path) -> None:
    for name, content in MATRIX.items():
        write(tmp_path / "outs/filtered_feature_bc_matrix" / name, content)
    write(tmp_path / "outs/analysis/barcodes.tsv", "AAA-1\n")
    write(tmp_path / "outs/web_summary.html", "<html>")
    added = run("assets", "add", tmp_path / "outs", "--json").json
    assert names(added) == ["barcodes.tsv", "filtered_feature_bc_matrix.tar", "web_summary.html"]
    assert added[1]["keyvalues"] == {"asset": "counts", "format": "mtx"}


def test_a_matrix_folder_is_of_no_other_kind(run: Shell, tmp_path: Path) -> None:
    for name, content in MATRIX.items():
        write(tmp_path / "m" / name, content)
    error = run.refuses("assets", "add", tmp_path / "m", "--asset", "anndata")
    assert f"{tmp_path / 'm'} is a folder with a count matrix, which asset=anndata is not" in error


@pytest.mark.parametrize(
    ("mark", "problem"),
    [
        (".zgroup", "is a Zarr store"),
        ("zarr.json", "is a Zarr store"),
        ("vidmap.json", "is a GenomicsDB workspace"),
    ],
)
def test_a_folder_that_is_one_thing_is_not_taken_apart(
    run: Shell, store: LocalStore, tmp_path: Path, mark: str, problem: str
) -> None:
    write(tmp_path / "run/a.fa", FASTA)
    write(tmp_path / "run/cells/0", "x")
    write(tmp_path / "run/cells" / mark, "{}")
    for folder in (tmp_path / "run", tmp_path / "run/cells"):
        assert f"{tmp_path / 'run/cells'} {problem}" in run.refuses("assets", "add", folder)
    assert store.find() == []


@pytest.mark.parametrize("inside", [[], [".hidden"]])
def test_a_folder_without_files_is_refused(run: Shell, tmp_path: Path, inside: list[str]) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    for name in inside:
        write(folder / name, "x")
    assert f"no file in the folder {folder}" in run.refuses("assets", "add", folder)


def test_one_bad_file_refuses_the_folder(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    write(tmp_path / "run/a.fa", FASTA)
    write(tmp_path / "run/sub/b.bam", b"no bam")
    assert "b.bam is not compressed" in run.refuses("assets", "add", tmp_path / "run")
    assert store.find() == []


def test_a_file_that_is_named_and_in_a_folder_is_one(run: Shell, tmp_path: Path) -> None:
    path = write(tmp_path / "run/a.fa", FASTA)
    assert len(run("assets", "add", path, tmp_path / "run", "--json").json) == 1


def test_a_file_under_two_names_is_one_and_keeps_the_first(
    run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "run/a.fa", FASTA)
    (tmp_path / "run/b.fa").symlink_to(path)
    monkeypatch.chdir(tmp_path / "run")
    assert names(run("assets", "add", "a.fa", path, tmp_path / "run", "--json").json) == ["a.fa"]


def test_names_of_any_kind_are_kept_and_shown_escaped(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    strange = ["two\nlines.txt", "quo'te\"s $HOME `x`.txt", "-rf", "\x1b[31mred", "ü" * 120 + ".fa"]
    for name in strange:
        write(folder / name, FASTA + name)
    os.close(os.open(os.fsencode(folder) + b"/not utf-8 \xff.txt", os.O_CREAT | os.O_WRONLY))
    result = run("assets", "add", folder)
    assert result.code == 0
    assert "\x1b" not in result.out + result.err
    assert r"two\nlines.txt: " in result.err
    assert r"not utf-8 \udcff.txt: " in result.err
    assert {asset.name for asset in store.find()} == {*strange, "not utf-8 \N{REPLACEMENT CHARACTER}.txt"}

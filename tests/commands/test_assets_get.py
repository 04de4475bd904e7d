"""`stargazer assets get` with what travels with a file, and the forms in which `query` answers."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.shell import FASTA, Shell, fastq, on_a_terminal, write

from stargazer_cli.output import printable, size_of
from stargazer_cli.store import LocalStore


@pytest.fixture
def reference(run: Shell, tmp_path: Path) -> str:
    """A reference with two companions, and an alignment that links to it and is none."""
    files = [
        write(tmp_path / "in/r.fa", FASTA),
        write(tmp_path / "in/r.fa.fai", "chr1\t8\t11\t8\t9\n"),
        write(tmp_path / "in/r.dict", "@HD\tVN:1.6\n"),
    ]
    cid = run("assets", "add", *files, "--json").json[0]["cid"]
    run("assets", "add", write(tmp_path / "x.cram", b"CRAM\x03"), "-k", f"reference_cid={cid}")
    return str(cid)


class TestCompanions:
    def test_they_come_along_and_nothing_else(self, run: Shell, tmp_path: Path, reference: str) -> None:
        out = tmp_path / "new" / "folder"
        result = run("assets", "get", reference, "-o", out, "--with-companions", "--json")
        assert sorted(path.name for path in out.iterdir()) == ["r.dict", "r.fa", "r.fa.fai"]
        assert (out / "r.fa").read_text() == FASTA
        assert {entry["path"] for entry in result.json} == {str(path) for path in out.iterdir()}
        assert result.json[0] == {"cid": reference, "path": str(out / "r.fa"), "size": len(FASTA)}

    def test_without_the_option_it_is_the_file_alone(
        self, run: Shell, tmp_path: Path, reference: str
    ) -> None:
        (tmp_path / "out").mkdir()
        run("assets", "get", reference, "-o", tmp_path / "out")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["r.fa"]

    def test_mates_come_from_either_side(self, run: Shell, tmp_path: Path) -> None:
        mates = [write(tmp_path / f"x_R{n}.fq", fastq("r", f"{n}:N:0:A")) for n in (1, 2)]
        added = run("assets", "add", *mates, "--json").json
        for number, asset in enumerate(added):
            out = tmp_path / str(number)
            run("assets", "get", asset["cid"], "-o", out, "--with-companions")
            assert sorted(path.name for path in out.iterdir()) == ["x_R1.fq", "x_R2.fq"]

    def test_nothing_is_written_when_one_is_there_already(
        self, run: Shell, tmp_path: Path, reference: str
    ) -> None:
        precious = write(tmp_path / "out/r.dict", "precious")
        error = run.refuses("assets", "get", reference, "-o", tmp_path / "out", "--with-companions")
        assert f"{precious} exists already" in error
        assert [path.read_text() for path in (tmp_path / "out").iterdir()] == ["precious"]
        forced = run("assets", "get", reference, "-o", tmp_path / "out", "--with-companions", "--force")
        assert forced.code == 0
        assert precious.read_text() == "@HD\tVN:1.6\n"

    def test_two_of_one_name_are_refused(self, run: Shell, tmp_path: Path, reference: str) -> None:
        path = write(tmp_path / "other/r.fa.fai", "chr2\t8\t11\t8\t9\n")
        run("assets", "add", path, "-k", f"reference_cid={reference}")
        error = run.refuses("assets", "get", reference, "-o", tmp_path / "out", "--with-companions")
        assert "Two of the files are named r.fa.fai" in error

    def test_a_file_in_the_place_of_the_folder(self, run: Shell, tmp_path: Path, reference: str) -> None:
        place = write(tmp_path / "out", "precious")
        error = run.refuses("assets", "get", reference, "-o", place, "--with-companions")
        assert f"{place} is a file, and --with-companions needs a folder" in error
        assert place.read_text() == "precious"

    def test_what_is_no_cid_leaves_no_folder(self, run: Shell, tmp_path: Path) -> None:
        assert "is not a CID" in run.refuses("assets", "get", "no", "-o", tmp_path / "o", "--with-companions")
        assert not (tmp_path / "o").exists()

    def test_a_damaged_file_is_not_given_out(
        self, run: Shell, store: LocalStore, tmp_path: Path, reference: str
    ) -> None:
        stored = store.object(reference)
        assert stored
        stored.chmod(0o644)
        stored.write_text("tampered")
        result = run("assets", "get", reference, "-o", tmp_path / "r.fa")
        assert result.code == 1
        assert "damaged" in result.err
        assert not (tmp_path / "r.fa").exists()


def test_a_name_from_a_record_stays_inside_the_folder(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    [added] = run("assets", "add", write(tmp_path / "x.txt", "x"), "--json").json
    with store.metadata.transaction() as table:
        table.update({"name": "../../escaped.txt"})
    out = tmp_path / "a" / "b"
    assert run("assets", "get", added["cid"], "-o", out, "--with-companions").code == 0
    assert [path.name for path in out.iterdir()] == ["escaped.txt"]


def test_keys_that_another_version_wrote_are_found(run: Shell, store: LocalStore, tmp_path: Path) -> None:
    run("assets", "add", write(tmp_path / "r.fa", FASTA), "-k", "build=b")
    run("assets", "add", write(tmp_path / "x.txt", "x"), "-k", "project=p")
    with store.metadata.transaction() as table:
        table.update({"keyvalues": {"asset": "reference", "patch": "14"}}, doc_ids=[1])
        table.update({"keyvalues": {"asset": "hologram", "depth": "3"}}, doc_ids=[2])
    assert [each["name"] for each in run("assets", "query", "patch=14", "--json").json] == ["r.fa"]
    assert run("assets", "query", "asset=hologram", "depth=3").out.splitlines()[1].split()[2] == "x.txt"
    assert "'project' is not a key" in run.refuses("assets", "query", "project=p")
    assert "no asset kind 'holograms'" in run.refuses("assets", "query", "asset=holograms")


class TestCsv:
    def rows(self, text: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(text)))

    def test_a_column_for_each_key(self, run: Shell, store: LocalStore, reference: str) -> None:
        text = run("assets", "query", "--csv").out
        header = text.split("\n", 1)[0].split(",")
        assert header[:3] == ["cid", "name", "asset"]
        assert header[-6:] == ["derived_from", "run_ids", "created_at", "owner", "id", "path"]
        rows = self.rows(text)
        assert [row["name"] for row in rows] == [asset.name for asset in store.find()]
        assert rows[1]["reference_cid"] == reference
        assert rows[0]["reference_cid"] == ""
        assert rows[0]["path"] == str(store.object(reference))

    def test_values_of_any_kind_come_through(self, run: Shell, tmp_path: Path) -> None:
        value = 'a "quoted", comma\nand line'
        run("assets", "add", write(tmp_path / "x.txt", "x"), "-k", f"note={value}")
        assert self.rows(run("assets", "query", "--csv").out)[0]["note"] == value

    def test_what_looks_like_a_colour_comes_through_a_pipe_and_is_shown_on_a_terminal(
        self, run: Shell, tmp_path: Path
    ) -> None:
        value = "na\x1b[31mme"
        run("assets", "add", write(tmp_path / "x.txt", "x"), "-k", f"note={value}")
        piped = subprocess.run(
            [
                sys.executable,
                "-c",
                "from stargazer_cli.commands.main import cli; cli()",
                "assets",
                "query",
                "--csv",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert self.rows(piped.stdout)[0]["note"] == value
        code, seen = on_a_terminal(b"", "assets", "query", "--csv")
        assert code == 0
        assert "\x1b" not in seen
        assert r"na\x1b[31mme" in seen

    def test_lists_are_words(self, run: Shell, store: LocalStore, tmp_path: Path) -> None:
        run("assets", "add", write(tmp_path / "x.txt", "x"))
        with store.metadata.transaction() as table:
            table.update({"derived_from": ["one", "two"]})
        assert self.rows(run("assets", "query", "--csv").out)[0]["derived_from"] == "one two"

    def test_nothing_found_is_a_header_alone(self, run: Shell, reference: str) -> None:
        assert len(run("assets", "query", "sample_id=none", "--csv").out.splitlines()) == 1

    def test_two_forms_at_once_are_refused(self, run: Shell) -> None:
        assert "--json and --csv" in run.refuses("assets", "query", "--json", "--csv")


@pytest.mark.usefixtures("store")
def test_a_terminal_sees_how_far_it_is_and_a_log_does_not(run: Shell, tmp_path: Path) -> None:
    big = write(tmp_path / "big.txt", b"x" * 40_000_000)
    assert "storing" not in run("assets", "add", big).err
    code, shown = on_a_terminal(b"", "assets", "add", str(big), "-k", "project=2")
    assert code == 0
    assert "storing" in shown
    assert "38.1 MiB" in shown
    code, shown = on_a_terminal(b"", "assets", "verify")
    assert code == 0
    assert "checking" in shown


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**30, "1.0 GiB"),
        (5 * 2**40, "5.0 TiB"),
        (2**60, "1,048,576.0 TiB"),
    ],
)
def test_sizes_for_a_person(count: int, text: str) -> None:
    assert size_of(count) == text


def test_what_would_disturb_a_terminal_is_escaped() -> None:
    assert printable("a\x1b[1m\r\n\u202eb\udcff ü") == "a\\x1b[1m\\r\\n\\u202eb\\udcff ü"

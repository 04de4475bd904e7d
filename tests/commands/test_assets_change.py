"""`stargazer assets update` and `delete`."""

from pathlib import Path

import pytest
from helpers.shell import FASTA, VCF, Shell, fastq, on_a_terminal, write

from stargazer_cli.store import LocalStore

ABSENT = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


@pytest.fixture
def reference(run: Shell, tmp_path: Path) -> str:
    """A reference with an index that links to it; gives the CID of the reference."""
    fasta, fai = write(tmp_path / "r.fa", FASTA), write(tmp_path / "r.fa.fai", "chr1\t8\t11\t8\t9\n")
    return run("assets", "add", fasta, fai, "-k", "build=b", "--json").json[0]["cid"]


@pytest.fixture
def two_records(run: Shell, tmp_path: Path) -> tuple[str, list[str]]:
    """The same bytes under two samples: their CID, and the ids of the records."""
    path = write(tmp_path / "x.fq", fastq())
    added = [run("assets", "add", path, "-k", f"sample_id={name}", "--json").json[0] for name in "ab"]
    return added[0]["cid"], [asset["id"] for asset in added]


class TestUpdate:
    def test_keys_are_set_and_taken_away(self, run: Shell, store: LocalStore, tmp_path: Path) -> None:
        path = write(tmp_path / "x.fq", fastq())
        [added] = run("assets", "add", path, "-k", "sample_id=a", "-k", "lane=L1", "--json").json
        changed = run("assets", "update", added["cid"], "sample_id=b", "library=l=1", "lane=", "--json").json
        assert changed["keyvalues"] == {"asset": "r1", "sample_id": "b", "library": "l=1"}
        assert changed["id"] == added["id"]
        assert [asset.to_keyvalues() for asset in store.find()] == [changed["keyvalues"]]

    def test_what_it_is_now_is_shown(self, run: Shell, reference: str) -> None:
        lines = run("assets", "update", reference, "build=GRCh38").out.splitlines()
        assert lines[1].split() == ["reference", "GRCh38", "r.fa", reference]

    def test_a_value_is_typed(self, run: Shell, tmp_path: Path) -> None:
        [added] = run("assets", "add", write(tmp_path / "x.vcf", VCF), "--json").json
        changed = run("assets", "update", added["cid"], "sample_count=3", "--json").json
        assert changed["keyvalues"]["sample_count"] == "3"
        changed = run("assets", "update", added["cid"], "sample_count=", "--json").json
        assert changed["keyvalues"] == {"asset": "variants", "variant_type": "vcf"}

    @pytest.mark.parametrize(
        ("pairs", "problem"),
        [
            (["biuld=x"], "asset=reference has no key 'biuld'. Did you mean 'build'?"),
            (["build"], "'build' is not KEY=VALUE"),
            (["build=a", "build=c"], "'build' is given twice"),
            (["cid=x"], "'cid' is kept by the store"),
            (["run_ids="], "'run_ids' is kept by the store"),
            (["asset=refrence"], "no asset kind 'refrence'"),
            (["asset=r1"], "asset=r1 has no key 'build'"),
            (["build=\udcff"], "is not text in UTF-8"),
        ],
    )
    def test_what_cannot_be_said_is_refused(
        self, run: Shell, store: LocalStore, reference: str, pairs: list[str], problem: str
    ) -> None:
        before = store.by_cid(reference)
        assert problem in run.refuses("assets", "update", reference, *pairs)
        assert store.by_cid(reference) == before

    def test_several_records_are_told_apart_by_id(
        self, run: Shell, store: LocalStore, two_records: tuple[str, list[str]]
    ) -> None:
        cid, (first, second) = two_records
        refused = run("assets", "update", cid, "lane=L1")
        assert refused.code == 2
        assert f"{first}  asset=r1 sample_id=a" in refused.err
        assert f"{second}  asset=r1 sample_id=b" in refused.err
        run("assets", "update", second, "lane=L1")
        assert {asset.sample_id: asset.lane for asset in store.find()} == {"a": "", "b": "L1"}

    def test_a_cid_that_is_not_here(self, run: Shell) -> None:
        assert "No asset has the CID or id" in run.refuses("assets", "update", ABSENT, "build=x")


class TestDelete:
    def test_what_others_link_to_stays(self, run: Shell, store: LocalStore, reference: str) -> None:
        refused = run("assets", "delete", reference, "--yes")
        assert refused.code == 2
        assert "r.fa is what another asset links to:" in refused.err
        assert "reference_index r.fa.fai" in refused.err
        assert "by reference_cid" in refused.err
        assert "--force" in refused.err
        assert len(store.find()) == 2

    def test_force_deletes_it_all_the_same(self, run: Shell, store: LocalStore, reference: str) -> None:
        result = run("assets", "delete", reference, "--yes", "--force")
        assert (result.code, result.err) == (0, "Deleted r.fa and its bytes.\n")
        assert [asset.name for asset in store.find()] == ["r.fa.fai"]
        assert store.object(reference) is None

    def test_bytes_go_with_their_last_record(
        self, run: Shell, store: LocalStore, two_records: tuple[str, list[str]]
    ) -> None:
        cid, (first, second) = two_records
        assert "has 2 records" in run("assets", "delete", cid, "--yes").err
        one = run("assets", "delete", first, "--yes", "--json").json
        assert (one["asset"]["id"], one["object_removed"]) == (first, False)
        assert store.object(cid)
        assert [asset.sample_id for asset in store.find()] == ["b"]
        assert run("assets", "delete", second, "--yes", "--json").json["object_removed"] is True
        assert store.object(cid) is None

    def test_bytes_that_stay_are_told(self, run: Shell, two_records: tuple[str, list[str]]) -> None:
        result = run("assets", "delete", two_records[1][0], "--yes")
        assert result.err == "Deleted x.fq; its bytes stay for the other assets that have them.\n"

    def test_where_nobody_can_answer_nothing_goes(
        self, run: Shell, store: LocalStore, tmp_path: Path
    ) -> None:
        [added] = run("assets", "add", write(tmp_path / "r.fa", FASTA), "-k", "build=b", "--json").json
        error = run.refuses("assets", "delete", added["cid"])
        assert "Delete r.fa (asset=reference build=b)? Nobody is here to answer" in error
        assert "--yes" in error
        assert store.object(added["cid"])

    @pytest.mark.parametrize(("answer", "code", "left"), [(b"n\n", 1, 2), (b"\n", 1, 2), (b"y\n", 0, 1)])
    def test_on_a_terminal_it_asks(
        self, store: LocalStore, reference: str, answer: bytes, code: int, left: int
    ) -> None:
        status, shown = on_a_terminal(answer, "assets", "delete", reference, "--force")
        assert status == code, shown
        assert "r.fa.fai links to it: reference_cid" in shown
        assert "Delete r.fa (asset=reference build=b)? [y/N]" in shown
        assert ("Nothing was removed." in shown) == (code == 1)
        assert len(store.find()) == left

    def test_what_may_not_go_is_not_asked_about(self, store: LocalStore, reference: str) -> None:
        status, shown = on_a_terminal(b"y\n", "assets", "delete", reference)
        assert status == 2
        assert "[y/N]" not in shown
        assert len(store.find()) == 2

    @pytest.mark.parametrize("target", [ABSENT, "nonsense", "../../etc/passwd", ""])
    def test_what_is_not_here(self, run: Shell, target: str) -> None:
        assert "No asset has the CID or id" in run.refuses("assets", "delete", target, "--yes")

"""The demo around a run: its data enter the store, a result is examined. The run is a stand-in."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from stargazer_cli import bundles
from stargazer_cli.app import App
from stargazer_cli.commands.demo import demo
from stargazer_cli.demo import dataset, germline
from stargazer_cli.demo.dataset import GermlineData, ScrnaData
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.execute import RunResult
from stargazer_cli.runs.record import MadeAsset
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile, cid_of

TRIO = dataset.load(GermlineData, "trio")
METRICS = (
    "LIBRARY\tUNPAIRED_READS_EXAMINED\tREAD_PAIRS_EXAMINED\tUNMAPPED_READS\tUNPAIRED_READ_DUPLICATES\t"
    "READ_PAIR_DUPLICATES\n{sample}\t0\t2595\t104\t0\t649\n"
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "a store"))
    return LocalStore(Settings())


def made(store: LocalStore, path: Path, **fields: object) -> MadeAsset:
    from stargazer_cli.assets import new_asset

    kind = str(fields.pop("asset"))
    asset = store.add([NewFile(path, new_asset(kind, **fields))])[0].asset
    return MadeAsset(
        cid=asset.cid, id=asset.id, name=asset.name, keyvalues=asset.to_keyvalues(), reused=False
    )


def finished(store: LocalStore, folder: Path, change: tuple[str, str] = ("", "")) -> RunResult:
    """Stand in for a run that called exactly the truth, or the truth with one text replaced."""
    text = TRIO.path("truth.vcf").read_text()
    for plain, stored in (TRIO.truth.samples if TRIO.truth else {}).items():
        text = text.replace(f"\t{plain}", f"\t{stored}")
    assert change[0] in text
    vcf = folder / "demo_trio.vcf"
    vcf.write_text(text.replace(*change) if change[0] else text)
    assets = [made(store, vcf, asset="variants", variant_type="vcf", build=TRIO.build)]
    for sample in TRIO.samples:
        metrics = folder / f"{sample}.txt"
        metrics.write_text(METRICS.format(sample=sample))
        assets.append(made(store, metrics, asset="duplicate_metrics", sample_id=sample))
    page = folder / "demo_trio.germline.html"
    page.write_text("<!doctype html>")
    assets.append(made(store, page, asset="report", title="demo_trio"))
    notes = ["bqsr: off (no known sites)", "filter: hard (3 samples)"]
    return RunResult("run-1", "done", None, assets, computed=True, notes=notes)


def test_the_data_enter_the_store_once_with_mates_and_lanes(store: LocalStore) -> None:
    added = dataset.add(TRIO, store)
    assert {item.status for item in added} == {"added"}
    assert added[0].asset.kind == "reference"
    for r1 in store.find(asset="r1"):
        (r2,) = store.find(cid=r1.to_keyvalues()["mate_cid"])
        assert r2.kind == "r2"
        assert r2.to_keyvalues()["mate_cid"] == r1.cid
        assert r2.name == r1.name.replace("_R1", "_R2")
    lanes = [asset.to_keyvalues()["lane"] for asset in store.find(asset="r1", sample_id="demo_child")]
    assert sorted(lanes) == ["L001", "L002"]
    assert {item.status for item in dataset.add(TRIO, store)} == {"notneeded"}


def test_the_data_are_told_apart_from_a_users_own_child(store: LocalStore) -> None:
    dataset.add(TRIO, store)
    assert store.find(sample_id="child") == []
    assert all(
        sample.startswith("demo_")
        for kind in (GermlineData, ScrnaData)
        for name in dataset.names(kind)
        for sample in dataset.load(kind, name).samples
    )


def test_published_files_have_the_cids_of_their_bytes(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pull is asked for the CID that the data set names; what comes back is added under its own."""
    tp53 = dataset.load(GermlineData, "tp53")
    asked: list[tuple[str, str]] = []

    def pull(cid: str, name: str) -> Path:
        asked.append((cid, name))
        file = store.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        return file

    monkeypatch.setattr(store, "pull", pull)
    added = dataset.add(tp53, store)
    assert [name for _, name in asked] == ["GRCh38_TP53.fa", "NA12829_TP53_R1.fq.gz", "NA12829_TP53_R2.fq.gz"]
    assert {cid for cid, _ in asked} == {tp53.reference.cid, tp53.reads[0].r1.cid, tp53.reads[0].r2.cid}
    assert [item.asset.name for item in added] == [name for _, name in asked]


def test_the_real_reads_are_those_of_the_bundle_under_the_demos_own_names() -> None:
    tp53 = dataset.load(GermlineData, "tp53")
    published = {file.name: file.cid for file in bundles.load("variant_calling_demo").files}
    (lane,) = tp53.reads
    assert {file.name: file.cid for file in (tp53.reference, lane.r1, lane.r2)} == published
    assert (tp53.build, tp53.samples, lane.r1.name[-8:]) == ("GRCh38_TP53", ("demo_NA12829",), "R1.fq.gz")


def test_an_unknown_data_set_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        dataset.load(GermlineData, "../trio")
    assert refused.value.hint == "There are: tp53, trio."


def test_a_run_that_called_the_truth_passes_and_says_so(store: LocalStore, tmp_path: Path) -> None:
    outcome = germline.examine(store, TRIO, finished(store, tmp_path))
    assert outcome.passed
    text = germline.as_text(outcome)
    assert "right genotype in every sample: 47 of 47" in text
    assert "SNPs 28 of 28, insertions 8 of 8, deletions 9 of 9, multi-allelic sites 2 of 2" in text
    row = next(line for line in text.splitlines() if line.startswith("demo_child"))
    assert row.split() == ["demo_child", "5,294", "98.0%", "25.0%", "20", "7", "7", "2"]
    assert f"assets get {outcome.vcf.cid} -o trio.vcf.gz" in text
    assert str(outcome.vcf_path) in text
    assert outcome.vcf.cid == cid_of(outcome.vcf_path)
    assert "bqsr: off (no known sites)\nfilter: hard (3 samples)\nSites that passed: 47 of 47\n" in text
    assert f"Report  {outcome.report_path}\nCID     {cid_of(tmp_path / 'demo_trio.germline.html')}\n" in text


def test_what_a_filter_took_out_is_said_and_not_counted(store: LocalStore, tmp_path: Path) -> None:
    change = ("chrA\t438\tsnp1\tT\tC\t.\tPASS", "chrA\t438\tsnp1\tT\tC\t.\tQD2")
    outcome = germline.examine(store, TRIO, finished(store, tmp_path, change))
    assert not outcome.passed
    text = germline.as_text(outcome)
    assert "Sites that passed: 46 of 47" in text
    assert "missed: snp1 chrA:438 T>C" in text
    document = germline.as_document(outcome)
    assert document["sites"] == {"passed": 46, "filtered": 1}
    assert document["notes"] == ["bqsr: off (no known sites)", "filter: hard (3 samples)"]


def test_a_run_without_a_report_is_shown_as_well(store: LocalStore, tmp_path: Path) -> None:
    result = finished(store, tmp_path)
    without = [each for each in result.assets if each.keyvalues["asset"] != "report"]
    outcome = germline.examine(store, TRIO, replace(result, assets=without))
    assert outcome.passed
    assert "Report" not in germline.as_text(outcome)
    assert germline.as_document(outcome)["report"] is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("\tGT\t1|1\t1|0\t1|0", "\tGT\t0|0\t0|0\t0|0"), "missed: snp1 chrA:438 T>C"),
        (
            ("chrA\t851\tsnp2\tA\tG", "chrA\t851\tsnp2\tA\tC"),
            "called but not planted: chrA:851 A>C in demo_child",
        ),
        (
            ("\tGT\t0|1\t0|0\t1|1", "\tGT\t1|1\t0|0\t1|1"),
            "wrong genotype: snp3 chrA:1241 G>A: demo_child 1/1, planted 0/1",
        ),
    ],
)
def test_a_run_that_called_otherwise_fails_and_names_the_site(
    store: LocalStore, tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    outcome = germline.examine(store, TRIO, finished(store, tmp_path, change))
    assert not outcome.passed
    assert said in germline.as_text(outcome)


def test_the_command_ends_with_1_when_a_planted_variant_is_missed(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ("\tGT\t1|1\t1|0\t1|0", "\tGT\t0|0\t0|0\t0|0")
    for change, code in ((("", ""), 0), (wrong, 1)):
        outcome = germline.examine(store, TRIO, finished(store, tmp_path, change))
        monkeypatch.setattr(germline, "run_demo", lambda *_, outcome=outcome, **__: outcome)
        done = CliRunner().invoke(demo, ["germline", "--json"], obj=App(), standalone_mode=False)
        assert done.return_value == code
        document = json.loads(done.stdout)
        assert document["passed"] is (code == 0)
        assert (document["truth"]["planted"], document["truth"]["right"]) == (47, 47 - code)
        assert {"cid", "name", "keyvalues", "reused"} == set(document["assets"][0])


def test_without_a_truth_the_counts_are_all_there_is_to_say(store: LocalStore, tmp_path: Path) -> None:
    known = TRIO.model_copy(update={"truth": None})
    outcome = germline.examine(store, known, finished(store, tmp_path))
    assert outcome.passed
    assert "Planted" not in germline.as_text(outcome)


def test_bwa_is_taken_where_bwa_mem2_is_absent_and_the_demo_says_so(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("STARGAZER_TOOLS", str(tmp_path / "tools"))
    settings = Settings()
    said: list[str] = []
    assert germline.choose_aligner(settings, "local", None, said.append) == "bwa"
    assert "bwa-mem2 is not on this machine" in said[0]
    # What was asked for is not replaced; a container profile brings its own aligner.
    assert germline.choose_aligner(settings, "local", "bwa-mem2", said.append) == "bwa-mem2"
    assert germline.choose_aligner(settings, "podman", None, said.append) == "bwa-mem2"
    assert len(said) == 1

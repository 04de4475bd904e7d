"""`stargazer run germline` as a user types it, up to where Nextflow would start."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.assets import new_asset
from stargazer_cli.commands.main import cli
from stargazer_cli.commands.run.germline import germline
from stargazer_cli.runs import decisions, requests
from stargazer_cli.runs.site import Site
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.tools import Tool, Toolbox

Type = Callable[..., tuple[int, str, str]]

WORKFLOW = "germline_short_variant_discovery"
RUN = ("run", "germline", "--build", "b", "--samples", "s", "--aligner", "bwa")
SITES = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nc\t2\t.\tC\tG,CT\t.\t.\t.\n"


def site(settings: Settings, store: LocalStore, *there: str) -> Site:
    """A site on which only some of the tools are there."""
    tools = {
        name: Tool(name, path=Path("/bin") / name if name in there else None)
        for name in ("java", "nextflow", "multiqc")
    }
    versions = {task: {"gatk": "4.6.2.0"} for task in catalog.workflows()[WORKFLOW].tasks}
    return Site(settings, store, Toolbox(tools, settings.tools, {}), "local", tuple(tools), versions)


@pytest.fixture
def types(settings: Settings, store: LocalStore, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Type:
    """Types `stargazer …` where all tools are there."""
    equipped = site(settings, store, "java", "nextflow", "multiqc")
    monkeypatch.setattr(requests, "find_site", lambda *arguments, **options: equipped)

    def types(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return types


@pytest.fixture(autouse=True)
def toys_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference of 4 bases is enough to recalibrate from."""
    monkeypatch.setattr(decisions, "ENOUGH_TO_RECALIBRATE", 1)


@pytest.fixture(autouse=True)
def sites(store: LocalStore, tmp_path: Path) -> str:
    """Store a reference, the reads of a sample s, and known SNPs and indels; returns the CID of these."""
    files = {
        "r.fa": (">c\nACGT\n", new_asset("reference", name="r.fa", build="b")),
        "s.fq": ("reads", new_asset("r1", name="s.fq", sample_id="s")),
        "dbsnp.vcf": (SITES, new_asset("known_sites", name="dbsnp.vcf", build="b")),
    }
    for name, (content, _) in files.items():
        (tmp_path / name).write_text(content)
    added = store.add([NewFile(tmp_path / name, asset) for name, (_, asset) in files.items()])
    return added[-1].asset.cid


def told(out: str) -> dict[str, Any]:
    """What the pipeline would be told, by the JSON of a dry run."""
    parameters: dict[str, Any] = json.loads(json.loads(out)["files"]["params.json"])
    return parameters


def test_what_is_decided_is_said_to_people_and_to_the_pipeline(types: Type) -> None:
    code, out, err = types(*RUN, "--dry-run", "--json")
    assert code == 0
    notes = json.loads(out)["notes"]
    assert [note.partition(" (")[0] for note in notes] == ["bqsr: on", "filter: hard"]
    assert err.splitlines()[:2] == notes
    assert {"bqsr": "on", "filter": "hard", "skip_report": False}.items() <= told(out).items()
    _, out, _ = types(*RUN, "--bqsr", "off", "--filter", "none", "--skip-report", "--dry-run", "--json")
    assert {"bqsr": "off", "filter": "none", "skip_report": True}.items() <= told(out).items()


def test_known_sites_are_all_or_those_that_are_named_or_none(types: Type, sites: str) -> None:
    for given, decided in ((sites, "on"), ("none", "off")):
        _, out, _ = types(*RUN, "--known-sites", given, "--dry-run", "--json")
        assert told(out)["bqsr"] == decided
        assert ("known_sites.csv" in json.loads(out)["files"]) == (decided == "on")


def test_every_parameter_is_an_option_and_limits_are_passed_on(types: Type) -> None:
    options = {option.name: option for option in germline.params}
    for parameter in catalog.parameters_of(WORKFLOW).values():
        assert options[parameter.name].default == parameter.default
    asked = (
        "--scatter-count",
        "4",
        "--interval-padding",
        "50",
        "--max-gaussians-snp",
        "2",
        "--max-time",
        "12 h",
    )
    _, out, _ = types(*RUN, *asked, "--dry-run", "--json")
    wanted = {"scatter_count": 4, "interval_padding": 50, "max_gaussians_snp": 2, "max_time": "12 h"}
    assert wanted.items() <= told(out).items()


def test_regions_and_a_pedigree_are_named_to_the_pipeline_and_a_dry_run_stores_nothing(
    types: Type, store: LocalStore, tmp_path: Path
) -> None:
    bed, ped = tmp_path / "targets.bed", tmp_path / "family.ped"
    bed.write_text("c\t0\t4\n")
    ped.write_text("f s 0 0 1 0\n")
    command = (*RUN, "--dry-run", "--json")
    _, out, _ = types(*command, "--intervals", bed, "--pedigree", ped)
    by_path = told(out)
    assert (Path(by_path["intervals"]).name, Path(by_path["pedigree"]).name) == ("targets.bed", "family.ped")
    assert store.find(name=["targets.bed", "family.ped"]) == []

    (added,) = store.add([NewFile(bed, new_asset("intervals", name="targets.bed", build="b"))])
    _, out, _ = types(*command, "--intervals", added.asset.cid)
    assert told(out)["intervals"] == by_path["intervals"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--bqsr", "maybe"), "'maybe' is not one of 'auto', 'on', 'off'"),
        (("--filter", "soft"), "'soft' is not one of 'auto', 'vqsr', 'hard', 'none'"),
        (("--filter", "vqsr"), "--filter vqsr: no training or truth resource for SNPs and indels"),
        (("--bqsr", "on", "--known-sites", "none"), "--bqsr on takes known sites"),
        (("--known-sites", "bafkreinone"), "No known sites of build 'b' have the CID bafkreinone"),
        (("--intervals", "none.bed"), "no file none.bed"),
        (("--intervals", "binary.bed"), "--intervals binary.bed: is not text"),
        (("--pedigree", "empty.ped"), "empty.ped is empty"),
        (("--interval-padding", "-1"), "must be at least 0"),
        (("--scatter-count", "0"), "must be at least 1"),
        (("--truth-sensitivity-snp", "100.5"), "must be at most 100"),
        (("--max-time", "long"), "a time is given as 90 m"),
    ],
)
def test_wrong_use_is_told_in_a_line_and_begins_no_run(
    types: Type,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary.bed").write_bytes(b"c\0")
    (tmp_path / "empty.ped").touch()
    code, out, err = types(*RUN, *arguments)
    assert (code, out) == (2, "")
    assert problem in err
    assert not (settings.local / "runs").exists()


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("option", "name", "content", "problem"),
    [
        (
            "--intervals",
            "beyond.bed",
            b"c\t0\t5\n",
            "line 1: the region c 0 5 is not on the contig",
        ),
        ("--intervals", "other.bed", b"chrX\t0\t4\n", "line 1: contig chrX is not in the reference r.fa"),
        ("--intervals", "latin.bed", b"c\t0\t4\tg\xe8ne\n", "line 1: is not UTF-8 text"),
        ("--pedigree", "latin.ped", b"f s 0 0 1 0\nF\xe9 t 0 0 1 0\n", "line 2: is not UTF-8 text"),
    ],
)
def test_a_file_that_the_run_would_refuse_is_named_and_leaves_nothing_behind(
    types: Type,
    settings: Settings,
    store: LocalStore,
    tmp_path: Path,
    option: str,
    name: str,
    content: bytes,
    problem: str,
    more: tuple[str, ...],
) -> None:
    file = tmp_path / name
    file.write_bytes(content)

    def stored() -> list[Path]:
        return sorted(path for path in (settings.local / "objects").rglob("*") if path.is_file())

    before = stored()
    assert before
    code, out, err = types(*RUN, option, file, *more)
    assert (code, out) == (2, "")
    assert f"{option} {file}, {problem}" in err
    assert stored() == before
    assert store.find(name=[name]) == []
    assert not (settings.local / "runs").exists()


def test_regions_of_the_store_are_checked_and_named_as_they_are_there(
    types: Type, store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "x.bed").write_text("c\t0\t5\n")
    (added,) = store.add([NewFile(tmp_path / "x.bed", new_asset("intervals", name="x.bed", build="b"))])
    code, _, err = types(*RUN, "--intervals", added.asset.cid)
    assert code == 2
    assert f"--intervals x.bed ({added.asset.cid}), line 1: the region c 0 5 is not on the contig" in err


def test_regions_of_another_build_are_refused(types: Type, store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "x.bed").write_text("c\t0\t4\n")
    (added,) = store.add([NewFile(tmp_path / "x.bed", new_asset("intervals", name="x.bed", build="other"))])
    code, _, err = types(*RUN, "--intervals", added.asset.cid)
    assert code == 2
    assert "is recorded with build=other" in err
    assert "asset=intervals build=b" in err


def test_a_machine_without_multiqc_is_told_the_ways_out(
    types: Type, settings: Settings, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    lacking = site(settings, store, "java", "nextflow")

    def find_site(*_: Any, without: Any, **__: Any) -> Site:
        asked.append(without)
        return lacking

    monkeypatch.setattr(requests, "find_site", find_site)
    code, _, err = types(*RUN)
    assert code == 1
    assert "MultiQC, which makes the report, is not on this machine." in err
    assert "--skip-report" in err
    types(*RUN, "--skip-report", "--dry-run")
    assert asked == [(), ("multiqc",)]

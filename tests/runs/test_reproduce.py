"""What `runs reproduce` compares and leaves behind; Nextflow is played by a function."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from stargazer_cli.assets import KINDS, Asset, Reference
from stargazer_cli.commands.main import cli
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import launch, record
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.progress import Tell
from stargazer_cli.runs.record import MadeAsset, RunRecord
from stargazer_cli.runs.reproduce import (
    Output,
    Reproduction,
    changes_since,
    compare,
    paths_of,
    reproduce,
    site_to_reproduce,
)
from stargazer_cli.runs.site import Site
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile, cid_of

# As another machine, or the store before it was moved, had it.
OLD_PLACE = "/old/store/stage/CID/r.fa"
Made = Mapping[str, tuple[str, str]]
FILES: Made = {"reference/r.fa.fai": ("reference_index", "a\t4"), "reports/r.html": ("report", "at noon")}


@pytest.fixture
def reference(store: LocalStore, tmp_path: Path) -> Asset:
    (tmp_path / "r.fa").write_text(">a\nACGT\n")
    return store.add([NewFile(tmp_path / "r.fa", Reference(build="b"))])[0].asset


@pytest.fixture
def done(settings: Settings, store: LocalStore, reference: Asset, tmp_path: Path) -> RunRecord:
    """A run that made the files, and took one over from an earlier run."""
    folder = record.create(settings.local / "runs", "prepare_reference", "abc1234")
    plan = Plan(
        workflow="prepare_reference",
        subject="b",
        parameters={"workflow": "prepare_reference", "fasta": OLD_PLACE, "max_cpus": 8, "aligner": "bwa"},
        samplesheet=[{"sample": "s", "bam": OLD_PLACE}],
        known_sites=[{"resource_name": "k", "vcf": OLD_PLACE, "index": ""}],
        inputs={OLD_PLACE: reference.cid},
    )
    kept = record.new_record(folder, plan, profile="podman", commit="abc1234", versions={}, tools={})
    kept.status = "done"
    kept.assets = [
        *(_recorded(kind, Path(name).name, _cid(tmp_path, text)) for name, (kind, text) in FILES.items()),
        _recorded("sequence_dict", "r.dict", "bafy", reused=True),
    ]
    folder.save(kept)
    return kept


def _cid(folder: Path, text: str) -> str:
    (folder / "hashed").write_text(text)
    return cid_of(folder / "hashed")


def _recorded(kind: str, name: str, cid: str, *, reused: bool = False) -> MadeAsset:
    return MadeAsset(cid=cid, id="1", name=name, keyvalues={"asset": kind}, reused=reused)


def _publish(outdir: Path, files: Made) -> None:
    lines = []
    for name, (kind, text) in files.items():
        (outdir / name).parent.mkdir(parents=True, exist_ok=True)
        (outdir / name).write_text(text)
        lines.append(json.dumps({"asset": kind, "path": name, "task": "t", "derived_from": []}) + "\n")
    (outdir / "assets.jsonl").write_text("".join(lines))


@pytest.fixture
def nextflow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Made], list[Path]]:
    """Make a Nextflow that publishes files; its folders are returned."""

    def publishes(files: Made) -> list[Path]:
        folders: list[Path] = []

        def run(arguments: list[str], folder: Path, _env: object, _tell: Tell, *, keep: int) -> int:
            assert "-resume" not in arguments
            folders.append(folder)
            _publish(Path(json.loads((folder / "params.json").read_text())["outdir"]), files)
            return 0

        monkeypatch.setattr(launch, "run", run)
        return folders

    return publishes


@pytest.fixture
def site(settings: Settings, store: LocalStore, done: RunRecord, monkeypatch: pytest.MonkeyPatch) -> Site:
    from stargazer_cli.tools import Toolbox

    monkeypatch.setattr(Toolbox, "require", lambda *_: None)
    return site_to_reproduce(settings, store, done.run_id)[0]


def _everything(store: LocalStore) -> dict[Path, int]:
    """What a store holds, with its times, but for links and notes of when a file was hashed."""
    own = ("stage", "seals")
    found = (path for path in store.root.rglob("*") if path.relative_to(store.root).parts[0] not in own)
    return {path: path.lstat().st_mtime_ns for path in found if path.is_file()}


def test_the_same_files_are_the_same_and_nothing_is_left(
    site: Site, done: RunRecord, nextflow: Callable[[Made], list[Path]]
) -> None:
    folders = nextflow(FILES | {"reports/r.html": ("report", "at one")})
    before = _everything(site.store)
    found = reproduce(site, done, print, limits={})
    assert [(each.name, each.status, each.exempt) for each in found.outputs] == [
        ("r.fa.fai", "same", False),
        ("r.html", "differs", True),
    ]
    assert found.same
    assert found.reused == 1
    assert _everything(site.store) == before
    assert not any(folder.exists() for folder in folders)
    assert not (site.store.root / "reproduce").exists()


def test_it_is_given_what_was_recorded_from_where_the_store_is_now(
    site: Site, done: RunRecord, reference: Asset, nextflow: Callable[[Made], list[Path]], tmp_path: Path
) -> None:
    nextflow(FILES)
    reproduce(site, done, print, limits={"max_cpus": 1, "max_memory": None}, keep=tmp_path / "kept")
    staged = site.store.staged_path(reference.cid, "r.fa")
    given = json.loads((tmp_path / "kept" / "params.json").read_text())
    assert (given["fasta"], given["max_cpus"]) == (str(staged), 1)
    assert "max_memory" not in given
    assert (tmp_path / "kept" / "samplesheet.csv").read_text() == f"sample,bam\ns,{staged}\n"
    known_sites = (tmp_path / "kept" / "known_sites.csv").read_text()
    assert known_sites == f"resource_name,vcf,index\nk,{staged},\n"
    assert (tmp_path / "kept" / "results" / "reference" / "r.fa.fai").exists()


def test_each_way_in_which_outputs_may_not_be_the_same(tmp_path: Path) -> None:
    recorded = [
        _recorded("variants", "a.vcf", _cid(tmp_path, "1")),
        _recorded("variants", "b.vcf", _cid(tmp_path, "2")),
        _recorded("genomics_db", "c.tar", "bafy"),
        _recorded("variants", "d.vcf", "bafy", reused=True),
    ]
    _publish(tmp_path, {"a.vcf": ("variants", "0"), "new.vcf": ("variants", "3")})
    found = compare(recorded, tmp_path)
    assert [(each.name, each.status) for each in found] == [
        ("a.vcf", "differs"),
        ("b.vcf", "missing"),
        ("c.tar", "missing"),
        ("new.vcf", "not recorded"),
    ]
    assert [each.name for each in found if each.exempt] == ["c.tar"]


def test_two_files_of_one_name_are_two(
    site: Site, done: RunRecord, nextflow: Callable[[Made], list[Path]], tmp_path: Path
) -> None:
    """The final BAM differs, and the marked one beside it, which has its name, does not."""
    then = {"alignments/a.bam": ("alignment", "1"), "alignments/marked/a.bam": ("alignment", "2")}
    done.assets = [_recorded(kind, "a.bam", _cid(tmp_path, text)) for kind, text in then.values()]
    nextflow(then | {"alignments/a.bam": ("alignment", "0")})
    wanted = [("alignments/a.bam", "differs"), ("alignments/marked/a.bam", "same")]
    # Where the run's own folder is gone, what is the same bytes goes together.
    found = reproduce(site, done, print, limits={})
    assert sorted((each.name, each.status) for each in found.outputs) == wanted
    assert not found.same
    _publish(site.runs / done.run_id / "results", then)
    found = reproduce(site, done, print, limits={})
    assert [(each.name, each.status) for each in found.outputs] == wanted
    # The bytes of one under the path of the other are not the same.
    nextflow({"alignments/a.bam": ("alignment", "2"), "alignments/marked/a.bam": ("alignment", "1")})
    found = reproduce(site, done, print, limits={})
    assert {each.status for each in found.outputs} == {"differs"}


def test_paths_are_those_of_the_run_s_own_manifest(tmp_path: Path) -> None:
    recorded = [_recorded("report", "r.html", "bafy"), _recorded("variants", "a.vcf", "bafy", reused=True)]
    assert paths_of(recorded, tmp_path) == []
    _publish(tmp_path, {"reports/r.html": ("report", "")})
    assert paths_of(recorded, tmp_path) == ["reports/r.html"]
    assert paths_of([_recorded("variants", "a.vcf", "bafy")], tmp_path) == []
    (tmp_path / "assets.jsonl").write_bytes(b"\xff\n")
    assert paths_of(recorded, tmp_path) == []


def test_where_nothing_decides_nothing_is_the_same(
    site: Site, done: RunRecord, nextflow: Callable[[Made], list[Path]]
) -> None:
    report = {"reports/r.html": ("report", "at noon")}
    done.assets = [each for each in done.assets if each.keyvalues["asset"] == "report"]
    nextflow(report)
    with pytest.raises(StargazerError, match="nothing to compare"):
        reproduce(site, done, print, limits={})
    assert not Reproduction(done.run_id).same


def test_of_all_kinds_reports_and_workspaces_alone_do_not_decide() -> None:
    assert {kind for kind in KINDS if Output(kind, "a", "x", "y").exempt} == {"report", "genomics_db"}


@pytest.mark.parametrize(
    ("output", "same"),
    [
        (Output("variants", "a", "x", "x"), True),
        (Output("variants", "a", "x", "y"), False),
        (Output("variants", "a", "x", ""), False),
        (Output("variants", "a", "", "y"), False),
        (Output("report", "a", "x", "y"), True),
    ],
)
def test_the_exit_code_says_whether_all_is_the_same(
    output: Output,
    same: bool,
    site: Site,
    done: RunRecord,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from stargazer_cli.runs import reproduce as module

    decisive = Output("variants", "b", "x", "x")
    found = module.Reproduction(done.run_id, [decisive, output], changes=["gatk was 1, it is 2"])
    monkeypatch.setattr(module, "reproduce", lambda *_, **__: found)
    with pytest.raises(SystemExit) as ended:
        cli(["runs", "reproduce", done.run_id])
    assert ended.value.code == (0 if same else 1)
    assert ("gatk was 1, it is 2" in capsys.readouterr().out) is not same
    with pytest.raises(SystemExit) as ended:
        cli(["runs", "reproduce", done.run_id, "--json"])
    assert ended.value.code == (0 if same else 1)
    assert json.loads(capsys.readouterr().out)["same"] is same


# What is refused, or goes wrong on the way


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_was_not_finished_cannot_be_reproduced(
    settings: Settings, store: LocalStore, done: RunRecord, status: record.Status
) -> None:
    done.status = status
    record.find(settings.local / "runs", done.run_id).save(done)
    with pytest.raises(UsageError, match=f"is {status}") as refused:
        site_to_reproduce(settings, store, done.run_id)
    assert f"--resume {done.run_id}" in str(refused.value.hint)


@pytest.mark.parametrize("command", [["runs", "reproduce"], ["run", "--resume"]])
def test_a_workflow_that_this_pipeline_does_not_have_is_one_error(
    settings: Settings, done: RunRecord, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    done.workflow = "somatic_variants"
    record.find(settings.local / "runs", done.run_id).save(done)
    with pytest.raises(SystemExit) as ended:
        cli([*command, done.run_id])
    assert ended.value.code == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert "is of the workflow 'somatic_variants', which is not in this pipeline" in error
    assert "abc1234" in hint


def test_its_work_may_be_elsewhere_and_goes_too(
    site: Site, done: RunRecord, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "mine").mkdir(parents=True)
    here = replace(site, settings=site.settings.model_copy(update={"work": scratch}))
    used: list[Path] = []

    def run(arguments: list[str], folder: Path, *_: object, **__: object) -> int:
        used.append(Path(arguments[arguments.index("-work-dir") + 1]))
        (used[-1] / "aa").mkdir(parents=True)
        _publish(folder / "results", FILES)
        return 0

    monkeypatch.setattr(launch, "run", run)
    assert reproduce(here, done, print, limits={}).same
    # A folder of the same name is somebody's.
    (scratch / "kept").mkdir()
    assert reproduce(here, done, print, limits={}, keep=tmp_path / "kept").same
    assert {work.parent for work in used} == {scratch}
    assert {path.name for path in scratch.iterdir()} == {"mine", "kept"}


def test_a_run_that_nobody_recorded(settings: Settings, store: LocalStore) -> None:
    with pytest.raises(UsageError, match="There is no run"):
        site_to_reproduce(settings, store, "nothing")


def test_missing_tools_are_named(
    settings: Settings, store: LocalStore, done: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StargazerError, match="missing"):
        site_to_reproduce(
            settings.model_copy(update={"tools": settings.local / "none"}), store, done.run_id, "local"
        )


def test_an_input_that_is_gone_is_named_before_anything_runs(
    site: Site, done: RunRecord, reference: Asset, nextflow: Callable[[Made], list[Path]]
) -> None:
    folders = nextflow(FILES)
    path = site.store.object(reference.cid)
    assert path is not None
    path.unlink()
    with pytest.raises(StargazerError, match=reference.cid):
        reproduce(site, done, print, limits={})
    assert not folders


def test_an_interrupted_or_failed_attempt_leaves_nothing(
    site: Site, done: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    before = _everything(site.store)
    monkeypatch.setattr(launch, "run", interrupted)
    with pytest.raises(StargazerError, match="interrupted"):
        reproduce(site, done, print, limits={})

    def killed(*_: object, **__: object) -> int:
        raise launch.HadToBeKilled

    monkeypatch.setattr(launch, "run", killed)
    with pytest.raises(StargazerError, match="was killed, so that its tasks may go on") as stopped:
        reproduce(site, done, print, limits={})
    assert "squeue" in str(stopped.value.hint)
    monkeypatch.setattr(launch, "run", lambda *_, **__: 1)
    with pytest.raises(StargazerError, match="ended without a word") as failed:
        reproduce(site, done, print, limits={})
    assert "--keep" in str(failed.value.hint)
    assert _everything(site.store) == before
    assert not (site.store.root / "reproduce").exists()


def test_what_a_killed_one_left_goes_with_the_next(
    site: Site, done: RunRecord, nextflow: Callable[[Made], list[Path]]
) -> None:
    left, busy = (site.store.root / "reproduce" / name for name in ("left", "busy"))
    for folder in (left, busy):
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
    nextflow(FILES)
    with record.RunFolder(busy).locked():
        os.utime(busy, (0, 0))
        reproduce(site, done, print, limits={})
        assert not left.exists()
        assert busy.exists()


def test_a_folder_left_in_a_store_does_not_decide_which_work_is_removed(
    site: Site, done: RunRecord, nextflow: Callable[[Made], list[Path]], tmp_path: Path
) -> None:
    """The store may have come from someone else, and name what is of another run."""
    theirs = tmp_path / "scratch" / "documents"
    theirs.mkdir(parents=True)
    planted = site.store.root / "reproduce" / "documents"
    planted.mkdir(parents=True)
    os.utime(planted, (0, 0))
    nextflow(FILES)
    elsewhere = replace(site, settings=site.settings.model_copy(update={"work": tmp_path / "scratch"}))
    reproduce(elsewhere, done, print, limits={})
    assert not planted.exists()
    assert list(theirs.parent.iterdir()) == [theirs]


def test_a_folder_to_keep_must_be_new_and_one_that_nextflow_can_work_in(
    site: Site, done: RunRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    for folder, reason in ((full, "is not empty"), (tmp_path / "a$b", "cannot work in a path")):
        with pytest.raises(UsageError, match=reason):
            reproduce(site, done, print, limits={}, keep=folder)
    with pytest.raises(SystemExit) as ended:
        cli(["runs", "reproduce", done.run_id, "--keep", str(site.store.root / "x")])
    assert ended.value.code == 2
    assert "the store's own folder" in capsys.readouterr().err


def test_what_changed_since_is_told(site: Site, done: RunRecord, store: LocalStore) -> None:
    from stargazer_cli.runs.recipe import RecipeSpec

    task = "samtools_faidx"
    spec = RecipeSpec(stage=task, subject="", tasks=(task,), sources=())
    done.plan = done.plan.model_copy(update={"recipes": [spec]})
    done.scripts = {task: "0" * 64}
    done.planned_versions = {task: {"image": "stargazer/samtools:1.0"}}
    changes = changes_since(done, site)
    assert "the pipeline was abc1234" in changes[0]
    assert f"the script of {task} is another" in changes
    assert any("stargazer/samtools:1.0" in change for change in changes)

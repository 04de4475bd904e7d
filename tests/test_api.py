"""The Python API on small files; where something is run, a stand-in plays Nextflow."""

import asyncio
import errno
import inspect
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import stand_in
from helpers.shell import FASTA, fastq, write
from helpers.stand_in import happened, wait_until

import stargazer_cli as sg
from stargazer_cli import api, catalog
from stargazer_cli.runs import detach, holder, launch, record
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.runs.requests import ALIASES, LIMITS, file_arguments, prepare
from stargazer_cli.store import LocalStore
from stargazer_cli.tools import Toolbox

REFERENCE = {"build": "b", "aligner": "bwa"}


@pytest.fixture
def reads(store: LocalStore, tmp_path: Path) -> list[sg.Asset]:
    """Both mates of a sample, stored through the API."""
    files = [write(tmp_path / f"NA1_R{mate}.fq.gz", fastq("NA1", f"{mate}:N:0:1")) for mate in (1, 2)]
    return sg.add(*files, sample_id="NA1", lane="L1")


@pytest.fixture
def reference(store: LocalStore, tmp_path: Path) -> sg.Asset:
    (added,) = sg.add(write(tmp_path / "r.fa", FASTA), asset="reference", build="b")
    return added


@pytest.fixture
def lab(
    tmp_path: Path, toolbox: Toolbox, reference: sg.Asset, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A store with a reference, where Nextflow is the stand-in, which waits for a file `go`."""
    monkeypatch.setenv("PATH", stand_in.put_on_path(tmp_path / "first on path"))
    monkeypatch.delenv("STARGAZER_WORK", raising=False)
    yield
    for run in sg.list_runs():
        folder = RunFolder(sg.get_client().root / "runs" / run.run_id)
        kept = folder.read()
        for pid in (kept.pid, kept.nextflow_pid):
            if pid != os.getpid() and holder.holds(pid, folder):
                os.kill(pid, signal.SIGKILL)


def every() -> list[RunFolder]:
    return list(record.every(sg.get_client().root / "runs"))


def in_nextflow(run: sg.Run) -> RunFolder:
    """Wait until a run is in its Nextflow, and return its folder."""
    folder = RunFolder(sg.get_client().root / "runs" / run.run_id)
    wait_until(lambda: "started" in happened(folder.path))
    return folder


# Names and types


def test_an_import_loads_nothing_of_what_it_offers() -> None:
    script = """
        import sys, stargazer_cli as sg
        assert not {"pydantic", "click", "stargazer_cli.api"} & sys.modules.keys()
        assert "assemble" in dir(sg)
        assert sg.assemble and sg.run and "stargazer_cli.api" in sys.modules
        heavy = {"scanpy", "pandas", "anndata", "rich", "fastmcp", "fastapi", "marimo"} & sys.modules.keys()
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


def test_the_package_offers_what_the_api_has() -> None:
    assert sg.__all__ == api.__all__ == sorted(api.__all__, key=lambda name: (name.islower(), name))
    for name in sg.__all__:
        assert getattr(sg, name) is getattr(api, name)
        assert inspect.getdoc(getattr(sg, name)), name
    with pytest.raises(AttributeError, match="nothing_like_it"):
        sg.nothing_like_it  # noqa: B018
    # A function of the name of a subpackage would be hidden by it.
    folders = {path.stem for path in Path(sg.__file__).parent.iterdir()}
    assert not folders & set(sg.__all__)


def test_it_is_typed_for_those_who_use_it(tmp_path: Path) -> None:
    script = write(
        tmp_path / "script.py",
        """
import asyncio
import stargazer_cli as sg
found: list[sg.Asset] = sg.assemble(asset="r1", sample_id=["NA1", "NA2"])
companions: list[sg.Asset] = found[0].fetch()
run: sg.Run = sg.run("germline", build="b", samples=["NA1"], tell=print)
steps: list[str] = [step.stage for step in sg.plan("scrna", samples="s").steps]
async def main() -> None:
    other: sg.Run = await sg.arun_task("mark_duplicates", filters={"sample_id": "NA1"})
    print(other.wait(timeout=3).assets, other.tasks[0].seconds)
asyncio.run(main())
sg.run(5)
sg.run_task("cluster", inputs=["x"])
run.status = "done"
from stargazer_cli.assets import R1
lanes: list[str] = [read.lane for read in found if isinstance(read, R1)]
""",
    )
    cache = Path(__file__).parent.parent / ".mypy_cache" / "api"
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in checked.stdout.splitlines() if ": error:" in line]
    assert [int(line.split(":")[1]) for line in wrong] == [12, 13, 14], checked.stdout + checked.stderr


# The catalogue, and names of the earlier system


def test_the_catalogue_has_tasks_and_workflows() -> None:
    assert {task.name for task in sg.tasks()} == set(catalog.tasks())
    assert {workflow.name for workflow in sg.workflows()} == set(ALIASES.values())
    (germline,) = [each for each in sg.workflows() if each.name == ALIASES["germline"]]
    wanted = {parameter.name for parameter in germline.parameters if parameter.required}
    assert wanted == {"build", "samples"}
    assert file_arguments("germline") == ("intervals", "pedigree")


def test_names_of_the_earlier_system_do_what_they_did(store: LocalStore, reads: list[sg.Asset]) -> None:
    registry = sg.TaskRegistry()
    task = registry.get("mark_duplicates")
    assert isinstance(task, sg.Task)
    assert registry.get("nothing") is None
    assert {entry.category for entry in registry.list_tasks()} == {"task", "workflow"}
    assert {entry.name for entry in registry.list_tasks(category="workflow")} == set(ALIASES.values())
    documents = registry.to_catalog(category="task")
    (document,) = [each for each in json.loads(json.dumps(documents)) if each["name"] == "mark_duplicates"]
    assert {"name", "category", "description", "params", "outputs"} <= document.keys()
    assert {"name", "type", "required", "default"} <= document["params"][0].keys()
    assert {"name": "bam", "type": "alignment"}.items() <= document["outputs"][0].items()

    r1, r2 = reads
    assert sg.marshal_output((r1, [Path("x"), {"n": r2}], 3, None)) == {
        "o0": r1.to_dict(),
        "o1": ["x", {"n": r2.to_dict()}],
        "o2": 3,
        "o3": None,
    }
    kind = type(r1)
    assert kind.from_dict(r1.to_dict()).to_keyvalues() == r1.to_keyvalues()
    assert kind.from_keyvalues(r1.to_keyvalues(), cid=r1.cid).cid == r1.cid
    assert type(sg.specialize(r1.to_dict())) is kind
    assert sg.generate_query_combinations({"a": 1}, {"b": [2, 3]}) == [{"a": 1, "b": 2}, {"a": 1, "b": 3}]
    assert sg.get_client().root == store.root


def test_an_asset_is_updated_to_other_bytes(reads: list[sg.Asset], tmp_path: Path) -> None:
    (r1,) = sg.assemble(asset="r1", sample_id="NA1")
    before = r1.cid
    r1.update(write(tmp_path / "new.fq.gz", fastq("NA1", "1:N:0:1", "AAAA")), lane="L2")
    assert before != r1.cid
    assert [asset.cid for asset in sg.assemble(asset="r1", lane="L2")] == [r1.cid]


def test_an_execution_is_named_and_logged_and_a_dirty_checkout_is_warned_of(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checkout = tmp_path / "scripts"
    checkout.mkdir()
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@b"]
    (checkout / "work.py").write_text("1")
    for command in (["init", "-q"], ["add", "work.py"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.chdir(checkout)

    def my_analysis() -> str:
        return sg.log_execution()

    logger = logging.getLogger("stargazer")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    try:
        clean = my_analysis()
        assert not [each for each in caplog.records if each.levelno > logging.INFO]
        (checkout / "work.py").write_text("2")
        dirty = my_analysis()
        logger.warning("something happened")
    finally:
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
            handler.close()
    workflow, _, rest = clean.partition("-")
    assert workflow == "my_analysis"
    assert "-dirty-" not in rest
    assert "-dirty-" in dirty
    assert [each.message[:21] for each in caplog.records if each.levelno > logging.INFO] == [
        "The checkout is dirty",
        "something happened",
    ]
    kept = (store.root / "logs" / f"{dirty}.log").read_text()
    assert f"INFO  {dirty} began, with the store {store.root}" in kept
    assert "WARNING  something happened" in kept
    assert "something happened" not in (store.root / "logs" / f"{clean}.log").read_text()  # that was closed
    monkeypatch.chdir(tmp_path)
    assert "-unknown-" in my_analysis()


# Assets


def test_files_are_stored_found_fetched_and_traced(reads: list[sg.Asset], tmp_path: Path) -> None:
    r1, r2 = sg.assemble(sample_id="NA1", asset=["r1", "r2"])
    assert [each.cid for each in (r1, r2)] == [each.cid for each in reads]
    assert [mate.cid for mate in r1.fetch()] == [r2.cid]
    assert r1.path is not None
    assert r1.path.name == "NA1_R1.fq.gz"
    assert sg.add(tmp_path / "NA1_R1.fq.gz", sample_id="NA1", lane="L1", mate_cid=r2.cid)[0].id == r1.id
    (bed,) = sg.add(write(tmp_path / "x.bed", "chr1\t0\t4\n"), asset="intervals", reference_cid=r1.cid)
    assert set(sg.lineage(bed).nodes) == {bed.cid, r1.cid}
    assert set(sg.lineage(r1.cid, "down").nodes) == {bed.cid, r1.cid}
    with pytest.raises(sg.UsageError, match="No file is named"):
        sg.add()
    with pytest.raises(sg.UsageError, match="sampel"):
        sg.add(tmp_path / "x.bed", asset="intervals", sampel="x")
    for wrong in ("", ["x.bed"], None):
        with pytest.raises(sg.UsageError, match="file must be the path of a file"):
            sg.add(wrong)  # type: ignore[arg-type]
    with pytest.raises(sg.UsageError, match="sample_id must be text"):
        sg.add(tmp_path / "NA1_R1.fq.gz", sample_id=["NA1"])
    for wrong, told in ((True, "build must be text or a number, not True"), ("", "build must not be empty")):
        with pytest.raises(sg.UsageError, match=told):
            sg.add(tmp_path / "x.bed", asset="intervals", build=wrong)
    with pytest.raises(sg.UsageError, match="store must be a store, as get_client"):
        sg.assemble(store="x")  # type: ignore[arg-type]
    with pytest.raises(sg.UsageError, match="direction must be one of up, down, both"):
        sg.lineage(bed, "sideways")  # type: ignore[arg-type]
    with pytest.raises(sg.UsageError, match="sample_id must be text"):
        sg.assemble(sample_id=(name for name in ["NA1"]))


def test_assets_are_stored_and_fetched_beside_other_work(store: LocalStore, tmp_path: Path) -> None:
    async def both() -> list[sg.Asset]:
        added = await sg.aadd(write(tmp_path / "r.fa", FASTA), build="b")
        await sg.afetch(*added)
        return added

    (added,) = asyncio.run(both())
    assert added.path
    assert added.path.read_text() == FASTA


# Requests


@pytest.mark.parametrize("name", [*ALIASES, *ALIASES.values()])
def test_every_argument_of_the_catalogue_is_taken(name: str, reference: sg.Asset, tmp_path: Path) -> None:
    entry = catalog.workflows()[ALIASES.get(name, name)]
    values: dict[str, Any] = {"build": "b", "samples": ["s"], "anndata": ["x"], "known_sites": []}
    files = {parameter: write(tmp_path / parameter, "chr1\t0\t4\n") for parameter in file_arguments(name)}
    every_one = {
        parameter.name: values.get(parameter.name, files.get(parameter.name, parameter.default))
        for parameter in entry.parameters
    }
    limits = {"max_cpus": 1, "max_memory": "1 GB", "scratch": True}
    prepared = prepare(sg.get_client(), name, every_one | limits)
    assert prepared.name == entry.name
    assert prepared.limits == limits | {"scratch": "true"}


COHORT = {"samples": ["s"], "build": "b"}


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("germlin", {}, "no task and no workflow 'germlin'"),
        ("germline", {"build": "b"}, "needs samples"),
        (
            "germline",
            COHORT | {"bild": "b"},
            "no argument 'bild'. Did you mean 'build'?",
        ),
        ("germline", COHORT | {"samples": 5}, "--samples must be a list, not 5"),
        ("germline", COHORT | {"samples": ["s", 5]}, "--samples must be"),
        ("germline", COHORT | {"sample_id": "s"}, "mean the same"),
        ("germline", COHORT | {"build": ["b"]}, "--build must be text"),
        (
            "germline",
            COHORT | {"aligner": "bowtie"},
            "--aligner 'bowtie': must be one of",
        ),
        (
            "germline",
            COHORT | {"scatter_count": True},
            "--scatter-count must be a whole",
        ),
        (
            "germline",
            COHORT | {"scatter_count": 0},
            "--scatter-count 0: must be at least",
        ),
        ("germline", COHORT | {"skip_report": "perhaps"}, "--skip-report must be true"),
        ("germline", COHORT | {"intervals": "no.bed"}, "no file no.bed"),
        ("germline", {"samples": "x" * 100_000, "build": "b"}, "100000 characters"),
        ("scrna", {"samples": "s", "resolution": float("nan")}, "--resolution nan: must be a finite number"),
        ("scrna", {"samples": "s", "max_cpus": 0}, "--max-cpus 0: must be at least 1"),
        ("scrna", {"samples": "s", "partition": "a b"}, "--partition"),
        ("scrna", {"samples": "s", "partition": "long"}, "has none"),
        ("scrna", {"samples": "s", "profile": "nowhere"}, "no profile 'nowhere'"),
        ("mark_duplicates", {"bam": "x"}, "no argument 'bam'"),
        ("mark_duplicates", {"filters": "sample_id=x"}, "filters of mark_duplicates must be names"),
        ("mark_duplicates", {"inputs": {5: "x"}}, "inputs of mark_duplicates must have names, not '5'"),
        (None, {}, "name must be text, not None"),
        ("scrna", {"samples": "s", "profile": None}, "profile must be text, not None"),
        ("scrna", {"samples": "s", "reuse": "no"}, "reuse must be True or False, not 'no'"),
        ("scrna", {"samples": "s", "work_dir": ""}, "work_dir must be the path of a folder, not ''"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_stored_or_started(
    store: LocalStore, name: str, arguments: dict[str, Any], told: str
) -> None:
    for what in (sg.plan, sg.run, sg.start):
        with pytest.raises(sg.UsageError) as refused:
            what(name, **arguments)
        assert told in refused.value.message
    assert not (store.root / "runs").exists()
    assert sg.assemble() == []


def test_a_name_that_is_no_task_is_refused_as_one() -> None:
    for name in ("germline_short_variant_discovery", "nothing"):
        with pytest.raises(sg.UsageError, match=name):
            sg.run_task(name)
    with pytest.raises(sg.UsageError, match="run_id must be text"):
        sg.get_run(5)  # type: ignore[arg-type]


def test_limits_are_those_of_the_command_line() -> None:
    assert LIMITS[:3] == ("max_cpus", "max_memory", "max_time")
    assert set(LIMITS) <= catalog.rules().keys()


# Runs


def test_a_plan_starts_nothing(lab: None) -> None:
    planned = sg.plan("prepare-reference", **REFERENCE)
    assert {step.stage for step in planned.steps} == {
        "samtools_faidx",
        "create_sequence_dictionary",
        "bwa_index",
    }
    assert not planned.complete
    assert every() == []


def test_a_file_of_the_store_is_given_as_its_asset(lab: None, reference: sg.Asset, tmp_path: Path) -> None:
    # Of the same bytes: only its record's id tells it from this one.
    sg.add(tmp_path / "r.fa", asset="reference", build="other")
    for given in (reference, [reference]):
        planned = sg.plan("samtools_faidx", inputs={"fasta": given})
        assert planned.outputs["fai"].fields["build"] == "b"
    planned = sg.plan("prepare-reference", reference=reference, **REFERENCE)
    assert list(planned.inputs.values()) == [reference.cid]


def test_a_run_is_waited_for_and_tells_how_it_goes(
    lab: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "at once")
    said: list[str] = []
    handlers = signal.getsignal(signal.SIGTERM)
    run = sg.run(
        "prepare-reference", tell=said.append, max_cpus=1, work_dir=tmp_path / "scratch", **REFERENCE
    )
    assert signal.getsignal(signal.SIGTERM) is handlers
    assert said == [f"run {run.run_id}", "started samtools_faidx for r.fa"]
    assert (run.name, run.status, run.computed, run.error, run.hint) == (
        "prepare_reference",
        "done",
        True,
        "",
        "",
    )
    assert run.started_at <= run.ended_at
    assert run.tasks == []  # the stand-in writes no table
    assert run.parameters["max_cpus"] == 1
    (index,) = run.assets
    assert index.kind == "reference_index"
    assert index.path and index.path.read_text() == "chr1\t8\n"
    assert run.outdir and (run.outdir / "reference" / "r.fa.fai").exists()
    lines, end = run.progress()
    assert [line.partition("  ")[2] for line in lines] == said
    assert run.progress(end) == ([], end)
    assert run.wait().to_dict()["assets"][0] == {
        "cid": index.cid,
        "name": "r.fa.fai",
        "keyvalues": index.to_keyvalues(),
        "reused": False,
    }
    assert repr(run) == f"<Run {run.run_id}: done>"
    assert [each.run_id for each in sg.list_runs()] == [run.run_id]
    sg.get_client().delete(index.id)
    (gone,) = sg.get_run(run.run_id[-20:]).assets
    assert (gone.cid, gone.kind, gone.path) == (index.cid, "reference_index", None)


def test_a_failure_is_an_error_with_the_words_of_the_command_line(
    lab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "fail")
    with pytest.raises(sg.StargazerError) as failed:
        sg.run("prepare-reference", **REFERENCE)
    (run,) = sg.list_runs()
    assert run.status == "failed"
    assert "samtools_faidx failed for r.fa (exit 2" in run.error
    assert "the tool's last words" in run.error
    assert (str(failed.value), failed.value.hint) == (run.error, run.hint)
    (task,) = run.tasks
    assert (task.name, task.subject, task.status, task.exit_status) == (
        "samtools_faidx",
        "r.fa",
        "failed",
        "2",
    )
    with pytest.raises(sg.StargazerError, match="last words"):
        run.wait()
    monkeypatch.setenv("STAND_IN", "at once")
    assert [asset.name for asset in run.resume().wait().assets] == ["r.fa.fai"]
    with pytest.raises(sg.UsageError, match="is done"):
        run.resume()


def test_what_breaks_in_the_script_is_told_as_such_and_a_reader_that_went_away_ends_nothing(
    lab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "at once")

    def broken(_line: str) -> None:
        raise ValueError("of the script")

    def unread(_line: str) -> None:
        raise BrokenPipeError

    with pytest.raises(ValueError, match="of the script"):
        sg.run("prepare-reference", tell=broken, **REFERENCE)
    (run,) = sg.list_runs()
    assert run.status == "failed"
    assert "ended by an error of its program: ValueError: of the script" in run.error
    assert sg.run("prepare-reference", tell=unread, **REFERENCE).status == "done"
    with pytest.raises(sg.UsageError, match="tell must be a function"):
        sg.run("prepare-reference", tell="x", **REFERENCE)  # type: ignore[arg-type]
    with pytest.raises(sg.UsageError, match="timeout must be a number"):
        run.wait(timeout="1")  # type: ignore[arg-type]


def test_ctrl_c_while_a_run_is_started_is_not_lost(
    lab: None, monkeypatch: pytest.MonkeyPatch, listens_to_ctrl_c: None
) -> None:
    monkeypatch.setattr(detach, "_wait", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt, match="has been started, and goes on"):
        sg.start("prepare-reference", **REFERENCE)
    (run,) = sg.list_runs()
    (in_nextflow(run).path / "go").touch()
    assert run.wait().status == "done"


def test_what_keeps_a_run_from_being_started_is_told_and_leaves_nothing(
    lab: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for begin in (sg.start, sg.run):
        with monkeypatch.context() as patched, pytest.raises(sg.StargazerError, match="is full") as told:
            patched.setattr(RunFolder, "save", full)
            begin("prepare-reference", **REFERENCE)
        assert told.value.__notes__ == [f"Hint: {told.value.hint}"]
    assert list((sg.get_client().root / "runs").iterdir()) == []
    with monkeypatch.context() as patched, pytest.raises(sg.StargazerError, match="No space left"):
        patched.setattr(subprocess, "Popen", full)
        sg.start("prepare-reference", **REFERENCE)
    (run,) = sg.list_runs()
    assert run.status == "interrupted"
    assert "was planned, but not started" in run.error


def test_a_stop_signal_ends_the_run_and_the_script(lab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "run", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(KeyboardInterrupt, match="was interrupted"):
        sg.run("prepare-reference", **REFERENCE)
    (run,) = sg.list_runs()
    assert run.status == "interrupted"
    assert "was interrupted" in run.error


def test_a_run_outlives_the_process_that_started_it(lab: None) -> None:
    script = """
        import os, signal, stargazer_cli as sg
        run = sg.start("prepare-reference", build="b", aligner="bwa")
        print(run.run_id, flush=True)
        os.killpg(os.getpgid(0), signal.SIGKILL)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert killed.returncode == -signal.SIGKILL
    run = sg.get_run(killed.stdout.strip())
    folder = in_nextflow(run)
    assert run.status == "running"
    assert [(task.name, task.subject, task.status) for task in run.tasks] == [
        ("samtools_faidx", "r.fa", "running")
    ]
    assert (run.assets, run.error, run.failure) == ([], "", None)
    with pytest.raises(TimeoutError, match="goes on after 0 seconds"):
        run.wait(timeout=0)
    (folder.path / "go").touch()
    said: list[str] = []
    assert [asset.name for asset in run.wait(said.append).assets] == ["r.fa.fai"]
    assert said[0].endswith(f"run {run.run_id}")


def test_a_run_is_cancelled_and_gone_on_with(lab: None) -> None:
    run = sg.start("prepare-reference", **REFERENCE)
    folder = in_nextflow(run)
    said: list[str] = []
    assert run.cancel(said.append).status == "interrupted"
    assert "ending the run" in said[0]
    assert "was cancelled" in run.error
    assert "run --resume" in run.hint
    with pytest.raises(sg.StargazerError, match="was cancelled"):
        run.wait()
    with pytest.raises(sg.UsageError, match="is not running"):
        run.cancel()
    (folder.path / "go").touch()
    assert run.resume().wait().status == "done"


def test_in_another_thread_a_run_has_a_process_of_its_own(lab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "at once")
    done: list[sg.Run] = []
    said: list[str] = []
    worker = threading.Thread(
        target=lambda: done.append(sg.run("prepare-reference", tell=said.append, **REFERENCE))
    )
    worker.start()
    worker.join()
    (run,) = done
    assert run.status == "done"
    assert run.record and run.record.pid != os.getpid()
    assert said[-1].endswith("started samtools_faidx for r.fa")


def test_other_work_goes_on_beside_an_awaited_run(lab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = 0
    looked: list[int] = []
    refresh = sg.Run.refresh

    def look(run: sg.Run) -> sg.Run:
        looked.append(ticks)
        return refresh(run)

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.02)

    async def both() -> sg.Run:
        ticking = asyncio.create_task(tick())
        running = asyncio.create_task(sg.arun("prepare-reference", **REFERENCE))
        while len(looked) < 3:
            await asyncio.sleep(0.02)
        (every()[0].path / "go").touch()
        done = await running
        ticking.cancel()
        return done

    monkeypatch.setattr(sg.Run, "refresh", look)
    assert [asset.name for asset in asyncio.run(both()).assets] == ["r.fa.fai"]
    # While it was started, and from one look at it to the next.
    assert looked[0] > 5
    assert looked[1] - looked[0] > 5


def test_to_give_up_an_awaited_run_cancels_it_and_a_started_one_goes_on(lab: None) -> None:
    async def give_up() -> sg.Run:
        starting = asyncio.create_task(sg.arun("prepare-reference", **REFERENCE))
        while not sg.list_runs():
            await asyncio.sleep(0.02)
        assert sg.list_runs()[0].status == "running"  # it is about to begin
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert sg.list_runs()[0].status == "interrupted"
        said: list[str] = []
        running = asyncio.create_task(sg.arun("prepare-reference", tell=said.append, **REFERENCE))
        while not said:
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        cancelled, _ = sg.list_runs()
        assert cancelled.status == "interrupted"
        started = await sg.astart("prepare-reference", **REFERENCE)
        waiting = asyncio.create_task(started.await_done())
        await asyncio.sleep(0.1)
        waiting.cancel()
        return started

    run = asyncio.run(give_up())
    assert run.refresh().status == "running"
    (in_nextflow(run).path / "go").touch()
    assert run.wait().status == "done"


def test_an_awaited_run_whose_listener_fails_is_cancelled(lab: None) -> None:
    def tell(line: str) -> None:
        raise ZeroDivisionError(line)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(sg.arun("prepare-reference", tell=tell, **REFERENCE))
    (run,) = sg.list_runs()
    assert run.status == "interrupted"


def test_the_tasks_of_a_run_are_told_from_nextflows_table(lab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "at once")
    run = sg.run("prepare-reference", **REFERENCE)
    columns = "hash process tag status exit start complete duration %cpu peak_rss container"
    rows = [
        "a/1 A:BWA_INDEX - CACHED 0 2026-01-02_03:04:05.500 2026-01-02_03:04:07.000 2s 9.5% 3_MB -",
        "a/2 A:B:SAMTOOLS_FAIDX r.fa ABORTED - 2026-01-02_03:04:08.000 - - - - stargazer/samtools:1",
        "a/3",
    ]
    text = "\n".join(
        line.replace(" ", "\t").replace("_0", " 0").replace("_M", " M") for line in [columns, *rows]
    )
    every()[0].trace(1).write_text(text)
    kept, aborted = run.tasks
    assert (kept.name, kept.subject, kept.status, kept.seconds) == ("bwa_index", "", "kept", 1.5)
    assert (kept.duration, kept.cpu, kept.memory, kept.container) == ("2s", "9.5%", "3 MB", "")
    assert kept.started_at.endswith("+00:00")
    assert (aborted.name, aborted.subject, aborted.status) == ("samtools_faidx", "r.fa", "failed")
    assert (aborted.seconds, aborted.exit_status, aborted.container) == (None, "", "stargazer/samtools:1")


def test_reports_are_files_and_what_is_not_there_is_told(lab: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "at once")
    run = sg.run("prepare-reference", **REFERENCE)
    (every()[0].path / "timeline.html").touch()
    assert run.report("timeline").name == "timeline.html"
    for kind in ("report", "resources"):
        with pytest.raises(sg.UsageError, match=f"has no {kind}"):
            run.report(kind)
    with pytest.raises(sg.UsageError, match="no report of the kind 'film'"):
        run.report("film")  # type: ignore[arg-type]


def test_a_damaged_record_hides_no_other_run(
    lab: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("STAND_IN", "at once")
    run = sg.run("prepare-reference", **REFERENCE)
    damaged = write(every()[0].path.with_name("b-1-20260101T000000Z") / "run.json", "{")
    assert [each.run_id for each in sg.list_runs()] == [run.run_id]
    assert str(damaged) in caplog.text
    with pytest.raises(sg.UsageError, match="no run 'nothing'"):
        sg.get_run("nothing")

"""The options of a cluster as a user types them, up to where Nextflow would start."""

import json
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.assets import Reference
from stargazer_cli.commands.main import cli
from stargazer_cli.errors import UsageError
from stargazer_cli.runs import cluster, record, requests
from stargazer_cli.runs.execute import change
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.runs.site import Site
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.tools import Tool, Toolbox

RUN = ("run", "prepare-reference", "--build", "b", "--aligner", "bwa", "--profile", "slurm", "--dry-run")


@pytest.fixture(autouse=True)
def site(settings: Settings, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with its tools, and a reference."""
    (tmp_path / "r.fa").write_text(">c\nACGT\n")
    store.add([NewFile(tmp_path / "r.fa", Reference(build="b"))])
    tools = {name: Tool(name, path=Path("/bin") / name) for name in ("java", "nextflow")}
    versions = {task: {"samtools": "1"} for task in catalog.workflows()["prepare_reference"].tasks}
    found = Site(settings, store, Toolbox(tools, settings.tools, {}), "slurm", tuple(tools), versions)
    monkeypatch.setattr(requests, "find_site", lambda *_, **__: found)
    return found


def _types(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli(list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_every_parameter_of_the_cluster_is_an_option() -> None:
    schema = json.loads((catalog.pipeline_dir() / "nextflow_schema.json").read_text(encoding="utf-8"))
    assert tuple(schema["$defs"]["cluster"]["properties"]) == cluster.OPTIONS


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], {}),
        (["--partition", "long,short"], {"partition": "long,short"}),
        (["--account", "lab-7", "--queue-size", "5"], {"account": "lab-7", "queue_size": 5}),
        (
            ["--cluster-options", "--qos=long --exclude=n[1-3]"],
            {"cluster_options": "--qos=long --exclude=n[1-3]"},
        ),
        (["--job-array", "20", "--scratch"], {"job_array": 20, "scratch": "true"}),
        # The word, as a parameter that may be a folder has it; Nextflow takes both for $TMPDIR.
        (["--scratch", "true"], {"scratch": "true"}),
        (["--scratch", "/local"], {"scratch": "/local"}),
        (["--scratch", "$TMPDIR"], {"scratch": "$TMPDIR"}),
    ],
)
def test_the_pipeline_is_told_what_is_given_and_nothing_else(
    capsys: pytest.CaptureFixture[str], given: list[str], told: dict[str, Any]
) -> None:
    code, out, err = _types(capsys, *RUN, *given, "--json")
    assert code == 0, err
    parameters = json.loads(json.loads(out)["files"]["params.json"])
    assert {name: parameters[name] for name in cluster.OPTIONS if name in parameters} == told


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--partition", ""),
        ("--partition", "long run"),
        ("--partition", "a\n#SBATCH --wrap=x"),
        ("--partition", "$(id)"),
        ("--account", "it's"),
        ("--account", "`id`"),
        ("--cluster-options", "--qos=$HOME"),
        ("--cluster-options", "--comment='a'"),
        ("--cluster-options", "--qos=a\n--wrap=x"),
        ("--scratch", "/a b"),
        ("--scratch", "here"),
        ("--job-array", "1"),
        ("--queue-size", "0"),
    ],
)
def test_what_would_reach_a_shell_is_refused(
    capsys: pytest.CaptureFixture[str], site: Site, option: str, value: str
) -> None:
    code, out, err = _types(capsys, *RUN, f"{option}={value}")
    assert (code, out) == (2, "")
    assert option in err
    assert not site.runs.exists()


@pytest.mark.parametrize(
    ("profile", "refused"),
    [("local", True), ("podman", True), ("test", True), ("slurm", False), ("slurm,podman", False)],
)
def test_where_there_is_no_cluster_its_options_are_refused(profile: str, refused: bool) -> None:
    for option in cluster.OPTIONS:
        if refused:
            with pytest.raises(UsageError, match=f"--{option.replace('_', '-')} is for a cluster") as error:
                cluster.check(profile, {option: "x"})
            assert f"--profile slurm{',' + profile if profile != 'local' else ''}" == str(
                error.value.hint
            ).removeprefix("Run on one with: ")
        else:
            cluster.check(profile, {option: "x"})
    cluster.check(profile, {"max_cpus": 2, "partition": None})


def test_a_profile_of_the_user_s_own_may_be_a_cluster_s() -> None:
    cluster.check("our_cluster", {"partition": "long"})


@pytest.fixture
def failed(site: Site) -> RunFolder:
    folder = record.create(site.runs, "prepare_reference", "abc1234")
    plan = Plan(workflow="prepare_reference", subject="b", parameters={"partition": "nowhere", "build": "b"})
    kept = record.new_record(folder, plan, profile="slurm", commit="abc1234", versions={}, tools={})
    kept.status = "failed"
    folder.save(kept)
    return folder


def test_a_run_goes_on_with_other_limits(failed: RunFolder, tmp_path: Path) -> None:
    change(failed, {"partition": "main", "max_memory": "8 GB", "account": None}, None)
    assert failed.read().plan.parameters == {"partition": "main", "max_memory": "8 GB", "build": "b"}
    change(failed, {}, tmp_path / "scratch")
    assert failed.read().work == str(tmp_path / "scratch" / failed.run_id)
    assert (tmp_path / "scratch" / failed.run_id).is_dir()
    with pytest.raises(UsageError, match="--partition"):
        change(failed, {"partition": "a b"}, None)
    assert failed.read().plan.parameters["partition"] == "main"


def test_options_before_a_workflow_are_refused_and_not_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--detach"], ["--partition", "long"], ["--json"]):
        code, _, err = _types(capsys, "run", *option, *RUN[1:])
        assert code == 2
        assert f"{option[0]} before the name of the workflow" in err


def test_options_without_a_workflow_are_no_question_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--detach"], ["--partition", "long"], ["--json"]):
        code, out, err = _types(capsys, "run", *option)
        assert (code, out) == (2, "")
        assert f"{option[0]} comes after the name of a workflow" in err
    assert _types(capsys, "run")[0] == 0


def test_a_work_folder_in_a_cloud_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _types(capsys, *RUN, "--work-dir", "s3://lab/work")
    assert code == 2
    assert "it is an address, and a folder of this machine is wanted" in err

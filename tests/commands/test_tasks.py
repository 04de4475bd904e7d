"""`stargazer tasks` as a user types it, up to where Nextflow would start."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.shell import Shell, on_a_terminal

from stargazer_cli import catalog
from stargazer_cli.assets import new_asset
from stargazer_cli.runs import requests
from stargazer_cli.runs.site import Site
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.tools import Tool, Toolbox

Put = Callable[..., str]


@pytest.fixture
def put(store: LocalStore, tmp_path: Path) -> Put:
    def put(kind: str, name: str, **fields: object) -> str:
        (tmp_path / name).write_text(name)
        asset = new_asset(kind, name=name, **fields)
        return store.add([NewFile(tmp_path / name, asset)])[0].asset.cid

    return put


@pytest.fixture
def equipped(settings: Settings, store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tools that a task needs are there."""
    tools = {name: Tool(name, path=Path("/bin") / name) for name in ("java", "nextflow")}

    def find_site(*arguments: Any, **_: Any) -> Site:
        profile, name = arguments[2:4]
        versions = {name: dict.fromkeys(catalog.tasks()[name].tools, "1.0")}
        toolbox = Toolbox(tools, settings.tools, {})
        return Site(settings, store, toolbox, profile, tuple(tools), versions, workflow=name)

    monkeypatch.setattr(requests, "find_site", find_site)


def test_tasks_and_workflows_are_listed(run: Shell) -> None:
    lines = run("tasks", "list").out.splitlines()
    assert len(lines) == 1 + len(catalog.everything())
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["workflow", name] for name in sorted(catalog.workflows())
    ]
    assert "Merge a sample's lanes" in next(line for line in lines if "mark_duplicates" in line)
    entries = run("tasks", "list", "--json").json
    assert entries == [entry.to_dict() for entry in catalog.everything()]


def test_a_task_is_shown_with_all_that_it_takes_and_makes(run: Shell) -> None:
    out = run("tasks", "show", "mark_duplicates").out
    lines = [line.split() for line in out.splitlines()]
    assert ["lanes", "alignment", "required,", "several"] in [line[:4] for line in lines]
    assert "duplicates_marked=false" in out
    assert ["optical_duplicate_pixel_distance", "integer", "100"] in [line[:3] for line in lines]
    assert ["cohort_id", "string", "cohort"] in [line[:3] for line in lines]
    assert ["metrics", "duplicate_metrics"] in [line[:2] for line in lines]
    assert "stargazer tasks run mark_duplicates" in out
    assert run("tasks", "show", "mark_duplicates", "--json").json["category"] == "task"


def test_a_workflow_is_shown_with_its_tasks(run: Shell) -> None:
    out = run("tasks", "show", "prepare_reference").out
    assert "Tasks: decompress_fasta, samtools_faidx" in out
    assert any(line.split()[:3] == ["build", "string", "required"] for line in out.splitlines())
    assert "Run it: stargazer run prepare-reference --help" in out
    # By the name that `stargazer run` has for it, too.
    assert run("tasks", "show", "prepare-reference").out == out
    assert ["skip_report", "boolean", "false"] in [
        line.split()[:3] for line in run("tasks", "show", "germline").out.splitlines()
    ]


@pytest.mark.parametrize("asked", [("list",), ("show", "qc_filter"), ("show", "germline")])
def test_a_terminal_gets_lines_that_end_at_words(
    run: Shell, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    piped = run("tasks", *asked).out
    assert max(map(len, piped.splitlines())) > 120
    code, shown = on_a_terminal(b"", "tasks", *asked)
    assert code == 0
    assert max(map(len, shown.splitlines())) <= 80
    assert sorted(shown.split()) == sorted(piped.split())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("taks",), "No such command 'taks'. Did you mean 'tasks'?"),
        (("tasks", "shw"), "No such command 'shw'. Did you mean 'show'?"),
        (
            ("tasks", "show", "mark_duplicate"),
            "no workflow 'mark_duplicate'. Did you mean 'mark_duplicates'?",
        ),
        (("tasks", "run", "mark_duplicat"), "no workflow 'mark_duplicat'. Did you mean 'mark_duplicates'?"),
        (("tasks", "xyz"), "No such command 'xyz'.\n"),
    ],
)
def test_a_slip_in_a_name_is_told_with_what_was_meant(run: Shell, typed: tuple[str, ...], meant: str) -> None:
    result = run(*typed)
    assert (result.code, result.out) == (2, "")
    assert meant in result.err


@pytest.mark.usefixtures("equipped")
def test_a_dry_run_shows_what_the_pipeline_would_be_told(run: Shell, put: Put) -> None:
    cids = [put("alignment", f"L{number}.bam", sample_id="s") for number in (1, 2)]
    put("alignment", "other.bam", sample_id="t")
    asked = ("tasks", "run", "mark_duplicates", "--input", "optical_duplicate_pixel_distance=2500")
    found = run(*asked, "--filter", "sample_id=s", "--max-cpus", "1", "--dry-run", "--json").json
    assert found["steps"] == [{"stage": "mark_duplicates", "subject": "s", "reused": False, "cids": []}]
    parameters = json.loads(found["files"]["params.json"])
    assert {"task": "mark_duplicates", "optical_duplicate_pixel_distance": 2500, "max_cpus": 1}.items() <= (
        parameters.items()
    )
    script = found["command"][found["command"].index("run") + 1]
    assert script == str(catalog.pipeline_dir() / "task.nf")
    rows = found["files"]["inputs.csv"].splitlines()[1:]
    assert [row.split(",")[2] for row in rows] == ["L1.bam", "L2.bam"]
    # Named, in the order of the names; by commas or one by one.
    one_by_one = ("--input", f"lanes={cids[1]}", "--input", f"lanes={cids[0]}")
    for given in (("--input", f"lanes={cids[1]},{cids[0]}"), one_by_one):
        rows = run(*asked, *given, "--dry-run", "--json").json["files"]["inputs.csv"].splitlines()[1:]
        assert [row.split(",")[2] for row in rows] == ["L2.bam", "L1.bam"]


@pytest.mark.usefixtures("equipped")
def test_what_was_found_is_told(run: Shell, put: Put) -> None:
    cid = put("alignment", "L1.bam", sample_id="s")
    done = run("tasks", "run", "mark_duplicates", "--dry-run")
    assert f"lanes: L1.bam ({cid})" in done.err
    assert "compute  mark_duplicates  s" in done.out


@pytest.mark.usefixtures("equipped")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mark"], "There is no task and no workflow 'mark'"),
        (["germline_short_variant_discovery"], "is a workflow, not a task"),
        (["mark_duplicates"], "lanes of mark_duplicates is missing: the store has no alignment"),
        (["mark_duplicates", "--filter", "sample_id"], "'sample_id' is not KEY=VALUE"),
        (["mark_duplicates", "--filter", "sampel_id=s"], "Did you mean 'sample_id'?"),
        (["mark_duplicates", "--input", "lane=x"], "Did you mean 'lanes'?"),
        (["sort_sam", "--input", "sort_order=x"], "must be one of coordinate, queryname, duplicate"),
    ],
)
def test_a_wrong_request_is_told_before_anything_starts(run: Shell, arguments: list[str], said: str) -> None:
    assert said in run.refuses("tasks", "run", *arguments)

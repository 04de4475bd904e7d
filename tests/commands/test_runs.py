"""`stargazer runs …` as a user runs it."""

import json
from pathlib import Path

import pytest

from stargazer_cli.commands.main import cli
from stargazer_cli.runs import record
from stargazer_cli.runs.plan import Plan
from stargazer_cli.settings import Settings


def test_one_damaged_record_does_not_hide_the_other_runs(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = settings.local / "runs"
    whole, damaged = (record.create(runs, "prepare_reference", "abc1234") for _ in range(2))
    plan = Plan(workflow="prepare_reference", subject="b", parameters={})
    whole.save(record.new_record(whole, plan, profile="local", commit="abc1234", versions={}, tools={}))
    (damaged.path / "run.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        cli(["runs", "list"])
    said = capsys.readouterr()
    assert ended.value.code == 0
    assert whole.run_id in said.out
    assert damaged.run_id in said.err
    assert "is damaged" in said.err


def test_a_run_is_listed_by_the_name_that_agents_and_the_browser_see(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = record.create(settings.local / "runs", "prepare_reference", "abc1234")
    plan = Plan(workflow="prepare_reference", subject="b", parameters={})
    folder.save(record.new_record(folder, plan, profile="local", commit="abc1234", versions={}, tools={}))
    with pytest.raises(SystemExit):
        cli(["runs", "list", "--json"])
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["name"] == listed["workflow"] == "prepare_reference"


def test_what_was_exported_as_json(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = record.create(settings.local / "runs", "prepare_reference", "abc1234")
    plan = Plan(workflow="prepare_reference", subject="b", parameters={})
    kept = record.new_record(folder, plan, profile="local", commit="abc1234", versions={}, tools={})
    kept.status = "failed"
    folder.save(kept)
    with pytest.raises(SystemExit) as ended:
        cli(["runs", "export", folder.run_id, "-o", str(tmp_path / "crate"), "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == {
        "run_id": folder.run_id,
        "path": str(tmp_path / "crate"),
        "with_files": False,
    }
    assert (tmp_path / "crate" / "ro-crate-metadata.json").exists()

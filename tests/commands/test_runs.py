"""`stargazer runs …` as a user runs it."""

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

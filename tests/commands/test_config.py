import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stargazer_cli.commands.main import root


def test_every_setting_is_shown_with_its_origin_and_secrets_are_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PINATA_JWT", "eyJ-secret")
    monkeypatch.delenv("STARGAZER_OWNER", raising=False)
    (tmp_path / "stargazer.toml").write_text('STARGAZER_OWNER = "the lab"\n')
    rows = json.loads(CliRunner().invoke(root, ["config", "--json"]).stdout)
    shown = {row["name"]: (row["value"], row["origin"]) for row in rows}
    assert shown["PINATA_JWT"] == ("********", "environment")
    assert shown["STARGAZER_OWNER"] == ("the lab", "file")
    assert shown["PINATA_VISIBILITY"] == ("private", "default")
    assert "eyJ-secret" not in CliRunner().invoke(root, ["config"]).output


def test_a_relative_store_is_taken_from_where_the_command_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STARGAZER_LOCAL", "my store")
    rows = json.loads(CliRunner().invoke(root, ["config", "--json"]).stdout)
    assert {row["name"]: row["value"] for row in rows}["STARGAZER_LOCAL"] == str(tmp_path / "my store")

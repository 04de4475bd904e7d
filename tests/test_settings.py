"""Settings as the environment gives them."""

import os
from pathlib import Path

import pytest

from stargazer_cli.app import App
from stargazer_cli.errors import UsageError


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("~nobody-of-this-name/x", "no home folder for ~nobody-of-this-name"),
        ("a\nb", "line break"),
        ("a$(touch here)", r"path with \$"),
        ("a`id`", "path with `"),
        ("a;id", "path with ;"),
        (os.fsdecode(b"\xff"), "not UTF-8"),
    ],
)
def test_a_folder_that_is_none_is_refused_by_its_setting(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", value)
    with pytest.raises(UsageError, match=f"STARGAZER_LOCAL is not usable: .*{problem}"):
        _ = App().settings


@pytest.mark.parametrize("name", ["my store", 'it\'s "it", [a] (b)', "\u57fa\u56e0\u00a0"])
def test_a_relative_folder_of_any_other_name_is_taken_from_where_one_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STARGAZER_LOCAL", name)
    assert App().settings.local == tmp_path / name

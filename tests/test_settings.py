"""Settings as the environment gives them."""

import os
from pathlib import Path

import pytest

from stargazer_cli.app import App
from stargazer_cli.errors import UsageError
from stargazer_cli.settings import Settings


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
        ("s3://lab/work", "is an address"),
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


@pytest.mark.parametrize(
    "name",
    [
        "PINATA_JWT",
        "PINATA_API",
        "PINATA_UPLOADS",
        "pinata_visibility",
        "Pinata_Api",
        "STARGAZER_DB",
        "STARGAZER_TOOLS",
        "STARGAZER_WORK",
        "STARGAZER_ROOTS",
        "STARGAZER_TOKEN",
        "STARGAZER_MAVEN_REPOSITORY",
        "PINATA_GATEWAY",
    ],
)
def test_a_folder_that_came_from_someone_decides_neither_who_sees_the_files_nor_what_is_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stargazer.toml").write_text(f'{name} = "public"\n')
    with pytest.raises(UsageError, match=f"stargazer.toml sets {name}, which a folder's own file may not"):
        Settings()


def test_the_users_own_file_decides_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PINATA_API", raising=False)
    (tmp_path / ".config/stargazer").mkdir(parents=True)
    (tmp_path / ".config/stargazer/config.toml").write_text('PINATA_API = "https://pinata.lab.example/v3/"\n')
    assert Settings().pinata_api == "https://pinata.lab.example/v3"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://api.example", "in the clear"),
        ("http://127.0.0.1.example", "in the clear"),
        ("ftp://api.example", "not a web address"),
        ("https://", "not a web address"),
        ("https://[", "not a web address"),
        ("https://api.example/v3?x=", "not a web address"),
        ("https://me:password@api.example", "holds a user name"),
    ],
)
def test_the_token_goes_nowhere_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, address: str, problem: str
) -> None:
    monkeypatch.setenv("PINATA_UPLOADS", address)
    with pytest.raises(UsageError, match=f"PINATA_UPLOADS is not usable: .*{problem}") as refused:
        _ = App().settings
    assert "password" not in str(refused.value)


@pytest.mark.parametrize("content", [b"x = [", b'x = "\xff"'])
def test_a_settings_file_that_is_not_sound_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stargazer.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"stargazer.toml cannot be read: "):
        Settings()


@pytest.mark.parametrize("name", ["DB", "LOCAL", "tools", "OWNER", "pinata_jwt", "stargazer_db"])
def test_a_variable_of_another_name_is_no_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = Settings()
    monkeypatch.setenv(name, "postgresql://someone/else")
    assert Settings() == before


def test_a_misspelt_setting_of_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stargazer.toml").write_text('STARGAZER_LOCL = "here"\n')
    with pytest.raises(UsageError, match=r"stargazer.toml sets 'STARGAZER_LOCL', which is no setting"):
        Settings()


@pytest.mark.parametrize(
    "address",
    ["https://name:secret@dweb.link", "dweb.link", "https://dweb.link?token=secret", "ftp://x", "https://["],
)
def test_a_gateway_is_a_plain_web_address(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("PINATA_GATEWAY", address)
    with pytest.raises(
        UsageError, match="PINATA_GATEWAY is not usable: it is not a plain web address"
    ) as refused:
        _ = App().settings
    assert "secret" not in str(refused.value)

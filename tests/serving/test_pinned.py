"""The store that a server keeps to."""

from pathlib import Path

import pytest

from stargazer_cli.serving.pinned import pin_store
from stargazer_cli.settings import read_settings
from stargazer_cli.store import get_client


def test_a_server_keeps_its_store_though_the_settings_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "home" / ".config" / "stargazer" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'STARGAZER_LOCAL = "{tmp_path}/first"\n')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("STARGAZER_LOCAL", "STARGAZER_DB"):
        monkeypatch.setenv(name, "")  # given back at the end
        monkeypatch.delenv(name)
    pin_store(read_settings())
    file.write_text(f'STARGAZER_LOCAL = "{tmp_path}/second"\nSTARGAZER_DB = "postgresql://elsewhere/x"\n')
    assert get_client().root == tmp_path / "first"
    assert get_client().settings.db is None

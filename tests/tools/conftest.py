import json
import stat
from pathlib import Path

import pytest
from helpers.maven import Repository

from stargazer_cli.settings import Settings
from stargazer_cli.tools import jars, scanpy_env
from stargazer_cli.tools.spec import LIBRARIES


class Machine:
    """A machine of fake tools: its PATH holds only what a test puts there."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin = root / "bin"
        self.bin.mkdir()
        self.tools = root / "the tools"
        self.log = root / "log"
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("LOG", str(self.log))
        for name in ("JAVA_HOME", "NXF_VER", "NXF_OFFLINE", "STARGAZER_MAVEN_REPOSITORY"):
            monkeypatch.delenv(name, raising=False)
        # The Python of the tests has everything, which would hide what is missing on this machine.
        monkeypatch.setattr(scanpy_env, "own_python", lambda: None)
        monkeypatch.setenv("STARGAZER_TOOLS", str(self.tools))
        monkeypatch.setenv("STARGAZER_LOCAL", str(root / "local"))

    @property
    def settings(self) -> Settings:
        """The settings as the environment is now."""
        return Settings()

    def keep_tools_in(self, folder: Path) -> None:
        """Say where fetched tools go."""
        self._monkeypatch.setenv("STARGAZER_TOOLS", str(folder))

    def add(self, name: str, body: str, folder: Path | None = None) -> Path:
        """Put an executable on PATH: a shell script that first notes how it was called."""
        file = (folder or self.bin) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> "$LOG"\n{body}\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        return file

    def add_java(self, version: str, home: Path) -> Path:
        """Put a Java home somewhere, with its `release` file; returns its executable."""
        (home / "lib").mkdir(parents=True)
        (home / "release").write_text(f'IMPLEMENTOR="X"\nJAVA_VERSION="{version}"\n')
        return self.add("java", f"echo 'openjdk version \"{version}\"' >&2", home / "bin")

    def add_python(self, *without: str, folder: Path | None = None, **versions: str) -> Path:
        """Put a `python3` on PATH that says that it has the libraries, in the oldest or in other versions."""
        oldest = {name: ".".join(map(str, numbers)) for name, (numbers, _) in LIBRARIES.items()}
        known = {"python": "3.11.7"} | oldest | {name.replace("_", "-"): v for name, v in versions.items()}
        answer = {"versions": {n: v for n, v in known.items() if n not in without}, "places": []}
        return self.add("python3", f"echo 'a warning'\necho '{json.dumps(answer)}'", folder)

    def link(self, target: Path) -> Path:
        """Put a link to an executable on PATH."""
        (self.bin / target.name).symlink_to(target)
        return self.bin / target.name

    def calls(self) -> list[str]:
        """How the fake tools were called so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def forget(self) -> None:
        self.log.unlink(missing_ok=True)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def repository(monkeypatch):
    repository = Repository()
    monkeypatch.setenv("STARGAZER_MAVEN_REPOSITORY", repository.url)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jars, "FIRST_PAUSE", 0.01)
    yield repository
    repository.server.shutdown()
    repository.server.server_close()

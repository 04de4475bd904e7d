"""Stargazer as its users run it: the installed command, in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

STARGAZER = Path(sys.executable).with_name("stargazer")


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class User:
    """Somebody with a store, who types commands in a folder."""

    folder: Path
    local: Path

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {"STARGAZER_LOCAL": str(self.local)} | more

    def types(self, *arguments: str | Path, **more: str) -> Answer:
        done = subprocess.run(
            [STARGAZER, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def succeeds(self, *arguments: str | Path, **more: str) -> Answer:
        answer = self.types(*arguments, **more)
        assert answer.status == 0, answer.err
        return answer

    def adds(self, *arguments: str | Path) -> list[dict[str, Any]]:
        added: list[dict[str, Any]] = self.succeeds("assets", "add", *arguments, "--json").json
        return added

    def plans(self, *arguments: str | Path, **more: str) -> dict[tuple[str, str], bool]:
        """Return (stage, subject) -> whether it would be reused."""
        plan = self.succeeds("run", *arguments, "--dry-run", "--json", **more).json
        return {(step["stage"], step["subject"]): step["reused"] for step in plan["steps"]}


@dataclass(frozen=True)
class Nextflow:
    """Somebody without Stargazer, who types `nextflow run` in a folder."""

    folder: Path
    toolbox: Toolbox

    def __call__(
        self, *arguments: str | Path, first: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run the pipeline; `first`: a folder that comes first on PATH."""
        environment = self.toolbox.environment()
        if first is not None:
            environment["PATH"] = f"{first}{os.pathsep}{environment['PATH']}"
        return subprocess.run(
            [*self.toolbox.nextflow, "run", catalog.pipeline_dir(), "-ansi-log", "false", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def manifest(outdir: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's manifest."""
    return [json.loads(line) for line in (outdir / "assets.jsonl").read_text().splitlines()]


def make_user(folder: Path) -> User:
    folder.mkdir(parents=True, exist_ok=True)
    return User(folder, folder / "my store")


def made(answer: Answer, **wanted: str) -> list[dict[str, Any]]:
    """The assets of a run's result with these keyvalues."""
    return [asset for asset in answer.json["assets"] if wanted.items() <= asset["keyvalues"].items()]


def computed(answer: Answer) -> set[str]:
    """The tasks that a run started, as `task sample`."""
    lines = [line.split() for line in answer.err.splitlines() if line.startswith("started ")]
    return {" ".join(word for word in (line[1], line[3] if len(line) > 3 else "")) for line in lines}

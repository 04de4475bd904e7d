"""A real Slurm for the tests of this folder, and jobs on it that do what a test tells them."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from helpers import slurm as one_node
from helpers.slurm import Slurm

from stargazer_cli.tools import Toolbox

JOBS = Path(__file__).parent / "jobs"


@pytest.fixture(scope="session")
def slurm_here() -> None:
    """Skip what starts a Slurm where none can be started."""
    if why := one_node.missing():
        pytest.skip(why)


@pytest.fixture(scope="module")
def slurm(slurm_here: None) -> Iterator[Slurm]:
    """One node; a test that wants other settings of Slurm starts its own."""
    with one_node.serve(partitions=("long",)) as running:
        yield running


@dataclass(frozen=True)
class Jobs:
    """A run of jobs/main.nf in a folder of its own."""

    folder: Path
    slurm: Slurm
    toolbox: Toolbox
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def start(
        self, does: str, *options: str | Path, parts: int = 1, path: str = ""
    ) -> "subprocess.Popen[str]":
        """Start Nextflow; `does`: what each job does, `path`: a folder that comes first on PATH."""
        given = {"does": does, "parts": parts, "journal": self.journal}
        (self.folder / "params.json").write_text(json.dumps(given, default=str))
        environment = self.toolbox.environment() | self.slurm.environment() | self.environment
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}" if path else environment["PATH"]
        with (self.folder / "printed").open("w") as printed:
            return subprocess.Popen(
                [
                    *(*self.toolbox.nextflow, "run", str(JOBS), "-ansi-log", "false"),
                    *("-params-file", "params.json", *map(str, options)),
                ],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def run(self, does: str, *options: str | Path, parts: int = 1, path: str = "") -> str:
        """Run to a good end, and return what Nextflow printed."""
        return self.ends(self.start(does, *options, parts=parts, path=path))

    def ends(self, nextflow: "subprocess.Popen[str]") -> str:
        status = nextflow.wait(400)
        assert status == 0, self.printed
        return self.printed

    @property
    def printed(self) -> str:
        return (self.folder / "printed").read_text()

    def attempts(self) -> list[tuple[int, ...]]:
        """Return (part, attempt, MB, minutes) of each attempt that began, in order of the parts."""
        if not self.journal.exists():
            return []
        return sorted(tuple(map(int, line.split())) for line in self.journal.read_text().splitlines())

    def headers(self) -> list[str]:
        """Return the #SBATCH lines of each job, without the names of its files."""
        scripts = sorted((self.folder / "work").glob("*/*/.command.run"))
        lines = [re.findall(r"^#SBATCH (?!-[Jo])(.+)$", script.read_text(), re.M) for script in scripts]
        return [" ".join(each) for each in lines]

    def wait(
        self, until: Callable[[], object], nextflow: "subprocess.Popen[str]", seconds: float = 120
    ) -> None:
        deadline = time.monotonic() + seconds
        while not until():
            assert nextflow.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed + self.slurm.logs()
            time.sleep(0.2)


@pytest.fixture
def jobs(tmp_path: Path, slurm: Slurm, toolbox: Toolbox) -> Iterator[Jobs]:
    yield Jobs(tmp_path, slurm, toolbox)

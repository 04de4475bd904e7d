"""The benchmark of images and Slurm says that profiles make the same only where it saw that."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"a": ["local"]}, "No VCFs were compared: only local ran."),
        ({"a": ["slurm,podman"]}, "No VCFs were compared: only slurm,podman ran."),
        ({"a": ["local", "podman"]}, "The VCFs are the same bytes."),
        ({"a": ["local"], "b": ["podman"]}, "The VCFs are DIFFERENT bytes: local; podman."),
    ],
    ids=["one", "one on Slurm", "same", "different"],
)
def test_what_is_said_of_the_bytes(made: dict[str, list[str]], said: str) -> None:
    code = f"import containers; print(containers.compared({made!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == said, done.stderr

"""What the tests of notebooks share: a store with the results of both demos."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stargazer_cli.tools import Toolbox

DEMOS = (["germline", "--aligner", "bwa"], ["scrna", "--fuse"])


@pytest.fixture(scope="module")
def demo_store(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> Path:
    """A store in which both demos have run, side by side."""
    folder = tmp_path_factory.mktemp("demos")
    environment = os.environ | {"STARGAZER_LOCAL": str(folder / "store")}
    running = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "stargazer_cli", "demo", *demo, "--yes"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for demo in DEMOS
    ]
    for each in running:
        said = each.communicate()[1]
        assert each.returncode == 0, said
    return folder / "store"

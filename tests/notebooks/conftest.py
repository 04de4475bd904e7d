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
    """A store in which both demos have run."""
    store = tmp_path_factory.mktemp("demos") / "store"
    for demo in DEMOS:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "stargazer_cli", "demo", *demo, "--yes"],
            env=os.environ | {"STARGAZER_LOCAL": str(store)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return store

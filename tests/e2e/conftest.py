from pathlib import Path

import pytest
from e2e.user import Nextflow, User, make_user

from stargazer_cli.tools import Toolbox


@pytest.fixture
def user(tmp_path: Path, toolbox: Toolbox) -> User:
    return make_user(tmp_path / "a user")


@pytest.fixture
def nextflow(tmp_path: Path, toolbox: Toolbox) -> Nextflow:
    return Nextflow(tmp_path, toolbox)

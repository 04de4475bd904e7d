"""Fixtures of the tests of commands."""

import pytest
from helpers.shell import Shell

from stargazer_cli.store import LocalStore


@pytest.fixture
def run(store: LocalStore, capfd: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capfd)

"""The assets and their store stand below the runs and the commands: they can be used without them."""

import subprocess
import sys

import pytest

from stargazer_cli.errors import UsageError
from stargazer_cli.store import get_client

_CODE = """
import sys
from stargazer_cli import assets, store
store.get_client().find()
parts = [name.split(".") for name in sys.modules if name.startswith("stargazer_cli.")]
print(sorted({part[1] for part in parts} & {"runs", "commands", "app", "tools", "demo", "catalog"}))
"""


@pytest.mark.usefixtures("settings")
def test_a_script_that_uses_the_store_loads_nothing_above_it() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_script_is_told_which_setting_is_not_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", "")
    with pytest.raises(UsageError, match="The setting STARGAZER_LOCAL is not usable: it is empty") as caught:
        get_client()
    assert "stargazer config" in str(caught.value.hint)

"""Which parts of the package may use which: servers beside each other, over the library; commands on top."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "stargazer_cli"
SERVERS = {"mcp", "web", "notebooks"}
# The Python API and whatever is over it.
UPPER = {"api", "serving", "commands", "demo"} | SERVERS
LIBRARY = {"assets", "bundles", "catalog", "errors", "images", "output", "runs", "settings", "store", "tools"}
_IMPORT = re.compile(r"^\s*(?:from|import) stargazer_cli\.(\w+)|^\s*from stargazer_cli import (.+)$", re.M)


def used_by(part: str) -> dict[str, set[str]]:
    """Return which parts each file of a part uses, where it does not use its own."""
    folder = PACKAGE / part
    files = folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]
    used = {}
    for file in files:
        found = _IMPORT.findall(file.read_text(encoding="utf-8"))
        parts = {name or each for name, several in found for each in re.findall(r"\w+", several) or [""]}
        used[str(file.relative_to(PACKAGE))] = parts - {part}
    return used


@pytest.mark.parametrize(
    ("parts", "refused"),
    [
        (LIBRARY, UPPER),
        ({"api"}, UPPER),
        ({"serving"}, UPPER - {"api"}),
        (SERVERS, {"commands", "demo"} | SERVERS),
        ({"errors"}, LIBRARY),
    ],
    ids=["library", "api", "serving", "servers", "errors"],
)
def test_a_part_uses_none_that_is_above_or_beside_it(parts: set[str], refused: set[str]) -> None:
    files = {file: used for part in parts for file, used in used_by(part).items()}
    assert any(files.values()) or parts == {"errors"}  # something was read
    assert {file: used & refused for file, used in files.items() if used & refused} == {}

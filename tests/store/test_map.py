"""The map of the package in its docstring names every module."""

import re
from pathlib import Path

from stargazer_cli import store


def test_every_module_of_the_store_is_on_its_map() -> None:
    folder = Path(store.__file__).parent
    modules = {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for path in folder.rglob("*.py")
    } - {"__init__"}
    named = set()
    for line in str(store.__doc__).splitlines():
        words = re.split(r" {2,}", line.strip())[0].split(", ") if line.startswith("    ") else []
        package = words[0].rpartition(".")[0] if words else ""
        named |= {f"{package}{word}" if word.startswith(".") else word for word in words}
    assert named == modules

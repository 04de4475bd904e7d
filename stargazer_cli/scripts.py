"""The code of `bin/` that a task runs: the scripts that it calls, what those import and call, and their data.

A script may be of any language; of a Python script the modules of `bin/` that it imports are followed, so
that a change of one step's module is no change of the other steps.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePath

_PYTHON = re.compile(r"^#!.*\bpython")


def scripts_called(body: str, folder: Path) -> dict[str, str]:
    """Return the text of each file of `folder` that the shell commands `body` run or use, by its path there.

    Python writes compiled files beside its modules: they are never among them.
    """
    there = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    files = {file.relative_to(folder).as_posix(): file for file in there}
    found: dict[str, str] = {}
    queue = _named(body, files)
    while queue:
        path = queue.pop()
        if path in found:
            continue
        file = files[path]
        found[path] = file.read_text(encoding="utf-8", errors="surrogateescape")
        if file.suffix == ".py" or _PYTHON.match(found[path]):
            queue += _uses(file, folder, file.stat().st_mtime_ns) & files.keys()
        else:
            queue += _named(found[path], files)
    return dict(sorted(found.items()))


def _named(commands: str, files: dict[str, Path]) -> list[str]:
    """Return the scripts whose names stand in shell commands."""
    return [
        path
        for path in files
        if "/" not in path and re.search(rf"(?<![\w.-]){re.escape(path)}(?![\w-])", commands)
    ]


@cache
def _uses(file: Path, folder: Path, _changed: int) -> frozenset[str]:
    """Return what a Python file may use, there or not, by path in `folder`: modules, and files that it names.

    A file that changed is read again.
    """
    nodes = list(ast.walk(ast.parse(file.read_bytes())))
    package = file.relative_to(folder).parent.parts
    modules = set(_imports(nodes, package))
    used: set[str] = set()
    for module in modules:
        # A package is imported before its modules.
        for end in range(1, len(module) + 1):
            path = "/".join(module[:end])
            used |= {f"{path}.py", f"{path}/__init__.py"}
    texts = _texts(nodes)
    for name in {PurePath(text).name for text in texts}:
        used |= {name, "/".join((*package, name))}
    if modules & {("importlib",), ("importlib", "import_module")}:
        # Modules that are imported by a name that is put together: any string may be one.
        used |= {"/".join((*package, f"{text}.py")) for text in texts}
    return frozenset(used)


def _imports(nodes: list[ast.AST], package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield each imported module as the parts of its name; `from a import b` may mean the module a.b."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            # One dot is the package itself, each further one the package above.
            base = package[: len(package) - node.level + 1] if node.level else ()
            for alias in node.names:
                yield (*base, *(node.module.split(".") if node.module else ()), alias.name)


def _texts(nodes: list[ast.AST]) -> set[str]:
    """Return the short strings: names of data beside a module, of scripts that it starts, of modules."""
    values = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {value for value in values if isinstance(value, str) and 0 < len(value) < 256}

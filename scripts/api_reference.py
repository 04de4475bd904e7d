"""The reference page of the Python API: each name's signature and docstring."""

import ast
import inspect
import re
import textwrap
from typing import Any

from stargazer_cli import api

_WIDTH = 100


def page(notice: str) -> str:
    """Return the page, under a notice."""
    parts = [notice, "# The Python API\n", _text(api)]
    parts.append("How to use it is told in [the guide](../guides/python.md).\n")
    for name in api.__all__:
        value = getattr(api, name)
        parts.append(f"## {name}\n")
        if inspect.isclass(value):
            parts += [_text(value), *_members(name, value)]
        else:
            parts.append(_documented(value))
    return "\n".join(parts)


def _members(name: str, kind: type) -> list[str]:
    """Return what a class has for those who use it: its own properties and methods."""
    rows, parts = [], []
    for key, member in list(vars(kind).items()):
        function = getattr(member, "fget", getattr(member, "__func__", member))
        if key.startswith("_") or not inspect.isfunction(function):
            continue
        if isinstance(member, property):
            answer = _signature(function).partition(" -> ")[2].replace("|", "or")
            rows.append(f"| `{key}` | {answer} | {' '.join(str(inspect.getdoc(function)).split())} |")
        else:
            parts.append(f"### {name}.{key}\n\n{_documented(function)}")
    header = ["| property | type | meaning |\n| --- | --- | --- |"] if rows else []
    return [*header, *rows, *([""] if rows else []), *parts]


def _documented(function: Any) -> str:
    return f"```python\n{_signature(function)}\n```\n\n{_text(function)}"


def _text(value: Any) -> str:
    """Return the docstring of something as a block of text, which keeps its columns."""
    return f"```text\n{inspect.getdoc(value)}\n```\n"


def _signature(function: Any) -> str:
    """Return how a function is called, by its source: what Python prints of it differs between versions."""
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)  # noqa: S101 - it is the source of one
    found.body, found.decorator_list = [ast.Pass()], []
    line = ast.unparse(found).partition(":\n")[0]
    # Annotations stand in quotes where their names are imported for types alone.
    hints = [each.annotation for each in ast.walk(found) if isinstance(each, ast.arg)] + [found.returns]
    for node in (node for hint in hints if hint for node in ast.walk(hint)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            line = line.replace(repr(node.value), node.value)
    line = re.sub(r"(?<=\S)=(?=\S)", " = ", line)
    if len(line) <= _WIDTH:
        return line
    head, _, rest = line.partition("(")
    arguments, _, answer = rest.rpartition(")")
    several = textwrap.indent(arguments.replace(", ", ",\n"), "    ")
    return f"{head}(\n{several},\n){answer}"

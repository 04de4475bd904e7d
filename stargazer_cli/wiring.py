"""How the subworkflows join tasks: which file goes where, in what order, and what is left out.

What is decided there changes results as a script does, but it stands in no script of a task.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

_INCLUDE = re.compile(r"^include\s*\{[^}]*\}\s*from\s+['\"](?P<file>[^'\"]+)['\"]", re.M)
_WORKFLOW = re.compile(r"^workflow\s+(?P<name>\w+)", re.M)
# Strings come first: what looks like a comment in them is none. (Nor is the end of a pattern such as /a\//.)
_STRING_OR_COMMENT = re.compile(
    r"""'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?P<comment>(?<!\\)//[^\n]*|/\*.*?\*/)""",
    re.S,
)


def wiring(pipeline: Path) -> dict[Path, dict[str, str]]:
    """Return for the folder of each module the subworkflows that include it, and the sha256 of their wiring.

    A subworkflow's wiring is its own text, that of the functions which it includes, directly or not, and what
    `main.nf` gives it; without comments, indentation and empty lines.
    """
    pipeline = pipeline.resolve()
    calls = bare((pipeline / "main.nf").read_text(encoding="utf-8"))
    found: dict[Path, dict[str, str]] = defaultdict(dict)
    for script in sorted((pipeline / "subworkflows").glob("*/main.nf")):
        included = _included(script)
        functions = _with_what_they_include(file for file in included if _is_function(file, pipeline))
        texts = {file.relative_to(pipeline).as_posix(): bare(file.read_text("utf-8")) for file in functions}
        own = bare(script.read_text(encoding="utf-8"))
        texts["main.nf"] = "\n".join(
            call for match in _WORKFLOW.finditer(own) for call in _calls(match["name"], calls)
        )
        digest = _digest(texts | {"own": own})
        for file in included:
            if file.is_relative_to(pipeline / "modules"):
                found[file.parent][script.parent.name] = digest
    return dict(found)


def wiring_of_tasks(pipeline: Path) -> dict[Path, str]:
    """Return for the folder of each module that `task.nf` includes the sha256 of how it is called there.

    That is the call, and the functions which make of what is given what it takes: a change of the call of one
    task leaves the others as they are.
    """
    pipeline = pipeline.resolve()
    script = pipeline / "task.nf"
    if not script.is_file():
        return {}
    own = bare(script.read_text(encoding="utf-8"))
    functions = _with_what_they_include(file for file in _included(script) if _is_function(file, pipeline))
    texts = {file.relative_to(pipeline).as_posix(): bare(file.read_text("utf-8")) for file in functions}
    return {
        file.parent: _digest(texts | {"task.nf": "\n".join(_calls(file.parent.name.upper(), own))})
        for file in _included(script)
        if file.is_relative_to(pipeline / "modules")
    }


def bare(source: str) -> str:
    """Return the code of a Nextflow script, without comments, indentation and empty lines."""
    code = _STRING_OR_COMMENT.sub(lambda found: "" if found["comment"] else found[0], source)
    return "\n".join(line for each in code.splitlines() if (line := each.strip()))


def _included(script: Path) -> list[Path]:
    source = script.read_text(encoding="utf-8")
    return [(script.parent / include["file"]).resolve() for include in _INCLUDE.finditer(source)]


def _is_function(file: Path, pipeline: Path) -> bool:
    return file.parent == pipeline / "subworkflows" / "functions"


def _with_what_they_include(files: Iterable[Path]) -> list[Path]:
    found: set[Path] = set()
    queue = list(files)
    while queue:
        file = queue.pop()
        if file not in found:
            found.add(file)
            queue += _included(file)
    return sorted(found)


def _calls(name: str, source: str) -> list[str]:
    """Return the arguments of each call of `name`."""
    found = []
    for match in re.finditer(rf"\b{name}\(", source):
        depth, end = 1, match.end()
        while depth and end < len(source):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        found.append(source[match.end() : end - 1])
    return found


def _digest(texts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()

"""What the pipeline can do, read from its own files.

A task is a folder `modules/<tool>/<task>/`; its `meta.yml` says what it takes, makes and which
parameters change its result. A workflow is a folder `subworkflows/<name>/` with a `meta.yml` too.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from stargazer_cli.errors import StargazerError

_SCRIPT = re.compile(r"^\s*script:\s*$(?P<body>.*?)(?=^\s*(?:stub|shell|exec|when):\s*$|\Z)", re.M | re.S)
_CONTAINER = re.compile(r"^\s*container\s+['\"](?P<image>[^'\"]+)['\"]", re.M)
_INCLUDE = re.compile(r"^include\s*\{[^}]*\}\s*from\s+['\"](?P<file>[^'\"]+)['\"]", re.M)
_COMMENT = re.compile(r"^\s*//.*$", re.M)


def pipeline_dir() -> Path:
    """Return the folder that holds `main.nf`: inside an installed wheel, or the checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "pipeline", package.parent):
        if (folder / "main.nf").is_file():
            return folder
    raise StargazerError(
        f"The pipeline files are missing beside {package}.",
        "Install Stargazer again: the wheel carries them.",
    )


@dataclass(frozen=True)
class Parameter:
    """A parameter that changes what a task makes."""

    name: str
    type: str
    default: Any
    description: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One module of the pipeline."""

    name: str
    folder: Path
    description: str
    tools: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Mapping[str, Any], ...]

    @cached_property
    def _source(self) -> str:
        return (self.folder / "main.nf").read_text(encoding="utf-8")

    @cached_property
    def image(self) -> str:
        """The container image that the module names."""
        match = _CONTAINER.search(self._source)
        return match["image"] if match else ""

    @cached_property
    def script_digest(self) -> str:
        """Sha256 of what the task runs: its script block, what that includes, the scripts of `bin/` it calls.

        A change of the script may change the result although tool and parameters stay, so it is part
        of a recipe; comments and indentation are not.
        """
        match = _SCRIPT.search(self._source)
        body = match["body"] if match else self._source
        parts = {"script": _essence(body)}
        for include in _INCLUDE.finditer(self._source):
            parts[include["file"]] = _essence((self.folder / include["file"]).read_text(encoding="utf-8"))
        parts |= _scripts_called(body)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _essence(source: str) -> str:
    """Return the lines of a Nextflow source that do something, without indentation."""
    lines = (line.strip() for line in _COMMENT.sub("", source).splitlines())
    return "\n".join(line for line in lines if line)


def _scripts_called(body: str) -> dict[str, str]:
    """Return the scripts of `bin/` whose names stand in `body`, and the ones that those call, by name."""
    available = {file.name: file for file in sorted((pipeline_dir() / "bin").glob("*")) if file.is_file()}
    found: dict[str, str] = {}
    queue = [body]
    while queue:
        text = queue.pop()
        for name, file in available.items():
            if name not in found and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text):
                found[name] = file.read_text(encoding="utf-8")
                queue.append(found[name])
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Workflow:
    """One workflow that `params.workflow` may name."""

    name: str
    description: str
    tasks: tuple[str, ...]


def _read(file: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506
    return content


@cache
def tasks() -> Mapping[str, Task]:
    """Every task of the pipeline by its name."""
    found = {}
    for file in sorted((pipeline_dir() / "modules").glob("*/*/meta.yml")):
        meta = _read(file)
        found[meta["name"]] = Task(
            name=meta["name"],
            folder=file.parent,
            description=meta["description"],
            tools=tuple(tool["name"] for tool in meta["tools"]),
            parameters=tuple(
                Parameter(
                    name=item["name"],
                    type=item["type"],
                    default=item.get("default"),
                    description=item.get("description", ""),
                    unit=item.get("unit") or "",
                    choices=tuple(item.get("choices") or ()),
                )
                for item in meta.get("parameters") or ()
            ),
            outputs=tuple(meta.get("outputs") or ()),
        )
    return found


@cache
def workflows() -> Mapping[str, Workflow]:
    """Every workflow of the pipeline by its name."""
    found = {}
    for file in sorted((pipeline_dir() / "subworkflows").glob("*/meta.yml")):
        meta = _read(file)
        found[meta["name"]] = Workflow(meta["name"], meta["description"], tuple(meta["tasks"]))
    return found


def parameters_of(workflow: str) -> dict[str, Parameter]:
    """Every result-affecting parameter of a workflow's tasks, by name."""
    return {
        parameter.name: parameter
        for task in workflows()[workflow].tasks
        for parameter in tasks()[task].parameters
    }

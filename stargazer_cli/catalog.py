"""What the pipeline can do, read from its own files.

A task is a folder `modules/<tool>/<task>/`; its `meta.yml` says what it takes, makes and which
parameters change its result. A workflow is a folder `subworkflows/<name>/` with a `meta.yml` too, whose
category is `workflow`; parts of workflows are of the category `subworkflow`.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.scripts import scripts_called
from stargazer_cli.wiring import wiring

_SCRIPT = re.compile(r"^\s*script:\s*$(?P<body>.*?)(?=^\s*(?:stub|shell|exec|when):\s*$|\Z)", re.M | re.S)
_CONTAINER = re.compile(r"^\s*container\s+['\"](?P<image>[^'\"]+)['\"]", re.M)
_INCLUDE = re.compile(r"^include\s*\{[^}]*\}\s*from\s+['\"](?P<file>[^'\"]+)['\"]", re.M)
_COMMENT = re.compile(r"^\s*//.*$", re.M)
_PROFILES = re.compile(r"^profiles \{$(?P<body>.*?)^\}$", re.M | re.S)
_PROFILE = re.compile(r"^    (?P<name>\w+) \{", re.M)


def pipeline_dir() -> Path:
    """Return the folder that holds `main.nf`: inside an installed wheel, or the checkout.

    `STARGAZER_PIPELINE` names a copy of it, where tasks see another file system than the command does. It
    is no setting: a folder with data must not choose what runs.
    """
    if copy := os.environ.get("STARGAZER_PIPELINE"):
        return Path(copy)
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
    """One module of the pipeline; `documentation` gives for a tool where it is described."""

    name: str
    folder: Path
    description: str
    tools: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Mapping[str, Any], ...]
    documentation: Mapping[str, str]

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
        """Sha256 of what the task runs: its script block, what that includes, the code of `bin/` it uses.

        A change of the script may change the result although tool and parameters stay, so it is part
        of a recipe; comments and indentation are not.
        """
        parts = {"script": _essence(self._body)}
        for include in _INCLUDE.finditer(self._source):
            parts[include["file"]] = _essence((self.folder / include["file"]).read_text(encoding="utf-8"))
        parts |= self.scripts
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def scripts(self) -> Mapping[str, str]:
        """The text of each file of `bin/` that the task runs or uses, by its path there."""
        return scripts_called(self._body, pipeline_dir() / "bin")

    @property
    def _body(self) -> str:
        """What the module gives to the shell."""
        match = _SCRIPT.search(self._source)
        return match["body"] if match else self._source


def _essence(source: str) -> str:
    """Return the lines of a Nextflow source that do something, without indentation."""
    lines = (line.strip() for line in _COMMENT.sub("", source).splitlines())
    return "\n".join(line for line in lines if line)


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
            documentation={tool["name"]: tool.get("documentation", "") for tool in meta["tools"]},
        )
    return found


@cache
def _wiring() -> Mapping[Path, Mapping[str, str]]:
    return wiring(pipeline_dir())


def wiring_of(names: Iterable[str]) -> dict[str, str]:
    """Return the digests of the subworkflows that run these tasks, by name.

    A result depends on all of them that stand between it and its sources, which are those of its tasks: one
    that only hands a file on decides nothing about it.
    """
    folders = [tasks()[name].folder for name in names]
    return {name: digest for folder in folders for name, digest in _wiring().get(folder, {}).items()}


@cache
def workflows() -> Mapping[str, Workflow]:
    """Every workflow of the pipeline by its name."""
    found = {}
    for file in sorted((pipeline_dir() / "subworkflows").glob("*/meta.yml")):
        meta = _read(file)
        if meta["category"] != "workflow":  # a part of one
            continue
        found[meta["name"]] = Workflow(meta["name"], meta["description"], tuple(meta["tasks"]))
    return found


def parameters_of(workflow: str) -> dict[str, Parameter]:
    """Every result-affecting parameter of a workflow's tasks that the pipeline takes, by name.

    What only a task has, such as an order of sorting, the workflow decides by itself.
    """
    return {
        parameter.name: parameter
        for task in workflows()[workflow].tasks
        for parameter in tasks()[task].parameters
        if parameter.name in _rules()
    }


def tools_of(workflow: str) -> tuple[str, ...]:
    """Every tool that a workflow's tasks name, in the order of the tasks."""
    named = (tool for task in workflows()[workflow].tasks for tool in tasks()[task].tools)
    return tuple(dict.fromkeys(named))


@cache
def profiles() -> tuple[str, ...]:
    """Every profile that the pipeline's configuration defines, in its order."""
    match = _PROFILES.search((pipeline_dir() / "nextflow.config").read_text(encoding="utf-8"))
    return tuple(_PROFILE.findall(match["body"])) if match else ()


def check_profile(profile: str) -> None:
    """Refuse a profile that neither the pipeline nor the user's own configuration of Nextflow defines."""
    own = Path(os.environ.get("NXF_HOME") or "~/.nextflow").expanduser() / "config"
    theirs = own.read_text(encoding="utf-8", errors="replace") if own.is_file() else ""
    for name in profile.split(","):
        if name not in profiles() and not re.search(rf"^\s*{re.escape(name)}\s*\{{", theirs, re.M):
            raise UsageError(
                f"There is no profile {name!r}.",
                f"The profiles are: {', '.join(profiles())}; several are joined like slurm,apptainer.",
            )


@cache
def _groups() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rules of all parameters: group -> name -> rule."""
    schema = json.loads((pipeline_dir() / "nextflow_schema.json").read_text(encoding="utf-8"))
    return {name: group["properties"] for name, group in schema["$defs"].items()}


@cache
def _rules() -> dict[str, dict[str, Any]]:
    return {name: rule for group in _groups().values() for name, rule in group.items()}


def planned_parameters() -> frozenset[str]:
    """Return the parameters that a plan may have: all but those of where images and machines are."""
    return frozenset(_rules().keys() - _groups()["containers"].keys())


def check_parameters(values: Mapping[str, Any]) -> None:
    """Refuse a value that the pipeline would refuse, before a run of it is begun."""
    for name, value in values.items():
        problem = _problem(value, _rules().get(name, {}))
        if problem:
            raise UsageError(f"--{name.replace('_', '-')} {str(value)[:60]!r}: {problem}.")


def _problem(value: Any, rule: Mapping[str, Any]) -> str:
    number = isinstance(value, int | float)
    judged = (
        (isinstance(value, float) and not math.isfinite(value), "must be a finite number"),
        (value == "", "is empty"),
        ("enum" in rule and value not in rule["enum"], f"must be one of {', '.join(rule.get('enum', ()))}"),
        ("pattern" in rule and not re.fullmatch(rule["pattern"], str(value)), rule.get("errorMessage", "")),
        (number and value < rule.get("minimum", value), f"must be at least {rule.get('minimum')}"),
        (
            number and value <= rule.get("exclusiveMinimum", -math.inf),
            f"must be above {rule.get('exclusiveMinimum')}",
        ),
        (number and value > rule.get("maximum", value), f"must be at most {rule.get('maximum')}"),
    )
    return next((problem for wrong, problem in judged if wrong), "")

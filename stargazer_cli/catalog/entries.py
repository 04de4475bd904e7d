"""The entries of the catalogue, as `meta.yml` files tell them."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml

from stargazer_cli.catalog.pipeline import pipeline_dir
from stargazer_cli.catalog.rules import rules
from stargazer_cli.scripts import scripts_called

_SCRIPT = re.compile(r"^\s*script:\s*$(?P<body>.*?)(?=^\s*(?:stub|shell|exec|when):\s*$|\Z)", re.M | re.S)
_CONTAINER = re.compile(r"^\s*container\s+['\"](?P<image>[^'\"]+)['\"]", re.M)
_INCLUDE = re.compile(r"^include\s*\{[^}]*\}\s*from\s+['\"](?P<file>[^'\"]+)['\"]", re.M)
_COMMENT = re.compile(r"^\s*//.*$", re.M)

Category = Literal["task", "workflow"]


@dataclass(frozen=True)
class Parameter:
    """A value that is given by name: one that changes a result, or a label that names it.

    `above` is a minimum that is not reached. `type` is one of string, integer, number, boolean, array (of
    strings), file (its path, or its CID).
    """

    name: str
    type: str
    default: Any
    description: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    minimum: float | None = None
    above: float | None = None
    maximum: float | None = None

    @property
    def told(self) -> str:
        """What it means, its unit and what it may be, for a person."""
        bounds = (
            f"at least {_text(self.minimum)}" if self.minimum is not None else "",
            f"above {_text(self.above)}" if self.above is not None else "",
            f"at most {_text(self.maximum)}" if self.maximum is not None else "",
        )
        parts = (
            f"{self.description}{f' [{self.unit}]' if self.unit else ''}",
            f"One of {', '.join(self.choices)}." if self.choices else "",
            ", ".join(filter(None, bounds)).capitalize() + "." if any(bounds) else "",
        )
        return " ".join(filter(None, parts))

    def to_dict(self) -> dict[str, Any]:
        """Return it in a form that JSON can hold; bounds only where there are some."""
        bounds = {
            name: value
            for name in ("minimum", "above", "maximum")
            if (value := getattr(self, name)) is not None
        }
        return {
            "name": self.name,
            "type": self.type,
            "required": self.required,
            "default": self.default,
            "unit": self.unit or None,
            "choices": list(self.choices),
            "description": self.description,
        } | bounds


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Role:
    """What a file is to a task or workflow.

    kind        of its asset; empty for a file that is no kind of its own
    many        whether it may be several files
    where       what an asset must say of itself to be found for it; a list means any of its values
    of          the input whose companion it is, where the kinds do not tell
    instead_of  the input that it may take the place of: one of the two is needed
    """

    name: str
    kind: str
    required: bool
    description: str = ""
    many: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)
    of: str = ""
    instead_of: str = ""

    @property
    def need(self) -> str:
        """Whether it is required, and whether it may be several, for a person."""
        need = "required" if self.required else "optional"
        if self.instead_of:
            need = f"in place of {self.instead_of}"
        return need + (", several" if self.many else "")

    @property
    def told(self) -> str:
        """What it is, and what an asset must say of itself to be found for it, for a person."""
        wanted = (
            f"{key}={'|'.join(map(_text, value if isinstance(value, list) else [value]))}"
            for key, value in self.where.items()
        )
        return f"{self.description} [{', '.join(wanted)}]" if self.where else self.description

    def to_dict(self) -> dict[str, Any]:
        """Return it in a form that JSON can hold."""
        return {
            "name": self.name,
            "kind": self.kind or None,
            "required": self.required,
            "many": self.many,
            "where": dict(self.where),
            "instead_of": self.instead_of or None,
            "description": self.description,
        }


@dataclass(frozen=True)
class Output:
    """What is made under one name: files of one kind.

    `fields` are those of its assets, with references in braces to what the task is given; `files` names them
    where they are always several.
    """

    name: str
    kind: str
    description: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    optional: bool = False
    many: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it in a form that JSON can hold."""
        return {
            "name": self.name,
            "kind": self.kind or None,
            "optional": self.optional,
            "many": self.many or bool(self.files),
            "fields": dict(self.fields),
            "description": self.description,
        }


@dataclass(frozen=True)
class Task:
    """One module of the pipeline; `documentation` gives for a tool where it is described."""

    category: ClassVar[Category] = "task"

    name: str
    folder: Path
    description: str
    tools: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    inputs: tuple[Role, ...]
    labels: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    documentation: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return what there is to know before it is run, in a form that JSON can hold."""
        return _common(self) | {
            "labels": [label.to_dict() for label in self.labels],
            "tools": list(self.tools),
            "container": self.image,
            "documentation": dict(self.documentation),
        }

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


@dataclass(frozen=True)
class Workflow:
    """One workflow that `params.workflow` may name.

    `parameters` are those of its own meta.yml, then those of its tasks that the pipeline takes.
    """

    category: ClassVar[Category] = "workflow"

    name: str
    description: str
    tasks: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    inputs: tuple[Role, ...]
    outputs: tuple[Output, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what there is to know before it is run, in a form that JSON can hold."""
        return _common(self) | {"tasks": list(self.tasks)}


Entry = Task | Workflow


def _common(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "category": entry.category,
        "description": entry.description,
        "parameters": [parameter.to_dict() for parameter in entry.parameters],
        "inputs": [role.to_dict() for role in entry.inputs],
        "outputs": [output.to_dict() for output in entry.outputs],
    }


def _essence(source: str) -> str:
    """Return the lines of a Nextflow source that do something, without indentation."""
    lines = (line.strip() for line in _COMMENT.sub("", source).splitlines())
    return "\n".join(line for line in lines if line)


def read(file: Path) -> dict[str, Any]:
    """Read a meta.yml."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506
    return content


def task_of(meta: Mapping[str, Any], folder: Path) -> Task:
    """Return the task that a meta.yml describes."""
    return Task(
        name=meta["name"],
        folder=folder,
        description=meta["description"],
        tools=tuple(tool["name"] for tool in meta["tools"]),
        parameters=parameters_in(meta, "parameters"),
        inputs=roles_in(meta),
        labels=parameters_in(meta, "labels"),
        outputs=outputs_in(meta),
        documentation={tool["name"]: tool.get("documentation", "") for tool in meta["tools"]},
    )


def parameters_in(meta: Mapping[str, Any], key: str) -> tuple[Parameter, ...]:
    """Return the parameters or labels of a meta.yml; their bounds are those of the pipeline's schema."""
    return tuple(_parameter(item) for item in meta.get(key) or ())


def _parameter(item: Mapping[str, Any]) -> Parameter:
    rule = rules().get(item["name"], {})
    return Parameter(
        name=item["name"],
        type=item["type"],
        default=item.get("default"),
        description=item.get("description", ""),
        unit=item.get("unit") or "",
        choices=tuple(item.get("choices") or ()),
        required=bool(item.get("required")),
        minimum=item.get("minimum", rule.get("minimum")),
        above=rule.get("exclusiveMinimum"),
        maximum=item.get("maximum", rule.get("maximum")),
    )


def roles_in(meta: Mapping[str, Any]) -> tuple[Role, ...]:
    """Return the inputs of a meta.yml."""
    return tuple(
        Role(
            name=item["name"],
            kind=item["kind"] or "",
            required=bool(item["required"]),
            description=item.get("description", ""),
            many=bool(item.get("many")),
            where=item.get("where") or {},
            of=item.get("of", ""),
            instead_of=item.get("instead_of", ""),
        )
        for item in meta.get("inputs") or ()
    )


def outputs_in(meta: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return the outputs of a meta.yml."""
    return tuple(
        Output(
            name=item["name"],
            kind=item["kind"] or "",
            description=item.get("description", ""),
            fields=item.get("fields") or {},
            files=tuple(item.get("files") or ()),
            optional=bool(item.get("optional")),
            many=bool(item.get("many")),
        )
        for item in meta.get("outputs") or ()
    )

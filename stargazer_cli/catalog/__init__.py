"""What the pipeline can do, read from its own files.

A task is a folder `modules/<tool>/<task>/`; its `meta.yml` says what it takes, makes and which
parameters change its result. A workflow is a folder `subworkflows/<name>/` with a `meta.yml` too, whose
category is `workflow`; parts of workflows are of the category `subworkflow`. No two of them share a name.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from stargazer_cli.catalog.entries import (
    Category,
    Entry,
    Output,
    Parameter,
    Role,
    Task,
    Workflow,
    outputs_in,
    parameters_in,
    read,
    roles_in,
    task_of,
)
from stargazer_cli.catalog.pipeline import check_profile, pipeline_dir, profiles
from stargazer_cli.catalog.rules import check_parameters, groups, problem_of, rules
from stargazer_cli.catalog.values import typed
from stargazer_cli.errors import UsageError
from stargazer_cli.wiring import wiring, wiring_of_tasks

__all__ = [
    "Category",
    "Entry",
    "Output",
    "Parameter",
    "Role",
    "Task",
    "Workflow",
    "category_of",
    "check_parameters",
    "check_profile",
    "everything",
    "find",
    "is_task",
    "parameters_of",
    "pipeline_dir",
    "planned_parameters",
    "problem_of",
    "profiles",
    "rules",
    "script_of",
    "tasks",
    "tasks_of",
    "tools_of",
    "typed",
    "wiring_of",
    "wiring_of_task",
    "workflows",
]


@cache
def tasks() -> Mapping[str, Task]:
    """Every task of the pipeline by its name."""
    files = sorted((pipeline_dir() / "modules").glob("*/*/meta.yml"))
    found = (task_of(read(file), file.parent) for file in files)
    return {task.name: task for task in found}


@cache
def workflows() -> Mapping[str, Workflow]:
    """Every workflow of the pipeline by its name."""
    found = {}
    for file in sorted((pipeline_dir() / "subworkflows").glob("*/meta.yml")):
        meta = read(file)
        if meta["category"] != "workflow":  # a part of one
            continue
        asked = {parameter.name: parameter for parameter in parameters_in(meta, "arguments")}
        # What is asked for in a store may have another default than the pipeline's own.
        own = asked | {parameter.name: parameter for parameter in parameters_in(meta, "parameters")} | asked
        found[meta["name"]] = Workflow(
            name=meta["name"],
            description=meta["description"],
            tasks=tuple(meta["tasks"]),
            # Its own come first, and count where a task has one of the same name.
            parameters=tuple((own | _of_tasks(meta["tasks"]) | own).values()),
            inputs=roles_in(meta),
            outputs=outputs_in(meta),
        )
    return found


def _of_tasks(names: Iterable[str]) -> dict[str, Parameter]:
    """Return the parameters of tasks that the pipeline takes, by name.

    What only a task has, such as an order of sorting, a workflow decides by itself.
    """
    each = (parameter for name in names for parameter in tasks()[name].parameters)
    return {parameter.name: parameter for parameter in each if parameter.name in rules()}


def everything() -> list[Entry]:
    """Return the workflows and then the tasks, each by name."""
    found: list[Entry] = [*workflows().values(), *tasks().values()]
    return sorted(found, key=lambda entry: (entry.category != "workflow", entry.name))


def find(name: str) -> Entry:
    """Return the task or workflow of a name.

    Raises:
        UsageError: there is none.

    """
    found: Entry | None = tasks().get(name) or workflows().get(name)
    if found is None:
        from stargazer_cli.assets import did_you_mean

        near = did_you_mean(name, [*tasks(), *workflows()])
        raise UsageError(
            f"There is no task and no workflow {name[:60]!r}.{near}", "List them with: stargazer tasks list"
        )
    return found


def is_task(name: str) -> bool:
    """Whether a run of this name is one of a task alone."""
    return name in tasks()


def category_of(name: str) -> Category:
    """Return what a run of this name is one of: a workflow, also where there is none, or a task alone."""
    return "task" if is_task(name) else "workflow"


def tasks_of(name: str) -> tuple[str, ...]:
    """Return the tasks that a run may have: those of a workflow, or the task itself."""
    return (name,) if is_task(name) else workflows()[name].tasks


def script_of(name: str) -> str:
    """Return the script of the pipeline that runs a task alone, or a workflow."""
    return "task.nf" if is_task(name) else "main.nf"


@cache
def _wiring() -> Mapping[Path, Mapping[str, str]]:
    return wiring(pipeline_dir())


@cache
def _wiring_alone() -> Mapping[Path, str]:
    return wiring_of_tasks(pipeline_dir())


def wiring_of(names: Iterable[str]) -> dict[str, str]:
    """Return the digests of the subworkflows that run these tasks, by name.

    A result depends on all of them that stand between it and its sources, which are those of its tasks: one
    that only hands a file on decides nothing about it.
    """
    folders = [tasks()[name].folder for name in names]
    return {name: digest for folder in folders for name, digest in _wiring().get(folder, {}).items()}


def wiring_of_task(name: str) -> dict[str, str]:
    """Return the digest of how `task.nf` calls a task alone, by the name of that script."""
    return {"task.nf": _wiring_alone().get(tasks()[name].folder, "")}


def parameters_of(name: str) -> dict[str, Parameter]:
    """Every result-affecting parameter by name: of a task, or of the tasks of a workflow."""
    if is_task(name):
        return {parameter.name: parameter for parameter in tasks()[name].parameters}
    return _of_tasks(workflows()[name].tasks)


def tools_of(name: str) -> tuple[str, ...]:
    """Every tool that a task, or a workflow's tasks name, in the order of the tasks."""
    named = (tool for task in tasks_of(name) for tool in tasks()[task].tools)
    return tuple(dict.fromkeys(named))


def planned_parameters(name: str = "") -> frozenset[str]:
    """Return the parameters that a plan may have: all but those of where images and machines are."""
    own = (*tasks()[name].parameters, *tasks()[name].labels) if is_task(name) else ()
    known = {parameter.name for parameter in own} | rules().keys() | {"task"}
    return frozenset(known - groups()["containers"].keys())

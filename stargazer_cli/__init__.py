"""Stargazer: genomics pipelines on content-addressed data.

What is listed in `__all__` is the Python API (`stargazer_cli.api`), loaded when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stargazer_cli.api import (
        Asset,
        Plan,
        Run,
        StargazerError,
        Task,
        TaskRegistry,
        TaskState,
        UsageError,
        Workflow,
        aadd,
        add,
        afetch,
        arun,
        arun_task,
        assemble,
        astart,
        astart_task,
        generate_query_combinations,
        get_client,
        get_run,
        lineage,
        list_runs,
        log_execution,
        marshal_output,
        plan,
        run,
        run_task,
        specialize,
        start,
        start_task,
        tasks,
        workflows,
    )

__version__ = "0.1.0"

__all__ = [
    "Asset",
    "Plan",
    "Run",
    "StargazerError",
    "Task",
    "TaskRegistry",
    "TaskState",
    "UsageError",
    "Workflow",
    "aadd",
    "add",
    "afetch",
    "arun",
    "arun_task",
    "assemble",
    "astart",
    "astart_task",
    "generate_query_combinations",
    "get_client",
    "get_run",
    "lineage",
    "list_runs",
    "log_execution",
    "marshal_output",
    "plan",
    "run",
    "run_task",
    "specialize",
    "start",
    "start_task",
    "tasks",
    "workflows",
]


def __getattr__(name: str) -> Any:
    """Load the API when something of it is asked for: a command that needs none of it starts sooner."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stargazer_cli import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """List what is there to be asked for."""
    return sorted([*__all__, "__version__"])

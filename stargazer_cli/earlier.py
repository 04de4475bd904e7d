"""Names that scripts of the earlier system use, as thin functions over what is there now."""

import inspect
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stargazer_cli import catalog
from stargazer_cli.catalog import Entry

_LOG = logging.getLogger("stargazer")


class TaskRegistry:
    """The tasks and workflows of the pipeline."""

    def get(self, name: str) -> Entry | None:
        """Return the task or workflow of a name; None where there is none."""
        return catalog.tasks().get(name) or catalog.workflows().get(name)

    def list_tasks(self, category: str | None = None) -> list[Entry]:
        """Return all, or those of a category: `task` or `workflow`."""
        entries: Sequence[Entry] = [*catalog.tasks().values(), *catalog.workflows().values()]
        return [entry for entry in entries if category in (None, entry.category)]

    def to_catalog(self, category: str | None = None) -> list[dict[str, Any]]:
        """Return them in a form that JSON can hold; `params` and `type` of an output are the earlier keys."""
        return [_as_earlier(entry) for entry in self.list_tasks(category)]


def _as_earlier(entry: Entry) -> dict[str, Any]:
    document = entry.to_dict()
    outputs = [output | {"type": output["kind"]} for output in document["outputs"]]
    return document | {"params": document["parameters"], "outputs": outputs}


def marshal_output(value: Any) -> Any:
    """Return what a task or workflow gave in a form that JSON can hold; of a tuple under `o0`, `o1` …."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return {f"o{place}": marshal_output(each) for place, each in enumerate(value)}
    if isinstance(value, list):
        return [marshal_output(each) for each in value]
    if isinstance(value, dict):
        return {key: marshal_output(each) for key, each in value.items()}
    return value


class _Keeper(logging.FileHandler):
    """The log of one execution: there is one at a time, as each holds a file open."""


def log_execution() -> str:
    """Name what the calling function does from here on, and keep its log; returns the name.

    It is `<function>-<commit>-<UTC time>`, with the commit of the checkout that the current folder is in, and
    `-dirty` after it, of which is warned, where that has changes which nobody committed. What the logger
    `stargazer` is told from now on, up to the next call, also goes to `logs/<name>.log` of the store.
    """
    from stargazer_cli.settings import read_settings
    from stargazer_cli.store.objects import faults_told

    frame = inspect.currentframe()
    caller = frame.f_back if frame else None
    function = caller.f_code.co_name if caller else "<module>"
    commit = _commit_here()
    name = f"{function.strip('<>')}-{commit}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    settings = read_settings()
    logs = settings.local / "logs"
    with faults_told(settings.local):
        logs.mkdir(parents=True, exist_ok=True)
        keeper = _Keeper(logs / f"{name}.log", encoding="utf-8")
    for earlier in [each for each in _LOG.handlers if isinstance(each, _Keeper)]:
        _LOG.removeHandler(earlier)
        earlier.close()
    keeper.setFormatter(logging.Formatter("%(asctime)s  %(levelname)s  %(message)s"))
    _LOG.addHandler(keeper)
    if not _LOG.isEnabledFor(logging.INFO):
        _LOG.setLevel(logging.INFO)
    if commit.endswith("-dirty"):
        _LOG.warning("The checkout is dirty: it has changes that nobody committed, and %s names none.", name)
    _LOG.info("%s began, with the store %s", name, settings.local)
    return name


def _commit_here() -> str:
    """Return the commit of the checkout that the current folder is in; `unknown` where it is in none."""
    from stargazer_cli.runs.record import pipeline_commit

    here = Path.cwd()
    top = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
    return pipeline_commit(top) if top else "unknown"

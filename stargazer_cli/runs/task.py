"""The plan of one task that is run alone, on assets that its inputs are found among."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from stargazer_cli.errors import UsageError
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.recipe import Versions

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore


class TaskRequest(BaseModel):
    """What the user asked for.

    filters  what assets must say of themselves: a value, or several of which any will do, by key; a key
             holds for the kinds that have it
    inputs   a CID, several, or a record's id for a role; a value for a parameter or label
    options  parameters of the run that change no result, such as max_cpus
    """

    task: str
    filters: Mapping[str, Any] = {}
    inputs: Mapping[str, Any] = {}
    reuse: bool = True
    options: dict[str, Any] = {}


def plan(store: "LocalStore", request: TaskRequest, versions: Versions) -> Plan:
    """Resolve the request against the store, and decide whether what an equal one made is reused."""
    raise UsageError(f"The task {request.task} cannot be run alone on {store.root} yet.", str(versions))

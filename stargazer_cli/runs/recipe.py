"""The recipe of an output: what decides whether it must be computed again.

Two outputs with the same recipe were made by the same scripts of the same tool versions with the same
parameters, joined by the same subworkflows, from the same source files. Nothing else makes an output
reusable; equal labels (`build`, `sample_id`) do not.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from stargazer_cli import catalog

# task -> tool -> version; with a container engine the one entry is `image`.
Versions = Mapping[str, Mapping[str, str]]


class Source(BaseModel):
    """A file that a result is made from, in its role.

    `labels` are the fields of the asset that the tools write into the result: the read group.
    """

    model_config = ConfigDict(frozen=True)

    role: str
    cid: str
    labels: dict[str, str] = {}


class RecipeSpec(BaseModel):
    """Everything that a recipe covers, kept with the run so that it can be checked later.

    `tasks` are all tasks from the sources to the output, in any order; `subject` is the sample, the
    cohort, or empty for the reference; `told` is what is decided or told that nothing else here covers.
    `alone`: the one task was run by itself, and not as a part of a workflow.
    """

    model_config = ConfigDict(frozen=True)

    stage: str
    subject: str
    tasks: tuple[str, ...]
    sources: tuple[Source, ...]
    parameters: dict[str, Any] = {}
    told: dict[str, str] = {}
    alone: bool = False

    def digest(self, versions: Versions) -> str:
        """Return the sha256 of the recipe, or an empty string where a tool's version is not known.

        An empty recipe matches nothing: what was made by an unknown version is never reused.
        """
        document_tasks = {}
        for name in sorted(set(self.tasks)):
            made_with = versions.get(name, {})
            if not made_with or not all(made_with.values()):
                return ""
            document_tasks[name] = self._task(name, made_with)
        document = {
            "stage": self.stage,
            "subject": self.subject,
            "tasks": document_tasks,
            "wiring": catalog.wiring_of_task(self.stage) if self.alone else catalog.wiring_of(self.tasks),
            "sources": [source.model_dump() for source in self.sources],
            "told": self.told,
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _task(self, name: str, made_with: Mapping[str, str]) -> dict[str, Any]:
        task = catalog.tasks()[name]
        return {
            "script": task.script_digest,
            "versions": dict(made_with),
            "parameters": {
                parameter.name: self.parameters.get(parameter.name, parameter.default)
                for parameter in task.parameters
            },
        }

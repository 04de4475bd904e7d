"""A plan: what a run will reuse and compute, complete enough to launch it and to ingest what it makes."""

from typing import Any

from pydantic import BaseModel

from stargazer_cli import catalog
from stargazer_cli.runs.recipe import RecipeSpec


class Step(BaseModel):
    """One line of the plan for a person: what is done for whom, and from what."""

    stage: str
    subject: str
    reused: bool
    cids: tuple[str, ...] = ()


class PlannedOutput(BaseModel):
    """What is known of an output before it is made: its kind, and the fields of its assets.

    `links` are fields that point at a file which is made under another name: field -> name of that output.
    """

    kind: str
    fields: dict[str, Any] = {}
    links: dict[str, str] = {}


class Plan(BaseModel):
    """The outcome of resolve and reuse.

    inputs        path as the pipeline is given it -> CID of the asset behind it
    parameters    params.json without `input` and `outdir`
    samplesheet   rows of samplesheet.csv, each with every column; empty where the workflow takes none
    known_sites   rows of known_sites.csv, likewise
    inputs_table  rows of inputs.csv, for a task that is run alone
    outputs       what such a task makes, by name
    notes         what was decided for the user, one sentence each
    recipes       what each output of this run is made by
    reused        CIDs of earlier outputs that belong to the result -> recipe they were made by
    """

    workflow: str
    subject: str
    parameters: dict[str, Any]
    samplesheet: list[dict[str, str]] = []
    known_sites: list[dict[str, str]] = []
    inputs_table: list[dict[str, str]] = []
    outputs: dict[str, PlannedOutput] = {}
    notes: list[str] = []
    inputs: dict[str, str] = {}
    recipes: list[RecipeSpec] = []
    reused: dict[str, str] = {}
    steps: list[Step] = []

    @property
    def complete(self) -> bool:
        """Whether nothing is left to compute."""
        return all(step.reused for step in self.steps)

    def recipe_of(self, stage: str, subject: str) -> RecipeSpec | None:
        """Return the recipe of the outputs of `stage` for `subject`, where the run plans one."""
        for spec in self.recipes:
            if (spec.stage, spec.subject) == (stage, subject):
                return spec
        return None

    def tasks(self) -> list[str]:
        """Return every task that a recipe of the plan covers."""
        return sorted({task for spec in self.recipes for task in spec.tasks})

    def scripts(self) -> dict[str, str]:
        """Return the digest of each of those tasks' scripts, as they are now."""
        return {task: catalog.tasks()[task].script_digest for task in self.tasks() if task in catalog.tasks()}

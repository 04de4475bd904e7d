"""The tool for the catalogue: what can be run."""

from typing import Annotated, Literal

from pydantic import Field

from stargazer_cli import catalog
from stargazer_cli.mcp.models import Catalogue, CatalogueEntry, CatalogueLine
from stargazer_cli.mcp.tool import Tool, tool
from stargazer_cli.runs.requests import full_name


class CatalogueTools:
    """The tool, over the catalogue of the pipeline."""

    def tools(self) -> list[Tool]:
        """Return it."""
        return [tool(self.list_tasks, title="What can be run", read_only_hint=True)]

    def list_tasks(
        self,
        names: Annotated[
            list[str],
            Field(max_length=100, description="Describe these in full: parameters, roles of files, outputs."),
        ] = [],  # noqa: B006 - never changed; a model reads the default in the schema
        category: Annotated[
            Literal["task", "workflow"] | None, Field(description="Only these; null for both.")
        ] = None,
    ) -> Catalogue:
        """List the workflows (several tasks, from raw data to results) and the single tasks.

        Without `names` one line each. Call it again with the names that matter to learn their parameters,
        before you run one: a workflow with run_workflow, a task with run_task. Prefer a workflow where
        one does what is wanted.
        """
        chosen = [catalog.find(full_name(name)) for name in names]
        return Catalogue(
            entries=[
                CatalogueLine(
                    name=entry.name,
                    category=entry.category,
                    description=entry.description.strip(),
                    takes=list(dict.fromkeys(role.kind for role in entry.inputs if role.kind)),
                    makes=list(dict.fromkeys(made.kind for made in entry.outputs if made.kind)),
                )
                for entry in (chosen or catalog.everything())
                if category in (None, entry.category)
            ],
            details=[
                CatalogueEntry.model_validate(entry.to_dict())
                for entry in chosen
                if category in (None, entry.category)
            ],
        )

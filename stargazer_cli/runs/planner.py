"""What the planners of all workflows share: parameters, recipes, and what earlier runs made by them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from stargazer_cli import catalog
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.plan import Plan, Step
from stargazer_cli.runs.recipe import RecipeSpec, Source, Versions
from stargazer_cli.runs.record import started

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore


class BaseRequest(BaseModel):
    """What every request has.

    parameters   those that change a result, by name; what is left out has its default
    options      those that do not, such as max_cpus
    """

    workflow: str
    parameters: dict[str, Any] = {}
    options: dict[str, Any] = {}
    reuse: bool = True


class Planner:
    """Builds one plan; each method adds what it decided to `self.draft`."""

    def __init__(
        self,
        store: "LocalStore",
        request: BaseRequest,
        versions: Versions,
        *,
        subject: str,
        parameters: Mapping[str, Any],
    ) -> None:
        """Begin a plan for `subject`; `parameters` are those of the workflow itself, beside its tasks'."""
        self.store = store
        self.versions = versions
        self.reuse = request.reuse
        self._found: dict[str, list[Asset]] = {}
        known = catalog.parameters_of(request.workflow)
        unknown = sorted(set(request.parameters) - set(known))
        if unknown:
            raise UsageError(
                f"{request.workflow} has no parameter {unknown[0]!r}.",
                f"It has: {', '.join(sorted(known))}.",
            )
        self.parameters = {name: item.default for name, item in known.items()} | request.parameters
        given = {
            catalog.category_of(request.workflow): request.workflow,
            **parameters,
            **self.parameters,
            **request.options,
        }
        self.draft = Plan(
            workflow=request.workflow,
            subject=subject,
            # What has no value is not said: the pipeline then takes its own default, which is none.
            parameters={name: value for name, value in given.items() if value is not None},
        )
        catalog.check_parameters(self.draft.parameters)

    def finished(self) -> Plan:
        """Return the plan, with its steps in the order of the workflow."""
        order = catalog.tasks_of(self.draft.workflow)
        self.draft.steps.sort(key=lambda step: (order.index(step.stage), step.subject))
        return self.draft

    def spec(
        self,
        stage: str,
        subject: str,
        tasks: Sequence[str],
        sources: Sequence[Source],
        **own: Any,
    ) -> RecipeSpec:
        """Return the recipe of what `stage` makes; `own` are parameters of this subject alone."""
        return RecipeSpec(
            stage=stage,
            subject=subject,
            tasks=tuple(tasks),
            sources=tuple(sources),
            parameters=self.parameters | own,
        )

    def look_up(self, specs: Iterable[RecipeSpec]) -> None:
        """Find what all of these recipes made, by one look into the store."""
        recipes = {spec.digest(self.versions) for spec in specs} - {""}
        found = self.store.find(recipes=sorted(recipes)) if recipes and self.reuse else []
        for recipe in recipes:
            self._found[recipe] = [asset for asset in found if recipe in asset.recipes]

    def made(self, spec: RecipeSpec, *kinds: str) -> list["Asset"]:
        """Return what an equal recipe made, in the order of `kinds`; nothing unless all of it is here.

        A kind of which several were made, as of a model a mode, is named as often.
        """
        recipe = spec.digest(self.versions)
        if recipe not in self._found:
            self.look_up([spec])
        usable = [
            asset for asset in self._found.get(recipe, []) if asset.path is not None and self.fits(asset)
        ]
        if not usable:
            return []
        runs = {run_id for asset in usable for run_id in asset.run_ids}
        last_first = sorted(runs, key=started, reverse=True)
        # Where runs gave other bytes, as they may of a report, the last that made all of it gives all of it.
        groups = (usable, *([asset for asset in usable if run in asset.run_ids] for run in last_first))
        return next((made for group in groups if (made := _complete(spec.stage, group, kinds))), [])

    def fits(self, asset: "Asset") -> bool:  # noqa: ARG002 - for those that have a say
        """Whether an asset of an equal recipe may be used for this request."""
        return True

    def note(self, spec: RecipeSpec, found: Sequence["Asset"], shown_as: str = "") -> None:
        """Plan that `found` is reused for a recipe, or where it is empty that the recipe is carried out.

        `shown_as` is what people are told where the recipe has no subject.
        """
        cids = tuple(asset.cid for asset in found)
        self.draft.recipes.append(spec)
        self.draft.reused |= dict.fromkeys(cids, spec.digest(self.versions))
        self.draft.steps.append(
            Step(stage=spec.stage, subject=spec.subject or shown_as, reused=bool(cids), cids=cids)
        )

    def input(self, asset: "Asset", name: str = "") -> str:
        """Return the path by which the pipeline is given an asset, under its own name or another."""
        path = str(self.store.stage(asset.cid, name or asset.name))
        self.draft.inputs[path] = asset.cid
        return path


def _complete(stage: str, assets: Iterable["Asset"], kinds: Sequence[str]) -> list["Asset"]:
    """Return the assets in the order of their kinds; nothing unless it is exactly what a task makes."""
    by_cid = {asset.cid: asset for asset in assets}
    made: list[Asset] = []
    for kind, times in Counter(kinds).items():
        of_kind = [asset for asset in by_cid.values() if asset.kind == kind]
        if len(of_kind) != times * _files_of(stage, kind):
            return []
        made += sorted(of_kind, key=lambda asset: asset.name)
    return made


def _files_of(stage: str, kind: str) -> int:
    """How many files of `kind` the task makes: an aligner's index is several, and useless in part."""
    for output in catalog.tasks()[stage].outputs:
        if output.kind == kind:
            return len(output.files or (kind,))
    return 1

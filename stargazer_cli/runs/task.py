"""The plan of one task that is run alone, on assets that its inputs are found among.

An equal task that was run before, on the same files with the same labels, made what this one would: then
nothing is computed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from stargazer_cli import catalog
from stargazer_cli.assets import Asset, did_you_mean, to_text
from stargazer_cli.assets.names import check_name
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.planner import BaseRequest, Planner
from stargazer_cli.runs.recipe import RecipeSpec, Source, Versions
from stargazer_cli.runs.record import RunFolder, started
from stargazer_cli.runs.task_fields import outputs_of
from stargazer_cli.runs.task_inputs import Chosen, belongs_to, links_of, resolve_inputs
from stargazer_cli.runs.task_lineage import linked_to, reads_left_out

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

# Of inputs.csv, as the pipeline knows them. `of` is the path of the file whose companion one is; what a file
# says of itself comes after it.
COLUMNS = (
    *("role", "path", "name", "of"),
    *("sample_id", "lane", "library", "sequencing_platform", "build", "resource_name", "known", "training"),
    *("truth", "prior", "vqsr_mode", "mode", "variant_type", "stage", "organism"),
)
_SHOWN = 6


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
    """Resolve the request against the store, and decide whether what an equal one made is reused.

    Raises:
        UsageError: there is no such task, an input is missing or ambiguous, or a value is not of its type.

    """
    task = find_task(request.task)
    files, values = _told_apart(task, request.inputs)
    labels = {name: check_name(name, value) for name, value in _values(task.labels, values).items()}
    parameters = _values(task.parameters, values)
    chosen = resolve_inputs(store, task, _lists(request.filters), files)
    parameters |= _said_by(chosen, parameters, values)
    labels |= _named_by(task, chosen, values)
    base = BaseRequest(
        workflow=task.name, parameters=parameters, options=request.options, reuse=request.reuse
    )
    return _OneTask(store, base, versions, chosen, labels=labels).plan(named=files)


def find_task(name: str) -> catalog.Task:
    """Return the task of a name; another one is refused, and a workflow with the way to run it."""
    entry = catalog.find(name)
    if isinstance(entry, catalog.Task):
        return entry
    raise UsageError(f"{name} is a workflow, not a task.", "Workflows are run by: stargazer run WORKFLOW")


class _OneTask(Planner):
    """Builds the plan of a task for inputs that are found, and labels."""

    def __init__(
        self,
        store: "LocalStore",
        request: BaseRequest,
        versions: Versions,
        chosen: Chosen,
        *,
        labels: Mapping[str, Any],
    ) -> None:
        self.task = catalog.tasks()[request.workflow]
        self.chosen = chosen
        self.labels = labels
        super().__init__(store, request, versions, subject=self._subject(), parameters=labels)
        self.draft.outputs = outputs_of(
            self.task, chosen, self.draft.subject, parameters=self.parameters, labels=labels
        )

    def plan(self, named: Mapping[str, Any]) -> Plan:
        """Return the plan; `named` are the inputs that the user chose, which need not be told again."""
        spec = RecipeSpec(
            stage=self.task.name,
            subject=self.draft.subject,
            tasks=(self.task.name,),
            sources=tuple(self._sources()),
            parameters=self.parameters,
            told={name: to_text(value) for name, value in self.labels.items() if value is not None},
            alone=True,
        )
        made = self._made_by(spec)
        self.note(spec, made, shown_as=self._shown())
        found = {name: assets for name, assets in self.chosen.items() if assets and name not in named}
        self.draft.notes += [f"{name}: {_named(assets)}" for name, assets in found.items()]
        self.draft.notes += self._left_out()
        self.draft.notes += self._of_other_files(named)
        if not made:
            self.draft.inputs_table = self._rows()
        return self.finished()

    def _left_out(self) -> list[str]:
        """Return what to say of reads of the sample that are in none of the lanes which are put together."""
        return [
            f"{role.name}: none of them is made from {reads.name} ({reads.cid}), which has reads of "
            f"{self.draft.subject} too"
            for role in self.task.inputs
            if role.many and role.kind == "alignment"
            for reads in reads_left_out(self.store, self.chosen[role.name], self.draft.subject)
        ]

    def _of_other_files(self, named: Iterable[str]) -> list[str]:
        """Return what to say of files that belong to others, and are taken as the user named them."""
        return [
            f"{name}: {asset.name} ({asset.cid}) belongs to another {kind}, {getattr(asset, field)}; "
            "it is taken as it was named"
            for name in named
            for asset in self.chosen[name]
            for field, kind in links_of(asset.kind).items()
            if (others := self._others_of(kind, name)) and not linked_to(self.store, others, [asset], field)
        ]

    def _others_of(self, kind: str, name: str) -> list[Asset]:
        """Return the files of a kind that are given to the task beside an input."""
        return [
            asset
            for other, assets in self.chosen.items()
            for asset in assets
            if other != name and asset.kind == kind
        ]

    def fits(self, asset: Asset) -> bool:
        """Whether it says of itself what is planned to be said of it."""
        return any(
            planned.kind == asset.kind
            and all(getattr(asset, key, None) == value for key, value in planned.fields.items())
            for planned in self.draft.outputs.values()
        )

    def _subject(self) -> str:
        """Return whom the result is of: the one sample of the inputs, else the cohort, else nobody."""
        samples = {getattr(asset, "sample_id", "") for assets in self.chosen.values() for asset in assets} - {
            ""
        }
        return samples.pop() if len(samples) == 1 else str(self.labels.get("cohort_id") or "")

    def _shown(self) -> str:
        first = next((assets for assets in self.chosen.values() if assets), [])
        return ", ".join(asset.name for asset in first)

    def _sources(self) -> list[Source]:
        return [
            Source(role=name, cid=asset.cid, labels={"name": asset.name, **_labels_of(asset)})
            for name, assets in self.chosen.items()
            for asset in assets
        ]

    def _rows(self) -> list[dict[str, str]]:
        """Return the rows of inputs.csv: what each file is to the task, and what it says of itself."""
        paths = {asset.cid: self.input(asset) for assets in self.chosen.values() for asset in assets}
        return [
            dict.fromkeys(COLUMNS, "")
            | {"role": name, "path": paths[asset.cid], "name": asset.name}
            | {"of": next((paths[cid] for cid in belongs_to(asset) if cid in paths), "")}
            | _labels_of(asset)
            for name, assets in self.chosen.items()
            for asset in assets
        ]

    def _made_by(self, spec: RecipeSpec) -> list[Asset]:
        """Return all that the last run by an equal recipe made; nothing where a file of it is gone."""
        self.look_up([spec])
        here = [asset for asset in self._found.get(spec.digest(self.versions), []) if asset.path is not None]
        usable = [asset for asset in here if self.fits(asset)]
        runs = sorted({run_id for asset in usable for run_id in asset.run_ids}, key=started, reverse=True)
        groups = ({asset.cid: asset for asset in usable if run_id in asset.run_ids} for run_id in runs)
        whole = (
            [made[cid] for cid in wanted]
            for run_id, made in zip(runs, groups, strict=True)
            if (wanted := self._wanted(run_id)) and made.keys() >= set(wanted)
        )
        return next(whole, [])

    def _wanted(self, run_id: str) -> list[str]:
        """Return the CIDs that a run made, by its record; nothing where that is gone."""
        try:
            kept = RunFolder(self.store.root / "runs" / run_id).read()
        except StargazerError:
            return []
        return [made.cid for made in kept.assets if not made.reused]


def _named(assets: Sequence[Asset]) -> str:
    """Return the names of some files for a person, of many the first."""
    names = [f"{asset.name} ({asset.cid})" for asset in assets[:_SHOWN]]
    return ", ".join([*names, *([f"and {len(assets) - _SHOWN} more"] if len(assets) > _SHOWN else [])])


def _told_apart(task: catalog.Task, inputs: Mapping[str, Any]) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Return the files and the values among what is given by name."""
    roles = {role.name for role in task.inputs}
    scalars = {item.name for item in (*task.parameters, *task.labels)}
    files: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    for name, value in inputs.items():
        if name in roles:
            files[name] = _cids(name, value)
        elif name in scalars:
            values[name] = value
        else:
            known = ", ".join((*sorted(roles), *sorted(scalars)))
            raise UsageError(
                f"{task.name} has no input {name[:60]!r}.{did_you_mean(name, roles | scalars)}",
                f"It takes: {known}.",
            )
    return files, values


def _cids(name: str, value: Any) -> list[str]:
    """Return the names of assets that are given for a role: text with commas, or a list."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise UsageError(
            f"{name} must be a CID or a list of CIDs, not {str(value)[:60]!r}.",
            "Find a CID with: stargazer assets query",
        )
    cids = [item.strip() for item in items if item.strip()]
    if not cids:
        raise UsageError(f"{name} is given without a CID.", "Leave it out to have it found by the filters.")
    if repeated := next((cid for cid in cids if cids.count(cid) > 1), ""):
        raise UsageError(f"{name} is given {repeated} twice.", "Name each asset once.")
    return cids


def _values(known: Sequence[catalog.Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of parameters or labels, each of its type; a default where none is given."""
    values = {}
    for parameter in known:
        value = given.get(parameter.name)
        values[parameter.name] = parameter.default if value is None else catalog.typed(parameter, value)
        if parameter.required and values[parameter.name] is None:
            raise UsageError(
                f"{parameter.name} is missing: {parameter.description}",
                f"Give it with --input {parameter.name}={'|'.join(parameter.choices) or 'VALUE'}",
            )
    return values


def _said_by(chosen: Chosen, parameters: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the files themselves say of parameters, such as their organism; the pipeline believes them.

    Raises:
        UsageError: a value that is given is not what a file says.

    """
    said: dict[str, Any] = {}
    for name in parameters.keys() & set(COLUMNS):
        for asset in (each for assets in chosen.values() for each in assets):
            if not (value := getattr(asset, name, "")):
                continue
            wanted = said.setdefault(name, parameters[name] if name in given else value)
            if value != wanted:
                raise UsageError(
                    f"{asset.name} ({asset.cid}) says {name}={value}, and not {name}={wanted}.",
                    f"Leave --input {name} out, or mend the record: stargazer assets update CID {name}=…",
                )
    return said


def _named_by(task: catalog.Task, chosen: Chosen, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the label of a cohort's result where its one input is of the cohort already, and says which."""
    own = any("{label.cohort_id}" in output.fields.values() for output in task.outputs)
    if "cohort_id" in given or not own or any(role.many for role in task.inputs):
        return {}
    assets = [asset for assets in chosen.values() for asset in assets]
    names = {getattr(asset, key, "") for asset in assets for key in ("cohort_id", "sample_id")} - {""}
    return {"cohort_id": names.pop()} if len(names) == 1 else {}


def _lists(filters: Mapping[str, Any]) -> dict[str, list[Any]]:
    lists = {
        key: list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
        for key, value in filters.items()
    }
    for key, values in lists.items():
        if not values or any(value is None or isinstance(value, dict | list) for value in values):
            raise UsageError(f"The filter {key[:60]!r} has no value.", "Write it like sample_id=NA12878.")
    return lists


def _labels_of(asset: Asset) -> dict[str, str]:
    """Return what an asset says of itself, as far as the pipeline asks."""
    says = asset.to_keyvalues()
    return {column: says[column] for column in COLUMNS[4:] if column in says}

"""What the tools answer. The descriptions reach the model, as parts of each tool's output schema."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from stargazer_cli.runs.record import Status

Scalar = str | bool | int | float
Values = Mapping[str, Scalar | list[Scalar] | None]


class _Answer(BaseModel):
    # What is not set is sent as well: a schema says what to expect.
    model_config = ConfigDict(extra="ignore", frozen=True)


class StoredAsset(_Answer):
    """A file of the store, and what it is."""

    cid: str = Field(description="Its content identifier: the same bytes have the same CID everywhere.")
    id: str = Field("", description="The id of this record; of several records on one CID it names one.")
    name: str = Field(description="Its file name.")
    keyvalues: dict[str, str] = Field(
        description="What it is: `asset` is the kind, the others are that kind's fields."
    )
    path: str | None = Field(
        None, description="The read-only file on the server's machine; null where the bytes are not here."
    )
    derived_from: list[str] = Field([], description="The CIDs of all that it was made from.")
    run_ids: list[str] = Field([], description="The runs that made it, the first of them first.")
    created_at: str = Field("", description="When it was recorded, UTC.")
    owner: str = Field("", description="Who recorded it, where that was set.")

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the answer for a record, or for `Asset.to_dict()`."""
        known = {key: record[key] for key in cls.model_fields if key in record}
        path = known.get("path")
        return cls(**(known | {"path": str(path) if path else None}))


class AddedAsset(StoredAsset):
    """A file, and whether to store it took anything."""

    status: Literal["added", "notneeded"] = Field(
        description="`notneeded`: the store had these bytes with this record already."
    )


class FoundAssets(_Answer):
    """One page of the assets that match."""

    total: int = Field(description="How many match in all.")
    offset: int = Field(description="How many of them were left out before this page.")
    next_offset: int | None = Field(description="The offset of the next page; null on the last one.")
    assets: list[StoredAsset]


class Pushed(_Answer):
    """What became of a file at Pinata."""

    cid: str
    name: str
    status: Literal["pushed", "updated", "notneeded", "absent"]
    network: Literal["private", "public"]


class Uploaded(_Answer):
    """The files that are in the store now."""

    assets: list[AddedAsset]
    notes: list[str] = Field(
        description="What was concluded from names and content, and what is worth adding or correcting."
    )
    pushed: list[Pushed] = Field([], description="What was sent to Pinata; empty unless `push` was given.")


class WrittenFile(_Answer):
    """A file that was copied out of the store, verified by its CID."""

    cid: str
    path: str = Field(description="Where it is now.")
    size: int = Field(description="Bytes.")


class Downloaded(_Answer):
    """The files that were copied out of the store."""

    files: list[WrittenFile]


class DeletedAsset(_Answer):
    """The record that is no more."""

    asset: StoredAsset
    object_removed: bool = Field(description="Whether its bytes went too: no other record has them.")


class LineageNode(_Answer):
    """A file of the graph; without assets where the store has no record of it."""

    cid: str
    assets: list[StoredAsset]


class LineageEdge(_Answer):
    """`child` was made from `parent`, or points at it."""

    child: str
    parent: str
    relation: str = Field(description="The field that points there (`reference_cid`, …), or `derived_from`.")


class LineageGraph(_Answer):
    """What a file was made from, and what from it."""

    cid: str
    total: int = Field(description="How many files there are in all; the nearest of them are the nodes.")
    nodes: list[LineageNode]
    edges: list[LineageEdge]


class BundleFile(_Answer):
    """A published file."""

    name: str
    cid: str
    keyvalues: dict[str, str]
    here: bool = Field(description="Whether the store has its bytes already.")


class ResourceBundle(_Answer):
    """Published files that belong together."""

    name: str
    title: str
    source: str = Field(description="Who published them, and what of it was checked.")
    files: list[BundleFile]


class Bundles(_Answer):
    """The bundles that there are."""

    bundles: list[ResourceBundle]


class FetchedBundle(_Answer):
    """The files of a bundle, which are in the store now."""

    name: str
    assets: list[AddedAsset]
    notes: list[str] = []


class ParameterInfo(_Answer):
    """A value that is given by name."""

    name: str
    type: str = Field(description="string, integer, number or boolean.")
    required: bool
    default: Any = None
    description: str = ""
    unit: str | None = None
    choices: list[str] = []
    minimum: float | None = None
    above: float | None = Field(None, description="A minimum that is not reached itself.")
    maximum: float | None = None


class RoleInfo(_Answer):
    """What a file is to a task: `filters` and links choose it, `inputs` names it."""

    name: str
    kind: str | None = Field(description="The kind of asset that it takes; null for any file.")
    required: bool
    many: bool = Field(False, description="Whether it takes several files.")
    where: dict[str, Any] = Field({}, description="What an asset must say of itself to be found for it.")
    instead_of: str | None = Field(
        None, description="The role that it may take the place of: one of the two is needed."
    )
    description: str = ""


class OutputInfo(_Answer):
    """What a task or workflow makes."""

    name: str
    kind: str | None = Field(description="The kind of asset that it is.")
    optional: bool = False
    many: bool = Field(False, description="Whether it may be several files.")
    description: str = ""


class CatalogueLine(_Answer):
    """A workflow or a task in a few words."""

    name: str
    category: Literal["task", "workflow"]
    description: str
    takes: list[str] = Field([], description="The kinds of assets that it takes.")
    makes: list[str] = Field([], description="The kinds of assets that it makes.")


class CatalogueEntry(_Answer):
    """All that there is to know of a workflow or a task before it is run."""

    name: str
    category: Literal["task", "workflow"]
    description: str
    parameters: list[ParameterInfo] = Field(
        description="What changes the result: `arguments` of run_workflow, `inputs` of run_task."
    )
    labels: list[ParameterInfo] = Field([], description="What names the result; given as parameters are.")
    inputs: list[RoleInfo] = Field(description="The roles of files.")
    outputs: list[OutputInfo]


class Catalogue(_Answer):
    """What can be run."""

    entries: list[CatalogueLine]
    details: list[CatalogueEntry] = Field([], description="In full, those that were asked for by name.")


class PlannedStep(_Answer):
    """What is done for whom, and whether an earlier run did it."""

    stage: str
    subject: str
    reused: bool
    cids: list[str] = Field([], description="The files that are reused.")


class TaskRun(_Answer):
    """One execution of a task in the run's last attempt."""

    name: str
    subject: str = Field(description="Whom or what it is for, such as a sample.")
    status: Literal["running", "done", "kept", "failed"] = Field(
        description="`kept`: an earlier attempt had done it."
    )
    duration: str = ""


class RunSummary(_Answer):
    """A run in a few words."""

    run_id: str
    name: str = Field(description="The workflow or task.")
    status: Status
    started_at: str = ""
    ended_at: str = ""
    error: str = ""


class Runs(_Answer):
    """One page of the runs, the newest first."""

    total: int
    offset: int
    next_offset: int | None
    runs: list[RunSummary]


class RunState(_Answer):
    """How a run stands, or what it would do."""

    run_id: str | None = Field(
        description="What `get_run` and `cancel_run` take. Of a result that was reused as a whole, the run "
        "that made it; null for a plan."
    )
    name: str = Field(description="The workflow or task.")
    status: Literal["planned", "running", "done", "failed", "interrupted"] = Field(
        description="`running`: it goes on by itself, ask `get_run` again. `planned`: nothing was started."
    )
    computed: bool = Field(
        True, description="Whether there was anything to compute; false where all was here already."
    )
    notes: list[str] = Field([], description="What was decided for the user.")
    steps: list[PlannedStep] = Field([], description="Of a plan: what is reused and what is computed.")
    outdir: str | None = Field(None, description="Where the server's machine has the files as published.")
    assets: list[StoredAsset] = Field([], description="The result, once the run is done: made or reused.")
    tasks: list[TaskRun] = []
    progress: list[str] = Field([], description="What the run said, from `progress_from` on.")
    next_progress: int = Field(0, description="What to give as `progress_from` to read on.")
    error: str = Field("", description="Why it ended, where it did not end well.")
    hint: str = Field("", description="What to do about `error`.")
    started_at: str = ""
    ended_at: str = ""


class SettingState(_Answer):
    """A setting, its value, and where that came from."""

    name: str
    value: str
    origin: Literal["environment", "file", "default"]
    description: str


class ServerConfig(_Answer):
    """How the server is set up; secrets are masked."""

    version: str
    settings: list[SettingState]
    roots: list[str] = Field(description="The folders in which clients may name files.")

"""What the API takes and gives."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stargazer_cli.assets.asset import Family
from stargazer_cli.runs.handle import ReportKind
from stargazer_cli.runs.record import Status

Scalar = str | bool | int | float
Value = Scalar | list[Scalar] | None


class Answer(BaseModel):
    """What is answered."""


class Request(BaseModel):
    """What is asked; a name that means nothing is refused, as it is a slip."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(Answer):
    """What is wrong, and what to do about it: the words of the command line."""

    message: str
    items: list[str] = []
    hint: str | None = None


class ErrorAnswer(Answer):
    """Any answer that is not a success."""

    error: ErrorBody


class Session(Answer):
    """What a page needs to know first; `csrf` is sent back with each change.

    `families` says of each kind which others it is shown with in one colour.
    """

    csrf: str
    families: dict[str, Family]
    version: str
    store: str
    owner: str
    remote: bool
    records: int


class Asset(Answer):
    """A record of the store; `kind` is empty for a bare asset, `here` says whether its bytes are here."""

    id: str
    cid: str
    name: str
    kind: str
    keyvalues: dict[str, str]
    run_ids: list[str]
    derived_from: list[str]
    created_at: str
    owner: str
    here: bool
    size: int | None


class AddedAsset(Asset):
    """A record, and whether to store it took anything."""

    status: Literal["added", "notneeded"]


class AssetPage(Answer):
    """Some of the assets that match; `kinds` counts them by kind, whatever kind was asked for."""

    total: int
    offset: int
    limit: int
    assets: list[Asset]
    kinds: dict[str, int]


class LinkingAsset(Answer):
    """An asset that points at another one, and the field by which it does."""

    asset: Asset
    field: str


class AssetLink(Answer):
    """What an asset points at; without assets where the store has no record of it."""

    field: str
    cid: str
    assets: list[Asset]


class RunOfAsset(Answer):
    """A run that made an asset; without a status where its record is gone."""

    run_id: str
    name: str
    status: Status | None
    started_at: str


class AssetDetail(Asset):
    """All about one asset; `records` are the others of the same bytes."""

    description: str
    companions: list[Asset]
    linked_by: list[LinkingAsset]
    linked_by_total: int
    links: list[AssetLink]
    runs: list[RunOfAsset]
    records: list[Asset]
    recipe: str
    viewable: bool


class Preview(Answer):
    """The beginning of a file as text; null where it is none."""

    text: str | None
    truncated: bool


class Change(Request):
    """Keys to set; null takes a key away."""

    keyvalues: Annotated[dict[str, Value], Field(min_length=1, max_length=1000)]


class Import(Request):
    """Files and folders of the server's machine, below its roots, to be stored."""

    paths: Annotated[list[str], Field(min_length=1, max_length=1000)]
    asset: str | None = None
    keyvalues: dict[str, Scalar | list[Scalar]] = {}


class DeletedAsset(Answer):
    """The record that is no more, and whether its bytes went with it."""

    asset: Asset
    object_removed: bool


class Added(Answer):
    """The files that are in the store now, and what was concluded about them."""

    assets: list[AddedAsset]
    notes: list[str]


class Keys(Answer):
    """Every key that a record here has, the most frequent first."""

    keys: list[str]


class ValueCount(Answer):
    """A value of a key, and how many records have it."""

    value: str
    count: int


class Values(Answer):
    """The values of a key, the most frequent first."""

    values: list[ValueCount]
    total: int


class KindField(Answer):
    """A field of a kind, as a form asks for it; `links_to` is the kind of what it points at, where known."""

    name: str
    label: str
    type: Literal["string", "boolean", "integer", "number", "list"]
    choices: list[str]
    link: bool
    links_to: str | None


class Kind(Answer):
    """A kind of asset."""

    name: str
    description: str
    count: int
    companions: list[str]
    fields: list[KindField]


class Kinds(Answer):
    """Every kind of asset."""

    kinds: list[Kind]


class GraphNode(Answer):
    """A file, without an id where it has no record; `depth` is negative for what another was made from."""

    cid: str
    id: str | None
    kind: str
    name: str
    names: list[str]
    run_id: str | None
    sample_id: str | None
    here: bool
    depth: int


class GraphEdge(Answer):
    """An arrow the way that the data went; `relations` are the fields by which the target points back."""

    source: str
    target: str
    relations: list[str]


class GraphAnswer(Answer):
    """The files around one; `truncated` where there are more, further away, and their total is not known."""

    cid: str
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    truncated: bool
    total: int | None


class RunLine(Answer):
    """A run in a few words."""

    run_id: str
    name: str
    status: Status
    profile: str
    started_at: str
    ended_at: str
    error: str


class RunPage(Answer):
    """Some of the runs, the newest first; `running` counts all that are."""

    total: int
    offset: int
    limit: int
    running: int
    runs: list[RunLine]


class TaskOfRun(Answer):
    """One execution of a task; `kept` where an earlier attempt had done it."""

    name: str
    subject: str
    status: Literal["running", "done", "kept", "failed"]
    duration: str
    started_at: str
    ended_at: str
    exit_status: str
    cpu: str
    memory: str
    container: str


class RunInput(Answer):
    """A file that a run takes."""

    cid: str
    name: str
    id: str | None
    kind: str


class RunOutput(Answer):
    """A file of a run's result; `stored` says whether its record is still here."""

    cid: str
    id: str
    name: str
    kind: str
    keyvalues: dict[str, str]
    reused: bool
    stored: bool


class RunReport(Answer):
    """A report of a run, and where to get it."""

    name: str
    title: str
    kind: ReportKind
    href: str


class RunDetail(RunLine):
    """All about one run."""

    hint: str
    notes: list[str]
    commit: str
    host: str
    attempts: int
    timings: dict[str, float]
    tools: dict[str, str]
    images: dict[str, str]
    command: list[str]
    parameters: dict[str, Any]
    inputs: list[RunInput]
    outputs: list[RunOutput]
    tasks: list[TaskOfRun]
    task_counts: dict[str, int]
    reports: list[RunReport]
    outdir: str | None


class Tasks(Answer):
    """The tasks of a run's last attempt."""

    tasks: list[TaskOfRun]
    task_counts: dict[str, int]


class RunProgress(Answer):
    """What a run said from a place on, and the place to go on at."""

    lines: list[str]
    next: int
    status: Status
    task_counts: dict[str, int]


class RunRequest(Request):
    """What to run: a workflow with its arguments, or a task with filters and inputs."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    arguments: dict[str, Any] = {}
    filters: dict[str, Value] = {}
    inputs: dict[str, Any] = {}
    profile: Annotated[str, Field(max_length=200)] = "local"
    reuse: bool = True


class StepAnswer(Answer):
    """What is done for whom, and whether an earlier run did it."""

    stage: str
    subject: str
    reused: bool
    cids: list[str]


class PlanInput(Answer):
    """A file that a plan takes."""

    cid: str
    name: str


class PlanAnswer(Answer):
    """What a run would reuse and compute."""

    name: str
    steps: list[StepAnswer]
    notes: list[str]
    parameters: dict[str, Any]
    inputs: list[PlanInput]


class StartedRun(Answer):
    """The run that goes on now; or that made all of it before, where nothing is `computed`."""

    run: RunLine
    computed: bool
    notes: list[str]


class Catalogue(Answer):
    """What can be run: entries as `stargazer tasks show --json` prints them."""

    entries: list[dict[str, Any]]


class Profiles(Answer):
    """The profiles that a run may have."""

    profiles: list[str]


class BundleFile(Answer):
    """A published file, and whether its bytes are here."""

    name: str
    cid: str
    keyvalues: dict[str, str]
    here: bool


class Bundle(Answer):
    """Published files that belong together."""

    name: str
    title: str
    source: str
    files: list[BundleFile]


class Bundles(Answer):
    """Every bundle."""

    bundles: list[Bundle]


class Job(Answer):
    """What takes long and belongs to this server: `done` and `total` are bytes."""

    id: str
    title: str
    status: Literal["running", "done", "failed"]
    done: int
    total: int | None
    notes: list[str]
    error: ErrorBody | None
    assets: list[Asset]


class Jobs(Answer):
    """The jobs of this server, the newest first."""

    jobs: list[Job]


class Setting(Answer):
    """A setting, its value and where that came from."""

    name: str
    value: str
    origin: str
    description: str


class Config(Answer):
    """Every setting, secrets masked, and the folders that clients may use."""

    settings: list[Setting]
    roots: list[str]
    free_bytes: int

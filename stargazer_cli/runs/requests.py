"""Requests by name and arguments, as commands, Python, agents and the browser make them.

The arguments of a workflow are those that the catalogue lists for it, those of a task its filters and
inputs; to both come the limits, which say how a run goes and change no result.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stargazer_cli import catalog
from stargazer_cli.errors import UsageError
from stargazer_cli.runs import cluster, record
from stargazer_cli.runs.beside import beside, store_new
from stargazer_cli.runs.site import Site, find_site, not_needed, site_of_record
from stargazer_cli.settings import checked_folder

if TYPE_CHECKING:
    from stargazer_cli.runs.plan import Plan
    from stargazer_cli.runs.recipe import Versions
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import LocalStore

# The short names that commands have.
ALIASES = {
    "prepare-reference": "prepare_reference",
    "preprocess": "preprocess_sample",
    "germline": "germline_short_variant_discovery",
    "scrna": "scrna_clustering_pipeline",
}
LIMITS = ("max_cpus", "max_memory", "max_time", *cluster.OPTIONS)
# As scripts of the earlier system call it.
_EARLIER = {"sample_ids": "samples", "sample_id": "samples"}
_TASK = ("filters", "inputs")
_KEPT_SWITCHES = ("save_intermediates", "fuse")
_SINGLE_CELLS = ALIASES["scrna"]
# Files that a user has beside the cells, and how the store says what they are.
_FORMATS = {"marker_sets": "gmt", "labels": "csv"}


@dataclass(frozen=True)
class Prepared:
    """A request whose arguments were checked; what is left is to plan it.

    plan     decides, knowing the tools' versions, what is reused and what is computed
    aligner  the one that it takes; '' for none
    without  tools that it does without
    limits   parameters that change no result, as far as they are given
    before   stores what was given by paths; to be called once it is sure that the plan is carried out
    """

    name: str
    plan: "Callable[[Versions], Plan]"
    aligner: str = ""
    without: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Ready:
    """A plan, and where it is carried out."""

    site: Site
    plan: "Plan"
    before: Callable[[], None]

    def after(self, seconds: float) -> "Ready":
        """Return the same, knowing how long it took to come to."""
        return replace(self, site=self.site.after(seconds))


def full_name(name: str) -> str:
    """Return the name of a task or workflow, which may be a workflow's short one.

    Raises:
        UsageError: there is none of that name.

    """
    full = ALIASES.get(name, name)
    catalog.find(full)
    return full


def prepare(store: "LocalStore", name: str, arguments: Mapping[str, Any], *, reuse: bool = True) -> Prepared:
    """Check what a workflow or task is asked for; nothing is planned, stored or started.

    An argument that is None counts as not given.

    Raises:
        UsageError: an argument is unknown, missing, or not of its type.

    """
    name = full_name(name)
    given = {key: value for key, value in arguments.items() if value is not None}
    limits = checked_limits(name, {key: given.pop(key) for key in LIMITS if key in given})
    if catalog.is_task(name):
        return _task(store, name, given, limits, reuse=reuse)
    given = _checked(name, given)
    build = _scrna if name == _SINGLE_CELLS else _germline
    return build(store, name, given, limits, reuse=reuse)


def ready(
    settings: "Settings",
    store: "LocalStore",
    prepared: Prepared,
    *,
    profile: str = "local",
    keep_work: bool = False,
) -> Ready:
    """Look for the tools and plan a request; what is missing for it is refused.

    Raises:
        StargazerError: the request cannot be carried out, here or at all.

    """
    cluster.check(profile, prepared.limits)
    site = find_site(
        settings,
        store,
        profile,
        prepared.name,
        prepared.aligner,
        without=prepared.without,
        keep_work=keep_work,
    )
    plan = prepared.plan(site.versions)
    if not plan.complete:
        site.require_tools(plan.tasks())
    return Ready(site, plan, prepared.before)


def to_go_on(
    settings: "Settings",
    store: "LocalStore",
    folder: record.RunFolder,
    limits: Mapping[str, Any],
    work_dir: Path | None = None,
    *,
    keep_work: bool = False,
) -> Site:
    """Check what a run that has not ended well is gone on with, write that down, and return its site.

    Raises:
        UsageError: it is done, or being carried out, or its tools have changed since.

    """
    from stargazer_cli.runs.execute import change, check_unfinished

    kept = folder.read()
    record.check_workflow(kept)
    check_unfinished(kept)
    work = with_work_dir(settings, work_dir).work if work_dir else None
    checked = checked_limits("resume", limits)
    folder.check_free()
    site = site_of_record(settings, store, kept.run_id, keep_work=keep_work)
    change(folder, checked, work)
    return site


def checked_limits(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return limits as the pipeline takes them; what is none is refused as an argument of `name`."""
    for key in given:
        if key not in LIMITS:
            raise _unknown(name, key, LIMITS)
    return {key: _limit(key, value) for key, value in given.items() if value is not None}


def with_work_dir(settings: "Settings", work_dir: Path | None) -> "Settings":
    """Return the settings with the work folder that somebody asks for, where they do."""
    if work_dir is None:
        return settings
    return settings.model_copy(update={"work": checked_folder(work_dir, "--work-dir")})


def file_arguments(name: str) -> tuple[str, ...]:
    """Return the arguments of a workflow that may be paths."""
    entry = catalog.find(full_name(name))
    return tuple(parameter.name for parameter in entry.parameters if parameter.type == "file")


def _checked(workflow: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments under their own names; what a workflow does not take is refused."""
    known = {parameter.name: parameter for parameter in catalog.workflows()[workflow].parameters}
    checked: dict[str, Any] = {}
    for key, value in given.items():
        name = _EARLIER.get(key, key)
        if name not in known:
            raise _unknown(workflow, key, (*known, *LIMITS))
        if name in checked:
            raise UsageError(f"{key} and {name} mean the same: give one of them.")
        checked[name] = _typed(known[name], value)
    for name, parameter in known.items():
        if parameter.required and name not in checked:
            raise UsageError(f"{workflow} needs {name}: {parameter.description}")
    return checked


def _unknown(name: str, key: str, known: Iterable[str]) -> UsageError:
    from stargazer_cli.assets import did_you_mean

    names = list(known)
    return UsageError(
        f"{name} has no argument {key[:60]!r}.{did_you_mean(key, names)}", f"It has: {', '.join(names)}."
    )


def _typed(parameter: catalog.Parameter, value: Any) -> Any:
    """Return a value as its parameter takes it; an empty list is one.

    What is wrong with it is told by the name of the option, as all that is found out later is.
    """
    if parameter.type == "array" and value in ([], ()):
        return []
    try:
        return catalog.typed(parameter, str(value) if isinstance(value, Path) else value)
    except UsageError as error:
        option = f"--{parameter.name.replace('_', '-')}"
        raise UsageError(option + error.message.removeprefix(parameter.name), error.hint) from None


def _limit(name: str, value: Any) -> Any:
    """Return a limit as the pipeline takes it; of two types, one is text."""
    kind = catalog.rules()[name]["type"]
    if isinstance(kind, str):
        return _typed(catalog.Parameter(name, kind, None), value)
    text = str(value).lower() if isinstance(value, bool) else value
    return _typed(catalog.Parameter(name, "string", None), text)


def _task(
    store: "LocalStore", name: str, given: Mapping[str, Any], limits: Mapping[str, Any], *, reuse: bool
) -> Prepared:
    from stargazer_cli.runs.task import TaskRequest, plan

    for key, value in given.items():
        if key not in _TASK:
            raise _unknown(name, key, (*_TASK, *LIMITS))
        if not isinstance(value, Mapping):
            raise UsageError(f"{key} of {name} must be names with their values, not {str(value)[:60]!r}.")
        if odd := [each for each in value if not isinstance(each, str)]:
            raise UsageError(f"{key} of {name} must have names, not {str(odd[0])[:60]!r}.")
    request = TaskRequest(task=name, **given, reuse=reuse, options=dict(limits))
    return Prepared(name, lambda versions: plan(store, request, versions), limits=limits)


def _germline(
    store: "LocalStore", workflow: str, given: dict[str, Any], limits: Mapping[str, Any], *, reuse: bool
) -> Prepared:
    from stargazer_cli.runs.germline import Request, plan

    intervals = beside(
        store, given.pop("intervals", ""), option="--intervals", kind="intervals", build=given["build"]
    )
    pedigree = beside(store, given.pop("pedigree", ""), option="--pedigree", format="ped")
    request = Request(
        workflow=workflow,
        samples=given.pop("samples", ()),
        known_sites=_chosen_sites(given.pop("known_sites", None)),
        intervals=intervals,
        pedigree=pedigree,
        options=_options(given, limits),
        parameters=_parameters(workflow, given),
        reuse=reuse,
        **given,
    )
    return Prepared(
        workflow,
        lambda versions: plan(store, request, versions),
        aligner=request.aligner,
        without=not_needed(skip_report=request.skip_report),
        limits=limits,
        before=lambda: store_new(store, (intervals, pedigree)),
    )


def _scrna(
    store: "LocalStore", workflow: str, given: dict[str, Any], limits: Mapping[str, Any], *, reuse: bool
) -> Prepared:
    from stargazer_cli.runs.scrna import Request, plan

    files = {
        name: beside(store, given.pop(name, ""), option=f"--{name.replace('_', '-')}", format=form)
        for name, form in _FORMATS.items()
    }
    request = Request(
        samples=given.pop("samples"),
        anndata=given.pop("anndata", ()),
        # Its default is not the pipeline's but what the assets say.
        organism=given.pop("organism", ""),
        **files,
        options=_options(given, limits),
        parameters=_parameters(workflow, given),
        reuse=reuse,
    )
    return Prepared(
        workflow,
        lambda versions: plan(store, request, versions),
        limits=limits,
        before=lambda: store_new(store, files.values()),
    )


def _options(given: dict[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Take what changes no result out of the arguments, and return it with the limits."""
    switched = {name: True for name in _KEPT_SWITCHES if given.pop(name, False)}
    return {**limits, **switched}


def _parameters(workflow: str, given: dict[str, Any]) -> dict[str, Any]:
    """Take the parameters of tasks out of the arguments, and return them."""
    return {name: given.pop(name) for name in catalog.parameters_of(workflow) if name in given}


def _chosen_sites(value: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the CIDs that are given, nothing of `none` or an empty list, and None where nobody chose."""
    if value is None:
        return None
    return () if list(value) == ["none"] else tuple(value)

"""Where and with what a run is carried out: the store, the tools and the profile."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import record
from stargazer_cli.runs.versions import engine_of, full_name, planned, settled
from stargazer_cli.tools.spec import ENGINES, not_run

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import LocalStore
    from stargazer_cli.tools import Toolbox


@dataclass(frozen=True)
class Site:
    """Everything around a run that is not its plan.

    versions         task -> tool -> version that the profile will run
    images           reference -> digest of each image that the container engine has for the workflow, or had
                     when it was built; the reference again where the digest is not known
    without          tools whose tasks are no part of the run: the other aligner, a report that is skipped
    resolve_seconds  what resolve and reuse took, for the record
    """

    settings: "Settings"
    store: "LocalStore"
    toolbox: "Toolbox"
    profile: str
    needed: tuple[str, ...]
    versions: dict[str, dict[str, str]]
    workflow: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    keep_work: bool = False
    resolve_seconds: float = 0.0

    @property
    def runs(self) -> Path:
        """The folder of all run records."""
        return self.settings.local / "runs"

    def after(self, seconds: float) -> "Site":
        """Return the same site, knowing how long the plan took."""
        return replace(self, resolve_seconds=seconds)

    @property
    def engine(self) -> str:
        """The container engine that runs the tasks; '' where there is none."""
        engine = engine_of(self.profile)
        return engine if engine in ENGINES else ""

    def require_tools(self, tasks: Iterable[str] | None = None) -> None:
        """Refuse to go on where a tool that the profile needs is missing, or an image of one of the tasks.

        By default the tasks are all those that a run of the workflow may have.
        """
        missing = {tool.name: tool.note for tool in self.toolbox.missing(self.needed)}
        if missing.get(self.engine):
            self.require_images(tasks)  # it is there, and says best what it lacks
        alone = catalog.is_task(self.workflow)
        if set(missing) == {"bwa-mem2"} and not alone:
            raise UsageError(
                "The aligner bwa-mem2 is not on this machine.",
                "Take the other aligner with --aligner bwa, or run in containers with --profile podman "
                "(docker, apptainer).",
            )
        if set(missing) == {"multiqc"} and not alone:
            raise StargazerError(
                "MultiQC, which makes the report, is not on this machine.",
                "Get it with `stargazer setup germline`, go without with --skip-report, or run in containers "
                "with --profile podman (docker, apptainer).",
            )
        if set(missing) == {"scanpy"}:
            raise StargazerError(
                f"No Python on this machine has scanpy and its libraries: {missing['scanpy']}.",
                "Get it with `stargazer setup scrna`, or run in containers with --profile podman "
                "(docker, apptainer).",
            )
        self.toolbox.require(self.needed)
        self.require_images(tasks)

    def require_images(self, tasks: Iterable[str] | None = None) -> None:
        """Refuse to go on where the container engine does not have the image of a task, or cannot run it."""
        if not self.engine or self.settings.container_registry:
            return
        from stargazer_cli.images import check

        check(self.engine, self.references(tasks), self.settings.tools)

    def references(self, tasks: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return the names by which the engine has the images of these tasks, or of all of the workflow."""
        registry = self.settings.container_registry
        return tuple(full_name(name, registry) for name in images_of(self.workflow, self.without, tasks))

    def changed_images(self, tasks: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return the images of these tasks whose names mean others than when the run was planned.

        To be asked when the tasks have run: `stargazer build-images` moves the names that they run by. An
        image that is gone was not another one.

        Raises:
            StargazerError: the engine cannot be asked.

        """
        known = [reference for reference in self.references(tasks) if reference in self.images]
        now = self._digests(known)
        return tuple(name for name in known if now.get(name, self.images[name]) != self.images[name])

    def images_after(self, tasks: Iterable[str] | None = None) -> dict[str, str]:
        """Return the digests that are known when the tasks have run: also of what they pulled."""
        known = dict(self.images)
        if self.engine and self.settings.container_registry:
            unknown = [name for name in self.references(tasks) if known.get(name, name) == name]
            with suppress(StargazerError):
                known |= self._digests(unknown)
        return known

    def known_images(self) -> dict[str, str]:
        """Return the digests of the images that are here, or were when they were built.

        What keeps the engine from telling them is an error of `require_tools`: a result that is reused needs
        no engine, and the lock file tells what it was made by.
        """
        if not self.engine:
            return {}
        from stargazer_cli.images import recorded

        digests = recorded(self.engine, self.references(), self.settings.tools)
        with suppress(StargazerError):
            digests |= {} if self.toolbox.missing(self.needed) else self._digests(self.references())
        return digests

    def _digests(self, references: Sequence[str]) -> dict[str, str]:
        """Ask the engine for the digests of those images that are here; an unknown one is the reference."""
        from stargazer_cli.images import inspect

        found = inspect(self.engine, references, self.settings.tools)
        return {reference: built.digest or reference for reference, built in found.items()}


def images_of(
    workflow: str, without: Collection[str] = (), tasks: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Return the images of a workflow's tasks, or of those named; the tools `without` have no task in it."""
    chosen = catalog.tasks_of(workflow) if tasks is None else sorted(tasks)
    known = (catalog.tasks()[name] for name in chosen if name in catalog.tasks())
    return tuple(dict.fromkeys(task.image for task in known if not set(without) & set(task.tools)))


def not_needed(*, skip_report: bool) -> tuple[str, ...]:
    """Return the tools that a run does without."""
    return ("multiqc",) if skip_report else ()


def find_site(
    settings: "Settings",
    store: "LocalStore",
    profile: str,
    workflow: str,
    aligner: str = "",
    *,
    without: Collection[str] = (),
    keep_work: bool = False,
) -> Site:
    """Return the site of a workflow under a profile; tools are looked for, never installed.

    Tools `without` which the run does are not needed.
    """
    from stargazer_cli.tools import locate, tools_for

    catalog.check_profile(profile)
    _check_one_engine(profile)
    needed = tuple(tools_for(profile, workflow, aligner, without=without))
    used = () if engine_of(profile) else catalog.tools_of(workflow)
    toolbox = locate(settings, (*needed, *used))
    site = Site(
        settings=settings,
        store=store,
        toolbox=toolbox,
        profile=profile,
        needed=needed,
        versions={},
        workflow=workflow,
        without=not_run(workflow, aligner, without),
        keep_work=keep_work,
    )
    images = site.known_images()
    versions = planned(profile, workflow, toolbox, images, settings.container_registry)
    return replace(site, images=images, versions={task: dict(tools) for task, tools in versions.items()})


def _check_one_engine(profile: str) -> None:
    """Refuse a profile with two container engines, of which Nextflow takes none."""
    engines = [name for name in profile.split(",") if name in ENGINES]
    if len(engines) > 1:
        raise UsageError(
            f"The profiles {engines[0]} and {engines[1]} exclude each other.",
            "A run has one container engine: leave one of them out.",
        )


def site_of_record(
    settings: "Settings", store: "LocalStore", run_id: str, *, keep_work: bool = False
) -> Site:
    """Return the site that an earlier run had; its tools must still have the planned versions."""
    kept = record.find(settings.local / "runs", run_id).load()
    aligner = str(kept.plan.parameters.get("aligner", ""))
    site = find_site(
        settings,
        store,
        kept.profile,
        kept.workflow,
        aligner,
        without=not_needed(skip_report=bool(kept.plan.parameters.get("skip_report"))),
        keep_work=keep_work,
    )
    _check_unchanged(kept, site)
    return site


def _check_unchanged(kept: record.RunRecord, site: Site) -> None:
    """Refuse to mix what two versions make: the recipes would say that one of them made all of it."""
    site.require_images(kept.plan.tasks())  # or there is no image to compare
    scripts = kept.plan.scripts()
    planned_then = settled(kept.planned_versions, site.images)
    for task in kept.plan.tasks():
        then, now = planned_then.get(task), site.versions.get(task)
        if then != now:
            what = f"The tools of {task} changed since the run {kept.run_id} began: {then} then, {now} now."
        elif kept.scripts.get(task) != scripts.get(task):
            what = f"The script of {task} changed since the run {kept.run_id} began."
        else:
            continue
        raise UsageError(what, "Start a new run: it reuses what is still valid.")

"""Where and with what a run is carried out: the store, the tools and the profile."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import record
from stargazer_cli.runs.versions import engine_of, planned

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import LocalStore
    from stargazer_cli.tools import Toolbox


@dataclass(frozen=True)
class Site:
    """Everything around a run that is not its plan.

    versions         task -> tool -> version that the profile will run
    resolve_seconds  what resolve and reuse took, for the record
    """

    settings: "Settings"
    store: "LocalStore"
    toolbox: "Toolbox"
    profile: str
    needed: tuple[str, ...]
    versions: dict[str, dict[str, str]]
    keep_work: bool = False
    resolve_seconds: float = 0.0

    @property
    def runs(self) -> Path:
        """The folder of all run records."""
        return self.settings.local / "runs"

    def after(self, seconds: float) -> "Site":
        """Return the same site, knowing how long the plan took."""
        return replace(self, resolve_seconds=seconds)

    def require_tools(self) -> None:
        """Refuse to go on where a tool that the profile needs is missing."""
        missing = {tool.name: tool.note for tool in self.toolbox.missing(self.needed)}
        if set(missing) == {"bwa-mem2"}:
            raise UsageError(
                "The aligner bwa-mem2 is not on this machine.",
                "Take the other aligner with --aligner bwa, or run in containers with --profile podman "
                "(docker, apptainer).",
            )
        if set(missing) == {"multiqc"}:
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
    needed = tuple(tools_for(profile, workflow, aligner, without=without))
    used = () if engine_of(profile) else catalog.tools_of(workflow)
    toolbox = locate(settings, (*needed, *used))
    return Site(
        settings=settings,
        store=store,
        toolbox=toolbox,
        profile=profile,
        needed=needed,
        versions={task: dict(tools) for task, tools in planned(profile, workflow, toolbox).items()},
        keep_work=keep_work,
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
    scripts = kept.plan.scripts()
    for task in kept.plan.tasks():
        then, now = kept.planned_versions.get(task), site.versions.get(task)
        if then != now:
            what = f"The tools of {task} changed since the run {kept.run_id} began: {then} then, {now} now."
        elif kept.scripts.get(task) != scripts.get(task):
            what = f"The script of {task} changed since the run {kept.run_id} began."
        else:
            continue
        raise UsageError(what, "Start a new run: it reuses what is still valid.")

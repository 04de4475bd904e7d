"""Which version of each tool a task runs with: what is planned, and what the pipeline reported."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from stargazer_cli import __version__, catalog
from stargazer_cli.errors import StargazerError
from stargazer_cli.runs.recipe import Versions
from stargazer_cli.tools.spec import CLOUDS, ENGINES

if TYPE_CHECKING:
    from stargazer_cli.tools import Toolbox


# Between the name of an image whose digest is not known and the version of Stargazer that asks for it.
_UNKNOWN = " of stargazer "


def full_name(image: str, registry: str) -> str:
    """Return the name by which engines get an image that a module names."""
    return f"{registry}/{image}" if registry else image


def engine_of(profile: str) -> str:
    """Return the engine, cloud or `conda` among the names of a profile (`slurm,podman`), or ''."""
    for name in profile.split(","):
        if name in (*ENGINES, *CLOUDS, "conda"):
            return name
    return ""


def planned(
    profile: str,
    workflow: str,
    toolbox: "Toolbox",
    images: Mapping[str, str] = MappingProxyType({}),
    registry: str = "",
) -> Versions:
    """Return task -> tool -> version for the tasks of a run under a profile, before anything runs.

    Without containers: the versions of the tools found here (an empty string where one is missing).
    With an engine or in a cloud: the digest of the image that the module names, by `images`, or its name
    where the digest is not known. In a registry a release moves that name, so Stargazer's version stands
    beside it.
    With conda: the digest of its environment file.
    """
    engine = engine_of(profile)
    tasks = [catalog.tasks()[name] for name in catalog.tasks_of(workflow)]
    if engine == "conda":
        return {task.name: {"environment": _environment_digest(task.folder)} for task in tasks}
    if engine:
        return {task.name: {"image": _image(task.image, images, registry)} for task in tasks}
    return {task.name: {tool: toolbox.tools[tool].version for tool in task.tools} for task in tasks}


def settled(plan: Versions, images: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the planned versions with the digests of those images that were pulled since."""
    known = {name: dict(tools) for name, tools in plan.items()}
    for tools in known.values():
        reference, _, unknown = tools.get("image", "").partition(_UNKNOWN)
        if unknown and images.get(reference, reference) != reference:
            tools["image"] = images[reference]
    return known


def reported(outdir: Path) -> dict[str, dict[str, str]]:
    """Return the versions that the tasks of a run reported in `versions.json`."""
    file = outdir / "versions.json"
    try:
        content: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StargazerError(f"{file} is not JSON: {error}.", "Nothing was stored; run again.") from None
    return content


def actual(plan: Versions, report: Versions) -> Versions:
    """Return the planned versions, corrected by what the tasks that ran reported.

    A task on another host may have run another version than the one seen here; its outputs then get
    the recipe of what really made them. Images and environments are what they are named.
    """
    merged = {task: dict(tools) for task, tools in plan.items()}
    for task, tools in report.items():
        for tool, version in tools.items():
            known = merged.get(task, {}).get(tool)
            if known is not None and not _same(known, version):
                merged[task][tool] = version
    return merged


def _same(left: str, right: str) -> bool:
    """Whether one is the other's short form: a package says 0.7.17, bwa says 0.7.17-r1188."""
    short, long = sorted((left, right), key=len)
    return bool(short) and (long == short or long.startswith((f"{short}-", f"{short}+")))


def _image(name: str, images: Mapping[str, str], registry: str) -> str:
    reference = full_name(name, registry)
    digest = images.get(reference, reference)
    return f"{reference}{_UNKNOWN}{__version__}" if registry and digest == reference else digest


def _environment_digest(folder: Path) -> str:
    return hashlib.sha256((folder / "environment.yml").read_bytes()).hexdigest()

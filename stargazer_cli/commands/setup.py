"""`stargazer setup` gets the tools; `stargazer doctor` says what is there."""

import os
import platform
import shutil
from pathlib import Path
from typing import Any

import click

from stargazer_cli import catalog
from stargazer_cli.app import App
from stargazer_cli.errors import StargazerError
from stargazer_cli.output import emit_json, note
from stargazer_cli.tools.spec import ALIGNERS, ENGINES, tools_for
from stargazer_cli.tools.toolbox import Tool, Toolbox, locate

# The workflow of each part that has one whole; its tools are those of the part.
_PARTS = {"germline": "germline_short_variant_discovery", "scrna": "scrna_clustering_pipeline"}
_NO_BWA_MEM2 = "bwa-mem2 is missing: use `--aligner bwa`, or run in containers (`--profile podman`)"

_part = click.argument("part", required=False, type=click.Choice(list(_PARTS)))
_aligner = click.Choice(ALIGNERS)


@click.command()
@_part
@click.option("--yes", is_flag=True, help="Do not ask before system packages are installed.")
@click.option("--profile", default="local", show_default=True, help="The profile that runs will use.")
@click.option("--aligner", type=_aligner, help="Only this aligner; by default both, where they can be had.")
@click.pass_obj
def setup(app: App, part: str | None, yes: bool, profile: str, aligner: str | None) -> None:
    """Find the tools, and get what is missing: of both pipelines, or of the one that is named.

    Nextflow, GATK, Java, MultiQC and a Python environment with scanpy are fetched into the tools folder,
    pinned and checked; bwa, samtools and bcftools come from the system's packages. Interrupt it when you
    like: the next call goes on.
    """
    from stargazer_cli.tools.install import ensure

    catalog.check_profile(profile)
    needed = _needed(profile, part, aligner or "bwa")
    wanted = list(needed)
    if "gatk" in needed:
        # Tools that people use beside the pipeline, and the aligner that not every system has.
        wanted += ["bcftools", "tabix", *(["bwa-mem2"] if aligner is None else [])]
    box = ensure(app.settings, wanted, yes=yes, echo=note)
    for tool in box.tools.values():
        note(_line(tool))
    if aligner is None and "bwa-mem2" in box.tools and box.missing(["bwa-mem2"]):
        note(f"Note: {_NO_BWA_MEM2}.")
    box.require(needed)
    note(f"Ready. Try: stargazer demo {part or 'germline'}")


def _needed(profile: str, part: str | None, aligner: str) -> list[str]:
    """Name the tools that a profile needs for one part, or for both."""
    parts = [part] if part else list(_PARTS)
    return list(dict.fromkeys(tool for name in parts for tool in tools_for(profile, _PARTS[name], aligner)))


@click.command()
@_part
@click.option("--profile", default="local", show_default=True, help="The profile to check.")
@click.option("--aligner", type=_aligner, help="The aligner that runs will use; by default either will do.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def doctor(ctx: click.Context, part: str | None, profile: str, aligner: str | None, as_json: bool) -> None:
    """Show each tool, its version and where it came from.

    Exits with 1 when the profile cannot run on this machine: both pipelines, or the one that is named.
    """
    app: App = ctx.obj
    catalog.check_profile(profile)
    box = locate(app.settings, fresh=True)
    problems, notes = _judge(box, profile, part, aligner)
    problems += _images(app, box, profile, part, aligner)
    machine = _machine(app)
    problems += machine.pop("problems")
    if as_json:
        tools = [
            {
                "name": tool.name,
                "version": tool.version or None,
                "origin": tool.origin or None,
                "path": str(tool.path) if tool.path else None,
                "command_to_get": tool.command_to_get or None,
                "note": tool.note or None,
            }
            for tool in box.tools.values()
        ]
        asked = {"part": part, "profile": profile, "aligner": aligner}
        found = {"ok": not problems, "problems": problems, "notes": notes}
        emit_json({**asked, **found, "tools": tools, "machine": machine})
    else:
        for tool in box.tools.values():
            click.echo(_line(tool))
        click.echo()
        for name, value in machine.items():
            click.echo(f"{name.replace('_', ' '):<12} {value}")
        click.echo()
        for text in notes:
            click.echo(f"Note: {text}.")
        for text in problems:
            click.echo(f"Problem: {text}.")
        what = f"run {part} here" if part else "run here"
        click.echo(f"The profile {profile} {'cannot' if problems else 'can'} {what}.")
    ctx.exit(1 if problems else 0)


def _judge(box: Toolbox, profile: str, part: str | None, aligner: str | None) -> tuple[list[str], list[str]]:
    """Return what keeps the profile from running, and what is good to know."""
    needed = _needed(profile, part, aligner or "")
    problems = [_lacking(tool) for tool in box.missing(needed)]
    notes: list[str] = []
    if aligner is None and "gatk" in needed:
        if box.missing(["bwa"]) and box.missing(["bwa-mem2"]):
            problems.append(_lacking(box.tools["bwa"]))
        elif box.missing(["bwa-mem2"]):
            notes.append(_NO_BWA_MEM2)
    return problems, notes


def _images(app: App, box: Toolbox, profile: str, part: str | None, aligner: str | None) -> list[str]:
    """Return what keeps the container engine of a profile from running the tasks in their images."""
    from stargazer_cli.runs.site import images_of
    from stargazer_cli.runs.versions import engine_of

    engine = engine_of(profile)
    if engine not in ENGINES or app.settings.container_registry or box.missing([engine]):
        return []
    from stargazer_cli.images import check

    other = set(ALIGNERS) - {aligner or "bwa-mem2"}
    workflows = [_PARTS[part]] if part else list(_PARTS.values())
    references = dict.fromkeys(name for workflow in workflows for name in images_of(workflow, other))
    try:
        check(engine, list(references), app.settings.tools)
    except StargazerError as error:
        return [f"{error.message.removesuffix('.')}; {error.hint}"]
    return []


def _lacking(tool: Tool) -> str:
    reason = f" ({tool.note})" if tool.note else ""
    return f"{tool.name} is missing{reason}; get it with: {tool.command_to_get}"


def _line(tool: Tool) -> str:
    if tool.path is None:
        optional = " (only for its profile)" if tool.name in (*ENGINES, "conda") else ""
        rest = f"missing{optional}; get it with: {tool.command_to_get}"
    else:
        rest = f"{tool.version:<16} {tool.origin:<10} {tool.path}"
    return f"{tool.name:<12} {rest}" + (f"  [{tool.note}]" if tool.note else "")


def _machine(app: App) -> dict[str, Any]:
    """Describe the machine, and what about it keeps anything from running."""
    settings = app.settings
    problems = [
        f"the folder {folder} cannot be written"
        for folder in (settings.local, settings.tools)
        if not _writable(folder)
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": cpus,
        "memory": f"{memory / 1e9:.0f} GB",
        "store": str(settings.local),
        "free_disk": f"{shutil.disk_usage(_existing(settings.local)).free / 1e9:.0f} GB",
        "tools": str(settings.tools),
        "pinata": "on" if settings.pinata_jwt else "off",
        "problems": problems,
    }


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _writable(folder: Path) -> bool:
    place = _existing(folder)
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)

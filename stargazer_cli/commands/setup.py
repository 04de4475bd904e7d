"""`stargazer setup` gets the tools; `stargazer doctor` says what is there."""

import os
import platform
import shutil
from pathlib import Path
from typing import Any

import click

from stargazer_cli import catalog
from stargazer_cli.app import App
from stargazer_cli.output import emit_json, note
from stargazer_cli.tools.spec import ENGINES, tools_for
from stargazer_cli.tools.toolbox import Tool, Toolbox, locate

_ALIGNERS = click.Choice(["bwa", "bwa-mem2"])
_NO_BWA_MEM2 = "bwa-mem2 is missing: use `--aligner bwa`, or run in containers (`--profile podman`)"


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask before system packages are installed.")
@click.option("--profile", default="local", show_default=True, help="The profile that runs will use.")
@click.option("--aligner", type=_ALIGNERS, help="Only this aligner; by default both, where they can be had.")
@click.pass_obj
def setup(app: App, yes: bool, profile: str, aligner: str | None) -> None:
    """Find the tools, and get what is missing.

    Nextflow, GATK and Java are fetched into the tools folder, pinned and checked; bwa, samtools and
    bcftools come from the system's packages. Interrupt it when you like: the next call goes on.
    """
    from stargazer_cli.tools.install import ensure

    catalog.check_profile(profile)
    needed = tools_for(profile, aligner or "bwa")
    wanted = list(needed)
    if "gatk" in needed:
        # Tools that people use beside the pipeline, and the aligner that not every system has.
        wanted += ["tabix", *(["bwa-mem2"] if aligner is None else [])]
    box = ensure(app.settings, wanted, yes=yes, echo=note)
    for tool in box.tools.values():
        note(_line(tool))
    if aligner is None and "bwa-mem2" in box.tools and box.missing(["bwa-mem2"]):
        note(f"Note: {_NO_BWA_MEM2}.")
    box.require(needed)
    note("Ready. Try: stargazer demo germline")


@click.command()
@click.option("--profile", default="local", show_default=True, help="The profile to check.")
@click.option("--aligner", type=_ALIGNERS, help="The aligner that runs will use; by default either will do.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def doctor(ctx: click.Context, profile: str, aligner: str | None, as_json: bool) -> None:
    """Show each tool, its version and where it came from.

    Exits with 1 when the profile cannot run on this machine.
    """
    app: App = ctx.obj
    catalog.check_profile(profile)
    box = locate(app.settings, fresh=True)
    problems, notes = _judge(box, profile, aligner)
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
        report = {"profile": profile, "aligner": aligner, "ok": not problems, "problems": problems}
        emit_json({**report, "notes": notes, "tools": tools, "machine": machine})
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
        click.echo(f"The profile {profile} {'cannot' if problems else 'can'} run here.")
    ctx.exit(1 if problems else 0)


def _judge(box: Toolbox, profile: str, aligner: str | None) -> tuple[list[str], list[str]]:
    """Return what keeps the profile from running, and what is good to know."""
    needed = tools_for(profile, aligner or "")
    problems = [_lacking(tool) for tool in box.missing(needed)]
    notes: list[str] = []
    if aligner is None and "gatk" in needed:
        if box.missing(["bwa"]) and box.missing(["bwa-mem2"]):
            problems.append(_lacking(box.tools["bwa"]))
        elif box.missing(["bwa-mem2"]):
            notes.append(_NO_BWA_MEM2)
    return problems, notes


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

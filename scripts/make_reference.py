#!/usr/bin/env python3
"""Write docs/reference/: commands from click, settings, tasks and parameters from the pipeline's own files.

usage: scripts/make_reference.py [--check]    (--check: fail when a page is not up to date)
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from stargazer_cli import catalog
from stargazer_cli.commands import main
from stargazer_cli.settings import OWN_ONLY, Settings

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
NOTICE = "<!-- Written by scripts/make_reference.py: change the code, not this page. -->\n"


def commands() -> str:
    """Return the page of all commands: the help text of each."""
    parts = [NOTICE, "# Commands\n"]
    for path, command in _walk("stargazer", main.root):
        context = click.Context(command, info_name=path, terminal_width=100)
        parts.append(f"## {path}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _walk(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _walk(f"{path} {name}", child)


def tasks() -> str:
    """Return the page of workflows, tasks and the parameters that change a result."""
    parts = [NOTICE, "# Workflows and tasks\n"]
    for workflow in catalog.workflows().values():
        parts.append(f"## {workflow.name}\n\n{workflow.description.strip()}\n")
        parts.append("Tasks: " + ", ".join(f"[{task}](#{task})" for task in workflow.tasks) + ".\n")
    for task in catalog.tasks().values():
        parts.append(f"## {task.name}\n\n{task.description.strip()}\n")
        parts.append(f"Tools: {', '.join(task.tools)}. Container: `{task.image}`.\n")
        made = ", ".join(f"{output.name} ({output.kind})" for output in task.outputs)
        parts.append(f"Makes: {made}.\n")
        if task.parameters:
            parts.append("| parameter | type | default | meaning |\n| --- | --- | --- | --- |")
            for item in task.parameters:
                unit = f" [{item.unit}]" if item.unit else ""
                choices = f" One of {', '.join(item.choices)}." if item.choices else ""
                parts.append(
                    f"| `{item.name}` | {item.type} | {item.default} | {item.description}{unit}{choices} |"
                )
            parts.append("")
    return "\n".join(parts)


def settings() -> str:
    """Return the page of all settings."""
    parts = [NOTICE, "# Settings\n"]
    parts.append(
        "A variable of the environment goes before `./stargazer.toml`, that before\n"
        "`~/.config/stargazer/config.toml`, where the same names are used. `stargazer config` shows what\n"
        "holds and where it came from.\n"
    )
    parts.append("| name | default | meaning | in `./stargazer.toml` |\n| --- | --- | --- | --- |")
    for name, field in Settings.model_fields.items():
        default = f"`{field.default}`" if isinstance(field.default, str | Path) and field.default else ""
        allowed = "no" if name in OWN_ONLY else "yes"
        parts.append(f"| `{field.alias}` | {default} | {field.description} | {allowed} |")
    parts.append(
        "\nA folder's own file may have come with the folder: it may not say where the token and the\n"
        "records go, nor what is run.\n"
    )
    return "\n".join(parts)


def stale(write: bool) -> list[str]:
    """Compare each page with what the code says; returns the names of those that differ."""
    pages = {"commands.md": commands(), "tasks.md": tasks(), "settings.md": settings()}
    different = []
    for name, content in pages.items():
        page = PAGES / name
        if not page.exists() or page.read_text(encoding="utf-8") != content:
            different.append(name)
            if write:
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_text(content, encoding="utf-8")
    return different


if __name__ == "__main__":
    check = "--check" in sys.argv[1:]
    found = stale(write=not check)
    if check and found:
        sys.exit(f"not up to date: {', '.join(found)}; run scripts/make_reference.py")

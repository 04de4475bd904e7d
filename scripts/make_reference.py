#!/usr/bin/env python3
"""Write docs/reference/: commands from click, settings, the Python API, tasks from the pipeline's own files.

usage: scripts/make_reference.py [--check]    (--check: fail when a page is not up to date)
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import api_reference
import click

from stargazer_cli import catalog
from stargazer_cli.assets import to_text
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
    """Return the page of workflows and tasks: what each takes, makes and may be told."""
    parts = [NOTICE, "# Workflows and tasks\n"]
    parts.append(
        "`stargazer tasks show NAME` prints what stands here, with `--json` for programs. How a task is run\n"
        "alone is told in [Run one task](../guides/tasks.md).\n"
    )
    for entry in catalog.everything():
        parts.append(f"## {entry.name}\n\n{entry.description.strip()}\n")
        if isinstance(entry, catalog.Workflow):
            parts.append("Tasks: " + ", ".join(f"[{task}](#{task})" for task in entry.tasks) + ".\n")
        else:
            parts.append(f"Tools: {', '.join(entry.tools)}. Container: `{entry.image}`.\n")
        parts += _table(("input", "kind", "", "meaning"), (_input(role) for role in entry.inputs))
        columns = ("parameter", "type", "default", "meaning")
        parts += _table(columns, (_parameter(item) for item in entry.parameters))
        if isinstance(entry, catalog.Task):
            parts += _table(("label", *columns[1:]), (_parameter(item) for item in entry.labels))
        parts += _table(
            ("output", "kind", "meaning", "fields"), (_output(output) for output in entry.outputs)
        )
    return "\n".join(parts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table as lines of a page; nothing where it has no rows."""
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return [f"| {' | '.join(header)} |\n|{' --- |' * len(header)}", *lines, ""] if lines else []


def _input(role: catalog.Role) -> Sequence[str]:
    return f"`{role.name}`", role.kind or "a file", role.need, role.told


def _parameter(item: catalog.Parameter) -> Sequence[str]:
    default = "required" if item.required else "" if item.default is None else f"`{item.default}`"
    return f"`{item.name}`", item.type, default, item.told


def _output(output: catalog.Output) -> Sequence[str]:
    fields = ", ".join(f"`{name}: {to_text(value)}`" for name, value in output.fields.items())
    return f"`{output.name}`", output.kind or "a file", output.description, fields


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
    pages = {
        "commands.md": commands(),
        "tasks.md": tasks(),
        "settings.md": settings(),
        "api.md": api_reference.page(NOTICE),
    }
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

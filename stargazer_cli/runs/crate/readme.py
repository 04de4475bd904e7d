"""The page of a crate that people read."""

from collections.abc import Iterable, Mapping

from stargazer_cli import catalog
from stargazer_cli.output import printable
from stargazer_cli.runs.crate.facts import DataFile, Facts

_HOW_TO_READ = """\
`ro-crate-metadata.json` says all this and more in the terms of RO-Crate, for programs. A file that is not in
this folder is named by its CID: any IPFS gateway that has it gives it out, as `https://dweb.link/ipfs/CID`.
`ipfs add --only-hash --cid-version=1 FILE` says whether a copy of what the run made is whole.
"""


def readme(facts: Facts) -> str:
    """Write what a run was, what it took and what it made, in Markdown."""
    kept = facts.record
    lines = [
        f"# Run {kept.run_id}",
        "",
        f"{catalog.category_of(kept.workflow).capitalize()} {kept.workflow}, version {kept.commit}: "
        f"{kept.status}, {kept.started_at} to {kept.ended_at or 'an unknown time'}.",
        *(["", *(f"    {printable(line)}" for line in facts.error.splitlines())] if facts.error else []),
        *_section("Inputs", (_file_line(file) for file in facts.inputs)),
        *_section("Parameters", (f"- {key}: {_code(str(value))}" for key, value in facts.parameters.items())),
        *_section("Results", (_file_line(file) for file in facts.outputs)),
        *_section("Results that an earlier run had made", (_file_line(file) for file in facts.reused)),
        *_section("Tools", sorted({line for tools in facts.versions.values() for line in _tools(tools)})),
        *_section("How to read this", [_HOW_TO_READ]),
    ]
    return "\n".join(lines)


def _section(title: str, lines: Iterable[str]) -> list[str]:
    """Return a section, or nothing where it would be empty."""
    content = list(lines)
    return ["", f"## {title}", "", *content] if content else []


def _file_line(file: DataFile) -> str:
    return f"- {file.role} {_code(file.name)} {_code(file.cid)}"


def _tools(versions: Mapping[str, str]) -> list[str]:
    return [f"- {tool} {version}" for tool, version in versions.items()]


def _code(text: str) -> str:
    """Return a text that is shown as it is: names are those of users."""
    return "`" + printable(text).replace("`", "'") + "`"

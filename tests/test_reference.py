"""The reference pages say what the code says, and the guides name only what exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from stargazer_cli.commands.main import root

CHECKOUT = Path(__file__).parent.parent
GUIDES = sorted(
    [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md"), CHECKOUT / "benchmarks" / "README.md"]
)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")
# A command as a page writes it, up to what a shell would do with it.
COMMAND = re.compile(r"^\s*(?:\$ )?(?:[A-Z_]+=(?:\$\([^)]*\)|\S+) )*stargazer ([^#|>&\n]*)", re.M)


def test_the_reference_is_up_to_date() -> None:
    script = CHECKOUT / "scripts" / "make_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, place in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            file = page.parent / target if target else page
            assert file.exists(), target
            assert not place or place in places_in(file), f"{target}#{place}"


def places_in(page: Path) -> set[str]:
    """Return the names by which a page's headings are linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_leads_to_every_page() -> None:
    linked = {target for target, _ in LINK.findall((CHECKOUT / "README.md").read_text(encoding="utf-8"))}
    assert {str(page.relative_to(CHECKOUT)) for page in GUIDES} - linked == {"README.md"}


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_no_page_installs_by_name(page: Path) -> None:
    """On the public index `stargazer` is another project's: pip would take that one."""
    assert not re.search(r"pip install [^\n]*(?<![./\w-])stargazer\b", page.read_text(encoding="utf-8"))


def commands_in(page: str) -> list[str]:
    """Return the words after `stargazer` of each command that stands in a block of a page."""
    blocks = re.findall(r"^ *```(?:console|sh)\n(.*?)^ *```$", page, re.M | re.S)
    blocks += re.findall(r"(?:^    .*\n)+", re.sub(r"^ *```.*?^ *```$", "", page, flags=re.M | re.S), re.M)
    return [found for block in blocks for found in COMMAND.findall(block.replace("\\\n", " "))]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_command_and_option_of_a_page_exists(page: Path) -> None:
    for text in commands_in(page.read_text(encoding="utf-8")):
        command: click.Command = root
        context = click.Context(root)
        words = shlex.split(text)
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(context, words.pop(0))
            assert found, f"{page.name}: stargazer {text}"
            command = found
        known = {
            option
            for param in [*root.params, *command.params]
            for option in param.opts + param.secondary_opts
        }
        for word in words:
            if word.startswith("-") and word != "-":
                assert word.split("=")[0] in known | {"-h", "--help"}, f"{page.name}: stargazer {text}"

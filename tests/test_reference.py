"""The reference pages say what the code says, and the guides name only what exists."""

import re
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
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"^\s*stargazer ((?:[a-z-]+ ?)+)", re.M)


def test_the_reference_is_up_to_date() -> None:
    script = CHECKOUT / "scripts" / "make_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_command_of_a_page_exists(page: Path) -> None:
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
        for words in COMMAND.findall(block):
            command: click.Command | None = root
            for word in words.split():
                if not isinstance(command, click.Group):
                    break
                command = command.get_command(click.Context(command), word)
                assert command is not None, f"stargazer {words}"

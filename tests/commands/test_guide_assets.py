"""The transcripts in docs/guides/assets.md are what the commands print: every one is run again, in order.

`PYTHONPATH=tests python tests/commands/test_guide_assets.py` writes into the page what they print now.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from helpers.pinata import TOKEN, Pinata

CHECKOUT = Path(__file__).parents[2]
GUIDE = CHECKOUT / "docs" / "guides" / "assets.md"
BUNDLED = CHECKOUT / "stargazer_cli" / "demo" / "data" / "germline"
HOME = "/home/ada"  # as the guide shows it
# A block of a terminal; or a command that readers need not see, which stands in a comment of the page.
STEP = re.compile(r"^```console\n(?P<block>.*?)^```$|^<!-- \$ (?P<hidden>[^\n]*) -->$", re.M | re.S)
# What differs from run to run: ids of records, and times.
CHANGING = re.compile(r"\b[0-9a-f]{16}\b|\d{4}-?\d\d-?\d\dT[\d:.]+(?:Z|\+00:00)")


class Terminal:
    """Runs lines of a shell as a user with a home of their own would, in the folder of the demo's files."""

    def __init__(self, home: Path, server: Pinata) -> None:
        self._home = home
        data = home / "data"
        data.mkdir(parents=True)
        for name in ("reference.fa", *(path.name for path in BUNDLED.glob("child_*"))):
            shutil.copyfile(BUNDLED / name, data / name)
        (data / "incoming/tables").mkdir(parents=True)
        shutil.copyfile(BUNDLED / "truth.vcf", data / "incoming/download")
        (data / "incoming/.DS_Store").write_bytes(b"x")
        (data / "incoming/tables/samples.tsv").write_text("sample\tsex\nchild\tf\n")
        (data / "reference.fa.fai").write_text("chrA\t12600\t16\t60\t61\nchrB\t9000\t12842\t60\t61\n")
        self._environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PINATA_JWT": TOKEN,
            "PINATA_API": server.url("api"),
            "PINATA_UPLOADS": server.url("uploads"),
            "PINATA_GATEWAY": "",
        }

    def __call__(self, line: str) -> str:
        """Return what a line prints on the terminal."""
        done = subprocess.run(
            ["bash", "-c", line.replace(HOME, str(self._home))],
            cwd=self._home / "data",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout.replace(str(self._home), HOME)


def replayed(page: str, run: Terminal) -> str:
    """Return the page with what its commands print now."""

    def replay(step: re.Match[str]) -> str:
        if step["hidden"]:
            run(step["hidden"])
            return step[0]
        lines = [line for line in step["block"].splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"{line}\n{run(line[2:])}" for line in lines) + "```"

    return STEP.sub(replay, page)


def replayed_guide(home: Path) -> str:
    """Return the guide with what its commands print now."""
    server = Pinata()
    try:
        return replayed(GUIDE.read_text(encoding="utf-8"), Terminal(home, server))
    finally:
        server.close()


def test_every_transcript_is_what_the_commands_print(tmp_path: Path) -> None:
    page = GUIDE.read_text(encoding="utf-8")
    assert page.count("```console") >= 15
    now = replayed_guide(tmp_path / "home")
    assert CHANGING.sub("…", now).splitlines() == CHANGING.sub("…", page).splitlines()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GUIDE.write_text(replayed_guide(Path(folder) / "home"), encoding="utf-8")

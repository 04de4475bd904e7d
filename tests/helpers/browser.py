"""`stargazer browse` as a process of its own, and a real Chromium that looks at it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_ADDRESS = re.compile(r"http://\S+")


@contextmanager
def served(environment: Mapping[str, str], *options: str) -> Iterator[str]:
    """Start the server, and give the address that it prints, with its token."""
    command = [sys.executable, "-m", "stargazer_cli", "browse", "--no-open", *options]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        said = []
        try:
            for line in server.stdout or ():
                said.append(line)
                if found := _ADDRESS.search(line):
                    yield found[0]
                    break
            else:
                raise AssertionError("".join(said))
        finally:
            server.terminate()


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start the machine's Chromium; where it has none, the tests are skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium on this machine (package chromium)")
    # Chromium has no sandbox for root, and a container may have a small /dev/shm.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@dataclass
class Watch:
    """What a page said that it should not: errors of scripts, refusals of its policy, boxes of `alert`."""

    said: list[str] = field(default_factory=list)

    def over(self, page: "Page") -> None:
        """Begin to listen."""
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("dialog", lambda box: (self.said.append(f"alert: {box.message}"), box.dismiss()))
        page.on("console", lambda line: self._heard(line.type, line.text))

    def _heard(self, kind: str, text: str) -> None:
        # An answer such as 404 is told by the browser itself; the page shows it to its user.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.said.append(text)

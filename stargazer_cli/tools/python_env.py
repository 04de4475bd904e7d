"""A Python environment of its own for one tool, made from the lock file that pins each of its wheels."""

import hashlib
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import wheels
from stargazer_cli.tools.jars import Echo
from stargazer_cli.tools.spec import PYTHON_OLDEST, PYTHON_TOO_NEW, Numbers

_LOCKS = Path(__file__).parent / "locks"


@dataclass(frozen=True)
class LockedEnvironment:
    """What is fetched for a tool: its lock file, its size in words, and what a user can do without it.

    The lock file of a slimmed one leaves out dependencies that the tool can do without, so that the
    installer must not look for them.
    """

    name: str
    version: str
    lock: Path
    size: str
    instead: str
    without: str = ""
    slimmed: bool = False

    @property
    def described(self) -> str:
        """The tool with its version."""
        return f"{self.name} {self.version}"

    def executable(self, tools: Path, name: str) -> Path:
        """Where an executable of the environment is, or would be."""
        return self._place(tools) / "bin" / name

    def is_whole(self, tools: Path) -> bool:
        """Whether the environment was installed to its end, from the lock file of today."""
        try:
            return self._mark(tools).read_text(encoding="utf-8") == self._digest()
        except OSError:
            return False

    def fetch(self, tools: Path, echo: Echo) -> None:
        """Make the environment anew, from the lock file."""
        if not PYTHON_OLDEST <= sys.version_info[:2] < PYTHON_TOO_NEW:
            newest = f"{PYTHON_TOO_NEW[0]}.{PYTHON_TOO_NEW[1] - 1}"
            raise StargazerError(
                f"{self.described} and its libraries cannot be fetched: they run on Python "
                f"{dotted(PYTHON_OLDEST)} to {newest}, and this is {dotted(sys.version_info[:2])}.",
                f"{self.instead} {self.without}".rstrip(),
            )
        place = self._place(tools)
        echo(f"Fetching {self.described} and its libraries: {self.size}.")
        python = str(self.executable(tools, "python3"))
        # An environment keeps its path in its files, so it is made in place; the mark says that it is whole.
        wheels.install(
            self.lock,
            place,
            ["--no-deps"] if self.slimmed else [],
            what=self.described,
            instead=self.instead,
            echo=echo,
            begin=lambda: venv.EnvBuilder(symlinks=True).create(place),
            # The installer is that of this Python, and installs into the other.
            env={"PIP_PYTHON": python, "UV_PYTHON": python, "UV_COMPILE_BYTECODE": "1"},
        )
        self._mark(tools).write_text(self._digest(), encoding="utf-8")

    def _place(self, tools: Path) -> Path:
        return tools / f"{self.name}-{self.version}"

    def _mark(self, tools: Path) -> Path:
        return self._place(tools) / ".ready"

    def _digest(self) -> str:
        return hashlib.sha256(self.lock.read_bytes()).hexdigest()


def lock_of(name: str, version: str) -> Path:
    """Return the lock file of a tool's environment."""
    return _LOCKS / f"{name}-{version}.txt"


def dotted(numbers: Numbers) -> str:
    """Write numbers as a version: (3, 11) is 3.11."""
    return ".".join(map(str, numbers))

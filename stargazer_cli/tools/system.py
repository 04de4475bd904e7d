"""Tools that come with the system's packages, or with conda where they do not."""

import contextlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools.jars import Echo
from stargazer_cli.tools.probe import Probes, engine_trouble, run_quietly, which
from stargazer_cli.tools.spec import CONDA_PACKAGES, CONDAS, ENGINES

_APT_LISTS = Path("/var/lib/apt/lists")
_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300")


@dataclass(frozen=True)
class Manager:
    """A package manager: how it installs, how it says that it has a package, and its names for ours."""

    name: str
    install: tuple[str, ...]
    has: tuple[str, ...]
    refresh: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None
    needs_root: bool = True

    def package(self, tool: str) -> str:
        """Return the package that holds a tool."""
        return (self.names or {}).get(tool, tool)


MANAGERS = (
    Manager(
        "apt-get",
        install=(*_APT, "install", "-y", "--no-install-recommends"),
        has=("apt-cache", "show", "--no-all-versions"),
        refresh=(*_APT, "update", "-q"),
    ),
    Manager(
        "dnf",
        install=("dnf", "install", "-y"),
        has=("dnf", "-q", "list"),
        names={"tabix": "htslib-tools"},
    ),
    Manager(
        "apk",
        install=("apk", "add", "--no-cache"),
        has=("apk", "search", "--exact", "--quiet"),
        refresh=("apk", "update"),
        names={"tabix": "htslib"},
    ),
    Manager(
        "brew",
        install=("brew", "install"),
        has=("brew", "info", "--formula"),
        names={"tabix": "htslib"},
        needs_root=False,
    ),
)


def manager(env: Mapping[str, str]) -> Manager | None:
    """Return the package manager of this machine."""
    # Linux has its own before an added Homebrew; on macOS there is only Homebrew.
    found = (candidate for candidate in MANAGERS if which(candidate.name, env))
    if platform.system() == "Darwin":
        found = (candidate for candidate in found if not candidate.needs_root)
    return next(found, None)


def command_to_get(tool: str, env: Mapping[str, str], probes: Probes) -> str:
    """Return the command that a user types to get a tool."""
    chosen = manager(env)
    if chosen is not None and (tool != "bwa-mem2" or _may_have_bwa_mem2(chosen, env, probes)):
        command = shlex.join([*chosen.install, chosen.package(tool)])
        return f"sudo {command}" if chosen.needs_root and not _is_root() else command
    conda = _conda(env)
    name = conda.name if conda else "conda"
    return f"{name} install -c conda-forge -c bioconda {CONDA_PACKAGES[tool]}"


def _may_have_bwa_mem2(chosen: Manager, env: Mapping[str, str], probes: Probes) -> bool:
    """Whether this system's packages have bwa-mem2, which only the newest of some distributions do."""
    if chosen.name != "apt-get":
        return False
    stamp = [_APT_LISTS.stat().st_mtime_ns] if _APT_LISTS.exists() else []
    offered = probes.remember(
        "apt bwa-mem2", stamp, lambda: "yes" if _offered(chosen, "bwa-mem2", env) else "no"
    )
    return offered == "yes"


def install(tools: list[str], folder: Path, *, yes: bool, echo: Echo) -> None:
    """Install system tools: by the package manager, else by conda, else say which profile needs none.

    Whatever stays missing is the caller's to judge: nothing is raised for it.
    """
    env = dict(os.environ)
    left = _install_packages(tools, env, yes=yes, echo=echo)
    if left:
        left = _install_conda(left, folder, env, yes=yes, echo=echo)
    if left:
        engines = [name for name in ENGINES if (path := which(name, env)) and not engine_trouble(path, env)]
        names = ", ".join(left)
        if engines:
            echo(f"Not installed: {names}. `--profile {engines[0]}` runs with the images' own.")
        else:
            echo(f"Not installed: {names}.")


def conda_bin(folder: Path) -> Path | None:
    """Return the `bin` of the environment that `install` made, once it is whole."""
    return folder / "conda" / "bin" if (folder / "conda" / ".ready").exists() else None


def _install_packages(tools: list[str], env: Mapping[str, str], *, yes: bool, echo: Echo) -> list[str]:
    """Install what the package manager has; return the tools that are left."""
    chosen = manager(env)
    if chosen is None:
        return tools
    can = not chosen.needs_root or _is_root()
    offered = [tool for tool in tools if _offered(chosen, tool, env)]
    if len(offered) < len(tools) and not (chosen.name == "apt-get" and _has_lists()):
        # A fresh image has no package lists yet.
        if chosen.refresh and can:
            _run(chosen.refresh, echo)
            offered = [tool for tool in tools if _offered(chosen, tool, env)]
        elif chosen.name == "apt-get":
            offered = [tool for tool in tools if tool != "bwa-mem2"]
    if not offered:
        return tools
    packages = list(dict.fromkeys(chosen.package(tool) for tool in offered))
    command = [*chosen.install, *packages]
    if not can:
        echo(f"Not root, so this is yours to run: sudo {shlex.join(command)}")
        return tools
    if not _agreed(command, yes):
        return tools
    if not _run(command, echo):
        # Stale lists name packages that are no longer there; a mirror may also hiccup.
        if chosen.refresh:
            _run(chosen.refresh, echo)
        _run(command, echo)
    return [tool for tool in tools if which(tool, env) is None]


def _install_conda(
    tools: list[str], folder: Path, env: Mapping[str, str], *, yes: bool, echo: Echo
) -> list[str]:
    """Make an environment of Stargazer's own with the tools in it; return those that are left."""
    conda = _conda(env)
    if conda is None:
        return tools
    place = folder / "conda"
    channels = ["--override-channels", "-c", "conda-forge", "-c", "bioconda"]
    # What an earlier environment has is kept: it is made anew as a whole.
    earlier = [tool for tool in CONDA_PACKAGES if (place / "bin" / tool).exists()]
    packages = [CONDA_PACKAGES[tool] for tool in dict.fromkeys([*earlier, *tools])]
    command = [str(conda), "create", "-y", "-p", str(place), *channels, *packages]
    if not _agreed(command, yes):
        return tools
    # An environment keeps its path in its files, so it is made in place; the mark says that it is whole.
    shutil.rmtree(place, ignore_errors=True)
    if not _run(command, echo):
        shutil.rmtree(place, ignore_errors=True)
        return tools
    (place / ".ready").touch()
    return [tool for tool in tools if not (place / "bin" / tool).exists()]


def _conda(env: Mapping[str, str]) -> Path | None:
    return next((path for name in CONDAS if (path := which(name, env))), None)


def _offered(chosen: Manager, tool: str, env: Mapping[str, str]) -> bool:
    answer = run_quietly([*chosen.has, chosen.package(tool)], env, 60)
    # apk says nothing about a package that it does not know, and exits 0.
    return answer is not None and answer[0] == 0 and answer[1].strip() != ""


def _agreed(command: list[str], yes: bool) -> bool:
    """Ask on a terminal; where nobody can answer, go on."""
    if yes or not sys.stdin.isatty():
        return True
    return click.confirm(f"Run `{shlex.join(command)}`?", default=True, err=True)


def _has_lists() -> bool:
    """Whether apt has downloaded package lists."""
    with contextlib.suppress(OSError):
        return any(path.name.endswith(("_Packages", ".lz4")) for path in _APT_LISTS.iterdir())
    return False


def _run(command: Sequence[str], echo: Echo) -> bool:
    """Run a command, telling what it is; its output is shown only when it fails."""
    echo(f"Running: {shlex.join(command)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise StargazerError(f"{command[0]} does not start: {error.strerror}.") from None
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        # The terminal sent Ctrl-C to the package manager, too: killing it would leave its database broken.
        process.wait()
        raise
    if process.returncode != 0:
        for line in output.splitlines()[-5:]:
            echo(f"  {line}")
    return process.returncode == 0


def _is_root() -> bool:
    return os.geteuid() == 0

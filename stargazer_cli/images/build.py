"""Build the images: named by what they are built from, checked, and then given the name that modules use."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.images import convert, lock
from stargazer_cli.images.ask import LAST_LINES, ask, ask_image
from stargazer_cli.images.engines import Built, file_of, hint_of, inspect
from stargazer_cli.images.spec import Base, Image, containers
from stargazer_cli.settings import Settings
from stargazer_cli.tools import jars
from stargazer_cli.tools.alone import alone
from stargazer_cli.tools.spec import ENGINES, FILE_ENGINES

Tell = Callable[[str], None]

# Those that build; what the others run is made from an image that one of these built.
BUILDERS = tuple(engine for engine in ENGINES if engine not in FILE_ENGINES)
# What may have become of an image; `named` is one that was here, to which the name of modules moved back.
STATUSES = ("built", "named", "converted", "current")
_LOOK_SECONDS = 60
# How long an engine may take to end a build.
_STOP_SECONDS = 20
# No user of the image, and no one on this machine: it must work for anybody.
_ANYBODY = "54321:54321"
# What a build is given anyway, and how that is changed.
_NOT_GIVEN = {
    "BASE": "Name another base: --base IMAGE.",
    "VERSION": "An image has the version that the modules ask for.",
    "SOURCE_DATE_EPOCH": "All images have the same time, which the Dockerfiles say.",
}
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Options:
    """What a user may ask of a build."""

    base: str | None = None
    ca: Path | None = None
    no_cache: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of one image: a status of `STATUSES`."""

    image: Image
    status: str
    tag: str
    digest: str
    size: int
    seconds: float
    file: Path | None = None


def builder_of(engine: str) -> str:
    """Return the engine that builds for another one: itself, else the first builder on PATH."""
    if found := engine if engine in BUILDERS else _first_builder():
        return found
    raise StargazerError(
        f"Images for {engine} are made from those of podman or docker, and neither is on PATH.",
        "Build on a machine that has one of them, and copy the image files (docs/guides/containers.md).",
    )


def default_engine() -> str:
    """Return the first engine on PATH that builds."""
    if found := _first_builder():
        return found
    raise StargazerError(
        "Neither podman nor docker is on this machine.",
        "Install podman with your system's package manager: it needs no daemon and no rights.",
    )


def _first_builder() -> str | None:
    return next((name for name in BUILDERS if shutil.which(name)), None)


def build(
    images: Sequence[Image], engine: str, settings: Settings, options: Options, tell: Tell
) -> Iterator[Outcome]:
    """Build what is not current, one image after the other, and note each in the lock file.

    Another build on this machine is waited for: what it made need not be made again.
    """
    builder = builder_of(engine)
    if engine in FILE_ENGINES:
        convert.check_tool(engine)
    # The first question to the engine: it tells whether it runs, and may be used.
    inspect(builder, [image.reference for image in images], settings.tools)
    guard = settings.tools / ".build-images.lock"
    # Where locks do not work on a file system, that of a build that was killed elsewhere stays.
    waiting = f"Waiting for another stargazer build-images to end; if there is none, remove {guard}"
    with alone(guard, waiting, tell):
        for image in images:
            yield _Build(image, engine, builder, settings, options, tell).run()


@dataclass(frozen=True)
class _Build:
    """The way of one image."""

    image: Image
    engine: str
    builder: str
    settings: Settings
    options: Options
    tell: Tell

    def run(self) -> Outcome:
        """Bring the image up to date, and its file where the engine runs files."""
        started = time.monotonic()
        base = self._base()
        inputs = self.image.inputs_digest(base, self._arguments)
        tag = self.image.tag(inputs)
        built, status = self._ready(tag, inputs, base)
        entry: dict[str, Any] = {
            "tag": tag,
            "digest": built.digest,
            "inputs": inputs,
            "base": {"name": base.name, "digest": base.digest},
            "architecture": built.architecture,
            "size": built.size,
        }
        noted = self._note(self.builder, entry, anew=status == "built")
        if self.engine != self.builder:
            noted, converted = self._file(tag, entry)
            status = "converted" if converted else status
        file = Path(noted["file"]) if "file" in noted else None
        return Outcome(self.image, status, tag, built.digest, noted["size"], time.monotonic() - started, file)

    @property
    def _arguments(self) -> dict[str, str]:
        """The build arguments of the user that this Dockerfile has."""
        given = self.options.arguments
        return {name: value for name, value in given.items() if name in self.image.arguments}

    def _ready(self, tag: str, inputs: str, base: Base) -> tuple[Built, str]:
        """Return the image, built and named as far as it is not, and what was done for that."""
        there = inspect(self.builder, [tag, self.image.reference], self.settings.tools)
        if tag not in there or self.options.no_cache:
            self._build(tag, inputs, base)
            return inspect(self.builder, [tag], self.settings.tools)[tag], "built"
        if there[tag] != there.get(self.image.reference):
            self._name(tag, self.image.reference)
            return there[tag], "named"
        return there[tag], "current"

    def _base(self) -> Base:
        """Return the base; where it cannot be had, say which one the image here was built on."""
        name = self.image.base(self.options.base)
        try:
            return _base(self.builder, name, self.tell)
        except StargazerError as error:
            noted = lock.read(self.settings.tools).get(self.builder, {}).get(self.image.reference, {})
            known = noted.get("base", {}).get("name", name)
            if known == name:
                raise
            hint = f"The image that is here was built on another one: --base {known}"
            raise StargazerError(error.message, hint, error.items) from None

    def _note(self, engine: str, entry: dict[str, Any], *, anew: bool) -> dict[str, Any]:
        """Write the lock file, and return what is noted; an image that stays as it was keeps its time."""
        before = lock.read(self.settings.tools).get(engine, {}).get(self.image.reference, {})
        same = not anew and before.get("digest") == entry["digest"] and "built_at" in before
        kept = {name: before[name] for name in ("built_at", "size")} if same else {}
        entry = {**entry, "built_at": datetime.now(UTC).isoformat(timespec="seconds"), **kept}
        lock.write(self.settings.tools, engine, self.image.reference, entry)
        return entry

    def _build(self, tag: str, inputs: str, base: Base) -> None:
        """Build, look whether the image works, and give it its names: the one of modules last."""
        with tempfile.TemporaryDirectory(prefix="stargazer-") as scratch:
            noted = Path(scratch, "id")
            command = [*self._command(base, inputs), "--iidfile", str(noted), str(self.image.folder)]
            log = self.settings.tools / "images" / "logs" / f"{self.image.name}.log"
            self.tell(f"Building {tag}; what {self.builder} says is in {log}")
            failure = f"{self.image.reference} was not built"
            _logged(command, log, failure, self.tell)
            if not noted.exists():
                # Podman that is told to end does, with the exit status 0.
                raise StargazerError(f"{failure}: {self.builder} was ended.", f"What it said is in {log}")
            identity = noted.read_text().strip()
        self._check_health(identity)
        for name in (tag, self.image.reference):
            self._name(identity, name)

    def _command(self, base: Base, inputs: str) -> list[str]:
        # Packages come from the Debian mirror, which a build's own network does not always reach.
        command = [self.builder, "build", "--network=host", "--label", f"org.stargazer.inputs={inputs}"]
        command += ["--build-arg", f"BASE={base.name}"]
        if self.builder == "podman":
            # The version of the builder is no part of an image. Podman's cache of layers does not see when a
            # script of a context changes.
            command += [f"--timestamp={self.image.epoch}", "--identity-label=false", "--layers=false"]
            if self.image.fixes_addresses:
                # What engines let a container ask of the kernel by default leaves that out.
                command += ["--security-opt=seccomp=unconfined"]
        else:
            command += ["--progress=plain", "--provenance=false"]
            command += ["--build-arg", f"SOURCE_DATE_EPOCH={self.image.epoch}"]
            for name in _PROXIES:
                command += ["--build-arg", name] if os.environ.get(name) else []
        for name, value in self._arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        for name in self.image.contexts:
            command += ["--build-context", f"{name}={self._context(name)}"]
        if self.options.ca:
            command += ["--secret", f"id=ca,src={self.options.ca}"]
        return [*command, *(["--no-cache"] if self.options.no_cache else [])]

    def _context(self, name: str) -> Path:
        """Return the folder that a Dockerfile means by a name, with what is needed of it."""
        if name == "jars":
            mirror = self.settings.maven_repository
            wanted = jars.Lock.load(self.image.name)
            jars.fetch([wanted], self.settings.tools, self.tell, mirror.get_secret_value() if mirror else "")
            return wanted.folder(self.settings.tools)
        if name == "locks":
            return self.image.lock.parent
        if name == "steps":
            return catalog.pipeline_dir() / "bin"
        return containers() / name

    def _check_health(self, identity: str) -> None:
        """Run the image's own test as anybody, where nothing can be written and nothing be reached."""
        ask_image(
            self.builder,
            identity,
            f"ps --version && {self.image.health}",
            f"{self.image.reference} was built and does not work",
            hint=f"The image of before keeps its name. The test that failed: {self.image.health}",
            options=[f"--user={_ANYBODY}"],
        )

    def _file(self, tag: str, entry: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Make the file that the engine runs, unless it is there, and name it as Nextflow asks for it.

        Returns what the lock file says of it, and whether it was made.
        """
        file = file_of(self.engine, tag, self.settings.tools)
        recorded = lock.read(self.settings.tools).get(self.engine, {}).get(self.image.reference, {})
        made = not file.exists() or recorded.get("digest") != entry["digest"]
        if made:
            self.tell(f"Converting {tag} for {self.engine}")
            convert.convert(self.engine, self.builder, tag, file, self.image.epoch)
        convert.point(file_of(self.engine, self.image.reference, self.settings.tools), file)
        size = {"size": convert.size_of(file)} if made else {}
        return self._note(self.engine, {**entry, "file": str(file), **size}, anew=made), made

    def _name(self, identity: str, name: str) -> None:
        ask([self.builder, "tag", identity, name], f"{self.image.reference} was not named")


def _base(builder: str, name: str, tell: Tell) -> Base:
    """Return the base, which is pulled where it is not here: its contents are part of what is built."""
    try:
        return _look(builder, name)
    except StargazerError:
        tell(f"Pulling {name}")
    ask(
        [builder, "pull", name],
        f"The base {name} is not on this machine and cannot be pulled",
        hint="Check the network, or name another base: --base registry.example.org/debian:{}; without any "
        "registry, make one with mmdebstrap (docs/guides/containers.md).",
    )
    return _look(builder, name)


def _look(builder: str, name: str) -> Base:
    form = '["{{.Id}}","{{.Architecture}}"]'
    command = [builder, "image", "inspect", "--format", form, name]
    said = ask(command, f"The base {name} is not here", seconds=_LOOK_SECONDS)
    identity, architecture = json.loads(said)
    return Base(name, f"sha256:{identity.removeprefix('sha256:')}", architecture)


def _logged(command: Sequence[str], log: Path, failure: str, tell: Tell) -> None:
    """Run a build with all that it says in a file; its steps are told, and its last words where it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    last: list[str] = []
    with log.open("w", encoding="utf-8") as stream:
        stream.write(f"{' '.join(command)}\n")
        with _started(command) as process:
            for line in process.stdout or ():
                stream.write(line)
                stream.flush()
                if line.strip():
                    last = [*last[1 - LAST_LINES :], line.rstrip()]
                if line.startswith(("STEP ", "#")) and "RUN" in line:
                    tell(f"  {line.strip()[:100]}")
    if process.returncode:
        raise StargazerError(
            f"{failure} (exit status {process.returncode}).",
            hint_of(reversed(last), "") or f"All that the build said is in {log}",
            last,
        )


@contextmanager
def _started(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """Start a command, and end it with all that it started where the user stops waiting for it.

    In a session of its own it gets no Ctrl-C of the terminal, and what it started is told from the rest.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            yield process
        except BaseException:
            _end(process)
            raise


def _end(process: "subprocess.Popen[str]") -> None:
    """End a build: what runs in its container, on which Podman tidies up and ends, else the engine itself.

    Podman that gets a signal leaves the container and what runs in it.
    """
    inside = _in_other_sessions(process.pid)
    for pid in inside:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError):
        if not inside:
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)


def _in_other_sessions(leader: int) -> list[int]:
    """Return what a session's leader started, itself or through others, that has a session of its own."""
    try:
        listed = ask(
            ["ps", "-eo", "pid=,ppid=,sess="], "The processes cannot be listed", seconds=_LOOK_SECONDS
        )
    except StargazerError:
        return []
    rows = [tuple(map(int, line.split())) for line in listed.splitlines()]
    family = [leader]
    for parent in family:
        family += [pid for pid, above, _ in rows if above == parent]
    sessions = {pid: session for pid, _, session in rows}
    return [pid for pid in family if sessions.get(pid) != leader]


def checked_arguments(pairs: Sequence[str], images: Sequence[Image]) -> dict[str, str]:
    """Return build arguments NAME=VALUE as a mapping; each is one of some image's Dockerfile."""
    known = {name for image in images for name in image.arguments} - _NOT_GIVEN.keys()
    for pair in pairs:
        name, equals, _ = pair.partition("=")
        if not equals:
            raise UsageError(
                f"The build argument {pair} is not NAME=VALUE.", f"There are: {', '.join(sorted(known))}."
            )
        if name in _NOT_GIVEN:
            raise UsageError(f"The build argument {name} cannot be given.", _NOT_GIVEN[name])
        if name not in known:
            raise UsageError(
                f"No image that is built has an argument {name}.", f"There are: {', '.join(sorted(known))}."
            )
    return dict(pair.split("=", 1) for pair in pairs)

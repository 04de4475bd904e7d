"""Build the images: named by what they are built from, checked, and then given the name that modules use."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.images import convert, lock
from stargazer_cli.images.engines import FILE_ENGINES, file_of, hint_of, inspect
from stargazer_cli.images.spec import Base, Image, containers
from stargazer_cli.settings import Settings
from stargazer_cli.tools import jars

Tell = Callable[[str], None]

# Those that build; what the others run is made from an image that one of these built.
BUILDERS = ("podman", "docker")
_LAST_LINES = 12
# An image without its tool answers at once; a slow disk may take its time.
_HEALTH_SECONDS = 300
# No user of the image, and no one on this machine: it must work for anybody.
_ANYBODY = "54321:54321"
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
    """What became of one image: `built`, `converted` to a file, or `current`."""

    image: Image
    status: str
    tag: str
    digest: str
    size: int
    seconds: float
    file: Path | None = None


def builder_of(engine: str) -> str:
    """Return the engine that builds for another one: itself, else the first builder on PATH."""
    if engine in BUILDERS:
        return engine
    if found := next((name for name in BUILDERS if shutil.which(name)), None):
        return found
    raise StargazerError(
        f"Images for {engine} are made from those of podman or docker, and neither is on PATH.",
        "Build on a machine that has one of them, and copy the image files (docs/guides/containers.md).",
    )


def default_engine() -> str:
    """Return the first engine on PATH that builds."""
    found = next((name for name in BUILDERS if shutil.which(name)), None)
    if found is None:
        raise StargazerError(
            "Neither podman nor docker is on this machine.",
            "Install podman with your system's package manager: it needs no daemon and no rights.",
        )
    return found


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
    with _alone(settings.tools, tell):
        for image in images:
            yield _Build(image, engine, builder, settings, options, tell).run()


@contextmanager
def _alone(tools: Path, tell: Tell) -> Iterator[None]:
    """Hold the lock of builds; a file system without locks does without."""
    tools.mkdir(parents=True, exist_ok=True)
    guard = FileLock(tools / ".build-images.lock")
    try:
        guard.acquire(timeout=0)
    except Timeout:
        tell("Waiting for another stargazer build-images to end.")
        guard.acquire()
    try:
        yield
    finally:
        guard.release()


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
        inputs = self.image.inputs_digest(base, self.options.arguments)
        tag = self.image.tag(inputs)
        there = inspect(self.builder, [tag, self.image.reference], self.settings.tools)
        status = "current"
        if tag not in there or self.options.no_cache:
            self._build(tag, inputs, base)
            status = "built"
        elif there[tag] != there.get(self.image.reference):
            self._engine("tag", tag, self.image.reference)
            status = "built"
        built = there[tag] if status == "current" else inspect(self.builder, [tag], self.settings.tools)[tag]
        entry: dict[str, Any] = {
            "tag": tag,
            "digest": built.digest,
            "inputs": inputs,
            "base": {"name": base.name, "digest": base.digest},
            "architecture": built.architecture,
            "size": built.size,
        }
        self._note(self.builder, entry, anew=status == "built")
        file = None
        if self.engine != self.builder:
            file, converted = self._convert(tag, built.digest)
            status = "converted" if converted else status
            entry |= {"file": str(file), "size": convert.size_of(file)} if converted else {"file": str(file)}
            self._note(self.engine, entry, anew=converted)
        size = lock.read(self.settings.tools)[self.engine][self.image.reference]["size"]
        return Outcome(self.image, status, tag, built.digest, size, time.monotonic() - started, file)

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

    def _note(self, engine: str, entry: dict[str, Any], *, anew: bool) -> None:
        """Write the lock file; the time of an image that stays as it was stays too."""
        before = lock.read(self.settings.tools).get(engine, {}).get(self.image.reference, {})
        same = not anew and before.get("digest") == entry["digest"] and "built_at" in before
        kept = {name: before[name] for name in ("built_at", "size")} if same else {}
        entry = {**entry, "built_at": datetime.now(UTC).isoformat(timespec="seconds"), **kept}
        lock.write(self.settings.tools, engine, self.image.reference, entry)

    def _build(self, tag: str, inputs: str, base: Base) -> None:
        """Build, look whether the image works, and give it its names: the one of modules last."""
        with tempfile.TemporaryDirectory(prefix="stargazer-") as scratch:
            noted = Path(scratch, "id")
            command = [*self._command(base, inputs), "--iidfile", str(noted), str(self.image.folder)]
            log = self.settings.tools / "images" / "logs" / f"{self.image.name}.log"
            self.tell(f"Building {tag}; what {self.builder} says is in {log}")
            _logged(command, log, f"{self.image.reference} was not built", self.tell)
            identity = noted.read_text().strip()
        self._check_health(identity)
        for name in (tag, self.image.reference):
            self._engine("tag", identity, name)

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
        for name, value in self.options.arguments.items():
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
        command = [
            self.builder, "run", "--rm", "--network=none", f"--user={_ANYBODY}",
            identity, "bash", "-c", f"ps --version && {self.image.health}",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_HEALTH_SECONDS,
            )
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            status = f"exit status {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            said, status = [], f"no answer within {_HEALTH_SECONDS} seconds"
        if status:
            raise StargazerError(
                f"{self.image.reference} was built and does not work ({status}): {self.image.health}",
                hint_of(said, "") or "The image of before keeps its name. Look at what it says above.",
                said[-_LAST_LINES:],
            )

    def _convert(self, tag: str, digest: str) -> tuple[Path, bool]:
        """Make the file that the engine runs, unless it is there, and name it as Nextflow asks for it."""
        file = file_of(self.engine, tag, self.settings.tools)
        recorded = lock.read(self.settings.tools).get(self.engine, {}).get(self.image.reference, {})
        made = not file.exists() or recorded.get("digest") != digest
        if made:
            self.tell(f"Converting {tag} for {self.engine}")
            convert.convert(self.engine, self.builder, tag, file, self.image.epoch)
        convert.point(file_of(self.engine, self.image.reference, self.settings.tools), file)
        return file, made

    def _engine(self, *arguments: str) -> None:
        convert.run([self.builder, *arguments], f"{self.image.reference} was not named")


def _base(builder: str, name: str, tell: Tell) -> Base:
    """Return the base, which is pulled where it is not here: its contents are part of what is built."""
    found = _look(builder, name)
    if found is None:
        tell(f"Pulling {name}")
        try:
            done = subprocess.run(
                [builder, "pull", name], capture_output=True, text=True, errors="replace", check=False
            )
        except OSError as error:
            raise StargazerError(f"{builder} cannot be started: {error.strerror}.") from None
        found = _look(builder, name) if done.returncode == 0 else None
        if found is None:
            said = done.stderr.strip().splitlines()
            raise StargazerError(
                f"The base {name} is not on this machine and cannot be pulled.",
                hint_of(said, "")
                or "Check the network, or name another base: --base registry.example.org/debian:{}; without "
                "any registry, make one with mmdebstrap (docs/guides/containers.md).",
                said[-3:],
            )
    return found


def _look(builder: str, name: str) -> Base | None:
    form = '["{{.Id}}","{{.Architecture}}"]'
    done = subprocess.run(
        [builder, "image", "inspect", "--format", form, name],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        return None
    identity, architecture = json.loads(done.stdout)
    return Base(name, f"sha256:{identity.removeprefix('sha256:')}", architecture)


def _logged(command: Sequence[str], log: Path, failure: str, tell: Tell) -> None:
    """Run a build with all that it says in a file; its steps are told, and its last words where it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    last: list[str] = []
    with log.open("w", encoding="utf-8") as stream:
        stream.write(f"{' '.join(command)}\n")
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            try:
                for line in process.stdout or ():
                    stream.write(line)
                    stream.flush()
                    if line.strip():
                        last = [*last[1 - _LAST_LINES :], line.rstrip()]
                    if line.startswith(("STEP ", "#")) and "RUN" in line:
                        tell(f"  {line.strip()[:100]}")
            except BaseException:
                process.terminate()
                raise
    if process.returncode:
        raise StargazerError(
            f"{failure} (exit status {process.returncode}).",
            hint_of(reversed(last), "") or f"All that the build said is in {log}",
            last,
        )


def checked_arguments(pairs: Sequence[str]) -> dict[str, str]:
    """Return build arguments NAME=VALUE as a mapping."""
    for pair in pairs:
        if not pair.partition("=")[0].isidentifier() or "=" not in pair:
            raise UsageError(f"The build argument {pair} is not NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in pairs)

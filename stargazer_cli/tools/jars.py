"""The jars of a Java tool: a lock file says which, and each is checked before it gets its name."""

import contextlib
import hashlib
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools.spec import GATK_VERSION, NEXTFLOW_VERSION

if TYPE_CHECKING:
    from jgo.maven import MavenContext

Echo = Callable[[str], None]

_LOCKS = Path(__file__).parent / "locks"
_THREADS = 8
_ATTEMPTS = 5
_TIMEOUT_SECONDS = 60
# Seconds before the second attempt, doubled for each later one.
FIRST_PAUSE = 0.5


@dataclass(frozen=True)
class Jar:
    """One line of a lock file."""

    coordinates: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name, as Maven builds it."""
        _, artifact, version, *classifier = self.coordinates.split(":")
        return "-".join([artifact, version, *classifier]) + ".jar"


@dataclass(frozen=True)
class Lock:
    """The jars of one tool in one version."""

    tool: str
    version: str
    text: str

    @cached_property
    def jars(self) -> tuple[Jar, ...]:
        """The jars, in the order of the class path."""
        lines = (line.split() for line in self.text.splitlines() if line and not line.startswith("#"))
        jars = (Jar(coordinates, int(size), sha256) for coordinates, size, sha256 in lines)
        return tuple(sorted(jars, key=lambda jar: jar.name))

    @cached_property
    def digest(self) -> str:
        """A short name for exactly these jars."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @classmethod
    def load(cls, tool: str) -> "Lock":
        """Read the lock file of the version that Stargazer fetches."""
        version = {"nextflow": NEXTFLOW_VERSION, "gatk": GATK_VERSION}[tool]
        return cls(tool, version, (_LOCKS / f"{tool}-{version}.lock").read_text())

    def folder(self, tools: Path) -> Path:
        """Where the jars lie."""
        return tools / f"{self.tool}-{self.version}" / "jars"


def missing(lock: Lock, tools: Path) -> list[Jar]:
    """List the jars that are not there: by size, since a jar gets its name only when its bytes are right."""
    try:
        with os.scandir(lock.folder(tools)) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries}
    except OSError:
        sizes = {}
    return [jar for jar in lock.jars if sizes.get(jar.name) != jar.size]


def drop_damaged(lock: Lock, tools: Path) -> None:
    """Remove jars whose bytes changed since they were fetched, and those that an older lock named."""
    folder = lock.folder(tools)
    names = {jar.name for jar in lock.jars}
    for file in folder.glob("*.jar"):
        if file.name not in names:
            file.unlink()
    for jar in lock.jars:
        file = folder / jar.name
        with contextlib.suppress(FileNotFoundError):
            if _sha256(file) != jar.sha256:
                file.unlink()


def fetch(locks: list[Lock], tools: Path, echo: Echo, mirror: str = "") -> None:
    """Fetch what is missing of the locks' jars into `tools`, from `mirror` or else the public repository.

    May be interrupted and called again.
    """
    wanted = [(jar, lock.folder(tools) / jar.name) for lock in locks for jar in missing(lock, tools)]
    if not wanted:
        return
    for lock in locks:
        lock.folder(tools).mkdir(parents=True, exist_ok=True)
    total = sum(jar.size for jar, _ in wanted)
    names = " and ".join(f"{lock.tool} {lock.version}" for lock in locks)
    echo(f"Fetching {names}: {len(wanted)} files, {total / 1e6:.0f} MB.")
    stop = threading.Event()
    with _scratch(tools) as scratch, _maven(scratch, mirror) as context, _progress(total, echo) as advance:

        def one(jar: Jar, place: Path) -> None:
            _fetch_one(jar, place, context, stop)
            advance(jar.size)

        with ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch") as pool:
            # The big ones first, so that the last one to end is a small one.
            jobs = [pool.submit(one, *item) for item in sorted(wanted, key=lambda item: -item[0].size)]
            try:
                done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
            for job in done:
                job.result()


def _fetch_one(jar: Jar, place: Path, context: "MavenContext", stop: threading.Event) -> None:
    from httpx import HTTPError

    group, artifact, version, *classifier = jar.coordinates.split(":")
    reason = ""
    for attempt in range(_ATTEMPTS):
        if attempt and stop.wait(FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)):  # noqa: S311
            return
        if stop.is_set():
            return
        try:
            file = context.project(group, artifact).at_version(version).artifact(*classifier).resolve()
        except HTTPError as error:
            # The message of httpx holds the address, which may hold a password.
            status = getattr(getattr(error, "response", None), "status_code", None)
            reason = (
                f"the repository answers {status}" if status else f"no connection ({type(error).__name__})"
            )
            continue
        if _sha256(file) == jar.sha256:
            file.chmod(0o644)
            file.replace(place)
            return
        file.unlink()
        reason = "its checksum differs from the one in the lock file"
    raise StargazerError(
        f"Could not fetch {jar.coordinates}: {reason} ({_ATTEMPTS} attempts).",
        "Check the network (HTTPS_PROXY), or name a Maven mirror in STARGAZER_MAVEN_REPOSITORY, "
        "then run `stargazer setup` again: it goes on where it stopped.",
    )


@contextlib.contextmanager
def _maven(scratch: Path, mirror: str) -> Iterator["MavenContext"]:
    """Give jgo's view of the repository, with downloads over connections that are kept open.

    jgo itself opens two connections a file, which for hundreds of files takes longer than the bytes.
    """
    # Imported here: jgo and the HTTP client take 0.3 s, and most commands fetch nothing.
    import httpx
    from jgo.maven import Artifact, MavenContext, PythonResolver

    limits = httpx.Limits(max_connections=_THREADS, max_keepalive_connections=_THREADS)
    with httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=True, limits=limits) as client:

        class Resolver(PythonResolver):
            def download(self, artifact: Artifact) -> Path:
                (repository,) = artifact.context.remote_repos.values()
                url = f"{repository}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}"
                # A name of its own: two tools may want the same jar at the same time.
                with (
                    client.stream("GET", url) as answer,
                    tempfile.NamedTemporaryFile(dir=scratch, delete=False) as stream,
                ):
                    answer.raise_for_status()
                    for chunk in answer.iter_bytes():
                        stream.write(chunk)
                return Path(stream.name)

        remotes = {"mirror": mirror.rstrip("/")} if mirror else None
        yield MavenContext(resolver=Resolver(), repo_cache=scratch, remote_repos=remotes)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def _scratch(tools: Path) -> Iterator[Path]:
    """Give a folder for half-fetched files; what a killed run left in it goes first."""
    folder = tools / ".partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _progress(total: int, echo: Echo) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, else a line every ten seconds; yields what to call with each size."""
    lock = threading.Lock()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

        columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda size: bar.advance(task, size)
        return
    state = {"done": 0, "told": time.monotonic()}

    def advance(size: int) -> None:
        with lock:
            state["done"] += size
            if time.monotonic() - state["told"] >= 10:
                state["told"] = time.monotonic()
                echo(f"  {state['done'] / 1e6:.0f} of {total / 1e6:.0f} MB")

    yield advance

"""The record of a run: a folder `runs/<run_id>/` whose `run.json` says what was done, and with what."""

import errno
import fcntl
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from stargazer_cli import __version__, catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs.plan import Plan

Status = Literal["running", "done", "failed", "interrupted"]
_STAMP = re.compile(r"(?P<time>\d{8}T\d{6}Z)(?:-(?P<suffix>\d+))?$")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
# A lock may not reach beyond its host on a shared file system, so who holds a run also touches its lock file.
_BEAT_SECONDS = 30.0
# Nextflow, where it outlives its stargazer, writes into its log every five minutes.
_SILENT_SECONDS = 900.0
# What a process of its own may take to begin with a run, on a slow disk, after somebody claimed it.
_TO_BEGIN_SECONDS = 30.0
# A file system that has no locks, such as Lustre without `-o flock`, or an NFS without its lock service.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class MadeAsset(BaseModel):
    """An asset of the run's result."""

    cid: str
    id: str
    name: str
    keyvalues: dict[str, str]
    reused: bool


class RunRecord(BaseModel):
    """What `run.json` holds. Times are UTC in ISO 8601, `timings` in seconds.

    `scripts` are the digests of the scripts that the recipes of the plan cover, by task; `images` those of
    the images that tasks run in, by reference. `work` is Nextflow's work folder where it is not in the
    run's own, `earlier_work` are those it had before and may still reuse. `hint` says what to do about
    `error`. `pid` is of the stargazer that carries the run out.
    """

    run_id: str
    workflow: str
    status: Status
    profile: str
    commit: str
    plan: Plan
    planned_versions: dict[str, dict[str, str]]
    scripts: dict[str, str] = {}
    reported_versions: dict[str, dict[str, str]] = {}
    tools: dict[str, str] = {}
    images: dict[str, str] = {}
    work: str = ""
    earlier_work: list[str] = []
    command: list[str] = []
    started_at: str
    ended_at: str = ""
    exit_status: int | None = None
    attempts: int = 0
    error: str = ""
    hint: str = ""
    timings: dict[str, float] = {}
    assets: list[MadeAsset] = []
    host: str
    pid: int
    nextflow_pid: int = 0

    @property
    def elsewhere(self) -> bool:
        """Whether it is or was carried out on another host."""
        return self.host != socket.gethostname()

    @property
    def begins(self) -> bool:
        """Whether somebody on this host, who is still there, claimed it for a process that is to begin."""
        return not self.attempts and self.status == "running" and not self.elsewhere and _lives(self.pid)

    def work_folders(self, folder: "RunFolder") -> list[Path]:
        """Return Nextflow's work folder, and after it those that the run had before."""
        where = [Path(self.work) if self.work else folder.work, *map(Path, self.earlier_work)]
        return list(dict.fromkeys(where))


class RunFolder:
    """The folder of one run: where its files are, and how its record is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def run_id(self) -> str:
        """The name of the run."""
        return self.path.name

    @property
    def outdir(self) -> Path:
        """Where the pipeline publishes."""
        return self.path / "results"

    @property
    def work(self) -> Path:
        """Nextflow's work folder, unless the record names another."""
        return self.path / "work"

    @property
    def lock(self) -> Path:
        """The file that is locked, and touched, by who carries the run out."""
        return self.path / ".lock"

    @property
    def progress(self) -> Path:
        """Every line of progress, with its time."""
        return self.path / "progress.log"

    @property
    def said(self) -> Path:
        """What a run in the background prints."""
        return self.path / "stargazer.log"

    @property
    def cancelled(self) -> Path:
        """A file that is there once somebody cancelled the run."""
        return self.path / ".cancelled"

    @property
    def log(self) -> Path:
        """Nextflow's own log."""
        return self.path / "nextflow.log"

    def trace(self, attempt: int) -> Path:
        """Nextflow's table of tasks, one file an attempt."""
        return self.path / f"trace-{attempt}.txt"

    def save(self, record: RunRecord) -> None:
        """Write `run.json`: whole or not at all."""
        partial = self.path / f".run.json.{os.getpid()}"
        with partial.open("w", encoding="utf-8") as file:
            file.write(record.model_dump_json(indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path / "run.json")

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the run, so that nobody else carries it out; gives the descriptor that holds it.

        Whoever inherits the descriptor holds the run as well: a Nextflow that outlives a killed
        `stargazer` still has it.
        """
        handle = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not self._took_alone(handle):
                raise UsageError(
                    f"The run {self.run_id} is still being carried out.",
                    f"Wait for its end (stargazer runs attach {self.run_id}), or end it: "
                    f"stargazer runs cancel {self.run_id}",
                )
            self._check_not_elsewhere()
            yield handle
        finally:
            os.close(handle)

    def _took_alone(self, handle: int) -> bool:
        try:
            return _took(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            raise StargazerError(
                f"The file system of {self.path.parent} has no locks ({error.strerror}): nothing would keep "
                "two from carrying out one run.",
                "Have it mounted with locks (Lustre: -o flock), or keep the store elsewhere: "
                "STARGAZER_LOCAL=FOLDER",
            ) from None

    def alive(self) -> AbstractContextManager[None]:
        """Give signs of life, for other hosts, while the run is carried out."""
        return _touching(self.lock)

    def check_free(self) -> None:
        """Refuse a run that somebody carries out."""
        with self.locked():
            pass

    def _check_not_elsewhere(self) -> None:
        """Refuse a run that gave a sign of life on another host, whose lock may not reach to here."""
        if not (self.path / "run.json").exists():
            return
        record = self.read()
        if record.status == "running" and record.elsewhere and (seconds := self.silence()) < _SILENT_SECONDS:
            raise UsageError(
                f"The run {self.run_id} is being carried out on {record.host}: it gave a sign of life "
                f"{seconds:.0f} seconds ago.",
                f"Go on there, or when it has been silent for {_SILENT_SECONDS / 60:.0f} minutes.",
            )

    def silence(self) -> float:
        """Return how many seconds ago the run gave a sign of life."""
        times = [0.0]
        for file in (self.lock, self.log):
            with suppress(OSError):
                times.append(file.stat().st_mtime)
        return max(0.0, self._clock() - max(times))

    def _clock(self) -> float:
        """Return the time as the folder's file system has it, which is another host's where it is shared."""
        try:
            with tempfile.TemporaryFile(dir=self.path) as probe:
                return os.fstat(probe.fileno()).st_mtime
        except OSError:  # full, or not ours to write
            return time.time()

    def busy(self) -> bool:
        """Whether somebody carries the run out; where there are no locks, whether it gives signs of life."""
        try:
            handle = os.open(self.lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            return not _took(handle, fcntl.LOCK_SH)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return self.silence() < _SILENT_SECONDS
        finally:
            os.close(handle)

    def load(self) -> RunRecord:
        """Read `run.json`; a run that nobody carries out any more counts as interrupted.

        Of one on another host that is not sure: it is running while it gives signs of life.
        """
        record = self.read()
        if record.status == "running" and not self.busy():
            # It may have ended between the two looks.
            record = self.read()
            patience = _SILENT_SECONDS if record.elsewhere else _TO_BEGIN_SECONDS if record.begins else 0.0
            if record.status == "running" and not self.silence() < patience:
                record.status = "interrupted"
        return record

    def not_begun(self) -> None:
        """Write down that nobody carries out a run that was only claimed."""
        with suppress(UsageError, OSError), self.locked():
            record = self.read()
            if record.begins:
                record.status = "interrupted"
                self.save(record)

    def read(self) -> RunRecord:
        """Read `run.json` as it was written."""
        file = self.path / "run.json"
        try:
            return RunRecord.model_validate_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(
                f"There is no run {self.run_id!r}.", "List the runs with: stargazer runs list"
            ) from None
        except ValidationError as error:
            raise StargazerError(
                f"The record {file} is damaged: {error.errors()[0]['msg']}.",
                "Move its folder away; the assets of the run are in the store.",
            ) from None


def create(runs: Path, workflow: str, commit: str, now: datetime | None = None) -> RunFolder:
    """Claim a new folder `<workflow>-<commit>-<UTC time>`; a taken name gets a suffix."""
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    runs.mkdir(parents=True, exist_ok=True)
    base = f"{workflow}-{commit}-{stamp}"
    suffix = 1
    while True:
        path = runs / (base if suffix == 1 else f"{base}-{suffix}")
        try:
            path.mkdir()
        except FileExistsError:
            suffix += 1
        else:
            break
    folder = RunFolder(path)
    try:
        folder.check_free()  # whether it can be locked at all
    except StargazerError:
        shutil.rmtree(path)
        raise
    return folder


def find(runs: Path, run_id: str) -> RunFolder:
    """Return the folder of a run by its id or an unambiguous beginning or end of it."""
    if not _RUN_ID.fullmatch(run_id):
        raise UsageError(f"{run_id!r} is not a run id.", "List the runs with: stargazer runs list")
    if (runs / run_id / "run.json").is_file():
        return RunFolder(runs / run_id)
    close = [
        folder for folder in every(runs) if folder.run_id.startswith(run_id) or folder.run_id.endswith(run_id)
    ]
    if len(close) == 1:
        return close[0]
    if close:
        raise UsageError(
            f"{len(close)} runs match {run_id!r}.",
            "Give more of the id: " + ", ".join(folder.run_id for folder in close[:5]),
        )
    raise UsageError(f"There is no run {run_id!r}.", "List the runs with: stargazer runs list")


def every(runs: Path) -> Iterator[RunFolder]:
    """Yield every recorded run, the newest first."""
    folders = [RunFolder(file.parent) for file in runs.glob("*/run.json")]
    return iter(sorted(folders, key=lambda folder: started(folder.run_id), reverse=True))


def started(run_id: str) -> tuple[str, int]:
    """Return the time in a run id and its suffix, to sort by."""
    match = _STAMP.search(run_id)
    return (match["time"], int(match["suffix"] or 1)) if match else ("", 0)


def check_workflow(kept: RunRecord) -> None:
    """Refuse a run of a workflow or task that this pipeline does not have."""
    if kept.workflow not in catalog.workflows() and not catalog.is_task(kept.workflow):
        raise UsageError(
            f"The run {kept.run_id} is of the workflow {kept.workflow!r}, which is not in this pipeline.",
            f"Take the version of Stargazer that made it: its pipeline was {kept.commit}.",
        )


def new_record(
    folder: RunFolder,
    plan: Plan,
    *,
    profile: str,
    commit: str,
    versions: dict[str, dict[str, str]],
    tools: dict[str, str],
    images: Mapping[str, str] | None = None,
    work: Path | None = None,
) -> RunRecord:
    """Return the record of a run that starts now."""
    return RunRecord(
        run_id=folder.run_id,
        workflow=plan.workflow,
        status="running",
        profile=profile,
        commit=commit,
        plan=plan,
        planned_versions=versions,
        scripts=plan.scripts(),
        tools=tools,
        images=dict(images or {}),
        work=str(work) if work else "",
        started_at=utc_now(),
        host=socket.gethostname(),
        pid=os.getpid(),
    )


def utc_now() -> str:
    """Return the time now: UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def pipeline_commit(pipeline: Path) -> str:
    """Return the short commit of the pipeline's checkout, `-dirty` if so; from a wheel its version."""
    top = _git(pipeline, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != pipeline.resolve():
        return f"v{__version__}"
    commit = _git(pipeline, "rev-parse", "--short", "HEAD")
    if not commit:
        return f"v{__version__}"
    dirty = _git(pipeline, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if dirty else commit


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


@contextmanager
def _touching(file: Path) -> Iterator[None]:
    """Touch a file now and again while the block runs."""
    done = threading.Event()

    def touch() -> None:
        while True:
            with suppress(OSError):  # a full disk, or the folder is gone: others will say so
                os.utime(file)
            if done.wait(_BEAT_SECONDS):
                return

    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _took(handle: int, how: int) -> bool:
    # Somebody may just be looking, which takes no time: try again before giving up.
    for pause in (0.05, 0.2, 0.0):
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        else:
            return True
    return False

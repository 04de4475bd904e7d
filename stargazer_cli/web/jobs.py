"""What takes long and belongs to this server, such as a download: who wants to know asks how it stands."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import Progress
from stargazer_cli.store.objects import unique

Record = dict[str, Any]
Work = Callable[[Progress, Callable[[str], None]], Sequence[Record]]
_MOST = 100
_END_SECONDS = 10.0


@dataclass
class Job:
    """How some work stands; `records` are of the assets that it brought."""

    id: str
    key: str
    title: str
    status: str = "running"
    done: int = 0
    total: int | None = None
    notes: list[str] = field(default_factory=list)
    error: StargazerError | None = None
    records: list[Record] = field(default_factory=list)


class Jobs:
    """The jobs of a server; of those that ended some are remembered."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def every(self) -> list[Job]:
        """Return them all, the newest first."""
        return list(reversed(self._jobs.values()))

    def get(self, job_id: str) -> Job:
        """Return a job; UsageError where there is none."""
        if job_id not in self._jobs:
            raise UsageError(f"There is no job {job_id[:60]!r}.", "The server forgets them when it ends.")
        return self._jobs[job_id]

    def start(self, key: str, title: str, work: Work) -> Job:
        """Begin some work in a thread; where the same is under way, by its key, that is returned instead."""
        with self._lock:
            for job in self._jobs.values():
                if job.key == key and job.status == "running":
                    return job
            job = Job(unique(), key, title)
            self._jobs[job.id] = job
            self._forget()
            # A daemon: what does not look whether it should stop must not keep the server from ending.
            thread = threading.Thread(target=self._carry_out, args=(job, work), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return job

    def stop(self) -> None:
        """Ask all of them to end, and wait a little; what has come of a download is kept."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_END_SECONDS)

    def _carry_out(self, job: Job, work: Work) -> None:
        def progress(done: int, total: int | None) -> None:
            if self._stopping.is_set():
                raise StargazerError("The server ended.", "Do it again: what has come is kept.")
            job.done, job.total = done, total

        try:
            job.records = list(work(progress, job.notes.append))
            job.status = "done"
        except StargazerError as error:
            job.error, job.status = error, "failed"
        except Exception as error:  # it has nobody else to tell
            job.error, job.status = StargazerError(f"It failed: {error}."), "failed"

    def _forget(self) -> None:
        """Forget the oldest that ended; the lock is held."""
        ended = [job_id for job_id, job in self._jobs.items() if job.status != "running"]
        for job_id in ended[: max(0, len(self._jobs) - _MOST)]:
            del self._jobs[job_id]

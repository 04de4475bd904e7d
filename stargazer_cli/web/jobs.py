"""What takes long and belongs to this server, such as a download: who wants to know asks how it stands."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.files import Progress
from stargazer_cli.store.objects import unique

Record = dict[str, Any]
Work = Callable[[Progress, Callable[[str], None]], Sequence[Record]]
_MOST = 100
# Each may take a whole network or disk for itself.
_AT_ONCE = 4
_END_SECONDS = 10.0


@dataclass
class Job:
    """How some work stands; `records` are of the assets that it brought. It runs, too, while it waits."""

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
    """The jobs of a server, a few at once, others in line; of those that ended some are remembered."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[tuple[Job, Work]] = deque()
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
        """Begin some work in a thread, in its turn; what is under way, by its key, is returned instead.

        Raises:
            UsageError: too much is under way.

        """
        with self._lock:
            under_way = [job for job in self._jobs.values() if job.status == "running"]
            for job in under_way:
                if job.key == key:
                    return job
            if len(under_way) >= _MOST:
                raise UsageError(
                    f"{len(under_way)} jobs are under way or in line.",
                    "Ask again when some of them are done.",
                )
            job = Job(unique(), key, title)
            self._jobs[job.id] = job
            self._forget()
            self._waiting.append((job, work))
            if len(self._threads) < _AT_ONCE:
                # A daemon: what does not look whether it should stop must not keep the server from ending.
                thread = threading.Thread(target=self._work, daemon=True)
                thread.start()
                self._threads.append(thread)
        return job

    def stop(self) -> None:
        """Ask all of them to end, and wait a little; what has come of a download is kept."""
        self._stopping.set()
        for thread in list(self._threads):
            thread.join(_END_SECONDS)

    def _work(self) -> None:
        """Carry out what is in line, until nothing is."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads.remove(threading.current_thread())
                    return
                job, work = self._waiting.popleft()
            self._carry_out(job, work)

    def _carry_out(self, job: Job, work: Work) -> None:
        def progress(done: int, total: int | None) -> None:
            go_on()
            job.done, job.total = done, total

        def go_on() -> None:
            if self._stopping.is_set():
                raise StargazerError("The server ended.", "Do it again: what has come is kept.")

        try:
            go_on()
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

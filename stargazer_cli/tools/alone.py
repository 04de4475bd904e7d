"""Let one process at a time do what changes the tools folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(lock: Path, waiting: str, echo: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file; `waiting` is told where another process has it, and is waited for."""
    from filelock import FileLock, Timeout

    lock.parent.mkdir(parents=True, exist_ok=True)
    guard = FileLock(lock)
    try:
        guard.acquire(timeout=0)
    except Timeout:
        echo(waiting)
        guard.acquire()
    try:
        yield
    finally:
        guard.release()

"""Several transfers at once, a few at a time, with one progress for all of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import TypeVar

from stargazer_cli.store.remote.source import Progress

AT_ONCE = 4  # more does not help: servers limit what one address may ask of them

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return the result of `work` for each item, in their order.

    After a failure or Ctrl-C those under way go on to their end and the others are not begun; the error is
    that of the first item that failed.
    """
    with ThreadPoolExecutor(AT_ONCE, "transfer") as pool:
        transfers: list[Future[Result]] = [pool.submit(work, item) for item in items]
        try:
            wait(transfers, return_when=FIRST_EXCEPTION)
        finally:
            for transfer in transfers:
                transfer.cancel()
    failed = [transfer for transfer in transfers if not transfer.cancelled() and transfer.exception()]
    return [transfer.result() for transfer in failed or transfers]


class Together:
    """The progress of several transfers as that of one, whose `total` is known before."""

    def __init__(self, progress: Progress | None, total: int | None) -> None:
        self._progress = progress
        self._total = total
        self._lock = Lock()
        self._done: dict[str, int] = {}

    def of(self, transfer: str) -> Progress | None:
        """Return the callback of one transfer, named so that it can be told from the others."""
        return (lambda done, _: self._tell(transfer, done)) if self._progress else None

    def finish(self, transfer: str, size: int) -> None:
        """Count a transfer as done, whether bytes went or not."""
        if self._progress:
            self._tell(transfer, size)

    def _tell(self, transfer: str, done: int) -> None:
        # Several threads tell at once: the sum must not be told out of order.
        with self._lock:
            self._done[transfer] = done
            if self._progress:
                self._progress(sum(self._done.values()), self._total)

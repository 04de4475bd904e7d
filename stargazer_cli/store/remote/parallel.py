"""Several transfers at once, a few at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

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

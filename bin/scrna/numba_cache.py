"""Keep the machine code of UMAP and of the neighbour search between processes.

Importing `umap` and `pynndescent` compiles for 5 to 9 seconds in every process, because their functions do
not ask numba for its cache; with it, the next process loads them in half a second, with the same results.
The cache lies where numba puts it: beside the library, or under NUMBA_CACHE_DIR.

Two kinds stay as they are: what the library says must not be cached, and what takes a distance function,
which is another type in each process, so that each would add to the cache and none would find it.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numba


def import_umap() -> None:
    """Import `umap` and `pynndescent` with cached compilation; call it before scanpy does."""
    with cached_compilation():
        import umap  # noqa: F401


@contextlib.contextmanager
def cached_compilation() -> Iterator[None]:
    """Let `numba.njit` cache what it compiles; without a folder for the cache it compiles as ever."""
    plain = numba.njit

    def compiled(function: Callable[..., Any], signature: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if "dist" in inspect.signature(function).parameters:
            return plain(*signature, **options)(function)
        try:
            return plain(*signature, **{"cache": True, **options})(function)
        except RuntimeError:  # no folder that can be written
            return plain(*signature, **options)(function)

    @functools.wraps(plain)
    def njit(*arguments: Any, **options: Any) -> Any:
        if len(arguments) == 1 and callable(arguments[0]):
            return compiled(arguments[0], (), options)
        return lambda function: compiled(function, arguments, options)

    numba.njit = njit
    try:
        yield
    finally:
        numba.njit = plain

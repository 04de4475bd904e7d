import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest
from helpers.planted import BIN
from scrna.numba_cache import cached_compilation

# A library that does not ask for the cache, and a process that loads it.
LIBRARY = """
import numba

@numba.njit
def plain(x): return x + 1

@numba.njit(fastmath=True)
def with_options(x): return x + 2

@numba.njit("i8(i8)")
def with_signature(x): return x + 3

@numba.njit
def distance(x): return x + 4

@numba.njit
def with_function(x, dist): return dist(x)
"""
USE = """
from scrna.numba_cache import cached_compilation
with cached_compilation():
    import library
functions = library.plain, library.with_options, library.with_signature
print([int(function(1)) for function in functions])
print([sum(function.stats.cache_hits.values()) for function in functions])
library.with_function(1, library.distance)
"""


def _use(folder: Path) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": f"{BIN}{os.pathsep}{folder}"}
    result = subprocess.run(
        [sys.executable, "-c", USE], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_the_second_process_takes_from_the_cache_what_the_first_compiled(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)

    assert _use(tmp_path) == ["[2, 3, 4]", "[0, 0, 0]"]
    assert _use(tmp_path) == ["[2, 3, 4]", "[1, 1, 1]"]


def test_what_takes_a_function_does_not_add_to_the_cache_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(LIBRARY)
    _use(tmp_path)
    cached = sorted((tmp_path / "__pycache__").glob("*.nbc"))

    assert len(cached) == 4
    assert not [path for path in cached if "with_function" in path.name]


def test_without_a_place_for_the_cache_it_compiles_as_ever() -> None:
    made: dict[str, object] = {}
    with cached_compilation():
        exec(LIBRARY, made)  # code without a file has no place to cache in

    assert [made[name](1) for name in ("plain", "with_options", "with_signature")] == [2, 3, 4]  # type: ignore[operator]


def test_numba_is_left_as_it_was() -> None:
    plain = numba.njit
    with pytest.raises(ZeroDivisionError), cached_compilation():
        assert numba.njit is not plain
        1 / 0  # noqa: B018

    assert numba.njit is plain

"""Equal input and parameters give equal bytes: on any number of threads, in one process or in six."""

import ast
import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from anndata import read_h5ad
from helpers.planted import BIN, planted_counts, run_script
from scrna import has_avx2
from scrna.steps import CHAIN

OPTIONS: dict[str, tuple[str, ...]] = {
    "qc_filter": ("--min-genes", "20", "--batch-key", "batch", "--qc", "mad"),
    "select_features": ("--n-top-genes", "300", "--batch-key", "batch"),
    "reduce_dimensions": ("--n-pcs", "20", "--batch-key", "batch", "--integrate", "harmony"),
    "cluster": ("--more-resolutions", "0.2,1.5"),
}
CELLS = 500


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw") / "raw.h5ad"
    adata = planted_counts(CELLS, batches=2)
    adata.obs["note"] = ["a", None, *["b"] * (CELLS - 2)]
    adata.write_h5ad(path)
    return path


def _environment(threads: int) -> dict[str, str]:
    """Return what a scheduler that gives `threads` CPUs may set, and BLAS threads that must not matter."""
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {name: str(threads) for name in names}


@contextlib.contextmanager
def _one_cpu() -> Iterator[None]:
    """Let programs that are started here run on one CPU, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def _steps(raw: Path, folder: Path) -> None:
    """Run the six scripts one after the other, each with one thread."""
    folder.mkdir()
    given = raw
    for step in CHAIN:
        output, summary = (folder / f"s.{step.stage}.{kind}" for kind in ("h5ad", "summary.json"))
        markers = ("--markers", folder / "s.markers.csv") if step.task == "find_markers" else ()
        result = run_script(
            step.task, "--input", given, "--output", output, "--summary", summary, *markers,
            *OPTIONS.get(step.task, ()), environment=_environment(1),
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        given = output


def _chain(raw: Path, folder: Path, threads: int, stage: str = "raw") -> dict[str, str]:
    folder.mkdir()
    options = [option for options in OPTIONS.values() for option in options]
    result = run_script(
        "scrna_chain", "--input", raw, "--sample", "s", "--outdir", folder, "--from-stage", stage, *options,
        environment=_environment(threads),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return _sums(folder)


@pytest.fixture(scope="module")
def steps(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what the single scripts make on one CPU."""
    folder = tmp_path_factory.mktemp("steps") / "made"
    with _one_cpu():
        _steps(raw, folder)
    return folder


def test_one_process_on_two_threads_makes_the_same_files_as_six_on_one_cpu(
    raw: Path, steps: Path, tmp_path: Path
) -> None:
    expected = _sums(steps)

    assert len(expected) == 13
    assert _chain(raw, tmp_path / "two", threads=2) == expected


def test_a_chain_from_the_middle_makes_the_rest(steps: Path, tmp_path: Path) -> None:
    made = _chain(steps / "s.featured.h5ad", tmp_path / "rest", threads=2, stage="featured")

    assert len(made) == 7
    assert made.items() <= _sums(steps).items()


def test_counts_of_every_kept_cell_are_unchanged(raw: Path, steps: Path) -> None:
    before, after = read_h5ad(raw), read_h5ad(steps / "s.annotated.h5ad")
    kept = before[after.obs_names, after.var_names]

    assert after.n_obs > 0.8 * CELLS
    assert (after.layers["counts"] != kept.X).nnz == 0
    assert (after.obs["truth"] == kept.obs["truth"]).all()


def test_linear_algebra_and_neighbours_have_one_thread_whatever_is_asked_for() -> None:
    """Threads change the order of sums: on data of real size PCA differs in its last digits, UMAP visibly.

    On some processors scrublet then counts another of two neighbours that are equally far but for that digit.
    """
    program = "import scrna, sklearn.neighbors, threadpoolctl; print(threadpoolctl.threadpool_info())"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **_environment(2), "PYTHONPATH": str(BIN)},
        check=True,
    )
    libraries = ast.literal_eval(result.stdout)

    assert {found["user_api"] for found in libraries} == {"blas", "openmp"}
    assert {found["num_threads"] for found in libraries} == {1}


@pytest.mark.skipif(not has_avx2(), reason="no x86-64 with AVX2 and Linux")
@pytest.mark.parametrize("given", [{}, {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2"}])
def test_routines_are_those_for_avx2_whatever_the_processor_has(given: dict[str, str]) -> None:
    """With those for AVX-512 each normalized value is another by numpy, and each component by OpenBLAS."""
    program = (
        "import scrna, json, numpy, scipy.linalg, threadpoolctl\n"
        "from numpy._core._multiarray_umath import __cpu_features__ as features\n"
        "libraries = threadpoolctl.threadpool_info()\n"
        "print(json.dumps([[each['architecture'] for each in libraries], features]))"
    )
    chosen = {"OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"}
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in chosen}
        | {**given, "PYTHONPATH": str(BIN)},
        check=True,
    )
    architectures, features = json.loads(result.stdout)

    assert set(architectures) == {"Haswell"}
    assert features["X86_V3"]
    assert not any(features[name] for name in ("X86_V4", "AVX512_ICL", "AVX512_SPR"))


def test_no_path_and_no_time_is_in_the_files(steps: Path, tmp_path: Path) -> None:
    for path in steps.iterdir():
        content = path.read_bytes()
        assert str(steps).encode() not in content
        assert str(Path.home()).encode() not in content

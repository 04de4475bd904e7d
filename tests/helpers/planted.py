"""Small counts with planted groups of cells, made anew by each test from a seed, and the scripts on them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

BIN = Path(__file__).parents[2] / "bin"
MITOCHONDRIAL = [f"MT-{name}" for name in ("ND1", "ND2", "CO1", "CO2", "ATP6", "CYB")]
RIBOSOMAL = [f"RPL{number}" for number in range(3, 15)] + ["RPS2", "RPS3"]
HAEMOGLOBIN = ["HBA1", "HBB"]
GROUPS = ("T", "B", "NK")
MARKERS = 25


def planted_counts(n_cells: int = 240, n_genes: int = 600, seed: int = 0, batches: int = 1) -> AnnData:
    """Return raw counts (CSR float32) of three groups, each with 25 genes of its own, `obs['truth']`.

    With several batches, a fixed set of other genes is three times as high in each batch, `obs['batch']`.
    """
    rng = np.random.default_rng(seed)
    markers = [f"{group}{number}" for group in GROUPS for number in range(MARKERS)]
    known = MITOCHONDRIAL + RIBOSOMAL + HAEMOGLOBIN + markers
    genes = known + [f"GENE{number}" for number in range(n_genes - len(known))]
    base = rng.gamma(0.6, 1.0, n_genes) + 0.02
    base[: len(MITOCHONDRIAL)] = 1.5
    group = rng.integers(0, len(GROUPS), n_cells)
    batch = rng.integers(0, batches, n_cells)
    mean = np.tile(base, (n_cells, 1))
    first = len(known) - len(markers)
    for number in range(len(GROUPS)):
        mean[np.ix_(group == number, first + number * MARKERS + np.arange(MARKERS))] += 4.0
    for number in range(1, batches):
        shifted = len(known) + rng.choice(n_genes - len(known), 120, replace=False)
        mean[np.ix_(batch == number, shifted)] *= 3.0
    mean *= rng.lognormal(0.0, 0.25, (n_cells, 1))
    counts = sparse.csr_matrix(rng.poisson(mean).astype(np.float32))
    obs = pd.DataFrame(
        {"truth": np.array(GROUPS)[group], "batch": [f"b{number}" for number in batch]},
        index=[f"CELL{number:04d}-1" for number in range(n_cells)],
    )
    return AnnData(X=counts, obs=obs, var=pd.DataFrame(index=genes))


def run_script(
    name: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an executable of bin/ as a user does."""
    return subprocess.run(
        [sys.executable, str(BIN / f"{name}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        check=False,
    )

"""A finished sample made by hand: what find_markers.py leaves, small, without running any step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

VERSIONS = {"scanpy": "1.11.5", "numpy": "2.0.0"}
OWN_GENES = 4
OTHER_GENES = 30


def finished_sample(sizes: Sequence[int] = (60, 40, 20), names: Sequence[str] = ()) -> AnnData:
    """Return an annotated AnnData with a cluster of each size, called `names` or 0, 1, …

    Each cluster has four genes of its own. Six cells were removed.
    """
    rng = np.random.default_rng(7)
    groups = list(names) or [str(number) for number in range(len(sizes))]
    label = np.repeat(groups, sizes)
    n_cells = len(label)
    own = [f"{group}-GENE{number}" for group in groups for number in range(OWN_GENES)]
    genes = [*own, *(f"OTHER{number}" for number in range(OTHER_GENES))]
    counts = rng.poisson(0.8, (n_cells, len(genes)))
    for place, group in enumerate(groups):
        chosen = np.ix_(label == group, np.arange(OWN_GENES) + place * OWN_GENES)
        counts[chosen] += rng.poisson(6, counts[chosen].shape)
    counts[:, -1] += 1  # no cell is empty
    angle = 2 * np.pi * np.arange(len(groups)) / len(groups)
    centre = {group: 8 * np.array([np.cos(a), np.sin(a)]) for group, a in zip(groups, angle, strict=True)}
    totals = counts.sum(axis=1)
    adata = AnnData(
        X=sparse.csr_matrix(np.log1p(counts / totals[:, None] * np.median(totals)), dtype=np.float32),
        obs=pd.DataFrame(
            {
                "n_genes_by_counts": (counts > 0).sum(axis=1),
                "total_counts": totals.astype(np.float32),
                "pct_counts_mt": rng.uniform(0, 8, n_cells),
                "pct_counts_ribo": rng.uniform(5, 40, n_cells),
                "pct_counts_hb": np.zeros(n_cells),
                "doublet_score": rng.beta(2, 20, n_cells),
                "predicted_doublet": np.zeros(n_cells, dtype=bool),
                "leiden": pd.Categorical(label, groups),
            },
            index=[f"CELL{number:04d}-1" for number in range(n_cells)],
        ),
        var=pd.DataFrame(
            {
                "gene_id": [f"ENSG{number:011d}" for number in range(len(genes))],
                "highly_variable": np.arange(len(genes)) < len(own),
                "means": np.log1p(counts.mean(axis=0)),
                "dispersions_norm": rng.normal(0, 1, len(genes)),
            },
            index=genes,
        ),
        layers={"counts": sparse.csr_matrix(counts, dtype=np.float32)},
        obsm={
            "X_pca": rng.normal(size=(n_cells, 10)).astype(np.float32),
            "X_umap": np.array([centre[group] for group in label]) + rng.normal(size=(n_cells, 2)),
        },
    )
    adata.uns = {
        "qc": _quality_control(n_cells, len(genes)),
        "scrublet": {
            "threshold": 0.4,
            "doublet_scores_sim": rng.beta(3, 8, 2 * n_cells),
            "parameters": {"expected_doublet_rate": 0.05},
        },
        "pca": {"variance_ratio": np.linspace(0.12, 0.01, 10)},
        "rank_genes_groups": {"params": {"groupby": "leiden", "method": "wilcoxon"}},
        "markers": _markers(groups) if len(groups) > 1 else _markers([]),
        "stargazer": {
            "cluster": _step({"resolution": 0.5, "key_added": "leiden", "seed": 0}),
            "find_markers": _step({"groupby": "leiden", "method": "wilcoxon", "min_fraction": 0.25}),
            "qc_filter": _step(
                {"organism": "human", "min_genes": 3, "max_pct_mt": 20.0, "expected_doublet_rate": 0.05},
                ["3 gene names occurred twice"],
            ),
        },
    }
    return adata


def add_batches(adata: AnnData, names: Sequence[str]) -> AnnData:
    """Give the cells batches in turn, known to the steps as `obs['batch']`."""
    adata.obs["batch"] = pd.Categorical([names[place % len(names)] for place in range(adata.n_obs)], names)
    adata.uns["stargazer"]["qc_filter"]["parameters"]["batch_key"] = "batch"
    return adata


def _quality_control(kept: int, genes: int) -> dict[str, Any]:
    removed = pd.DataFrame(
        {
            "reason": ["doublet", "doublet", "max_pct_mt", "max_pct_mt;doublet", "min_genes", "min_genes"],
            "total_counts": [300.0, 320.0, 40.0, 310.0, 3.0, 2.0],
            "n_genes_by_counts": [40, 41, 20, 39, 2, 2],
            "pct_counts_mt": [2.0, 3.0, 55.0, 31.0, 0.0, 0.0],
            "pct_counts_ribo": [20.0, 21.0, 3.0, 4.0, 0.0, 0.0],
            "pct_counts_hb": np.zeros(6),
            "doublet_score": [0.5, 0.6, 0.1, 0.45, np.nan, np.nan],
        },
        index=[f"GONE{number}-1" for number in range(6)],
    )
    return {
        "organism": "human",
        "mode": "fixed",
        "n_cells_before": kept + len(removed),
        "n_cells_after": kept,
        "n_genes_before": genes + 100,
        "n_genes_after": genes,
        "thresholds": {
            "n_genes_by_counts": {"lower": 3.0},
            "pct_counts_mt": {"upper": 20.0},
            "doublet_score": {"upper": 0.4},
        },
        "removed_counts": {"min_genes": 2, "max_pct_mt": 2, "max_pct_hb": 0, "doublet": 3},
        "removed": removed,
    }


def _markers(groups: Sequence[str]) -> pd.DataFrame:
    """Return the table of markers: the genes of each group, best first."""
    rows = [(group, number) for group in groups for number in range(OWN_GENES)]
    names = [f"{group}-GENE{number}" for group, number in rows]
    return pd.DataFrame(
        {
            "group": np.array([group for group, _ in rows], dtype=object),
            "gene": np.array(names, dtype=object),
            "gene_id": np.array([f"ENSG{place:011d}" for place in range(len(rows))], dtype=object),
            "rank": np.array([number + 1 for _, number in rows], dtype=int),
            "score": np.array([20.0 - number for _, number in rows]),
            "log2_fold_change": np.array([3.5 - 0.5 * number for _, number in rows]),
            "pval": np.array([10.0 ** -(320 - 100 * number) for _, number in rows]),
            "pval_adj": np.array([10.0 ** -(319 - 100 * number) for _, number in rows]),
            "fraction_in": np.full(len(rows), 0.999),
            "fraction_out": np.full(len(rows), 0.0004),
        },
        index=[str(place) for place in range(len(rows))],
    )


def _step(parameters: dict[str, Any], notes: Sequence[str] = ()) -> dict[str, Any]:
    return {"parameters": parameters, "notes": np.array(list(notes), dtype=object), "versions": VERSIONS}

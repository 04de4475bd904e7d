#!/usr/bin/env python3
"""Single cells from counts to clusters and markers in one plain script of scanpy calls.

    python benchmarks/scrna_plain.py CELLS.h5ad OUTDIR [--illico] [--ticks TICKS.csv]

What the workflow is measured against, and an independent calculation to compare its results with: the
scanpy tutorial's calls with the workflow's default parameters, written without the workflow's code.
OUTDIR gets clustered.h5ad, clusters.csv (cell, cluster) and markers.csv.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Ticks:
    """Seconds, and the peak memory of the process so far (GB), of each step in turn."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        # Kilobytes on Linux, bytes on macOS.
        unit = 1e9 if sys.platform == "darwin" else 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        self.rows.append((name, time.perf_counter() - start, peak))

    def as_csv(self) -> str:
        return "step,seconds,peak_gb\n" + "".join(f"{n},{s:.2f},{g:.2f}\n" for n, s, g in self.rows)


def analyse(source: Path, ticks: Ticks, *, illico: bool = False, min_genes=100, max_pct_mt=20.0):
    """Return the clustered AnnData and the table of markers."""
    with ticks.step("import"):
        import scanpy as sc
    with ticks.step("read"):
        cells = sc.read_h5ad(source)
        cells.var_names_make_unique()
    with ticks.step("qc_filter"):
        sc.pp.filter_cells(cells, min_genes=min_genes)
        sc.pp.filter_genes(cells, min_cells=3)
        cells.var["mt"] = cells.var_names.str.startswith("MT-")
        cells.var["ribo"] = cells.var_names.str.match(r"RP[SL](?!6K)")
        cells.var["hb"] = cells.var_names.str.match(r"HB(A[12]|B|D|E1|G[12]|M|Q1|Z)$")
        sc.pp.calculate_qc_metrics(
            cells, qc_vars=["mt", "ribo", "hb"], percent_top=[20], log1p=True, inplace=True
        )
        sc.pp.scrublet(cells)
        cells = cells[(cells.obs["pct_counts_mt"] <= max_pct_mt) & ~cells.obs["predicted_doublet"]].copy()
    with ticks.step("normalize"):
        cells.layers["counts"] = cells.X.copy()
        sc.pp.normalize_total(cells)
        sc.pp.log1p(cells)
    with ticks.step("select_features"):
        sc.pp.highly_variable_genes(cells, n_top_genes=2000)
    with ticks.step("reduce_dimensions"):
        sc.tl.pca(cells, n_comps=50)
        sc.pp.neighbors(cells, n_neighbors=15)
        sc.tl.umap(cells)
    with ticks.step("cluster"):
        sc.tl.leiden(cells, resolution=0.5, flavor="igraph", n_iterations=2, directed=False)
    with ticks.step("find_markers"):
        if illico:
            from illico import asymptotic_wilcoxon

            cells.uns["rank_genes_groups"] = asymptotic_wilcoxon(
                cells, is_log1p=True, group_keys="leiden", reference=None, use_continuity=False,
                tie_correct=False, exp_post_agg=True, return_as_scanpy=True,
            )  # fmt: skip
        else:
            sc.tl.rank_genes_groups(cells, groupby="leiden", method="wilcoxon", pts=True)
        markers = sc.get.rank_genes_groups_df(cells, None, pval_cutoff=0.05, log2fc_min=1.0)
        if not illico:
            markers = markers[markers["pct_nz_group"] >= 0.25]
    return cells, markers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cells", type=Path, help="raw counts, .h5ad")
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--illico", action="store_true", help="rank genes with illico, as the workflow does")
    parser.add_argument("--ticks", type=Path, help="CSV for seconds and peak memory of each step")
    options = parser.parse_args()

    ticks = Ticks()
    cells, markers = analyse(options.cells, ticks, illico=options.illico)
    options.outdir.mkdir(parents=True, exist_ok=True)
    with ticks.step("write"):
        cells.write_h5ad(options.outdir / "clustered.h5ad", compression="gzip")
        cells.obs["leiden"].rename("cluster").to_csv(options.outdir / "clusters.csv", index_label="cell")
        markers.to_csv(options.outdir / "markers.csv", index=False)
    (options.ticks or options.outdir / "ticks.csv").write_text(ticks.as_csv(), encoding="utf-8")


if __name__ == "__main__":
    main()

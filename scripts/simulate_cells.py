#!/usr/bin/env python3
"""Make the bundled single-cell set: raw counts of cells whose types, markers and flaws are known.

    python3 scripts/simulate_cells.py --seed 7 --out stargazer_cli/demo/data/scrna
    python3 scripts/simulate_cells.py --cells 50000 --genes 17000 --depth 3500 --out FOLDER   (for benchmarks)

The same seed gives the same content. Needs numpy, scipy and anndata (the extra `scrna`).

Each droplet has a depth (log-normal around --depth, the batches differ) and an expected share of it for each
gene: background genes are log-normal and equal in every type; a type's markers are 8 to 24 times as high in
it as elsewhere; the genes of a lineage are as high in both of its types. The second batch multiplies each
gene by a factor of its own. Counts are negative binomial with mean m = depth x share and variance
m + DISPERSION x m^2. A doublet is the sum of two cells of different types, a damaged cell has lost most of
what is not mitochondrial, an empty droplet holds a few counts of the mean of all types (ambient RNA).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

# Share of the cells; the last type is rare.
TYPES = {"amber": 0.30, "basalt": 0.24, "cobalt": 0.18, "dune": 0.14, "ember": 0.10, "flint": 0.04}
LINEAGES = {"north": ("amber", "basalt"), "south": ("cobalt", "dune")}
BATCHES = {"batch1": 0.55, "batch2": 0.45}
BATCH_DEPTH = {"batch1": 1.0, "batch2": 0.8}
BATCH_SD = 0.15  # of the log factor that the second batch has on each gene
DOUBLETS, DAMAGED, EMPTY = 0.06, 0.05, 0.04  # shares of the droplets

MARKERS = 25  # a type
LINEAGE_GENES = 10  # a lineage
MARKER_SHARE = 0.0025  # of a cell's counts, typically, where a marker is on
FOLD = (8.0, 24.0)  # on against off
BACKGROUND_SD = 1.6  # of the log expression of background genes
DEPTH_SD = 0.3  # of the log depth
DISPERSION = 0.12
MITO, MITO_SD, DAMAGED_MITO = 0.05, 0.25, (0.40, 0.65)  # shares of the counts
DAMAGED_DEPTH = 0.6  # of a whole cell's
EMPTY_COUNTS = (25, 75)
RIBO, HAEMOGLOBIN = 0.14, 0.001
DECOY = "granite"  # a marker set of a type that is not there, for the hints
BLOCK = 100  # droplets drawn at once; the draws depend on it

MT_GENES = (
    "MT-ND1", "MT-ND2", "MT-CO1", "MT-CO2", "MT-ATP8", "MT-ATP6", "MT-CO3", "MT-ND3", "MT-ND4L", "MT-ND4",
    "MT-ND5", "MT-ND6", "MT-CYB",
)  # fmt: skip
RIBO_GENES = (
    "RPL3", "RPL4", "RPL5", "RPL6", "RPL7", "RPL7A", "RPL8", "RPL10", "RPL11", "RPL13", "RPL13A", "RPL15",
    "RPL18", "RPL19", "RPL23", "RPL24", "RPL27", "RPL28", "RPL30", "RPL32", "RPL34", "RPL37", "RPL39",
    "RPS2", "RPS3", "RPS4X", "RPS5", "RPS6", "RPS8", "RPS9", "RPS11", "RPS12", "RPS14", "RPS15", "RPS18",
    "RPS19", "RPS23", "RPS24", "RPS27", "RPS29",
)  # fmt: skip
HB_GENES = ("HBA1", "HBA2", "HBB")
# Names that begin like those above and are of other families: a kinase, a receptor, a growth factor.
LOOKALIKES = ("RPS6KA1", "HBEGF", "HBP1", "MTOR")


@dataclass(frozen=True)
class Genes:
    """Names in the order of the columns, and for each type the share of each gene (rows add up to 1)."""

    names: tuple[str, ...]
    markers: dict[str, tuple[str, ...]]
    lineages: dict[str, tuple[str, ...]]
    shares: dict[str, np.ndarray]
    batch: np.ndarray  # factor of each gene in the second batch
    mitochondrial: np.ndarray  # of bool


@dataclass(frozen=True)
class Droplet:
    """What was planted in one droplet: the types in it (two in a doublet, none in an empty one)."""

    barcode: str
    kind: str
    types: tuple[str, ...]
    batch: str

    @property
    def label(self) -> str:
        """The type of a whole cell; empty for all that quality control should remove."""
        return self.types[0] if self.kind == "cell" else ""


def stream(seed: int, purpose: str) -> np.random.RandomState:
    """Return a random stream for one purpose; RandomState because numpy froze what it draws (NEP 19)."""
    return np.random.RandomState(zlib.crc32(f"{seed} {purpose}".encode()))


def make_genes(seed: int, count: int) -> Genes:
    """Name `count` genes, shuffle them, and draw their shares in each type."""
    rng = stream(seed, "genes")
    markers = {label: tuple(f"{label.upper()}{n + 1}" for n in range(MARKERS)) for label in TYPES}
    lineages = {name: tuple(f"{name.upper()}{n + 1}" for n in range(LINEAGE_GENES)) for name in LINEAGES}
    special = [name for group in (*markers.values(), *lineages.values()) for name in group]
    known = [*MT_GENES, *RIBO_GENES, *HB_GENES, *LOOKALIKES, *special]
    if count < 2 * len(known):
        raise SystemExit(f"--genes must be at least {2 * len(known)}")
    plain = [f"GENE{n + 1}" for n in range(count - len(known))]
    names = np.array([*known, *plain])[rng.permutation(count)]
    column = {name: index for index, name in enumerate(names)}

    def columns(wanted: tuple[str, ...]) -> list[int]:
        return [column[name] for name in wanted]

    background = rng.lognormal(0.0, BACKGROUND_SD, count)
    on = MARKER_SHARE * rng.lognormal(0.0, 0.4, count)
    off = on / rng.uniform(*FOLD, count)
    families = {MT_GENES: MITO, RIBO_GENES: RIBO, HB_GENES: HAEMOGLOBIN}
    family = {group: rng.uniform(0.5, 1.5, len(group)) for group in families}

    shares = {}
    for label in TYPES:
        share = background.copy()
        inside = set(markers[label]).union(*(lineages[n] for n, types in LINEAGES.items() if label in types))
        chosen = columns(tuple(special))
        share[chosen] = [on[c] if names[c] in inside else off[c] for c in chosen]
        for group, total in families.items():
            share[columns(group)] = total * family[group] / family[group].sum()
        # Background genes take what is left, so that what is said of the others holds in every type.
        rest = np.ones(count, dtype=bool)
        rest[columns((*special, *MT_GENES, *RIBO_GENES, *HB_GENES))] = False
        share[rest] *= (1 - share[~rest].sum()) / share[rest].sum()
        shares[label] = share
    return Genes(
        names=tuple(str(name) for name in names),
        markers=markers,
        lineages=lineages,
        shares=shares,
        batch=rng.lognormal(0.0, BATCH_SD, count),
        mitochondrial=np.array([name in MT_GENES for name in names]),
    )


def plan_droplets(seed: int, count: int) -> list[Droplet]:
    """Decide what is in each of `count` droplets: exact numbers of each kind and type, in random order."""
    rng = stream(seed, "droplets")
    kinds = {"doublet": round(count * DOUBLETS), "damaged": round(count * DAMAGED)}
    kinds["empty"] = round(count * EMPTY)
    labels = list(TYPES)
    contents: list[tuple[str, tuple[str, ...]]] = []
    for kind, number in {"cell": count - sum(kinds.values()), **kinds}.items():
        if kind == "empty":
            contents += [(kind, ())] * number
        elif kind == "doublet":
            for _ in range(number):
                first = rng.choice(len(labels), p=list(TYPES.values()))
                # Of another type: two cells of one type cannot be told from one cell.
                others = np.array([0.0 if n == first else s for n, s in enumerate(TYPES.values())])
                second = rng.choice(len(labels), p=others / others.sum())
                contents.append((kind, tuple(sorted((labels[first], labels[second])))))
        else:
            ends = np.round(np.cumsum(list(TYPES.values())) * number).astype(int)
            for label, start, end in zip(labels, [0, *ends], ends, strict=False):
                contents += [(kind, (label,))] * (end - start)
    order = rng.permutation(count)
    batches = rng.choice(list(BATCHES), count, p=list(BATCHES.values()))
    barcodes: dict[str, None] = {}
    while len(barcodes) < count:
        barcodes["".join(rng.choice(list("ACGT"), 16)) + "-1"] = None
    return [
        Droplet(barcode, *contents[index], str(batch))
        for barcode, index, batch in zip(barcodes, order, batches, strict=True)
    ]


def expected(rng: np.random.RandomState, genes: Genes, droplet: Droplet, depth: float) -> list[np.ndarray]:
    """Return the expected counts of each cell in a droplet (one row; two for a doublet)."""
    batch = genes.batch if droplet.batch == "batch2" else np.ones(len(genes.names))
    if droplet.kind == "empty":
        ambient = sum(TYPES[label] * genes.shares[label] for label in TYPES) * batch
        return [ambient / ambient.sum() * rng.uniform(*EMPTY_COUNTS)]
    rows = []
    for label in droplet.types:
        share = genes.shares[label] * batch
        counts = depth * BATCH_DEPTH[droplet.batch] * rng.lognormal(0.0, DEPTH_SD)
        mito = MITO * rng.lognormal(0.0, MITO_SD)
        if droplet.kind == "damaged":
            counts *= DAMAGED_DEPTH
            mito = rng.uniform(*DAMAGED_MITO)
        inside = genes.mitochondrial
        row = np.where(inside, share * mito / share[inside].sum(), share * (1 - mito) / share[~inside].sum())
        rows.append(counts * row)
    return rows


def draw_counts(seed: int, genes: Genes, droplets: list[Droplet], depth: float) -> sp.csr_matrix:
    """Draw the counts, droplets x genes, in blocks so that memory follows what is not zero."""
    rng = stream(seed, "counts")
    blocks = []
    for start in range(0, len(droplets), BLOCK):
        rows = [expected(rng, genes, droplet, depth) for droplet in droplets[start : start + BLOCK]]
        means = np.array([row for cells in rows for row in cells])
        counts = rng.poisson(rng.gamma(1 / DISPERSION, means * DISPERSION))
        firsts = np.cumsum([0, *(len(cells) for cells in rows[:-1])])
        blocks.append(sp.csr_matrix(np.add.reduceat(counts, firsts, axis=0).astype(np.float32)))
    return sp.vstack(blocks, format="csr")


def to_anndata(genes: Genes, droplets: list[Droplet], counts: sp.csr_matrix) -> anndata.AnnData:
    """Put counts, barcodes and names together; nothing of the truth but the batch goes in."""
    return anndata.AnnData(
        counts,
        obs=pd.DataFrame(
            {"batch": pd.Categorical([droplet.batch for droplet in droplets], list(BATCHES))},
            index=[droplet.barcode for droplet in droplets],
        ),
        # Ids of a block that no release has given to a gene.
        var=pd.DataFrame(
            {"gene_id": [f"ENSG99{n + 1:09d}" for n in range(len(genes.names))]}, index=list(genes.names)
        ),
    )


def write_h5ad(cells: anndata.AnnData, file: Path) -> None:
    """Write without times, compressed as far as gzip goes; shuffled bytes compress to half."""
    with h5py.File(file, "w") as target:
        anndata.io.write_elem(
            target, "/", cells, dataset_kwargs={"compression": "gzip", "compression_opts": 9, "shuffle": True}
        )


def truth_table(droplets: list[Droplet]) -> str:
    """Write what is in each droplet: cell, label (of whole cells only), kind."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["cell", "label", "kind"])
    writer.writerows([droplet.barcode, droplet.label, droplet.kind] for droplet in droplets)
    return text.getvalue()


def truth_document(genes: Genes, droplets: list[Droplet], seed: int) -> dict[str, object]:
    """Say what was planted, in numbers and names that a test can check."""
    whole = Counter(droplet.label for droplet in droplets)
    return {
        "seed": seed,
        "droplets": len(droplets),
        "genes": len(genes.names),
        "kinds": dict(sorted(Counter(droplet.kind for droplet in droplets).items())),
        "cells": {label: whole[label] for label in TYPES},
        "batches": dict(sorted(Counter(droplet.batch for droplet in droplets).items())),
        "markers": {label: list(names) for label, names in genes.markers.items()},
        "lineages": {
            name: {"labels": list(LINEAGES[name]), "genes": list(genes.lineages[name])} for name in LINEAGES
        },
    }


def marker_sets(genes: Genes) -> str:
    """Write half of each type's markers as GMT, and the set of a type that is not there."""
    sets = {label: names[: MARKERS // 2] for label, names in genes.markers.items()}
    sets[DECOY] = tuple(name for name in genes.names if name.startswith("GENE"))[: MARKERS // 2]
    return "".join("\t".join([label, "simulated", *names]) + "\n" for label, names in sets.items())


def readme_text(droplets: list[Droplet], cells: anndata.AnnData, seed: int) -> str:
    """Describe the data for the people who find it."""
    kinds = Counter(droplet.kind for droplet in droplets)
    whole = Counter(droplet.label for droplet in droplets)
    rows = "\n".join(
        f"| {label} | {whole[label]} | {label.upper()}1 to {label.upper()}{MARKERS} |" for label in TYPES
    )
    pairs = " and ".join(
        f"{' and '.join(types)} share {name.upper()}1 to {name.upper()}{LINEAGE_GENES}"
        for name, types in LINEAGES.items()
    )
    low, high = (f"{share:.0%}" for share in DAMAGED_MITO)
    return f"""# Simulated single cells whose truth is known

Made by `python3 scripts/simulate_cells.py --seed {seed} --out FOLDER`: the same seed gives the same content.
Nothing in here comes from a person.

- `cells.h5ad`: raw counts, {cells.n_obs:,} droplets x {cells.n_vars:,} genes, with `obs['batch']`
  and `var['gene_id']` (ids that no gene has). The {len(MT_GENES)} mitochondrial genes,
  {len(RIBO_GENES)} ribosomal ones and the haemoglobins have their human names;
  {", ".join(LOOKALIKES)} only look like them.
- `truth.csv`: what is in each droplet: `label` (the type of a whole cell, else empty) and `kind`:
  {kinds["cell"]} cells, {kinds["doublet"]} doublets of two types,
  {kinds["damaged"]} damaged cells ({low} to {high} mitochondrial) and
  {kinds["empty"]} near-empty droplets ({EMPTY_COUNTS[0]} to {EMPTY_COUNTS[1]} counts); both ranges are of
  expected values.
- `truth.json`: these numbers, and the planted markers of each type.
- `marker_sets.gmt`: half of each type's markers, and a set `{DECOY}` of a type that is not there.

| type | cells | markers |
|---|---|---|
{rows}

Related types have genes in common: {pairs}.
All other genes are equal in every type.
The second batch has {1 - BATCH_DEPTH["batch2"]:.0%} fewer counts, and a factor of its own on each
gene (log-normal, sd {BATCH_SD}).
"""


def simulate(seed: int, count: int, genes_count: int, depth: float, out: Path) -> None:
    """Simulate everything and write the files into a folder."""
    genes = make_genes(seed, genes_count)
    droplets = plan_droplets(seed, count)
    cells = to_anndata(genes, droplets, draw_counts(seed, genes, droplets, depth))
    out.mkdir(parents=True, exist_ok=True)
    write_h5ad(cells, out / "cells.h5ad")
    texts = {
        "truth.csv": truth_table(droplets),
        "truth.json": json.dumps(truth_document(genes, droplets, seed), indent=2) + "\n",
        "marker_sets.gmt": marker_sets(genes),
        "README.md": readme_text(droplets, cells, seed),
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Write the files into a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=7, help="which set to make (default: %(default)s)")
    parser.add_argument("--cells", type=int, default=700, help="droplets (default: %(default)s)")
    parser.add_argument("--genes", type=int, default=2500, help="genes (default: %(default)s)")
    parser.add_argument(
        "--depth", type=float, default=1500, help="median counts of a whole cell (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write into; made when absent")
    options = parser.parse_args(arguments)
    simulate(options.seed, options.cells, options.genes, options.depth, options.out)


if __name__ == "__main__":
    main()

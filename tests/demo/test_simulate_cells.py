"""The bundled single cells: made by the script, as the truth says, and found by a plain scanpy script."""

import csv
import importlib.util
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import anndata
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "stargazer_cli" / "demo" / "data" / "scrna"
TRUTH = json.loads((DATA / "truth.json").read_text())


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulator() -> ModuleType:
    return load(ROOT / "scripts" / "simulate_cells.py")


@pytest.fixture(scope="module")
def cells() -> anndata.AnnData:
    return anndata.read_h5ad(DATA / "cells.h5ad")


@pytest.fixture(scope="module")
def kinds() -> dict[str, str]:
    with (DATA / "truth.csv").open(newline="") as file:
        return {row["cell"]: row["kind"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def labels() -> dict[str, str]:
    with (DATA / "truth.csv").open(newline="") as file:
        return {row["cell"]: row["label"] for row in csv.DictReader(file)}


def columns(cells: anndata.AnnData, names: list[str]) -> np.ndarray:
    return cells.X[:, cells.var_names.get_indexer(names)].toarray()


def of_kind(cells: anndata.AnnData, kinds: dict[str, str], kind: str) -> np.ndarray:
    return np.array([kinds[cell] == kind for cell in cells.obs_names])


def test_the_script_makes_exactly_what_is_bundled(
    simulator: ModuleType, cells: anndata.AnnData, tmp_path: Path
) -> None:
    """Content is compared: releases of the HDF5 library may write other bytes."""
    simulator.main(["--seed", str(TRUTH["seed"]), "--out", str(tmp_path)])
    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in DATA.iterdir()}
    texts = [file.name for file in DATA.iterdir() if file.suffix != ".h5ad"]
    assert [name for name in texts if (tmp_path / name).read_bytes() != (DATA / name).read_bytes()] == []
    made = anndata.read_h5ad(tmp_path / "cells.h5ad")
    assert (made.X != cells.X).nnz == 0
    assert made.obs.equals(cells.obs)
    assert made.var.equals(cells.var)


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_counts(
    simulator: ModuleType, tmp_path: Path
) -> None:
    for folder, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        size = ["--cells", "120", "--genes", "600"]
        simulator.main(["--seed", seed, *size, "--out", str(tmp_path / folder)])
    first, again, other = ((tmp_path / folder / "cells.h5ad").read_bytes() for folder in "abc")
    assert first == again
    assert first != other


def test_the_bundle_is_small() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 1_000_000


def test_the_counts_are_raw_and_nothing_of_the_truth_is_inside(cells: anndata.AnnData) -> None:
    assert cells.X.dtype == np.float32
    assert cells.X.format == "csr"
    assert (cells.X.data == np.rint(cells.X.data)).all()
    assert cells.X.data.min() > 0
    assert cells.obs_names.is_unique
    assert cells.var_names.is_unique
    assert list(cells.obs) == ["batch"]
    assert list(cells.var) == ["gene_id"]
    assert not cells.uns
    assert cells.obs["batch"].value_counts().to_dict() == TRUTH["batches"]


def test_the_truth_has_one_line_for_each_droplet_with_the_stated_numbers(
    cells: anndata.AnnData, kinds: dict[str, str], labels: dict[str, str]
) -> None:
    assert list(kinds) == list(cells.obs_names)
    assert Counter(kinds.values()) == TRUTH["kinds"]
    assert Counter(labels[cell] for cell, kind in kinds.items() if kind == "cell") == TRUTH["cells"]
    assert {kind for cell, kind in kinds.items() if labels[cell]} == {"cell"}
    assert min(TRUTH["cells"].values()) < 0.05 * len(kinds)  # one type is rare


def test_damaged_cells_and_empty_droplets_fall_to_the_default_filters(
    cells: anndata.AnnData, kinds: dict[str, str]
) -> None:
    detected = np.diff(cells.X.indptr)
    mito = [name for name in cells.var_names if name.startswith("MT-")]
    assert len(mito) == 13
    share = columns(cells, mito).sum(1) / cells.X.sum(1).A1
    assert detected[of_kind(cells, kinds, "empty")].max() < 100
    assert share[of_kind(cells, kinds, "damaged")].min() > 0.30
    assert detected[of_kind(cells, kinds, "damaged")].min() > 100
    for kind in ("cell", "doublet"):
        assert detected[of_kind(cells, kinds, kind)].min() > 200
        assert share[of_kind(cells, kinds, kind)].max() < 0.15


def test_markers_are_high_in_their_type_and_lineage_genes_in_both_of_theirs(
    cells: anndata.AnnData, kinds: dict[str, str], labels: dict[str, str]
) -> None:
    whole = of_kind(cells, kinds, "cell")
    label = np.array([labels[cell] for cell in cells.obs_names])
    depth = cells.X.sum(1).A1
    groups = [([name], genes) for name, genes in TRUTH["markers"].items()]
    groups += [(lineage["labels"], lineage["genes"]) for lineage in TRUTH["lineages"].values()]
    for types, genes in groups:
        share = columns(cells, genes) / depth[:, None]
        inside = np.isin(label, types)
        fold = share[whole & inside].mean(0) / share[whole & ~inside].mean(0)
        assert fold.min() > 4, types
    planted = {gene for _, genes in groups for gene in genes}
    others = [name for name in cells.var_names if name not in planted]
    means = {name: columns(cells[whole & (label == name)], others).mean(0) for name in TRUTH["cells"]}
    common = np.min(list(means.values()), axis=0) > 1  # expressed enough to judge
    assert common.sum() > 50
    ratios = np.array([means[name][common] / means["amber"][common] for name in TRUTH["cells"]])
    assert (np.abs(np.log2(ratios)) < 1).all()


def test_a_doublet_has_the_markers_of_two_types_and_about_twice_the_counts(
    cells: anndata.AnnData, kinds: dict[str, str]
) -> None:
    depth = cells.X.sum(1).A1
    doublets, whole = of_kind(cells, kinds, "doublet"), of_kind(cells, kinds, "cell")
    assert 1.6 < np.median(depth[doublets]) / np.median(depth[whole]) < 2.4
    scores = np.array([columns(cells, genes).sum(1) / depth for genes in TRUTH["markers"].values()])
    second = np.sort(scores, axis=0)[-2]
    assert second[doublets].min() > np.quantile(second[whole], 0.95)


def test_the_counts_vary_more_than_chance_alone(cells: anndata.AnnData, kinds: dict[str, str]) -> None:
    """Variance m + m^2 d with the script's d, seen in a gene that is equal in all types, at equal depth."""
    whole = cells[of_kind(cells, kinds, "cell")]
    depth = whole.X.sum(1).A1
    ribo = columns(whole, [name for name in cells.var_names if name.startswith(("RPL", "RPS"))])
    share = ribo.sum(0) / depth.sum()
    expected = depth[:, None] * share
    dispersion = ((ribo - expected) ** 2 - expected).sum() / (expected**2).sum()
    assert 0.08 < dispersion < 0.20


def test_a_plain_scanpy_script_finds_the_planted_types(labels: dict[str, str], kinds: dict[str, str]) -> None:
    plain = load(ROOT / "benchmarks" / "scrna_plain.py")
    clustered, markers = plain.analyse(DATA / "cells.h5ad", plain.Ticks())
    kept = [cell for cell in clustered.obs_names if labels[cell]]
    found = clustered.obs["leiden"][kept]
    assert adjusted_rand_score([labels[cell] for cell in kept], found) > 0.95
    assert {kinds[cell] for cell in clustered.obs_names} <= {"cell", "doublet"}
    assert sum(kinds[cell] == "doublet" for cell in clustered.obs_names) < 0.2 * TRUTH["kinds"]["doublet"]
    for label, genes in TRUTH["markers"].items():
        group = found[[labels[cell] == label for cell in kept]].mode()[0]
        assert set(genes) <= set(markers.loc[markers["group"] == group, "names"]), label


def test_the_marker_sets_hold_planted_markers_and_a_decoy() -> None:
    sets = {line.split("\t")[0]: line.split("\t")[2:] for line in (DATA / "marker_sets.gmt").open()}
    decoys = set(sets) - set(TRUTH["markers"])
    assert len(decoys) == 1
    for label, genes in TRUTH["markers"].items():
        assert {gene.strip() for gene in sets[label]} < set(genes)

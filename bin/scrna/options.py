"""The parameters of every step: one frozen dataclass a step, read by its script, the chain and the tests.

Defaults are those of the catalogue. This module imports nothing heavy, so that `--help` is instant.
"""

import argparse
import dataclasses
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Options = TypeVar("Options")


def _option(default: Any, text: str, parse: Callable[[str], Any], choices: tuple[str, ...] = ()) -> Any:
    """Return a dataclass field that knows how its command-line option is read and described."""
    return dataclasses.field(default=default, metadata={"help": text, "parse": parse, "choices": choices})


def _number(kind: type, low: float, high: float = float("inf"), above: bool = False) -> Callable[[str], Any]:
    """Return a reader of a number in [low, high], or in (low, high] with `above`."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not {'a whole number' if kind is int else 'a number'}"
            ) from None
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
        if not (low < value if above else low <= value) or not value <= high:
            limits = f"{'above' if above else 'at least'} {low:g}" + (
                f" and at most {high:g}" if high != float("inf") else ""
            )
            raise argparse.ArgumentTypeError(f"{text} is not {limits}")
        return value

    return parse


def _resolutions(text: str) -> str:
    """Check a comma list of resolutions and return it as given."""
    for part in text.split(","):
        _number(float, 0.0, above=True)(part.strip())
    return text


def _name(text: str) -> str:
    """Check a name that becomes a column of the file."""
    if not text.strip() or "/" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name: give some letters, no slash")
    return text


# What the steps themselves write into obs and uns, or the report looks for in obs: clusters of such a name
# would overwrite it, or be overwritten or be shown as something that they are not.
_OWN_NAMES = frozenset(
    (
        "_index", "n_genes_by_counts", "total_counts", "doublet_score", "predicted_doublet",
        "batch", "sample", "donor",
        "qc", "scrublet", "log1p", "hvg", "pca", "neighbors", "umap", "rank_genes_groups", "markers",
        "cell_type_hints", "stargazer",
    )
)  # fmt: skip
_OWN_BEGINNINGS = ("pct_counts_", "log1p_", "total_counts_")


def cluster_columns(key_added: str, resolution: float, more_resolutions: str | None) -> dict[str, float]:
    """Return the resolution of each obs column that `cluster` makes: `key_added` and `<key_added>_<r>`.

    Raises `ValueError` where two resolutions would share a column.
    """
    columns = {key_added: resolution}
    further = [] if more_resolutions is None else more_resolutions.split(",")
    for part in dict.fromkeys(map(float, further)):
        column = f"{key_added}_{part:g}"
        if column in columns:
            raise ValueError(
                f"--more-resolutions has {columns[column]!r} and {part!r}: both would be the column {column};"
                " leave one out"
            )
        columns[column] = part
    return columns


def name_clash(key_added: str, more_resolutions: str | None, batch_keys: Collection[str] = ()) -> str | None:
    """Say why the clusters cannot have the name `key_added`; None where they can.

    `batch_keys` are the obs columns that tell batches. Both columns and further resolutions are looked at.
    """
    try:
        columns = cluster_columns(key_added, 0.0, more_resolutions)
    except ValueError as error:
        return str(error)
    for column in columns:
        if column in batch_keys:
            return (
                f"--key-added {key_added} would overwrite the batches, obs column {column}; take another name"
            )
        if column in _OWN_NAMES or column.startswith(_OWN_BEGINNINGS):
            return (
                f"--key-added {key_added}: {column} is a name that the steps or the report use themselves;"
                " take another name"
            )
    return None


# The logarithm of any share of it stays below 20, by which values are told to be logarithms.
_LARGEST_TARGET = 1e8

_SEED = _option(0, "seed of the random numbers", _number(int, 0, 2**31 - 1))  # as far as Harmony
_BATCH = _option(None, "name of the obs column that tells batches", _name)
_MARKER_SETS = _option(
    None, "GMT file of marker genes (cell type, description, genes): gives a hint for each group", Path
)


@dataclass(frozen=True)
class ImportCounts:
    """Reading counts leaves nothing to choose."""


@dataclass(frozen=True)
class QcFilter:
    """Which cells and genes stay."""

    organism: str = _option("human", "organism of the sample: human or mouse; any with --mt-prefix", str)
    mt_prefix: str | None = _option(None, "what the names of mitochondrial genes begin with", _name)
    qc: str = _option(
        "fixed",
        "fixed: the limits below; mad: also median absolute deviations from the sample's own median",
        str,
        ("fixed", "mad"),
    )
    min_genes: int = _option(100, "genes that a cell must express", _number(int, 0))
    min_cells: int = _option(3, "cells that must express a gene", _number(int, 0))
    max_pct_mt: float = _option(20.0, "most mitochondrial counts of a cell, in %%", _number(float, 0, 100))
    max_pct_ribo: float = _option(100.0, "most ribosomal-protein counts, in %%", _number(float, 0, 100))
    max_pct_hb: float = _option(100.0, "most haemoglobin counts, in %%", _number(float, 0, 100))
    n_mads: float = _option(
        5.0,
        "with --qc mad: deviations allowed for counts, genes and the share of the top 20 genes",
        _number(float, 0, above=True),
    )
    n_mads_mt: float = _option(
        3.0, "with --qc mad: deviations allowed for mitochondrial %%, upwards", _number(float, 0, above=True)
    )
    doublets: str = _option("scrublet", "how doublets are found and removed", str, ("scrublet", "none"))
    expected_doublet_rate: float = _option(
        0.05, "share of doublets that the experiment is expected to have", _number(float, 0, 0.5, above=True)
    )
    batch_key: str | None = _BATCH
    seed: int = _SEED


@dataclass(frozen=True)
class Normalize:
    """How counts become comparable between cells."""

    target_sum: float | None = _option(
        None,
        "counts of every cell after scaling, 1 to 100 million (default: the median of the sample)",
        _number(float, 1, _LARGEST_TARGET),
    )


@dataclass(frozen=True)
class SelectFeatures:
    """Which genes carry the differences between cells."""

    n_top_genes: int = _option(2000, "highly variable genes to select", _number(int, 1))
    hvg_flavor: str = _option(
        "seurat",
        "how variability is measured; seurat_v3 works on the counts",
        str,
        ("seurat", "cell_ranger", "seurat_v3"),
    )
    batch_key: str | None = _BATCH


@dataclass(frozen=True)
class ReduceDimensions:
    """How cells are placed: components, batches, neighbours."""

    n_pcs: int = _option(50, "principal components", _number(int, 1))
    n_neighbors: int = _option(15, "nearest neighbours of a cell, itself among them", _number(int, 2))
    integrate: str = _option("none", "how batches are brought together", str, ("none", "harmony"))
    batch_key: str | None = _BATCH
    seed: int = _SEED


@dataclass(frozen=True)
class Cluster:
    """How cells are grouped."""

    resolution: float = _option(0.5, "higher gives more clusters", _number(float, 0, above=True))
    more_resolutions: str | None = _option(
        None, "further resolutions, as in 0.2,1.0: each gives a column of its own", _resolutions
    )
    leiden_flavor: str = _option(
        "igraph", "which implementation of Leiden runs", str, ("igraph", "leidenalg")
    )
    key_added: str = _option("leiden", "name of the obs column that gets the clusters", _name)
    seed: int = _SEED


@dataclass(frozen=True)
class FindMarkers:
    """Which genes tell a group from the rest."""

    groupby: str | None = _option(
        None, "obs column whose groups are compared (default: the clusters of the step before)", _name
    )
    method: str = _option("wilcoxon", "test that ranks genes", str, ("wilcoxon", "t-test"))
    min_log2_fold_change: float = _option(
        1.0, "least log2 fold change of a marker", _number(float, float("-inf"))
    )
    min_fraction: float = _option(
        0.25, "least share of the group's cells that express a marker", _number(float, 0, 1)
    )
    max_pval_adj: float = _option(0.05, "largest adjusted p value of a marker", _number(float, 0, 1))
    marker_sets: Path | None = _MARKER_SETS


def add_arguments(parser: argparse.ArgumentParser, *steps: type) -> None:
    """Add the options of `steps` to `parser`; one that several steps share is added once."""
    seen: set[str] = set()
    for step in steps:
        for field in dataclasses.fields(step):
            if field.name in seen:
                continue
            seen.add(field.name)
            choices = field.metadata["choices"]
            shown = "" if field.default is None else f" (default: {field.default})"
            parser.add_argument(
                f"--{field.name.replace('_', '-')}",
                type=field.metadata["parse"],
                choices=choices or None,
                default=field.default,
                metavar=None if choices else field.name.rsplit("_", maxsplit=1)[-1].upper(),
                help=field.metadata["help"] + shown,
            )


def from_arguments(step: type[Options], arguments: argparse.Namespace) -> Options:
    """Return the options of one step out of what the parser read."""
    names = [field.name for field in dataclasses.fields(step)]  # type: ignore[arg-type]
    return step(**{name: getattr(arguments, name) for name in names})

"""What organism the cells of a bundle are of: their genes say it, not the label."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from helpers import dags
from helpers.gateway import Gateway, served
from scrna.organisms import classify_genes

from stargazer_cli import bundles
from stargazer_cli.app import App
from stargazer_cli.bundles.fetch import fetch
from stargazer_cli.bundles.genes import organism_of_cells, organism_of_genes
from stargazer_cli.commands.bundles import bundles as command
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore

HUMAN = ["MT-CO1", "MT-ND4", "RPS3", "RPL10", "HBA1", "HBB", "CD3E", "LYZ"]
MOUSE = ["mt-Co1", "mt-Nd4", "Rps3", "Rpl10", "Hba-a1", "Hbb-bs", "Cd3e", "Lyz2"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.delenv("PINATA_JWT", raising=False)
    return LocalStore(Settings())


def cells(path: Path, genes: Sequence[str]) -> Path:
    """Write raw counts of two cells."""
    var = pd.DataFrame(index=pd.Index(list(genes), name="gene"))
    counts = np.ones((2, len(genes)), dtype=np.float32)
    anndata.AnnData(counts, pd.DataFrame(index=["a", "b"]), var).write_h5ad(path)
    return path


@pytest.fixture
def published(
    tmp_path: Path, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Sequence[str], str], bundles.Bundle]:
    """A bundle of one file of cells, labelled as is said, that a gateway has."""

    def publish(genes: Sequence[str], label: str) -> bundles.Bundle:
        path = cells(tmp_path / "s1.h5ad", genes)
        cid = gateway.publish(dags.file(path.read_bytes(), dags.Layout(256 * 1024)))
        keyvalues = {"asset": "anndata", "sample_id": "s1", "stage": "raw"}
        if label:
            keyvalues["organism"] = label
        files = [{"name": "s1.h5ad", "cid": cid, "keyvalues": keyvalues}]
        described = {"title": "Cells", "source": "Here", "files": files}
        (tmp_path / "the_cells.yml").write_text(yaml.safe_dump(described))
        return bundles.parse(tmp_path / "the_cells.yml")

    with served(Gateway()) as gateway:
        monkeypatch.setattr(store.settings, "pinata_gateway", gateway.url)
        monkeypatch.setenv("PINATA_GATEWAY", gateway.url)
        yield publish


@pytest.mark.parametrize(
    ("genes", "label", "recorded", "notes"),
    [
        (HUMAN, "human", "human", []),
        (MOUSE, "mouse", "mouse", []),
        (
            HUMAN,
            "mouse",
            "human",
            ["those of human, not of mouse as the bundle says; recorded as organism=human."],
        ),
        (
            MOUSE,
            "human",
            "mouse",
            ["those of mouse, not of human as the bundle says; recorded as organism=mouse."],
        ),
        (MOUSE, "", "mouse", ["those of mouse; recorded as organism=mouse."]),
        (["FBgn0000001", "FBgn0000002"], "fly", "fly", []),
        (HUMAN + MOUSE, "human", "human", []),
    ],
)
def test_the_genes_win_over_the_label_and_it_is_told(
    store: LocalStore,
    published: Callable[[Sequence[str], str], bundles.Bundle],
    genes: Sequence[str],
    label: str,
    recorded: str,
    notes: list[str],
) -> None:
    told: list[str] = []
    (added,) = fetch(published(genes, label), store, note=told.append)
    assert added.asset.to_keyvalues()["organism"] == recorded
    assert [asset.cid for asset in store.find(asset="anndata", organism=recorded)] == [added.asset.cid]
    assert told == [f"s1.h5ad: its genes are {each}" for each in notes]


def test_without_hdf5_the_label_stands(
    store: LocalStore,
    published: Callable[[Sequence[str], str], bundles.Bundle],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in the base install, which cannot read genes; a run checks them."""
    bundle = published(MOUSE, "human")
    monkeypatch.setitem(sys.modules, "h5py", None)
    (added,) = fetch(bundle, store)
    assert added.asset.to_keyvalues()["organism"] == "human"


def test_the_command_tells_it_on_stderr(
    store: LocalStore,
    published: Callable[[Sequence[str], str], bundles.Bundle],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = published(MOUSE, "human")
    monkeypatch.setattr("stargazer_cli.commands.bundles.load", {"cells": bundle}.get)
    done = CliRunner().invoke(command, ["fetch", "cells", "--json"], obj=App(), catch_exceptions=False)
    assert done.stderr.startswith("s1.h5ad: its genes are those of mouse, not of human as")
    assert '"organism": "mouse"' in done.stdout


@pytest.mark.parametrize(("genes", "organism"), [(HUMAN, "human"), (MOUSE, "mouse")])
def test_the_pipeline_decides_in_the_same_way(genes: list[str], organism: str) -> None:
    assert organism_of_genes(genes) == organism
    assert classify_genes(genes, organism).notes == []


@pytest.mark.parametrize(
    ("genes", "organism"),
    [
        (["ENSG00000198804", "ENSG00000198712.1"], "human"),
        (["ENSMUSG00000064351"], "mouse"),
        (["RPS6KA1", "Rps6ka1", "TP53"], None),
        # Spike-ins, and a mixture.
        ([*HUMAN * 10, "mt-Co1"], "human"),
        ([*HUMAN, *MOUSE[:2]], None),
        ([], None),
    ],
)
def test_genes_that_do_not_tell_are_not_guessed(genes: list[str], organism: str | None) -> None:
    assert organism_of_genes(genes) == organism


def test_names_of_genes_are_found_where_anndata_ever_put_them(tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    for where in ("_index", "symbols", "nullable"):
        with h5py.File(path, "w") as file:
            var = file.create_group("var")
            if where != "_index":
                var.attrs["_index"] = where
            group = var.create_group(where) if where == "nullable" else var
            group["values" if where == "nullable" else where] = MOUSE
        assert organism_of_cells(path) == "mouse"


def test_what_is_no_file_of_cells_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.h5ad"
    path.write_bytes(b"no HDF5")
    assert organism_of_cells(path) is None
    for build in (lambda file: None, lambda file: file.create_dataset("var", data=[1, 2])):
        with h5py.File(path, "w") as file:
            build(file)
        assert organism_of_cells(path) is None

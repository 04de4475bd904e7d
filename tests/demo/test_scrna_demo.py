"""The single-cell demo: its data enter the store, a result is examined; once for real, else a stand-in."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from e2e.user import make_user

from stargazer_cli.app import App
from stargazer_cli.commands.demo import demo
from stargazer_cli.demo import dataset, scrna
from stargazer_cli.errors import StargazerError
from stargazer_cli.runs.execute import RunResult
from stargazer_cli.runs.record import MadeAsset
from stargazer_cli.store import LocalStore, NewFile

CELLS = dataset.load(dataset.ScrnaData, "simulated")
TRUTH = json.loads(CELLS.path(CELLS.truth.numbers).read_text())


def made(store: LocalStore, path: Path, **fields: Any) -> MadeAsset:
    from stargazer_cli.assets import new_asset

    kind = str(fields.pop("asset"))
    asset = store.add([NewFile(path, new_asset(kind, name=path.name, **fields))])[0].asset
    return MadeAsset(
        cid=asset.cid, id=asset.id, name=asset.name, keyvalues=asset.to_keyvalues(), reused=False
    )


def perfect() -> dict[str, Any]:
    """The summary of a run that found exactly what was planted."""
    labels = list(TRUTH["cells"])
    sizes = list(TRUTH["cells"].values())
    kinds = TRUTH["kinds"]
    return {
        "sample": "demo_cells",
        "cells_before": TRUTH["droplets"],
        "cells_after": kinds["cell"],
        "quality": {
            "mode": "fixed",
            "removed": {
                "min_genes": kinds["empty"],
                "max_pct_mt": kinds["damaged"],
                "max_pct_hb": 0,
                "doublet": kinds["doublet"],
            },
        },
        "clusters": [
            {"name": str(number), "cells": size, "hint": {"cell_type": label, "score": 1.0}}
            for number, (label, size) in enumerate(TRUTH["cells"].items())
        ],
        "agreement": {
            "ari": 1.0,
            "nmi": 1.0,
            "compared": kinds["cell"],
            "removed": 0,
            "unlabelled": 0,
            "contingency": {
                "clusters": [str(number) for number in range(len(labels))],
                "labels": labels,
                "counts": [
                    [size if a == b else 0 for b in range(len(sizes))] for a, size in enumerate(sizes)
                ],
            },
        },
    }


def all_markers() -> list[tuple[str, str]]:
    """Each cluster with the markers of its type."""
    return [(str(n), gene) for n, genes in enumerate(TRUTH["markers"].values()) for gene in genes]


def finished(
    store: LocalStore, folder: Path, summary: dict[str, Any], markers: list[tuple[str, str]]
) -> RunResult:
    """Stand in for a run that wrote this summary and these markers."""
    names = ("annotated.h5ad", "report.html", "summary.json", "markers.csv")
    annotated, report, numbers, table = (folder / f"demo_cells.{name}" for name in names)
    annotated.write_text("cells")
    report.write_text("figures")
    numbers.write_text(json.dumps(summary))
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("group", "gene"), *markers])
    sample = {"sample_id": CELLS.sample}
    assets = [
        made(store, annotated, asset="anndata", stage="annotated", **sample),
        made(store, numbers, asset="qc_metrics", tool="scanpy", **sample),
        made(store, report, asset="report", title="a report"),
        made(store, table, asset="markers", groupby="leiden", **sample),
    ]
    return RunResult("run-1", "done", None, assets, computed=True)


def test_the_data_enter_the_store_once_with_what_a_run_asks_for(store: LocalStore) -> None:
    counts, marker_sets, labels = dataset.add(CELLS, store)
    assert counts.asset.to_keyvalues() == {
        "asset": "anndata",
        "sample_id": "demo_cells",
        "stage": "raw",
        "organism": "human",
    }
    assert (marker_sets.asset.name, labels.asset.name) == ("marker_sets.gmt", "truth.csv")
    assert {item.status for item in dataset.add(CELLS, store)} == {"notneeded"}


def test_a_run_that_found_the_truth_passes_and_says_what_it_found(store: LocalStore, tmp_path: Path) -> None:
    outcome = scrna.examine(store, CELLS, finished(store, tmp_path, perfect(), all_markers()))
    assert outcome.passed
    text = scrna.as_text(outcome)
    assert "700 droplets, 595 kept as cells, 105 removed:" in text
    rows = [line.split() for line in text.splitlines()]
    lines = [" ".join(row) for row in rows]
    assert "called a doublet 42 (planted: 42 doublets of two types)" in lines
    assert "too few genes 28 (planted: 28 near-empty droplets)" in lines
    assert "haemoglobin" not in text
    assert ["5", "flint", "flint", "24", "24", "24", "25"] in rows
    assert "ARI: 1.000 (at least 0.95)" in text
    assert "Planted markers found: 150 of 150 (at least 95%)" in text
    for asset in (outcome.annotated, outcome.markers, outcome.report):
        assert asset.cid in text
    assert str(outcome.report_path) in text


def changed(**parts: Any) -> dict[str, Any]:
    summary = perfect()
    summary["agreement"] |= parts
    return summary


@pytest.mark.parametrize(
    ("summary", "markers", "said"),
    [
        (changed(ari=0.9), all_markers(), "ARI: 0.900 (NOT at least 0.95)"),
        (perfect(), all_markers()[9:], "Planted markers found: 141 of 150 (NOT at least 95%)"),
        (changed(unlabelled=35), all_markers(), "Flawed droplets removed: 70 of 105 (NOT at least 90%)"),
        (changed(removed=100), all_markers(), "Whole cells kept: 495 of 595 (NOT at least 90%)"),
    ],
    ids=["clusters", "markers", "flawed", "whole"],
)
def test_a_run_that_found_less_fails_and_says_of_what(
    store: LocalStore, tmp_path: Path, summary: dict[str, Any], markers: list[tuple[str, str]], said: str
) -> None:
    outcome = scrna.examine(store, CELLS, finished(store, tmp_path, summary, markers))
    assert not outcome.passed
    assert said in scrna.as_text(outcome)
    assert [check.passed for check in outcome.checks].count(False) == 1


def test_a_marker_of_another_type_is_not_found_and_one_of_two_clusters_is_found_once(
    store: LocalStore, tmp_path: Path
) -> None:
    """Amber in two clusters: its markers count once; cobalt's in amber's table count for nothing."""
    summary = perfect()
    summary["clusters"].append({"name": "6", "cells": 10, "hint": None})
    table = summary["agreement"]["contingency"]
    table["clusters"].append("6")
    table["counts"].append([10, 0, 0, 0, 0, 0])
    markers = [(g, gene) for g, gene in all_markers() if g == "0"]
    markers += [("6", gene) for _, gene in markers] + [("0", gene) for gene in TRUTH["markers"]["cobalt"]]
    found = scrna.examine(store, CELLS, finished(store, tmp_path, summary, markers)).findings
    assert found.found_markers == 25
    assert [match.label for match in found.matches][6] == "amber"
    assert found.matches[6].hint == ""


def test_a_cluster_without_a_planted_cell_matches_no_type(store: LocalStore, tmp_path: Path) -> None:
    summary = perfect()
    summary["clusters"].append({"name": "6", "cells": 3, "hint": None})
    outcome = scrna.examine(store, CELLS, finished(store, tmp_path, summary, all_markers()))
    assert outcome.findings.matches[6].label == ""
    assert ["6", "-", "-", "3", "0", "0", "0"] in [
        line.split() for line in scrna.as_text(outcome).splitlines()
    ]


def test_a_summary_of_another_shape_is_refused_by_name(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(StargazerError, match="cannot be read as the demo expects"):
        scrna.examine(store, CELLS, finished(store, tmp_path, {"cells": 1}, []))


def test_the_command_ends_with_1_when_the_clusters_disagree(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for summary, code in ((perfect(), 0), (changed(ari=0.5), 1)):
        outcome = scrna.examine(store, CELLS, finished(store, tmp_path, summary, all_markers()))
        monkeypatch.setattr(scrna, "run_demo", lambda *_, outcome=outcome, **__: outcome)
        done = CliRunner().invoke(demo, ["scrna", "--json"], obj=App(), standalone_mode=False)
        assert done.return_value == code
        document = json.loads(done.stdout)
        assert document["passed"] is (code == 0)
        assert document["agreement"]["ari"] == summary["agreement"]["ari"]
        assert document["clusters"][5]["planted_type"] == "flint"
        assert {"cid", "name", "keyvalues", "reused"} == set(document["assets"][0])


@pytest.mark.pipeline
def test_the_demo_finds_what_was_planted_and_the_second_one_computes_nothing(tmp_path: Path) -> None:
    user = make_user(tmp_path / "a user")
    first = user.succeeds("demo", "scrna", "--yes", "--json").json
    assert first["passed"]
    assert first["computed"]
    assert first["agreement"]["ari"] > 0.95
    assert {cluster["planted_type"] for cluster in first["clusters"]} == set(TRUTH["cells"])
    assert all(cluster["hint"] == cluster["planted_type"] for cluster in first["clusters"])
    assert Path(first["report"]["path"]).read_text().count("<html") == 1
    again = user.succeeds("demo", "scrna", "--json").json
    assert not again["computed"]
    assert again["run_id"] == first["run_id"]
    assert {made["cid"] for made in again["assets"]} == {made["cid"] for made in first["assets"]}
    assert again["clusters"] == first["clusters"]

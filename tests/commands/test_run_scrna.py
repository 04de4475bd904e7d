"""`stargazer run scrna` as a user types it, up to where Nextflow would start."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.assets import Asset, new_asset
from stargazer_cli.commands.main import cli
from stargazer_cli.commands.run.scrna import scrna
from stargazer_cli.runs import requests
from stargazer_cli.runs.scrna import WORKFLOW
from stargazer_cli.runs.site import Site
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.tools import Tool, Toolbox

Type = Callable[..., tuple[int, str, str]]


def site(settings: Settings, store: LocalStore, *there: str) -> Site:
    """A site on which only some of the tools are there."""
    tools = {
        name: Tool(name, path=Path("/bin") / name if name in there else None, note="python3 has no scanpy")
        for name in ("java", "nextflow", "scanpy")
    }
    versions = {task: {"scanpy": "1.11.5"} for task in catalog.workflows()[WORKFLOW].tasks}
    return Site(settings, store, Toolbox(tools, settings.tools, {}), "local", tuple(tools), versions)


@pytest.fixture
def types(settings: Settings, store: LocalStore, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Type:
    """Types `stargazer …` where all tools are there."""
    equipped = site(settings, store, "java", "nextflow", "scanpy")
    monkeypatch.setattr(requests, "find_site", lambda *arguments, **options: equipped)

    def types(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return types


@pytest.fixture(autouse=True)
def cells(store: LocalStore, tmp_path: Path) -> str:
    """The raw cells of a sample s, in the store."""
    file = tmp_path / "cells.h5ad"
    file.write_text("cells")
    asset = new_asset("anndata", name=file.name, sample_id="s", stage="raw", organism="mouse")
    return store.add([NewFile(file, asset)])[0].asset.cid


@pytest.mark.parametrize("name", ["scrna", WORKFLOW])
def test_a_dry_run_shows_what_the_pipeline_would_be_told(types: Type, name: str) -> None:
    code, out, _ = types(
        "run", name, "--sample-id", "s", "--resolution", "0.8", "--batch-key", "donor", "--qc", "mad",
        "--fuse", "--max-cpus", "1", "--dry-run", "--json",
    )  # fmt: skip
    document = json.loads(out)
    assert (code, document["status"]) == (0, "planned")
    parameters = json.loads(document["files"]["params.json"])
    wanted = {"resolution": 0.8, "batch_key": "donor", "qc": "mad", "fuse": True, "max_cpus": 1}
    assert wanted.items() <= parameters.items()
    assert document["files"]["samplesheet.csv"].splitlines()[1].startswith("s,mouse,,raw,")
    assert document["command"][0] == "/bin/nextflow"


def test_every_parameter_of_the_tasks_is_an_option_with_its_default() -> None:
    options = {option.name: option for option in scrna.params}
    for parameter in catalog.parameters_of(WORKFLOW).values():
        option = options[parameter.name]
        assert f"--{parameter.name.replace('_', '-')}" in option.opts
        # The organism is by default what the asset says.
        if parameter.name != "organism":
            assert option.default == parameter.default


def test_files_beside_the_cells_are_named_to_the_pipeline_and_a_dry_run_stores_nothing(
    types: Type, store: LocalStore, tmp_path: Path
) -> None:
    labels, sets = tmp_path / "labels.csv", tmp_path / "sets.gmt"
    labels.write_text("cell,label\n")
    sets.write_text("T cell\t\tCD3E\n")
    command = ("run", "scrna", "--sample-id", "s", "--dry-run", "--json")
    _, out, _ = types(*command, "--labels", labels, "--marker-sets", sets)
    by_path = json.loads(json.loads(out)["files"]["params.json"])
    assert Path(by_path["marker_sets"]).name == "sets.gmt"
    assert store.find(name=["labels.csv", "sets.gmt"]) == []

    (added,) = store.add([NewFile(labels, Asset(name="labels.csv", format="csv"))])
    _, out, _ = types(*command, "--labels", added.asset.cid)
    assert json.loads(json.loads(out)["files"]["params.json"])["labels"] == by_path["labels"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "Missing option '--sample-id'"),
        (("--sample-id", ","), "No sample is named.\nHint:  Name them with --sample-id"),
        (("--sample-id", "s", "--qc", "some"), "'some' is not one of 'fixed', 'mad'"),
        (("--sample-id", "s", "--resolution", "-1"), "--resolution -1.0: must be above 0"),
        (("--sample-id", "s", "--anndata", "bafkreinone"), "bafkreinone is no AnnData"),
        (("--sample-id", "s", "--labels", "none.csv"), "no file none.csv"),
        (("--sample-id", "s", "--labels", "."), ". is a folder"),
        (("--sample-id", "s", "--marker-sets", "binary.gmt"), "--marker-sets binary.gmt: is not text"),
        (("--sample-id", "s", "--marker-sets", "empty.gmt"), "empty.gmt is empty"),
    ],
)
def test_wrong_use_is_told_in_a_line_and_begins_no_run(
    types: Type,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "binary.gmt").write_bytes(b"T\0cell")
    (tmp_path / "empty.gmt").touch()
    code, out, err = types("run", "scrna", *arguments)
    assert (code, out) == (2, "")
    assert problem in err
    assert not (settings.local / "runs").exists()


def test_samples_come_as_lists_repeats_and_files(types: Type, store: LocalStore, tmp_path: Path) -> None:
    for name in ("t", "u", "v"):
        file = tmp_path / name
        file.write_text(name)
        store.add([NewFile(file, new_asset("counts", name=name, sample_id=name))])
    (tmp_path / "more.txt").write_text("v\n\n# w\n")
    _, out, _ = types(
        "run", "scrna", "--sample-id", "t,s", "--sample-id", "u", "--sample-id", f"@{tmp_path / 'more.txt'}",
        "--dry-run", "--json",
    )  # fmt: skip
    rows = json.loads(out)["files"]["samplesheet.csv"].splitlines()
    assert [row.split(",")[0] for row in rows] == ["sample", "s", "t", "u", "v"]


def test_a_machine_without_scanpy_is_told_the_ways_out(
    types: Type, settings: Settings, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = site(settings, store, "java", "nextflow")
    monkeypatch.setattr(requests, "find_site", lambda *arguments, **options: lacking)
    code, _, err = types("run", "scrna", "--sample-id", "s")
    assert code == 1
    assert "No Python on this machine has scanpy and its libraries: python3 has no scanpy." in err
    assert "`stargazer setup scrna`" in err
    assert "--profile podman" in err

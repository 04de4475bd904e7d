"""The notebooks on real results of the demos: what they show, against counts by other means."""

import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

import stargazer_cli as sg
from stargazer_cli.assets import Asset, assemble
from stargazer_cli.notebooks import shelf
from stargazer_cli.store import get_client
from stargazer_cli.store.lineage import trace
from stargazer_cli.tools import Toolbox

_STAT = re.compile(
    r"<marimo-stat data-value='\"?(.*?)\"?' data-label='\"?(.*?)\"?'(?: data-caption='\"?(.*?)\"?')?"
)


@pytest.fixture
def results(demo_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of the demos, as the one that the settings name."""
    monkeypatch.setenv("STARGAZER_LOCAL", str(demo_store))
    return demo_store


def _export(name: str, folder: Path, store: Path) -> str:
    """Export a copy of a notebook as its user would, and return what the page holds, entities resolved."""
    copy = shelf.copy(shelf.NOTEBOOKS[name], folder).path
    page = folder / f"{name}.html"
    exported = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "marimo",
            "export",
            "html",
            str(copy),
            "-o",
            str(page),
            "--no-include-code",
        ],
        env=os.environ | {"STARGAZER_LOCAL": str(store)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert exported.returncode == 0, exported.stderr
    text = page.read_text().replace("\\u0026", "&").replace("\\u003C", "<").replace("\\u003E", ">")
    text = html.unescape(html.unescape(text))
    assert "marimo+error" not in text
    return text


def _stats(page: str) -> dict[str, tuple[str, str]]:
    """Return the numbers on cards by their labels: value, caption."""
    return {label: (value, caption) for value, label, caption in _STAT.findall(page)}


def _run(name: str, **given: Any) -> tuple[str, dict[str, Any]]:
    """Run a notebook as a program with some of its names given; return what it shows, and its names."""
    spec = importlib.util.spec_from_file_location(f"notebook_{name}", shelf.NOTEBOOKS[name].original)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, names = module.app.run(defs=given or None)
    return "\n".join(each.text for each in outputs if hasattr(each, "text")), dict(names)


def _ran(name: str, **given: Any) -> dict[str, Any]:
    """Run a notebook as a program with some of its names given, and return all of them."""
    return _run(name, **given)[1]


def _only(**wanted: Any) -> Asset:
    (asset,) = assemble(**wanted)
    asset.fetch()
    return asset


def _bcftools(toolbox: Toolbox, *arguments: str) -> list[list[str]]:
    tool = toolbox.tools["bcftools"].path
    assert tool
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.pipeline
def test_variants_are_those_that_bcftools_counts(results: Path, tmp_path: Path, toolbox: Toolbox) -> None:
    vcf = _only(asset="variants", variant_type="vcf")
    said = _bcftools(toolbox, "stats", str(vcf.path))
    numbers = {fields[2].rstrip(":"): int(fields[3]) for fields in said if fields[0] == "SN"}
    (ti_tv,) = [fields for fields in said if fields[0] == "TSTV"]

    shown = _stats(_export("germline", tmp_path, results))
    assert shown["Sites"] == (str(numbers["number of records"]), f"of {numbers['number of records']}")
    assert shown["Multi-allelic"][0] == str(numbers["number of multiallelic sites"])
    assert shown["Ti/Tv"] == (ti_tv[4], f"{ti_tv[2]} / {ti_tv[3]}")
    passed = _bcftools(toolbox, "view", "-H", "-f", "PASS,.", str(vcf.path))
    assert shown["Passed"][0] == str(len(passed))
    assert shown["SNPs"][0] == str(numbers["number of SNPs"])
    assert shown["Indels"][0] == str(numbers["number of indels"])


@pytest.mark.pipeline
def test_the_guide_s_example_counts_the_same(results: Path) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "notebooks.md"
    (example,) = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(example, names)
    assert len(names["calls"].records) == 47


@pytest.mark.pipeline
def test_genotypes_and_coverage_are_those_of_the_tools(results: Path, toolbox: Toolbox) -> None:
    vcf = _only(asset="variants", variant_type="vcf")
    names = _ran("germline")
    genotypes = _bcftools(toolbox, "query", "-f", r"[%SAMPLE\t%GT\n]", str(vcf.path))
    for _, row in names["samples"].iterrows():
        own = [re.split(r"[/|]", genotype) for sample, genotype in genotypes if sample == row["sample"]]
        assert row["het"] == sum(a != b for a, b in own)
        assert row["hom alt"] == sum(a == b and a != "0" for a, b in own)
    assert len(names["samples"]) == 3

    samtools = toolbox.tools["samtools"].path
    child = _only(asset="alignment", sample_id="demo_child")
    depth = subprocess.run(
        [str(samtools), "depth", "-a", str(child.path)], capture_output=True, text=True, check=True
    )
    covered = names["covered"].set_index(["sample", "contig"])
    for contig in ("chrA", "chrB"):
        counts = [
            int(line.split("\t")[2]) for line in depth.stdout.splitlines() if line.startswith(f"{contig}\t")
        ]
        assert covered.loc[("demo_child", contig), "depth"] == pytest.approx(np.mean(counts), rel=0.01)
    quality = names["read_quality"].set_index("sample")
    reads = subprocess.run(
        [str(samtools), "view", "-c", "-F", "0x900", str(child.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert quality.loc["demo_child", "reads"] == int(reads.stdout)


@pytest.mark.pipeline
def test_cells_clusters_and_expression_are_those_in_the_file(results: Path, tmp_path: Path) -> None:
    cells = _only(asset="anndata", stage="annotated")
    shown = _stats(_export("scrna", tmp_path, results))
    names = _ran("scrna")
    with h5py.File(cells.path) as file:
        codes = file["obs/leiden/codes"][:]
        genes = file["var"][file["var"].attrs["_index"]].asstr()[:]
        pointers, columns, values = (file[f"X/{part}"][:] for part in ("indptr", "indices", "data"))
    assert shown["Cells"] == (str(len(codes)), "of 700 droplets")
    assert shown["Clusters"][0] == str(len(np.unique(codes)))
    assert shown["Genes"][0] == f"{len(genes):,}"
    gene = names["gene"].value
    place = int(np.flatnonzero(genes == gene)[0])
    by_hand = np.zeros(len(codes))
    for cell in range(len(codes)):
        own = slice(pointers[cell], pointers[cell + 1])
        by_hand[cell] = values[own][columns[own] == place].sum()
    assert np.allclose(names["cells"].expression(gene), by_hand)
    # The first marker of the demo is one of the planted ones of the largest type.
    assert gene.startswith("AMBER")
    assert set(names["markers"]["group"]) == {str(code) for code in np.unique(codes)}


@pytest.mark.pipeline
def test_provenance_is_that_of_the_store(results: Path, tmp_path: Path) -> None:
    page = _export("provenance", tmp_path, results)
    names = _ran("provenance")
    graph = trace(get_client(), names["chosen"].value, direction="up")
    assert set(names["table"]["cid"]) == set(graph.nodes) == set(names["drawing"].boxes["cid"])
    brought = {cid for cid, assets in graph.nodes.items() if not assets[0].run_ids}
    boxes = names["drawing"].boxes
    assert set(boxes.loc[boxes["run"] == "brought", "cid"]) == brought
    (run,) = names["run_table"]["run"]
    assert run in page


@pytest.mark.pipeline
def test_a_run_is_planned_in_the_words_of_its_arguments(results: Path, tmp_path: Path) -> None:
    assert "The latest run" in _export("data", tmp_path, results)
    entry = next(each for each in sg.workflows() if each.name == "scrna_clustering_pipeline")
    chosen = {"workflows": None, "wanted": SimpleNamespace(value=entry)}
    request = {"profile": "local", "samples": ["demo_cells"], "n_top_genes": 1500}
    said = {"given": None, "arguments": None, "missing": [], "request": request}
    pressed = {"show_plan": SimpleNamespace(value=True), "start": SimpleNamespace(value=False)}
    steps = _ran("data", **chosen, **said, **pressed)["steps"].set_index("stage")[""]
    assert (steps["qc_filter"], steps["select_features"]) == ("reuse", "compute")


def test_files_are_shown_as_taken_and_added_when_asked(
    bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "store"))
    reads = [tmp_path / f"father_R{mate}.fastq.gz" for mate in (1, 2)]
    for each in reads:
        shutil.copy(bundled / each.name, each)
    chosen = {
        "browser": SimpleNamespace(value=()),
        "typed": SimpleNamespace(value=f"{reads[0]}\n\n {reads[1]}\n"),
        "as_kind": SimpleNamespace(value="as they look"),
        "fields": SimpleNamespace(value={"sample_id": " dad ", "lane": ""}),
    }
    names = _ran("data", **chosen)
    assert names["taken"].table["known"].tolist() == ["sample_id=dad"] * 2
    assert assemble() == []
    pressed = {"add": SimpleNamespace(value=True), "taken": None, "keyvalues": {"sample_id": "dad"}}
    names = _ran("data", **chosen, **pressed)
    assert {asset.kind for asset in assemble(sample_id="dad")} == {"r1", "r2"}
    assert reads[0].exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("germline", "holds no called variants yet"),
        ("scrna", "holds no clustered cells yet"),
        ("provenance", "Your store is empty"),
        ("data", "No run yet"),
    ],
)
def test_an_empty_store_is_told_with_what_to_do(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "store"))
    shown, _ = _run(name)
    assert said in shown

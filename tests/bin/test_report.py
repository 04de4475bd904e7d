import base64
import io
import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from helpers.finished import add_batches, finished_sample
from helpers.planted import run_script
from PIL import Image
from scrna import figures
from scrna.agreement import compare
from scrna.drawing import PALETTE, colours_of, matching_colours, percent, round_values
from scrna.report import marker_choice, removals, render, table_rows
from scrna.summary import marker_table, summarize

HOSTILE = ("T <script>alert(1)</script>", "B \"quoted\" & 'so'", "$x_1$ </table>")
SECTIONS = {
    *("summary", "quality", "doublets", "features", "map"),
    *("clusters", "markers", "hints", "agreement", "methods"),
}


class Page(HTMLParser):
    """What a browser would find in a report."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def sections(self) -> set[str]:
        return {attributes["id"] for tag, attributes in self.tags if tag == "section"}

    @property
    def images(self) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def _page(adata: AnnData, sample: str = "s1") -> Page:
    return Page(render(adata, summarize(adata, sample)))


def _hostile_sample() -> AnnData:
    """Return a sample that has everything a report can show, under names that would break a careless one."""
    adata = add_batches(finished_sample((60, 40, 20), HOSTILE), ["<b>a", "b/c", "$\\frac{$"])
    adata.obs["leiden_2"] = pd.Categorical(np.where(np.arange(120) < 30, "0", adata.obs["leiden"]))
    adata.uns["stargazer"]["cluster"]["parameters"]["more_resolutions"] = "2"
    scores = adata.uns["scrublet"]["doublet_scores_sim"]
    adata.uns["scrublet"] = {
        "batched_by": "batch",
        "batches": np.array(["<b>a", "b/c"], dtype=object),
        "runs": {
            "0": {"threshold": 0.3, "doublet_scores_sim": scores},
            "1": {"doublet_scores_sim": scores},
        },
    }
    adata.uns["stargazer"]["qc_filter"]["notes"] = np.array(["<img src=x onerror=alert(1)>"], dtype=object)
    adata.uns["cell_type_hints"] = pd.DataFrame(
        {"group": HOSTILE, "cell_type": ["<i>T", "B", "NK"], "score": [1.0, 0.5, 0.2]}
    ).assign(second=["B", "", "T"], second_score=[0.5, np.nan, 0.1])
    return adata


@cache
def _hostile_page() -> Page:
    adata = _hostile_sample()
    labels = pd.Series((["<u>T"] * 60) + (["B"] * 50), index=adata.obs_names[:110])
    agreement = compare(adata.obs["leiden"], labels, pd.Index([]))
    return Page(render(adata, summarize(adata, "s <1>", agreement)))


def _check_pictures(page: Page) -> None:
    """Check that every picture lies in the page, has something on it and says what it shows."""
    assert page.images
    for image in page.images:
        assert len(image["alt"]) > 20
        media, data = re.fullmatch(r"data:image/(png|svg\+xml);base64,(.+)", image["src"]).groups()
        content = base64.b64decode(data)
        if media == "png":
            picture = Image.open(io.BytesIO(content))
            assert picture.width == pytest.approx(2 * int(image["width"]), abs=2)
            assert (np.asarray(picture.convert("L")) < 200).mean() > 0.002, f"almost blank: {image['alt']}"
        else:
            marks = [element.tag for element in ElementTree.fromstring(content).iter()]
            assert sum(mark.endswith(("path", "use")) for mark in marks) > 20, image["alt"]


def test_every_section_is_there_and_every_picture_shows_something() -> None:
    page = _hostile_page()
    assert page.sections == SECTIONS
    assert {attributes["href"] for tag, attributes in page.tags if tag == "a"} == {f"#{s}" for s in SECTIONS}
    _check_pictures(page)
    assert not page.open
    alts = [image["alt"] for image in page.images]
    for shown in (
        "Main clustering: 3 clusters",
        "Resolution 2: 4 clusters",
        "Batches (batch)",
        "Doublet score",
    ):
        assert any(alt.startswith("UMAP of 120 cells") and shown in alt for alt in alts), shown


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = _hostile_page()
    for _tag, attributes in page.tags:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
        assert "srcset" not in attributes
    styles = re.findall(r"<style>(.*?)</style>", page.source, re.DOTALL)
    assert len(styles) == 1
    assert not re.search(r"url\(|@import", styles[0])
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_names_are_text_and_never_markup() -> None:
    page = _hostile_page()
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not any(tag == "u" for tag, _ in page.tags)
    for name in (*HOSTILE, "<b>a", "<u>T", "<i>T", "<img src=x onerror=alert(1)>", "s <1>"):
        assert name in page.text, name
    assert {a["value"] for tag, a in page.tags if tag == "option"} == {"", *HOSTILE}


def test_the_words_tell_the_numbers() -> None:
    text = _hostile_page().text
    assert "120 of 126 cells (95.2%) passed quality control" in text
    assert "3 clusters at resolution 0.5, of 20 to 60 cells" in text
    assert "12 marker genes tell the clusters from the rest" in text
    assert "3 of 124 scored cells (2.4%) were predicted to be doublets, where 5.0% were expected" in text
    assert "Hints, not findings" in text
    assert "10 kept cells have no label" in text
    assert "<u>T 60 T <script>alert(1)</script> 100.0% B 50" in text
    assert "too many mitochondrial counts: a damaged cell, most often at most 20% 2 1.6%" in text


def test_the_marker_table_has_the_best_genes_of_each_cluster_in_order() -> None:
    rows = [a["data-group"] for _, a in _hostile_page().tags if "data-group" in a]
    assert rows == [name for name in HOSTILE for _ in range(4)]


def _one_cluster(adata: AnnData) -> AnnData:
    del adata.obs["pct_counts_mt"], adata.uns["scrublet"], adata.obs["doublet_score"]
    del adata.uns["qc"]["removed"]["pct_counts_mt"]
    return adata


def test_one_cluster_without_doublets_or_mitochondrial_genes() -> None:
    page = _page(_one_cluster(finished_sample((80,))))
    assert page.sections == SECTIONS - {"hints", "agreement"}
    assert "All cells are in one cluster" in page.text
    assert "with one cluster there is nothing to compare" in page.text
    assert "Doublets were not looked for" in page.text
    assert "mitochondrial%" not in page.text
    _check_pictures(page)


def test_limits_of_each_batch_are_listed() -> None:
    adata = add_batches(finished_sample((40, 20)), ["x", "y"])
    adata.uns["qc"]["mode"] = "mad"
    adata.uns["qc"]["removed_counts"]["mad_mt"] = 1
    adata.uns["qc"]["thresholds_by_batch"] = pd.DataFrame(
        {"batch": ["x", "y"], "metric": ["log1p_total_counts", "pct_counts_mt"]}
    ).assign(lower=[np.log1p(1234), np.nan], upper=[np.log1p(9000), 7.5])
    text = _page(adata).text
    assert "x Counts per cell 1,234 9,000 y Mitochondrial counts (%) \N{EN DASH} 7.5%" in text
    assert "some of them set from the sample itself" in text
    assert "far above that of the other cells by batch 1" in text


def test_clusters_of_one_cell_and_no_threshold_for_doublets() -> None:
    adata = finished_sample((50, 1, 1))
    del adata.uns["scrublet"]["threshold"]
    page = _page(adata)
    assert "No threshold was found" in page.text
    assert "Clusters 1, 2 have fewer than 10 cells" in page.text
    _check_pictures(page)


def test_no_marker_passes_the_filters() -> None:
    adata = finished_sample((30, 30))
    adata.uns["markers"] = adata.uns["markers"].iloc[:0]
    page = _page(adata)
    assert "No gene is a marker of any cluster under the filters" in page.text
    assert "Clusters 0, 1 have no marker gene" in page.text


def test_a_sample_that_skipped_the_first_steps() -> None:
    """A run may begin at a clustered AnnData that somebody else made: no QC, no map, no records."""
    whole = finished_sample((30, 20))
    bare = AnnData(X=whole.X, obs=whole.obs[["leiden"]], var=whole.var[[]])
    bare.uns = {"markers": whole.uns["markers"], "rank_genes_groups": whole.uns["rank_genes_groups"]}
    page = _page(bare)
    assert page.sections == {"summary", "doublets", "clusters", "markers", "methods"}
    _check_pictures(page)


def test_sixty_clusters() -> None:
    page = _page(finished_sample([12] * 60))
    assert "60 clusters" in page.text
    assert len([a for tag, a in page.tags if tag == "tr" and "data-group" in a]) == 240
    _check_pictures(page)


def test_doublet_scores_that_are_all_missing() -> None:
    adata = finished_sample((20, 10))
    adata.obs["doublet_score"] = np.nan
    adata.uns["qc"]["removed"]["doublet_score"] = np.nan
    del adata.uns["scrublet"]
    assert "Doublets were not looked for" in _page(adata).text


def test_markers_of_a_column_other_than_the_clusters() -> None:
    adata = finished_sample((30, 20))
    adata.obs["cell kind"] = adata.obs["leiden"].cat.rename_categories(["T", "B"])
    adata.uns["rank_genes_groups"]["params"]["groupby"] = "cell kind"
    adata.uns["markers"]["group"] = adata.uns["markers"]["group"].map({"0": "T", "1": "B"})
    page = _page(adata)
    assert "tell the groups of cell kind from the rest" in page.text
    assert "The best 25 markers of each cell kind" in page.text
    assert any("Groups (cell kind)" in image["alt"] for image in page.images)


# --- what the figures are given ---


def test_removed_cells_are_listed_with_the_limit_that_removed_them() -> None:
    adata = finished_sample()
    adata.uns["qc"]["removed_counts"]["mad_total_counts"] = 1
    adata.uns["qc"]["thresholds"]["log1p_total_counts"] = {"lower": np.log1p(10), "upper": np.log1p(2000)}
    found = {row.reason: (row.limit, row.cells) for row in removals(summarize(adata, "s"))}
    assert next(iter(found)) == "doublet"
    assert found["doublet"] == ("at most 0.4", 3)
    assert found["max_pct_mt"] == ("at most 20%", 2)
    assert found["min_genes"] == ("at least 3", 2)
    assert found["mad_total_counts"] == ("10 to 2,000", 1)


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0.0%"), (0.0002, "< 0.1%"), (0.5, "50.0%"), (0.9998, "> 99.9%"), (1, "100.0%")]
)
def test_nearly_none_and_nearly_all_are_not_rounded_away(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [(90, 6000, [100, 200, 500, 1000, 2000, 5000]), (0.5, 900, [1, 10, 100]), (100, 110, [103, 107])],
)
def test_logarithmic_axes_have_round_values(low: float, high: float, values: list[float]) -> None:
    assert round_values(low, high) == values


def test_a_gene_is_drawn_once_and_gives_way_to_the_next_of_the_group() -> None:
    markers = pd.DataFrame(
        {"group": list("aaabbb"), "gene": ["X", "Y", "Z", "X", "W", "gone"], "rank": [1, 2, 3, 1, 2, 3]}
    )
    assert marker_choice(markers, ["a", "b"], ["W", "X", "Y", "Z"]) == [
        ("a", "X"), ("a", "Y"), ("a", "Z"), ("b", "W"),
    ]  # fmt: skip
    many = [str(number) for number in range(40)]
    table = pd.DataFrame([(group, f"{group}{n}", n) for group in many for n in range(5)])
    table.columns = ["group", "gene", "rank"]
    assert len(marker_choice(table, many, list(table["gene"]))) == 40


def test_the_table_holds_the_first_ranks_group_after_group() -> None:
    adata = finished_sample((9, 8))
    adata.uns["markers"] = adata.uns["markers"].iloc[::-1]
    rows = table_rows(marker_table(adata), 2)
    assert [(row["group"], row["rank"]) for row in rows] == [("0", 1), ("0", 2), ("1", 1), ("1", 2)]


def test_colours_differ_and_follow_the_clusters_through_other_resolutions() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == 48
    main = pd.Series(list("aaaabbbcc"))
    finer = pd.Series(list("1111223zz"))
    colours = colours_of(["a", "b", "c"])
    matched = matching_colours(main, colours, finer, ["1", "2", "3", "z"])
    assert (matched["1"], matched["2"], matched["z"]) == (colours["a"], colours["b"], colours["c"])
    assert matched["3"] not in colours.values()


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0, 5.0], [], [np.nan, 3.0], [0.0, 0.0]])
def test_a_violin_of_hardly_any_values(values: list[float]) -> None:
    for metric in ("total_counts", "pct_counts_mt"):
        picture = figures.violin(
            metric, np.array(values), np.array(values[:1]), {"lower": 1.0, "upper": 20.0}
        )
        assert picture.kind == "png"


# --- the executable ---


def _written(folder: Path, *more: object, change: Callable[[AnnData], None] | None = None) -> list[object]:
    adata = finished_sample((20, 15))
    if change:
        change(adata)
    adata.write_h5ad(folder / "annotated.h5ad")
    return [
        "--input", folder / "annotated.h5ad", "--sample", "s1",
        "--report", folder / "r.html", "--summary", folder / "s.json", *more,
    ]  # fmt: skip


def _run(*arguments: object, seed: int = 0) -> subprocess.CompletedProcess[str]:
    return run_script("scrna_report", *arguments, environment={"PYTHONHASHSEED": str(seed)})


def test_the_same_input_gives_the_same_bytes_and_nothing_of_the_machine(tmp_path: Path) -> None:
    made = []
    for place in (1, 2):
        folder = tmp_path / f"place{place}"
        folder.mkdir()
        (folder / "labels.csv").write_text("cell,label\nCELL0000-1,T\nCELL0020-1,B\nGONE1-1,B\nnone,T\n")
        done = _run(*_written(folder), "--labels", folder / "labels.csv", seed=place)
        assert (done.returncode, done.stderr) == (0, "")
        made.append(((folder / "r.html").read_text(), (folder / "s.json").read_text()))
    assert made[0] == made[1]
    assert not re.search(r"\b20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", made[0][0])
    assert str(tmp_path) not in made[0][0] + made[0][1]
    found = json.loads(made[0][1])["agreement"]
    assert {name: found[name] for name in ("ari", "labelled", "compared", "removed", "missing")} == {
        "ari": 1.0, "labelled": 4, "compared": 2, "removed": 1, "missing": 1,
    }  # fmt: skip


def test_a_fault_is_one_line_that_names_the_file_and_leaves_no_report(tmp_path: Path) -> None:
    (tmp_path / "staged").write_text("barcode,type\nx,T\n")
    done = _run(*_written(tmp_path, "--labels", tmp_path / "staged", "--labels-name", "my labels.csv"))
    assert done.returncode == 1
    assert done.stderr.startswith("scrna_report.py: error: my labels.csv: its first line has no column cell")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda adata: adata.uns.pop("markers"), "has no table of markers"),
        (lambda adata: adata.obs.drop(columns="leiden", inplace=True), "no obs column is named 'leiden'"),
    ],
)
def test_an_unfinished_sample_is_refused(
    tmp_path: Path, change: Callable[[AnnData], None], said: str
) -> None:
    done = _run(*_written(tmp_path, "--name", "mine.h5ad", change=change))
    assert done.returncode == 1
    assert done.stderr.startswith("scrna_report.py: error: mine.h5ad: ")
    assert said in done.stderr


def test_help_is_instant_and_needs_no_library() -> None:
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-S", str(Path(__file__).parents[2] / "bin/scrna_report.py"), "--help"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "--labels" in done.stdout


@pytest.mark.real_data
def test_the_report_of_a_real_sample(real_data: Path, tmp_path: Path) -> None:
    """225 cells of three cell lines through the whole chain: the labels are found again."""
    source = real_data / "scrna_dropseq_3cl"
    done = run_script(
        "scrna_chain",
        "--input",
        source / "raw.h5ad",
        "--from-stage",
        "raw",
        "--sample",
        "d",
        "--outdir",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    done = _run(
        "--input", tmp_path / "d.annotated.h5ad", "--sample", "d", "--labels", source / "labels.csv",
        "--report", tmp_path / "r.html", "--summary", tmp_path / "s.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = Page((tmp_path / "r.html").read_text())
    assert page.sections == SECTIONS - {"hints"}
    _check_pictures(page)
    assert json.loads((tmp_path / "s.json").read_text())["agreement"]["ari"] > 0.6
    assert (tmp_path / "r.html").stat().st_size < 3_000_000

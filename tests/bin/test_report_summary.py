import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from helpers.finished import add_batches, finished_sample
from scrna.agreement import adjusted_rand_index, compare, normalized_mutual_information, read_labels
from scrna.errors import InputError
from scrna.summary import Doublets, Hint, Note, summarize, to_document
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


def _labels(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


# --- agreement ---


@pytest.mark.parametrize(
    ("clusters", "labels"),
    [
        ("aaabbb", "xxxyyy"),
        ("aaabbb", "xyxyxy"),
        ("aaaaaa", "xxxyyy"),
        ("aaaaaa", "xxxxxx"),
        ("abcdef", "uvwxyz"),
        ("abcdef", "xxxxxx"),
        ("aabbcc", "xxyyyz"),
        ("aaaaab", "xyyyyy"),
    ],
)
def test_indices_equal_those_of_scikit_learn(clusters: str, labels: str) -> None:
    counts = pd.crosstab(np.array(list(clusters)), np.array(list(labels))).to_numpy()
    assert adjusted_rand_index(counts) == pytest.approx(adjusted_rand_score(list(labels), list(clusters)))
    assert normalized_mutual_information(counts) == pytest.approx(
        normalized_mutual_info_score(list(labels), list(clusters)), abs=1e-12
    )


def test_indices_equal_those_of_scikit_learn_on_many_cells() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 12, 50_000)
    clusters = np.where(rng.random(50_000) < 0.7, labels, rng.integers(0, 15, 50_000))
    counts = pd.crosstab(clusters, labels).to_numpy()
    assert adjusted_rand_index(counts) == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-12)
    assert normalized_mutual_information(counts) == pytest.approx(
        normalized_mutual_info_score(labels, clusters), abs=1e-12
    )


def test_a_hand_made_rand_index() -> None:
    # Of the 15 pairs of cells 2 are together on both sides, 6 in the clusters and 3 in the labels.
    counts = np.array([[2, 1, 0], [0, 1, 2]])
    assert adjusted_rand_index(counts) == pytest.approx((2 - 6 * 3 / 15) / ((6 + 3) / 2 - 6 * 3 / 15))


def test_every_labelled_cell_is_accounted_for(tmp_path: Path) -> None:
    clusters = pd.Series(["0", "0", "1", "1"], index=["a", "b", "c", "d"], dtype="category")
    labels = read_labels(
        _labels(tmp_path, "cell,label\na,T\nb,T\nc,B\nd,\ngone,B\nelsewhere,T\nfar,B\n"), "s"
    )
    found = compare(clusters, labels, pd.Index(["gone", "other"]))
    assert (found.labelled, found.compared, found.removed, found.missing, found.unlabelled) == (6, 3, 1, 2, 1)
    assert found.contingency.to_dict() == {"T": {"0": 2, "1": 0}, "B": {"0": 0, "1": 1}}
    assert (found.ari, found.nmi) == (1.0, 1.0)


def test_only_the_rows_of_the_sample_count_and_other_columns_are_left_alone(tmp_path: Path) -> None:
    path = _labels(tmp_path, "\ufeffsample,cell, label ,note\ns1,a,T,x\ns2,a,B,y\ns2,b, NK ,z\n")
    assert read_labels(path, "s2").to_dict() == {"a": "B", "b": "NK"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("barcode,type\na,T\n", "no column cell and no column label: it is 'barcode,type'"),
        ("cell;label\na;T\n", "no column cell and no column label"),
        ("", "no column cell"),
        ("cell,label\na,T\na,B\n", "the cell a is there twice"),
        ("cell,label\na\n", "row 1 after the header has 1 fields, the header has 2"),
        ("cell,label\na,\n", "no cell has a label"),
        ("cell,label,sample\na,T,s1\nb,T,s2\n", "no row is of the sample s: its column sample has s1, s2"),
    ],
)
def test_a_wrong_labels_file_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_labels(_labels(tmp_path, text), "s", "known labels.csv")
    assert caught.value.file == "known labels.csv"


def test_labels_that_are_no_text_or_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_labels(tmp_path / "none.csv", "s")
    (tmp_path / "binary.csv").write_bytes(b"\x89HDF\r\n\x1a\n\xff\xfe")
    with pytest.raises(InputError, match="is no CSV of text"):
        read_labels(tmp_path / "binary.csv", "s")


def test_no_cell_in_common_shows_cells_of_both_sides() -> None:
    clusters = pd.Series(["0", "0"], index=["AAAC-1", "AAAG-1"])
    labels = pd.Series(["T"] * 4, index=["AAAC", "AAAG", "AAAT", "AACC"])
    with pytest.raises(InputError, match=r"it has AAAC, AAAG, AAAT, …; the sample has AAAC-1, AAAG-1;"):
        compare(clusters, labels, pd.Index([]))


# --- summary ---


def test_cells_genes_and_clusters() -> None:
    adata = finished_sample((60, 40, 20))
    found = summarize(adata, "s1")
    assert (found.sample, found.organism) == ("s1", "human")
    assert (found.cells_before, found.cells_after) == (126, 120)
    assert (found.genes_before, found.genes_after) == (adata.n_vars + 100, adata.n_vars)
    assert (found.variable_genes, found.components) == (12, 10)
    assert [(cluster.name, cluster.cells) for cluster in found.clusters] == [("0", 60), ("1", 40), ("2", 20)]
    assert [cluster.fraction for cluster in found.clusters] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert found.clusters[1].top_markers == ["1-GENE0", "1-GENE1", "1-GENE2", "1-GENE3"]
    assert found.markers == {"0": 4, "1": 4, "2": 4}
    assert found.notes == [Note("qc_filter", "3 gene names occurred twice")]
    assert found.parameters["cluster"] == {"resolution": 0.5, "key_added": "leiden", "seed": 0}
    assert list(found.parameters) == ["qc_filter", "cluster", "find_markers"]
    assert found.versions["cluster"]["scanpy"] == "1.11.5"


def test_medians_are_of_all_cells_before_and_of_the_kept_ones_after() -> None:
    adata = finished_sample()
    quality = summarize(adata, "s").quality
    assert quality is not None
    everything = np.concatenate([adata.obs["total_counts"], adata.uns["qc"]["removed"]["total_counts"]])
    assert quality.medians["total_counts"] == {
        "before": np.median(everything),
        "after": np.median(adata.obs["total_counts"]),
    }
    assert quality.removed == {"min_genes": 2, "max_pct_mt": 2, "max_pct_hb": 0, "doublet": 3}
    assert quality.thresholds["pct_counts_mt"] == {"upper": 20.0}


def test_limits_on_logarithms_become_limits_on_counts_and_the_narrower_one_wins() -> None:
    adata = finished_sample()
    adata.uns["qc"]["thresholds"] |= {
        "log1p_total_counts": {"lower": np.log1p(30), "upper": np.log1p(500)},
        "log1p_n_genes_by_counts": {"lower": np.log1p(12.0), "upper": np.log1p(90)},
    }
    adata.uns["qc"]["thresholds_by_batch"] = pd.DataFrame(
        {"batch": ["a", "b"], "metric": ["log1p_total_counts", "pct_counts_mt"]}
    ).assign(lower=[np.log1p(10), np.nan], upper=[np.log1p(20), 7.0])
    quality = summarize(adata, "s").quality
    assert quality is not None
    assert quality.thresholds["total_counts"] == pytest.approx({"lower": 30, "upper": 500})
    assert quality.thresholds["n_genes_by_counts"] == pytest.approx({"lower": 12, "upper": 90})
    assert quality.batch_thresholds["a"] == {"total_counts": pytest.approx({"lower": 10, "upper": 20})}
    assert quality.batch_thresholds["b"] == {"pct_counts_mt": {"upper": 7.0}}


def test_doublets_are_counted_among_the_scored_cells() -> None:
    assert summarize(finished_sample(), "s").doublets == Doublets(
        scored=124, predicted=3, rate=3 / 124, expected_rate=0.05, threshold=0.4, batch_thresholds={}
    )


def test_doublet_thresholds_of_batches_and_ones_not_found() -> None:
    adata = finished_sample()
    add_batches(adata, ["a/1", "b"])
    adata.uns["scrublet"] = {
        "batched_by": "batch",
        "batches": np.array(["a/1", "b"], dtype=object),
        "runs": {"0": {"threshold": 0.3}, "1": {}},
    }
    found = summarize(adata, "s").doublets
    assert found is not None
    assert (found.threshold, found.batch_thresholds) == (None, {"a/1": 0.3, "b": None})


def _without_doublets(adata: AnnData) -> AnnData:
    del adata.uns["scrublet"], adata.obs["doublet_score"], adata.obs["predicted_doublet"]
    return adata


def test_steps_that_did_not_run_are_null() -> None:
    adata = _without_doublets(finished_sample())
    del (
        adata.uns["qc"],
        adata.uns["stargazer"]["qc_filter"],
        adata.var["highly_variable"],
        adata.obsm["X_pca"],
    )
    document = to_document(summarize(adata, "s"))
    absent = ("quality", "doublets", "organism", "variable_genes", "components", "agreement", "batch_key")
    assert {name: document[name] for name in absent} == dict.fromkeys(absent)
    assert (document["cells_before"], document["cells_after"]) == (120, 120)


def test_batches_come_from_the_parameter_or_a_column_of_a_usual_name() -> None:
    adata = add_batches(finished_sample((6, 3)), ["x", "y"])
    assert (summarize(adata, "s").batch_key, summarize(adata, "s").batches) == ("batch", {"x": 5, "y": 4})
    adata.obs = adata.obs.rename(columns={"batch": "donor"})
    assert summarize(adata, "s").batch_key is None
    del adata.uns["stargazer"]["qc_filter"]["parameters"]["batch_key"]
    assert summarize(adata, "s").batch_key == "donor"
    adata.obs["donor"] = "one"
    assert summarize(adata, "s").batch_key is None


def test_further_resolutions_are_counted_in_their_order() -> None:
    adata = finished_sample((4, 4))
    adata.uns["stargazer"]["cluster"]["parameters"]["more_resolutions"] = "1.0,0.2,3"
    adata.obs["leiden_1"] = list("aabbccdd")
    adata.obs["leiden_0.2"] = "a"
    assert summarize(adata, "s").resolutions == {"leiden_0.2": 1, "leiden_1": 4}


def test_markers_of_other_groups_do_not_describe_the_clusters() -> None:
    adata = finished_sample()
    adata.obs["kind"] = adata.obs["leiden"].cat.rename_categories(["T", "B", "NK"])
    adata.uns["rank_genes_groups"]["params"]["groupby"] = "kind"
    adata.uns["markers"]["group"] = adata.uns["markers"]["group"].map({"0": "T", "1": "B", "2": "NK"})
    found = summarize(adata, "s")
    assert (found.cluster_key, found.groupby, found.markers) == ("leiden", "kind", {"T": 4, "B": 4, "NK": 4})
    assert all(cluster.top_markers == [] for cluster in found.clusters)


def test_hints_go_with_their_clusters() -> None:
    adata = finished_sample((5, 5))
    adata.uns["cell_type_hints"] = pd.DataFrame(
        {
            "group": ["0", "1"],
            "cell_type": ["T", "B"],
            "score": [1.5, 0.5],
            "second": ["", "T"],
            "second_score": [np.nan, 0.4],
        }
    )
    found = summarize(adata, "s")
    assert found.clusters[1].hint == Hint("1", "B", 0.5, "T", 0.4)
    assert to_document(found)["hints"][0]["second_score"] is None


def test_the_document_survives_json_and_a_file(tmp_path: Path) -> None:
    adata = finished_sample()
    labels = pd.Series(list("TB") * 60, index=adata.obs_names)
    agreement = compare(adata.obs["leiden"], labels, pd.Index([]))
    adata.write_h5ad(tmp_path / "a.h5ad")
    again = anndata.read_h5ad(tmp_path / "a.h5ad")
    document = to_document(summarize(again, "s", agreement))
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document == to_document(summarize(adata, "s", agreement))
    assert document["agreement"]["contingency"] == {
        "clusters": ["0", "1", "2"],
        "labels": ["B", "T"],
        "counts": [[30, 30], [20, 20], [10, 10]],
    }
    assert document["agreement"]["ari"] == pytest.approx(adjusted_rand_score(labels, adata.obs["leiden"]))

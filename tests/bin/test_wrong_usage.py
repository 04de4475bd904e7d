"""Options that cannot be, and input that a later step would fail on: told before anything is computed."""

import argparse
import json
from pathlib import Path

import pytest
from helpers.planted import BIN, planted_counts, run_script
from scrna.features import require_log_normalized
from scrna.normalization import normalize
from scrna.options import Normalize

WRONG = [
    (("--key-added", "total_counts"), "total_counts is a name that the steps or the report use themselves"),
    (("--key-added", "markers"), "markers is a name that the steps"),
    (("--key-added", "_index"), "_index is a name that the steps"),
    (("--key-added", "x", "--more-resolutions", "1,1.0000001"), "both would be the column x_1"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
@pytest.mark.parametrize("name", ["cluster", "scrna_chain"])
def test_a_name_of_the_steps_is_wrong_usage(
    tmp_path: Path, name: str, options: tuple[str, ...], message: str
) -> None:
    output = ("--output", tmp_path / "o") if name == "cluster" else ("--sample", "s", "--outdir", tmp_path)
    result = run_script(name, "--input", tmp_path / "absent", *output, *options)

    assert result.returncode == 2
    assert message in result.stderr


def test_the_batches_are_no_name_for_clusters(tmp_path: Path) -> None:
    result = run_script(
        "scrna_chain", "--input", tmp_path / "absent", "--sample", "s", "--outdir", tmp_path,
        "--key-added", "capture", "--batch-key", "capture",
    )  # fmt: skip

    assert result.returncode == 2
    assert "--key-added capture would overwrite the batches, obs column capture" in result.stderr


def test_repeated_genes_are_refused_where_the_chain_begins_later(tmp_path: Path) -> None:
    adata = planted_counts(20)
    adata.var_names = [adata.var_names[1], *adata.var_names[1:]]
    adata.write_h5ad(tmp_path / "a.h5ad")
    for command in (
        ("normalize", "--output", tmp_path / "o"),
        ("scrna_chain", "--from-stage", "qc_filtered", "--sample", "s", "--outdir", tmp_path),
    ):
        name, *options = command
        result = run_script(str(name), "--input", tmp_path / "a.h5ad", *options)
        assert result.returncode == 1
        assert "1 gene names occur more than once, as MT-ND2" in result.stderr


@pytest.mark.parametrize("value", ["0.5", "1e9", "0", "inf"])
def test_a_depth_that_no_cell_can_have_is_wrong_usage(tmp_path: Path, value: str) -> None:
    result = run_script(
        "normalize", "--input", tmp_path / "absent", "--output", tmp_path / "o", "--target-sum", value
    )

    assert result.returncode == 2
    assert "is not" in result.stderr


def test_the_schema_has_the_limits_of_the_script() -> None:
    groups = json.loads((BIN.parent / "nextflow_schema.json").read_text())["$defs"].values()
    (rule,) = (group["properties"]["target_sum"] for group in groups if "target_sum" in group["properties"])
    parse = Normalize.__dataclass_fields__["target_sum"].metadata["parse"]

    assert (parse(str(rule["minimum"])), parse(str(rule["maximum"]))) == (1.0, 1e8)
    for outside in (0.99 * rule["minimum"], 1.01 * rule["maximum"]):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(str(outside))


def test_the_largest_depth_still_looks_like_logarithms() -> None:
    alone = planted_counts(20)
    alone.X[:, 1:] = 0
    alone.X[:, 0] = 1
    adata = normalize(alone, Normalize(target_sum=1e8))

    assert adata.X.max() > 18
    require_log_normalized(adata, "select_features")

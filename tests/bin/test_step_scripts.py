"""The executables as a user runs them: exit codes, one line for an error, and no file where they failed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad
from helpers.chained import run_until
from helpers.disk import SmallDisk
from helpers.planted import BIN, planted_counts, run_script
from scipy import sparse
from scrna.steps import CHAIN, IMPORT

SCRIPTS = [*(step.task for step in (IMPORT, *CHAIN)), "scrna_chain"]
QC = ("--min-genes", "20", "--doublets", "none")


def _write(path: Path, change: Callable[[AnnData], None] | None = None) -> Path:
    adata = planted_counts(60)
    if change:
        change(adata)
    adata.write_h5ad(path)
    return path


def _text(path: Path) -> Path:
    path.write_text("cell,gene\nA,1\n")
    return path


def _truncated(path: Path) -> Path:
    content = _write(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def _newer(path: Path) -> Path:
    with h5py.File(_write(path), "r+") as file:
        file["X"].attrs["encoding-version"] = "9.9.9"
    return path


def _negative(adata: AnnData) -> None:
    adata.X.data[0] = -1


def _fractional(adata: AnnData) -> None:
    adata.X = sparse.csr_matrix(adata.X.log1p())


def _missing_value(adata: AnnData) -> None:
    adata.X.data[0] = np.nan


def _repeated_names(adata: AnnData) -> None:
    adata.obs_names = ["AAAC-1", *adata.obs_names[:1], "AAAC-1", *adata.obs_names[3:]]


BAD_INPUT = {
    "text": (_text, (), r"is not an .h5ad (HDF5) file but a text file; give the AnnData itself"),
    "truncated": (_truncated, (), "is cut off: the download or copy did not end; get it again"),
    "newer": (_newer, (), "written in a newer format than anndata"),
    "negative": (lambda path: _write(path, _negative), (), "X holds negative values, down to -1"),
    "fractional": (lambda path: _write(path, _fractional), (), "X looks log-normalised: largest value"),
    "nan": (lambda path: _write(path, _missing_value), (), "X holds NaN"),
    "nothing left": (_write, ("--min-genes", "9999"), "no cell is left of 60 after QC: min_genes 9999"),
    "no batch": (_write, ("--batch-key", "donor"), "no obs column is named 'donor'; the columns are: truth"),
    "organism": (_write, ("--organism", "mouse"), "but 22 of human are; use --organism human"),
    "names": (lambda path: _write(path, _repeated_names), (), "1 cell names occur more than once, as AAAC-1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_INPUT)
def test_bad_input_is_one_line_and_leaves_no_file(tmp_path: Path, kind: str) -> None:
    make, options, message = BAD_INPUT[kind]
    given = make(tmp_path / "in.h5ad")
    result = run_script(
        "qc_filter", "--input", given, "--output", tmp_path / "a.h5ad", "--summary", tmp_path / "a.json",
        "--name", "donor 1.h5ad", *QC, *options,
    )  # fmt: skip

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("qc_filter.py: error: donor 1.h5ad: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == [given]


@pytest.mark.parametrize(
    ("task", "until", "message"),
    [
        ("normalize", "normalize", "X looks log-normalised"),
        ("select_features", "qc_filter", "run normalize first"),
        ("reduce_dimensions", "normalize", "run select_features first"),
        ("cluster", "select_features", "run reduce_dimensions first"),
        ("find_markers", "reduce_dimensions", "has no clusters of the step cluster; run it first"),
    ],
)
def test_a_wrong_stage_names_the_step_that_is_missing(
    tmp_path: Path, task: str, until: str, message: str
) -> None:
    run_until(planted_counts(60), until, min_genes=20, doublets="none").write_h5ad(tmp_path / "in.h5ad")
    result = run_script(task, "--input", tmp_path / "in.h5ad", "--output", tmp_path / "out.h5ad")

    assert result.returncode == 1
    assert result.stderr.startswith(f"{task}.py: error: {tmp_path / 'in.h5ad'}: ")
    assert message in result.stderr
    assert not (tmp_path / "out.h5ad").exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_tells_every_option_and_needs_no_library(tmp_path: Path, name: str) -> None:
    for library in ("numpy", "anndata", "scanpy"):
        (tmp_path / f"{library}.py").write_text("raise ImportError('not for --help')")
    result = run_script(name, "--help", environment={"PYTHONPATH": str(tmp_path)})
    known = {step.task: step.options.__dataclass_fields__ for step in (IMPORT, *CHAIN)}

    assert result.returncode == 0, result.stderr
    for option in known.get(name, [option for step in CHAIN for option in step.options.__dataclass_fields__]):
        assert f"--{option.replace('_', '-')}" in result.stdout
    assert os.access(BIN / f"{name}.py", os.X_OK)


@pytest.mark.parametrize(
    "options",
    [
        ("--min-genes", "-1"), ("--min-genes", "1.5"), ("--max-pct-mt", "101"), ("--max-pct-mt", "nan"),
        ("--n-mads", "inf"), ("--n-mads-mt", "nan"),
        ("--doublets", "maybe"), ("--expected-doublet-rate", "0"), ("--no-such-option", "1"), ("--min", "5"),
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_2(tmp_path: Path, options: tuple[str, str]) -> None:
    result = run_script("qc_filter", "--input", "x", "--output", tmp_path / "a.h5ad", *options)

    assert result.returncode == 2
    assert "qc_filter.py: error: " in result.stderr


@pytest.mark.parametrize("resolutions", ["", "0.2,", "0", "a", "0.2,inf"])
def test_wrong_resolutions_are_exit_2(resolutions: str) -> None:
    assert (
        run_script("cluster", "--input", "x", "--output", "y", "--more-resolutions", resolutions).returncode
        == 2
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--integrate", "harmony"), "--integrate harmony needs --batch-key"),
        (("--sample", "a/b"), "'a/b' is no sample name"),
        (("--sample", "s 1"), "'s 1' is no sample name"),
        (("--target-sum", "inf"), "'inf' is not a finite number"),
        (("--min-log2-fold-change=-inf",), "'-inf' is not a finite number"),
    ],
)
def test_the_chain_refuses_wrong_usage_before_anything_runs(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = run_script("scrna_chain", "--input", "x", "--sample", "s", "--outdir", tmp_path, *options)

    assert result.returncode == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_bad_marker_sets_are_told_before_the_first_step(tmp_path: Path) -> None:
    given = _write(tmp_path / "in.h5ad")
    (tmp_path / "sets.gmt").write_text("T cell\n")
    result = run_script(
        "scrna_chain", "--input", given, "--sample", "s", "--outdir", tmp_path, "--marker-sets",
        tmp_path / "sets.gmt", *QC,
    )  # fmt: skip

    assert result.returncode == 1
    assert result.stderr.startswith("scrna_chain.py: error: sets.gmt: line 1 is not a marker set")
    assert {path.name for path in tmp_path.iterdir()} == {"in.h5ad", "sets.gmt"}


@pytest.mark.parametrize("option", ["--summary", "--markers"])
def test_every_output_folder_is_asked_for_before_the_work(tmp_path: Path, option: str) -> None:
    given = _text(tmp_path / "in.h5ad")
    absent = tmp_path / "absent" / "x"
    result = run_script("find_markers", "--input", given, "--output", tmp_path / "o", option, absent)

    assert result.returncode == 1
    assert f"error: {absent}: cannot be written: its folder does not exist" in result.stderr
    assert list(tmp_path.iterdir()) == [given]


def test_a_summary_that_cannot_be_written_takes_the_result_with_it(tmp_path: Path) -> None:
    given = _write(tmp_path / "in.h5ad")
    (tmp_path / "a.json").mkdir()
    result = run_script(
        "qc_filter", "--input", given, "--output", tmp_path / "a.h5ad", "--summary", tmp_path / "a.json", *QC
    )

    assert result.returncode == 1
    assert f"error: {tmp_path / 'a.json'}: cannot be written: " in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"in.h5ad", "a.json"}


def test_a_full_disk_is_one_line_and_leaves_no_file(tmp_path: Path, small_disk: SmallDisk) -> None:
    disk = small_disk.mount("300k")
    planted_counts(1500).write_h5ad(tmp_path / "in.h5ad")
    result = run_script("qc_filter", "--input", tmp_path / "in.h5ad", "--output", disk / "a.h5ad", *QC)
    where = f"qc_filter.py: error: {disk / 'a.h5ad'}"

    assert result.stderr == f"{where}: cannot be written: No space left on device; free some space\n"
    assert result.returncode == 1
    assert list(disk.iterdir()) == []


def test_an_interrupted_step_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scanpy.py").write_text("raise KeyboardInterrupt")  # as Ctrl-C does, at a known moment
    given = _write(tmp_path / "in.h5ad")
    result = run_script(
        "qc_filter", "--input", given, "--output", tmp_path / "o", environment={"PYTHONPATH": str(tmp_path)}
    )

    assert (result.returncode, result.stderr) == (130, "qc_filter.py: interrupted\n")


def test_a_missing_library_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "scanpy.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'scanpy'\", name='scanpy')"
    )
    given = _write(tmp_path / "in.h5ad")
    result = run_script(
        "qc_filter", "--input", given, "--output", tmp_path / "o", environment={"PYTHONPATH": str(tmp_path)}
    )

    assert result.returncode == 1
    assert result.stderr == (
        "qc_filter.py: error: this Python has no scanpy; use a container (-profile docker or podman),"
        " `stargazer setup`, or pip install 'stargazer[scrna]'\n"
    )


def test_the_summary_has_what_the_manifest_needs_and_notes_are_told(tmp_path: Path) -> None:
    adata = planted_counts(60)
    adata = adata[:, ~adata.var_names.str.startswith("HB")].copy()
    adata.write_h5ad(tmp_path / "in.h5ad")
    result = run_script(
        "qc_filter", "--input", tmp_path / "in.h5ad", "--output", tmp_path / "a.h5ad", "--summary",
        tmp_path / "a.json", *QC,
    )  # fmt: skip
    note = "no haemoglobin gene of human is in the data: its share is not measured and not filtered"

    assert result.returncode == 0, result.stderr
    assert result.stderr == f"qc_filter: note: {note}\n"
    made = read_h5ad(tmp_path / "a.h5ad")
    summary = json.loads((tmp_path / "a.json").read_text())
    assert summary.pop("parameters")["min_genes"] == 20
    assert summary == {
        "n_obs": made.n_obs,
        "n_vars": made.n_vars,
        "stage": "qc_filtered",
        "organism": "human",
        "notes": [note],
    }


@pytest.mark.parametrize("name", ["qc_filter", "scrna_chain"])
def test_a_missing_output_folder_is_named_before_anything_is_computed(tmp_path: Path, name: str) -> None:
    given = _text(tmp_path / "in.h5ad")
    folder = tmp_path / "absent"
    output = ("--output", folder / "s") if name == "qc_filter" else ("--sample", "s", "--outdir", folder)
    result = run_script(name, "--input", given, *output)

    assert result.returncode == 1
    assert f"error: {folder / 's'}: cannot be written: its folder does not exist" in result.stderr


def test_a_bad_marker_file_is_named_itself(tmp_path: Path) -> None:
    run_until(planted_counts(60), "cluster", min_genes=20, doublets="none").write_h5ad(tmp_path / "in.h5ad")
    (tmp_path / "sets.gmt").write_text("T cell\n")
    result = run_script(
        "find_markers", "--input", tmp_path / "in.h5ad", "--output", tmp_path / "o", "--markers",
        tmp_path / "m.csv", "--marker-sets", tmp_path / "sets.gmt",
    )  # fmt: skip

    assert result.returncode == 1
    assert result.stderr.startswith("find_markers.py: error: sets.gmt: line 1 is not a marker set")
    assert not (tmp_path / "m.csv").exists()


def test_10x_counts_become_an_input_of_the_chain(tmp_path: Path) -> None:
    adata = planted_counts(60)
    folder = tmp_path / "10x"
    folder.mkdir()
    rows, columns = adata.X.T.nonzero()
    lines = [f"{r + 1} {c + 1} {int(adata.X[c, r])}" for r, c in zip(rows, columns, strict=True)]
    header = f"%%MatrixMarket matrix coordinate integer general\n{adata.n_vars} {adata.n_obs} {len(lines)}\n"
    (folder / "matrix.mtx").write_text(header + "\n".join(lines) + "\n")
    (folder / "barcodes.tsv").write_text("\n".join(adata.obs_names) + "\n")
    (folder / "genes.tsv").write_text("".join(f"ENSG{n}\t{name}\n" for n, name in enumerate(adata.var_names)))
    imported = run_script(
        "import_counts", "--input", folder, "--output", tmp_path / "a.h5ad", "--summary", tmp_path / "a.json"
    )
    assert imported.returncode == 0, imported.stderr
    assert json.loads((tmp_path / "a.json").read_text())["stage"] == "raw"

    filtered = run_script("qc_filter", "--input", tmp_path / "a.h5ad", "--output", tmp_path / "b.h5ad", *QC)
    assert filtered.returncode == 0, filtered.stderr
    made = read_h5ad(tmp_path / "b.h5ad")
    assert list(made.uns["stargazer"]) == ["import_counts", "qc_filter"]
    assert made.var["gene_id"].iloc[0] == "ENSG0"


def test_an_own_annotation_travels_through_the_chain(tmp_path: Path) -> None:
    adata = planted_counts(60)
    adata.obs["age"] = np.arange(60)
    adata.obs["day"] = pd.Timestamp("2020-01-01")
    adata.obs["day"] = adata.obs["day"].astype(str)
    adata.write_h5ad(tmp_path / "in.h5ad")
    result = run_script(
        "scrna_chain", "--input", tmp_path / "in.h5ad", "--sample", "s_1", "--outdir", tmp_path, *QC
    )

    assert result.returncode == 0, result.stderr
    made = read_h5ad(tmp_path / "s_1.annotated.h5ad")
    assert (made.obs["age"] == adata.obs.loc[made.obs_names, "age"]).all()
    assert set(made.obs["day"]) == {"2020-01-01"}
    shutil.rmtree(tmp_path)

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from anndata import AnnData, read_h5ad
from helpers.planted import planted_counts
from scrna import files
from scrna.errors import InputError


@pytest.fixture(scope="module")
def h5ad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("h5ad") / "a.h5ad"
    planted_counts(60).write_h5ad(path)
    return path


def test_a_file_comes_back_as_it_was_written(h5ad: Path) -> None:
    adata = files.read_h5ad(h5ad)

    assert adata.shape == (60, 600)
    assert (adata.X != planted_counts(60).X).nnz == 0


def test_a_missing_an_empty_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        files.read_h5ad(tmp_path / "absent.h5ad")
    (tmp_path / "empty.h5ad").touch()
    with pytest.raises(InputError, match=r"is empty \(0 bytes\)"):
        files.read_h5ad(tmp_path / "empty.h5ad")
    with pytest.raises(InputError, match="is a folder"):
        files.read_h5ad(tmp_path)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"gene,cell\nACTB,1\n", "a text file"), (b"\x1f\x8b\x08\0\0", "another kind of file")],
)
def test_what_is_not_hdf5_is_named(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "a.h5ad").write_bytes(content)
    with pytest.raises(InputError, match=f"is not an .h5ad .HDF5. file but {kind}"):
        files.read_h5ad(tmp_path / "a.h5ad")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_a_cut_off_file_is_told(h5ad: Path, tmp_path: Path, share: float) -> None:
    content = h5ad.read_bytes()
    (tmp_path / "cut.h5ad").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="is cut off: the download or copy did not end"):
        files.read_h5ad(tmp_path / "cut.h5ad")


def test_a_damaged_file_is_told(h5ad: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.h5ad"
    shutil.copy(h5ad, damaged)
    with h5py.File(damaged, "r+") as file:
        del file["X/indptr"]
    with pytest.raises(InputError, match=r"cannot be read as AnnData .*; the file may be damaged"):
        files.read_h5ad(damaged)


@pytest.mark.parametrize("part", ["X", "obs", "uns"])
def test_a_newer_format_is_told(h5ad: Path, tmp_path: Path, part: str) -> None:
    newer = tmp_path / "newer.h5ad"
    shutil.copy(h5ad, newer)
    with h5py.File(newer, "r+") as file:
        file[part].attrs["encoding-version"] = "99.0.0"
    with pytest.raises(InputError, match=r"written in a newer format than anndata 0.* reads"):
        files.read_h5ad(newer)


def test_hdf5_without_cells_and_genes_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["data"] = [1]
    with pytest.raises(InputError, match="is an HDF5 file but not an AnnData"):
        files.read_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "b.h5ad", "w") as file:
        file["matrix/barcodes"] = [1]
    with pytest.raises(InputError, match=r"is a 10x .h5 file, not an AnnData"):
        files.read_h5ad(tmp_path / "b.h5ad")


def test_the_order_in_which_results_came_does_not_show_in_the_bytes(tmp_path: Path) -> None:
    one, two = planted_counts(30), planted_counts(30)
    for adata, keys in ((one, "abc"), (two, "cba")):
        for key in keys:
            adata.uns[key] = {"y": 1, "x": None} if key == keys[0] else 2.0
            adata.obsm[key] = np.ones((30, 2), order="F" if key == "a" else "C")
    two.uns["a"], two.uns["c"] = one.uns["a"], one.uns["c"]
    for name, adata in (("one", one), ("two", two)):
        files.write_h5ad(files.canonical(adata), tmp_path / name)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert read_h5ad(tmp_path / "one").uns["a"] == {"y": 1}


def test_results_lie_in_memory_as_they_will_once_read() -> None:
    adata = planted_counts(30)
    adata.obsm["X_pca"] = np.ones((30, 2), order="F")
    adata.obs["text"] = ["a"] * 30
    canonical = files.canonical(adata)

    assert canonical.obsm["X_pca"].flags.c_contiguous
    assert canonical.obs["text"].dtype == "category"
    assert canonical.X is adata.X


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: AnnData, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AnnData, "write_h5ad", full)
    with pytest.raises(InputError, match="cannot be written: No space left") as error:
        files.write_h5ad(planted_counts(3), tmp_path / "a.h5ad")

    assert error.value.file == str(tmp_path / "a.h5ad")
    assert list(tmp_path.iterdir()) == []


def test_an_older_result_stays_when_a_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.h5ad").write_bytes(b"old")
    monkeypatch.setattr(AnnData, "write_h5ad", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        files.write_h5ad(planted_counts(3), tmp_path / "a.h5ad")

    assert (tmp_path / "a.h5ad").read_bytes() == b"old"


def test_an_output_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        files.write_json({}, tmp_path / "absent" / "a.json")


@pytest.mark.parametrize("kind", ["cell", "gene"])
def test_names_that_occur_twice_are_refused_at_every_stage(tmp_path: Path, kind: str) -> None:
    adata = planted_counts(20)
    names = adata.obs_names if kind == "cell" else adata.var_names
    repeated = [names[1], *names[1:]]
    if kind == "cell":
        adata.obs_names = repeated
    else:
        adata.var_names = repeated
    adata.write_h5ad(tmp_path / "a.h5ad")

    with pytest.raises(InputError, match=f"1 {kind} names occur more than once, as {names[1]}; make them"):
        files.read_h5ad(tmp_path / "a.h5ad")
    if kind == "gene":
        assert files.read_h5ad(tmp_path / "a.h5ad", raw=True).n_vars == adata.n_vars
    else:
        with pytest.raises(InputError, match="1 cell names occur more than once"):
            files.read_h5ad(tmp_path / "a.h5ad", raw=True)


def test_what_others_wrote_under_the_names_of_our_records_is_ignored(tmp_path: Path) -> None:
    adata = planted_counts(20)
    adata.uns = {"stargazer": "x", "qc": "y", "mine": "z"}
    adata.write_h5ad(tmp_path / "a.h5ad")
    own = {"parameters": {"seed": 0}, "notes": np.array([], dtype=object)}
    adata.uns = {"stargazer": {"cluster": own, "other": "x", "another": {"parameters": "y"}}}
    adata.write_h5ad(tmp_path / "b.h5ad")

    assert dict(files.read_h5ad(tmp_path / "a.h5ad").uns) == {"mine": "z"}
    assert list(files.read_h5ad(tmp_path / "b.h5ad").uns["stargazer"]) == ["cluster"]

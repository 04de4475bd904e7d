import gzip
import io
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from anndata import AnnData
from helpers.planted import planted_counts
from scipy import sparse
from scipy.io import mmwrite
from scrna.errors import InputError
from scrna.options import ImportCounts
from scrna.tenx import import_counts

CELLS, GENES = 30, 120
CITE = "Antibody Capture"


def _counts() -> AnnData:
    adata = planted_counts(CELLS, GENES)
    adata.var["gene_id"] = [f"ENSG{number:011d}" for number in range(GENES)]
    return adata


def _kinds(antibodies: int) -> list[str]:
    return ["Gene Expression"] * (GENES - antibodies) + [CITE] * antibodies


def _write_folder(folder: Path, version: int = 3, antibodies: int = 0, prefix: str = "") -> Path:
    folder.mkdir(parents=True)
    adata = _counts()
    matrix = io.BytesIO()
    mmwrite(matrix, adata.X.T.astype(int))
    features = [f"{i}\t{n}" for i, n in zip(adata.var["gene_id"], adata.var_names, strict=True)]
    if version == 3:
        features = [f"{line}\t{kind}" for line, kind in zip(features, _kinds(antibodies), strict=True)]
    contents = {
        "matrix.mtx": matrix.getvalue(),
        "barcodes.tsv": "".join(f"{name}\n" for name in adata.obs_names).encode(),
        ("features.tsv" if version == 3 else "genes.tsv"): "".join(f"{line}\n" for line in features).encode(),
    }
    for name, content in contents.items():
        if version == 3:
            (folder / f"{prefix}{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / f"{prefix}{name}").write_bytes(content)
    return folder


def _write_h5(
    path: Path, version: int = 3, antibodies: int = 0, genomes: tuple[str, ...] = ("GRCh38",)
) -> Path:
    adata = _counts()
    with h5py.File(path, "w") as file:
        for name in ("matrix",) if version == 3 else genomes:
            group = file.create_group(name)
            group["barcodes"] = np.array(adata.obs_names, dtype="S")
            group["data"] = adata.X.data.astype(np.int32)
            group["indices"] = adata.X.indices.astype(np.int64)
            group["indptr"] = adata.X.indptr.astype(np.int64)
            group["shape"] = np.array([GENES, CELLS], dtype=np.int32)
            if version == 2:
                group["genes"] = adata.var["gene_id"].to_numpy().astype("S")
                group["gene_names"] = np.array(adata.var_names, dtype="S")
                continue
            group["features/id"] = adata.var["gene_id"].to_numpy().astype("S")
            group["features/name"] = np.array(adata.var_names, dtype="S")
            group["features/feature_type"] = np.array(_kinds(antibodies), dtype="S")
            half = [genomes[number % len(genomes)] for number in range(GENES)]
            group["features/genome"] = np.array(half, dtype="S")
    return path


def _write_tar(path: Path, folder: Path, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        archive.add(folder, "filtered_feature_bc_matrix")
    return path


def _imported(path: Path) -> AnnData:
    return import_counts(path, ImportCounts())


def _check(adata: AnnData) -> None:
    expected = _counts()
    assert list(adata.obs_names) == list(expected.obs_names)
    assert list(adata.var_names) == list(expected.var_names)
    assert list(adata.var["gene_id"]) == list(expected.var["gene_id"])
    assert adata.X.dtype == np.float32
    assert (adata.X != expected.X).nnz == 0


@pytest.mark.parametrize("version", [2, 3])
def test_every_form_gives_the_same_counts(tmp_path: Path, version: int) -> None:
    folder = _write_folder(tmp_path / "folder", version)
    _check(_imported(folder))
    _check(_imported(_write_h5(tmp_path / "a.h5", version)))
    _check(_imported(_write_tar(tmp_path / "a.tar.gz", folder)))
    _check(_imported(_write_tar(tmp_path / "a.tar", folder, "w")))


def test_a_folder_in_the_folder_and_a_prefix_are_fine(tmp_path: Path) -> None:
    _write_folder(tmp_path / "out" / "filtered", prefix="GSM123_")
    _check(_imported(tmp_path / "out"))


@pytest.mark.parametrize("form", ["folder", "h5"])
def test_only_gene_expression_is_taken(tmp_path: Path, form: str) -> None:
    path = (
        _write_folder(tmp_path / "x", antibodies=20)
        if form == "folder"
        else _write_h5(tmp_path / "x", antibodies=20)
    )
    adata = _imported(path)

    assert adata.n_vars == GENES - 20
    assert list(adata.uns["stargazer"]["import_counts"]["notes"]) == [
        "20 features of the kind Antibody Capture were left out"
    ]


def test_features_without_genes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"has no Gene Expression features; its features are: Antibody Capture \(120\)"
    ):
        _imported(_write_h5(tmp_path / "a.h5", antibodies=GENES))


@pytest.mark.parametrize("version", [2, 3])
def test_several_genomes_are_refused_by_name(tmp_path: Path, version: int) -> None:
    with pytest.raises(InputError, match=r"2 genomes .GRCh38, mm10.; give one file for each"):
        _imported(_write_h5(tmp_path / "a.h5", version, genomes=("GRCh38", "mm10")))


def test_barcodes_without_counts_are_noted(tmp_path: Path) -> None:
    path = _write_h5(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        indptr = file["matrix/indptr"][:]
        del file["matrix/indptr"], file["matrix/barcodes"], file["matrix/shape"]
        file["matrix/indptr"] = np.append(indptr, indptr[-1])
        file["matrix/barcodes"] = np.array([f"C{number}" for number in range(CELLS + 1)], dtype="S")
        file["matrix/shape"] = [GENES, CELLS + 1]
    notes = _imported(path).uns["stargazer"]["import_counts"]["notes"]

    assert list(notes) == ["1 barcodes have no counts: the unfiltered matrix? qc_filter removes them"]


def test_an_archive_with_a_member_outside_it_is_refused(tmp_path: Path) -> None:
    folder = _write_folder(tmp_path / "folder")
    for name in ("../../evil", "/evil"):
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            archive.add(folder, "x")
            archive.addfile(tarfile.TarInfo(name))
        with pytest.raises(InputError, match=r"no plain file inside it: '.*evil'"):
            _imported(tmp_path / "a.tar")
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        link = tarfile.TarInfo("x/matrix.mtx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(InputError, match=r"no plain file inside it: 'x/matrix\.mtx'"):
        _imported(tmp_path / "b.tar")


def _drop(folder: Path, name: str) -> None:
    (folder / name).unlink()


def _halve(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])


def _shorten(folder: Path, name: str) -> None:
    lines = (folder / name).read_text().splitlines()
    (folder / name).write_text("\n".join(lines[:-1]))


@pytest.mark.parametrize(
    ("spoil", "version", "name", "message"),
    [
        (_drop, 3, "barcodes.tsv.gz", "needs one barcodes.tsv, plain or .gz, but has none"),
        (_drop, 2, "genes.tsv", r"needs one features.tsv \(or genes.tsv\), plain or .gz, but has none"),
        (_halve, 3, "matrix.mtx.gz", "matrix.mtx.gz cannot be read"),
        (_halve, 3, "features.tsv.gz", "features.tsv.gz cannot be read"),
        (_halve, 2, "matrix.mtx", "matrix.mtx cannot be read"),
        (_shorten, 2, "barcodes.tsv", "matrix.mtx has 120 genes x 30 cells, but genes.tsv has 120 .* 29"),
        (_shorten, 2, "genes.tsv", "matrix.mtx has 120 genes x 30 cells, but genes.tsv has 119 .* 30"),
    ],
)
def test_a_spoilt_folder_is_refused(tmp_path: Path, spoil, version: int, name: str, message: str) -> None:
    folder = _write_folder(tmp_path / "folder", version)
    spoil(folder, name)
    with pytest.raises(InputError, match=message):
        _imported(folder)


def test_two_matrices_in_one_folder_are_refused_by_name(tmp_path: Path) -> None:
    _write_folder(tmp_path / "out" / "raw")
    _write_folder(tmp_path / "out" / "filtered")
    with pytest.raises(
        InputError, match=r"needs one matrix.mtx, plain or .gz, but has filtered/matrix.mtx.gz, raw/"
    ):
        _imported(tmp_path / "out")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(InputError, match=r"is neither a 10x .h5 file, nor a folder"):
        _imported(tmp_path / "a.csv")
    planted_counts(5).write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(InputError, match=r"is not a 10x .h5 file but an AnnData; give it as `h5ad`"):
        _imported(tmp_path / "a.h5ad")
    path = _write_h5(tmp_path / "cut.h5")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match=r"cannot be read as a 10x .h5 file"):
        _imported(path)
    tar = _write_tar(tmp_path / "cut.tar.gz", _write_folder(tmp_path / "folder"))
    tar.write_bytes(tar.read_bytes()[:-900])
    with pytest.raises(InputError, match="cannot be read"):
        _imported(tar)


def test_fractional_values_are_refused(tmp_path: Path) -> None:
    folder = _write_folder(tmp_path / "folder", 2)
    with (folder / "matrix.mtx").open("wb") as file:
        mmwrite(file, sparse.csr_matrix(_counts().X.T * 0.5))
    with pytest.raises(InputError, match="has no raw counts: X looks log-normalised"):
        _imported(folder)


@pytest.mark.parametrize(
    ("version", "part", "message"),
    [
        (3, "matrix/barcodes", "matrix has 120 genes x 30 cells, but .* and matrix/barcodes has 29"),
        (3, "matrix/features/id", "but matrix/features/id has 119 and matrix/features/name has 120 and"),
        (3, "matrix/features/name", "matrix/features/name has 119"),
        (3, "matrix/features/feature_type", "matrix/features/feature_type has 119"),
        (3, "matrix/features/genome", "matrix/features/genome has 119"),
        (2, "GRCh38/barcodes", "GRCh38 has 120 genes x 30 cells, but .* GRCh38/barcodes has 29"),
        (2, "GRCh38/genes", "GRCh38/genes has 119 and GRCh38/gene_names has 120 and GRCh38/barcodes has 30"),
        (2, "GRCh38/gene_names", "GRCh38/gene_names has 119"),
    ],
)
def test_an_h5_whose_parts_do_not_fit_is_refused(
    tmp_path: Path, version: int, part: str, message: str
) -> None:
    path = _write_h5(tmp_path / "a.h5", version)
    with h5py.File(path, "r+") as file:
        values = file[part][:-1]
        del file[part]
        file[part] = values
    with pytest.raises(InputError, match=message):
        _imported(path)


def test_features_separated_by_spaces_are_refused(tmp_path: Path) -> None:
    folder = _write_folder(tmp_path / "folder", 2)
    genes = folder / "genes.tsv"
    genes.write_text(genes.read_text().replace("\t", " "))
    with pytest.raises(InputError, match=r"genes.tsv has no tab in line 1, 'ENSG0+ MT-ND1'; separate"):
        _imported(folder)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("pattern", "", "matrix.mtx holds no values, only places, but counts are whole numbers"),
        ("complex", " 1 0", "matrix.mtx holds complex numbers, but counts are whole numbers"),
    ],
)
def test_a_matrix_without_counts_is_refused(tmp_path: Path, kind: str, value: str, message: str) -> None:
    folder = _write_folder(tmp_path / "folder", 2)
    header = f"%%MatrixMarket matrix coordinate {kind} general\n{GENES} {CELLS} 1\n"
    (folder / "matrix.mtx").write_text(f"{header}1 1{value}\n")
    with pytest.raises(InputError, match=message):
        _imported(folder)


def test_a_link_to_nothing_and_a_folder_of_the_name_are_told(tmp_path: Path) -> None:
    folder = _write_folder(tmp_path / "folder", 2)
    matrix = (folder / "matrix.mtx").rename(tmp_path / "elsewhere")
    (folder / "matrix.mtx").symlink_to("gone.mtx")
    with pytest.raises(InputError, match=r"matrix.mtx is a link to gone.mtx, which is not there"):
        _imported(folder)
    (folder / "matrix.mtx").unlink()
    (folder / "matrix.mtx").mkdir()
    with pytest.raises(InputError, match=r"needs one matrix.mtx, plain or .gz, but has matrix.mtx, a folder"):
        _imported(folder)
    matrix.rename(folder / "matrix.mtx" / "matrix.mtx")
    _check(_imported(folder))

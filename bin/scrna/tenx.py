"""Counts as 10x Genomics writes them: `.h5` files and matrix-market folders of Cell Ranger 2 and 3 and later.

The formats are described at https://www.10xgenomics.com/support (feature-barcode matrices): genes x barcodes,
stored by barcode, with Ensembl id, symbol and, since Cell Ranger 3, the kind of each feature.
"""

import gzip
import io
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse
from scipy.io import mmread

from scrna.counts import raw_counts
from scrna.errors import InputError
from scrna.files import check_file, first_line
from scrna.options import ImportCounts
from scrna.provenance import record

_EXPRESSION = "Gene Expression"
# Kinds of matrix-market files that cannot hold counts, as a message calls what they have.
_KINDS = {"pattern": "no values, only places", "complex": "complex numbers"}
# The files of a folder, as a message calls them, and what their names end with.
_PARTS = {
    "matrix.mtx": re.compile(r"matrix\.mtx(\.gz)?$"),
    "barcodes.tsv": re.compile(r"barcodes\.tsv(\.gz)?$"),
    "features.tsv (or genes.tsv)": re.compile(r"(features|genes)\.tsv(\.gz)?$"),
}

# The files of a folder or an archive: how each is opened; a folder has no way.
_Opener = Callable[[], BinaryIO]
_Files = Mapping[str, _Opener | None]


@dataclass(frozen=True)
class _Matrix:
    """Counts (cells x features, CSR) with what the files say of cells and features, lists of equal length."""

    counts: sparse.csr_matrix
    barcodes: list[str]
    ids: list[str]
    names: list[str]
    kinds: list[str]
    genomes: list[str]


def import_counts(path: Path, options: ImportCounts) -> AnnData:
    """Read a 10x `.h5` file, a matrix-market folder, or a tar of one, as a raw-count AnnData.

    Only features of the kind `Gene Expression` are taken; a note says what else there was. Cells are named
    by their barcodes, genes by unique symbols with the Ensembl id in `var['gene_id']`.

    Raises `InputError` where the input is none of these, is damaged or of more than one genome, or does not
    hold counts.
    """
    if path.is_dir():
        files = {str(file.relative_to(path)): _opener(file) for file in path.rglob("*")}
        matrix = _from_folder(files)
    else:
        check_file(path)
        if h5py.is_hdf5(path):
            matrix = _from_h5(path)
        elif tarfile.is_tarfile(path):
            matrix = _from_tar(path)
        else:
            raise InputError(
                "is neither a 10x .h5 file, nor a folder with matrix.mtx, barcodes.tsv and features.tsv,"
                " nor a tar of such a folder"
            )
    expression, notes = _gene_expression(matrix)
    result = raw_counts(expression)
    empty = int((np.diff(result.adata.X.indptr) == 0).sum())
    if empty:
        notes.append(f"{empty:,} barcodes have no counts: the unfiltered matrix? qc_filter removes them")
    record(result.adata, "import_counts", options, [*notes, *result.notes], ("h5py",))
    return result.adata


def _gene_expression(matrix: _Matrix) -> tuple[AnnData, list[str]]:
    """Return the gene-expression features as an AnnData, and notes about the others."""
    kinds = Counter(matrix.kinds)
    chosen = np.array([kind == _EXPRESSION for kind in matrix.kinds])
    if not chosen.any():
        listed = ", ".join(f"{kind} ({count:,})" for kind, count in kinds.items()) or "none"
        raise InputError(f"has no {_EXPRESSION} features; its features are: {listed}")
    genomes = sorted(
        {genome for genome, taken in zip(matrix.genomes, chosen, strict=True) if taken and genome}
    )
    if len(genomes) > 1:
        raise InputError(
            f"holds genes of {len(genomes)} genomes ({', '.join(genomes)}); give one file for each genome"
        )
    notes = [
        f"{count:,} features of the kind {kind} were left out"
        for kind, count in kinds.items()
        if kind != _EXPRESSION
    ]
    var = pd.DataFrame({"gene_id": matrix.ids}, index=pd.Index(matrix.names, dtype=object))[chosen]
    obs = pd.DataFrame(index=pd.Index(matrix.barcodes, dtype=object))
    return AnnData(X=matrix.counts[:, chosen], obs=obs, var=var), notes


def _from_h5(path: Path) -> _Matrix:
    """Read a `.h5` file: one group `matrix` (Cell Ranger 3 and later), or one group a genome (2)."""
    try:
        with h5py.File(path) as file:
            if "matrix" in file:
                return _current_h5(file["matrix"])
            genomes = [
                name for name, part in file.items() if isinstance(part, h5py.Group) and "barcodes" in part
            ]
            if len(genomes) > 1:
                raise InputError(
                    f"holds {len(genomes)} genomes ({', '.join(genomes)}); give one file for each genome"
                )
            if not genomes:
                kind = "an AnnData; give it as `h5ad`" if "obs" in file else "another kind of HDF5 file"
                raise InputError(f"is not a 10x .h5 file but {kind}")
            group = file[genomes[0]]
            return _former_h5(group, genomes[0])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"cannot be read as a 10x .h5 file ({first_line(error)}); get it again") from error


def _current_h5(group: h5py.Group) -> _Matrix:
    features = group["features"]
    ids = _texts(features["id"])
    genomes = _texts(features["genome"]) if "genome" in features else [""] * len(ids)
    kinds, names = _texts(features["feature_type"]), _texts(features["name"])
    counts, barcodes = _csr(group), _texts(group["barcodes"])
    lists = {"id": ids, "name": names, "feature_type": kinds, "genome": genomes}
    sizes = {f"matrix/features/{part}": len(values) for part, values in lists.items()}
    _check_sizes("matrix", counts, sizes, {"matrix/barcodes": len(barcodes)})
    return _Matrix(counts, barcodes, ids, names, kinds, genomes)


def _former_h5(group: h5py.Group, genome: str) -> _Matrix:
    counts, barcodes = _csr(group), _texts(group["barcodes"])
    ids, names = _texts(group["genes"]), _texts(group["gene_names"])
    sizes = {f"{genome}/genes": len(ids), f"{genome}/gene_names": len(names)}
    _check_sizes(genome, counts, sizes, {f"{genome}/barcodes": len(barcodes)})
    return _Matrix(counts, barcodes, ids, names, [_EXPRESSION] * len(ids), [genome] * len(ids))


def _csr(group: h5py.Group) -> sparse.csr_matrix:
    """Return the matrix of a group: features x cells by column is cells x features by row."""
    n_features, n_cells = (int(size) for size in group["shape"][:])
    parts = (group["data"][:], group["indices"][:], group["indptr"][:])
    matrix = sparse.csr_matrix(parts, shape=(n_cells, n_features))
    matrix.check_format(full_check=True)
    return matrix


def _texts(dataset: h5py.Dataset) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in dataset[:]]


def _from_tar(path: Path) -> _Matrix:
    """Read a tar, compressed or not, of a folder, without unpacking it to disk."""
    try:
        with tarfile.open(path) as archive:
            files: dict[str, _Opener] = {}
            for member in archive:
                if not (member.isfile() or member.isdir()) or _leaves(member.name):
                    raise InputError(
                        f"the archive has a member that is no plain file inside it: {member.name!r};"
                        " make the archive anew from the folder"
                    )
                if member.isfile():
                    files[member.name] = partial(_member, archive, member)
            return _from_folder(files)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InputError(f"cannot be read as a tar archive ({first_line(error)}); get it again") from error


def _leaves(name: str) -> bool:
    """Tell whether the name of a member points out of its archive."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    opened = archive.extractfile(member)
    return io.BytesIO() if opened is None else io.BytesIO(opened.read())


def _opener(path: Path) -> _Opener | None:
    """Return how a file is opened, None for a folder."""
    if path.is_dir():
        return None

    def opened() -> BinaryIO:
        if path.is_symlink() and not path.exists():
            raise InputError(f"{path.name} is a link to {path.readlink()}, which is not there")
        return path.open("rb")

    return opened


def _from_folder(files: _Files) -> _Matrix:
    """Read `matrix.mtx`, `barcodes.tsv` and `features.tsv` (or `genes.tsv`), each perhaps gzipped.

    A prefix of the names and a folder around the files, as archives have, are fine as long as there is one
    of each.
    """
    matrix_file, barcode_file, feature_file = (_only(files, part) for part in _PARTS)
    features = _rows(files, feature_file)
    barcodes = [row[0] for row in _rows(files, barcode_file)]
    _check_tabs(features, feature_file)
    try:
        with _open(files, matrix_file) as stream:
            header = stream.readline(200).decode("latin-1").lower().split()
        for kind, words in _KINDS.items():
            if kind in header:
                raise InputError(f"{matrix_file} holds {words}, but counts are whole numbers")
        with _open(files, matrix_file) as stream:
            counts = sparse.csr_matrix(mmread(stream).T)
    except (ValueError, OSError, EOFError, zlib.error, OverflowError) as error:
        raise InputError(f"{matrix_file} cannot be read ({first_line(error)}); get it again") from error
    genes, cells = {feature_file: len(features)}, {barcode_file: len(barcodes)}
    _check_sizes(matrix_file, counts, genes, cells)
    ids = [row[0] for row in features]
    names = [row[1] if len(row) > 1 else row[0] for row in features]
    kinds = [row[2] if len(row) > 2 else _EXPRESSION for row in features]
    return _Matrix(counts, barcodes, ids, names, kinds, [""] * len(ids))


def _only(files: _Files, part: str) -> str:
    """Return the name of the only file that can be `part`, of those that are not hidden."""
    pattern = _PARTS[part]
    visible = (name for name in files if not PurePosixPath(name).name.startswith("."))
    names = sorted(name for name in visible if pattern.search(name))
    plain = [name for name in names if files[name] is not None]
    if len(plain) != 1:
        there = ", ".join(plain) or ", ".join(f"{name}, a folder" for name in names) or "none"
        raise InputError(f"needs one {part}, plain or .gz, but has {there}")
    return plain[0]


def _check_tabs(rows: Sequence[Sequence[str]], name: str) -> None:
    """Refuse a table whose fields something else than tabs separates; an id alone has no spaces."""
    for number, row in enumerate(rows, start=1):
        if len(row) == 1 and len(row[0].split()) > 1:
            raise InputError(f"{name} has no tab in line {number}, {row[0][:60]!r}; separate fields by tabs")


def _check_sizes(
    name: str, counts: sparse.csr_matrix, genes: Mapping[str, int], cells: Mapping[str, int]
) -> None:
    """Refuse counts (cells x genes) whose size is not that of each list, by name, of genes and of cells."""
    n_cells, n_genes = counts.shape
    if set(genes.values()) != {n_genes} or set(cells.values()) != {n_cells}:
        lists = " and ".join(f"{part} has {size:,}" for part, size in {**genes, **cells}.items())
        raise InputError(f"{name} has {n_genes:,} genes x {n_cells:,} cells, but {lists}")


def _rows(files: _Files, name: str) -> list[list[str]]:
    """Return the fields of each line of a table without a header."""
    try:
        with _open(files, name) as stream:
            text = stream.read().decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{name} cannot be read ({first_line(error)}); get it again") from error
    return [line.split("\t") for line in text.splitlines() if line]


def _open(files: _Files, name: str) -> BinaryIO:
    opener = files[name]
    if opener is None:
        raise InputError(f"{name} is a folder, not a file")
    stream = opener()
    return gzip.GzipFile(fileobj=stream) if name.endswith(".gz") else stream  # type: ignore[return-value]

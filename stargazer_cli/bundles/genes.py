"""What organism cells are of, by the names of their genes: a label is easily wrong, and the genes are not.

The pipeline's quality control decides by the same nomenclature (HGNC, MGI). Its code is not called from
here: to import it sets the environment of the process and of all that it starts to that of one task.
"""

import re
from collections.abc import Iterable
from pathlib import Path

# Mitochondrial genes, those of ribosomal proteins (RPS6K* are kinases), and ids of Ensembl.
_GENES = {
    "human": re.compile(r"MT-|RP[SL](?!6K)|ENSG\d"),
    "mouse": re.compile(r"mt-|Rp[sl](?!6k)|ENSMUSG\d"),
}
# Genes of the other organism, for one of its own: a few may be spike-ins, more are a mixture.
_STRAY = 0.1


def organism_of_cells(path: Path) -> str | None:
    """Return the organism of an AnnData file (`.h5ad`).

    None where its genes do not tell, or it cannot be read: HDF5 is in the extra `scrna` only.
    """
    try:
        import h5py
    except ImportError:
        return None
    try:
        with h5py.File(path, "r") as file:
            var = file["var"]
            # Where a file of any version of anndata has the names of its genes.
            names = var[var.attrs.get("_index", "_index")]
            if isinstance(names, h5py.Group):
                names = names["values"]
            return organism_of_genes(names.asstr()[:])
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return None


def organism_of_genes(names: Iterable[str]) -> str | None:
    """Return the organism that the names of genes are of: `human` or `mouse`, None where they do not tell."""
    found = dict.fromkeys(_GENES, 0)
    for name in names:
        for organism, pattern in _GENES.items():
            found[organism] += pattern.match(name) is not None
    (strays, _), (most, first) = sorted((count, organism) for organism, count in found.items())
    return first if strays < most * _STRAY else None

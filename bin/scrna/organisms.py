"""Which genes of an organism are mitochondrial, ribosomal or of haemoglobin, by their symbols.

High shares of mitochondrial counts mark broken cells; ribosomal-protein and haemoglobin counts mark cell
state and red blood cells (Heumos et al. 2023, doi:10.1038/s41576-023-00586-w). Patterns follow HGNC and MGI
nomenclature: RPS6K* are kinases, not ribosomal proteins; Hbegf and HBP1 are not haemoglobins. A suffix as
`-1`, which makes a repeated symbol unique, does not hide a gene.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrna.errors import InputError

CLASSES = ("mt", "ribo", "hb")
# Columns of var, in any case, that symbols are looked for where the names of the genes are Ensembl ids.
SYMBOL_COLUMNS = (
    "gene_symbols", "gene_symbol", "symbol", "symbols", "gene_name", "gene_names", "feature_name",
    "feature_names", "hgnc_symbol", "mgi_symbol", "gene", "name",
)  # fmt: skip

_PATTERNS: Mapping[str, Mapping[str, str]] = {
    "human": {
        "mt": r"^MT-",
        "ribo": r"^RP[SL](?!6K)",
        "hb": r"^HB(A[12]|B|D|E1|G[12]|M|Q1|Z)(-\d+)?$",
    },
    "mouse": {
        "mt": r"^mt-",
        "ribo": r"^Rp[sl](?!6k)",
        "hb": r"^Hb(a-|b-|q1)",
    },
}
_WORDS = {"mt": "mitochondrial", "ribo": "ribosomal-protein", "hb": "haemoglobin"}
_ENSEMBL_ID = re.compile(r"ENS[A-Z]{0,4}G\d{11}(\.\d+)?(_PAR_Y)?")


@dataclass(frozen=True)
class GeneClasses:
    """Which genes belong to which class; a class that the data have no gene of is absent, not all False.

    `masks` maps `mt`, `ribo`, `hb` to a Boolean array over the genes; `notes` says what is absent.
    """

    masks: dict[str, npt.NDArray[np.bool_]]
    notes: list[str]


def classify_genes(symbols: Sequence[str], organism: str, mt_prefix: str | None = None) -> GeneClasses:
    """Find the gene classes of `organism` among `symbols`; `mt_prefix` takes the place of its MT pattern.

    Raises `InputError` for an organism that is unknown (without `mt_prefix`) or that fits no gene: a
    mitochondrial share of 0 % would be a lie.
    """
    organism = organism_name(organism)
    known = _PATTERNS.get(organism, {})
    if not known and mt_prefix is None:
        raise InputError(
            f"the organism {organism!r} is not known ({' and '.join(_PATTERNS)} are);"
            " give --mt-prefix, what the names of its mitochondrial genes begin with"
        )
    patterns = dict(known)
    if mt_prefix is not None:
        patterns["mt"] = "^" + re.escape(mt_prefix)
    masks = {name: _matching(symbols, pattern) for name, pattern in patterns.items()}
    found = {name: mask for name, mask in masks.items() if mask.any()}
    if mt_prefix is not None and "mt" not in found:
        raise InputError(
            f"no gene name begins with {mt_prefix!r} ({_examples(symbols)}); correct --mt-prefix"
        )
    if not found:
        raise InputError(_no_fit(symbols, organism))
    notes = [
        f"no {_WORDS[name]} gene of {organism} is in the data: its share is not measured and not filtered"
        for name in CLASSES
        if name not in found
    ]
    return GeneClasses(found, notes)


def organism_name(text: str) -> str:
    """Return the name of a known organism in the letters used here, another name as it is."""
    return text.lower() if text.lower() in _PATTERNS else text


def is_ensembl_id(name: str) -> bool:
    """Tell whether `name` is an Ensembl gene id, with or without a version."""
    return _ENSEMBL_ID.fullmatch(name) is not None


def are_ensembl_ids(names: Sequence[str]) -> bool:
    """Tell whether most of `names` are Ensembl gene ids."""
    return sum(map(is_ensembl_id, names)) > len(names) / 2


def _matching(symbols: Sequence[str], pattern: str) -> npt.NDArray[np.bool_]:
    search = re.compile(pattern).search
    return np.fromiter((search(symbol) is not None for symbol in symbols), dtype=bool, count=len(symbols))


def _no_fit(symbols: Sequence[str], organism: str) -> str:
    """Say why no gene fits `organism`, and what would."""
    reason = f"no mitochondrial, ribosomal-protein or haemoglobin gene of {organism} is among the gene names"
    for other, patterns in _PATTERNS.items():
        count = sum(int(_matching(symbols, pattern).sum()) for pattern in patterns.values())
        if count:
            return f"{reason}, but {count} of {other} are; use --organism {other}"
    if are_ensembl_ids(symbols):
        columns = ", ".join(SYMBOL_COLUMNS)
        return f"{reason}: they are Ensembl ids; give symbols in a var column named {columns}"
    return f"{reason} ({_examples(symbols)}); give --mt-prefix, what the mitochondrial ones begin with"


def _examples(symbols: Sequence[str]) -> str:
    return "as " + ", ".join(list(symbols)[:3])

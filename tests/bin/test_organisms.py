import numpy as np
import pytest
from helpers.planted import HAEMOGLOBIN, MITOCHONDRIAL, RIBOSOMAL, planted_counts
from scrna.errors import InputError
from scrna.organisms import classify_genes, is_ensembl_id

HUMAN = list(planted_counts(2).var_names)


def _found(symbols: list[str], organism: str, mt_prefix: str | None = None) -> dict[str, list[str]]:
    masks = classify_genes(symbols, organism, mt_prefix).masks
    return {name: list(np.array(symbols)[mask]) for name, mask in masks.items()}


def test_human_classes() -> None:
    assert _found(HUMAN, "human") == {"mt": MITOCHONDRIAL, "ribo": RIBOSOMAL, "hb": HAEMOGLOBIN}


@pytest.mark.parametrize(
    ("organism", "name", "yes", "no"),
    [
        ("human", "mt", ["MT-ND1", "MT-ND1-1"], ["MTOR", "mt-Nd1", "AMT-1"]),
        ("human", "ribo", ["RPS6", "RPL13A", "RPSA", "RPS27A-1"], ["RPS6KA1", "RPS6KB2", "MRPL13", "RPA1"]),
        (
            "human",
            "hb",
            ["HBA1", "HBA2", "HBB", "HBD", "HBE1", "HBG1", "HBG2", "HBM", "HBQ1", "HBZ", "HBA1-1"],
            ["HBEGF", "HBP1", "HBS1L", "HBB-AS1", "HBEGF-1"],
        ),
        ("mouse", "mt", ["mt-Nd1", "mt-Co1-1"], ["Mtor", "MT-ND1"]),
        ("mouse", "ribo", ["Rps6", "Rpl13a", "Rpsa"], ["Rps6ka1", "Mrpl13"]),
        ("mouse", "hb", ["Hba-a1", "Hba-a2", "Hbb-bs", "Hbb-bt", "Hbq1a"], ["Hbegf", "Hbp1", "Hbs1l"]),
    ],
)
def test_a_class_has_its_genes_and_no_look_alikes(
    organism: str, name: str, yes: list[str], no: list[str]
) -> None:
    assert _found(yes + no, organism)[name] == yes


def test_an_organism_that_fits_no_gene_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(InputError, match=r"of mouse is among the gene names, but 22 of human are; use --org"):
        classify_genes(HUMAN, "mouse")


def test_an_unknown_organism_needs_a_prefix() -> None:
    with pytest.raises(
        InputError, match=r"'zebrafish' is not known \(human and mouse are\); give --mt-prefix"
    ):
        classify_genes(HUMAN, "zebrafish")
    assert _found(["mt-nd1", "actb1"], "zebrafish", "mt-") == {"mt": ["mt-nd1"]}


def test_an_own_prefix_is_taken_literally_and_must_fit() -> None:
    assert _found(["M.1", "MX1", "RPL3"], "human", "M.") == {"mt": ["M.1"], "ribo": ["RPL3"]}
    with pytest.raises(InputError, match="no gene name begins with 'mito'"):
        classify_genes(HUMAN, "human", "mito")


def test_ids_without_symbols_are_told_apart_from_a_wrong_organism() -> None:
    with pytest.raises(
        InputError,
        match=r"they are Ensembl ids; give symbols in a var column named gene_symbols, .*, gene, name",
    ):
        classify_genes(["ENSG00000198888", "ENSG00000198763.3"], "human")


def test_a_class_that_the_data_lack_is_absent_and_noted() -> None:
    classes = classify_genes(["RPL3", "ACTB"], "human")

    assert list(classes.masks) == ["ribo"]
    assert [note.split(" gene of")[0] for note in classes.notes] == ["no mitochondrial", "no haemoglobin"]


@pytest.mark.parametrize(
    "name", ["ENSG00000198888", "ENSG00000198888.2", "ENSMUSG00000064341", "ENSDARG00000063895"]
)
def test_ensembl_ids(name: str) -> None:
    assert is_ensembl_id(name)


@pytest.mark.parametrize("name", ["ENSA", "ACTB", "ENST00000361390", "ENSG0001"])
def test_other_names(name: str) -> None:
    assert not is_ensembl_id(name)

"""What travels with an asset, and what only links to it."""

from pathlib import Path

import pytest

from stargazer_cli.assets import KINDS, R1, R2, Asset, Reference, ReferenceIndex, VQSRModel, new_asset
from stargazer_cli.store import LocalStore, NewFile

# Each pair of the contract: the asset, its companion, and the field by which one points at the other.
BY_COMPANION = [
    ("reference", "reference_index", "reference_cid"),
    ("reference", "sequence_dict", "reference_cid"),
    ("reference", "aligner_index", "reference_cid"),
    ("alignment", "alignment_index", "alignment_cid"),
    ("variants", "variants_index", "variants_cid"),
    ("known_sites", "known_sites_index", "known_sites_cid"),
    ("r1", "r2", "mate_cid"),
    ("r2", "r1", "mate_cid"),
]
BY_ASSET = [
    ("vqsr_model", "vqsr_tranches", "tranches_cid"),
    ("r1", "r2", "mate_cid"),
    ("r2", "r1", "mate_cid"),
]


def put(store: LocalStore, folder: Path, name: str, asset: Asset, content: str = "") -> Asset:
    path = folder / name
    path.write_text(content or name)
    return store.add([NewFile(path, asset)])[0].asset


def crowd(store: LocalStore, folder: Path, cid: str) -> None:
    """Add what links to `cid` by each link field of each kind, and a bare asset that does."""
    for kind, cls in KINDS.items():
        for field in cls.fields():
            if field.endswith("_cid"):
                put(store, folder, f"{kind}.{field}", new_asset(kind, **{field: cid}))
    put(store, folder, "bare", Asset(reference_cid=cid, mate_cid=cid, alignment_cid=cid, derived_from=[cid]))


@pytest.mark.parametrize("kind", KINDS)
def test_of_all_that_links_to_an_asset_only_its_companions_come(
    store: LocalStore, tmp_path: Path, kind: str
) -> None:
    asset = put(store, tmp_path, "asset", new_asset(kind))
    crowd(store, tmp_path, asset.cid)
    expected = {f"{companion}.{field}" for of, companion, field in BY_COMPANION if of == kind}
    assert {found.name for found in asset.companions(store)} == expected


@pytest.mark.parametrize(("kind", "companion", "field"), BY_ASSET)
def test_of_all_records_of_what_an_asset_links_to_only_its_companion_comes(
    store: LocalStore, tmp_path: Path, kind: str, companion: str, field: str
) -> None:
    others = [put(store, tmp_path, "linked", new_asset(other), "same") for other in KINDS]
    put(store, tmp_path, "linked", Asset(note="bare"), "same")
    asset = put(store, tmp_path, "asset", new_asset(kind, **{field: others[0].cid}))
    assert [found.kind for found in asset.companions(store)] == [companion]


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_to_what_is_no_companion_brings_nothing(store: LocalStore, tmp_path: Path, kind: str) -> None:
    links = {
        field
        for field in KINDS[kind].fields()
        if field.endswith("_cid") and field not in {own for of, _, own in BY_ASSET if of == kind}
    }
    linked = [put(store, tmp_path, "linked", new_asset(other), "same") for other in KINDS]
    asset = put(store, tmp_path, "asset", new_asset(kind, **dict.fromkeys(links, linked[0].cid)))
    assert asset.companions(store) == []


@pytest.mark.parametrize("said_by", ["r1", "r2", "both"])
def test_mates_find_each_other_whichever_says_it(store: LocalStore, tmp_path: Path, said_by: str) -> None:
    first, second = tmp_path / "1.fq", tmp_path / "2.fq"
    first.write_text("1")
    second.write_text("2")
    r1, r2 = (
        added.asset
        for added in store.add(
            [
                NewFile(first, R1(), links={} if said_by == "r2" else {"mate_cid": second}),
                NewFile(second, R2(), links={} if said_by == "r1" else {"mate_cid": first}),
            ]
        )
    )
    assert r1.companions(store) == [r2]
    assert r2.companions(store) == [r1]


def test_what_is_not_stored_or_not_linked_has_none(store: LocalStore, tmp_path: Path) -> None:
    assert Reference(build="b").companions(store) == []
    put(store, tmp_path, "i.fai", ReferenceIndex())
    assert put(store, tmp_path, "r.fa", Reference()).companions(store) == []
    missing = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert put(store, tmp_path, "m", VQSRModel(tranches_cid=missing)).companions(store) == []


def test_contigs_are_those_of_the_index(store: LocalStore, tmp_path: Path) -> None:
    reference = put(store, tmp_path, "r.fa", Reference(build="b"))
    assert isinstance(reference, Reference)
    assert reference.contigs == Reference().contigs == []
    lines = "chr2\t9\t6\t60\t61\nchr1\t5\t20\t60\t61\n"
    for tool in ("samtools", "pyfaidx"):
        put(store, tmp_path, "r.fai", ReferenceIndex(reference_cid=reference.cid, tool=tool), lines)
    assert len(reference.companions(store)) == 2
    assert reference.contigs == ["chr2", "chr1"]

"""A key or kind that no asset has: a slip, which would silently find nothing."""

from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.assets import R1, Alignment, Asset, Reference, assemble
from stargazer_cli.errors import UsageError
from stargazer_cli.store import LocalStore, NewFile


@pytest.fixture(autouse=True)
def filled(store: LocalStore, tmp_path: Path) -> None:
    assets = [
        Reference(build="b"),
        Alignment(sample_id="a"),
        Asset(project="p", depth=3),
        Asset(asset="hologram", colour="blue"),
    ]
    for number, asset in enumerate(assets):
        (tmp_path / f"{number}").write_text(f"{number}")
        store.add([NewFile(tmp_path / f"{number}", asset)])


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        (
            {"duplicate_marked": True},
            "'duplicate_marked' is not a key of any asset. Did you mean 'duplicates_",
        ),
        ({"duplicate_marked": None}, "'duplicate_marked' is not a key of any asset"),
        ({"asset": "alignment", "duplicate_marked": True}, "is not a key of asset=alignment. Did you mean"),
        ({"asset": "reference", "sample_id": "a"}, "'sample_id' is not a key of asset=reference"),
        ({"asset": "reference", "project": "p"}, "'project' is not a key of asset=reference"),
        ({"asset": "alignmnt"}, "There is no asset kind 'alignmnt'. Did you mean 'alignment'"),
        ({"asset": ["alignment", "alignmnt"]}, "There is no asset kind 'alignmnt'"),
        ({"projet": "p"}, "Did you mean 'project'"),
        ({"path": "/x"}, "'path' is not a key"),
    ],
)
def test_a_slip_is_told_to_scripts_too(store: LocalStore, filters: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        store.find(**filters)
    assert told in caught.value.message
    with pytest.raises(UsageError):
        assemble(store, **filters)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"project": "p"}, ["2"]),
        ({"project": "another"}, []),
        ({"project": None, "depth": None}, ["0", "1", "3"]),
        ({"asset": "hologram"}, ["3"]),
        ({"asset": "hologram", "colour": "red"}, []),
        ({"asset": ["hologram", "reference"], "build": "b"}, ["0"]),
        ({"asset": None}, ["2"]),
        ({"asset": ""}, []),
        ({"asset": ["r1", "r2"], "sample_id": "a"}, []),
        ({"asset": [], "sample_id": "a"}, []),
        ({"recipes": "R"}, []),
    ],
)
def test_what_some_asset_has_may_be_asked(
    store: LocalStore, filters: dict[str, Any], names: list[str]
) -> None:
    assert [asset.name for asset in store.find(**filters)] == names


def test_no_record_is_gone_through_for_a_key_that_is_known(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query among 100,000 records takes a fraction of a millisecond."""
    (tmp_path / "r").write_text("r")
    store.add([NewFile(tmp_path / "r", R1(sample_id="a"))])
    table = type(store.metadata.read())

    def iterate(_: object) -> None:
        pytest.fail("all records were gone through")

    monkeypatch.setattr(table, "__iter__", iterate)
    assert len(store.find(asset="r1", sample_id="a")) == 1
    assert store.find(asset="r1", sample_id="b", lane=None) == []
    assert len(store.find(project="p")) == 1

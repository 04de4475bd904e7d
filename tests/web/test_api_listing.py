"""Filters, order and graphs of the API against what the store itself says, while the records change."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.errors import UsageError
from stargazer_cli.store import LocalStore
from stargazer_cli.store.lineage import Direction, trace
from stargazer_cli.store.record import blank, identity
from stargazer_cli.web.graph import around, pointing_at
from stargazer_cli.web.listing import Listing

KINDS = ("r1", "alignment", "variants", "report", "")


def cid(number: int) -> str:
    return f"bafk{number:04}"


def fill(store: LocalStore, count: int, seed: int) -> None:
    """Enter records that point at earlier ones, at later ones, and at files that are not here."""
    chance = random.Random(seed)
    records = []
    for number in range(count):
        kind = chance.choice(KINDS)
        keyvalues = {"asset": kind} if kind else {"note": "x"}
        if kind in ("r1", "alignment", "variants"):
            keyvalues["sample_id"] = chance.choice(["S1", "S2", "s10"])
        if kind == "r1":
            keyvalues["mate_cid"] = cid(chance.randrange(count))
        if kind == "alignment" and chance.random() < 0.7:
            keyvalues["r1_cid"] = cid(chance.randrange(count + 3))
        if kind == "variants" and chance.random() < 0.5:
            keyvalues["sample_count"] = str(chance.randrange(20))
        records.append(
            blank(
                id=f"{seed}-{number}",
                cid=cid(number - number % 2 if number % 5 == 0 else number),
                name=chance.choice(["a", "B", "c"]) + str(number),
                keyvalues=keyvalues,
                derived_from=[cid(chance.randrange(count)) for _ in range(chance.randrange(3))],
                run_ids=["run-1"] if chance.random() < 0.3 else [],
                created_at=f"2026-01-{chance.randrange(1, 9):02}",
            )
        )
    distinct = {identity(each): each for each in [*records, *store.records()]}
    with store.metadata.transaction() as table:
        table.insert_multiple(each for each in distinct.values() if each["id"].startswith(f"{seed}-"))


FILTERS: tuple[dict[str, list[Any]], ...] = (
    {},
    {"sample_id": ["S1"]},
    {"sample_id": ["S1", "s10"], "asset": ["alignment"]},
    {"sample_id": [None]},
    {"sample_id": [None, "S2"], "run_ids": ["run-1"]},
    {"r1_cid": [None], "asset": ["alignment"]},
    {"sample_count": ["7", "11"]},
    {"note": ["x"]},
    {"name": ["a1", "B2"]},
)


def check(store: LocalStore, listing: Listing) -> None:
    for where in FILTERS:
        wanted = store.records(**where)
        page = listing.current().page(where=where, limit=10_000)
        assert Counter(each["id"] for each in page.records) == Counter(each["id"] for each in wanted)
        assert page.kinds == Counter(each["keyvalues"].get("asset", "") for each in wanted)
        assert page.total == len(wanted)
    everything = store.records()
    found = listing.current().page(words="s1 A", limit=10_000).records
    assert {each["id"] for each in found} == {each["id"] for each in everything if has(each, "s1", "a")}


def has(record: dict[str, Any], *words: str) -> bool:
    texts = [record["name"], record["cid"], record["id"], *record["keyvalues"].values()]
    return all(any(word in text.lower() for text in texts) for word in words)


def test_filters_give_what_the_store_gives_also_after_changes(store: LocalStore) -> None:
    listing = Listing(store)
    assert listing.current().page().total == 0
    fill(store, 300, 1)
    check(store, listing)
    fill(store, 50, 2)
    with store.metadata.transaction() as table:
        table.update({"keyvalues": {"asset": "report", "title": "S1"}}, doc_ids=[3, 40, 301])
        table.remove(doc_ids=[5, 300])
    check(store, listing)
    before = listing.current()
    assert listing.current() is before


def test_records_are_read_again_only_where_they_changed(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stargazer_cli.web import listing as module

    fill(store, 100, 1)
    listing = Listing(store)
    listing.current()
    read: list[int] = []
    row = module._row
    monkeypatch.setattr(module, "_row", lambda number, line: read.append(number) or row(number, line))
    with store.metadata.transaction() as table:
        table.update({"owner": "ada"}, doc_ids=[7])
        table.insert(blank(id="new", cid=cid(999), created_at="2026"))
    listing.current()
    assert read == [7, len(store.records())]


def test_the_order_is_that_of_the_values_and_pages_do_not_overlap(store: LocalStore) -> None:
    fill(store, 200, 3)
    snapshot = Listing(store).current()
    every = len(store.records())

    def values(sort: str) -> list[Any]:
        records = snapshot.page(sort=sort, limit=10_000).records
        assert len(records) == every
        key = sort.removeprefix("-")
        return [each.get(key, each["keyvalues"].get(key)) for each in records]

    assert values("name") == sorted(values("name"), key=str.casefold)
    assert values("-created_at") == sorted(values("created_at"), reverse=True)
    for sort in ("sample_count", "-sample_count"):
        found = values(sort)
        counts = [int(value) for value in found if value is not None]
        assert counts == sorted(counts, reverse=sort.startswith("-"))
        assert set(found[len(counts) :]) == {None}
        assert len(counts) > 5
    pages = [snapshot.page(sort="sample_id", offset=at, limit=7).records for at in range(0, every, 7)]
    assert len({each["id"] for page in pages for each in page}) == every


def test_a_key_that_no_asset_has_is_refused(store: LocalStore) -> None:
    fill(store, 10, 1)
    for where in ({"sampel_id": ["x"]}, {"sampel_id": [None]}, {"sample_id": ["S1"], "sampel_id": [None]}):
        with pytest.raises(UsageError, match="'sampel_id' is not a key"):
            Listing(store).current().page(where=where)


@pytest.mark.parametrize("direction", ["up", "down", "both"])
def test_graphs_are_those_of_the_store(store: LocalStore, direction: Direction) -> None:
    fill(store, 80, 5)
    table = store.metadata.read()
    for number in range(0, 80, 3):
        if not store.by_cid(cid(number)):
            continue
        whole = trace(store, cid(number), direction=direction)
        graph = around(table, cid(number), direction, 10_000)
        assert graph.depths.keys() == whole.nodes.keys()
        assert not graph.truncated
        arrows = {(edge.parent, edge.child, edge.relation) for edge in whole.edges}
        found = {(*ends, relation) for ends, relations in graph.arrows.items() for relation in relations}
        assert found == arrows
        few = around(table, cid(number), direction, 4)
        assert len(few.depths) == min(4, len(whole.nodes))
        assert few.truncated == (len(whole.nodes) > 4)
        assert sorted(map(abs, few.depths.values())) == [abs(depth) for depth in few.depths.values()]


def test_what_points_at_a_file_is_counted_and_cut(store: LocalStore) -> None:
    fill(store, 200, 6)
    table = store.metadata.read()
    for number in range(0, 200, 7):
        wanted = {
            each["id"]
            for each in store.records()
            if cid(number) in each["derived_from"] or each["keyvalues"].get("r1_cid") == cid(number)
        }
        found, total = pointing_at(table, [cid(number)], 1000)
        assert {record["id"] for record, _ in found} == wanted
        assert total == len(wanted)
        some, total = pointing_at(table, [cid(number)], 1)
        assert len({record["id"] for record, _ in some}) == min(1, len(wanted))
        assert total >= len(wanted)


def test_a_value_that_is_called_like_no_number_is_sorted_as_text(store: LocalStore) -> None:
    names = ("nan", "10", "x", "2", "inf", "1")
    with store.metadata.transaction() as table:
        table.insert_multiple(
            blank(id=str(number), cid=cid(number), name="a", keyvalues={"sample_id": name})
            for number, name in enumerate(names)
        )
    records = Listing(store).current().page(sort="sample_id").records
    assert [each["keyvalues"]["sample_id"] for each in records] == ["1", "2", "10", "inf", "nan", "x"]


def test_records_on_a_server_are_listed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from helpers.postgres import programs, serve

    from stargazer_cli.settings import Settings

    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL on this machine (package postgresql)")
    with serve(found) as server:
        monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "store"))
        monkeypatch.setenv("STARGAZER_DB", server.url(server.database()))
        store = LocalStore(Settings())
        fill(store, 100, 1)
        listing = Listing(store)
        check(store, listing)
        fill(store, 20, 2)
        listing.forget()
        check(store, listing)
        graph = around(store.metadata.read(), cid(3), "both", 10_000)
        assert graph.depths.keys() == trace(store, cid(3)).nodes.keys()


def test_a_graph_that_many_records_of_one_file_cut_short_says_so(store: LocalStore) -> None:
    records = [blank(id=f"c{n}", cid="c", derived_from=["p"], keyvalues={"lot": str(n)}) for n in range(5)]
    records += [blank(id="p", cid="p"), blank(id="d", cid="d", derived_from=["p"])]
    with store.metadata.transaction() as table:
        table.insert_multiple(records)
    assert around(store.metadata.read(), "p", "both", 10).depths == {"p": 0, "c": 1, "d": 1}
    few = around(store.metadata.read(), "p", "both", 3)
    assert (few.depths, few.truncated) == ({"p": 0, "c": 1}, True)

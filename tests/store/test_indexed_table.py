"""The table over indexes behaves as TinyDB's own, and looks at few records."""

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest
from helpers.tables import (
    KINDS,
    JSONMemory,
    held,
    plain,
    random_operation,
    random_query,
    random_record,
)
from tinydb import TinyDB, where
from tinydb.queries import QueryInstance
from tinydb.table import Document, Table

from stargazer_cli.store.metadata import table as table_module
from stargazer_cli.store.metadata.conditions import Condition, conditions_of
from stargazer_cli.store.metadata.match import Match
from stargazer_cli.store.metadata.table import IndexedTable, Records


def indexed() -> IndexedTable:
    return IndexedTable(Records())


@pytest.mark.parametrize("seed", range(20))
def test_any_operations_give_what_plain_tinydb_gives(seed: int) -> None:
    chance = random.Random(seed)
    theirs, ours = plain(), indexed()
    for _ in range(150):
        operate = random_operation(chance)
        expected = operate(theirs)
        assert operate(ours) == expected
        assert (len(ours), held(ours)) == (len(theirs), held(theirs))
        assert list(ours) == ours.all() == theirs.all()
    assert repr(ours).startswith("<IndexedTable name='assets'")


def test_indexes_hold_over_forks_reads_and_failures() -> None:
    chance = random.Random(1)
    database, records = TinyDB(storage=JSONMemory), Records()
    for step in range(150):
        theirs = Table(database.storage, "assets", cache_size=0)
        operate = random_operation(chance)
        # What fails changes nothing, whether anything read the table before or not.
        failed = records.fork()
        operate(IndexedTable(failed))
        if step % 3 == 0:
            IndexedTable(records).search(random_query(chance))
        operate(theirs)
        records = records.fork()
        operate(IndexedTable(records))
        for _ in range(5):
            query = random_query(chance)
            assert IndexedTable(records).search(query) == theirs.search(query)


def test_plain_tinydb_may_work_on_the_records_too() -> None:
    chance = random.Random(2)
    theirs, records = plain(), Records()
    ours = Table(records, "assets", cache_size=0)
    for _ in range(100):
        operate = random_operation(chance)
        assert operate(ours) == operate(theirs)
        query = random_query(chance)
        assert IndexedTable(records).search(query) == theirs.search(query)


def test_what_is_given_out_is_the_callers_own() -> None:
    table = indexed()
    given = random_record(random.Random(1))
    table.insert(given)
    before = copy.deepcopy(given)
    given["keyvalues"]["sample_id"] = "changed"
    for found in (table.all()[0], table.search(Match({}))[0], table.get(doc_id=1), next(iter(table))):
        found["keyvalues"]["sample_id"] = "changed"
        found["run_ids"].append("changed")
    assert table.all() == [before]


def test_an_operation_that_fails_changes_nothing() -> None:
    table = indexed()
    table.insert_multiple([{"name": "a"}, {"name": "b"}])

    def fail_at_b(record: Any) -> None:
        record["name"] += "!"
        if record["name"] == "b!":
            raise KeyError("b")

    attempts: list[Callable[[], Any]] = [
        lambda: table.update(fail_at_b),
        lambda: table.insert_multiple([{"name": "c"}, 5]),  # type: ignore[list-item]
        lambda: table.insert_multiple([{"name": "c"}, {"name": object()}]),
        lambda: table.insert(Document({"name": "c"}, 2)),
        lambda: table.insert_multiple([Document({"name": "c"}, 7), Document({"name": "d"}, 7)]),
        lambda: table.update({"name": {1, 2}}),
        lambda: table.upsert({"name": "c"}),
        table.get,
        table.remove,
    ]
    for attempt in attempts:
        with pytest.raises((KeyError, ValueError, TypeError, RuntimeError)):
            attempt()
        assert [(record.doc_id, record["name"]) for record in table] == [(1, "a"), (2, "b")]
    assert table.insert({"name": "c"}) == 3


def test_ids_that_are_given_are_kept_and_never_taken_twice() -> None:
    table = indexed()
    assert table.insert_multiple([Document({}, 1), {}, Document({}, 9), {}]) == [1, 2, 9, 3]
    assert held(table) == [1, 2, 3, 9]
    assert table.insert({}) == 10
    table.truncate()
    assert (len(table), table.all(), table.insert({})) == (0, [], 1)


def test_frozen_records_cannot_be_changed() -> None:
    records = Records()
    IndexedTable(records).insert({"name": "a"})
    records.fork()
    for attempt in (
        lambda t: t.insert({}),
        lambda t: t.remove(doc_ids=[1]),
        lambda t: t.update({"name": "b"}),
    ):
        with pytest.raises(RuntimeError, match="in a transaction"):
            attempt(IndexedTable(records))


def test_a_query_by_keys_reads_only_what_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    table = indexed()
    table.insert_multiple(
        {
            "cid": f"c{n}",
            "keyvalues": {"asset": KINDS[n % 2], "sample_id": f"s{n // 10}"},
            "run_ids": [f"r{n}"],
        }
        for n in range(5_000)
    )
    table.search(Match({"run_ids": "none"}))  # makes the index of run ids
    read: list[bytes] = []
    real = table_module.orjson.loads
    monkeypatch.setattr(table_module.orjson, "loads", lambda line: (read.append(line), real(line))[1])
    # The rarer value decides what is read; putting the ids of "r1" into a set would cost more.
    for query, matching in [
        (Match({"asset": "r1", "sample_id": "s7"}), 5),
        (Match({"sample_id": ["s7", "s8"]}), 20),
        (Match({"cid": "c77", "asset": None}), 0),
        (Match({"run_ids": "r5"}), 1),
        ((where("keyvalues").asset == "r1") & (where("keyvalues").sample_id == "s7"), 5),
        (where("cid") == "c78", 1),
        (where("cid").one_of(["c1", "c2", "none"]), 2),
        (where("cid") == "none", 0),
    ]:
        read.clear()
        assert len(table.search(query)) == matching
        assert matching <= len(read) <= max(2 * matching, 1)


def test_indexes_that_name_too_much_are_made_anew() -> None:
    records = Records()
    IndexedTable(records).insert_multiple({"keyvalues": {"asset": "r1"}} for _ in range(10))
    for n in range(30):
        records = records.fork()
        IndexedTable(records).update({"keyvalues": {"asset": f"{n}"}})
    assert 0 < len(records._keys) < 20
    assert IndexedTable(records.fork()).count(Match({"asset": "29"})) == 10


def test_a_query_of_another_class_may_mean_something_else() -> None:
    class Opposite(QueryInstance):
        def __call__(self, value: Any) -> bool:
            return not super().__call__(value)

    table = indexed()
    table.insert_multiple([{"cid": "x"}, {"cid": "y"}])
    same = where("cid") == "x"
    assert [found["cid"] for found in table.search(Opposite(same._test, same._hash))] == ["y"]


@pytest.mark.parametrize(
    ("query", "conditions"),
    [
        (where("cid") == "x", {(("cid",), frozenset("x"))}),
        (where("a").b.one_of(["x", "y"]), {(("a", "b"), frozenset("xy"))}),
        ((where("a") == "x") & (where("b") == "y"), {(("a",), frozenset("x")), (("b",), frozenset("y"))}),
        ((where("a") == "x") & (where("b") > 5), {(("a",), frozenset("x"))}),
        ((where("a") == "x") | (where("b") == "y"), set()),
        (~(where("a") == "x"), set()),
        (where("a") == 5, set()),
        (where("a") == None, set()),  # noqa: E711
        (where("a") == ["x"], set()),
        (where("a").one_of("xy"), set()),
        (where("a").one_of(["x", 5]), set()),
        (where("a").any(["x"]), set()),
        (where("a").map(str) == "x", set()),
        (where("a"), set()),
        (lambda record: True, set()),
        (
            Match({"sample_id": ["a", None], "cid": "x", "run_ids": "r"}),
            {
                (("keyvalues", "sample_id"), frozenset(["a", None])),
                (("cid",), frozenset("x")),
                (("run_ids",), frozenset("r")),
            },
        ),
    ],
)
def test_the_conditions_of_a_query(query: Any, conditions: set[Any]) -> None:
    assert set(conditions_of(query)) == {Condition(path, values) for path, values in conditions}

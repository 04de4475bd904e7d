"""The table over a PostgreSQL server behaves as TinyDB's own, and lets the server's indexes find records."""

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from helpers.postgres import Server
from helpers.tables import held, plain, random_operation, random_query
from tinydb import where
from tinydb.table import Document, Table

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.metadata.conditions import conditions_of
from stargazer_cli.store.metadata.match import Match
from stargazer_cli.store.metadata.postgres import PostgresMetadata, narrowing


@pytest.fixture
def metadata(database: str) -> PostgresMetadata:
    return PostgresMetadata(database)


def unconstrained(database: str) -> PostgresMetadata:
    """Records of which the server lets two be the same, as plain TinyDB does."""
    metadata = PostgresMetadata(database)
    assert len(metadata.read()) == 0
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE stargazer_records DROP CONSTRAINT stargazer_one_record")
    return metadata


def test_any_operations_give_what_plain_tinydb_gives(database: str) -> None:
    metadata = unconstrained(database)
    for seed in range(6):
        chance = random.Random(seed)
        theirs = plain()
        with metadata.transaction() as ours:
            ours.truncate()
            for _ in range(100):
                operate = random_operation(chance)
                expected = operate(theirs)
                assert operate(ours) == expected
                assert (len(ours), held(ours)) == (len(theirs), held(theirs))
                assert list(ours) == ours.all() == theirs.all()
        # What is committed is what the transaction saw.
        read = metadata.read()
        assert read.all() == theirs.all()
        for _ in range(20):
            query = random_query(chance)
            assert read.search(query) == theirs.search(query)
            assert read.get(query) == theirs.get(query)
    assert repr(read).startswith("<PostgresTable name='assets'")


def test_each_transaction_goes_on_from_the_last(database: str) -> None:
    chance = random.Random(3)
    metadata, theirs = unconstrained(database), plain()
    for _ in range(60):
        operate = random_operation(chance)
        expected = operate(Table(theirs.storage, "assets", cache_size=0))
        with metadata.transaction() as ours:
            assert operate(ours) == expected
        assert metadata.read().all() == theirs.all()


def test_an_operation_that_fails_changes_nothing(metadata: PostgresMetadata) -> None:
    def fail_at_b(record: Any) -> None:
        record["name"] += "!"
        if record["name"] == "b!":
            raise KeyError("b")

    with metadata.transaction() as table:
        table.insert_multiple([{"name": "a"}, {"name": "b"}])
        attempts: list[Callable[[], Any]] = [
            lambda: table.update(fail_at_b),
            lambda: table.insert_multiple([{"name": "c"}, 5]),  # type: ignore[list-item]
            lambda: table.insert_multiple([{"name": "c"}, {"name": object()}]),
            lambda: table.insert(Document({"name": "c"}, 2)),
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


def test_ids_begin_at_one_again_after_all_is_gone(metadata: PostgresMetadata) -> None:
    with metadata.transaction() as table:
        assert table.insert_multiple([{}, Document({}, 7), {}]) == [1, 7, 2]
        assert table.insert({}) == 8
        table.truncate()
        assert (len(table), table.all(), table.insert({})) == (0, [], 1)


def test_a_table_for_reading_cannot_be_changed(metadata: PostgresMetadata) -> None:
    table = metadata.read()
    attempts: list[Callable[[], Any]] = [
        lambda: table.insert({}),
        table.truncate,
        lambda: table.remove(doc_ids=[1]),
    ]
    for attempt in attempts:
        with pytest.raises(RuntimeError, match="in a transaction"):
            attempt()


def test_what_json_can_hold_comes_back_as_it_was(metadata: PostgresMetadata) -> None:
    record = {
        "cid": "c",
        "name": 'quo"te \\ \n \u2028 \x01 é 🧬',
        "keyvalues": {"a key": "", "%s": "%(x)s", "{}": "null", "é": "\x7f"},
        "list": [None, True, 1.5, -(2**53), [], {}, "$1"],
    }
    with metadata.transaction() as table:
        table.insert(record)
    assert metadata.read().all() == [record]
    assert metadata.read().search(where("keyvalues")["%s"] == "%(x)s") == [record]
    # A NUL is the one character that the server cannot hold: nothing has it.
    assert metadata.read().search(where("cid").one_of(["\0", "\ud800"])) == []
    with (
        pytest.raises(StargazerError, match=r"A record has text that .* cannot hold"),
        metadata.transaction() as table,
    ):
        table.insert({"cid": "a\0b"})


def test_large_changes_go_in_parts(metadata: PostgresMetadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stargazer_cli.store.metadata.postgres._BATCH", 7)
    monkeypatch.setattr("stargazer_cli.store.metadata.server._FETCH", 7)
    records = [{"cid": f"c{n}", "keyvalues": {}} for n in range(100)]
    with metadata.transaction() as table:
        assert table.insert_multiple(records) == list(range(1, 101))
    stream = iter(metadata.read())
    assert next(stream).doc_id == 1
    del stream  # its connection is not used again in the middle of a transaction
    assert metadata.read().all() == records


def test_the_server_itself_refuses_a_second_equal_record(
    metadata: PostgresMetadata, postgres_server: Server, database: str
) -> None:
    def record(cid: str, name: str, **keyvalues: str) -> dict[str, Any]:
        return {"cid": cid, "name": name, "keyvalues": keyvalues}

    with metadata.transaction() as table:
        table.insert_multiple(
            [record("c", "first", a="1", b="2"), record("c", "second", a="1"), record("d", "", a="1", b="2")]
        )
    with pytest.raises(StargazerError, match="with this CID and these keyvalues already"):  # noqa: SIM117
        with metadata.transaction() as table:
            table.insert(record("e", ""))
            table.insert(record("c", "third", b="2", a="1"))
    assert len(metadata.read()) == 3
    # Another client, with no lock of ours.
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "INSERT INTO stargazer_records (doc_id, document)"
            " SELECT 9, document FROM stargazer_records LIMIT 1"
        )
    # Two may exchange what they are.
    with metadata.transaction() as table:
        both, one = (found["keyvalues"] for found in table.search(where("cid") == "c"))
        table.update_multiple(
            [({"keyvalues": one}, where("name") == "first"), ({"keyvalues": both}, where("name") == "second")]
        )
    assert [found["keyvalues"] for found in metadata.read()] == [one, both, both]


@pytest.mark.parametrize(
    "query",
    [
        Match({"asset": "r1", "sample_id": "s77"}),
        Match({"sample_id": ["s7", "s8"], "asset": ["r1", "r2"]}),
        Match({"sample_id": "s9", "lane": [None, "2"]}),
        Match({"derived_from": "c77"}),
        Match({"name": ["5.fq", "6.fq"]}),
        where("keyvalues").sample_id == "s5",
        (where("keyvalues").sample_id == "s5") & (where("name") != "x"),
    ],
    ids=["two keys", "lists", "a missing key", "a list in the record", "names", "plain", "plain, two"],
)
def test_a_query_by_keys_uses_the_index(filled: PostgresMetadata, query: Any) -> None:
    where_clause, parameters = narrowing(conditions_of(query))
    select = "SELECT document FROM stargazer_records WHERE " + where_clause
    plan = "\n".join(line for (line,) in filled.read()._source.rows("EXPLAIN " + select, parameters))
    assert "Bitmap Index Scan on stargazer_records_document" in plan
    assert "Seq Scan" not in plan
    # Nothing is sent that does not match.
    found = filled.read().search(query)
    assert [document for (document,) in filled.read()._source.rows(select, parameters)] == found != []


def test_many_values_of_several_keys_are_found(filled: PostgresMetadata) -> None:
    samples = [f"s{n}" for n in range(0, 2_000, 4)]
    query = Match(
        {"sample_id": samples, "asset": ["r1", "r2", "none"], "cid": [f"c{n}" for n in range(1_000)]}
    )
    found = filled.read().search(query)
    assert [document["cid"] for document in found] == [f"c{n}" for n in range(1_000) if n // 10 % 4 == 0]


@pytest.mark.parametrize(("key", "index"), [("cid", "stargazer_one_record"), ("id", "stargazer_records_id")])
def test_a_cid_and_an_id_have_indexes_of_their_own(filled: PostgresMetadata, key: str, index: str) -> None:
    query = Match({key: [f"{key[0]}5", f"{key[0]}6"]})
    where_clause, parameters = narrowing(conditions_of(query))
    plan = filled.read()._source.rows(
        "EXPLAIN SELECT document FROM stargazer_records WHERE " + where_clause, parameters
    )
    assert index in str(plan)
    assert "Seq Scan" not in str(plan)
    assert len(filled.read().search(query)) == 2


@pytest.fixture(scope="module")
def filled(postgres_server: Server) -> PostgresMetadata:
    """20,000 records, of which a query is to read a few."""
    metadata = PostgresMetadata(postgres_server.url(postgres_server.database()))
    with metadata.transaction() as table:
        table.insert_multiple(
            {
                "id": f"i{n}",
                "cid": f"c{n}",
                "name": f"{n}.fq",
                "keyvalues": {"asset": ("r1", "r2")[n % 2], "sample_id": f"s{n // 10}"},
                "derived_from": [f"c{n - 1}", "reference"],
            }
            for n in range(20_000)
        )
    return metadata

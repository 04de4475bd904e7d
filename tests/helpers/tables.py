"""Tables beside each other: TinyDB's own, and random records, queries and operations for both."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

from tinydb import TinyDB, where
from tinydb.queries import Query
from tinydb.storages import MemoryStorage
from tinydb.table import Document, Table

from stargazer_cli.store.metadata.match import Match

SAMPLES = ["a", "b", "c", "d", 'quo"te', "é", ""]
KINDS = ["r1", "r2", "alignment"]


class JSONMemory(MemoryStorage):
    """Keeps text, as a file does: nothing that was given out stays part of it."""

    def read(self) -> Any:
        return None if self.memory is None else json.loads(self.memory)

    def write(self, data: Any) -> None:
        self.memory = json.dumps(data)


def plain() -> Table:
    return TinyDB(storage=JSONMemory).table("assets")


def random_record(chance: random.Random) -> dict[str, Any]:
    keyvalues: dict[str, Any] = {"asset": chance.choice(KINDS)}
    for key in ("sample_id", "tool", "r1_cid"):
        if chance.random() < 0.7:
            keyvalues[key] = chance.choice(SAMPLES)
    if chance.random() < 0.1:
        keyvalues["strange"] = chance.choice([5, None, ["a"], {"a": "b"}])  # not ours, and no reason to fail
    return {
        "id": f"{chance.randrange(40)}",
        "cid": chance.choice("xyz"),
        "name": chance.choice(["one", "two"]),
        "keyvalues": keyvalues,
        "run_ids": chance.sample(SAMPLES, chance.randrange(3)),
        "derived_from": chance.sample("xyz", chance.randrange(3)),
        "recipe": "",
        "recipes": [],
        "created_at": "",
        "owner": chance.choice(["", "me"]),
    }


def random_query(chance: random.Random) -> Any:
    sample = chance.choice(SAMPLES)
    choices: list[Callable[[], Any]] = [
        lambda: Match({"sample_id": sample}),
        lambda: Match({"sample_id": [sample, "a"], "asset": chance.choice(KINDS)}),
        lambda: Match({"sample_id": None, "tool": ["b", None]}),
        lambda: Match({"cid": chance.choice("xyz"), "run_ids": sample}),
        lambda: Match({"derived_from": "x", "owner": "me"}),
        lambda: Match({"tool": []}),
        lambda: where("keyvalues").sample_id == sample,
        lambda: (where("keyvalues").sample_id == sample) & (where("cid") == "x"),
        lambda: (where("keyvalues").sample_id == sample) | (where("cid") == "y"),
        lambda: ~(where("keyvalues").asset == "r1") & where("name").one_of(["one", "none"]),
        where("keyvalues").tool.exists,
        lambda: where("run_ids").any([sample, "b"]),
        lambda: where("derived_from").all(["x"]),
        lambda: where("keyvalues").tool.one_of("abc"),
        lambda: where("keyvalues").tool != "a",
        lambda: where("keyvalues").sample_id.test(lambda value: value < "c"),
        lambda: where("keyvalues").map(lambda keys: keys.get("tool")) == "a",
        lambda: Query().fragment({"cid": "x"}),
        lambda: where("run_ids") == ["a"],
        lambda: lambda record: record["name"] == "two",
    ]
    return chance.choice(choices)()


def random_operation(chance: random.Random) -> Callable[[Table], Any]:
    """Return an operation of TinyDB's table API that can be done to two tables alike."""
    query, other = random_query(chance), random_query(chance)
    records = [random_record(chance) for _ in range(chance.randrange(1, 4))]
    ids = chance.sample(range(1, 60), 5)
    sample = chance.choice(SAMPLES)

    def rename(record: Any) -> None:
        record["keyvalues"]["sample_id"] = sample
        record["run_ids"].append(sample)

    def forget(record: Any) -> None:
        record["keyvalues"].pop("tool", None)

    operations: list[Callable[[Table], Any]] = [
        lambda table: table.insert(copy.deepcopy(records[0])),
        lambda table: table.insert_multiple(copy.deepcopy(records)),
        lambda table: table.update({"name": "three", "owner": sample}, query),
        lambda table: table.update(rename, query),
        lambda table: table.update(forget, doc_ids=ids),
        lambda table: table.update_multiple([({"cid": "y"}, query), (rename, other), (forget, other)]),
        lambda table: table.upsert(copy.deepcopy(records[0]), query),
        lambda table: table.remove(query) if chance.random() < 0.3 else None,
        lambda table: table.remove(doc_ids=ids[:2]),
        lambda table: table.upsert(Document({"name": "changed"}, ids[0])) if ids[0] in held(table) else None,
        lambda table: table.search(query),
        lambda table: table.get(query),
        lambda table: table.get(doc_id=ids[0]),
        lambda table: table.get(doc_ids=ids),
        lambda table: table.contains(query),
        lambda table: table.contains(doc_id=ids[0]),
        lambda table: table.count(query),
    ]
    chosen, seed = chance.choice(operations), chance.random()

    def operate(table: Table) -> Any:
        chance.seed(seed)  # an operation that asks chance asks it the same for both
        return chosen(table)

    return operate


def held(table: Table) -> list[int]:
    return [record.doc_id for record in table]

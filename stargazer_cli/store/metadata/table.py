"""TinyDB's table over records that are found by indexes and not by looking at each.

    RecordTable    TinyDB's whole table API, over the few operations that a backend has to give
    Records        the records of a file in memory: their lines, and inverted indexes of what they hold
    IndexedTable   the table over `Records`

TinyDB's own `Table` parses, copies and writes everything at each call.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import orjson
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from stargazer_cli.store.metadata.conditions import Condition, Path, conditions_of

TABLE = "assets"
Record = dict[str, Any]
Fields = Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None]
# The ids of the records that hold something: most values are held by one record, and a number is smaller.
Postings = int | list[int]
# Reading a record takes about as long as putting this many ids into a set.
_SET_ADDITIONS_PER_RECORD = 40


class RecordTable(Table, ABC):
    """TinyDB's table API over the operations of a backend; documents come in the order of their ids.

    What is handed out is the caller's own: editing it changes nothing here. A method changes the table as
    a whole or, where it raises, not at all. Nothing is cached.
    """

    _next_id: int | None  # type: ignore[assignment]  # TinyDB's own has no type

    def __init__(self, storage: Storage, name: str = TABLE) -> None:
        super().__init__(storage, name, cache_size=0)

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of documents."""

    @abstractmethod
    def _candidates(self, conditions: Collection[Condition]) -> Iterable[tuple[int, Record]]:
        """Give each document that meets all conditions, and perhaps others, by id."""

    @abstractmethod
    def _by_id(self, doc_ids: Collection[int]) -> Iterable[tuple[int, Record]]:
        """Give the documents of these ids that are there, by id."""

    @abstractmethod
    def _put(self, documents: Mapping[int, Mapping[str, Any]]) -> None:
        """Enter documents; one that has an id already is replaced."""

    @abstractmethod
    def _drop(self, doc_ids: Collection[int]) -> None:
        """Remove documents that are there."""

    @abstractmethod
    def _last_id(self) -> int:
        """Return the highest id, 0 where there is none."""

    def __iter__(self) -> Iterator[Document]:
        """Give each document."""
        for doc_id, document in self._candidates(()):
            yield Document(document, doc_id)

    def search(self, cond: QueryLike) -> list[Document]:
        """Return every document that matches."""
        return [Document(document, doc_id) for doc_id, document in self._matching(cond)]

    def get(
        self,
        cond: QueryLike | None = None,
        doc_id: int | None = None,
        doc_ids: list[int] | None = None,
    ) -> Any:
        """Return the document with an id, those with one of several ids, or the first that matches."""
        if doc_ids is not None and doc_id is None:
            return [Document(document, found) for found, document in self._by_id(doc_ids)]
        if doc_id is not None:
            found_ones = self._by_id([doc_id])
        elif cond is not None:
            found_ones = self._matching(cond)
        else:
            raise RuntimeError("You have to pass either cond or doc_id or doc_ids")
        return next((Document(document, found) for found, document in found_ones), None)

    def insert(self, document: Mapping[str, Any]) -> int:
        """Enter a document and return its id: that of a `Document`, else the next free one."""
        return self.insert_multiple([document])[0]

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[int]:
        """Enter documents and return their ids."""
        fresh: dict[int, Mapping[str, Any]] = {}
        before = self._next_id
        try:
            for document in documents:
                if not isinstance(document, Mapping):
                    raise ValueError("Document is not a Mapping")
                if isinstance(document, Document):
                    doc_id = document.doc_id
                    if doc_id in fresh or any(self._by_id([doc_id])):
                        raise ValueError(f"Document with ID {doc_id} already exists")
                else:
                    while (doc_id := self._get_next_id()) in fresh:
                        pass
                fresh[doc_id] = document
            self._put(fresh)
        except BaseException:
            self._next_id = before
            raise
        if any(isinstance(document, Document) for document in fresh.values()):
            self._next_id = None
        return list(fresh)

    def update(
        self,
        fields: Fields,
        cond: QueryLike | None = None,
        doc_ids: Iterable[int] | None = None,
    ) -> list[int]:
        """Set fields of the documents with these ids, else of those that match, else of all."""
        if doc_ids is not None:
            requested = list(doc_ids)
            found = dict(self._by_id(requested))
            chosen = {doc_id: found[doc_id] for doc_id in requested if doc_id in found}
        else:
            chosen = dict(self._candidates(()) if cond is None else self._matching(cond))
        for document in chosen.values():
            _set(document, fields)
        self._put(chosen)
        return list(chosen)

    def update_multiple(self, updates: Iterable[tuple[Fields, QueryLike]]) -> list[int]:
        """Set fields of the documents that match, for several pairs of fields and query, in their order."""
        pairs = list(updates)
        # A later query may match because of an earlier change, but only where the earlier one matched.
        chosen: dict[int, Record] = {}
        for _, cond in pairs:
            chosen.update(self._matching(cond))
        updated: list[int] = []
        for doc_id, document in sorted(chosen.items()):
            for fields, cond in pairs:
                if cond(document):
                    updated.append(doc_id)
                    _set(document, fields)
        self._put(chosen)
        return updated

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        """Remove the documents with these ids, else those that match, and return their ids."""
        if doc_ids is not None:
            requested = list(dict.fromkeys(doc_ids))
            here = {doc_id for doc_id, _ in self._by_id(requested)}
            removed = [doc_id for doc_id in requested if doc_id in here]
        elif cond is not None:
            removed = [doc_id for doc_id, _ in self._matching(cond)]
        else:
            raise RuntimeError("Use truncate() to remove all documents")
        self._drop(removed)
        return removed

    def truncate(self) -> None:
        """Remove every document; ids begin at 1 again."""
        self._drop([doc_id for doc_id, _ in self._candidates(())])
        self._next_id = None

    def _matching(self, cond: QueryLike) -> Iterator[tuple[int, Record]]:
        return (found for found in self._candidates(conditions_of(cond)) if cond(found[1]))

    def _get_next_id(self) -> int:
        following: int = self._last_id() + 1 if self._next_id is None else self._next_id
        self._next_id = following + 1
        return following

    def _read_table(self) -> dict[str, Mapping[str, Any]]:
        return {str(doc_id): document for doc_id, document in self._candidates(())}


class Records(Storage):
    """Records in memory, each as its line of JSON: compact, immutable, read only when it is asked for.

    An index may name too many records and never too few: a posting is added when a record comes, and none
    is taken away when it changes or goes. So a fork shares the indexes of its origin, and neither a change
    in the fork nor its failure disturbs those who read the origin meanwhile.
    """

    def __init__(self) -> None:
        self.lines: dict[int, bytes] = {}
        self.changed = False
        self.frozen = False
        self._cids: dict[str, Postings] = {}
        self._keys: dict[tuple[str, str], Postings] = {}  # of each key and value in keyvalues
        self._others: dict[Path, dict[str, Postings]] = {}  # each made when it is asked for first
        self._superfluous = 0  # records whose postings may be out of date

    def fork(self) -> "Records":
        """Return records that begin as these and can be changed; these must not change any more."""
        self.frozen = True
        fork = Records()
        fork.lines = dict(self.lines)
        if self._superfluous <= len(self.lines):
            fork._cids = self._cids
            fork._keys = self._keys
            fork._others = dict(self._others)
            fork._superfluous = self._superfluous
        else:
            fork._note(fork.lines.items())
        return fork

    def follow(self, lines: Iterable[tuple[int, bytes]]) -> "Records":
        """Return a fork that holds just these lines, given in order; only those that are new are read."""
        fork = self.fork()
        before, fork.lines = fork.lines, dict(lines)
        fresh = {doc_id: line for doc_id, line in fork.lines.items() if before.get(doc_id) != line}
        fork._superfluous += len(before) + len(fresh) - len(fork.lines)
        fork._note(fresh.items())
        return fork

    def records(self, doc_ids: Iterable[int]) -> Iterator[tuple[int, Record]]:
        """Give the records of these ids as they stand now, each the caller's own."""
        lines = [(doc_id, self.lines[doc_id]) for doc_id in doc_ids]
        return ((doc_id, orjson.loads(line)) for doc_id, line in lines)

    def put(self, doc_id: int, line: bytes) -> None:
        """Enter a record, or replace it."""
        if self.frozen:
            raise RuntimeError("These records are for reading: change them in a transaction.")
        before = self.lines.get(doc_id)
        if before == line:
            return
        if before is not None:
            self._superfluous += 1
        elif self.lines and doc_id < self.last_id():
            self.lines = dict(sorted({**self.lines, doc_id: line}.items()))
        self.lines[doc_id] = line
        self.changed = True
        self._note([(doc_id, line)])

    def drop(self, doc_id: int) -> None:
        """Remove a record."""
        if self.frozen:
            raise RuntimeError("These records are for reading: change them in a transaction.")
        del self.lines[doc_id]
        self._superfluous += 1
        self.changed = True

    def last_id(self) -> int:
        """Return the highest id, 0 where there is none."""
        return next(reversed(self.lines), 0)

    def candidates(self, conditions: Collection[Condition]) -> Iterable[int]:
        """Return the ids of all records that meet the conditions, and perhaps others, in order."""
        found = sorted(
            (self._postings(each) for each in conditions if None not in each.values),
            key=lambda postings: sum(map(len, postings)),
        )
        if not found:
            return self.lines
        ids = set().union(*found[0])
        for postings in found[1:]:
            if sum(map(len, postings)) > len(ids) * _SET_ADDITIONS_PER_RECORD:
                break
            ids.intersection_update(set().union(*postings))
        return sorted(ids.intersection(self.lines.keys()))

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the records as TinyDB's own table would read them."""
        return {TABLE: {str(doc_id): record for doc_id, record in self.records(self.lines)}}

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Take the records that TinyDB's own table would write."""
        given = {int(doc_id): record for doc_id, record in data[TABLE].items()}
        for doc_id in self.lines.keys() - given.keys():
            self.drop(doc_id)
        for doc_id, record in given.items():
            self.put(doc_id, orjson.dumps(record))

    def _postings(self, condition: Condition) -> list[list[int]]:
        held = [self._holding(condition.path, value) for value in condition.values if value is not None]
        return [[ids] if isinstance(ids, int) else ids for ids in held if ids is not None]

    def _holding(self, path: Path, value: str) -> Postings | None:
        """Return the records with a value at a path."""
        if path == ("cid",):
            return self._cids.get(value)
        if len(path) == 2 and path[0] == "keyvalues":
            return self._keys.get((path[1], value))
        index = self._others.get(path)
        if index is None:
            index = {}
            for doc_id, line in self.lines.items():
                for held in _values_at(orjson.loads(line), path):
                    _add(index, held, doc_id)
            self._others[path] = index
        return index.get(value)

    def _note(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Add the postings of records that came or changed: what opening a store takes its time for."""
        keys, others = self._keys, self._others
        for doc_id, line in lines:
            record = orjson.loads(line)
            cid, keyvalues = record.get("cid"), record.get("keyvalues")
            if type(cid) is str:
                _add(self._cids, cid, doc_id)
            if type(keyvalues) is dict:
                try:
                    for pair in keyvalues.items():
                        # As `_add` does, without the time of a call.
                        postings = keys.get(pair)
                        if postings is None:
                            keys[pair] = doc_id
                        elif type(postings) is list:
                            postings.append(doc_id)
                        else:
                            keys[pair] = [postings, doc_id]  # type: ignore[list-item]
                except TypeError:  # a list or object, which is no key of a dictionary and nothing to look up
                    for pair in keyvalues.items():
                        if type(pair[1]) is str:
                            _add(keys, pair, doc_id)
            for path, index in others.items():
                for value in _values_at(record, path):
                    _add(index, value, doc_id)


class IndexedTable(RecordTable):
    """The table over `Records`."""

    _storage: Records

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self._storage.lines)

    def _candidates(self, conditions: Collection[Condition]) -> Iterator[tuple[int, Record]]:
        return self._storage.records(self._storage.candidates(conditions))

    def _by_id(self, doc_ids: Collection[int]) -> Iterator[tuple[int, Record]]:
        return self._storage.records(sorted(set(doc_ids) & self._storage.lines.keys()))

    def _put(self, documents: Mapping[int, Mapping[str, Any]]) -> None:
        # Every line is made before the first is entered: one of them may not be JSON.
        lines = {doc_id: orjson.dumps(dict(document)) for doc_id, document in documents.items()}
        for doc_id, line in lines.items():
            self._storage.put(doc_id, line)

    def _drop(self, doc_ids: Collection[int]) -> None:
        for doc_id in doc_ids:
            self._storage.drop(doc_id)

    def _last_id(self) -> int:
        return self._storage.last_id()


def _set(document: Record, fields: Fields) -> None:
    if callable(fields):
        fields(document)
    else:
        document.update(fields)


def _add(index: dict[Any, Postings], key: Any, doc_id: int) -> None:
    postings = index.get(key)
    if postings is None:
        index[key] = doc_id
    elif isinstance(postings, int):
        index[key] = [postings, doc_id]
    else:
        postings.append(doc_id)


def _values_at(record: Any, path: Path) -> list[str]:
    """Return the text at a path of a record, or the text among the members of a list there."""
    for part in path:
        if not isinstance(record, dict) or part not in record:
            return []
        record = record[part]
    return [value for value in (record if isinstance(record, list) else [record]) if isinstance(value, str)]

"""What an index can tell about a query, so that few records need to be looked at.

A condition narrows the search and never decides: a table takes from its indexes the records that meet the
conditions, and calls the query on each of those.
"""

from dataclasses import dataclass
from typing import Any

from tinydb.queries import QueryInstance

Path = tuple[str, ...]


@dataclass(frozen=True)
class Condition:
    """A query holds only for records with one of `values` at `path`.

    Where the record has a list there, one of its members is meant. None stands for a key that is not set.
    """

    path: Path
    values: frozenset[str | None]


def conditions_of(query: object) -> tuple[Condition, ...]:
    """Return conditions that all hold wherever `query` holds; none where nothing is known of it."""
    if isinstance(query, QueryInstance):
        # TinyDB describes a query it built itself by a structural hash; a subclass may mean something else.
        return tuple(_of_hash(query._hash)) if type(query) is QueryInstance else ()
    own = getattr(query, "conditions", None)
    return own() if callable(own) else ()


def _of_hash(described: Any) -> list[Condition]:
    """Read the hash of a query: `==` and `one_of` with text, and what `&` joins of these."""
    match described:
        case ("and", frozenset() as parts):
            return [condition for part in parts for condition in _of_hash(part)]
        case ("==", tuple() as path, value) if _is_path(path) and type(value) is str:
            return [Condition(path, frozenset([value]))]
        case ("one_of", tuple() as path, (tuple() | frozenset()) as values) if _is_path(path):
            if all(type(value) is str for value in values):
                return [Condition(path, frozenset(values))]
    return []


def _is_path(path: tuple[Any, ...]) -> bool:
    return bool(path) and all(type(part) is str for part in path)

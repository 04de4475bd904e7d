"""What a query asks of a record."""

from collections.abc import Mapping
from typing import Any

from stargazer_cli.assets import BASE_FIELDS, KINDS, Asset, kind_class
from stargazer_cli.assets.asset import is_text, to_text
from stargazer_cli.errors import UsageError
from stargazer_cli.store.metadata.conditions import Condition
from stargazer_cli.store.record import LISTS


class Match:
    """A TinyDB query: every filter must hold; a filter with several values holds for any of them."""

    def __init__(self, filters: Mapping[str, Any]) -> None:
        self._base: dict[str, frozenset[str]] = {}
        self._keys: dict[str, frozenset[str | None]] = {}
        classes = [kind_class(kind) for kind in _values(filters.get("asset", [])) if kind in KINDS]
        for key, wanted in filters.items():
            values = _values(wanted)
            if key == "path":
                raise UsageError("Assets are found by what they are, not by a path.")
            if key in BASE_FIELDS:
                self._base[key] = frozenset(str(value) for value in values)
            else:
                among = classes or list(KINDS.values())
                self._keys[key] = frozenset(text for value in values for text in _texts(key, value, among))

    def __call__(self, value: Mapping[str, Any]) -> bool:
        """Whether the record `value` matches."""
        keyvalues = value["keyvalues"]
        return all(keyvalues.get(key) in wanted for key, wanted in self._keys.items()) and all(
            not wanted.isdisjoint(value.get(key, []) if key in LISTS else [value[key]])
            for key, wanted in self._base.items()
        )

    def conditions(self) -> tuple[Condition, ...]:
        """Return every filter as a condition that an index can look up."""
        return (
            *(Condition((key,), frozenset(wanted)) for key, wanted in self._base.items()),
            *(Condition(("keyvalues", key), wanted) for key, wanted in self._keys.items()),
        )

    def is_cacheable(self) -> bool:
        """No: other processes change the records."""
        return False


def _values(wanted: Any) -> list[Any]:
    return list(wanted) if isinstance(wanted, list | tuple | set | frozenset) else [wanted]


def _texts(key: str, value: Any, classes: list[type[Asset]]) -> set[str | None]:
    """Return the forms in which keyvalues may hold `value`: `True`, "true" and "True" are one."""
    if value is None:
        return {None}
    texts: set[str | None] = {to_text(value)}
    for cls in classes:
        if key in cls.model_fields and not is_text(cls.model_fields[key].annotation):
            texts.add(cls.canonical(key, value))
            break
    return texts

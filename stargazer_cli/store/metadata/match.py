"""What a query asks of a record."""

from collections.abc import Iterable, Mapping
from typing import Any

from stargazer_cli.assets import BASE_FIELDS, KINDS, Asset, kind_class
from stargazer_cli.assets.asset import did_you_mean, is_text, to_text
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
                raise UsageError("'path' is not a key: assets are found by what they are.")
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


def check_filters(
    filters: Mapping[str, Any], found: Iterable[Mapping[str, Any]], records: Iterable[Mapping[str, Any]]
) -> None:
    """Refuse a key or kind that no asset has, of those kinds if some are asked for.

    Bare assets have keys, and kinds, of their own. All `records` are gone through for these only where no
    kind has what is asked and no record that was `found` has it either.
    """
    asked = {kind if kind is None else to_text(kind) for kind in _values(filters.get("asset", []))}
    classes = [KINDS[kind] for kind in asked or KINDS if kind in KINDS]
    keys = {key for key in filters if not _is_key(key, classes)}
    kinds = asked - KINDS.keys() - {None, ""}
    if not keys and not kinds:
        return
    own: set[str] = set()
    for group in (found, records):
        for record in group:
            keyvalues = record["keyvalues"]
            if not asked or keyvalues.get("asset") in asked:
                own |= keyvalues.keys()
                kinds.discard(keyvalues.get("asset"))
        if keys <= own and not kinds:
            return
    for kind in kinds:
        kind_class(str(kind))
    known = own | {field for cls in classes for field in cls.fields()} | BASE_FIELDS - {"path"}
    key = next(key for key in filters if key in keys - own)
    of = f"asset={' or '.join(sorted(map(str, asked)))}" if asked else "any asset"
    raise UsageError(
        f"{key!r} is not a key of {of}.{did_you_mean(key, known)}",
        f"The keys are: {', '.join(sorted(known))}.",
    )


def _is_key(key: str, classes: Iterable[type[Asset]]) -> bool:
    return key == "asset" or key in BASE_FIELDS or any(key in cls.model_fields for cls in classes)


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

"""What a Python program gives, which may be of any type: judged before anything is stored or started."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from stargazer_cli.assets import Asset, to_text
from stargazer_cli.assets.asset import KINDS, is_text
from stargazer_cli.errors import UsageError

_FOLDER = (str, os.PathLike)
# Of arguments that the catalogue does not list: their types, and these in words.
_TYPES: dict[str, tuple[tuple[Any, ...], str]] = {
    "name": ((str,), "text"),
    "run_id": ((str,), "text"),
    "profile": ((str,), "text"),
    "reuse": ((bool,), "True or False"),
    "keep_work": ((bool,), "True or False"),
    "work_dir": ((*_FOLDER, type(None)), "the path of a folder"),
    "tell": ((Callable, type(None)), "a function that takes a line"),
    "timeout": ((int, float, type(None)), "a number of seconds"),
    "cid": ((str,), "an asset or its CID"),
    "file": (_FOLDER, "the path of a file; of a list, write add(*files)"),
}
_LONGEST = 60


def check(**values: Any) -> None:
    """Refuse arguments that are of another type than they must be, and empty text.

    An empty path would be the current folder, with all that is in it.
    """
    for argument, value in values.items():
        types, expected = _TYPES[argument]
        if not isinstance(value, types) or value == "":
            raise UsageError(f"{argument} must be {expected}, not {shown(value)}.")


def shown(value: Any) -> str:
    """Return a value as an error shows it."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def told(key: str, value: Any) -> str:
    """Return what is said of a file as keyvalues hold it; where text is wanted, others are slips.

    So is empty text: it would not be kept, as if nothing had been said.
    """
    if value == "":
        raise UsageError(f"{key} must not be empty: leave it out, or give None.")
    fields = [kind.model_fields[key] for kind in KINDS.values() if key in kind.model_fields]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if any(is_text(field.annotation) for field in fields) and not (number or isinstance(value, str)):
        raise UsageError(f"{key} must be text or a number, not {shown(value)}.")
    return to_text(value)


def by_name(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with assets as runs name them: a task's inputs by the record's id, others by CID."""
    return {
        key: {role: _named(each, "id") for role, each in value.items()}
        if isinstance(value, Mapping)
        else _named(value, "cid")
        for key, value in arguments.items()
    }


def _named(value: Any, field: str) -> Any:
    if isinstance(value, Asset):
        return getattr(value, field) or value.cid
    if isinstance(value, list | tuple):
        return [_named(each, field) for each in value]
    return value

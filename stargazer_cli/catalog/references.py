"""References in braces, by which a meta.yml says what the fields of an output are taken from."""

import re
from dataclasses import dataclass
from typing import Any, Literal, cast

What = Literal["input", "output", "parameter", "label", "subject", "count", "all", "first"]

_REFERENCE = re.compile(
    r"\{(?:(?P<subject>subject)|(?P<what>input|output|parameter|label|count|all|first)\.(?P<name>\w+)"
    r"(?:\.(?P<field>\w+))?)\}"
)
# Which of them always have a field behind the name, and which never.
_WITH_FIELD = {"all", "first"}
_WITHOUT_FIELD = {"output", "parameter", "label", "count"}


@dataclass(frozen=True)
class Reference:
    """What a value in braces refers to: `{input.bam.sample_id}` is a field of the input `bam`."""

    what: What
    name: str = ""
    field: str = ""


def reference_in(value: Any) -> Reference | None:
    """Return what the value of a field refers to; None where it is a literal.

    Raises:
        ValueError: it has braces, and what is in them is no reference.

    """
    if not isinstance(value, str) or not ({"{", "}"} & set(value)):
        return None
    match = _REFERENCE.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is no reference")
    if match["subject"]:
        return Reference("subject")
    what, field = match["what"], match["field"] or ""
    if (field and what in _WITHOUT_FIELD) or (not field and what in _WITH_FIELD):
        raise ValueError(f"{value!r} has a field too many, or none")
    return Reference(cast("What", what), match["name"], field)

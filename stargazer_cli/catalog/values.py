"""Values that are given by name, judged before anything starts."""

from typing import Any

from stargazer_cli.catalog.entries import Parameter
from stargazer_cli.catalog.rules import problem_of, rules
from stargazer_cli.errors import UsageError

_EXPECTED = {
    "string": "text",
    "file": "a file, by its path or CID",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
}
_SHOWN = 60
# More in one value is a slip: it goes into a file of parameters and onto command lines.
_LONGEST = 10_000


def typed(parameter: Parameter, value: Any) -> Any:
    """Return a value as its parameter takes it; text, as a command line has it, is read.

    Raises:
        UsageError: it is of another type, or out of what the parameter allows.

    """
    read = _read(parameter.type, value)
    if read is None:
        raise UsageError(
            f"{parameter.name} must be {_EXPECTED[parameter.type]}, not {_shown(value)}.",
            _about(parameter),
        )
    own = {
        "enum": parameter.choices,
        "minimum": parameter.minimum,
        "exclusiveMinimum": parameter.above,
        "maximum": parameter.maximum,
    }
    rule = rules().get(parameter.name, {}) | {
        name: bound for name, bound in own.items() if bound not in ((), None)
    }
    for each in read if isinstance(read, list) else [read]:
        if problem := problem_of(each, rule):
            raise UsageError(f"{parameter.name} {_shown(each)}: {problem}.", _about(parameter))
        if isinstance(each, str) and len(each) > _LONGEST:
            raise UsageError(f"{parameter.name} has {len(each)} characters, more than {_LONGEST}.")
    return read


def _about(parameter: Parameter) -> str | None:
    return f"{parameter.name}: {parameter.description}" if parameter.description else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _read(kind: str, value: Any) -> Any:
    """Return a value in a type, or None where it is not of it."""
    if kind == "array":
        items = (
            value if isinstance(value, list | tuple) else value.split(",") if isinstance(value, str) else []
        )
        return (
            [item.strip() for item in items]
            if items and all(isinstance(item, str) for item in items)
            else None
        )
    if kind in ("string", "file"):
        return value if isinstance(value, str) else None
    if kind == "boolean":
        truths = {"true": True, "false": False}
        return value if isinstance(value, bool) else truths.get(str(value).lower())
    return _number(kind, value)


def _number(kind: str, value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
        # Of text and whole numbers exactly: a float cannot hold every large one.
        return (
            int(value)
            if kind == "integer" and number == int(number)
            else number
            if kind == "number"
            else None
        )
    except (ValueError, OverflowError):
        return None

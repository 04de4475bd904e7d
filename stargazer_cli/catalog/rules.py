"""What values the pipeline takes for its parameters, as `nextflow_schema.json` says."""

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from stargazer_cli.catalog.pipeline import pipeline_dir
from stargazer_cli.errors import UsageError


@cache
def groups() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rules of all parameters: group -> name -> rule."""
    schema = json.loads((pipeline_dir() / "nextflow_schema.json").read_text(encoding="utf-8"))
    return {name: group["properties"] for name, group in schema["$defs"].items()}


@cache
def rules() -> dict[str, dict[str, Any]]:
    """Return the rules of all parameters by their names."""
    return {name: rule for group in groups().values() for name, rule in group.items()}


def check_parameters(values: Mapping[str, Any]) -> None:
    """Refuse a value that the pipeline would refuse, before a run of it is begun."""
    for name, value in values.items():
        problem = problem_of(value, rules().get(name, {}))
        if problem:
            raise UsageError(f"--{name.replace('_', '-')} {str(value)[:60]!r}: {problem}.")


def problem_of(value: Any, rule: Mapping[str, Any]) -> str:
    """Return what is wrong with a value by a rule; '' where nothing is."""
    number = isinstance(value, int | float)
    judged = (
        (isinstance(value, float) and not math.isfinite(value), "must be a finite number"),
        (value == "", "is empty"),
        ("enum" in rule and value not in rule["enum"], f"must be one of {', '.join(rule.get('enum', ()))}"),
        ("pattern" in rule and not re.fullmatch(rule["pattern"], str(value)), rule.get("errorMessage", "")),
        (number and value < rule.get("minimum", value), f"must be at least {rule.get('minimum')}"),
        (
            number and value <= rule.get("exclusiveMinimum", -math.inf),
            f"must be above {rule.get('exclusiveMinimum')}",
        ),
        (number and value > rule.get("maximum", value), f"must be at most {rule.get('maximum')}"),
    )
    return next((problem for wrong, problem in judged if wrong), "")

"""What `auto` means, by the table that the pipeline's own functions are tried with as well."""

import json
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.assets import KnownSites
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.decisions import Decision, decide_bqsr, decide_filter
from stargazer_cli.runs.known_sites import Resource

CASES = json.loads((Path(__file__).parent.parent / "helpers" / "decision_cases.json").read_text())


def _resource(site: dict[str, Any]) -> Resource:
    fields = {key: value for key, value in site.items() if key != "types"}
    return Resource(KnownSites(**fields), site["resource_name"], frozenset(site["types"]))


def _decide(case: dict[str, Any], what: str) -> Decision:
    sites = [_resource(site) for site in case["sites"]]
    if what == "bqsr":
        from_reads = bool({"reads", "unmapped"} & set(case["entries"]))
        return decide_bqsr(case["bqsr"], sites, from_reads=from_reads)
    return decide_filter(
        case["filter"],
        sites,
        samples=case["samples"],
        intervals=case["intervals"],
        bases=lambda: int(case["reference_bases"]),
    )


@pytest.mark.parametrize("what", ["bqsr", "filter"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_both_halves_decide_alike(case: dict[str, Any], what: str) -> None:
    expected = case["expect"][what]
    if isinstance(expected, dict):
        with pytest.raises(UsageError) as refused:
            _decide(case, what)
        assert expected["error"] in refused.value.message
        return
    decided = _decide(case, what)
    assert decided.value == expected
    assert case["says"].get(what, "") in decided.reason


@pytest.mark.parametrize("asked", ["none", "hard"])
def test_a_reference_is_not_read_where_its_length_decides_nothing(asked: Any) -> None:
    def never() -> int:
        raise AssertionError

    assert decide_filter(asked, [], samples=1, intervals=False, bases=never).value == asked
    assert decide_filter("auto", [], samples=1, intervals=True, bases=never).value == "hard"

"""What `auto` means, by the table that the pipeline's own functions are tried with as well."""

import json
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.assets import KnownSites
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.decisions import Decision, Target, decide_bqsr, decide_filter
from stargazer_cli.runs.known_sites import Resource

CASES = json.loads((Path(__file__).parent.parent / "helpers" / "decision_cases.json").read_text())


def _resource(site: dict[str, Any]) -> Resource:
    fields = {key: value for key, value in site.items() if key != "types"}
    return Resource(KnownSites(**fields), site["resource_name"], frozenset(site["types"]))


def _decide(case: dict[str, Any], what: str) -> Decision:
    sites = [_resource(site) for site in case["sites"]]
    target = Target(case["region_bases"], lambda: int(case["reference_bases"]))
    if what == "targeted":
        return Decision(str(target.targeted), "")
    if what == "bqsr":
        from_reads = bool({"reads", "unmapped"} & set(case["entries"]))
        return decide_bqsr(case["bqsr"], sites, from_reads=from_reads, target=target)
    return decide_filter(case["filter"], sites, samples=case["samples"], target=target)


@pytest.mark.parametrize(
    ("case", "what"),
    [pytest.param(case, what, id=f"{case['name']}-{what}") for case in CASES for what in case["expect"]],
)
def test_both_halves_decide_alike(case: dict[str, Any], what: str) -> None:
    # A plan knows whether a GVCF is reused, and was made from reads; the pipeline does not.
    expected = (case["expect"] | case.get("in_plan", {}))[what]
    if isinstance(expected, dict):
        with pytest.raises(UsageError) as refused:
            _decide(case, what)
        assert expected["error"] in refused.value.message
        return
    decided = _decide(case, what)
    assert decided.value == str(expected)
    assert case["says"].get(what, "") in decided.reason


@pytest.mark.parametrize("asked", ["none", "hard"])
def test_a_reference_is_not_read_where_its_length_decides_nothing(asked: Any) -> None:
    def never() -> int:
        raise AssertionError

    whole, panel = Target(None, never), Target(4_000, never)
    assert decide_filter(asked, [], samples=1, target=whole).value == asked
    assert decide_bqsr("off", [], from_reads=True, target=whole).value == "off"
    assert decide_bqsr("auto", [], from_reads=True, target=whole).value == "off"
    assert decide_filter("auto", [], samples=1, target=panel).value == "hard"


def test_known_sites_that_the_user_leaves_out_are_not_said_to_be_missing() -> None:
    target = Target(None, lambda: 20_000)
    assert (
        decide_bqsr("auto", [], from_reads=True, target=target, left_out=True).reason == "--known-sites none"
    )
    with pytest.raises(UsageError, match="--known-sites none leaves them out") as refused:
        decide_bqsr("on", [], from_reads=True, target=target, left_out=True)
    assert "stargazer assets add" not in str(refused.value.hint)
    with pytest.raises(UsageError, match="--known-sites none leaves them out"):
        decide_filter("vqsr", [], samples=1, target=target, left_out=True)
    assert "(--known-sites none)" in decide_filter("auto", [], samples=1, target=target, left_out=True).reason

"""What the commands of `stargazer assets` share: key=value arguments, and how an asset is shown."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.output import printable

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset


def parse_pairs(pairs: Sequence[str]) -> list[tuple[str, str]]:
    """Split KEY=VALUE arguments."""
    parsed = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{pair!r} is not KEY=VALUE.", "Write it like sample_id=NA12878.")
        parsed.append((key.strip(), value))
    return parsed


def parse_once(pairs: Sequence[str]) -> dict[str, str]:
    """Split KEY=VALUE arguments of which each key may have one value."""
    keyvalues: dict[str, str] = {}
    for key, value in parse_pairs(pairs):
        if keyvalues.setdefault(key, value) != value:
            raise UsageError(f"The key {key!r} is given twice.", "Give each key one value.")
    return keyvalues


COLUMNS = ("kind", "of", "name", "cid")


def document(asset: "Asset | Mapping[str, Any]") -> dict[str, Any]:
    """Return an asset, or its record, as `--json` prints it."""
    record = _record(asset)
    return {key: record.get(key) for key in printed()}


def printed() -> tuple[str, ...]:
    """Return what `--json` prints of a record: not the recipes, by which runs find what to reuse."""
    from stargazer_cli.store.record import FIELDS

    return *(key for key in FIELDS if key not in ("recipe", "recipes")), "path"


def row(asset: "Asset | Mapping[str, Any]") -> list[str]:
    """Return an asset, or its record, as a row of a table under `COLUMNS`."""
    record = _record(asset)
    keyvalues = record["keyvalues"]
    of = keyvalues.get("sample_id") or keyvalues.get("cohort_id") or keyvalues.get("build") or "-"
    lane = f" {keyvalues['lane']}" if "lane" in keyvalues else ""
    return [keyvalues.get("asset", "-"), of + lane, record["name"], record["cid"]]


def _record(asset: "Asset | Mapping[str, Any]") -> Mapping[str, Any]:
    return asset if isinstance(asset, Mapping) else asset.to_dict()


def counted(number: int, noun: str) -> str:
    """Return how many there are of something, as "1 file" or "2,000 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def confirm(question: str) -> None:
    """Ask before something goes; where nobody can answer, nothing goes."""
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} Nobody is here to answer, so nothing was done.", "Give --yes to do it unasked."
        )
    if not click.confirm(printable(question), err=True):
        raise StargazerError("Nothing was removed.")

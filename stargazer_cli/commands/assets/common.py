"""What the commands of `stargazer assets` share: key=value arguments, and how an asset is shown."""

import sys
from collections.abc import Sequence
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


def document(asset: "Asset") -> dict[str, Any]:
    """Return an asset as `--json` prints it."""
    return {
        "id": asset.id,
        "cid": asset.cid,
        "name": asset.name,
        "keyvalues": asset.to_keyvalues(),
        "derived_from": asset.derived_from,
        "run_ids": asset.run_ids,
        "created_at": asset.created_at,
        "owner": asset.owner,
        "path": str(asset.path) if asset.path else None,
    }


COLUMNS = ("kind", "of", "name", "cid")


def row(asset: "Asset") -> list[str]:
    """Return an asset as a row of a table under `COLUMNS`."""
    keyvalues = asset.to_keyvalues()
    of = keyvalues.get("sample_id") or keyvalues.get("cohort_id") or keyvalues.get("build") or "-"
    lane = f" {keyvalues['lane']}" if "lane" in keyvalues else ""
    return [keyvalues.get("asset", "-"), of + lane, asset.name, asset.cid]


def confirm(question: str) -> None:
    """Ask before something goes; where nobody can answer, nothing goes."""
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} Nobody is here to answer, so nothing was done.", "Give --yes to do it unasked."
        )
    if not click.confirm(printable(question), err=True):
        raise StargazerError("Nothing was removed.")

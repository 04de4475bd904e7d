"""`stargazer assets query`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import COLUMNS, document, parse_pairs, printed, row
from stargazer_cli.commands.lazy import examples
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_csv, emit_json, note, table

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

# What leads a line of CSV; then come the keys, and the other base fields.
_FIRST = ("cid", "name")


@click.command(
    epilog=examples(
        "stargazer assets query asset=r1 sample_id=NA1 sample_id=NA2",
        "stargazer assets query asset=alignment duplicates_marked=true",
        "stargazer assets query asset=variants --csv > variants.csv",
        "stargazer assets query sample_id=NA1 --remote",
    )
)
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the assets.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a column for each key.")
@click.option("--remote", is_flag=True, help="Look at Pinata, in the account of PINATA_JWT, and not here.")
@click.pass_obj
def query(app: App, pairs: tuple[str, ...], *, as_json: bool, as_csv: bool, remote: bool) -> None:
    """Find assets; a key that is given twice matches either value."""
    if as_json and as_csv:
        raise UsageError("--json and --csv are given both.", "Give one of them.")
    filters: dict[str, list[str]] = {}
    for key, value in parse_pairs(pairs):
        filters.setdefault(key, []).append(value)
    found = _find_remote(app, filters) if remote else _find(app.store, filters)
    if as_json:
        emit_json([document(record) for record in found])
    elif as_csv:
        emit_csv(*_csv(found))
    elif found:
        table(COLUMNS, [row(record) for record in found])
    else:
        where = "The Pinata account" if remote else f"The store {app.store.root}"
        note("No asset matches." if filters else f"{where} holds no assets yet.")


def _find(store: "LocalStore", filters: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return records, with the path of each."""
    found = store.records(**filters)
    for record in found:
        path = store.object(record["cid"])
        record["path"] = str(path) if path else None
    return found


def _find_remote(app: App, filters: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    # Which keys others use there is not known here: none is refused.
    from stargazer_cli.store.remote.sync import search_remote

    return [asset.to_dict() for asset in search_remote(app.settings, filters, note)]


def _csv(found: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the lines: a column for every key of one of the records, `asset` first."""
    documents = [document(record) for record in found]
    keys = {key for each in documents for key in each["keyvalues"]}
    ordered = sorted(keys, key=lambda key: (key != "asset", key))
    last = [key for key in printed() if key not in (*_FIRST, "keyvalues")]
    last.sort(key=lambda key: key in ("id", "path"))
    lines = [
        [
            *(each[key] for key in _FIRST),
            *(each["keyvalues"].get(key, "") for key in ordered),
            *(_cell(each[key]) for key in last),
        ]
        for each in documents
    ]
    return [*_FIRST, *ordered, *last], lines


def _cell(value: str | list[str] | None) -> str:
    # No CID, run id or recipe has a space in it.
    return " ".join(value) if isinstance(value, list) else value or ""

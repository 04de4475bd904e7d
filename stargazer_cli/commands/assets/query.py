"""`stargazer assets query`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import COLUMNS, document, parse_pairs, row
from stargazer_cli.commands.lazy import examples
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_csv, emit_json, note, table

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

# The base fields of a record that lead and end a line of CSV; its keys stand between them.
_FIRST = ("cid", "name")
_LAST = ("derived_from", "run_ids", "created_at", "owner", "id", "path")


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
    """Return the records as they are kept: to make an asset of each takes ten times as long."""
    from stargazer_cli.store.metadata.match import Match
    from stargazer_cli.store.objects import faults_told

    with faults_told(store.root):
        records = store.metadata.read()
        _check_keys(records, filters)
        found = [dict(record) for record in records.search(Match(filters))]
    for record in found:
        path = store.object(record["cid"])
        record["path"] = str(path) if path else None
    return found


def _find_remote(app: App, filters: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    # Which keys others use there is not known here: none is refused.
    from stargazer_cli.store.remote.sync import search_remote

    return [asset.to_dict() for asset in search_remote(app.settings, filters, note)]


def _check_keys(records: Iterable[Mapping[str, Any]], filters: Mapping[str, list[str]]) -> None:
    """Refuse a key or kind that nothing has: it is a slip, and would silently find nothing."""
    from stargazer_cli.assets import BASE_FIELDS, KINDS, did_you_mean, kind_class

    fields = {kind: {"asset", *cls.fields()} for kind, cls in KINDS.items()}
    wanted = filters.get("asset", list(KINDS))
    known = BASE_FIELDS - {"path"}
    known |= {key for kind in wanted for key in fields.get(kind, {"asset"})}
    if known >= filters.keys() and all(kind in KINDS for kind in wanted):
        return
    # Bare assets have keys, and kinds, of their own.
    bare = [each for record in records if not (each := record["keyvalues"]).keys() <= _fields(each, fields)]
    known |= {key for keyvalues in bare for key in keyvalues}
    for kind in wanted:
        if kind not in KINDS and all(keyvalues.get("asset") != kind for keyvalues in bare):
            kind_class(kind)
    for key in filters:
        if key not in known:
            of = f"asset={' or '.join(wanted)}" if "asset" in filters else "any asset"
            raise UsageError(
                f"{key!r} is not a key of {of}.{did_you_mean(key, known)}",
                f"The keys are: {', '.join(sorted(known))}.",
            )


def _fields(keyvalues: Mapping[str, str], fields: Mapping[str, set[str]]) -> set[str]:
    """Return the keys that the kind of a record allows; none where the kind is not known."""
    return fields.get(keyvalues.get("asset", ""), set())


def _csv(found: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the lines: a column for every key of one of the records, `asset` first."""
    documents = [document(record) for record in found]
    keys = {key for each in documents for key in each["keyvalues"]}
    ordered = sorted(keys, key=lambda key: (key != "asset", key))
    lines = [
        [
            *(each[key] for key in _FIRST),
            *(each["keyvalues"].get(key, "") for key in ordered),
            *(_cell(each[key]) for key in _LAST),
        ]
        for each in documents
    ]
    return [*_FIRST, *ordered, *_LAST], lines


def _cell(value: str | list[str] | None) -> str:
    # No CID, run id or recipe has a space in it.
    return " ".join(value) if isinstance(value, list) else value or ""

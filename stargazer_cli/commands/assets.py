"""`stargazer assets`: add files to the store, find them, get them out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.app import App
from stargazer_cli.errors import UsageError
from stargazer_cli.output import emit_json, note

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore


@click.group()
def assets() -> None:
    """Add, find and get assets."""


@assets.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path, readable=False)
)
@click.option("-k", "pairs", multiple=True, metavar="KEY=VALUE", help="What the files are; may be repeated.")
@click.option("--kind", metavar="KIND", help="The kind of asset; else it is taken from the file name.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the assets.")
@click.pass_obj
def add(app: App, files: tuple[Path, ...], pairs: tuple[str, ...], kind: str | None, as_json: bool) -> None:
    r"""Add files to the store.

    R1 and R2 of one sample that are added together become mates; an index that is added together with its
    file is linked to it. A folder with a count matrix (matrix.mtx, barcodes.tsv, features.tsv) becomes one
    file. All files are stored, or none.

    \b
    stargazer assets add NA1_R1.fq.gz NA1_R2.fq.gz -k sample_id=NA1
    stargazer assets add GRCh38.fa.gz -k build=GRCh38
    stargazer assets add filtered_feature_bc_matrix -k sample_id=S1 -k organism=human
    """
    from tempfile import TemporaryDirectory

    from stargazer_cli.store.intake import take_in

    keyvalues: dict[str, str] = {}
    for key, value in _parse(pairs):
        if keyvalues.setdefault(key, value) != value:
            raise UsageError(f"The key {key!r} is given twice.", "Give each key one value.")
    with TemporaryDirectory(prefix="stargazer-") as scratch:
        intake = take_in(files, keyvalues, kind, scratch=Path(scratch))
        for line in intake.notes:
            note(line)
        added = app.store.add(intake.files)
    if as_json:
        emit_json([_document(each.asset) | {"status": each.status} for each in added])
        return
    said = {"added": "added", "notneeded": "not needed"}
    _table(
        ["status", "kind", "of", "name", "cid"], [[said[each.status], *_row(each.asset)] for each in added]
    )


@assets.command()
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the assets.")
@click.pass_obj
def query(app: App, pairs: tuple[str, ...], as_json: bool) -> None:
    r"""Find assets; a key that is given twice matches either value.

    \b
    stargazer assets query asset=r1 sample_id=NA1 sample_id=NA2
    stargazer assets query asset=alignment duplicates_marked=true
    """
    filters: dict[str, list[str]] = {}
    for key, value in _parse(pairs):
        filters.setdefault(key, []).append(value)
    _check_keys(app.store, filters)
    found = app.store.find(**filters)
    if as_json:
        emit_json([_document(asset) for asset in found])
    elif found:
        _table(["kind", "of", "name", "cid"], [_row(asset) for asset in found])
    else:
        note("No asset matches." if filters else f"The store {app.store.root} holds no assets yet.")


@assets.command()
@click.argument("cid")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="Where to put the file.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.pass_obj
def get(app: App, cid: str, output: Path, force: bool) -> None:
    """Copy the file of a CID out of the store, or from the gateway when it is not here; verified."""
    if output.is_dir():
        names = [asset.name for asset in app.store.by_cid(cid) if asset.name]
        output = output / Path(names[0] if names else cid).name
    app.store.get(cid, output, overwrite=force)
    note(f"{output}: verified, {output.stat().st_size:,} bytes")


def _parse(pairs: tuple[str, ...]) -> list[tuple[str, str]]:
    parsed = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{pair!r} is not KEY=VALUE.", "Write it like sample_id=NA12878.")
        parsed.append((key.strip(), value))
    return parsed


def _check_keys(store: "LocalStore", filters: dict[str, list[str]]) -> None:
    """Refuse a key or kind that nothing has: it is a slip, and would silently find nothing."""
    from stargazer_cli.assets import BASE_FIELDS, KINDS, did_you_mean, kind_class

    wanted = filters.get("asset", list(KINDS))
    known = {"asset"} | (BASE_FIELDS - {"path"})
    known |= {key for kind in wanted if kind in KINDS for key in KINDS[kind].fields()}
    if known >= filters.keys() and all(kind in KINDS for kind in wanted):
        return
    # Bare assets have keys, and kinds, of their own.
    bare = [asset.to_keyvalues() for asset in store.find() if not asset.kind]
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


def _document(asset: "Asset") -> dict[str, Any]:
    return {
        "cid": asset.cid,
        "name": asset.name,
        "keyvalues": asset.to_keyvalues(),
        "derived_from": asset.derived_from,
        "run_ids": asset.run_ids,
        "path": str(asset.path) if asset.path else None,
    }


def _row(asset: "Asset") -> list[str]:
    keyvalues = asset.to_keyvalues()
    of = keyvalues.get("sample_id") or keyvalues.get("cohort_id") or keyvalues.get("build") or "-"
    lane = f" {keyvalues['lane']}" if "lane" in keyvalues else ""
    return [keyvalues.get("asset", "-"), of + lane, asset.name, asset.cid]


def _table(header: list[str], rows: list[list[str]]) -> None:
    """Print rows in columns; names are of users, so what would disturb the terminal is shown escaped."""
    shown = [[_printable(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in shown) for column in range(len(header))]
    for row in shown:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)

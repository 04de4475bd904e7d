"""`stargazer assets export` and `import`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import counted
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.paths import GivenPath, check_outside
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.output import emit_json, note, progress, size_of

if TYPE_CHECKING:
    from stargazer_cli.store.carry import Carried

_FOLDER = GivenPath()
_FILE = GivenPath(stream=True)


@click.command(
    "export",
    epilog=examples(
        "stargazer assets export records.jsonl",
        "stargazer assets export /backup/records.jsonl --with-files /backup/files",
        "stargazer assets export - | gzip > records.jsonl.gz",
    ),
)
@click.argument("file", metavar="FILE|-", type=_FILE)
@click.option(
    "--with-files", "folder", type=_FOLDER, metavar="FOLDER", help="Copy the files there too, named by CID."
)
@click.option("--force", is_flag=True, help="Replace FILE where it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_obj
def export(app: App, file: str, *, folder: Path | None, force: bool, as_json: bool) -> None:
    """Write all records as JSON Lines, which another store can import.

    The same folder may be given again: files that are in it, and whole, are not copied again. Ends with
    exit code 1 when a file is missing or damaged.
    """
    from stargazer_cli.store.carry import copy_out
    from stargazer_cli.store.portable import export_records

    check_outside(app.store.root, filter(None, [folder, Path(file) if file != "-" else None]))
    if file == "-":
        if as_json:
            raise UsageError("--json and - contradict each other: both print.", "Give the path of a file.")
        with progress("writing", "things") as watch:
            count = export_records(app.store, sys.stdout.buffer, progress=watch)
    else:
        count = _export_to(app, Path(file), force=force)
    carried = None
    if folder:
        with progress("copying") as watch:
            carried = copy_out(app.store, folder, progress=watch)
    if as_json:
        emit_json({"records": count, "file": file} | _document(carried))
    else:
        note(f"{counted(count, 'record')} written{'' if file == '-' else f' to {file}'}.")
        if carried:
            note(f"{_copied(carried)} to {folder}; {carried.there:,} there already.")
    if carried and not carried.is_complete:
        raise _left_out(carried)


def _left_out(carried: "Carried") -> StargazerError:
    """Return the error that tells of files that an export lacks."""
    hint = (
        "`stargazer assets verify` names them; `stargazer assets verify --repair` fetches what a remote has."
    )
    if carried.refused:
        count = counted(len(carried.refused), "file")
        return StargazerError(f"{count} could not be copied: {next(iter(carried.refused.values()))}", hint)
    return StargazerError(f"This store lacks {counted(len(carried.missing), 'file')} of its records.", hint)


def _export_to(app: App, path: Path, *, force: bool) -> int:
    """Write the records to a file that is whole or absent."""
    from stargazer_cli.store.files import check_absent, replacing
    from stargazer_cli.store.portable import export_records

    if not force:
        check_absent(path)
    try:
        with replacing(path) as stream, progress("writing", "things") as watch:
            return export_records(app.store, stream, progress=watch)
    except OSError as error:
        raise StargazerError(f"{path} cannot be written: {error.strerror}.") from None


@click.command(
    "import",
    epilog=examples(
        "stargazer assets import records.jsonl",
        "stargazer assets import /backup/records.jsonl --with-files /backup/files",
        "gunzip -c records.jsonl.gz | stargazer assets import -",
    ),
)
@click.argument("file", metavar="FILE|-", type=_FILE)
@click.option(
    "--with-files",
    "folder",
    type=_FOLDER,
    metavar="FOLDER",
    help="Take the bytes of the records from there; each is verified by its CID.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was entered as JSON.")
@click.pass_obj
def import_(app: App, file: str, *, folder: Path | None, as_json: bool) -> None:
    """Enter the records of an export, all or none; those that are here already take on what they lack."""
    from stargazer_cli.store.carry import bring_in
    from stargazer_cli.store.portable import import_records

    if folder and not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give the one that `export --with-files` wrote.")
    with _opened(file) as stream, progress("entering", "things") as watch:
        entered = import_records(app.store, stream, progress=watch)
    carried = None
    if folder:
        with progress("copying") as watch:
            carried = bring_in(app.store, folder, progress=watch)
    if as_json:
        emit_json(
            {"added": entered.added, "merged": entered.merged, "unchanged": entered.unchanged}
            | _document(carried)
        )
    else:
        note(
            f"{counted(entered.added, 'record')} added, {entered.merged:,} joined with an equal one, "
            f"{entered.unchanged:,} there already."
        )
        if carried:
            note(f"{_copied(carried)} from {folder}; {carried.there:,} there already.")
            if carried.unproven:
                many = counted(len(carried.unproven), "file")
                note(f"{many} with a CID of another layout: that it is of these bytes, only the export says.")
    if carried and not carried.is_complete:
        raise _incomplete(carried, folder)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UsageError(f"The file {file} cannot be read: {error.strerror}.") from None


def _incomplete(carried: "Carried", folder: Path | None) -> StargazerError:
    if carried.refused:
        cid, why = next(iter(carried.refused.items()))
        more = f" And {len(carried.refused) - 1:,} more." if len(carried.refused) > 1 else ""
        return StargazerError(
            f"The file {cid} was not taken: {why}{more}",
            "Copy it again and repeat the import, or fetch it from a remote: `stargazer assets pull CID`.",
        )
    return StargazerError(
        f"Neither {folder} nor the store has {counted(len(carried.missing), 'file')} of the records.",
        "`stargazer assets verify` names them; `stargazer assets verify --repair` fetches what a remote has.",
    )


def _copied(carried: "Carried") -> str:
    return f"{counted(carried.files, 'file')} copied, {size_of(carried.bytes)},"


def _document(carried: "Carried | None") -> dict[str, Any]:
    if carried is None:
        return {}
    from dataclasses import asdict

    return {"files": asdict(carried)}

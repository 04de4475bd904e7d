"""`stargazer assets verify`."""

from typing import TYPE_CHECKING, Any

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import counted
from stargazer_cli.commands.lazy import examples
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.output import emit_json, note, progress, size_of, table

if TYPE_CHECKING:
    from stargazer_cli.store.upkeep import VerifyReport


@click.command(
    epilog=examples(
        "stargazer assets verify",
        "stargazer assets verify --repair",
        "stargazer assets verify --restore-metadata",
    )
)
@click.option(
    "--repair", is_flag=True, help="Move damaged files aside, and fetch from a remote what it has of them."
)
@click.option(
    "--accept-metadata",
    is_flag=True,
    help="First take the metadata file as something else edited it; what was before is kept aside.",
)
@click.option(
    "--restore-metadata",
    is_flag=True,
    help="First go back to the last good state of the metadata file; what is there now is kept aside.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def verify(app: App, *, repair: bool, accept_metadata: bool, restore_metadata: bool, as_json: bool) -> None:
    """Hash every file of the store again, and say what is missing, damaged or without a record.

    Ends with exit code 1 when an asset has no whole file.
    """
    if accept_metadata and restore_metadata:
        raise UsageError(
            "--accept-metadata and --restore-metadata contradict each other.", "Give one of them."
        )
    if accept_metadata:
        app.store.metadata.accept_edited()
    if restore_metadata:
        app.store.metadata.restore_last()
    from stargazer_cli.store.upkeep import verify as verify_store

    with progress("checking") as watch:
        report = verify_store(app.store, repair=repair, progress=watch)
    if as_json:
        emit_json(_document(report))
    else:
        _show(report)
    if not report.is_sound:
        bad = _unrepaired(report)
        raise StargazerError(
            f"{len(bad):,} of the store's files {'is' if len(bad) == 1 else 'are'} "
            f"{'missing, damaged or not ours to read' if report.unreadable else 'missing or damaged'}.",
            "Add them again under the same keys: their records take them back."
            if repair
            else "`stargazer assets verify --repair` fetches what a remote has of them.",
        )


def _unrepaired(report: "VerifyReport") -> set[str]:
    missing = {each.cid for each in report.missing}
    damaged = {each.cid for each in report.damaged if each.names}
    unreadable = {each.cid for each in report.unreadable if each.names}
    return (missing | damaged | unreadable) - set(report.repaired)


def _show(report: "VerifyReport") -> None:
    rows = [["missing", _named(each.names), each.cid, _done(report, each.cid)] for each in report.missing]
    for bad in report.damaged:
        moved = "moved aside" if bad.moved_to else ""
        done = ", ".join(filter(None, [moved, _done(report, bad.cid)]))
        rows.append(["damaged", _named(bad.names), bad.cid, done])
    rows += [["unreadable", _named(each.names), each.cid, ""] for each in report.unreadable]
    rows += [["orphaned", "-", waste.path.name, size_of(waste.bytes)] for waste in report.orphaned]
    rows += [["strange", path.name, "-", str(path)] for path in report.strange]
    if rows:
        table(["problem", "name", "cid", ""], rows)
    for bad in report.damaged:
        if bad.moved_to:
            note(f"What was damaged is now {bad.moved_to}")
    for why in (*(each.reason for each in report.unreadable), *report.not_repaired.values()):
        note(why)
    state = "sound" if report.is_sound else "not sound"
    if report.lacks_records:
        note(
            "Most files have no record: are the records in another place than the settings say "
            "(STARGAZER_DB), or lost? Do not remove the files before that is known."
        )
        state = f"{state}, but most files have no record"
    elif report.orphaned:
        note("Nothing names the orphaned files: `stargazer assets gc` removes them.")
    note(f"{counted(report.checked, 'file')}, {size_of(report.bytes)}: {state}.")


def _named(names: tuple[str, ...]) -> str:
    return " and ".join(dict.fromkeys(names)) or "-"


def _done(report: "VerifyReport", cid: str) -> str:
    if cid in report.repaired:
        return "fetched again"
    return "not fetched" if cid in report.not_repaired else ""


def _document(report: "VerifyReport") -> dict[str, Any]:
    return {
        "sound": report.is_sound,
        "lacks_records": report.lacks_records,
        "checked": report.checked,
        "bytes": report.bytes,
        "missing": [{"cid": each.cid, "names": each.names} for each in report.missing],
        "damaged": [
            {
                "cid": each.cid,
                "names": each.names,
                "found": each.found or None,
                "moved_to": str(each.moved_to) if each.moved_to else None,
            }
            for each in report.damaged
        ],
        "unreadable": [
            {"cid": each.cid, "names": each.names, "reason": each.reason} for each in report.unreadable
        ],
        "orphaned": [{"path": str(waste.path), "bytes": waste.bytes} for waste in report.orphaned],
        "strange": [str(path) for path in report.strange],
        "repaired": report.repaired,
        "not_repaired": report.not_repaired,
    }

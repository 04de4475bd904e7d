"""`stargazer assets add`."""

from pathlib import Path

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import COLUMNS, document, parse_once, row
from stargazer_cli.commands.lazy import examples
from stargazer_cli.commands.paths import GivenPath
from stargazer_cli.output import emit_json, note, progress, table

_SAID = {"added": "added", "notneeded": "not needed"}


@click.command(
    epilog=examples(
        "stargazer assets add NA1_R1.fq.gz NA1_R2.fq.gz -k sample_id=NA1",
        "stargazer assets add GRCh38.fa.gz -k build=GRCh38",
        "stargazer assets add filtered_feature_bc_matrix -k sample_id=S1 -k organism=human",
        "stargazer assets add mills.vcf.gz mills.vcf.gz.tbi --asset known_sites -k build=GRCh38",
    )
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=GivenPath())
@click.option("-k", "pairs", multiple=True, metavar="KEY=VALUE", help="What the files are; may be repeated.")
@click.option(
    "--asset",
    "--kind",
    "kind",
    metavar="KIND",
    help="The kind of asset; else it is taken from the name and the content of each file, and shown.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the assets.")
@click.pass_obj
def add(app: App, files: tuple[Path, ...], pairs: tuple[str, ...], kind: str | None, as_json: bool) -> None:
    """Add files, or all files of folders, to the store.

    R1 and R2 of one sample that are added together become mates; an index that is added together with its
    file is linked to it. A folder with a count matrix (matrix.mtx, barcodes.tsv, features.tsv) becomes one
    file. Hidden files and links to folders are left out of a folder. All files are stored, or none.
    """
    from tempfile import TemporaryDirectory

    from stargazer_cli.store.intake import take_in

    keyvalues = parse_once(pairs)
    with TemporaryDirectory(prefix="stargazer-") as scratch:
        with progress("looking", "things") as watch:
            intake = take_in(files, keyvalues, kind, scratch=Path(scratch), progress=watch)
        for line in intake.notes:
            note(line)
        with progress("storing") as watch:
            added = app.store.add(intake.files, progress=watch)
    if as_json:
        emit_json([document(each.asset) | {"status": each.status} for each in added])
        return
    table(["status", *COLUMNS], [[_SAID[each.status], *row(each.asset)] for each in added])

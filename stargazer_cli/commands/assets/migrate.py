"""`stargazer assets migrate`."""

import click

from stargazer_cli.app import App
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, note, progress


@click.command(
    epilog=examples(
        "stargazer assets migrate --to postgresql://stargazer@db.example.org/stargazer",
        "stargazer assets migrate --to json",
    )
)
@click.option(
    "--to",
    required=True,
    metavar="json|postgresql|URL",
    help="The file in the store's folder, the server in STARGAZER_DB, or a server by its address.",
)
@click.option("--merge", "join", is_flag=True, help="Put the records together with others that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def migrate(app: App, to: str, join: bool, as_json: bool) -> None:
    """Copy all records between the store's file and a PostgreSQL server; the files stay where they are.

    They come from where the settings keep them now or, when that is the target, from the other place. Each
    is compared with its origin before anything is kept, and the origin stays as it is. A password in an
    address is seen by others on this machine: keep it in ~/.pgpass or PGPASSWORD.
    """
    from dataclasses import asdict

    from stargazer_cli.store.metadata import migrate as library

    source, target = library.places(app.settings, to)
    with progress("moving and comparing", "things") as watch:
        done = library.migrate(source, target, join=join, progress=watch)
    if as_json:
        emit_json({"from": source.name, "to": target.name} | asdict(done))
    else:
        click.echo(f"from  {source.name}")
        click.echo(f"to    {target.name}")
        click.echo(
            f"{done.added} added, {done.merged} joined with an equal one, {done.unchanged} there already"
        )
    if to == "json":
        note("Unset STARGAZER_DB wherever this store is used: from now on its records are in the file.")
    else:
        note("Set STARGAZER_DB to this server wherever this store is used, and put what it came from aside.")

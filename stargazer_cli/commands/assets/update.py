"""`stargazer assets update`."""

import click

from stargazer_cli.app import App
from stargazer_cli.commands.assets.common import COLUMNS, document, parse_once, row
from stargazer_cli.commands.lazy import examples
from stargazer_cli.output import emit_json, table


@click.command(
    epilog=examples(
        "stargazer assets update bafkrei… build=GRCh38",
        "stargazer assets update bafkrei… lane=L002 library=",
    )
)
@click.argument("target", metavar="CID|ID")
@click.argument("pairs", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--json", "as_json", is_flag=True, help="Print the asset as JSON.")
@click.pass_obj
def update(app: App, target: str, pairs: tuple[str, ...], as_json: bool) -> None:
    """Change what is said of an asset; KEY= takes a key away. The bytes stay what they are.

    A CID that stands for several assets is refused, with their ids: give the one that is meant.
    """
    changes = {key: value or None for key, value in parse_once(pairs).items()}
    asset = app.store.update(target, changes)
    if as_json:
        emit_json(document(asset))
        return
    table(COLUMNS, [row(asset)])

"""How long commands take that do next to nothing: `--help`, and a query of a small store.

python benchmarks/startup.py --repeats 20
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import Timing, alternate, machine, table, timed, wall

from stargazer_cli.app import App
from stargazer_cli.assets import new_asset
from stargazer_cli.demo import bundle
from stargazer_cli.store import NewFile


def fill(records: int, scratch: Path) -> None:
    """Put the bundled trio into the store of the environment, and more records up to a number."""
    store = App().store
    added = bundle.add(bundle.load(bundle.GermlineBundle, "trio"), store)
    files = []
    for number in range(records - len(added)):
        file = scratch / f"{number}.txt"
        file.write_text(str(number))
        files.append(NewFile(file, new_asset("report", title=f"report {number}")))
    store.add(files)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--records", type=int, default=100, help="records in the store (default: %(default)s)"
    )
    options = parser.parse_args()

    python = sys.executable
    stargazer = str(Path(python).with_name("stargazer"))
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "python -c 'import click'": [python, "-c", "import click"],
        "stargazer --help": [stargazer, "--help"],
        "stargazer assets query": [stargazer, "assets", "query", "asset=r1"],
        "stargazer assets query --json": [stargazer, "assets", "query", "asset=r1", "--json"],
    }
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["STARGAZER_LOCAL"] = f"{scratch}/store"
        fill(options.records, Path(scratch))

        def once(command: list[str]) -> Callable[[int], Timing]:
            return lambda _number: timed(command)

        for command in commands.values():
            timed(command)  # the first start of each writes byte code and fills the page cache
        subjects = {name: once(command) for name, command in commands.items()}
        timings = alternate(options.repeats, subjects, progress=False)
    rows = [[f"`{name}`", f"{wall(found):.3f}"] for name, found in timings.items()]
    print(table(["command", f"median wall of {options.repeats}, s"], rows))


if __name__ == "__main__":
    main()

"""What the demos share: before a run its tools and data, after it the files that it made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stargazer_cli.demo import dataset
from stargazer_cli.errors import StargazerError

if TYPE_CHECKING:
    from stargazer_cli.demo.dataset import DataSet
    from stargazer_cli.runs.execute import RunResult
    from stargazer_cli.runs.record import MadeAsset
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import Added, LocalStore

Tell = Callable[[str], None]


def get_tools(settings: "Settings", needed: Sequence[str], *, yes: bool, tell: Tell) -> None:
    """Fetch what is missing of the needed tools."""
    from stargazer_cli.tools import ensure, locate

    if locate(settings, needed).missing(needed):
        ensure(settings, needed, yes=yes, echo=tell)


def add_data(data: "DataSet", store: "LocalStore", tell: Tell) -> "list[Added]":
    """Put the files of a data set into the store and say how many were new."""
    added = dataset.add(data, store)
    new = sum(item.status == "added" for item in added)
    files = "1 file" if len(added) == 1 else f"{len(added)} files"
    tell(f"{files} of {data.title}: {new} added to the store, {len(added) - new} already there.")
    return added


def only(assets: "Sequence[MadeAsset]", what: str, **wanted: str) -> "MadeAsset":
    """Return the one asset with these keys; `what` is how a message calls several of them."""
    found = [made for made in assets if wanted.items() <= made.keyvalues.items()]
    if len(found) != 1:
        raise StargazerError(f"The run made {len(found)} {what}; the demo expects one.")
    return found[0]


def object_of(store: "LocalStore", made: "MadeAsset") -> Path:
    """Return the file of an asset in the store."""
    path = store.object(made.cid)
    if path is None:
        raise StargazerError(
            f"The store has no bytes of {made.name} ({made.cid}).", "Check it with: stargazer assets verify"
        )
    return path


def file_of(store: "LocalStore", run: "RunResult", made: "MadeAsset", folder: str) -> Path:
    """Return where a person finds an asset: in the run's results, else in the store."""
    published = run.outdir / folder / made.name if run.outdir else None
    return published if published is not None and published.exists() else object_of(store, made)


def table(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Line columns up, the first `left` of them on the left, numbers on the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def run_line(run: "RunResult", width: int) -> str:
    """Name the run, and whether it made the result now, beside a column of this width."""
    return f"{'Run':<{width}}{run.run_id}" + (
        "" if run.computed else " (made earlier; nothing had to be computed)"
    )


def run_document(run: "RunResult") -> dict[str, Any]:
    """Write the run as the part of a JSON document that both demos begin with."""
    return {
        "run_id": run.run_id,
        "status": run.status,
        "outdir": str(run.outdir) if run.outdir else None,
        "computed": run.computed,
    }

"""What a step leaves in `uns['stargazer']`: its parameters, notes for people, and versions."""

import dataclasses
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

_ALWAYS = ("scanpy", "anndata", "numpy", "scipy")


def record(
    adata: AnnData, task: str, options: Any, notes: Sequence[str], packages: Sequence[str] = ()
) -> None:
    """Write what `task` did into `adata`: its options, notes and versions.

    Parameters that are not set and files are left out.

    No time, path or thread count: the same input and parameters must give the same bytes.
    """
    parameters = {
        name: value
        for name, value in dataclasses.asdict(options).items()
        if value is not None and not isinstance(value, Path)
    }
    adata.uns.setdefault("stargazer", {})[task] = {
        "parameters": parameters,
        "notes": np.array(list(notes), dtype=object),
        "versions": {name: version(name) for name in (*_ALWAYS, *packages)},
    }


def leave_out_foreign_records(adata: AnnData) -> None:
    """Take out of `uns` what has the name of a record of the steps but not its form: others wrote it."""
    records = adata.uns.pop("stargazer", {})
    own = {
        task: entry
        for task, entry in (records.items() if isinstance(records, Mapping) else ())
        if isinstance(entry, Mapping) and isinstance(entry.get("parameters"), Mapping)
    }
    if own:
        adata.uns["stargazer"] = own
    if "qc" in adata.uns and not isinstance(adata.uns["qc"], Mapping):
        del adata.uns["qc"]


def notes_of(adata: AnnData, task: str) -> list[str]:
    """Return the notes that `task` left, none where it did not run."""
    return [str(note) for note in adata.uns.get("stargazer", {}).get(task, {}).get("notes", ())]


def parameter_of(adata: AnnData, task: str, name: str) -> Any:
    """Return a parameter that `task` ran with, None where it did not run or the parameter was not set."""
    return adata.uns.get("stargazer", {}).get(task, {}).get("parameters", {}).get(name)

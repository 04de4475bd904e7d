"""What a step leaves in `uns['stargazer']`: its parameters, notes for people, and versions."""

import dataclasses
from collections.abc import Sequence
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


def notes_of(adata: AnnData, task: str) -> list[str]:
    """Return the notes that `task` left, none where it did not run."""
    return [str(note) for note in adata.uns.get("stargazer", {}).get(task, {}).get("notes", ())]


def parameter_of(adata: AnnData, task: str, name: str) -> Any:
    """Return a parameter that `task` ran with, None where it did not run or the parameter was not set."""
    return adata.uns.get("stargazer", {}).get(task, {}).get("parameters", {}).get(name)

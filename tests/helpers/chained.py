"""The steps on an AnnData in memory, as the chain runs them, for tests that need a later stage."""

from typing import Any

from anndata import AnnData
from scrna.files import canonical
from scrna.steps import CHAIN


def run_until(adata: AnnData, task: str, **options: Any) -> AnnData:
    """Run the chain on a copy of raw counts up to and with `task`; every step takes the options it has."""
    adata = adata.copy()
    for step in CHAIN:
        known = {name: value for name, value in options.items() if name in step.options.__dataclass_fields__}
        adata = canonical(step.load()(adata, step.options(**known)))
        if step.task == task:
            break
    return adata

"""The steps in their order: what each reads, makes and runs. Nothing heavy is imported before a step runs."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from scrna import options


@dataclass(frozen=True)
class Step:
    """One step: `scrna.<module>.<task>(adata, options) -> adata`, whose result is at `stage`.

    `import_counts` takes the path of its input in place of an AnnData.
    """

    task: str
    stage: str
    options: type[Any]
    module: str

    def load(self) -> Callable[[Any, Any], Any]:
        """Import the step with all that it needs and return its function."""
        function: Callable[[Any, Any], Any] = getattr(import_module(f"scrna.{self.module}"), self.task)
        return function


IMPORT = Step("import_counts", "raw", options.ImportCounts, "tenx")
CHAIN = (
    Step("qc_filter", "qc_filtered", options.QcFilter, "qc"),
    Step("normalize", "normalized", options.Normalize, "normalization"),
    Step("select_features", "featured", options.SelectFeatures, "features"),
    Step("reduce_dimensions", "reduced", options.ReduceDimensions, "embedding"),
    Step("cluster", "clustered", options.Cluster, "clustering"),
    Step("find_markers", "annotated", options.FindMarkers, "markers"),
)
STAGES = (IMPORT.stage, *(step.stage for step in CHAIN))


def step_of(task: str) -> Step:
    """Return the step of a task's name."""
    return next(step for step in (IMPORT, *CHAIN) if step.task == task)


def steps_after(stage: str) -> tuple[Step, ...]:
    """Return the steps that an AnnData at `stage` has before it."""
    return CHAIN[STAGES.index(stage) :]

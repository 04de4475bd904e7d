"""All steps in one process: the same files as the single scripts, without reading between them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anndata import AnnData

from scrna import files
from scrna.hints import read_marker_sets
from scrna.provenance import notes_of
from scrna.steps import CHAIN, Step


def run_chain(
    source: Path,
    steps: Sequence[Step],
    options: Mapping[str, Any],
    target: Path,
    tell: Callable[[Step, AnnData], None],
) -> None:
    """Run `steps`, one after the other, on the AnnData `source` and leave each one's files beside `target`.

    `options` has the options of each step by the name of its task; `target` is the folder and what the names
    of the files begin with; `tell` gets each result.
    """
    files.check_folder(target)
    sets = options["find_markers"].marker_sets
    if sets is not None:
        read_marker_sets(sets)  # the last step reads it: a bad file is told before the first
    adata = files.read_h5ad(source, raw=steps[0] is CHAIN[0])
    for step in steps:
        adata = files.canonical(step.load()(adata, options[step.task]))
        write_outputs(
            step,
            adata,
            target.with_name(f"{target.name}.{step.stage}.h5ad"),
            target.with_name(f"{target.name}.{step.stage}.summary.json"),
            target.with_name(f"{target.name}.markers.csv"),
        )
        tell(step, adata)


def write_outputs(
    step: Step, adata: AnnData, output: Path, summary: Path | None, markers: Path | None
) -> None:
    """Write the result of a step: the AnnData, its numbers, and its markers if it has some; all or none."""
    written = []
    try:
        files.write_h5ad(adata, output)
        written.append(output)
        if summary:
            files.write_json(summary_of(step, adata), summary)
            written.append(summary)
        if markers and "markers" in adata.uns:
            files.write_text(adata.uns["markers"].to_csv(index=False, float_format="%.6g"), markers)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def summary_of(step: Step, adata: AnnData) -> dict[str, Any]:
    """Return what the pipeline says of a result: its shape, how it was made, and the notes for people."""
    organism = adata.uns.get("qc", {}).get("organism")
    return {
        "n_obs": int(adata.n_obs),
        "n_vars": int(adata.n_vars),
        "stage": step.stage,
        **({} if organism is None else {"organism": str(organism)}),
        "parameters": adata.uns["stargazer"][step.task]["parameters"],
        "notes": notes_of(adata, step.task),
    }

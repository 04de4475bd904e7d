"""What the assets that a task makes will say of themselves, as its meta.yml tells it of its inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from stargazer_cli.assets import Asset
from stargazer_cli.catalog import Task
from stargazer_cli.catalog.references import Reference, reference_in
from stargazer_cli.runs.plan import PlannedOutput
from stargazer_cli.runs.task_inputs import Chosen


def outputs_of(
    task: Task, chosen: Chosen, subject: str, *, parameters: Mapping[str, Any], labels: Mapping[str, Any]
) -> dict[str, PlannedOutput]:
    """Return each output of a task by name: its kind, its fields, and those that link to another output.

    What refers to something that is not set is left out.
    """
    values = {"subject": {"": subject}, "parameter": parameters, "label": labels}
    outputs = {}
    for output in task.outputs:
        planned = PlannedOutput(kind=output.kind)
        for field, value in output.fields.items():
            reference = reference_in(value)
            if reference is not None and reference.what == "output":
                planned.links[field] = reference.name
                continue
            told = value if reference is None else _value(reference, chosen, values)
            if told not in (None, "", []):
                planned.fields[field] = told
        outputs[output.name] = planned
    return outputs


def _value(reference: Reference, chosen: Chosen, values: Mapping[str, Mapping[str, Any]]) -> Any:
    if reference.what in values:
        return values[reference.what].get(reference.name)
    assets = chosen.get(reference.name, [])
    if reference.what == "count":
        return len(assets)
    if reference.what == "all":
        return sorted({str(each) for asset in assets if (each := getattr(asset, reference.field, ""))})
    if reference.what == "first":
        return getattr(assets[0], reference.field, None) if assets else None
    return _shared(assets, reference.field or "cid")


def _shared(assets: Sequence[Asset], field: str) -> Any:
    """Return the value of a field that all of the assets have."""
    values = [getattr(asset, field, None) for asset in assets]
    return values[0] if values and all(value == values[0] for value in values) else None

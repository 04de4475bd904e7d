"""The catalogue says what the pipeline does: names, roles, values and fields that exist."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.assets import KINDS
from stargazer_cli.catalog.references import Reference, reference_in
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.task import COLUMNS

TASKS = [pytest.param(task, id=task.name) for task in catalog.tasks().values()]
ENTRIES = [pytest.param(entry, id=entry.name) for entry in catalog.everything()]
TYPES = {"string", "integer", "number", "boolean", "array", "file"}


def test_no_two_entries_share_a_name() -> None:
    names = [entry.name for entry in catalog.everything()]
    assert len(set(names)) == len(names) == len(catalog.tasks()) + len(catalog.workflows())
    folders = {folder.name for folder in (catalog.pipeline_dir() / "subworkflows").iterdir()}
    assert not folders & catalog.tasks().keys()


def test_the_workflows_are_those_that_the_pipeline_takes() -> None:
    assert sorted(catalog.workflows()) == sorted(catalog.rules()["workflow"]["enum"])


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_is_whole(entry: catalog.Entry) -> None:
    told = json.loads(json.dumps(entry.to_dict()))
    assert told["name"] == entry.name
    assert told["category"] == ("task" if entry.name in catalog.tasks() else "workflow")
    assert told["description"].endswith(".")
    assert told["outputs"]
    kinds = {item["kind"] for item in told["inputs"] + told["outputs"]} - {None}
    assert kinds <= KINDS.keys()
    parameters = (*entry.parameters, *(entry.labels if isinstance(entry, catalog.Task) else ()))
    names = [each.name for each in parameters] + [role.name for role in entry.inputs]
    # A workflow may be told by one name what the pipeline is given by another: a file, or its CID.
    if isinstance(entry, catalog.Task):
        assert len(set(names)) == len(names)
    for parameter in parameters:
        assert parameter.type in TYPES
        assert parameter.description
        if parameter.default is not None:
            assert catalog.typed(parameter, parameter.default) == parameter.default


@pytest.mark.parametrize("task", TASKS)
def test_what_a_role_asks_for_can_be_said_of_its_kind(task: catalog.Task) -> None:
    for role in task.inputs:
        for field, wanted in role.where.items():
            values = wanted if isinstance(wanted, list) else [wanted]
            assert values
            if role.kind:
                assert field in KINDS[role.kind].fields()
                typed = [getattr(KINDS[role.kind](**{field: value}), field) for value in values]
                assert typed == values


def _fields(task: catalog.Task) -> Iterator[tuple[catalog.Output, str, Any]]:
    for output in task.outputs:
        for field, value in output.fields.items():
            yield output, field, value


@pytest.mark.parametrize("task", TASKS)
def test_the_fields_of_an_output_are_those_of_its_kind(task: catalog.Task) -> None:
    for output, field, value in _fields(task):
        if not output.kind:
            continue
        assert field in KINDS[output.kind].fields()
        reference = reference_in(value)
        if reference is None:
            assert getattr(KINDS[output.kind](**{field: value}), field) == value
        else:
            _check_reference(task, field, reference)


def _check_reference(task: catalog.Task, field: str, reference: Reference) -> None:
    roles = {role.name: role for role in task.inputs}
    if reference.what in ("input", "first", "all", "count"):
        role = roles[reference.name]
        if reference.field and role.kind:
            assert reference.field in KINDS[role.kind].fields()
    named = {
        "output": {output.name for output in task.outputs},
        "parameter": {item.name for item in task.parameters},
        "label": {item.name for item in task.labels},
    }
    if reference.what in named:
        assert reference.name in named[reference.what]
    whole = reference.what == "output" or (reference.what == "input" and not reference.field)
    assert field.endswith("_cid") == (whole or reference.field.endswith("_cid"))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_of_the_catalogue_is_called_by_the_pipeline(task: catalog.Task) -> None:
    (digest,) = catalog.wiring_of_task(task.name).values()
    assert len(digest) == 64
    script = (catalog.pipeline_dir() / "task.nf").read_text(encoding="utf-8")
    assert f"'{task.name}'" in script


def test_the_pipeline_knows_the_columns_of_a_table_of_inputs() -> None:
    source = (catalog.pipeline_dir() / "subworkflows/functions/task_inputs.nf").read_text(encoding="utf-8")
    listed = source.split("def inputColumns() {", 1)[1].split("]", 1)[0]
    assert listed.split("'")[1::2] == list(COLUMNS)


def test_a_run_has_the_tasks_of_a_workflow_or_is_one() -> None:
    assert catalog.tasks_of("cluster") == ("cluster",)
    assert "cluster" in catalog.tasks_of("scrna_clustering_pipeline")
    assert catalog.tools_of("bwa_mem") == ("bwa", "samtools")
    assert catalog.script_of("cluster") == "task.nf"
    assert catalog.script_of("scrna_clustering_pipeline") == "main.nf"
    assert "sort_order" in catalog.planned_parameters("sort_sam") - catalog.planned_parameters()
    assert "aws_queue" not in catalog.planned_parameters("sort_sam")


def test_an_unknown_name_is_told_what_is_close() -> None:
    with pytest.raises(UsageError, match=r"no task and no workflow 'clustr'\. Did you mean 'cluster'"):
        catalog.find("clustr")


def _of(kind: str, **more: Any) -> catalog.Parameter:
    return catalog.Parameter("it", kind, None, **more)


@pytest.mark.parametrize(
    ("parameter", "value", "read"),
    [
        (_of("integer"), "7", 7),
        (_of("integer"), 7.0, 7),
        (_of("number"), "1e3", 1000.0),
        (_of("number"), 2, 2.0),
        (_of("boolean"), "true", True),
        (_of("boolean"), False, False),
        (_of("string"), "7", "7"),
        (_of("string", choices=("a", "b")), "b", "b"),
        (_of("array"), "a, b", ["a", "b"]),
        (_of("array"), ["a"], ["a"]),
        (catalog.tasks()["cluster"].parameters[0], "0.8", 0.8),
    ],
)
def test_a_value_is_read_as_its_type(parameter: catalog.Parameter, value: Any, read: Any) -> None:
    found = catalog.typed(parameter, value)
    assert (type(found), found) == (type(read), read)


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        (_of("integer"), "seven", "it must be a whole number, not 'seven'"),
        (_of("integer"), 7.5, "must be a whole number"),
        (_of("integer"), True, "must be a whole number"),
        (_of("integer"), "inf", "must be a whole number"),
        (_of("integer"), "1e400", "must be a whole number"),
        (_of("number"), "", "must be a number"),
        (_of("number"), math.nan, "must be a finite number"),
        (_of("number"), "Infinity", "must be a finite number"),
        (_of("boolean"), 1, "must be true or false"),
        (_of("boolean"), "yes", "must be true or false"),
        (_of("string"), 7, "must be text"),
        (_of("string"), "", "is empty"),
        (_of("string"), "x" * 10_001, "has 10001 characters"),
        (_of("string"), {"a": 1}, "must be text"),
        (_of("string", choices=("a", "b")), "c", "must be one of a, b"),
        (_of("number", minimum=1), "0.5", "must be at least 1"),
        (_of("number", above=0), "0", "must be above 0"),
        (_of("number", maximum=1), "2", "must be at most 1"),
        (_of("array"), [1], "must be a list"),
        (_of("array"), [], "must be a list"),
        (catalog.tasks()["cluster"].parameters[0], "-1", "resolution '?-1.0'?: must be above 0"),
    ],
)
def test_a_wrong_value_is_refused(parameter: catalog.Parameter, value: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        catalog.typed(parameter, value)


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ("gatk", None),
        (True, None),
        ("{subject}", Reference("subject")),
        ("{input.bam}", Reference("input", "bam")),
        ("{input.bam.sample_id}", Reference("input", "bam", "sample_id")),
        ("{first.lanes.r1_cid}", Reference("first", "lanes", "r1_cid")),
        ("{count.gvcfs}", Reference("count", "gvcfs")),
    ],
)
def test_a_reference_is_read(value: Any, reference: Reference | None) -> None:
    assert reference_in(value) == reference


@pytest.mark.parametrize(
    "value", ["{bam}", "{input}", "{output.bam.cid}", "{all.gvcfs}", "a {subject}", "{subject", "{}"]
)
def test_what_is_no_reference_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"reference|field"):
        reference_in(value)

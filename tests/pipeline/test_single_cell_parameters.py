"""A single-cell parameter is the same in meta.yml, schema, configuration and scripts."""

import dataclasses
import json
import re
from typing import Any

import pytest
from scrna.steps import CHAIN, Step

from stargazer_cli import catalog

ROOT = catalog.pipeline_dir()
WORKFLOW = "scrna_clustering_pipeline"
# What every single-cell task uses, beside what its module names.
SHARED = set(
    re.findall(
        r'"([\w-]+)"', re.findall(r"SHARED = \((.*)\)", (ROOT / "bin/scanpy_versions.py").read_text())[0]
    )
)


def _schema() -> dict[str, dict[str, Any]]:
    groups = json.loads((ROOT / "nextflow_schema.json").read_text())["$defs"].values()
    return {name: rule for group in groups for name, rule in group["properties"].items()}


def _configured() -> dict[str, Any]:
    """The defaults of nextflow.config, as its Groovy literals read."""
    block = re.findall(r"^params \{$(.*?)^\}$", (ROOT / "nextflow.config").read_text(), re.M | re.S)[0]
    found = dict(re.findall(r"^    (\w+) = (.+)$", block, re.M))
    return {
        name: json.loads(value.replace("'", '"')) for name, value in found.items() if "params." not in value
    }


@pytest.mark.parametrize("parameter", catalog.parameters_of(WORKFLOW).values(), ids=lambda item: item.name)
def test_meta_schema_and_configuration_agree(parameter: catalog.Parameter) -> None:
    rule = _schema()[parameter.name]
    assert rule["type"] == parameter.type
    assert rule.get("default") == parameter.default == _configured()[parameter.name]
    assert tuple(rule.get("enum", ())) == parameter.choices


@pytest.mark.parametrize("step", CHAIN, ids=lambda step: step.task)
def test_a_script_takes_what_its_module_names(step: Step) -> None:
    options = {field.name: field for field in dataclasses.fields(step.options)}
    parameters = {parameter.name: parameter for parameter in catalog.tasks()[step.task].parameters}
    # Files are inputs of a task, not parameters.
    assert set(options) - {"marker_sets"} == set(parameters)
    for name, parameter in parameters.items():
        assert (name, options[name].default) == (name, parameter.default)
        assert options[name].metadata["choices"] == parameter.choices


@pytest.mark.parametrize("step", CHAIN, ids=lambda step: step.task)
def test_the_workflow_gives_a_task_its_own_parameters(step: Step) -> None:
    """Organism and batch are the sample's: they come with it, and only to the tasks that take them."""
    workflow = (ROOT / "subworkflows" / WORKFLOW / "main.nf").read_text()
    given = set(
        re.findall(r"'(\w+)'", re.findall(rf"^        {step.task}: \[(.*?)\],$", workflow, re.M | re.S)[0])
    )
    module = (catalog.tasks()[step.task].folder / "main.nf").read_text()
    own = set(re.findall(r"(organism|batch_key): meta\.", module))
    assert not given & own
    assert given | own == {parameter.name for parameter in catalog.tasks()[step.task].parameters}


@pytest.mark.parametrize("task", catalog.workflows()[WORKFLOW].tasks)
def test_a_task_reports_the_libraries_that_its_meta_names(task: str) -> None:
    module = (catalog.tasks()[task].folder / "main.nf").read_text()
    (named,) = re.findall(r"eval\('scanpy_versions\.py(.*?)'\)", module)
    assert SHARED | set(named.split()) == set(catalog.tasks()[task].tools)


def test_the_chain_takes_the_parameters_of_all_steps() -> None:
    steps = {parameter for step in CHAIN for parameter in catalog.tasks()[step.task].parameters}
    assert set(catalog.tasks()["scrna_chain"].parameters) == steps

"""No module or subworkflow lacks a part, and what their meta.yml say is what they do."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.module_rules import module_problems, nf_tests, subworkflow_problems

from stargazer_cli import catalog

ROOT = catalog.pipeline_dir()
MODULES = [folder for folder in sorted(ROOT.glob("modules/*/*")) if folder.is_dir()]
SUBWORKFLOWS = [folder for folder in sorted(ROOT.glob("subworkflows/*")) if folder.name != "functions"]
LABELS = re.findall(r"^    withLabel: '?(\w+)", (ROOT / "conf" / "resources.config").read_text(), re.M)
# What a task alone takes; the workflows decide it.
OF_TASKS_ALONE = {"sort_order", "mode", "with_depth"}


def _rules() -> dict[str, dict[str, Any]]:
    groups = json.loads((ROOT / "nextflow_schema.json").read_text())["$defs"].values()
    return {name: rule for group in groups for name, rule in group["properties"].items()}


def _parameters() -> list[Any]:
    """Every parameter of every meta.yml, as pytest takes it."""
    files = [file for folder in MODULES + SUBWORKFLOWS for file in folder.glob("meta.yml")]
    return [
        pytest.param(item, id=f"{file.parent.name}-{item['name']}")
        for file in files
        for item in yaml.safe_load(file.read_text()).get("parameters") or ()
        if item["name"] not in OF_TASKS_ALONE
    ]


@pytest.mark.parametrize("folder", MODULES, ids=lambda folder: folder.name)
def test_a_module_lacks_nothing_and_its_meta_agrees(folder: Path) -> None:
    assert module_problems(folder, LABELS) == []


@pytest.mark.parametrize("folder", SUBWORKFLOWS, ids=lambda folder: folder.name)
def test_a_subworkflow_lacks_nothing_and_its_meta_agrees(folder: Path) -> None:
    assert subworkflow_problems(folder) == []


def test_no_folder_holds_only_a_part_of_a_module() -> None:
    assert len(MODULES) == len(catalog.tasks()) == len({folder.name for folder in MODULES})


@pytest.mark.parametrize("parameter", _parameters())
def test_a_parameter_is_the_same_in_meta_schema_and_configuration(parameter: dict[str, Any]) -> None:
    rule = _rules()[parameter["name"]]
    assert (rule["type"], rule.get("default")) == (parameter["type"], parameter["default"])
    assert rule.get("enum", []) == parameter.get("choices", [])
    block = re.findall(r"^params \{$(.*?)^\}$", (ROOT / "nextflow.config").read_text(), re.M | re.S)[0]
    (configured,) = re.findall(rf"^    {parameter['name']} = (.+)$", block, re.M)
    assert json.loads(configured.replace("'", '"')) == parameter["default"]


def test_every_workflow_is_run_whole_for_real_and_as_a_stub() -> None:
    done = set()
    for file in ROOT.glob("tests/pipeline/*.nf.test"):
        text = file.read_text(encoding="utf-8")
        if not text.startswith("nextflow_pipeline"):
            continue
        config = "".join(
            (file.parent / name).read_text() for name in re.findall(r'^    config "(.+?)"', text, re.M)
        )
        usual = re.findall(r"^    workflow = '(\w+)'", config, re.M)
        for test, stub in nf_tests(text):
            asked = (
                re.findall(r'options ".*--workflow (\w+)', test) or usual or [_rules()["workflow"]["default"]]
            )
            if "assert workflow.success" in test:
                done.add((asked[0], stub))
    assert done == {(name, stub) for name in _rules()["workflow"]["enum"] for stub in (True, False)}


@pytest.mark.parametrize("name", ["main", "scrna"])
def test_a_stub_run_has_the_files_of_a_true_one(name: str) -> None:
    """A snapshot belongs to one test of nf-test, so that the two cannot be compared there."""
    snapshots = json.loads((ROOT / "tests" / "pipeline" / f"{name}.nf.test.snap").read_text())
    pairs = [entry for entry in snapshots if entry.startswith("stub: ")]
    assert pairs
    for entry in pairs:
        assert snapshots[entry]["content"] == snapshots[entry.removeprefix("stub: ")]["content"], entry


MODULE = {
    "main.nf": """\
process COUNT {
    tag "${meta.id}"
    label 'light'
    container 'stargazer/bwa:0.7.17'
    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(bam, stageAs: 'path(trap).bam'), path(bai)
    path regions, stageAs: 'regions/*' // or path(none)
    val padding

    output:
    tuple val(meta), path("${meta.id}.counts.txt"), path("${meta.id}.bam.bai"), emit: counts
    tuple val(task.process), val('bwa'), eval("bwa 2>&1 | sed -n 1p"), emit: versions

    script:
    \"\"\"
    count
    \"\"\"

    stub:
    \"\"\"
    touch '${meta.id}.counts.txt'
    \"\"\"
}
""",
    "meta.yml": """\
name: count
category: task
tools:
  - name: bwa
    version: "bwa | sed -n 1p"
inputs:
  - name: bam
  - name: bai
  - name: regions
outputs:
  - name: counts
  - name: bai
parameters:
  - name: padding
""",
    "environment.yml": "dependencies: []\n",
    "tests/main.nf.test": """\
nextflow_process {
    test("counts") {
    }

    test("stub") {
        options "-stub"
    }
}
""",
}
BROKEN = {
    "no process of its name": ("main.nf", "COUNT", "COUNTS", "not COUNT"),
    "another name": ("meta.yml", "name: count\n", "name: counts\n", "meta.yml is of counts"),
    "another category": ("meta.yml", "task", "workflow", "category workflow"),
    "no container": ("main.nf", "    container 'stargazer/bwa:0.7.17'\n", "", "container none"),
    "someone's container": ("main.nf", "stargazer/bwa:0.7.17", "bwa", "container bwa"),
    "container without version": ("main.nf", "bwa:0.7.17", "bwa:latest", "container stargazer/bwa:latest"),
    "no conda": ("main.nf", "conda", "spack", "conda is not"),
    "no label": ("main.nf", "    label 'light'\n", "", "label []"),
    "unknown label": ("main.nf", "light", "huge", "label ['huge']"),
    "no script": ("main.nf", "script:", "exec:", "no script"),
    "no stub": ("main.nf", "stub:", "shell:", "no stub"),
    "a file that is not told": ("main.nf", "path(bai)", "path(bai), path(more)", "input more of main.nf"),
    "a file that is not taken": ("main.nf", ", path(bai)\n", "\n", "input bai of meta.yml"),
    "a value that is not told": ("main.nf", "val padding", "val padding\n    val depth", "value depth is no"),
    "a value that is not taken": ("main.nf", "    val padding\n", "", "parameter padding is no input"),
    "an output that is not told": (
        "main.nf",
        "emit: counts",
        'emit: counts\n    path("log"), emit: log',
        "emission log is not in meta.yml",
    ),
    "an output that is not made": ("main.nf", ', path("${meta.id}.bam.bai")', "", "output bai of meta.yml"),
    "no versions": ("main.nf", "emit: versions", "emit: version", "emits no versions"),
    "another tool": ("main.nf", "val('bwa')", "val('bowtie')", "versions of ['bowtie']"),
    "another version": ("main.nf", "-n 1p", "-n 2p", "the version of bwa is asked for in another way"),
    "no real test": ("tests/main.nf.test", 'test("counts")', 'skip("counts")', "no test runs it for real"),
    "no stub test": ("tests/main.nf.test", 'options "-stub"', "", "no test runs its stub"),
}


def _written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_made_up_module_is_in_order(tmp_path: Path) -> None:
    assert module_problems(_written(tmp_path / "count", MODULE), LABELS) == []


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_module_is_told(tmp_path: Path, case: str) -> None:
    file, old, new, said = BROKEN[case]
    assert MODULE[file].count(old) >= 1
    folder = _written(tmp_path / "count", MODULE | {file: MODULE[file].replace(old, new, 1)})
    problems = module_problems(folder, LABELS)
    assert [problem for problem in problems if said in problem], problems


@pytest.mark.parametrize("file", MODULE)
def test_a_missing_file_is_told(tmp_path: Path, file: str) -> None:
    folder = _written(tmp_path / "count", {name: text for name, text in MODULE.items() if name != file})
    assert module_problems(folder, LABELS) == [f"{file} is missing"]


SUBWORKFLOW = {
    "main.nf": "include { BWA } from '../../modules/bwa/bwa/main.nf'\nworkflow ALIGN {\n    BWA(reads)\n}\n",
    "meta.yml": "name: align\ncategory: subworkflow\ntasks: [bwa]\n",
    "tests/main.nf.test": MODULE["tests/main.nf.test"],
}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("main.nf", "", "", ""),
        ("main.nf", "ALIGN", "ALIGNS", "does not define the workflow ALIGN"),
        ("main.nf", "bwa/bwa", "bwa/bwa_mem", "task bwa_mem is run, and not in meta.yml"),
        ("meta.yml", "[bwa]", "[bwa, gatk]", "task gatk of meta.yml is not run"),
        ("meta.yml", "name: align", "name: call", "meta.yml is of call"),
        ("meta.yml", "subworkflow", "task", "category task"),
        ("tests/main.nf.test", "-stub", "-resume", "no test runs its stub"),
    ],
)
def test_a_broken_subworkflow_is_told(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    folder = _written(tmp_path / "align", SUBWORKFLOW | {file: SUBWORKFLOW[file].replace(old, new, 1)})
    problems = subworkflow_problems(folder)
    assert problems == [] if not said else [problem for problem in problems if said in problem], problems

"""What every module and subworkflow of the pipeline has: each rule says what is wrong with its files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

FILES = ("main.nf", "meta.yml", "environment.yml", "tests/main.nf.test")

# Where meta.yml and main.nf differ with reason.
#: One channel that stands for several assets: either of two kinds, or both mates.
SEVERAL: Mapping[str, Mapping[str, Sequence[str]]] = {
    "genotype_gvcfs": {"evidence": ("workspace", "gvcf")},
    "multiqc": {"metrics": ("metrics", "duplicates", "recalibration")},
    "samtools_fastq": {"reads": ("fastq_1", "fastq_2")},
}
#: Parameters of a task alone that its module is told in `meta`.
IN_META = {"bwa_mem": {"sort_order"}, "bwa_mem2_mem": {"sort_order"}, "variant_recalibrator": {"mode"}}
#: Values that the workflow derives from what it was given; `options` are a map of the task's parameters,
#: which tests/pipeline/test_single_cell_parameters.py compares with the scripts.
DERIVED = {"meta", "ref", "options", "stage"}
#: What only the next task of the pipeline takes.
BETWEEN = {"unsorted", "sorted"}


@dataclass(frozen=True)
class Module:
    """The text of one module."""

    folder: Path

    @cached_property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def source(self) -> str:
        text = (self.folder / "main.nf").read_text(encoding="utf-8")
        # Comments go: whole lines, and ends of lines that are not in a string.
        return re.sub(r"^\s*//.*$|\s//\s[^'\"\n]*$", "", text, flags=re.M)

    @cached_property
    def meta(self) -> Mapping[str, Any]:
        content: Mapping[str, Any] = yaml.safe_load((self.folder / "meta.yml").read_text(encoding="utf-8"))
        return content

    def block(self, name: str) -> str:
        """Return what stands under `name:` in the process, or nothing."""
        found = re.search(rf"^    {name}:\n(.*?)(?=^    \w+:$|^\}})", self.source, re.M | re.S)
        return found[1] if found else ""

    def directives(self, name: str) -> list[str]:
        return re.findall(rf"^    {name} ['\"](.+)['\"]\s*$", self.source, re.M)

    def inputs(self, kind: str) -> set[str]:
        """Return the names of the inputs that are `path` or `val`."""
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", self.block("input"))
        return set(re.findall(rf"\b{kind}\b[( ]\s*(\w+)", bare))

    @cached_property
    def emissions(self) -> dict[str, str]:
        """The line of each output by the name that it is emitted under."""
        return {
            match[2]: match[1]
            for match in re.finditer(r"^ *(\S.*), emit: (\w+)$", self.block("output"), re.M)
        }

    def named(self, key: str) -> set[str]:
        return {item["name"] for item in self.meta.get(key) or ()}


def module_problems(folder: Path, labels: Sequence[str]) -> list[str]:
    """Return what is wrong with a module, a line each; `labels` are those that the configuration knows."""
    missing = [f"{file} is missing" for file in FILES if not (folder / file).is_file()]
    if missing:
        return missing
    module = Module(folder)
    tested = lacking_tests((folder / "tests" / "main.nf.test").read_text(encoding="utf-8"))
    return [
        *_process_problems(module, labels),
        *_input_problems(module),
        *_output_problems(module),
        *_tool_problems(module),
        *tested,
    ]


def _process_problems(module: Module, labels: Sequence[str]) -> Iterator[str]:
    processes = re.findall(r"^process (\w+) \{$", module.source, re.M)
    if processes != [module.name.upper()]:
        yield f"main.nf defines {processes}, not {module.name.upper()}"
    if module.meta["name"] != module.name:
        yield f"meta.yml is of {module.meta['name']}"
    if module.meta["category"] != "task":
        yield f"meta.yml has category {module.meta['category']}"
    for container in module.directives("container") or ["none"]:
        if not re.fullmatch(r"stargazer/[a-z0-9]+:\d[\w.]*", container):
            yield f"container {container} is no stargazer/TOOL:VERSION"
    if module.directives("conda") != ["${moduleDir}/environment.yml"]:
        yield "conda is not the module's environment.yml"
    given = module.directives("label")
    own = re.search(r"^    memory \{", module.source, re.M)
    if len(given) != 1 or not (given[0] in labels or own):
        yield f"label {given} is none of conf/resources.config, and no memory is said here"
    for block in ("script", "stub"):
        if not module.block(block).strip():
            yield f"main.nf has no {block}"


def _input_problems(module: Module) -> Iterator[str]:
    several = SEVERAL.get(module.name, {})
    files = {name for file in module.inputs("path") for name in several.get(file, (file,))}
    named = module.named("inputs")
    yield from (f"input {name} of main.nf is not in meta.yml" for name in sorted(files - named))
    yield from (f"input {name} of meta.yml is not in main.nf" for name in sorted(named - files))
    values, parameters = module.inputs("val"), module.named("parameters")
    yield from (f"value {name} is no parameter in meta.yml" for name in sorted(values - parameters - DERIVED))
    if "options" not in values:
        told = values | IN_META.get(module.name, set())
        yield from (f"parameter {name} is no input of main.nf" for name in sorted(parameters - told))


def _output_problems(module: Module) -> Iterator[str]:
    emitted = {name: line for name, line in module.emissions.items() if not name.endswith("versions")}
    patterns = {name: " ".join(re.findall(r"path\((['\"].*?['\"])", line)) for name, line in emitted.items()}
    named = module.named("outputs")

    def holds(emission: str, output: str) -> bool:
        words = re.findall(r"[a-z0-9]+", re.sub(r"\$\{.*?\}", "", patterns[emission]).lower())
        names = {emission, *words, *SEVERAL.get(module.name, {}).get(emission, ())}
        return bool({output, output.rstrip("s")} & names)

    for output in sorted(named):
        if not any(holds(emission, output) for emission in emitted):
            yield f"output {output} of meta.yml is not emitted"
    for emission in emitted:
        if emission not in BETWEEN and not any(holds(emission, output) for output in named):
            yield f"emission {emission} is not in meta.yml"


def _tool_problems(module: Module) -> Iterator[str]:
    if "versions" not in module.emissions:
        yield "main.nf emits no versions"
        return
    lines = "\n".join(line for name, line in module.emissions.items() if name.endswith("versions"))
    if "scanpy_versions.py" in lines:
        return  # one call for all libraries: test_single_cell_parameters.py
    asked = dict(re.findall(r"val\('([\w-]+)'\), eval\(\"(.*?)\"\)", lines))
    told = {tool["name"]: tool["version"] for tool in module.meta["tools"]}
    if set(asked) != set(told):
        yield f"versions of {sorted(asked)} are emitted, tools of meta.yml are {sorted(told)}"
    for tool in sorted(set(asked) & set(told)):
        if _essence(asked[tool]) != _essence(told[tool]):
            yield f"the version of {tool} is asked for in another way in meta.yml"


def _essence(command: str) -> str:
    """Return a shell command without where its errors go."""
    return re.sub(r" 2>(/dev/null|&1)| \|\| true", "", command)


def lacking_tests(text: str) -> list[str]:
    """Return what is lacking in a file of nf-test: a test that runs, or one of the stubs."""
    kinds = {stub for _, stub in nf_tests(text)}
    return [
        problem
        for stub, problem in ((False, "no test runs it for real"), (True, "no test runs its stub"))
        if stub not in kinds
    ]


def nf_tests(text: str) -> list[tuple[str, bool]]:
    """Return the text of each test of a file, and whether it runs stubs."""
    first, *blocks = re.split(r"^    test\(", text, flags=re.M)
    return [(block, bool(re.search(r"^\s*options \".*-stub", first + block, re.M))) for block in blocks]


def subworkflow_problems(folder: Path) -> list[str]:
    """Return what is wrong with a subworkflow, a line each."""
    needed = [file for file in FILES if file != "environment.yml"]
    missing = [f"{file} is missing" for file in needed if not (folder / file).is_file()]
    if missing:
        return missing
    module = Module(folder)
    problems = lacking_tests((folder / "tests" / "main.nf.test").read_text(encoding="utf-8"))
    if re.findall(r"^workflow (\w+) \{$", module.source, re.M) != [module.name.upper()]:
        problems.append(f"main.nf does not define the workflow {module.name.upper()}")
    if module.meta["name"] != module.name:
        problems.append(f"meta.yml is of {module.meta['name']}")
    if module.meta["category"] not in ("workflow", "subworkflow"):
        problems.append(f"meta.yml has category {module.meta['category']}")
    run = set(re.findall(r"from '../../modules/\w+/(\w+)/main.nf'", module.source))
    unnamed = sorted(run - set(module.meta["tasks"]))
    problems += [f"task {task} is run, and not in meta.yml" for task in unnamed]
    if module.meta["category"] == "subworkflow":
        idle = sorted(set(module.meta["tasks"]) - run)
        problems += [f"task {task} of meta.yml is not run" for task in idle]
    return problems

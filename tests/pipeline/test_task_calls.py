"""Every task of the catalogue is called by task.nf, and all that it makes is named; one is run for real."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.user import manifest

from stargazer_cli import catalog
from stargazer_cli.catalog import Role, Task
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

ROOT = catalog.pipeline_dir()
PARTS = ("bin", "conf", "modules", "nextflow.config", "nextflow_schema.json", "subworkflows", "task.nf")
TOOLS = ("bcftools", "bwa", "bwa-mem2", "gatk", "multiqc", "python3", "samtools")
ENDINGS = {
    "bwa_mem": ("amb", "ann", "bwt", "pac", "sa"),
    "bwa_mem2_mem": ("0123", "amb", "ann", "bwt.2bit.64", "pac"),
}
# What each row says of its file, and what files are called where the name matters.
SAID = {
    **{
        "sample_id": "a",
        "lane": "L1",
        "library": "lib",
        "build": "hg38",
        "organism": "human",
    },
    **{"resource_name": "known", "training": "true", "truth": "true", "prior": "10", "vqsr_mode": "INDEL"},
    **{"mode": "SNP", "variant_type": "vcf"},
}
NAMES = {
    **{"vcfs": "known.vcf", "sites": "known.vcf", "indexes": "known.vcf.idx", "fasta": "ref.fa"},
    **{"gvcfs": "a.g.vcf.gz", "genotypes": "genotypes.tsv.gz", "part": "3.part.bed", "call": "3.call.bed"},
}
# Optional inputs with which a task makes other outputs, and parameters that it needs.
MORE = {"genotype_gvcfs": ("workspace",)}
VALUES = {"variant_recalibrator": {"mode": "INDEL"}}
OF_PARTS = ("genotype_gvcfs", "haplotype_caller", "joint_call_gvcfs")
HEAD = """
include { CALLS } from './task.nf'
include { readTask } from './subworkflows/functions/task_settings.nf'
include { readInputs } from './subworkflows/functions/task_inputs.nf'
include { manifestLine } from './subworkflows/functions/manifest.nf'
def given(name) {
    def asked = new groovy.json.JsonSlurper().parse(file("${projectDir}/${name}.json").toFile())
    def schema = file("${projectDir}/nextflow_schema.json")
    return readInputs(readTask(asked, schema, file("${projectDir}/modules").toRealPath()))
}
workflow {
"""
CALL = """
    TASK__NAME(given('NAME'))
    TASK__NAME.out.assets.map { one -> "NAME ${manifestLine(one)}" }.view()
    TASK__NAME.out.versions.view { process, tool, version -> "NAME version ${tool}" }
"""


@dataclass(frozen=True)
class Called:
    """What a call made: the lines of its manifest, and the tools that it named."""

    lines: list[dict[str, Any]]
    tools: set[str]


def _cases() -> Iterator[tuple[str, Task, tuple[str, ...], dict[str, Any]]]:
    """Return name, task, optional inputs and parameters of each call."""
    for name, task in catalog.tasks().items():
        yield name, task, MORE.get(name, ()), VALUES.get(name, {})
    for name in OF_PARTS:
        yield f"{name}_part", catalog.tasks()[name], (*MORE.get(name, ()), "part", "call"), {}
    yield "bwa_mem_unsorted", catalog.tasks()["bwa_mem"], (), {"sort_order": "unsorted"}
    yield "sort_sam_by_name", catalog.tasks()["sort_sam"], (), {"sort_order": "queryname"}


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> dict[str, Called]:
    """The stubs of all tasks, called by one Nextflow; the tools that they ask for versions say nothing."""
    folder = tmp_path_factory.mktemp("calls")
    for part in PARTS:
        (folder / part).symlink_to(ROOT / part)
    (folder / "tools").mkdir()
    for tool in TOOLS:
        (folder / "tools" / tool).write_text("#!/bin/sh\necho tool=1\n")
        (folder / "tools" / tool).chmod(0o755)
    (folder / "genotypes.tsv.gz").write_bytes(gzip.compress(b"#contig\tposition\ta\n"))
    cases = list(_cases())
    for name, task, more, values in cases:
        rows = [
            row for role in task.inputs if role.required or role.name in more for row in _rows(task, role)
        ]
        _write_table(folder / f"{name}.csv", rows)
        asked = {"task": task.name, "input": str(folder / f"{name}.csv"), "outdir": "results", **values}
        (folder / f"{name}.json").write_text(json.dumps(asked))
    aliases = "; ".join(f"TASK as TASK__{name}" for name, *_ in cases)
    body = "".join(CALL.replace("NAME", name) for name, *_ in cases)
    (folder / "all.nf").write_text(HEAD.replace("CALLS", aliases) + body + "}\n")
    (folder / "many.config").write_text(
        "executor { cpus = 32; memory = '200 GB'; pollInterval = '100 ms' }\n"
    )
    environment = toolbox.environment()
    done = subprocess.run(
        [*toolbox.nextflow, "-q", "run", "all.nf", "-stub", "-c", "many.config"],
        cwd=folder,
        env=environment | {"PATH": f"{folder / 'tools'}:{environment['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {name: Called([], set()) for name, *_ in cases}
    for line in done.stdout.splitlines():
        name, _, said = line.partition(" ")
        if said.startswith("{"):
            found[name].lines.append(json.loads(said))
        elif said.startswith("version "):
            found[name].tools.add(said.removeprefix("version "))
    return found


def _rows(task: Task, role: Role) -> list[dict[str, str]]:
    names = [f"ref.fa.{ending}" for ending in ENDINGS[task.name]] if role.name == "index" else []
    stages = role.where.get("stage", "")
    said = SAID | {"role": role.name, "stage": stages if isinstance(stages, str) else stages[0]}
    return [said | {"path": name} for name in names or [NAMES.get(role.name, f"a.{role.name}")]]


def _write_table(table: Path, rows: list[dict[str, str]]) -> None:
    for row in rows:
        file = table.parent / row["path"]
        if not file.exists():
            file.write_text("c\t0\t9\n" if file.suffix == ".bed" else "content\n")
        row["path"] = str(file)
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    table.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", [name for name, *_ in _cases()])
def test_a_task_makes_what_its_meta_says_and_names_all_of_it(called: dict[str, Called], name: str) -> None:
    task = next(task for case, task, *_ in _cases() if case == name)
    kinds = {output.name: output.kind for output in task.outputs}
    needed = {output.name for output in task.outputs if not output.optional}
    made = {line["output"] for line in called[name].lines}
    if name.removesuffix("_part") in OF_PARTS:
        needed |= {"part"} if name.endswith("_part") else kinds.keys() - {"part"}
        assert made == needed
    assert needed <= made <= kinds.keys()
    for line in called[name].lines:
        assert line["asset"] == kinds[line["output"]]
        assert line["task"] == task.name
        assert line["path"].startswith(f"{task.name}/")
        assert line["derived_from"]
    assert called[name].tools == {"tool"} if "scanpy" in task.tools else called[name].tools == set(task.tools)


@pytest.mark.parametrize("name", ["bwa_mem_unsorted", "sort_sam_by_name"])
def test_a_bam_in_another_order_has_no_index(called: dict[str, Called], name: str) -> None:
    assert [line["output"] for line in called[name].lines] == ["bam"]


def test_parts_are_called_after_their_number(called: dict[str, Called]) -> None:
    names = {name: called[f"{name}_part"].lines[0]["path"].split("/")[1] for name in OF_PARTS}
    assert names["haplotype_caller"] == "a.00003.part.vcf.gz"
    assert names["joint_call_gvcfs"] == "cohort.00003.part.vcf.gz"


def test_what_only_the_result_tells_is_said(called: dict[str, Called]) -> None:
    (filtered, _) = sorted(called["apply_vqsr"].lines, key=lambda line: str(line["output"]), reverse=True)
    assert filtered["vqsr_mode"] == "BOTH"  # the model of SNPs, on a VCF that knows that of indels
    (page,) = called["multiqc"].lines
    assert page["title"] == "Germline variants of a"
    steps = {line.get("stage"): line for line in called["scrna_chain"].lines}
    assert steps["qc_filtered"]["source_cid"].endswith("/a.h5ad")
    assert steps["annotated"]["source_cid"] == steps[None]["source_cid"] == "scrna_chain/a.clustered.h5ad"
    assert steps["annotated"]["derived_from"] == ["scrna_chain/a.clustered.h5ad"]
    assert (steps["annotated"]["n_obs"], steps["annotated"]["path"]) == (0, "scrna_chain/a.annotated.h5ad")


@dataclass(frozen=True)
class Alone:
    """Runs task.nf in a folder."""

    folder: Path
    toolbox: Toolbox

    def __call__(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.toolbox.nextflow, "run", ROOT / "task.nf", "-ansi-log", "false", *arguments],
            cwd=self.folder,
            env=self.toolbox.environment(),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def test_a_task_leaves_its_outputs_and_a_manifest_but_none_where_it_fails(
    tmp_path: Path, toolbox: Toolbox, bundled: Path
) -> None:
    alone = Alone(tmp_path, toolbox)
    (tmp_path / "inputs.csv").write_text(
        f"role,path,name,build\nfasta,{bundled}/reference.fa,my ref.fa,tiny\n"
    )
    asked = ("--task", "samtools_faidx", "--input", "inputs.csv")
    ended = alone(*asked, "--outdir", "results", "--publish_dir_mode", "link")
    assert ended.returncode == 0, ended.stdout
    assert "WARN" not in ended.stdout
    results = tmp_path / "results"
    (line,) = manifest(results)
    assert line == {
        "asset": "reference_index",
        "path": "samtools_faidx/my_ref.fa.fai",
        "task": "samtools_faidx",
        "output": "fai",
        "derived_from": [f"{bundled}/reference.fa"],
    }
    assert (results / line["path"]).stat().st_nlink == 2
    assert set(json.loads((results / "versions.json").read_text())["samtools_faidx"]) == {"samtools"}
    contigs = [row[1:] for row in (bundled / "reference.fa").read_text().splitlines() if row[0] == ">"]
    indexed = [row.split("\t")[0] for row in (results / line["path"]).read_text().splitlines()]
    assert indexed == [contig.split()[0] for contig in contigs]

    (tmp_path / "twice.fa").write_text(">one\nACGT\n>one\nACGT\n")
    (tmp_path / "inputs.csv").write_text("role,path\nfasta,twice.fa\n")
    failed = alone(*asked)
    assert failed.returncode != 0
    assert "one" in failed.stdout
    assert not list(results.glob("*.json*"))

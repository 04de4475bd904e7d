"""What a subworkflow decides is in the recipes of what its tasks make."""

from pathlib import Path

import pytest

from stargazer_cli import catalog
from stargazer_cli.runs.recipe import RecipeSpec
from stargazer_cli.wiring import bare, wiring, wiring_of_tasks

FILES = {
    "main.nf": "workflow ALL {\n    ALIGN(reads(all), 8)\n    CALL(ALIGN.out)\n}\n",
    "subworkflows/align/main.nf": (
        "// Reads to BAMs.\n"
        "include { names } from '../functions/names.nf'\n"
        "include { BWA } from '../../modules/bwa/bwa/main.nf'\n"
        "workflow ALIGN {\n    take:\n    reads // the reads\n    BWA(names(reads))\n}\n"
    ),
    "subworkflows/call/main.nf": (
        "include { CALLER; CALLER as CALLER__AGAIN } from '../../modules/gatk/caller/main.nf'\n"
        "include { BWA } from '../../modules/bwa/bwa/main.nf'\n"
        "workflow CALL {\n    CALLER(bams)\n}\n"
    ),
    "subworkflows/functions/names.nf": "include { deep } from './deep.nf'\ndef names(x) { return deep(x) }\n",
    "subworkflows/functions/deep.nf": "def deep(x) { return x }\n",
    "subworkflows/functions/unused.nf": "def unused() { return 1 }\n",
}
BWA, CALLER = "modules/bwa/bwa", "modules/gatk/caller"


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("subworkflows/align/main.nf", "names(reads)", "reads", {"align"}),
        ("subworkflows/functions/names.nf", "deep(x)", "deep(1)", {"align"}),
        ("subworkflows/functions/deep.nf", "return x", "return 1", {"align"}),
        ("subworkflows/call/main.nf", "CALLER(bams)", "CALLER(bams.first())", {"call"}),
        ("main.nf", "8", "9", {"align"}),
        ("main.nf", "reads(all)", "reads(some)", {"align"}),
        ("main.nf", "ALIGN.out", "ALIGN.out.first()", {"call"}),
        ("main.nf", "workflow ALL", "workflow EVERY", set()),
        ("subworkflows/functions/unused.nf", "1", "2", set()),
        ("subworkflows/align/main.nf", "// Reads to BAMs.", "/* Reads\nto BAM files */", set()),
        ("subworkflows/align/main.nf", "// the reads", "// all reads", set()),
        ("subworkflows/align/main.nf", "    take:", "\n  take:  ", set()),
    ],
)
def test_a_change_of_the_wiring_is_seen_where_it_matters(
    pipeline: Path, file: str, old: str, new: str, changed: set[str]
) -> None:
    before = wiring(pipeline)
    assert FILES[file].count(old) >= 1
    (pipeline / file).write_text(FILES[file].replace(old, new))
    after = wiring(pipeline)
    assert {folder.relative_to(pipeline).as_posix(): set(each) for folder, each in before.items()} == {
        BWA: {"align", "call"},
        CALLER: {"call"},
    }
    digests = [{name: each[pipeline / BWA][name] for name in ("align", "call")} for each in (before, after)]
    assert {name for name in digests[0] if digests[0][name] != digests[1][name]} == changed
    assert after[pipeline / CALLER]["call"] == digests[1]["call"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("a = 1 // one\n\n   b = 2", "a = 1\nb = 2"),
        ("a /* one\ntwo */ b", "a  b"),
        ("url = 'http://x' // it's", "url = 'http://x'"),
        ('s = "a // b"', 's = "a // b"'),
        ('s = """\n// a\n"""', 's = """\n// a\n"""'),
        (r"s = 'it\'s // b'", r"s = 'it\'s // b'"),
        (r"s =~ /a\// ? 1 : 2", r"s =~ /a\// ? 1 : 2"),
        ("// it's\na = 'b'", "a = 'b'"),
    ],
)
def test_comments_go_and_strings_stay(source: str, code: str) -> None:
    assert bare(source) == code


@pytest.mark.parametrize(
    ("tasks", "subworkflows"),
    [
        (["samtools_faidx"], {"prepare_reference"}),
        (["bwa_index", "bwa_mem", "mark_duplicates"], {"prepare_reference", "preprocess_sample"}),
        (["samtools_stats"], {"quality_control"}),
        (["haplotype_caller", "apply_vqsr"], {"germline_short_variant_discovery", "filter_variants"}),
        (["import_counts"], {"scrna_clustering_pipeline"}),
    ],
)
def test_the_subworkflows_of_the_pipeline_s_own_tasks(tasks: list[str], subworkflows: set[str]) -> None:
    assert set(catalog.wiring_of(tasks)) == subworkflows


def test_every_task_of_a_workflow_is_in_a_subworkflow() -> None:
    for workflow in catalog.workflows().values():
        assert all(catalog.wiring_of([task]) for task in workflow.tasks), workflow.name


def test_another_wiring_is_another_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"cluster": {"scanpy": "1"}}
    spec = RecipeSpec(stage="cluster", subject="s", tasks=("cluster",), sources=())
    before = spec.digest(versions)
    monkeypatch.setattr(catalog, "wiring_of", lambda names: {"scrna_clustering_pipeline": "0" * 64})
    assert spec.digest(versions) not in ("", before)


ALONE = {
    "task.nf": (
        "include { BWA } from './modules/bwa/bwa/main.nf'\n"
        "include { CALLER } from './modules/gatk/caller/main.nf'\n"
        "include { given } from './subworkflows/functions/names.nf'\n"
        "workflow TASK {\n    BWA(given(rows), 8)\n    CALLER(rows)\n}\n"
    )
}


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("task.nf", "given(rows), 8", "given(rows), 9", {BWA}),
        ("task.nf", "CALLER(rows)", "CALLER(rows.first())", {CALLER}),
        ("task.nf", "workflow TASK", "workflow ONE", set()),
        ("subworkflows/functions/deep.nf", "return x", "return 1", {BWA, CALLER}),
        ("subworkflows/functions/unused.nf", "1", "2", set()),
        ("subworkflows/align/main.nf", "names(reads)", "reads", set()),
    ],
)
def test_how_a_task_is_run_alone_is_seen_where_it_matters(
    pipeline: Path, file: str, old: str, new: str, changed: set[str]
) -> None:
    (pipeline / "task.nf").write_text(ALONE["task.nf"])
    before = wiring_of_tasks(pipeline)
    assert (FILES | ALONE)[file].count(old) >= 1
    (pipeline / file).write_text((FILES | ALONE)[file].replace(old, new))
    after = wiring_of_tasks(pipeline)
    assert before.keys() == after.keys() == {pipeline / BWA, pipeline / CALLER}
    assert {name for name in (BWA, CALLER) if before[pipeline / name] != after[pipeline / name]} == changed


def test_a_task_alone_has_another_recipe_than_in_a_workflow() -> None:
    versions = {"cluster": {"scanpy": "1"}}
    spec = RecipeSpec(stage="cluster", subject="s", tasks=("cluster",), sources=())
    assert spec.digest(versions) != spec.model_copy(update={"alone": True}).digest(versions)

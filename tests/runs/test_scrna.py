"""Which cells a single-cell run begins with, what it computes, and what it finds done."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.assets import new_asset
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.execute import files_of
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.runs.scrna import STAGES, WORKFLOW, Request, plan, resolve
from stargazer_cli.store import LocalStore, NewFile

Put = Callable[..., str]

STEPS = tuple(STAGES)[1:]
VERSIONS = {name: {"scanpy": "1.11.5"} for name in catalog.workflows()[WORKFLOW].tasks}


@pytest.fixture
def put(store: LocalStore, tmp_path: Path) -> Put:
    """Store a small file with metadata; returns its CID."""

    def put(kind: str, content: str, **fields: object) -> str:
        file = tmp_path / f"{content}.{'h5ad' if kind == 'anndata' else 'bin'}"
        file.write_text(content)
        return store.add([NewFile(file, new_asset(kind, name=file.name, **fields))])[0].asset.cid

    return put


@pytest.fixture
def raw(put: Put) -> str:
    return put("anndata", "cells", sample_id="s", stage="raw", organism="mouse")


def request(*samples: str, **fields: Any) -> Request:
    return Request(samples=samples or ("s",), **fields)


def carry_out(store: LocalStore, put: Put, planned: Plan) -> None:
    """Store what the pipeline would have made of a plan."""
    for step in planned.steps:
        if step.reused:
            continue
        spec = planned.recipe_of(step.stage, step.subject)
        assert spec is not None
        recipe = spec.digest(VERSIONS)
        made: dict[str, dict[str, str]] = {"anndata": {"stage": STAGES.get(step.stage, "")}}
        if step.stage == "find_markers":
            made["markers"] = {}
        if step.stage == "scrna_report":
            made = {"report": {}, "qc_metrics": {}}
        for kind, fields in made.items():
            owner = {} if kind == "report" else {"sample_id": step.subject}
            put(kind, f"{kind} of {recipe}", recipe=recipe, run_ids=["run"], **fields, **owner)


def computed(planned: Plan) -> list[str]:
    return [step.stage for step in planned.steps if not step.reused]


@pytest.fixture
def done(store: LocalStore, put: Put, raw: str) -> Plan:
    """A sample with everything made once."""
    planned = plan(store, request(), VERSIONS)
    carry_out(store, put, planned)
    return planned


# What a sample begins with


def test_raw_cells_enter_with_their_stage_and_organism(store: LocalStore, raw: str) -> None:
    planned = plan(store, request(), VERSIONS)
    (row,) = planned.samplesheet
    path = row.pop("h5ad")
    assert row == {"sample": "s", "organism": "mouse", "batch": "", "stage": "raw", "counts": ""}
    assert planned.inputs == {path: raw}
    assert Path(path).name == "cells.h5ad"
    assert computed(planned) == [*STEPS, "scrna_report"]


def test_counts_enter_where_there_are_no_raw_cells(store: LocalStore, put: Put) -> None:
    cid = put("counts", "matrix", sample_id="s")
    planned = plan(store, request(), VERSIONS)
    (row,) = planned.samplesheet
    assert (planned.inputs[row["counts"]], row["stage"], row["h5ad"]) == (cid, "", "")
    assert row["organism"] == "human"
    assert computed(planned) == [*STAGES, "scrna_report"]


def test_cells_that_a_run_imported_are_reused_and_no_second_candidate(store: LocalStore, put: Put) -> None:
    counts = put("counts", "matrix", sample_id="s")
    first = plan(store, request(), VERSIONS)
    recipe = first.recipes[0].digest(VERSIONS)
    imported = put("anndata", "imported", sample_id="s", stage="raw", recipe=recipe, derived_from=[counts])
    (sample,) = resolve(store, request())
    assert sample.entry.cid == counts
    planned = plan(store, request(), VERSIONS)
    (row,) = planned.samplesheet
    assert (planned.inputs[row["h5ad"]], row["stage"]) == (imported, "raw")
    assert computed(planned) == [*STEPS, "scrna_report"]


def test_several_candidates_are_listed_and_an_option_decides(store: LocalStore, put: Put, raw: str) -> None:
    other = put("anndata", "other cells", sample_id="s", stage="raw")
    with pytest.raises(UsageError, match="2 raw AnnData of sample 's'") as error:
        plan(store, request(), VERSIONS)
    assert "--anndata CID" in str(error.value.hint)
    assert raw in str(error.value.hint)
    assert other in str(error.value.hint)
    planned = plan(store, request(anndata=(other,)), VERSIONS)
    assert list(planned.inputs.values()) == [other]
    with pytest.raises(UsageError, match="bafkreinone is no AnnData and no counts of s"):
        plan(store, request(anndata=(raw, "bafkreinone")), VERSIONS)


def test_two_count_matrices_are_a_question_too(store: LocalStore, put: Put) -> None:
    put("counts", "one", sample_id="s")
    two = put("counts", "two", sample_id="s")
    with pytest.raises(UsageError, match="2 count matrices of sample 's'"):
        resolve(store, request())
    assert resolve(store, request(anndata=(two,)))[0].entry.cid == two


def test_two_records_of_the_same_cells_are_one_candidate(store: LocalStore, put: Put, raw: str) -> None:
    put("anndata", "cells", sample_id="s")
    (sample,) = resolve(store, request())
    assert (sample.entry.cid, sample.organism) == (raw, "mouse")


def test_cells_further_on_enter_only_when_they_are_named(store: LocalStore, put: Put) -> None:
    cid = put("anndata", "scaled", sample_id="s", stage="normalized")
    with pytest.raises(UsageError, match="has an AnnData of sample 's', but none with raw counts") as error:
        plan(store, request(), VERSIONS)
    assert f"{cid} (scaled.h5ad)" in str(error.value.hint)
    planned = plan(store, request(anndata=(cid,)), VERSIONS)
    assert computed(planned) == [*STEPS[2:], "scrna_report"]
    assert planned.samplesheet[0]["stage"] == "normalized"
    finished = put("anndata", "finished", sample_id="s", stage="annotated")
    with pytest.raises(UsageError, match="has its markers already"):
        plan(store, request(anndata=(finished,)), VERSIONS)


def test_what_a_run_made_without_a_stage_is_no_way_in(store: LocalStore, put: Put) -> None:
    put("anndata", "made", sample_id="s", recipe="0" * 64)
    with pytest.raises(UsageError, match="none with raw counts"):
        resolve(store, request())
    own = put("anndata", "own", sample_id="s")
    assert resolve(store, request())[0].entry.cid == own


def test_an_unknown_sample_is_told_what_is_close(store: LocalStore, put: Put) -> None:
    put("counts", "matrix", sample_id="pbmc3k")
    with pytest.raises(UsageError, match=r"no counts of sample 'pmbc3k'.*Did you mean pbmc3k") as error:
        resolve(store, request("pmbc3k"))
    assert "assets add pmbc3k.h5ad -k sample_id=pmbc3k" in str(error.value.hint)


@pytest.mark.parametrize(
    ("names", "problem"),
    [(("s", "s"), "named twice"), (("s", "S"), "upper and lower case"), (("../s",), "not usable as a name")],
)
def test_names_that_a_run_could_not_keep_apart_are_refused(
    store: LocalStore, names: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        resolve(store, request(*names))


def test_the_same_cells_under_two_samples_are_refused(store: LocalStore, put: Put, raw: str) -> None:
    put("anndata", "cells", sample_id="t", stage="raw")
    with pytest.raises(UsageError, match=f"'s' and 't' have the same cells: {raw}"):
        resolve(store, request("t", "s"))


def test_an_option_decides_on_the_organism_and_so_must_it_where_records_differ(
    store: LocalStore, put: Put, raw: str
) -> None:
    assert resolve(store, request(organism="human"))[0].organism == "human"
    put("anndata", "cells", sample_id="s", stage="raw", organism="human")
    with pytest.raises(UsageError, match="is recorded as human and as mouse") as error:
        resolve(store, request())
    assert "--organism human" in str(error.value.hint)
    assert resolve(store, request(organism="mouse"))[0].organism == "mouse"


# What is computed


def test_everything_is_reused_from_end_to_end(store: LocalStore, done: Plan) -> None:
    again = plan(store, request(), VERSIONS)
    assert again.complete
    assert again.samplesheet == []
    assert [len(step.cids) for step in again.steps] == [1, 1, 1, 1, 1, 2, 2]
    assert plan(store, request(options={"fuse": True}), VERSIONS).complete
    assert not any(step.reused for step in plan(store, request(reuse=False), VERSIONS).steps)


@pytest.mark.parametrize(
    ("changed", "first", "stage"),
    [
        ({"parameters": {"min_genes": 200}}, "qc_filter", "raw"),
        ({"organism": "human"}, "qc_filter", "raw"),
        ({"parameters": {"target_sum": 10000.0}}, "normalize", "qc_filtered"),
        ({"parameters": {"n_pcs": 20}}, "reduce_dimensions", "featured"),
        ({"parameters": {"resolution": 1.0}}, "cluster", "reduced"),
        ({"parameters": {"more_resolutions": "0.2,1.0"}}, "cluster", "reduced"),
        ({"parameters": {"method": "t-test"}}, "find_markers", "clustered"),
        ({"marker_sets": "sets"}, "find_markers", "clustered"),
        ({"labels": "labels"}, "scrna_report", "annotated"),
    ],
)
def test_a_change_computes_what_follows_from_it(
    store: LocalStore, put: Put, done: Plan, changed: dict[str, Any], first: str, stage: str
) -> None:
    files = {
        key: store.by_cid(put("", value))[0] for key, value in changed.items() if value in ("sets", "labels")
    }
    planned = plan(store, request(**changed | files), VERSIONS)
    every = [*STEPS, "scrna_report"]
    assert computed(planned) == every[every.index(first) :]
    (row,) = planned.samplesheet
    assert row["stage"] == stage
    assert all(planned.inputs[planned.parameters[name]] == file.cid for name, file in files.items())
    carry_out(store, put, planned)
    assert plan(store, request(**changed | files), VERSIONS).complete
    assert plan(store, request(), VERSIONS).complete


@pytest.mark.parametrize(
    ("task", "first"), [("qc_filter", "qc_filter"), ("cluster", "cluster"), ("scrna_report", "scrna_report")]
)
def test_another_version_of_a_tool_computes_what_it_is_used_for(
    store: LocalStore, done: Plan, task: str, first: str
) -> None:
    other = VERSIONS | {task: {"scanpy": "1.11.6"}}
    every = [*STEPS, "scrna_report"]
    assert computed(plan(store, request(), other)) == every[every.index(first) :]


@pytest.mark.parametrize(
    ("gone", "anew"),
    [
        ("normalized", []),
        ("annotated", ["find_markers", "scrna_report"]),
        ("markers", ["find_markers", "scrna_report"]),
        ("report", ["scrna_report"]),
        ("qc_metrics", ["scrna_report"]),
    ],
)
def test_only_what_is_missed_is_made_again(store: LocalStore, done: Plan, gone: str, anew: list[str]) -> None:
    (asset,) = store.find(stage=gone) if gone in STAGES.values() else store.find(asset=gone)
    assert asset.path is not None
    asset.path.unlink()
    assert computed(plan(store, request(), VERSIONS)) == anew


def test_of_reports_that_differ_the_last_whole_one_is_taken(store: LocalStore, put: Put, done: Plan) -> None:
    spec = done.recipe_of("scrna_report", "s")
    assert spec is not None
    recipe = spec.digest(VERSIONS)
    made = {}
    for run, kinds in (
        ("w-c-20260102T000000Z", ("report", "qc_metrics")),
        ("w-c-20260103T000000Z", ("report",)),
    ):
        for kind in kinds:
            made[run, kind] = put(kind, f"{kind} of {run}", recipe=recipe, run_ids=[run])
    planned = plan(store, request(), VERSIONS)
    assert planned.complete
    assert planned.steps[-1].cids == tuple(
        made["w-c-20260102T000000Z", kind] for kind in ("report", "qc_metrics")
    )


def test_a_sample_that_is_added_is_computed_alone(store: LocalStore, put: Put, done: Plan) -> None:
    put("anndata", "more cells", sample_id="t", stage="raw")
    planned = plan(store, request("t", "s"), VERSIONS)
    assert {step.subject for step in planned.steps if not step.reused} == {"t"}
    (row,) = planned.samplesheet
    assert row["sample"] == "t"


def test_the_store_is_read_once_for_the_recipes_of_all_samples(
    store: LocalStore, put: Put, done: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "tuv":
        put("anndata", f"cells of {name}", sample_id=name, stage="raw")
    asked: list[Mapping[str, Any]] = []
    find = store.find
    monkeypatch.setattr(store, "find", lambda **filters: asked.append(filters) or find(**filters))
    plan(store, request("s", "t", "u", "v"), VERSIONS)
    assert len(asked) == 2


# What the pipeline is told


def test_parameters_without_a_value_are_not_told(store: LocalStore, raw: str, tmp_path: Path) -> None:
    planned = plan(store, request(parameters={"target_sum": None, "seed": 7}), VERSIONS)
    assert planned.parameters["seed"] == 7
    assert None not in planned.parameters.values()
    assert not {"target_sum", "batch_key", "organism"} & set(planned.parameters)
    sheet = files_of(planned, RunFolder(tmp_path))["samplesheet.csv"]
    assert sheet.splitlines()[0] == "sample,organism,batch,stage,h5ad,counts"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("resolution", 0.0, "must be above 0"),
        ("min_fraction", 2.0, "at most 1"),
        ("batch_key", "", "is empty"),
        ("more_resolutions", "1,x", "numbers with commas"),
        ("qc", "none", "one of fixed, mad"),
    ],
)
def test_a_parameter_that_the_pipeline_would_refuse_begins_no_run(
    store: LocalStore, raw: str, name: str, value: object, problem: str
) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} .*{problem}"):
        plan(store, request(parameters={name: value}), VERSIONS)

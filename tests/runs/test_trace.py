"""Nextflow's tables of tasks: one for each attempt of a run, read as what was carried out."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stargazer_cli.runs.trace import task_runs

HEADER = "task_id\thash\tprocess\ttag\tstatus\texit\tstart\tcomplete\tcontainer\n"
FIRST = (
    "1\taa/1\tG:BWA_INDEX\tref.fa\tCOMPLETED\t0\t2026-01-02 04:00:00.5\t2026-01-02 04:00:01\tlab/bwa:1\n"
    "2\tbb/2\tG:BWA_MEM\tNA1\tFAILED\t137\t2026-01-02 04:00:02\t2026-01-02 04:00:03\t-\n"
    "3\tcc/3\tG:BWA_MEM\tNA2\tABORTED\t-\t-\t-\t-\n"
)
SECOND = (
    "1\taa/1\tG:BWA_INDEX\tref.fa\tCACHED\t0\t2026-01-02 04:00:00.5\t2026-01-02 04:00:01\tlab/bwa:1\n"
    "4\tdd/4\tG:REPORT\t-\tCOMPLETED\t0\t-\t-\t-\n"
    "5\tee/5\tG:BWA_MEM\tNA1\tCOMPLETED\t0\t2026-01-02 04:00:04\t2026-01-02 04:00:05\t-\n"
    "6\tff/6\tG:BWA"
)


@pytest.fixture(autouse=True)
def an_hour_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "LAB-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_what_an_attempt_took_over_is_no_second_execution(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text(HEADER + FIRST)
    (tmp_path / "2.txt").write_text(HEADER + SECOND)
    found = task_runs([tmp_path / "1.txt", tmp_path / "2.txt", tmp_path / "3.txt"])
    assert [(run.task, run.subject, run.succeeded, run.exit_status) for run in found] == [
        ("report", "", True, "0"),
        ("bwa_index", "ref.fa", True, "0"),
        ("bwa_mem", "NA1", False, "137"),
        ("bwa_mem", "NA1", True, "0"),
    ]
    assert found[0].started_at is None
    assert found[1].started_at == datetime(2026, 1, 2, 3, 0, 0, 500_000, tzinfo=UTC)
    assert [run.container for run in found] == ["", "lab/bwa:1", "", ""]


def test_a_table_that_names_no_process_tells_no_tasks(tmp_path: Path) -> None:
    """As Nextflow writes it without the pipeline's own list of columns."""
    (tmp_path / "1.txt").write_text("task_id\thash\tname\tstatus\n1\taa/1\tG:BWA_INDEX (ref.fa)\tCOMPLETED\n")
    assert task_runs([tmp_path / "1.txt"]) == []

from pathlib import Path

import pytest

from stargazer_cli.runs import launch

TRACE = """task_id\tprocess\ttag\tstatus\texit\tworkdir
1\tSTARGAZER:MARK_DUPLICATES\ta\tFAILED\t137\t/nowhere/1
2\tSTARGAZER:MARK_DUPLICATES\ta\tCOMPLETED\t0\t/nowhere/2
3\tSTARGAZER:HAPLOTYPE_CALLER\ta\tFAILED\t2\t/nowhere/3
4\tSTARGAZER:HAPLOTYPE_CALLER\tb\tABORTED\t-\t/nowhere/4
"""


def test_a_task_that_a_second_try_made_good_is_not_the_failure(tmp_path: Path) -> None:
    trace = tmp_path / "trace-1.txt"
    trace.write_text(TRACE)
    found = launch.failure(tmp_path, trace)
    assert found.message == "haplotype_caller failed for a (exit 2)."
    assert "/nowhere/3" in found.hint


@pytest.mark.parametrize(
    ("exit_status", "reason"), [("134", "Java heap"), ("137", "memory"), ("140", "time"), ("247", "memory")]
)
def test_an_exit_status_of_a_lack_is_told_as_such(tmp_path: Path, exit_status: str, reason: str) -> None:
    trace = tmp_path / "trace-1.txt"
    trace.write_text(TRACE.replace("FAILED\t2\t", f"FAILED\t{exit_status}\t"))
    message = launch.failure(tmp_path, trace).message
    assert f"exit {exit_status}" in message
    assert reason in message


def test_what_the_pipeline_refused_is_not_to_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "nextflow.out").write_text(
        "N E X T F L O W  ~  version 25.04.4\nLaunching `main.nf` [x] DSL2\nWARN: something\n"
        "bqsr: off (--bqsr off)\nfilter: hard (--filter hard)\n"
        "Samplesheet s.csv, line 2, column bam: there is no such file\n\n -- Check 'nextflow.log' file\n"
    )
    found = launch.failure(tmp_path, tmp_path / "trace-1.txt")
    error = launch.failed(found, "run-1")
    assert error.message == (
        "The pipeline refused to run: Samplesheet s.csv, line 2, column bam: there is no such file"
    )
    assert error.hint is not None
    assert "--resume" not in error.hint
    assert "nextflow.log" in error.hint


def test_a_run_that_began_may_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "nextflow.out").write_text("ERROR ~ No space left on device\n")
    (tmp_path / "trace-1.txt").write_text(TRACE.splitlines()[0] + "\n2\tA\ta\tCOMPLETED\t0\t/nowhere/2\n")
    error = launch.failed(launch.failure(tmp_path, tmp_path / "trace-1.txt"), "run-1")
    assert error.message == "The pipeline ended early: No space left on device"
    assert "--resume run-1" in str(error.hint)

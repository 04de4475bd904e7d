from pathlib import Path

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

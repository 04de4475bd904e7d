import os
from pathlib import Path

import pytest
from helpers.stand_in import wait_until

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


def test_the_tasks_of_a_killed_nextflow_are_ended(tmp_path: Path) -> None:
    script = 'sleep 60 >sleep.out 2>&1 & echo "$!" >task; echo "[a0/b1] Submitted process > A"; kill -9 $$'
    with (tmp_path / "lock").open("w") as lock:
        status = launch.run(
            ["bash", "-c", script], tmp_path, dict(os.environ), lambda _line: None, keep=lock.fileno()
        )
    task = int((tmp_path / "task").read_text())
    wait_until(
        lambda: not Path(f"/proc/{task}/cmdline").exists() or not Path(f"/proc/{task}/cmdline").read_text()
    )
    error = launch.failed(launch.failure(tmp_path, tmp_path / "trace-1.txt", status), "run-1")
    assert error.message == "Nextflow was killed, and its tasks were ended."
    assert "too little memory" in str(error.hint)
    assert "--resume run-1" in str(error.hint)


# What a scheduler says

NO_SBATCH = """ERROR ~ Error executing process > 'STARGAZER:SAMTOOLS_FAIDX (r.fa)'

Caused by:
  Cannot run program "sbatch" (in directory "/nowhere/1"): error=2, No such file or directory
"""

REFUSED = """ERROR ~ Error executing process > 'STARGAZER:SAMTOOLS_FAIDX (r.fa)'

Caused by:
  Failed to submit process to grid scheduler for execution


Command executed:

  sbatch .command.run

Command exit status:
  1

Command output:
  sbatch: error: {said}
  sbatch: error: Batch job submission failed: {failed}

Work dir:
  /nowhere/1
"""


@pytest.mark.parametrize(
    ("said", "failed", "option"),
    [
        ("invalid partition specified: long", "Invalid partition name specified", "--partition NAME"),
        ("x", "User's group not permitted to use this partition", "--partition NAME"),
        ("x", "Invalid account or account/partition combination specified", "--account NAME"),
        ("x", "Invalid qos specification", "--cluster-options=OPTIONS"),
        (
            "x",
            "Requested time limit is invalid (missing or exceeds some limit)",
            "--max-time TIME",
        ),
        ("x", "Memory specification can not be satisfied", "--max-memory SIZE --max-cpus N"),
        ("x", "Requested node configuration is not available", "--max-memory SIZE --max-cpus N"),
        ("x", "Invalid job array specification", "--job-array N"),
        (
            "AssocMaxSubmitJobLimit",
            "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
            "--queue-size N",
        ),
    ],
)
def test_a_job_that_is_refused_is_told_with_the_option_that_helps(
    tmp_path: Path, said: str, failed: str, option: str
) -> None:
    (tmp_path / "nextflow.out").write_text(REFUSED.format(said=said, failed=failed))
    trace = tmp_path / "trace-1.txt"
    trace.write_text(TRACE.splitlines()[0] + "\n1\tSTARGAZER:SAMTOOLS_FAIDX\tr.fa\tFAILED\t1\t/nowhere/1\n")
    error = launch.failed(launch.failure(tmp_path, trace), "run-1")
    assert error.message.startswith("samtools_faidx could not be submitted for r.fa: the scheduler did not")
    assert f"| sbatch: error: Batch job submission failed: {failed}" in error.items
    assert str(error.hint).endswith(f"stargazer run --resume run-1 {option}")


def test_a_refusal_that_nobody_knows_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "nextflow.out").write_text(REFUSED.format(said="no", failed="Not on a Monday"))
    (tmp_path / "trace-1.txt").write_text(TRACE)
    error = launch.failed(launch.failure(tmp_path, tmp_path / "trace-1.txt"), "run-1")
    assert "| sbatch: error: Batch job submission failed: Not on a Monday" in error.items
    assert str(error.hint).endswith("--resume run-1")


def test_a_machine_without_sbatch_is_told(tmp_path: Path) -> None:
    (tmp_path / "nextflow.out").write_text(NO_SBATCH)
    (tmp_path / "trace-1.txt").write_text(TRACE)
    error = launch.failed(launch.failure(tmp_path, tmp_path / "trace-1.txt"), "run-1")
    assert "sbatch is not here" in error.message
    assert "login node" in str(error.hint)


@pytest.mark.parametrize("exit_status", ["-", "2147483647"])
def test_a_job_that_was_lost_is_told_in_words(tmp_path: Path, exit_status: str) -> None:
    trace = tmp_path / "trace-1.txt"
    trace.write_text(TRACE.replace("FAILED\t2\t", f"FAILED\t{exit_status}\t"))
    found = launch.failure(tmp_path, trace)
    assert "no exit status: its job was lost" in found.message
    assert exit_status not in found.message
    assert "sacct" in found.hint


@pytest.mark.parametrize(
    ("exit_status", "said", "hint"),
    [
        ("125", "Error: stargazer/gatk:4.6.2.0: image not known", "stargazer build-images gatk"),
        ("1", "write error: No space left on device", "disk is full"),
        ("1", "cp: error writing 'x': Disk quota exceeded", "disk is full"),
    ],
)
def test_what_an_engine_or_a_disk_says_is_told_with_what_to_do(
    tmp_path: Path, exit_status: str, said: str, hint: str
) -> None:
    (tmp_path / ".command.err").write_text(f"{said}\n")
    trace = tmp_path / "trace-1.txt"
    trace.write_text(
        TRACE.replace("FAILED\t2\t", f"FAILED\t{exit_status}\t").replace("/nowhere/3", str(tmp_path))
    )
    found = launch.failure(tmp_path, trace)
    assert hint in found.hint
    assert f"The task's folder is {tmp_path}" in found.hint
    assert ".." not in found.hint


def test_nextflow_s_own_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "nextflow.out").write_text("ERROR ~ Disk quota exceeded\n")
    found = launch.failure(tmp_path, tmp_path / "trace-1.txt")
    assert "A disk is full" in found.hint


def test_what_a_tool_says_is_not_taken_for_the_scheduler_s_word(tmp_path: Path) -> None:
    (tmp_path / "nextflow.out").write_text(
        "ERROR ~ x\n\nCaused by:\n  Process terminated with an error exit status (1)\n\nCommand error:\n"
        '  Cannot run program "sbatch": error=2\n  Failed to submit process to grid scheduler for execution\n'
    )
    (tmp_path / "trace-1.txt").write_text(TRACE)
    assert "failed for a" in launch.failure(tmp_path, tmp_path / "trace-1.txt").message
    (tmp_path / "nextflow.out").write_text(NO_SBATCH.replace("sbatch", "Rscript"))
    assert "failed for a" in launch.failure(tmp_path, tmp_path / "trace-1.txt").message


# What it waits for

FULL = """WARN: Failed to submit process 'STARGAZER:BWA_MEM (a)'
                         - attempt : 1
                         - command : sbatch .command.run
                         - reason  : sbatch: error: {reason}
sbatch: error: Batch job submission failed: Job violates accounting/QOS policy
"""
AWAY = """WARN: [SLURM] queue status cannot be fetched
- cmd executed: squeue --noheader -o %i %t -t all -u ada
- exit status : 1
- output      :
  slurm_load_jobs error: Unable to contact slurm controller (connect failure)
"""
STARTED = "[aa/bbbbbb] Submitted process > STARGAZER:BWA_MEM (a)\n"


def _said_of(tmp_path: Path, output: str) -> list[str]:
    (tmp_path / "output").write_text(output)
    said: list[str] = []
    with (tmp_path / "lock").open("w") as lock:
        launch.run(
            ["cat", str(tmp_path / "output")], tmp_path, dict(os.environ), said.append, keep=lock.fileno()
        )
    return said


def test_what_a_run_waits_for_is_told_once(tmp_path: Path) -> None:
    quota = FULL.format(reason="QOSMaxSubmitJobPerUserLimit")
    away = FULL.format(reason="Unable to contact slurm controller")
    never_run = "WARN: It appears you have never run this project before -- Option `-resume` is ignored\n"
    assert _said_of(tmp_path, never_run + quota * 3 + AWAY + away + quota + STARTED) == [
        "waiting to submit bwa_mem for a: sbatch: error: QOSMaxSubmitJobPerUserLimit",
        "the scheduler does not tell its queue: "
        "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
        "waiting to submit bwa_mem for a: sbatch: error: Unable to contact slurm controller",
        "waiting to submit bwa_mem for a: sbatch: error: QOSMaxSubmitJobPerUserLimit",
        "started bwa_mem for a",
    ]


def test_the_same_reason_is_told_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_AGAIN_SECONDS", 0.0)
    assert len(_said_of(tmp_path, FULL.format(reason="x") * 3)) == 3


def test_what_it_waited_for_is_not_why_it_ended(tmp_path: Path) -> None:
    (tmp_path / "nextflow.out").write_text(FULL.format(reason="x").splitlines()[0] + "\n" + AWAY)
    found = launch.failure(tmp_path, tmp_path / "trace-1.txt")
    assert "cmd executed" not in found.message

"""What jobs ask a real Slurm for, and what becomes of those that it ends."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from helpers import slurm as one_node

from stargazer_cli.tools import Toolbox

from .conftest import Jobs

pytestmark = pytest.mark.cluster

# More than the 100 MB of a first attempt, less than the 200 of a second.
FILL = "python3 -c 'held = bytearray(150_000_000); print(len(held))'"


def test_a_job_that_takes_too_long_or_too_much_gets_more(jobs: Jobs) -> None:
    """Part 1 is ended for time, 2 for memory; 3 for memory, by the end of a child that its tool makes a 1."""
    printed = jobs.run(
        f"case $part in 1) [ $attempt -eq 2 ] || sleep 100 ;; 2) {FILL} ;; *) {FILL} || exit 1 ;; esac",
        parts=3,
    )
    assert jobs.attempts() == [
        (part, attempt, 100 * attempt, attempt) for part in (1, 2, 3) for attempt in (1, 2)
    ]
    for status in (140, 137, 1):
        assert f"terminated with an error exit status ({status}) -- Execution is retried" in printed


def test_only_the_end_of_a_log_tells_of_memory(jobs: Jobs) -> None:
    """Slurm's note is the last thing there; what a tool wrote long before is not Slurm's."""
    nextflow = jobs.start("echo 'oom-kill event'; seq 20000; exit 1")
    assert nextflow.wait(120) == 1
    assert jobs.attempts() == [(1, 1, 100, 1)]


def test_jobs_that_somebody_cancels_run_again(jobs: Jobs) -> None:
    """One runs, and the other waits for its node."""
    nextflow = jobs.start("[ $attempt -eq 2 ] || sleep 300", "-c", _whole_node(jobs), parts=2)
    jobs.wait(lambda: jobs.attempts() and len(jobs.slurm.jobs()) == 2, nextflow)
    jobs.slurm.run("scancel", *jobs.slurm.jobs("-o", "%i"))
    printed = jobs.ends(nextflow)
    assert "terminated with an error exit status (143) -- Execution is retried (1)" in printed
    (ran,) = (part for part, attempt, *_ in jobs.attempts() if attempt == 1)
    waited = 3 - ran
    assert jobs.attempts() == sorted([(ran, 1, 100, 1), (ran, 2, 200, 2), (waited, 2, 200, 2)])


def _whole_node(jobs: Jobs) -> Path:
    """Return a file of settings with which only one job runs at a time."""
    config = jobs.folder / "own.config"
    config.write_text(f"process {{ withName: HAPLOTYPE_CALLER {{ cpus = {os.cpu_count()} }} }}\n")
    return config


def test_a_job_whose_node_is_lost_runs_again(jobs: Jobs) -> None:
    nextflow = jobs.start("[ $attempt -eq 2 ] || sleep 300")
    jobs.wait(jobs.attempts, nextflow)
    jobs.slurm.lose_node()
    assert jobs.attempts() == [(1, 1, 100, 1)]
    jobs.slurm.start_node()
    printed = jobs.ends(nextflow)
    assert jobs.attempts() == [(1, 1, 100, 1), (1, 2, 200, 2)]
    assert "Execution is retried (1)" in printed


def test_a_controller_that_restarts_is_waited_for(jobs: Jobs) -> None:
    """The second job is to be submitted, and the first one ends, while there is none."""
    go = jobs.folder / "go"
    nextflow = jobs.start(f"while [ ! -e {go} ]; do sleep 0.2; done", "--queue_size", "1", parts=2)
    jobs.wait(jobs.attempts, nextflow)
    jobs.slurm.stop_controller()
    go.touch()
    jobs.wait(lambda: "Unable to contact slurm controller" in jobs.printed, nextflow)
    jobs.slurm.start_controller()
    jobs.ends(nextflow)
    assert jobs.attempts() == [(1, 1, 100, 1), (2, 1, 100, 1)]


def test_no_job_outlives_a_run_that_is_ended(jobs: Jobs) -> None:
    """One runs and two wait, as a job takes the whole node."""
    nextflow = jobs.start("sleep 300", "-c", _whole_node(jobs), parts=3)
    jobs.wait(lambda: jobs.attempts() and len(jobs.slurm.jobs()) == 3, nextflow)
    nextflow.send_signal(signal.SIGTERM)
    assert nextflow.wait(60) != 0
    jobs.slurm.wait_for_node("idle")
    assert not jobs.slurm.jobs()


@pytest.mark.parametrize("ended", ["run", "job"])
def test_no_container_outlives_what_is_ended(jobs: Jobs, ended: str) -> None:
    """Its memory and CPUs are those of the job, although podman holds it outside of the job's cgroup."""
    if "stargazer/samtools" not in _podman("images", "--format", "{{.Names}}"):
        pytest.skip("stargazer/samtools is not here: stargazer build-images samtools")
    nextflow = jobs.start("sleep 300", "-profile", "podman")
    jobs.wait(lambda: _containers(jobs.folder), nextflow)
    (mine,) = _containers(jobs.folder)
    assert int(_podman("inspect", "--format", "{{.HostConfig.Memory}}", mine)) == 100 * 1024**2
    if ended == "job":
        jobs.slurm.run("scancel", *jobs.slurm.jobs("-o", "%i"))
        jobs.wait(lambda: mine not in _containers(jobs.folder), nextflow)
    nextflow.send_signal(signal.SIGTERM)
    assert nextflow.wait(60) != 0
    jobs.slurm.wait_for_node("idle")
    assert not _containers(jobs.folder)


def _podman(*arguments: str) -> str:
    """Return what podman prints, '' where there is none."""
    if shutil.which("podman") is None:
        return ""
    return subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False).stdout


def _containers(folder: Path) -> list[str]:
    """Return the containers that run for the tasks of a run in a folder."""
    running = _podman("ps", "--format", "{{.Names}}").split()
    places = [_podman("inspect", "--format", "{{.Config.WorkingDir}}", name) for name in running]
    return [name for name, place in zip(running, places, strict=True) if str(folder) in place]


def test_arrays_hold_the_parts(jobs: Jobs) -> None:
    jobs.run('echo "${SLURM_ARRAY_JOB_ID:-none}" >> ' + f"{jobs.folder}/arrays", "--job_array", "2", parts=5)
    ids = (jobs.folder / "arrays").read_text().split()
    assert sorted(ids.count(one) for one in set(ids)) == [1, 2, 2]
    assert ids.count("none") == 1, "the last is alone"
    assert sum("--array 0-1" in header for header in jobs.headers()) == 2
    assert sorted(part.name for part in (jobs.folder / "results").iterdir()) == [
        f"part_{number}.txt" for number in range(1, 6)
    ]


def test_a_part_of_an_array_that_fails_runs_again_alone_and_with_more(jobs: Jobs) -> None:
    jobs.run("[ $part -eq 1 ] || [ $attempt -eq 2 ] || exit 137", "--job_array", "2", parts=2)
    assert jobs.attempts() == [(1, 1, 100, 1), (2, 1, 100, 1), (2, 2, 200, 2)]


def test_partition_account_and_options_are_asked_for(jobs: Jobs) -> None:
    jobs.run(
        "true",
        *("--partition", "long", "--account", "lab.7", "--cluster_options=--comment=mine --nice=7"),
    )
    assert jobs.headers() == [
        "--no-requeue --signal B:USR2@30 -t 00:01:00 --mem 100M -p long --comment=mine --nice=7 -A lab.7"
    ]
    (done,) = [job for job in jobs.slurm.completed() if job["WorkDir"].startswith(str(jobs.folder))]
    assert (done["Partition"], done["Account"], done["JobState"]) == ("long", "lab.7", "COMPLETED")


@pytest.mark.parametrize("given", ["true", "{folder}/disk", "$OWN_DISK"])
def test_scratch_is_where_a_job_runs_and_left_empty(jobs: Jobs, given: str) -> None:
    disk = jobs.folder / "disk"
    disk.mkdir()
    jobs.environment.update(OWN_DISK=str(disk), TMPDIR=str(disk))
    jobs.run(f"pwd > {jobs.folder}/where", "--scratch", given.format(folder=jobs.folder))
    where = Path((jobs.folder / "where").read_text().strip())
    assert where.parent == disk
    assert not where.exists()
    assert (jobs.folder / "results" / "part_1.txt").read_text() == "1\n"


def test_a_queue_that_limits_submissions_is_waited_for(tmp_path: Path, jobs: Jobs) -> None:
    """As accounting says it, which is not on here: sbatch refuses as it does there, twice."""
    refusing = tmp_path / "bin" / "sbatch"
    refusing.parent.mkdir()
    refusing.write_text(
        "#!/bin/bash\n"
        f"if [ $(wc -l < {tmp_path}/asked) -lt 3 ]; then\n"
        f"  echo x >> {tmp_path}/asked\n"
        "  echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2\n"
        "  echo 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
        "(job submit limit, user'\"'\"'s size and/or time limits)' >&2\n"
        "  exit 1\n"
        "fi\n"
        f'PATH="${{PATH#*:}}" exec sbatch "$@"\n'
    )
    refusing.chmod(0o755)
    (tmp_path / "asked").write_text("x\n")
    printed = jobs.run("true", path=str(refusing.parent))
    assert printed.count("QOSMaxSubmitJobPerUserLimit") == 2
    assert jobs.attempts() == [(1, 1, 100, 1)]


def test_a_controller_that_holds_no_more_jobs_is_waited_for(
    slurm_here: None, tmp_path: Path, toolbox: Toolbox
) -> None:
    """Of two jobs at once it forgets one a minute after its end; until then sbatch itself asks again."""
    with one_node.serve({"MaxJobCount": "2", "MinJobAge": "2"}) as full:
        jobs = Jobs(tmp_path, full, toolbox)
        printed = jobs.run("true", parts=3)
        said = (full.folder / "log" / "slurmctld.log").read_text()
    assert "MaxJobCount limit from slurm.conf reached" in said
    assert "Failed to submit" not in printed
    assert jobs.attempts() == [(part, 1, 100, 1) for part in (1, 2, 3)]


def test_a_submission_that_can_never_work_ends_the_run(jobs: Jobs) -> None:
    """No partition of that name: nothing to wait for."""
    nextflow = jobs.start("true", "--partition", "nowhere")
    assert nextflow.wait(120) == 1
    assert "invalid partition specified: nowhere" in jobs.printed

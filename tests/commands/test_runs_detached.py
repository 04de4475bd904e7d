"""Runs in the background: started, followed, ended; a stand-in plays Nextflow."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from e2e.user import STARGAZER, Answer, User, make_user
from helpers import stand_in
from helpers.disk import SmallDisk
from helpers.processes import fork, wait_for
from helpers.shell import FASTA, Shell
from helpers.stand_in import happened, wait_until

from stargazer_cli.commands.main import cli
from stargazer_cli.errors import UsageError
from stargazer_cli.runs import detach, execute, holder, launch, progress, record
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.runs.site import Site
from stargazer_cli.tools import Toolbox

REQUEST = ("run", "prepare-reference", "--build", "b", "--aligner", "bwa", "--no-reuse")


@dataclass(frozen=True)
class Lab:
    """A user with a reference, whose Nextflow is the stand-in."""

    user: User

    def types(self, *arguments: str | Path, **more: str) -> Answer:
        """Run a command in a process of its own, in a fraction of the time that a new interpreter takes."""
        printed = [self.user.folder / name for name in ("printed", "said")]

        def work() -> None:
            os.chdir(self.user.folder)
            os.environ |= more
            for number, file in enumerate(printed, start=1):
                os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
            cli([str(argument) for argument in arguments])

        _, status = os.waitpid(fork(work), 0)
        out, err = (file.read_text() for file in printed)
        return Answer(os.waitstatus_to_exitcode(status), out, err)

    def starts(self, *arguments: str | Path, **more: str) -> RunFolder:
        """Start a run in the background, which then waits in its Nextflow."""
        answer = self.types(*REQUEST, "--detach", "--json", *arguments, **more)
        assert answer.status == 0, answer.err
        folder = RunFolder(self.user.local / "runs" / answer.json["run_id"])
        wait_until(lambda: "started" in happened(folder.path))
        return folder

    def starts_again(self, folder: RunFolder, *arguments: str | Path) -> None:
        """Go on with a run in the background, up to its Nextflow."""
        before = len(happened(folder.path))
        answer = self.types("run", "--resume", folder.run_id, "--detach", *arguments)
        assert answer.status == 0, answer.err
        wait_until(lambda: len(happened(folder.path)) > before)

    def status(self) -> str:
        (kept,) = self.types("runs", "list", "--json").json
        status: str = kept["status"]
        return status


@pytest.fixture
def lab(tmp_path: Path, toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("PATH", stand_in.put_on_path(tmp_path / "first on path"))
    monkeypatch.delenv("STARGAZER_WORK", raising=False)
    user = make_user(tmp_path / "a user")
    monkeypatch.setenv("STARGAZER_LOCAL", str(user.local))
    (user.folder / "r.fa").write_text(FASTA)
    lab = Lab(user)
    added = lab.types("assets", "add", user.folder / "r.fa", "-k", "asset=reference", "-k", "build=b")
    assert added.status == 0, added.err
    yield lab
    for folder in record.every(user.local / "runs"):
        _kill_what_is_left(folder)


def _kill_what_is_left(folder: RunFolder) -> None:
    kept = folder.read()
    for pid in (kept.pid, kept.nextflow_pid):
        if pid != os.getpid() and holder.holds(pid, folder):
            os.kill(pid, signal.SIGKILL)


def _ends(folder: RunFolder) -> None:
    """Let the stand-in publish and end."""
    (folder.path / "go").touch()


# Started, and left alone


def test_a_run_goes_on_in_a_session_of_its_own_and_its_result_is_there_later(lab: Lab) -> None:
    folder = lab.starts(STARGAZER_MAVEN_REPOSITORY="https://ada:s3cret@example.org/maven")
    kept = folder.read()
    assert os.getsid(kept.pid) == kept.pid != os.getsid(0)
    if Path("/proc/self").exists():
        process = Path(f"/proc/{kept.pid}")
        assert b"s3cret" not in (process / "cmdline").read_bytes()
        assert (process / "fd" / "0").readlink() == Path(os.devnull)
    assert (kept.status, lab.status()) == ("running", "running")
    shown = lab.types("runs", "show", folder.run_id).out
    assert f"host      {socket.gethostname()}  process {kept.pid}" in shown
    assert f"work      {folder.work}" in shown
    _ends(folder)
    done = lab.types("runs", "attach", folder.run_id, "--json")
    assert done.status == 0
    assert done.json["status"] == "done"
    assert [asset["name"] for asset in done.json["assets"]] == ["r.fa.fai"]
    lines = [line.partition("  ") for line in done.err.splitlines()]
    assert [what for _, _, what in lines] == [f"run {folder.run_id}", "started samtools_faidx for r.fa"]
    assert all(when.endswith("+00:00") for when, _, _ in lines)
    assert "r.fa.fai" in lab.types("runs", "attach", folder.run_id).out
    assert not folder.work.exists()


def test_a_run_in_the_foreground_can_be_followed_too(lab: Lab) -> None:
    arguments = [STARGAZER, *REQUEST, "--json"]
    with subprocess.Popen(
        arguments, cwd=lab.user.folder, env=lab.user.environment(), stdout=subprocess.PIPE, text=True
    ) as watched:
        runs = lab.user.local / "runs"
        wait_until(lambda: any(happened(folder.path) for folder in record.every(runs)))
        (folder,) = record.every(runs)
        _ends(folder)
        printed, _ = watched.communicate()
    assert lab.types("runs", "attach", folder.run_id, "--json").json == json.loads(printed)


def test_nothing_is_lost_where_it_is_killed_before_the_run_has_started(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise SystemExit(137)

    monkeypatch.setattr(detach, "start", killed)
    lab.types(*REQUEST, "--detach")
    (folder,) = record.every(lab.user.local / "runs")
    assert lab.status() == "interrupted"
    left = lab.types("runs", "attach", folder.run_id)
    assert left.status == 1
    assert "was planned, but not started" in left.err
    assert "was planned, but not started" in lab.types("runs", "list", "--json").json[0]["error"]
    assert f"stargazer run --resume {folder.run_id}" in lab.types("runs", "show", folder.run_id).out
    assert lab.types("runs", "cancel", folder.run_id).status == 2
    _ends(folder)
    assert lab.types("run", "--resume", folder.run_id).status == 0


def test_a_run_that_is_about_to_begin_is_running_and_a_cancel_waits_for_it(lab: Lab) -> None:
    folder = lab.starts()
    assert lab.types("runs", "cancel", folder.run_id).status == 0
    kept = folder.read()
    kept.status, kept.attempts, kept.pid = "running", 0, os.getpid()  # as it was when we had claimed it
    folder.save(kept)
    assert lab.status() == "running"
    before = len(happened(folder.path))
    child = fork(lambda: detach.start(folder))
    assert lab.types("runs", "cancel", folder.run_id).status == 0
    os.waitpid(child, 0)
    assert len(happened(folder.path)) >= before
    assert "was cancelled" in folder.load().error


def test_what_ends_a_run_at_once_is_told_where_it_was_started(lab: Lab, tmp_path: Path) -> None:
    folder = lab.starts("--work-dir", tmp_path / "scratch")
    assert lab.types("runs", "cancel", folder.run_id).status == 0
    shutil.rmtree(tmp_path / "scratch")
    gone = lab.types("run", "--resume", folder.run_id, "--detach")
    assert gone.status == 1
    assert f"work folder {tmp_path}/scratch/{folder.run_id} of the run" in gone.err
    assert f"--resume {folder.run_id} --work-dir {tmp_path}/scratch" in gone.err
    assert lab.status() == "failed"
    # Nextflow's work elsewhere from now on: what was lost there is computed again.
    again = lab.types("run", "--resume", folder.run_id, "--detach", "--work-dir", tmp_path / "another")
    assert again.status == 0
    _ends(folder)
    assert lab.types("runs", "attach", folder.run_id).status == 0
    assert list((tmp_path / "another").iterdir()) == []


def test_a_child_that_does_not_even_begin_is_told_with_its_last_lines(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(detach.sys, "executable", shutil.which("false"))
    ended = Shell(capfd)(*REQUEST, "--detach")
    assert ended.code == 1
    assert "did not start" in ended.err
    assert "stargazer.log" in ended.err


def test_a_request_that_is_wrong_is_refused_before_anything_is_claimed(lab: Lab) -> None:
    for wrong in (["--profile", "nowhere"], ["--partition", "long"], ["--max-memory", "much"]):
        refused = lab.types(*REQUEST, "--detach", *wrong)
        assert refused.status == 2, refused
    assert not (lab.user.local / "runs").exists()


def test_a_run_is_not_started_twice(lab: Lab) -> None:
    folder = lab.starts()
    for how in ([], ["--detach"]):
        refused = lab.types("run", "--resume", folder.run_id, *how)
        assert refused.status == 2
        assert "still being carried out" in refused.err
        assert f"stargazer runs cancel {folder.run_id}" in refused.err
    with pytest.raises(UsageError, match="still being carried out"):  # by one that was a moment earlier
        detach.start(folder)


def test_what_ran_while_an_image_changed_is_not_stored_and_not_gone_on_from(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[set[str]] = []

    def moved(_site: Site, tasks: set[str]) -> tuple[str, ...]:
        asked.append(set(tasks))
        return ("stargazer/samtools:1.16.1",)

    monkeypatch.setattr(Site, "changed_images", moved)
    monkeypatch.setenv("STAND_IN", "at once")
    shell = Shell(capfd)
    changed = shell(*REQUEST)
    assert changed.code == 1
    assert "stargazer/samtools:1.16.1 changed while the run" in changed.err
    assert "samtools_faidx" in asked[0]
    (folder,) = record.every(lab.user.local / "runs")
    assert happened(folder.path)[-1] == "done"
    assert not (folder.path / ".nextflow").exists()
    assert shell("assets", "query", "asset=reference_index", "--json").json == []


# Followed


def test_a_failure_is_told_in_the_same_words_later(lab: Lab) -> None:
    failed = lab.types(*REQUEST, STAND_IN="fail")
    assert failed.status == 1
    assert "the tool's last words" in failed.err
    (folder,) = record.every(lab.user.local / "runs")
    later = lab.types("runs", "attach", folder.run_id)
    assert later.status == 1
    error = failed.err[failed.err.index("Error:") :]
    assert later.err.endswith(error)


def test_ctrl_c_ends_the_watching_alone(lab: Lab, listens_to_ctrl_c: None) -> None:
    folder = lab.starts()
    with subprocess.Popen(
        [STARGAZER, "runs", "attach", folder.run_id],
        env=lab.user.environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stderr is not None
        watching.stderr.readline()
        watching.send_signal(signal.SIGINT)
        said = watching.stderr.read()
    assert watching.returncode == 1
    assert f"Detached: the run {folder.run_id} goes on" in said
    assert lab.status() == "running"


def test_one_that_is_left_by_its_stargazer_is_told_as_such(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lab.starts()
    os.kill(folder.read().pid, signal.SIGKILL)
    wait_until(lambda: not holder.holds(folder.read().pid, folder))
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        if "was killed" in line:
            _ends(folder)

    kept = progress.follow(folder, tell)
    assert kept.status == "interrupted"
    assert "ended without a word" in progress.error_of(folder, kept).message
    assert lab.types("run", "--resume", folder.run_id).status == 0


# Cancelled


def test_a_cancelled_run_ends_with_its_nextflow_and_can_be_gone_on_with(lab: Lab) -> None:
    folder = lab.starts()
    kept = folder.read()
    cancelled = lab.types("runs", "cancel", folder.run_id)
    assert cancelled.status == 0
    assert f"The run {folder.run_id} was cancelled; Nextflow and its tasks have ended." in cancelled.out
    assert happened(folder.path) == ["started", "asked to end"]
    assert not holder.holds(kept.pid, folder)
    assert not holder.holds(kept.nextflow_pid, folder)
    assert lab.status() == "interrupted"
    attached = lab.types("runs", "attach", folder.run_id)
    assert attached.status == 1
    assert f"Error: {cancelled.out.strip()}" in attached.err
    again = lab.types("runs", "cancel", folder.run_id)
    assert again.status == 2
    assert "is not running: it is interrupted" in again.err
    _ends(folder)
    assert lab.types("run", "--resume", folder.run_id).status == 0
    assert lab.types("runs", "cancel", folder.run_id).status == 2


def test_two_who_cancel_at_once_do_no_harm(lab: Lab) -> None:
    folder = lab.starts()
    both = [
        subprocess.Popen(
            [STARGAZER, "runs", "cancel", folder.run_id, "--json"],
            env=lab.user.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    answers = [(*process.communicate(), process.returncode) for process in both]
    # One that came when it had ended says that it is not running.
    assert {status for _, _, status in answers} <= {0, 2}
    assert 0 in {status for _, _, status in answers}
    assert all("Traceback" not in err for _, err, _ in answers)
    kept = folder.load()
    assert kept.status == "interrupted"
    assert "was cancelled" in kept.error


def test_a_run_is_cancelled_also_where_nothing_can_be_written(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = lab.starts()
    monkeypatch.setattr(Path, "touch", full)
    assert holder.cancel(folder, print).status == "interrupted"
    assert "asked to end" in happened(folder.path)


def test_a_cancel_in_the_first_moment_is_told_as_one(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = execute._begin

    def cancelled_first(folder: RunFolder, kept: record.RunRecord) -> None:
        folder.cancelled.touch()
        begin(folder, kept)
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "_begin", cancelled_first)
    with pytest.raises(SystemExit):
        cli(list(REQUEST))
    (folder,) = record.every(lab.user.local / "runs")
    assert "was cancelled" in folder.read().error


def test_the_nextflow_of_a_killed_stargazer_is_cancelled(lab: Lab) -> None:
    folder = lab.starts()
    os.kill(folder.read().pid, signal.SIGKILL)
    assert lab.status() == "running"
    assert lab.types("runs", "cancel", folder.run_id).status == 0
    assert happened(folder.path) == ["started", "asked to end"]
    kept = folder.read()
    assert kept.status == "interrupted"
    assert "was cancelled" in kept.error


def test_a_nextflow_that_does_not_end_is_killed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lab.starts(STAND_IN="stubborn")
    os.kill(folder.read().pid, signal.SIGKILL)
    monkeypatch.setattr(launch, "STOP_SECONDS", 0.3)
    kept = holder.cancel(folder, print)
    assert "asked to end" in happened(folder.path)
    assert not folder.busy()
    assert "Nextflow did not end and was killed" in kept.error


def test_so_is_one_whose_stargazer_is_stopped(lab: Lab, tmp_path: Path) -> None:
    def run_it(how: str) -> None:
        with launch.stop_signals_interrupt():
            launch.run(
                [str(tmp_path / "first on path" / "nextflow"), "-work-dir", str(tmp_path / "w")],
                tmp_path,
                os.environ | {"STAND_IN": how},
                lambda _line: signal.raise_signal(signal.SIGTERM),
                keep=os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR),
            )

    with pytest.raises(KeyboardInterrupt) as stopped:
        run_it("")
    assert not isinstance(stopped.value, launch.HadToBeKilled)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(launch.HadToBeKilled):
        patch.setattr(launch, "STOP_SECONDS", 0.3)
        run_it("stubborn")


def test_another_process_of_the_same_number_is_left_alone(lab: Lab) -> None:
    folder = lab.starts()
    kept = folder.read()
    os.kill(kept.pid, signal.SIGKILL)
    with subprocess.Popen(["sleep", "60"]) as innocent:
        kept.pid = innocent.pid
        folder.save(kept)
        assert lab.types("runs", "cancel", folder.run_id).status == 0
        assert innocent.poll() is None
        innocent.kill()
    assert folder.read().status == "interrupted"


def test_a_holder_that_nobody_knows_is_told(lab: Lab) -> None:
    folder = lab.starts()
    kept = folder.read()
    # Undone here: the processes that are left are found by it.
    with pytest.MonkeyPatch.context() as patch, pytest.raises(holder.StargazerError, match="does not name"):
        patch.setattr(holder, "_UNKNOWN_SECONDS", 0.2)
        patch.setattr(holder, "holds", lambda *_: False)
        holder.cancel(folder, print)
    assert folder.read() == kept


def test_a_cancel_that_nobody_wrote_down_yet_is_told_as_one(lab: Lab) -> None:
    folder = lab.starts()
    kept = folder.read()
    folder.cancelled.touch()
    for pid in (kept.pid, kept.nextflow_pid):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not folder.busy())
    assert "was cancelled" in lab.types("runs", "attach", folder.run_id).err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_run_of_another_user_is_theirs_to_cancel(lab: Lab) -> None:
    ours = lab.starts()
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o755)
        folder = RunFolder(Path(shared))
        os.link(ours.lock, folder.lock)
        folder.save(ours.read())

        def nobody_cancels_it() -> None:
            os.setuid(65534)
            with pytest.raises(holder.StargazerError, match="by another user") as refused:
                holder.cancel(folder, print)
            assert "Ask them" in str(refused.value.hint)

        wait_for([fork(nobody_cancels_it)])
        assert not folder.cancelled.exists()


# On another host of a shared file system


@pytest.fixture
def elsewhere(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run of another host, whose lock does not reach to here."""
    folder = lab.starts()
    _stop(folder)
    kept = folder.read()
    kept.status, kept.error, kept.host = "running", "", "node7"
    folder.save(kept)
    folder.cancelled.unlink()
    return folder


def _stop(folder: RunFolder) -> None:
    holder.cancel(folder, lambda _line: None)


def _silent(folder: RunFolder) -> None:
    for file in (folder.lock, folder.log):
        file.touch()
        os.utime(file, (0, 0))


def test_a_run_on_another_host_is_running_while_it_gives_signs_of_life(
    elsewhere: RunFolder, lab: Lab
) -> None:
    assert lab.status() == "running"
    refused = lab.types("runs", "cancel", elsewhere.run_id)
    assert refused.status == 2
    assert "is carried out on node7" in refused.err
    assert f"ssh node7 stargazer runs cancel {elsewhere.run_id}" in refused.err
    refused = lab.types("run", "--resume", elsewhere.run_id)
    assert refused.status == 2
    assert "is being carried out on node7" in refused.err


@pytest.mark.parametrize("how", [(), ("--detach",)])
def test_of_one_that_is_silent_it_is_said_that_nobody_knows(
    elsewhere: RunFolder, lab: Lab, how: tuple[str, ...]
) -> None:
    _silent(elsewhere)
    assert lab.status() == "interrupted"
    attached = lab.types("runs", "attach", elsewhere.run_id)
    assert attached.status == 1
    assert "whether it has ended is not known here" in attached.err
    assert f"ssh node7 stargazer runs show {elsewhere.run_id}" in attached.err
    assert "host      node7" in lab.types("runs", "show", elsewhere.run_id).out
    _ends(elsewhere)
    resumed = lab.types("run", "--resume", elsewhere.run_id, *how)
    assert resumed.status == 0, resumed.err
    assert lab.types("runs", "attach", elsewhere.run_id).status == 0


def test_who_carries_a_run_out_gives_signs_of_life(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(record, "_BEAT_SECONDS", 0.05)
    folder = RunFolder(tmp_path)
    folder.lock.touch()
    with folder.alive():
        os.utime(folder.lock, (0, 0))
        wait_until(lambda: folder.silence() < 60)


# Where Nextflow works


def test_the_work_is_on_another_disk_and_gone_after_a_success(
    lab: Lab, small_disk: SmallDisk, tmp_path: Path
) -> None:
    disk = small_disk.mount()
    folder = lab.starts(STARGAZER_WORK=str(disk))
    assert (disk / folder.run_id / "aa").is_dir()
    assert not folder.work.exists()
    assert json.loads((folder.path / "params.json").read_text())["publish_dir_mode"] == "copy"
    assert lab.types("runs", "cancel", folder.run_id).status == 0
    _ends(folder)
    # Where it was, whatever is set now.
    done = lab.types("run", "--resume", folder.run_id, "--json", STARGAZER_WORK=str(tmp_path / "other"))
    assert done.status == 0, done.err
    assert list(disk.iterdir()) == []
    assert not (tmp_path / "other").exists()
    (asset,) = done.json["assets"]
    assert lab.types("assets", "get", asset["cid"], "-o", tmp_path / "got").status == 0
    assert (tmp_path / "got").read_text() == "chr1\t8\n"
    assert json.loads((folder.path / "run.json").read_text())["work"] == str(disk / folder.run_id)


def test_work_that_goes_on_elsewhere_is_gone_from_both_places_after_a_success(
    lab: Lab, small_disk: SmallDisk, tmp_path: Path
) -> None:
    disk = small_disk.mount()
    folder = lab.starts("--work-dir", disk)
    _stop(folder)
    lab.starts_again(folder, "--work-dir", tmp_path)
    # What is reused of the old one cannot be linked.
    assert json.loads((folder.path / "params.json").read_text())["publish_dir_mode"] == "copy"
    shown = lab.types("runs", "show", folder.run_id).out
    assert [f"work      {where / folder.run_id}" in shown for where in (disk, tmp_path)] == [True, True]
    _ends(folder)
    assert lab.types("runs", "attach", folder.run_id).status == 0
    assert list(disk.iterdir()) == []
    assert not (tmp_path / folder.run_id).exists()


@pytest.mark.parametrize("name", ["{run_id}", "documents"])
def test_a_record_does_not_decide_which_folder_is_removed(lab: Lab, tmp_path: Path, name: str) -> None:
    folder = lab.starts()
    _stop(folder)
    kept = folder.read()
    theirs = tmp_path / name.format(run_id=folder.run_id)
    theirs.mkdir()
    (theirs / "thesis.txt").touch()
    kept.work = str(theirs)
    kept.plan.parameters |= {"container_registry": "example.org/evil", "no_parameter": 1}
    folder.save(kept)
    _ends(folder)
    assert lab.types("run", "--resume", folder.run_id).status == 0
    assert (theirs / "thesis.txt").exists()
    told = json.loads((folder.path / "params.json").read_text())
    assert not {"container_registry", "no_parameter"} & told.keys()


def test_a_work_folder_that_another_store_s_run_has_is_refused(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run_id = "prepare_reference-abc1234-20260102T030405Z"
    (tmp_path / "scratch" / run_id).mkdir(parents=True)
    create, then = record.create, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    monkeypatch.setattr(record, "create", lambda *_: create(*_, now=then))
    monkeypatch.setattr(record, "pipeline_commit", lambda _: "abc1234")
    refused = Shell(capfd)(*REQUEST, "--work-dir", str(tmp_path / "scratch"))
    assert refused.code == 2
    assert f"{run_id} is there already" in refused.err
    assert list((lab.user.local / "runs").iterdir()) == []


def test_a_full_disk_of_work_is_one_error(lab: Lab, small_disk: SmallDisk) -> None:
    disk = small_disk.mount("256k")
    folder = lab.starts("--work-dir", disk)
    assert lab.types("runs", "cancel", folder.run_id).status == 0
    with (disk / "rest").open("wb", buffering=0) as rest, pytest.raises(OSError, match="No space"):
        while True:
            rest.write(b"\0" * 4096)
    for refused in (
        lab.types("run", "--resume", folder.run_id),
        lab.types(*REQUEST, "--work-dir", disk),
    ):
        assert refused.status == 1
        (error,) = [line for line in refused.err.splitlines() if line.startswith("Error")]
        assert "is on a full disk" in error
    assert len(list(record.every(lab.user.local / "runs"))) == 1


def test_on_the_same_disk_results_are_second_names(lab: Lab, tmp_path: Path) -> None:
    folder = lab.starts("--work-dir", tmp_path / "work")
    assert json.loads((folder.path / "params.json").read_text())["publish_dir_mode"] == "link"


def test_a_work_folder_that_cannot_be_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for wrong, reason in (
        (tmp_path / "file", "cannot be used"),
        (tmp_path / "a$b", "cannot work in a path"),
        ("", "is empty"),
    ):
        refused = lab.types(*REQUEST, "--work-dir", wrong)
        assert refused.status == 2
        assert reason in refused.err
    assert not list((lab.user.local / "runs").glob("*/run.json"))

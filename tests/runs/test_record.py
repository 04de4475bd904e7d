import errno
import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stargazer_cli import __version__
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import record
from stargazer_cli.runs.plan import Plan

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def _saved(runs: Path) -> record.RunFolder:
    folder = record.create(runs, "prepare_reference", "abc1234", NOW)
    kept = record.new_record(
        folder,
        Plan(workflow="prepare_reference", subject="b", parameters={}),
        profile="local",
        commit="abc1234",
        versions={},
        tools={},
    )
    kept.attempts = 1  # somebody has begun with it
    folder.save(kept)
    return folder


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path) -> None:
    first = record.create(tmp_path, "prepare_reference", "abc1234", NOW)
    second = record.create(tmp_path, "prepare_reference", "abc1234", NOW)
    assert first.run_id == "prepare_reference-abc1234-20260102T030405Z"
    assert second.run_id == "prepare_reference-abc1234-20260102T030405Z-2"


def test_runs_are_ordered_by_time_and_then_suffix(tmp_path: Path) -> None:
    early = _saved(tmp_path)
    twin = _saved(tmp_path)
    assert [folder.run_id for folder in record.every(tmp_path)] == [twin.run_id, early.run_id]


def test_a_run_that_nobody_carries_out_is_interrupted(tmp_path: Path) -> None:
    folder = _saved(tmp_path)
    assert folder.load().status == "interrupted"
    with folder.locked():
        assert folder.load().status == "running"
        with pytest.raises(UsageError, match="still being carried out"), folder.locked():
            pass
    assert folder.load().status == "interrupted"


def test_a_nextflow_that_outlives_its_starter_still_has_the_run(tmp_path: Path) -> None:
    folder = _saved(tmp_path)
    with folder.locked() as lock:
        orphan = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,))
    assert folder.load().status == "running"
    orphan.communicate()
    assert folder.load().status == "interrupted"


@pytest.mark.parametrize("reason", [errno.ENOSYS, errno.ENOLCK])
def test_a_file_system_without_locks_is_told_and_its_runs_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    folder = _saved(tmp_path)

    def refused(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(record.fcntl, "flock", refused)
    with pytest.raises(StargazerError, match=f"{tmp_path} has no locks") as error, folder.locked():
        pass
    assert "STARGAZER_LOCAL" in str(error.value.hint)
    with pytest.raises(StargazerError, match="has no locks"):
        record.create(tmp_path, "prepare_reference", "abc1234", NOW)
    assert [each.name for each in tmp_path.iterdir()] == [folder.run_id]
    assert folder.load().status == "running"
    os.utime(folder.lock, (0, 0))
    assert folder.load().status == "interrupted"


def test_to_look_whether_a_run_is_free_is_no_sign_of_life(tmp_path: Path) -> None:
    folder = _saved(tmp_path)
    os.utime(folder.lock, (0, 0))
    folder.check_free()
    assert folder.silence() > 1e6
    with folder.alive():
        pass
    assert folder.silence() < 60


def test_signs_of_life_are_by_the_clock_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _saved(tmp_path)
    now = time.time()
    monkeypatch.setattr(record.time, "time", lambda: now + 3600)
    assert folder.silence() < 60


def test_a_run_is_found_by_the_end_of_its_id_unless_that_is_ambiguous(tmp_path: Path) -> None:
    first = _saved(tmp_path)
    assert record.find(tmp_path, "20260102T030405Z").run_id == first.run_id
    _saved(tmp_path)
    with pytest.raises(UsageError, match="2 runs match 'prepare'"):
        record.find(tmp_path, "prepare")


@pytest.mark.parametrize("run_id", ["../etc", "nothing", "", "a/b"])
def test_an_unknown_run_is_refused(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(UsageError):
        record.find(tmp_path, run_id)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    folder = _saved(tmp_path)
    (folder.path / "run.json").write_text("{")
    with pytest.raises(StargazerError, match=r"run\.json is damaged"):
        folder.load()


def test_the_commit_of_a_checkout_says_when_it_is_dirty(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    (tmp_path / "main.nf").write_text("// one\n")
    git("add", "main.nf")
    git("commit", "-qm", "one")
    clean = record.pipeline_commit(tmp_path)
    assert len(clean) >= 7
    assert "dirty" not in clean
    (tmp_path / "main.nf").write_text("// two\n")
    assert record.pipeline_commit(tmp_path) == f"{clean}-dirty"
    # An installed copy inside somebody else's repository does not carry that repository's commit.
    (tmp_path / "inner").mkdir()
    assert record.pipeline_commit(tmp_path / "inner") == f"v{__version__}"

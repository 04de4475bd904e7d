"""A run in the background with the real Nextflow, its work on another disk: killed, ended, gone on with."""

import os
import signal
from pathlib import Path

import pytest
from e2e.user import User, made
from helpers.disk import SmallDisk
from helpers.stand_in import wait_until

from stargazer_cli.runs import holder
from stargazer_cli.runs.record import RunFolder

pytestmark = pytest.mark.pipeline


def test_a_run_outlives_its_login_and_its_stargazer_and_is_cancelled_and_gone_on_with(
    user: User, bundled: Path, small_disk: SmallDisk
) -> None:
    user.adds(bundled / "reference.fa", "-k", "asset=reference", "-k", "build=trio")
    scratch = small_disk.mount("64m")
    request = ("run", "prepare-reference", "--build", "trio", "--aligner", "bwa")
    started = user.succeeds(*request, "--detach", "--json", STARGAZER_WORK=str(scratch)).json
    folder = RunFolder(user.local / "runs" / started["run_id"])
    kept = folder.read()
    os.kill(kept.pid, signal.SIGKILL)
    wait_until(lambda: any((scratch / folder.run_id).glob("*/*/.command.begin")), 180)
    assert holder.holds(kept.nextflow_pid, folder)
    assert folder.load().status == "running"
    user.succeeds("runs", "cancel", folder.run_id)
    assert not holder.holds(kept.nextflow_pid, folder)
    assert folder.load().status == "interrupted"
    user.succeeds("run", "--resume", folder.run_id, "--detach")
    done = user.succeeds("runs", "attach", folder.run_id, "--json")
    assert made(done, asset="sequence_dict")
    assert len(made(done, asset="aligner_index")) == 5
    assert all(user.plans(*request[1:]).values())
    user.succeeds("assets", "verify")
    assert list(scratch.iterdir()) == []

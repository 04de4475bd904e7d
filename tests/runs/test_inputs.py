"""What a run is given is hashed before it begins, and what ends it is told."""

import errno
import os
from pathlib import Path

import pytest

from stargazer_cli.assets import Asset, Reference
from stargazer_cli.errors import StargazerError
from stargazer_cli.runs import launch, record
from stargazer_cli.runs.execute import execute, resume
from stargazer_cli.runs.plan import Plan, Step
from stargazer_cli.runs.site import Site, find_site
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile


@pytest.fixture
def site(store: LocalStore, settings: Settings) -> Site:
    return find_site(settings, store, "podman", "prepare_reference", "bwa")


@pytest.fixture
def reference(store: LocalStore, tmp_path: Path) -> Asset:
    (tmp_path / "r.fa").write_text(">a\nACGT\n")
    return store.add([NewFile(tmp_path / "r.fa", Reference(build="b"))])[0].asset


@pytest.fixture
def plan(store: LocalStore, reference: Asset) -> Plan:
    """A plan with something to compute from the reference, whose file then loses a byte on the disk."""
    staged = store.stage(reference.cid, reference.name)
    before = staged.stat()
    staged.chmod(0o644)
    staged.write_text(">a\nACGA\n")
    os.utime(staged, ns=(before.st_atime_ns, before.st_mtime_ns))
    return Plan(
        workflow="prepare_reference",
        subject="b",
        parameters={},
        inputs={str(staged): reference.cid},
        steps=[Step(stage="samtools_faidx", subject="b", reused=False)],
    )


def test_a_run_does_not_begin_with_a_damaged_input(site: Site, plan: Plan, reference: Asset) -> None:
    assert site.store.stage(reference.cid, reference.name).exists()  # size and time are as they were
    with pytest.raises(StargazerError, match=f"{reference.cid} is damaged"):
        execute(site, plan, print)
    assert not site.runs.exists()


def test_a_run_does_not_go_on_with_one(site: Site, plan: Plan) -> None:
    folder = record.create(site.runs, plan.workflow, "abc1234")
    kept = record.new_record(folder, plan, profile="podman", commit="abc1234", versions={}, tools={})
    kept.status = "failed"
    folder.save(kept)
    with pytest.raises(StargazerError, match="is damaged") as refused:
        resume(site, folder.run_id, print)
    ended = folder.load()
    assert (ended.status, ended.error, ended.hint) == ("failed", str(refused.value), refused.value.hint)
    assert ended.command == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_a_run_with_what_to_do(
    site: Site, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Where not even the run's record can be written."""
    plan = Plan(
        workflow="prepare_reference",
        subject="b",
        parameters={},
        inputs={},
        steps=[Step(stage="samtools_faidx", subject="b", reused=False)],
    )

    def full(*_arguments: object, **_options: object) -> int:
        monkeypatch.setattr(record.RunFolder, "save", full)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(launch, "run", full)
    with pytest.raises(StargazerError) as caught:
        execute(site, plan, print)
    run_id = next(site.runs.iterdir()).name
    assert f"The run {run_id} could not go on. {os.strerror(number)}" in caught.value.message
    assert f"stargazer run --resume {run_id}" in str(caught.value.hint)

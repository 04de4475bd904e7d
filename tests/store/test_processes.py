"""Several processes on one store."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.processes import fork, wait_for

from stargazer_cli.assets import Reference
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.upkeep import verify


@pytest.fixture
def quick_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalStore]:
    """A store in memory, where the machine has that: what is tried is the locks, and not the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        monkeypatch.setenv("STARGAZER_LOCAL", f"{folder}/my store")
        yield LocalStore(Settings())


def test_eight_processes_of_two_hundred_adds_lose_nothing(quick_store: LocalStore, tmp_path: Path) -> None:
    """Each add is a call of its own, as from a loop in a shell; every tenth file is shared by all."""
    workers, each = 8, 200

    def work(worker: int) -> None:
        own = LocalStore(quick_store.settings)
        for n in range(each):
            name = f"shared-{n}" if n % 10 == 0 else f"{worker}-{n}"
            path = tmp_path / f"{worker}-{name}"
            path.write_text(name)
            own.add([NewFile(path, Reference(build=name, run_ids=[f"run{worker}"]))])

    wait_for([fork(lambda worker=worker: work(worker)) for worker in range(workers)])
    found = {asset.build: asset for asset in quick_store.find(asset="reference")}
    shared = {f"shared-{n}" for n in range(0, each, 10)}
    assert found.keys() == shared | {f"{w}-{n}" for w in range(workers) for n in range(each) if n % 10}
    assert len(quick_store.find()) == len(found)
    for build in shared:
        assert sorted(found[build].run_ids) == [f"run{worker}" for worker in range(workers)]
    report = verify(quick_store)
    assert (report.checked, report.is_sound, report.orphaned) == (len(found), True, ())


def test_a_reader_never_sees_half_a_write(store: LocalStore, tmp_path: Path) -> None:
    """The writer goes on until the reader has looked in between often enough."""
    enough = tmp_path / "enough"

    def write() -> None:
        own = LocalStore(store.settings)
        for n in itertools.count():
            if enough.exists():
                break
            pair = [tmp_path / f"{n}-{part}" for part in range(2)]
            for path in pair:
                path.write_text(path.name)
            own.add([NewFile(path, Reference(build="b" * 2000)) for path in pair])

    child = fork(write)
    counts = []
    while len(set(counts)) < 20:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the writer failed"
        found = store.find()
        assert all(asset.path is not None for asset in found)
        counts.append(len(found))
    enough.touch()
    wait_for([child])
    assert counts == sorted(counts)
    assert [count for count in counts if count % 2] == []  # of a pair there are both or none
    assert len(store.find()) == len(list(tmp_path.glob("*-*")))


def test_the_workspace_of_a_living_writer_is_left_alone(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    with store.objects.workspace() as workspace:
        store.add([NewFile(path, Reference(build="b"))])
        assert workspace.is_dir()
    assert not workspace.exists()

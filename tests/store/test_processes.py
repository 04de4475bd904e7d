"""Several processes on one store, and processes that are killed."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stargazer_cli.assets import R1, Reference
from stargazer_cli.store import LocalStore, NewFile, cid_of

KILLS = 25


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own, without the start-up of a new interpreter."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def test_processes_that_add_at_once_lose_nothing(store: LocalStore, tmp_path: Path) -> None:
    workers, each = 6, 20

    def work(worker: int) -> None:
        own = LocalStore(store.settings)
        for n in range(each):
            # One file of its own, and one that every worker adds.
            mine, shared = tmp_path / f"{worker}-{n}", tmp_path / f"shared-{worker}-{n}"
            mine.write_text(f"{worker}-{n}")
            shared.write_text(f"shared {n}")
            own.add(
                [
                    NewFile(mine, R1(sample_id=f"s{worker}-{n}")),
                    NewFile(shared, Reference(build=f"b{n}", run_ids=[f"run{worker}"])),
                ]
            )
            own.find(sample_id=f"s{worker}-{n}")

    children = [fork(lambda worker=worker: work(worker)) for worker in range(workers)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * workers
    reads = store.find(asset="r1")
    assert {asset.name for asset in reads} == {f"{w}-{n}" for w in range(workers) for n in range(each)}
    references = store.find(asset="reference")
    assert len(references) == each
    assert all(sorted(asset.run_ids) == [f"run{w}" for w in range(workers)] for asset in references)
    objects = list((store.root / "objects").iterdir())
    assert len(objects) == workers * each + each
    assert all(cid_of(path) == path.name for path in objects)
    assert list((store.root / "incoming").iterdir()) == []


def test_a_reader_never_sees_half_a_write(store: LocalStore, tmp_path: Path) -> None:
    def write() -> None:
        own = LocalStore(store.settings)
        for n in range(60):
            path = tmp_path / f"{n}"
            path.write_text(f"{n}")
            own.add([NewFile(path, Reference(build="b" * 2000))])

    child = fork(write)
    counts = []
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        found = store.find()
        assert all(asset.path is not None for asset in found)
        counts.append(len(found))
    assert counts == sorted(counts)
    assert len(store.find()) == 60


@pytest.mark.timeout(120)
def test_a_killed_writer_loses_nothing_that_it_acknowledged(store: LocalStore, tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged: dict[str, str] = {}
    for kill in range(KILLS):
        reader, writer = os.pipe()

        def work(kill: int = kill, writer: int = writer) -> None:
            own = LocalStore(store.settings)
            for n in range(10_000):
                files = []
                for part in range(3):
                    path = tmp_path / f"{kill}-{n}-{part}"
                    path.write_text(f"{kill} {n} {part} " * 20_000)
                    files.append(NewFile(path, R1(sample_id=f"s{kill}-{n}-{part}")))
                done = own.add(files)
                os.write(writer, "".join(f"{a.asset.name} {a.asset.cid}\n" for a in done).encode())
                for file in files:
                    file.path.unlink()

        child = fork(work)
        os.close(writer)
        first = os.read(reader, 1)  # the child is at work
        time.sleep(chance.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as rest:
            lines = (first + rest.read()).decode().splitlines()
        acknowledged.update(line.split() for line in lines)
        found = {asset.name: asset for asset in store.find()}
        assert acknowledged.items() <= {(name, asset.cid) for name, asset in found.items()}
        assert all(asset.path is not None for asset in found.values())
        # A batch is there as a whole or not at all.
        batches = {name.rpartition("-")[0] for name in found}
        assert len(found) == 3 * len(batches)

    assert len(acknowledged) >= 3 * KILLS
    for path in (store.root / "objects").iterdir():
        assert cid_of(path) == path.name
    # The next writer sweeps what the killed ones left.
    (tmp_path / "last").write_text("last")
    store.add([NewFile(tmp_path / "last", Reference(build="b"))])
    assert list((store.root / "incoming").iterdir()) == []


def test_the_workspace_of_a_living_writer_is_left_alone(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    with store.objects.workspace() as workspace:
        store.add([NewFile(path, Reference(build="b"))])
        assert workspace.is_dir()
    assert not workspace.exists()

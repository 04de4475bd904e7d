"""What a store promises wherever its records are kept: in the file, or on a server for several machines."""

import os
import signal
import time
from pathlib import Path

import pytest
from helpers.processes import fork

from stargazer_cli.assets import R1, Alignment, AlignmentIndex, Reference, ReferenceIndex
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile, cid_of


@pytest.fixture(params=["json", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "shared folder"))
    if request.param == "postgres":
        monkeypatch.setenv("STARGAZER_DB", request.getfixturevalue("database"))
    return Settings()


@pytest.fixture
def machines(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Settings of two machines, which find the shared folder under paths of their own."""
    settings.local.mkdir()
    other = tmp_path / "as another machine sees it"
    other.symlink_to(settings.local, target_is_directory=True)
    monkeypatch.setenv("STARGAZER_LOCAL", str(other))
    return [settings, Settings()]


def file(path: Path, content: str = "content") -> Path:
    path.write_text(content)
    return path


def test_two_machines_with_several_processes_lose_nothing_and_make_nothing_twice(
    machines: list[Settings], tmp_path: Path
) -> None:
    workers, each = 8, 15

    def work(worker: int) -> None:
        own = LocalStore(machines[worker % 2])
        for n in range(each):
            # One file of its own, and one that every worker adds.
            mine = file(tmp_path / f"{worker}-{n}", f"{worker}-{n}")
            shared = file(tmp_path / f"shared-{worker}-{n}", f"shared {n}")
            own.add(
                [
                    NewFile(mine, R1(sample_id=f"s{worker}-{n}")),
                    NewFile(shared, Reference(build=f"b{n}", run_ids=[f"run{worker}"])),
                ]
            )
            [found] = own.find(sample_id=f"s{worker}-{n}")
            assert found.path is not None
            assert found.path.read_text() == f"{worker}-{n}"

    children = [fork(lambda worker=worker: work(worker)) for worker in range(workers)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * workers
    store = LocalStore(machines[0])
    reads = store.find(asset="r1")
    assert sorted(asset.name for asset in reads) == sorted(
        f"{w}-{n}" for w in range(workers) for n in range(each)
    )
    references = store.find(asset="reference")
    assert len(references) == each
    assert all(sorted(asset.run_ids) == [f"run{w}" for w in range(workers)] for asset in references)
    objects = list((store.root / "objects").iterdir())
    assert len(objects) == workers * each + each
    assert all(cid_of(path) == path.name for path in objects)
    assert list((store.root / "incoming").iterdir()) == []


def test_a_writer_killed_at_any_time_loses_nothing_that_it_acknowledged(
    machines: list[Settings], tmp_path: Path
) -> None:
    acknowledged: set[str] = set()
    for kill in range(12):
        reader, writer = os.pipe()

        def work(kill: int = kill, writer: int = writer) -> None:
            own = LocalStore(machines[kill % 2])
            for n in range(10_000):
                names = [f"{kill}-{n}-{part}" for part in range(2)]
                own.add([NewFile(file(tmp_path / name, name * 9_999), R1(sample_id=name)) for name in names])
                os.write(writer, "".join(f"{name}\n" for name in names).encode())

        child = fork(work)
        os.close(writer)
        first = os.read(reader, 1)
        time.sleep(0.004 * kill)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as rest:
            acknowledged.update((first + rest.read()).decode().splitlines())
    store = LocalStore(machines[0])
    found = {asset.name: asset for asset in store.find()}
    assert acknowledged <= found.keys()
    assert all(asset.path is not None and cid_of(asset.path) == asset.cid for asset in found.values())
    assert len(found) == 2 * len({name.rpartition("-")[0] for name in found})
    assert len(acknowledged) >= 24


def test_a_change_that_fails_takes_its_bytes_back(store: LocalStore, tmp_path: Path) -> None:
    kept = store.add([NewFile(file(tmp_path / "kept"), Reference(build="a"))])[0].asset
    with pytest.raises(TypeError), store.metadata.transaction() as table:
        table.remove(lambda record: True)
        table.insert({"name": object()})
    absent = NewFile(tmp_path / "absent", Reference(build="b"))
    with pytest.raises(StargazerError):
        store.add([NewFile(file(tmp_path / "new", "new"), Reference(build="b")), absent])
    assert store.find() == [kept]
    assert [path.name for path in (store.root / "objects").iterdir()] == [kept.cid]


def test_records_are_changed_and_deleted_one_by_one(store: LocalStore, tmp_path: Path) -> None:
    bam, bai = file(tmp_path / "a.bam", "bam"), file(tmp_path / "a.bai", "bai")
    store.add([NewFile(bam, Alignment(sample_id="a", run_ids=["1"]))])
    store.add(
        [
            NewFile(bam, Alignment(sample_id="b", run_ids=["2"])),
            NewFile(bai, AlignmentIndex(sample_id="a"), links={"alignment_cid": bam}),
        ]
    )
    cid = cid_of(bam)
    with pytest.raises(UsageError, match="record"):
        store.update(cid, {"tool": "bwa"})
    a, b = (store.find(asset="alignment", sample_id=sample)[0] for sample in "ab")
    changed = store.update(a.id, {"tool": "bwa", "duplicates_marked": True})
    assert store.find(duplicates_marked=True, sample_id="a") == store.find(tool="bwa") == [changed]
    assert store.find(tool="bwa", sample_id="b") == []
    # What says the same afterwards becomes one, and nothing of it is lost.
    one = store.update(b.id, {"sample_id": "a", "tool": "bwa", "duplicates_marked": True})
    assert store.by_cid(cid) == [one]
    assert sorted(one.run_ids) == ["1", "2"]
    assert [(link.asset.name, link.field) for link in store.links_to(cid)] == [("a.bai", "alignment_cid")]
    with pytest.raises(UsageError, match=r"a\.bai"):
        store.delete(cid)
    assert store.by_cid(cid) == [one]
    assert store.delete(cid, force=True).object_removed
    assert (store.by_cid(cid), store.object(cid)) == ([], None)
    assert [asset.name for asset in store.find()] == ["a.bai"]


def test_bytes_stay_while_one_record_names_them(store: LocalStore, tmp_path: Path) -> None:
    path = file(tmp_path / "x.fq")
    for sample in "ab":
        store.add([NewFile(path, R1(sample_id=sample))])
    [a], [b] = store.find(sample_id="a"), store.find(sample_id="b")
    assert not store.delete(a.id).object_removed
    assert store.find() == [b]
    assert store.object(b.cid) is not None


def test_one_deletes_while_another_adds(machines: list[Settings], tmp_path: Path) -> None:
    # At the end a record and its bytes are both there, or neither.
    path = file(tmp_path / "x.fa")

    def add() -> None:
        for _ in range(30):
            LocalStore(machines[0]).add([NewFile(path, Reference(build="b"))])

    child = fork(add)
    other = LocalStore(machines[1])
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        for asset in other.find():
            other.delete(asset.id)
    for asset in other.find():
        assert asset.path is not None
    assert len(other.find()) == len(list((other.root / "objects").iterdir()))


def test_companions_are_found_wherever_the_records_are(store: LocalStore, tmp_path: Path) -> None:
    fasta, fai = file(tmp_path / "r.fa", ">c\nA\n"), file(tmp_path / "r.fa.fai", "c\t1\t3\t1\t2\n")
    store.add(
        [
            NewFile(fasta, Reference(build="b")),
            NewFile(fai, ReferenceIndex(build="b"), links={"reference_cid": fasta}),
        ]
    )
    [reference] = store.find(asset="reference")
    assert [asset.name for asset in reference.companions(store)] == ["r.fa.fai"]

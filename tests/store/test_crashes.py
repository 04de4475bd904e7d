"""Writers that are killed at any moment: what they had acknowledged is there, and nothing is in halves."""

import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from helpers.processes import fork

from stargazer_cli.assets import R1, Reference
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.upkeep import collect_garbage, verify

KILLS = 220
STEPS = 6  # what a writer says of each batch


@dataclass
class Told:
    """What writers said that they had done, by the name of the file."""

    added: dict[str, str] = field(default_factory=dict)
    lanes: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        act, name, *rest = line.split()
        if act == "added":
            self.added[name] = rest[0]
        elif act == "updated":
            self.lanes[name] = rest[0]
        elif act == "deleting":
            self.begun.add(name)
        else:
            self.deleted.add(name)


def write_for_ever(store: LocalStore, folder: Path, kill: int, voice: int) -> None:
    """Add batches of three, change a record of each, delete another one; say so after each."""

    def say(*words: str) -> None:
        os.write(voice, (" ".join(words) + "\n").encode())

    own = LocalStore(store.settings)
    for n in range(10_000):
        files = []
        for part in range(3):
            path = folder / f"{kill}-{n}-{part}"
            # More than a chunk, so that half a file would have another CID.
            path.write_text(f"{kill} {n} {part} " * 30_000)
            files.append(NewFile(path, R1(sample_id=f"s{kill}-{n}-{part}")))
        first, second, third = (added.asset for added in own.add(files))
        for asset in (first, second, third):
            say("added", asset.name, asset.cid)
        own.update(second.id, {"lane": f"L{n}"})
        say("updated", second.name, f"L{n}")
        say("deleting", third.name)
        own.delete(third.cid)
        say("deleted", third.name)


def check(store: LocalStore, told: Told) -> None:
    found = {record["name"]: record for record in store.metadata.read()}
    for name, cid in told.added.items():
        if name in told.deleted:
            assert name not in found
        elif name not in told.begun:
            assert found[name]["cid"] == cid
    for name, lane in told.lanes.items():
        assert found[name]["keyvalues"]["lane"] == lane
    for record in found.values():
        assert store.object(record["cid"]) is not None
    # A batch is there as a whole or not at all; of three, one may have been deleted since.
    parts: dict[str, set[str]] = {}
    for name in found:
        batch, _, part = name.rpartition("-")
        parts.setdefault(batch, set()).add(part)
    assert all(present in ({"0", "1", "2"}, {"0", "1"}) for present in parts.values())


def _line(ear: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        letter = os.read(ear, 1)
        assert letter, "the writer failed"
        line += letter
    return line


@pytest.mark.timeout(180)
def test_hundreds_of_killed_writers_lose_nothing_that_they_acknowledged(
    store: LocalStore, tmp_path: Path
) -> None:
    chance = random.Random(7)
    told = Told()
    for kill in range(KILLS):
        ear, voice = os.pipe()
        child = fork(lambda kill=kill, voice=voice: write_for_ever(store, tmp_path, kill, voice))
        os.close(voice)
        try:
            # Anywhere in its first steps, or after so many of them: after one, and not at it.
            heard = b"".join(_line(ear) for _ in range(chance.randrange(2 * STEPS)))
            time.sleep(chance.uniform(0, 0.03))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        with os.fdopen(ear, "rb") as rest:
            lines = (heard + rest.read()).decode().splitlines()
        for line in lines:
            told.hear(line)
        check(store, told)

    assert min(len(told.added), 2 * len(told.lanes), 2 * len(told.deleted)) > KILLS
    report = verify(store)
    assert (report.missing, report.damaged) == ((), ())
    # What the killed ones left is no more than room, and goes.
    (tmp_path / "last").write_text("last")
    store.add([NewFile(tmp_path / "last", Reference(build="b"))])
    collect_garbage(store, older_than=0, force=True)  # they may have left more files than have a record
    report = verify(store)
    assert (report.orphaned, report.strange, report.is_sound) == ((), (), True)
    for folder in ("incoming", "layouts"):
        assert not list((store.root / folder).glob("*"))
    assert {path.name for path in store.objects.seals.iterdir()} <= {
        record["cid"] for record in store.metadata.read()
    }

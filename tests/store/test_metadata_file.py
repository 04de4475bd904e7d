"""The metadata file: its form, when it is read and written, and what happens when it is not as it was."""

import contextlib
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from helpers.disk import SmallDisk
from tinydb import TinyDB, where

from stargazer_cli.assets import Reference
from stargazer_cli.errors import StargazerError
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.metadata import json_file
from stargazer_cli.store.metadata.json_file import NAME, JsonMetadata
from stargazer_cli.store.metadata.match import Match

CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


def record(number: int, **keyvalues: str) -> dict[str, Any]:
    return {
        "id": f"{number:016x}",
        "cid": f"bafy{number}",
        "name": f"{number}.fa",
        "keyvalues": {"asset": "reference", "build": f"b{number}"} | keyvalues,
        "run_ids": [],
        "derived_from": [],
        "recipe": "",
        "recipes": [],
        "created_at": "2026-01-01T00:00:00+00:00",
        "owner": "",
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def metadata(root: Path) -> JsonMetadata:
    """Three records, and an object as every store with records has."""
    metadata = JsonMetadata(root)
    with metadata.transaction() as table:
        table.insert_multiple(record(number) for number in (1, 2, 3))
    (root / "objects").mkdir()
    (root / "objects" / "bafy1").touch()
    return metadata


def builds(metadata: JsonMetadata) -> list[str]:
    return [found["keyvalues"]["build"] for found in metadata.read()]


def kept(root: Path, what: str) -> list[Path]:
    return sorted(root.glob(f"{NAME}.{what}-*"))


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


class TestForm:
    def test_one_record_a_line_for_people_and_for_tinydb(self, metadata: JsonMetadata, root: Path) -> None:
        lines = (root / NAME).read_text().splitlines()
        assert lines[0] == '{"assets": {'
        shown = [json.loads(line.rstrip(",").partition(": ")[2]) for line in lines[1:4]]
        assert shown == metadata.read().all()
        assert lines[4] == "},"
        assert json.loads((root / NAME).read_text())["stargazer"]["1"]["records"] == 3
        plain = TinyDB(root / NAME, access_mode="r").table("assets")
        assert plain.all() == metadata.read().all()
        assert plain.search(where("keyvalues").build == "b2")[0].doc_id == 2

    def test_a_change_of_one_record_changes_one_line(self, metadata: JsonMetadata, root: Path) -> None:
        before = (root / NAME).read_text().splitlines()
        with metadata.transaction() as table:
            table.update({"owner": "me"}, doc_ids=[2])
        after = (root / NAME).read_text().splitlines()
        assert [n for n, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [2, 5]

    def test_no_records(self, root: Path) -> None:
        metadata = JsonMetadata(root)
        assert metadata.read().all() == []
        assert not root.exists()
        with metadata.locked():
            pass
        assert json.loads((root / NAME).read_text())["assets"] == {}
        assert JsonMetadata(root).read().all() == []

    def test_any_text_stays_as_it_is(self, metadata: JsonMetadata, root: Path) -> None:
        text = 'a\n"b", \\ \u2028 },\n"stargazer" \N{GRINNING FACE} \x00'
        with metadata.transaction() as table:
            table.insert(record(4, build=text))
        assert builds(JsonMetadata(root))[3] == text

    def test_a_newer_form_is_refused_and_left(self, metadata: JsonMetadata, root: Path) -> None:
        content = (root / NAME).read_bytes().replace(b'"format":1', b'"format":2')
        (root / NAME).write_bytes(content)
        with pytest.raises(StargazerError, match="newer version"):
            JsonMetadata(root).read()
        assert (root / NAME).read_bytes() == content


class TestReadingAndWriting:
    def test_the_file_is_read_again_only_when_it_changed(
        self, metadata: JsonMetadata, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads = []
        real = json_file.sealed.unseal
        monkeypatch.setattr(json_file.sealed, "unseal", lambda stream: (reads.append(1), real(stream))[1])
        other = JsonMetadata(root)
        for _ in range(3):
            assert len(other.read()) == 3
        assert len(reads) == 1
        with metadata.transaction() as table:
            table.insert(record(4))
        assert len(metadata.read()) == 4
        assert len(reads) == 1  # who writes knows what is there
        assert len(other.read()) == len(other.read()) == 4
        assert len(reads) == 2

    def test_what_another_process_changed_is_found_by_its_keys(
        self, metadata: JsonMetadata, root: Path
    ) -> None:
        reader = JsonMetadata(root)
        assert reader.read().count(Match({"build": "b1"})) == 1
        with metadata.transaction() as table:
            table.update({"keyvalues": {"build": "new"}, "run_ids": ["r"]}, doc_ids=[1])
            table.remove(doc_ids=[2])
            table.insert(record(4))
        found = reader.read()
        assert [found.count(Match({"build": build})) for build in ("b1", "b2", "new", "b4")] == [0, 0, 1, 1]
        assert [found.count(Match({"run_ids": "r"})), found.count(Match({"cid": "bafy1"}))] == [1, 1]

    def test_a_change_within_one_tick_of_the_clock_is_seen(self, metadata: JsonMetadata, root: Path) -> None:
        reader, path = JsonMetadata(root), root / NAME
        for number in range(30):
            with metadata.transaction() as table:
                table.update({"owner": f"{number:02}"})
            # The worst case: the same inode, the same size, the same times.
            assert {found["owner"] for found in reader.read()} == {f"{number:02}"}
            held = reader._held
            assert held is not None
            reader._held = ((*json_file._stamp(path.open("rb"))[:4], held[0][4]), held[1])

    def test_a_transaction_is_one_write_and_none_without_a_change(
        self, metadata: JsonMetadata, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writes = []
        real = json_file.replace_file
        monkeypatch.setattr(
            json_file, "replace_file", lambda path, content: (writes.append(1), real(path, content))
        )
        with metadata.transaction() as table:
            for number in range(4, 50):
                table.insert(record(number))
            table.update({"owner": "me"}, Match({"build": "b7"}))
            table.remove(doc_ids=[1])
        assert len(writes) == 1
        with metadata.transaction() as table:
            table.update({"owner": "me"}, Match({"build": "b7"}))
            assert table.remove(Match({"build": "none"})) == []
        assert len(writes) == 1

    def test_a_transaction_that_fails_leaves_everything(self, metadata: JsonMetadata, root: Path) -> None:
        before = {path: path.read_bytes() for path in root.glob(f"{NAME}*")}
        with pytest.raises(KeyError), metadata.transaction() as table:
            table.insert(record(4))
            table.update({"cid": "changed"})
            table.remove(doc_ids=[2])
            assert builds(metadata) == ["b1", "b2", "b3"]  # nobody sees what is not done
            raise KeyError
        assert builds(metadata) == builds(JsonMetadata(root)) == ["b1", "b2", "b3"]
        assert metadata.read().search(Match({"cid": ["changed", "bafy2"]}))[0].doc_id == 2
        assert {path: path.read_bytes() for path in root.glob(f"{NAME}*")} == before

    def test_a_table_is_a_moment_and_is_not_changed_outside_of_a_transaction(
        self, metadata: JsonMetadata
    ) -> None:
        before = metadata.read()
        with metadata.transaction() as table:
            table.insert(record(4))
            table.update({"keyvalues": {"build": "new"}}, doc_ids=[1])
        assert before.count(Match({"build": "b1"})) == 1
        assert before.count(Match({"build": ["new", "b4"]})) == 0
        for late in (before, table, metadata.read(), JsonMetadata(metadata._root).read()):
            with pytest.raises(RuntimeError, match="in a transaction"):
                late.insert(record(5))

    @pytest.mark.parametrize("by", ["something else", "a transaction within it"])
    def test_a_change_meanwhile_is_not_written_over(
        self, metadata: JsonMetadata, root: Path, by: str
    ) -> None:
        with pytest.raises(StargazerError, match="wrote to"), metadata.transaction() as table:
            table.insert(record(4))
            if by == "something else":
                TinyDB(root / NAME).table("assets").update({"name": "changed"}, doc_ids=[1])
            else:
                with metadata.transaction() as inner:
                    inner.update({"name": "changed"}, doc_ids=[1])
        document = json.loads((root / NAME).read_text())
        assert document["assets"]["1"]["name"] == "changed"
        assert len(document["assets"]) == 3

    def test_an_insert_among_many_is_no_more_work(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """But for the bytes to write: an earlier system read and encoded all records for each."""
        metadata = JsonMetadata(root)
        work: Counter[str] = Counter()

        def counted(module: ModuleType, name: str) -> None:
            real = getattr(module, name)

            def call(*arguments: Any) -> Any:
                work[name] += 1
                return real(*arguments)

            monkeypatch.setattr(module, name, call)

        for module, name in (
            (json_file.sealed, "unseal"),
            (json_file, "replace_file"),
            (orjson, "loads"),
            (orjson, "dumps"),
        ):
            counted(module, name)
        measured = []
        for size in (10, 2_000):
            with metadata.transaction() as table:
                table.insert_multiple(record(number) for number in range(len(table), size))
            work.clear()
            for number in range(size, size + 5):
                with metadata.transaction() as table:
                    table.insert(record(number))
            measured.append(dict(work))
        # One record, and one seal of the file.
        assert measured == [{"replace_file": 5, "loads": 5, "dumps": 10}] * 2
        assert len(JsonMetadata(root).read()) == 2_005

    def test_threads_see_whole_transactions(self, metadata: JsonMetadata) -> None:
        failures: list[BaseException] = []
        done = threading.Event()

        def write(worker: int) -> None:
            for number in range(20):
                with metadata.transaction() as table:
                    table.insert(record(1000 + 100 * worker + number, pair=f"{worker}-{number}"))
                    table.insert(record(5000 + 100 * worker + number, pair=f"{worker}-{number}"))

        def watch() -> None:
            while not done.is_set():
                table = metadata.read()
                for worker in range(3):
                    for number in (0, 10, 19):
                        assert table.count(where("keyvalues").pair == f"{worker}-{number}") in (0, 2)
                assert len(table) % 2 == 1

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        writers = [threading.Thread(target=guarded, args=(lambda w=w: write(w),)) for w in range(3)]
        watcher = threading.Thread(target=guarded, args=(watch,))
        for thread in (watcher, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        watcher.join()
        assert failures == []
        assert len(metadata.read()) == 3 + 3 * 20 * 2

    def test_two_processes_of_fifty_changes_lose_nothing(self, root: Path) -> None:
        # An earlier system left JSON that could not be read, in 6 of 6 trials.
        def work(worker: int) -> None:
            metadata = JsonMetadata(root)
            for number in range(50):
                with metadata.transaction() as table:
                    table.insert(record(100 * worker + number))

        children = []
        for worker in (0, 1):
            if not (child := os.fork()):
                try:
                    work(worker)
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        assert sorted(builds(JsonMetadata(root))) == sorted(
            {f"b{100 * w + n}" for w in (0, 1) for n in range(50)}
        )

    def test_a_killed_writer_leaves_a_whole_file_with_all_that_it_acknowledged(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        chance = random.Random(3)
        acknowledged = 0
        for kill in range(40):
            reader, writer = os.pipe()
            if not (child := os.fork()):
                own = JsonMetadata(root)
                while True:
                    with own.transaction() as table:
                        first = len(table)
                        table.insert_multiple(record(first + n, text="x" * 2000) for n in range(10))
                    os.write(writer, b"%d\n" % (first + 10))
            os.close(writer)
            begun = os.read(reader, 1)
            time.sleep(chance.uniform(0, 0.05))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            with os.fdopen(reader, "rb") as rest:
                said = [int(line) for line in (begun + rest.read()).split()]
            acknowledged = max([acknowledged, *said])
            found = len(JsonMetadata(root).read())
            assert found >= acknowledged, kill
            assert found % 10 == 0
            if kill % 10 == 0:
                shutil.rmtree(root)
                acknowledged = 0
        with JsonMetadata(root).transaction() as table:
            table.insert(record(0))
        assert names(root) == {NAME, f"{NAME}.last", "locks"}
        assert (root / NAME).read_bytes() == (root / f"{NAME}.last").read_bytes()
        assert caplog.messages == []

    def test_a_writer_that_died_between_the_file_and_its_copy(
        self, metadata: JsonMetadata, root: Path
    ) -> None:
        old = (root / f"{NAME}.last").read_bytes()
        with metadata.transaction() as table:
            table.insert(record(4))
        (root / f"{NAME}.last").write_bytes(old)
        (root / f".{NAME}.0123456789abcdef.part").write_bytes(b"half")
        with JsonMetadata(root).locked():
            assert (root / NAME).read_bytes() == (root / f"{NAME}.last").read_bytes()
        (root / f"{NAME}.last").unlink()
        with JsonMetadata(root).transaction() as table:
            assert (root / NAME).read_bytes() == (root / f"{NAME}.last").read_bytes()
            table.insert(record(5))
        assert not list(root.glob(".*"))

    def test_an_older_file_that_was_put_back_does_not_cost_the_newer_copy(
        self, metadata: JsonMetadata, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        backup = (root / NAME).read_bytes()
        with metadata.transaction() as table:
            table.insert(record(4))
            table.update({"owner": "me"}, doc_ids=[1])
        newer = (root / NAME).read_bytes()
        (root / NAME).write_bytes(backup)
        again = JsonMetadata(root)
        assert builds(again) == ["b1", "b2", "b3"]
        with again.transaction() as table:
            table.insert(record(5))
        [aside] = kept(root, "before-backup")
        assert aside.read_bytes() == newer
        [notice] = caplog.messages
        assert "held 2 records that" in notice
        assert str(aside) in notice
        aside.replace(root / NAME)
        assert builds(JsonMetadata(root)) == ["b1", "b2", "b3", "b4"]

    def test_a_thread_that_holds_the_store_may_take_it_again(self, metadata: JsonMetadata) -> None:
        with metadata.locked(), metadata.locked():
            assert len(metadata.read()) == 3


DAMAGES = {
    "empty": b"",
    "a letter": b"{",
    "no text": b"\xff\xfe\x00",
    "another document": b"[]",
    "no tables": b'{"assets": []}',
    "zeros": bytes(4096),
}


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    """One bit of a brace: no JSON any more."""
    place = content.index(b'{"id"')
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


class TestDamage:
    @pytest.mark.parametrize("damage", [*DAMAGES, "truncated", "flipped", "missing"])
    @pytest.mark.parametrize("way", ["read", "transaction"])
    def test_a_damaged_file_is_kept_aside_and_the_last_good_state_recovered(
        self, metadata: JsonMetadata, root: Path, damage: str, way: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        whole = (root / NAME).read_bytes()
        made = {"truncated": truncated(whole), "flipped": flipped(whole)} | DAMAGES
        if damage == "missing":
            (root / NAME).unlink()
        else:
            (root / NAME).write_bytes(made[damage])
        again = JsonMetadata(root)
        if way == "read":
            assert builds(again) == ["b1", "b2", "b3"]
            assert (root / NAME).read_bytes() == whole
        else:
            with again.transaction() as table:
                table.update({"name": "renamed"}, doc_ids=[1])
        assert [path.read_bytes() for path in kept(root, "damaged")] == (
            [] if damage == "missing" else [made[damage]]
        )
        [notice] = caplog.messages
        assert str(root / NAME) in notice
        assert "last good state of 3 records was recovered" in notice
        assert all(str(path) in notice for path in kept(root, "damaged"))
        # Said once; and nothing of the damage is left to be told.
        assert builds(JsonMetadata(root)) == builds(metadata) == ["b1", "b2", "b3"]
        assert len(caplog.messages) == 1

    @pytest.mark.parametrize("copy", ["none", "damaged too", "edited"])
    def test_without_a_good_copy_nothing_is_touched(
        self, metadata: JsonMetadata, root: Path, copy: str
    ) -> None:
        whole = (root / NAME).read_bytes()
        (root / NAME).write_bytes(truncated(whole))
        if copy == "none":
            (root / f"{NAME}.last").unlink()
        else:
            (root / f"{NAME}.last").write_bytes(truncated(whole) if copy == "damaged too" else whole + b" ")
        before = {path: path.read_bytes() for path in root.glob(f"{NAME}*")}
        for attempt in (metadata.read, metadata.transaction().__enter__, metadata.restore_last):
            with pytest.raises(StargazerError, match=r"is damaged|no good copy") as caught:
                attempt()
            assert caught.value.hint is not None
            assert "backup" in caught.value.hint
        assert {path: path.read_bytes() for path in root.glob(f"{NAME}*")} == before

    def test_a_missing_file_beside_objects_is_told_where_there_is_no_copy(
        self, metadata: JsonMetadata, root: Path
    ) -> None:
        for name in (NAME, f"{NAME}.last"):
            (root / name).unlink()
        for attempt in (metadata.read, metadata.transaction().__enter__):
            with pytest.raises(StargazerError, match="it is missing"):
                attempt()
        assert not (root / NAME).exists()
        assert JsonMetadata(root).accept_edited() == 0  # asked for: begin without records
        assert builds(metadata) == []

    def test_a_store_that_only_pulled_has_a_file_before_its_first_object(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a").write_text("a")

        def die(*arguments: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(store.objects, "place", die)
        with pytest.raises(KeyboardInterrupt):
            store.add([NewFile(tmp_path / "a", Reference(build="b"))])
        assert (store.root / NAME).exists()

    def test_two_damages_at_one_moment_have_names_of_their_own(
        self, metadata: JsonMetadata, root: Path
    ) -> None:
        for content in (b"one", b"two", b"three"):
            (root / NAME).write_bytes(content)
            assert len(metadata.read()) == 3
        assert {path.read_bytes() for path in kept(root, "damaged")} == {b"one", b"two", b"three"}

    def test_one_of_many_readers_puts_it_right(
        self, metadata: JsonMetadata, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (root / NAME).write_bytes(b"damage")
        results: list[int] = []
        threads = [
            threading.Thread(target=lambda: results.append(len(JsonMetadata(root).read()))) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [3] * 6
        assert len(kept(root, "damaged")) == len(caplog.messages) == 1

    def test_a_store_that_cannot_be_written_is_read_from_the_copy(
        self, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
    ) -> None:
        root = small_disk.mount()
        with JsonMetadata(root).transaction() as table:
            table.insert(record(1))
        (root / NAME).write_bytes(b"damage")
        small_disk.make_read_only()
        before = names(root)
        assert builds(JsonMetadata(root)) == ["b1"]
        assert names(root) == before
        assert "cannot be written" in caplog.messages[0]
        with pytest.raises(OSError, match="Read-only"), JsonMetadata(root).transaction():
            pass

    @pytest.mark.parametrize("what", ["a link", "a link to nothing", "a pipe", "a folder"])
    @pytest.mark.parametrize("name", [NAME, f"{NAME}.last"])
    def test_what_is_no_file_is_told_and_left(
        self, metadata: JsonMetadata, root: Path, tmp_path: Path, what: str, name: str
    ) -> None:
        (root / name).replace(tmp_path / "elsewhere")
        if name != NAME:
            (root / NAME).write_bytes(b"damage")
        if what == "a pipe":
            os.mkfifo(root / name)
        elif what == "a folder":
            (root / name).mkdir()
        else:
            (root / name).symlink_to(tmp_path / ("elsewhere" if what == "a link" else "nothing"))
        before = names(root)
        elsewhere = (tmp_path / "elsewhere").read_bytes()
        for attempt in (
            JsonMetadata(root).read,
            JsonMetadata(root).transaction().__enter__,
            JsonMetadata(root).accept_edited,
            JsonMetadata(root).restore_last,
        ):
            with pytest.raises(StargazerError, match=f"{name} is not a plain file|is damaged"):
                attempt()
        assert names(root) == before
        assert (root / name).is_symlink() == what.startswith("a link")
        assert (tmp_path / "elsewhere").read_bytes() == elsewhere

    def test_what_was_read_from_the_copy_is_put_right_before_a_change(
        self, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
    ) -> None:
        root = small_disk.mount()
        metadata = JsonMetadata(root)
        with metadata.transaction() as table:
            table.insert(record(1))
        (root / NAME).write_bytes(b"damage")
        small_disk.make_read_only()
        assert builds(metadata) == builds(metadata) == ["b1"]
        assert len(caplog.messages) == 1
        subprocess.run(["mount", "-o", "remount,bind,rw", str(root)], check=True)
        with metadata.transaction() as table:
            table.insert(record(2))
        assert [path.read_bytes() for path in kept(root, "damaged")] == [b"damage"]
        assert builds(JsonMetadata(root)) == ["b1", "b2"]

    def test_a_full_disk_hides_no_records(
        self, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
    ) -> None:
        root = small_disk.mount()
        metadata = JsonMetadata(root)
        with metadata.transaction() as table:
            table.insert(record(1, text="x" * 20_000))
        (root / NAME).write_bytes(b"damage")
        with contextlib.suppress(OSError), (root / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        before = names(root)
        for _ in range(2):
            assert builds(metadata) == builds(JsonMetadata(root)) == ["b1"]
            with pytest.raises(OSError, match="No space"), metadata.transaction():
                pass
        assert names(root) == before
        assert (root / NAME).read_bytes() == b"damage"
        assert "cannot be written" in caplog.messages[0]
        (root / "filler").unlink()
        with metadata.transaction() as table:
            table.insert(record(2))
        assert builds(JsonMetadata(root)) == ["b1", "b2"]
        assert [path.read_bytes() for path in kept(root, "damaged")] == [b"damage"]

    def test_a_decision_about_a_store_that_cannot_be_written_is_told(self, small_disk: SmallDisk) -> None:
        root = small_disk.mount()
        with JsonMetadata(root).transaction() as table:
            table.insert(record(1))
        edit(root / NAME, lambda document: document["assets"]["1"].update(name="changed"))
        small_disk.make_read_only()
        for decide in (JsonMetadata(root).accept_edited, JsonMetadata(root).restore_last):
            with pytest.raises(StargazerError, match="is read-only"):
                decide()

    def test_the_person_who_watches_is_told(
        self, metadata: JsonMetadata, root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (root / NAME).write_bytes(b"damage")
        # As in a process where nobody set logging up; pytest does.
        handlers, logging.getLogger().handlers = logging.getLogger().handlers, []
        try:
            metadata.read()
        finally:
            logging.getLogger().handlers = handlers
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("The store's metadata file")
        assert len(printed.err.splitlines()) == 1


def edit(path: Path, change: Callable[[dict[str, Any]], None], **options: Any) -> bytes:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document, **options))
    return path.read_bytes()


class TestEdits:
    def test_another_form_of_the_same_records_is_no_edit(
        self, metadata: JsonMetadata, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        edit(root / NAME, lambda document: None, indent=4)
        assert builds(metadata) == ["b1", "b2", "b3"]
        with metadata.transaction() as table:
            table.insert(record(4))
        assert builds(JsonMetadata(root)) == ["b1", "b2", "b3", "b4"]
        assert caplog.messages == []

    @pytest.mark.parametrize("by", ["hand", "tinydb", "a sealless editor"])
    def test_an_edit_is_neither_taken_nor_dropped(self, metadata: JsonMetadata, root: Path, by: str) -> None:
        if by == "tinydb":
            plain = TinyDB(root / NAME).table("assets")
            plain.update({"name": "changed"}, where("cid") == "bafy1")
            plain.remove(where("cid") == "bafy2")
        else:

            def change(document: dict[str, Any]) -> None:
                document["assets"]["1"]["name"] = "changed"
                del document["assets"]["2"]
                if by == "a sealless editor":
                    del document["stargazer"]

            edit(root / NAME, change)
        before = {path: path.read_bytes() for path in root.glob(f"{NAME}*")}
        for attempt in (metadata.read, JsonMetadata(root).read, metadata.transaction().__enter__):
            with pytest.raises(
                StargazerError, match=r"differs from the last good state in 2 records"
            ) as caught:
                attempt()
            assert caught.value.hint is not None
            assert "--accept-metadata" in caught.value.hint
            assert "--restore-metadata" in caught.value.hint
        assert {path: path.read_bytes() for path in root.glob(f"{NAME}*")} == before

    def test_a_lost_seal_alone_is_nothing_to_decide(self, metadata: JsonMetadata, root: Path) -> None:
        edit(root / NAME, lambda document: document.pop("stargazer"))
        assert builds(metadata) == builds(JsonMetadata(root)) == ["b1", "b2", "b3"]
        with metadata.transaction() as table:
            table.insert(record(4))
        edit(root / NAME, lambda document: document["stargazer"]["1"].update(crc32="00000000"))
        assert JsonMetadata(root).accept_edited() == JsonMetadata(root).restore_last() == 4
        assert builds(JsonMetadata(root)) == ["b1", "b2", "b3", "b4"]

    def test_an_edit_can_be_kept(
        self, metadata: JsonMetadata, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = (root / NAME).read_bytes()

        def change(document: dict[str, Any]) -> None:
            document["assets"]["1"] |= {"name": "changed", "cid": CID}
            document["assets"]["9"] = {"cid": CID, "keyvalues": {"build": "b9"}}

        edited = edit(root / NAME, change)
        assert metadata.accept_edited() == 4
        assert builds(JsonMetadata(root)) == ["b1", "b2", "b3", "b9"]
        assert metadata.read().get(doc_id=1)["name"] == "changed"
        added = metadata.read().get(doc_id=9)
        assert added.keys() == record(1).keys()
        assert added["id"]
        assert [path.read_bytes() for path in kept(root, "edited")] == [edited]
        assert [path.read_bytes() for path in kept(root, "before-edit")] == [before]
        assert all(str(path) in caplog.messages[0] for path in root.glob(f"{NAME}.*edit*"))
        assert metadata.accept_edited() == 4  # there is nothing more to decide
        assert len(kept(root, "edited")) == 1

    @pytest.mark.parametrize(
        ("fault", "told"),
        [
            (5, "record 2: it is not a record"),
            ({"cid": "x"}, "record 2: its keyvalues are not text"),
            ({"cid": "x", "keyvalues": {"a": 5}}, "record 2: its keyvalues are not text"),
            ({"cid": "../x", "keyvalues": {}}, "record 2: its cid is not one"),
            ({"cid": "x", "keyvalues": {}}, "record 2: 'x' is not a CID"),
            ({"cid": CID, "keyvalues": {"asset": "reference", "bild": "b"}}, "record 2: .* no key 'bild'"),
            ({"cid": "x", "keyvalues": {}, "name": None}, "record 2: its name is not text"),
            ({"cid": "x", "keyvalues": {}, "run_ids": "r"}, "record 2: its run_ids is not a list of text"),
        ],
    )
    def test_an_edit_that_makes_no_record_is_not_kept(
        self, metadata: JsonMetadata, root: Path, fault: Any, told: str
    ) -> None:
        edited = edit(root / NAME, lambda document: document["assets"].update({"2": fault}))
        with pytest.raises(StargazerError, match=told):
            metadata.accept_edited()
        assert (root / NAME).read_bytes() == edited
        assert metadata.restore_last() == 3

    def test_what_was_there_before_the_edit_can_come_back(
        self, metadata: JsonMetadata, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = (root / NAME).read_bytes()
        edited = edit(root / NAME, lambda document: document["assets"].pop("2"))
        assert metadata.restore_last() == 3
        assert (root / NAME).read_bytes() == before
        assert builds(metadata) == ["b1", "b2", "b3"]
        assert [path.read_bytes() for path in kept(root, "before-restore")] == [edited]
        assert str(kept(root, "before-restore")[0]) in caplog.messages[0]
        assert metadata.restore_last() == 3
        assert len(kept(root, "before-restore")) == 1

    def test_what_a_script_puts_into_another_table_is_an_edit(
        self, metadata: JsonMetadata, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        TinyDB(root / NAME).insert({"cid": CID, "keyvalues": {"build": "b9"}})
        TinyDB(root / NAME).table("notes").insert({"of": "mine"})
        edited = (root / NAME).read_bytes()
        for attempt in (metadata.read, metadata.transaction().__enter__, JsonMetadata(root).read):
            with pytest.raises(StargazerError, match=r"'_default' of 1 record and .* 'notes' of 1"):
                attempt()
        assert (root / NAME).read_bytes() == edited
        assert metadata.accept_edited() == 4
        assert builds(JsonMetadata(root)) == ["b1", "b2", "b3", "b9"]
        assert caplog.messages[1:] == ["Not taken over: the table 'notes' of 1 record."]
        assert [path.read_bytes() for path in kept(root, "edited")] == [edited]

    def test_what_is_no_record_in_another_table_is_not_kept(self, metadata: JsonMetadata, root: Path) -> None:
        TinyDB(root / NAME).insert({"a note": "of mine"})
        with pytest.raises(StargazerError, match="record 1 of the table '_default': its keyvalues"):
            metadata.accept_edited()
        assert metadata.restore_last() == 3

    def test_a_copied_line_gets_an_id_of_its_own(
        self, metadata: JsonMetadata, root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        def change(document: dict[str, Any]) -> None:
            records = document["assets"]
            records["4"] = records["1"] | {"cid": CID}
            records["5"] = records["4"] | {"id": "again", "run_ids": ["r"]}

        edit(root / NAME, change)
        assert metadata.accept_edited() == 4
        found = {each.doc_id: each for each in metadata.read()}
        assert sorted(found) == [1, 2, 3, 4]
        assert len({each["id"] for each in found.values()}) == 4
        assert found[1] == record(1)
        assert found[4]["run_ids"] == ["r"]
        assert caplog.messages[1:] == [
            f"Record 4 had the id {record(1)['id']} of record 1: it now has the id {found[4]['id']}."
        ]

    @pytest.mark.parametrize("number", ["0", "-5", "01"])
    def test_numbers_that_no_line_has_are_set_right(
        self, metadata: JsonMetadata, root: Path, number: str
    ) -> None:
        added = {"cid": CID, "keyvalues": {"build": "new"}}
        edit(root / NAME, lambda document: document["assets"].update({number: added}))
        assert metadata.accept_edited() == 4
        assert sorted(builds(JsonMetadata(root))) == ["b1", "b2", "b3", "new"]
        assert (root / NAME).read_bytes() == (root / f"{NAME}.last").read_bytes()
        assert JsonMetadata(root)._last_good() is not None

    def test_a_damaged_file_cannot_be_kept_and_can_be_restored(
        self, metadata: JsonMetadata, root: Path
    ) -> None:
        (root / NAME).write_bytes(b"damage")
        with pytest.raises(StargazerError, match="is damaged"):
            metadata.accept_edited()
        assert metadata.restore_last() == 3
        assert builds(metadata) == ["b1", "b2", "b3"]

    def test_a_wrong_checksum_is_an_edit(self, metadata: JsonMetadata, root: Path) -> None:
        content = (root / NAME).read_bytes()
        (root / NAME).write_bytes(content.replace(b'"b2"', b'"bX"'))
        with pytest.raises(StargazerError, match="in 1 record\\."):
            JsonMetadata(root).read()
        (root / f"{NAME}.last").unlink()
        with pytest.raises(StargazerError, match="no good copy to compare"):
            JsonMetadata(root).read()


def test_lines_are_as_orjson_writes_them(metadata: JsonMetadata, root: Path) -> None:
    # What decides between "another form" and "edited": our lines do not depend on the file's.
    line = (root / NAME).read_bytes().splitlines()[1]
    assert line == b'"1": ' + orjson.dumps(record(1)) + b","

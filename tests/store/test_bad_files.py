"""Files and names as they come: links, pipes, devices, names to trip over, files that somebody writes to."""

import errno
import fcntl
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stargazer_cli.assets import R1, Asset, Reference
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile, cid_of
from stargazer_cli.store.files import Source, share_blocks
from stargazer_cli.store.upkeep import verify

NAMES = [
    "two words.fa",
    "a\nb.fa",
    "quo'te\"s.fa",
    "$(touch x);`y`|&.fa",
    "\x1b[31mred.fa",
    "-rf",
    "naïve ß 数.fa",
    "x" * 240 + ".fa",
    "tab\tand\r.fa",
    "..fa",
]


def put(store: LocalStore, path: Path, asset: Asset | None = None, **options: bool) -> Asset:
    return store.add([NewFile(path, asset or Reference(build="b"), **options)])[0].asset


def refused(store: LocalStore, path: Path, why: str) -> str:
    """Check that the file is refused, with nothing stored; return what is said."""
    with pytest.raises(UsageError, match=why) as caught:
        put(store, path)
    assert store.find() == []
    for folder in ("objects", "incoming"):
        assert list((store.root / folder).iterdir()) == []
    return caught.value.message


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_be_called_anything(store: LocalStore, tmp_path: Path, name: str) -> None:
    path = tmp_path / "files" / name
    path.parent.mkdir()
    path.write_bytes(name.encode())
    asset = put(store, path)
    assert asset.name == name
    assert store.find(name=name) == [asset]
    staged = store.stage(asset.cid, asset.name)
    assert staged.parent == store.root / "stage" / asset.cid
    assert staged.read_bytes() == name.encode()
    # What a shell or a samplesheet would trip over is gone from the path that a pipeline is given.
    assert not set(staged.name) & set("\n\t\r\x1b'\"$`;|& ()")
    assert not staged.name.startswith("-")
    assert store.get(asset.cid, tmp_path / name).read_bytes() == name.encode()
    json.loads((store.root / "stargazer_local.json").read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_does_not_break_the_error_that_tells_it(store: LocalStore, tmp_path: Path, name: str) -> None:
    refused(store, tmp_path / name, "cannot be read: No such file")


def test_a_name_that_no_file_system_takes_is_told(store: LocalStore, tmp_path: Path) -> None:
    refused(store, tmp_path / ("x" * 300), "cannot be read: File name too long")
    refused(store, tmp_path / "zero\0byte", "holds a zero byte")
    asset = put(store, _file(tmp_path / "a"), Reference(build="b", name="x" * 300 + ".fa"))
    assert store.stage(asset.cid, asset.name).name.endswith("x.fa")
    with pytest.raises(StargazerError, match="File name too long"):
        store.get(asset.cid, tmp_path / asset.name)


def test_a_name_out_of_the_folder_stays_a_name(store: LocalStore, tmp_path: Path) -> None:
    asset = put(store, _file(tmp_path / "a"), Reference(build="b", name="../../../etc/passwd"))
    assert store.stage(asset.cid, asset.name).parent == store.root / "stage" / asset.cid


class TestLinks:
    def test_a_link_is_followed_to_its_bytes_and_keeps_its_own_name(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        _file(tmp_path / "elsewhere" / "long name.fa", "bytes")
        (tmp_path / "ref.fa").symlink_to("elsewhere/long name.fa")
        asset = put(store, tmp_path / "ref.fa")
        assert asset.name == "ref.fa"
        assert asset.path is not None
        assert not asset.path.is_symlink()
        assert asset.path.read_text() == "bytes"
        (tmp_path / "elsewhere" / "long name.fa").write_text("other")
        assert asset.path.read_text() == "bytes"

    def test_a_link_to_nothing(self, store: LocalStore, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("nowhere")
        refused(store, tmp_path / "link", "cannot be read: No such file")

    def test_a_link_to_itself(self, store: LocalStore, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        refused(store, tmp_path / "a", "cannot be read: Too many levels of symbolic links")

    def test_a_link_to_a_folder(self, store: LocalStore, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path)
        refused(store, tmp_path / "link", "is a folder")


class TestNoFiles:
    def test_a_pipe_without_a_writer_does_not_wait(self, store: LocalStore, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        refused(store, tmp_path / "pipe", "is not a regular file")

    def test_a_pipe_with_a_writer(self, store: LocalStore, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        handle = os.open(tmp_path / "pipe", os.O_RDWR)
        os.write(handle, b"x")
        refused(store, tmp_path / "pipe", "is not a regular file")
        os.close(handle)

    @pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
    def test_a_device(self, store: LocalStore, device: str) -> None:
        refused(store, Path(device), "is not a regular file")

    def test_a_folder(self, store: LocalStore, tmp_path: Path) -> None:
        refused(store, tmp_path, "is a folder")

    def test_a_file_that_says_less_than_it_holds(self, tmp_path: Path) -> None:
        """As those of /proc do: their size is 0."""
        with Source(Path("/proc/self/status")) as source:
            assert source.size == 0
            source.copy_to(tmp_path / "copy")
        assert (tmp_path / "copy").read_text().startswith("Name:")


class TestChanging:
    """A file that somebody writes to while it is read is not what anyone meant to store."""

    @pytest.mark.parametrize("large", [False, True])
    @pytest.mark.parametrize("made_here", [False, True])
    def test_a_file_that_is_written_all_the_time(
        self, store: LocalStore, tmp_path: Path, made_here: bool, large: bool
    ) -> None:
        path = tmp_path / "growing"
        path.write_bytes(bytes(20_000_000 if large else 4_000_000))
        stop = threading.Event()

        def write() -> None:
            with path.open("r+b", buffering=0) as stream:
                while not stop.is_set():
                    stream.seek(0)
                    stream.write(os.urandom(16))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            with pytest.raises(StargazerError, match="growing changed while it was read"):
                put(store, path, made_here=made_here)
        finally:
            stop.set()
            writer.join()
        assert store.find() == []
        assert list((store.root / "objects").iterdir()) == []
        assert put(store, path, made_here=made_here).cid == cid_of(path)

    def test_a_file_that_becomes_shorter(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_bytes(bytes(1000))
        with Source(path) as source:
            os.truncate(path, 10)
            with pytest.raises(StargazerError, match="changed while it was read"):
                source.copy_to(tmp_path / "copy")

    def test_a_file_that_is_replaced_is_read_as_it_was(self, tmp_path: Path) -> None:
        """Whoever replaces a file in one step leaves the old one whole: that is what was opened."""
        path = _file(tmp_path / "a", "before")
        with Source(path) as source:
            _file(tmp_path / "b", "after").replace(path)
            assert source.copy_to(tmp_path / "copy") == cid_of(tmp_path / "copy")
            assert not source.link_to(tmp_path / "link")
        assert (tmp_path / "copy").read_text() == "before"
        assert not (tmp_path / "link").exists()

    def test_a_made_file_that_changes_after_it_was_hashed_is_not_linked_in(self, tmp_path: Path) -> None:
        path = _file(tmp_path / "a", "before")
        with Source(path) as source:
            source.cid()
            path.write_text("after, and longer")
            with pytest.raises(StargazerError, match="changed while it was read"):
                source.link_to(tmp_path / "link")


def _file(path: Path, content: str = "content") -> Path:
    path.write_text(content)
    return path


@pytest.fixture(params=["btrfs", "xfs"])
def sharing_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of our own whose files can share blocks."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    image.touch()
    os.truncate(image, 400_000_000)
    folder.mkdir()
    try:
        subprocess.run([f"mkfs.{request.param}", "-q", str(image)], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(
            f"a {request.param} of our own needs mkfs.{request.param}, root and loop devices: {error}"
        )
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _extents(path: Path) -> list[tuple[int, bool]]:
    """Return where the blocks of a file lie, and whether each is shared (linux/fiemap.h)."""
    import struct

    head, extent = struct.Struct("=QQLLLL"), struct.Struct("=QQQQQLLLL")
    buffer = bytearray(head.pack(0, 2**64 - 1, 1, 0, 64, 0) + bytes(64 * extent.size))
    with path.open("rb") as stream:
        fcntl.ioctl(stream, 0xC020660B, buffer)
    mapped = head.unpack_from(buffer)[3]
    found = [extent.unpack_from(buffer, head.size + n * extent.size) for n in range(mapped)]
    return [(fields[1], bool(fields[5] & 0x2000)) for fields in found]


def test_a_file_shares_its_blocks_with_the_store_where_the_file_system_can(
    sharing_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(sharing_disk / "store"))
    store = LocalStore(Settings())
    source = sharing_disk / "big.fq"
    source.write_bytes(os.urandom(30_000_000))
    asset = put(store, source, R1(sample_id="a"))
    assert asset.path is not None
    assert asset.path.stat().st_ino != source.stat().st_ino
    assert _extents(asset.path) == _extents(source)
    assert all(shared for _, shared in _extents(asset.path))
    # An edit of the source takes blocks of its own.
    with source.open("r+b") as stream:
        stream.write(b"edited")
    assert verify(store).is_sound
    out = store.get(asset.cid, sharing_disk / "out.fq")
    assert _extents(out) == _extents(asset.path)
    with out.open("r+b") as stream:
        stream.write(b"edited")
    assert verify(store).is_sound


def test_between_two_file_systems_blocks_cannot_be_shared(tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm")
    if not shared_memory.is_dir() or shared_memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is no file system of its own here")
    with _file(tmp_path / "a").open("rb") as source:
        handle = os.open(shared_memory, os.O_TMPFILE | os.O_RDWR)
        try:
            assert not share_blocks(source.fileno(), handle)
        finally:
            os.close(handle)


def test_a_disk_that_fails_under_the_source_is_told_as_its_fault(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken disk cannot be had: the system call says what it would say."""
    path = _file(tmp_path / "a")

    def broken(handle: int, buffers: list[memoryview]) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "readv", broken)
    with pytest.raises(StargazerError, match=f"{path} cannot be read: Input/output error"):
        put(store, path)

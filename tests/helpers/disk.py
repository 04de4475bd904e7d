"""A small file system of a test's own, so that a full disk and a read-only one are real.

Mounting one takes root. Where other users may make namespaces (`unshare --user --map-root-user --mount`),
their test runs in a process of its own that is root there; else it is skipped.
"""

import ctypes
import inspect
import os
import subprocess
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.processes import fork

_NEW_MOUNTS, _NEW_USER = 0x0002_0000, 0x1000_0000  # linux/sched.h
_REFUSED = "mounting a file system takes root, or the right to make namespaces"


class SmallDisk:
    """A file system in memory, once it is mounted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mounted = False

    def mount(self, size: str = "1m") -> Path:
        """Mount it, with room for `size` as mount(8) has it; gives its folder.

        Where that is not allowed the test is skipped.
        """
        self.folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.folder)]
        try:
            done = subprocess.run(mount, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("there is no mount(8) on this machine")
        if done.returncode:
            pytest.skip(f"{_REFUSED}: {done.stderr.strip()}")
        self._mounted = True
        return self.folder

    def make_read_only(self) -> None:
        """Let nobody write to it any more, root neither."""
        # `bind` changes this mount: the options of the file system itself are not ours in a namespace.
        subprocess.run(["mount", "-o", "remount,bind,ro", str(self.folder)], check=True)

    def unmount(self) -> None:
        """Take it away, if it was mounted."""
        if self._mounted:
            subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of our own, that a test mounts in its own body and not in a fixture."""
    made = SmallDisk(tmp_path / "small disk")
    yield made
    made.unmount()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a test that asks for a small disk where it may mount one."""
    if "small_disk" not in pyfuncitem.fixturenames or os.geteuid() == 0:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    _in_namespaces(lambda: pyfuncitem.obj(**arguments))
    return True


def _in_namespaces(body: Callable[[], object]) -> None:
    """Run `body` in a child that is root of its namespaces, and pass on how it ended.

    The child's mounts end with it. This process cannot enter the namespaces itself: it could not leave them.
    """
    ear, voice = os.pipe()

    def work() -> None:
        os.close(ear)
        try:
            _become_root()
            body()
            told = ""
        except pytest.skip.Exception as skipped:
            told = f"skipped\n{skipped}"
        except BaseException:
            told = f"failed\n{traceback.format_exc()}"
        with os.fdopen(voice, "w") as stream:
            stream.write(told)

    child = fork(work)
    os.close(voice)
    with os.fdopen(ear) as stream:
        outcome, _, text = stream.read().partition("\n")
    assert os.waitpid(child, 0)[1] == 0
    if outcome == "skipped":
        pytest.skip(text)
    if outcome == "failed":
        pytest.fail(text, pytrace=False)


def _become_root() -> None:
    user, group = os.geteuid(), os.getegid()
    unshare = getattr(ctypes.CDLL(None), "unshare", None)  # os.unshare is new in Python 3.12
    if unshare is None or unshare(_NEW_USER | _NEW_MOUNTS) != 0:
        pytest.skip(_REFUSED)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:
        pytest.skip(f"{_REFUSED}: {error}")

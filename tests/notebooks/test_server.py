"""The notebooks' server as a process: who is let in, and that nothing is left of it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.sync.client import connect

from stargazer_cli.errors import StargazerError
from stargazer_cli.notebooks import server
from stargazer_cli.runs import detach
from stargazer_cli.runs.record import RunFolder

# Two programs that a notebook starts, one of them in a session of its own, and what looks like a run in the
# background: `stargazer_cli` is a module beside the notebook here, which sleeps.
MINE = """
import marimo

app = marimo.App()


@app.cell
def _():
    import os
    import subprocess
    import sys
    from pathlib import Path

    import beside

    subprocess.Popen(["sleep", "1000"])
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    subprocess.Popen(
        [sys.executable, "-P", "-m", "stargazer_cli", "run", "--resume", "a-run"],
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(beside.FAKE)},
    )
    (beside.FAKE / "started").touch()
    return
"""


@dataclass
class Served:
    """A server with one notebook open; `family` are all processes below it but for the run."""

    process: "subprocess.Popen[str]"
    url: str
    family: list[psutil.Process]
    run: psutil.Process


@contextmanager
def _start(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "stargazer_cli",
            "notebook",
            "mine",
            "--no-open",
            "--folder",
            str(folder),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        said = process.stderr.readline()
        assert said.startswith("Notebooks: http://127.0.0.1:"), said + process.stderr.read()
        yield process, said.split()[1]
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's notebook, and a module beside it."""
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "stargazer_cli.py").write_text("import time; time.sleep(1000)\n")
    mine = tmp_path / "my notebooks"
    mine.mkdir()
    (mine / "mine.py").write_text(MINE)
    (mine / "beside.py").write_text(f"from pathlib import Path\nFAKE = Path({str(fake)!r})\n")
    return mine


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    """Open the notebook as a browser does: its cells run, in a process of their own."""
    started = folder.parent / "fake" / "started"
    with _start(folder) as (process, url), httpx.Client(follow_redirects=True, timeout=60) as browser:
        page = browser.get(url).text
        base = url.partition("?")[0]
        headers = {
            "Cookie": "; ".join(f"{key}={value}" for key, value in browser.cookies.items()),
            "Origin": base,
        }
        session = f"{base.replace('http', 'ws')}/ws?session_id=s_tested"
        with connect(session, additional_headers=headers) as socket:
            socket.recv()
            token = re.search(r'"serverToken": *"([^"]+)"', page)
            assert token
            browser.post(
                f"{base}/api/kernel/instantiate",
                json={"objectIds": [], "values": [], "autoRun": True},
                headers={"Marimo-Session-Id": "s_tested", "Marimo-Server-Token": token[1]},
            ).raise_for_status()
            _until(started.exists)
            family = psutil.Process(process.pid).children(recursive=True)
            (run,) = [each for each in family if each.cmdline()[3:6] == ["stargazer_cli", "run", "--resume"]]
            family.remove(run)
            assert sum(each.cmdline()[0] == "sleep" for each in family) == 2
            try:
                yield Served(process, url, family, run)
            finally:
                for each in (run, *family):
                    if each.is_running():
                        each.kill()


def _until(condition: "object", seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_signal_ends_the_server_and_all_it_started_but_runs(served: Served, name: str) -> None:
    served.process.send_signal(getattr(signal, name))
    assert served.process.wait(60) == 0
    assert [each for each in served.family if _lives(each)] == []
    assert _lives(served.run)
    assert served.process.stderr
    assert served.process.stderr.read() == "Ctrl-C ends them.\n"


def test_killed_outright_it_leaves_no_server_and_no_kernel(served: Served) -> None:
    """What a notebook itself put into a session of its own is out of reach then."""
    leads = [
        each for each in served.family if os.getsid(each.pid) != each.pid or each.cmdline()[0] != "sleep"
    ]
    served.process.kill()
    _until(lambda: not any(map(_lives, leads)))


def test_only_who_has_the_token_is_let_in(folder: Path) -> None:
    with _start(folder) as (process, url), httpx.Client(timeout=60) as browser:
        base, _, token = url.partition("?access_token=")
        assert len(token) >= 40
        for stranger in (base, f"{base}?access_token=wrong"):
            found = browser.get(stranger)
            assert (found.status_code, "/auth/login" in found.headers["location"]) == (303, True)
        assert browser.post(f"{base}/api/kernel/instantiate", json={}).status_code == 401
        # Other users see arguments.
        for each in psutil.Process(process.pid).children(recursive=True):
            assert token not in " ".join(each.cmdline())
        addresses = {
            each.laddr.ip
            for member in psutil.Process(process.pid).children(recursive=True)
            for each in member.net_connections("inet")
            if each.status == psutil.CONN_LISTEN
        }
        assert addresses == {"127.0.0.1"}


def test_a_port_that_is_taken_is_told() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StargazerError, match=f"port {port}"):
            server.address("127.0.0.1", port)
    assert server.address("127.0.0.1", port).port == port


def test_what_a_run_in_the_background_looks_like(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server knows such a run by its arguments: they must stay those that `detach` gives."""
    given: list[list[str]] = []

    def popen(arguments: list[str], **options: object) -> None:
        assert options["start_new_session"] is True
        given.append(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(detach.subprocess, "Popen", popen)
    with pytest.raises(KeyboardInterrupt):
        detach.start(RunFolder(tmp_path))
    assert given[0][3:6] == ["stargazer_cli", "run", "--resume"]


def test_a_missing_library_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    found = server.importlib.util.find_spec
    monkeypatch.setattr(
        server.importlib.util, "find_spec", lambda name: None if name == "marimo" else found(name)
    )
    with pytest.raises(StargazerError, match="Marimo, which is not installed") as error:
        server.require_marimo()
    assert error.value.hint == "Install it with: pip install 'stargazer[notebook]'"

"""The Python of the single-cell tasks: which one is taken, what is remembered of it, how one is fetched."""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import threading
import tomllib
import venv
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import ensure, locate, scanpy_env
from stargazer_cli.tools.spec import LIBRARIES, SPECS, version_tuple

CHECKOUT = Path(__file__).parent.parent.parent
SCRNA = "scrna_clustering_pipeline"


def scanpy(machine, *more: str):
    return locate(machine.settings, ["scanpy", *more]).tools["scanpy"]


def test_the_python_of_path_is_taken_with_the_versions_of_its_libraries(machine):
    path = machine.add_python(numpy="2.2.1")
    box = locate(machine.settings, ["scanpy", "numpy"])
    assert (box.tools["scanpy"].path, box.tools["scanpy"].origin) == (path, "PATH")
    assert box.tools["numpy"].version == "2.2.1"
    assert box.environment()["PATH"] == str(machine.bin)


@pytest.mark.parametrize(
    ("without", "versions", "reason"),
    [
        (["scanpy"], {}, "has no scanpy"),
        (["scanpy", "anndata", "illico"], {}, "has no scanpy, anndata, …"),
        ([], {"pynndescent": "0.7.0"}, "has pynndescent 0.7.0, not 0.6.0 or newer, below 0.6.1"),
        ([], {"anndata": "0.11.4"}, "has anndata 0.11.4, not 0.12 or newer, below 0.13"),
        ([], {"python": "3.9.2"}, "is Python 3.9.2, older than 3.11"),
    ],
)
def test_a_python_that_will_not_do_is_told_apart(machine, without, versions, reason):
    path = machine.add_python(*without, **versions)
    tool = scanpy(machine)
    assert tool.path is None
    assert tool.note == f"{path} {reason}"
    assert tool.command_to_get == "stargazer setup scrna"


def test_a_library_that_a_task_names_must_be_there(machine):
    path = machine.add_python()
    assert scanpy(machine, "umap-learn").note == f"{path} has no umap-learn"


def test_a_python_that_does_not_answer_is_passed_over_for_stargazers_own(machine, monkeypatch, tmp_path):
    machine.add("python3", "exit 1")
    own = machine.add_python(folder=tmp_path / "own")
    monkeypatch.setattr(scanpy_env, "own_python", lambda: own)
    box = locate(machine.settings, ["scanpy"])
    assert (box.tools["scanpy"].path, box.tools["scanpy"].origin) == (own, "own")
    assert "does not answer" in box.tools["scanpy"].note
    # The scripts are started by `env python3`.
    assert shutil.which("python3", path=box.environment()["PATH"]) == str(own)


def test_what_was_fetched_for_another_tool_does_not_hide_the_python_of_path(machine, monkeypatch, tmp_path):
    path = machine.add_python()
    good = machine.add_java("21.0.8", tmp_path / "jdk21")
    machine.add("python3", "exit 1", good.parent)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk21"))
    box = locate(machine.settings, ["java", "scanpy"])
    assert shutil.which("python3", path=box.environment()["PATH"]) == str(box.tools["scanpy"].path)
    assert path.exists()


def test_a_real_python_is_asked_again_only_when_its_packages_change(machine, monkeypatch, tmp_path):
    venv.EnvBuilder(symlinks=True).create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python3"
    monkeypatch.setenv("PATH", str(python.parent))
    asked = []
    ask = scanpy_env.run_quietly
    monkeypatch.setattr(
        scanpy_env, "run_quietly", lambda command, *rest: asked.append(command) or ask(command, *rest)
    )
    assert "has no scanpy" in scanpy(machine).note
    assert "has no scanpy" in scanpy(machine).note
    assert len(asked) == 1
    (site,) = (tmp_path / "env").glob("lib/python3*/site-packages")
    for name, (oldest, _) in LIBRARIES.items():
        version = ".".join(map(str, oldest))
        folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    assert (scanpy(machine).version, scanpy(machine).path) == ("1.11.5", python)
    assert len(asked) == 2
    # What `setup` asks for and what a run asks for are remembered side by side.
    scanpy(machine, "numpy")
    scanpy(machine)
    scanpy(machine, "numpy")
    assert len(asked) == 3


def test_a_script_that_forwards_to_some_python_is_asked_each_time(machine):
    machine.add_python(scanpy="1.11.5")
    assert scanpy(machine).version == "1.11.5"
    machine.forget()
    scanpy(machine)
    assert [call for call in machine.calls() if call.startswith("python3")]


def test_germline_asks_no_python(machine):
    machine.add_python()
    locate(machine.settings, catalog.tools_of("germline_short_variant_discovery"))
    assert not [call for call in machine.calls() if call.startswith("python3")]


def test_single_cell_asks_for_no_gatk_and_no_samtools():
    tools = catalog.tools_of(SCRNA)
    assert "scanpy" in tools
    assert not set(tools) & set(SPECS)


def test_what_makes_a_python_fit_is_what_the_project_declares():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    declared = set()
    for requirement in project["optional-dependencies"]["scrna"]:
        name, sign, version = (
            requirement.partition("==") if "==" in requirement else requirement.partition(">=")
        )
        oldest, _, limit = version.partition(",<")
        numbers = version_tuple(oldest)
        too_new = version_tuple(limit) if limit else None
        declared.add((name, numbers, (*numbers[:-1], numbers[-1] + 1) if sign == "==" else too_new))
    assert declared == {(name, oldest, too_new) for name, (oldest, too_new) in LIBRARIES.items()}


def test_the_lock_has_every_library_that_a_task_names():
    locked = {
        line.split("==")[0] for line in scanpy_env.ENVIRONMENT.lock.read_text().splitlines() if "==" in line
    }
    assert set(catalog.tools_of(SCRNA)) | set(LIBRARIES) <= locked


# Fetching: real pip and a real environment, from an index on this machine with one tiny wheel.


@pytest.fixture
def index(tmp_path, monkeypatch, machine):
    """A package index with a wheel of a library `tiny`, and a lock that names it."""
    wheel = _wheel(tmp_path / "index" / "tiny", "1.0")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *arguments: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(scanpy_env, "LIBRARIES", {"tiny": ((1,), None)})
    environment = replace(scanpy_env.ENVIRONMENT, lock=tmp_path / "lock.txt")
    monkeypatch.setattr(scanpy_env, "ENVIRONMENT", environment)
    _lock(wheel)
    monkeypatch.setattr(scanpy_env, "_candidates", _only_fetched)
    yield tmp_path
    server.shutdown()
    server.server_close()


def _only_fetched(tools, env):
    return [("fetched", scanpy_env.fetched_python(tools))] if scanpy_env.ENVIRONMENT.is_whole(tools) else []


def _wheel(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", f"version = '{version}'\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def _lock(wheel: Path, digest: str = "") -> None:
    version = wheel.name.split("-")[1]
    sha256 = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
    scanpy_env.ENVIRONMENT.lock.write_text(f"# a lock\ntiny=={version} \\\n    --hash=sha256:{sha256}\n")


def _get(machine):
    lines: list[str] = []
    return ensure(machine.settings, ["scanpy", "tiny"], yes=True, echo=lines.append), lines


@pytest.fixture
def fake(monkeypatch, machine, index):
    """The machine on which `scanpy` itself is as good as there: the index has only `tiny`."""
    monkeypatch.setattr(scanpy_env, "find", partial(_find_tiny, scanpy_env.find))
    return machine


def _find_tiny(find, tools, env, probes, libraries):
    found, note = find(tools, env, probes, [name for name in libraries if name != "scanpy"])
    if found is not None:
        found.versions["scanpy"] = "1.11.5"
    return found, note


def test_an_environment_is_fetched_and_found(fake):
    box, lines = _get(fake)
    python = scanpy_env.fetched_python(fake.tools)
    assert (box.tools["tiny"].version, box.tools["scanpy"].path) == ("1.0", python)
    assert shutil.which("python3", path=box.environment()["PATH"]) == str(python)
    command = [python, "-c", "import tiny; print(tiny.version)"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"1.0\n"
    assert [line.split()[0] for line in lines] == ["Fetching", "installing"]
    assert _get(fake)[1] == []
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("tiny")


def test_a_changed_lock_makes_the_environment_anew(fake, index):
    _get(fake)
    _lock(_wheel(index / "index" / "tiny", "1.1"))
    assert locate(fake.settings, ["scanpy"]).tools["scanpy"].path is None
    box, _ = _get(fake)
    assert box.tools["tiny"].version == "1.1"


def test_an_interrupted_fetch_is_no_environment_and_the_next_one_is_whole(fake):
    place = scanpy_env.fetched_python(fake.tools).parent.parent
    _get(fake)
    (place / ".ready").unlink()
    (place / "half").touch()
    assert locate(fake.settings, ["scanpy"]).tools["scanpy"].path is None
    assert _get(fake)[0].tools["tiny"].version == "1.0"
    assert not (place / "half").exists()


def test_a_wheel_with_other_bytes_is_refused(fake, index):
    (wheel,) = (index / "index" / "tiny").iterdir()
    _lock(wheel, "0" * 64)
    with pytest.raises(StargazerError, match=r"Could not fetch scanpy 1\.11\.5") as caught:
        _get(fake)
    assert "--profile podman" in str(caught.value.hint)
    assert locate(fake.settings, ["scanpy"]).tools["scanpy"].path is None


def test_a_python_that_scanpy_does_not_run_on_is_told_the_ways_out(machine, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    with pytest.raises(StargazerError, match=r"run on Python 3\.11 to 3\.13, and this is 3\.14") as caught:
        scanpy_env.ENVIRONMENT.fetch(machine.tools, print)
    assert "pip install 'stargazer[scrna]'" in str(caught.value.hint)
    assert not machine.tools.exists()

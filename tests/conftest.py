"""What several tests share: a store in a temporary folder, the tools, and the real data sets."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore
from stargazer_cli.tools import Toolbox, locate

pytest.register_assert_rewrite("helpers")  # so that a helper that fails says with what values
pytest_plugins = ["helpers.disk"]

# These have the pipeline read by Nextflow's strict parser, the default from 26.04 on, which takes two thirds
# of the CPU time; all others by the first one, the default until then.
STRICT = (
    "tests/e2e/test_nextflow.py",
    "tests/e2e/test_nextflow_scrna.py",
    "tests/e2e/test_tasks.py",
    "tests/pipeline/test_filtering.py",
    "tests/pipeline/test_preprocessing.py",
    "tests/pipeline/test_report.py",
    "tests/pipeline/test_resources.py",
    "tests/pipeline/test_scatter.py",
)
BUNDLED = Path(__file__).parent.parent / "stargazer_cli" / "demo" / "data" / "germline"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give each file to one of several workers, whose fixtures are made once, and all of Slurm's to one.

    Two Slurms on one machine would take each other's control groups away.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "cluster" if file.startswith("tests/cluster/") else file

    config.option.loadscopereorder = False  # by us, below
    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let several workers start with the files that take longest: none is left alone with one at the end.

    A file takes the longer the more of its tests run Nextflow.
    """
    if hasattr(config, "workerinput"):
        long = Counter(item.path for item in items if item.get_closest_marker("pipeline"))
        items.sort(key=lambda item: -long[item.path])


@pytest.fixture(autouse=True, scope="session")
def cheap() -> Iterator[None]:
    """Wait for no disk, which is most of what a test that adds files does, and let Nextflow do with less.

    What a process wrote outlives it, however it ends: only a machine that stops loses what was not flushed.
    """

    def check(handle: int) -> None:
        os.fstat(handle)

    with pytest.MonkeyPatch.context() as here:
        here.setattr(os, "fsync", check)
        here.setenv("NXF_OPTS", os.environ.get("NXF_OPTS", "-XX:+UseSerialGC"))
        yield


@pytest.fixture(autouse=True, scope="module")
def nextflow_parser(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the files of STRICT start Nextflow with its strict parser, the others with its default one."""
    with pytest.MonkeyPatch.context() as here:
        if request.node.nodeid.startswith(STRICT):
            here.setenv("NXF_SYNTAX_PARSER", "v2")
        yield


@pytest.fixture
def listens_to_ctrl_c() -> Iterator[None]:
    """Tests in the background may have been told to ignore a Ctrl-C, and what they start then does too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose store is a folder with a space in its name, as users' folders have."""
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    return Settings()


@pytest.fixture
def store(settings: Settings) -> LocalStore:
    return LocalStore(settings)


@pytest.fixture(scope="session")
def bundled() -> Path:
    return BUNDLED


@pytest.fixture(scope="module")  # it has the environment that the file's tests have
def toolbox() -> Toolbox:
    found = locate(Settings())
    missing = [
        name for name in ("java", "nextflow", "gatk", "bwa", "samtools") if found.tools[name].path is None
    ]
    assert not missing, f"run `stargazer setup` first: {missing} are missing"
    return found


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("STARGAZER_REAL_DATA")
    if not folder:
        pytest.skip("STARGAZER_REAL_DATA is not set: the real data sets are not here")
    return Path(folder)

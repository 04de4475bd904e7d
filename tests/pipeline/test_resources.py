"""What tasks ask for and when they are tried again: a tiny pipeline under the project's own settings."""

import os
import re
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

ROOT = catalog.pipeline_dir()
TINY = Path(__file__).parent / "resources"
RETRIED = ("104", "134", "137", "139", "140", "143", "247", "250")


@dataclass(frozen=True)
class Attempt:
    """What one attempt of a task got: memory in MiB, time in hours."""

    number: int
    cpus: int
    memory: int
    hours: int


def _nextflow(toolbox: Toolbox, folder: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [*toolbox.nextflow, *map(str, arguments)],
        cwd=folder,
        env=toolbox.environment(),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def _attempts(
    toolbox: Toolbox, folder: Path, codes: str, *limits: str
) -> tuple[dict[str, list[Attempt]], str]:
    """Run the tiny pipeline; return the attempts of each of its tasks, and what it printed."""
    bam = _bam(toolbox, folder)
    log = folder / "log"
    done = _nextflow(
        toolbox,
        folder,
        *("run", TINY, "-profile", "slurm,here", "--log", log, "--bam", bam, "--codes", codes, *limits),
    )
    found = defaultdict(list)
    for line in log.read_text().splitlines():
        what, *numbers = line.split()
        found[what].append(Attempt(*map(int, numbers)))
    attempts = {what: sorted(each, key=lambda attempt: attempt.number) for what, each in found.items()}
    return attempts, done.stdout


def _bam(toolbox: Toolbox, folder: Path) -> Path:
    """Return a BAM of 200,000 reads: far more than a heap of 36 MB holds the ends of."""
    folder.mkdir()
    reads = "".join(
        f"read{n}\t{flag}\tchr1\t{n + place}\t60\t10M\t=\t{n + mate}\t{size}\t"
        "ACGTACGTAC\tIIIIIIIIII\tRG:Z:a\n"
        for flag, place, mate, size in ((99, 100, 300, 210), (147, 300, 100, -210))
        for n in range(100_000)
    )
    header = "@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:200000\n@RG\tID:a\tSM:a\tLB:a\tPL:ILLUMINA\n"
    (folder / "reads.sam").write_text(header + reads)
    subprocess.run(
        ["samtools", "sort", "-o", "reads.bam", "reads.sam"],
        cwd=folder,
        env=toolbox.environment(),
        check=True,
    )
    return folder / "reads.bam"


@pytest.fixture(scope="module")
def ended(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[Attempt]], str]:
    folder = tmp_path_factory.mktemp("cluster") / "run"
    return _attempts(toolbox, folder, ",".join(RETRIED), "--max_cpus", "64", "--max_time", "20 h")


@pytest.fixture(scope="module")
def cluster(ended: tuple[dict[str, list[Attempt]], str]) -> dict[str, list[Attempt]]:
    """The attempts of tasks that end with each status, where there is room."""
    return ended[0]


@pytest.mark.pipeline
def test_a_java_heap_leaves_enough_in_a_small_task_and_no_fifth_of_a_large_one(
    ended: tuple[dict[str, list[Attempt]], str],
) -> None:
    heaps = [tuple(map(int, pair)) for pair in re.findall(r"-Xmx(\d+)m -Xmx(\d+)m", ended[1])]
    assert heaps == [(307, 307), (624, 614), (3276, 2457), (63078, 60620)]


@pytest.mark.pipeline
@pytest.mark.parametrize("code", RETRIED)
def test_what_ends_for_memory_or_time_is_tried_again_with_more_of_both(
    cluster: dict[str, list[Attempt]], code: str
) -> None:
    attempts = cluster[code]
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert [attempt.memory for attempt in attempts] == [4096, 8192, 12288]
    assert [attempt.hours for attempt in attempts] == [8, 16, 20], "the third is capped"


@pytest.mark.pipeline
def test_a_full_java_heap_is_tried_again_with_more(cluster: dict[str, list[Attempt]]) -> None:
    assert cluster["heap_134"][0].number == 1
    assert "heap_0" in cluster


@pytest.mark.pipeline
def test_a_label_keeps_its_cpus_where_a_profile_gives_it_time(cluster: dict[str, list[Attempt]]) -> None:
    assert cluster["align"][0] == Attempt(1, 4, 3072, 20)


@pytest.mark.pipeline
def test_a_laptop_caps_what_tasks_ask_for_and_other_failures_are_final(
    toolbox: Toolbox, tmp_path: Path
) -> None:
    limits = ("--max_cpus", "2", "--max_memory", "4 GB", "--max_time", "1 h")
    found, _ = _attempts(toolbox, tmp_path / "run", "1,3,141", *limits)
    for code in ("1", "3", "141"):
        assert found[code] == [Attempt(1, 1, 4096, 1)]
    assert found["align"][0] == Attempt(1, 2, 3072, 1)


@pytest.mark.pipeline
def test_every_label_has_its_memory_and_time_on_a_cluster(toolbox: Toolbox, tmp_path: Path) -> None:
    shown = _nextflow(toolbox, tmp_path, "config", ROOT, "-profile", "slurm").stdout
    process = shown[shown.index("process {") :]
    blocks = dict(re.findall(r"^   withLabel:'?([\w|]+)'? \{\n(.*?)^   \}$", process, re.M | re.S))
    outside = re.sub(r"^   with\w+:.*?^   \}$", "", process, flags=re.M | re.S)
    for setting in ("cpus = ", "memory = {", "time = {"):
        assert setting in outside
    sources = {path: path.read_text() for path in ROOT.glob("modules/*/*/main.nf")}
    for path, source in sources.items():
        labels = re.findall(r"^    label '(\w+)'$", source, re.M)
        assert len(labels) == 1, path
        own = "    memory {" in source
        assert own or "memory = {" in blocks.get(labels[0], ""), path


def test_what_was_killed_in_a_pipe_is_what_the_task_ends_with(tmp_path: Path) -> None:
    """Its neighbours end with other statuses, that of the last of which the shell would take."""
    programs = {
        "bwa": "#!/bin/bash\nprintf '@SQ\\tSN:a\\tLN:9\\nr1\\t0\\ta'\nkill -9 $$\n",
        "samtools": "#!/bin/bash\ncat > /dev/null\nexit 1\n",
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "reads.fq").write_text("@r1\nACGT\n+\nIIII\n")
    done = subprocess.run(
        [
            ROOT / "bin" / "align_and_sort",
            *("--aligner", "bwa", "--index", "x", "--read-group", "@RG", "--output", "x.bam", "reads.fq"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{ROOT / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 137, done.stderr
    assert "bwa mem ended with status 137" in done.stderr

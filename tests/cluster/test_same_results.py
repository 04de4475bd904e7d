"""The bundled data through a real Slurm with images: the same bytes as on this machine without either."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.user import Answer, make_user, manifest
from helpers.slurm import Slurm

from stargazer_cli import catalog
from stargazer_cli.store.cid import cid_of
from stargazer_cli.tools import Toolbox

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
ROOT = catalog.pipeline_dir()
DATA = ROOT / "stargazer_cli" / "demo" / "data"
SAMPLES = ("child", "father", "mother")
# Parts, so that arrays have something to hold.
PARTS = "3"
IN_IMAGES = "slurm,podman"


@pytest.fixture(scope="module")
def images() -> None:
    """Skip where the tasks' images are not here."""
    if shutil.which("podman") is None:
        pytest.skip("no podman on this machine")
    named = {
        re.findall(r"container '(.+)'", file.read_text())[0] for file in ROOT.glob("modules/*/*/main.nf")
    }
    for image in sorted(named - {name for name in named if "bwamem2" in name}):
        if subprocess.run(["podman", "image", "exists", image], check=False).returncode:
            pytest.skip(f"{image} is not here: stargazer build-images")


def _nextflow(folder: Path, toolbox: Toolbox, slurm: Slurm | None, *options: str) -> Path:
    """Run the pipeline in a folder; gives its outdir."""
    folder.mkdir()
    done = subprocess.run(
        [*toolbox.nextflow, "run", ROOT, "-ansi-log", "false", "--outdir", "out", *options],
        cwd=folder,
        env=toolbox.environment() | (slurm.environment() if slurm else {}),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def _germline(folder: Path, toolbox: Toolbox, slurm: Slurm | None, profile: str) -> Path:
    rows = (ROOT / "conf" / "test.csv").read_text().replace("stargazer_cli/", f"{ROOT}/stargazer_cli/")
    folder.parent.mkdir(exist_ok=True)
    sheet = folder.parent / "trio.csv"
    sheet.write_text(rows)
    given = ("--input", str(sheet), "--scatter_count", PARTS, "--max_cpus", "2")
    return _nextflow(folder, toolbox, slurm, "-profile", f"test,{profile}", *given)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> Path:
    """The trio with this machine's own tools."""
    return _germline(tmp_path_factory.mktemp("here") / "run", toolbox, None, "local")


def _digests(outdir: Path) -> dict[str, str]:
    """Return the CID of each result but the reports, which hold times and a random name."""
    return {
        line["path"]: cid_of(outdir / line["path"]) for line in manifest(outdir) if line["asset"] != "report"
    }


def _outside(work: Path) -> list[str]:
    """Return the tasks that did not run in their image, or were no job; those of an array are in its job."""
    found = []
    for script in sorted(work.glob("*/*/.command.run")):
        text = script.read_text()
        image = re.findall(r"^### container: '(.+)'$", text, re.M)
        array = "#SBATCH --array" in text
        inside = bool(image) and re.search(rf"^ *podman run .* {re.escape(image[0])} ", text, re.M)
        if "#SBATCH" not in text or not (inside or array):
            found.append(text[:600])
    return found


def test_germline_by_nextflow(
    tmp_path: Path, here: Path, slurm: Slurm, images: None, toolbox: Toolbox
) -> None:
    out = _germline(tmp_path / "run", toolbox, slurm, IN_IMAGES)
    assert _digests(out) == _digests(here)
    assert (out / "versions.json").read_text() == (here / "versions.json").read_text()
    work = tmp_path / "run" / "work"
    assert not _outside(work)
    jobs = [job for job in slurm.completed() if job["WorkDir"].startswith(str(work))]
    assert {job["WorkDir"] for job in jobs} == {
        str(folder) for folder in work.glob("??/*") if folder.is_dir()
    }
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}


def _made(answer: Answer) -> dict[str, str]:
    """Return the CIDs of a run's results by name, without the reports."""
    assets = [asset for asset in answer.json["assets"] if asset["keyvalues"]["asset"] != "report"]
    return {asset["name"]: asset["cid"] for asset in assets}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the results, to which nothing can be hardlinked."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=shared) as folder:
        yield Path(folder)


def test_germline_by_stargazer(
    tmp_path: Path, slurm: Slurm, images: None, elsewhere: Path, toolbox: Toolbox
) -> None:
    """In arrays, on a scratch disk, in a partition, and with the work folder on another file system."""
    user = make_user(tmp_path)
    data = DATA / "germline"
    user.adds(data / "reference.fa", "-k", "asset=reference", "-k", "build=simulated")
    for sample in SAMPLES:
        user.adds(*sorted(data.glob(f"{sample}_*R?.fastq.gz")), "-k", f"sample_id={sample}")
    asked = ["run", "germline", "--build", "simulated", "--samples", ",".join(SAMPLES), "--json"]
    asked += ["--cohort-id", "trio", "--aligner", "bwa", "--scatter-count", PARTS, "--max-cpus", "2"]
    here = user.succeeds(*asked)
    answer = user.succeeds(
        *(*asked, "--no-reuse", "--profile", IN_IMAGES, "--job-array", PARTS, "--scratch"),
        *("--partition", "long", "--work-dir", elsewhere, "--keep-work"),
        **slurm.environment(),
    )
    assert _made(answer) == _made(here)
    assert not _outside(elsewhere / answer.json["run_id"])
    arrays = [
        script.read_text()
        for script in (elsewhere / answer.json["run_id"]).glob("*/*/.command.run")
        if "#SBATCH --array 0-2" in script.read_text()
    ]
    assert sum("HAPLOTYPE_CALLER" in script for script in arrays) == len(SAMPLES)
    assert sum("JOINT_CALL_GVCFS" in script for script in arrays) == 1
    jobs = [job for job in slurm.completed() if job["WorkDir"].startswith(str(elsewhere))]
    assert {job["Partition"] for job in jobs} == {"long"}


def test_single_cells_by_nextflow(tmp_path: Path, slurm: Slurm, images: None, toolbox: Toolbox) -> None:
    sheet = tmp_path / "cells.csv"
    sheet.write_text(f"sample,organism,h5ad\ncells,human,{DATA}/scrna/cells.h5ad\n")
    given = ("--input", str(sheet), "--fuse", "--max_cpus", "2", "--max_memory", "8 GB")
    ours, theirs = (
        _nextflow(tmp_path / profile, toolbox, slurm, "-profile", f"test_scrna,{profile}", *given)
        for profile in ("local", IN_IMAGES)
    )
    assert _digests(theirs) == _digests(ours)
    assert len(json.loads((theirs / "versions.json").read_text())) == len(
        json.loads((ours / "versions.json").read_text())
    )
    assert not _outside(tmp_path / IN_IMAGES / "work")

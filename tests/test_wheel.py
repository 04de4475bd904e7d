"""The wheel carries the pipeline and the bundled data, and works from any directory."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            folder,
            CHECKOUT,
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_pipeline_file_is_in_the_wheel(unpacked: Path) -> None:
    packed = unpacked / "stargazer_cli" / "pipeline"
    for part in ("main.nf", "task.nf", "nextflow.config", "nextflow_schema.json"):
        assert (packed / part).read_bytes() == (CHECKOUT / part).read_bytes()
    for folder in ("conf", "modules", "subworkflows", "bin"):
        files = (file for file in (CHECKOUT / folder).rglob("*") if file.is_file() and file.suffix != ".pyc")
        wanted = {file.relative_to(CHECKOUT) for file in files}
        missing = {file for file in wanted if not (packed / file).is_file()}
        assert wanted
        assert not missing
    assert not list(unpacked.rglob("*.pyc"))


def test_the_browsers_page_and_its_library_are_in_the_wheel(unpacked: Path) -> None:
    page = CHECKOUT / "stargazer_cli" / "web" / "static"
    wanted = {file.relative_to(CHECKOUT) for file in page.rglob("*") if file.is_file()}
    assert page.relative_to(CHECKOUT) / "vendor" / "dagre.js" in wanted
    assert {file for file in wanted if not (unpacked / file).is_file()} == set()


def test_an_installed_copy_uses_its_own_pipeline_and_data(unpacked: Path, tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
site = Path(sys.argv[1])
sys.path.insert(0, str(site))
import stargazer_cli.demo
from stargazer_cli import catalog
assert Path(catalog.__file__).is_relative_to(site), catalog.__file__
assert catalog.pipeline_dir() == site / "stargazer_cli" / "pipeline", catalog.pipeline_dir()
assert "haplotype_caller" in catalog.tasks()
assert (Path(stargazer_cli.demo.__file__).parent / "data" / "germline" / "truth.vcf").is_file()
from stargazer_cli.demo.dataset import GermlineData, load
assert load(GermlineData, "tp53").reference.cid
"""
    subprocess.run([sys.executable, "-c", script, unpacked], cwd=tmp_path, check=True)

"""What an image is built from, and the names that follow."""

import shutil
from pathlib import Path

import pytest

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.images import spec
from stargazer_cli.images.spec import Base, Image

BASE = Base("docker.io/library/debian:bookworm-slim", "sha256:1", "amd64")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the containers and of what their contexts are, which a test may change."""
    pipeline = spec.catalog.pipeline_dir()
    for name in ("containers", "bin"):
        shutil.copytree(pipeline / name, tmp_path / name)
    monkeypatch.setattr(spec.catalog, "pipeline_dir", lambda: tmp_path)
    return tmp_path


def digest(name: str, base: Base = BASE, **options: str) -> str:
    return spec.images()[name].inputs_digest(base, options)


def test_the_images_are_named_as_the_modules_name_them() -> None:
    named = {task.image for task in spec.catalog.tasks().values()}
    assert named == {image.reference for image in spec.images().values()}


def test_a_name_says_the_version_and_what_it_is_built_from() -> None:
    image = spec.images()["bwa"]
    assert image.reference == "stargazer/bwa:0.7.17"
    assert image.tag("0123456789ab") == "stargazer/bwa:0.7.17-0123456789ab"
    assert len(digest("bwa")) == 12 and digest("bwa") == digest("bwa")


@pytest.mark.parametrize(
    ("name", "file", "changed"),
    [
        ("bwamem2", "containers/bwamem2/Dockerfile", True),
        ("bwamem2", "containers/bwamem2/bwa-mem2", True),
        ("bwamem2", "containers/common/tidy", True),
        ("bwamem2", "containers/README.md", False),
        ("bwamem2", "containers/bwa/Dockerfile", False),
        ("scanpy", "bin/scrna_chain.py", True),
        ("scanpy", "bin/scrna_report.py", True),
        ("bwa", "bin/scrna_chain.py", False),
    ],
)
def test_a_change_of_an_input_is_another_image(copy: Path, name: str, file: str, changed: bool) -> None:
    before = digest(name)
    with (copy / file).open("a") as stream:
        stream.write("\n# changed\n")
    assert (digest(name) != before) == changed


def test_what_no_dockerfile_names_and_modes_change_no_image(copy: Path) -> None:
    before = digest("bwamem2")
    (copy / "containers" / "bwamem2" / ".Dockerfile.swp").write_text("half a line")
    (copy / "containers" / "common" / "tidy~").write_text("of before")
    (copy / "containers" / "bwamem2" / "bwa-mem2").chmod(0o600)
    assert digest("bwamem2") == before


def test_a_script_that_only_others_run_changes_no_image(copy: Path) -> None:
    before = digest("bwamem2"), digest("multiqc")
    (copy / "containers" / "common" / "python").write_text("#!/bin/sh\n")
    assert digest("bwamem2") == before[0] and digest("multiqc") != before[1]


def test_compiled_python_beside_the_scripts_changes_no_image(copy: Path) -> None:
    before = digest("scanpy")
    cache = copy / "bin" / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "scrna_chain.cpython-311.pyc").write_bytes(b"compiled")
    assert digest("scanpy") == before


def test_a_lock_file_is_an_input_of_its_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: digest(name) for name in ("gatk", "multiqc", "scanpy", "bwa")}
    lock = tmp_path / "gatk-4.6.2.0.lock"
    lock.write_text("org.example:other:1 10 abc\n")
    real = Image.lock.func  # type: ignore[attr-defined]
    monkeypatch.setattr(Image, "lock", property(lambda image: lock if image.name == "gatk" else real(image)))
    assert {name for name in before if digest(name) != before[name]} == {"gatk"}


def test_a_version_without_its_lock_file_is_named(copy: Path) -> None:
    file = copy / "containers" / "gatk" / "Dockerfile"
    # The lock file of 4.6.2.0 is none of 4.6.2.
    file.write_text(file.read_text().replace("ARG VERSION=4.6.2.0", "ARG VERSION=4.6.2"))
    with pytest.raises(
        StargazerError, match=r"containers/gatk needs one lock file, of 4\.6\.2, and there is 0"
    ):
        digest("gatk")


@pytest.mark.parametrize(
    ("base", "options"),
    [
        (Base("registry.example.org/debian:bookworm", "sha256:1", "amd64"), {}),
        (Base(BASE.name, "sha256:2", "amd64"), {}),
        (Base(BASE.name, "sha256:1", "arm64"), {}),
        (BASE, {"SOURCE": "https://example.org/stargazer"}),
    ],
)
def test_another_base_or_argument_is_another_image(base: Base, options: dict[str, str]) -> None:
    assert digest("bwa", base, **options) != digest("bwa")


def test_the_release_of_each_image_stands_for_the_braces_of_a_base() -> None:
    images = spec.images()
    assert images["bwa"].base("localhost/debian:{}") == "localhost/debian:bookworm"
    assert images["bwamem2"].base("localhost/debian:{}") == "localhost/debian:trixie"
    assert images["bwa"].base("example.org/own:1") == "example.org/own:1"
    assert images["bwa"].base() == "docker.io/library/debian:bookworm-slim"


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError) as refused:
        spec.chosen(("bwa", "bwa3"))
    assert "bwa3" in refused.value.message
    assert refused.value.hint == "There are: bcftools, bwa, bwamem2, gatk, multiqc, samtools, scanpy."
    with pytest.raises(UsageError):
        spec.chosen(("../containers/bwa",))
    assert [image.name for image in spec.chosen(("gatk", "bwa", "gatk"))] == ["gatk", "bwa"]
    assert len(spec.chosen(())) == len(spec.images())

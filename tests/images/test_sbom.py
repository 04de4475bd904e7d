"""The list of what is in an image."""

import json
import re
import subprocess
import uuid
from pathlib import Path

import pytest
from helpers.builder import Builder
from helpers.shell import Shell

from stargazer_cli.images import sbom, spec
from stargazer_cli.tools import jars

pytest.importorskip("cyclonedx")

DIGEST = f"sha256:{5:064d}"
SAID = "\n".join(
    [
        "system\tdebian\tbookworm",
        "deb\tsamtools\t1.16.1-1\tamd64\tsamtools\t1.16.1-1",
        "deb\tlibc6\t2.36-9+deb12u10\tamd64\tglibc\t2.36-9+deb12u10",
        "pypi\tscikit_misc\t0.5.1",
    ]
)


def listed(name: str, said: str = SAID) -> dict[str, object]:
    found: dict[str, object] = json.loads(sbom.make(spec.images()[name], DIGEST, said))
    return found


def purls(name: str) -> list[str]:
    components = listed(name)["components"]
    assert isinstance(components, list)
    return [component["purl"] for component in components]


def test_packages_are_named_as_scanners_look_for_them() -> None:
    assert purls("samtools") == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-bookworm&upstream=glibc%402.36-9%2Bdeb12u10",
        "pkg:deb/debian/samtools@1.16.1-1?arch=amd64&distro=debian-bookworm",
        "pkg:pypi/scikit-misc@0.5.1",
    ]


def test_jars_come_with_their_checksums() -> None:
    components = listed("gatk")["components"]
    assert isinstance(components, list)
    found = {component["purl"]: component for component in components}
    gatk = found["pkg:maven/org.broadinstitute/gatk@4.6.2.0"]
    (locked,) = [jar for jar in jars.Lock.load("gatk").jars if jar.coordinates.endswith(":gatk:4.6.2.0")]
    assert gatk["hashes"] == [{"alg": "SHA-256", "content": locked.sha256}]
    assert len([purl for purl in found if purl.startswith("pkg:maven/")]) == len(jars.Lock.load("gatk").jars)


def test_a_list_names_its_image_and_no_moment() -> None:
    content = listed("samtools")
    metadata = content["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["component"]["name"] == "stargazer/samtools"
    assert metadata["component"]["hashes"] == [{"alg": "SHA-256", "content": DIGEST.removeprefix("sha256:")}]
    assert metadata["timestamp"].startswith("2025-01-01T00:00:00")
    assert uuid.UUID(str(content["serialNumber"]).removeprefix("urn:uuid:")).version == 5


def test_the_same_image_gives_the_same_bytes_in_whatever_order_it_tells() -> None:
    lines = SAID.splitlines()
    assert sbom.make(spec.images()["gatk"], DIGEST, "\n".join(reversed(lines))) == sbom.make(
        spec.images()["gatk"], DIGEST, SAID
    )


@pytest.mark.parametrize("name", ["samtools", "gatk"])
def test_a_list_keeps_to_the_schema(name: str) -> None:
    pytest.importorskip("jsonschema")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = sbom.make(spec.images()[name], DIGEST, SAID)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace('"purl"', '"pearl"')) is not None


def test_a_list_is_written_for_each_image(
    builder: Builder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stargazer = Shell(capfd)
    (entry,) = stargazer("build-images", "bwa", "--json").json["images"]
    name = entry["tag"].removeprefix("stargazer/").replace(":", "-") + ".cdx.json"
    content = json.loads((tmp_path / "tools" / "images" / "sbom" / name).read_text())
    assert [component["name"] for component in content["components"]] == ["procps"]
    folder = tmp_path / "lists"
    builder.forget()
    assert stargazer("build-images", "bwa", "--sbom", folder).code == 0
    assert [file.name for file in folder.iterdir()] == [name]
    builder.forget()
    stargazer("build-images", "bwa", "--sbom", folder)
    assert not builder.calls("run")


def test_an_image_that_does_not_tell_is_named(
    builder: Builder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (builder.folder / "said").unlink()
    done = Shell(capfd)("build-images", "bwa")
    assert done.code == 1
    assert "stargazer/bwa:0.7.17 does not tell what is in it (exit status 1)." in done.err
    assert "Hint:  The image is built and named." in done.err


def test_without_the_library_images_are_built_and_lists_refused(
    builder: Builder, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sbom.importlib.util, "find_spec", lambda _: None)
    stargazer = Shell(capfd)
    done = stargazer("build-images", "bwa", "--sbom", tmp_path / "lists")
    assert done.code == 1 and "pip install 'stargazer[images]'" in done.err
    assert not builder.calls()
    done = stargazer("build-images", "bwa")
    assert done.code == 0 and "pip install 'stargazer[images]'" in done.err
    assert not (tmp_path / "tools" / "images" / "sbom").exists()


@pytest.mark.pipeline
def test_a_real_image_lists_all_that_its_package_manager_knows() -> None:
    image = spec.images()["scanpy"]
    try:
        found = subprocess.run(
            ["podman", "image", "inspect", "--format", "{{.Id}}", image.reference],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"{image.reference} is not built: run stargazer build-images scanpy")
    digest = found.stdout.strip()
    components = json.loads(sbom.make(image, digest, sbom.look("podman", image, digest)))["components"]
    assert {"libc6", "procps", "python3"} <= {component["name"] for component in components}
    locked = set(re.findall(r"^([\w-]+)==(\S+)", image.lock.read_text(), re.M))
    python = {
        (component["name"], component["version"])
        for component in components
        if component["purl"].startswith("pkg:pypi/")
    }
    # The lock file has releases for other versions of Python too.
    assert python <= {(name.lower().replace("_", "-"), version) for name, version in locked}
    assert ("scanpy", image.version) in python and len(python) > 50

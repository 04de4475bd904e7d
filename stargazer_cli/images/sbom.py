"""The list of what is in an image, as CycloneDX 1.6: Debian packages, Python distributions, jars.

It is made from what the image itself says, and from the lock file of its jars; the same image gives the
same list.
"""

import importlib.util
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.errors import missing
from stargazer_cli.images.ask import ask_image
from stargazer_cli.images.spec import Image
from stargazer_cli.tools.jars import Lock

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

    from stargazer_cli.images.build import Outcome

# One line a thing: its kind, its name, its version and more.
_LOOK = r"""
set -eu
. /etc/os-release
printf 'system\t%s\t%s\n' "$ID" "$VERSION_CODENAME"
dpkg-query -W -f 'deb\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n'
python=/opt/venv/bin/python3
[ ! -x $python ] || $python -c '
from importlib import metadata
for each in metadata.distributions():
    print("pypi", each.metadata["Name"], each.version, sep="\t")
'
"""
_NAMESPACE = uuid.UUID("6f1a1d0e-6a4c-5d0b-9b1c-5a1f6b1c7d2e")


def has_library() -> bool:
    """Whether the library that writes the lists is installed."""
    return importlib.util.find_spec("cyclonedx") is not None


def require_library() -> None:
    """Refuse where the library that writes the lists is not installed."""
    if not has_library():
        raise missing("A list of what is in an image", "cyclonedx", "images")


def keep(
    outcome: "Outcome", engine: str, tools: Path, folder: Path | None, tell: Callable[[str], None]
) -> None:
    """Write the list of an image, unless it is there."""
    from stargazer_cli.images.build import builder_of

    place = (folder or tools / "images" / "sbom") / file_name(outcome)
    if place.exists() and outcome.status in ("current", "named"):
        return
    said = look(builder_of(engine), outcome.image, outcome.digest)
    text = make(outcome.image, outcome.digest, said)
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(place)
    tell(f"  listed in {place}")


def file_name(outcome: "Outcome") -> str:
    """Return the name of an image's list."""
    return outcome.tag.removeprefix("stargazer/").replace(":", "-") + ".cdx.json"


def look(builder: str, image: Image, digest: str) -> str:
    """Ask an image what is in it."""
    return ask_image(
        builder,
        digest.removeprefix("sha256:"),
        _LOOK,
        f"{image.reference} does not tell what is in it",
        hint="The image is built and named. Look at what it says above, or build it anew: --no-cache.",
    )


def make(image: Image, digest: str, said: str) -> str:
    """Return the list of an image as JSON, from what it said of itself."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    bom = Bom(components=_components(image, said))
    bom.serial_number = uuid.uuid5(_NAMESPACE, digest)
    bom.metadata.timestamp = datetime.fromtimestamp(image.epoch, UTC)
    bom.metadata.component = Component(
        type=ComponentType.CONTAINER,
        name=f"stargazer/{image.name}",
        version=image.version,
        bom_ref=f"stargazer/{image.name}@{digest}",
        hashes=_sha256(digest.removeprefix("sha256:")),
    )
    _depend(bom)
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def _depend(bom: "Bom") -> None:
    if bom.metadata.component is not None:
        bom.register_dependency(bom.metadata.component, bom.components)


def _components(image: Image, said: str) -> Iterator["Component"]:
    lines = [line.split("\t") for line in said.splitlines()]
    system, release = next((line[1], line[2]) for line in lines if line[0] == "system")
    for line in lines:
        if line[0] == "deb":
            yield _debian(line[1:], system, release)
        elif line[0] == "pypi":
            yield _component("pypi", line[1].lower().replace("_", "-"), line[2])
    if "jars" in image.contexts:
        for jar in Lock.load(image.name).jars:
            group, artifact, version, *classifier = jar.coordinates.split(":")
            qualifiers = {"classifier": classifier[0]} if classifier else {}
            yield _component(
                "maven", artifact, version, group=group, qualifiers=qualifiers, sha256=jar.sha256
            )


def _debian(fields: list[str], system: str, release: str) -> "Component":
    name, version, architecture, source, source_version = fields
    qualifiers = {"arch": architecture, "distro": f"{system}-{release}"}
    if (source, source_version) != (name, version):
        qualifiers["upstream"] = f"{source}@{source_version}"
    return _component("deb", name, version, group=system, qualifiers=qualifiers)


def _component(
    kind: str,
    name: str,
    version: str,
    *,
    group: str | None = None,
    qualifiers: dict[str, str] | None = None,
    sha256: str = "",
) -> "Component":
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    url = PackageURL(kind, group, name, version, qualifiers or {})
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        group=group if kind == "maven" else None,
        purl=url,
        bom_ref=url.to_string(),
        hashes=_sha256(sha256),
    )


def _sha256(digest: str) -> Iterable["HashType"]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)] if digest else []

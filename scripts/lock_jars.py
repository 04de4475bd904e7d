#!/usr/bin/env python3
"""Write the lock file of a Java tool: each jar's Maven coordinates, size and sha256.

    scripts/lock_jars.py nextflow
    scripts/lock_jars.py gatk --check        # exit 1 when the lock file would change

Maven (`mvn` on PATH) resolves the versions once, here; `stargazer setup` then fetches exactly those files.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LOCKS = Path(__file__).resolve().parent.parent / "stargazer_cli" / "tools" / "locks"


@dataclass(frozen=True)
class Recipe:
    """What Maven is asked to resolve, and which of the jars are left out of the lock."""

    root: str
    managed: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()
    left_out: str = r"(?!)"


RECIPES = {
    # nf-lang 25.04.4 and lib-trace were never published.
    "nextflow": Recipe(
        root="io.nextflow:nextflow:25.04.4",
        managed=("io.nextflow:nf-lang:25.04.0",),
        exclusions=("io.seqera:lib-trace",),
    ),
    # What only GATK's Spark tools need is half of the bytes. spark-core, hadoop-client-api and the
    # google-cloud jars stay: GATK loads them when it starts. slf4j-reload4j and log4j-slf4j2-impl are
    # other logging backends than the one that slf4j 1.7 takes: runs would complain about the first, and
    # fail with the second where it comes first on the class path.
    "gatk": Recipe(
        root="org.broadinstitute:gatk:4.6.2.0",
        exclusions=("org.apache.orc:*", "com.fasterxml.jackson.module:*"),
        left_out=(
            r"spark-(mllib|sql|catalyst|streaming|graphx)|hadoop-client-runtime|rocksdbjni|breeze|spire"
            r"|parquet|arrow|zstd-jni|netty|jetty|jersey|kerb|hive|adam|grpc-xds|scala-(compiler|reflect)"
            r"|curator|zookeeper|slf4j-reload4j|log4j-slf4j2-impl"
        ),
    ),
}


def _pom(recipe: Recipe) -> str:
    def dependency(coordinates: str, inner: str = "") -> str:
        group, artifact, version = coordinates.split(":")
        return (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version>{inner}</dependency>"
        )

    exclusions = "".join(
        f"<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>"
        for group, artifact in (text.split(":") for text in recipe.exclusions)
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>lock</groupId><artifactId>lock</artifactId>"
        "<version>1</version><packaging>pom</packaging><dependencyManagement><dependencies>"
        + "".join(dependency(text) for text in recipe.managed)
        + "</dependencies></dependencyManagement><dependencies>"
        + dependency(recipe.root, f"<exclusions>{exclusions}</exclusions>")
        + "</dependencies></project>"
    )


def _resolve(recipe: Recipe, folder: Path) -> list[tuple[str, Path]]:
    """Return (group:artifact:version[:classifier], jar) for each jar that Maven resolves."""
    pom = folder / "pom.xml"
    pom.write_text(_pom(recipe))
    listing, jars = folder / "list", folder / "jars"
    subprocess.run(
        ["mvn", "-q", "-B", "-ntp", "-f", str(pom), "dependency:list", "dependency:copy-dependencies",
         f"-DoutputFile={listing}", f"-DoutputDirectory={jars}"],
        check=True,
    )  # fmt: skip
    resolved = []
    for line in re.findall(r"^ {3}(\S+:\S+)", listing.read_text(), re.MULTILINE):
        group, artifact, packaging, *classifier, version, _scope = line.split(":")
        if packaging != "jar":
            sys.exit(f"{line}: only jars can be locked")
        name = "-".join([artifact, version, *classifier]) + ".jar"
        resolved.append((":".join([group, artifact, version, *classifier]), jars / name))
    return resolved


def main() -> None:
    """Resolve, hash and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tool", choices=RECIPES)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a difference")
    options = parser.parse_args()
    recipe = RECIPES[options.tool]
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for coordinates, jar in _resolve(recipe, Path(folder)):
            if re.search(recipe.left_out, jar.name):
                continue
            data = jar.read_bytes()
            lines.append(f"{coordinates} {len(data)} {hashlib.sha256(data).hexdigest()}")
    text = f"# {recipe.root}: coordinates, bytes, sha256; made by scripts/lock_jars.py\n"
    text += "\n".join(sorted(lines)) + "\n"
    version = recipe.root.rsplit(":", 1)[1]
    lock = LOCKS / f"{options.tool}-{version}.lock"
    if options.check:
        if lock.read_text() != text:
            sys.exit(f"{lock.name} differs from what Maven resolves now")
        return
    lock.write_text(text)
    print(f"{lock.name}: {len(lines)} jars")


if __name__ == "__main__":
    main()

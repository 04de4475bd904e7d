#!/usr/bin/env python3
"""Push the images that `stargazer build-images` built to a registry, and note what they are called there.

    scripts/publish_images.py ghcr.io/owner --engine docker --lock images.lock.json --out dist

Each image is pushed by the name of exactly its build and by the one that the tasks use. Written to the folder
`--out`: `images.lock.json`, what was built with its digest in the registry, and `images.sha256`, digest and
name of each, as attestations take them.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def push(engine: str, tag: str, name: str) -> str:
    """Give a local image its name in the registry and push it there; returns its digest there."""
    run([engine, "tag", tag, name])
    # Podman compresses what it sends, so that the digests that it has of the image here are others.
    with tempfile.NamedTemporaryFile() as file:
        said = run([engine, "push", *(["--digestfile", file.name] if engine == "podman" else []), name])
        found = re.search(r"sha256:[0-9a-f]{64}", Path(file.name).read_text()) or re.search(
            r"digest: (sha256:[0-9a-f]{64})", said
        )
    if found is None:
        sys.exit(f"{engine} does not tell the digest of {name}:\n{said}")
    return found[found.lastindex or 0]


def run(command: Sequence[str]) -> str:
    """Run a command and return what it printed; where it fails, say so and end."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed ({done.returncode})")
    return done.stdout


def publish(engine: str, registry: str, built: dict[str, Any]) -> dict[str, Any]:
    """Push all images of a lock file; returns the entries, each with what it is called in the registry."""
    published = {}
    for reference, entry in sorted(built.items()):
        push(engine, entry["tag"], f"{registry}/{entry['tag']}")
        digest = push(engine, entry["tag"], f"{registry}/{reference}")
        name = f"{registry}/{reference.rpartition(':')[0]}"
        published[reference] = {**entry, "published": f"{name}@{digest}"}
        print(f"{registry}/{entry['tag']} is {digest}")
    return published


def main() -> None:
    """Push the images, and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("registry", help="host and owner, to which stargazer/<tool> is added")
    parser.add_argument("--engine", choices=["docker", "podman"], default="docker")
    parser.add_argument("--lock", type=Path, required=True, help="the lock file that build-images wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
    options = parser.parse_args()

    built = json.loads(options.lock.read_text(encoding="utf-8")).get(options.engine)
    if not built:
        sys.exit(
            f"{options.lock} names no image of {options.engine}: "
            f"stargazer build-images --engine {options.engine}"
        )
    published = publish(options.engine, options.registry.lower().rstrip("/"), built)
    options.out.mkdir(parents=True, exist_ok=True)
    document = json.dumps({options.engine: published}, indent=2, sort_keys=True)
    (options.out / "images.lock.json").write_text(f"{document}\n", encoding="utf-8")
    # Attestations are looked up by digest; the name is for people.
    lines = [entry["published"].partition("@")[::2] for entry in published.values()]
    sums = "".join(f"{digest.removeprefix('sha256:')}  {name}\n" for name, digest in lines)
    (options.out / "images.sha256").write_text(sums, encoding="utf-8")


if __name__ == "__main__":
    main()

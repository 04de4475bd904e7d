#!/usr/bin/env python3
"""Push the images that `stargazer build-images` built to a registry, and note what they are called there.

    scripts/publish_images.py ghcr.io/owner --engine docker --lock images.lock.json --out dist

Each image is pushed by the name of exactly its build and by the one that the tasks use. Written to the folder
`--out`: `images.lock.json`, what was built with its digest in the registry, and `images.sha256`, digest and
name of each, as attestations take them.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def push(engine: str, tag: str, name: str) -> None:
    """Give a local image its name in the registry and push it there."""
    for arguments in (["tag", tag, name], ["push", name]):
        done = subprocess.run([engine, *arguments], stdout=sys.stderr, check=False)
        if done.returncode != 0:
            sys.exit(f"{engine} {' '.join(arguments)} failed ({done.returncode})")


def digest_there(engine: str, name: str) -> str:
    """Return the digest by which the registry knows an image that was pushed."""
    done = subprocess.run(
        [engine, "image", "inspect", "--format", "{{json .RepoDigests}}", name],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    repository = name.rpartition(":")[0]
    found = [each for each in json.loads(done.stdout) if each.startswith(f"{repository}@")]
    if not found:
        sys.exit(f"{engine} does not tell the digest of {name} in its registry")
    return str(found[-1].partition("@")[2])


def publish(engine: str, registry: str, built: dict[str, Any]) -> dict[str, Any]:
    """Push all images of a lock file; returns the entries, each with what it is called in the registry."""
    published = {}
    for reference, entry in sorted(built.items()):
        push(engine, entry["tag"], f"{registry}/{entry['tag']}")
        push(engine, entry["tag"], f"{registry}/{reference}")
        digest = digest_there(engine, f"{registry}/{reference}")
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

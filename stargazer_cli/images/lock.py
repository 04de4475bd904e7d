"""The lock file of the images: what was built, from what, and its digest."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from stargazer_cli.errors import StargazerError

# engine -> reference -> what is known of the image
Content = dict[str, dict[str, dict[str, Any]]]


def lock_file(tools: Path) -> Path:
    """Where the lock file is, or would be."""
    return tools / "images.lock.json"


def read(tools: Path) -> Content:
    """Return what the lock file says; nothing where there is none."""
    file = lock_file(tools)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise StargazerError(
            f"The lock file of the images is damaged: {file}.",
            f"Remove it, and write it anew: rm {file} && stargazer build-images",
        )
    return content


def write(tools: Path, engine: str, reference: str, entry: Mapping[str, Any]) -> None:
    """Note one image. The file is whole at any moment, and what other engines have stays in it."""
    file = lock_file(tools)
    tools.mkdir(parents=True, exist_ok=True)
    with FileLock(tools / ".images.lock.json.lock"):
        content = read(tools)
        if content.get(engine, {}).get(reference) == entry:
            return
        content.setdefault(engine, {})[reference] = dict(entry)
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(file)

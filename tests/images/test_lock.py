"""The lock file: what is known of the images of each engine."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stargazer_cli.errors import StargazerError
from stargazer_cli.images import lock


def test_engines_and_images_are_kept_apart(tmp_path: Path) -> None:
    lock.write(tmp_path, "podman", "stargazer/bwa:1", {"digest": "sha256:1"})
    lock.write(tmp_path, "apptainer", "stargazer/bwa:1", {"digest": "sha256:1", "file": "/x.img"})
    lock.write(tmp_path, "podman", "stargazer/gatk:4", {"digest": "sha256:2"})
    lock.write(tmp_path, "podman", "stargazer/bwa:1", {"digest": "sha256:3"})
    assert lock.read(tmp_path) == {
        "apptainer": {"stargazer/bwa:1": {"digest": "sha256:1", "file": "/x.img"}},
        "podman": {"stargazer/bwa:1": {"digest": "sha256:3"}, "stargazer/gatk:4": {"digest": "sha256:2"}},
    }
    assert json.loads((tmp_path / "images.lock.json").read_text()) == lock.read(tmp_path)


def test_nothing_is_lost_where_two_write_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: lock.write(tmp_path, "podman", f"image:{n}", {"size": n}), range(40)))
    assert len(lock.read(tmp_path)["podman"]) == 40
    assert [file.name for file in tmp_path.iterdir() if "lock.json" not in file.name] == []


def test_what_is_noted_already_is_not_written_again(tmp_path: Path) -> None:
    lock.write(tmp_path, "podman", "stargazer/bwa:1", {"digest": "sha256:1"})
    before = lock.lock_file(tmp_path).stat()
    lock.write(tmp_path, "podman", "stargazer/bwa:1", {"digest": "sha256:1"})
    assert lock.lock_file(tmp_path).stat().st_ino == before.st_ino


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_lock_file_is_named(tmp_path: Path, text: str) -> None:
    lock.lock_file(tmp_path).write_text(text)
    with pytest.raises(StargazerError, match=r"damaged: .*images\.lock\.json"):
        lock.read(tmp_path)

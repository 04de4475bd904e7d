"""Image files for engines that build none: one of Apptainer, or a root file system for Charliecloud.

They get the names at which Nextflow looks for images that were pulled before.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path

from stargazer_cli.errors import StargazerError
from stargazer_cli.images.ask import ask

# What ch-run binds files and folders of the host to; it cannot make them in a root file system.
_MOUNT_POINTS = ("etc/hosts", "etc/resolv.conf", *(f"mnt/{number}" for number in range(10)))


def check_tool(engine: str) -> None:
    """Refuse an engine that makes its own files and is not here."""
    if engine != "charliecloud" and shutil.which(engine) is None:
        raise StargazerError(
            f"{engine} is not on this machine, and it alone makes its image files.",
            f"Install {engine}, or build on a machine that has it and copy the image files.",
        )


def convert(engine: str, builder: str, tag: str, file: Path, epoch: int) -> None:
    """Make the file, or folder, of an image; it has its name only when it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.partial")
    before = file.with_name(f".{file.name}.before")
    _remove(partial)
    try:
        if engine == "charliecloud":
            _unpack(builder, tag, partial)
        else:
            _pack(engine, builder, tag, partial, epoch)
        _replace(file, partial, before)
    finally:
        _remove(partial)
        _remove(before)


def _replace(file: Path, partial: Path, before: Path) -> None:
    """Let what was made take the place of what was there; that stays where it cannot."""
    if not file.is_dir():
        partial.replace(file)
        return
    # A folder takes the place of none that holds something: it steps aside for this moment.
    file.rename(before)
    try:
        partial.rename(file)
    except OSError:
        before.rename(file)
        raise


def point(alias: Path, file: Path) -> None:
    """Let the name that Nextflow looks for mean a file, from one moment to the next."""
    if alias.is_symlink() and alias.readlink() == Path(file.name):
        return
    link = alias.with_name(f".{alias.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(file.name)
    link.replace(alias)


def size_of(file: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if not file.is_dir():
        return file.stat().st_size
    return sum(Path(folder, name).lstat().st_size for folder, _, names in os.walk(file) for name in names)


def _pack(engine: str, builder: str, tag: str, partial: Path, epoch: int) -> None:
    archive = partial.with_name(f"{partial.name}.tar")
    form = ["--format", "docker-archive"] if builder == "podman" else []
    failure = f"{tag} was not converted for {engine}"
    try:
        ask([builder, "save", *form, "--output", str(archive), tag], failure)
        env = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        ask([engine, "build", "--force", str(partial), f"docker-archive:{archive}"], failure, env=env)
    finally:
        archive.unlink(missing_ok=True)


def _unpack(builder: str, tag: str, folder: Path) -> None:
    """Write the root file system of an image, and what ch-run needs in it."""
    failure = f"{tag} was not unpacked for charliecloud"
    folder.mkdir()
    archive = folder.with_name(f"{folder.name}.tar")
    container = ask([builder, "create", tag, "true"], failure).strip()
    try:
        ask([builder, "export", "--output", str(archive), container], failure)
        # Devices are those of the host. What is in an image belongs to whoever unpacks it, without its modes:
        # on the host nobody becomes root by its programs, or writes what others run.
        own = ("--no-same-owner", "--no-same-permissions")
        ask(["tar", "-xf", str(archive), "-C", str(folder), *own, "--exclude=dev/*"], failure)
    finally:
        archive.unlink(missing_ok=True)
        ask([builder, "rm", container], failure)
    form = "{{json .Config.Env}}"
    variables = json.loads(ask([builder, "image", "inspect", "--format", form, tag], failure)) or []
    for place in _MOUNT_POINTS:
        _make_mount_point(folder / place)
    (folder / "ch").mkdir(exist_ok=True)
    (folder / "ch" / "environment").write_text("".join(f"{line}\n" for line in variables))
    # Nextflow asks for these beside the images, as signs that the folder is Charliecloud's.
    (folder.parent.parent / "dlcache").mkdir(exist_ok=True)


def _make_mount_point(place: Path) -> None:
    if place.parent.name == "mnt":
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.unlink(missing_ok=True)  # a link to nowhere, as systemd's
        place.touch()


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        for folder, _, _ in os.walk(place):
            with contextlib.suppress(OSError):
                Path(folder).chmod(0o700)
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)

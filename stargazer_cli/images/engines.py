"""What a container engine has: which images are there, and what keeps them from being used.

Nothing here reaches a registry: an image is on this machine, or it is missing.
"""

import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from stargazer_cli.errors import StargazerError
from stargazer_cli.images import lock
from stargazer_cli.tools.spec import FILE_ENGINES, IMAGE_FOLDERS

# An engine that has not told what it has by then never will: a daemon that hangs, a store that is locked.
_SECONDS = 60
# Less is as good as nothing: a task writes its temporary files, some of hundreds of megabytes, there.
_LEAST_SPACE = 200_000_000
_FORMAT = "{{.Id}}\t{{.Architecture}}\t{{.Size}}\t{{json .RepoTags}}"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_EMULATORS = {"amd64": "qemu-x86_64", "arm64": "qemu-aarch64"}
_BINFMT = Path("/proc/sys/fs/binfmt_misc")

_MISSING = re.compile(r"image not known|no such (image|object)", re.IGNORECASE)
_REFUSED = re.compile(r"permission denied while trying to connect|dial unix \S+: connect: permission denied")
_DAEMON = re.compile(
    r"cannot connect to the docker daemon|failed to connect to the docker api", re.IGNORECASE
)
_MACHINE = re.compile(r"cannot connect to podman|unable to connect to podman", re.IGNORECASE)
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_USER_IDS = re.compile(r"newuidmap|subuid|cannot find UID/GID")


@dataclass(frozen=True)
class Built:
    """An image that is there: the id of its contents (`sha256:…`), its architecture, its size in bytes.

    A file that the lock file does not tell of has no architecture, and for an id the name that its build gave
    it, which says what it was built from; where it has no such name the id is empty.
    """

    digest: str
    architecture: str
    size: int


def inspect(engine: str, references: Sequence[str], tools: Path) -> dict[str, Built]:
    """Return what is known of those images that are there, by reference.

    Raises:
        StargazerError: the engine is not there, does not run, may not be used or has a full store.

    """
    if not references:
        return {}
    if engine in FILE_ENGINES:
        return _files(engine, references, tools)
    return _asked(engine, references)


def check(engine: str, references: Sequence[str], tools: Path) -> dict[str, str]:
    """Return the digest of each image, or its reference where the digest is not known.

    Raises:
        StargazerError: an image is missing or made for another architecture, or the engine cannot run it.

    """
    found = inspect(engine, references, tools)
    missing = [reference for reference in references if reference not in found]
    if missing:
        raise _not_built(engine, missing)
    for reference, built in found.items():
        _check_architecture(engine, reference, built.architecture)
    if found and engine not in FILE_ENGINES:
        _check_space(engine)
    return {reference: found[reference].digest or reference for reference in references}


def recorded(engine: str, references: Sequence[str], tools: Path) -> dict[str, str]:
    """Return the digests of images that were built here, whether they are still here or not."""
    entries = _locked(engine, tools)
    digests = {reference: entries.get(reference, {}).get("digest") for reference in references}
    return {reference: str(digest) for reference, digest in digests.items() if digest}


def library(engine: str, tools: Path, env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder in which Nextflow looks for an engine's image files: the user's, else ours."""
    kind = "CACHEDIR" if engine == "charliecloud" else "LIBRARYDIR"
    own = env.get(f"NXF_{engine.upper()}_{kind}")
    return Path(own) if own else tools / "images" / IMAGE_FOLDERS[engine]


def file_of(engine: str, reference: str, tools: Path, env: Mapping[str, str] = os.environ) -> Path:
    """Return where Nextflow looks for an image that was made before: a file, or Charliecloud's folder."""
    folder = library(engine, tools, env)
    if engine == "charliecloud":
        return folder / "img" / reference.replace(":", "+").replace("/", "%")
    return folder / f"{re.sub('[:/]', '-', reference)}.img"


def hint_of(lines: Iterable[str], exit_status: str) -> str | None:
    """Say in one line what to do about a task that its engine did not run, or None where the tool failed.

    Args:
        lines: The last lines of the task's standard error.
        exit_status: As the trace has it: a number, or `-` where there is none.

    """
    for line in lines:
        for pattern, say in _HINTS:
            if match := pattern.search(line):
                return say(match)
    if exit_status == "127":
        return "A command is not where the task ran: `stargazer doctor --profile …` looks for it."
    if exit_status == "125":
        return "The container engine did not start the task: `stargazer doctor --profile …` asks it."
    return None


def _asked(engine: str, references: Sequence[str]) -> dict[str, Built]:
    """Ask podman or docker for all of the images at once."""
    done = _run([engine, "image", "inspect", "--format", _FORMAT, *dict.fromkeys(references)])
    found: dict[str, Built] = {}
    for line in done.stdout.splitlines():
        fields = line.split("\t")
        if len(fields) != 4:
            continue  # docker prints an empty list where it found nothing
        digest, architecture, size, tags = fields
        built = Built(f"sha256:{digest.removeprefix('sha256:')}", architecture, int(size))
        for tag in json.loads(tags) or ():
            found |= {name: built for name in references if _means(engine, name, tag)}
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and "level=warning" not in line]
        if not said or not all(_MISSING.search(line) for line in said):
            _complain(engine, said)
    return found


def _means(engine: str, name: str, tag: str) -> bool:
    """Whether an engine that is asked for a name means the image that it has under a tag.

    Podman keeps what it builds below `localhost/`, and finds a name without a registry as that of any
    registry, which it then runs as well. Docker leaves out its own registry.
    """
    if engine == "podman":
        return tag == name or tag.endswith(f"/{name}")
    return tag == name.removeprefix("docker.io/")


def _files(engine: str, references: Sequence[str], tools: Path) -> dict[str, Built]:
    """Look for the image files, and in the lock file for what they were made from."""
    # Apptainer and Singularity share their files, whichever of them made one.
    makers = ("charliecloud",) if engine == "charliecloud" else ("apptainer", "singularity")
    locked = [_locked(maker, tools) for maker in makers]
    found = {}
    for reference in references:
        file = file_of(engine, reference, tools)
        if not file.exists():
            continue
        build = file.readlink().name if file.is_symlink() else ""
        entries = [entries.get(reference, {}) for entries in locked]
        made = (each for each in entries if build and Path(str(each.get("file", ""))).name == build)
        entry: Mapping[str, Any] = next(made, {})
        size = entry.get("size") or file.stat().st_size
        digest = str(entry.get("digest", "")) or build
        found[reference] = Built(digest, str(entry.get("architecture", "")), int(size))
    return found


def _locked(engine: str, tools: Path) -> Mapping[str, Mapping[str, Any]]:
    """Return what the lock file says of an engine's images; nothing where it cannot be read."""
    with suppress(StargazerError, OSError):
        part = lock.read(tools).get(engine)
        if isinstance(part, dict):
            return {name: entry for name, entry in part.items() if isinstance(entry, dict)}
    return {}


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    engine = command[0]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise StargazerError(
            f"{engine} is not on this machine.",
            f"Install {engine} with your system's package manager, or take a profile with another engine.",
        ) from None
    except OSError as error:
        raise StargazerError(
            f"{engine} cannot be started: {error.strerror}.", f"Look at `command -v {engine}`."
        ) from None
    except subprocess.TimeoutExpired:
        raise StargazerError(
            f"{engine} does not answer: it was asked for its images {_SECONDS} seconds ago.",
            f"See what `{engine} info` says; restart the engine.",
        ) from None


def _complain(engine: str, said: Sequence[str]) -> NoReturn:
    """Raise the error that the engine's own words mean."""
    text = "\n".join(said)
    if _REFUSED.search(text):
        socket = found[1] if (found := re.search(r"unix(?:://| )(/[^\s:]+)", text)) else "its socket"
        raise StargazerError(f"You may not use {engine}: no permission for {socket}.", _permission(engine))
    if _DAEMON.search(text):
        raise StargazerError(f"{engine} is not running: its daemon does not answer.", _START_DOCKER)
    if _MACHINE.search(text):
        raise StargazerError(f"{engine} is not running: its machine does not answer.", _START_PODMAN)
    if _FULL.search(text):
        raise StargazerError(f"The image store of {engine} has no space left.", _make_space(engine))
    if _USER_IDS.search(text):
        raise StargazerError(f"{engine} has no user ids to run containers with.", _SUBUIDS)
    first = said[0].strip().removeprefix("Error: ") if said else "it did not say why"
    raise StargazerError(f"{engine} cannot tell its images: {first}", f"See what `{engine} info` says.")


def _not_built(engine: str, missing: Sequence[str]) -> StargazerError:
    names = " ".join(dict.fromkeys(_name(reference) for reference in missing))
    verb = "is" if len(missing) == 1 else "are"
    return StargazerError(
        f"{', '.join(missing)} {verb} not built for {engine}.",
        f"Build what is missing: stargazer build-images {names} --engine {engine}",
    )


def _name(reference: str) -> str:
    """Return the image's name in `containers/`: `bwa` of `docker.io/stargazer/bwa:0.7.17`."""
    return reference.rpartition("/")[2].partition(":")[0].partition("@")[0]


def _check_architecture(engine: str, reference: str, architecture: str) -> None:
    """Refuse an image that the kernel cannot run; elsewhere than on Linux the engine emulates."""
    machine = _MACHINES.get(platform.machine(), platform.machine())
    if platform.system() != "Linux" or architecture in ("", machine):
        return
    if (_BINFMT / _EMULATORS.get(architecture, architecture)).exists():
        return
    raise StargazerError(
        f"{reference} is made for {architecture}; this machine is {machine}.",
        f"Build it here: stargazer build-images {_name(reference)} --engine {engine}",
    )


def _check_space(engine: str) -> None:
    """Refuse a store that is full where the store is a folder of this machine."""
    root = {"podman": "{{.Store.GraphRoot}}", "docker": "{{.DockerRootDir}}"}[engine]
    folder = Path(_run([engine, "info", "--format", root]).stdout.strip() or "/nowhere")
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return  # in a virtual machine, or not ours to look at
    if free < _LEAST_SPACE:
        raise StargazerError(
            f"The image store of {engine}, {folder}, has {free // 1_000_000} MB left.", _make_space(engine)
        )


_START_DOCKER = "Start it (`sudo systemctl start docker`, or Docker Desktop), or take another engine."
_START_PODMAN = "Start it: `podman machine start` (once before: `podman machine init`)."
_SUBUIDS = "Give yourself some: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"


def _permission(engine: str) -> str:
    if engine == "docker":
        return "Join its group and log in again: sudo usermod -aG docker $USER. Or take --profile podman."
    return "Use your own Podman: unset CONTAINER_HOST, or `podman system connection default`."


def _make_space(engine: str) -> str:
    return f"Free some: `{engine} system df` shows what holds it, `{engine} system prune` removes the unused."


def _build(match: "re.Match[str]") -> str:
    return f"The image is not there. Build it: stargazer build-images {_name(match['image'])}"


# What engines say when they do not run a task, by line, and what to do then.
_HINTS: Sequence[tuple["re.Pattern[str]", Callable[["re.Match[str]"], str]]] = (
    (_REFUSED, lambda _: _permission("docker")),
    (_DAEMON, lambda _: f"Docker's daemon does not answer. {_START_DOCKER}"),
    (_MACHINE, lambda _: f"Podman's machine does not answer. {_START_PODMAN}"),
    (re.compile(r'short-name "(?P<image>[^"]+)" did not resolve'), _build),
    (re.compile(r"Error: (?P<image>\S+): image not known"), _build),
    (re.compile(r"No such image: (?P<image>\S+)"), _build),
    (re.compile(r"pull access denied for (?P<image>[^,\s]+)"), _build),
    (re.compile(r"Unable to find image '(?P<image>[^']+)' locally"), _build),
    (
        re.compile(r"exec format error", re.IGNORECASE),
        lambda _: "The image is made for another processor. Build it on this machine: stargazer build-images",
    ),
    (
        _FULL,
        lambda _: (
            "A disk is full: that of the task's folder, of /tmp or of the image store (`podman system df`)."
        ),
    ),
    (_USER_IDS, lambda _: f"The engine has no user ids to run containers with. {_SUBUIDS}"),
    (
        re.compile(r"(?:^|: )(?P<command>[\w./+-]+): command not found"),
        lambda match: (
            f"{match['command']} is not where the task ran: `stargazer doctor` looks for it on this machine, "
            "`stargazer build-images` makes the image that has it."
        ),
    ),
)

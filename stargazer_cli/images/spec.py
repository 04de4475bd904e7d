"""Which images there are, what each is built from, and the names that follow from that."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stargazer_cli import catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.scripts import scripts_called
from stargazer_cli.tools.python_env import lock_of

_ARGUMENT = re.compile(r"^ARG (\w+)=(.*)$", re.M)
_CONTEXT = re.compile(r"\bfrom=(\w+)")
_HEALTH = re.compile(r'^LABEL org\.stargazer\.health="(.*)"$', re.M)
_RELEASE = re.compile(r":(\w+?)(?:-slim)?$")
_COPIED = re.compile(r"^COPY (?:--\S+ )*(.+) \S+$", re.M)
_SHARED = re.compile(r"(?:/common|\$here)/([\w-]+)")


@dataclass(frozen=True)
class Base:
    """The image that another one is built on: its name, the id of its contents, its architecture."""

    name: str
    digest: str
    architecture: str


@dataclass(frozen=True)
class Image:
    """A folder of `containers/` with its Dockerfile."""

    name: str
    folder: Path

    @cached_property
    def dockerfile(self) -> str:
        """The text of the Dockerfile."""
        return (self.folder / "Dockerfile").read_text(encoding="utf-8")

    @cached_property
    def arguments(self) -> Mapping[str, str]:
        """The build arguments with their defaults."""
        return dict(_ARGUMENT.findall(self.dockerfile))

    @property
    def version(self) -> str:
        """The version of the tool that the image is named after."""
        return self.arguments["VERSION"]

    @property
    def reference(self) -> str:
        """The name by which modules ask for the image."""
        return f"stargazer/{self.name}:{self.version}"

    @property
    def epoch(self) -> int:
        """The time, in seconds since 1970, that everything in the image is given."""
        return int(self.arguments["SOURCE_DATE_EPOCH"])

    @cached_property
    def health(self) -> str:
        """The shell command that tells whether the image works."""
        match = _HEALTH.search(self.dockerfile)
        return match[1].replace('\\"', '"') if match else "true"

    def base(self, template: str | None = None) -> str:
        """Return the name of the base; `{}` in another one than the default becomes the Debian release."""
        default = self.arguments["BASE"]
        match = _RELEASE.search(default)
        return (template or default).replace("{}", match[1] if match else "")

    @property
    def fixes_addresses(self) -> bool:
        """Whether the build asks the kernel to put programs at the same addresses each time."""
        return "setarch" in self.dockerfile

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """The folders beside its own that the image is built from, by the names that the Dockerfile uses."""
        return tuple(sorted(set(_CONTEXT.findall(self.dockerfile))))

    def inputs_digest(self, base: Base, options: Mapping[str, str]) -> str:
        """Return a short name for all that the image is built from; `options` are those of this build."""
        inputs = {
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(self._files().items())},
            "base": [base.name, base.digest, base.architecture],
            "options": dict(sorted(options.items())),
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]

    def tag(self, inputs: str) -> str:
        """Return the name of exactly this build."""
        return f"{self.reference}-{inputs}"

    def _files(self) -> dict[str, bytes]:
        """Return what the build reads, and no other file that lies beside it.

        The jars are those of the lock file, whose text stands for them.
        """
        copied = [name for names in _COPIED.findall(self.dockerfile) for name in names.split()]
        found = {f"own/{name}": (self.folder / name).read_bytes() for name in ("Dockerfile", *copied)}
        found |= {f"common/{name}": data for name, data in _shared(self.dockerfile).items()}
        if "locks" in self.contexts:
            found["lock"] = self.lock.read_bytes()
        if "steps" in self.contexts:
            training = (self.folder / "train").read_text(encoding="utf-8")
            scripts = scripts_called(training, catalog.pipeline_dir() / "bin")
            found |= {
                f"steps/{path}": text.encode(errors="surrogateescape") for path, text in scripts.items()
            }
        return found

    @cached_property
    def lock(self) -> Path:
        """The lock file of what is installed, where there is one."""
        named = lock_of(self.name, self.version)
        found = [file for file in (named, named.with_name(f"{named.stem}.lock")) if file.exists()]
        if len(found) != 1:
            raise StargazerError(
                f"containers/{self.name} needs one lock file, of {self.version}, and there is {len(found)}.",
                f"Its version is `ARG VERSION` of the Dockerfile; lock files are in {named.parent}.",
            )
        return found[0]


def _shared(text: str) -> dict[str, bytes]:
    """Return the scripts of `common` that a Dockerfile runs, and those that these run."""
    found: dict[str, bytes] = {}
    queue = _SHARED.findall(text)
    while queue:
        name = queue.pop()
        if name not in found:
            found[name] = (containers() / "common" / name).read_bytes()
            queue += _SHARED.findall(found[name].decode())
    return found


def containers() -> Path:
    """Return the folder of the images' folders."""
    return catalog.pipeline_dir() / "containers"


def images() -> dict[str, Image]:
    """Every image by its name."""
    folders = sorted(file.parent for file in containers().glob("*/Dockerfile"))
    return {folder.name: Image(folder.name, folder) for folder in folders}


def chosen(names: tuple[str, ...]) -> list[Image]:
    """Return the named images, or all of them."""
    there = images()
    if unknown := [name for name in names if name not in there]:
        raise UsageError(f"There is no image {unknown[0]}.", f"There are: {', '.join(there)}.")
    return [there[name] for name in dict.fromkeys(names)] or list(there.values())

"""Sets of files for a demo: which there are, what each file is, and how they enter the store."""

from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import BaseModel, ConfigDict

from stargazer_cli.errors import UsageError

if TYPE_CHECKING:
    from stargazer_cli.store import Added, LocalStore

_HERE = Path(__file__).parent


class File(BaseModel):
    """A file of a bundle: in the package, or published under a CID."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    cid: str = ""


class Reads(BaseModel):
    """One lane of one sample, in pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample: str
    lane: str = ""
    r1: File
    r2: File


class Truth(BaseModel):
    """What was planted: a VCF beside the data, and the store's sample id of each of its samples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    samples: dict[str, str]


class Bundle(BaseModel):
    """What a demo runs on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    folder: str = ""
    build: str
    cohort_id: str
    reference: File
    reads: tuple[Reads, ...]
    truth: Truth | None = None

    @property
    def samples(self) -> tuple[str, ...]:
        """The sample ids, each once."""
        return tuple(dict.fromkeys(lane.sample for lane in self.reads))

    def path(self, name: str) -> Path:
        """Return where a file that the package carries lies."""
        return _HERE / "data" / self.folder / name


def names() -> tuple[str, ...]:
    """Name the bundles that there are."""
    return tuple(sorted(file.stem for file in (_HERE / "bundles").glob("*.yml")))


def load(name: str) -> Bundle:
    """Read a bundle's description."""
    if name not in names():
        raise UsageError(f"There is no bundle {name!r}.", f"There are: {', '.join(names())}.")
    content = yaml.safe_load((_HERE / "bundles" / f"{name}.yml").read_text(encoding="utf-8"))
    return Bundle.model_validate(content)


def add(bundle: Bundle, store: "LocalStore") -> "list[Added]":
    """Put the files of a bundle into the store, as `stargazer assets add` would; the reference comes first.

    Published files are pulled by CID. What is in the store already is not added again.
    """
    from stargazer_cli.assets import new_asset
    from stargazer_cli.store import NewFile, cid_of

    def local(file: File) -> Path:
        return store.pull(file.cid, file.name) if file.cid else bundle.path(file.name)

    reference = new_asset("reference", name=bundle.reference.name, build=bundle.build)
    files = [NewFile(local(bundle.reference), reference)]
    for lane in bundle.reads:
        paths = {"r1": local(lane.r1), "r2": local(lane.r2)}
        for kind, mate, file in (("r1", "r2", lane.r1), ("r2", "r1", lane.r2)):
            asset = new_asset(
                kind,
                name=file.name,
                sample_id=lane.sample,
                lane=lane.lane,
                mate_cid=cid_of(paths[mate]),
            )
            files.append(NewFile(paths[kind], asset))
    return store.add(files)

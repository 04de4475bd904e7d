"""Sets of files for a demo: which there are, what each file is, and how they enter the store."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict

from stargazer_cli.errors import UsageError

if TYPE_CHECKING:
    from stargazer_cli.store import Added, LocalStore, NewFile

_HERE = Path(__file__).parent


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Model):
    """A file of a bundle: in the package, or published under a CID."""

    name: str
    cid: str = ""


class Bundle(_Model, ABC):
    """What a demo runs on. Each pipeline has a subclass, and a folder of descriptions in `bundles`."""

    pipeline: ClassVar[str]
    name: str
    title: str
    folder: str = ""

    def path(self, name: str) -> Path:
        """Return where a file that the package carries lies."""
        return _HERE / "data" / self.folder / name

    @property
    @abstractmethod
    def samples(self) -> tuple[str, ...]:
        """The sample ids, each once."""

    @abstractmethod
    def new_files(self, local: Callable[[File], Path]) -> "list[NewFile]":
        """Describe the files as assets, in an order that the pipeline's demo knows; `local` finds a file."""


class Reads(_Model):
    """One lane of one sample, in pairs."""

    sample: str
    lane: str = ""
    r1: File
    r2: File


class VariantTruth(_Model):
    """What was planted: a VCF beside the data, and the store's sample id of each of its samples."""

    name: str
    samples: dict[str, str]


class GermlineBundle(Bundle):
    """Reads of one or more samples and their reference."""

    pipeline = "germline"
    build: str
    cohort_id: str
    reference: File
    reads: tuple[Reads, ...]
    truth: VariantTruth | None = None

    @property
    def samples(self) -> tuple[str, ...]:
        """The sample ids, each once."""
        return tuple(dict.fromkeys(lane.sample for lane in self.reads))

    def new_files(self, local: Callable[[File], Path]) -> "list[NewFile]":
        """Describe the reference first, then the reads as mates."""
        from stargazer_cli.assets import new_asset
        from stargazer_cli.store import NewFile, cid_of

        reference = new_asset("reference", name=self.reference.name, build=self.build)
        files = [NewFile(local(self.reference), reference)]
        for lane in self.reads:
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
        return files


class CellTruth(_Model):
    """What was planted: a CSV of cells and labels, and beside the data numbers and markers as JSON."""

    labels: File
    numbers: str


class ScrnaBundle(Bundle):
    """Raw counts of one sample of cells."""

    pipeline = "scrna"
    sample: str
    organism: str
    cells: File
    marker_sets: File
    truth: CellTruth

    @property
    def samples(self) -> tuple[str, ...]:
        """The one sample id."""
        return (self.sample,)

    def new_files(self, local: Callable[[File], Path]) -> "list[NewFile]":
        """Describe the counts, the marker sets and the labels."""
        from stargazer_cli.assets import new_asset
        from stargazer_cli.store import NewFile

        cells = new_asset(
            "anndata", name=self.cells.name, sample_id=self.sample, stage="raw", organism=self.organism
        )
        marker_sets = new_asset("", name=self.marker_sets.name, format="gmt")
        labels = new_asset("", name=self.truth.labels.name, format="csv")
        return [
            NewFile(local(self.cells), cells),
            NewFile(local(self.marker_sets), marker_sets),
            NewFile(local(self.truth.labels), labels),
        ]


AnyBundle = TypeVar("AnyBundle", bound=Bundle)


def names(kind: type[Bundle]) -> tuple[str, ...]:
    """Name the bundles that a pipeline has."""
    return tuple(sorted(file.stem for file in (_HERE / "bundles" / kind.pipeline).glob("*.yml")))


def load(kind: type[AnyBundle], name: str) -> AnyBundle:
    """Read a bundle's description."""
    if name not in names(kind):
        raise UsageError(f"There is no bundle {name!r}.", f"There are: {', '.join(names(kind))}.")
    file = _HERE / "bundles" / kind.pipeline / f"{name}.yml"
    return kind.model_validate({"name": name, **yaml.safe_load(file.read_text(encoding="utf-8"))})


def add(bundle: Bundle, store: "LocalStore") -> "list[Added]":
    """Put the files of a bundle into the store, as `stargazer assets add` would.

    Published files are pulled by CID. What is in the store already is not added again.
    """

    def local(file: File) -> Path:
        return store.pull(file.cid, file.name) if file.cid else bundle.path(file.name)

    return store.add(bundle.new_files(local))

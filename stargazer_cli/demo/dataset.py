"""What a demo runs on: which sets of files there are, what each file is, and how they enter the store."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from stargazer_cli import bundles
from stargazer_cli.errors import UsageError

if TYPE_CHECKING:
    from stargazer_cli.store import Added, LocalStore, NewFile

_HERE = Path(__file__).parent


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Model):
    """A file of a data set: in the package, or published under a CID."""

    name: str
    cid: str = ""


class DataSet(_Model, ABC):
    """What a demo runs on. Each pipeline has a subclass, and a folder of descriptions in `datasets`."""

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


class GermlineData(DataSet):
    """Reads of one or more samples and their reference.

    A description that names a `bundle` takes its files from there, and gives its samples the ids in
    `rename`: what a demo puts into the store is told apart from what a user fetched.
    """

    pipeline = "germline"
    build: str
    cohort_id: str
    reference: File
    reads: tuple[Reads, ...]
    truth: VariantTruth | None = None

    @model_validator(mode="before")
    @classmethod
    def _published(cls, content: dict[str, Any]) -> dict[str, Any]:
        rest = {key: value for key, value in content.items() if key not in ("bundle", "rename")}
        return rest if "bundle" not in content else rest | _files_of(content["bundle"], content["rename"])

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


def _files_of(bundle: str, rename: dict[str, str]) -> dict[str, Any]:
    """Return reference and reads of a bundle, by what its files are said to be."""
    files = {file.name: file for file in bundles.load(bundle).files}
    kinds = {name: file.keyvalues["asset"] for name, file in files.items()}
    (reference,) = (name for name, kind in kinds.items() if kind == "reference")
    reads = [
        Reads(
            sample=rename[files[name].keyvalues["sample_id"]],
            lane=files[name].keyvalues.get("lane", ""),
            r1=File(name=name, cid=files[name].cid),
            r2=File(name=files[name].links["mate_cid"], cid=files[files[name].links["mate_cid"]].cid),
        )
        for name, kind in kinds.items()
        if kind == "r1"
    ]
    return {"reference": File(name=reference, cid=files[reference].cid), "reads": tuple(reads)}


class CellTruth(_Model):
    """What was planted: a CSV of cells and labels, and beside the data numbers and markers as JSON."""

    labels: File
    numbers: str


class ScrnaData(DataSet):
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


AnyData = TypeVar("AnyData", bound=DataSet)


def names(kind: type[DataSet]) -> tuple[str, ...]:
    """Name the data sets that a pipeline has."""
    return tuple(sorted(file.stem for file in (_HERE / "datasets" / kind.pipeline).glob("*.yml")))


def load(kind: type[AnyData], name: str) -> AnyData:
    """Read a data set's description."""
    if name not in names(kind):
        raise UsageError(f"There is no data set {name!r}.", f"There are: {', '.join(names(kind))}.")
    file = _HERE / "datasets" / kind.pipeline / f"{name}.yml"
    return kind.model_validate({"name": name, **yaml.safe_load(file.read_text(encoding="utf-8"))})


def add(data: DataSet, store: "LocalStore") -> "list[Added]":
    """Put the files of a data set into the store, as `stargazer assets add` would.

    Published files are pulled by CID. What is in the store already is not added again.
    """

    def local(file: File) -> Path:
        return store.pull(file.cid, file.name) if file.cid else data.path(file.name)

    return store.add(data.new_files(local))

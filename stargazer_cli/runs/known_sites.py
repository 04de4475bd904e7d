"""The known variants of a build: which of them a run takes, and what their files hold."""

import gzip
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stargazer_cli.assets import Asset, KnownSites, KnownSitesIndex
from stargazer_cli.assets.checks import read_head
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs.resolve import distinct, listing

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

COLUMNS = ("resource_name", "vcf", "index", "known", "training", "truth", "prior", "vqsr_mode")
TYPES = ("SNP", "INDEL")

# As far as the records of a file are looked at.
_LOOKED_AT = 200_000
_ENDING = re.compile(r"\.(vcf|bcf)(\.gz|\.bgz)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_BASES = re.compile(r"[ACGTN]+", re.IGNORECASE)


@dataclass(frozen=True)
class Resource:
    """A known_sites asset, the name that the tools know it by, and the types of variants in its file."""

    asset: KnownSites
    name: str
    types: frozenset[str]

    @property
    def labels(self) -> dict[str, str]:
        """What VQSR is told of it, beside its records."""
        return {"resource_name": self.name} | {
            column: _cell(getattr(self.asset, column)) for column in COLUMNS[3:]
        }

    def serves(self, mode: str, truth: bool) -> bool:
        """Whether it trains a model of `mode`, or with `truth` measures its sensitivity."""
        chosen = self.asset.truth if truth else self.asset.training
        return bool(chosen) and mode in self.types and self.asset.vqsr_mode.upper() in (mode, "BOTH", "")


def resolve_known_sites(store: "LocalStore", build: str, cids: Sequence[str] | None = None) -> list[Resource]:
    """Return the known sites of a build in the order of their names: all of them, or those that are named."""
    found = distinct(KnownSites, store.find(asset="known_sites", build=build))
    if cids is not None:
        unknown = sorted(set(cids) - {asset.cid for asset in found})
        if unknown:
            raise UsageError(
                f"No known sites of build {build!r} have the CID {unknown[0]}.",
                listing("There are", found) if found else "The build has none.",
            )
        found = [asset for asset in found if asset.cid in cids]
    _refuse_two_records(store, found)
    _refuse_without_prior(found)
    owners: dict[str, KnownSites] = {}
    for asset in found:
        other = owners.setdefault(name_of(asset).lower(), asset)
        if other is not asset:
            raise UsageError(
                f"Two known_sites of build {build!r} are named {name_of(asset)!r}.",
                "Choose with --known-sites CID,…, or give one another resource_name. "
                + listing("They are", (other, asset)),
            )
    resources = [Resource(asset, name_of(asset), variant_types(_file_of(asset))) for asset in found]
    return sorted(resources, key=lambda resource: resource.name)


def index_of(store: "LocalStore", resource: Resource) -> tuple[Asset, str] | None:
    """Return the index that came with known sites and the name that GATK looks for, where one did."""
    ending, magic = (".tbi", b"TBI\1") if _is_gzip(_file_of(resource.asset)) else (".idx", b"TIDX")
    found = store.find(asset="known_sites_index", known_sites_cid=resource.asset.cid)
    for index in distinct(KnownSitesIndex, found):
        if index.path is not None and read_head(index.path).text.startswith(magic):
            return index, resource.asset.name + ending
    return None


def name_of(asset: KnownSites) -> str:
    """Return the name of a resource: its own, else that of its file."""
    name = asset.resource_name or _ENDING.sub("", asset.name)
    return _UNSAFE.sub("_", name).lstrip("._-")[:100] or "known_sites"


def variant_types(file: Path) -> frozenset[str]:
    """Return which of SNP and INDEL the records of a VCF are, as far as it is read."""
    found: set[str] = set()
    try:
        with gzip.open(file, "rb") if _is_gzip(file) else file.open("rb") as lines:
            records = (line for line in lines if not line.startswith(b"#"))
            for record in islice(records, _LOOKED_AT):
                found |= _types_of(record)
                if len(found) == len(TYPES):
                    break
    except (OSError, EOFError) as error:
        raise StargazerError(f"The known sites {file.name} cannot be read: {error}.") from None
    return frozenset(found)


def _types_of(line: bytes) -> set[str]:
    """Return the types of one record; symbolic alleles are of none."""
    columns = line.decode("ascii", "replace").split("\t", 5)
    if len(columns) < 5:
        return set()
    reference = columns[3]
    alleles = [allele for allele in columns[4].strip().split(",") if _BASES.fullmatch(allele)]
    return {
        "INDEL" if len(allele) != len(reference) else "SNP"
        for allele in alleles
        if len(allele) != len(reference) or len(reference) == 1
    }


def row_of(resource: Resource, vcf: str, index: str) -> dict[str, str]:
    """Return the row of known_sites.csv for a resource whose files the pipeline is given by these paths."""
    cells = {"vcf": vcf, "index": index} | resource.labels
    return {column: cells[column] for column in COLUMNS}


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_gzip(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _file_of(asset: KnownSites) -> Path:
    if asset.path is None:
        raise UsageError(
            f"The known sites {asset.name} ({asset.cid}) are recorded, but their bytes are not here.",
            f"Get them with `stargazer assets pull {asset.cid}`, or leave them out with --known-sites.",
        )
    return asset.path


def _refuse_two_records(store: "LocalStore", found: Sequence[KnownSites]) -> None:
    """Two records on the same bytes may say different things of a resource: none of them is the right one."""
    for asset in found:
        records = store.find(asset="known_sites", build=asset.build, cid=asset.cid)
        said = {tuple(sorted(record.to_keyvalues().items())) for record in records}
        if len(said) > 1:
            raise UsageError(
                f"The known sites {asset.name} ({asset.cid}) are recorded {len(said)} times, as different "
                "resources.",
                "Keep one record: stargazer assets delete takes the record's id, which `assets query "
                f"cid={asset.cid} --json` shows.",
            )


def _refuse_without_prior(found: Sequence[KnownSites]) -> None:
    for asset in found:
        if (asset.training or asset.truth) and asset.prior is None:
            raise UsageError(
                f"The known sites {asset.name} ({asset.cid}) train or tell the truth, but say no prior.",
                f"Say how far they are trusted with: stargazer assets update {asset.cid} prior=15",
            )

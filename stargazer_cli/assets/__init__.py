"""Typed assets: what a file is, in fields that a query can name."""

from itertools import product
from typing import TYPE_CHECKING, Any

from stargazer_cli.assets.asset import BASE_FIELDS, KINDS, Asset, TypedAsset, did_you_mean, from_text, to_text
from stargazer_cli.assets.infer import infer_kind
from stargazer_cli.assets.kinds import (
    R1,
    R2,
    AlignerIndex,
    Alignment,
    AlignmentIndex,
    AnnData,
    BQSRReport,
    Counts,
    DuplicateMetrics,
    GenomicsDB,
    Intervals,
    KnownSites,
    KnownSitesIndex,
    Markers,
    QCMetrics,
    Reference,
    ReferenceIndex,
    Report,
    SequenceDict,
    Variants,
    VariantsIndex,
    VQSRModel,
    VQSRTranches,
)
from stargazer_cli.errors import UsageError

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore


def kind_class(kind: str) -> type[Asset]:
    """Return the class of a kind; an unknown one is refused with the kinds there are."""
    if not kind:
        return Asset
    if kind not in KINDS:
        raise UsageError(
            f"There is no asset kind {kind!r}.{did_you_mean(kind, KINDS)}",
            f"The kinds are: {', '.join(sorted(KINDS))}.",
        )
    return KINDS[kind]


def new_asset(kind: str, /, **fields: Any) -> Asset:
    """Build an asset of a kind from typed fields."""
    return kind_class(kind)(**fields)


def specialize(record: Asset | dict[str, Any]) -> Asset:
    """Give a record the class of its kind.

    A record whose kind is not known here, or whose values are not of its kind (another version wrote it),
    stays a bare asset: one odd record must not hide the others.
    """
    if isinstance(record, Asset):
        if record.kind:
            return record
        record = record.to_dict()
    cls = KINDS.get(record.get("keyvalues", {}).get("asset", ""), Asset)
    try:
        return cls.from_dict(record)
    except UsageError:
        return Asset.from_dict(record)


def generate_query_combinations(
    base_query: dict[str, Any] | None = None, filters: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return one query for each combination of the filters' values; a scalar is a list of one."""
    filters = filters or {}
    choices = [value if isinstance(value, list | tuple | set) else [value] for value in filters.values()]
    return [(base_query or {}) | dict(zip(filters, values, strict=True)) for values in product(*choices)]


def assemble(store: "LocalStore | None" = None, **filters: Any) -> list[Asset]:
    """Find the assets that match any combination of the filters' values, as typed assets.

    Raises:
        UsageError: a filter is no key of any asset, or its value is not of a type that keys have; or `store`
            is none.

    """
    for key, value in filters.items():
        each = value if isinstance(value, list | tuple | set | frozenset) else [value]
        # Such as an array or a generator: it would silently find nothing.
        if odd := [one for one in each if not isinstance(one, str | int | float | None)]:
            raise UsageError(
                f"{key} must be text, a number, true or false, or a list of these, not {repr(odd[0])[:60]}."
            )
    from stargazer_cli.store import LocalStore, get_client

    if store is None:
        store = get_client()
    elif not isinstance(store, LocalStore):
        raise UsageError(f"store must be a store, as get_client() returns it, not {repr(store)[:60]}.")
    found: dict[str, Asset] = {}
    for query in generate_query_combinations({}, filters):
        found |= {asset.id: asset for asset in store.find(**query)}
    return list(found.values())


__all__ = [
    "BASE_FIELDS",
    "KINDS",
    "R1",
    "R2",
    "AlignerIndex",
    "Alignment",
    "AlignmentIndex",
    "AnnData",
    "Asset",
    "BQSRReport",
    "Counts",
    "DuplicateMetrics",
    "GenomicsDB",
    "Intervals",
    "KnownSites",
    "KnownSitesIndex",
    "Markers",
    "QCMetrics",
    "Reference",
    "ReferenceIndex",
    "Report",
    "SequenceDict",
    "TypedAsset",
    "VQSRModel",
    "VQSRTranches",
    "Variants",
    "VariantsIndex",
    "assemble",
    "did_you_mean",
    "from_text",
    "generate_query_combinations",
    "infer_kind",
    "kind_class",
    "new_asset",
    "specialize",
    "to_text",
]

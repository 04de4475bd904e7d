"""From filters and names to the files that one task takes.

An input is what the user names, else what is found: a companion of another input by the link between the two,
any other by the filters. Where several are left that the links of the others do not decide between, or none,
the error names the input, what it may be and the option that decides.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stargazer_cli.assets import KINDS, R1, Asset, assemble, did_you_mean, to_text
from stargazer_cli.catalog import Role, Task
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.resolve import mate_of
from stargazer_cli.runs.task_lineage import linked_to, same_reads
from stargazer_cli.runs.task_problems import (
    ambiguous,
    contradictory,
    in_order,
    missing,
    not_its_own,
    not_of_one,
    of_another,
    of_nobody,
    of_others,
    one_of_two,
    reads_twice,
    same_file,
    twice,
    unfit,
    unknown,
    unmatched,
    without_companion,
)

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

Chosen = dict[str, list[Asset]]
Filters = Mapping[str, Sequence[Any]]


def resolve_inputs(
    store: "LocalStore", task: Task, filters: Filters, given: Mapping[str, Sequence[str]]
) -> Chosen:
    """Return the assets of each input of a task by its name, in an order that is always the same.

    filters  values by key, any of which will do; a key holds for the kinds that have it
    given    CIDs, or ids of records, by the name of the input that they are for

    Raises:
        UsageError: a required input is missing or ambiguous, or what is given does not belong together.

    """
    return _Inputs(store, task, filters, given).resolve()


class _Inputs:
    """The inputs of one task, decided one after the other."""

    def __init__(
        self, store: "LocalStore", task: Task, filters: Filters, given: Mapping[str, Sequence[str]]
    ) -> None:
        self.store = store
        self.task = task
        self.filters = filters
        self.given = given
        self.found: Chosen = {}
        # What was left out because it belongs to another file, by the name of the input.
        self.of_others: Chosen = {}
        # A FASTA and what it was decompressed to are one reference.
        self.references = store.find(asset="reference")

    def resolve(self) -> Chosen:
        self._check_filters()
        for role in self.task.inputs:
            if role.name in self.given:
                self.found[role.name] = [self._named(role, name) for name in self.given[role.name]]
            elif role.required and self._parent(role) is None:
                self.found[role.name] = self._candidates(role)
        for role in self.task.inputs:
            if role.instead_of:
                self._decide_between(role)
        self._narrow()
        chosen: Chosen = {}
        for role in self.task.inputs:
            parent = self._parent(role)
            if role.name in self.given:
                chosen[role.name] = self.found[role.name]
                self._check_number(role, chosen[role.name])
            elif parent is not None:
                chosen[role.name] = self._companions(role, chosen[parent.name])
            else:
                chosen[role.name] = self._chosen(role)
        self._check_together(chosen)
        return chosen

    def _decide_between(self, role: Role) -> None:
        """Take one of two inputs that stand for each other: the one that is named, else the one there is."""
        both = [other for other in self.task.inputs if other.name in (role.instead_of, role.name)]
        named = [other for other in both if other.name in self.given]
        if named:
            usable = named
        else:
            self.found |= {other.name: self._candidates(other) for other in both}
            usable = [other for other in both if self.found[other.name]]
        if len(usable) != 1:
            raise one_of_two(self.task, both, [other.name for other in usable])

    # What an input may be

    def _check_filters(self) -> None:
        """Refuse a filter that no input of the task has."""
        known = {field for role in self.task.inputs if role.kind for field in KINDS[role.kind].fields()}
        known = {field for field in known if not field.endswith("_cid")}
        for key in self.filters:
            if key not in known:
                raise UsageError(
                    f"No input of {self.task.name} has a key {key[:60]!r}.{did_you_mean(key, known)}",
                    f"Its keys are: {', '.join(sorted(known))}.",
                )

    def _applied(self, role: Role) -> dict[str, list[Any]]:
        """Return those of the filters that hold for an input."""
        fields = KINDS[role.kind].fields() if role.kind else ()
        return {key: list(values) for key, values in self.filters.items() if key in fields}

    def _candidates(self, role: Role) -> list[Asset]:
        """Return the records that may be an input, by what they say of themselves."""
        if role.kind:
            return fitting(role, self._of_kind(role))
        # Files of no kind say what they are in keys of their own.
        found = assemble(self.store, **role.where) if role.where else []
        return [asset for asset in found if not asset.kind]

    def _of_kind(self, role: Role) -> list[Asset]:
        return assemble(self.store, asset=role.kind, **self._applied(role))

    def _named(self, role: Role, name: str) -> Asset:
        """Return the record that the user names for an input, by its CID or its own id."""
        records = self.store.find(id=name) or self.store.by_cid(name)
        if not records:
            raise unknown(self.task, role, name)
        right = [asset for asset in records if not role.kind or asset.kind == role.kind]
        usable = [asset for asset in right if fits(role, asset)]
        if not usable:
            raise unfit(self.task, role, (right or records)[0])
        filtered = [asset for asset in usable if self._matches(role, asset)] or usable
        return self._one_record(role, filtered)

    def _matches(self, role: Role, asset: Asset) -> bool:
        return all(
            any(_says(asset, key, value) for value in values) for key, values in self._applied(role).items()
        )

    def _one_record(self, role: Role, records: Sequence[Asset]) -> Asset:
        """Return the record that says most of some bytes; records that contradict each other are refused."""
        fullest = max(records, key=lambda asset: len(asset.to_keyvalues()))
        says = fullest.to_keyvalues()
        for asset in records:
            other = asset.to_keyvalues()
            differing = sorted(key for key in says.keys() & other.keys() if says[key] != other[key])
            if differing:
                raise contradictory(role, fullest, records, differing)
        return fullest

    # Links

    def _parent(self, role: Role) -> Role | None:
        """Return the input before this one whose companion it is: by a link of one of them to the other."""
        before = self.task.inputs[: self.task.inputs.index(role)]
        if role.of:
            return next(other for other in before if other.name == role.of)
        return next((other for other in reversed(before) if role.kind in _companions_of(other.kind)), None)

    def _reference(self, asset: Asset) -> str:
        """Return which reference an asset is, or is made with; '' where nobody knows."""
        cid = asset.cid if asset.kind == "reference" else getattr(asset, "reference_cid", "")
        for reference in self.references:
            if reference.cid == cid:
                roots = [each.cid for each in self.references if each.cid in reference.derived_from]
                return min(roots, default=cid)
        return str(cid)

    def _narrow(self) -> None:
        """Leave out what does not go with the others: it is of another reference, build, sample or file."""
        before = None
        while before != (before := {name: len(assets) for name, assets in self.found.items()}):
            self._agree(self._reference)
            self._agree(lambda asset: str(getattr(asset, "build", "")))
            if self._of_one_sample:
                self._agree(lambda asset: str(getattr(asset, "sample_id", "")))
            self._follow_links()

    def _agree(self, trait: Callable[[Asset], str]) -> None:
        """Of the inputs that have a trait, keep what has it in common with each of the others."""
        traits = {name: {trait(asset) for asset in assets} for name, assets in self.found.items() if assets}
        telling = [each for each in traits.values() if "" not in each]
        common = set[str].intersection(*telling) if telling else set()
        if not common:
            return
        for role in self.task.inputs:
            if role.name in self.found and role.name not in self.given:
                assets = self.found[role.name]
                self.found[role.name] = [each for each in assets if trait(each) in common | {""}]

    def _follow_links(self) -> None:
        """Leave out candidates of an input that belong to another file than those of another input."""
        for role in self.task.inputs:
            if role.name in self.given or role.name not in self.found:
                continue
            for field, kind in links_of(role.kind).items():
                others = [
                    asset
                    for other in self.task.inputs
                    if other.kind == kind and other is not role
                    for asset in self.found.get(other.name, ())
                ]
                candidates = self.found[role.name]
                if others and candidates:
                    self.found[role.name] = linked_to(self.store, others, candidates, field)
                    self.of_others[role.name] = [] if self.found[role.name] else candidates

    # The choice

    @property
    def _of_one_sample(self) -> bool:
        """Whether what the task makes is named after the one sample of all its inputs."""
        return any(output.fields.get("sample_id") == "{subject}" for output in self.task.outputs)

    def _chosen(self, role: Role) -> list[Asset]:
        """Return the assets of an input that is found by filters."""
        assets = self._one_each(role, self._leaves(role, self.found.get(role.name, [])))
        if not assets and role.required:
            raise self._missing(role)
        self._check_number(role, assets)
        return assets

    def _leaves(self, role: Role, assets: list[Asset]) -> list[Asset]:
        """Of a FASTA and what it was decompressed to keep the latter; what decompresses takes the former."""
        if role.kind != "reference":
            return assets
        cids = {asset.cid for asset in assets}
        made = {asset.cid for asset in assets if cids.intersection(asset.derived_from)}
        sources = {cid for asset in assets for cid in asset.derived_from} & cids
        makes_one = any(output.kind == role.kind for output in self.task.outputs)
        left_out = made if makes_one else sources
        return [asset for asset in assets if asset.cid not in left_out]

    def _companions(self, role: Role, parents: Sequence[Asset]) -> list[Asset]:
        """Return the companions of another input's assets, in their order."""
        found = [self._companions_of_one(role, asset, alone=len(parents) == 1) for asset in parents]
        return [each for companions in found for each in companions]

    def _companions_of_one(self, role: Role, parent: Asset, *, alone: bool) -> list[Asset]:
        if isinstance(parent, R1) and role.kind == "r2":
            mate = mate_of(self.store, parent)
            return [mate] if mate else []
        found = self._linked(role, parent) if role.of else parent.companions(self.store)
        records = [each for each in found if each.kind == role.kind and fits(role, each)]
        companions = self._one_each(role, _alike(parent, records))
        if len(companions) > 1 and not (role.many and alone):
            raise ambiguous(self.task, role, companions, f" for {parent.name} ({parent.cid})")
        if not companions and role.required:
            raise without_companion(self.task, role, parent)
        return companions

    def _linked(self, role: Role, parent: Asset) -> list[Asset]:
        """Return the records of an input's kind that point at an asset, by whatever field."""
        return [
            asset
            for field in KINDS[role.kind].fields()
            if field.endswith("_cid")
            for asset in self.store.find(asset=role.kind, **{field: parent.cid})
        ]

    def _one_each(self, role: Role, records: Iterable[Asset]) -> list[Asset]:
        """Return one record for each CID, in an order that is always the same."""
        by_cid: dict[str, list[Asset]] = {}
        for asset in records:
            by_cid.setdefault(asset.cid, []).append(asset)
        return sorted((self._one_record(role, each) for each in by_cid.values()), key=in_order)

    def _check_number(self, role: Role, assets: Sequence[Asset]) -> None:
        if not role.many and len({asset.cid for asset in assets}) > 1:
            raise ambiguous(self.task, role, assets)

    def _missing(self, role: Role) -> UsageError:
        if of_another_file := self.of_others.get(role.name):
            return of_others(self.task, role, of_another_file)
        others = [asset for asset in self._of_kind(role) if not fits(role, asset)] if role.kind else []
        return missing(self.task, role, self._applied(role), others)

    # All together

    def _check_together(self, chosen: Chosen) -> None:
        """Refuse inputs that do not belong together, and those that are not what was asked for."""
        self._check_one(chosen, "reference", self._reference)
        self._check_one(chosen, "build", lambda asset: str(getattr(asset, "build", "")))
        if self._of_one_sample:
            self._check_one(chosen, "sample_id", lambda asset: str(getattr(asset, "sample_id", "")))
        self._check_filters_met(chosen)
        for role in self.task.inputs:
            self._check_once(role, chosen[role.name])
            self._check_reads(role, chosen[role.name])
            self._check_whose(role, chosen[role.name])
            parent = self._parent(role)
            if parent is not None and role.name in self.given:
                self._check_companions(role, chosen[role.name], parent, chosen[parent.name])

    def _check_filters_met(self, chosen: Chosen) -> None:
        """Refuse a filter that nothing chosen matches, as of a sample that was misspelt."""
        assets = [asset for each in chosen.values() for asset in each]
        for key, values in self.filters.items():
            having = [asset for asset in assets if key in type(asset).fields()]
            for value in values:
                if not any(_says(asset, key, value) for asset in having):
                    raise unmatched(self.task, key, value, having)

    def _check_one(self, chosen: Chosen, trait: str, of: Callable[[Asset], str]) -> None:
        by_trait: dict[str, tuple[str, Asset]] = {}
        for name, assets in chosen.items():
            for asset in assets:
                if value := of(asset):
                    by_trait.setdefault(value, (name, asset))
        if len(by_trait) > 1:
            raise not_of_one(self.task, trait, by_trait)

    def _check_once(self, role: Role, assets: Sequence[Asset]) -> None:
        """Refuse a sample that comes twice into a result that tells its samples."""
        told = f"{{all.{role.name}.sample_id}}"
        if not any(told in output.fields.values() for output in self.task.outputs):
            return
        by_sample: dict[str, list[Asset]] = {}
        for asset in assets:
            by_sample.setdefault(getattr(asset, "sample_id", ""), []).append(asset)
        for sample, several in by_sample.items():
            if len(several) > 1:
                raise twice(self.task, role, sample, several)

    def _check_reads(self, role: Role, assets: Sequence[Asset]) -> None:
        """Refuse the same reads twice: lanes are put together, and each read would count as often."""
        if role.many and role.kind == "alignment":
            for one, other, shared in same_reads(self.store, assets):
                raise reads_twice(role, one, other, shared)

    def _check_whose(self, role: Role, assets: Sequence[Asset]) -> None:
        """Refuse files of no sample where several were found, which would become one file of a sample."""
        if self._of_one_sample and role.name not in self.given and len(assets) > 1:
            for asset in assets:
                if getattr(asset, "sample_id", "whose it is does not matter") == "":
                    raise of_nobody(role, asset, len(assets))

    def _check_companions(
        self, role: Role, assets: Sequence[Asset], parent: Role, parents: Sequence[Asset]
    ) -> None:
        """Refuse a companion of another file than the one it is given with, by the links of both."""
        cids = {each.cid for each in parents}
        for asset in assets:
            if asset.cid in cids:
                raise same_file(role, asset, parent)
            for field, kind in links_of(role.kind).items():
                link = getattr(asset, field)
                if kind == parent.kind and link and link not in cids:
                    raise of_another(role, asset, link, parent, parents)
        for each in parents:
            for field, kind in type(each).companion_links.items():
                own = getattr(each, field)
                if kind == role.kind and own and assets and own not in {asset.cid for asset in assets}:
                    raise not_its_own(role, assets[0], each, own)


def fits(role: Role, asset: Asset) -> bool:
    """Whether an asset says of itself what an input takes; a field that is not set says nothing against."""
    for field, wanted in role.where.items():
        value = getattr(asset, field, None)
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if value not in (None, "") and value not in allowed:
            return False
    return True


def fitting(role: Role, records: Sequence[Asset]) -> list[Asset]:
    """Return the records that an input takes; a fuller record of the same bytes decides."""
    unfit: dict[str, list[Asset]] = {}
    for asset in records:
        if not fits(role, asset):
            unfit.setdefault(asset.cid, []).append(asset)
    return [
        asset
        for asset in records
        if fits(role, asset) and not any(_says_more(other, asset) for other in unfit.get(asset.cid, ()))
    ]


def _says_more(asset: Asset, other: Asset) -> bool:
    return asset.cid == other.cid and other.to_keyvalues().items() <= asset.to_keyvalues().items()


def _says(asset: Asset, key: str, value: Any) -> bool:
    return to_text(getattr(asset, key)) == type(asset).canonical(key, value)


def _alike(parent: Asset, records: list[Asset]) -> list[Asset]:
    """Return the records that are of the build and sample of a file, where some are: bytes may be of two."""
    for key in ("build", "sample_id"):
        value = getattr(parent, key, "")
        records = [each for each in records if value and getattr(each, key, "") == value] or records
    return records


def belongs_to(asset: Asset) -> list[str]:
    """Return the CIDs of the files that an asset says it is the companion of."""
    cls = type(asset)
    parents = {kind for kind, parent in KINDS.items() if cls.kind in parent.companion_kinds}
    fields = [KINDS[kind].companion_kinds[cls.kind] for kind in sorted(parents)]
    return [cid for field in fields if (cid := getattr(asset, field, ""))]


def _companions_of(kind: str) -> Collection[str]:
    cls = KINDS.get(kind, Asset)
    return {*cls.companion_kinds, *cls.companion_links.values()}


def links_of(kind: str) -> dict[str, str]:
    """Return the fields of a kind that point at an asset of another, and which kind that is."""
    cls = KINDS.get(kind, Asset)
    fields = [field for field in cls.fields() if field.endswith("_cid")] if cls.kind else []
    links = {field: field.removesuffix("_cid") for field in fields} | cls.companion_links
    # A reference is what all inputs have in common, and is looked after by itself.
    return {field: to for field, to in links.items() if to in KINDS and to != "reference"}

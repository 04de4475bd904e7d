"""What is wrong with the inputs of a task, in words that name the input, the candidates and what decides."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from stargazer_cli import catalog
from stargazer_cli.assets import Asset, to_text
from stargazer_cli.catalog import Role, Task
from stargazer_cli.catalog.references import reference_in
from stargazer_cli.errors import UsageError

_SHOWN = 12
# What tells files of one role apart for a person, and puts them into an order.
_TELLING = ("sample_id", "cohort_id", "library", "lane", "resource_name", "build", "tool", "stage")


def ambiguous(task: Task, role: Role, assets: Iterable[Asset], of: str = "") -> UsageError:
    """Tell that several assets may be an input that takes one; `of` says for which other input's."""
    by_cid = {asset.cid: asset for asset in assets}
    keys = _deciding(by_cid.values())
    filters = " or ".join(f"--filter {key}=…" for key in keys)
    return UsageError(
        f"{len(by_cid)} assets may be {role.name}{of} of {task.name}, which takes one.",
        f"Choose one with --input {role.name}=CID{f', or leave some out with {filters}' if keys else ''}.",
        _listed(by_cid.values(), keys),
    )


def missing(task: Task, role: Role, filters: Mapping[str, Sequence[Any]], others: list[Asset]) -> UsageError:
    """Tell that nothing may be an input; `others` are of its kind, and say against themselves."""
    what = f"{role.name} of {task.name}"
    like = f" with {_said(filters)}" if filters else ""
    if not role.kind:
        return UsageError(f"{what} is missing.", f"Name it with --input {role.name}=CID. {role.description}")
    if not others:
        return UsageError(f"{what} is missing: the store has no {role.kind}{like}.", _how_to_get(role))
    return UsageError(
        f"{what} is missing: no {role.kind}{like} in the store has {_said(role.where)}.",
        f"{_makers(role)}Or say of one what it is: stargazer assets update CID KEY=VALUE",
        _listed({asset.cid: asset for asset in others}.values(), tuple(role.where)),
    )


def one_of_two(task: Task, roles: Sequence[Role], found: Sequence[str]) -> UsageError:
    """Tell that of two inputs, of which one is needed, none or both are `found`."""
    names = " or ".join(role.name for role in roles)
    there = "both are there" if found else "none is there"
    return UsageError(
        f"{task.name} takes {names}, one of them, and {there}.",
        f"Name one: {' or '.join(f'--input {role.name}=CID' for role in roles)}",
        [f"{role.name}: {role.kind}. {role.description}" for role in roles],
    )


def without_companion(task: Task, role: Role, parent: Asset) -> UsageError:
    """Tell that an input has no companion, which the task needs."""
    return UsageError(
        f"{role.name} of {task.name} is missing: {parent.name} ({parent.cid}) has none.", _how_to_get(role)
    )


def unknown(task: Task, role: Role, name: str) -> UsageError:
    """Tell that what is named for an input is not in the store."""
    return UsageError(
        f"{role.name} of {task.name}: no asset {name[:100]!r} is in the store.",
        "Find its CID with: stargazer assets query" + (f" asset={role.kind}" if role.kind else ""),
    )


def unfit(task: Task, role: Role, asset: Asset) -> UsageError:
    """Tell that what is named for an input is of another kind, or says against itself."""
    if role.kind and asset.kind != role.kind:
        kind = f"asset={asset.kind}" if asset.kind else "a file of no kind"
        return UsageError(
            f"{role.name} of {task.name} takes asset={role.kind}, and {asset.name} ({asset.cid}) is {kind}.",
            f"Find one with: stargazer assets query asset={role.kind}",
        )
    return UsageError(
        f"{asset.name} ({asset.cid}) cannot be {role.name} of {task.name}, which takes what has "
        f"{_said(role.where)}.",
        f"{role.name}: {role.description}",
    )


def contradictory(role: Role, asset: Asset, records: Iterable[Asset], differing: Sequence[str]) -> UsageError:
    """Tell that the records of some bytes contradict each other."""
    return UsageError(
        f"{asset.name} ({asset.cid}) has records that differ in {', '.join(differing)}.",
        f"Name one by its id with --input {role.name}=ID.",
        [f"{each.id}  {_telling(each, differing)}" for each in records],
    )


def not_of_one(task: Task, trait: str, found: Mapping[str, tuple[str, Asset]]) -> UsageError:
    """Tell that the inputs are not of one `trait`; `found` has for each value an input and its file."""
    key = "build" if trait == "reference" else trait
    names = " ".join(f"--input {name}=CID" for name in dict.fromkeys(name for name, _ in found.values()))
    return UsageError(
        f"The inputs of {task.name} are not of one {trait}: {', '.join(list(found)[:5])}.",
        f"Choose with --filter {key}=…, or name each: {names}",
        [f"{name}: {asset.cid}  {asset.name}" for name, asset in found.values()],
    )


def twice(task: Task, role: Role, sample: str, assets: Collection[Asset]) -> UsageError:
    """Tell that several files are of one sample, of which one is wanted."""
    return UsageError(
        f"{len(assets)} of {role.name} of {task.name} are of the sample {sample!r}.",
        f"Name one of each sample with --input {role.name}=CID.",
        _listed(assets, _deciding(assets)),
    )


def of_others(task: Task, role: Role, assets: Iterable[Asset]) -> UsageError:
    """Tell that all that may be an input belongs to other files than those that it is taken with."""
    return UsageError(
        f"{role.name} of {task.name} is missing: what there is belongs to other files than the inputs do.",
        f"{_makers(role)}Or take one of these all the same, with --input {role.name}=CID.",
        [f"{asset.cid}  {asset.name}  {_telling(asset, _linking(asset))}" for asset in assets],
    )


def unmatched(task: Task, key: str, value: Any, assets: Iterable[Asset]) -> UsageError:
    """Tell that nothing that was chosen, of which `assets` have the key, is what a filter asks for."""
    said = sorted({text for asset in assets if (text := to_text(getattr(asset, key)))})
    there = f": {key} is {', '.join(said[:_SHOWN])}" if said else ""
    return UsageError(
        f"No input of {task.name} has {key}={to_text(value)[:100]}{there}.",
        f"See what has it with: stargazer assets query {key}={to_text(value)[:100]}",
    )


def of_nobody(role: Role, asset: Asset, number: int) -> UsageError:
    """Tell that one of several files, which would become one of a sample, does not say whose it is."""
    return UsageError(
        f"{asset.name} ({asset.cid}), one of {number} that may be {role.name}, does not say whose it is.",
        f"Choose with --filter sample_id=…, name the files with --input {role.name}=CID,CID, or say it: "
        "stargazer assets update CID sample_id=…",
    )


def reads_twice(role: Role, one: Asset, other: Asset, shared: Collection[Asset]) -> UsageError:
    """Tell that two files have the same reads in them."""
    keys = _deciding((one, other))
    return UsageError(
        f"Two of {role.name} hold the same reads, those of {next(iter(shared)).name}: "
        f"{one.name} ({one.cid}) and {other.name} ({other.cid}).",
        f"Name one file of each lane with --input {role.name}=CID,CID"
        f"{', or leave some out with --filter ' + keys[0] + '=…' if keys else ''}.",
    )


def of_another(role: Role, asset: Asset, link: str, parent: Role, parents: Iterable[Asset]) -> UsageError:
    """Tell that a companion that is named belongs to another file than it is given with."""
    return UsageError(
        f"{asset.name} ({asset.cid}), given as {role.name}, belongs to {link} and not to {parent.name}, "
        f"{', '.join(each.cid for each in parents)}.",
        f"Leave --input {role.name} out: it is found by what {parent.name} is.",
    )


def not_its_own(role: Role, asset: Asset, parent: Asset, own: str) -> UsageError:
    """Tell that a file names another companion than the one that it is given with."""
    return UsageError(
        f"{asset.name} ({asset.cid}), given as {role.name}, is not that of {parent.name}, which is {own}.",
        f"Leave --input {role.name} out: it is found by what {parent.name} is.",
    )


def same_file(role: Role, asset: Asset, parent: Role) -> UsageError:
    """Tell that one file is given twice, as itself and as its own companion."""
    return UsageError(
        f"{asset.name} ({asset.cid}) is given as {parent.name} and as {role.name}, which are two files.",
        f"Leave --input {role.name} out: it is found by what {parent.name} is.",
    )


def in_order(asset: Asset) -> tuple[str, ...]:
    """Return what sorts assets, in an order that is always the same."""
    return (*(to_text(getattr(asset, key, "")) for key in _TELLING), asset.name, asset.cid)


def _how_to_get(role: Role) -> str:
    return f"{_makers(role)}Or add it: stargazer assets add FILE -k asset={role.kind}"


def _makers(role: Role) -> str:
    """Return a sentence that names the tasks whose results may be an input; '' where there are none."""
    tasks = catalog.tasks().values()
    makers = [task.name for task in tasks if any(_may_be(task, each, role) for each in task.outputs)]
    return f"It is made by {', '.join(makers)}: stargazer tasks run NAME. " if makers else ""


def _may_be(task: Task, output: catalog.Output, role: Role) -> bool:
    """Whether what a task makes may be an input, by the fields that it always has."""
    return output.kind == role.kind and all(
        said is None or not set(said).isdisjoint(_values(wanted))
        for key, wanted in role.where.items()
        for said in [_always(task, output, key)]
    )


def _always(task: Task, output: catalog.Output, field: str) -> Sequence[Any] | None:
    """Return what a field of an output can be; None where nothing limits it."""
    value = output.fields.get(field)
    reference = reference_in(value)
    if reference is None:
        return None if value is None else [value]
    if reference.what == "parameter":
        return next((each.choices for each in task.parameters if each.name == reference.name), None) or None
    taken = {role.name: role.where.get(reference.field) for role in task.inputs}.get(reference.name)
    return None if taken is None or reference.what != "input" else _values(taken)


def _values(wanted: Any) -> Sequence[Any]:
    return wanted if isinstance(wanted, list | tuple) else [wanted]


def _deciding(assets: Iterable[Asset]) -> tuple[str, ...]:
    """Return the keys by which filters would tell these assets apart, the most telling first."""
    each = [asset.to_keyvalues() for asset in assets]
    keys = {key for values in each for key in values if not key.endswith("_cid")}
    differing = [key for key in keys if len({values.get(key) for values in each}) > 1]
    return tuple(sorted(differing, key=lambda key: (_TELLING.index(key) if key in _TELLING else 99, key))[:2])


def _linking(asset: Asset) -> list[str]:
    return [key for key in asset.to_keyvalues() if key.endswith("_cid")]


def _listed(assets: Collection[Asset], keys: Sequence[str]) -> Iterator[str]:
    shown = sorted(assets, key=in_order)
    yield from (
        f"{asset.cid}  {asset.name}  {_telling(asset, keys) or _maker(asset)}" for asset in shown[:_SHOWN]
    )
    if len(shown) > _SHOWN:
        yield f"… and {len(shown) - _SHOWN} more"


def _maker(asset: Asset) -> str:
    """Return where an asset came from, for assets that say the same of themselves."""
    return f"made by {asset.run_ids[0]}" if asset.run_ids else f"added {asset.created_at}"


def _telling(asset: Asset, keys: Iterable[str]) -> str:
    says = asset.to_keyvalues()
    return "  ".join(f"{key}={says.get(key, '')}" for key in keys)


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key}={' or '.join(to_text(each)[:100] for each in _values(value))}"
        for key, value in values.items()
    )

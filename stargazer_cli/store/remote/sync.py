"""Assets to and from the user's account at Pinata: bytes by their CID, and the records of what they are.

The local database stays the index of what is here: what is pulled is recorded in it, what is pushed was.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stargazer_cli.assets import Asset, specialize
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import CidHasher, check_cid, is_cid
from stargazer_cli.store.files import Progress, counter, share_of
from stargazer_cli.store.local import links_of
from stargazer_cli.store.metadata.match import Match
from stargazer_cli.store.metadata.merge import merge
from stargazer_cli.store.objects import faults_told
from stargazer_cli.store.record import Record, blank
from stargazer_cli.store.remote import records as form
from stargazer_cli.store.remote.parallel import side_by_side
from stargazer_cli.store.remote.pinata import NETWORKS, Network, Pinata, RemoteFile
from stargazer_cli.store.remote.records import PARTIAL, RECORD_CID, RECORD_OF

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store.local import LocalStore

# A search asks Pinata for each combination of values, up to so many; what is left is looked through here.
_MOST_QUESTIONS = 8


@dataclass(frozen=True)
class Pushed:
    """What became of a file: `updated` was there and has other records now, `absent` is not here."""

    cid: str
    name: str
    status: Literal["pushed", "updated", "notneeded", "absent"]
    network: Network
    size: int = 0


@dataclass(frozen=True)
class Pulled:
    """What became of a file, and its records as they are here now; of one that is `absent` there are none."""

    cid: str
    name: str
    status: Literal["pulled", "notneeded", "absent"]
    assets: tuple[Asset, ...] = ()


@dataclass(frozen=True)
class _There:
    """What Pinata has of a CID: the file, the objects with its records, and what these say."""

    file: RemoteFile | None = None
    objects: tuple[RemoteFile, ...] = ()
    records: tuple[Record, ...] = ()
    # Of the object that the file names: what its pairs were made from.
    named: tuple[Record, ...] = field(default=())


def push(
    store: "LocalStore",
    targets: Sequence[str],
    *,
    network: Network | None = None,
    with_lineage: bool = False,
    progress: Progress | None = None,
) -> list[Pushed]:
    """Bring the files of these CIDs, or ids of records, to Pinata with all their records.

    `network` is that of `PINATA_VISIBILITY` unless given. Bytes that are there are not sent again; records
    that another machine pushed stay. With lineage, everything follows that the files point at or were made
    from, as far as it is here.
    """
    groups = _local_groups(store, targets)
    asked = set(groups)
    if with_lineage:
        _follow(groups, lambda cids: _recorded(store, cids))
    with Pinata(store.settings) as account:
        network = network or account.visibility
        sizes = {cid: path.stat().st_size for cid in groups if (path := store.object(cid))}
        count = counter(sum(sizes.values()), progress)

        def work(cid: str) -> Pushed:
            name = groups[cid][0]["name"] if groups[cid] else ""
            if not groups[cid] or (cid not in sizes and cid not in asked):
                return Pushed(cid, name, "absent", network)
            return _push(account, store, network, groups[cid], share_of(count))

        return side_by_side(work, list(groups))


def pull(
    store: "LocalStore",
    targets: Sequence[str],
    *,
    with_lineage: bool = False,
    progress: Progress | None = None,
) -> list[Pulled]:
    """Bring the files of these CIDs here, with the records that Pinata keeps of them.

    All records are written in one transaction when every file has come. A record that was changed here and
    there is refused and stays as it is. A file that is recorded here and not at Pinata is had from wherever
    its bytes are. With lineage, everything follows that the files point at or were made from; what of it is
    nowhere is told as absent.
    """
    for cid in targets:
        check_cid(cid)
    there: dict[str, _There] = {}
    groups: dict[str, list[Record]] = {}

    def records_of(cids: Iterable[str]) -> dict[str, list[Record]]:
        wanted = list(cids)
        there.update(zip(wanted, _look_up_all(store.settings, wanted), strict=True))
        here = _recorded(store, wanted)
        return {cid: [*here.get(cid, []), *there[cid].records] for cid in wanted}

    groups |= records_of(dict.fromkeys(targets))
    for cid in groups:
        if not groups[cid]:
            raise UsageError(
                f"Neither Pinata nor this store has a record of {cid}.",
                f"Its bytes alone may be published: `stargazer assets get {cid} -o FILE`.",
            )
    if with_lineage:
        _follow(groups, records_of)
    missing = [cid for cid in groups if store.object(cid) is None]
    # An ancestor that only this store knows, without its bytes, may be nowhere any more.
    absent = {cid for cid in missing if there[cid].file is None and cid not in targets}
    coming = [cid for cid in missing if cid not in absent]
    sizes = [file.size if (file := there[cid].file) else None for cid in coming]
    count = counter(sum(known) if len(known := [s for s in sizes if s]) == len(sizes) else None, progress)
    side_by_side(lambda cid: store.pull(cid, groups[cid][0]["name"], share_of(count)), coming)
    fresh = [record for cid in groups if cid not in absent for record in there[cid].records]
    if fresh:
        with faults_told(store.root), store.metadata.transaction() as table:
            for record in fresh:
                store.objects.require(record["cid"], record["name"])
            merge(table, fresh)
    return [_pulled(store, cid, groups[cid], cid in absent, cid in coming) for cid in groups]


def remote_find(settings: "Settings", /, **filters: Any) -> list[Asset]:
    """Find assets at Pinata, as `search_remote` does."""
    return search_remote(settings, filters)


def search_remote(
    settings: "Settings", filters: Mapping[str, Any], note: Callable[[str], None] | None = None
) -> list[Asset]:
    """Find assets at Pinata, private and public ones, by the filters that `LocalStore.find` takes.

    A file whose pairs tell its record is not asked for more: such assets come without `run_ids`, `owner` and
    the other fields outside the keyvalues, unless a filter names one. A file whose records cannot be read is
    left out, and `note` told why: it must not hide the others.
    """
    match = Match(filters)
    questions = _questions(match)
    thorough = any(len(c.path) == 1 and c.path[0] not in ("cid", "name") for c in match.conditions())
    found: dict[tuple[str, str], Asset] = {}
    with Pinata(settings) as account:
        files: dict[str, RemoteFile] = {}
        for network, (cid, pairs) in product(NETWORKS, questions):
            files |= {file.id: file for file in account.files(pairs, network=network, cid=cid)}
        ours = [file for file in files.values() if _is_asset(file)]

        def tell(file: RemoteFile) -> list[Record]:
            if not file.keyvalues.get(PARTIAL) and not (thorough and file.keyvalues.get(RECORD_CID)):
                return [_record_told(file)]
            try:
                return list(_all_records(account, file).records)
            except StargazerError as error:
                if note:
                    note(f"{file.name} ({file.cid}) was left out. {error.message}")
                return []

        for record in (record for records in side_by_side(tell, ours) for record in records):
            if match(record):
                key = record["cid"], str(sorted(record["keyvalues"].items()))
                found.setdefault(key, specialize(record))
    return list(found.values())


def delete_remote(settings: "Settings", cid: str, *, network: Network | None = None) -> list[RemoteFile]:
    """Delete the file of a CID and its records at Pinata, on one network or both; returns what went."""
    check_cid(cid)
    deleted: list[RemoteFile] = []
    with Pinata(settings) as account:
        for each in [network] if network else NETWORKS:
            # The file first: what is left after a failure is found again by its CID.
            for file in [*account.files(network=each, cid=cid), *_objects_of(account, cid, each)]:
                account.delete(file)
                deleted.append(file)
    return deleted


def _push(
    account: Pinata, store: "LocalStore", network: Network, here: list[Record], progress: Progress | None
) -> Pushed:
    """Bring one file and its records to Pinata."""
    cid, name = here[0]["cid"], here[0]["name"]
    path = store.objects.require(cid, name)
    size = path.stat().st_size
    there = _records_there(account, cid, _file_of(account, cid, network), network, readable_only=True)
    # What is pushed stands for its ids; what others pushed stays.
    records = form.unite(here, there.records)
    content = form.encode(cid, records)
    record_cid = _cid_of_bytes(content)
    if record_cid not in [each.cid for each in there.objects]:
        _upload_object(account, content, record_cid, cid, network)
    status: Literal["pushed", "updated", "notneeded"] = "notneeded"
    if there.file is None:
        pairs = form.searchable(records, record_cid)
        begun = store.root / "uploads" / f"{cid}.{network}"
        account.upload(path, name, pairs, network, cid=cid, begun=begun, progress=progress)
        status = "pushed"
    else:
        present = there.file.keyvalues
        pairs = form.searchable(records, record_cid, present)
        # Pinata removes no pair: one that we made and that holds no more is emptied.
        before = form.searchable(there.named, record_cid, present) if there.named else {}
        pairs = {key: "" for key in before if present.get(key)} | pairs
        if any(present.get(key) != value for key, value in pairs.items()):
            account.update(there.file, keyvalues=pairs)
            status = "updated"
    if progress:
        progress(size, size)  # done, whether bytes went or not
    for old in there.objects:
        # Only now: until here the file named it.
        if old.cid != record_cid:
            account.delete(old)
    return Pushed(cid, name, status, network, size)


def _upload_object(account: Pinata, content: bytes, record_cid: str, cid: str, network: Network) -> None:
    with tempfile.TemporaryDirectory(prefix="stargazer-") as folder:
        path = Path(folder) / "records.json"
        path.write_bytes(content)
        account.upload(path, f"{cid}.records.json", {RECORD_OF: cid}, network, cid=record_cid)


def _look_up_all(settings: "Settings", cids: Sequence[str]) -> list[_There]:
    """Return what Pinata has of each CID; nothing where it is not switched on."""
    if not settings.pinata_jwt:
        return [_There() for _ in cids]
    with Pinata(settings) as account:
        return side_by_side(lambda cid: _look_up(account, cid), cids)


def _look_up(account: Pinata, cid: str) -> _There:
    for network in NETWORKS:
        if file := _file_of(account, cid, network):
            there = _all_records(account, file)
            return replace(there, records=tuple(form.arrived(record) for record in there.records))
    return _There()


def _all_records(account: Pinata, file: RemoteFile, *, again: bool = True) -> _There:
    """Read the records of a file; those of one that something else pushed are what its pairs tell."""
    there = _records_there(account, file.cid, file, file.network)
    named = file.keyvalues.get(RECORD_CID)
    if named and named not in [each.cid for each in there.objects]:
        now = _file_of(account, file.cid, file.network)
        if again and now and now.keyvalues.get(RECORD_CID) != named:
            # Another machine pushed since the file was listed.
            return _all_records(account, now, again=False)
        raise StargazerError(
            f"The records of {file.name} ({file.cid}) at Pinata are gone: the object {named} is not there.",
            "Push it again from where its records are.",
        )
    return there if there.records else replace(there, records=(_record_told(file),))


def _file_of(account: Pinata, cid: str, network: Network) -> RemoteFile | None:
    return next(account.files(network=network, cid=cid), None)


def _objects_of(account: Pinata, cid: str, network: Network) -> list[RemoteFile]:
    return list(account.files({RECORD_OF: cid}, network=network))


def _records_there(
    account: Pinata, cid: str, file: RemoteFile | None, network: Network, *, readable_only: bool = False
) -> _There:
    """Read every object with records of a file; that which the file names goes before the others.

    An object that cannot be read is an error, or with `readable_only` as if it was not there.
    """
    named = file.keyvalues.get(RECORD_CID, "") if file else ""
    objects = sorted(_objects_of(account, cid, network), key=lambda each: each.cid != named)
    contents: dict[str, list[Record]] = {}
    for each in objects:
        try:
            contents[each.cid] = form.decode(_download_object(account, each), cid)
        except StargazerError as error:
            if not readable_only:
                raise StargazerError(
                    f"{error.message} They are in the object {each.name} (id {each.id}).",
                    f"Push {cid} again from where its records are, and delete that object at Pinata: "
                    "not the file, which is whole.",
                ) from None
    return _There(
        file,
        tuple(each for each in objects if each.cid in contents),
        tuple(form.unite(*contents.values())),
        tuple(contents.get(named, ())),
    )


def _download_object(account: Pinata, file: RemoteFile) -> bytes:
    from stargazer_cli.store.remote.download import download

    if file.size > form.LARGEST_OBJECT:
        raise StargazerError(f"{file.name} at Pinata has {file.size:,} bytes: it is no object with records.")
    with tempfile.TemporaryDirectory(prefix="stargazer-") as folder:
        path = Path(folder) / "records.json"
        source = account.source(file.cid, file.network)
        download([source], file.cid, path, name=file.name, size=file.size or None)
        return path.read_bytes()


def _is_asset(file: RemoteFile) -> bool:
    """Whether a file of the account is an asset, and not a user's own file or an object with records."""
    return bool(file.keyvalues.get(RECORD_CID) or file.keyvalues.get("asset"))


def _record_told(file: RemoteFile) -> Record:
    """Return a record from the pairs of a file alone."""
    return blank(
        id=f"pinata-{file.id}",
        cid=file.cid,
        name=file.name,
        keyvalues=form.told(file.keyvalues),
        created_at=file.created_at,
    )


def _questions(match: Match) -> list[tuple[str, dict[str, str]]]:
    """Return what to ask Pinata for: a CID and pairs each, so that together no asset is missed.

    Pinata compares a pair with one value. Files whose pairs do not tell their records as a whole are asked
    for too.
    """
    cids: list[str] = [""]
    choices: dict[str, list[str]] = {}
    count = 1
    for condition in sorted(match.conditions(), key=lambda each: len(each.values)):
        values = sorted(value for value in condition.values if value)
        if len(values) < len(condition.values) or count * len(values) > _MOST_QUESTIONS:
            continue
        if condition.path == ("cid",):
            cids = values
        elif len(condition.path) > 1:
            choices[condition.path[1]] = values
        else:
            continue
        count *= len(values)
    asked = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    if choices:
        asked.append({PARTIAL: "true"})
    return list(product(cids, asked))


def _local_groups(store: "LocalStore", targets: Sequence[str]) -> dict[str, list[Record]]:
    """Return the records of each CID that the targets name, by a CID or by the id of a record."""
    cids: dict[str, None] = {}
    for target in targets:
        found = store.find(id=target) or store.find(cid=target)
        if not found:
            raise UsageError(
                f"No asset has the CID or id {target[:100]!r}.", "`stargazer assets query --json` lists both."
            )
        cids[found[0].cid] = None
    return _recorded(store, cids)


def _recorded(store: "LocalStore", cids: Iterable[str]) -> dict[str, list[Record]]:
    """Return the records that are here, by CID."""
    wanted = list(cids)
    groups: dict[str, list[Record]] = {cid: [] for cid in wanted}
    for asset in store.find(cid=wanted):
        groups[asset.cid].append(asset.to_dict())
    return groups


def _follow(
    groups: dict[str, list[Record]], find: Callable[[Iterable[str]], dict[str, list[Record]]]
) -> None:
    """Add to `groups` all that their records point at, and what that points at, and so on."""
    reached = list(groups)
    while reached:
        linked = dict.fromkeys(
            cid for each in reached for record in groups[each] for _, cid in links_of(record) if is_cid(cid)
        )
        reached = [cid for cid in linked if cid not in groups]
        groups |= find(reached)


def _pulled(store: "LocalStore", cid: str, records: list[Record], absent: bool, came: bool) -> Pulled:
    name = records[0]["name"] if records else ""
    if absent:
        return Pulled(cid, name, "absent")
    return Pulled(cid, name, "pulled" if came else "notneeded", tuple(store.by_cid(cid)))


def _cid_of_bytes(content: bytes) -> str:
    hasher = CidHasher()
    hasher.update(content)
    return hasher.cid()

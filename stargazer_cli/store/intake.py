"""From the files that a user names to what the store is given: kinds, mates, links, and a first look."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stargazer_cli.assets import Asset, infer_kind, kind_class
from stargazer_cli.assets.checks import Head, check_content, check_pair, is_tar, read_head
from stargazer_cli.assets.infer import infer_fields, split_mate
from stargazer_cli.assets.matrix import is_matrix, pack, parts_of
from stargazer_cli.errors import UsageError
from stargazer_cli.store.local import NewFile

# What an index is named after, and the field by which it points there.
_INDEX_OF = {
    "reference_index": ("reference", "reference_cid"),
    "sequence_dict": ("reference", "reference_cid"),
    "aligner_index": ("reference", "reference_cid"),
    "alignment_index": ("alignment", "alignment_cid"),
    "variants_index": ("variants", "variants_cid"),
}


@dataclass(frozen=True)
class Intake:
    """Files that are fit to be stored, and what was concluded about them from their names."""

    files: list[NewFile]
    notes: list[str]


@dataclass
class _Candidate:
    path: Path
    kind: str
    asset: Asset
    head: Head
    links: dict[str, Path] = field(default_factory=dict)
    concluded: list[str] = field(default_factory=list)


def take_in(
    paths: Sequence[Path], keyvalues: Mapping[str, str], kind: str | None = None, *, scratch: Path
) -> Intake:
    """Look at the files and say what each is; the first that is not sound refuses all of them.

    A folder of a count matrix becomes one file in the folder `scratch`, which must last until it is stored.
    """
    chosen = _chosen_kind(keyvalues, kind)
    given = {key: value for key, value in keyvalues.items() if key != "asset"}
    distinct = list({path.resolve(): path for path in paths}.values())
    kinds = [chosen or infer_kind(path.name) or ("counts" if is_matrix(path) else "") for path in distinct]
    packed = {
        path: _packed(path, scratch / str(number))
        for number, (path, kind) in enumerate(zip(distinct, kinds, strict=True))
        if kind == "counts" and path.is_dir()
    }
    files = [packed.get(path, path) for path in distinct]
    known = {key for kind in kinds for key in kind_class(kind).fields()}
    candidates = [
        _candidate(path, kind, _meant_for(kind, given, known), inferred=not chosen)
        for path, kind in zip(files, kinds, strict=True)
    ]
    reads = [candidate for candidate in candidates if candidate.kind in ("r1", "r2")]
    if "mate_cid" not in given:
        _pair(reads)
    _check_lanes(reads)
    _link_indexes(candidates)
    return Intake(
        [NewFile(each.path, each.asset, links=each.links) for each in candidates],
        [f"{each.path.name}: {', '.join(each.concluded)}" for each in candidates if each.concluded],
    )


def _packed(folder: Path, scratch: Path) -> Path:
    """Return a matrix-market folder as one file."""
    parts = parts_of(folder, (path.name for path in folder.iterdir()))
    matrix, *_ = [read_head(folder / name) for name in parts]
    if not matrix.text.startswith(b"%%MatrixMarket"):
        matrix.refuse("is not matrix-market: it does not begin with '%%MatrixMarket'.", "Copy it again.")
    scratch.mkdir()
    target = scratch / f"{folder.resolve().name}.tar"
    pack(folder, parts, target)
    return target


def _chosen_kind(keyvalues: Mapping[str, str], kind: str | None) -> str | None:
    said = keyvalues.get("asset")
    if said and kind and said != kind:
        raise UsageError(f"--kind {kind} and asset={said} contradict each other.", "Give one of them.")
    chosen = said or kind
    if chosen:
        kind_class(chosen)
    return chosen


def _meant_for(kind: str, given: Mapping[str, str], known: set[str]) -> dict[str, str]:
    """Leave out the keys that belong to another file of the call: a BAM has more of them than its index."""
    fields = kind_class(kind).fields() if kind else given
    return {key: value for key, value in given.items() if key in fields or key not in known}


def _candidate(path: Path, kind: str, given: Mapping[str, str], *, inferred: bool) -> _Candidate:
    cls = kind_class(kind)
    head = check_content(kind, path)
    seen = infer_fields(kind, path.name)
    if kind == "counts":
        seen["format"] = "mtx" if is_tar(head) else "10x_h5"
    shown = {key: value for key, value in seen.items() if key not in given}
    try:
        asset = cls.from_keyvalues({**shown, **given}, name=path.name)
    except UsageError as error:
        raise UsageError(f"{path.name}: {error.message}", error.hint) from None
    candidate = _Candidate(path, kind, asset, head)
    if inferred:
        candidate.concluded.append(
            f"asset={kind}" if kind else "no kind known by its name (--kind gives one)"
        )
    candidate.concluded += [f"{key}={value}" for key, value in shown.items()]
    if "sample_id" in cls.model_fields and not getattr(asset, "sample_id", ""):
        candidate.concluded.append("no sample_id: a run finds it by one (-k sample_id=…)")
    if kind == "anndata" and "stage" in shown:
        candidate.concluded.append("taken for raw counts (-k stage=… where it is further)")
    if kind in ("anndata", "counts") and not getattr(asset, "organism", ""):
        candidate.concluded.append("no organism: a run takes it for human (-k organism=…)")
    if kind == "reference" and not getattr(asset, "build", ""):
        candidate.concluded.append("no build: a run finds it by one (-k build=…)")
    return candidate


def _pair(reads: list[_Candidate]) -> None:
    """Make mates of the R1 and R2 whose names differ in the read number alone."""
    beside = _couples((each.path.parent, split_mate(each.path.name)[0], each) for each in reads)
    left = [each for each in reads if not any(each in couple for couple in beside)]
    apart = _couples((None, split_mate(each.path.name)[0], each) for each in left)
    for first, second in beside + apart:
        check_pair(first.head, second.head)
        first.links["mate_cid"], second.links["mate_cid"] = second.path, first.path
        first.concluded.append(f"mate {second.path.name}")
        second.concluded.append(f"mate {first.path.name}")
    paired = {each.path for couple in beside + apart for each in couple}
    for each in reads:
        if each.path not in paired and split_mate(each.path.name)[1]:
            each.concluded.append("no mate among these files (add R1 and R2 in one call)")


def _couples(
    named: Iterable[tuple[Path | None, str, _Candidate]],
) -> list[tuple[_Candidate, _Candidate]]:
    groups: dict[tuple[Path | None, str], list[_Candidate]] = defaultdict(list)
    for folder, stem, candidate in named:
        groups[folder, stem].append(candidate)
    couples = []
    for group in groups.values():
        firsts = [each for each in group if each.kind == "r1"]
        seconds = [each for each in group if each.kind == "r2"]
        if len(firsts) == len(seconds) == 1:
            couples.append((firsts[0], seconds[0]))
    return couples


def _check_lanes(reads: list[_Candidate]) -> None:
    """Refuse two files that a run could not tell apart: same sample, same lane, same library."""
    taken: dict[tuple[str, ...], _Candidate] = {}
    for each in reads:
        keyvalues = each.asset.to_keyvalues()
        if "sample_id" not in keyvalues:
            continue
        lane = keyvalues.get("lane", "")
        identity = (each.kind, keyvalues["sample_id"], lane, keyvalues.get("library", ""))
        other = taken.setdefault(identity, each)
        if other is not each:
            where = f"on lane {lane}" if lane else "without a lane"
            raise UsageError(
                f"{other.path.name} and {each.path.name} would both be {each.kind.upper()} of sample "
                f"{keyvalues['sample_id']} {where}.",
                "Add each in a call of its own, and name the lane: -k lane=L001",
            )


def _link_indexes(candidates: list[_Candidate]) -> None:
    """Let an index point at the file of the same call that it is named after."""
    for each in candidates:
        target_kind, key = _INDEX_OF.get(each.kind, ("", ""))
        if not key or getattr(each.asset, key):
            continue
        targets = [
            other
            for other in candidates
            if other.kind == target_kind and _is_named_after(each.path.name, other.path.name)
        ]
        if len(targets) == 1:
            each.links[key] = targets[0].path
            each.concluded.append(f"index of {targets[0].path.name}")
        else:
            each.concluded.append(f"of no file among these (-k {key}=CID, or add the two in one call)")


def _is_named_after(index: str, file: str) -> bool:
    stem = file
    for ending in (".gz", ".bgz"):
        stem = stem.removesuffix(ending)
    return index.startswith(f"{file}.") or index.rpartition(".")[0] == stem.rpartition(".")[0]

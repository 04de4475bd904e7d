"""From the files that a user names to what the store is given: kinds, mates, links, and a first look."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stargazer_cli.assets import Asset, infer_kind, kind_class
from stargazer_cli.assets.asset import check_said
from stargazer_cli.assets.checks import (
    ReadName,
    check_content,
    check_pair,
    first_read,
    is_tar,
    read_head,
)
from stargazer_cli.assets.content import infer_content, is_sites_only, samples_of
from stargazer_cli.assets.infer import infer_fields, split_mate
from stargazer_cli.assets.matrix import pack, parts_of
from stargazer_cli.errors import UsageError
from stargazer_cli.store.files import Progress, counted, counter
from stargazer_cli.store.gather import gather, is_folder
from stargazer_cli.store.local import THREADS, NewFile

# What an index is named after, and the field by which it points there.
_INDEX_OF = {
    "reference_index": ("reference", "reference_cid"),
    "sequence_dict": ("reference", "reference_cid"),
    "aligner_index": ("reference", "reference_cid"),
    "alignment_index": ("alignment", "alignment_cid"),
    "variants_index": ("variants", "variants_cid"),
    "known_sites_index": ("known_sites", "known_sites_cid"),
}
# Names that say less than the bytes: .h5 is what 10x and AnnData both use, GATK's models are VCF files.
_REFINED = {("counts", "anndata"), ("variants", "vqsr_model")}


@dataclass(frozen=True)
class Intake:
    """Files that are fit to be stored, and what was concluded about them from their names and content."""

    files: list[NewFile]
    notes: list[str]


@dataclass(frozen=True)
class _Seen:
    """What a look at a file shows; its beginning is not kept, as those of all files would fill the memory."""

    path: Path
    kind: str
    fields: Mapping[str, str]
    said: bool  # somebody said the kind
    by_content: bool  # the kind comes from the bytes, not from the name
    first_read: ReadName
    samples: tuple[str, ...]
    sites_only: bool


@dataclass
class _Candidate:
    path: Path
    kind: str
    asset: Asset
    first_read: ReadName
    links: dict[str, Path] = field(default_factory=dict)
    concluded: list[str] = field(default_factory=list)


def take_in(
    paths: Sequence[Path],
    keyvalues: Mapping[str, str],
    kind: str | None = None,
    *,
    scratch: Path,
    progress: Progress | None = None,
) -> Intake:
    """Look at the files and say what each is; the first that is not sound refuses all of them.

    A folder stands for the files in it. One of a count matrix becomes one file in the folder `scratch`,
    which must last until it is stored. `progress` is called with the files looked at so far.
    """
    check_said(keyvalues)
    chosen = _chosen_kind(keyvalues, kind)
    given = {key: value for key, value in keyvalues.items() if key != "asset"}
    gathered = gather(paths)
    seen = _look_at_all(gathered.paths, chosen, scratch, progress)
    known = {key for each in seen for key in kind_class(each.kind).fields()}
    candidates = [_candidate(each, _meant_for(each.kind, given, known)) for each in seen]
    reads = [candidate for candidate in candidates if candidate.kind in ("r1", "r2")]
    if "mate_cid" not in given:
        _pair(reads)
    _check_lanes(reads)
    _link_indexes(candidates)
    return Intake(
        [NewFile(each.path, each.asset, links=each.links) for each in candidates],
        gathered.left_out
        + [f"{each.path.name}: {', '.join(each.concluded)}" for each in candidates if each.concluded],
    )


def _look_at_all(
    paths: Sequence[Path], chosen: str | None, scratch: Path, progress: Progress | None
) -> list[_Seen]:
    """Look at several files at once: to decompress the beginnings of thousands takes a while."""
    from concurrent.futures import ThreadPoolExecutor

    def look(number: int, path: Path) -> _Seen:
        return _look(_packed(path, scratch / str(number), chosen) if is_folder(path) else path, chosen)

    with ThreadPoolExecutor(THREADS, "look") as pool:
        return list(counted(pool.map(look, range(len(paths)), paths), counter(len(paths), progress)))


def _look(path: Path, chosen: str | None) -> _Seen:
    """Say what a file is; one that is not sound is refused."""
    head = read_head(path, may_be_empty=True)
    content = infer_content(head)
    by_name = infer_kind(path.name) or ""
    by_content = bool(content.kind) and (not by_name or _says_more(path, by_name, content.kind))
    inferred = content.kind if by_content else by_name
    kind = _under(chosen, inferred) if chosen else inferred
    check_content(kind, head)
    fields = infer_fields(kind, path.name)
    if content.kind == kind:
        fields |= content.fields
    if kind == "counts":
        fields["format"] = "mtx" if is_tar(head) else "10x_h5"
    return _Seen(
        path,
        kind,
        fields,
        kind == chosen,
        by_content,
        first_read(head),
        samples_of(head),
        is_sites_only(head),
    )


def _says_more(path: Path, by_name: str, by_content: str) -> bool:
    """Whether the bytes say more than the name: FASTQ without a number in its name may be second reads."""
    if (by_name, by_content) == ("r1", "r2"):
        return split_mate(path.name)[1] is None
    return (by_name, by_content) in _REFINED


def _under(chosen: str, inferred: str) -> str:
    """Return the kind of a file where all are said to be `chosen`: their indexes stay what they are."""
    if (chosen, inferred) == ("known_sites", "variants_index"):
        return "known_sites_index"
    return inferred if _INDEX_OF.get(inferred, ("",))[0] == chosen else chosen


def _packed(folder: Path, scratch: Path, chosen: str | None) -> Path:
    """Return a matrix-market folder as one file."""
    if chosen not in (None, "counts"):
        raise UsageError(f"{folder} is a folder with a count matrix, which asset={chosen} is not.")
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
        raise UsageError(f"--asset {kind} and asset={said} contradict each other.", "Give one of them.")
    chosen = said or kind
    if chosen:
        kind_class(chosen)
    return chosen


def _meant_for(kind: str, given: Mapping[str, str], known: set[str]) -> dict[str, str]:
    """Leave out the keys that belong to another file of the call: a BAM has more of them than its index."""
    fields = kind_class(kind).fields() if kind else given
    return {key: value for key, value in given.items() if key in fields or key not in known}


def _candidate(seen: _Seen, given: Mapping[str, str]) -> _Candidate:
    cls, name = kind_class(seen.kind), seen.path.name
    shown = {key: value for key, value in seen.fields.items() if key not in given}
    try:
        asset = cls.from_keyvalues({**shown, **given}, name=name)
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", error.hint, error.items) from None
    concluded = [] if seen.said else [_how_seen(seen)]
    concluded += [f"{key}={value}" for key, value in shown.items()]
    concluded += _remarks(seen, asset, shown)
    return _Candidate(seen.path, seen.kind, asset, seen.first_read, concluded=concluded)


def _how_seen(seen: _Seen) -> str:
    if not seen.kind:
        return "no kind known by its name or content (--asset gives one)"
    return f"asset={seen.kind}{' by its content' if seen.by_content else ''}"


def _remarks(seen: _Seen, asset: Asset, shown: Mapping[str, str]) -> list[str]:
    """Return what a person may want to add or correct."""
    remarks = []
    kind, sample = seen.kind, getattr(asset, "sample_id", None)
    # An index is found by its file, and known variants are of nobody.
    if sample == "" and kind not in _INDEX_OF and not seen.sites_only:
        example = f"{seen.samples[0]}, as its header says" if len(seen.samples) == 1 else "…"
        remarks.append(f"no sample_id: a run finds it by one (-k sample_id={example})")
    if kind == "alignment" and sample and seen.samples and sample not in seen.samples:
        remarks.append(f"its header names sample {', '.join(seen.samples)} and not {sample}")
    if kind == "variants" and seen.sites_only:
        remarks.append("no samples in it (--asset known_sites for known variants)")
    if kind == "anndata" and "stage" in shown:
        remarks.append("taken for raw counts (-k stage=… where it is further)")
    if kind in ("anndata", "counts") and not getattr(asset, "organism", ""):
        remarks.append("no organism: a run takes it for human (-k organism=…)")
    if kind == "reference" and not getattr(asset, "build", ""):
        remarks.append("no build: a run finds it by one (-k build=…)")
    return remarks


def _pair(reads: Sequence[_Candidate]) -> None:
    """Make mates of the R1 and R2 whose names differ in the read number alone."""
    beside = _couples((each.path.parent, split_mate(each.path.name)[0], each) for each in reads)
    paired = {each.path for couple in beside for each in couple}
    left = [each for each in reads if each.path not in paired]
    apart = _couples((None, split_mate(each.path.name)[0], each) for each in left)
    for first, second in beside + apart:
        check_pair(first.first_read, second.first_read, (first.path.name, second.path.name))
        first.links["mate_cid"], second.links["mate_cid"] = second.path, first.path
        first.concluded.append(f"mate {second.path.name}")
        second.concluded.append(f"mate {first.path.name}")
        paired |= {first.path, second.path}
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


def _link_indexes(candidates: Sequence[_Candidate]) -> None:
    """Let an index point at the file of the same call that it is named after, in its own folder first."""
    # A name and that of its index begin alike: so each index is compared with few files.
    alike: dict[tuple[str, str], list[_Candidate]] = defaultdict(list)
    for each in candidates:
        alike[each.kind, _beginning(each)].append(each)
    for each in candidates:
        target_kind, key = _INDEX_OF.get(each.kind, ("", ""))
        if not key or getattr(each.asset, key):
            continue
        among = alike.get((target_kind, _beginning(each)), [])
        named = [other for other in among if _is_named_after(each.path.name, other.path.name)]
        beside = [other for other in named if other.path.parent == each.path.parent]
        targets = beside or named
        if len(targets) == 1:
            each.links[key] = targets[0].path
            each.concluded.append(f"index of {targets[0].path.name}")
        else:
            each.concluded.append(f"of no file among these (-k {key}=CID, or add the two in one call)")


def _beginning(candidate: _Candidate) -> str:
    return candidate.path.name.partition(".")[0]


def _is_named_after(index: str, file: str) -> bool:
    stem = file
    for ending in (".gz", ".bgz"):
        stem = stem.removesuffix(ending)
    return index.startswith(f"{file}.") or index.rpartition(".")[0] == stem.rpartition(".")[0]

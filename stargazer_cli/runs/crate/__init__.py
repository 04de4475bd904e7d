"""A run as a Workflow Run RO-Crate: what was computed, from what, with what, in a form that others read.

Where the tasks of the run are known the crate follows the Provenance Run Crate profile 0.5, else the
Workflow Run Crate profile 0.5 (https://www.researchobject.org/workflow-run-crate), on RO-Crate 1.1. Every
file is named by its CID. What tells about the machine stays out: its name, its folders, its secrets.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError, UsageError, missing
from stargazer_cli.runs.crate.entities import OWN_TERMS, TERMS, Builder
from stargazer_cli.runs.crate.facts import Facts, gather
from stargazer_cli.store.files import Progress, check_absent, counter, share_of

if TYPE_CHECKING:
    from stargazer_cli.runs.record import RunFolder
    from stargazer_cli.store import LocalStore

_SPDX = re.compile(r"[A-Za-z0-9.+-]+")


def export(
    store: "LocalStore",
    folder: "RunFolder",
    target: Path,
    *,
    with_files: bool = False,
    data_license: str = "",
    progress: Progress | None = None,
) -> None:
    """Write the crate of a run to the new folder `target`, or to the new file where it ends in `.zip`.

    `with_files` puts the bytes of every input and output into it, verified, under `data/<cid>/`; what the
    store lacks is fetched. `data_license` is a URL, or an identifier of the SPDX list, and holds for the
    crate as a whole. `progress` is called with the bytes copied so far and their sum.

    Raises `UsageError` where the run is still going on or `target` exists. Nothing half-written stays.
    """
    kept = folder.load()
    if kept.status == "running":
        raise UsageError(f"The run {kept.run_id} is still being carried out.", "Export it when it has ended.")
    check_absent(target, "Give the path of a new folder, or of a new .zip file.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {target.parent}.", "Make it first, or give another path.")
    license_id = _license_id(data_license)
    _require_rocrate()
    facts = gather(store, folder, kept)
    try:
        with TemporaryDirectory(prefix=".stargazer-crate-", dir=target.parent) as scratch:
            content = Path(scratch) / "crate"
            content.mkdir()
            places = _copy_files(store, facts, content, progress) if with_files else {}
            _write(facts, content, places, license_id)
            if target.suffix == ".zip":
                archive = Path(scratch) / "crate.zip"
                _pack(content, archive)
                archive.rename(target)
            else:
                content.rename(target)
    except OSError as error:
        raise StargazerError(f"{target} cannot be written: {error.strerror or error}.") from error


def _require_rocrate() -> None:
    """Refuse before files are copied, not after it."""
    if find_spec("rocrate") is None:
        raise missing("Writing a crate", "rocrate", "crate")


def _license_id(text: str) -> str:
    if not text or re.match(r"https?://\S+$", text):
        return text
    if not _SPDX.fullmatch(text):
        raise UsageError(f"{text!r} is not a licence.", "Give its URL, or its SPDX name such as CC-BY-4.0.")
    return f"https://spdx.org/licenses/{text}"


def _copy_files(
    store: "LocalStore", facts: Facts, content: Path, progress: Progress | None
) -> dict[str, Path]:
    """Put every file under `data/<cid>/`; returns the path of each in the crate, by CID."""
    files = {file.cid: file for file in (*facts.inputs, *facts.outputs, *facts.reused)}
    sizes = [file.size for file in files.values()]
    count = counter(None if None in sizes else sum(size or 0 for size in sizes), progress)
    places = {}
    for cid, file in files.items():
        place = Path("data", cid, store.staged_path(cid, file.name).name)
        (content / place).parent.mkdir(parents=True)
        store.get(cid, content / place, progress=share_of(count))
        places[cid] = place
    return places


def _pack(content: Path, archive: Path) -> None:
    """Write a zip file of a folder. Data files are stored as they are: most are compressed already."""
    from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

    with ZipFile(archive, "x") as packed:
        for path in sorted(content.rglob("*")):
            if path.is_file():
                name = path.relative_to(content)
                method = ZIP_STORED if name.parts[0] == "data" else ZIP_DEFLATED
                packed.write(path, name, compress_type=method)


def _write(facts: Facts, content: Path, places: Mapping[str, Path], license_id: str) -> None:
    """Write `ro-crate-metadata.json`, `README.md` and the pipeline's script beside the data files."""
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms.update({term: TERMS + term for term in OWN_TERMS})
    Builder(crate, facts, content, places).build(license_id)
    crate.write(content)

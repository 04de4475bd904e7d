"""Nextflow's work folder, where it is not in the run's own: on a scratch disk, away from a home's quota.

A file in it says whose it is. A record alone does not: with the folder that it is in, it may have come from
someone else, or have been copied.
"""

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

from stargazer_cli.errors import StargazerError, UsageError

# More than a file system keeps beside the name of a file, so that a full disk shows.
_PROBE = b"\0" * 65536
_OWNER = ".stargazer-run"
_FULL = {errno.ENOSPC: "is on a full disk", errno.EDQUOT: "is where your quota is used up"}


def check(folder: Path) -> None:
    """Make a folder, if need be, and refuse one in which nothing can be written."""
    probe = _probe(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(probe)
    except OSError as error:
        raise _unusable(folder, error) from None
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def make(folder: Path, run: Path) -> None:
    """Make the work folder of a run's folder; it must not be there, unless this run made it before."""
    if _is_of(folder, run):
        return
    try:
        folder.mkdir(parents=True)
        (folder / _OWNER).write_text(str(run), encoding="utf-8")
    except FileExistsError:
        raise UsageError(
            f"The work folder {folder} is there already, and is not of the run in {run}.",
            "Name another one (--work-dir FOLDER), or run again: the next run has another name.",
        ) from None
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(folder)
        raise _unusable(folder, error) from None


def remove(folder: Path, run: Path) -> None:
    """Remove a work folder that the run made; another one is left as it is."""
    if _is_of(folder, run):
        shutil.rmtree(folder, ignore_errors=True)


def check_there(folder: Path, run_id: str) -> None:
    """Refuse to go on without the work that a run has done: it would all be done again."""
    if not folder.is_dir():
        raise StargazerError(
            f"The work folder {folder} of the run {run_id} is gone: cleaned up, or its disk is not here.",
            "Bring it back; or compute all of the run anew, there or elsewhere: "
            f"stargazer run --resume {run_id} --work-dir {folder.parent}",
        )


def linked(work: Path, outdir: Path) -> bool:
    """Whether a file of one folder can be given a second name in the other; both are made if need be.

    Not between two mounts, on exFAT, or on BeeGFS, which links within one folder alone.
    """
    probe, second = _probe(work), _probe(outdir)
    try:
        for folder in (work, outdir):
            folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        os.link(probe, second)
        return os.path.samestat(probe.stat(), second.stat())
    except OSError:
        return False
    finally:
        for file in (probe, second):
            with suppress(OSError):
                file.unlink(missing_ok=True)


def _is_of(folder: Path, run: Path) -> bool:
    try:
        return (folder / _OWNER).read_text(encoding="utf-8") == str(run)
    except (OSError, UnicodeDecodeError):
        return False


def _unusable(folder: Path, error: OSError) -> StargazerError:
    full = _FULL.get(error.errno or 0)
    return (StargazerError if full else UsageError)(
        f"The work folder {folder} {full or f'cannot be used ({error.strerror or error})'}.",
        "Make room or give rights there, or name another one: --work-dir FOLDER (STARGAZER_WORK).",
    )


def _probe(folder: Path) -> Path:
    return folder / f".stargazer-probe-{os.getpid()}"


def _write(file: Path) -> None:
    with file.open("wb") as stream:
        stream.write(_PROBE)
        stream.flush()
        os.fsync(stream.fileno())

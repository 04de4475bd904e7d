"""The folders in which a client may read and write files, and how that is kept to while they change.

A path is resolved, must lie below a root, and is then opened from the root on, folder by folder, without
following a link. What was opened is what is used: a link that somebody puts in the way afterwards leads
nowhere else.
"""

import os
import resource
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn, Self

from stargazer_cli.catalog import pipeline_dir
from stargazer_cli.errors import StargazerError, UsageError

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings

# What is open, as a path; where the system has no such thing, the path that was opened is used.
_OPEN = Path("/proc/self/fd")
# Their files are the system's, and no data.
_SYSTEM = (Path("/proc"), Path("/sys"), Path("/dev"))
# Read in the current folder, by Stargazer and by Nextflow.
_SETTINGS = ("stargazer.toml", "nextflow.config")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_FILES = 20_000


class Roots:
    """Folders of this machine that clients may use, without what is kept in the `own` ones.

    A relative path is taken from the first folder. Hidden files, and what is in hidden folders, are neither
    read nor written: they are settings and keys, and no data. In folders of `programs` nothing is written.
    """

    def __init__(
        self, folders: Sequence[Path], own: Sequence[Path] = (), programs: Sequence[Path] = ()
    ) -> None:
        self.folders = tuple(dict.fromkeys(_root(folder) for folder in folders))
        self._own = tuple(folder.resolve() for folder in (*own, *_SYSTEM))
        outer = (folder.resolve() for folder in programs)
        # A root in a folder of programs was chosen on purpose.
        self._programs = tuple(
            folder for folder in outer if not any(root.is_relative_to(folder) for root in self.folders)
        )

    @classmethod
    def of(cls, settings: "Settings", chosen: Sequence[Path] = ()) -> Self:
        """Return those that were chosen, else those of the settings; Stargazer's own folders are left out.

        Raises:
            UsageError: one is not there; or none was named, and the current folder is the whole disk.

        """
        if not chosen and "roots" not in settings.model_fields_set and Path().absolute() == Path("/"):
            raise UsageError(
                "No folder is named in which clients may use files, and the current one is the whole disk.",
                "Name one: --root FOLDER, or STARGAZER_ROOTS.",
            )
        own = [folder for folder in (settings.local, settings.tools, settings.work) if folder]
        # What is in them is run: by the user, or by the server itself.
        programs = (settings.notebooks, Path(sys.prefix), pipeline_dir(), Path(__file__).parents[1])
        return cls(chosen or settings.roots, own, programs)

    @contextmanager
    def reading(self, paths: Sequence[Path]) -> Iterator["Reading"]:
        """Give for each file or folder a path, of the same name, at which it can be read within the block.

        A folder is given with what is below it as of now. Errors that leave the block name the paths as the
        client did.

        Raises:
            UsageError: a path is not below a root, or is no file and no folder.

        """
        with TemporaryDirectory(prefix="stargazer-") as scratch, ExitStack() as opened:
            _allow_many_open_files()
            view = _View(Path(scratch).resolve(), opened, self._open, self._own)
            reading = Reading([view.show(path) for path in paths], view.names)
            with _named_as_given(view.names):
                yield reading

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """Give a path at which a file or folder can be written within the block; its folder must be there.

        Raises:
            UsageError: the path is not below a root, or its folder is not there.

        """
        if path.name in ("", "..") or not path.name.isprintable():
            _refuse(path, "it names no file")
        whole = self.absolute(path)
        folder = self._resolved(whole.parent, path)
        if whole.name.startswith("."):
            _refuse(path, "it is hidden")
        if whole.name.casefold() in _SETTINGS:
            _refuse(path, "a file of that name decides how programs work")
        if _is_below(folder, self._programs):
            _refuse(path, "it is among programs")
        with ExitStack() as opened:
            handle = self._descend(folder, _FOLDER, path)
            opened.callback(os.close, handle)
            place = _as_path(handle, folder)
            with _named_as_given({str(place / whole.name): str(path), str(place): str(path.parent)}):
                yield place / whole.name

    def absolute(self, path: Path) -> Path:
        """Return a path as one that does not depend on where somebody is."""
        with suppress(RuntimeError):  # no such user: then it is a name like any other
            path = path.expanduser()
        return self.folders[0] / path

    def has_folder(self, path: Path) -> bool:
        """Whether a path leads to a folder that clients may use."""
        try:
            return self._resolved(path).is_dir()
        except UsageError:
            return False

    def _resolved(self, path: Path, told: Path | None = None) -> Path:
        """Return where a path leads to; refuse what is not for clients."""
        told = told or path
        try:
            real = self.absolute(path).resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a path"
            raise UsageError(f"The path {told} cannot be used: {reason}.") from None
        root = self._root_of(real)
        if root is None:
            _refuse(told, "it is outside of the folders that the server may use")
        if _is_below(real, self._own):
            _refuse(told, "it is in a folder that is not for clients")
        if any(part.startswith(".") for part in real.relative_to(root).parts):
            _refuse(told, "it is hidden, or in a hidden folder")
        return real

    def _root_of(self, real: Path) -> Path | None:
        return next((root for root in self.folders if real.is_relative_to(root)), None)

    def _open(self, path: Path) -> "_Found":
        real = self._resolved(path)
        return _Found(real, self._descend(real, _FILE, path))

    def _descend(self, real: Path, flags: int, told: Path) -> int:
        """Open a resolved path from its root on; no step of it may be a link by now."""
        root = self._root_of(real)
        assert root is not None  # noqa: S101 - it was resolved below one
        parts = real.relative_to(root).parts
        with _told(told):
            handle = os.open(root, _FOLDER)
            for step, part in enumerate(parts, 1):
                outer = handle
                try:
                    handle = os.open(part, flags if step == len(parts) else _FOLDER, dir_fd=outer)
                finally:
                    os.close(outer)
        return handle


class Reading:
    """Files and folders that are open to be read: `paths` in the order in which they were asked for."""

    def __init__(self, paths: list[Path], names: Mapping[str, str]) -> None:
        self.paths = paths
        self._names = names

    def named(self, text: str) -> str:
        """Return a text with these paths as the client named them."""
        return _replaced(text, self._names)


class _View:
    """A folder of our own with a link to each open file, under its name; it is gone when the block ends.

    `find` gives for the path of a link what it leads to, open, where that is for clients. Of the folders
    `own` nothing is shown.
    """

    def __init__(
        self, scratch: Path, opened: ExitStack, find: Callable[[Path], "_Found"], own: Sequence[Path]
    ) -> None:
        self._scratch = scratch
        self._opened = opened
        self._find = find
        self._own = own
        self._count = 0
        self.names: dict[str, str] = {}

    def show(self, path: Path) -> Path:
        """Return a path for a file or folder; a folder is gone through now."""
        found = self._find(path)
        # In a folder of its own, as two files may have one name.
        place = self._scratch / str(len(self.names))
        place.mkdir()
        shown = place / (path.name or "root")
        self._show(shown, found)
        self.names[str(shown)] = str(path)
        return shown

    def _show(self, shown: Path, found: "_Found") -> None:
        self._opened.callback(os.close, found.handle)
        self._count += 1
        if self._count > _MOST_FILES:
            raise UsageError(f"There are more than {_MOST_FILES} files.", "Name fewer of them at once.")
        if found.is_folder:
            if _is_one_of(found.path, self._own):
                _refuse(found.path, "it is in a folder that is not for clients")
            shown.mkdir()
            for name in sorted(os.listdir(found.handle)):  # noqa: PTH208 - it is open
                self._show_entry(shown / name, found)
        else:
            shown.symlink_to(_as_path(found.handle, found.path))

    def _show_entry(self, shown: Path, folder: "_Found") -> None:
        """Show an entry of a folder; of what those who gather files leave out, only a sign."""
        path = folder.path / shown.name
        kind = stat.S_IFMT(os.stat(shown.name, dir_fd=folder.handle, follow_symlinks=False).st_mode)
        if shown.name.startswith("."):
            shown.touch()
        elif kind == stat.S_IFLNK and path.is_dir():
            shown.symlink_to(".")
        elif kind == stat.S_IFLNK:
            self._show(shown, self._find(path))
        elif kind in (stat.S_IFREG, stat.S_IFDIR):
            with _told(path):
                self._show(shown, _Found(path, os.open(shown.name, _FILE, dir_fd=folder.handle)))
        else:
            os.mkfifo(shown)


class _Found:
    """A file or folder that is open; what it is, is looked at once it is. Anything else is refused."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.handle = handle
        mode = os.fstat(handle).st_mode
        self.is_folder = stat.S_ISDIR(mode)
        if not self.is_folder and not stat.S_ISREG(mode):
            os.close(handle)
            _refuse(path, "it is neither a file nor a folder")


def _is_below(real: Path, folders: Sequence[Path]) -> bool:
    """Whether a resolved path is one of the folders or in one, by whatever name.

    On a disk that does not tell upper from lower case, and below a bind mount, a folder has other names.
    """
    return any(_is_one_of(each, folders) for each in (real, *real.parents))


def _is_one_of(path: Path, folders: Sequence[Path]) -> bool:
    identity = _identity(path)
    return any(path == each or (identity is not None and identity == _identity(each)) for each in folders)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file or folder is to the system; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for ours, theirs in names.items():
        text = text.replace(ours, theirs)
    return text


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell a fault of opening a path as one of what the client asked for."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"The path {path} cannot be used: {error.strerror}.") from None


@contextmanager
def _named_as_given(names: Mapping[str, str]) -> Iterator[None]:
    """Let errors name paths as the client did."""
    try:
        yield
    except StargazerError as error:
        hint = error.hint and _replaced(error.hint, names)
        # As it is, of whatever class, with other words.
        StargazerError.__init__(
            error, _replaced(error.message, names), hint, [_replaced(item, names) for item in error.items]
        )
        raise
    except OSError as error:
        said = _replaced(str(error.filename), names)
        if said == str(error.filename):
            raise
        raise UsageError(f"The path {said} cannot be used: {error.strerror}.") from None


def _root(folder: Path) -> Path:
    try:
        real = folder.expanduser().resolve(strict=True)
    except (OSError, RuntimeError):
        real = folder
    if not real.is_dir():
        raise UsageError(
            f"The folder {folder}, in which clients may use files, is not there.",
            "Correct --root or STARGAZER_ROOTS.",
        )
    return real


def _allow_many_open_files() -> None:
    """Let this process keep as many files open as it may: each file of a folder stays open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _as_path(handle: int, real: Path) -> Path:
    return _OPEN / str(handle) if _OPEN.is_dir() else real


def _refuse(path: Path, why: str) -> NoReturn:
    raise UsageError(
        f"The path {path} is not for clients: {why}.",
        "Folders that clients may use are given by --root or STARGAZER_ROOTS.",
    )

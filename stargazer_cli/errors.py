"""The errors that a user sees.

    StargazerError          the work failed                (exit code 1)
    ├── InterruptedRunError a stop signal ended a run      (exit code 1)
    └── UsageError          the request itself is wrong    (exit code 2)

Each carries what is wrong and, where one is known, what to do about it. Names in them stand as their
users wrote them: who shows an error on a terminal escapes it (`stargazer_cli.output`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

# What libraries call themselves, where that is not the name that Python has of them.
_LIBRARIES = {
    "altair": "Altair",
    "anndata": "AnnData",
    "cyclonedx": "cyclonedx-python-lib",
    "fastapi": "FastAPI",
    "fastmcp": "FastMCP",
    "marimo": "Marimo",
    "starlette": "FastAPI",
}


class StargazerError(Exception):
    """The work could not be done: `message` says what is wrong, `hint` what to do.

    `items` are what the message announces, such as the assets that it may mean; each is shown on a line of
    its own.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str | None = None, items: Iterable[str] = ()) -> None:
        self.message = message
        self.hint = hint
        self.items = tuple(items)
        super().__init__("\n  ".join([message, *self.items]))
        # Below a traceback, in a script or a notebook.
        self.__notes__ = [f"Hint: {hint}"] if hint else []

    def lines(self) -> list[str]:
        """Return what a person is told, line by line: what is wrong, its items, what to do."""
        hint = [f"Hint:  {self.hint}"] if self.hint else []
        return [self.message, *(f"  {item}" for item in self.items), *hint]

    def to_dict(self) -> dict[str, Any]:
        """Return it in a form that JSON can hold."""
        return {"message": self.message, "items": list(self.items), "hint": self.hint}


class UsageError(StargazerError):
    """The request is wrong: nothing was started."""

    exit_code: ClassVar[int] = 2


class InterruptedRunError(StargazerError):
    """Ctrl-C or a stop signal ended a run: whoever sent it wants this process to end, too."""


def fault(error: OSError) -> StargazerError:
    """Tell a fault of the system that nothing else has told."""
    if error.filename:
        return StargazerError(f"{error.strerror}: {error.filename}")
    try:
        Path.cwd()
    except FileNotFoundError:
        return StargazerError("The current folder does not exist any more.", "Go to another one: cd ~")
    return StargazerError(error.strerror or str(error))


def missing(what: str, module: str, extra: str) -> StargazerError:
    """Return the error of a library that is not installed, which `what` needs and an extra brings."""
    return StargazerError(
        f"{what} needs {_LIBRARIES.get(module, module)}, which is not installed.",
        f"Install it with: pip install 'stargazer[{extra}]'",
    )


@contextmanager
def needing(what: str, module: str, extra: str) -> Iterator[None]:
    """Tell a failure to import a library, or one that it needs, as that of an extra."""
    try:
        yield
    except ImportError as error:
        name = (error.name or module).partition(".")[0]
        if name == __name__.partition(".")[0]:  # a fault of ours
            raise
        raise missing(what, name, extra) from None

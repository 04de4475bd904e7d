"""The errors that a user sees.

    StargazerError          the work failed                (exit code 1)
    ├── InterruptedRunError a stop signal ended a run      (exit code 1)
    └── UsageError          the request itself is wrong    (exit code 2)

Each carries what is wrong and, where one is known, what to do about it. Names in them stand as their
users wrote them: who shows an error on a terminal escapes it (`stargazer_cli.commands.main`).
"""

from collections.abc import Iterable
from typing import ClassVar


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
        if hint:
            self.add_note(f"Hint: {hint}")  # below a traceback, in a script or a notebook


class UsageError(StargazerError):
    """The request is wrong: nothing was started."""

    exit_code: ClassVar[int] = 2


class InterruptedRunError(StargazerError):
    """Ctrl-C or a stop signal ended a run: whoever sent it wants this process to end, too."""

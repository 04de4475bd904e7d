"""The errors that a user sees.

    StargazerError      the work failed                (exit code 1)
    └── UsageError      the request itself is wrong    (exit code 2)

Each carries what is wrong and, where one is known, what to do about it.
"""

from typing import ClassVar


class StargazerError(Exception):
    """The work could not be done: `message` says what is wrong, `hint` what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(StargazerError):
    """The request is wrong: nothing was started."""

    exit_code: ClassVar[int] = 2

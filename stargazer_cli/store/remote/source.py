"""Where bytes come from."""

from typing import Protocol

from stargazer_cli.store.remote.http import Request


class Source(Protocol):
    """Where the bytes of a CID can be asked for.

    name    for messages; it never holds a secret
    car     may be asked for the blocks of the file (`?format=car`), each of which can be checked
    """

    @property
    def name(self) -> str:
        """Return what messages call it."""

    @property
    def car(self) -> bool:
        """Tell whether it may be asked for blocks."""

    def request(self) -> Request:
        """Return what to ask for; called anew for each attempt, so that an address can be signed again."""

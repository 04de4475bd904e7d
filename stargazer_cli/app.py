"""What every command needs, built when it is first asked for."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store import LocalStore


@dataclass
class App:
    """The object that click passes to each command."""

    debug: bool = False

    @cached_property
    def settings(self) -> "Settings":
        """The settings, read from the environment at first use."""
        from stargazer_cli.settings import read_settings

        return read_settings()

    @cached_property
    def store(self) -> "LocalStore":
        """The asset store."""
        from stargazer_cli.store import LocalStore

        return LocalStore(self.settings)

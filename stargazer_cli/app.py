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
        from pydantic import ValidationError

        from stargazer_cli.errors import UsageError
        from stargazer_cli.settings import Settings

        try:
            return Settings()
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise UsageError(
                f"The setting {name} is not usable: {first['msg'].removeprefix('Value error, ')}.",
                "Correct it in the environment or in stargazer.toml; `stargazer config` lists the settings.",
            ) from None

    @cached_property
    def store(self) -> "LocalStore":
        """The asset store."""
        from stargazer_cli.store import LocalStore

        return LocalStore(self.settings)

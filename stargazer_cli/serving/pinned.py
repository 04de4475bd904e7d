"""The store that a server has for as long as it runs."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings


def pin_store(settings: "Settings") -> None:
    """Let this process and its runs keep to the store of these settings.

    The Python API and the process of a run read the settings anew, and the files that they come from may have
    changed: then a run would go into another store than the one that is shown.
    """
    os.environ["STARGAZER_LOCAL"] = str(settings.local)
    os.environ["STARGAZER_DB"] = settings.db.get_secret_value() if settings.db else ""

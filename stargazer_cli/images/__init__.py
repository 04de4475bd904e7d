"""The images that tasks run in: building them, and finding them again."""

from stargazer_cli.images.engines import (
    Built,
    check,
    file_of,
    hint_of,
    inspect,
    library,
    recorded,
)
from stargazer_cli.tools.spec import ENGINES, FILE_ENGINES

__all__ = [
    "ENGINES",
    "FILE_ENGINES",
    "Built",
    "check",
    "file_of",
    "hint_of",
    "inspect",
    "library",
    "recorded",
]

"""The images that tasks run in: building them, and finding them again."""

from stargazer_cli.images.engines import (
    ENGINES,
    FILE_ENGINES,
    Built,
    check,
    file_of,
    hint_of,
    inspect,
    library,
)

__all__ = ["ENGINES", "FILE_ENGINES", "Built", "check", "file_of", "hint_of", "inspect", "library"]

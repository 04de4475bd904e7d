"""Names that become file names, read groups and shell words."""

import re

from stargazer_cli.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(what: str, value: str) -> str:
    """Return `value` when it is safe as a file name, a read-group field and a VCF column; else refuse it.

    `what` says what is named ("sample id", "cohort id"). The pipeline applies the same rule to its
    samplesheet.
    """
    if not _NAME.fullmatch(value):
        shown = value if len(value) <= 40 else f"{value[:40]}… ({len(value)} characters)"
        raise UsageError(
            f"The {what} {shown!r} is not usable as a name.",
            "Use letters, digits, '.', '_' and '-', begin with a letter or digit, at most 100 characters.",
        )
    return value

"""Where the pipeline is, and how its configuration lets it run."""

import os
import re
from functools import cache
from pathlib import Path

from stargazer_cli.errors import StargazerError, UsageError

_PROFILES = re.compile(r"^profiles \{$(?P<body>.*?)^\}$", re.M | re.S)
_PROFILE = re.compile(r"^    (?P<name>\w+) \{", re.M)


def pipeline_dir() -> Path:
    """Return the folder that holds `main.nf`: inside an installed wheel, or the checkout.

    `STARGAZER_PIPELINE` names a copy of it, where tasks see another file system than the command does. It
    is no setting: a folder with data must not choose what runs.
    """
    if copy := os.environ.get("STARGAZER_PIPELINE"):
        return Path(copy)
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "pipeline", package.parent):
        if (folder / "main.nf").is_file():
            return folder
    raise StargazerError(
        f"The pipeline files are missing beside {package}.",
        "Install Stargazer again: the wheel carries them.",
    )


@cache
def profiles() -> tuple[str, ...]:
    """Every profile that the pipeline's configuration defines, in its order."""
    match = _PROFILES.search((pipeline_dir() / "nextflow.config").read_text(encoding="utf-8"))
    return tuple(_PROFILE.findall(match["body"])) if match else ()


def check_profile(profile: str) -> None:
    """Refuse a profile that neither the pipeline nor the user's own configuration of Nextflow defines."""
    own = Path(os.environ.get("NXF_HOME") or "~/.nextflow").expanduser() / "config"
    theirs = own.read_text(encoding="utf-8", errors="replace") if own.is_file() else ""
    for name in profile.split(","):
        if name not in profiles() and not re.search(rf"^\s*{re.escape(name)}\s*\{{", theirs, re.M):
            raise UsageError(
                f"There is no profile {name!r}.",
                f"The profiles are: {', '.join(profiles())}; several are joined like slurm,apptainer.",
            )

"""Options that a scheduler understands, and which profiles have one."""

from collections.abc import Mapping
from typing import Any

from stargazer_cli import catalog
from stargazer_cli.errors import UsageError

# As the pipeline calls them.
OPTIONS = ("partition", "account", "cluster_options", "scratch", "job_array", "queue_size")
_PROFILE = "slurm"


def check(profile: str, options: Mapping[str, Any]) -> None:
    """Refuse options of a cluster where the profile runs all on this machine: they would do nothing.

    A profile of the user's own may be that of a cluster.
    """
    names = profile.split(",")
    given = [name for name in OPTIONS if options.get(name)]
    if not given or _PROFILE in names or not set(names) <= set(catalog.profiles()):
        return
    joined = ",".join([_PROFILE, *(name for name in names if name != "local")])
    raise UsageError(
        f"--{given[0].replace('_', '-')} is for a cluster, and the profile {profile} has none.",
        f"Run on one with: --profile {joined}",
    )

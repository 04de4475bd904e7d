"""What a client may say of a run: its parameters, but not where files of this machine are.

The command line is its user's own, and reads any file that they name. A client's words may be those of a
model that read them somewhere, or of a page.
"""

from collections.abc import Collection, Mapping
from inspect import Parameter, signature
from typing import Any

from stargazer_cli import api
from stargazer_cli.errors import UsageError
from stargazer_cli.store.cid import is_cid

# What the Python API takes beside the arguments: for some of it clients have parameters, and the rest (where
# work goes, whether it stays) is not for them.
_BESIDE = frozenset(
    name for name, each in signature(api.start).parameters.items() if each.kind is Parameter.KEYWORD_ONLY
)
# Words that reach the scheduler's command line, and folders of its nodes: for who set it up to say.
_OWN = ("cluster_options", "scratch")


def checked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a run as far as they are given.

    Raises:
        UsageError: one is not for a client to say.

    """
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in given:
        if name in _BESIDE:
            raise UsageError(
                f"{name} is not an argument of what is run.",
                "What a request has beside its arguments is not given among them.",
            )
        if name in _OWN:
            raise UsageError(
                f"{name} is not for a client to say.",
                "The user may run it with it: stargazer run --help",
            )
    return given


def paths_among(arguments: Mapping[str, Any], files: Collection[str]) -> dict[str, str]:
    """Return those arguments among the `files` that name theirs otherwise than by a CID."""
    given = {name: arguments[name] for name in files if isinstance(arguments.get(name), str)}
    return {name: value for name, value in given.items() if value and not is_cid(value)}

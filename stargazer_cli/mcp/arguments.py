"""What a client may say of a run: its parameters, but not where files of this machine are.

The command line is its user's own, and reads any file that they name. A client's words may be those of a
model that read them somewhere, so that files are taken by their CID alone.
"""

from collections.abc import Collection, Mapping
from inspect import Parameter, signature
from typing import Any

from stargazer_cli import api
from stargazer_cli.errors import UsageError
from stargazer_cli.mcp.models import Scalar
from stargazer_cli.store.cid import is_cid

Arguments = Mapping[str, Scalar | list[Scalar] | None]
# What the Python API takes beside the arguments: for some of it the tools have parameters, and the rest
# (where work goes, whether it stays) is not for clients.
_BESIDE = frozenset(
    name for name, each in signature(api.start).parameters.items() if each.kind is Parameter.KEYWORD_ONLY
)
# Words that reach the scheduler's command line, and folders of its nodes: for who set it up to say.
_OWN = ("cluster_options", "scratch")


def checked(arguments: Arguments, files: Collection[str] = ()) -> dict[str, Any]:
    """Return the arguments of a run as far as they are given; those in `files` name a file.

    Raises:
        UsageError: one is not for a client to say, or names a file by its path.

    """
    given = {name: value for name, value in arguments.items() if value is not None}
    for name, value in given.items():
        if name in _BESIDE:
            raise UsageError(
                f"{name} is not an argument of what is run.",
                "The tool's own parameters are given beside the others, and not among them.",
            )
        if name in _OWN:
            raise UsageError(
                f"{name} is not for a client to say.",
                "The user may run it with it: stargazer run --help",
            )
        if name in files and not is_cid(str(value)):
            raise UsageError(
                f"{name} takes the CID of a file of the store here, and {str(value)[:60]!r} is none.",
                "Add the file with upload_file first, and give the CID that it answers.",
            )
    return given

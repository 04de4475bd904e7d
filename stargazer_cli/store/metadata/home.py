"""Where the records of a store's folder live, as a small file in the folder says.

    records.json    {"records": "postgresql://stargazer@db.example.org/lab", "server": "7366…/16384/public"}
    records.json    {"records": "stargazer_local.json", "server": ""}

Every process that opens the folder finds by it whether its own settings look for the records where they are:
in another place all files would seem to belong to nothing. A folder whose records were never on a server has
no such file. It holds no password.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from stargazer_cli.errors import StargazerError
from stargazer_cli.store.files import replace_file

NAME = "records.json"


@dataclass(frozen=True)
class Home:
    """A place of records.

    records   what to call it: the name of the file, or the address of the server without its password
    server    what the server says of itself, the same by whatever address it is reached; empty for the file
    """

    records: str
    server: str = ""


class Marker:
    """What the folder `root` says of where its records live."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / NAME

    def home(self) -> Home | None:
        """Return where the records live; None in a folder that says nothing of it."""
        try:
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            return Home(**{key: str(value) for key, value in orjson.loads(content).items()})
        except (ValueError, TypeError, AttributeError):
            raise StargazerError(
                f"{self.path}, which says where the store's records live, cannot be read.",
                "Put it back from a backup. Or remove it, when it is sure that STARGAZER_DB names the server "
                "that holds them, or is not set where the file in the folder does.",
            ) from None

    def set(self, home: Home) -> None:
        """Say where the records live from now on."""
        if self.home() != home:
            self.root.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, orjson.dumps(asdict(home), option=orjson.OPT_APPEND_NEWLINE))

    def check(self, found: Callable[[], Home]) -> bool:
        """Return whether the folder says where its records live.

        Raises StargazerError where that is another place than the one that `found` gives.
        """
        home = self.home()
        if home is None:
            return False
        here = found()
        if home.server != here.server:
            raise self.elsewhere(home, here)
        return True

    def elsewhere(self, home: Home, here: Home) -> StargazerError:
        """Return the error that the records live at `home`, and were looked for `here`."""
        if not here.server:
            return StargazerError(
                f"The records of the store {self.root} are in {home.records}, and STARGAZER_DB is not set.",
                "Set STARGAZER_DB to the address of that server. "
                "To bring the records here instead: STARGAZER_DB=… stargazer assets migrate --to json",
            )
        if not home.server:
            return StargazerError(
                f"The records of the store {self.root} are in its file {home.records}, "
                f"and STARGAZER_DB names {here.records}.",
                "Unset STARGAZER_DB, or bring the records there: stargazer assets migrate --to postgresql",
            )
        return StargazerError(
            f"The records of the store {self.root} are in {home.records}, "
            f"and STARGAZER_DB names {here.records}.",
            f"Set STARGAZER_DB to the first. If the database itself was moved there: put {self.path} aside, "
            "and the old metadata file, if it is still there.",
        )

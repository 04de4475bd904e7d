"""The address of a PostgreSQL database, and what its faults mean.

Each fault becomes one clear error that names the database and never its password. `libpq`, below psycopg,
reads the address, so everything that it knows works in it: `?sslmode=…`, several hosts, a password in
`~/.pgpass`. What the codes mean: PostgreSQL's documentation, appendix A, "PostgreSQL Error Codes".
"""

import getpass
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from stargazer_cli.errors import StargazerError, UsageError, needing

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://")
FORM = "postgresql://user:password@host:5432/database"

# What an address may overrule.
_DEFAULTS = {
    "application_name": "stargazer",
    "connect_timeout": "10",
    # A machine that lost its power says nothing: after about a minute the other end counts as gone.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

# Before there is a connection libpq gives words and no code: what they hold, and what that means.
_NO_CONNECTION = (
    (
        r"password authentication failed|no password supplied",
        "{database} does not take the password of the user {user}.",
        "Correct it in STARGAZER_DB, PGPASSWORD or ~/.pgpass.",
    ),
    (
        r'role ".*" does not exist',
        "{database} knows no user {user}.",
        "An administrator makes it: createuser --pwprompt {user}",
    ),
    (
        r'database ".*" does not exist',
        "The server has no database {name}: {database}.",
        "An administrator makes it: createdb --encoding UTF8 --owner {user} {name}",
    ),
    (
        "",
        "The database {database} cannot be reached: {said}.",
        f"Start the server, or correct STARGAZER_DB ({FORM}).",
    ),
)

_FAULTS = {
    "23505": ("{database} holds a record with this CID and these keyvalues already.", None),
    "25006": (
        "The database {database} is for reading only.",
        "Connect to the primary server; with several hosts: ?target_session_attrs=read-write",
    ),
    "3F000": (
        "The database {database} has no schema in which to make tables: {said}.",
        "An administrator makes one: CREATE SCHEMA AUTHORIZATION {user}",
    ),
    "42501": (
        "The user {user} has not the right to do this in {database}: {said}.",
        "An administrator gives it: GRANT ALL ON SCHEMA public TO {user}; and, where another user made the"
        " tables: GRANT ALL ON stargazer_schema, stargazer_records TO {user}",
    ),
    "53100": ("The disk of the server is full ({database}): nothing was written.", "Make room there."),
    "55P03": (
        "Another process, here or on another machine, holds the store in {database} and does not let go.",
        "End it, or wait for it, and try again.",
    ),
}
# PostgreSQL's JSON takes every character but NUL.
_FAULTS["22P05"] = ("A record has text that {database} cannot hold: {said}.", "Leave the NUL character out.")


class Address:
    """Where a database is; as text, without the password."""

    def __init__(self, url: str) -> None:
        self.parameters = _parse(url)
        self.user = str(self.parameters.get("user") or os.environ.get("PGUSER") or getpass.getuser())
        self.name = str(self.parameters.get("dbname") or os.environ.get("PGDATABASE") or self.user)

    def __str__(self) -> str:
        """Return the address without the password."""
        host, port = str(self.parameters.get("host", "")), str(self.parameters.get("port", ""))
        user = f"{self.user}@" if "user" in self.parameters else ""
        if host.startswith("/"):  # the folder of a socket
            return f"postgresql://{user}/{self.name}?host={host}" + (f"&port={port}" if port else "")
        return f"postgresql://{user}{host}" + (f":{port}" if port else "") + f"/{self.name}"

    def __repr__(self) -> str:
        """Return the address without the password."""
        return f"Address({str(self)!r})"

    def unreachable(self, error: "psycopg.OperationalError") -> StargazerError:
        """Return why no connection came about."""
        message, hint = next(
            (message, hint) for sign, message, hint in _NO_CONNECTION if re.search(sign, str(error))
        )
        return self._error(message, hint, error)

    def fault(self, error: "psycopg.Error") -> StargazerError:
        """Return what a fault during the work means."""
        import psycopg

        code = error.sqlstate or ""
        if code in _FAULTS:
            return self._error(*_FAULTS[code], error)
        # Class 08 is of connections; 57P of a server that an administrator, or a crash, ended.
        if (isinstance(error, psycopg.OperationalError) and not code) or code.startswith(("08", "57P")):
            return self._error(
                "The connection to {database} was lost: {said}.",
                "Nothing of a change that was under way was written. Try again when the server is up.",
                error,
            )
        return self._error("The database {database} refused: {said}.", None, error)

    def _error(self, message: str, hint: str | None, error: "psycopg.Error") -> StargazerError:
        words = {"database": self, "user": self.user, "name": self.name, "said": _reason(error)}
        return StargazerError(message.format(**words), hint and hint.format(**words))


def _parse(url: str) -> dict[str, Any]:
    """Return the parameters of an address; what is wrong with it is said without repeating any of it."""
    with needing("A store on PostgreSQL", "psycopg", "postgres"):
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    named: dict[str, Any] = {}
    if url.startswith(SCHEMES):
        with suppress(psycopg.ProgrammingError):
            named = dict(conninfo_to_dict(url))
    # A / or @ in a password ends it too early: the rest of it would be shown as host or port.
    broken = any("@" in str(named.get(part, "")) for part in ("host", "port", "dbname"))
    ports = str(named.get("port", "")).replace(",", "")
    if not named or broken or not (ports.isdigit() or ports == ""):
        raise UsageError(
            f"STARGAZER_DB is not the address of a database: {FORM} is its form.",
            "Write signs such as / @ : # % in a password as %2F %40 %3A %23 %25.",
        )
    return _DEFAULTS | named


def _reason(error: "psycopg.Error") -> str:
    """Return the reason among what libpq or the server says."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = lines[0].rpartition(" failed: ")[2]
    return reason.removeprefix("FATAL:").strip().rstrip(".")

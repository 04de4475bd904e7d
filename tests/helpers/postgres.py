"""A real PostgreSQL server in a temporary folder, from the system's packages.

By hand, with a command that finds it in STARGAZER_DB:

    python tests/helpers/postgres.py stargazer assets query
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

# What the packages of Debian, Red Hat and Homebrew call the folder of one version's programs.
_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
ADMIN = "postgres"
PASSWORD = "s3cr3t:/p@ss#?%"  # every sign that means something in a URL
_OPTIONS = {"max_connections": "60", "log_min_messages": "fatal"}
# A test's data need not outlive a power cut.
_QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


def programs() -> Path | None:
    """Return the folder of `postgres` and `initdb`, of the newest version, or None where there is none."""
    here = shutil.which("postgres")
    found = [Path(here).resolve().parent] if here else []
    for pattern in _FOLDERS:
        found += sorted(Path("/").glob(pattern[1:]), key=_version, reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists()), None)


class Server:
    """A server of our own, on a socket in its folder and on a port of the loopback interface."""

    def __init__(self, folder: Path, programs: Path, *, quick: bool = True) -> None:
        self._folder = folder
        self._programs = programs
        # The server refuses to run as root: there its files belong to the user that the package made.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.port = _free_port()
        self._options = _OPTIONS | (_QUICK if quick else {})
        self._options |= {"listen_addresses": "127.0.0.1", "port": str(self.port)}
        folder.mkdir(mode=0o755, exist_ok=True)
        if self._user:
            shutil.chown(folder, self._user, self._user)
        passwords = folder / "password"
        passwords.write_text(PASSWORD)
        passwords.chmod(0o644)
        self._run(
            "initdb",
            *("--pgdata", folder / "data", "--username", ADMIN, "--pwfile", passwords),
            *("--auth-local", "trust", "--auth-host", "scram-sha-256"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [self._programs / "postgres", "-D", self._folder / "data", "-k", self._folder]
        for name, value in self._options.items():
            command += ["-c", f"{name}={value}"]
        log = self._folder / "log"
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                user=self._user,
                group=self._user,
                # Ctrl-C in a terminal is for the tests, which then stop the server.
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self, *, crash: bool = False) -> None:
        """Stop the server as an administrator does, or as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def database(self, *, encoding: str = "UTF8") -> str:
        """Make an empty database; gives its name."""
        self._databases += 1
        name = f"db{self._databases}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'")
        return name

    def listen(self, address: str) -> None:
        """Let others in at another address of this machine, on the next start."""
        self._options["listen_addresses"] = f"127.0.0.1,{address}"
        with (self._folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet scram-sha-256\n")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one SQL statement as the administrator; gives its rows, if it has any."""
        with closing(psycopg.connect(self.url(database), autocommit=True)) as connection:
            cursor = connection.execute(sql.SQL(statement))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def url(self, database: str, *, user: str = ADMIN, password: str = PASSWORD) -> str:
        """Return the address of a database over TCP, password and all."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """Return the address of a database over the socket, where no password is asked for."""
        return f"postgresql://{ADMIN}@/{database}?host={quote(str(self._folder), safe='')}&port={self.port}"

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            check=False,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            user=self._user,
            group=self._user,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def serve(programs: Path, *, quick: bool = True) -> Iterator[Server]:
    """Give a running server that ends, with its data, when the block does.

    Unless `quick`, it writes as safely as one that keeps a team's data: what a measurement needs.
    """
    # Not pytest's folder: a socket's path has at most 107 characters, and others must be let in.
    folder = Path(tempfile.mkdtemp(prefix="stargazer-pg-"))
    server = None
    try:
        folder.chmod(0o755)
        server = Server(folder, programs, quick=quick)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop(crash=True)  # at once: its data goes too
        shutil.rmtree(folder)


def _version(folder: Path) -> list[int]:
    digits = "".join(letter if letter.isdigit() else " " for letter in str(folder))
    return [int(number) for number in digits.split()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _main() -> int:
    found = programs()
    if found is None:
        sys.exit("There is no PostgreSQL server on this machine: install the package postgresql.")
    with serve(found, quick=False) as server:
        url = server.url(server.database())
        return subprocess.run(sys.argv[1:], check=False, env=os.environ | {"STARGAZER_DB": url}).returncode


if __name__ == "__main__":
    sys.exit(_main())

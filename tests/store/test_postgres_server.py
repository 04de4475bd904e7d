"""A real server: its faults, its locks, processes that die, and a restart in the middle."""

import ctypes
import os
import re
import select
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from helpers.postgres import PASSWORD, Server
from helpers.processes import fork
from tinydb import where

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store.metadata import open_metadata
from stargazer_cli.store.metadata import server as server_module
from stargazer_cli.store.metadata.postgres import PostgresMetadata

# What parts of passwords look like in these tests.
SECRETS = (PASSWORD, "s3cr3t", "p@ss", "word!")


@pytest.fixture
def metadata(database: str) -> PostgresMetadata:
    return PostgresMetadata(database)


def record(cid: str, **keyvalues: str) -> dict[str, Any]:
    return {"id": cid, "cid": cid, "keyvalues": keyvalues}


def insert(metadata: PostgresMetadata, *cids: str) -> None:
    with metadata.transaction() as table:
        table.insert_multiple(record(cid) for cid in cids)


def cids(metadata: PostgresMetadata) -> list[str]:
    return [found["cid"] for found in metadata.read()]


def wait_until_waiting(server: Server, database: str, count: int = 1) -> None:
    """Return when so many connections to a database wait for the store's lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        f"WHERE datname = '{database.rpartition('/')[2]}' AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 60
    while server.execute(waiting) != [(count,)]:
        assert time.monotonic() < deadline, "nobody waits for the lock"
        time.sleep(0.02)


@contextmanager
def told(message: str, hint: str = "") -> Iterator[None]:
    """One line that says what is wrong, and never the password."""
    with pytest.raises(StargazerError, match=message) as caught:
        yield
    assert "\n" not in caught.value.message
    assert hint in (caught.value.hint or "")
    shown = [caught.value.hint or ""]
    error: BaseException | None = caught.value
    while error is not None:  # what --debug prints
        shown += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    assert not any(secret in text for secret in SECRETS for text in shown)


def test_the_setting_decides_where_the_records_are(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARGAZER_DB", database)
    assert isinstance(open_metadata(Settings()), PostgresMetadata)
    monkeypatch.setenv("STARGAZER_DB", "")
    assert not isinstance(open_metadata(Settings()), PostgresMetadata)


def test_a_server_that_cannot_be_reached(postgres_server: Server) -> None:
    with told(r"postgres@127.0.0.1:1/x cannot be reached: Connection refused\.", "Start the server"):
        len(PostgresMetadata("postgresql://postgres:s3cr3t@127.0.0.1:1/x").read())
    with told(r"/x\?host=/nowhere cannot be reached: No such file or directory"):
        len(PostgresMetadata("postgresql:///x?host=/nowhere").read())
    with told("cannot be reached: .*name resolution|cannot be reached: .*resolve|not known"):
        len(PostgresMetadata("postgresql://u:s3cr3t@no-such-host.invalid/x").read())


def test_a_wrong_password_user_or_database(postgres_server: Server, database: str) -> None:
    with told("does not take the password of the user postgres", "~/.pgpass"):
        len(PostgresMetadata(postgres_server.url("postgres", password="wrong s3cr3t")).read())
    with told("does not take the password of the user postgres"):
        len(PostgresMetadata(f"postgresql://postgres@127.0.0.1:{postgres_server.port}/postgres").read())
    with told("The server has no database nothing: postgresql://postgres@127", "createdb --encoding UTF8"):
        len(PostgresMetadata(postgres_server.url("nothing")).read())
    with told("knows no user nobody", "createuser --pwprompt nobody"):
        socket = postgres_server.socket_url("postgres").replace("postgres@", "nobody@")
        len(PostgresMetadata(socket).read())


def test_a_user_without_the_right_to_make_tables_or_to_write(postgres_server: Server) -> None:
    name = postgres_server.database()
    for statement in (
        "DROP ROLE IF EXISTS guest",
        f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO guest",
    ):
        postgres_server.execute(statement, name)
    guest = PostgresMetadata(postgres_server.url(name, user="guest"))
    with told("The user guest has not the right .*: permission denied for schema public", "TO guest"):
        len(guest.read())
    insert(PostgresMetadata(postgres_server.url(name)), "c")
    with told("permission denied for table stargazer_schema", "GRANT ALL ON stargazer_schema"):
        len(guest.read())
    # Reading needs no more than the right to read.
    postgres_server.execute("GRANT SELECT ON stargazer_schema, stargazer_records TO guest", name)
    assert cids(guest) == ["c"]
    with told("permission denied for table stargazer_records"):
        insert(guest, "d")
    postgres_server.execute("REVOKE USAGE ON SCHEMA public FROM guest", name)
    with told("has no schema in which to make tables", "CREATE SCHEMA AUTHORIZATION guest"):
        len(PostgresMetadata(postgres_server.url(name, user="guest")).read())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:pass/word!@host/db",
        "postgresql://me:pass@word!@host/db",
        "postgresql://me:pass%word!@host/db",
        "postgresql://me:password!@host:word!/db",
        "postgresql://me:password!@host/db?bogus=word!",
        "host=host password=password!",
    ],
)
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with told("is not the address of a database", "%2F"):
        PostgresMetadata(url)


def test_an_address_is_shown_without_its_password(postgres_server: Server, database: str) -> None:
    name = database.rpartition("/")[2]
    metadata = PostgresMetadata(database)
    assert str(metadata) == f"postgresql://postgres@127.0.0.1:{postgres_server.port}/{name}"
    shown = repr([metadata, metadata._server, metadata._server.address, metadata.read(), vars(metadata)])
    assert PASSWORD not in shown
    assert "s3cr3t" not in shown
    assert str(PostgresMetadata("postgres://h1:1,h2:2/db?password=word!")) == "postgresql://h1,h2:1,2/db"
    assert str(PostgresMetadata("postgresql:///db?host=/run/pg")) == "postgresql:///db?host=/run/pg"
    # Over a socket the server knows who asks.
    assert len(PostgresMetadata(postgres_server.socket_url(name)).read()) == 0


def test_a_setting_that_is_no_address_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    from stargazer_cli.app import App

    monkeypatch.setenv("STARGAZER_DB", "mysql://me:word!@host/db")
    with pytest.raises(UsageError, match="STARGAZER_DB is not usable") as caught:
        _ = App().settings
    assert "word!" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ValueError, match="STARGAZER_DB") as raw:
        Settings()
    assert "word!" not in str(raw.value)


def test_a_database_that_holds_no_utf8_is_refused(postgres_server: Server) -> None:
    with told("does not hold text in UTF-8", "createdb --encoding UTF8"):
        len(PostgresMetadata(postgres_server.url(postgres_server.database(encoding="SQL_ASCII"))).read())


def test_a_database_for_reading_only(postgres_server: Server, database: str) -> None:
    insert(PostgresMetadata(database), "c")
    name = database.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    metadata = PostgresMetadata(database)
    assert cids(metadata) == ["c"]
    with told("is for reading only", "target_session_attrs"):
        insert(metadata, "d")


def test_records_of_a_newer_version_are_left_alone(metadata: PostgresMetadata, database: str) -> None:
    insert(metadata, "c")
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE stargazer_schema SET version = version + 1")
    with told("made by a newer Stargazer", "up to date"):
        len(PostgresMetadata(database).read())


def test_records_of_an_older_version_are_brought_up_to_date(
    metadata: PostgresMetadata, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(metadata, "c")
    more = (*server_module._SCHEMA, "ALTER TABLE stargazer_records ADD COLUMN more text DEFAULT 'more'")
    monkeypatch.setattr(server_module, "_SCHEMA", more)
    for _ in range(2):  # each step is taken once
        assert cids(PostgresMetadata(database)) == ["c"]
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT more FROM stargazer_records").fetchall() == [("more",)]


def test_a_step_that_fails_leaves_the_tables_as_they_were(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(server_module, "_SCHEMA", (*server_module._SCHEMA, "CREATE TABLE oops (oops oops)"))
        with told("refused: type .*oops.* does not exist"):
            len(PostgresMetadata(database).read())
    assert len(PostgresMetadata(database).read()) == 0


def test_a_failed_transaction_leaves_nothing(metadata: PostgresMetadata) -> None:
    insert(metadata, "a")
    with pytest.raises(KeyError), metadata.transaction() as table:
        table.insert(record("b"))
        table.remove(where("cid") == "a")
        raise KeyError
    assert cids(metadata) == ["a"]
    # What the server refused stays refused, though the caller went on.
    with told("refused a part of the change: nothing of it was written"), metadata.transaction() as table:
        table.insert(record("c"))
        with pytest.raises(StargazerError, match="already"):
            table.insert(record("a"))
    assert cids(metadata) == ["a"]
    insert(metadata, "d")
    assert cids(metadata) == ["a", "d"]


def test_readers_see_what_is_committed_and_wait_for_nobody(metadata: PostgresMetadata) -> None:
    insert(metadata, "a")
    reader = metadata.read()
    with metadata.transaction() as table:
        table.insert(record("b"))
        assert len(table) == 2
        assert len(reader) == len(metadata.read()) == 1
    assert len(reader) == 2


def test_one_transaction_at_a_time(
    metadata: PostgresMetadata, database: str, postgres_server: Server
) -> None:
    insert(metadata, "0")
    # Whoever finds the same table, by whatever search path, waits for the same lock.
    postgres_server.execute("CREATE SCHEMA other", database.rpartition("/")[2])
    others = [
        PostgresMetadata(database),
        PostgresMetadata(database + "?options=-csearch_path%3Dother,public"),
    ]
    done: list[str] = []

    def add(other: PostgresMetadata, name: str) -> None:
        with other.transaction() as table:
            # What was committed while we waited is seen.
            done.append(",".join(found["cid"] for found in table))
            table.insert(record(name))

    with metadata.transaction() as table:
        waiting = [threading.Thread(target=add, args=(other, f"{n}")) for n, other in enumerate(others, 2)]
        for thread in waiting:
            thread.start()
        wait_until_waiting(postgres_server, database, len(others))
        assert done == []
        table.insert(record("1"))
    for thread in waiting:
        thread.join()
    assert sorted(done, key=len)[0] == "0,1"
    assert len(sorted(done, key=len)[1]) == len("0,1,2")
    with metadata.locked():
        blocked = threading.Thread(target=add, args=(others[0], "4"))
        blocked.start()
        wait_until_waiting(postgres_server, database)
        assert len(done) == 2
    blocked.join()
    assert len(done) == 3


def test_a_lock_that_is_never_given_back_is_told(
    metadata: PostgresMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(metadata, "0")
    monkeypatch.setattr(server_module, "_BEGIN", server_module._BEGIN.replace("'120s'", "'150ms'"))
    with metadata.transaction() as table:
        with told("holds the store in .* and does not let go", "End it"):
            insert(metadata, "1")
        table.insert(record("2"))
    assert cids(metadata) == ["0", "2"]


def test_many_processes_begin_on_an_empty_database(database: str) -> None:
    def work(number: int) -> None:
        insert(PostgresMetadata(database), f"{number}")

    children = [fork(lambda number=number: work(number)) for number in range(8)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert sorted(cids(PostgresMetadata(database))) == [f"{number}" for number in range(8)]


def test_a_child_never_uses_its_parents_connections(metadata: PostgresMetadata) -> None:
    insert(metadata, "parent")  # leaves a connection that waits

    def work(number: int) -> None:
        for n in range(20):
            insert(metadata, f"{number} {n}")
            assert f"{number} {n}" in cids(metadata)

    children = [fork(lambda number=number: work(number)) for number in range(3)]
    for n in range(20):
        insert(metadata, f"parent {n}")
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 3
    assert len(set(cids(metadata))) == 81


def test_threads_share_the_records(
    metadata: PostgresMetadata, postgres_server: Server, database: str
) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(15):
                insert(metadata, f"{number} {n}")
                assert metadata.read().count(where("cid") == f"{number} {n}") == 1
                assert len(metadata.read().all()) > n
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(set(cids(metadata))) == 8 * 15
    # Few of the connections are kept.
    name = database.rpartition("/")[2]
    deadline = time.monotonic() + 60
    while True:
        [(count,)] = postgres_server.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        if count in range(1, 5):
            break
        assert time.monotonic() < deadline, count
        time.sleep(0.02)


@pytest.mark.parametrize("moment", ["before", "in", "waiting"])
def test_a_writer_that_is_killed_leaves_the_store_to_others(
    metadata: PostgresMetadata, postgres_server: Server, database: str, moment: str
) -> None:
    insert(metadata, "a")
    reader, writer = os.pipe()

    def work() -> None:
        own = PostgresMetadata(database)
        with own.transaction() as table:
            table.insert_multiple(record(f"lost {n}") for n in range(100))
            os.write(writer, b"x")
            signal.pause()

    def wait_for_lock() -> None:
        os.write(writer, b"x")
        insert(PostgresMetadata(database), "lost")

    with metadata.locked() if moment == "waiting" else open_nothing():
        child = fork(wait_for_lock if moment == "waiting" else work)
        os.read(reader, 1)
        if moment == "waiting":
            wait_until_waiting(postgres_server, database)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    # One whose lock was not given up would wait for as long as the server lets it, and be told.
    insert(metadata, "b")
    assert cids(metadata) == ["a", "b"]


@dataclass
class OtherMachine:
    """A network of its own, and the address at which the server is seen from it."""

    name: str
    server: str

    def run(self, command: str) -> None:
        """Run a command there."""
        subprocess.run(["ip", "netns", "exec", self.name, *command.split()], check=True, capture_output=True)


@pytest.fixture
def other_machine(postgres_server: Server) -> Iterator[OtherMachine]:
    """A network that is joined to ours by a cable."""
    number = os.getpid()
    net = f"10.231.{number % 256}"
    other = OtherMachine(f"stargazer-{number}", f"{net}.1")

    def run(command: str) -> None:
        subprocess.run(command.split(), check=True, capture_output=True)

    try:
        run(f"ip netns add {other.name}")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network of our own can be made here: {error}")
    try:
        run(f"ip link add sg{number} type veth peer name cable netns {other.name}")
        run(f"ip addr add {net}.1/24 dev sg{number}")
        run(f"ip link set sg{number} up")
        other.run(f"ip addr add {net}.2/24 dev cable")
        other.run("ip link set cable up")
        postgres_server.stop()
        postgres_server.listen(other.server)
        postgres_server.start()
        yield other
    finally:
        run(f"ip netns del {other.name}")
        # The cable goes with the network, which lives on for a while in the connection that was cut.
        subprocess.run(["ip", "link", "del", f"sg{number}"], check=False, capture_output=True)


def test_a_machine_that_vanishes_does_not_keep_the_store(
    other_machine: OtherMachine, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds in place of a minute.
    begin = re.sub(r"(_idle|_interval) = \d+;", r"\1 = 1;", server_module._BEGIN)
    monkeypatch.setattr(server_module, "_BEGIN", begin.replace("'60s'", "'3s'").replace("'120s'", "'20s'"))
    metadata = PostgresMetadata(database)
    insert(metadata, "a")
    reader, writer = os.pipe()

    def work() -> None:
        handle = os.open(f"/run/netns/{other_machine.name}", os.O_RDONLY)
        assert ctypes.CDLL(None).setns(handle, 0) == 0
        own = PostgresMetadata(database.replace("127.0.0.1", other_machine.server))
        with own.transaction() as table:
            table.insert(record("lost"))
            os.write(writer, b"x")
            signal.pause()

    child = fork(work)
    try:
        assert select.select([reader], [], [], 10)[0]
        other_machine.run("ip link set cable down")
        # After 20 s of waiting the server would refuse this.
        insert(metadata, "b")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert cids(metadata) == ["a", "b"]


@contextmanager
def open_nothing() -> Iterator[None]:
    yield


def test_writers_that_are_killed_at_any_time_lose_nothing_that_they_acknowledged(database: str) -> None:
    acknowledged: set[str] = set()
    for kill in range(25):
        reader, writer = os.pipe()

        def work(kill: int = kill, writer: int = writer) -> None:
            own = PostgresMetadata(database)
            for n in range(10_000):
                insert(own, f"{kill} {n} a", f"{kill} {n} b")
                os.write(writer, f"{kill} {n}\n".encode())

        child = fork(work)
        os.close(writer)
        first = os.read(reader, 1)
        time.sleep(0.002 * kill)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as rest:
            acknowledged.update((first + rest.read()).decode().splitlines())
    here = cids(PostgresMetadata(database))
    assert len(here) == len(set(here))
    pairs = {cid[:-2] for cid in here}
    assert acknowledged <= pairs
    assert len(here) == 2 * len(pairs)  # each change is there as a whole
    assert len(acknowledged) >= 25


@pytest.mark.parametrize("crash", [False, True])
def test_the_server_stops_and_starts_in_the_middle(
    metadata: PostgresMetadata, postgres_server: Server, crash: bool
) -> None:
    insert(metadata, "a")
    reader = metadata.read()
    assert len(reader) == 1
    starting = threading.Thread(target=postgres_server.start)
    try:
        with told("connection to .* was lost|was lost while a change was written"):  # noqa: SIM117
            with metadata.transaction() as table:
                table.insert(record("lost"))
                postgres_server.stop(crash=crash)
                table.insert(record("lost too"))
        with told("cannot be reached: Connection refused"):
            len(reader)
    finally:
        starting.start()
    # A server that says that it is starting is waited for.
    while True:
        try:
            assert len(reader) == 1
            break
        except StargazerError as error:
            assert "Connection refused" in error.message
            time.sleep(0.002)
    starting.join()
    insert(metadata, "b")
    assert cids(metadata) == ["a", "b"]


def test_a_connection_that_was_lost_while_it_waited_is_made_again(
    metadata: PostgresMetadata, postgres_server: Server, database: str
) -> None:
    name = database.rpartition("/")[2]
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    steps: list[Callable[[], Any]] = [
        lambda: len(metadata.read()),
        lambda: metadata.read().all(),
        lambda: metadata.read().search(where("cid") == "a"),
        lambda: insert(metadata, "b"),
    ]
    insert(metadata, "a")
    for step in steps:
        postgres_server.execute(cut)
        step()
    assert cids(metadata) == ["a", "b"]
    with told("The connection to .* was lost: terminating connection", "Nothing of a change"):  # noqa: SIM117
        with metadata.transaction() as table:
            table.insert(record("c"))
            postgres_server.execute(cut)
            table.insert(record("d"))
    with told("was lost while a change was written", "Do it again"), metadata.transaction() as table:
        table.insert(record("e"))
        postgres_server.execute(cut)
    assert cids(metadata) == ["a", "b"]


def test_psycopg_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with told("needs psycopg", "pip install 'stargazer\\[postgres\\]'".replace("\\", "")):
        PostgresMetadata("postgresql://h/db")

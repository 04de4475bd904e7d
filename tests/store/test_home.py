"""A store's folder says where its records live: who looks elsewhere is told, and loses nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.postgres import PASSWORD, Server

from stargazer_cli.assets import R1
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.metadata.home import NAME, Home, Marker
from stargazer_cli.store.metadata.json_file import NAME as FILE
from stargazer_cli.store.metadata.json_file import JsonMetadata
from stargazer_cli.store.metadata.migrate import migrate, places


class Team:
    """A store's folder, and the settings of whoever opens it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "store"
        self.file = folder / "a.fq"
        self.file.write_text("content")
        self._monkeypatch = monkeypatch
        monkeypatch.setenv("STARGAZER_LOCAL", str(self.root))

    def store(self, database: str = "") -> LocalStore:
        """Open the folder with STARGAZER_DB set to an address, or not set."""
        self._monkeypatch.setenv("STARGAZER_DB", database)
        return LocalStore(Settings())

    def add(self, database: str = "", sample: str = "a") -> None:
        self.store(database).add([NewFile(self.file, R1(sample_id=sample))])

    def samples(self, database: str = "") -> list[str]:
        return [str(asset.keyvalues["sample_id"]) for asset in self.store(database).find()]

    def migrate(self, to: str, database: str = "", *, join: bool = False) -> None:
        self._monkeypatch.setenv("STARGAZER_DB", database)
        migrate(*places(Settings(), to), join=join)


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Team(tmp_path, monkeypatch)


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(store: LocalStore, message: str, hint: str) -> None:
    """Whatever is asked of a store is answered by one error."""
    before = content(store.root)
    tries: list[Any] = [store.find, store.metadata.locked().__enter__, lambda: store.delete("x")]
    if isinstance(store.metadata, JsonMetadata):
        tries += [store.metadata.accept_edited, store.metadata.restore_last]
    for attempt in tries:
        with pytest.raises(StargazerError, match=message) as caught:
            attempt()
        assert hint in str(caught.value.hint)
        assert PASSWORD not in f"{caught.value}{caught.value.hint}"
    assert content(store.root) | {"locks/store.lock": b""} == before | {"locks/store.lock": b""}


def test_a_store_that_never_had_a_server_says_nothing(team: Team) -> None:
    team.add()
    assert team.samples() == ["a"]
    assert Marker(team.root).home() is None


def test_a_forgotten_move_is_told_before_anything_looks_unneeded(team: Team, database: str) -> None:
    team.add()
    refused(
        team.store(database), f"are in its file {FILE}, and STARGAZER_DB names", "migrate --to postgresql"
    )
    assert Marker(team.root).home() is None
    team.migrate("postgresql", database)
    assert team.samples(database) == ["a"]


def test_a_colleague_without_the_setting_is_told_where_the_records_are(team: Team, database: str) -> None:
    team.add()
    team.migrate(database)
    refused(team.store(), r"are in postgresql://.*, and STARGAZER_DB is not set", "Set STARGAZER_DB")
    for path in team.root.glob(f"{FILE}*"):
        path.unlink()
    refused(team.store(), r"are in postgresql://.*, and STARGAZER_DB is not set", "Set STARGAZER_DB")
    assert team.samples(database) == ["a"]


def test_the_first_change_on_a_server_says_so(team: Team, database: str) -> None:
    assert team.samples(database) == []
    assert not team.root.exists()
    team.add(database)
    said = json.loads((team.root / NAME).read_text())
    assert said["records"] == str(team.store(database).metadata)
    assert PASSWORD not in (team.root / NAME).read_text()
    refused(team.store(), "and STARGAZER_DB is not set", "Set STARGAZER_DB")


def test_another_server_is_told_and_another_spelling_is_not(
    team: Team, postgres_server: Server, database: str
) -> None:
    team.add(database)
    name = database.rpartition("/")[2]
    assert team.samples(postgres_server.socket_url(name)) == ["a"]
    assert team.samples(database.replace("127.0.0.1", "localhost")) == ["a"]
    for statement in (
        "DROP ROLE IF EXISTS reader",
        f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
        "GRANT SELECT ON stargazer_schema, stargazer_records TO reader",
    ):
        postgres_server.execute(statement, name)
    assert team.samples(postgres_server.url(name, user="reader")) == ["a"]
    assert team.samples(f"{database}?options=-csearch_path%3Dpublic") == ["a"]
    other = postgres_server.url(postgres_server.database())
    refused(team.store(other), f"are in .*/{name}, and STARGAZER_DB names ", "Set STARGAZER_DB to the first")


def test_tables_that_come_back_from_a_backup_are_the_same(
    team: Team, postgres_server: Server, database: str
) -> None:
    team.add(database)
    for statement in (
        "CREATE TABLE copy (LIKE stargazer_records INCLUDING ALL)",
        "INSERT INTO copy (doc_id, document) SELECT doc_id, document FROM stargazer_records",
        "DROP TABLE stargazer_records",
        "ALTER TABLE copy RENAME TO stargazer_records",
    ):
        postgres_server.execute(statement, database.rpartition("/")[2])
    assert team.samples(database) == ["a"]
    postgres_server.execute("CREATE SCHEMA other", database.rpartition("/")[2])
    other = team.store(f"{database}?options=-csearch_path%3Dother")
    refused(other, r"are in postgresql://.*, and STARGAZER_DB names ", "Set STARGAZER_DB to the first")


def test_records_come_back_to_the_file(team: Team, database: str) -> None:
    team.add()
    team.migrate("postgresql", database)
    team.add(database, "b")
    team.migrate("json", database)
    assert Marker(team.root).home() == Home(FILE)
    assert team.samples() == ["a", "b"]
    refused(team.store(database), f"are in its file {FILE}, and STARGAZER_DB names", "Unset STARGAZER_DB")


def test_records_move_on_from_where_they_are_only(team: Team, postgres_server: Server, database: str) -> None:
    team.add()
    team.migrate(database)
    team.add(database, "b")
    third = postgres_server.url(postgres_server.database())
    with pytest.raises(StargazerError, match=r"are in postgresql://.*, and STARGAZER_DB is not set"):
        team.migrate(third)  # from the file, which is old by now
    team.migrate(third, database)
    assert team.samples(third) == ["a", "b"]


def test_an_older_copy_comes_into_the_records_only_when_asked(team: Team, database: str) -> None:
    team.add()
    team.migrate("postgresql", database)
    store = team.store(database)
    store.delete(store.find()[0].id)
    team.add(database, "b")
    with pytest.raises(UsageError, match=rf"in postgresql://.* already: .*{FILE} is older") as caught:
        team.migrate("postgresql", database)
    assert "--merge" in str(caught.value.hint)
    assert team.samples(database) == ["b"]
    team.migrate("postgresql", database, join=True)
    assert team.samples(database) == ["b", "a"]
    with pytest.raises(StargazerError, match=r"are in postgresql://.*, and STARGAZER_DB is not set"):
        team.migrate("json")


def test_a_move_that_fails_leaves_the_records_where_they_were(team: Team, database: str) -> None:
    team.add()
    team.store(database)
    with pytest.raises(StargazerError, match="cannot be reached"):
        team.migrate("postgresql://postgres@127.0.0.1:1/x")
    assert Marker(team.root).home() is None
    assert team.samples() == ["a"]


def test_a_process_that_was_open_before_the_move_writes_no_more(team: Team, database: str) -> None:
    team.add()
    opened = team.store()
    team.migrate(database)
    with pytest.raises(StargazerError, match="STARGAZER_DB is not set"):
        opened.add([NewFile(team.file, R1(sample_id="late"))])
    assert team.samples(database) == ["a"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"server": "x"}', b'{"records": "x", "new": 1}'])
def test_what_cannot_be_read_is_told(team: Team, content: bytes) -> None:
    team.add()
    (team.root / NAME).write_bytes(content)
    refused(team.store(), f"{NAME}, which says where", "Or remove it, when it is sure")

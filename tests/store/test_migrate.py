"""Records move between the file and a server, whole or not at all."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from helpers.postgres import PASSWORD
from helpers.shell import Shell

from stargazer_cli.assets import R1, Reference
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.metadata import open_metadata
from stargazer_cli.store.metadata.json_file import JsonMetadata
from stargazer_cli.store.metadata.merge import Merged
from stargazer_cli.store.metadata.migrate import Place, migrate, places
from stargazer_cli.store.metadata.postgres import PostgresMetadata


@pytest.fixture
def in_file(tmp_path: Path) -> Place:
    return Place(JsonMetadata(tmp_path / "store"), "the file")


@pytest.fixture
def on_server(database: str) -> Place:
    return Place(PostgresMetadata(database), "the server")


@pytest.fixture(params=["to the server", "to the file"])
def way(request: pytest.FixtureRequest, in_file: Place, on_server: Place) -> tuple[Place, Place]:
    """From where to where."""
    return (in_file, on_server) if request.param == "to the server" else (on_server, in_file)


def record(number: int, cid: str = "", **other: Any) -> dict[str, Any]:
    return {
        "id": f"id{number}",
        "cid": cid or f"cid{number}",
        "name": f"{number} é.fq",
        "keyvalues": {"asset": "r1", "sample_id": f"s{number}", "note": 'a "quote"\n'},
        "run_ids": ["run1"],
        "derived_from": [],
        "recipe": "",
        "recipes": [],
        "created_at": f"2026-01-01T00:00:{number % 60:02}+00:00",
        "owner": "",
    } | other


def fill(place: Place, *records: dict[str, Any]) -> None:
    with place.metadata.transaction() as table:
        table.insert_multiple(records)


def held(place: Place) -> list[dict[str, Any]]:
    return sorted(place.metadata.read().all(), key=lambda found: str(found["id"]))


def test_every_record_moves_as_it_is(
    way: tuple[Place, Place], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database: str
) -> None:
    monkeypatch.setattr("stargazer_cli.store.metadata.merge._BATCH", 7)
    source, target = way
    records = [record(number, f"cid{number // 2}") for number in range(100)]
    fill(source, *records)
    assert migrate(source, target) == Merged(100, 0, 0)
    assert held(source) == held(target) == sorted(records, key=lambda each: str(each["id"]))
    # Others see it, and a second time nothing changes.
    assert len(JsonMetadata(tmp_path / "store").read()) == len(PostgresMetadata(database).read()) == 100
    assert migrate(source, target) == Merged(0, 0, 100)
    assert migrate(target, source) == Merged(0, 0, 100)


def test_equal_records_become_one_that_lacks_nothing(way: tuple[Place, Place]) -> None:
    source, target = way
    fill(target, record(1, id="older", run_ids=["run0"], recipe="R"))
    fill(source, record(1, run_ids=["run1", "run2"], derived_from=["x"]), record(2))
    assert migrate(source, target) == Merged(1, 1, 0)
    two, one = held(target)
    assert two == record(2)
    assert one == record(1, id="older", run_ids=["run0", "run1", "run2"], recipe="R", derived_from=["x"])


def test_other_records_in_the_target_are_only_joined_when_asked(way: tuple[Place, Place]) -> None:
    source, target = way
    fill(source, record(1), record(2))
    fill(target, record(2), record(3))
    with pytest.raises(UsageError, match=r"holds 1 assets that .* does not") as caught:
        migrate(source, target)
    assert "--merge" in str(caught.value.hint)
    assert held(target) == [record(2), record(3)]
    assert migrate(source, target, join=True) == Merged(1, 0, 1)
    assert held(target) == [record(1), record(2), record(3)]


def test_a_record_that_was_changed_on_one_side_is_told(way: tuple[Place, Place]) -> None:
    source, target = way
    fill(source, record(1), record(2))
    fill(target, record(2, keyvalues={"asset": "r1"}))
    with pytest.raises(StargazerError, match=r"id2 of '2 é.fq' .* says other things here than there"):
        migrate(source, target, join=True)
    assert held(target) == [record(2, keyvalues={"asset": "r1"})]


def test_nothing_to_move_is_told(way: tuple[Place, Place], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no assets"):
        migrate(*way)
    assert not (tmp_path / "store").exists()


def test_one_database_by_two_addresses_is_told_at_once(database: str, on_server: Place) -> None:
    fill(on_server, record(1))
    other = PostgresMetadata(f"{database}{'&' if '?' in database else '?'}application_name=other")
    with pytest.raises(UsageError, match="the server and another address are the same database"):
        migrate(on_server, Place(other, "another address"))


def test_each_record_is_counted_when_it_is_moved_and_when_it_is_compared(way: tuple[Place, Place]) -> None:
    fill(way[0], record(1), record(2))
    told: list[tuple[int, int | None]] = []
    migrate(*way, progress=lambda *each: told.append(each))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_text_that_the_server_cannot_hold_is_told(in_file: Place, on_server: Place) -> None:
    fill(in_file, record(1), record(2, name="a\0b"))
    with pytest.raises(StargazerError, match="A record has text"):
        migrate(in_file, on_server)
    assert held(on_server) == []


def test_a_database_that_changes_what_it_is_given_is_found_out(
    in_file: Place, on_server: Place, database: str
) -> None:
    fill(in_file, record(1), record(2))
    assert held(on_server) == []
    with psycopg.connect(database) as connection:
        connection.execute(
            """
            CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.document := NEW.document || '{"owner": "someone"}'; RETURN NEW; END $$;
            CREATE TRIGGER spoil BEFORE INSERT ON stargazer_records
            FOR EACH ROW WHEN (NEW.doc_id = 2) EXECUTE FUNCTION spoil();
            """
        )
    with pytest.raises(StargazerError, match="did not take the record id2"):
        migrate(in_file, on_server)
    assert held(on_server) == []


def test_the_settings_say_from_where_and_to_where(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path))
    file, server = str(tmp_path / "stargazer_local.json"), str(PostgresMetadata(database))
    assert PASSWORD not in server

    def names(to: str) -> list[str]:
        return [place.name for place in places(Settings(), to)]

    assert names(database) == [file, server]
    for to, message in [
        ("json", "in the file already"),
        ("postgresql", "is not set"),
        ("sqlite", "A target is json"),
    ]:
        with pytest.raises(UsageError, match=message):
            names(to)
    monkeypatch.setenv("STARGAZER_DB", database)
    assert names(database) == names("postgresql") == [file, server]
    assert names("json") == [server, file]
    assert names("postgresql://other/db") == [server, "postgresql://other/db"]


def test_a_team_gets_its_store_and_leaves_it_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "store"))
    path = tmp_path / "a"
    path.write_text("content")

    def store() -> LocalStore:
        return LocalStore(Settings())

    store().add([NewFile(path, R1(sample_id="a")), NewFile(path, R1(sample_id="b"))])
    before = store().find()
    migrate(*places(Settings(), database))
    monkeypatch.setenv("STARGAZER_DB", database)
    assert isinstance(open_metadata(Settings()), PostgresMetadata)
    assert store().find() == before
    store().add([NewFile(path, Reference(build="b"))])
    after = store().find()
    # The file has what it had: what came since is added to it.
    assert migrate(*places(Settings(), "json")) == Merged(1, 0, 2)
    monkeypatch.delenv("STARGAZER_DB")
    assert store().find() == after
    assert len(after) == 3


def test_a_store_that_never_had_a_file_gets_one(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "store"))
    monkeypatch.setenv("STARGAZER_DB", database)
    path = tmp_path / "a"
    path.write_text("content")
    store = LocalStore(Settings())
    store.add([NewFile(path, R1(sample_id="a"))])
    before = store.find()
    assert not (store.root / "stargazer_local.json").exists()
    assert migrate(*places(Settings(), "json")) == Merged(1, 0, 0)
    monkeypatch.delenv("STARGAZER_DB")
    assert LocalStore(Settings()).find() == before


@pytest.mark.parametrize("copy", ["a copy of it", "no copy"])
def test_a_server_that_does_not_answer_leaves_the_folder_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy: str
) -> None:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "store"))
    path = tmp_path / "a"
    path.write_text("content")
    store = LocalStore(Settings())
    store.add([NewFile(path, R1(sample_id="a"))])
    for name in ("stargazer_local.json", "stargazer_local.json.last")[: 1 if copy == "a copy of it" else 2]:
        (store.root / name).unlink()
    before = {each: each.read_bytes() for each in store.root.glob("*.*")}
    monkeypatch.setenv("STARGAZER_DB", "postgresql://postgres@127.0.0.1:1/x")
    with pytest.raises(StargazerError, match="cannot be reached"):
        migrate(*places(Settings(), "json"))
    assert {each: each.read_bytes() for each in store.root.glob("*.*")} == before


def test_a_move_that_is_refused_makes_no_file_and_an_old_copy_is_kept(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "store"
    monkeypatch.setenv("STARGAZER_LOCAL", str(root))
    fill(Place(JsonMetadata(root), ""), record(3))
    (root / "stargazer_local.json").unlink()
    old = (root / "stargazer_local.json.last").read_bytes()
    monkeypatch.setenv("STARGAZER_DB", database)
    fill(Place(PostgresMetadata(database), ""), record(1))
    source, target = places(Settings(), "json")
    with monkeypatch.context() as patched, pytest.raises(ZeroDivisionError):
        patched.setattr("stargazer_cli.store.metadata.migrate._compare", lambda *_, **__: 1 / 0)
        migrate(source, target)
    assert not (root / "stargazer_local.json").exists()
    assert migrate(source, target) == Merged(1, 0, 0)
    assert held(target) == [record(1)]
    [aside] = root.glob("stargazer_local.json.before-*")
    assert aside.read_bytes() == old
    assert caplog.messages == [f"Kept aside, a copy of the records that were in this folder before: {aside}"]


def test_the_command_says_what_moved_and_never_the_password(
    capfd: pytest.CaptureFixture[str], settings: Settings, database: str, tmp_path: Path, monkeypatch: Any
) -> None:
    shell = Shell(capfd)
    (tmp_path / "a.fa").write_text(">c\nACGT\n")
    assert shell("assets", "add", tmp_path / "a.fa", "-k", "build=b").code == 0
    moved = shell("assets", "migrate", "--to", database)
    assert moved.code == 0
    assert "1 added, 0 joined with an equal one, 0 there already" in moved.out
    assert "Set STARGAZER_DB" in moved.err
    monkeypatch.setenv("STARGAZER_DB", database)
    assert shell("assets", "query", "--json").json[0]["name"] == "a.fa"
    back = shell("assets", "migrate", "--to", "json", "--json")
    assert (back.json["added"], back.json["merged"], back.json["unchanged"]) == (0, 0, 1)
    assert "Unset STARGAZER_DB" in back.err
    wrong = shell("assets", "migrate", "--to", "elsewhere")
    assert (wrong.code, wrong.err.splitlines()[0]) == (
        2,
        "Error: A target is json, postgresql, or the address of a server.",
    )
    address = f"postgresql://me:{quote(PASSWORD, safe='')}@127.0.0.1:1/x"
    unreachable = shell("assets", "migrate", "--to", address)
    assert (unreachable.code, unreachable.err.count("\n")) == (1, 2)
    config = shell("config")
    for done in (moved, back, wrong, unreachable, config):
        assert "s3cr3t" not in done.out + done.err

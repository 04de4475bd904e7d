"""Whatever the tests of the local store say holds with the records on a server as well."""

import pytest
from store import test_local

from stargazer_cli.store import LocalStore

# What these say is of the metadata file.
_OF_THE_FILE = {
    "test_a_damaged_metadata_file_is_told_and_never_overwritten",
    "test_a_batch_is_one_write",
    "test_a_disk_without_room_for_the_metadata_is_told",
    "test_a_failed_write_of_the_metadata_leaves_no_object",
    "test_an_interrupt_after_the_write_keeps_the_object",
    "test_a_store_path_that_is_a_file_is_told",
    "test_the_metadata_are_json_that_a_person_and_tinydb_can_read",
}
globals().update(
    {
        name: value
        for name, value in vars(test_local).items()
        if name.startswith(("test_", "Test")) and name not in _OF_THE_FILE
    }
)


@pytest.fixture(autouse=True)
def _on_postgres(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARGAZER_DB", database)


def test_the_records_are_on_the_server(store: LocalStore) -> None:
    assert str(store.metadata).startswith("postgresql://")
    assert not any(store.root.glob("stargazer*"))

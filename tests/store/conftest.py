"""What the store's tests share: a PostgreSQL server, where the machine has one."""

from collections.abc import Iterator

import pytest
from helpers.postgres import Server, programs, serve


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A server for the whole session; a test that stops it starts it again."""
    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL server on this machine (package postgresql)")
    with serve(found) as server:
        yield server


@pytest.fixture
def database(postgres_server: Server) -> str:
    """The address of an empty database."""
    return postgres_server.url(postgres_server.database())

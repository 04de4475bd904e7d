"""A gateway and an account at Pinata, both on loopback, and time that does not pass."""

from collections.abc import Iterator

import pytest
from helpers.gateway import Gateway, served
from helpers.pinata import TOKEN, Pinata
from pydantic import SecretStr

from stargazer_cli.settings import Settings
from stargazer_cli.store.remote import http, pinata


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, noted and not waited for."""
    noted: list[float] = []
    monkeypatch.setattr(http.time, "sleep", noted.append)
    return noted


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with served(Gateway()) as running:
        yield running


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pinata]:
    # A port may be that of an earlier test's server, whose gateway is gone.
    monkeypatch.setattr(pinata, "_gateways", {})
    server = Pinata()
    yield server
    server.close()


@pytest.fixture
def attached(settings: Settings, server: Pinata, waits: list[float]) -> Settings:
    """Settings with the account attached, and no public gateway."""
    settings.pinata_jwt = SecretStr(TOKEN)
    settings.pinata_api = server.url("api")
    settings.pinata_uploads = server.url("uploads")
    settings.pinata_gateway = ""
    return settings

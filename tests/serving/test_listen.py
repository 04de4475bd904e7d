"""Where a server may listen."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.serving.listen import listen

GOOD = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_is_served_without_a_token(host: str) -> None:
    where = listen(host, 0, "", first_port=0)
    with closing(where.socket):
        assert where.local
        assert {"127.0.0.1", "localhost", "::1", host} <= where.hosts
        assert where.url == f"http://{'[::1]' if host == '::1' else host}:{where.port}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize(("token", "said"), [("", "is not set"), (GOOD[1:], "is shorter than 32 characters")])
def test_other_machines_are_served_with_a_good_token_alone(host: str, token: str, said: str) -> None:
    with pytest.raises(UsageError, match=rf"Other machines reach {host}, and STARGAZER_TOKEN, .* {said}"):
        listen(host, 0, token, first_port=0)
    where = listen(host, 0, GOOD, first_port=0)
    with closing(where.socket):
        assert not where.local
        assert {"127.0.0.1", socket.gethostname().lower()} <= where.hosts


def test_a_taken_port_is_told_and_another_is_found_where_none_was_named(taken: int) -> None:
    with pytest.raises(UsageError, match=f"The port {taken} of 127.0.0.1 cannot be had"):
        listen("127.0.0.1", taken, "", first_port=0)
    where = listen("127.0.0.1", None, "", first_port=taken)
    with closing(where.socket):
        assert taken < where.port < taken + 100


@pytest.mark.parametrize("host", ["", "no such name", "not-here.invalid", "203.0.113.7", "\udc80", "a" * 300])
def test_an_address_that_is_not_of_this_machine_is_told(host: str) -> None:
    with pytest.raises(StargazerError):
        listen(host, 0, GOOD, first_port=0)

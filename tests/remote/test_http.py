"""Who sees a token, where redirects may lead, how long is waited: the rules that every transfer keeps."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from helpers.gateway import Gateway, served, status
from pydantic import SecretStr

from stargazer_cli.errors import UsageError
from stargazer_cli.store.remote import http
from stargazer_cli.store.remote.http import Passing, Refused, Request, Token, retried, retry_after

SECRET = "eyJhbGciOi.J9.s3cr3t"


@pytest.fixture
def other() -> Iterator[Gateway]:
    """Another server, which is another origin by its port."""
    with served(Gateway()) as running:
        yield running


def token(*urls: str) -> Token:
    return Token(SecretStr(SECRET), *urls)


def asked(gateway: Gateway) -> list[str | None]:
    return [request.headers.get("authorization") for request in gateway.requests]


def test_a_token_is_sent_to_its_origin_only(gateway: Gateway, other: Gateway) -> None:
    with http.client(token(gateway.url)) as client:
        for url in (gateway.url, other.url, gateway.url.replace("127.0.0.1", "localhost")):
            client.get(f"{url}/x")
    assert asked(gateway) == [f"Bearer {SECRET}", None]
    assert asked(other) == [None]


def test_a_redirect_to_another_origin_drops_the_token(gateway: Gateway, other: Gateway) -> None:
    gateway.faults = [status(307, Location=f"{other.url}/x"), status(302, Location="/y")]
    other.faults = [status(302, Location=f"{gateway.url}/back")]
    with http.client(token(gateway.url)) as client:
        client.get(f"{gateway.url}/x")
    assert [request.path for request in gateway.requests] == ["/x", "/back", "/y"]
    assert asked(gateway) == [f"Bearer {SECRET}"] * 3
    assert asked(other) == [None]


def test_a_token_given_by_hand_is_taken_away_where_it_does_not_belong(other: Gateway) -> None:
    with http.client(token("https://api.example")) as client:
        client.get(f"{other.url}/x", headers={"Authorization": f"Bearer {SECRET}"})
    assert asked(other) == [None]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("https://a.example", "http://a.example"),
        ("https://a.example", "https://b.example"),
        ("https://a.example", "https://a.example:8443"),
        ("https://a.example", "https://a.example.evil"),
    ],
)
def test_scheme_host_and_port_make_an_origin(one: str, two: str) -> None:
    assert http.origin(httpx.URL(one)) != http.origin(httpx.URL(two))
    assert http.origin(httpx.URL(one)) == http.origin(httpx.URL(f"{one}:443/path?query"))


def test_a_token_is_never_shown(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    mine = token(gateway.url)
    signed = Request(f"{gateway.url}/files/x?signature=abc", {"X-Key": "abc"})
    with caplog.at_level(logging.DEBUG), http.client(mine) as client:
        response = client.get(signed.url)
        shown = f"{mine!r} {mine} {signed!r} {signed} {client!r} {response!r} {response.request.headers!r}"
    assert SECRET not in shown
    assert "Token(for 127.0.0.1)" in shown
    assert "abc" not in f"{signed!r}"
    assert SECRET not in caplog.text
    assert "signature" not in caplog.text


@pytest.mark.parametrize("text", ["", "  ", "two words", "line\nbreak", "naïve", "tab\there", "\x00"])
def test_what_cannot_be_a_token_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(UsageError, match="MY_TOKEN is no access token") as told:
        Token(SecretStr(text), "https://a.example", setting="MY_TOKEN")
    assert not text.strip() or text not in f"{told.value} {told.value.hint}"


def test_blanks_around_a_token_are_no_part_of_it(gateway: Gateway) -> None:
    with http.client(Token(SecretStr(f" {SECRET}\n"), gateway.url)) as client:
        client.get(f"{gateway.url}/x")
    assert asked(gateway) == [f"Bearer {SECRET}"]


@pytest.mark.parametrize(
    ("start", "there", "allowed"),
    [
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "http://b.example/x", False),
        ("https://a.example/x", "ftp://b.example/x", False),
        ("https://a.example/x", "https://b.example/x", True),
        ("https://a.example/x", "/y", True),
        ("https://a.example/x", "//b.example/y", True),
        ("http://a.example/x", "http://b.example/x", True),
        ("http://a.example/x", "https://b.example/x", True),
    ],
)
def test_a_redirect_never_leaves_https(start: str, there: str, allowed: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(302, headers={"Location": there})
            if str(request.url) == start
            else httpx.Response(200)
        )

    with http.client() as client:
        # What a server on https answers: everything above the connection is real.
        client._transport = httpx.MockTransport(answer)
        client._mounts = {}
        if allowed:
            assert client.get(start).status_code == 200
        else:
            with pytest.raises(Refused, match="from https to an address that is not secure"):
                client.get(start)


def test_a_certificate_that_is_not_valid_is_not_tried_again() -> None:
    with pytest.raises(Refused, match="its certificate is not valid"), http.faults():
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9/x", r"^Connection refused$"),
        ("http://nowhere.invalid/x", r"^its host cannot be found \(.+\)$"),
    ],
)
def test_a_fault_of_the_connection_is_told_in_words(address: str, words: str) -> None:
    with http.client() as client, pytest.raises(Passing, match=words), http.faults():
        client.get(address)


def test_a_fault_without_words_is_told_all_the_same() -> None:
    with pytest.raises(Passing, match="the connection broke"), http.faults():
        raise httpx.ReadError("")


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("7", 7), (" 120 ", 120)])
def test_retry_after_is_read_as_seconds(text: str, seconds: float) -> None:
    assert retry_after({"Retry-After": text}) == seconds


@pytest.mark.parametrize("named_zone", [True, False])
def test_retry_after_is_read_as_a_date(named_zone: bool) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=600)
    text = (
        format_datetime(moment, usegmt=True) if named_zone else format_datetime(moment.replace(tzinfo=None))
    )
    wait = retry_after({"Retry-After": text})
    assert wait is not None
    assert 500 < wait <= 600
    assert retry_after({"Retry-After": format_datetime(moment - timedelta(hours=1), usegmt=True)}) == 0


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "٣", "Wed, 99 Oct 2030 07:28:00 GMT"])
def test_a_retry_after_that_says_nothing_is_none(text: str) -> None:
    assert retry_after({"Retry-After": text}) is None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *[(code, Passing) for code in (408, 425, 429, 500, 502, 503, 504, 520)],
        *[(code, Refused) for code in (201, 206, 304, 400, 401, 403, 404, 406, 410, 416, 501, 505)],
    ],
)
def test_what_may_pass_is_told_from_what_will_not(code: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"it answered {code}"):
        http.check_status(httpx.Response(code), 200)
    http.check_status(httpx.Response(code), 200, code)


def failing(*faults: Exception) -> Callable[[], str]:
    """An attempt that meets these faults, one each time, and then succeeds."""
    waiting = list(faults)

    def attempt() -> str:
        if waiting:
            raise waiting.pop(0)
        return "done"

    return attempt


def test_attempts_are_spread_and_counted(waits: list[float]) -> None:
    assert retried(failing(*[Passing("a fault")] * 3)) == "done"
    assert waits == pytest.approx([0.5, 2.0, 8.0], rel=0.25)
    with pytest.raises(Refused, match="a fault; tried 4 times"):
        retried(failing(*[Passing("a fault")] * 4))
    with pytest.raises(Refused, match="a fault; tried 2 times"):
        retried(failing(*[Passing("a fault")] * 2), tries=2)


def test_pauses_do_not_grow_for_ever(waits: list[float]) -> None:
    retried(failing(*[Passing("a fault")] * 9), tries=10)
    assert max(waits) <= 37.5


def test_a_fault_that_will_not_pass_ends_it(waits: list[float]) -> None:
    with pytest.raises(Refused, match="never"):
        retried(failing(Passing("a fault"), Refused("never")))
    assert len(waits) == 1


def test_progress_forgets_the_faults_before_it(waits: list[float]) -> None:
    assert retried(failing(*[Passing("a fault", progressed=True)] * 50)) == "done"
    mixed = [Passing("a fault"), Passing("a fault"), Passing("a fault", progressed=True)] * 5
    assert retried(failing(*mixed)) == "done"


def test_who_brought_something_is_given_more_time(waits: list[float]) -> None:
    progress = Passing("a fault", progressed=True)
    assert retried(failing(progress, *[Passing("a fault")] * 8)) == "done"
    assert sum(waits) == pytest.approx(190, rel=0.25)
    with pytest.raises(Refused, match="tried 10 times"):
        retried(failing(progress, *[Passing("a fault")] * 9))


def test_what_the_server_asks_for_is_waited_for(waits: list[float]) -> None:
    retried(failing(Passing("a fault", wait=0.0), Passing("a fault", wait=90.0)))
    assert waits == [0.0, 90.0]
    with pytest.raises(Refused, match="asks to come back in 121 seconds"):
        retried(failing(Passing("a fault", wait=121.0)))


def test_parameters_are_added_to_those_that_are_there() -> None:
    assert (
        http.with_query("https://a.example/x?a=1&b=%2F", {"c": "2:*"})
        == "https://a.example/x?a=1&b=%2F&c=2%3A%2A"
    )


def test_a_client_follows_the_proxy_of_the_environment(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", gateway.url)
    monkeypatch.setenv("NO_PROXY", "")
    with http.client(token("http://far.example")) as client:
        client.get("http://far.example/ipfs/x")
    assert [request.path for request in gateway.requests] == ["/ipfs/x"]

"""HTTP with servers that may be slow, overloaded or hostile.

Every transfer goes through here: one client with time-outs, one policy for another attempt, one place that
decides who sees a token. Faults are told as two exceptions, and neither reaches a user as it is:

    Passing    another attempt may not meet it: a broken connection, 429, 5xx
    Refused    this server will not do it, however often it is asked

What they say names no address: a signed address is a secret.
"""

import contextlib
import functools
import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
from pydantic import SecretStr

from stargazer_cli import __version__
from stargazer_cli.errors import UsageError

TIMEOUT = httpx.Timeout(60.0, connect=15.0)
TRIES = 4
# A server that has brought something is given some four minutes: there is more to lose than time.
PATIENCE = 10
# Seconds: how long to wait where a server asks for it. What asks for more is given up at once.
LONGEST_WAIT = 120.0
_REDIRECTS = 5
# A server that keeps a connection alive with a byte now and then would hold it for ever.
_WINDOW = 60.0
_SLOWEST = 1024  # bytes a second over a window
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
# RFC 9110 and 6585: too slow for the server, sent too early, asked too often.
_PASSING = frozenset({408, 425, 429})
_NEVER = frozenset({501, 505})
_SERVER_FAULT = 500
_NO_ADDRESS = "it redirected to something that is no web address"

Result = TypeVar("Result")
Origin = tuple[str, str, int | None]


class Passing(Exception):  # noqa: N818 - it never reaches a user
    """A fault that another attempt may not meet.

    wait        seconds that the server asked for
    progressed  this attempt brought something to keep: those before it no longer count
    """

    def __init__(self, reason: str, *, wait: float | None = None, progressed: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        self.progressed = progressed


class Refused(Exception):  # noqa: N818 - it never reaches a user
    """The server does not do it; `status` is its answer, where that is the reason."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Request:
    """What to ask for. The address may be signed, so neither part is shown."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Token:
    """A bearer token, and the origins (scheme, host, port) that may see it.

    `setting` names where the user gave it, for messages. The token itself is in none.
    """

    def __init__(self, secret: SecretStr, *urls: str, setting: str = "PINATA_JWT") -> None:
        text = secret.get_secret_value().strip()
        # The HTTP library would show a header that it cannot send.
        if not text or not all("!" <= letter <= "~" for letter in text):
            raise UsageError(
                f"{setting} is no access token: it is empty, or holds a space or a letter that no token has.",
                "Copy the token again, in one line.",
            )
        self._secret = SecretStr(text)
        self._origins = frozenset(origin(httpx.URL(url)) for url in urls)

    def __repr__(self) -> str:
        """Show the hosts, not the token."""
        return f"Token(for {', '.join(sorted(host for _, host, _ in self._origins))})"

    def settle(self, request: httpx.Request) -> None:
        """Give the token to a request that goes to one of its origins, and to no other."""
        if origin(request.url) in self._origins:
            request.headers["Authorization"] = f"Bearer {self._secret.get_secret_value()}"
        else:
            request.headers.pop("Authorization", None)


def client(token: Token | None = None) -> httpx.Client:
    """Return a client for one task, to be used in a `with`; proxies are those of the environment.

    Redirects are followed, five at most, never from https to http; the token stays with its origins.
    """
    # At INFO these write each address, signed ones too.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(
        verify=_trusted(),
        timeout=TIMEOUT,
        follow_redirects=True,
        max_redirects=_REDIRECTS,
        # A compressed body could grow without end, and its bytes are not those that a Range counts.
        headers={"User-Agent": f"stargazer/{__version__}", "Accept-Encoding": "identity"},
        # Both are called for each step of a redirect.
        event_hooks={"request": [token.settle] if token else [], "response": [_refuse_downgrade]},
    )


@functools.cache
def _trusted() -> ssl.SSLContext:
    """Return the certificates to trust: to read them takes longer than to fetch a small file."""
    return httpx.create_ssl_context()


@contextlib.contextmanager
def faults() -> Iterator[None]:
    """Tell the exceptions of the HTTP library as ours."""
    try:
        yield
    except httpx.TimeoutException:
        raise Passing("it stopped answering") from None
    except httpx.TooManyRedirects:
        raise Refused(f"it redirected more than {_REDIRECTS} times") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        # The last one is that of a host that cannot be written in the letters of host names.
        raise Refused(_NO_ADDRESS) from None
    except httpx.RequestError as error:
        reason = str(error)
        if "location header" in reason:
            raise Refused(_NO_ADDRESS) from None
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            raise Refused(f"its certificate is not valid ({reason})") from None
        raise Passing(_in_words(reason)) from None


def with_query(url: str, query: Mapping[str, str]) -> str:
    """Add parameters to an address, which may have some already."""
    return str(httpx.URL(url).copy_merge_params(query))


def check_status(response: httpx.Response, *expected: int) -> None:
    """Let the `expected` answers pass, and tell every other as Passing or Refused."""
    status = response.status_code
    if status in expected:
        return
    reason = f"it answered {status} {response.reason_phrase}".rstrip()
    if status in _PASSING or (status >= _SERVER_FAULT and status not in _NEVER):
        raise Passing(reason, wait=retry_after(response.headers))
    raise Refused(reason, status=status)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date (RFC 9110)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def body(response: httpx.Response, *, limit: int | None = None) -> Iterator[bytes]:
    """Yield the body as it comes, `limit` bytes at most; a server that only drips is left."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refused("it sent compressed bytes, which nobody asked for")
    told = content_length(response)
    if limit is not None and told is not None and told > limit:
        raise Refused(f"it announced {told:,} bytes where {limit:,} are the most there can be")
    size = 0
    since, then = time.monotonic(), 0
    for piece in response.iter_raw():
        size += len(piece)
        if limit is not None and size > limit:
            raise Refused(f"it sent more than the {limit:,} bytes that there can be")
        yield piece
        now = time.monotonic()
        if now - since >= _WINDOW:
            if size - then < _SLOWEST * _WINDOW:
                raise Passing("it sent less than 1 KiB a second")
            since, then = now, size


def content_length(response: httpx.Response) -> int | None:
    """Return the length of the body, where the server tells it."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def retried(attempt: Callable[[], Result], *, tries: int = TRIES) -> Result:
    """Call `attempt` until it meets no Passing fault, `tries` times in a row at most.

    Once an attempt brought something, more are made. The pauses between grow from half a second; what the
    server asks for goes before. In the end it is Refused.
    """
    failed = 0
    while True:
        try:
            return attempt()
        except Passing as fault:
            failed += 1
            if fault.progressed:
                failed, tries = 1, max(tries, PATIENCE)
            if fault.wait is not None and fault.wait > LONGEST_WAIT:
                raise Refused(f"{fault} and asks to come back in {fault.wait:,.0f} seconds") from None
            if failed >= tries:
                raise Refused(f"{fault}; tried {tries} times") from None
            time.sleep(_pause(failed) if fault.wait is None else fault.wait)


def _in_words(reason: str) -> str:
    """Say what a fault of the connection means, without the number that the system has for it."""
    number, _, words = reason.rpartition("] ")
    if number.startswith("[Errno -"):
        # The numbers of getaddrinfo, and of no other call, are negative.
        return f"its host cannot be found ({words})"
    return words if number.startswith("[Errno ") else reason or "the connection broke"


def _pause(failed: int) -> float:
    """Return the seconds before the next attempt, spread so that parallel transfers do not come at once."""
    pause = min(_FIRST_PAUSE * 4.0 ** (failed - 1), _LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret


def origin(url: httpx.URL) -> Origin:
    """Return scheme, host and port of an address: who is asked, whatever for."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _refuse_downgrade(response: httpx.Response) -> None:
    if response.has_redirect_location and response.url.scheme == "https":
        with faults():
            onward = response.url.join(response.headers["Location"])
        if onward.scheme != "https":
            raise Refused("it redirected from https to an address that is not secure")

"""Who is answered: what is asked of a request before the application sees it.

A page on the web can make its visitor's browser send requests to a server of the visitor's own machine. It
cannot choose their Host and Origin, read the answers, or know a secret:

    Host        the name by which the server was reached: no other name, or a name of an attacker's that
                leads to this machine would do (DNS rebinding)
    Origin      where a browser sends one: the server's own
    token       as `Authorization: Bearer …`; a browser gets it as a cookie from the address it is opened with
    CSRF        with the cookie alone nothing is changed: a header must repeat what the page was told

Where no token is asked for, other users of the machine are refused.
"""

import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from stargazer_cli.serving.peer import Address, is_another_users

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

CSRF_HEADER = "X-Stargazer-CSRF"
_SAFE = ("GET", "HEAD", "OPTIONS")
_LONGEST_BODY = 1024 * 1024
# What every answer carries unless it says otherwise itself.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_DOOR = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Stargazer</title>%s</head>
<body><p>%s</p></body></html>
"""


@dataclass(frozen=True)
class Session:
    """What a browser that was given the address has: a cookie, and what its page repeats in a header.

    `code` opens the address once in place of the token: others see what a browser is started with.
    """

    cookie: str
    csrf: str
    code: str

    @classmethod
    def new(cls, port: int) -> "Session":
        """Return one for the server on a port: cookies of all ports of a machine are in one jar."""
        return cls(f"stargazer_{port}", secrets.token_urlsafe(32), secrets.token_urlsafe(32))


class Guard:
    """An ASGI application before another one, which sees only the requests that may be answered.

    hosts         the names by which the server may be reached, without port
    token         what a client must have; where it is empty, whoever is the server's own user on this machine
    session       lets browsers in by a cookie as well
    own_user      whether a cookie is good only for the user of the server: a browser gives it to the servers
                  of all ports of a machine, and another one may be another user's
    longest       the most bytes of a body
    unlimited     (method, path) whose body the application itself limits
    """

    def __init__(
        self,
        application: Application,
        hosts: Collection[str],
        token: str = "",
        *,
        session: Session | None = None,
        own_user: bool = False,
        longest: int = _LONGEST_BODY,
        unlimited: Collection[tuple[str, str]] = (),
    ) -> None:
        self._application = application
        self._hosts = frozenset(hosts)
        self._token = token
        self._session = session
        self._own_user = own_user
        self._code = session.code if session else ""
        # What is given to browsers does not tell the token, which may open other servers.
        self._cookie = hmac.digest(token.encode(), b"cookie", "sha256").hex()
        self._longest = longest
        self._unlimited = frozenset(unlimited)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _Request(scope)
        refusal = self._strange(request)
        if refusal is None and self._opens(request):
            await self._let_in(request, send)
            return
        refusal = refusal or self._unknown(request) or self._too_long(request)
        if refusal:
            await refusal.answer(request, send)
            return
        if (request.method, request.path) not in self._unlimited:
            receive = _limited(receive, self._longest)
        try:
            await self._application(scope, receive, send)
        except _TooLongError:
            await _TOO_LONG.answer(request, send)

    def _strange(self, request: "_Request") -> "_Refusal | None":
        """Refuse what did not come from this server's own pages, or from a program on purpose."""
        hosts = request.all("host")
        if len(hosts) != 1 or _name_of(hosts[0]) not in self._hosts:
            return _Refusal(
                403,
                f"This server is not reached by the name {(hosts or ['(none)'])[0][:100]!r}.",
                "Use the address that it showed when it was started.",
            )
        origins = request.all("origin")
        if origins and (len(origins) != 1 or _host_of(origins[0]) != hosts[0].lower()):
            return _Refusal(403, f"Pages of {origins[0][:100]} may not use this server.")
        said = request.one("sec-fetch-site")
        if said not in ("", "same-origin", "none") and not _is_visit(request):
            return _Refusal(403, "Other pages may not use this server.")
        return None

    def _unknown(self, request: "_Request") -> "_Refusal | None":
        """Refuse who has not the token, and a browser's request for a change that is not its page's own."""
        if not self._token:
            return _STRANGER if request.is_another_users(unlisted=True) else None
        scheme, _, given = request.one("authorization").partition(" ")
        if scheme.lower() == "bearer" and _equal(given.strip(), self._token):
            return None
        if self._session is None or not _equal(request.cookie(self._session.cookie), self._cookie):
            return _Refusal(401, "This server asks for a token.", _WAYS_IN[self._session is not None])
        # Who waits for no answer does not learn what a change has to repeat.
        if self._own_user and request.is_another_users(unlisted=False):
            return _STRANGER
        if request.method in _SAFE or _equal(request.one(CSRF_HEADER.lower()), self._session.csrf):
            return None
        return _Refusal(403, f"The header {CSRF_HEADER} is not that of this session.", "Load the page anew.")

    def _too_long(self, request: "_Request") -> "_Refusal | None":
        if (request.method, request.path) in self._unlimited:
            return None
        said = request.one("content-length")
        # One that is no number is refused by the HTTP server.
        return _TOO_LONG if said.isdecimal() and int(said) > self._longest else None

    def _opens(self, request: "_Request") -> bool:
        """Whether somebody opens the address that holds the token, or the code that is good for once."""
        given = parse_qs(request.query).get("token", [""])[-1]
        if self._session is None or not given or (request.method, request.path) != ("GET", "/"):
            return False
        if self._code and _equal(given, self._code):
            self._code = ""
            return True
        return _equal(given, self._token)

    async def _let_in(self, request: "_Request", send: Send) -> None:
        """Give the cookie, and go on to the address without the token, which no history keeps then."""
        assert self._session is not None  # noqa: S101 - else nothing opens
        cookie = f"{self._session.cookie}={self._cookie}; Path=/; HttpOnly; SameSite=Strict"
        headers = {"Set-Cookie": cookie}
        if request.one("sec-fetch-site") in ("", "none", "same-origin"):
            await _answer(send, 303, b"", headers | {"Location": "/"})
            return
        # From a link elsewhere: a redirect would belong to that site, and the cookie not be sent.
        page = _DOOR % ('<meta http-equiv="refresh" content="0;url=/">', "Opening …")
        await _answer(send, 200, page.encode(), headers | {"Content-Type": "text/html; charset=utf-8"})


class _Request:
    """The parts of a request that are looked at."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self._client: Address | None = scope.get("client")
        self._server: Address | None = scope.get("server")
        self._headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
        ]

    def all(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for each, value in self._headers if each == name]

    def one(self, name: str) -> str:
        """Return the value of a header that may be sent once; empty where it is not there, or is repeated."""
        values = self.all(name)
        return values[0] if len(values) == 1 else ""

    def is_another_users(self, *, unlisted: bool) -> bool:
        """Whether another user of this machine asks."""
        # The connection was broken off before anybody saw whose it was.
        if self._client is None or self._server is None:
            return unlisted
        return is_another_users(self._client, self._server, unlisted=unlisted)

    def cookie(self, name: str) -> str:
        """Return the value of a cookie, empty where there is none.

        Those of other servers of the machine are in the same jar, of whatever form they are.
        """
        for pair in ";".join(self.all("cookie")).split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
        return ""


@dataclass(frozen=True)
class _Refusal:
    status: int
    message: str
    hint: str | None = None

    async def answer(self, request: _Request, send: Send) -> None:
        """Tell a person on a page, and a program in the form of every error."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        if request.path == "/" and self.status == 401:
            page = _DOOR % ("", f"{self.message} {self.hint}")
            await _answer(send, 401, page.encode(), headers | {"Content-Type": "text/html; charset=utf-8"})
            return
        document: dict[str, Any] = {"error": {"message": self.message, "items": [], "hint": self.hint}}
        headers["Content-Type"] = "application/json"
        await _answer(send, self.status, json.dumps(document).encode(), headers)


# For programs alone, and for browsers too.
_WAYS_IN = (
    "Send it in the header: Authorization: Bearer TOKEN",
    "Open the address that it showed when it was started.",
)
_STRANGER = _Refusal(
    403,
    "This server answers the user who started it, and not others of the machine.",
    "Set STARGAZER_TOKEN where it is started, and give the token.",
)
_TOO_LONG = _Refusal(413, "The request is too long.", f"At most {_LONGEST_BODY} bytes are taken.")


class _TooLongError(Exception):
    """A body went on beyond what is taken, which it did not announce."""


def _limited(receive: Receive, longest: int) -> Receive:
    count = 0

    async def limited() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > longest:
            raise _TooLongError
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", []))
            there = {name.lower() for name, _ in headers}
            for name, value in _HEADERS.items():
                if name.lower().encode() not in there:
                    headers.append((name.lower().encode(), value.encode()))
            message = {**message, "headers": headers}
        await send(message)

    return sending


async def _answer(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _is_visit(request: _Request) -> bool:
    """Whether a person follows a link to the front page, which alone does nothing."""
    return (
        request.method == "GET"
        and request.path == "/"
        and request.one("sec-fetch-mode") == "navigate"
        and request.one("sec-fetch-dest") == "document"
    )


def _name_of(host: str) -> str:
    """Return the name in a Host header, as it is compared; empty where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.path or parts.query or parts.fragment or "@" in host:
        return ""
    return (parts.hostname or "").rstrip(".")


def _host_of(origin: str) -> str:
    """Return host and port of an Origin header; empty where it is none, such as `null`."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") and not parts.path else ""


def _equal(given: str, wanted: str) -> bool:
    return secrets.compare_digest(given.encode(), wanted.encode())

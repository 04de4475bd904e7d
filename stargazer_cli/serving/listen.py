"""Where a server listens, and how it ends."""

import ipaddress
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stargazer_cli.errors import StargazerError, UsageError

if TYPE_CHECKING:
    from stargazer_cli.serving.guard import Application

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_TOKEN = 32
_PORTS = 100
# What is under way when the server is asked to end gets so long.
_END_SECONDS = 3


@dataclass(frozen=True)
class Listening:
    """A server's socket, bound: from now on nobody else gets the port.

    hosts   the names by which it may be reached
    local   whether only this machine reaches it
    """

    socket: socket.socket
    host: str
    port: int
    hosts: frozenset[str]
    local: bool

    @property
    def url(self) -> str:
        """The address for a client."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def listen(host: str, port: int | None, token: str, *, first_port: int) -> Listening:
    """Take the port that was asked for, or else the first free one from `first_port` on; 0 is any.

    Raises:
        UsageError: other machines reach the address and the token is no good one, or the port is taken.

    """
    family, addresses = _resolved(host)
    local = all(address.is_loopback for address in addresses)
    if not local:
        _check_token(host, token)
    bound = _bind(family, host, [port] if port is not None else range(first_port, first_port + _PORTS))
    names = frozenset(name.lower().rstrip(".") for name in _names(host, addresses))
    return Listening(bound, host, bound.getsockname()[1], names, local)


def serve(application: "Application", where: Listening, ready: Callable[[], None]) -> None:
    """Answer requests until Ctrl-C or a stop signal; `ready` is called once the first can come.

    Requests that are under way get a few seconds to end.
    """
    import uvicorn

    from stargazer_cli.runs.launch import stop_signals_interrupt

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    server = Server(
        uvicorn.Config(
            application,
            http="h11",
            ws="none",
            loop="asyncio",
            access_log=False,
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_END_SECONDS,
        )
    )
    with closing(where.socket), suppress(KeyboardInterrupt), stop_signals_interrupt():
        # The server takes the other two itself, and gives them back when it has ended.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, server.handle_exit)
        server.run([where.socket])


def _resolved(host: str) -> tuple[socket.AddressFamily, list[ipaddress.IPv4Address | ipaddress.IPv6Address]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a name"
        raise UsageError(f"{host!r} is not an address of this machine: {reason}.") from None
    if not host:
        raise UsageError("The host to listen on is empty.", "Leave --host out: 127.0.0.1.")
    # A name may have addresses of both families: one socket has the first.
    family = found[0][0]
    return family, [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]


def _check_token(host: str, token: str) -> None:
    """Refuse to let other machines in without a token that cannot be guessed."""
    if len(token) >= SHORTEST_TOKEN:
        return
    said = f"is shorter than {SHORTEST_TOKEN} characters" if token else "is not set"
    raise UsageError(
        f"Other machines reach {host}, and STARGAZER_TOKEN, which they would have to give, {said}.",
        "Set one: export STARGAZER_TOKEN=$(openssl rand -hex 32). Or leave --host out, and come by ssh -L.",
    )


def _bind(family: socket.AddressFamily, host: str, ports: Iterable[int]) -> socket.socket:
    port = 0
    for port in ports:
        # asyncio sends small answers at once only where the protocol is named.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
            bound.listen(128)
        except OSError as error:
            bound.close()
            reason = error
        else:
            return bound
    if isinstance(ports, range):
        raise StargazerError(f"No port from {ports[0]} to {port} of {host} can be had: {reason.strerror}.")
    raise UsageError(
        f"The port {port} of {host} cannot be had: {reason.strerror}.",
        "Name another one, or none: a free one is found.",
    )


def _names(host: str, addresses: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> Iterable[str]:
    """Give the names by which clients reach the address."""
    found = list(addresses)
    yield host
    yield from map(str, found)
    anywhere = any(address.is_unspecified for address in found)
    if anywhere or any(address.is_loopback for address in found):
        yield from LOOPBACK
    if not all(address.is_loopback for address in found):
        own = socket.gethostname()
        yield from (own, socket.getfqdn())
        if anywhere:
            with suppress(OSError):
                yield from (str(each[4][0]) for each in socket.getaddrinfo(own, None))

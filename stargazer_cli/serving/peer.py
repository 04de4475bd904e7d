"""Whose process asks, where it is on this machine: Linux lists every connection with the user who has it."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

Address = tuple[str, int]

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"
_ROOT = 0  # may do as every user can anyway


def is_another_users(client: Address, server: Address, *, unlisted: bool) -> bool:
    """Whether a connection within this machine is another user's; False where the system has no list.

    `unlisted` is the answer for one that is not in it: its client closed it, and may be another user who
    waits for no answer; or comes from a system around this one, as Windows does to WSL.
    """
    rows = list(_rows())
    wanted = {(*pair, _ESTABLISHED) for pair in zip(_written(*client), _written(*server), strict=True)}
    users = {int(row[7]) for row in rows if (row[1], row[2], row[3]) in wanted}
    if not users:
        return bool(rows) and unlisted
    return not users & {os.geteuid(), _ROOT}


def _rows() -> Iterator[list[str]]:
    """Give the rows of the lists: from the second column on the client's address, the server's, the state."""
    for table in _TABLES:
        with suppress(OSError):
            yield from (line.split() for line in table.read_text().splitlines()[1:])


def _written(host: str, port: int) -> Iterator[str]:
    """Give an address as the lists have it: of IPv4 also as a client that speaks IPv6 has it."""
    raw = ip_address(host.partition("%")[0]).packed
    for form in (raw, b"\0" * 10 + b"\xff\xff" + raw) if len(raw) == 4 else (raw,):
        words = (form[begin : begin + 4] for begin in range(0, len(form), 4))
        yield "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{port:04X}"

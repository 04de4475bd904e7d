"""Downloads from a public IPFS gateway, which is not trusted: every byte is checked by CID."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from stargazer_cli import __version__
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import CidHasher
from stargazer_cli.store.files import READ_ONLY

Progress = Callable[[int, int | None], None]

# Seconds to wait before each further attempt.
BACKOFF = (0.5, 2.0, 5.0)
_LONGEST_WAIT = 30.0
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_TOO_MANY_REQUESTS = 429
_OK = 200
_SERVER_FAULT = 500


class _Passing(Exception):  # noqa: N818 - it never reaches a user
    """A fault that another attempt may not meet; `wait` is what the server asked for."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def download(
    gateway: str,
    cid: str,
    target: Path,
    *,
    name: str = "",
    progress: Progress | None = None,
    read_only: bool = True,
) -> None:
    """Put the file of `cid` at the new path `target`, or leave nothing there.

    `progress` is called with the bytes so far and the size, where the gateway tells it.
    """
    what = f"{name} ({cid})" if name else cid
    if not gateway:
        raise StargazerError(
            f"{what} is not in the store, and public downloads are off.",
            "Switch them on with PINATA_GATEWAY=https://dweb.link, or add the file itself.",
        )
    url = f"{gateway.rstrip('/')}/ipfs/{cid}"
    # No header of ours names a person or carries a token: this is anyone's server.
    headers = {"User-Agent": f"stargazer/{__version__}", "Accept-Encoding": "identity"}
    try:
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers=headers) as client:
            found = _persist(client, url, target, progress)
        if found != cid:
            raise StargazerError(
                f"{gateway} sent bytes for {what} whose CID is {found}; they were removed.",
                "Try another gateway (PINATA_GATEWAY). Where each sends the same, the CID was made with "
                "another chunk size or tree, which cannot be verified here.",
            )
        if read_only:
            target.chmod(READ_ONLY)
    except _Passing as fault:
        raise StargazerError(
            f"{gateway} did not deliver {what}: {fault}; tried {len(BACKOFF) + 1} times.",
            "Try again later, or another gateway: PINATA_GATEWAY=https://… stargazer …",
        ) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise UsageError(
            f"The gateway {gateway!r} is not a web address.",
            "Set PINATA_GATEWAY to one such as https://dweb.link",
        ) from None
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _persist(client: httpx.Client, url: str, target: Path, progress: Progress | None) -> str:
    for pause in BACKOFF:
        try:
            return _attempt(client, url, target, progress)
        except _Passing as fault:
            time.sleep(pause if fault.wait is None else min(fault.wait, _LONGEST_WAIT))
    return _attempt(client, url, target, progress)


def _attempt(client: httpx.Client, url: str, target: Path, progress: Progress | None) -> str:
    """Download once, and return the CID of what came."""
    hasher = CidHasher()
    try:
        with client.stream("GET", url) as response:
            _check_status(response)
            length = response.headers.get("Content-Length", "")
            size = int(length) if length.isdigit() else None
            with target.open("wb") as stream:
                for piece in response.iter_raw():
                    hasher.update(piece)
                    stream.write(piece)
                    if progress:
                        progress(hasher.size, size)
                stream.flush()
                os.fsync(stream.fileno())
    except httpx.UnsupportedProtocol:
        raise
    except httpx.TimeoutException:
        target.unlink(missing_ok=True)
        raise _Passing("it stopped answering") from None
    except httpx.RequestError as error:
        target.unlink(missing_ok=True)
        raise _Passing(str(error) or "the connection broke") from None
    return hasher.cid()


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status == _TOO_MANY_REQUESTS or status >= _SERVER_FAULT:
        wait = response.headers.get("Retry-After", "")
        raise _Passing(
            f"it answered {status} {response.reason_phrase}", float(wait) if wait.isdigit() else None
        )
    if status != _OK:
        raise StargazerError(
            f"{response.url} answered {status} {response.reason_phrase}.",
            "Check the CID, or try another gateway: PINATA_GATEWAY=https://… stargazer …",
        )

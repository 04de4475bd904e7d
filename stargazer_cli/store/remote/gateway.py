"""A public IPFS gateway as a source of bytes: anyone's server, which is not trusted and told nothing."""

from urllib.parse import urlsplit

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.remote.http import Request


class GatewaySource:
    """A gateway with paths (`https://host/ipfs/CID`), asked without any token."""

    car = True

    def __init__(self, gateway: str, cid: str) -> None:
        if not _is_web_address(gateway):
            raise UsageError(
                f"The gateway {gateway!r} is not a web address.",
                "Set PINATA_GATEWAY to one such as https://dweb.link",
            )
        parts = urlsplit(gateway)
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._url = f"{gateway.rstrip('/')}/ipfs/{cid}"

    def request(self) -> Request:
        """Return the address, which never changes."""
        return Request(self._url)


def public_source(gateway: str, cid: str, name: str = "") -> GatewaySource:
    """Return the user's gateway (`PINATA_GATEWAY`) as a source, or say that there is none."""
    if not gateway:
        raise StargazerError(
            f"{f'{name} ({cid})' if name else cid} is not in the store, and public downloads are off.",
            "Switch them on with PINATA_GATEWAY=https://dweb.link, or add the file itself.",
        )
    return GatewaySource(gateway, cid)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # In the form that the network knows: not every name can be written so.
        host = (parts.hostname or "").encode("idna")
        return parts.scheme in ("http", "https") and host not in (b"", b"xn--") and parts.port != 0
    except ValueError:
        return False

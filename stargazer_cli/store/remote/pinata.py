"""Pinata's API v3: files of one account, on its private or on the public IPFS network.

What is relied on, by page of docs.pinata.cloud:

    api-reference/endpoint/upload-a-file     POST {uploads}/files, a form: file, network, name, keyvalues
    files/uploading-files                    above 100 MB the same address takes TUS, in chunks below 50 MB
    account-management/limits                25 GB a file; 60 requests a minute on the free plan
    files/key-values                         ten pairs a file; an update replaces and adds, it removes none
    api-reference/endpoint/list-files        GET {api}/files/{network}, pages by `pageToken`
    files/listing-files                      the filter by a pair, `keyvalues[key]=value`
    api-reference/endpoint/update-file       PUT {api}/files/{network}/{id}
    api-reference/endpoint/delete-file-by-id DELETE {api}/files/{network}/{id}
    api-reference/endpoint/get-signed-url    POST {api}/files/private/download_link
    api-reference/endpoint/ipfs/list-gateways    GET {api}/gateways
    gateways/retrieving-files                https://{domain}.mypinata.cloud/ipfs/{cid} for public files

The same bytes uploaded twice are one file (`is_duplicate`), which keeps its first name and keyvalues.
"""

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, cast

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.store.cid import cid_of
from stargazer_cli.store.files import replace_file
from stargazer_cli.store.remote import http, tus

if TYPE_CHECKING:
    from stargazer_cli.settings import Settings
    from stargazer_cli.store.files import Progress

Network = Literal["private", "public"]
NETWORKS: tuple[Network, ...] = ("private", "public")
MOST_KEYVALUES = 10
# 100 MB is the most that a form may carry; what surrounds the file in it counts too.
LARGEST_FORM = 90 * 1024 * 1024
LARGEST_FILE = 25_000_000_000
# Below the 50 MB that a chunk may have.
CHUNK = 40 * 1024 * 1024

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 401, 403, 404
_NO_CONTENT = 204
_ANY_BYTES = "application/octet-stream"
_PAGE = 100
# A million files. No account has more pages: a list that goes on is one that does not end.
_MOST_PAGES = 10_000
# In a row: pages without a new file, or, where a CID is asked for, without a file that has it.
_MOST_BARREN_PAGES = 3
_LONGEST_ANSWER = 32 << 20
_LONGEST_REASON = 300
# The rate is counted by the minute: these go on for longer than one.
_TRIES = 6
# Long enough for an attempt: each one asks for an address of its own.
_SIGNED_FOR = 600
# How every JWT begins, and what it is made of: an answer may show one that is not the user's.
_JWT = re.compile(r"eyJ[\w.%~+/=-]*")
# A host and nothing more: no user, port or path, behind which another host could hide.
_DEDICATED = re.compile(r"https://([a-z0-9-]+\.)+mypinata\.cloud/?", re.IGNORECASE)
_NO_ANSWER = "its answer is not one of the API v3"
# What stands in place of the CID until Pinata has hashed a file, which may take a while.
_PENDING = "pending"
_CID_WAITS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)

_gateways: dict[tuple[str, str], list[str]] = {}


@dataclass(frozen=True)
class RemoteFile:
    """A file of the account, as Pinata lists it."""

    id: str
    cid: str
    name: str
    size: int
    network: Network
    keyvalues: dict[str, str] = field(default_factory=dict)
    created_at: str = ""
    duplicate: bool = False


class Pinata:
    """The account that `PINATA_JWT` opens; to be used in a `with`, by several threads at once if need be.

    Faults that pass are waited for: 429 and 5xx, broken connections. Everything else is a StargazerError of
    one line. The token goes to the API and to the uploads' host, and to no other; redirects are not followed.
    """

    def __init__(self, settings: "Settings") -> None:
        if not settings.pinata_jwt:
            raise UsageError(
                "Pinata is not switched on: there is no token.",
                "Set PINATA_JWT to the JWT of an API key (app.pinata.cloud, API Keys).",
            )
        self._api = settings.pinata_api
        self._uploads = settings.pinata_uploads
        self.visibility: Network = settings.pinata_visibility
        self._own_gateway = settings.pinata_gateway
        self._jwt = settings.pinata_jwt
        self._client = http.client(http.Token(self._jwt, self._api, self._uploads))

    def __enter__(self) -> Self:
        """Give the account."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()

    def __repr__(self) -> str:
        """Show where it is, and nothing of the token."""
        return f"Pinata({self._api})"

    def upload(
        self,
        path: Path,
        name: str = "",
        keyvalues: Mapping[str, str] | None = None,
        network: Network | None = None,
        *,
        cid: str = "",
        begun: Path | None = None,
        progress: "Progress | None" = None,
    ) -> RemoteFile:
        """Upload a file, and make sure that Pinata gives it the CID that it has here.

        `network` is that of `PINATA_VISIBILITY` unless given. With `cid` the file must have that one; a file
        that has another is not sent. When Pinata gives it another, or puts it on another network, the upload
        is deleted there again. A file
        that Pinata has already gets `keyvalues` by an update. `begun` is where the address of a large upload
        is noted, so that another process goes on with it where this one was killed.
        """
        network = network or self.visibility
        pairs = dict(keyvalues or {})
        _check_keyvalues(pairs)
        size = path.stat().st_size
        name = name or path.name
        if size > LARGEST_FILE:
            raise UsageError(f"{name} has {size:,} bytes; Pinata takes {LARGEST_FILE:,} at most.")
        here = cid_of(path)
        if cid and here != cid:
            raise StargazerError(
                f"{name} was not sent: the bytes of {path} have the CID {here}, and Pinata would not name"
                f" them {cid}.",
                "`stargazer assets verify` tells whether the file is damaged.",
            )
        with path.open("rb") as stream, self._told(f"did not take {name}"):
            outgoing = _Outgoing(stream, size, here, name, network, pairs, begun, progress)
            send = self._send_form if size <= LARGEST_FORM else self._send_resumable
            file = send(outgoing)
        if file.network != network:
            raise self._misplaced(file, network)
        if file.cid != here:
            raise self._take_back(file, here)
        if any(file.keyvalues.get(key) != value for key, value in pairs.items()):
            return self.update(file, keyvalues=pairs)
        return file

    def files(
        self,
        keyvalues: Mapping[str, str] | None = None,
        *,
        network: Network | None = None,
        cid: str = "",
        name: str = "",
    ) -> Iterator[RemoteFile]:
        """List the account's files of one network that have these keyvalues, CID and name, newest first.

        Raises `StargazerError` when the list does not end.
        """
        network = network or self.visibility
        wanted = keyvalues or {}
        params = {"cid": cid, "name": name, "limit": str(_PAGE), "pageToken": ""}
        params |= {f"keyvalues[{key}]": value for key, value in wanted.items()}
        seen: set[str] = set()
        asked: set[str] = set()
        barren = 0
        while True:
            asked.add(params["pageToken"])
            files, params["pageToken"] = self._page(network, {k: v for k, v in params.items() if v})
            fresh = [file for file in files if file.id not in seen]
            seen.update(file.id for file in fresh)
            # Whatever the server made of the question.
            found = [file for file in fresh if _is_wanted(file, cid, name, wanted)]
            yield from found
            if not params["pageToken"]:
                return
            barren = 0 if (found if cid else fresh) else barren + 1
            if (
                params["pageToken"] in asked
                or barren == _MOST_BARREN_PAGES
                or max(len(asked), len(seen) // _PAGE) >= _MOST_PAGES
            ):
                raise StargazerError("Pinata's list of files does not end.", "Try again later.")

    def update(
        self, file: RemoteFile, *, name: str | None = None, keyvalues: Mapping[str, str] | None = None
    ) -> RemoteFile:
        """Change the name of a file, or set some of its keyvalues; Pinata cannot remove one."""
        pairs = dict(keyvalues or {})
        _check_keyvalues(file.keyvalues | pairs)
        change: dict[str, Any] = {"keyvalues": pairs} if pairs else {}
        if name is not None:
            change["name"] = name
        what = f"did not change what it keeps of {file.name}"
        self._ask(what, "PUT", f"{self._api}/files/{file.network}/{file.id}", json=change)
        return replace(file, name=name or file.name, keyvalues=file.keyvalues | pairs)

    def delete(self, file: RemoteFile) -> None:
        """Delete a file; one that is gone already is as good."""
        what = f"did not delete {file.name}"
        self._ask(
            what,
            "DELETE",
            f"{self._api}/files/{file.network}/{file.id}",
            expected=(_OK, _NO_CONTENT, _NOT_FOUND),
        )

    def gateways(self) -> list[str]:
        """Return the web addresses of the account's gateways; the first one is used."""
        with self._told("did not tell the account's gateway"):
            return http.retried(self._find_gateways, tries=_TRIES)

    def source(self, cid: str, network: Network) -> "PinataSource":
        """Return the account as a source of a file's bytes, for a download."""
        return PinataSource(self, cid, network)

    def locate(self, cid: str, network: Network) -> str:
        """Ask once where a file can be downloaded; raises `http.Passing` or `http.Refused`.

        The address of a private file is a secret: it is signed, and good for ten minutes.
        """
        if network == "public":
            return f"{self._find_gateways()[0]}/ipfs/{cid}"
        return self._sign(cid, _SIGNED_FOR)

    def _page(self, network: Network, params: Mapping[str, str]) -> tuple[list[RemoteFile], str]:
        """Return one page of a list, and the token of the next one; it is empty on the last."""
        with self._told("did not list its files"):
            url = f"{self._api}/files/{network}"
            data = _object(http.retried(lambda: self._once("GET", url, params=params), tries=_TRIES))
            return _listed(data, network), str(data.get("next_page_token") or "")

    def _sign(self, cid: str, seconds: int) -> str:
        url = f"{self._find_gateways()[0]}/files/{cid}"
        wanted = {"url": url, "date": int(time.time()), "expires": seconds, "method": "GET"}
        signed = self._once("POST", f"{self._api}/files/private/download_link", json=wanted)
        if not isinstance(signed, str) or not signed.startswith(f"{url}?"):
            raise http.Refused("what it signed is not the address of the file")
        return signed

    def _find_gateways(self) -> list[str]:
        if own := _dedicated(self._own_gateway):
            return [own]
        secret = hashlib.sha256(self._jwt.get_secret_value().encode()).hexdigest()
        # Asked for once: every download needs it, and the rate is limited.
        known = _gateways.get((self._api, secret))
        if known is None:
            data = _object(self._once("GET", f"{self._api}/gateways"))
            scheme = self._api.partition("://")[0]
            known = [_address(domain, scheme) for domain in _domains(data)]
            if not known:
                raise http.Refused("the account has no gateway: make one at app.pinata.cloud/gateway")
            _gateways[self._api, secret] = known
        return known

    def _send_form(self, outgoing: "_Outgoing") -> RemoteFile:
        fields = {
            "network": outgoing.network,
            "name": outgoing.name,
            "keyvalues": json.dumps(outgoing.keyvalues),
        }

        def attempt() -> Any:
            content = cast(BinaryIO, _Watched(outgoing))
            form = {"file": (outgoing.name, content, _ANY_BYTES)}
            return self._once("POST", f"{self._uploads}/files", data=fields, files=form)

        file = _file(http.retried(attempt, tries=_TRIES), outgoing.network, outgoing.keyvalues)
        return self._appeared(outgoing, outgoing.cid) if file.cid == _PENDING else file

    def _send_resumable(self, outgoing: "_Outgoing") -> RemoteFile:
        metadata = {
            "filename": outgoing.name,
            "filetype": _ANY_BYTES,
            "network": outgoing.network,
            "keyvalues": json.dumps(outgoing.keyvalues),
        }
        headers = tus.Upload(
            self._client,
            f"{self._uploads}/files",
            outgoing.stream,
            outgoing.size,
            metadata,
            CHUNK,
            _TRIES,
            outgoing.progress,
            outgoing.begun_at(),
            outgoing.begin,
        ).send()
        outgoing.finish()
        # Where the last answer was lost, nothing told the CID: then the file must be there under ours.
        return self._appeared(outgoing, headers.get("Upload-CID") or outgoing.cid)

    def _appeared(self, outgoing: "_Outgoing", cid: str) -> RemoteFile:
        """Return the file that an upload became, when Pinata lists it."""
        for pause in _CID_WAITS:
            time.sleep(pause)
            for file in self.files(network=outgoing.network, cid=cid):
                # TUS does not tell a duplicate; a file that was there before has kept its own keyvalues.
                duplicate = not outgoing.keyvalues or file.keyvalues != outgoing.keyvalues
                return replace(file, duplicate=duplicate)
        raise StargazerError(
            f"Pinata took {outgoing.name} and does not list it as {cid}.",
            "Push it again: what Pinata has by then is not sent twice.",
        )

    def _take_back(self, file: RemoteFile, cid: str) -> StargazerError:
        """Delete an upload that has another CID there, and return what to say of it."""
        fate = "A file of that CID was there before, and stays."
        if not file.duplicate:
            self.delete(file)
            fate = "It was deleted there again."
        return StargazerError(
            f"Pinata gave {file.name} the CID {file.cid}, and here it is {cid}. {fate}",
            "Try again: it was damaged on its way, or Pinata lays files out in another way by now.",
        )

    def _misplaced(self, file: RemoteFile, network: Network) -> StargazerError:
        """Delete an upload that is on another network than was asked for, and return what to say of it."""
        fate = f"It was there before, and stays {file.network}."
        if not file.duplicate:
            self.delete(file)
            fate = "It was deleted there again."
        return StargazerError(
            f"{file.name} ({file.cid}) was to be {network} at Pinata, and is {file.network}. {fate}",
            f"Push it without asking for {network}, or delete the {file.network} file there first.",
        )

    def _ask(self, what: str, method: str, url: str, **request: Any) -> Any:
        """Return the `data` of Pinata's answer; a refusal is told as that Pinata `what`."""
        with self._told(what):
            return http.retried(lambda: self._once(method, url, **request), tries=_TRIES)

    def _once(self, method: str, url: str, *, expected: tuple[int, ...] = (_OK,), **request: Any) -> Any:
        """Ask once; raises `http.Passing` or `http.Refused`."""
        with (
            http.faults(),
            self._client.stream(method, url, follow_redirects=False, **request) as response,
        ):
            try:
                http.check_status(response, *expected)
            except http.Refused as refused:
                raise http.Refused(f"{refused}{self._reason(response)}", status=refused.status) from None
            answer = b"".join(http.body(response, limit=_LONGEST_ANSWER))
        try:
            return json.loads(answer).get("data") if answer else None
        except (ValueError, AttributeError, RecursionError):
            raise http.Refused(_NO_ANSWER) from None

    def _reason(self, response: Any) -> str:
        """Return what Pinata says about a refusal, as one line that holds no token."""
        with contextlib.suppress(ValueError, AttributeError, RecursionError, http.Passing, http.Refused):
            answer = json.loads(b"".join(http.body(response, limit=_LONGEST_ANSWER)))
            reason = answer.get("error") or answer.get("message")
            if isinstance(reason, dict):
                reason = reason.get("details") or reason.get("message") or reason.get("reason")
            if isinstance(reason, str):
                hidden = _JWT.sub("********", reason.replace(self._jwt.get_secret_value(), "********"))
                line = " ".join("".join(c if c.isprintable() else " " for c in hidden).split())
                return f": {line[:_LONGEST_REASON]}" if line else ""
        return ""

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Tell a refusal as an error of one line: Pinata `what`, and why."""
        try:
            yield
        except http.Refused as reason:
            hint = "Try again later; what arrived is not sent again."
            if reason.status == _UNAUTHORIZED:
                hint = "The token in PINATA_JWT is wrong or revoked: make a new API key at app.pinata.cloud."
            elif reason.status == _FORBIDDEN:
                hint = "The API key needs the rights org:files:read, org:files:write and org:gateways:read."
            raise StargazerError(f"Pinata {what}: {reason}.", hint) from None


class PinataSource:
    """A file of the account as a source of bytes: `Source` of a download."""

    # Pinata documents no CAR from its gateways.
    car = False

    def __init__(self, account: Pinata, cid: str, network: Network) -> None:
        self.name = f"Pinata ({network})"
        self._account = account
        self._cid = cid
        self._network = network

    def request(self) -> http.Request:
        """Return the address; that of a private file is signed anew, so a transfer outlives its signature."""
        return http.Request(self._account.locate(self._cid, self._network))


@dataclass(frozen=True)
class _Outgoing:
    """A file to be uploaded; `cid` is what it has here."""

    stream: BinaryIO
    size: int
    cid: str
    name: str
    network: Network
    keyvalues: dict[str, str]
    begun: Path | None
    progress: "Progress | None"

    def begun_at(self) -> str:
        """Return the address of the upload that an earlier process began."""
        return self.begun.read_text("utf-8") if self.begun and self.begun.is_file() else ""

    def begin(self, place: str) -> None:
        """Note the address of an upload."""
        if self.begun:
            self.begun.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.begun, place.encode())

    def finish(self) -> None:
        """Forget the address."""
        if self.begun:
            self.begun.unlink(missing_ok=True)


class _Watched:
    """A file that tells how much of it was read."""

    def __init__(self, outgoing: _Outgoing) -> None:
        self._stream = outgoing.stream
        self._size = outgoing.size
        self._progress = outgoing.progress
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        piece = self._stream.read(size)
        self._done += len(piece)
        if self._progress:
            self._progress(self._done, self._size)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place of the file."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._stream.tell()

    def fileno(self) -> int:
        """Return the file's descriptor, from which the length of the form is known."""
        return self._stream.fileno()


def _check_keyvalues(pairs: Mapping[str, str]) -> None:
    if len(pairs) > MOST_KEYVALUES:
        raise UsageError(f"Pinata keeps {MOST_KEYVALUES} keyvalues of a file at most, not {len(pairs)}.")
    for key, value in pairs.items():
        if not isinstance(value, str):
            raise UsageError(f"The keyvalue {key!r} must be text, not {value!r}.")


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise http.Refused(_NO_ANSWER)
    return data


def _domains(data: dict[str, Any]) -> list[str]:
    rows = data.get("rows")
    domains = [row.get("domain") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [domain for domain in domains if isinstance(domain, str) and domain]


def _listed(data: dict[str, Any], network: Network) -> list[RemoteFile]:
    files = data.get("files")
    # An account without files has null here.
    return [_file(each, network, {}) for each in files] if isinstance(files, list) else []


def _file(data: Any, network: Network, pairs: dict[str, str]) -> RemoteFile:
    """Return a file as the API describes it; keyvalues that it does not tell are `pairs`.

    It is on the network that it says, or else on that which was asked.
    """
    if not isinstance(data, dict) or not isinstance(data.get("id"), str) or not data["id"]:
        raise http.Refused(_NO_ANSWER)
    duplicate = bool(data.get("is_duplicate"))
    told = data.get("keyvalues")
    if isinstance(told, dict):
        # A key without a letter says nothing, and no asset can have it.
        kept = {_text(key): _text(value) for key, value in told.items() if key and value is not None}
    else:
        kept = {} if duplicate else pairs
    return RemoteFile(
        id=data["id"],
        cid=_text(data.get("cid") or ""),
        name=_text(data.get("name") or ""),
        size=int(data["size"]) if isinstance(data.get("size"), int) else 0,
        network=data["network"] if data.get("network") in NETWORKS else network,
        keyvalues=kept,
        created_at=_text(data.get("created_at") or ""),
        duplicate=duplicate,
    )


def _is_wanted(file: RemoteFile, cid: str, name: str, keyvalues: Mapping[str, str]) -> bool:
    return (
        cid in ("", file.cid)
        and name in ("", file.name)
        and all(file.keyvalues.get(key) == value for key, value in keyvalues.items())
    )


def _text(value: object) -> str:
    """Return a value as text that can be written: JSON may hold halves of letters."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _dedicated(gateway: str) -> str:
    """Return the address of a gateway at Pinata itself; "" for every other, which gets no signed address."""
    return gateway.rstrip("/") if _DEDICATED.fullmatch(gateway) else ""


def _address(domain: str, scheme: str) -> str:
    """Return the address of a gateway: Pinata lists the first label of its host only."""
    host = domain if "." in domain else f"{domain}.mypinata.cloud"
    return f"{scheme}://{host}"

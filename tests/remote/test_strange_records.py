"""Records that others put into an account at Pinata: what no asset here could be does not come in."""

import json
from typing import Any

import pytest
from helpers.pinata import Pinata as Server
from helpers.pinata import cid_of_bytes

from stargazer_cli.errors import StargazerError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore
from stargazer_cli.store.record import blank
from stargazer_cli.store.remote import sync

CID = cid_of_bytes(b"bam")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nonsense": "1"}, "asset=alignment has no key 'nonsense'"),
        ({"duplicates_marked": "banana"}, "must be true or false"),
        ({"sample_id": "../../etc"}, "is not usable as a name"),
    ],
)
@pytest.mark.parametrize("by", ["pairs", "object"])
def test_a_pull_refuses_it_and_nothing_comes(
    server: Server, attached: Settings, by: str, change: dict[str, str], told: str
) -> None:
    store = LocalStore(attached)
    keyvalues = {"asset": "alignment", "sample_id": "a"} | change
    if by == "pairs":
        server.store(b"bam", "a.bam", keyvalues)
    else:
        record = blank(id="1", cid=CID, name="a.bam", keyvalues=keyvalues)
        content = json.dumps({"stargazer": 1, "cid": CID, "records": [record]}).encode()
        server.store(content, "x", {"record_of": CID})
        pairs = {"asset": "alignment", "record_cid": cid_of_bytes(content), "record_partial": "true"}
        server.store(b"bam", "a.bam", pairs)
    with pytest.raises(StargazerError, match=f"{CID}.* at Pinata cannot be taken: .*{told}"):
        sync.pull(store, [CID])
    assert store.find() == []
    assert store.object(CID) is None
    # It can be looked at.
    [found] = sync.remote_find(attached, cid=CID)
    assert change.items() <= found.keyvalues.items()


@pytest.mark.parametrize("keyvalues", [{"asset": "hologram", "depth": "x"}, {"asset": "alignment"}])
def test_a_kind_of_another_version_comes_as_it_is(
    server: Server, attached: Settings, keyvalues: dict[str, Any]
) -> None:
    server.store(b"bam", "a.bam", keyvalues)
    [pulled] = sync.pull(LocalStore(attached), [CID])
    assert [asset.keyvalues for asset in pulled.assets] == [keyvalues]

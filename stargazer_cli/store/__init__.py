"""The asset store: bytes named by their CID, and records of what they are."""

from stargazer_cli.store.cid import CidHasher, check_cid, cid_of, cids_of
from stargazer_cli.store.local import Added, Deleted, Link, LocalStore, NewFile, get_client

__all__ = [
    "Added",
    "CidHasher",
    "Deleted",
    "Link",
    "LocalStore",
    "NewFile",
    "check_cid",
    "cid_of",
    "cids_of",
    "get_client",
]

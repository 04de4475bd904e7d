"""The asset store: bytes named by their CID, and records of what they are."""

from stargazer_cli.store.cid import CidHasher, check_cid, cid_of
from stargazer_cli.store.local import Added, LocalStore, NewFile, get_client

__all__ = ["Added", "CidHasher", "LocalStore", "NewFile", "check_cid", "cid_of", "get_client"]

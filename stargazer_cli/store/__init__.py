"""The asset store: bytes named by their CID, and records of what they are.

    local                   LocalStore, which brings both together: begin here

Bytes
    cid                     content identifiers, computed while bytes pass by
    files                   moving bytes so that a file is whole or absent; progress over several files
    objects                 the folder that has each file once, read-only
    gather, intake          from the paths that a user names to files, and what each of them is
    copies                  files that are copied out together, and what they are called

Records
    record                  their fields, what is taken from outside, when two are one
    lineage                 what was made from what, as a graph
    metadata                the interface to where they are kept
    metadata.match, .conditions, .table     queries, and the indexes that answer them
    metadata.json_file, .sealed, .takeover  the file: its form, damage and edits, files of TinyDB
    metadata.postgres, .server, .address    the server of a team
    metadata.home, .merge, .migrate         where they live, and how they join others and move

Remotes; nothing from there is trusted before its CID is checked
    remote                  the bytes of a CID, from wherever they are
    remote.download, .arriving, .resume     several sources in turn; transfers that break off and go on
    remote.plain, .blocks, .car, .unixfs    a file as one body, or block by block
    remote.source, .http, .parallel         what a source is; careful HTTP; several transfers at once
    remote.gateway          public IPFS gateways
    remote.pinata, .tus, .records, .sync    an account at Pinata: files, uploads, records, push, pull

Upkeep
    upkeep                  verify, repair and gc
    portable, carry         export and import: the records, and the files beside them
"""

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

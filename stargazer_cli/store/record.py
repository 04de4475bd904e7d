"""The record of an asset, as it is kept and sent: its fields, and when two records are one.

This is the only place that lists the fields. Those outside the keyvalues are the base fields of
`stargazer_cli.assets.Asset`, without the path, which is of this machine.
"""

from collections.abc import Mapping
from typing import Any

from stargazer_cli.assets import KINDS, Asset
from stargazer_cli.assets.names import check_name
from stargazer_cli.errors import UsageError
from stargazer_cli.store.cid import check_cid, is_cid
from stargazer_cli.store.objects import unique

Record = dict[str, Any]
Identity = tuple[Any, ...]

# In the order in which they are written; the value is what stands for "not set".
_BLANK: Record = {
    "id": "",
    "cid": "",
    "name": "",
    "keyvalues": {},
    "derived_from": [],
    "run_ids": [],
    "recipe": "",
    "recipes": [],
    "created_at": "",
    "owner": "",
}
FIELDS = tuple(_BLANK)
TEXTS = tuple(key for key, value in _BLANK.items() if value == "")
LISTS = tuple(key for key, value in _BLANK.items() if value == [])
_UNITING = ("run_ids", "recipes")


def blank(**fields: Any) -> Record:
    """Return a record with every field, and these set."""
    record = {key: value.copy() if isinstance(value, list | dict) else value for key, value in _BLANK.items()}
    return record | fields


def identity(record: Mapping[str, Any]) -> Identity:
    """Return what makes a record the same as another: its CID and keyvalues."""
    return record["cid"], *sorted(record["keyvalues"].items())


def united(kept: Mapping[str, Any], other: Mapping[str, Any]) -> Record:
    """Return what a record becomes when an equal one comes: nothing is replaced, and nothing is lost.

    Runs and recipes unite, those of `kept` first: the first run stays the maker. What it was made from is
    that run's: of the inputs of two runs together no run made it. This and texts are filled in where there
    were none.
    """
    lists = {key: list(dict.fromkeys([*kept.get(key, []), *other.get(key, [])])) for key in _UNITING}
    filled = {key: kept.get(key) or other.get(key) or _BLANK[key] for key in (*TEXTS, "derived_from")}
    return {**kept, **lists, **filled}


def shaped(document: Any) -> Record:
    """Return a record with every field, and with only these, whatever its keyvalues say.

    Raises ValueError, with the reason, for what is not the record of an asset.
    """
    if not isinstance(document, dict):
        raise ValueError("it is not a record")
    record = blank(**{key: document[key] for key in FIELDS if key in document})
    keyvalues = record["keyvalues"]
    told = "keyvalues" in document and isinstance(keyvalues, dict) and _are_text([*keyvalues.values()])
    if not told:
        raise ValueError("its keyvalues are not text")
    for key in TEXTS:
        if not isinstance(record[key], str):
            raise ValueError(f"its {key} is not text")
    for key in LISTS:
        if not _are_text(record[key]):
            raise ValueError(f"its {key} is not a list of text")
    _told(Asset.from_keyvalues, keyvalues)
    if record["recipe"] and not record["recipes"]:
        record["recipes"] = [record["recipe"]]
    return record


def checked(document: Any) -> Record:
    """Return a record that comes from outside, complete, when a new asset could be what it says.

    Raises ValueError, with the reason and what is allowed, for anything else: what a store took in, each of
    its queries meets. A kind that is not known here may have any keys, as another version wrote it.
    """
    record = shaped(document)
    if not record["cid"].isalnum():
        raise ValueError("its cid is not one")
    _told(check_cid, record["cid"])
    record["id"] = _told(check_name, "record id", record["id"]) if record["id"] else unique()
    if is_cid(record["id"]):
        raise ValueError("its id is a CID: whoever names that file would mean this record")
    record["keyvalues"] = checked_keyvalues(record["keyvalues"])
    return record


def checked_keyvalues(keyvalues: Mapping[str, str]) -> dict[str, str]:
    """Return the keyvalues of a record from outside in the form in which a new asset has them.

    Raises ValueError, with the reason, for what no asset of their kind has.
    """
    cls = KINDS.get(keyvalues.get("asset", ""), Asset)
    asset: Asset = _told(cls.from_keyvalues, keyvalues)
    return asset.to_keyvalues()


def _are_text(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _told(check: Any, *arguments: Any) -> Any:
    """Call a check; what it refuses is a ValueError with its reason and hint in one line."""
    try:
        return check(*arguments)
    except UsageError as error:
        raise ValueError(" ".join(filter(None, [error.message, error.hint])).rstrip(".")) from None

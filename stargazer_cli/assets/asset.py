"""What an asset is: bytes named by their CID, with metadata that says what they are.

Metadata crosses the storage boundary as flat keyvalues (`dict[str, str]`): text passes through, every other
type is JSON, and what is not set is left out.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from stargazer_cli.errors import StargazerError, UsageError

if TYPE_CHECKING:
    from stargazer_cli.store import LocalStore

Family = Literal["reads", "reference", "alignment", "variants", "cells", "reports", "other"]
# Every kind by its key; a class enters when it is defined.
KINDS: dict[str, type["Asset"]] = {}
# Of what a person or a program says of a file; what a run says of its results is as it is.
LONGEST_VALUE = 10_000
_LONGEST_KEY = 200
_MOST_KEYS = 1000


def to_text(value: Any) -> str:
    """Return a value as it is kept in keyvalues."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def from_text(value: Any) -> Any:
    """Undo `to_text` for a value that is not text; what is not JSON is left for the model to judge."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def check_said(keyvalues: Mapping[str, Any]) -> None:
    """Refuse what is too long to be metadata: it would be in every answer that lists the file.

    Of a list each item may be as long as a value, and all of it a hundred times that.
    """
    if len(keyvalues) > _MOST_KEYS:
        raise UsageError(f"There are {len(keyvalues)} keys, more than {_MOST_KEYS}.")
    for key, value in keyvalues.items():
        if len(key) > _LONGEST_KEY:
            raise UsageError(f"The key {key[:60]!r}… has {len(key)} characters, more than {_LONGEST_KEY}.")
        text = to_text(value)
        read = from_text(value) if text[:1] == "[" and len(text) <= 100 * LONGEST_VALUE else None
        longest = (
            max((len(to_text(each)) for each in read), default=0) if isinstance(read, list) else len(text)
        )
        if longest > LONGEST_VALUE:
            raise UsageError(
                f"The value of {key} has {longest} characters, more than {LONGEST_VALUE}.",
                "Store a long text as a file of its own.",
            )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of an error about `word`: the known word that is most like it, if one is."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, 1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _is_set(value: Any) -> bool:
    return value not in (None, "", [])


class Asset(BaseModel):
    """A file and what it is; this class itself is the bare asset, which may carry any keys.

    The fields below belong to the record and not to its identity: two records are the same when their CID
    and their keyvalues are the same.
    """

    model_config = ConfigDict(
        extra="allow",
        defer_build=True,  # a command builds the models of the kinds that it meets, not of all
        validate_assignment=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    kind: ClassVar[str] = ""
    # The kinds that are shown in one colour.
    kind_family: ClassVar[Family] = "other"
    # Kinds that travel with this one, and the field by which they point at it.
    companion_kinds: ClassVar[dict[str, str]] = {}
    # Fields of this one that point at what travels with it, and the kind which that is.
    companion_links: ClassVar[dict[str, str]] = {}

    cid: str = ""
    name: str = ""
    path: Path | None = None
    id: str = ""
    run_ids: list[str] = []
    derived_from: list[str] = []
    # The first maker's recipe, and every recipe that gave these bytes: two parameters may give the same.
    recipe: str = ""
    recipes: list[str] = []
    created_at: str = ""
    owner: str = ""

    # Positional: a bare asset may have a key `self`.
    def __init__(self, /, **fields: Any) -> None:
        kind = type(self).kind
        if kind:
            _refuse_unknown(kind, fields)
        else:
            fields = _bare(fields)
        for key, value in fields.items():
            _check_utf8(key, value)
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _explain(kind, error) from None

    def __init_subclass__(cls, **options: Any) -> None:
        """Enter the class of a kind into `KINDS`."""
        super().__init_subclass__(**options)
        if cls.kind:
            KINDS[cls.kind] = cls

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field, under the rules that hold for a new asset."""
        kind = type(self).kind
        if kind and not name.startswith("_"):
            _refuse_unknown(kind, [name])
        elif name not in BASE_FIELDS and not name.startswith("_"):
            value = to_text(value)
        _check_utf8(name, value)
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise _explain(kind, error) from None

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Return the keys of this kind, without `asset`."""
        return tuple(name for name in cls.model_fields if name not in BASE_FIELDS)

    @classmethod
    def canonical(cls, key: str, value: Any) -> str:
        """Return `value` of the field `key` as keyvalues hold it, whatever way it was written."""
        asset = cls.from_keyvalues({key: value}) if isinstance(value, str) else cls(**{key: value})
        return to_text(getattr(asset, key))

    @property
    def keyvalues(self) -> dict[str, str]:
        """What the asset is, as storage keeps it."""
        return self.to_keyvalues()

    def to_keyvalues(self) -> dict[str, str]:
        """Return what the asset is as flat text; fields that are not set are left out."""
        if not self.kind:
            return {key: value for key, value in (self.model_extra or {}).items() if _is_set(value)}
        values = {name: getattr(self, name) for name in self.fields()}
        return {"asset": self.kind} | {key: to_text(value) for key, value in values.items() if _is_set(value)}

    @classmethod
    def from_keyvalues(cls, keyvalues: dict[str, str], **base: Any) -> Self:
        """Build an asset from what storage keeps; `base` holds the fields outside the keyvalues."""
        values: dict[str, Any] = dict(keyvalues)
        _refuse_kept(values)
        if not cls.kind:
            return cls(**values, **base)
        claimed = values.pop("asset", cls.kind)
        if claimed != cls.kind:
            raise UsageError(f"Keyvalues of asset={claimed} are not those of asset={cls.kind}.")
        for key, value in values.items():
            if key in cls.model_fields and not is_text(cls.model_fields[key].annotation):
                values[key] = from_text(value)
        return cls(**values, **base)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole record in a form that JSON can hold."""
        base = {name: getattr(self, name) for name in BASE_FIELDS}
        return base | {"path": str(self.path) if self.path else None, "keyvalues": self.to_keyvalues()}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        base = {key: value for key, value in document.items() if key in BASE_FIELDS}
        return cls.from_keyvalues(document.get("keyvalues", {}), **base)

    def companions(self, store: "LocalStore | None" = None) -> list["Asset"]:
        """Find the assets that travel with this one: its indexes, its mate.

        It is enough that one of the two points at the other. Other records of the same bytes stay behind.
        """
        if not self.cid:
            return []
        store = store or _default_store()
        found: list[Asset] = []
        for kind, field in self.companion_kinds.items():
            found += store.find(asset=kind, **{field: self.cid})
        for field, kind in self.companion_links.items():
            link = getattr(self, field)
            found += store.find(asset=kind, cid=link) if link else []
        return list({asset.id: asset for asset in found}.values())

    def fetch(self) -> list["Asset"]:
        """Bring the file and its companions here, set their `path`, and return the companions."""
        store = _default_store()
        together = self.companions(store)
        for asset in (self, *together):
            if not asset.cid:
                raise StargazerError(f"{asset.name or 'The asset'} has no CID, so nothing can be fetched.")
            store.pull(asset.cid, asset.name)
            asset.path = store.stage(asset.cid, asset.name or asset.cid)
        return together

    def update(self, path: Path, **fields: Any) -> None:
        """Set `fields`, store the bytes of `path`, and take on their CID and record."""
        from stargazer_cli.store import NewFile

        for key, value in fields.items():
            setattr(self, key, value)
        stored = _default_store().add([NewFile(Path(path), self.model_copy(update={"cid": ""}))])[0].asset
        for name in BASE_FIELDS:
            setattr(self, name, getattr(stored, name))


BASE_FIELDS = frozenset(Asset.model_fields)


class TypedAsset(Asset, extra="forbid"):
    """An asset of a known kind: only the fields of its kind are taken."""


def _default_store() -> "LocalStore":
    from stargazer_cli.store import get_client

    return get_client()


def is_text(annotation: Any) -> bool:
    """Whether a field holds text, which keyvalues keep as it is."""
    return annotation is str or get_origin(annotation) is Literal


def _bare(fields: dict[str, Any]) -> dict[str, Any]:
    """Spread `keyvalues` over the fields of a bare asset, every one as text."""
    spread = dict(fields.pop("keyvalues", {}))
    _refuse_kept(spread)
    fields = fields | spread
    for key, value in fields.items():
        if not key:
            raise UsageError("A key must not be empty.")
        if key not in BASE_FIELDS and value is not None:
            fields[key] = to_text(value)
    return fields


def _refuse_kept(keys: Iterable[str]) -> None:
    """Refuse keys that a record has beside its keyvalues."""
    for key in keys:
        if key in BASE_FIELDS or key == "keyvalues":
            raise UsageError(f"The key {key!r} is kept by the store and cannot be set.")


def _check_utf8(key: str, value: Any) -> None:
    if key in BASE_FIELDS:
        return
    try:
        (key + to_text(value)).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{key!r} or its value is not text in UTF-8.") from None


def _refuse_unknown(kind: str, keys: Any) -> None:
    allowed = KINDS[kind].model_fields
    for key in keys:
        if key not in allowed:
            names = KINDS[kind].fields()
            raise UsageError(
                f"asset={kind} has no key {key!r}.{did_you_mean(key, names)}",
                f"Its keys are: {', '.join(names)}.",
            )


_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": 'a list, written as JSON: ["a", "b"]',
    "string_type": "text",
}


def _explain(kind: str, error: ValidationError) -> UsageError:
    """Turn the first complaint of the model into one line that names the key."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    wanted = _EXPECTED.get(first["type"])
    if first["type"] == "literal_error":
        choices: str = first["ctx"]["expected"]
        wanted = "one of " + choices.removeprefix("'', ").replace("'", "").replace(" or ", ", ")
    of = f" of asset={kind}" if kind else ""
    if wanted is None:
        return UsageError(f"{key}{of} is not usable: {first['msg']}.")
    return UsageError(f"{key}{of} must be {wanted}, not {str(first['input'])[:60]!r}.")

"""The kinds of assets, described for the forms of a page."""

from types import NoneType
from typing import Any, Literal, get_args, get_origin

from stargazer_cli.assets import KINDS, Asset
from stargazer_cli.assets.asset import is_text

_ABBREVIATIONS = ("id", "cid", "bqsr", "vqsr")


def described(cls: type[Asset], count: int) -> dict[str, Any]:
    """Return a kind, of which there are so many records, as forms ask for it."""
    companions = list(dict.fromkeys([*cls.companion_kinds, *cls.companion_links.values()]))
    return {
        "name": cls.kind,
        "description": summary_of(cls),
        "count": count,
        "companions": companions,
        "fields": [_field(cls, name) for name in cls.fields()],
    }


def summary_of(cls: type[Asset]) -> str:
    """Return what a kind is, in one line."""
    return (cls.__doc__ or "").partition("\n")[0] if cls.kind else ""


def _field(cls: type[Asset], name: str) -> dict[str, Any]:
    annotation = cls.model_fields[name].annotation
    words = [part.upper() if part in _ABBREVIATIONS else part for part in name.split("_")]
    return {
        "name": name,
        "label": " ".join([words[0][:1].upper() + words[0][1:], *words[1:]]),
        "type": _type(annotation),
        "choices": [each for each in get_args(annotation) if each] if is_text(annotation) else [],
        "link": name.endswith("_cid"),
        "links_to": _target(cls, name),
    }


def _type(annotation: Any) -> Literal["string", "boolean", "integer", "number", "list"]:
    if is_text(annotation):
        return "string"
    [plain, *_] = [each for each in get_args(annotation) or [annotation] if each is not NoneType]
    if get_origin(annotation) is list:
        return "list"
    return {bool: "boolean", int: "integer", float: "number"}[plain]  # type: ignore[return-value]


def _target(cls: type[Asset], name: str) -> str | None:
    """Return the kind that a link means: that which the link's name begins with, or the companion."""
    if not name.endswith("_cid"):
        return None
    named = name.removesuffix("_cid")
    return cls.companion_links.get(name) or (named if named in KINDS else None)

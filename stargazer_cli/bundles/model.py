"""What a bundle is: its description in YAML, checked as a whole before anything is fetched."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stargazer_cli.errors import StargazerError, UsageError

if TYPE_CHECKING:
    from stargazer_cli.assets import Asset
    from stargazer_cli.store import LocalStore

_HERE = Path(__file__).parent


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class PublishedFile(_Model):
    """A file that anyone can get by its CID, and what it is.

    keyvalues   the fields of its kind (`asset`), typed or as text
    links       `*_cid` field -> name of the file of the same bundle that it points at
    """

    name: str = Field(min_length=1, max_length=200)
    cid: str
    keyvalues: dict[str, Any]
    links: dict[str, str] = {}

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if "/" in name or name in (".", "..") or not name.isprintable():
            raise ValueError(f"{name!r} is not usable as a file name")
        return name

    @field_validator("cid")
    @classmethod
    def _verifiable(cls, cid: str) -> str:
        from stargazer_cli.store.cid import check_cid

        try:
            return check_cid(cid)
        except UsageError as error:
            raise ValueError(error.message) from None


class Bundle(_Model):
    """Files that belong together. `source` says who published them, and what of it was checked."""

    name: str
    title: str = Field(min_length=1)
    source: str = Field(min_length=1)
    files: tuple[PublishedFile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        """Refuse a name that occurs twice, a link to nothing, and keyvalues that the kind does not have."""
        known = [file.name for file in self.files]
        if twice := next((name for name in known if known.count(name) > 1), ""):
            raise ValueError(f"two files are called {twice!r}")
        for file in self.files:
            for key, target in file.links.items():
                if not key.endswith("_cid") or key in file.keyvalues:
                    raise ValueError(f"{file.name}: {key!r} is not a link")
                if target not in known:
                    raise ValueError(f"{file.name}: {key} points at {target!r}, which is not in the bundle")
            try:
                self.asset(file)
            except UsageError as error:
                raise ValueError(f"{file.name}: {error.message}") from None
        return self

    def asset(self, file: PublishedFile) -> "Asset":
        """Return what a file of the bundle is, its links turned into CIDs."""
        from stargazer_cli.assets import kind_class, to_text

        cids = {other.name: other.cid for other in self.files}
        keyvalues = {key: to_text(value) for key, value in file.keyvalues.items()}
        keyvalues |= {key: cids[target] for key, target in file.links.items()}
        kind = kind_class(keyvalues.get("asset", ""))
        return kind.from_keyvalues(keyvalues, cid=file.cid, name=file.name)

    def to_dict(self, store: "LocalStore") -> dict[str, Any]:
        """Return it in a form that JSON can hold; `here` says of a file whether the store has its bytes."""
        return {
            "name": self.name,
            "title": self.title,
            "source": self.source,
            "files": [
                {
                    "name": file.name,
                    "cid": file.cid,
                    "keyvalues": self.asset(file).to_keyvalues(),
                    "here": store.object(file.cid) is not None,
                }
                for file in self.files
            ],
        }


def names() -> tuple[str, ...]:
    """Name the bundles that there are."""
    return tuple(sorted(file.stem for file in _HERE.glob("*.yml")))


def load(name: str) -> Bundle:
    """Read the description of a bundle; an unknown one is refused with those that there are."""
    if name not in names():
        from stargazer_cli.assets import did_you_mean

        raise UsageError(
            f"There is no bundle {name!r}.{did_you_mean(name, names())}", f"There are: {', '.join(names())}."
        )
    return parse(_HERE / f"{name}.yml")


def parse(file: Path) -> Bundle:
    """Read the description of a bundle from a file, whose stem is the bundle's name.

    Raises `StargazerError` that names the file and the first thing that is wrong in it.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise StargazerError(f"{file} is not the description of a bundle: it holds no keys.")
        return Bundle.model_validate({**content, "name": file.stem})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StargazerError(f"{file} is not YAML: {' '.join(str(error).split())}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = first["msg"].removeprefix("Value error, ")
        raise StargazerError(
            f"{file} is not the description of a bundle: {where + ': ' if where else ''}{problem}."
        ) from None

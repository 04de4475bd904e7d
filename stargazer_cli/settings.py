"""Every setting of Stargazer, read once from the environment and two optional TOML files.

Order: variable > `./stargazer.toml` > `~/.config/stargazer/config.toml` > default.

`./stargazer.toml` may have come with a folder from someone else, so it has no say in who sees the user's
files, records and token: where they go, under whose account, and whether the world may read them.
"""

import os
import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from stargazer_cli.errors import UsageError

# s3://bucket/folder, of which a path keeps one slash.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")


def _not_empty(value: Any) -> Any:
    if not str(value).strip():
        raise ValueError("it is empty, give a folder or leave it unset")
    return value


def _absolute(path: Path) -> Path:
    if _ADDRESS.match(str(path)):
        raise ValueError("it is an address, and a folder of this machine is wanted")
    try:
        absolute = path.expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"there is no home folder for {path.parts[0]}") from None
    # The samplesheet and the task scripts of a run hold this path as one line of UTF-8.
    if any(letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in str(absolute)):
        raise ValueError("its path has a line break, another control character or is not UTF-8")
    # Nextflow writes its task scripts with these unquoted: the shell would act on them.
    if sign := next((letter for letter in str(absolute) if letter in "$`;{}*?"), ""):
        raise ValueError(f"Nextflow cannot work in a path with {sign}")
    return absolute


def _web_address(text: str) -> SplitResult | None:
    """Return the parts of a web address to which paths may be added; None for anything else."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if sound and not parts.query and not parts.fragment else None


def _token_may_go_there(address: str) -> str:
    parts = _web_address(address)
    if parts is None:
        raise ValueError("it is not a web address such as https://api.pinata.cloud/v3")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a user name; the token is given by PINATA_JWT")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError(
            "the token would travel in the clear: only https may be used, or http on this machine"
        )
    return address.rstrip("/")


# A relative folder is taken from where the command was started, once: tasks run elsewhere.
Folder = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_absolute)]
# Whether it is there is found out by who serves it.
Root = Annotated[Path, BeforeValidator(_not_empty)]
# What a folder that came from someone else must not decide.
OWN_ONLY = (
    "tools",
    "work",
    "notebooks",
    "roots",
    "token",
    "maven_repository",
    "container_registry",
    "db",
    "pinata_jwt",
    "pinata_visibility",
    "pinata_api",
    "pinata_uploads",
    "pinata_gateway",
)
# Where the token is sent.
Account = Annotated[str, AfterValidator(_token_may_go_there)]


def _read(path: Path, known: Collection[str], refused: Collection[str] = ()) -> dict[str, Any]:
    """Return what a TOML file sets, its names in any case; what is wrong with it is told by its name."""
    where = path.absolute()
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The settings file {where} cannot be read: {reason}.") from None
    for name in said:
        if name.upper() not in known:
            raise UsageError(
                f"The settings file {where} sets {name!r}, which is no setting.",
                "`stargazer config` lists the settings.",
            )
        if name.upper() in refused:
            raise UsageError(
                f"{where} sets {name}, which a folder's own file may not: it decides what is run, or who sees"
                " your files and records.",
                "Set it in the environment or in ~/.config/stargazer/config.toml.",
            )
    return {name.upper(): value for name, value in said.items()}


def _gateway(address: str) -> str:
    if not address:
        return address
    parts = _web_address(address)
    if parts is None or "@" in parts.netloc:
        raise ValueError("it is not a plain web address such as https://dweb.link")
    return address.rstrip("/")


def _registry(name: str) -> str:
    if name and not re.fullmatch(r"[a-z0-9][a-z0-9._-]*(:\d+)?(/[a-z0-9][a-z0-9._-]*)*", name):
        raise ValueError("it is not the name of a registry such as ghcr.io/your-group")
    return name


def _folders(value: Any) -> Any:
    """Split what a variable holds, folders with a colon between them; a file has a list."""
    return value.split(":") if isinstance(value, str) else value


def _database(value: Any) -> Any:
    """Refuse what is no address of a database; an empty one is none."""
    address = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not address:
        return None
    if not str(address).startswith(("postgresql://", "postgres://")):
        raise ValueError("it is not postgresql://user:password@host:5432/database")
    return value


class Settings(BaseSettings):
    """Where things are kept and which remotes are used."""

    model_config = SettingsConfigDict(
        env_ignore_empty=False,
        extra="ignore",
        # Names as they are: `DB` or `tools` in somebody's environment mean something else.
        case_sensitive=True,
        hide_input_in_errors=True,  # it may be a password
    )

    local: Folder = Field(
        default=Path("~/.stargazer/local"),
        validate_default=True,
        alias="STARGAZER_LOCAL",
        description="The asset store and the run records.",
    )
    tools: Folder = Field(
        default=Path("~/.stargazer/tools"),
        validate_default=True,
        alias="STARGAZER_TOOLS",
        description="Tools that `stargazer setup` fetched.",
    )
    work: Folder | None = Field(
        default=None,
        alias="STARGAZER_WORK",
        description="Nextflow's work folders, one a run, such as on a scratch disk; unset: in the runs' own.",
    )
    notebooks: Folder = Field(
        default=Path("~/.stargazer/notebooks"),
        validate_default=True,
        alias="STARGAZER_NOTEBOOKS",
        description="Your copies of the notebooks.",
    )
    roots: Annotated[tuple[Root, ...], NoDecode, BeforeValidator(_folders), Field(min_length=1)] = Field(
        default=(Path(),),
        alias="STARGAZER_ROOTS",
        description="Folders in which a server's clients may read and write files, with : between them; "
        "unset: the current one.",
    )
    token: SecretStr | None = Field(
        default=None,
        alias="STARGAZER_TOKEN",
        description="What clients of a server must give; unset: only this machine is served.",
    )
    maven_repository: SecretStr | None = Field(
        default=None,
        alias="STARGAZER_MAVEN_REPOSITORY",
        description="A Maven mirror to fetch Nextflow and GATK from, which may hold a password.",
    )
    container_registry: Annotated[str, AfterValidator(_registry)] = Field(
        default="",
        alias="STARGAZER_CONTAINER_REGISTRY",
        description="Where engines pull stargazer/… from; an empty string: the images built here.",
    )
    owner: str = Field(default="", alias="STARGAZER_OWNER", description="Written into each new record.")
    db: Annotated[SecretStr | None, BeforeValidator(_database)] = Field(
        default=None,
        alias="STARGAZER_DB",
        description="postgresql://… for a team's store; unset: the JSON file in the store.",
    )
    pinata_jwt: SecretStr | None = Field(
        default=None, alias="PINATA_JWT", description="Switches on Pinata (API v3)."
    )
    pinata_visibility: Literal["private", "public"] = Field(
        default="private", alias="PINATA_VISIBILITY", description="Network that uploads go to."
    )
    pinata_api: Account = Field(
        default="https://api.pinata.cloud/v3",
        validate_default=True,
        alias="PINATA_API",
        description="Pinata's API, to which the token is sent.",
    )
    pinata_uploads: Account = Field(
        default="https://uploads.pinata.cloud/v3",
        validate_default=True,
        alias="PINATA_UPLOADS",
        description="Where uploads to Pinata are sent, with the token.",
    )
    pinata_gateway: Annotated[str, AfterValidator(_gateway)] = Field(
        default="https://dweb.link",
        alias="PINATA_GATEWAY",
        description="Public IPFS gateway; an empty string switches public downloads off.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables first, then the two TOML files."""
        names = {name: str(field.alias) for name, field in cls.model_fields.items()}
        refused = {names[each] for each in OWN_ONLY}
        # The folder's own file may be someone else's.
        project = _read(Path("stargazer.toml"), names.values(), refused)
        own = _read(Path("~/.config/stargazer/config.toml").expanduser(), names.values())
        return init_settings, env_settings, InitSettingsSource(settings_cls, own | project)


def checked_folder(path: Path, what: str) -> Path:
    """Return a folder of the command line as a setting would have it; `what` names it in errors."""
    try:
        return TypeAdapter[Path](Folder).validate_python(path)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"{what} {path}: {reason}.") from None


def read_settings() -> Settings:
    """Return the settings as they stand; UsageError, in one line, names one that is not usable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"The setting {name} is not usable: {first['msg'].removeprefix('Value error, ')}.",
            "Correct it in the environment or in the settings file; `stargazer config` lists the settings.",
        ) from None


def described(settings: Settings) -> list[dict[str, str]]:
    """Return of every setting its name, its value, where that came from, and what it is; secrets masked."""
    return [
        {
            "name": str(field.alias),
            "value": _shown(getattr(settings, name)),
            "origin": _origin(settings, name, str(field.alias)),
            "description": field.description or "",
        }
        for name, field in type(settings).model_fields.items()
    ]


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    return "" if value is None else str(value)


def _origin(settings: Settings, name: str, alias: str) -> str:
    if alias in os.environ:
        return "environment"
    return "file" if name in settings.model_fields_set else "default"

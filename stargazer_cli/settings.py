"""Every setting of Stargazer, read once from the environment and two optional TOML files.

Order: variable > `./stargazer.toml` > `~/.config/stargazer/config.toml` > default.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def _not_empty(value: Any) -> Any:
    if not str(value).strip():
        raise ValueError("it is empty, give a folder or leave it unset")
    return value


def _absolute(path: Path) -> Path:
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


# A relative folder is taken from where the command was started, once: tasks run elsewhere.
Folder = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_absolute)]


class Settings(BaseSettings):
    """Where things are kept and which remotes are used."""

    model_config = SettingsConfigDict(
        env_ignore_empty=False,
        extra="ignore",
        populate_by_name=True,
        toml_file=[Path("~/.config/stargazer/config.toml").expanduser(), Path("stargazer.toml")],
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
    maven_repository: SecretStr | None = Field(
        default=None,
        alias="STARGAZER_MAVEN_REPOSITORY",
        description="A Maven mirror to fetch Nextflow and GATK from, which may hold a password.",
    )
    owner: str = Field(default="", alias="STARGAZER_OWNER", description="Written into each new record.")
    db: SecretStr | None = Field(
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
    pinata_gateway: str = Field(
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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

"""The resource `stargazer://config`: how the server is set up, with its secrets masked."""

from typing import TYPE_CHECKING

from stargazer_cli import __version__
from stargazer_cli.mcp.models import ServerConfig, SettingState
from stargazer_cli.settings import described

if TYPE_CHECKING:
    from stargazer_cli.serving.access import Roots
    from stargazer_cli.settings import Settings


def config_of(settings: "Settings", roots: "Roots") -> ServerConfig:
    """Return every setting, where it came from, and the folders that clients may use."""
    return ServerConfig(
        version=__version__,
        settings=[SettingState.model_validate(each) for each in described(settings)],
        roots=[str(folder) for folder in roots.folders],
    )

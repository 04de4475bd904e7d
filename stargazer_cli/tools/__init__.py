"""The tools that runs use: found on this machine, or fetched."""

from stargazer_cli.tools.install import ensure
from stargazer_cli.tools.spec import tools_for
from stargazer_cli.tools.toolbox import Tool, Toolbox, locate

__all__ = ["Tool", "Toolbox", "ensure", "locate", "tools_for"]

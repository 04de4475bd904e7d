"""`python -m stargazer_cli`: the command, where its script is not on PATH."""

from stargazer_cli.commands.main import cli

cli()

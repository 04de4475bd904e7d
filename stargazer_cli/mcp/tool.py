"""A tool: what it says of itself to a model, and how an error reaches the client."""

import logging
from collections.abc import Callable
from typing import Any, cast

from fastmcp.exceptions import FastMCPError, ToolError, ValidationError
from fastmcp.tools import FunctionTool, ToolResult
from mcp_types import ToolAnnotations
from pydantic import ValidationError as WrongValues
from typing_extensions import override

from stargazer_cli.errors import StargazerError, fault
from stargazer_cli.output import printable

# Not below "stargazer", whose notices are single lines: a fault is told with its traceback.
_LOG = logging.getLogger("stargazer_mcp")
# Of what a client wrote, so much is repeated to it.
_LONGEST_LINE = 2000
_MOST_ITEMS = 100


class Tool(FunctionTool):
    """A function whose errors are told as the command line tells them."""

    @override
    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Call the function.

        Raises:
            ToolError: the text of what went wrong, for the client.

        """
        try:
            return await super().run(arguments)
        except ValidationError as error:
            raise _told(_wrong_arguments(self, error)) from None
        except FastMCPError:
            raise
        except StargazerError as error:
            raise _told(error) from None
        except OSError as error:
            raise _told(fault(error)) from error
        except Exception as error:
            # A fault of ours: its traceback is for who runs the server, not for the client.
            _LOG.exception("The tool %s failed", self.name)
            raise ToolError(
                f"The tool {self.name} failed by a fault of its own ({type(error).__name__}).\n"
                "Hint:  The log of the server says more."
            ) from error


def tool(function: Callable[..., Any], *, title: str, **hints: bool) -> Tool:
    """Make a tool of a function, whose text and annotations tell a model how to use it.

    `hints` are those of MCP: read_only_hint, destructive_hint, idempotent_hint, open_world_hint.
    """
    annotations = ToolAnnotations(title=title, **_complete(hints))
    return cast(Tool, Tool.from_function(function, title=title, annotations=annotations))


def text_of(error: StargazerError) -> str:
    """Return an error as the command line shows it, without the word that announces it."""
    items = error.items
    if len(items) > _MOST_ITEMS:
        items = (*items[:_MOST_ITEMS], f"and {len(items) - _MOST_ITEMS} more")
    lines = StargazerError(error.message, error.hint, items).lines()
    return "\n".join(_shortened(printable(line)) for line in lines)


def _told(error: StargazerError) -> ToolError:
    # It is the client's to know: no line in the server's log.
    return ToolError(text_of(error), log_level=logging.DEBUG)


def _complete(hints: dict[str, bool]) -> dict[str, bool]:
    """Return all four hints: what is not said is taken for the worst."""
    read_only = hints.get("read_only_hint", False)
    defaults = {
        "read_only_hint": read_only,
        "destructive_hint": False,
        "idempotent_hint": read_only,
        "open_world_hint": False,
    }
    return defaults | hints


def _wrong_arguments(tool: Tool, error: ValidationError) -> StargazerError:
    """Name each argument that is wrong, and those that there are."""
    cause = error.__cause__
    known = ", ".join(tool.parameters.get("properties", {})) or "none"
    if not isinstance(cause, WrongValues):
        return StargazerError(f"The arguments of {tool.name} are wrong: {error}", f"They are: {known}.")
    problems: dict[str, None] = {}
    for each in cause.errors(include_url=False, include_context=False, include_input=False):
        name, *inner = each["loc"] or ("",)
        # Of a value that may be of several types, the complaint of each of them comes.
        problems[f"{name}{_place(inner)}: {each['msg']}"] = None
    return StargazerError(f"The arguments of {tool.name} are wrong:", f"They are: {known}.", problems)


def _place(inner: list[int | str]) -> str:
    """Return where in a value something is wrong, without the types that were tried."""
    keys = [str(each) for each in inner if isinstance(each, int) or not _is_type(each)]
    return "".join(f"[{_shortened(key, 60)}]" for key in keys)


def _is_type(name: str) -> bool:
    return name in ("str", "int", "float", "bool", "none", "[key]") or name.startswith(("list[", "dict["))


def _shortened(text: str, longest: int = _LONGEST_LINE) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"

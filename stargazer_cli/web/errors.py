"""How an error is told: its words are those of the command line, and the status says whose fault it is."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from stargazer_cli.errors import StargazerError, UsageError, fault
from stargazer_cli.web.models import ErrorAnswer

_LOG = logging.getLogger("stargazer")
_LONGEST = 2000
_MOST_ITEMS = 100
# What each route may answer, for the description of the API.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": what}
    for status, what in {
        400: "The request is wrong.",
        401: "The token is missing.",
        403: "The request does not come from the page of this server.",
        404: "It is not there.",
        409: "It cannot be done as things stand.",
        413: "It is too much.",
        415: "It is sent in another form than is taken.",
        416: "The file has no such part.",
        422: "The request is not of the right shape.",
        500: "The work failed.",
    }.items()
}
_REFERENCE = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}


def responses_of(*kinds: str, partly: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return what a route may answer that gives a file of one of these media types, or parts of it."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}
    errors = {
        status: {"description": response["description"], "content": _REFERENCE}
        for status, response in RESPONSES.items()
    }
    parts: dict[int | str, dict[str, Any]] = {206: {"content": content}, 304: {"description": "It is there."}}
    return {**errors, 200: {"content": content}, **(parts if partly else {})}


class RefusalError(Exception):
    """An error with the status that it is answered with."""

    def __init__(self, status: int, error: StargazerError) -> None:
        self.status = status
        self.error = error
        super().__init__(error.message)


@contextmanager
def refusing(status: int) -> Iterator[None]:
    """Answer a wrong request with a status of its own, such as 404 for what is not there."""
    try:
        yield
    except UsageError as error:
        raise RefusalError(status, error) from None


def check_query(request: Request) -> None:
    """Refuse a parameter that a route does not have: it is a slip, and would silently do nothing."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    known = {field.alias for field in dependant.query_params} if dependant else set()
    unknown = [key for key in request.query_params if key not in known]
    if unknown:
        raise RefusalError(
            422,
            UsageError(
                f"There is no parameter {unknown[0][:60]!r} here.",
                f"The parameters are: {', '.join(sorted(known))}." if known else None,
            ),
        )


def told(status: int, error: StargazerError) -> Response:
    """Return the answer that tells an error."""
    items = [item[:_LONGEST] for item in error.items[:_MOST_ITEMS]]
    hint = error.hint and error.hint[:_LONGEST]
    body = {"message": error.message[:_LONGEST], "items": items, "hint": hint}
    # As ASCII: a request may hold what is no text, which its error repeats.
    return Response(json.dumps({"error": body}), status, media_type="application/json")


def handle_errors(application: FastAPI) -> None:
    """Let the application answer every error in one form."""

    async def refusal(_: Request, error: Exception) -> Response:
        assert isinstance(error, RefusalError)  # noqa: S101 - as it is entered below
        return told(error.status, error.error)

    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, StargazerError)  # noqa: S101
        return told(400 if isinstance(error, UsageError) else 500, error)

    async def ill_shaped(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        items = [
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()[:20]
        ]
        return told(422, UsageError("The request is not of the right shape:", items=items))

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        answer = told(error.status_code, UsageError(f"{error.detail}."))
        answer.headers.update(error.headers or {})
        return answer

    async def system(_: Request, error: Exception) -> Response:
        assert isinstance(error, OSError)  # noqa: S101
        return told(500, fault(error))

    async def unknown(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s failed.", request.method, request.url.path, exc_info=error)
        return told(500, StargazerError("The server made a mistake.", "What it was is on its terminal."))

    application.add_exception_handler(RefusalError, refusal)
    application.add_exception_handler(StargazerError, known)
    application.add_exception_handler(RequestValidationError, ill_shaped)
    application.add_exception_handler(HTTPException, http)
    application.add_exception_handler(OSError, system)
    application.add_exception_handler(Exception, unknown)

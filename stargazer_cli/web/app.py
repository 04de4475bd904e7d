"""The application: its routes, the page, and what belongs to one server."""

import mimetypes
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI, Security
from fastapi.security import HTTPBearer
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from stargazer_cli import __version__
from stargazer_cli.errors import StargazerError
from stargazer_cli.web import assets, runs, system
from stargazer_cli.web.errors import check_query, handle_errors
from stargazer_cli.web.graph import pointing_at
from stargazer_cli.web.jobs import Jobs
from stargazer_cli.web.listing import Listing

if TYPE_CHECKING:
    from stargazer_cli.serving.access import Roots
    from stargazer_cli.store import LocalStore

STATIC = Path(__file__).parent / "static"
UPLOAD = ("POST", "/api/assets")
# The page is all from here: no script or style that somebody wrote into a name can run.
_PAGE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
# What a system says of these differs, and a browser takes no module of another type.
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Context:
    """What the routes of one server share."""

    store: "LocalStore"
    roots: "Roots"
    csrf: str
    listing: Listing
    shelf: runs.Shelf
    jobs: Jobs


class _Page(StaticFiles):
    """The files of the page, each with what it may do."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_PAGE)
        return response


def make_app(store: "LocalStore", roots: "Roots", csrf: str = "") -> FastAPI:
    """Return the application over a store; a `Guard` belongs before it."""
    context = Context(store, roots, csrf, Listing(store), runs.Shelf(store), Jobs())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Who opens the page first should not wait for what takes a second in a large store.
        threading.Thread(target=_warm, args=(context.listing,), daemon=True).start()
        yield
        context.jobs.stop()

    application = FastAPI(
        title="Stargazer",
        description="The assets and runs of a store.",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        # The token is for those who read the description: the guard asks for it before a request comes here.
        dependencies=[Security(HTTPBearer(auto_error=False)), Depends(check_query)],
    )
    for part in (assets, runs, system):
        application.include_router(part.routes(context))
    handle_errors(application)
    for ending, kind in _TYPES.items():
        mimetypes.add_type(kind, ending)
    application.mount("/static", _Page(directory=STATIC), name="static")

    @application.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers=_PAGE)

    return application


def _warm(listing: Listing) -> None:
    """Read the records and make the indexes that the first requests would have made."""
    with suppress(StargazerError):  # whoever asks is told
        snapshot = listing.current()
        snapshot.page()
        pointing_at(snapshot.table, [""], 1)

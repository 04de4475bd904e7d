"""Routes for the session, the settings, bundles and jobs."""

import shutil
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from stargazer_cli import __version__, bundles
from stargazer_cli.assets import KINDS
from stargazer_cli.settings import described
from stargazer_cli.web import models
from stargazer_cli.web.errors import RESPONSES, refusing
from stargazer_cli.web.shown import shown_job

if TYPE_CHECKING:
    from stargazer_cli.web.app import Context


def routes(context: "Context") -> APIRouter:
    """Return the routes of a server."""
    router = APIRouter(prefix="/api", tags=["server"], responses=RESPONSES)
    # As they were when the server was started, which keeps to them.
    every_setting = described(context.store.settings)

    @router.get("/session", response_model=models.Session)
    def show_session() -> dict[str, Any]:
        """Tell a page what it needs first; `csrf` goes back in the header X-Stargazer-CSRF of each change."""
        settings = context.store.settings
        return {
            "csrf": context.csrf,
            "families": {kind: cls.kind_family for kind, cls in KINDS.items()},
            "version": __version__,
            "store": str(context.store.root),
            "owner": settings.owner,
            "remote": bool(settings.pinata_jwt),
            "records": len(context.listing.current().rows),
        }

    @router.get("/config", response_model=models.Config)
    def show_config() -> dict[str, Any]:
        """Show every setting, secrets masked, and the folders that clients may use."""
        root = context.store.root
        return {
            "settings": every_setting,
            "roots": [str(folder) for folder in context.roots.folders],
            "free_bytes": shutil.disk_usage(root if root.exists() else "/").free,
        }

    @router.get("/bundles", response_model=models.Bundles)
    def list_bundles() -> dict[str, Any]:
        """List the bundles of published files, and which of their files are here."""
        return {"bundles": [bundles.load(name).to_dict(context.store) for name in bundles.names()]}

    @router.post("/bundles/{name}/fetch", status_code=202, response_model=models.Job)
    def fetch_bundle(name: str) -> dict[str, Any]:
        """Bring the files of a bundle into the store, as a job."""
        from stargazer_cli.bundles.fetch import fetch

        with refusing(404):
            bundle = bundles.load(name)

        def work(progress: Any, note: Any) -> list[dict[str, Any]]:
            added = fetch(bundle, context.store, progress, note)
            context.listing.forget()
            return [each.asset.to_dict() for each in added]

        return shown_job(context, context.jobs.start(f"bundle {bundle.name}", f"fetch {bundle.name}", work))

    @router.get("/jobs", response_model=models.Jobs)
    def list_jobs() -> dict[str, Any]:
        """List what takes long and belongs to this server, the newest first."""
        return {"jobs": [shown_job(context, job) for job in context.jobs.every()]}

    @router.get("/jobs/{job_id}", response_model=models.Job)
    def show_job(job_id: str) -> dict[str, Any]:
        """Show how a job stands."""
        with refusing(404):
            return shown_job(context, context.jobs.get(job_id))

    return router

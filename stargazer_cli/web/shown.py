"""Records and jobs as the API gives them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stargazer_cli.store import Added
    from stargazer_cli.web.app import Context
    from stargazer_cli.web.jobs import Job


def shown(context: "Context", record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as the API gives it, with the size of its file where that is here."""
    path = context.store.object(record["cid"])
    keyvalues = record["keyvalues"]
    return {
        **{
            key: record[key]
            for key in ("id", "cid", "name", "run_ids", "derived_from", "created_at", "owner")
        },
        "keyvalues": keyvalues,
        "kind": keyvalues.get("asset", ""),
        "here": path is not None,
        "size": path.stat().st_size if path else None,
    }


def shown_all(context: "Context", records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return records as the API gives them."""
    return [shown(context, record) for record in records]


def shown_added(context: "Context", added: Iterable["Added"]) -> list[dict[str, Any]]:
    """Return what was stored as the API gives it."""
    return [shown(context, each.asset.to_dict()) | {"status": each.status} for each in added]


def shown_job(context: "Context", job: "Job") -> dict[str, Any]:
    """Return a job as the API gives it."""
    return {
        **{key: getattr(job, key) for key in ("id", "title", "status", "done", "total")},
        "notes": list(job.notes),
        "error": job.error and job.error.to_dict(),
        "assets": shown_all(context, job.records),
    }

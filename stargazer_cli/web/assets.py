"""Routes for the files of the store: found, shown, changed, sent and fetched."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from stargazer_cli.assets import BASE_FIELDS, KINDS, specialize, to_text
from stargazer_cli.errors import UsageError
from stargazer_cli.store.intake import take_in
from stargazer_cli.store.lineage import Direction
from stargazer_cli.store.local import NewFile, links_of
from stargazer_cli.store.objects import faults_told
from stargazer_cli.web import bytes as as_bytes
from stargazer_cli.web import models, uploads
from stargazer_cli.web.errors import RESPONSES, RefusalError, refusing, responses_of
from stargazer_cli.web.graph import Graph, around, pointing_at
from stargazer_cli.web.kinds import described, summary_of
from stargazer_cli.web.listing import Record
from stargazer_cli.web.shown import shown, shown_added, shown_all, shown_job

if TYPE_CHECKING:
    from stargazer_cli.web.app import Context

_MOST_LINKING = 50
_ENDINGS = (".html", ".htm")
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "asset": {
                            "type": "string",
                            "description": "The kind; else name and content tell it.",
                        },
                        "keyvalues": {"type": "string", "description": "A JSON object: what the files are."},
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            }
        },
    }
}
_FILE = responses_of("application/octet-stream", partly=True)
_PAGE = responses_of("text/html")

RecordId = Annotated[str, "The id of a record."]
Several = Annotated[list[str], Query(max_length=100, default_factory=list)]
Words = Annotated[str, Query(max_length=1000)]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=10**9)]


def routes(context: "Context") -> APIRouter:
    """Return the routes over the store of a server."""
    router = APIRouter(prefix="/api", tags=["assets"], responses=RESPONSES)
    _finding(router, context)
    _bytes(router, context)
    _changing(router, context)
    _describing(router, context)
    return router


def _finding(router: APIRouter, context: "Context") -> None:
    @router.get("/assets", response_model=models.AssetPage)
    def list_assets(
        *,
        kind: Several,
        where: Several,
        q: Words = "",
        run: Annotated[str, Query(max_length=300)] = "",
        sort: Annotated[str, Query(min_length=1, max_length=200)] = "-created_at",
        offset: Offset = 0,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Find assets: of some kinds, with words in name, id, CID or values, with `key=value`, of a run."""
        found = context.listing.current().page(
            words=q,
            where=_filters(where, run),
            kinds=kind,
            sort=sort,
            offset=offset,
            limit=limit,
        )
        return {
            "total": found.total,
            "offset": offset,
            "limit": limit,
            "assets": shown_all(context, found.records),
            "kinds": found.kinds,
        }

    @router.get("/assets/{record_id}", response_model=models.AssetDetail)
    def show_asset(record_id: RecordId) -> dict[str, Any]:
        """Show all about one asset: what travels with it, what points at it, and the runs that made it."""
        return _detail(context, _record(context, record_id))

    @router.get("/graph/{cid}", response_model=models.GraphAnswer)
    def show_graph(
        cid: str, direction: Direction = "both", limit: Annotated[int, Query(ge=1, le=2000)] = 200
    ) -> dict[str, Any]:
        """Show what a file was made from and what was made from it, the nearest files first."""
        graph = around(context.store.metadata.read(), cid, direction, limit)
        if not graph.records.get(cid) and not graph.arrows:
            raise RefusalError(404, UsageError(f"No asset has the CID {cid[:100]!r}."))
        return _graph(context, cid, graph)


def _bytes(router: APIRouter, context: "Context") -> None:
    @router.get("/assets/{record_id}/preview", response_model=models.Preview)
    def preview(record_id: RecordId) -> dict[str, Any]:
        """Give the beginning of a file as text, unpacked."""
        record = _here(context, record_id)
        text, truncated = as_bytes.beginning(context.store, record["cid"], record["name"])
        return {"text": text, "truncated": truncated}

    @router.get("/assets/{record_id}/download", response_class=Response, responses=_FILE)
    def download(record_id: RecordId, request: Request) -> Response:
        """Give the file, verified while it is sent; a part of it where `Range` asks for one."""
        record = _here(context, record_id)
        return as_bytes.download(context.store, request, record["cid"], record["name"])

    @router.get("/assets/{record_id}/view", response_class=Response, responses=_PAGE)
    def view(record_id: RecordId) -> Response:
        """Give an HTML report as a page that can do nothing but show itself."""
        record = _here(context, record_id)
        if not _is_page(record):
            raise RefusalError(409, UsageError(f"{record['name']} is no HTML page.", "Download it instead."))
        return as_bytes.page(context.store, record["cid"], record["name"])

    @router.post("/assets/{record_id}/fetch", status_code=202, response_model=models.Job)
    def fetch(record_id: RecordId) -> dict[str, Any]:
        """Bring the bytes of an asset here, from a remote, as a job."""
        record = _record(context, record_id)

        def work(progress: Any, _note: Any) -> list[Record]:
            context.store.pull(record["cid"], record["name"], progress)
            return [record]

        title = f"fetch {record['name'] or record['cid']}"
        return shown_job(context, context.jobs.start(record_id, title, work))


def _changing(router: APIRouter, context: "Context") -> None:
    @router.patch("/assets/{record_id}", response_model=models.Asset)
    def change_asset(record_id: RecordId, change: models.Change) -> dict[str, Any]:
        """Change what is said of an asset; its bytes and CID stay."""
        _record(context, record_id)
        asset = context.store.update(record_id, change.keyvalues)
        context.listing.forget()
        return shown(context, asset.to_dict())

    @router.delete("/assets/{record_id}", response_model=models.DeletedAsset)
    def delete_asset(record_id: RecordId, force: bool = False) -> dict[str, Any]:
        """Delete a record, and the bytes with the last one; with `force` though others link to it."""
        before = shown(context, _record(context, record_id))
        with refusing(409):
            deleted = context.store.delete(record_id, force=force)
        context.listing.forget()
        return {"asset": before, "object_removed": deleted.object_removed}

    @router.post(
        "/assets", status_code=201, response_model=models.Added, openapi_extra=_FORM, tags=["assets"]
    )
    async def upload(request: Request) -> dict[str, Any]:
        """Store files that are sent, all of them or none; mates and indexes of one call are linked."""
        with faults_told(context.store.root), context.store.objects.workspace() as workspace:
            form = await uploads.receive(request, workspace, lambda: uploads.room(workspace))
            given = _given(form.fields.get("keyvalues", ""))
            kind = form.fields.get("asset") or None
            return await run_in_threadpool(_store, context, form.files, given, kind, ours=True)

    @router.post("/assets/import", status_code=201, response_model=models.Added)
    def import_files(wanted: models.Import) -> dict[str, Any]:
        """Store files that are on the server's machine, below the folders that clients may use."""
        given = {key: to_text(value) for key, value in wanted.keyvalues.items()}
        with context.roots.reading([Path(path) for path in wanted.paths]) as reading:
            found = _store(context, reading.paths, given, wanted.asset or None)
        return found | {"notes": [reading.named(note) for note in found["notes"]]}


def _describing(router: APIRouter, context: "Context") -> None:
    @router.get("/kinds", response_model=models.Kinds)
    def list_kinds() -> dict[str, Any]:
        """List the kinds of assets and the fields of each, as forms ask for them."""
        counts = context.listing.current().page(limit=1).kinds
        return {"kinds": [described(cls, counts.get(name, 0)) for name, cls in KINDS.items()]}

    @router.get("/keys", response_model=models.Keys)
    def list_keys() -> dict[str, Any]:
        """List every key that a record here has, the most frequent first."""
        return {"keys": context.listing.current().keys()}

    @router.get("/keys/{key}", response_model=models.Values)
    def list_values(key: str, kind: Several, q: Words = "", limit: Limit = 50) -> dict[str, Any]:
        """List the values of a key, the most frequent first."""
        values = context.listing.current().values(key, kind, q)
        shown_values = [{"value": value, "count": count} for value, count in values[:limit]]
        return {"values": shown_values, "total": len(values)}


def _filters(where: Iterable[str], run: str) -> dict[str, list[str | None]]:
    filters: dict[str, list[str | None]] = defaultdict(list)
    for pair in where:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{pair[:100]!r} is not KEY=VALUE.", "Write it like sample_id=NA12878.")
        # An empty value means that the key is not set, which of a field of the record is an empty text.
        filters[key].append(value if value or key in BASE_FIELDS else None)
    if run:
        filters["run_ids"] = [run]
    return dict(filters)


def _record(context: "Context", record_id: str) -> Record:
    found = context.store.records(id=record_id)
    if not found:
        raise RefusalError(404, UsageError(f"There is no asset with the id {record_id[:100]!r}."))
    return found[0]


def _here(context: "Context", record_id: str) -> Record:
    """Return a record whose bytes are here."""
    record = _record(context, record_id)
    if context.store.object(record["cid"]) is None:
        raise RefusalError(
            409,
            UsageError(f"The file {record['name'] or record['cid']} is not here.", "Fetch it first."),
        )
    return record


def _is_page(record: Mapping[str, Any]) -> bool:
    return str(record["name"]).lower().endswith(_ENDINGS)


def _detail(context: "Context", record: Record) -> dict[str, Any]:
    asset = specialize(record)
    linking, linking_total = pointing_at(context.store.metadata.read(), [record["cid"]], _MOST_LINKING)
    links = [(key, cid) for key, cid in links_of(record) if key != "derived_from"]
    return shown(context, record) | {
        "description": summary_of(type(asset)),
        "companions": shown_all(context, (each.to_dict() for each in asset.companions(context.store))),
        "linked_by": [{"asset": shown(context, each), "field": edge.relation} for each, edge in linking],
        "linked_by_total": linking_total,
        "links": [
            {"field": key, "cid": cid, "assets": shown_all(context, context.store.records(cid=cid))}
            for key, cid in links
        ],
        "runs": [_run(context, run_id) for run_id in record["run_ids"]],
        "records": shown_all(
            context,
            (each for each in context.store.records(cid=record["cid"]) if each["id"] != record["id"]),
        ),
        "recipe": record["recipe"],
        "viewable": _is_page(record) and context.store.object(record["cid"]) is not None,
    }


def _run(context: "Context", run_id: str) -> dict[str, Any]:
    line = context.shelf.line(run_id)
    if line is None:
        return {"run_id": run_id, "name": run_id, "status": None, "started_at": ""}
    return {key: line[key] for key in ("run_id", "name", "status", "started_at")}


def _graph(context: "Context", cid: str, graph: Graph) -> dict[str, Any]:
    return {
        "cid": cid,
        "nodes": [
            _node(context, each, depth, graph.records.get(each, [])) for each, depth in graph.depths.items()
        ],
        "edges": [
            {"source": parent, "target": child, "relations": relations}
            for (parent, child), relations in graph.arrows.items()
        ],
        "truncated": graph.truncated,
        "total": None if graph.truncated else len(graph.depths),
    }


def _node(context: "Context", cid: str, depth: int, records: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a file as a node; of several records the first speaks for it."""
    first = records[0] if records else {"id": None, "name": "", "keyvalues": {}, "run_ids": []}
    return {
        "cid": cid,
        "id": first["id"],
        "kind": first["keyvalues"].get("asset", ""),
        "name": first["name"],
        "names": list(dict.fromkeys(each["name"] for each in records)),
        "run_id": next(iter(first["run_ids"]), None),
        "sample_id": first["keyvalues"].get("sample_id"),
        "here": context.store.object(cid) is not None,
        "depth": depth,
    }


def _given(text: str) -> dict[str, str]:
    """Return the keyvalues of a form."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise UsageError("The field keyvalues is not a JSON object.", 'Write it like {"sample_id": "NA1"}.')
    return {key: to_text(value) for key, value in given.items() if value is not None}


def _store(
    context: "Context", paths: list[Path], given: Mapping[str, str], kind: str | None, *, ours: bool = False
) -> dict[str, Any]:
    """Store files; what was sent is `ours`, and need not be copied once more."""
    with TemporaryDirectory(prefix="stargazer-") as scratch:
        intake = take_in(paths, given, kind, scratch=Path(scratch))
        files = [NewFile(each.path, each.asset, ours, each.links, each.made_from) for each in intake.files]
        added = context.store.add(files)
    context.listing.forget()
    return {"assets": shown_added(context, added), "notes": intake.notes}

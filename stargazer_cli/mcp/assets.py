"""Tools for the files of the store: find, add, copy out, change, delete, and where each comes from."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastmcp import Context
from pydantic import Field

from stargazer_cli.app import App
from stargazer_cli.assets import to_text
from stargazer_cli.errors import UsageError
from stargazer_cli.mcp.models import (
    AddedAsset,
    DeletedAsset,
    Downloaded,
    FoundAssets,
    LineageEdge,
    LineageGraph,
    LineageNode,
    Pushed,
    Scalar,
    StoredAsset,
    Uploaded,
    WrittenFile,
)
from stargazer_cli.mcp.progress import watched
from stargazer_cli.mcp.tool import Tool, tool
from stargazer_cli.serving.access import Roots
from stargazer_cli.store.copies import file_names
from stargazer_cli.store.files import Progress, check_absent
from stargazer_cli.store.intake import take_in

if TYPE_CHECKING:
    from stargazer_cli.store.lineage import Lineage

_MOST_FOUND = 1000

Cid = Annotated[str, Field(description="The CID of a file, as `query_files` gives it.")]
Target = Annotated[
    str,
    Field(description="The CID of the asset; the `id` of its record where several records have that CID."),
]
Filters = Annotated[
    dict[str, Scalar | list[Scalar] | None],
    Field(
        description='What the assets are: key and value, such as {"asset": "r1", "sample_id": "NA1"}. A list '
        "matches any of its values, null what is not set. Keys are those of `keyvalues`, and cid, name, id, "
        "owner. Empty: every asset."
    ),
]


class AssetTools:
    """The tools, over one store; files are read and written below `roots` only."""

    def __init__(self, app: App, roots: Roots) -> None:
        self._app = app
        self._roots = roots

    def tools(self) -> list[Tool]:
        """Return them all."""
        return [
            tool(self.query_files, title="Find files", read_only_hint=True, open_world_hint=True),
            tool(
                self.upload_file, title="Add files to the store", idempotent_hint=True, open_world_hint=True
            ),
            tool(
                self.download_file,
                title="Copy a file out of the store",
                destructive_hint=True,
                idempotent_hint=True,
                open_world_hint=True,
            ),
            tool(self.update_file, title="Change what is said of a file", destructive_hint=True),
            tool(self.delete_file, title="Delete a file", destructive_hint=True),
            tool(self.get_lineage, title="Where a file comes from", read_only_hint=True),
        ]

    def query_files(
        self,
        *,
        filters: Filters = {},  # noqa: B006 - never changed; a model reads the default in the schema
        limit: Annotated[int, Field(ge=1, le=_MOST_FOUND, description="At most so many at once.")] = 50,
        offset: Annotated[int, Field(ge=0, description="Leave out so many first; see `next_offset`.")] = 0,
        remote: Annotated[
            bool, Field(description="Look at the user's Pinata account, and not in the store.")
        ] = False,
    ) -> FoundAssets:
        """Find files by what they are: their kind (`asset`), sample, build, and so on.

        Begin here to learn which samples, references and results there are. Kinds include reference, r1 and
        r2 (reads), alignment, variants, known_sites, intervals, counts, anndata, markers, qc_metrics and
        report. A misspelt key is refused, with the key that was probably meant.
        """
        found = self._remote(filters) if remote else self._app.store.records(**filters)
        page = [self._located(record) for record in found[offset : offset + limit]]
        end = offset + len(page)
        return FoundAssets(
            total=len(found), offset=offset, next_offset=end if end < len(found) else None, assets=page
        )

    async def upload_file(
        self,
        *,
        ctx: Context,
        paths: Annotated[
            list[str],
            Field(
                min_length=1,
                max_length=1000,
                description="Files on the server's machine, or folders of files, below the folders that the "
                "server may use (stargazer://config, STARGAZER_ROOTS). Give mates, and an index and its "
                "file, in one call: they are linked to each other.",
            ),
        ],
        keyvalues: Annotated[
            dict[str, Scalar | list[Scalar]],
            Field(
                description='What the files are, such as {"sample_id": "NA1"} for reads or '
                '{"build": "GRCh38"} for a reference. A key goes to those files whose kind has it.'
            ),
        ] = {},  # noqa: B006
        asset: Annotated[
            str | None,
            Field(description="The kind of the files; by default each file's name and content tell it."),
        ] = None,
        push: Annotated[
            bool, Field(description="Send the files and their records to the user's Pinata account too.")
        ] = False,
        network: Annotated[
            Literal["private", "public"] | None,
            Field(description="The network that `push` sends them to; by default PINATA_VISIBILITY's."),
        ] = None,
        allow_public: Annotated[
            bool,
            Field(
                description="Must be true where `push` sends to the public network. Anyone may then get the "
                "files and their records, for good: ask the user first, in each case."
            ),
        ] = False,
    ) -> Uploaded:
        """Add files to the store: their bytes once, under their CID, with what they are.

        The files stay where they are. All of them are added, or none. Files that are there already are
        `notneeded`, so that it does no harm to add them again. Read `notes`: they say what was concluded of
        each file, and what it lacks.
        """
        where = self._network(network, allow_public=allow_public) if push else None
        given = {key: to_text(value) for key, value in keyvalues.items()}

        def work(progress: Progress) -> Uploaded:
            with (
                TemporaryDirectory(prefix="stargazer-") as scratch,
                self._roots.reading([Path(path) for path in paths]) as reading,
            ):
                intake = take_in(reading.paths, given, asset, scratch=Path(scratch))
                added = self._app.store.add(intake.files, progress=progress)
            assets = [AddedAsset.of(each.asset.to_dict() | {"status": each.status}) for each in added]
            return Uploaded(assets=assets, notes=[reading.named(note) for note in intake.notes])

        uploaded = await watched(ctx, "storing", work)
        if where is None:
            return uploaded
        cids = list(dict.fromkeys(each.cid for each in uploaded.assets))
        pushed = await watched(ctx, "sending to Pinata", lambda progress: self._push(cids, where, progress))
        return uploaded.model_copy(update={"pushed": pushed})

    async def download_file(
        self,
        *,
        ctx: Context,
        cid: Cid,
        path: Annotated[
            str,
            Field(
                min_length=1,
                description="Where to put it: a file, or a folder in which it keeps its name; below the "
                "folders that the server may use.",
            ),
        ],
        with_companions: Annotated[
            bool,
            Field(description="Copy what travels with it too (indexes, mate) into the folder `path`."),
        ] = False,
        overwrite: Annotated[bool, Field(description="Replace a file that is there.")] = False,
    ) -> Downloaded:
        """Copy a file out of the store, or from a remote where its bytes are not here; verified by its CID.

        To read a file, its `path` in `query_files` is enough where you can read the server's disk.
        """
        folder = self._roots.absolute(Path(path))

        def work(progress: Progress) -> Downloaded:
            named = file_names(self._app.store, cid, with_companions=with_companions)
            into = self._is_folder(folder, make=with_companions)
            wanted = {each: folder / name if into else folder for each, name in named.items()}
            return Downloaded(files=self._write(wanted, progress, overwrite=overwrite))

        return await watched(ctx, "copying", work)

    def update_file(
        self,
        *,
        target: Target,
        keyvalues: Annotated[
            dict[str, Scalar | list[Scalar] | None],
            Field(
                min_length=1,
                max_length=1000,
                description="The keys to set; null takes a key away. Others stay.",
            ),
        ],
    ) -> StoredAsset:
        """Change what is said of a file. Its bytes and CID stay; what was said before is not kept."""
        return StoredAsset.of(self._app.store.update(target, keyvalues).to_dict())

    def delete_file(
        self,
        *,
        target: Target,
        force: Annotated[
            bool,
            Field(description="Delete it although other assets link to it: their links lead nowhere then."),
        ] = False,
    ) -> DeletedAsset:
        """Delete a file from the store, for good: its record, and the bytes with the last record of them.

        Refused while other assets link to it, which are then named. Copies at Pinata stay. Ask the user
        first.
        """
        deleted = self._app.store.delete(target, force=force)
        return DeletedAsset(
            asset=StoredAsset.of(deleted.asset.to_dict()), object_removed=deleted.object_removed
        )

    def get_lineage(
        self,
        *,
        cid: Cid,
        direction: Annotated[
            Literal["up", "down", "both"],
            Field(description="`up`: what it was made from; `down`: what was made from it."),
        ] = "up",
        limit: Annotated[
            int, Field(ge=1, le=_MOST_FOUND, description="At most so many files, the nearest.")
        ] = 200,
    ) -> LineageGraph:
        """Show what a file was made from, back to the files that a user added, or what was made from it."""
        from stargazer_cli.store.lineage import trace

        graph = trace(self._app.store, cid, direction=direction)
        nearest = dict.fromkeys(_nearest(graph)[:limit])
        return LineageGraph(
            cid=cid,
            total=len(graph.nodes),
            nodes=[
                LineageNode(cid=each, assets=[StoredAsset.of(asset.to_dict()) for asset in graph.nodes[each]])
                for each in nearest
            ],
            edges=[
                LineageEdge(child=edge.child, parent=edge.parent, relation=edge.relation)
                for edge in graph.edges
                if edge.child in nearest and edge.parent in nearest
            ],
        )

    def _remote(self, filters: Mapping[str, object]) -> list[dict[str, Any]]:
        from stargazer_cli.store.remote.sync import search_remote

        return [asset.to_dict() for asset in search_remote(self._app.settings, filters)]

    def _located(self, record: Mapping[str, Any]) -> StoredAsset:
        return StoredAsset.of({**record, "path": self._app.store.object(record["cid"])})

    def _is_folder(self, path: Path, *, make: bool) -> bool:
        """Whether a path leads to a folder; with `make` it becomes one."""
        if self._roots.has_folder(path):
            return True
        if make:
            with self._roots.writing(path) as place:
                place.mkdir()
        return make

    def _write(self, wanted: Mapping[str, Path], progress: Progress, *, overwrite: bool) -> list[WrittenFile]:
        """Copy files to their paths: none of them where one is in the way."""
        for path in () if overwrite else wanted.values():
            with self._roots.writing(path) as place:
                check_absent(place, "Give another path, or overwrite=true to replace it.")
        written = []
        for cid, path in wanted.items():
            with self._roots.writing(path) as place:
                self._app.store.get(cid, place, overwrite=overwrite, progress=progress)
                written.append(WrittenFile(cid=cid, path=str(path), size=place.stat().st_size))
        return written

    def _network(
        self, network: Literal["private", "public"] | None, *, allow_public: bool
    ) -> Literal["private", "public"]:
        """Return where a push goes; the public network must be allowed in this very call."""
        from stargazer_cli.store.remote.pinata import Pinata

        with Pinata(self._app.settings) as account:  # without a token it refuses
            chosen = network or account.visibility
        if chosen == "public" and not allow_public:
            raise UsageError(
                "The files would go to the public network, where anyone may get them and their records, for "
                "good. Nothing was stored or sent.",
                "Ask the user, then give allow_public=true; or give network='private'.",
            )
        return chosen

    def _push(
        self, cids: list[str], network: Literal["private", "public"], progress: Progress
    ) -> list[Pushed]:
        from stargazer_cli.store.remote.sync import push

        done = push(self._app.store, cids, network=network, progress=progress)
        return [Pushed(cid=e.cid, name=e.name, status=e.status, network=e.network) for e in done]


def _nearest(graph: "Lineage") -> list[str]:
    """Return the files of a graph by how many steps they are away."""
    found = dict.fromkeys([graph.cid])
    generation = [graph.cid]
    while generation:
        ends = (end for cid in generation for end in (*graph.parents[cid], *graph.children[cid]))
        generation = [end for end in dict.fromkeys(ends) if end not in found]
        found |= dict.fromkeys(generation)
    return list(found)

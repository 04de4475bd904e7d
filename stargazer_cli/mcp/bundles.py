"""Tools for sets of published files, each named by its CID."""

from typing import Annotated

from fastmcp import Context
from pydantic import Field

from stargazer_cli import bundles
from stargazer_cli.app import App
from stargazer_cli.mcp.models import AddedAsset, Bundles, FetchedBundle, ResourceBundle
from stargazer_cli.mcp.progress import watched
from stargazer_cli.mcp.tool import Tool, tool
from stargazer_cli.store.files import Progress


class BundleTools:
    """The tools, over one store."""

    def __init__(self, app: App) -> None:
        self._app = app

    def tools(self) -> list[Tool]:
        """Return them all."""
        return [
            tool(self.list_bundles, title="List bundles of published files", read_only_hint=True),
            tool(
                self.fetch_resource_bundle,
                title="Fetch a bundle of published files",
                idempotent_hint=True,
                open_world_hint=True,
            ),
        ]

    def list_bundles(self) -> Bundles:
        """List the bundles: references, known variants and demo data that are published, and what is in each.

        `here` says of each file whether the store has it already.
        """
        found = (bundles.load(name).to_dict(self._app.store) for name in bundles.names())
        return Bundles(bundles=[ResourceBundle.model_validate(bundle) for bundle in found])

    async def fetch_resource_bundle(
        self,
        ctx: Context,
        name: Annotated[str, Field(description="The name of a bundle, from `list_bundles`.")],
    ) -> FetchedBundle:
        """Bring the files of a bundle into the store: every byte is checked by its CID.

        It may download gigabytes, and tells how far it is. Files that are here are not downloaded again; of
        a download that broke off, the next call goes on from there.
        """
        from stargazer_cli.bundles.fetch import fetch

        bundle = bundles.load(name)

        def work(progress: Progress) -> FetchedBundle:
            notes: list[str] = []
            added = fetch(bundle, self._app.store, progress, notes.append)
            assets = [AddedAsset.of({**each.asset.to_dict(), "status": each.status}) for each in added]
            return FetchedBundle(name=bundle.name, assets=assets, notes=notes)

        return await watched(ctx, f"fetching {bundle.name}", work)

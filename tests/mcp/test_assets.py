"""Files of the store by an agent, over both transports and in both protocols that clients speak."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, Context, FastMCP
from helpers.pinata import TOKEN, Pinata

from stargazer_cli.app import App
from stargazer_cli.mcp.assets import AssetTools
from stargazer_cli.mcp.progress import watched
from stargazer_cli.mcp.tool import tool
from stargazer_cli.serving.access import Roots
from stargazer_cli.store import LocalStore, cid_of
from stargazer_cli.store.files import Progress
from stargazer_cli.store.record import blank

CHILD = ("child_L001_R1.fastq.gz", "child_L001_R2.fastq.gz")
Connect = Callable[[], Client[Any]]


def test_a_file_goes_in_is_found_changed_traced_copied_out_and_deleted(
    connect: Connect, office: Any, ask: Any, bundled: Path
) -> None:
    paths = office.puts(*(bundled / name for name in CHILD))
    target = office.files / "out.fastq.gz"

    async def work(agent: Any) -> None:
        added = await agent.does("upload_file", paths=paths, keyvalues={"sample_id": "child"})
        assert [each["status"] for each in added["assets"]] == ["added", "added"]
        assert any("mate" in note for note in added["notes"])
        again = await agent.does("upload_file", paths=paths, keyvalues={"sample_id": "child"})
        assert [each["status"] for each in again["assets"]] == ["notneeded", "notneeded"]

        found = await agent.does("query_files", filters={"asset": "r1", "sample_id": ["child", "nobody"]})
        assert (found["total"], found["next_offset"]) == (1, None)
        (first,) = found["assets"]
        assert first["cid"] == cid_of(bundled / CHILD[0])
        assert Path(first["path"]).read_bytes() == (bundled / CHILD[0]).read_bytes()
        assert first["keyvalues"]["mate_cid"] == cid_of(bundled / CHILD[1])

        changed = await agent.does(
            "update_file", target=first["cid"], keyvalues={"library": "lib1", "lane": None}
        )
        assert changed["keyvalues"]["library"] == "lib1"
        assert "lane" not in changed["keyvalues"]

        got = await agent.does("download_file", cid=first["cid"], path=str(target))
        assert got["files"] == [
            {"cid": first["cid"], "path": str(target), "size": target.stat().st_size},
        ]
        assert target.read_bytes() == (bundled / CHILD[0]).read_bytes()
        assert "exists already" in await agent.is_refused("download_file", cid=first["cid"], path=str(target))
        await agent.does("download_file", cid=first["cid"], path=str(target), overwrite=True)

        lineage = await agent.does("get_lineage", cid=first["cid"], direction="both")
        assert [node["cid"] for node in lineage["nodes"]] == [first["cid"]]

        refused = await agent.is_refused("delete_file", target=first["cid"])
        assert "links to" in refused
        assert "mate_cid" in refused
        gone = await agent.does("delete_file", target=first["cid"], force=True)
        assert gone["object_removed"]
        assert (await agent.does("query_files", filters={"asset": "r1"}))["total"] == 0

    ask(connect(), work)


def test_what_is_found_comes_in_pages(office: Any, ask: Any, bundled: Path) -> None:
    office.puts(*bundled.glob("*.fastq.gz"))

    async def work(agent: Any) -> list[str]:
        await agent.does("upload_file", paths=[str(office.files)])
        names, offset = [], 0
        while offset is not None:
            page = await agent.does("query_files", limit=3, offset=offset)
            assert page["total"] == 8
            names += [each["name"] for each in page["assets"]]
            offset = page["next_offset"]
        return names

    assert sorted(ask(office.stdio(), work)) == sorted(p.name for p in bundled.glob("*.fastq.gz"))


def test_companions_travel_into_a_folder(office: Any, ask: Any, bundled: Path) -> None:
    paths = office.puts(*(bundled / name for name in CHILD))
    folder = office.files / "together"

    async def work(agent: Any) -> None:
        added = await agent.does("upload_file", paths=paths)
        cid = added["assets"][0]["cid"]
        got = await agent.does("download_file", cid=cid, path=str(folder), with_companions=True)
        assert {Path(each["path"]).name for each in got["files"]} == set(CHILD)

    ask(office.stdio(), work)
    assert {path.name for path in folder.iterdir()} == set(CHILD)


def test_long_work_tells_how_far_it_is_and_only_goes_up(said: Any) -> None:
    """As for a large file; several threads count its bytes, and their last word may be late."""

    def work(progress: Progress) -> int:
        for done in (10, 30, 20, 40):
            progress(done, 40)
            time.sleep(0.7)
        return 40

    async def copy(*, ctx: Context) -> int:
        return await watched(ctx, "copying", work)

    server: FastMCP = FastMCP("test")
    server.add_tool(tool(copy, title="Copy"))

    async def call() -> None:
        async with Client(server) as client:
            await client.call_tool("copy", progress_handler=said)

    asyncio.run(call())
    assert said.amounts == [10, 30, 40]
    assert set(said.lines) == {"copying"}


@pytest.fixture
def pinata() -> Iterator[Pinata]:
    account = Pinata()
    yield account
    account.close()


def test_nothing_becomes_public_unless_that_very_call_allows_it(
    office: Any, ask: Any, pinata: Pinata, bundled: Path
) -> None:
    office = office.with_more(
        PINATA_JWT=TOKEN,
        PINATA_API=pinata.url("api"),
        PINATA_UPLOADS=pinata.url("uploads"),
        PINATA_GATEWAY="",
        PINATA_VISIBILITY="public",
    )
    (path,) = office.puts(bundled / "reference.fa")

    async def work(agent: Any) -> None:
        for more in ({}, {"network": "public"}, {"allow_public": False}):
            words = await agent.is_refused("upload_file", paths=[path], push=True, **more)
            assert "public network" in words
            assert "allow_public=true" in words
        assert (await agent.does("query_files"))["total"] == 0
        assert not pinata.files
        private = await agent.does("upload_file", paths=[path], push=True, network="private")
        assert [each["network"] for each in private["pushed"]] == ["private"]
        public = await agent.does("upload_file", paths=[path], push=True, allow_public=True)
        assert [each["network"] for each in public["pushed"]] == ["public"]
        # It holds for that call, and for none after it.
        await agent.is_refused("upload_file", paths=[path], push=True)
        found = await agent.does("query_files", filters={"asset": "reference"}, remote=True)
        assert found["total"] >= 1

    ask(office.stdio(), work)


def test_a_push_without_an_account_stores_nothing(office: Any, ask: Any, bundled: Path) -> None:
    (path,) = office.puts(bundled / "reference.fa")

    async def work(agent: Any) -> None:
        assert "PINATA_JWT" in await agent.is_refused("upload_file", paths=[path], push=True)
        assert (await agent.does("query_files"))["total"] == 0

    ask(office.stdio(), work)


def test_of_a_long_lineage_the_nearest_files_are_answered(store: LocalStore) -> None:
    chain = [f"bafk{number:04}" for number in range(40)]
    with store.metadata.transaction() as table:
        table.insert_multiple(
            blank(id=str(number), cid=cid, name=str(number), derived_from=chain[max(0, number - 1) : number])
            for number, cid in enumerate(chain)
        )
    tools = AssetTools(App(), Roots([store.root.parent]))
    whole = tools.get_lineage(cid=chain[-1])
    assert (whole.total, len(whole.nodes), len(whole.edges)) == (40, 40, 39)
    for cid, direction, nearest in ((chain[-1], "up", chain[:-6:-1]), (chain[0], "down", chain[:5])):
        found = tools.get_lineage(cid=cid, direction=direction, limit=5)
        assert (found.total, [node.cid for node in found.nodes]) == (40, nearest)
        assert len(found.edges) == 4

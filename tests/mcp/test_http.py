"""Who is served over HTTP, and which files a client gets at."""

import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

TOKEN = "a-token-of-more-than-32-characters-x"
OPENING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
HEADERS = {"Accept": "application/json, text/event-stream"}


def opening(url: str, **headers: str) -> httpx.Response:
    """Begin a conversation without the MCP client, which sends no wrong headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(url, json=OPENING, headers=HEADERS | named, timeout=20)


def test_pages_of_others_and_other_names_are_refused(listening: Any) -> None:
    server = listening()
    port = httpx.URL(server.url).port
    assert opening(server.url).status_code == 200
    assert opening(server.url, Host=f"localhost:{port}").status_code == 200
    assert opening(server.url, Origin=f"http://127.0.0.1:{port}").status_code == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.1@evil.example"):
        refused = opening(server.url, Host=host)
        assert refused.status_code == 403, host
        assert "is not reached by the name" in refused.json()["error"]["message"]
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}.evil.example", "file://"):
        assert opening(server.url, Origin=origin).status_code == 403, origin
    assert opening(server.url, Sec_Fetch_Site="cross-site").status_code == 403
    assert httpx.post(server.url, content=b"x" * (2 << 20), headers=HEADERS, timeout=20).status_code == 413
    assert "access-control-allow-origin" not in opening(server.url).headers


def test_who_has_not_the_token_is_not_served(listening: Any, ask: Any) -> None:
    server = listening(STARGAZER_TOKEN=TOKEN)
    for given in (
        "",
        "Bearer",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Basic {TOKEN}",
        TOKEN,
    ):
        refused = opening(server.url, **({"Authorization": given} if given else {}))
        assert refused.status_code == 401, given
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer" in refused.json()["error"]["hint"]
        assert TOKEN not in refused.text

    async def work(agent: Any) -> None:
        assert (await agent.does("query_files"))["total"] == 0

    ask(server.client(TOKEN), work)


@pytest.mark.parametrize(("host", "token"), [("0.0.0.0", ""), ("::", "short"), ("0.0.0.0", "x" * 31)])
def test_other_machines_are_served_only_with_a_token(office: Any, host: str, token: str) -> None:
    refused = subprocess.run(
        office.command("--http", "--host", host, "--port", "0"),
        cwd=office.folder,
        env=office.environment(STARGAZER_TOKEN=token),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 2
    assert "STARGAZER_TOKEN" in refused.stderr
    assert not refused.stdout


def test_another_address_is_served_with_a_token(listening: Any, ask: Any) -> None:
    server = listening("--host", "0.0.0.0", "--port", "0", STARGAZER_TOKEN=TOKEN)
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    assert opening(url).status_code == 401
    assert opening(url, Authorization=f"Bearer {TOKEN}").status_code == 200


def outside(office: Any) -> dict[str, str]:
    """Make what lies beyond the folders for clients, and ways that seem to lead there."""
    secret = office.folder / "secret.txt"
    secret.write_text("the secret of the house\n")
    (office.files / "link").symlink_to(secret)
    (office.files / "folder").symlink_to(office.folder)
    (office.files / ".hidden").write_text("a key\n")
    os.mkfifo(office.files / "pipe")
    return {
        "absolute": str(secret),
        "dots": "../secret.txt",
        "more dots": str(office.files / "x" / ".." / ".." / "secret.txt"),
        "a link": "link",
        "through a linked folder": "folder/secret.txt",
        "hidden": ".hidden",
        "the store": str(office.local / "stargazer_local.json"),
        "a pipe": "pipe",
        "a device": "/dev/zero",
        "the system": "/proc/self/environ",
        "home": "~/.ssh/id_rsa",
        "nothing": "",
        "a zero byte": "a\x00b",
        "settings": "stargazer.toml",
    }


def test_no_file_beyond_the_folders_for_clients_is_read_or_written(
    connect: Any, office: Any, ask: Any, bundled: Path
) -> None:
    office.puts(bundled / "reference.fa")
    ways = outside(office)
    before = {path.name for path in office.folder.iterdir()}

    async def work(agent: Any) -> None:
        added = await agent.does("upload_file", paths=["reference.fa"])
        cid = added["assets"][0]["cid"]
        for way, path in ways.items():
            words = await agent.is_refused("upload_file", paths=[path])
            assert "secret of the house" not in words, way
            if way not in ("a link", "a pipe"):  # to write there takes the place of the link, in the folder
                words = await agent.is_refused("download_file", cid=cid, path=path, overwrite=True)
                assert "fault of its own" not in words, way
                assert "/proc/self/fd" not in words, way
            await agent.is_refused("upload_file", paths=["reference.fa", path])
        assert (await agent.does("query_files"))["total"] == 1
        assert "link is not for clients" in await agent.is_refused("upload_file", paths=["."])
        written = await agent.does("download_file", cid=cid, path=".", overwrite=True)
        assert [each["path"] for each in written["files"]] == [str(office.files / "reference.fa")]
        # What is written where a link was, does not go where it led.
        await agent.does("download_file", cid=cid, path="link", overwrite=True)
        assert not (office.files / "link").is_symlink()

    ask(connect(), work)
    assert (office.folder / "secret.txt").read_text() == "the secret of the house\n"
    assert {path.name for path in office.folder.iterdir()} <= before | {"my store", "server.log"}


def test_a_link_that_is_swapped_meanwhile_leads_nowhere_else(office: Any, ask: Any) -> None:
    """What was looked at is what is read, however often somebody changes the folder in between."""
    secret = office.folder / "secret"
    secret.mkdir()
    (secret / "a.txt").write_text("the secret of the house\n")
    good = office.files / "good"
    good.mkdir()
    (good / "a.txt").write_text("nothing special\n")
    way = office.files / "way"
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for target in (good, secret):
                new = office.files / ".new"
                new.symlink_to(target)
                new.replace(way)

    async def work(agent: Any) -> None:
        swapping = threading.Thread(target=swap)
        swapping.start()
        try:
            for _ in range(60):
                await agent.client.call_tool("upload_file", {"paths": ["way/a.txt"]}, raise_on_error=False)
        finally:
            stop.set()
            swapping.join()
        found = await agent.does("query_files")
        texts = {Path(each["path"]).read_text() for each in found["assets"]}
        assert texts <= {"nothing special\n"}

    ask(office.stdio(), work)

"""An agent's program: the real MCP client, on a server of its own, over either transport."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from e2e.user import STARGAZER
from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

Result = TypeVar("Result")
URL = re.compile(r"http://\S+/mcp")


@dataclass
class Said:
    """What the client was told of a call's progress."""

    lines: list[str] = field(default_factory=list)
    amounts: list[float] = field(default_factory=list)

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.amounts.append(progress)
        self.lines.append(message or "")


@dataclass(frozen=True)
class Office:
    """A folder with a store, whose owner lets agents in."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def local(self) -> Path:
        return self.folder / "my store"

    @property
    def files(self) -> Path:
        """The folder that clients may use."""
        return self.folder / "files"

    def with_more(self, **more: str) -> "Office":
        """Return the same office, whose servers have more in their environment."""
        return replace(self, more=self.more | more)

    def puts(self, *files: Path) -> list[str]:
        """Copy files to where clients may name them."""
        return [str(shutil.copy(file, self.files)) for file in files]

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {"STARGAZER_LOCAL": str(self.local)} | self.more | more

    def command(self, *arguments: str) -> list[str]:
        return [str(STARGAZER), "mcp", "--root", str(self.files), *arguments]

    def stdio(self, *arguments: str, **options: Any) -> Client[Any]:
        """Return a client that starts a server, and ends it when it leaves."""
        command, *rest = self.command(*arguments)
        transport = StdioTransport(
            command,
            rest,
            env=self.environment(),
            cwd=str(self.folder),
            keep_alive=False,
            log_file=self.folder / "server.log",
        )
        return Client(transport, **options)

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()


@dataclass(frozen=True)
class Listening:
    """A server on HTTP."""

    process: "subprocess.Popen[str]"
    url: str

    def client(self, token: str = "", **options: Any) -> Client[Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client(StreamableHttpTransport(self.url, headers=headers), **options)


def listen(office: Office, *arguments: str, **more: str) -> Listening:
    """Start a server on HTTP, and return when it listens."""
    process = subprocess.Popen(
        office.command("--http", *arguments),
        cwd=office.folder,
        env=office.environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := URL.search(line):
            return Listening(process, found[0])
    raise AssertionError(said)


def end(server: Listening) -> str:
    """Stop a server, and return what it printed on stdout."""
    server.process.terminate()
    printed, _ = server.process.communicate(timeout=30)
    return printed


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path / "an office")
    office.files.mkdir(parents=True)
    return office


@pytest.fixture(params=["stdio", "http"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(
    transport: str, office: Office, listening: Callable[..., Listening]
) -> Callable[..., Client[Any]]:
    """Give what makes a client, over either transport; `mode="legacy"`: by the handshake of 2025."""
    return office.stdio if transport == "stdio" else listening().client


@dataclass(frozen=True)
class Agent:
    """Calls tools, and knows what came of it."""

    client: Client[Any]

    async def does(self, tool: str, said: Said | None = None, **arguments: Any) -> dict[str, Any]:
        """Call a tool that does its work, and return its structured content."""
        answer = await self.client.call_tool(tool, arguments, progress_handler=said, raise_on_error=False)
        assert not answer.is_error, answer.content[0].text
        assert answer.structured_content is not None
        return answer.structured_content

    async def is_refused(self, tool: str, **arguments: Any) -> str:
        """Call a tool that refuses, and return its words."""
        answer = await self.client.call_tool(tool, arguments, raise_on_error=False)
        assert answer.is_error, answer.structured_content
        text: str = answer.content[0].text
        return text


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Give what does work with a client that connects for it and leaves."""

    def do(client: Client[Any], work: Callable[[Agent], Awaitable[Result]], seconds: float = 150) -> Result:
        async def connected() -> Result:
            async with asyncio.timeout(seconds), client:
                return await work(Agent(client))

        return asyncio.run(connected())

    return do


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def listening(office: Office) -> Iterator[Callable[..., Listening]]:
    """Give what starts a server on HTTP; it ends with the test."""
    servers: list[Listening] = []

    def start(*arguments: str, **more: str) -> Listening:
        servers.append(listen(office, *arguments, **more))
        return servers[-1]

    yield start
    for server in servers:
        end(server)

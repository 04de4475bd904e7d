"""The server as programs meet it: what its tools say, and that only the protocol is on stdout."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from fastmcp import Client

from stargazer_cli import catalog
from stargazer_cli.commands.main import cli
from stargazer_cli.mcp.assets import AssetTools
from stargazer_cli.mcp.models import CatalogueEntry

READING = {"list_tasks", "query_files", "list_bundles", "get_run", "list_runs", "get_lineage"}
DESTROYING = {"delete_file", "update_file", "download_file", "cancel_run"}
OTHERS = {"run_task", "run_workflow", "upload_file", "fetch_resource_bundle"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_tells_a_model_what_it_needs_to_know(
    connect: Callable[..., Client[Any]], mode: str
) -> None:
    async def tools() -> list[Any]:
        async with connect(mode=mode) as client:
            return await client.list_tools()

    found = {tool.name: tool for tool in asyncio.run(tools())}
    assert set(found) == READING | DESTROYING | OTHERS
    for name, tool in found.items():
        hints = tool.annotations
        assert hints.read_only_hint is (name in READING), name
        assert hints.destructive_hint is (name in DESTROYING), name
        assert None not in (hints.idempotent_hint, hints.open_world_hint), name
        assert tool.title, name
        assert len(tool.description) > 60, name
        for parameter, schema in tool.input_schema["properties"].items():
            assert len(schema.get("description", "")) > 15, (name, parameter)
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["type"] == "object", name
        assert "$ref" not in json.dumps([tool.input_schema, tool.output_schema]), name


def test_the_configuration_is_told_without_its_secrets(office: Any, ask: Any) -> None:
    secrets = {
        "PINATA_JWT": "a-jwt-that-nobody-may-see",
        "STARGAZER_TOKEN": "t0ken-that-nobody-may-see-and-is-long-enough",
        "STARGAZER_MAVEN_REPOSITORY": "https://ada:passw0rd@example.org/maven",
    }

    async def work(agent: Any) -> str:
        (content,) = await agent.client.read_resource("stargazer://config")
        text: str = content.text
        return text

    text = ask(office.with_more(**secrets).stdio(), work)
    config = json.loads(text)
    settings = {each["name"]: each for each in config["settings"]}
    assert settings["STARGAZER_LOCAL"]["value"] == str(office.local)
    assert settings["STARGAZER_LOCAL"]["origin"] == "environment"
    assert settings["STARGAZER_DB"]["origin"] == "default"
    assert config["roots"] == [str(office.files)]
    for name, secret in secrets.items():
        assert secret not in text
        assert settings[name]["value"] == "********"
    assert "passw0rd" not in text


def test_what_the_catalogue_says_of_files_reaches_the_model() -> None:
    """What a model is not told, such as that one of two inputs is needed, it cannot keep to."""
    untold = {"": {"tools", "container", "documentation", "tasks"}, "outputs": {"fields"}}
    for entry in catalog.everything():
        whole = entry.to_dict()
        told = CatalogueEntry.model_validate(whole).model_dump()
        assert whole.keys() - told.keys() <= untold[""]
        for part in ("parameters", "labels", "inputs", "outputs"):
            for said, given in zip(told[part], whole.get(part, []), strict=True):
                missing = given.keys() - said.keys() - untold.get(part, set())
                assert not missing, (entry.name, part)
                assert all(said[key] == given[key] for key in given.keys() & said.keys())


def messages() -> str:
    """Return a conversation, with tools that succeed and tools that fail."""
    client = {"name": "test", "version": "1"}
    opening = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    calls = [
        ("query_files", {}),
        ("query_files", {"filters": {"sampel": 1}}),
        ("list_bundles", {}),
        ("list_tasks", {}),
        ("nothing_of_the_kind", {}),
        ("update_file", {"target": 7}),
    ]
    sent: list[dict[str, Any]] = [
        {"id": 0, "method": "initialize", "params": opening},
        {"method": "notifications/initialized"},
        *(
            {"id": number, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
            for number, (name, arguments) in enumerate(calls, start=1)
        ),
    ]
    return "".join(json.dumps({"jsonrpc": "2.0", **each}) + "\n" for each in sent)


def test_nothing_but_the_protocol_is_on_stdout(office: Any) -> None:
    # A folder that came from someone else has no say in how the server runs.
    (office.folder / ".env").write_text("FASTMCP_LOG_LEVEL=nonsense\nFASTMCP_TRANSPORT=http\n")
    with subprocess.Popen(
        office.command(),
        cwd=office.folder,
        env=office.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(messages())
        server.stdin.flush()
        lines = []
        while len({line.get("id") for line in lines} & set(range(7))) < 7:
            lines.append(json.loads(server.stdout.readline()))
        rest, said = server.communicate(timeout=30)
    lines += [json.loads(line) for line in rest.splitlines()]
    assert all(line["jsonrpc"] == "2.0" for line in lines)
    assert server.returncode == 0, said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_it_waits_for_its_client(
    office: Any, number: signal.Signals, listens_to_ctrl_c: None
) -> None:
    with subprocess.Popen(
        office.command(),
        cwd=office.folder,
        env=office.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(messages())
        server.stdin.flush()
        server.stdout.readline()
        server.send_signal(number)
        assert server.wait(timeout=10) == -number


def test_without_fastmcp_one_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastmcp", None)
    with pytest.raises(SystemExit) as ended:
        cli(["mcp"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.splitlines() == [
        "Error: `stargazer mcp` needs FastMCP, which is not installed.",
        "Hint:  Install it with: pip install 'stargazer[mcp]'",
    ]


def test_a_fault_of_ours_tells_the_client_no_more_than_that(
    office: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from stargazer_cli.app import App
    from stargazer_cli.mcp.server import make_server
    from stargazer_cli.serving.access import Roots

    monkeypatch.setenv("STARGAZER_LOCAL", str(office.local))

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(AssetTools, "_located", broken)
    monkeypatch.setattr(AssetTools, "_remote", broken)

    async def call() -> Any:
        async with Client(make_server(App(), Roots([office.files], [office.local]))) as client:
            return await client.call_tool("query_files", {"remote": True}, raise_on_error=False)

    answer = asyncio.run(call())
    assert answer.is_error
    assert "RuntimeError" in answer.content[0].text
    assert "secret of the house" not in answer.content[0].text
    assert "secret of the house" in caplog.text

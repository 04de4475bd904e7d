"""Calls that no well-meaning client makes: each is refused in words, and the server goes on."""

import json
import random
import subprocess
from collections.abc import Callable
from typing import Any

from e2e.user import User
from fastmcp import Client

# Over HTTP a request of more than 1 MiB is refused before it is read.
HUGE = "x" * 200_000
# What may be given for any parameter.
VALUES = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    " ",
    "\x00",
    "\n\n",
    "../../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "file:///etc/passwd",
    "ä🧬\u202e",
    "'; DROP TABLE assets; --",
    "$(touch pwned)",
    "%s%n{0}",
    "x" * 100_000,
    [],
    [None],
    [[]],
    ["a"] * 2000,
    {},
    {"": ""},
    {"asset": "nothing"},
    {"asset": ["r1", "r2"], "sample_id": None},
    {"cid": "x" * 1000},
    {"a": {"b": {"c": []}}},
    {"__class__": "x"},
)
# These would reach out of the machine, or take long for nothing.
TAME = {"remote": False, "push": False, "wait_seconds": 0, "dry_run": True}


def no_traceback(text: str) -> None:
    assert "Traceback" not in text
    assert 'File "' not in text
    assert "fault of its own" not in text, text


def test_any_value_for_any_parameter_is_answered_in_words(office: Any, ask: Any) -> None:
    chance = random.Random(8)

    async def work(agent: Any) -> int:
        tools = {tool.name: tool.input_schema for tool in await agent.client.list_tools()}
        # The published bundles are on the network.
        del tools["fetch_resource_bundle"]
        refused = 0
        for name, schema in tools.items():
            for _ in range(40):
                arguments = {
                    key: TAME.get(key, chance.choice(VALUES))
                    for key in schema["properties"]
                    if key in schema.get("required", ()) or key in TAME or chance.random() < 0.5
                }
                if chance.random() < 0.1:
                    arguments[chance.choice(["nope", "self", "ctx", "x" * 5000])] = 1
                answer = await agent.client.call_tool(name, arguments, raise_on_error=False)
                if answer.is_error:
                    refused += 1
                    no_traceback(answer.content[0].text)
                    assert len(answer.content[0].text) < 20_000, (name, arguments)
        assert (await agent.does("query_files", limit=1))["offset"] == 0
        return refused

    assert ask(office.stdio(), work) > 200
    assert "Traceback" not in office.log


def test_a_huge_text_is_refused_and_not_repeated(connect: Callable[[], Client[Any]], ask: Any) -> None:
    async def work(agent: Any) -> None:
        for tool, arguments in (
            ("query_files", {"filters": {"sample_id": [HUGE, HUGE], HUGE: "x"}}),
            ("get_lineage", {"cid": HUGE}),
            ("update_file", {"target": HUGE, "keyvalues": {"lane": HUGE}}),
            ("get_run", {"run_id": HUGE}),
            ("run_workflow", {"workflow": HUGE, "dry_run": True}),
            ("upload_file", {"paths": [HUGE]}),
            ("list_tasks", {"names": [HUGE]}),
        ):
            assert len(await agent.is_refused(tool, **arguments)) < 10_000, tool
        assert (await agent.does("query_files"))["total"] == 0

    ask(connect(), work)


def test_what_is_wrong_is_named_in_the_words_of_the_command_line(office: Any, ask: Any) -> None:
    shown = User(office.folder, office.local).types("assets", "update", "bafkreinothing", "a=b").err

    async def work(agent: Any) -> None:
        words = await agent.is_refused("update_file", target="bafkreinothing", keyvalues={"a": "b"})
        assert f"Error: {words}\n" == shown
        words = await agent.is_refused("query_files", filters=[1], limit="many", offse=3)
        assert words.splitlines() == [
            "The arguments of query_files are wrong:",
            "  filters: Input should be a valid dictionary",
            "  limit: Input should be a valid integer, unable to parse string as an integer",
            "  offse: Unexpected keyword argument",
            "Hint:  They are: filters, limit, offset, remote.",
        ]
        words = await agent.is_refused("query_files", filters={"sampel_id": "x"})
        assert words.startswith("'sampel_id' is not a key of any asset. Did you mean 'sample_id'?\nHint:  ")
        assert "Did you mean 'germline" in await agent.is_refused(
            "list_tasks", names=["germline_short_variant_discover"]
        )
        assert "Unknown tool" in await agent.is_refused("qery_files")

    ask(office.stdio(), work)


def test_a_line_that_is_no_message_is_survived(office: Any) -> None:
    call = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"query_files","arguments":%s}}\n'
    opening = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    sent = b"".join(
        [
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}).encode()
            + b"\n",
            b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n',
            b"no JSON\n\n{}\n[]\nnull\n",
            b'{"jsonrpc":"2.0","id":2,"method":"nothing/of/the/kind"}\n',
            call % (3, rb'{"filters":{"name":"\ud800"}}'),  # half a letter
            call % (4, b'{"filters":{"name":' + b"[" * 5000 + b"]" * 5000 + b"}}"),
            call % (5, b'{"limit":NaN}'),
            call % (6, b'{"filters":{"name":"\xff\xfe"}}'),  # not UTF-8
            call % (7, b'{"filters":{"name":"' + b"x" * 5_000_000 + b'"}}'),
            call % (8, b"{}"),
        ]
    )
    with subprocess.Popen(
        office.command(),
        cwd=office.folder,
        env=office.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(sent)
        server.stdin.flush()
        answers: dict[int, Any] = {}
        while not {1, 5, 6, 7, 8} <= answers.keys():
            line = json.loads(server.stdout.readline())
            answers[line.get("id")] = line.get("result", line.get("error"))
        _, said = server.communicate(timeout=30)
    assert answers[8]["structuredContent"]["total"] == 0
    assert answers[7]["structuredContent"]["total"] == 0
    assert answers[5]["isError"]
    assert server.returncode == 0
    assert b"Traceback" not in said

"""Runs by an agent: waited for, left alone, lost and found again, ended; a stand-in plays Nextflow."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from e2e.user import User
from fastmcp import Client
from helpers import stand_in
from helpers.shell import FASTA
from helpers.stand_in import happened, wait_until

from stargazer_cli.runs import holder, record
from stargazer_cli.runs.record import RunFolder
from stargazer_cli.tools import Toolbox

Connect = Callable[[], Client[Any]]
REQUEST = {"workflow": "prepare-reference", "arguments": {"build": "b", "aligner": "bwa"}, "reuse": False}


@pytest.fixture
def office(office: Any, toolbox: Toolbox, tmp_path: Path) -> Iterator[Any]:
    """An office with a reference, whose Nextflow is the stand-in."""
    office = office.with_more(PATH=stand_in.put_on_path(tmp_path / "first on path"))
    (office.files / "r.fa").write_text(FASTA)
    user(office).succeeds("assets", "add", office.files / "r.fa", "-k", "build=b")
    yield office
    for folder in record.every(office.local / "runs"):
        kept = folder.read()
        for pid in (kept.pid, kept.nextflow_pid):
            if holder.holds(pid, folder):
                os.kill(pid, signal.SIGKILL)


def user(office: Any) -> User:
    """Return the owner of the office, who types commands."""
    return User(office.folder, office.local)


def the_run(office: Any) -> RunFolder:
    """Return the one run that there is, when its Nextflow has started."""
    wait_until(lambda: any(happened(each.path) for each in record.every(office.local / "runs")))
    (folder,) = record.every(office.local / "runs")
    return folder


def ends(folder: RunFolder) -> None:
    """Let the stand-in publish and end."""
    (folder.path / "go").touch()


def test_a_run_that_is_waited_for_tells_its_progress_and_gives_its_result(
    connect: Connect, office: Any, ask: Any, said: Any
) -> None:
    async def work(agent: Any) -> dict[str, Any]:
        waiting = asyncio.create_task(agent.does("run_workflow", said, **REQUEST))
        folder = await asyncio.to_thread(the_run, office)
        # Its number is known from the beginning: who is cut off can ask for it.
        await asyncio.to_thread(wait_until, lambda: any("started samtools" in line for line in said.lines))
        assert said.lines[0] == f"run {folder.run_id}"
        ends(folder)
        result: dict[str, Any] = await waiting
        return result

    done = ask(connect(), work)
    assert (done["status"], done["computed"], done["name"]) == ("done", True, "prepare_reference")
    assert [asset["name"] for asset in done["assets"]] == ["r.fa.fai"]
    assert Path(done["assets"][0]["path"]).read_text() == "chr1\t8\n"
    assert said.amounts == sorted(said.amounts)
    # All that it said, and not only the last of it now and again.
    assert done["progress"]
    assert set(done["progress"]) <= set(said.lines)


def test_a_run_in_the_background_answers_at_once_and_is_asked_for_later(
    connect: Connect, office: Any, ask: Any
) -> None:
    async def begin(agent: Any) -> dict[str, Any]:
        begun: dict[str, Any] = await agent.does("run_workflow", **REQUEST, background=True)
        return begun

    begun = ask(connect(), begin)
    assert begun["status"] == "running"
    folder = the_run(office)
    assert folder.run_id == begun["run_id"]

    async def later(agent: Any) -> dict[str, Any]:
        assert (await agent.does("get_run", run_id=begun["run_id"]))["status"] == "running"
        (listed,) = (await agent.does("list_runs", status="running"))["runs"]
        assert listed["run_id"] == begun["run_id"]
        ends(folder)
        done: dict[str, Any] = await agent.does("get_run", run_id=begun["run_id"], wait_seconds=60)
        assert (await agent.does("list_runs", status="running"))["total"] == 0
        rest = await agent.does("get_run", run_id=begun["run_id"], progress_from=done["next_progress"])
        assert rest["progress"] == []
        return done

    done = ask(connect(), later)
    assert done["status"] == "done"
    assert any("started samtools_faidx for r.fa" in line for line in done["progress"])


def test_a_server_that_is_killed_takes_nothing_with_it(office: Any, ask: Any) -> None:
    """The program goes away in the middle of a call, and its server with it."""

    async def lose() -> None:
        client = office.stdio()
        async with asyncio.timeout(60), client:
            waiting = asyncio.create_task(client.call_tool("run_workflow", REQUEST))
            folder = await asyncio.to_thread(the_run, office)
            server = parent_of(folder)
            os.kill(server, signal.SIGKILL)
            await waiting

    with suppress(Exception):  # what a client says of a lost server is its own affair
        asyncio.run(lose())
    found_again(office, ask, office.stdio())


def test_a_client_that_hangs_up_loses_nothing(office: Any, listening: Any, ask: Any) -> None:
    server = listening()

    async def lose() -> None:
        client = server.client()
        async with asyncio.timeout(60), client:
            waiting = asyncio.create_task(client.call_tool("run_workflow", REQUEST))
            await asyncio.to_thread(the_run, office)
            waiting.cancel()

    with suppress(Exception, asyncio.CancelledError):
        asyncio.run(lose())
    found_again(office, ask, server.client())


def test_a_call_that_is_given_up_leaves_its_run_alone(
    connect: Connect, office: Any, ask: Any, said: Any
) -> None:
    """The program stays, and tells the server that it does not wait any more, as after its time-out."""

    async def work(agent: Any) -> None:
        calling = agent.client.call_tool("run_workflow", REQUEST, progress_handler=said)
        waiting = asyncio.create_task(calling)
        folder = await asyncio.to_thread(the_run, office)
        # It has been started, and is waited for by now.
        await asyncio.to_thread(wait_until, lambda: said.lines)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(3)  # what a cancelled call would take with it
        assert (await agent.does("get_run", run_id=folder.run_id))["status"] == "running"
        assert "asked to end" not in happened(folder.path)
        ends(folder)
        done = await agent.does("get_run", run_id=folder.run_id, wait_seconds=60)
        assert done["status"] == "done"

    ask(connect(), work)


def test_a_server_that_is_stopped_leaves_runs_alone(office: Any, listening: Any, ask: Any) -> None:
    server = listening()

    async def begin(agent: Any) -> None:
        await agent.does("run_workflow", **REQUEST, background=True)

    ask(server.client(), begin)
    the_run(office)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=30) == 0
    found_again(office, ask, office.stdio())


def parent_of(folder: RunFolder) -> int:
    """Return the process that started the run's."""
    stat = Path(f"/proc/{folder.read().pid}/stat").read_text()
    return int(stat.rpartition(") ")[2].split()[1])


def found_again(office: Any, ask: Any, client: Client[Any]) -> None:
    """Ask a client, who was not there before, for the run: it goes on, and its result is whole."""

    async def work(agent: Any) -> None:
        (listed,) = (await agent.does("list_runs"))["runs"]
        assert listed["status"] == "running"
        ends(RunFolder(office.local / "runs" / listed["run_id"]))
        done = await agent.does("get_run", run_id=listed["run_id"], wait_seconds=60)
        assert done["status"] == "done"
        assert [asset["name"] for asset in done["assets"]] == ["r.fa.fai"]

    ask(client, work)


def test_a_run_is_ended_and_whoever_waits_for_it_is_told(office: Any, ask: Any) -> None:
    async def work(agent: Any) -> str:
        waiting = asyncio.create_task(agent.is_refused("run_workflow", **REQUEST))
        folder = await asyncio.to_thread(the_run, office)
        ended = await agent.does("cancel_run", run_id=folder.run_id)
        assert ended["status"] == "interrupted"
        assert "was cancelled" in ended["error"]
        assert "is not running" in await agent.is_refused("cancel_run", run_id=folder.run_id)
        assert (await agent.does("query_files", filters={"asset": "reference_index"}))["total"] == 0
        words: str = await waiting
        return words

    words = ask(office.stdio(), work)
    assert "was cancelled" in words
    assert "Hint:  Go on from there with: stargazer run --resume " in words


def test_a_run_that_fails_is_an_error_in_the_words_of_the_command_line(office: Any, ask: Any) -> None:
    office = office.with_more(STAND_IN="fail")
    command = ["run", "prepare-reference", "--build", "b", "--aligner", "bwa", "--no-reuse"]
    shown = user(office).types(*command, STAND_IN="fail", PATH=office.more["PATH"]).err

    async def work(agent: Any) -> tuple[str, dict[str, Any]]:
        words = await agent.is_refused("run_workflow", **REQUEST)
        (newest, *_) = (await agent.does("list_runs", status="failed"))["runs"]
        assert newest["run_id"] in words
        return words, await agent.does("get_run", run_id=newest["run_id"])

    words, state = ask(office.stdio(), work)
    first = words.splitlines()[0]
    assert f"Error: {first}\n" in shown
    assert "the tool's last words" in words
    assert state["status"] == "failed"
    assert state["error"].splitlines()[0] == first
    assert state["hint"]


def test_a_plan_starts_nothing(office: Any, ask: Any) -> None:
    async def work(agent: Any) -> dict[str, Any]:
        planned: dict[str, Any] = await agent.does("run_workflow", **REQUEST, dry_run=True)
        assert (await agent.does("list_runs"))["total"] == 0
        return planned

    planned = ask(office.stdio(), work)
    assert (planned["status"], planned["run_id"], planned["computed"]) == ("planned", None, False)
    assert {step["subject"] for step in planned["steps"]} == {"b"}
    assert not any(step["reused"] for step in planned["steps"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"intervals": "/etc/passwd"}, "takes the CID of a file"),
        ({"pedigree": "../secret.ped"}, "takes the CID of a file"),
        ({"work_dir": "/tmp/elsewhere"}, "is not an argument"),
        ({"keep_work": True}, "is not an argument"),
        ({"cluster_options": "--wrap=touch"}, "is not for a client to say"),
        ({"scratch": "/tmp"}, "is not for a client to say"),
        ({"profile": "slurm"}, "is not an argument"),
        ({"outdir": "/tmp"}, "has no argument"),
        ({"container_registry": "evil.example"}, "has no argument"),
        ({"samples": ["@/etc/passwd"]}, "@/etc/passwd"),
        ({"reference": "/etc/passwd"}, "/etc/passwd"),
        ({"stand_call_conf": "much"}, "must be a number"),
        ({"aligner": "bowtie"}, "must be one of"),
        ({"cohort_di": "x"}, "Did you mean 'cohort_id'?"),
    ],
)
def test_what_a_client_may_not_say_of_a_run(
    shared: Callable[[str, dict[str, Any]], str], arguments: dict[str, Any], words: str
) -> None:
    given = {"build": "b", "samples": ["s1"], "aligner": "bwa", **arguments}
    text = shared("run_workflow", {"workflow": "germline", "arguments": given, "dry_run": True})
    assert words in text
    assert "root:" not in text


@pytest.fixture
def shared(office: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, Any]], str]:
    """Give what asks a server in this process, which is quick to start, and returns its refusal."""
    from stargazer_cli.app import App
    from stargazer_cli.mcp.server import make_server
    from stargazer_cli.serving.access import Roots

    for name, value in office.environment().items():
        monkeypatch.setenv(name, value)
    server = make_server(App(), Roots([office.files], [office.local]))

    def call(tool: str, arguments: dict[str, Any]) -> str:
        async def ask() -> Any:
            async with Client(server) as client:
                return await client.call_tool(tool, arguments, raise_on_error=False)

        answer = asyncio.run(ask())
        assert answer.is_error, answer.structured_content
        text: str = answer.content[0].text
        return text

    return call

"""`stargazer` itself with an account at Pinata: what it prints, and that the token is nowhere in it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.pinata import TOKEN, Pinata, cid_of_bytes

Stargazer = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stargazer(server: Pinata, tmp_path: Path) -> Stargazer:
    """Run the command as a user does, on one machine or another."""
    env = os.environ | {
        "PINATA_JWT": TOKEN,
        "PINATA_API": server.url("api"),
        "PINATA_UPLOADS": server.url("uploads"),
        "PINATA_GATEWAY": "",
        "HOME": str(tmp_path),
    }
    env = {name: value for name, value in env.items() if name != "PINATA_VISIBILITY"}

    def stargazer(*arguments: str, machine: str = "mine", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from stargazer_cli.commands.main import cli; cli()", *arguments],
            check=False,
            env=env | {"STARGAZER_LOCAL": str(tmp_path / machine)} | more,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return stargazer


def test_the_token_is_in_nothing_that_is_printed_or_written(
    stargazer: Stargazer, server: Pinata, tmp_path: Path
) -> None:
    (tmp_path / "ref.fa").write_bytes(b">chr1\nACGT\n")
    cid = cid_of_bytes(b">chr1\nACGT\n")
    printed: list[subprocess.CompletedProcess[str]] = []

    def run(code: int, *arguments: str, machine: str = "mine", **more: str) -> str:
        done = stargazer("--debug", *arguments, machine=machine, **more)
        printed.append(done)
        assert done.returncode == code, done.stderr
        return done.stdout

    run(0, "config")
    run(0, "assets", "add", "ref.fa", "-k", "build=GRCh38")
    assert json.loads(run(0, "assets", "push", cid, "--json"))[0]["status"] == "pushed"
    run(0, "assets", "push", cid, "--public")
    assert "ref.fa" in run(0, "assets", "query", "build=GRCh38", "--remote")
    server.fault("GET", "/files/", host="gateway", cut=3, expire=True)
    assert json.loads(run(0, "assets", "pull", cid, "--json", machine="other"))[0]["status"] == "pulled"
    assert len(json.loads(run(0, "assets", "query", "--json", machine="other"))) == 1
    run(0, "assets", "get", cid, "-o", "copy.fa", machine="third")
    # Each with a traceback, as --debug asks for.
    server.fault("GET", "/files/", host="gateway", wrong=True, times=9)
    run(1, "assets", "pull", cid, machine="fourth")
    server.fault("GET", "/v3/files", status=403, answer={"error": f"no rights for {TOKEN}"})
    run(1, "assets", "query", "--remote")
    run(1, "assets", "query", "--remote", PINATA_JWT=TOKEN[:-4])
    run(1, "assets", "query", "--remote", PINATA_JWT=f"{TOKEN} and a line\nbreak")
    run(1, "assets", "query", "--remote", PINATA_API=f"https://me:{TOKEN}@host.example")
    text = "\n".join(done.stdout + done.stderr for done in printed)
    assert "Traceback" in text
    assert TOKEN[:-4] not in text
    assert "X-Signature" not in text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]


def test_without_a_token_the_way_to_one_is_told(stargazer: Stargazer, server: Pinata) -> None:
    done = stargazer("assets", "query", "--remote", PINATA_JWT="")
    assert done.returncode == 2
    assert "Set PINATA_JWT" in done.stderr
    assert not server.seen


def test_a_folder_from_someone_else_cannot_send_the_files_elsewhere(
    stargazer: Stargazer, server: Pinata, tmp_path: Path
) -> None:
    other = Pinata()
    (tmp_path / "stargazer.toml").write_text(f'PINATA_UPLOADS = "{other.url("uploads")}"\n')
    done = stargazer("assets", "query", "--remote")
    assert done.returncode == 2
    assert "PINATA_UPLOADS, which a folder's own file may not" in done.stderr
    assert not server.seen
    assert not other.seen
    other.close()

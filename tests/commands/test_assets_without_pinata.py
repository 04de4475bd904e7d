"""An account at Pinata is no condition for work on what is here: its service may be out of reach."""

import json
import socket
from pathlib import Path

import pytest
from helpers.shell import Shell

from stargazer_cli.assets import Reference
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile


@pytest.mark.parametrize("way", ["commands", "python"])
def test_local_work_makes_no_request(
    settings: Settings, run: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    path = tmp_path / "r.fa"
    path.write_text(">r\nACGT\n")
    # It takes connections and answers none: a request would be seen, and would hang.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for name in ("PINATA_API", "PINATA_UPLOADS", "PINATA_GATEWAY"):
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("PINATA_JWT", "token")
        if way == "commands":
            [added] = run("assets", "add", path, "-k", "build=b", "--json").json
            [found] = json.loads(run("assets", "query", "build=b", "--json").out)
            assert found["cid"] == added["cid"]
            assert run("assets", "get", found["cid"], "-o", tmp_path / "copy.fa").code == 0
        else:
            store = LocalStore(Settings())
            store.add([NewFile(path, Reference(build="b"))])
            [asset] = store.find(build="b")
            assert asset.companions(store) == []
            assert store.stage(asset.cid, "r.fa").is_file()
            store.get(asset.cid, tmp_path / "copy.fa")
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert (tmp_path / "copy.fa").read_bytes() == path.read_bytes()
    assert LocalStore(settings).find(build="b")

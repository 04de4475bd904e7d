"""A store that is put right from a gateway."""

from pathlib import Path

import pytest
from helpers.dags import Layout, content, file
from helpers.gateway import Gateway, status

from stargazer_cli.assets import R1
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.store.upkeep import verify

OURS = file(content(1_000_000), Layout(256 * 1024))
FOREIGN = file(content(3_000_000), Layout(1024 * 1024))


@pytest.fixture
def store(
    tmp_path: Path, gateway: Gateway, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.setenv("PINATA_GATEWAY", gateway.url)
    monkeypatch.delenv("PINATA_JWT", raising=False)
    return LocalStore(Settings())


def damage(path: Path) -> None:
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.write(b"damage")


def put(store: LocalStore, folder: Path) -> Path:
    (folder / "a").write_bytes(OURS.content())
    path = store.add([NewFile(folder / "a", R1(sample_id="a"))])[0].asset.path
    assert path is not None
    return path


@pytest.mark.parametrize("missing", [True, False])
def test_what_is_missing_or_damaged_is_fetched_again(
    store: LocalStore, gateway: Gateway, tmp_path: Path, missing: bool
) -> None:
    gateway.publish(OURS)
    path = put(store, tmp_path)
    if missing:
        path.unlink()
    else:
        damage(path)
    report = verify(store, repair=True)
    assert len(report.missing if missing else report.damaged) == 1
    assert (report.repaired, report.not_repaired, report.is_sound) == ((OURS.text,), {}, True)
    assert path.read_bytes() == OURS.content()
    assert path.stat().st_mode & 0o777 == 0o444
    assert len(list(store.objects.damaged.glob("*"))) == (0 if missing else 1)
    assert verify(store).is_sound
    assert store.stage(OURS.text, "a").is_file()


def test_what_no_remote_has_is_told_and_moved_aside(
    store: LocalStore, gateway: Gateway, tmp_path: Path
) -> None:
    gateway.always = status(404)
    path = put(store, tmp_path)
    damage(path)
    report = verify(store, repair=True)
    assert (report.repaired, report.is_sound) == ((), False)
    assert "404" in report.not_repaired[OURS.text]
    assert not path.exists()
    [damaged] = report.damaged
    assert damaged.moved_to is not None
    assert damaged.moved_to.read_bytes()[:6] == b"damage"


def test_a_file_of_another_layout_is_kept_checked_and_repaired(
    store: LocalStore, gateway: Gateway, tmp_path: Path
) -> None:
    gateway.publish(FOREIGN)
    path = store.pull(FOREIGN.text, "a")
    assert path.name == FOREIGN.text
    assert path.read_bytes() == FOREIGN.content()
    assert verify(store).damaged == ()
    assert store.get(FOREIGN.text, tmp_path / "out").read_bytes() == FOREIGN.content()
    assert store.pull(FOREIGN.text) == path
    damage(path)
    assert [each.cid for each in verify(store, repair=True).damaged] == [FOREIGN.text]
    assert store.pull(FOREIGN.text).read_bytes() == FOREIGN.content()
    assert verify(store).damaged == ()

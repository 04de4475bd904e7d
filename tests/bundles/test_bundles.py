"""Bundles: their descriptions, and how their files arrive, from a gateway on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from helpers import dags
from helpers.gateway import Gateway, Reply, send, served, status
from helpers.pinata import TOKEN, Pinata

from stargazer_cli import bundles
from stargazer_cli.app import App
from stargazer_cli.bundles.fetch import fetch
from stargazer_cli.commands.bundles import bundles as command
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile

CELLS = "bafybeibis4clv26nm2l6ljw5kp7gg4itqkd7sfce2nxpzkogckgvhc3key"
OURS = dags.Layout(256 * 1024)
READS = {
    "ref.fa": b">chr1\n" + b"ACGT" * 200,
    "S1_R1.fq": b"@r/1\nACGT\n+\nIIII\n" * 30_000,
    "S1_R2.fq": b"@r/2\nTTGT\n+\nIIII\n" * 30_000,
}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with served(Gateway()) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.setenv("PINATA_GATEWAY", gateway.url)
    monkeypatch.delenv("PINATA_JWT", raising=False)
    return LocalStore(Settings())


@pytest.fixture
def reads(tmp_path: Path, gateway: Gateway) -> bundles.Bundle:
    """A bundle of a reference and two mates, whose files the gateway has."""
    cids = {name: gateway.publish(dags.file(content, OURS)) for name, content in READS.items()}
    return described(
        tmp_path,
        [
            {"name": "ref.fa", "cid": cids["ref.fa"], "keyvalues": {"asset": "reference", "build": "b"}},
            mate("S1_R1.fq", cids, "r1", "S1_R2.fq"),
            mate("S1_R2.fq", cids, "r2", "S1_R1.fq"),
        ],
    )


def mate(name: str, cids: dict[str, str], kind: str, other: str) -> dict[str, object]:
    keyvalues = {"asset": kind, "sample_id": "S1"}
    return {"name": name, "cid": cids[name], "keyvalues": keyvalues, "links": {"mate_cid": other}}


def described(folder: Path, files: list[dict[str, object]], **more: object) -> bundles.Bundle:
    file = folder / "a_bundle.yml"
    content = {"title": "A title", "source": "A source", "files": files, **more}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return bundles.parse(file)


def asked(gateway: Gateway) -> set[str]:
    """Return the CIDs that a gateway was asked for."""
    return {request.path.removeprefix("/ipfs/") for request in gateway.requests}


def untouched(store: LocalStore) -> bool:
    return store.find() == []


@pytest.mark.parametrize("name", bundles.names())
def test_every_bundle_of_the_package_is_sound(name: str) -> None:
    bundle = bundles.load(name)
    assert bundle.name == name
    for file in bundle.files:
        asset = bundle.asset(file)
        assert (asset.name, asset.cid) == (file.name, file.cid)
        assert asset.kind


def test_the_bundles_are_the_published_ones() -> None:
    assert bundles.names() == ("scrna_demo", "variant_calling_demo")
    reference, r1, r2 = bundles.load("variant_calling_demo").files
    assert reference.cid == "bafkreib6vj3os7l4lqqytaw5vju46iorcknttfiwfnlbizjcqn7xd5hrvy"
    assert r1.cid == "bafybeia3lsmhibzqk3uo5phryz4wurlj26pn74klczwbmnxq3pf5q3iyy4"
    assert r2.cid == "bafybeihd3nqlci7mlotdbbxrstxchesmafsytcsltaa2jdfgppeawh3cui"
    cells = bundles.load("scrna_demo")
    assert [(file.name, file.cid) for file in cells.files] == [
        ("s1d1.h5ad", CELLS),
        ("s1d3.h5ad", "bafybeiazqkd7qc2wydvuobcv6t5ubwdjyvwhhspxjppyo3e7x74ztwi7oa"),
    ]
    assert {file.keyvalues["stage"] for file in cells.files} == {"raw"}
    assert {file.keyvalues["organism"] for file in cells.files} == {"human"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cid": "Qm" + "a" * 44}, "is a CIDv0"),
        ({"cid": "nonsense"}, "is not a CID"),
        ({"name": "../s1d1.h5ad"}, "not usable as a file name"),
        ({"name": "a\nb"}, "not usable as a file name"),
        ({"keyvalues": {"asset": "anndate"}}, "There is no asset kind 'anndate'. Did you mean 'anndata'?"),
        ({"keyvalues": {"asset": "anndata", "sample": "s1"}}, "asset=anndata has no key 'sample'"),
        ({"keyvalues": {"asset": "anndata", "n_obs": "many"}}, "n_obs of asset=anndata must be a whole"),
        ({"links": {"source_cid": "s9.h5ad"}}, "source_cid points at 's9.h5ad', which is not in the bundle"),
        ({"links": {"organism": "s1.h5ad"}}, "'organism' is not a link"),
        ({"size": 3}, "files.0.size: Extra inputs"),
    ],
)
def test_a_wrong_description_is_refused_with_what_is_wrong(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    sound = {"name": "s1.h5ad", "cid": CELLS, "keyvalues": {"asset": "anndata", "n_obs": 5}}
    assert described(tmp_path, [sound]).files[0].keyvalues["n_obs"] == 5
    with pytest.raises(StargazerError) as refused:
        described(tmp_path, [sound | change])
    assert said in refused.value.message
    assert str(tmp_path / "a_bundle.yml") in refused.value.message


def test_two_files_of_one_name_no_file_and_no_yaml_are_refused(tmp_path: Path) -> None:
    sound: dict[str, object] = {"name": "s1.h5ad", "cid": CELLS, "keyvalues": {}}
    with pytest.raises(StargazerError, match=r"two files are called 's1\.h5ad'"):
        described(tmp_path, [sound, sound])
    with pytest.raises(StargazerError, match="files: Tuple should have at least 1 item"):
        described(tmp_path, [])
    for content, said in (("title: [", "is not YAML"), ("- a list", "it holds no keys")):
        (tmp_path / "bad.yml").write_text(content)
        with pytest.raises(StargazerError, match=said):
            bundles.parse(tmp_path / "bad.yml")


@pytest.mark.parametrize("name", ["scrna_dem", "../scrna_demo", ""])
def test_an_unknown_bundle_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        bundles.load(name)
    assert refused.value.hint == "There are: scrna_demo, variant_calling_demo."


def test_a_fetch_brings_every_file_and_links_the_mates(
    store: LocalStore, gateway: Gateway, reads: bundles.Bundle
) -> None:
    seen: list[tuple[int, int | None]] = []
    added = fetch(reads, store, lambda *told: seen.append(told))
    assert [(each.asset.name, each.status) for each in added] == [(name, "added") for name in READS]
    for each in added:
        assert store.object(each.asset.cid).read_bytes() == READS[each.asset.name]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == sum(map(len, READS.values()))
    (r1,), (r2,) = store.find(asset="r1", sample_id="S1"), store.find(asset="r2", sample_id="S1")
    assert (r1.to_keyvalues()["mate_cid"], r2.to_keyvalues()["mate_cid"]) == (r2.cid, r1.cid)
    assert [asset.name for asset in r1.companions(store)] == ["S1_R2.fq"]


def test_what_is_here_is_not_downloaded_and_adds_no_second_record(
    store: LocalStore, gateway: Gateway, reads: bundles.Bundle, tmp_path: Path
) -> None:
    (tmp_path / "mine.fa").write_bytes(READS["ref.fa"])
    store.add([NewFile(tmp_path / "mine.fa", reads.asset(reads.files[0]).model_copy(update={"cid": ""}))])
    assert [each.status for each in fetch(reads, store)] == ["notneeded", "added", "added"]
    assert asked(gateway) == {file.cid for file in reads.files[1:]}
    gateway.always = status(404)
    assert [each.status for each in fetch(reads, store)] == ["notneeded"] * 3
    assert len(store.find()) == 3


def test_files_are_downloaded_side_by_side(
    store: LocalStore, gateway: Gateway, reads: bundles.Bundle
) -> None:
    # Nobody is answered before all have asked.
    met = threading.Barrier(len(READS), timeout=10)
    gateway.cars = False

    def together(reply: Reply) -> Reply:
        met.wait()
        return reply

    gateway.always = together
    fetch(reads, store)
    assert not met.broken


def test_a_file_that_cannot_be_had_leaves_no_record_and_the_others_are_kept(
    store: LocalStore, gateway: Gateway, reads: bundles.Bundle
) -> None:
    missing = gateway._files.pop(reads.files[1].cid)
    with pytest.raises(StargazerError, match=r"S1_R1\.fq"):
        fetch(reads, store)
    assert untouched(store)
    kept = {file.cid for file in reads.files if store.object(file.cid)}
    assert kept
    gateway.publish(missing)
    gateway.requests.clear()
    assert {each.status for each in fetch(reads, store)} == {"added"}
    assert asked(gateway) == {file.cid for file in reads.files} - kept


def test_wrong_bytes_are_refused_and_leave_no_record(
    store: LocalStore, gateway: Gateway, reads: bundles.Bundle
) -> None:
    gateway.cars = False
    gateway.always = send(b"other bytes")
    with pytest.raises(StargazerError, match=r"ref\.fa"):
        fetch(reads, store)
    assert untouched(store)
    assert not any(store.object(file.cid) for file in reads.files)


def test_a_file_of_another_layout_is_recorded_under_its_published_cid(
    store: LocalStore, gateway: Gateway, tmp_path: Path
) -> None:
    """Whoever publishes chooses chunks and width; the record must hold the CID that others know."""
    content = READS["S1_R1.fq"]
    cid = gateway.publish(dags.file(content, dags.Layout(100_000, width=3)))
    bundle = described(tmp_path, [{"name": "S1.fq", "cid": cid, "keyvalues": {"asset": "r1"}}])
    for expected in ("added", "notneeded"):
        (added,) = fetch(bundle, store)
        assert (added.status, added.asset.cid, store.object(cid).read_bytes()) == (expected, cid, content)
    assert len(list((store.root / "objects").iterdir())) == 1


def test_a_damaged_file_of_the_store_is_not_recorded(
    store: LocalStore, gateway: Gateway, reads: bundles.Bundle
) -> None:
    path = store.pull(reads.files[0].cid)
    path.chmod(0o644)
    path.write_bytes(b"other bytes")
    with pytest.raises(StargazerError, match="is damaged"):
        fetch(reads, store)
    assert untouched(store)


@pytest.mark.parametrize("gateway_url", ["http://127.0.0.1:9", ""])
def test_offline_is_one_clear_error_and_no_phantom_record(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, gateway_url: str
) -> None:
    monkeypatch.setenv("PINATA_GATEWAY", gateway_url)
    monkeypatch.setattr("time.sleep", lambda _: None)
    offline = LocalStore(Settings())
    with pytest.raises(StargazerError) as failed:
        fetch(bundles.load("variant_calling_demo"), offline)
    assert "TP53" in failed.value.message
    assert failed.value.hint
    assert untouched(offline)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pinata]:
    """An account at Pinata, switched on."""
    pinata = Pinata()
    monkeypatch.setenv("PINATA_JWT", TOKEN)
    monkeypatch.setenv("PINATA_API", pinata.url("api"))
    monkeypatch.setenv("PINATA_UPLOADS", pinata.url("uploads"))
    yield pinata
    pinata.close()


def test_what_pinata_says_of_a_file_wins_and_the_rest_is_as_the_bundle_says(
    store: LocalStore, account: Pinata, gateway: Gateway, reads: bundles.Bundle
) -> None:
    known = {"asset": "reference", "build": "the build of the lab"}
    account.store(READS["ref.fa"], "lab.fa", known)
    online = LocalStore(Settings())
    added = fetch(reads, online)
    assert (added[0].asset.name, added[0].asset.to_keyvalues()) == ("lab.fa", known)
    assert [each.asset.kind for each in added[1:]] == ["r1", "r2"]
    # The local database holds all of it, for whoever has no token.
    assert sorted(asset.name for asset in store.find()) == ["S1_R1.fq", "S1_R2.fq", "lab.fa"]
    assert TOKEN not in (store.root / "stargazer_local.json").read_text()
    assert all(TOKEN not in str(request.headers) for request in gateway.requests)


def test_an_account_that_does_not_answer_leaves_no_record(
    store: LocalStore, account: Pinata, reads: bundles.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the records of the bundle would stand beside those of the account, which say other things."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    account.close()
    with pytest.raises(StargazerError) as failed:
        fetch(reads, LocalStore(Settings()))
    assert TOKEN not in failed.value.message
    assert untouched(store)


def test_what_is_here_stays_as_it_is_when_the_account_does_not_answer(
    store: LocalStore, account: Pinata, reads: bundles.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.store(READS["ref.fa"], "lab.fa", {"asset": "reference", "build": "the build of the lab"})
    online = LocalStore(Settings())
    first = fetch(reads, online)
    monkeypatch.setattr("time.sleep", lambda _: None)
    account.close()
    notes: list[str] = []
    again = fetch(reads, online, note=notes.append)
    assert [each.status for each in again] == ["notneeded"] * 3
    assert [each.asset.id for each in again] == [each.asset.id for each in first]
    (said,) = notes
    assert "did not list its files" in said
    assert said.endswith("All of a_bundle is here, and stays recorded as it is.")


@pytest.mark.real_data
def test_the_real_reads_arrive_under_the_cids_of_the_bundle(
    store: LocalStore, gateway: Gateway, real_data: Path, run: Callable[..., object], guide: str
) -> None:
    bundle = bundles.load("variant_calling_demo")
    for file in bundle.files:
        content = (real_data / "germline_tp53" / file.name).read_bytes()
        assert gateway.publish(dags.file(content, OURS)) == file.cid
    done = run("fetch", "variant_calling_demo")
    assert f"$ stargazer bundles fetch variant_calling_demo\n{done.stderr}{done.stdout}" in guide
    (reference,) = store.find(asset="reference", build="GRCh38")
    assert reference.name == "GRCh38_TP53.fa"


@pytest.fixture
def guide() -> str:
    return (Path(__file__).parents[2] / "docs" / "guides" / "bundles.md").read_text(encoding="utf-8")


@pytest.fixture
def run(store: LocalStore) -> Callable[..., object]:
    def invoke(*arguments: str) -> object:
        return CliRunner().invoke(command, arguments, obj=App(), catch_exceptions=False)

    return invoke


def test_list_and_show_tell_what_there_is_and_what_is_here(run: Callable[..., object], guide: str) -> None:
    listed = run("list")
    assert "scrna_demo            0 of 2  Human bone marrow" in listed.stdout
    assert f"$ stargazer bundles list\n{listed.stdout}" in guide
    document = json.loads(run("list", "--json").stdout)
    assert [each["name"] for each in document] == ["scrna_demo", "variant_calling_demo"]
    assert document[0]["files"][0] == {
        "name": "s1d1.h5ad",
        "cid": CELLS,
        "keyvalues": {"asset": "anndata", "sample_id": "s1d1", "stage": "raw", "organism": "human"},
        "here": False,
    }
    assert json.loads(run("show", "scrna_demo", "--json").stdout) == document[0]
    shown = run("show", "variant_calling_demo").stdout
    assert "NA12829_TP53_R1.fq.gz  not here" in shown
    assert "mate_cid=bafybeihd3nqlci7mlotdbbxrstxchesmafsytcsltaa2jdfgppeawh3cui" in shown


def test_the_command_fetches_a_bundle_and_prints_its_assets(
    run: Callable[..., object], reads: bundles.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stargazer_cli.commands.bundles.load", {"reads": reads}.get)
    done = run("fetch", "reads")
    assert done.stderr == "A title: 3 added to the store, 0 already there.\n"
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [
        ["reference", "b", "ref.fa"],
        ["r1", "S1", "S1_R1.fq"],
        ["r2", "S1", "S1_R2.fq"],
    ]
    document = json.loads(run("fetch", "reads", "--json").stdout)
    assert [(each["name"], each["status"]) for each in document] == [(name, "notneeded") for name in READS]
    assert all(Path(each["path"]).is_file() for each in document)

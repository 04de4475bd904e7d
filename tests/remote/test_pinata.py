"""The client of Pinata's API against a server on loopback that behaves as Pinata documents."""

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.pinata import TOKEN, cid_of_bytes
from helpers.pinata import Pinata as Server
from pydantic import SecretStr

from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.settings import Settings
from stargazer_cli.store.remote import http, pinata
from stargazer_cli.store.remote.download import download
from stargazer_cli.store.remote.pinata import Pinata

CONTENT = bytes(range(256)) * 3000
CID = cid_of_bytes(CONTENT)


@pytest.fixture
def account(attached: Settings) -> Iterator[Pinata]:
    with Pinata(attached) as account:
        yield account


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "reads.fq.gz"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def resumable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads that would fit in a form go up in chunks of 100,000 bytes."""
    monkeypatch.setattr(pinata, "LARGEST_FORM", 1000)
    monkeypatch.setattr(pinata, "CHUNK", 100_000)


def test_an_upload_has_its_name_its_keyvalues_and_our_cid(
    server: Server, account: Pinata, path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    file = account.upload(
        path,
        'a "name"; with\nall',
        {"sample_id": "Zoë"},
        "public",
        progress=lambda done, total: seen.append((done, total)),
    )
    kept = server.files[file.id]
    assert (kept.name, kept.keyvalues, kept.network) == (
        'a "name"; with\nall',
        {"sample_id": "Zoë"},
        "public",
    )
    assert (kept.content, kept.cid, file.cid) == (CONTENT, CID, CID)
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_uploads_are_private_unless_public_is_asked_for(server: Server, account: Pinata, path: Path) -> None:
    assert server.files[account.upload(path).id].network == "private"


def test_the_same_bytes_are_one_file_and_take_the_new_keyvalues(
    server: Server, account: Pinata, path: Path
) -> None:
    first = account.upload(path, "first", {"sample_id": "a", "build": "b"})
    second = account.upload(path, "second", {"sample_id": "c"})
    assert first.id == second.id
    assert second.keyvalues == server.files[first.id].keyvalues == {"sample_id": "c", "build": "b"}


@pytest.mark.usefixtures("resumable")
def test_a_large_file_goes_up_in_chunks(server: Server, account: Pinata, path: Path) -> None:
    seen: list[int] = []
    file = account.upload(
        path, "large", {"sample_id": "a"}, "public", progress=lambda done, total: seen.append(done)
    )
    assert server.files[file.id].content == CONTENT
    assert (file.cid, file.name, file.keyvalues, file.network) == (CID, "large", {"sample_id": "a"}, "public")
    assert len(server.requests("PATCH", "/tus/")) == 8
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


@pytest.mark.usefixtures("resumable")
@pytest.mark.parametrize(
    "fault",
    [{"cut": 30_000}, {"cut": 0}, {"deaf": True}, {"status": 500}, {"status": 409}, {"status": 429}],
    ids=str,
)
@pytest.mark.parametrize("chunk", [0, 3, 7])
def test_an_upload_that_breaks_goes_on_where_the_server_is(
    server: Server, account: Pinata, path: Path, fault: dict[str, int], chunk: int
) -> None:
    # The last chunk may be the one whose answer is lost: then nothing told the CID.
    server.fault("PATCH", "/tus/", times=chunk)  # these meet nothing
    server.fault("PATCH", "/tus/", **fault)
    file = account.upload(path, "large", {"sample_id": "a"})
    assert server.files[file.id].content == CONTENT
    sent = sum(seen.size for seen in server.requests("PATCH", "/tus/"))
    assert sent <= len(CONTENT) + 100_000
    assert server.requests("HEAD", "/tus/")


@pytest.mark.usefixtures("resumable")
def test_a_line_that_breaks_all_the_time_brings_a_large_file_over(
    server: Server, account: Pinata, path: Path
) -> None:
    server.fault("PATCH", "/tus/", cut=30_000, times=20)
    assert server.files[account.upload(path).id].content == CONTENT


@pytest.mark.usefixtures("resumable")
@pytest.mark.parametrize("chunk", [0, 3, 7])
def test_an_upload_that_the_server_lost_begins_again(
    server: Server, account: Pinata, path: Path, chunk: int
) -> None:
    server.fault("PATCH", "/tus/", times=chunk)  # these meet nothing
    server.fault("PATCH", "/tus/", status=404)
    assert server.files[account.upload(path).id].content == CONTENT
    server.files.clear()
    server.fault("PATCH", "/tus/", status=404, times=9)
    with pytest.raises(StargazerError, match=r"Pinata did not take reads.fq.gz: it answered 404"):
        account.upload(path)


@pytest.mark.usefixtures("resumable")
def test_an_upload_that_is_done_and_forgotten_is_not_sent_again(
    server: Server, account: Pinata, path: Path
) -> None:
    server.fault("PATCH", "/tus/", times=7)  # these meet nothing
    server.fault("PATCH", "/tus/", deaf=True)
    server.fault("HEAD", "/tus/", status=404)
    assert account.upload(path).cid == CID
    assert len(server.requests("PATCH", "/tus/")) == 8


@pytest.mark.usefixtures("resumable")
def test_a_large_file_that_never_appears_is_told(
    server: Server, account: Pinata, path: Path, waits: list[float]
) -> None:
    server.fault("PATCH", "/tus/", times=7)  # these meet nothing
    server.fault("PATCH", "/tus/", cut=99)
    server.fault("HEAD", "/tus/", status=404)
    with pytest.raises(StargazerError, match=f"took reads.fq.gz and does not list it as {CID}"):
        account.upload(path)
    assert sum(waits) > 100


@pytest.mark.usefixtures("resumable")
def test_another_process_goes_on_with_an_upload(
    server: Server, account: Pinata, path: Path, tmp_path: Path
) -> None:
    begun = tmp_path / "uploads" / "begun"
    server.fault("PATCH", "/tus/", times=4)  # these meet nothing
    server.fault("PATCH", "/tus/", status=403)
    with pytest.raises(StargazerError, match="403"):
        account.upload(path, begun=begun)
    assert begun.exists()
    assert server.files[account.upload(path, begun=begun).id].content == CONTENT
    assert len(server.requests("POST", "/files", "uploads")) == 1
    assert len(server.requests("PATCH", "/tus/")) == 5 + 4
    assert not begun.exists()


@pytest.mark.usefixtures("resumable")
@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_upload_that_cannot_be_gone_on_with_begins_again(
    server: Server, account: Pinata, path: Path, tmp_path: Path, status: int
) -> None:
    begun = tmp_path / "begun"
    begun.write_text(server.url("uploads") + "/files/tus/of-long-ago")
    server.fault("HEAD", "/tus/", status=status)
    assert server.files[account.upload(path, begun=begun).id].content == CONTENT


@pytest.mark.usefixtures("resumable")
def test_an_upload_is_gone_on_with_at_the_uploads_host_only(
    server: Server, account: Pinata, path: Path, tmp_path: Path
) -> None:
    other = Server()
    (tmp_path / "begun").write_text(other.url("uploads") + "/files/tus/x")
    assert server.files[account.upload(path, begun=tmp_path / "begun").id].content == CONTENT
    assert not other.seen
    other.close()


def test_a_file_whose_cid_is_not_known_yet_is_waited_for(
    server: Server, account: Pinata, path: Path, waits: list[float]
) -> None:
    file, _ = server.store(CONTENT, "x")
    server.fault("POST", "/files", answer={"data": file.document() | {"cid": "pending"}})
    server.fault("GET", "/files", answer={"data": {"files": [file.document() | {"cid": "pending"}]}})
    assert account.upload(path).cid == CID
    assert sum(waits) > 0


@pytest.mark.usefixtures("resumable")
def test_the_bytes_of_an_upload_go_to_the_uploads_host_only(
    server: Server, account: Pinata, path: Path
) -> None:
    other = Server()
    server.fault("POST", "/files", status=201, headers={"Location": other.url("uploads") + "/files/tus/x"})
    with pytest.raises(StargazerError, match="named no place of its own"):
        account.upload(path)
    assert not other.seen
    other.close()


@pytest.mark.parametrize("large", [False, True])
def test_a_file_that_gets_another_cid_there_is_deleted_again(
    server: Server, account: Pinata, path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr(pinata, "LARGEST_FORM", 1000 if large else 1 << 30)
    server.wrong_cid = True
    with pytest.raises(StargazerError, match=f"gave reads.fq.gz the CID b.* here it is {CID}.* deleted"):
        account.upload(path, keyvalues={"sample_id": "a"})
    assert not server.files


@pytest.mark.parametrize("large", [False, True])
def test_a_file_of_that_other_cid_that_was_there_before_stays(
    server: Server, account: Pinata, path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    monkeypatch.setattr(pinata, "LARGEST_FORM", 1000 if large else 1 << 30)
    server.wrong_cid = True
    server.store(CONTENT, "someone's own")
    with pytest.raises(StargazerError, match="was there before, and stays"):
        account.upload(path, keyvalues={"sample_id": "a"})
    assert [file.name for file in server.files.values()] == ["someone's own"]


def test_a_file_that_is_not_what_it_should_be_is_not_sent(
    server: Server, account: Pinata, path: Path
) -> None:
    with pytest.raises(StargazerError, match=r"was not sent: the bytes of .* have the CID"):
        account.upload(path, cid=cid_of_bytes(b"other"))
    assert not server.seen


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ({str(number): "x" for number in range(11)}, "10 keyvalues of a file at most, not 11"),
        ({"sample_count": 3}, "'sample_count' must be text"),
    ],
)
def test_keyvalues_that_pinata_does_not_take_are_refused_here(
    server: Server, account: Pinata, path: Path, pairs: dict[str, str], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        account.upload(path, keyvalues=pairs)
    assert not server.seen


def test_a_file_above_25_gb_is_refused_before_it_is_read(account: Pinata, tmp_path: Path) -> None:
    huge = tmp_path / "huge.bam"
    with huge.open("wb") as stream:
        stream.truncate(pinata.LARGEST_FILE + 1)
    with pytest.raises(UsageError, match=r"huge.bam has 25,000,000,001 bytes"):
        account.upload(huge)


@pytest.mark.parametrize(
    "fault", [{"cut": 1000}, {"deaf": True}, {"status": 500}, {"status": 503}, {"status": 429}], ids=str
)
def test_faults_that_pass_are_waited_for(
    server: Server, account: Pinata, waits: list[float], path: Path, fault: dict[str, int]
) -> None:
    server.fault("POST", "/files", times=2, **fault)
    assert server.files[account.upload(path).id].content == CONTENT
    assert len(waits) == 2
    assert waits[0] < waits[1]


def test_retry_after_is_honoured(server: Server, account: Pinata, waits: list[float]) -> None:
    server.fault("GET", "/files", status=429, headers={"Retry-After": "17"})
    assert list(account.files()) == []
    assert waits == [17.0]


def test_a_server_that_says_nothing_is_asked_again(
    server: Server, account: Pinata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account._client, "timeout", 0.2)
    server.fault("GET", "/files", pause=1.0)
    assert list(account.files()) == []
    assert len(server.requests("GET", "/files")) == 2


def test_a_server_that_stays_down_is_given_up(server: Server, account: Pinata, waits: list[float]) -> None:
    server.fault("GET", "/files", status=500, times=99)
    with pytest.raises(StargazerError, match=r"did not list its files: it answered 500 .*; tried 6 times"):
        list(account.files())
    # A limit by the minute is outlasted even where the server does not say how long to wait.
    assert sum(waits) > 50


def test_every_page_is_read(server: Server, account: Pinata) -> None:
    stored = {server.store(bytes([number]), f"file {number}")[0].id for number in range(35)}
    assert {file.id for file in account.files()} == stored
    assert len(server.requests("GET", "/files/private")) == 4


def test_files_are_asked_for_by_what_they_are(server: Server, account: Pinata) -> None:
    for number, sample in enumerate(["a", "b", "a"]):
        server.store(bytes([number]), "x", {"sample_id": sample, "build": "GRCh38"})
    server.store(b"public", "x", {"sample_id": "a"}, "public")
    assert len(list(account.files({"sample_id": "a", "build": "GRCh38"}))) == 2
    assert [file.cid for file in account.files(cid=cid_of_bytes(b"\1"))] == [cid_of_bytes(b"\1")]
    assert [file.network for file in account.files({"sample_id": "a"}, network="public")] == ["public"]


def test_a_server_that_ignores_the_question_gives_no_other_files(server: Server, account: Pinata) -> None:
    server.filters = False
    for number, sample in enumerate(["a", "b", "a"]):
        server.store(bytes([number]), "x", {"sample_id": sample})
    assert len(list(account.files({"sample_id": "a"}))) == 2


@pytest.mark.parametrize(
    ("pages", "question", "requests"),
    [
        ("empty", {}, 4),
        ("same", {}, 2),
        ("fresh", {}, 20),
        # Files that nobody asked for are no reason to go on.
        ("fresh", {"cid": CID}, 3),
        ("fresh", {"keyvalues": {"sample_id": "a"}}, 20),
    ],
)
def test_a_list_without_an_end_is_left(
    server: Server,
    account: Pinata,
    monkeypatch: pytest.MonkeyPatch,
    pages: str,
    question: dict[str, Any],
    requests: int,
) -> None:
    monkeypatch.setattr(pinata, "_MOST_PAGES", 20)
    server.store(b"1", "x")
    server.endless = pages
    # A list that was never left would hang: page 40 is the end of the test.
    server.fault("GET", "pageToken=NDA", answer={"data": {"files": []}}, times=99)
    with pytest.raises(StargazerError, match="list of files does not end"):
        list(account.files(**question))
    assert len(server.requests("GET", "/files/private")) == requests


def test_a_page_of_more_files_than_asked_for_counts_as_many(
    server: Server, account: Pinata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinata, "_MOST_PAGES", 20)
    files = [{"id": f"{number}", "cid": CID} for number in range(2000)]
    server.fault("GET", "/files", answer={"data": {"files": files, "next_page_token": "more"}})
    with pytest.raises(StargazerError, match="list of files does not end"):
        list(account.files())
    assert len(server.requests("GET", "/files/private")) == 1


def test_an_update_sets_some_keyvalues_and_keeps_the_others(server: Server, account: Pinata) -> None:
    kept, _ = server.store(b"1", "x", {"sample_id": "a", "build": "b"})
    file = next(account.files())
    changed = account.update(file, name="y", keyvalues={"sample_id": "c"})
    assert (kept.name, kept.keyvalues) == ("y", {"sample_id": "c", "build": "b"})
    assert (changed.name, changed.keyvalues) == (kept.name, kept.keyvalues)


def test_a_deleted_file_is_gone_and_may_be_deleted_twice(server: Server, account: Pinata) -> None:
    server.store(b"1", "x")
    file = next(account.files())
    # The answer to the first request is lost; the second finds nothing.
    server.fault("DELETE", "/files/", deaf=True)
    account.delete(file)
    assert not server.files
    assert len(server.requests("DELETE", "/files/")) == 2


def test_a_private_file_is_downloaded_through_a_signed_address(
    server: Server, account: Pinata, tmp_path: Path
) -> None:
    server.store(CONTENT, "x")
    target = tmp_path / "there"
    assert download([account.source(CID, "private")], CID, target) == CID
    assert target.read_bytes() == CONTENT
    assert len(server.requests("GET", "/files/", "gateway")) == 1


def test_a_signature_that_runs_out_in_the_middle_is_made_again(
    server: Server, account: Pinata, tmp_path: Path
) -> None:
    server.store(CONTENT, "x")
    for _ in range(3):
        server.fault("GET", "/files/", host="gateway", cut=200_000, expire=True)
    target = tmp_path / "there"
    download([account.source(CID, "private")], CID, target)
    assert target.read_bytes() == CONTENT
    asked = server.requests("GET", "/files/", "gateway")
    assert [seen.headers.get("Range") for seen in asked] == [
        None,
        "bytes=200000-",
        "bytes=400000-",
        "bytes=600000-",
    ]
    assert len(server.requests("POST", "/download_link")) == 4


def test_a_signature_that_ran_out_is_of_no_use(server: Server, account: Pinata) -> None:
    server.store(CONTENT, "x")
    url = account._sign(CID, 30)
    assert httpx_status(url) == 200
    later = server.clock() + 31
    server.clock = lambda: later
    assert httpx_status(url) == 403
    assert httpx_status(url.replace("X-Expires=30", "X-Expires=300")) == 403


def httpx_status(url: str) -> int:
    with http.client() as client:
        return client.get(url).status_code


def test_wrong_bytes_from_pinata_are_refused_and_the_next_source_is_asked(
    server: Server, account: Pinata, tmp_path: Path
) -> None:
    server.store(CONTENT, "x")
    server.store(CONTENT, "x", network="public")
    server.fault("GET", "/files/", host="gateway", wrong=True)
    target = tmp_path / "there"
    download([account.source(CID, "private"), account.source(CID, "public")], CID, target)
    assert target.read_bytes() == CONTENT
    assert server.requests("GET", f"/ipfs/{CID}", "gateway")


def test_a_file_that_the_account_has_not_is_told(account: Pinata, tmp_path: Path) -> None:
    with pytest.raises(StargazerError, match=r"Pinata \(private\) did not deliver .*: it answered 404"):
        download([account.source(CID, "private")], CID, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_the_gateway_is_asked_for_once(server: Server, account: Pinata) -> None:
    for _ in range(3):
        account.locate(CID, "private")
    assert len(server.requests("GET", "/gateways")) == 1


def test_an_account_without_a_gateway_is_told_so(server: Server, account: Pinata) -> None:
    server.fault("GET", "/gateways", answer={"data": {"count": 0, "rows": []}})
    with pytest.raises(http.Refused, match="account has no gateway"):
        account.locate(CID, "private")


def test_a_gateway_of_ones_own_needs_no_question(settings: Settings) -> None:
    settings.pinata_jwt = SecretStr(TOKEN)
    settings.pinata_gateway = "https://fun-llama-300.mypinata.cloud/"
    with Pinata(settings) as account:
        assert account.gateways() == ["https://fun-llama-300.mypinata.cloud"]


@pytest.mark.parametrize(
    "gateway",
    [
        "https://evil.example/x.mypinata.cloud",
        "https://me@evil.example/.mypinata.cloud",
        "https://evil.example?.mypinata.cloud",
        "https://evil.example#.mypinata.cloud",
        "https://a.mypinata.cloud@evil.example/.mypinata.cloud",
        "https://evil.example\\.mypinata.cloud",
        "https://me:secret@fun.mypinata.cloud",
        "http://fun.mypinata.cloud",
        "https://mypinata.cloud",
        "https://[",
    ],
)
def test_an_address_is_signed_for_no_gateway_that_only_looks_like_ones_own(
    server: Server, attached: Settings, gateway: str
) -> None:
    attached.pinata_gateway = gateway
    with Pinata(attached) as account:
        assert account.gateways() == [server.url("gateway")]


def test_bytes_that_are_on_the_other_network_are_not_said_to_be_on_this_one(
    server: Server, account: Pinata, path: Path
) -> None:
    server.one_network = True
    kept, _ = server.store(CONTENT, "before")
    with pytest.raises(StargazerError, match=r"was to be public at Pinata, and is private\. It was there"):
        account.upload(path, network="public", keyvalues={"sample_id": "a"})
    assert server.files == {kept.id: kept}
    assert kept.keyvalues == {}


def test_an_upload_that_became_public_is_taken_back(server: Server, account: Pinata, path: Path) -> None:
    server.puts_on = "public"
    with pytest.raises(StargazerError, match=r"was to be private at Pinata, and is public\. It was deleted"):
        account.upload(path)
    assert server.files == {}


def test_what_cannot_be_a_keyvalue_or_a_name_does_no_harm(server: Server, account: Pinata) -> None:
    row = {"id": "1", "cid": CID, "name": "a\ud800b", "keyvalues": {"": "x", "k": "\udfff", "n": None}}
    server.fault("GET", "/files", answer={"data": {"files": [row]}})
    (file,) = account.files()
    assert (file.name, file.keyvalues) == ("a?b", {"k": "?"})


@pytest.mark.parametrize("status", [0, 400])
def test_an_answer_of_endless_depth_is_refused(
    server: Server, account: Pinata, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    deep = b'{"error":' * 100_000
    monkeypatch.setattr("helpers.pinata.json.dumps", lambda *_: deep.decode())
    server.fault("GET", "/files", status=status, answer={})
    with pytest.raises(StargazerError, match="did not list its files"):
        list(account.files())


def test_no_token_of_anyone_is_told(server: Server, account: Pinata) -> None:
    server.fault("GET", "/files", status=400, answer={"error": "not eyJhbGciOi.x-y_z.%3D=, " + "x" * 400})
    with pytest.raises(StargazerError, match=r"not \*{8}, x") as refused:
        list(account.files())
    assert "eyJ" not in refused.value.message


def test_pinata_names_a_gateway_by_its_first_label(server: Server, account: Pinata) -> None:
    server.fault("GET", "/gateways", answer={"data": {"rows": [{"domain": "fun-llama-300"}]}})
    assert account.gateways() == ["http://fun-llama-300.mypinata.cloud"]


@pytest.mark.parametrize(
    "answer",
    [[], "", {"data": []}, {"data": "x"}, {"data": {"files": [{}]}}, {"data": {"files": ["x"]}}],
    ids=str,
)
def test_an_answer_that_is_none_is_told(server: Server, account: Pinata, answer: object) -> None:
    server.fault("GET", "/files", answer=answer)
    with pytest.raises(StargazerError, match="its answer is not one"):
        list(account.files())


def test_an_address_that_is_not_that_of_the_file_is_not_used(server: Server, account: Pinata) -> None:
    server.fault("POST", "/download_link", answer={"data": "http://127.0.0.1:9/files/x?X-Expires=1"})
    with pytest.raises(http.Refused, match="what it signed is not the address"):
        account.locate(CID, "private")


def test_what_pinata_says_about_a_refusal_is_told_without_the_token(server: Server, account: Pinata) -> None:
    server.fault("GET", "/files", status=400, answer={"error": f"bad\x1b[31m Bearer {TOKEN}\nrequest"})
    with pytest.raises(StargazerError) as refused:
        list(account.files())
    assert refused.value.message == (
        "Pinata did not list its files: it answered 400 Bad Request: bad [31m Bearer ******** request."
    )


@pytest.mark.parametrize(("status", "hint"), [(401, "wrong or revoked"), (403, "org:files:write")])
def test_a_token_that_is_refused_is_told_with_the_way_out(
    server: Server, account: Pinata, waits: list[float], status: int, hint: str
) -> None:
    server.fault("GET", "/files", status=status)
    with pytest.raises(StargazerError) as refused:
        list(account.files())
    assert hint in str(refused.value.hint)
    assert not waits


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_redirect_takes_the_token_or_the_bytes_elsewhere(
    server: Server, account: Pinata, path: Path, method: str
) -> None:
    other = Server()
    server.fault(method, "/files", status=307, headers={"Location": other.url("api") + "/files/private"})
    with pytest.raises(StargazerError, match="it answered 307"):
        if method == "GET":
            list(account.files())
        else:
            account.upload(path)
    assert not other.seen
    other.close()


def test_a_download_may_be_redirected_and_takes_no_token_along(
    server: Server, account: Pinata, tmp_path: Path
) -> None:
    server.store(CONTENT, "x")
    other = Server()
    other.store(CONTENT, "x", network="public")
    place = f"{other.url('gateway')}/ipfs/{CID}"
    server.fault("GET", "/files/", host="gateway", status=302, headers={"Location": place})
    download([account.source(CID, "private")], CID, tmp_path / "there")
    assert len(other.seen) == 1
    for seen in (*other.seen, *server.requests("GET", "", "gateway")):
        assert "Authorization" not in seen.headers
    other.close()


def test_the_token_is_in_nothing_that_is_shown(
    server: Server, account: Pinata, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = account.upload(path)
    shown = [repr(account), str(account), repr(file), repr(account.source(CID, "private"))]
    shown += [repr(account.source(CID, "private").request())]
    faults = itertools.product(("GET", "POST", "PUT"), (400, 401, 403, 500))
    for method, status in faults:
        server.fault(method, "/v3/", status=status, times=9, answer={"error": TOKEN})
        with pytest.raises(StargazerError) as refused:
            if method == "GET":
                list(account.files())
            elif method == "PUT":
                account.update(file, name="y")
            else:
                account.upload(path)
        shown += [refused.value.message, str(refused.value.hint), repr(refused.value)]
        shown += [repr(refused.value.__cause__)]
        server.faults.clear()
    shown += [record.getMessage() for record in caplog.records]
    text = "\n".join(shown)
    assert TOKEN not in text
    assert "X-Signature" not in text


def test_without_a_token_pinata_is_off(settings: Settings) -> None:
    settings.pinata_jwt = None
    with pytest.raises(UsageError, match="there is no token"):
        Pinata(settings)

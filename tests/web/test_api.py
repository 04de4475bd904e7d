"""The API of `stargazer browse`, asked of a real server over a small store."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from helpers import stand_in
from helpers.browser import served
from helpers.shell import FASTA, VCF, fastq, write
from helpers.stand_in import wait_until

from stargazer_cli.assets import KINDS, R1, R2, Alignment, AlignmentIndex, Asset, QCMetrics, Reference, Report
from stargazer_cli.assets.asset import Family
from stargazer_cli.notebooks import lineages
from stargazer_cli.runs import record
from stargazer_cli.runs.plan import Plan
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile
from stargazer_cli.tools import Toolbox

ODD = 'a "b"\n<i>é.txt'
PAGE = "<!doctype html><title>QC</title><script>document.title = 'ran'</script>"
RUN = "prepare_reference"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStore]:
    """A store whose files are linked as those of a run are, with a name that nobody should choose."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("web")
        patch.setenv("STARGAZER_LOCAL", str(folder / "my store"))
        store = LocalStore(Settings())
        texts = {
            "r1.fq": fastq("a"),
            "r2.fq": fastq("b"),
            "ref.fa": FASTA,
            "NA1.bam": "bam",
            "NA1.bai": "bai",
        }
        files = {name: write(folder / "files" / name, text) for name, text in texts.items()}
        store.add(
            [
                NewFile(files["r1.fq"], R1(sample_id="NA1", lane="L2"), links={"mate_cid": files["r2.fq"]}),
                NewFile(files["r2.fq"], R2(sample_id="NA1", lane="L10"), links={"mate_cid": files["r1.fq"]}),
                NewFile(files["ref.fa"], Reference(build="b")),
                NewFile(
                    files["NA1.bam"],
                    Alignment(sample_id="NA1", duplicates_marked=True, run_ids=["gone-run"]),
                    links={"reference_cid": files["ref.fa"]},
                    made_from=[files["r1.fq"], files["r2.fq"], files["ref.fa"]],
                ),
                NewFile(
                    files["NA1.bai"],
                    AlignmentIndex(sample_id="NA1"),
                    links={"alignment_cid": files["NA1.bam"]},
                    made_from=[files["NA1.bam"]],
                ),
            ]
        )
        for number in range(30):
            path = write(folder / "files" / f"S{number:02}.txt", str(number))
            store.add([NewFile(path, QCMetrics(sample_id=f"S{number % 3}", tool="samtools"))])
        store.add([NewFile(write(folder / "files" / "page.html", PAGE), Report(title="QC"))])
        odd = Asset(keyvalues={"note": "<b>"}, name=ODD)
        store.add([NewFile(write(folder / "files" / "odd", "odd"), odd)])
        yield store


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roots")


@pytest.fixture(scope="module")
def api(
    store: LocalStore, roots: Path, toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A program with the token; where the server runs something, a stand-in plays Nextflow."""
    path = stand_in.put_on_path(tmp_path_factory.mktemp("path") / "first")
    environment = {"STARGAZER_LOCAL": str(store.root), "PATH": path, "PINATA_GATEWAY": ""}
    with served(environment, "--root", str(roots)) as address:
        base, _, token = address.partition("/?token=")
        with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            yield client


def get(api: httpx.Client, path: str, **query: Any) -> Any:
    answer = api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()["error"]
    assert told.keys() == {"message", "items", "hint"}
    return told


def one(api: httpx.Client, name: str) -> dict[str, Any]:
    [found] = [
        each
        for each in get(api, "/api/assets", q=name.rsplit(maxsplit=1)[-1])["assets"]
        if each["name"] == name
    ]
    return found


def test_assets_are_found_counted_sorted_and_paged(api: httpx.Client) -> None:
    page = get(api, "/api/assets", kind="qc_metrics", sort="sample_id", limit=12, offset=6)
    assert (page["total"], page["offset"], page["limit"], len(page["assets"])) == (30, 6, 12, 12)
    samples = [each["keyvalues"]["sample_id"] for each in page["assets"]]
    assert samples == ["S0"] * 4 + ["S1"] * 8
    assert page["kinds"]["qc_metrics"] == 30
    assert page["kinds"]["r1"] == 1
    every = [
        each["id"]
        for offset in range(0, 40, 7)
        for each in get(api, "/api/assets", kind="qc_metrics", sort="-name", limit=7, offset=offset)["assets"]
    ]
    assert len(set(every)) == 30
    assert get(api, "/api/assets", kind=["r1", "r2"])["total"] == 2
    assert get(api, "/api/assets", kind="r1", q="na1 l2")["total"] == 1
    assert get(api, "/api/assets", q="na1 nothing") | {"limit": 0} == {
        "total": 0, "offset": 0, "limit": 0, "assets": [], "kinds": {},
    }  # fmt: skip


def test_filters_are_those_of_the_command_line(api: httpx.Client) -> None:
    assert get(api, "/api/assets", where=["sample_id=S0", "sample_id=S1"])["total"] == 20
    assert get(api, "/api/assets", where=["duplicates_marked=True"])["total"] == 1
    assert get(api, "/api/assets", where=["sample_id=S0", "tool=samtools", "lane="])["total"] == 10
    assert get(api, "/api/assets", where=["sample_id=S0", "sample_id="], kind="reference")["total"] == 1
    assert get(api, "/api/assets", run="gone-run")["assets"][0]["name"] == "NA1.bam"
    told = error(api.get("/api/assets", params={"where": "sampel_id=x"}), 400)
    assert told["message"] == "'sampel_id' is not a key of any asset. Did you mean 'sample_id'?"
    assert "not KEY=VALUE" in error(api.get("/api/assets", params={"where": "x"}), 400)["message"]


def test_what_lacks_the_key_is_sorted_last_either_way(api: httpx.Client) -> None:
    for sort, first in (("lane", "L10"), ("-lane", "L2")):
        assets = get(api, "/api/assets", sort=sort)["assets"]
        lanes = [each["keyvalues"].get("lane") for each in assets]
        assert lanes[:2] == [first, "L2" if first == "L10" else "L10"]
        assert set(lanes[2:]) == {None}


def test_one_asset_is_shown_with_all_that_belongs_to_it(api: httpx.Client) -> None:
    bam, reference = one(api, "NA1.bam"), one(api, "ref.fa")
    assert (bam["here"], bam["size"], bam["kind"]) == (True, 3, "alignment")
    shown = get(api, f"/api/assets/{bam['id']}")
    assert shown["description"] == "Aligned reads, BAM or CRAM."
    assert [each["name"] for each in shown["companions"]] == ["NA1.bai"]
    assert [(each["field"], each["asset"]["name"]) for each in shown["linked_by"]] == [
        ("alignment_cid", "NA1.bai"),
        ("derived_from", "NA1.bai"),
    ]
    assert shown["linked_by_total"] == 1
    assert [(each["field"], each["cid"], each["assets"][0]["id"]) for each in shown["links"]] == [
        ("reference_cid", reference["cid"], reference["id"])
    ]
    assert shown["runs"] == [{"run_id": "gone-run", "name": "gone-run", "status": None, "started_at": ""}]
    assert get(api, f"/api/assets/{one(api, 'page.html')['id']}")["viewable"] is True
    assert "There is no asset" in error(api.get("/api/assets/nothing"), 404)["message"]


def test_the_graph_shows_what_a_file_is_made_from_and_what_from_it(api: httpx.Client) -> None:
    bam = one(api, "NA1.bam")
    graph = get(api, f"/api/graph/{bam['cid']}")
    depths = {node["name"]: node["depth"] for node in graph["nodes"]}
    assert depths == {"NA1.bam": 0, "r1.fq": -1, "r2.fq": -1, "ref.fa": -1, "NA1.bai": 1}
    names = {node["cid"]: node["name"] for node in graph["nodes"]}
    arrows = {(names[edge["source"]], names[edge["target"]]): edge["relations"] for edge in graph["edges"]}
    assert arrows == {
        ("r1.fq", "NA1.bam"): ["derived_from"],
        ("r2.fq", "NA1.bam"): ["derived_from"],
        ("ref.fa", "NA1.bam"): ["derived_from", "reference_cid"],
        ("NA1.bam", "NA1.bai"): ["alignment_cid", "derived_from"],
    }
    assert (graph["total"], graph["truncated"]) == (5, False)
    assert len(get(api, f"/api/graph/{bam['cid']}", direction="up")["nodes"]) == 4
    few = get(api, f"/api/graph/{bam['cid']}", limit=2)
    assert (len(few["nodes"]), few["total"], few["truncated"]) == (2, None, True)
    error(api.get("/api/graph/nothing"), 404)


def test_a_file_is_downloaded_whole_or_in_part_under_its_name(api: httpx.Client) -> None:
    asset = one(api, ODD)
    answer = api.get(f"/api/assets/{asset['id']}/download")
    assert (answer.status_code, answer.text) == (200, "odd")
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"a _b___i__.txt\"; filename*=UTF-8''a%20%22b%22_%3Ci%3E%C3%A9.txt"
    )
    assert answer.headers["etag"] == f'"{asset["cid"]}"'
    parts = {"bytes=1-1": "d", "bytes=1-": "dd", "bytes=-2": "dd", "bytes=0-99": "odd", "bytes=-99": "odd"}
    for asked, wanted in parts.items():
        part = api.get(f"/api/assets/{asset['id']}/download", headers={"Range": asked})
        assert (part.status_code, part.text) == (206, wanted)
    assert part.headers["content-range"] == "bytes 0-2/3"
    for asked in ("bytes=3-", "bytes=5-9", "bytes=2-1", "bytes=-0"):
        assert api.get(f"/api/assets/{asset['id']}/download", headers={"Range": asked}).status_code == 416
    for asked in ("bytes=-", "lines=1-2", "bytes=0-0,2-2", f"bytes={'9' * 5000}-"):
        assert api.get(f"/api/assets/{asset['id']}/download", headers={"Range": asked}).text == "odd"
    known = {"If-None-Match": f'"{asset["cid"]}"'}
    assert api.get(f"/api/assets/{asset['id']}/download", headers=known).status_code == 304


def test_a_file_that_rotted_on_the_disk_never_arrives_whole(
    api: httpx.Client, store: LocalStore, tmp_path: Path
) -> None:
    whole = os.urandom(3_000_000)
    [added] = store.add([NewFile(write(tmp_path / "rotten.bin", whole), Asset())])
    path = store.object(added.asset.cid)
    assert path is not None
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a disk that rots, which nothing tells
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending"):
        api.get(f"/api/assets/{added.asset.id}/download")
    # It is known from now on, and told before anything is sent.
    assert "is damaged" in error(api.get(f"/api/assets/{added.asset.id}/download"), 500)["message"]
    store.delete(added.asset.id)


@pytest.mark.parametrize(
    ("content", "text", "truncated"),
    [
        (b"a\tb\n", "a\tb\n", False),
        (b"", "", False),
        (b"x" * 65536, "x" * 65536, False),
        (b"x" * 65537, "x" * 65536, True),
        ("é".encode() * 40000, "é" * 32768, True),
        (b"x" + "é".encode() * 40000, "x" + "é" * 32767, True),
        (gzip.compress(b"a" * 100, mtime=0) + gzip.compress(b"b", mtime=0), "a" * 100 + "b", False),
        (gzip.compress(b"a" * 10_000_000), "a" * 65536, True),
        (b"\x1f\x8bnot gzip", None, False),
        (b"\0\1\2", None, False),
        (b"\xff\xfe", None, False),
    ],
)
def test_the_beginning_of_a_file_is_shown_where_it_is_text(
    api: httpx.Client, store: LocalStore, tmp_path: Path, content: bytes, text: str | None, truncated: bool
) -> None:
    source = tmp_path / "preview"
    source.write_bytes(content)
    [added] = store.add([NewFile(source, Asset())])
    assert get(api, f"/api/assets/{added.asset.id}/preview") == {"text": text, "truncated": truncated}
    store.delete(added.asset.id)


def test_a_file_that_is_not_here_is_told_and_fetched_as_a_job(
    api: httpx.Client, store: LocalStore, tmp_path: Path
) -> None:
    [added] = store.add([NewFile(write(tmp_path / "gone.txt", "gone"), Asset())])
    store.objects.remove(added.asset.cid)
    place = f"/api/assets/{added.asset.id}"
    assert get(api, place)["here"] is False
    for part in ("download", "preview", "view"):
        assert error(api.get(f"{place}/{part}"), 409)["hint"] == "Fetch it first."
    started = api.post(f"{place}/fetch")
    assert started.status_code == 202
    at = f"/api/jobs/{started.json()['id']}"
    wait_until(lambda: get(api, at)["status"] != "running")
    job = get(api, at)
    assert (job["status"], job["title"]) == ("failed", "fetch gone.txt")
    assert "PINATA_GATEWAY" in json.dumps(job["error"])
    assert job["id"] in [each["id"] for each in get(api, "/api/jobs")["jobs"]]
    store.delete(added.asset.id)


def send(
    api: httpx.Client, files: dict[str, bytes | str], kind: str = "", **keyvalues: Any
) -> httpx.Response:
    parts = [("file", (name, content)) for name, content in files.items()]
    return api.post("/api/assets", data={"asset": kind, "keyvalues": json.dumps(keyvalues)}, files=parts)


def test_mates_that_are_sent_together_are_stored_and_linked(api: httpx.Client, store: LocalStore) -> None:
    reads = {"X_R1.fq": fastq("x/1"), "folder/X_R2.fq": fastq("x/2")}
    answer = send(api, reads, sample_id="X")
    assert answer.status_code == 201, answer.text
    r1, r2 = answer.json()["assets"]
    assert (r1["kind"], r2["kind"], r1["status"], r2["name"]) == ("r1", "r2", "added", "X_R2.fq")
    assert r1["keyvalues"]["mate_cid"] == r2["cid"]
    assert [each["status"] for each in send(api, reads, sample_id="X").json()["assets"]] == ["notneeded"] * 2
    assert store.get(r1["cid"], store.root.parent / "copy.fq").read_text() == fastq("x/1")
    assert list((store.root / "incoming").iterdir()) == []
    for each in (r1, r2):
        assert api.delete(f"/api/assets/{each['id']}", params={"force": True}).status_code == 200


@pytest.mark.parametrize(
    ("files", "kind", "keyvalues", "said"),
    [
        ({"a.vcf": VCF}, "variants", {"sampel_id": "x"}, "has no key 'sampel_id'. Did you mean 'sample_id'?"),
        ({"a.vcf": VCF}, "varaints", {}, "There is no asset kind 'varaints'. Did you mean 'variants'?"),
        ({"a.vcf": VCF}, "variants", {"sample_count": "many"}, "must be a whole number"),
        ({"a.vcf": VCF}, "variants", {"cid": "x"}, "kept by the store"),
        ({"a.vcf": "no VCF"}, "", {}, "a.vcf"),
        ({"dir/a.txt": "1", "a.txt": "2"}, "report", {}, "Two files are called a.txt."),
        ({"..": "1"}, "report", {}, "not usable as a file name"),
        ({"/": "1"}, "report", {}, "not usable as a file name"),
        ({"a\\..": "1"}, "report", {}, "not usable as a file name"),
        ({"a" * 300: "1"}, "report", {}, "not usable as a file name"),
        ({}, "report", {}, "No file was sent."),
    ],
)
def test_what_cannot_be_stored_is_told_and_nothing_is_left(
    api: httpx.Client,
    store: LocalStore,
    files: dict[str, bytes | str],
    kind: str,
    keyvalues: dict[str, Any],
    said: str,
) -> None:
    before = len(store.records())
    parts: list[Any] = [("file", (name, content)) for name, content in files.items()]
    parts += [("asset", (None, kind)), ("keyvalues", (None, json.dumps(keyvalues)))]
    assert said in error(api.post("/api/assets", files=parts), 400)["message"]
    assert len(store.records()) == before
    assert list((store.root / "incoming").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(api: httpx.Client, store: LocalStore) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="half.txt"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    told = error(api.post("/api/assets", content=head + b"x" * 100_000, headers=kind), 400)
    assert told["message"] == "The form is not well-formed: it ends in the middle."

    def cut() -> Iterator[bytes]:
        yield head + b"x" * 100_000
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        api.post("/api/assets", content=cut(), headers=kind)
    wait_until(lambda: not list((store.root / "incoming").iterdir()))
    assert get(api, "/api/assets", q="half.txt")["total"] == 0


def test_files_of_the_machine_are_stored_from_the_roots_alone(
    api: httpx.Client, roots: Path, tmp_path: Path
) -> None:
    write(roots / "run" / "here.html", "<p>here</p>")
    write(tmp_path / "secret.html", "<p>secret</p>")
    (roots / "run" / "link.html").symlink_to(tmp_path / "secret.html")
    answer = api.post("/api/assets/import", json={"paths": [str(roots / "run" / "here.html")]})
    assert answer.status_code == 201, answer.text
    [added] = answer.json()["assets"]
    assert (added["name"], added["kind"]) == ("here.html", "report")
    for path in (
        "run/link.html",
        "../secret.html",
        str(tmp_path / "secret.html"),
        "/etc/passwd",
        "run",
        "no",
    ):
        told = error(api.post("/api/assets/import", json={"paths": [path]}), 400)
        assert "not for clients" in told["message"] or "cannot be used" in told["message"]
    assert get(api, "/api/assets", q="secret")["total"] == 0
    api.delete(f"/api/assets/{added['id']}")


def test_what_is_said_of_an_asset_is_changed(api: httpx.Client) -> None:
    place = f"/api/assets/{one(api, 'S00.txt')['id']}"
    changed = api.patch(place, json={"keyvalues": {"sample_id": "S0", "tool": None}})
    assert changed.json()["keyvalues"] == {"asset": "qc_metrics", "sample_id": "S0"}
    assert "tool" not in get(api, place)["keyvalues"]
    told = error(api.patch(place, json={"keyvalues": {"tol": "x"}}), 400)
    assert "Did you mean 'tool'?" in told["message"]
    error(api.patch(place, json={"keyvalues": {}}), 422)
    error(api.patch(place, json={"keyvalues": {"tool": "x"}, "force": True}), 422)
    error(api.patch("/api/assets/nothing", json={"keyvalues": {"tool": "x"}}), 404)
    assert api.patch(place, json={"keyvalues": {"tool": "samtools"}}).status_code == 200


def test_what_others_link_to_is_deleted_only_by_force(api: httpx.Client, store: LocalStore) -> None:
    [a, b] = store.add(
        [
            NewFile(write(store.root.parent / "x" / "a.bam", "a"), Alignment(sample_id="D")),
            NewFile(
                write(store.root.parent / "x" / "a.bai", "ai"),
                AlignmentIndex(sample_id="D"),
                links={"alignment_cid": store.root.parent / "x" / "a.bam"},
            ),
        ]
    )
    assert get(api, "/api/assets", where="sample_id=D")["total"] == 2
    told = error(api.delete(f"/api/assets/{a.asset.id}"), 409)
    assert told["items"] == [f"alignment_index a.bai ({b.asset.cid}) by alignment_cid"]
    answer = api.delete(f"/api/assets/{a.asset.id}", params={"force": True}).json()
    assert (answer["asset"]["name"], answer["object_removed"]) == ("a.bam", True)
    assert get(api, "/api/assets", where="sample_id=D")["total"] == 1
    error(api.delete(f"/api/assets/{a.asset.id}"), 404)
    store.delete(b.asset.id)


def test_kinds_tell_what_a_form_needs(api: httpx.Client) -> None:
    kinds = {kind["name"]: kind for kind in get(api, "/api/kinds")["kinds"]}
    fields = {field["name"]: field for field in kinds["alignment"]["fields"]}
    assert kinds["alignment"]["count"] == 1
    assert kinds["reference"]["companions"] == ["reference_index", "sequence_dict", "aligner_index"]
    assert fields["duplicates_marked"]["type"] == "boolean"
    assert (fields["sample_id"]["label"], fields["bqsr_applied"]["label"]) == ("Sample ID", "BQSR applied")
    assert (fields["reference_cid"]["link"], fields["reference_cid"]["links_to"]) == (True, "reference")
    types = {field["name"]: (field["type"], field["choices"]) for field in kinds["variants"]["fields"]}
    assert types["variant_type"] == ("string", ["gvcf", "vcf"])
    assert types["sample_count"] == ("integer", [])
    assert types["source_samples"] == ("list", [])
    assert {f["name"]: f["type"] for f in kinds["known_sites"]["fields"]}["prior"] == "number"
    assert {f["name"]: f["links_to"] for f in kinds["r1"]["fields"]}["mate_cid"] == "r2"


def test_keys_and_values_are_offered_the_most_frequent_first(api: httpx.Client) -> None:
    keys = get(api, "/api/keys")["keys"]
    assert keys[:2] == ["asset", "sample_id"]
    assert "note" in keys
    values = get(api, "/api/keys/sample_id", kind="qc_metrics", limit=2)
    assert values == {"values": [{"value": f"S{n}", "count": 10} for n in (0, 1)], "total": 3}
    assert get(api, "/api/keys/sample_id", q="na")["values"] == [{"value": "NA1", "count": 4}]
    assert get(api, "/api/keys/nothing") == {"values": [], "total": 0}


def test_a_run_is_planned_started_followed_and_its_result_shown(api: httpx.Client, store: LocalStore) -> None:
    wanted = {"name": "prepare-reference", "arguments": {"build": "b", "aligner": "bwa"}}
    planned = api.post("/api/plan", json=wanted)
    assert planned.status_code == 200, planned.text
    assert {"stage": "samtools_faidx", "subject": "b", "reused": False, "cids": []} in planned.json()["steps"]
    started = api.post("/api/runs", json=wanted)
    assert started.status_code == 201, started.text
    assert started.json()["computed"]
    run_id = started.json()["run"]["run_id"]
    place = f"/api/runs/{run_id}"
    wait_until(lambda: "started" in stand_in.happened(store.root / "runs" / run_id))
    wait_until(lambda: get(api, f"{place}/tasks")["task_counts"] == {"running": 1})
    assert get(api, "/api/runs", status="running")["runs"][0]["run_id"] == run_id
    assert get(api, "/api/runs")["running"] == 1
    first = get(api, f"{place}/progress")
    assert first["status"] == "running"
    assert any("samtools_faidx" in line for line in first["lines"])
    assert get(api, f"{place}/progress", start=first["next"])["lines"] == []
    (store.root / "runs" / run_id / "go").touch()
    wait_until(lambda: get(api, f"{place}/progress")["status"] != "running")
    shown = get(api, place)
    assert (shown["status"], shown["hint"], shown["error"]) == ("done", "", "")
    assert [each["name"] for each in shown["inputs"]] == ["ref.fa"]
    assert shown["inputs"][0]["id"] == one(api, "ref.fa")["id"]
    error(api.post(f"{place}/cancel"), 409)


def test_a_run_that_goes_on_is_cancelled(api: httpx.Client, store: LocalStore) -> None:
    wanted = {"name": RUN, "arguments": {"build": "b", "aligner": "bwa"}, "reuse": False}
    run_id = api.post("/api/runs", json=wanted).json()["run"]["run_id"]
    wait_until(lambda: "started" in stand_in.happened(store.root / "runs" / run_id))
    ended = api.post(f"/api/runs/{run_id}/cancel").json()
    assert (ended["run_id"], ended["status"]) == (run_id, "interrupted")
    assert "cancelled" in ended["error"]
    assert get(api, "/api/runs", status="interrupted", name=RUN)["total"] == 1


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"name": "germlin"}, "germlin"),
        ({"name": RUN, "arguments": {"build": "nothing"}}, "nothing"),
        ({"name": RUN, "arguments": {"bild": "b"}}, "bild"),
        ({"name": RUN, "arguments": {"build": "b", "work_dir": "/etc"}}, "work_dir"),
        ({"name": RUN, "arguments": {"build": "b"}, "profile": "nothing"}, "nothing"),
        ({"name": "mark_duplicates", "filters": {"sampel": "x"}}, "sampel"),
    ],
)
def test_a_wrong_run_is_refused_in_the_words_of_the_command_line(
    api: httpx.Client, wanted: dict[str, Any], said: str
) -> None:
    before = get(api, "/api/runs")["total"]
    for place in ("/api/plan", "/api/runs"):
        told = error(api.post(place, json=wanted), 400)
        assert said in told["message"] + str(told["items"])
    assert get(api, "/api/runs")["total"] == before


def test_a_run_takes_files_by_their_paths_from_the_roots_alone(
    api: httpx.Client, store: LocalStore, roots: Path, tmp_path: Path
) -> None:
    write(roots / "targets.bed", "chr1\t0\t4\n")
    write(roots / "beyond.bed", "chr9\t0\t4\n")
    (roots / "link.bed").symlink_to(write(tmp_path / "secret.bed", "chr1\t0\t4\n"))

    def asked(path: str) -> dict[str, Any]:
        arguments = {"samples": ["NA1"], "build": "b", "aligner": "bwa", "intervals": path}
        return {"name": "germline", "arguments": arguments}

    for path in ("/etc/passwd", str(tmp_path / "secret.bed"), "link.bed", "/proc/self/environ"):
        for place in ("/api/plan", "/api/runs"):
            assert error(api.post(place, json=asked(path)), 400)["message"] == (
                f"The path {path} is not for clients: it is outside of the folders that the server may use."
            )
    told = error(api.post("/api/plan", json=asked("beyond.bed")), 400)["message"]
    assert told.startswith("--intervals beyond.bed")
    assert "chr9" in told
    assert store.records(asset="intervals") == []
    run_id = api.post("/api/runs", json=asked("targets.bed")).json()["run"]["run_id"]
    wait_until(lambda: "started" in stand_in.happened(store.root / "runs" / run_id))
    api.post(f"/api/runs/{run_id}/cancel")
    assert [each["name"] for each in store.records(asset="intervals")] == ["targets.bed"]


def test_reports_of_a_run_are_pages_that_can_do_no_harm(api: httpx.Client, store: LocalStore) -> None:
    folder = record.create(store.root / "runs", RUN, "abc1234")
    plan = Plan(workflow=RUN, subject="b", parameters={"build": "b"}, notes=["decided"])
    kept = record.new_record(
        folder, plan, profile="local", commit="abc1234", versions={}, tools={"java": "17"}
    )
    kept.status, kept.attempts, kept.ended_at = "done", 1, kept.started_at
    report = one(api, "page.html")
    kept.assets = [
        record.MadeAsset(
            cid=report["cid"], id=report["id"], name="page.html", keyvalues=report["keyvalues"], reused=False
        )
    ]
    folder.save(kept)
    (folder.path / "report.html").write_text(PAGE)
    folder.log.write_text("x" * 300_000 + "end")
    shown = get(api, f"/api/runs/{folder.run_id}")
    hrefs = {each["kind"]: each["href"] for each in shown["reports"]}
    assert hrefs.keys() == {"report", "resources", "log"}
    assert [(each["name"], each["stored"], each["kind"]) for each in shown["outputs"]] == [
        ("page.html", True, "report")
    ]
    for href in (hrefs["report"], hrefs["resources"], f"/api/assets/{report['id']}/view"):
        answer = api.get(href)
        assert (answer.status_code, answer.text) == (200, PAGE)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox allow-scripts")
        assert "allow-same-origin" not in policy
        assert "default-src 'none'" in policy
    log = api.get(hrefs["log"])
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    assert (len(log.content), log.text[-3:]) == (256 * 1024, "end")
    error(api.get(f"/api/runs/{folder.run_id}/reports/timeline"), 404)
    error(api.get(f"/api/runs/{folder.run_id}/reports/..%2frun.json"), 404)
    error(api.get("/api/runs/nothing/reports/report"), 404)


def test_the_catalogue_profiles_bundles_and_settings_are_told(api: httpx.Client, roots: Path) -> None:
    entries = {entry["name"]: entry for entry in get(api, "/api/catalogue")["entries"]}
    assert entries[RUN]["category"] == "workflow"
    assert get(api, "/api/catalogue/mark_duplicates") == entries["mark_duplicates"]
    error(api.get("/api/catalogue/nothing"), 404)
    assert "podman" in get(api, "/api/profiles")["profiles"]
    bundles = get(api, "/api/bundles")["bundles"]
    assert {bundle["name"] for bundle in bundles} >= {"scrna_demo", "variant_calling_demo"}
    error(api.post("/api/bundles/nothing/fetch"), 404)
    config = get(api, "/api/config")
    assert config["roots"] == [str(roots)]
    assert {"STARGAZER_LOCAL", "STARGAZER_TOKEN"} <= {each["name"] for each in config["settings"]}
    session = get(api, "/api/session")
    assert session["remote"] is False
    assert session["records"] == get(api, "/api/assets")["total"]
    assert session["families"].keys() == KINDS.keys()


def test_every_family_of_kinds_has_a_colour_on_the_page_and_in_the_notebooks(api: httpx.Client) -> None:
    families = set(get(api, "/api/session")["families"].values())
    styles = api.get("/static/css/parts.css").text
    colours = api.get("/static/css/tokens.css").text
    for family in families - {"other"}:
        assert f".kind-{family} {{ --kind: var(--{family}); }}" in styles
        assert f"  --{family}: light-dark(" in colours
    assert lineages.COLOURS.keys() == {*families, "other"} == set(get_args(Family))


def test_what_is_not_there_and_what_is_no_method_is_told_in_the_same_form(api: httpx.Client) -> None:
    error(api.get("/api/nothing"), 404)
    error(api.put("/api/assets"), 405)
    error(api.get("/api/assets", params={"limit": 501}), 422)
    told = error(api.get("/api/assets", params={"limti": 5}), 422)
    assert told["message"] == "There is no parameter 'limti' here."
    error(api.post("/api/plan", content="{", headers={"Content-Type": "application/json"}), 422)
    assert "not a run id" in error(api.get("/api/runs/%ff"), 404)["message"]

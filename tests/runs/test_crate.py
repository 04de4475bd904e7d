"""A run as an RO-Crate: what it says, that a validator accepts it, what it does not tell of the machine."""

import json
import shutil
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers import crates
from helpers.crates import listed, read
from helpers.disk import SmallDisk
from rocrate_validator.models import Severity

from stargazer_cli.app import App
from stargazer_cli.assets import new_asset
from stargazer_cli.commands.runs import runs
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.runs import crate, record
from stargazer_cli.runs.crate.scrub import scrubber
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.recipe import RecipeSpec, Source
from stargazer_cli.runs.record import MadeAsset, RunFolder, RunRecord
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore, NewFile

SECRET = "eyJhbGciOiJIUzI1NiJ9.a-secret"
PASSWORD = "hunter2"
COLUMNS = ("task_id", "hash", "process", "tag", "status", "exit", "start", "complete", "container")
IMAGE = "quay.io/lab/gatk:4.6.2.0@sha256:" + "ab" * 32
BWA = "stargazer/bwa:0.7.17"
TASKS = (
    ("1", "aa/111111", "G:P:BWA_MEM", "NA1.L1", "COMPLETED", "0", "03:05:00.100", "03:06:00.200", BWA),
    ("2", "bb/222222", "G:HAPLOTYPE_CALLER", "NA1", "FAILED", "137", "03:06:01", "03:06:05", IMAGE),
    ("3", "cc/333333", "G:HAPLOTYPE_CALLER", "NA1", "COMPLETED", "0", "03:06:06", "03:07:00", IMAGE),
)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nextflow writes times in the machine's zone; those of TASKS are in this one."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "my store"))
    monkeypatch.setenv("STARGAZER_OWNER", "Ada Lovelace")
    monkeypatch.setenv("STARGAZER_MAVEN_REPOSITORY", f"https://ada:{PASSWORD}@maven.example.org")
    monkeypatch.setenv("PINATA_JWT", SECRET)
    return LocalStore(Settings())


@pytest.fixture
def folder(store: LocalStore, tmp_path: Path) -> RunFolder:
    return finished(store, tmp_path)


def table(day: str) -> str:
    """Return Nextflow's table of the tasks, cut off in its last row as by a kill."""
    rows = [(*row[:6], *(f"{day} {clock}" for clock in row[6:8]), row[8]) for row in TASKS]
    return "".join("\t".join(row) + "\n" for row in (COLUMNS, *rows)) + "4\tdd/4"


def finished(store: LocalStore, tmp_path: Path, *, reads: str = "NA1 R1.fq.gz", **changes: Any) -> RunFolder:
    """Record a run of one sample as `runs.execute` does: two inputs, a VCF of its own, a reused index."""
    r1 = added(store, tmp_path, reads, "r1", sample_id="NA1")
    reference = added(store, tmp_path, "ref.fa", "reference", build="b")
    index = added(store, tmp_path, "ref.fa.fai", "reference_index", build="b", reference_cid=reference.cid)
    folder = record.create(store.root / "runs", "germline_short_variant_discovery", "abc1234")
    made = added(
        store,
        tmp_path,
        "NA1.g.vcf.gz",
        "variants",
        sample_id="NA1",
        variant_type="gvcf",
        run_ids=[folder.run_id],
        derived_from=sorted([r1.cid, reference.cid]),
    )
    fasta = str(store.stage(reference.cid, reference.name))
    source = str(store.stage(r1.cid, r1.name))
    plan = Plan(
        workflow="germline_short_variant_discovery",
        subject="NA1",
        parameters={
            "workflow": "germline_short_variant_discovery",
            "fasta": fasta,
            "build": "b",
            "sample_ploidy": 2,
            "stand_call_conf": 30.0,
            "somewhere": f"{tmp_path}/private/list.txt",
        },
        inputs={source: r1.cid, fasta: reference.cid},
        recipes=[
            RecipeSpec(
                stage="haplotype_caller",
                subject="NA1",
                tasks=("bwa_mem", "haplotype_caller"),
                sources=(Source(role="reference", cid=reference.cid), Source(role="r1", cid=r1.cid)),
            )
        ],
    )
    kept = RunRecord(
        run_id=folder.run_id,
        workflow=plan.workflow,
        status="done",
        profile="local",
        commit="abc1234",
        plan=plan,
        planned_versions={
            "haplotype_caller": {"gatk": "4.6", "tabix": ""},
            "bwa_mem": {"bwa": "0.7.17", "samtools": "1.16"},
            "bwa_mem2_mem": {"bwa-mem2": "2.2.1"},
        },
        reported_versions={"haplotype_caller": {"gatk": "4.6.2.0"}},
        scripts={"haplotype_caller": "5c" * 32},
        tools={"nextflow": "25.04.4"},
        command=["/opt/nextflow", "run", "main.nf"],
        started_at="2026-01-02T03:04:05+00:00",
        ended_at="2026-01-02T03:08:00+00:00",
        exit_status=0,
        attempts=1,
        assets=[shown(made, reused=False), shown(index, reused=True)],
        host="ada-laptop",
        pid=4711,
    )
    folder.save(kept.model_copy(update=changes))
    folder.trace(1).write_text(table("2026-01-02"))
    folder.outdir.mkdir()
    entry = {"asset": "variants", "path": "NA1.g.vcf.gz", "task": "haplotype_caller", "sample_id": "NA1"}
    (folder.outdir / "assets.jsonl").write_text(json.dumps(entry | {"derived_from": [source, fasta]}) + "\n")
    return folder


def added(store: LocalStore, folder: Path, name: str, kind: str, **fields: Any) -> Any:
    (folder / name).write_text(f"the content of {name}")
    return store.add([NewFile(folder / name, new_asset(kind, **fields))])[0].asset


def shown(asset: Any, *, reused: bool) -> MadeAsset:
    return MadeAsset(
        cid=asset.cid, id=asset.id, name=asset.name, keyvalues=asset.to_keyvalues(), reused=reused
    )


@pytest.fixture
def faults(tmp_path: Path) -> Callable[..., list[str]]:
    def check(path: Path, profile: str, severity: Severity = Severity.REQUIRED) -> list[str]:
        return crates.faults(path, profile, tmp_path, severity)

    return check


def test_a_validator_accepts_a_finished_run(
    store: LocalStore, folder: RunFolder, tmp_path: Path, faults: Callable[..., list[str]]
) -> None:
    crate.export(store, folder, tmp_path / "crate")
    assert faults(tmp_path / "crate", "provenance-run-crate") == []
    # The validator does see faults, and what is recommended lacks no more than we know of.
    recommended = faults(tmp_path / "crate", "provenance-run-crate", Severity.RECOMMENDED)
    known = ("'ipfs' which is not natively supported", "id SHOULD be an absolute URI", "SHOULD have a url")
    # bwa_mem's BAM is not kept; a failed task makes nothing; the owner is a name and no more.
    known += ("The Action SHOULD have a result", "`publisher`", "The author SHOULD have")
    assert [message for message in recommended if not any(part in message for part in known)] == []
    shutil.copytree(tmp_path / "crate", tmp_path / "broken")
    file = tmp_path / "broken" / "ro-crate-metadata.json"
    file.write_text(file.read_text().replace('"instrument"', '"instruments"'))
    assert any("instrument" in message for message in faults(tmp_path / "broken", "provenance-run-crate"))


def test_the_crate_names_inputs_outputs_parameters_times_and_versions(
    store: LocalStore, folder: RunFolder, tmp_path: Path
) -> None:
    crate.export(store, folder, tmp_path / "crate", data_license="CC-BY-4.0")
    entities = read(tmp_path / "crate")
    kept = folder.load()
    run = entities[f"#run/{kept.run_id}"]
    assert run["startTime"] == "2026-01-02T03:04:05+00:00"
    assert run["endTime"] == "2026-01-02T03:08:00+00:00"
    assert run["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert entities[run["agent"]["@id"]] == {
        "@id": "#person/Ada%20Lovelace",
        "@type": "Person",
        "name": "Ada Lovelace",
    }
    (vcf,) = listed(run["result"])
    assert vcf == f"ipfs://{kept.assets[0].cid}"
    assert entities[vcf]["name"] == "NA1.g.vcf.gz"
    assert entities[vcf]["contentSize"] == str(len("the content of NA1.g.vcf.gz"))
    assert entities[vcf]["encodingFormat"] == "application/gzip"
    assert "sample_id=NA1" in entities[vcf]["description"]
    inputs = {f"ipfs://{cid}" for cid in kept.plan.inputs.values()}
    assert set(listed(entities[vcf]["isBasedOn"])) == inputs
    assert inputs < set(listed(run["object"]))
    values = {entities[each]["name"]: entities[each].get("value") for each in listed(run["object"])}
    assert values == {
        "NA1 R1.fq.gz": None,
        "ref.fa": None,
        "build": "b",
        "sample_ploidy": 2,
        "stand_call_conf": 30.0,
        "somewhere": "list.txt",
    }
    assert entities["#input/sample_ploidy"]["additionalType"] == "Integer"
    assert entities["#input/reference"]["workExample"] == {
        "@id": f"ipfs://{list(kept.plan.inputs.values())[1]}"
    }
    workflow = entities["main.nf"]
    assert workflow["version"] == "abc1234"
    assert workflow["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    assert entities["./"]["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert entities["./"]["mainEntity"] == {"@id": "main.nf"}
    # The index was made by an earlier run: it is in the crate, and no result of this one.
    assert f"ipfs://{kept.assets[1].cid}" in listed(entities["./"]["hasPart"])


def test_each_task_is_told_with_its_times_its_tools_and_what_it_made(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = finished(store, tmp_path, profile="slurm,podman")
    crate.export(store, folder, tmp_path / "crate")
    entities = read(tmp_path / "crate")
    (vcf,) = listed(entities[f"#run/{folder.run_id}"]["result"])
    align, lost, call = (entities[f"#task/{key}"] for key in ("aa%2F111111", "bb%2F222222", "cc%2F333333"))
    assert (align["startTime"], align["endTime"]) == (
        "2026-01-02T03:05:00+00:00",
        "2026-01-02T03:06:00+00:00",
    )
    assert "result" not in align
    assert lost["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert (lost["error"], "result" in lost) == ("exit 137", False)
    assert listed(call["result"]) == [vcf]
    tool = entities["#tool/haplotype_caller"]
    assert tool["softwareVersion"] == "5c" * 8
    assert entities[tool["softwareRequirements"]["@id"]]["softwareVersion"] == "4.6.2.0"
    assert listed(entities["#tool/bwa_mem"]["softwareRequirements"]) == [
        "#software/bwa/0.7.17",
        "#software/samtools/1.16",
    ]
    image = entities[call["containerImage"]["@id"]]
    assert (image["registry"], image["name"], image["tag"]) == ("quay.io", "lab/gatk", "4.6.2.0")
    assert image["sha256"] == "ab" * 32
    bwa = entities[align["containerImage"]["@id"]]
    assert ("registry" in bwa, bwa["name"], bwa["tag"]) == (False, "stargazer/bwa", "0.7.17")
    order = entities[f"#nextflow/{folder.run_id}"]
    assert [entities[each]["instrument"]["@id"] for each in listed(order["object"])] == [
        "#step/bwa_mem",
        "#step/haplotype_caller",
    ]


@pytest.mark.parametrize(
    "container",
    ["stargazer/bwa:0.7.17", "/lab/images/stargazer-bwa-0.7.17.img", "/lab/img/stargazer%bwa+0.7.17"],
)
def test_an_image_is_told_with_the_digest_that_the_run_recorded(
    store: LocalStore, tmp_path: Path, container: str
) -> None:
    folder = finished(
        store,
        tmp_path,
        profile="apptainer",
        images={
            "stargazer/gatk:4.6.2.0": "sha256:" + "ef" * 32,
            "stargazer/bwa:0.7.17": "sha256:" + "cd" * 32,
        },
    )
    trace = folder.trace(1)
    trace.write_text(trace.read_text().replace("stargazer/bwa:0.7.17", container))
    crate.export(store, folder, tmp_path / "crate")
    entities = read(tmp_path / "crate")
    image = entities[entities["#task/aa%2F111111"]["containerImage"]["@id"]]
    assert (image["name"], image["tag"], image["sha256"]) == ("stargazer/bwa", "0.7.17", "cd" * 32)


def test_in_containers_the_versions_are_those_that_the_tasks_reported(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = finished(
        store,
        tmp_path,
        profile="podman",
        planned_versions={"haplotype_caller": {"image": IMAGE}},
        reported_versions={"haplotype_caller": {"gatk": "4.6.2.0"}},
    )
    crate.export(store, folder, tmp_path / "crate")
    tool = read(tmp_path / "crate")["#tool/haplotype_caller"]
    assert tool["softwareRequirements"] == {"@id": "#software/gatk/4.6.2.0"}


def test_the_readme_tells_people_the_same(store: LocalStore, tmp_path: Path) -> None:
    folder = finished(
        store, tmp_path, reads="NA1`<b>\n.fq", status="failed", error="bwa_mem failed.\n  | why\x1b[31m"
    )
    crate.export(store, folder, tmp_path / "crate")
    page = (tmp_path / "crate" / "README.md").read_text()
    assert page.startswith(
        f"# Run {folder.run_id}\n\nWorkflow germline_short_variant_discovery, version abc1234"
    )
    assert "    bwa_mem failed.\n      | why\\x1b[31m\n" in page
    # A name cannot leave its code span, nor its line.
    assert "- r1 `NA1'<b>\\n.fq` `bafkrei" in page
    assert f"- variants `NA1.g.vcf.gz` `{folder.load().assets[0].cid}`\n" in page
    assert "- sample_ploidy: `2`\n" in page
    assert "## Tools\n\n- bwa 0.7.17\n- gatk 4.6.2.0\n- samtools 1.16\n\n" in page


def test_without_a_container_engine_no_image_is_claimed(
    store: LocalStore, folder: RunFolder, tmp_path: Path
) -> None:
    crate.export(store, folder, tmp_path / "crate")
    assert "containerImage" not in read(tmp_path / "crate")["#task/cc%2F333333"]


def test_times_that_do_not_fit_the_run_are_left_out(store: LocalStore, tmp_path: Path) -> None:
    """The table names no time zone: on a machine in another one its times would be wrong."""
    folder = finished(store, tmp_path)
    folder.trace(1).write_text(table("2026-01-03"))
    crate.export(store, folder, tmp_path / "crate")
    assert "startTime" not in read(tmp_path / "crate")["#task/cc%2F333333"]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_failed_is_told_as_failed(
    store: LocalStore, tmp_path: Path, status: str, faults: Callable[..., list[str]]
) -> None:
    error = (
        f"haplotype_caller failed for NA1 (exit 2).\n  | no {store.root}/runs/x/work/aa/NA1.bam"
        if status == "failed"
        else ""
    )
    folder = finished(store, tmp_path, status=status, error=error, assets=[], ended_at="")
    crate.export(store, folder, tmp_path / "crate")
    run = read(tmp_path / "crate")[f"#run/{folder.run_id}"]
    assert run["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert run["error"] == (error.replace(f"{store.root}/", "") or "interrupted")
    assert "result" not in run
    assert "endTime" not in run
    assert faults(tmp_path / "crate", "provenance-run-crate") == []


def test_a_run_without_tasks_is_a_workflow_run_crate(
    store: LocalStore, folder: RunFolder, tmp_path: Path, faults: Callable[..., list[str]]
) -> None:
    folder.trace(1).unlink()
    shutil.rmtree(folder.outdir)
    crate.export(store, folder, tmp_path / "crate")
    profiles = listed(read(tmp_path / "crate")["./"]["conformsTo"])
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles
    assert not any("provenance" in profile for profile in profiles)
    assert faults(tmp_path / "crate", "workflow-run-crate") == []


def test_nothing_in_the_crate_tells_about_the_machine(store: LocalStore, tmp_path: Path) -> None:
    error = (
        f"bwa said: {SECRET} {PASSWORD} in {tmp_path}/my data/x.fq, file:/home/ada/y.fq and /opt/z z"
        " on ada-laptop of https://lab:other@maven.example.org"
    )
    folder = finished(store, tmp_path, status="failed", error=error)
    crate.export(store, folder, tmp_path / "crate", with_files=True)
    for path in (tmp_path / "crate").rglob("*"):
        if path.is_file() and "data" not in path.relative_to(tmp_path / "crate").parts:
            text = path.read_text()
            for told in (
                SECRET,
                PASSWORD,
                "lab:other",
                str(tmp_path),
                "/home/ada",
                "ada-laptop",
                "/opt/nextflow",
            ):
                assert told not in text, (path.name, told)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the token a.token-x", "the token ***"),
        ("at https://ada:hunter%402@maven.example.org/repo", "at ***"),
        ("at https://ada:hunter%402@maven.example.org: 401", "at ***: 401"),
        ("ada:hunter%402", "***"),
        ("password hunter%402 or hunter@2", "password *** or ***"),
        ("postgresql://lab:p/w@db/stargazer, p/w", "***, ***"),
        ("in the query: in-query", "in the query: ***"),
        ("q7 of seq7", "*** of seq7"),
        ("https://user:pass@host/a/b", "https://***@host/a/b"),
        ("https://token@host/a/b", "https://***@host/a/b"),
        ("https://host:8080/a/b", "https://host:8080/a/b"),
        ("https://host/lab/me/x?to=a@b.org", "https://host/lab/me/x?to=a@b.org"),
        ("s3://bucket/a/b.bam", "s3://bucket/a/b.bam"),
        ("on ada-laptop: no, on ADA-laptop.lab.org", "on ***: no, on ***"),
        ("ada-laptops", "ada-laptops"),
        ("/data/lab/x.bam", "x.bam"),
        ("file:/data/lab/x.bam", "x.bam"),
        ("file:///data/lab/x.bam, file://ada-laptop/data/lab/x", "x.bam, x"),
        ("ERR:/data/lab/x", "ERR:x"),
        ("host:/data/lab/x", "host:x"),
        ("gcc -I/data/lab/x", "gcc -Ix"),
        ("--opt=/data/lab/x", "--opt=x"),
        ("PATH=/data/lab/bin:/data/other/sbin", "PATH=bin:sbin"),
        ("no '/data/lab dir/a b', \"/data/x y/z\"", "no 'a b', \"z\""),
        ("ran '/opt/x/gatk --in /data/lab/a.bam'", "ran 'gatk --in a.bam'"),
        ("/data/lab dir/a.txt", "a.txt"),
        ("/data/lab\\ dir/a.txt is bad", "a.txt is bad"),
        ("[/data//lab/w.txt]", "[w.txt]"),
        ("cd /lab/me/my store/x && cd /lab/me", "cd x && cd "),
        ("/lab/media is full", "media is full"),
        ("runs/a/b.bam ./a/b ../a/b", "runs/a/b.bam ./a/b ../a/b"),
        ("3/4 on 2026/11/23, and/or", "3/4 on 2026/11/23, and/or"),
        ("ipfs://bafkreia/x /ipfs/bafkreia/x", "ipfs://bafkreia/x /ipfs/bafkreia/x"),
    ],
)
def test_what_is_taken_out_of_a_text(text: str, expected: str) -> None:
    secrets = (
        "a.token-x",
        "https://ada:hunter%402@maven.example.org/repo",
        "postgresql://lab:p/w@db/stargazer",
        "postgresql://db/stargazer?password=in-query",
        "https://ada:q7@maven.example.org",
    )
    scrub = scrubber(secrets=secrets, folders=[Path("/lab/me"), Path("/lab/me/my store")], host="ada-laptop")
    assert scrub(text) == expected


def test_with_files_the_bytes_are_in_the_crate_and_verified(
    store: LocalStore, folder: RunFolder, tmp_path: Path, faults: Callable[..., list[str]]
) -> None:
    seen: list[tuple[int, int | None]] = []
    crate.export(
        store, folder, tmp_path / "crate.zip", with_files=True, progress=lambda *told: seen.append(told)
    )
    with zipfile.ZipFile(tmp_path / "crate.zip") as packed:
        assert packed.testzip() is None
        packed.extractall(tmp_path / "unpacked")
    entities = read(tmp_path / "unpacked")
    (vcf,) = listed(entities[f"#run/{folder.run_id}"]["result"])
    cid = folder.load().assets[0].cid
    assert vcf == f"data/{cid}/NA1.g.vcf.gz"
    assert entities[vcf]["identifier"] == f"ipfs://{cid}"
    assert (tmp_path / "unpacked" / vcf).read_text() == "the content of NA1.g.vcf.gz"
    assert all(each in entities for each in listed(entities[vcf]["isBasedOn"]))
    assert (
        seen[-1] == (sum(file.stat().st_size for file in (tmp_path / "unpacked" / "data").rglob("*.*")),) * 2
    )
    assert faults(tmp_path / "unpacked", "provenance-run-crate") == []
    assert faults(tmp_path / "crate.zip", "provenance-run-crate") == []


def test_a_file_that_is_damaged_in_the_store_stops_the_export_and_leaves_nothing(
    store: LocalStore, folder: RunFolder, tmp_path: Path
) -> None:
    target = store.object(folder.load().assets[0].cid)
    target.chmod(0o644)
    target.write_text("other bytes")
    before = set(tmp_path.iterdir())
    with pytest.raises(StargazerError, match="damaged"):
        crate.export(store, folder, tmp_path / "crate", with_files=True)
    assert set(tmp_path.iterdir()) == before


def test_what_is_there_already_is_not_touched(store: LocalStore, folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "crate").mkdir()
    for target, said in (
        (tmp_path / "crate", "exists already"),
        (tmp_path / "none" / "crate.zip", "There is no folder"),
    ):
        with pytest.raises(UsageError, match=said):
            crate.export(store, folder, target)
    assert list((tmp_path / "crate").iterdir()) == []
    with pytest.raises(UsageError, match="is not a licence"):
        crate.export(store, folder, tmp_path / "new", data_license="all mine")
    assert not (tmp_path / "new").exists()


def test_a_run_that_goes_on_is_not_exported(store: LocalStore, tmp_path: Path) -> None:
    folder = finished(store, tmp_path, status="running", host=socket.gethostname())
    with folder.locked(), pytest.raises(UsageError, match="still being carried out"):
        crate.export(store, folder, tmp_path / "crate")


def test_without_the_extra_it_is_said_how_to_get_it(
    store: LocalStore, folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation without it, as far as a test can be one: Python finds no such package."""
    monkeypatch.setattr(crate, "find_spec", lambda name: None)
    with pytest.raises(StargazerError, match="needs rocrate, which is not") as refused:
        crate.export(store, folder, tmp_path / "crate")
    assert refused.value.hint == "Install it with: pip install 'stargazer[crate]'"


def test_a_full_disk_is_told_and_leaves_nothing(
    store: LocalStore, folder: RunFolder, small_disk: SmallDisk
) -> None:
    small = small_disk.mount("16k")
    for target in (small / "crate", small / "crate.zip"):
        with pytest.raises(StargazerError, match="No space left on device"):
            crate.export(store, folder, target)
        assert list(small.iterdir()) == []


def test_the_command_writes_the_crate_and_says_where(folder: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "out.zip"
    done = CliRunner().invoke(
        runs, ["export", folder.run_id[-12:], "-o", str(target)], obj=App(), catch_exceptions=False
    )
    assert done.exit_code == 0
    assert (done.stdout, done.stderr) == ("", f"{target}: the run {folder.run_id} as an RO-Crate\n")
    assert "ro-crate-metadata.json" in zipfile.ZipFile(target).namelist()

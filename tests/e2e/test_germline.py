"""The main job on the bundled trio: real Nextflow, BWA, samtools and GATK, against the planted truth."""

import gzip
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.user import STARGAZER, Answer, User, computed, made, make_user
from helpers import crates

from stargazer_cli.demo import summary
from stargazer_cli.store import cid_of
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

GERMLINE = ("germline", "--build", "trio", "--aligner", "bwa", "--skip-report")
WITH_REPORT = GERMLINE[:-1]
BQSR = ("--bqsr", "on")

COUNTED = ("samtools_stats", "samtools_coverage")
OF_THE_COHORT = {"joint_call_gvcfs cohort", "hard_filter cohort", "bcftools_stats cohort"}


def _add_reference(user: User, bundled: Path) -> str:
    (reference,) = user.adds(bundled / "reference.fa", "-k", "asset=reference", "-k", "build=trio")
    cid: str = reference["cid"]
    return cid


def _add_sample(user: User, bundled: Path, sample: str) -> None:
    files = sorted(bundled.glob(f"{sample}_*R?.fastq.gz"))
    assert files
    user.adds(*files, "-k", f"sample_id={sample}")


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory, bundled: Path, toolbox: Toolbox) -> tuple[User, Answer]:
    """A cohort of two, called."""
    user = make_user(tmp_path_factory.mktemp("lab") / "a user")
    _add_reference(user, bundled)
    for sample in ("father", "mother"):
        _add_sample(user, bundled, sample)
    return user, user.succeeds("run", *GERMLINE, "--samples", "father,mother", "--json")


@pytest.fixture(scope="module")
def trio(parents: tuple[User, Answer], bundled: Path) -> tuple[User, Answer]:
    """The cohort after a third sample, which came on two lanes."""
    user, _ = parents
    _add_sample(user, bundled, "child")
    listing = user.folder / "samples.txt"
    listing.write_text("child\nfather\n\nmother\n")
    return user, user.succeeds("run", *GERMLINE, "--samples", f"@{listing}", "--json")


def _vcf(user: User, answer: Answer) -> Path:
    (vcf,) = made(answer, asset="variants", variant_type="vcf")
    target = user.folder / f"{vcf['cid']}.vcf.gz"
    user.succeeds("assets", "get", vcf["cid"], "-o", target, "--force")
    return target


def test_every_output_is_in_the_store_with_what_it_was_made_from(parents: tuple[User, Answer]) -> None:
    user, answer = parents
    assert answer.json["status"] == "done"
    kinds = sorted(asset["keyvalues"]["asset"] for asset in answer.json["assets"])
    assert kinds == sorted(
        ["alignment", "alignment_index", "duplicate_metrics", "variants", "variants_index"] * 2
        + ["variants", "variants_index", "reference_index", "sequence_dict"]
        + ["aligner_index"] * 5
        + ["qc_metrics"] * (2 * len(COUNTED) + 1)
    )
    assert not any(asset["reused"] for asset in answer.json["assets"])
    reads = {
        a["cid"]
        for kind in ("r1", "r2")
        for a in user.succeeds("assets", "query", f"asset={kind}", "sample_id=father", "--json").json
    }
    (reference,) = user.succeeds("assets", "query", "asset=reference", "--json").json
    (bam,) = made(answer, asset="alignment", sample_id="father")
    (recorded,) = user.succeeds("assets", "query", f"cid={bam['cid']}", "--json").json
    assert set(recorded["derived_from"]) == reads | {reference["cid"]}
    assert bam["keyvalues"]["reference_cid"] == reference["cid"]
    for asset in answer.json["assets"]:
        (path,) = {a["path"] for a in user.succeeds("assets", "query", f"cid={asset['cid']}", "--json").json}
        assert cid_of(Path(path)) == asset["cid"]


def test_adding_a_sample_aligns_and_calls_that_sample_only(trio: tuple[User, Answer]) -> None:
    _, answer = trio
    assert computed(answer) == {
        "bwa_mem child.child.L001",
        "bwa_mem child.child.L002",
        "mark_duplicates child",
        "haplotype_caller child",
        *(f"{task} child" for task in COUNTED),
        *OF_THE_COHORT,
    }
    assert {a["reused"] for a in made(answer, sample_id="father")} == {True}
    assert {a["reused"] for a in made(answer, sample_id="child")} == {False}


def test_a_run_leaves_as_a_crate_that_tells_which_task_made_what(
    trio: tuple[User, Answer], tmp_path: Path
) -> None:
    user, answer = trio
    run_id = answer.json["run_id"]
    user.succeeds("runs", "export", run_id, "-o", tmp_path / "crate")
    assert crates.faults(tmp_path / "crate", "provenance-run-crate", tmp_path) == []
    entities = crates.read(tmp_path / "crate")
    results = set(crates.listed(entities[f"#run/{run_id}"]["result"]))
    assert results == {f"ipfs://{each['cid']}" for each in answer.json["assets"] if not each["reused"]}
    tasks = [entity for name, entity in entities.items() if name.startswith("#task/")]
    assert len(tasks) == len(computed(answer))
    assert {cid for task in tasks for cid in crates.listed(task.get("result", []))} == results


def test_the_joint_call_finds_what_was_planted(trio: tuple[User, Answer], bundled: Path) -> None:
    user, answer = trio
    compared = summary.compare(
        summary.read_vcf(_vcf(user, answer)),
        summary.read_vcf(bundled / "truth.vcf"),
        summary.read_fasta(bundled / "reference.fa"),
    )
    assert compared.perfect, compared


def test_a_plain_shell_run_of_the_same_tools_gives_the_same_calls(
    trio: tuple[User, Answer], bundled: Path, toolbox: Toolbox, tmp_path: Path
) -> None:
    user, answer = trio
    script = Path(__file__).parent.parent.parent / "benchmarks" / "germline_plain.sh"
    lanes = ",".join(
        f"{bundled}/child_{n}_R1.fastq.gz:{bundled}/child_{n}_R2.fastq.gz" for n in ("L001", "L002")
    )
    subprocess.run(
        [
            script,
            "-t",
            "1",
            tmp_path / "plain",
            bundled / "reference.fa",
            f"child:{lanes}",
            *(f"{s}:{bundled}/{s}_R1.fastq.gz:{bundled}/{s}_R2.fastq.gz" for s in ("father", "mother")),
        ],
        env=toolbox.environment(),
        check=True,
        capture_output=True,
    )
    (plain,) = (tmp_path / "plain").rglob("joint.vcf.gz")

    def records(vcf: Path) -> list[str]:
        with gzip.open(vcf, "rt") as lines:
            return [line for line in lines if not line.startswith("##")]

    ours = records(_vcf(user, answer))
    assert ours == records(plain)
    assert len(ours) > 10


def test_the_same_run_again_computes_nothing_and_says_so(trio: tuple[User, Answer]) -> None:
    user, first = trio
    again = user.succeeds("run", *GERMLINE, "--samples", "child,father,mother")
    assert computed(again) == set()
    assert "Nothing to compute" in again.out
    listed = user.succeeds("run", *GERMLINE, "--samples", "mother", "--samples", "father,child", "--json")
    assert {a["cid"] for a in made(listed, asset="variants")} == {
        a["cid"] for a in made(first, asset="variants")
    }
    assert all(asset["reused"] for asset in listed.json["assets"])
    assert len(user.succeeds("runs", "list", "--json").json) == 2


def test_computing_all_anew_gives_the_same_cids(trio: tuple[User, Answer]) -> None:
    user, first = trio
    again = user.succeeds(
        "run", *GERMLINE, "--samples", "child,father,mother", "--no-reuse", "--max-cpus", "1", "--json"
    )
    assert not any(asset["reused"] for asset in again.json["assets"])
    reached = {a["cid"] for a in again.json["assets"]}
    assert {a["cid"] for a in first.json["assets"]} <= reached


# What decides on reuse. Each case has the same labels as the run of `trio`.

TRIO = (*GERMLINE, "--samples", "child,father,mother")
SAMPLE_STAGES = ("mark_duplicates", "haplotype_caller")


def test_the_same_recipe_is_reused_from_end_to_end(trio: tuple[User, Answer]) -> None:
    assert all(trio[0].plans(*TRIO).values())


def test_a_parameter_computes_anew_what_depends_on_it(trio: tuple[User, Answer]) -> None:
    plan = trio[0].plans(*TRIO, "--stand-call-conf", "10")
    assert not plan["hard_filter", "cohort"]
    assert plan["haplotype_caller", "child"]
    plan = trio[0].plans(*TRIO, "--optical-duplicate-pixel-distance", "2500")
    assert not any(plan[stage, "child"] for stage in SAMPLE_STAGES)


def test_a_parameter_that_changes_no_byte_is_reused_the_next_time(
    trio: tuple[User, Answer], tmp_path: Path
) -> None:
    """Two recipes may give the same bytes: the record keeps both."""
    user = _copy_of(trio[0], tmp_path)
    harmless = (*TRIO, "--stand-call-conf", "29.5")
    first = user.succeeds("run", *harmless, "--json")
    assert computed(first) == OF_THE_COHORT
    assert {a["cid"] for a in made(first, variant_type="vcf")} == {
        a["cid"] for a in made(trio[1], variant_type="vcf")
    }
    assert all(user.plans(*harmless).values())
    assert all(user.plans(*TRIO).values())


def test_another_cohort_id_is_another_result(trio: tuple[User, Answer]) -> None:
    plan = trio[0].plans(*TRIO, "--cohort-id", "family")
    assert not plan["hard_filter", "family"]
    assert plan["haplotype_caller", "mother"]


def test_another_version_of_a_tool_computes_anew(
    trio: tuple[User, Answer], tmp_path: Path, toolbox: Toolbox
) -> None:
    fake = tmp_path / "bin" / "bwa"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'Version: 0.7.99-r9999' >&2\nexit 1\n")
    fake.chmod(0o755)
    plan = trio[0].plans(*TRIO, PATH=f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    kept = {stage for (stage, _), reused in plan.items() if reused}
    assert kept == {"samtools_faidx", "create_sequence_dictionary"}
    assert not plan["hard_filter", "cohort"]


def _copy_of(user: User, folder: Path) -> User:
    """Another user with the same store, to change it."""
    copy = User(folder, folder / "store")
    shutil.copytree(user.local, copy.local, symlinks=True)
    return copy


def test_another_reference_of_the_same_build_computes_anew(
    trio: tuple[User, Answer], bundled: Path, tmp_path: Path
) -> None:
    user = _copy_of(trio[0], tmp_path)
    text = (bundled / "reference.fa").read_text()
    changed = tmp_path / "reference.fa"
    head, _, sequence = text.partition("\n")
    changed.write_text(head + "\n" + ("T" if sequence[0] != "T" else "A") + sequence[1:])
    (other,) = user.adds(changed, "-k", "asset=reference", "-k", "build=trio")
    refused = user.types("run", *TRIO, "--dry-run")
    assert refused.status == 2
    assert "--reference" in refused.err
    assert other["cid"] in refused.err
    assert not any(user.plans(*TRIO, "--reference", other["cid"]).values())


def test_another_read_computes_that_sample_anew(
    trio: tuple[User, Answer], bundled: Path, tmp_path: Path
) -> None:
    """A second library of the father: its labels are those of the first, its reads are not."""
    user = _copy_of(trio[0], tmp_path)
    for mate in ("R1", "R2"):
        with gzip.open(bundled / f"father_{mate}.fastq.gz", "rt") as reads:
            kept = reads.read().splitlines(keepends=True)[:4000]
        with gzip.open(tmp_path / f"father_{mate}.fastq.gz", "wt") as fewer:
            fewer.writelines(kept)
    user.adds(*sorted(tmp_path.glob("father_R?.fastq.gz")), "-k", "sample_id=father", "-k", "lane=L9")
    plan = user.plans(*TRIO)
    assert not any(plan[stage, "father"] for stage in SAMPLE_STAGES)
    assert all(plan[stage, "mother"] for stage in SAMPLE_STAGES)
    assert not plan["hard_filter", "cohort"]


# Recalibration, filters and the report.


@pytest.fixture(scope="module")
def recalibrated(
    tmp_path_factory: pytest.TempPathFactory, bundled: Path, toolbox: Toolbox
) -> tuple[User, Answer]:
    """The father alone, with what was planted known beforehand."""
    user = make_user(tmp_path_factory.mktemp("recalibrating lab") / "a user")
    _add_reference(user, bundled)
    _add_sample(user, bundled, "father")
    user.adds(
        bundled / "truth.vcf", "--asset", "known_sites", "-k", "build=trio", "-k", "resource_name=planted"
    )
    return user, user.succeeds("run", *GERMLINE, "--samples", "father", *BQSR, "--json")


def test_recalibration_learns_from_the_known_sites_of_the_build(recalibrated: tuple[User, Answer]) -> None:
    user, answer = recalibrated
    bqsr, filters = answer.json["notes"]
    assert bqsr.startswith(
        "bqsr: on (--bqsr on, although 21,600 bases take a depth of 4,630x for the 100 million"
    )
    assert filters.startswith("filter: hard (1 sample on 21,600 bases, no training or truth resource")
    assert bqsr in answer.err
    (bam,) = made(answer, asset="alignment")
    assert bam["keyvalues"]["bqsr_applied"] == "true"
    (sites,) = user.succeeds("assets", "query", "asset=known_sites", "--json").json
    (recorded,) = user.succeeds("assets", "query", f"cid={bam['cid']}", "--json").json
    assert sites["cid"] in recorded["derived_from"]
    (table,) = made(answer, asset="bqsr_report")
    assert table["keyvalues"]["alignment_cid"] == bam["cid"]
    (index,) = made(answer, asset="known_sites_index")
    assert index["keyvalues"]["known_sites_cid"] == sites["cid"]
    record = user.succeeds("runs", "show", answer.json["run_id"], "--json").json
    assert record["plan"]["notes"] == answer.json["notes"]


@pytest.fixture(scope="module")
def mother_too(
    recalibrated: tuple[User, Answer],
    bundled: Path,
    toolbox: Toolbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[User, Answer]:
    """The cohort after a second sample, whose reads came as an unmapped BAM."""
    user, _ = recalibrated
    unmapped = tmp_path_factory.mktemp("sequencer") / "mother.bam"
    reads = [f"-{n}{bundled}/mother_R{n}.fastq.gz" for n in "12"]
    subprocess.run(
        ["samtools", "import", *reads, "-r", "ID:m1", "-r", "SM:mother", "-r", "PL:ILLUMINA", "-o", unmapped],
        env=toolbox.environment(),
        check=True,
        capture_output=True,
    )
    user.adds(unmapped, "-k", "sample_id=mother")
    return user, user.succeeds("run", *WITH_REPORT, "--samples", "father,mother", *BQSR, "--json")


def test_with_recalibration_too_a_new_sample_is_all_that_is_computed(mother_too: tuple[User, Answer]) -> None:
    user, answer = mother_too
    tasks = {task.partition(" ")[0] for task in computed(answer) if task.partition(" ")[2] != "cohort"}
    assert {"merge_bam_alignment", "bwa_mem", "mark_duplicates", "base_recalibrator", "apply_bqsr"} <= tasks
    assert not [task for task in computed(answer) if "father" in task]
    assert not tasks & {"samtools_faidx", "create_sequence_dictionary", "bwa_index", "index_feature_file"}
    assert {each["reused"] for each in made(answer, sample_id="father")} == {True}
    assert all(user.plans(*WITH_REPORT, "--samples", "father,mother", *BQSR).values())


def test_the_report_shows_every_sample_also_those_of_earlier_runs(mother_too: tuple[User, Answer]) -> None:
    user, answer = mother_too
    (report,) = made(answer, asset="report")
    user.succeeds("assets", "get", report["cid"], "-o", user.folder / "report.html")
    page = (user.folder / "report.html").read_text(encoding="utf-8")
    for said in ("father", "mother", "bqsr", "hard"):
        assert said in page
    plan = user.plans(*GERMLINE, "--samples", "father,mother", *BQSR)
    assert ("multiqc", "cohort") not in plan
    assert all(plan.values())


def test_recalibrated_calls_are_what_was_planted(mother_too: tuple[User, Answer], bundled: Path) -> None:
    user, answer = mother_too
    compared = summary.compare(
        summary.read_vcf(_vcf(user, answer)),
        summary.read_vcf(bundled / "truth.vcf"),
        summary.read_fasta(bundled / "reference.fa"),
    )
    assert compared.perfect, compared


# How a run ends that does not end well.


def _ready(user: User, bundled: Path, change: Callable[[Path], None], mate: str = "R2") -> None:
    """A store with the father's reads, one file of which was changed."""
    _add_reference(user, bundled)
    for name in ("R1", "R2"):
        shutil.copy(bundled / f"father_{name}.fastq.gz", user.folder / f"father_{name}.fastq.gz")
    change(user.folder / f"father_{mate}.fastq.gz")
    user.adds(*sorted(user.folder.glob("father_R?.fastq.gz")), "-k", "sample_id=father")


def _shorten(file: Path) -> None:
    with gzip.open(file, "rt") as reads:
        kept = reads.read().splitlines(keepends=True)[:-4]
    with gzip.open(file, "wt") as fewer:
        fewer.writelines(kept)


def test_a_failed_task_is_named_with_its_last_lines_and_its_folder(user: User, bundled: Path) -> None:
    """Mates of different numbers pass the first look at them; the task that reads them to their end fails."""
    _ready(user, bundled, _shorten)
    before = user.succeeds("assets", "query", "--json").json
    ended = user.types("run", *GERMLINE, "--samples", "father")
    assert ended.status == 1
    assert "bwa_mem failed for father" in ended.err
    assert "R1 has" in ended.err
    assert "father_R2.fastq.gz" in ended.err
    folder = Path(ended.err.partition("The task's folder is ")[2].partition(". Go on")[0])
    assert (folder / ".command.sh").is_file()
    assert "Traceback" not in ended.err
    assert user.succeeds("assets", "query", "--json").json == before
    (record,) = user.succeeds("runs", "list", "--json").json
    assert record["status"] == "failed"


def _processes_of(folder: Path) -> list[str]:
    listing = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(folder) in line]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_its_tools_and_goes_on_later(
    user: User, bundled: Path, number: signal.Signals
) -> None:
    _ready(user, bundled, lambda _: None)
    with subprocess.Popen(
        [STARGAZER, "run", *GERMLINE, "--samples", "father"],
        cwd=user.folder,
        env=user.environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("started mark_duplicates"):
                break
        time.sleep(0.5)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 1
    assert "was interrupted" in rest
    assert "Traceback" not in rest
    assert _processes_of(user.local) == []
    (record,) = user.succeeds("runs", "list", "--json").json
    assert record["status"] == "interrupted"
    resumed = user.succeeds("run", "--resume", record["run_id"], "--json")
    assert "kept bwa_mem" in resumed.err
    assert made(resumed, asset="variants", variant_type="vcf")
    assert all(user.plans(*GERMLINE, "--samples", "father").values())


def test_a_bam_and_a_gvcf_are_ways_in_too(parents: tuple[User, Answer], user: User, bundled: Path) -> None:
    """The father enters with his BAM, the mother with her GVCF: the same VCF comes out."""
    maker, first = parents
    for kind, sample, name in (
        ("alignment", "father", "father.bam"),
        ("alignment_index", "father", "father.bam.bai"),
        ("variants", "mother", "mother.g.vcf.gz"),
        ("variants_index", "mother", "mother.g.vcf.gz.tbi"),
    ):
        (asset,) = made(first, asset=kind, sample_id=sample)
        maker.succeeds("assets", "get", asset["cid"], "-o", user.folder / name)
    _add_reference(user, bundled)
    user.adds(
        *sorted(user.folder.glob("father.bam*")), "-k", "sample_id=father", "-k", "duplicates_marked=true"
    )
    user.adds(
        *sorted(user.folder.glob("mother.g.vcf.gz*")),
        *("-k", "sample_id=mother", "-k", "variant_type=gvcf", "-k", "build=trio"),
    )
    answer = user.succeeds("run", *GERMLINE, "--samples", "father,mother", "--json")
    assert "haplotype_caller father" in computed(answer)
    assert not [task for task in computed(answer) if "mother" in task or "bwa" in task]
    assert {a["cid"] for a in made(answer, asset="variants", variant_type="vcf")} == {
        a["cid"] for a in made(first, asset="variants", variant_type="vcf")
    }
    assert all(user.plans(*GERMLINE, "--samples", "father,mother").values())


def test_a_single_end_sample_is_called(user: User, bundled: Path) -> None:
    _add_reference(user, bundled)
    user.adds(bundled / "father_R1.fastq.gz", "-k", "asset=r1", "-k", "sample_id=father")
    answer = user.succeeds("run", *GERMLINE, "--samples", "father", "--json")
    calls = summary.read_vcf(_vcf(user, answer))
    assert calls.samples == ("father",)
    assert calls.records

"""Filters of the joint call, against planted truth, GATK run plainly, and the rules read anew."""

import csv
import gzip
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.user import manifest
from helpers.simulated_calls import CALLS_HEADER, SAMPLE, Simulated, simulate, write_vcf

from stargazer_cli import catalog
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

HERE = Path(__file__).parent
Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class Scripts:
    """Runs a test's own Nextflow script in a folder, with the pipeline's configuration."""

    folder: Path
    toolbox: Toolbox

    def __call__(
        self, script: str, *options: str | Path, **parameters: object
    ) -> "subprocess.CompletedProcess[str]":
        given = [word for name, value in parameters.items() for word in (f"--{name}", str(value))]
        configured = ["-c", catalog.pipeline_dir() / "nextflow.config", "-ansi-log", "false"]
        return self.tool(*self.toolbox.nextflow, "run", HERE / script, *configured, *options, *given)

    def tool(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.folder,
            # Where a JVM runs for seconds its second compiler costs more than it gives.
            env=self.toolbox.environment() | {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> Scripts:
    folder = tmp_path_factory.mktemp("filter") / "a folder"
    folder.mkdir()
    return Scripts(folder, toolbox)


@pytest.fixture(scope="module")
def simulated(scripts: Scripts) -> Simulated:
    made = simulate(scripts.folder)
    (scripts.folder / "sites.json").write_text(json.dumps(made.resources))
    return made


@pytest.fixture(scope="module")
def recalibrated(scripts: Scripts, simulated: Simulated) -> Path:
    """The folder of a VQSR run over the simulated calls."""
    ended = scripts(
        "filtering.nf", calls=simulated.vcf, sites=scripts.folder / "sites.json", filter="vqsr", outdir="vqsr"
    )
    assert ended.returncode == 0, ended.stdout
    return scripts.folder / "vqsr"


def records(vcf: Path) -> Iterator[list[str]]:
    with gzip.open(vcf, "rt") as lines:
        yield from (line.rstrip("\n").split("\t") for line in lines if not line.startswith("#"))


def key(record: list[str]) -> Key:
    return record[0], int(record[1]), record[3], record[4]


def filters(vcf: Path) -> dict[Key, str]:
    return {key(record): record[6] for record in records(vcf)}


def test_what_auto_means_is_decided_as_the_table_says(scripts: Scripts) -> None:
    table = HERE.parent / "helpers" / "decision_cases.json"
    ended = scripts("decisions.nf", cases=table, answers=scripts.folder / "answers.json")
    assert ended.returncode == 0, ended.stdout
    answers = json.loads((scripts.folder / "answers.json").read_text())
    wrong = []
    for case, answer in zip(json.loads(table.read_text()), answers, strict=True):
        for name, wanted in case["expect"].items():
            got, says = answer[name], case["says"].get(name, "")
            refused = isinstance(wanted, dict)
            as_wanted = wanted["error"] in got.get("error", "") if refused else got.get("value") == wanted
            if not as_wanted or says not in got.get("reason", says):
                wrong.append((case["name"], name, wanted, says, got))
    assert wrong == []


@pytest.mark.parametrize(
    ("kind", "truths", "sensitivity", "of_all", "rejected"),
    [("SNP", ("hapmap", "omni"), 0.995, 0.99, 0.95), ("INDEL", ("mills",), 0.990, 0.97, 0.94)],
)
def test_vqsr_keeps_the_planted_truth_and_rejects_errors(
    recalibrated: Path,
    simulated: Simulated,
    kind: str,
    truths: tuple[str, ...],
    sensitivity: float,
    of_all: float,
    rejected: float,
) -> None:
    """Sensitivity is promised for the sites of the truth resources; what no resource knows has a lower prior.

    One false site in twenty looks true in every annotation, so no filter rejects more than 95 % of them.
    """
    passed = {
        site for site, mark in filters(recalibrated / "variants" / "calls.vcf.gz").items() if mark == "PASS"
    }
    true, false = simulated.keys(kind, true=True), simulated.keys(kind, true=False)
    resources = [filters(simulated.vcf.with_name(f"{name}.vcf.gz")) for name in truths]
    known = true.intersection(site for resource in resources for site in resource)
    assert min(len(true), len(false)) > 900
    assert len(known & passed) / len(known) == pytest.approx(sensitivity, abs=0.001)
    assert len(true & passed) / len(true) >= of_all
    assert 1 - len(false & passed) / len(false) >= rejected


def test_vqsr_is_that_of_gatk_run_plainly(recalibrated: Path, scripts: Scripts, simulated: Simulated) -> None:
    """The commands of GATK's article, with the annotations and tranches of WARP in WARP's order."""
    plain = scripts.folder / "plain"
    plain.mkdir()
    models = {
        "INDEL": (
            "FS ReadPosRankSum MQRankSum QD SOR DP",
            "100.0 99.95 99.9 99.5 99.0 97.0 96.0 95.0 94.0 93.5 93.0 92.0 91.0 90.0",
            {"mills": "known=false,training=true,truth=true,prior=12"},
            ("4", "99.0"),
        ),
        "SNP": (
            "QD MQRankSum ReadPosRankSum FS MQ SOR DP",
            "100.0 99.95 99.9 99.8 99.6 99.5 99.4 99.3 99.0 98.0 97.0 90.0",
            {
                "hapmap": "known=false,training=true,truth=true,prior=15",
                "omni": "known=false,training=true,truth=true,prior=12",
                "1000g": "known=false,training=true,truth=false,prior=10",
            },
            ("6", "99.5"),
        ),
    }
    calls = simulated.vcf
    for mode, (annotations, tranches, resources, (gaussians, level)) in models.items():
        known = resources | {"dbsnp": "known=true,training=false,truth=false,prior=2"}
        recal, table = plain / f"{mode}.recal", plain / f"{mode}.tranches"
        ended = scripts.tool(
            "gatk", "VariantRecalibrator", "-V", calls, "-mode", mode, "-O", recal,
            "--tranches-file", table, "--max-gaussians", gaussians, "--trust-all-polymorphic",
            *(word for name in annotations.split() for word in ("-an", name)),
            *(word for share in tranches.split() for word in ("-tranche", share)),
            *(w for name, tags in known.items() for w in (f"--resource:{name},{tags}", f"{name}.vcf.gz")),
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        filtered = plain / f"{mode}.vcf.gz"
        ended = scripts.tool(
            "gatk", "ApplyVQSR", "-V", calls, "-mode", mode, "--recal-file", recal,
            "--tranches-file", table, "-ts-filter-level", level, "-O", filtered,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        calls = filtered
        assert table.read_text() == (recalibrated / "variants" / f"calls.{mode.lower()}.tranches").read_text()
    ours = list(records(recalibrated / "variants" / "calls.vcf.gz"))
    assert ours == list(records(calls))
    assert len(ours) == len(simulated.sites)


def test_a_model_and_its_tranches_are_assets_that_link_to_each_other(recalibrated: Path) -> None:
    entries = manifest(recalibrated)
    lines = {entry["path"]: entry for entry in entries}
    assert {path.relative_to(recalibrated).as_posix() for path in recalibrated.rglob("variants/*")} == set(
        lines
    )
    for path in recalibrated.rglob("*.vcf.gz"):
        header = gzip.decompress(path.read_bytes()).decode().partition("#CHROM")[0]
        assert "CommandLine" not in header
        assert "a folder" not in header
    known = {"SNP": ["1000g", "dbsnp", "hapmap", "omni"], "INDEL": ["dbsnp", "mills"]}
    made_from = ["reference.fa", "simulated.g.vcf.gz"]
    vcf = lines["variants/calls.vcf.gz"]
    assert (vcf["asset"], vcf["task"], vcf["vqsr_mode"]) == ("variants", "apply_vqsr", "BOTH")
    assert "step" not in vcf
    assert sorted(vcf["derived_from"]) == sorted(
        [*made_from, *(f"{name}.vcf.gz" for name in {*known["SNP"], *known["INDEL"]})]
    )
    for mode, names in known.items():
        model = lines[f"variants/calls.{mode.lower()}.recal.vcf.gz"]
        tranches = lines[f"variants/calls.{mode.lower()}.tranches"]
        assert (model["asset"], tranches["asset"]) == ("vqsr_model", "vqsr_tranches")
        assert model["tranches_cid"] == tranches["path"]
        for line in (model, tranches):
            assert (line["mode"], line["task"], line["sample_id"]) == (mode, "variant_recalibrator", "calls")
            assert line["variants_cid"] == vcf["path"]
            assert sorted(line["derived_from"]) == sorted([*made_from, *(f"{name}.vcf.gz" for name in names)])


@pytest.mark.parametrize(("mode", "level"), [("snp", 99.5), ("indel", 99.0)])
def test_the_tranches_say_which_score_keeps_which_share(recalibrated: Path, mode: str, level: float) -> None:
    """The score that the chosen tranche names is the one that the calls were parted by."""
    lines = (recalibrated / "variants" / f"calls.{mode}.tranches").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    shares = [float(row["targetTruthSensitivity"]) for row in rows]
    scores = [float(row["minVQSLod"]) for row in rows]
    assert shares == sorted(set(shares))
    assert shares[-1] == 100.0
    assert scores == sorted(scores, reverse=True)
    (cut,) = (score for share, score in zip(shares, scores, strict=True) if share == level)
    parted: dict[bool, list[float]] = {True: [], False: []}
    for record in records(recalibrated / "variants" / "calls.vcf.gz"):
        if (len(record[3]) == len(record[4]) == 1) is (mode == "snp"):
            info = dict(item.split("=") for item in record[7].split(";") if "=" in item)
            parted[record[6] == "PASS"].append(float(info["VQSLOD"]))
    assert max(parted[False]) <= cut <= min(parted[True])


# GATK's published thresholds, as its articles write them, for the test to read anew.
SNP_RULES: dict[str, Callable[[dict[str, float]], bool]] = {
    "QD2": lambda site: site.get("QD", 99) < 2.0,
    "QUAL30": lambda site: site["QUAL"] < 30.0,
    "SOR3": lambda site: site.get("SOR", 0) > 3.0,
    "FS60": lambda site: site.get("FS", 0) > 60.0,
    "MQ40": lambda site: site.get("MQ", 60) < 40.0,
    "MQRankSum-12.5": lambda site: site.get("MQRankSum", 0) < -12.5,
    "ReadPosRankSum-8": lambda site: site.get("ReadPosRankSum", 0) < -8.0,
}
OTHER_RULES: dict[str, Callable[[dict[str, float]], bool]] = {
    "QD2": SNP_RULES["QD2"],
    "QUAL30": SNP_RULES["QUAL30"],
    "FS200": lambda site: site.get("FS", 0) > 200.0,
    "ReadPosRankSum-20": lambda site: site.get("ReadPosRankSum", 0) < -20.0,
}
GOOD = "QD=20.0;FS=0.0;SOR=1.0;MQ=60.00;MQRankSum=0.0;ReadPosRankSum=0.0"
BAD_INDEL = "QD=20.0;FS=61.0;SOR=4.0;MQ=30.0;MQRankSum=-13.0;ReadPosRankSum=-9.0"
WORST = "QD=1.99;FS=200.1;SOR=3.1;MQ=39.9;MQRankSum=-12.6;ReadPosRankSum=-20.1"
# REF, ALT, QUAL, FILTER before, INFO, FILTER after.
ODD = {
    "good": ("A", "G", "500", ".", GOOD, "PASS"),
    "at every threshold": (
        "A", "G", "30", ".", "QD=2.0;FS=60.0;SOR=3.0;MQ=40.0;MQRankSum=-12.5;ReadPosRankSum=-8.0", "PASS",
    ),
    "beyond every threshold": (
        "A", "G", "29.9", ".", WORST, "FS60;MQ40;MQRankSum-12.5;QD2;QUAL30;ReadPosRankSum-8;SOR3",
    ),
    "no annotation at all": ("A", "G", "500", ".", ".", "PASS"),
    "no rank sums": ("A", "G", "500", ".", "QD=20.0;FS=0.0;SOR=1.0;MQ=60.00", "PASS"),
    "rank sums that are dots": ("A", "G", "500", ".", "QD=20.0;MQRankSum=.;ReadPosRankSum=.", "PASS"),
    "whole numbers": ("A", "G", "500", ".", "QD=1;FS=61;MQ=39", "FS60;MQ40;QD2"),
    "several SNPs": ("A", "C,G", "500", ".", "FS=61.0", "FS60"),
    "SNP under a deletion": ("A", "*,G", "500", ".", "FS=61.0", "FS60"),
    "filtered before": ("A", "G", "500", "LowQual", "QD=1.0", "LowQual;QD2"),
    "indel with what fails a SNP": ("A", "AG", "500", ".", BAD_INDEL, "PASS"),
    "indel beyond every threshold": ("AG", "A", "29.9", ".", WORST, "FS200;QD2;QUAL30;ReadPosRankSum-20"),
    "indel under a deletion": ("AG", "*,A", "500", ".", BAD_INDEL, "PASS"),
    "SNP and indel at once": ("A", "AG,G", "500", ".", BAD_INDEL, "PASS"),
    "SNP and indel, bad": ("A", "AG,G", "500", ".", WORST, "FS200;QD2;ReadPosRankSum-20"),
    "two bases for two": ("AC", "GT", "500", ".", BAD_INDEL, "PASS"),
}  # fmt: skip


@pytest.fixture(scope="module")
def hard_filtered(scripts: Scripts, simulated: Simulated) -> Path:
    """The folder of one run of hard filters over the simulated calls, the odd ones, and none."""
    header = CALLS_HEADER + '##FILTER=<ID=LowQual,Description="Low quality">\n'
    lines = [
        f"chr1\t{100 * number}\t.\t{ref}\t{alt}\t{quality}\t{before}\t{info}\tGT\t0/1"
        for number, (ref, alt, quality, before, info, _) in enumerate(ODD.values(), start=1)
    ]
    odd = write_vcf(scripts.folder / "odd.vcf.gz", header, lines, [SAMPLE])
    none = write_vcf(scripts.folder / "none.vcf.gz", header, [], [SAMPLE])
    ended = scripts("filtering.nf", calls=f"{simulated.vcf},{odd},{none}", filter="hard", outdir="hard")
    assert ended.returncode == 0, ended.stdout
    return scripts.folder / "hard"


def test_hard_filters_are_the_published_thresholds(hard_filtered: Path, simulated: Simulated) -> None:
    """Each of the simulated sites, by a reading of the rules of its own."""
    wanted = {}
    for record in records(simulated.vcf):
        info = {name: float(value) for name, value in (item.split("=") for item in record[7].split(";"))}
        rules = SNP_RULES if len(record[3]) == len(record[4]) == 1 else OTHER_RULES
        site = info | {"QUAL": float(record[5])}
        wanted[key(record)] = ";".join(sorted(name for name, bad in rules.items() if bad(site))) or "PASS"
    found = filters(hard_filtered / "variants" / "calls.vcf.gz")
    assert {mark for marks in wanted.values() for mark in marks.split(";")} >= {"PASS", "QD2", "SOR3", "MQ40"}
    assert found == wanted
    line = next(entry for entry in manifest(hard_filtered) if entry["path"] == "variants/calls.vcf.gz")
    assert (line["task"], line["caller"]) == ("hard_filter", "joint_call_gvcfs")
    assert "step" not in line


def test_hard_filters_lose_no_odd_site_and_fail_none_for_what_is_missing(hard_filtered: Path) -> None:
    found = [record[6] for record in records(hard_filtered / "variants" / "odd.vcf.gz")]
    assert dict(zip(ODD, found, strict=True)) == {name: case[-1] for name, case in ODD.items()}
    assert list(records(hard_filtered / "variants" / "none.vcf.gz")) == []
    assert (hard_filtered / "variants" / "none.vcf.gz.tbi").stat().st_size > 0


def test_what_no_model_can_be_learnt_from_is_refused_with_the_ways_out(
    scripts: Scripts, simulated: Simulated, tmp_path: Path
) -> None:
    """A few calls and none at all, in one run that goes on after a failure."""
    some = ["\t".join(record) for record in records(simulated.vcf)][:4]
    calls = [
        write_vcf(tmp_path / f"{name}.vcf.gz", CALLS_HEADER, lines, [SAMPLE])
        for name, lines in {"few": some, "empty": []}.items()
    ]
    (scripts.folder / "patient.config").write_text("process.errorStrategy = 'ignore'\n")
    ended = scripts(
        "filtering.nf", "-c", "patient.config", "-w", tmp_path / "work",
        calls=",".join(map(str, calls)), sites=scripts.folder / "sites.json", filter="vqsr",
        outdir=tmp_path / "refused", targeted="true",
    )  # fmt: skip
    # The depth is no annotation where but targets are called; test_vqsr_is_that_of_gatk_run_plainly has it.
    commands = [file.read_text() for file in tmp_path.glob("work/*/*/.command.sh")]
    assert [("--use-annotation QD" in text, "--use-annotation DP" in text) for text in commands] == [
        (True, False)
    ] * 4
    said = sorted(
        "\n".join(file.read_text().splitlines()[-2:]) for file in tmp_path.glob("work/*/*/.command.err")
    )
    empty = (
        "VQSR of empty: the VCF has no variants, and a model is learnt from many.\n"
        "Take --filter hard or --filter none."
    )
    assert said[:2] == [empty] * 2, ended.stdout
    for text, (kind, mode, gaussians) in zip(
        said[2:], [("SNPs", "snp", 6), ("indels", "indel", 4)], strict=True
    ):
        assert re.fullmatch(
            rf"VQSR of few: too few {kind} are in the resources, or .*\(GATK: .*\)\.\n"
            rf"Take --filter hard, or fewer --max_gaussians_{mode} than {gaussians}\.",
            text,
        )
    assert not list((tmp_path / "refused").rglob("*.vcf.gz"))


def test_a_mode_without_resources_is_refused_before_gatk_starts(
    scripts: Scripts, simulated: Simulated, tmp_path: Path
) -> None:
    table = scripts.folder / "no mills.json"
    table.write_text(json.dumps([item for item in simulated.resources if item["resource_name"] != "mills"]))
    ended = scripts(
        "filtering.nf", calls=simulated.vcf, sites=table, filter="vqsr", outdir=tmp_path / "refused"
    )
    assert ended.returncode != 0
    # Nextflow shows the script, too, which has this text in it.
    cause = ended.stdout.partition("Caused by:")[2].split("\n\n")[0]
    assert "VQSR of calls: no training or truth resource for mode INDEL" in cause

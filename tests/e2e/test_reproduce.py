"""Runs of the bundled data, run again from their records with the real tools."""

import json
from pathlib import Path

import pytest
from e2e.user import User

pytestmark = pytest.mark.pipeline


def _records(user: User) -> str:
    return user.succeeds("assets", "query", "--json").out


def test_a_reference_is_prepared_again_to_the_byte_and_nothing_is_stored(user: User, bundled: Path) -> None:
    user.adds(bundled / "reference.fa", "-k", "asset=reference", "-k", "build=trio")
    made = user.succeeds("run", "prepare-reference", "--build", "trio", "--aligner", "bwa", "--json").json
    before = _records(user)
    again = user.succeeds("runs", "reproduce", made["run_id"])
    assert f"7 of 7 outputs are the same as those of {made['run_id']}." in again.out
    assert _records(user) == before
    assert len(user.succeeds("runs", "list", "--json").json) == 1
    assert not (user.local / "reproduce").exists()


def test_a_sample_is_called_again_on_fewer_cpus_and_one_damaged_record_shows(
    user: User, bundled: Path
) -> None:
    user.adds(bundled / "reference.fa", "-k", "asset=reference", "-k", "build=trio")
    user.adds(*sorted(bundled.glob("father_R?.fastq.gz")), "-k", "sample_id=father")
    options = ("--build", "trio", "--aligner", "bwa", "--samples", "father", "--skip-report", "--json")
    made = user.succeeds("run", "germline", *options).json
    file = user.local / "runs" / made["run_id"] / "run.json"
    kept = json.loads(file.read_text())
    (gvcf,) = (asset for asset in kept["assets"] if asset["name"] == "father.g.vcf.gz")
    gvcf["cid"] = kept["assets"][0]["cid"]
    file.write_text(json.dumps(kept))

    again = user.types("runs", "reproduce", made["run_id"], "--max-cpus", "1", "--json")
    assert again.status == 1, again.err
    assert again.json["same"] is False
    status = {output["name"]: output["status"] for output in again.json["outputs"]}
    assert len(status) == len(made["assets"])
    assert {name for name, word in status.items() if word != "same"} == {"father.g.vcf.gz"}
    assert status["father.g.vcf.gz"] == "differs"

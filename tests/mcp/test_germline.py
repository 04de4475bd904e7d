"""The whole germline demo by an agent: from the bundled reads to a VCF that is compared with the truth."""

from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.demo import summary
from stargazer_cli.store import cid_of
from stargazer_cli.tools import Toolbox

pytestmark = pytest.mark.pipeline

PREPARED = ("aligner_index", "reference_index", "sequence_dict")
ARGUMENTS = {"build": "trio", "samples": ["child", "father", "mother"], "aligner": "bwa", "skip_report": True}


def test_an_agent_calls_the_trio_and_shows_where_the_result_comes_from(
    office: Any, listening: Any, ask: Any, said: Any, bundled: Path, toolbox: Toolbox
) -> None:
    office.puts(*bundled.glob("*.fastq.gz"), bundled / "reference.fa")

    async def first(agent: Any) -> dict[str, Any]:
        """Over stdio: bring the data, look at what there is, run, and take the result out."""
        reference = await agent.does("upload_file", paths=["reference.fa"], keyvalues={"build": "trio"})
        assert reference["notes"] == ["reference.fa: asset=reference"]
        for sample in ("child", "father", "mother"):
            paths = sorted(path.name for path in office.files.glob(f"{sample}_*"))
            await agent.does("upload_file", paths=paths, keyvalues={"sample_id": sample})
        assert (await agent.does("query_files", filters={"asset": ["r1", "r2"]}))["total"] == 8

        name = "germline_short_variant_discovery"
        listed = await agent.does("list_tasks", category="workflow")
        assert name in [entry["name"] for entry in listed["entries"]]
        (details,) = (await agent.does("list_tasks", names=[name]))["details"]
        required = {each["name"] for each in details["parameters"] if each["required"]}
        assert required <= ARGUMENTS.keys() <= {each["name"] for each in details["parameters"]}

        plan = await agent.does("run_workflow", workflow="germline", arguments=ARGUMENTS, dry_run=True)
        assert not any(step["reused"] for step in plan["steps"])
        done = await agent.does("run_workflow", said, workflow="germline", arguments=ARGUMENTS)
        assert (done["status"], done["computed"]) == ("done", True)
        assert any("started haplotype_caller" in line for line in said.lines)
        assert {task["status"] for task in done["tasks"]} == {"done"}

        found = await agent.does("query_files", filters={"asset": "variants", "variant_type": "vcf"})
        (vcf,) = found["assets"]
        assert vcf["run_ids"] == [done["run_id"]]
        got = await agent.does("download_file", cid=vcf["cid"], path="calls.vcf.gz")
        assert got["files"][0]["size"] > 0

        lineage = await agent.does("get_lineage", cid=vcf["cid"])
        kinds = {asset["keyvalues"]["asset"] for node in lineage["nodes"] for asset in node["assets"]}
        assert {"variants", "reference", "r1", "r2"} <= kinds
        cids = {node["cid"] for node in lineage["nodes"]}
        assert {cid_of(file) for file in bundled.glob("*.fastq.gz")} <= cids
        assert cid_of(bundled / "reference.fa") in cids
        return done

    done = ask(office.stdio(), first, seconds=600)
    _is_the_truth(office.files / "calls.vcf.gz", bundled)
    server = listening()

    async def again(agent: Any) -> None:
        """Over HTTP: the same request computes nothing."""
        reused = await agent.does("run_workflow", workflow="germline", arguments=ARGUMENTS)
        assert (reused["status"], reused["computed"]) == ("done", False)
        # As of the command line: what only prepares the reference is no part of a result that was there.
        result = {each["cid"] for each in done["assets"] if each["keyvalues"]["asset"] not in PREPARED}
        assert {each["cid"] for each in reused["assets"]} == result

    ask(server.client(), again)


def _is_the_truth(vcf: Path, bundled: Path) -> None:
    """Compare calls with what was planted: every site, with its genotype in all three samples."""
    planted = summary.read_vcf(bundled / "truth.vcf")
    calls = summary.read_vcf(vcf)
    comparison = summary.compare(calls, planted, summary.read_fasta(bundled / "reference.fa"))
    assert len(comparison.sites) == 47
    assert comparison.perfect


def test_one_task_alone_makes_what_the_workflow_made(
    office: Any, ask: Any, bundled: Path, toolbox: Toolbox
) -> None:
    office.puts(bundled / "reference.fa")

    async def work(agent: Any) -> None:
        added = await agent.does("upload_file", paths=["reference.fa"], keyvalues={"build": "trio"})
        request = {"task": "samtools_faidx", "filters": {"build": "trio"}}
        plan = await agent.does("run_task", **request, dry_run=True)
        assert [(step["stage"], step["reused"]) for step in plan["steps"]] == [("samtools_faidx", False)]
        done = await agent.does("run_task", **request)
        (index,) = done["assets"]
        assert index["keyvalues"]["asset"] == "reference_index"
        assert index["keyvalues"]["reference_cid"] == added["assets"][0]["cid"]
        again = await agent.does("run_task", **request)
        assert (again["computed"], again["assets"][0]["cid"]) == (False, index["cid"])
        words = await agent.is_refused("run_task", task="samtools_faidx", filters={"build": "nothing"})
        assert "reference" in words

    ask(office.stdio(), work, seconds=300)

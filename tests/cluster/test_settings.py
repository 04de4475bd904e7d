"""What may reach an #SBATCH line, and what a submission is tried again for; without a Slurm."""

import json
import re
from typing import Any

import pytest

from stargazer_cli import catalog

ROOT = catalog.pipeline_dir()
CONFIG = (ROOT / "conf" / "slurm.config").read_text()


def _rule(name: str) -> dict[str, Any]:
    schema = json.loads((ROOT / "nextflow_schema.json").read_text())
    rule: dict[str, Any] = schema["$defs"]["cluster"]["properties"][name]
    return rule


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partition", "long"),
        ("partition", "gpu_a100,long-2"),
        ("account", "lab.7@site"),
        ("cluster_options", "--qos=long --exclude=node[1-3],node7"),
        ("cluster_options", "-C (amd|intel)&avx512 --gres=lscratch:100"),
        ("scratch", "true"),
        ("scratch", "/scratch/ada"),
        ("scratch", "$TMPDIR"),
        ("scratch", "$SCRATCH/tmp-1"),
    ],
)
def test_what_clusters_use_passes(name: str, value: str) -> None:
    assert re.fullmatch(_rule(name)["pattern"], value)


@pytest.mark.parametrize(
    "evil", ['"', "'", "$(id)", "`id`", "\n#SBATCH --uid=0", "; id", "# x", "\\", "${x:-y}", "<x", "\t", "é"]
)
@pytest.mark.parametrize(
    ("name", "start"), [("partition", "a"), ("account", "a"), ("cluster_options", "--a"), ("scratch", "/a")]
)
def test_what_could_reach_further_is_refused(name: str, start: str, evil: str) -> None:
    rule = _rule(name)
    assert re.fullmatch(rule["pattern"], start)
    assert not re.fullmatch(rule["pattern"], start + evil)
    assert not re.fullmatch(rule["pattern"], start + evil + "b")
    assert rule["errorMessage"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partition", "a b"),
        ("account", "-x"),
        ("cluster_options", "qos=long"),
        ("scratch", "tmp"),
        ("scratch", "yes"),
    ],
)
def test_what_would_be_something_else_is_refused(name: str, value: str) -> None:
    assert not re.fullmatch(_rule(name)["pattern"], value)


def _reasons() -> list[str]:
    return re.findall(r"reason = '(.+)'", CONFIG)


def test_every_version_of_nextflow_finds_the_reasons() -> None:
    """Up to 25.04 it reads executor.submit.retry.reason, later executor.retry.reason."""
    assert len(_reasons()) == 2
    assert len(set(_reasons())) == 1


@pytest.mark.parametrize(
    "said",
    [
        "sbatch: error: QOSMaxSubmitJobPerUserLimit",
        "sbatch: error: AssocMaxSubmitJobLimit",
        "sbatch: error: AssocGrpSubmitJobsLimit",
        "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
        "sbatch: error: Batch job submission failed: Resource temporarily unavailable",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
        "sbatch: error: Batch job submission failed: Slurm backup controller in standby mode",
        "sbatch: error: Batch job submission failed: Connection refused",
    ],
)
def test_what_passes_is_waited_for(said: str) -> None:
    assert re.search(_reasons()[0], said)


@pytest.mark.parametrize(
    "said",
    [
        "sbatch: error: invalid partition specified: nowhere",
        "sbatch: error: Batch job submission failed: Invalid partition name specified",
        "sbatch: error: Batch job submission failed: Invalid account or account/partition combination",
        "sbatch: error: Batch job submission failed: Requested node configuration is not available",
        "sbatch: error: Batch job submission failed: Requested time limit is invalid",
        "sbatch: unrecognized option '--nonsense'",
        "sbatch: error: Batch job submission failed: Access/permission denied",
    ],
)
def test_what_never_passes_ends_the_run(said: str) -> None:
    assert not re.search(_reasons()[0], said)

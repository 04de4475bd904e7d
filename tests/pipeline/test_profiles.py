"""The profiles: each parses, alone and with others, and gives every process an image, CPUs and memory.

The executors of AWS and Google come with plugins that Nextflow downloads, so no task goes to them here: the
stub run has their settings, and the executor of this machine.
"""

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli import catalog
from stargazer_cli.runs.trace import task_name
from stargazer_cli.tools import Toolbox

ROOT = catalog.pipeline_dir()
ENGINES = ("docker", "podman", "apptainer", "singularity", "charliecloud", "conda")
EXECUTORS = {
    "local": "local",
    "slurm": "slurm",
    "awsbatch": "awsbatch",
    "googlebatch": "google-batch",
    "kubernetes": "k8s",
}
PAIRS = [f"slurm,{engine}" for engine in ENGINES]
TESTS = ("test,podman", "test_scrna,slurm,apptainer", "test_scrna,charliecloud", "test,slurm", "test_scrna")
REGISTRY = "registry.example.org/group"
# Where the engines of files find them; with each parser some of these are set.
FOLDERS = {
    "apptainer": "NXF_APPTAINER_LIBRARYDIR",
    "singularity": "NXF_SINGULARITY_LIBRARYDIR",
    "charliecloud": "NXF_CHARLIECLOUD_CACHEDIR",
}
SET = {"v1": ("apptainer",), "v2": ("singularity", "charliecloud")}

Summary = Mapping[str, Any]


@pytest.fixture(scope="module", params=["v1", "v2"])
def parser(request: pytest.FixtureRequest, toolbox: Toolbox) -> str:
    """Nextflow's two parsers of configurations."""
    version = tuple(int(part) for part in toolbox.tools["nextflow"].version.split(".")[:2])
    if request.param == "v2" and version < (25, 4):
        pytest.skip("the strict parser came with 25.04")
    return str(request.param)


@pytest.fixture(scope="module")
def parsed(parser: str, tmp_path_factory: pytest.TempPathFactory, toolbox: Toolbox) -> Summary:
    """The configuration under each profile, as one of the two parsers has it."""
    set_ = {
        "aws_queue": "high", "aws_region": "eu-central-1", "aws_bucket": "lab", "aws_cli_path": "/opt/aws",
        "google_project": "p", "google_location": "europe-west4", "google_bucket": "lab",
        "k8s_namespace": "genomics", "k8s_storage_claim": "claim", "k8s_storage_path": "/data",
    }  # fmt: skip
    # Read by the project's configuration like those of a command line, which there is none of here.
    own = tmp_path_factory.mktemp("config")
    shutil.copytree(ROOT / "conf", own / "conf")
    text = (ROOT / "nextflow.config").read_text()
    values = "\n".join(f"params.{name} = '{value}'" for name, value in set_.items())
    (own / "nextflow.config").write_text(f"{values}\n{text}")
    (own / "main.nf").touch()
    profiles = [*EXECUTORS, *ENGINES, *PAIRS, *TESTS]
    env = {**toolbox.environment(), "NXF_SYNTAX_PARSER": parser, "STARGAZER_CONTAINER_REGISTRY": ""}
    env |= {variable: str(own) if engine in SET[parser] else "" for engine, variable in FOLDERS.items()}
    done = subprocess.run(
        [
            *toolbox.nextflow, "-q", "run", Path(__file__).parent / "profiles" / "main.nf",
            "--root", own, "--profiles", ";".join(profiles),
        ],
        cwd=tmp_path_factory.mktemp("launch"),
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: Summary = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == profiles
    return found


def test_every_profile_is_among_those_that_are_tried() -> None:
    assert set(catalog.profiles()) == {*EXECUTORS, *ENGINES, "test", "test_scrna"}


def test_every_profile_and_combination_parses_and_keeps_the_sizes_of_tasks(parsed: Summary) -> None:
    labels = {"light", "align", "java", "caller", "joint", "vqsr", "report", "scanpy"}
    for profile, config in parsed.items():
        names = profile.split(",")
        executor = next((EXECUTORS[name] for name in names if name in EXECUTORS), None)
        assert config["executor"] == executor, profile
        assert config["enabled"] == [name for name in names if name in ENGINES], profile
        assert (config["cpus"], labels - set(config["labels"])) == (1, set()), profile


def test_no_engine_looks_elsewhere_for_an_image_that_is_not_here(parser: str, parsed: Summary) -> None:
    for engine in ("docker", "podman"):
        options = parsed[engine]["engine"][engine]["runOptions"].split()
        assert {"--network=none", "--pull=never"} <= set(options)
    # Those of files pull what they do not find: without a folder of images from where nobody is.
    for engine, folder in FOLDERS.items():
        nowhere = None if engine in SET[parser] else f"set-{folder}-or-container_registry.invalid"
        assert parsed[engine]["engine"][engine]["registry"] == nowhere


def test_engines_are_told_what_they_would_do_otherwise(parsed: Summary) -> None:
    assert "-u $(id -u):$(id -g)" in parsed["docker"]["engine"]["docker"]["runOptions"]
    assert parsed["charliecloud"]["engine"]["charliecloud"]["writeFake"] is False


def test_the_clouds_get_what_is_set_for_them(parsed: Summary) -> None:
    aws, google, kubernetes = (parsed[name] for name in ("awsbatch", "googlebatch", "kubernetes"))
    # Nobody's images but one's own: without a registry a job fails.
    assert {cloud["engine"]["docker"]["registry"] for cloud in (aws, google, kubernetes)} == {
        "set-container_registry.invalid"
    }
    assert aws["queue"] == "high"
    assert aws["aws"] == {"region": "eu-central-1", "batch": {"cliPath": "/opt/aws"}}
    assert (aws["work"], google["work"]) == ("s3://lab/stargazer-work", "gs://lab/stargazer-work")
    assert google["google"] == {"project": "p", "location": "europe-west4"}
    assert kubernetes["k8s"] == {
        "namespace": "genomics", "storageClaimName": "claim", "storageMountPath": "/data",
    }  # fmt: skip


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Docker on PATH that notes how it is called, and runs the command here."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    script = bin_ / "docker"
    script.write_text(
        f'#!/bin/bash\n[ "$1" = run ] || exit 0\necho "$*" >> {tmp_path}/calls\n'
        'while [[ $1 != *stargazer/* ]]; do shift; done\nshift\nexec "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    return tmp_path / "calls"


def calls(file: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Give the work folder, the image and the options of each call."""
    for line in file.read_text().splitlines():
        options, image, command = re.split(r" (\S*stargazer/[a-z0-9]+:\S+) ", line, maxsplit=1)
        folder = re.findall(r"(/\S+)/\.command\.", command)
        yield folder[0], image, options.split()


def rows(trace: Path) -> list[dict[str, str]]:
    with trace.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_task_gets_its_image_cpus_and_memory(
    tmp_path: Path, bundled: Path, engine: Path, toolbox: Toolbox
) -> None:
    reads = ",".join(str(bundled / f"father_R{mate}.fastq.gz") for mate in (1, 2))
    (tmp_path / "samples.csv").write_text(f"sample,fastq_1,fastq_2\nfather,{reads}\n")
    env = {**toolbox.environment(), "STARGAZER_CONTAINER_REGISTRY": ""}
    env["PATH"] = f"{engine.parent / 'bin'}:{env['PATH']}"
    done = subprocess.run(
        [
            *toolbox.nextflow, "run", ROOT, "-profile", "test,awsbatch,docker", "-stub-run",
            "-ansi-log", "false", "-process.executor", "local", "-with-trace", "trace.txt",
            "--input", "samples.csv", "--max_cpus", "1",
            "--aws_queue", "high", "--container_registry", REGISTRY,
        ],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "WARN" not in done.stdout
    called = {folder: (image, given) for folder, image, given in calls(engine)}
    tasks = rows(tmp_path / "trace.txt")
    assert len(tasks) == len(called) >= 10
    for row in tasks:
        image, given = called[row["workdir"]]
        named = f"{REGISTRY}/{catalog.tasks()[task_name(row['process'])].image}"
        assert image == row["container"] == named
        assert given[given.index("--cpu-shares") + 1] != "0"
        assert int(given[given.index("--memory") + 1].removesuffix("m")) >= 1024
        assert "--network=none" in given
        assert "--pull=never" not in given

"""The images: what the modules name is what is built, as the Dockerfiles and the build script say it."""

import re
import subprocess
from pathlib import Path

import pytest

from stargazer_cli import catalog
from stargazer_cli.demo import summary
from stargazer_cli.tools import Toolbox
from stargazer_cli.tools.jars import Lock
from stargazer_cli.tools.launchers import jvm_options
from stargazer_cli.tools.spec import GATK_VERSION, HTSJDK_VERSION, PICARD_VERSION

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "containers"
NAMES = sorted(file.parent.name for file in CONTAINERS.glob("*/Dockerfile"))

# What a task of the image starts, and what it must answer.
VERSIONS = {
    "bwa": (
        "bwa 2>&1 | grep ^Version; samtools --version | sed -n 1p",
        "Version: {VERSION}-",
        "samtools {SAMTOOLS_VERSION}\n",
    ),
    "bwamem2": (
        "bwa-mem2 version; samtools --version | sed -n 1p",
        "{VERSION}\n",
        "samtools {SAMTOOLS_VERSION}\n",
    ),
    "samtools": ("samtools --version | sed -n 1p", "samtools {VERSION}\n"),
    "bcftools": ("bcftools --version | sed -n 1p", "bcftools {VERSION}\n"),
    "multiqc": ("multiqc --version", "multiqc, version {VERSION}\n"),
    "gatk": ("gatk --version", "(GATK) v{VERSION}\n"),
    "scanpy": (
        "python3 -c 'from importlib.metadata import version as v; print(v(\"scanpy\"))'",
        "{VERSION}\n",
    ),
}


def arguments(name: str) -> dict[str, str]:
    """The ARGs of a Dockerfile with their defaults."""
    text = (CONTAINERS / name / "Dockerfile").read_text()
    return dict(re.findall(r"^ARG (\w+)=(.*)$", text, re.M))


def image(name: str) -> str:
    return f"stargazer/{name}:{arguments(name)['VERSION']}"


def locked() -> set[tuple[str, str]]:
    """The libraries that the image of the single-cell steps gets, each with its version."""
    lock = ROOT / "stargazer_cli" / "tools" / "locks" / f"scanpy-{arguments('scanpy')['VERSION']}.txt"
    return set(re.findall(r"^([\w-]+)==(\S+)", lock.read_text(), re.M))


def build(
    tmp_path: Path, *options: str, engine: str = "exit 0", python: str = "echo /the/jars"
) -> subprocess.CompletedProcess[str]:
    """Run the build script with stand-ins for the engine, which notes its arguments, and for Python."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, script in (("podman", f'echo "$*" >> {tmp_path}/calls; {engine}'), ("a-python", python)):
        (bin_ / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin_ / name).chmod(0o755)
    return subprocess.run(
        [CONTAINERS / "build", *options],
        env={"PATH": f"{bin_}:/usr/bin:/bin", "PYTHON": str(bin_ / "a-python")},
        capture_output=True,
        text=True,
        check=False,
    )


def calls(tmp_path: Path) -> list[str]:
    """The engine's command lines."""
    return (tmp_path / "calls").read_text().splitlines()


def test_every_image_that_a_module_names_is_built_here_in_that_version() -> None:
    named = {
        match
        for module in ROOT.glob("modules/*/*/main.nf")
        for match in re.findall(r"^ *container '(.*)'", module.read_text(), re.M)
    }
    assert named == {image(name) for name in NAMES}


@pytest.mark.parametrize("task", catalog.tasks().values(), ids=lambda task: task.name)
def test_conda_gets_the_versions_that_are_in_the_image(task: catalog.Task) -> None:
    name = task.image.removeprefix("stargazer/").partition(":")[0]
    given = arguments(name)
    environment = (task.folder / "environment.yml").read_text()
    if name == "scanpy":
        pins = set(re.findall(r"^ +- ([\w-]+)==(\S+)$", environment, re.M))
        assert pins <= locked() and set(task.tools) <= {package for package, _ in pins}
        return
    packages = {"bwamem2": "bwa-mem2", "gatk": "gatk4"}
    wanted = {packages.get(name, name): given["VERSION"]}
    if "SAMTOOLS_VERSION" in given:
        wanted["samtools"] = given["SAMTOOLS_VERSION"]
    assert dict(re.findall(r"bioconda::([\w-]+)=(\S+)", environment)) == wanted


@pytest.mark.parametrize("name", NAMES)
def test_an_image_works_for_any_user_on_any_base(name: str) -> None:
    text = (CONTAINERS / name / "Dockerfile").read_text()
    assert not re.search(r"^\s*(USER|ENTRYPOINT)\b", text, re.M)
    assert re.search(r"^ENV HOME=/tmp$", text, re.M)
    assert re.search(r"\bprocps\b", text.replace("# procps", ""))
    assert re.fullmatch(r"docker\.io/library/debian:[a-z]+-slim", arguments(name)["BASE"])
    assert 'org.opencontainers.image.version="${VERSION}"' in text
    assert f'org.opencontainers.image.title="stargazer/{name}"' in text


def test_gatk_in_its_image_is_the_one_that_setup_fetches() -> None:
    assert arguments("gatk")["VERSION"] == GATK_VERSION == Lock.load("gatk").version
    assert (CONTAINERS / "gatk" / "jvm.options").read_text().split("\n") == [*jvm_options("gatk"), ""]
    answer = subprocess.run(
        [CONTAINERS / "gatk" / "gatk", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == [
        f"The Genome Analysis Toolkit (GATK) v{GATK_VERSION}",
        f"HTSJDK Version: {HTSJDK_VERSION}",
        f"Picard Version: {PICARD_VERSION}",
    ]


def test_bwa_mem2_in_its_image_tells_the_packages_version() -> None:
    command = CONTAINERS / "bwamem2" / "bwa-mem2"
    answer = subprocess.run([command, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == arguments("bwamem2")["VERSION"]


def test_one_command_builds_all_images(tmp_path: Path) -> None:
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr
    made = {match for call in calls(tmp_path) for match in re.findall(r"--tag (\S+)", call)}
    assert made == {image(name) for name in NAMES}
    (gatk,) = [call for call in calls(tmp_path) if "stargazer/gatk" in call]
    assert "--build-context jars=/the/jars" in gatk
    (scanpy,) = [call for call in calls(tmp_path) if "stargazer/scanpy" in call]
    assert f"--build-context steps={ROOT}/bin" in scanpy
    (multiqc,) = [call for call in calls(tmp_path) if "stargazer/multiqc" in call]
    for call in (gatk, multiqc, scanpy):
        assert f"--build-context locks={ROOT}/stargazer_cli/tools/locks" in call
        assert "BASE=" not in call


def test_another_base_gets_each_images_release(tmp_path: Path) -> None:
    done = build(
        tmp_path, "--engine", "podman", "--base", "localhost/debian:{}", "bwa", "bwamem2", "--", "--no-cache"
    )
    assert done.returncode == 0, done.stderr
    bwa, bwamem2 = calls(tmp_path)
    assert "--build-arg BASE=localhost/debian:bookworm " in bwa
    assert "--build-arg BASE=localhost/debian:trixie " in bwamem2
    assert "--no-cache" in bwa


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("bwa3",), 2, "no image bwa3"),
        (("../containers/bwa",), 2, "no image ../containers/bwa"),
        (("--engine", "lxc"), 2, "podman or docker, not lxc"),
        (("--bases", "x"), 2, "unknown option --bases"),
    ],
)
def test_a_wrong_command_line_builds_nothing(
    tmp_path: Path, options: tuple[str, ...], status: int, message: str
) -> None:
    done = build(tmp_path, *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert not (tmp_path / "calls").exists()


def test_a_failed_build_is_named_and_ends_the_command(tmp_path: Path) -> None:
    done = build(tmp_path, "bwa", "samtools", engine="exit 125")
    assert done.returncode == 1
    assert f"{image('bwa')} was not built" in done.stderr
    assert len(calls(tmp_path)) == 1


def test_without_the_jars_there_is_no_gatk(tmp_path: Path) -> None:
    done = build(tmp_path, "gatk", python="echo 'no network' >&2; exit 1")
    assert done.returncode == 1
    assert "no network" in done.stderr
    assert "the jars of GATK are not there" in done.stderr
    assert not (tmp_path / "calls").exists()


@pytest.mark.pipeline
@pytest.mark.parametrize("name", NAMES)
def test_a_user_without_a_home_runs_the_tools_in_a_folder_of_the_host(name: str, tmp_path: Path) -> None:
    engine = built(name)
    tmp_path.chmod(0o777)
    command, *wanted = VERSIONS[name]
    inside = f'{{ {command}; }} > versions && ps --version && touch "$HOME/x" && id -u'
    done = subprocess.run(
        [
            engine, "run", "--rm", "--network=none", "--user=54321:54321",
            "--volume", f"{tmp_path}:{tmp_path}", "--workdir", str(tmp_path),
            image(name), "bash", "-euo", "pipefail", "-c", inside,
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "54321"
    versions = (tmp_path / "versions").read_text()
    for text in wanted:
        assert text.format(**arguments(name)) in versions


@pytest.mark.pipeline
def test_every_task_of_a_run_runs_in_its_image(tmp_path: Path, bundled: Path, toolbox: Toolbox) -> None:
    engine = {built(name) for name in ("bwamem2", "samtools", "bcftools", "gatk", "multiqc")}.pop()
    folder = tmp_path / "a folder"
    folder.mkdir()
    reads = ",".join(str(bundled / f"father_R{mate}.fastq.gz") for mate in (1, 2))
    (folder / "samples.csv").write_text(f"sample,fastq_1,fastq_2\nfather,{reads}\n")
    done = subprocess.run(
        [
            *toolbox.nextflow, "run", ROOT, "-profile", engine, "-ansi-log", "false",
            "--workflow", "germline_short_variant_discovery",
            "--input", "samples.csv", "--fasta", bundled / "reference.fa",
        ],
        cwd=folder,
        env=toolbox.environment(),
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    ran = {}
    for script in folder.glob("work/*/*/.command.run"):
        text = script.read_text()
        (task,) = re.findall(r"^### name: '(?:\w+:)*(\w+) ", text, re.M)
        ran[task.lower()] = re.findall(rf"{engine} run .* (stargazer/\S+) ", text)
    assert set(ran) == {
        "samtools_faidx", "create_sequence_dictionary", "bwa_mem2_index", "bwa_mem2_mem",
        "mark_duplicates", "haplotype_caller", "joint_call_gvcfs", "hard_filter", "samtools_stats",
        "samtools_coverage", "bcftools_stats", "bcftools_query", "multiqc",
    }  # fmt: skip
    assert ran == {task: [catalog.tasks()[task].image] for task in ran}
    calls = summary.read_vcf(folder / "results" / "variants" / "cohort.vcf.gz")
    assert summary.compare(calls, summary.read_vcf(bundled / "truth.vcf")).perfect


@pytest.mark.pipeline
def test_single_cell_tasks_make_the_same_bytes_in_their_image(tmp_path: Path, toolbox: Toolbox) -> None:
    """The image and the Python here have the same libraries: those of the lock file."""
    engine = built("scanpy")
    cells = ROOT / "stargazer_cli" / "demo" / "data" / "scrna" / "cells.h5ad"
    (tmp_path / "s.csv").write_text(f"sample,h5ad\ns,{cells}\n")
    results = {}
    for profile in ("local", engine):
        done = subprocess.run(
            [
                *toolbox.nextflow, "run", ROOT, "-profile", profile, "-ansi-log", "false", "--fuse",
                "--workflow", "scrna_clustering_pipeline", "--input", "s.csv", "--outdir", profile,
            ],
            cwd=tmp_path,
            env=toolbox.environment(),
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        made = [*(tmp_path / profile).glob("anndata/*"), *(tmp_path / profile).glob("markers/*")]
        results[profile] = {file.name: file.read_bytes() for file in made}
    versions = [(tmp_path / profile / "versions.json").read_text() for profile in results]
    if versions[0] != versions[1]:
        pytest.skip("the libraries of this Python are not those of the lock file")
    ours, theirs = results.values()
    assert len(ours) == 7
    assert [name for name in ours if ours[name] != theirs[name]] == []


@pytest.mark.pipeline
def test_compiled_code_of_the_image_is_used_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Apptainer mounts images read-only; numba cannot use a cache that it could not write, too."""
    engine = built("scanpy")
    look = "import os; folder = os.environ['NUMBA_CACHE_DIR']; print(folder, len(os.listdir(folder)))"
    done = subprocess.run(
        [
            engine, "run", "--rm", "--network=none", "--user=54321:54321", "--read-only", "--tmpfs=/tmp",
            "--env=HOME=/nowhere", image("scanpy"), "bash", "-c",
            f'python3 -c "{look}" && python3 -c "import scanpy" && ls /tmp',
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder, libraries = done.stdout.split()
    assert folder.startswith("/tmp/cache-")
    assert int(libraries) > 3


def built(name: str) -> str:
    """The engine that has the image, or skip: images are built by `containers/build`."""
    for engine in ("podman", "docker"):
        try:
            found = subprocess.run(
                [engine, "image", "inspect", image(name)], capture_output=True, check=False
            )
        except FileNotFoundError:
            continue
        if found.returncode == 0:
            return engine
    pytest.skip(f"{image(name)} is not built: run containers/build {name}")

"""The images: what the Dockerfiles say, and what is in the images where they are built."""

import re
import subprocess
from pathlib import Path

import pytest
from e2e.user import made, make_user

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
    assert re.search(r"/common/install .*\bprocps\b", text)
    assert re.fullmatch(r"docker\.io/library/debian:[a-z]+-slim", arguments(name)["BASE"])
    assert 'org.opencontainers.image.version="${VERSION}"' in text
    assert f'org.opencontainers.image.title="stargazer/{name}"' in text
    for label in ("description", "source", "licenses"):
        assert f"org.opencontainers.image.{label}=" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_checkouts_modes_do_not_get_into_an_image(name: str) -> None:
    """Under a strict umask nobody but root could start what lies in the image."""
    text = (CONTAINERS / name / "Dockerfile").read_text()
    assert not re.search(r"^ADD\b", text, re.M)
    for line in re.findall(r"^COPY (.*)$", text, re.M):
        mode, *files, _ = line.split()
        assert mode in ("--chmod=644", "--chmod=755")
        assert all((CONTAINERS / name / file).is_file() for file in files)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_tests_itself_by_one_command(name: str) -> None:
    """Podman's images keep no HEALTHCHECK, so that the command is a label too."""
    text = (CONTAINERS / name / "Dockerfile").read_text()
    (label,) = re.findall(r'^LABEL org\.stargazer\.health="(.*)"$', text, re.M)
    (check,) = re.findall(r"^HEALTHCHECK .*?CMD (.*)$", text, re.M)
    assert label == check


def test_everything_in_the_images_has_the_same_time() -> None:
    assert len({arguments(name)["SOURCE_DATE_EPOCH"] for name in NAMES}) == 1


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
def test_the_tasks_of_bwa_mem2_run_alone_in_their_image(tmp_path: Path, bundled: Path) -> None:
    """The image is where most machines have bwa-mem2."""
    engine = ("--profile", built("bwamem2"))
    user = make_user(tmp_path / "a user")
    user.adds(bundled / "reference.fa", "-k", "asset=reference", "-k", "build=trio")
    user.adds(*bundled.glob("father_R?.fastq.gz"), "-k", "sample_id=father")
    build = ("--filter", "build=trio")
    index = user.succeeds("tasks", "run", "bwa_mem2_index", *build, *engine, "--json")
    assert len(made(index, asset="aligner_index", aligner="bwa-mem2")) == 5
    sample = ("--filter", "sample_id=father")
    mapped = user.succeeds("tasks", "run", "bwa_mem2_mem", *build, *sample, *engine, "--json")
    (bam,) = made(mapped, asset="alignment", sample_id="father")
    assert len(made(mapped, asset="alignment_index", alignment_cid=bam["cid"])) == 1


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


def inside(name: str, script: str) -> str:
    """What a shell command prints in an image, run as a user whom it does not know."""
    done = subprocess.run(
        [
            built(name),
            "run",
            "--rm",
            "--network=none",
            "--user=54321:54321",
            image(name),
            "bash",
            "-euc",
            script,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.pipeline
@pytest.mark.parametrize(("name", "module"), [("scanpy", "scanpy"), ("multiqc", "multiqc")])
def test_no_python_is_compiled_when_a_task_starts(name: str, module: str) -> None:
    """Compiled files that name the time of their source would not fit after a layer was given another."""
    look = f"python3 -v -c 'import {module}' 2>&1"
    assert inside(name, f"{look} | grep 'code object from /' || true") == ""
    assert int(inside(name, f"{look} | grep -c 'code object from '")) > 500


@pytest.mark.pipeline
def test_numba_compiles_nothing_that_the_image_has() -> None:
    said = inside("scanpy", "NUMBA_DEBUG_CACHE=1 python3 -c 'import pynndescent'")
    assert "[cache] data loaded from '/opt/cache/numba/" in said
    assert "saved to" not in said


@pytest.mark.pipeline
def test_gatks_archive_of_classes_fits_its_java() -> None:
    started = inside(
        "gatk",
        "java -Xshare:on -XX:SharedArchiveFile=/opt/gatk/gatk.jsa @/opt/gatk/java.args "
        "org.broadinstitute.hellbender.Main CreateSequenceDictionary --version",
    )
    assert "(GATK)" in started


def built(name: str) -> str:
    """The engine that has the image, or skip: images are built by `stargazer build-images`."""
    for engine in ("podman", "docker"):
        try:
            found = subprocess.run(
                [engine, "image", "inspect", image(name)], capture_output=True, check=False
            )
        except OSError:
            continue
        if found.returncode == 0:
            return engine
    pytest.skip(f"{image(name)} is not built: run stargazer build-images {name}")

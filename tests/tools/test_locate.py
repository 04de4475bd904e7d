import os
import resource
import shutil
import time
from pathlib import Path

import pytest

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import launchers, locate, tools_for
from stargazer_cli.tools import spec as specs
from stargazer_cli.tools.jars import Lock
from stargazer_cli.tools.spec import version_tuple

BWA = "echo 'Program: bwa' >&2; echo 'Version: 0.7.17-r1188' >&2; exit 1"


def fetched(machine, tool: str) -> None:
    """Pretend that a tool was fetched: files of the right sizes, and its launcher."""
    lock = Lock.load(tool)
    lock.folder(machine.tools).mkdir(parents=True)
    for jar in lock.jars:
        with (lock.folder(machine.tools) / jar.name).open("wb") as file:
            file.truncate(jar.size)
    launchers.write_launcher(lock, machine.tools, Path("/usr/bin/java"), machine.tools / "none.jsa")


def test_versions_are_read_from_each_tools_own_words(machine):
    machine.add("bwa", BWA)
    machine.add("bwa-mem2", '[ "$1" = version ] && echo "Looking to launch executable" >&2 && echo 2.2.1')
    machine.add("samtools", "echo 'samtools 1.16.1'; echo 'Using htslib 1.16'")
    machine.add("bcftools", "echo 'bcftools 1.21'")
    machine.add("tabix", "echo 'tabix (htslib) 1.21'")
    machine.add_python()
    machine.add("podman", "echo 'podman version 4.3.1'")
    machine.add("apptainer", "echo 'apptainer version 1.3.6-1'")
    tools = locate(machine.settings).tools
    found = {name: tool.version for name, tool in tools.items() if tool.path}
    assert found == {
        "bwa": "0.7.17-r1188",
        "bwa-mem2": "2.2.1",
        "samtools": "1.16.1",
        "bcftools": "1.21",
        "tabix": "1.21",
        "scanpy": "1.11.5",
        "podman": "4.3.1",
        "apptainer": "1.3.6-1",
    }
    assert {tool.origin for tool in tools.values() if tool.path} == {"PATH"}
    assert all(tool.command_to_get for tool in tools.values() if not tool.path)


def test_java_that_is_too_old_or_too_new_is_passed_over_for_java_home(machine, monkeypatch, tmp_path):
    machine.link(machine.add_java("11.0.2", tmp_path / "jdk11"))
    good = machine.add_java("21.0.8", tmp_path / "jdk21")
    assert locate(machine.settings, ["java"]).tools["java"].path is None
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk21"))
    box = locate(machine.settings, ["java"])
    assert (box.tools["java"].path, box.tools["java"].version) == (good, "21.0.8")
    env = box.environment()
    assert env["JAVA_HOME"] == str(tmp_path / "jdk21")
    assert env["PATH"].split(os.pathsep) == [str(good.parent), str(machine.bin)]


@pytest.mark.parametrize(
    ("version", "usable"),
    [("1.8.0_392", False), ("11.0.2", False), ("17.0.15", True), ("24", True), ("25.0.1", False)],
)
def test_java_17_to_24_is_usable(machine, tmp_path, version, usable):
    machine.link(machine.add_java(version, tmp_path / "jdk"))
    tool = locate(machine.settings, ["java"]).tools["java"]
    assert (tool.path is not None) is usable
    assert (version in tool.note) is not usable


def test_java_without_a_release_file_is_asked(machine, monkeypatch, tmp_path):
    machine.add("java", "echo 'openjdk version \"17.0.9\" 2023' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "elsewhere"))
    box = locate(machine.settings, ["java"])
    assert box.tools["java"].version == "17.0.9"
    # Its home is unknown, and another one must not decide for Nextflow.
    assert "JAVA_HOME" not in box.environment()


def test_no_jvm_is_started_for_what_is_known(machine, tmp_path):
    machine.link(machine.add_java("17.0.15", tmp_path / "jdk"))
    for tool in ("nextflow", "gatk"):
        fetched(machine, tool)
    machine.add("bwa", BWA)
    tools = locate(machine.settings).tools
    assert machine.calls() == ["bwa "]
    assert (tools["nextflow"].origin, tools["nextflow"].version) == ("fetched", specs.NEXTFLOW_VERSION)
    assert (tools["gatk"].origin, tools["gatk"].version) == ("fetched", specs.GATK_VERSION)
    machine.forget()
    children, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
    again = locate(machine.settings).tools
    assert time.process_time() - started < 0.3
    assert resource.getrusage(resource.RUSAGE_CHILDREN) == children, "something was started"
    assert again == tools
    assert machine.calls() == []


def test_an_executable_that_changed_is_asked_again(machine):
    machine.add("samtools", "echo 'samtools 1.16.1'")
    assert locate(machine.settings, ["samtools"]).tools["samtools"].version == "1.16.1"
    machine.add("samtools", "echo 'samtools 1.21'  ")
    assert locate(machine.settings, ["samtools"]).tools["samtools"].version == "1.21"


def test_a_tools_folder_that_cannot_be_written_is_no_obstacle(machine):
    machine.tools.write_text("a file where the folder should be")
    machine.add("bwa", BWA)
    assert locate(machine.settings, ["bwa"]).tools["bwa"].version == "0.7.17-r1188"


def test_nextflow_on_path_is_taken_when_new_enough(machine):
    path = machine.add("nextflow", "printf '\\n      N E X T F L O W\\n      version 25.10.0 build 10289\\n'")
    tool = locate(machine.settings, ["nextflow"]).tools["nextflow"]
    assert (tool.path, tool.version, tool.origin) == (path, "25.10.0", "PATH")


def test_an_old_nextflow_is_passed_over_for_the_fetched_one(machine):
    machine.add("nextflow", "echo '      version 23.10.1 build 5891'")
    tool = locate(machine.settings, ["nextflow"]).tools["nextflow"]
    assert tool.path is None
    assert tool.note == "23.10.1 on PATH is older than 24.10"
    assert tool.command_to_get == "stargazer setup"
    fetched(machine, "nextflow")
    box = locate(machine.settings, ["nextflow"])
    assert box.tools["nextflow"].path == machine.tools / "bin" / "nextflow"
    assert box.environment()["PATH"].split(os.pathsep)[0] == str(machine.tools / "bin")


def test_a_nextflow_that_hangs_is_killed_with_its_children_and_remembered(machine, monkeypatch):
    hanging = specs.Spec(("-version",), r"version (\d+\.\d+\.\d+)", (24, 10), timeout=0.5)
    monkeypatch.setitem(specs.SPECS, "nextflow", hanging)
    machine.add("nextflow", f"/bin/sh -c 'echo $$ > {machine.bin}/child; /bin/sleep 60' | /bin/cat")
    started = time.monotonic()
    tool = locate(machine.settings, ["nextflow"]).tools["nextflow"]
    assert tool.path is None
    assert "does not answer" in tool.note
    child = int((machine.bin / "child").read_text())
    with pytest.raises(ProcessLookupError):
        for _ in range(50):
            os.kill(child, 0)
            time.sleep(0.1)
    machine.forget()
    locate(machine.settings, ["nextflow"])
    assert machine.calls() == []
    assert time.monotonic() - started < 10
    # `setup` and `doctor` ask again.
    locate(machine.settings, ["nextflow"], fresh=True)
    assert machine.calls() == ["nextflow -version"]


def test_a_launcher_that_cannot_download_its_nextflow_is_passed_over(machine):
    machine.add("nextflow", "echo 'curl: (6) Could not resolve host' >&2; exit 1")
    assert locate(machine.settings, ["nextflow"]).tools["nextflow"].path is None


def test_stargazers_own_launcher_on_path_counts_as_fetched(machine, monkeypatch):
    fetched(machine, "gatk")
    monkeypatch.setenv("PATH", f"{machine.tools}/bin:{machine.bin}")
    assert locate(machine.settings, ["gatk"]).tools["gatk"].origin == "fetched"


@pytest.mark.parametrize("damage", ["missing", "short"])
def test_a_fetched_tool_with_a_jar_missing_or_cut_is_not_there(machine, damage):
    fetched(machine, "nextflow")
    assert locate(machine.settings, ["nextflow"]).tools["nextflow"].path is not None
    jar = sorted(Lock.load("nextflow").folder(machine.tools).iterdir())[3]
    if damage == "missing":
        jar.unlink()
    else:
        os.truncate(jar, jar.stat().st_size - 1)
    assert locate(machine.settings, ["nextflow"]).tools["nextflow"].path is None


def test_a_tools_folder_that_was_moved_is_not_trusted(machine):
    fetched(machine, "gatk")
    moved = machine.tools.with_name("moved")
    machine.tools.rename(moved)
    settings = machine.settings.model_copy(update={"tools": moved})
    assert locate(settings, ["gatk"]).tools["gatk"].path is None


def test_relative_entries_of_path_are_ignored(machine, monkeypatch, tmp_path):
    machine.add("bwa", BWA)
    monkeypatch.chdir(machine.bin)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin"]))
    assert locate(machine.settings, ["bwa"]).tools["bwa"].path is None


def test_a_docker_without_its_daemon_is_no_engine(machine):
    machine.add("docker", '[ "$1" = --version ] && echo "Docker version 28.0.1, build x" && exit 0\nexit 1')
    tool = locate(machine.settings, ["docker"]).tools["docker"]
    assert tool.path is None
    assert tool.note == "its daemon does not answer"


def test_a_docker_that_one_may_not_use_is_told_with_what_allows_it(machine):
    refused = "permission denied while trying to connect to the Docker daemon socket at unix:///x.sock"
    machine.add(
        "docker", f'[ "$1" = --version ] && echo "Docker version 28.0.1" && exit 0\necho "{refused}"; exit 1'
    )
    tool = locate(machine.settings, ["docker"]).tools["docker"]
    assert (tool.path, tool.note) == (None, "no permission for its socket")
    assert "usermod -aG docker" in tool.command_to_get


def test_charliecloud_is_found_where_nobody_is_named(machine, monkeypatch):
    monkeypatch.delenv("USER", raising=False)
    path = machine.add("ch-run", '[ -n "$USER" ] && echo 0.31')
    box = locate(machine.settings, ["charliecloud"])
    assert (box.tools["charliecloud"].path, box.tools["charliecloud"].version) == (path, "0.31")
    assert box.environment()["USER"]
    assert tools_for("slurm,charliecloud", GERMLINE, "bwa") == ["java", "nextflow", "charliecloud"]


def test_nextflow_finds_the_image_files_that_were_built(machine, monkeypatch):
    for engine in ("APPTAINER", "SINGULARITY", "CHARLIECLOUD"):
        for folder in ("CACHEDIR", "LIBRARYDIR"):
            monkeypatch.delenv(f"NXF_{engine}_{folder}", raising=False)
    monkeypatch.setenv("NXF_SINGULARITY_LIBRARYDIR", "/shared/sif")
    images = machine.tools / "images"
    box = locate(machine.settings, ["bwa"])
    # Nextflow refuses to start with a library that is not there.
    assert "NXF_APPTAINER_LIBRARYDIR" not in box.environment()
    (images / "apptainer").mkdir(parents=True)
    env = box.environment()
    assert env["NXF_APPTAINER_LIBRARYDIR"] == env["NXF_APPTAINER_CACHEDIR"] == str(images / "apptainer")
    assert env["NXF_SINGULARITY_LIBRARYDIR"] == "/shared/sif"
    assert env["NXF_CHARLIECLOUD_CACHEDIR"] == str(images / "charliecloud")


def test_the_environment_keeps_stargazers_secrets_back(machine, monkeypatch):
    monkeypatch.setenv("PINATA_JWT", "eyJ.secret")
    monkeypatch.setenv("STARGAZER_MAVEN_REPOSITORY", "https://user:secret@mirror.example")
    monkeypatch.setenv("STARGAZER_API_TOKEN", "secret")
    monkeypatch.setenv("STARGAZER_DB", "postgresql://user:secret@db.example/db")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's own, for the work folder")
    env = locate(machine.settings, ["bwa"]).environment()
    secrets = {"PINATA_JWT", "STARGAZER_API_TOKEN", "STARGAZER_MAVEN_REPOSITORY", "STARGAZER_DB"}
    assert not secrets & set(env)
    assert env["AWS_SECRET_ACCESS_KEY"]
    assert (env["NXF_OFFLINE"], env["NXF_DISABLE_CHECK_LATEST"]) == ("true", "true")


def test_a_gatk_that_was_fetched_earlier_does_not_hide_the_one_on_path(machine, tmp_path):
    for tool in ("nextflow", "gatk"):
        fetched(machine, tool)
    path = machine.add("gatk", "echo 'The Genome Analysis Toolkit (GATK) v4.6.1.0'")
    box = locate(machine.settings, ["nextflow", "gatk"])
    assert (box.tools["gatk"].version, box.tools["nextflow"].origin) == ("4.6.1.0", "fetched")
    assert shutil.which("gatk", path=box.environment()["PATH"]) == str(path)
    path.unlink()
    box = locate(machine.settings, ["nextflow", "gatk"])
    assert shutil.which("gatk", path=box.environment()["PATH"]) == str(machine.tools / "bin" / "gatk")


GERMLINE = "germline_short_variant_discovery"


def test_what_a_profile_needs():
    local = tools_for("local", GERMLINE, "bwa")
    assert local[:2] == ["java", "nextflow"]
    assert set(local[2:]) == {"gatk", "samtools", "bcftools", "gzip", "multiqc", "bwa"}
    assert "bwa-mem2" in tools_for("slurm", GERMLINE, "bwa-mem2")
    assert tools_for("slurm,podman", GERMLINE, "bwa-mem2") == ["java", "nextflow", "podman"]
    assert tools_for("conda", GERMLINE, "bwa") == ["java", "nextflow", "conda"]


def test_require_names_what_is_missing_and_what_gets_it(machine):
    machine.add("nextflow", "echo '      version 23.10.1 build 5891'")
    box = locate(machine.settings, ["nextflow", "gatk"])
    with pytest.raises(StargazerError) as caught:
        box.require(["nextflow", "gatk"])
    assert caught.value.message == "nextflow (23.10.1 on PATH is older than 24.10), gatk are missing."
    assert caught.value.hint == "Get what is missing: stargazer setup"


def test_versions_compare_by_their_leading_numbers():
    assert version_tuple("24.10.0") >= (24, 10)
    assert version_tuple("4.6.2.0-local") == (4, 6, 2, 0)
    assert version_tuple("1.9-5") < (1, 10)
    assert version_tuple("unknown") == ()

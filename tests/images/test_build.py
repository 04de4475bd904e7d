"""`stargazer build-images`, with a stand-in for the engine."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from helpers.builder import Builder
from helpers.shell import Shell

from stargazer_cli import catalog
from stargazer_cli.images import ask, convert, lock, spec
from stargazer_cli.tools import jars

BWA = "stargazer/bwa:0.7.17"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    return tmp_path / "tools"


@pytest.fixture
def stargazer(builder: Builder, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(jars, "fetch", lambda *_: None)
    return Shell(capfd)


def test_all_images_are_built_named_and_noted(stargazer: Shell, builder: Builder, tools: Path) -> None:
    done = stargazer("build-images", "--json")
    assert done.code == 0, done.err
    names = list(spec.images())
    assert [entry["reference"].split("/")[1].split(":")[0] for entry in done.json["images"]] == names
    there = builder.images
    for entry in done.json["images"]:
        assert entry["status"] == "built"
        assert entry["tag"].startswith(f"{entry['reference']}-")
        assert there[entry["tag"]] == there[entry["reference"]] == entry["digest"]
        noted = lock.read(tools)["podman"][entry["reference"]]
        assert noted["digest"] == entry["digest"] and noted["tag"] == entry["tag"]
        assert noted["tag"].endswith(noted["inputs"]) and noted["architecture"] == "amd64"
        assert noted["size"] == entry["size"] == 1000000
    assert len(builder.calls("build")) == len(names)


def test_what_is_current_is_not_built_again(stargazer: Shell, builder: Builder, tools: Path) -> None:
    stargazer("build-images", "bwa", "samtools")
    before = lock.lock_file(tools).read_text()
    builder.forget()
    done = stargazer("build-images", "bwa", "samtools")
    assert done.code == 0
    assert [line.split()[-1] for line in done.out.splitlines()[1:]] == ["current", "current"]
    assert not builder.calls("build") + builder.calls("run") + builder.calls("tag")
    assert lock.lock_file(tools).read_text() == before
    done = stargazer("build-images", "bwa", "--no-cache")
    assert done.out.splitlines()[1].endswith("built")
    (call,) = builder.calls("build")
    assert "--no-cache" in call


def test_an_alias_that_was_moved_away_is_moved_back(stargazer: Shell, builder: Builder, tools: Path) -> None:
    (entry,) = stargazer("build-images", "bwa", "--json").json["images"]
    builder.has("elsewhere", 9)
    subprocess.run(["podman", "tag", "elsewhere", BWA], check=True)
    builder.forget()
    noted = lock.read(tools)
    (again,) = stargazer("build-images", "bwa", "--json").json["images"]
    assert again["status"] == "named"
    assert builder.images[BWA] == again["digest"] == entry["digest"]
    assert not builder.calls("build")
    # Nothing was built, so that the time of its build stays.
    assert lock.read(tools) == noted


def test_an_image_gets_the_contexts_that_its_dockerfile_names(
    stargazer: Shell, builder: Builder, tools: Path
) -> None:
    stargazer("build-images", "gatk", "scanpy", "bwa")
    gatk, scanpy, bwa = builder.calls("build")
    pipeline = catalog.pipeline_dir()
    locks = spec.images()["gatk"].lock.parent
    assert f"--build-context jars={tools}/gatk-4.6.2.0/jars" in gatk
    assert f"--build-context locks={locks}" in gatk and f"--build-context locks={locks}" in scanpy
    assert f"--build-context steps={pipeline / 'bin'}" in scanpy
    for call in (gatk, scanpy, bwa):
        assert f"--build-context common={pipeline / 'containers' / 'common'}" in call
        assert "--network=host" in call and "--timestamp=1735689600" in call
    assert "locks=" not in bwa and "jars=" not in scanpy
    # The kernel's addresses are the same each time only where the build may ask for that.
    assert "seccomp=unconfined" in gatk and "seccomp" not in scanpy + bwa


def test_another_base_gets_each_images_release(stargazer: Shell, builder: Builder) -> None:
    builder.has("localhost/debian:bookworm", 3)
    builder.has("localhost/debian:trixie", 4)
    assert stargazer("build-images", "bwa", "bwamem2", "--base", "localhost/debian:{}").code == 0
    bwa, bwamem2 = builder.calls("build")
    assert "--build-arg BASE=localhost/debian:bookworm " in bwa
    assert "--build-arg BASE=localhost/debian:trixie " in bwamem2


def test_certificates_are_lent_to_a_build(stargazer: Shell, builder: Builder, tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("a certificate")
    stargazer("build-images", "multiqc", "--ca", file)
    (call,) = builder.calls("build")
    assert f"--secret id=ca,src={file}" in call
    before = builder.images
    # Who lends it is no input of an image.
    assert stargazer("build-images", "multiqc").out.splitlines()[1].endswith("current")
    assert builder.images == before


def test_docker_builds_where_podman_is_not(
    stargazer: Shell, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.also_as("docker")
    (builder.bin / "podman").unlink()
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    done = stargazer("build-images", "bwa")
    assert done.code == 0, done.err
    (call,) = builder.calls("build")
    assert call.startswith("docker build ") and "--timestamp" not in call
    # By its name alone: the value may hold a password, and a command line is for all to see.
    assert "--build-arg HTTPS_PROXY " in call


def test_a_terminal_is_shown_how_many_images_are_ready(
    stargazer: Shell, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = stargazer("build-images", "bwa", "samtools").err
    assert "built stargazer/bwa:0.7.17-" in shown
    assert "2 of 2 images; built stargazer/samtools:1.16.1-" in shown


def test_a_build_argument_is_an_input_of_the_images_that_have_it(stargazer: Shell, builder: Builder) -> None:
    before = {
        entry["reference"]: entry["tag"] for entry in stargazer("build-images", "--json").json["images"]
    }
    builder.forget()
    done = stargazer("build-images", "--build-arg", "JRE=temurin-17-jre", "--json")
    after = {entry["reference"]: entry["tag"] for entry in done.json["images"]}
    assert [reference for reference in after if after[reference] != before[reference]] == [
        "stargazer/gatk:4.6.2.0"
    ]
    (call,) = builder.calls("build")
    assert "--build-arg JRE=temurin-17-jre " in call


def test_a_base_that_is_not_here_is_pulled(stargazer: Shell, builder: Builder) -> None:
    done = stargazer("build-images", "bwa", "--base", "example.org/debian:{}")
    assert done.code == 0
    assert builder.calls("pull") == ["podman pull example.org/debian:bookworm"]


def test_a_base_that_cannot_be_pulled_is_named_with_what_to_do(stargazer: Shell, builder: Builder) -> None:
    builder.says("pull", "Error: dial tcp: lookup example.org: no such host")
    done = stargazer("build-images", "bwa", "--base", "example.org/debian:{}")
    assert done.code == 1
    assert (
        "The base example.org/debian:bookworm is not on this machine and cannot be pulled (exit status 125)."
        in done.err
    )
    assert "no such host" in done.err and "--base" in done.err
    assert not builder.calls("build")


def test_a_base_that_was_forgotten_is_reminded_of(stargazer: Shell, builder: Builder) -> None:
    builder.has("localhost/debian:bookworm", 3)
    stargazer("build-images", "bwa", "--base", "localhost/debian:{}")
    builder.says("pull", "Error: no such host")
    done = stargazer("build-images", "bwa", "--base", "docker.io/library/debian:other")
    assert "was built on another one: --base localhost/debian:bookworm" in done.err


def test_a_failed_build_shows_its_last_words_and_moves_no_name(
    stargazer: Shell, builder: Builder, tools: Path
) -> None:
    stargazer("build-images", "bwa")
    before = builder.images
    builder.says("build", "E: Unable to locate package bwa")
    done = stargazer("build-images", "bwa", "samtools", "--no-cache")
    assert done.code == 1
    assert f"{BWA} was not built (exit status 125)." in done.err
    assert "Unable to locate package bwa" in done.err
    log = tools / "images" / "logs" / "bwa.log"
    assert str(log) in done.err and "Unable to locate" in log.read_text()
    assert builder.images == before
    assert len(builder.calls("build")) == 2


def test_no_space_in_the_store_is_told_as_such(stargazer: Shell, builder: Builder) -> None:
    builder.says("build", "Error: committing container: write /var/lib/containers: no space left on device")
    done = stargazer("build-images", "bwa")
    assert done.code == 1
    assert "Hint:  A disk is full" in done.err


def test_an_image_that_does_not_work_gets_no_name(stargazer: Shell, builder: Builder, tools: Path) -> None:
    builder.says("run", "bash: line 1: samtools: command not found")
    before = builder.images
    done = stargazer("build-images", "samtools")
    assert done.code == 1
    assert "stargazer/samtools:1.16.1 was built and does not work (exit status 127)" in done.err
    assert "samtools: command not found" in done.err
    assert builder.images == before and not lock.read(tools)
    (run,) = builder.calls("run")
    assert "--network=none" in run and "--user=54321:54321" in run


def test_an_image_that_does_not_answer_leaves_no_container(
    stargazer: Shell, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine's command that is ended leaves its container running."""
    stand_in = builder.bin / "podman"
    stand_in.write_text(stand_in.read_text().replace("'run '*)", "'run '*) exec sleep 30 ;;\n'run '*)", 1))
    monkeypatch.setattr(ask, "_IMAGE_SECONDS", 0.3)
    done = stargazer("build-images", "bwa")
    assert done.code == 1
    assert f"{BWA} was built and does not work: podman did not end within 0.3 seconds." in done.err
    (run,) = builder.calls("run")
    name = next(part for part in run.split() if part.startswith("--name=")).removeprefix("--name=")
    assert builder.calls("rm") == [f"podman rm --force {name}"]
    assert BWA not in builder.images


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bwa3",), "There is no image bwa3."),
        (("--engine", "lxc"), "Invalid value for '--engine'"),
        (("--build-arg", "SOURCE"), "The build argument SOURCE is not NAME=VALUE."),
        (("--build-arg", "BASE=debian"), "Name another base: --base IMAGE."),
        (("--build-arg", "VERSION=1.17"), "The build argument VERSION cannot be given."),
        (("--build-arg", "SOURCE_DATE_EPOCH=0"), "The build argument SOURCE_DATE_EPOCH cannot be given."),
        (("bwa", "--build-arg", "JRE=x"), "There are: SAMTOOLS_VERSION, SOURCE."),
        (("--ca", "nowhere.crt"), "nowhere.crt"),
    ],
)
def test_a_wrong_command_line_builds_nothing(
    stargazer: Shell, builder: Builder, arguments: tuple[str, ...], message: str
) -> None:
    done = stargazer("build-images", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert not builder.calls()


def test_without_an_engine_it_is_said_what_to_install(stargazer: Shell, builder: Builder) -> None:
    (builder.bin / "podman").unlink()
    done = stargazer("build-images", "bwa")
    assert done.code == 1
    assert "Neither podman nor docker is on this machine." in done.err
    assert "podman is not on this machine." in stargazer("build-images", "bwa", "--engine", "podman").err


def test_an_engine_that_does_not_run_is_told_before_anything_is_built(
    stargazer: Shell, builder: Builder
) -> None:
    builder.add("docker", "#!/bin/sh\necho 'Cannot connect to the Docker daemon at unix:///x.' >&2\nexit 1\n")
    done = stargazer("build-images", "bwa", "--engine", "docker")
    assert done.code == 1
    assert "docker is not running" in done.err


def test_two_builds_at_once_take_turns(stargazer: Shell, builder: Builder, tools: Path) -> None:
    tools.mkdir()
    command = [sys.executable, "-c", "from stargazer_cli.commands.main import cli; cli()"]
    with FileLock(tools / ".build-images.lock"):
        other = subprocess.Popen([*command, "build-images", "bwa"], stderr=subprocess.PIPE, text=True)
        assert other.stderr is not None
        line = other.stderr.readline()
        assert "Waiting for another stargazer build-images" in line and ".build-images.lock" in line
        assert not builder.calls("build")
    assert other.wait(30) == 0
    other.stderr.close()
    assert len(builder.calls("build")) == 1


@pytest.fixture
def stuck(builder: Builder) -> Iterator[Callable[[str], tuple[subprocess.Popen[bytes], int]]]:
    """Start a build of bwa whose engine never ends a command; gives it and the process that goes on there."""
    real = builder.bin / "podman"
    begun = builder.folder / "begun"
    process: list[subprocess.Popen[bytes]] = []

    def start(command: str) -> tuple[subprocess.Popen[bytes], int]:
        real.rename(f"{real}.real")
        # What runs in a container has a session of its own, and goes on when the engine is ended.
        wait = f"setsid sleep 30 & echo $! > {begun}.new; mv {begun}.new {begun}; wait; exit 1"
        builder.add("podman", f'#!/bin/sh\n[ "$1" != {command} ] || {{ {wait}; }}\nexec {real}.real "$@"\n')
        cli = [sys.executable, "-c", "from stargazer_cli.commands.main import cli; cli()"]
        process.append(
            subprocess.Popen(
                [*cli, "build-images", "bwa", "--no-cache"], stderr=subprocess.DEVNULL, start_new_session=True
            )
        )
        deadline = time.monotonic() + 20
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return process[0], int(begun.read_text())

    yield start
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(begun.read_text()), signal.SIGKILL)


# While the image is built, and while it is tested.
@pytest.mark.parametrize("command", ["build", "run"])
def test_a_build_that_is_killed_moves_no_name(
    stargazer: Shell,
    builder: Builder,
    tools: Path,
    command: str,
    stuck: Callable[[str], tuple[subprocess.Popen[bytes], int]],
) -> None:
    stargazer("build-images", "bwa")
    before, noted = builder.images, lock.read(tools)
    process, _ = stuck(command)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(builder.calls("build")) == (1 if command == "build" else 2)
    assert builder.images == before and lock.read(tools) == noted
    # The lock went with the process: the next build waits for nobody.
    (builder.bin / "podman.real").rename(builder.bin / "podman")
    assert stargazer("build-images", "bwa", "--no-cache").code == 0


def test_a_build_that_is_told_to_end_ends_with_all_that_it_started(
    builder: Builder, stuck: Callable[[str], tuple[subprocess.Popen[bytes], int]]
) -> None:
    before = builder.images
    process, inner = stuck("build")
    process.terminate()
    assert process.wait(30) != 0
    deadline = time.monotonic() + 10
    while runs(inner) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(inner)
    assert builder.images == before


def runs(pid: int) -> bool:
    """Whether a process goes on; one that nobody asked for its end does not."""
    done = subprocess.run(
        ["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()[:1] not in ("", "Z")


def test_an_engine_that_was_ended_by_somebody_built_nothing(stargazer: Shell, builder: Builder) -> None:
    """Podman that gets a SIGTERM ends with the exit status 0."""
    before = builder.images
    stand_in = builder.bin / "podman"
    stand_in.write_text(stand_in.read_text().replace("'build '*)", "'build '*) exit 0 ;;\n'build '*)", 1))
    done = stargazer("build-images", "bwa")
    assert done.code == 1
    assert f"{BWA} was not built: podman was ended." in done.err
    assert builder.images == before


def test_a_file_for_apptainer_is_made_where_nextflow_looks(
    stargazer: Shell, builder: Builder, tools: Path
) -> None:
    builder.add(
        "apptainer", f'#!/bin/sh\necho "apptainer $*" >> {builder.folder}/calls\ncp "${{4#*:}}" "$3"\n'
    )
    done = stargazer("build-images", "bwa", "--engine", "apptainer", "--json")
    assert done.code == 0, done.err
    (entry,) = done.json["images"]
    file = tools / "images" / "apptainer" / "stargazer-bwa-0.7.17.img"
    assert file.read_text() == "archive\n"
    assert file.resolve() == Path(entry["file"]).resolve() and entry["status"] == "converted"
    noted = lock.read(tools)
    assert noted["apptainer"][BWA]["file"] == entry["file"] and noted["apptainer"][BWA]["size"] == 8
    assert noted["apptainer"][BWA]["digest"] == noted["podman"][BWA]["digest"] == builder.images[BWA]
    assert [place.name for place in file.parent.iterdir() if place.name.startswith(".")] == []
    builder.forget()
    (entry,) = stargazer("build-images", "bwa", "--engine", "apptainer", "--json").json["images"]
    assert entry["status"] == "current" and entry["size"] == 8
    assert not [call for call in builder.calls() if call.startswith("apptainer")]


def test_a_file_that_was_not_made_to_its_end_is_none(stargazer: Shell, builder: Builder, tools: Path) -> None:
    builder.add(
        "singularity", '#!/bin/sh\necho half > "$3"\necho "FATAL: no space left on device" >&2\nexit 255\n'
    )
    done = stargazer("build-images", "bwa", "--engine", "singularity")
    assert done.code == 1
    assert "was not converted for singularity" in done.err and "A disk is full" in done.err
    assert list((tools / "images" / "apptainer").iterdir()) == []


def test_apptainer_that_is_not_here_is_told_before_anything_is_built(
    stargazer: Shell, builder: Builder
) -> None:
    done = stargazer("build-images", "bwa", "--engine", "apptainer")
    assert done.code == 1
    assert "apptainer is not on this machine" in done.err
    assert not builder.calls()


def test_charliecloud_gets_a_root_file_system_with_the_images_environment(
    stargazer: Shell, builder: Builder, tools: Path
) -> None:
    done = stargazer("build-images", "bwa", "--engine", "charliecloud", "--json")
    assert done.code == 0, done.err
    folder = tools / "images" / "charliecloud"
    assert (folder / "dlcache").is_dir()
    root = folder / "img" / "stargazer%bwa+0.7.17"
    assert root.is_symlink() and (root / "etc" / "os-release").read_text() == "ID=debian\n"
    assert (root / "ch" / "environment").read_text() == "PATH=/opt/venv/bin:/usr/bin\nHOME=/tmp\n"
    for place in ("etc/hosts", "etc/resolv.conf", "mnt/0"):
        assert (root / place).exists()
    assert builder.calls("rm") == ["podman rm 0123456789ab"]
    (entry,) = done.json["images"]
    assert entry["size"] == convert.size_of(root.resolve())


def test_a_root_file_system_gives_nobody_rights_on_the_host(
    stargazer: Shell, builder: Builder, tools: Path
) -> None:
    """Unpacked by root, a program that becomes root would do that outside of any container."""
    program = builder.folder / "root" / "su"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o4755)
    cache = builder.folder / "root" / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    umask = os.umask(0o022)
    try:
        assert stargazer("build-images", "bwa", "--engine", "charliecloud").code == 0
    finally:
        os.umask(umask)
    root = tools / "images" / "charliecloud" / "img" / "stargazer%bwa+0.7.17"
    assert [stat.S_IMODE((root / name).stat().st_mode) for name in ("su", "cache")] == [0o755, 0o755]


def test_what_was_there_stays_where_the_new_cannot_take_its_place(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.mkdir()
    (file / "old").touch()
    with pytest.raises(FileNotFoundError):
        convert._replace(file, tmp_path / "nothing", tmp_path / "before")
    assert [place.name for place in tmp_path.iterdir()] == ["image"] and (file / "old").exists()


def test_a_root_file_system_that_nothing_is_known_of_is_made_anew(
    stargazer: Shell, builder: Builder, tools: Path
) -> None:
    stargazer("build-images", "bwa", "--engine", "charliecloud")
    root = tools / "images" / "charliecloud" / "img" / "stargazer%bwa+0.7.17"
    (root / "etc" / "os-release").write_text("damaged")
    lock.lock_file(tools).unlink()
    assert stargazer("build-images", "bwa", "--engine", "charliecloud").code == 0
    assert (root / "etc" / "os-release").read_text() == "ID=debian\n"
    assert [place.name for place in root.parent.iterdir() if place.name.startswith(".")] == []


def test_a_name_moves_from_one_file_to_the_next(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    alias = tmp_path / "alias"
    convert.point(alias, tmp_path / "old")
    convert.point(alias, tmp_path / "new")
    assert alias.resolve() == tmp_path / "new"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["alias", "new", "old"]


def test_health_is_what_the_dockerfile_says() -> None:
    for image in spec.images().values():
        assert image.health != "true"
        assert f"CMD {image.health}\n" in image.dockerfile.replace('\\"', '"')


def test_the_lock_file_is_json_that_a_person_can_read(
    stargazer: Shell, builder: Builder, tools: Path
) -> None:
    stargazer("build-images", "bwa")
    text = lock.lock_file(tools).read_text()
    assert json.loads(text)["podman"][BWA]["base"]["name"] == "docker.io/library/debian:bookworm-slim"
    assert text.count("\n") > 10

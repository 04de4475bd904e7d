"""What is asked of container engines, with stand-ins that print what Podman 4.3, Docker 28 and 29 print."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stargazer_cli.errors import StargazerError
from stargazer_cli.images import Built, check, engines, file_of, hint_of, inspect, library, recorded

BWA, GATK = "stargazer/bwa:0.7.17", "stargazer/gatk:4.6.2.0"
DIGEST = "4cfab9f8bbb5b09472dfa2d808063be3f3d517d3649be85a0d5c44ce605b2f24"
OTHER = "49cc5d21f60b3f0d8b9a0c4f1f7f2a8e0a8b3a3a1c57a4a1f6d2f4b6f1d9c2e7"
# `image inspect --format` of an image, as each of the two prints it.
PODMAN_BWA = f'{DIGEST}\tamd64\t275521472\t["localhost/stargazer/bwa:0.7.17-0123456789ab","localhost/{BWA}"]'
DOCKER_BWA = f'sha256:{DIGEST}\tamd64\t275521472\t["{BWA}"]'
NO_PODMAN_IMAGE = "Error: inspecting object: {}: image not known"
NO_DOCKER_IMAGE = "Error response from daemon: No such image: {}"
SOCKET, NO_FILE = "/var/run/docker.sock", "no such file or directory"
NO_DAEMON = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if "
    "the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory",
)
REFUSED = (
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
    'Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/images/x/json": dial unix /var/run/docker.sock: connect: '
    "permission denied",
    "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
)
NO_MACHINE = (
    "Cannot connect to Podman. Please verify your connection to the Linux system using `podman system "
    "connection list`, or try `podman machine init` and `podman machine start` to manage a new Linux VM\n"
    'Error: unable to connect to Podman socket: Get "http://d/v4.3.1/libpod/_ping": dial unix '
    "/run/user/1000/podman/podman.sock: connect: no such file or directory"
)
FULL = (
    "Error: opening database /var/lib/containers/storage/libpod/bolt_state.db: write "
    "/var/lib/containers/storage/libpod/bolt_state.db: no space left on device"
)
NO_IDS = (
    'Error: cannot set up namespace using "/usr/bin/newuidmap": should have setuid or have filecaps setuid: '
    "exit status 1"
)

AddEngine = Callable[..., Path]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddEngine:
    """Put a stand-in on PATH: it notes how it was called, and prints what it is told to."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")

    def add(name: str, said: str = "", wrong: str = "", status: int = 0, root: Path = tmp_path) -> Path:
        (tmp_path / "said").write_text(said + "\n" if said else "")
        (tmp_path / "wrong").write_text(wrong + "\n" if wrong else "")
        script = bin_ / name
        script.write_text(
            f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n[ "$1" = info ] && echo {root} && exit\n'
            f"cat {tmp_path}/said\ncat {tmp_path}/wrong >&2\nexit {status}\n"
        )
        script.chmod(0o755)
        return tmp_path / "calls"

    return add


@pytest.mark.parametrize(("name", "said"), [("podman", PODMAN_BWA), ("docker", DOCKER_BWA)])
def test_the_images_that_are_there_are_told_by_one_call(
    engine: AddEngine, tmp_path: Path, name: str, said: str
) -> None:
    missing = (NO_PODMAN_IMAGE if name == "podman" else NO_DOCKER_IMAGE).format(GATK)
    calls = engine(name, said if name == "podman" else f"{said}\n[]", missing, 1)
    assert inspect(name, [BWA, GATK, BWA], tmp_path) == {BWA: Built(f"sha256:{DIGEST}", "amd64", 275521472)}
    (call,) = calls.read_text().splitlines()
    assert call.startswith("image inspect --format ")
    assert call.endswith(f" {BWA} {GATK}")


def test_no_images_are_no_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert inspect("podman", [], tmp_path) == {}


@pytest.mark.parametrize(
    ("name", "tag", "asked", "means"),
    [
        # Podman 4.3 runs it, with --pull=never too, where it has no other one of that name.
        ("podman", f"ghcr.io/other/{BWA}", BWA, True),
        ("podman", f"docker.io/group/{BWA}", f"docker.io/group/{BWA}", True),
        ("podman", "localhost/other-stargazer/bwa:0.7.17", BWA, False),
        ("docker", f"ghcr.io/other/{BWA}", BWA, False),
        ("docker", f"ghcr.io/group/{BWA}", f"ghcr.io/group/{BWA}", True),
        ("docker", f"group/{BWA}", f"docker.io/group/{BWA}", True),
    ],
)
def test_an_image_is_the_one_that_its_engine_runs_by_a_name(
    engine: AddEngine, tmp_path: Path, name: str, tag: str, asked: str, means: bool
) -> None:
    engine(name, f'sha256:{DIGEST}\tamd64\t1\t["{tag}"]\nsha256:{OTHER}\tamd64\t1\tnull')
    assert set(inspect(name, [asked], tmp_path)) == ({asked} if means else set())


def test_a_check_gives_the_digests(engine: AddEngine, tmp_path: Path) -> None:
    calls = engine("podman", PODMAN_BWA)
    assert check("podman", [BWA], tmp_path) == {BWA: f"sha256:{DIGEST}"}
    # Neither asks a registry.
    assert [call.split()[0] for call in calls.read_text().splitlines()] == ["image", "info"]


def test_a_missing_image_hides_no_other_trouble(engine: AddEngine, tmp_path: Path) -> None:
    engine("podman", wrong=f"{NO_PODMAN_IMAGE.format(GATK)}\n{FULL}", status=125)
    with pytest.raises(StargazerError, match="no space"):
        inspect("podman", [GATK, BWA], tmp_path)


def test_a_missing_image_is_named_with_what_builds_it(engine: AddEngine, tmp_path: Path) -> None:
    engine("podman", PODMAN_BWA, NO_PODMAN_IMAGE.format(GATK), 125)
    with pytest.raises(StargazerError) as caught:
        check("podman", [BWA, GATK], tmp_path)
    assert str(caught.value) == f"{GATK} is not built for podman."
    assert caught.value.hint == "Build what is missing: stargazer build-images gatk --engine podman"


@pytest.mark.parametrize(
    ("name", "wrong", "message", "hint"),
    [
        *(("docker", said, "docker is not running", "start docker") for said in NO_DAEMON),
        *(("docker", said, f"permission for {SOCKET}", "usermod -aG docker") for said in REFUSED),
        ("podman", NO_MACHINE, "podman is not running", "podman machine start"),
        ("podman", NO_MACHINE.replace(NO_FILE, "permission denied"), "no permission for /run", "own"),
        ("podman", FULL, "image store of podman has no space", "podman system prune"),
        ("podman", NO_IDS, "no user ids", "--add-subuids"),
        ("podman", 'level=warning msg="x"\nError: it is locked', "tell its images: it is", "podman info"),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_what_an_engine_complains_of_is_one_line_and_a_way_out(
    engine: AddEngine, tmp_path: Path, name: str, wrong: str, message: str, hint: str
) -> None:
    engine(name, wrong=wrong, status=125)
    with pytest.raises(StargazerError) as caught:
        check(name, [BWA], tmp_path)
    assert message in str(caught.value)
    assert hint in str(caught.value.hint)
    assert "\n" not in str(caught.value)


def test_an_engine_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StargazerError, match="podman is not on this machine"):
        inspect("podman", [BWA], tmp_path)


def test_an_engine_that_hangs_is_not_waited_for(
    engine: AddEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine("podman")
    (tmp_path / "bin" / "podman").write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(engines, "_SECONDS", 0.2)
    with pytest.raises(StargazerError, match="podman does not answer"):
        inspect("podman", [BWA], tmp_path)


def test_an_image_for_another_processor_is_refused(
    engine: AddEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine("podman", PODMAN_BWA)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(engines, "_BINFMT", tmp_path / "binfmt")
    with pytest.raises(StargazerError) as caught:
        check("podman", [BWA], tmp_path)
    assert str(caught.value) == f"{BWA} is made for amd64; this machine is arm64."
    assert caught.value.hint == "Build it here: stargazer build-images bwa --engine podman"
    # A kernel with an emulator runs it, and so do the machines of Docker and Podman on a Mac.
    (tmp_path / "binfmt").mkdir()
    (tmp_path / "binfmt" / "qemu-x86_64").touch()
    assert check("podman", [BWA], tmp_path)
    shutil.rmtree(tmp_path / "binfmt")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert check("podman", [BWA], tmp_path)


def test_a_full_image_store_is_refused(
    engine: AddEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine("podman", PODMAN_BWA)
    used = shutil.disk_usage(tmp_path)
    asked: list[Path] = []

    def disk_usage(folder: Path) -> object:
        asked.append(folder)
        return used._replace(free=3_000_000)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with pytest.raises(StargazerError, match=f"store of podman, {tmp_path}, has 3 MB left"):
        check("podman", [BWA], tmp_path)
    assert asked == [tmp_path]


def test_a_store_in_a_virtual_machine_is_not_looked_at(engine: AddEngine, tmp_path: Path) -> None:
    engine("docker", DOCKER_BWA, root=tmp_path / "not here")
    assert check("docker", [BWA], tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("apptainer", "images/apptainer/stargazer-bwa-0.7.17.img"),
        ("singularity", "images/apptainer/stargazer-bwa-0.7.17.img"),
        ("charliecloud", "images/charliecloud/img/stargazer%bwa+0.7.17"),
    ],
)
def test_image_files_are_where_nextflow_looks_for_them(tmp_path: Path, name: str, file: str) -> None:
    place = file_of(name, BWA, tmp_path, env={})
    assert place == tmp_path / file
    assert inspect(name, [BWA], tmp_path) == {}
    place.parent.mkdir(parents=True)
    place.write_bytes(b"12345")
    note(tmp_path, {name: {BWA: entry(file_of(name, f"{BWA}-0123", tmp_path, env={}))}})
    # Not the one that is noted: nobody knows what is in it.
    assert inspect(name, [BWA], tmp_path) == {BWA: Built("", "", 5)}
    assert check(name, [BWA], tmp_path) == {BWA: BWA}
    build = place.rename(file_of(name, f"{BWA}-0123", tmp_path, env={}))
    place.symlink_to(build.name)
    assert inspect(name, [BWA], tmp_path) == {BWA: Built(f"sha256:{DIGEST}", "amd64", 7)}
    assert recorded(name, [BWA, GATK], tmp_path) == {BWA: f"sha256:{DIGEST}"}
    # Copied to another machine, without the lock file: the name tells which build it is.
    (tmp_path / "images.lock.json").unlink()
    assert check(name, [BWA], tmp_path) == {BWA: build.name}


@pytest.mark.parametrize("later", ["apptainer", "singularity"])
def test_of_two_engines_with_the_same_files_the_one_that_made_it_tells_the_digest(
    tmp_path: Path, later: str
) -> None:
    builds = {
        name: file_of(name, f"{BWA}-{number}", tmp_path, env={})
        for number, name in enumerate(("apptainer", "singularity"))
    }
    note(
        tmp_path,
        {name: {BWA: {**entry(file), "digest": f"sha256:{name}"}} for name, file in builds.items()},
    )
    builds[later].parent.mkdir(parents=True)
    builds[later].touch()
    file_of(later, BWA, tmp_path, env={}).symlink_to(builds[later].name)
    for name in builds:
        assert inspect(name, [BWA], tmp_path)[BWA].digest == f"sha256:{later}"


def entry(file: Path) -> dict[str, object]:
    """Return what the lock file says of an image file."""
    return {"digest": f"sha256:{DIGEST}", "architecture": "amd64", "size": 7, "file": str(file)}


def note(tools: Path, content: object) -> None:
    """Write the lock file."""
    (tools / "images.lock.json").write_text(json.dumps(content))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"apptainer": []}', '{"apptainer": {"x": 1}}'])
def test_a_damaged_lock_file_hides_no_image(tmp_path: Path, content: str) -> None:
    place = file_of("apptainer", "x", tmp_path, env={})
    place.parent.mkdir(parents=True)
    place.touch()
    (tmp_path / "images.lock.json").write_text(content)
    assert inspect("apptainer", ["x"], tmp_path) == {"x": Built("", "", 0)}


def test_a_users_own_folder_of_images_is_the_one(tmp_path: Path) -> None:
    env = {"NXF_SINGULARITY_LIBRARYDIR": "/shared/sif", "NXF_CHARLIECLOUD_CACHEDIR": "/shared/ch"}
    assert library("singularity", tmp_path, env) == Path("/shared/sif")
    assert library("apptainer", tmp_path, env) == tmp_path / "images" / "apptainer"
    assert file_of("charliecloud", BWA, tmp_path, env) == Path("/shared/ch/img/stargazer%bwa+0.7.17")


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("Error: stargazer/gatk:4.6.2.0: image not known", "125", "stargazer build-images gatk"),
        (f"docker: {NO_DOCKER_IMAGE.format(GATK)}", "125", "build-images gatk"),
        (
            f'Error: short-name "{GATK}" did not resolve to an alias and no unqualified-search registries '
            'are defined in "/etc/containers/registries.conf"',
            "125",
            "build-images gatk",
        ),
        (
            "docker: Error response from daemon: pull access denied for stargazer/gatk, repository does not "
            "exist or may require 'docker login'",
            "125",
            "build-images gatk",
        ),
        ("docker: " + REFUSED[0], "126", "usermod -aG docker"),
        ("docker: " + NO_DAEMON[1], "125", "daemon does not answer"),
        (NO_MACHINE.splitlines()[0], "125", "podman machine start"),
        ("exec /bin/bash: exec format error", "255", "another processor"),
        ("{\"msg\":\"exec container process `/bin/bash`: Exec format error\"}", "1", "another processor"),
        ("Error: creating container storage: mkdir /x: no space left on device", "125", "disk is full"),
        ("samtools sort: failed to write: No space left on device", "1", "disk is full"),
        (".command.sh: line 2: samtools: command not found", "127", "samtools is not where the task ran"),
        ("Error: something else", "125", "did not start the task"),
        ("", "127", "A command is not where the task ran"),
    ],
)  # fmt: skip
def test_a_task_that_its_engine_did_not_run_has_a_hint(line: str, status: str, said: str) -> None:
    hint = hint_of(["a line before", line], status)
    assert hint is not None
    assert said in hint
    assert "\n" not in hint


@pytest.mark.parametrize("status", ["1", "137", "-"])
def test_a_task_whose_tool_failed_has_none(status: str) -> None:
    assert hint_of(["[main] unknown command: java.lang.OutOfMemoryError"], status) is None
    assert hint_of([], status) is None


def test_podman_itself_says_what_the_stand_ins_say(tmp_path: Path) -> None:
    runs = shutil.which("podman") and subprocess.run(["podman", "info"], capture_output=True, check=False)
    if not runs or runs.returncode:
        pytest.skip("podman does not run here")
    nothing = "localhost/stargazer/there-is-none:1"
    assert inspect("podman", [nothing], tmp_path) == {}
    with pytest.raises(StargazerError, match="not built for podman"):
        check("podman", [nothing], tmp_path)
    listed = subprocess.run(
        ["podman", "images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in listed.splitlines():
        digest, name = line.split()
        if "<none>" not in name:
            assert inspect("podman", [name, nothing], tmp_path)[name].digest == digest
            break
    away = subprocess.run(
        ["podman", "--remote", "--url", f"unix://{tmp_path}/none.sock", "image", "inspect", nothing],
        capture_output=True,
        text=True,
        env={**os.environ, "CONTAINER_HOST": ""},
        check=False,
    )
    assert engines._MACHINE.search(away.stderr)

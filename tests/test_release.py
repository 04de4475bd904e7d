"""A release: one version, an image for any user on any base, and workflows that name what there is."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement

from stargazer_cli import __version__, catalog
from stargazer_cli.commands.main import root
from stargazer_cli.tools.spec import ALIGNERS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps(file: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(file.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def scripts(file: Path) -> str:
    """What the workflow's steps run, lines that go on joined."""
    return "\n".join(step.get("run", "") for step in steps(file)).replace("\\\n", " ")


def test_there_is_one_version() -> None:
    manifest = re.search(r"^ +version = '(.*)'$", (ROOT / "nextflow.config").read_text(), re.M)
    assert manifest is not None
    assert PROJECT["project"]["version"] == manifest[1] == __version__


def test_the_image_works_for_any_user_on_any_base() -> None:
    assert not re.search(r"^\s*USER\b", DOCKERFILE, re.M)
    assert not re.search(r"--chown|useradd|adduser", DOCKERFILE)
    assert re.search(r"\bHOME=/tmp\b", DOCKERFILE)
    assert re.findall(r"^ARG (\w*BASE)=(\S+)$", DOCKERFILE, re.M) == [
        ("BASE", "docker.io/library/debian:bookworm-slim"),
        ("ENGINE_BASE", "docker.io/library/debian:trixie-slim"),
    ]
    stages = re.findall(r"^FROM (\S+) AS (\w+)$", DOCKERFILE, re.M)
    assert len(stages) == DOCKERFILE.count("\nFROM ")
    names = [name for _, name in stages]
    for number, (source, _) in enumerate(stages):
        assert source in ("${BASE}", "${ENGINE_BASE}", *names[:number])
    assert names[-1] == "cli", "the last target is the one that is built where none is named"
    assert "full" in names


def test_the_full_image_has_the_versions_that_the_tasks_images_have() -> None:
    given = set(re.findall(r"^ARG (\w+)_VERSION=(.*)$", DOCKERFILE, re.M))
    wanted = {
        (tool.upper(), re.findall(r"^ARG VERSION=(.*)$", text, re.M)[0])
        for tool in ("bwa", "samtools", "bcftools")
        for text in [(ROOT / "containers" / tool / "Dockerfile").read_text()]
    }
    assert given == wanted
    assert "--aligner bwa" in DOCKERFILE and "bwa" in ALIGNERS


def test_what_the_image_copies_is_not_left_out_of_its_context() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert [name for name in kept if not (ROOT / name).exists()] == []
    packed = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*packed["force-include"], *packed["packages"], PROJECT["project"]["readme"], "pyproject.toml"}
    needed |= set(re.findall(r"^COPY (?!--from)(\w+)/", DOCKERFILE, re.M))
    assert {name.split("/")[0] for name in needed} <= kept


def test_the_locks_of_the_image_hold_what_the_project_asks_for() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    cli = [*project["dependencies"], *extras["postgres"], *extras["crate"]]
    asked = {
        "requirements.txt": cli,
        "full.txt": [*cli, *extras["mcp"], *extras["notebook"], *extras["web"]],
        "images.txt": [*project["dependencies"], *extras["images"]],
        "build.txt": PROJECT["build-system"]["requires"],
    }
    for name, requirements in asked.items():
        text = (ROOT / "docker" / name).read_text()
        pinned = dict(re.findall(r"^([\w.-]+)==(\S+) \\$", text, re.M))
        assert text.count("==") == len(pinned)
        for each in map(Requirement, requirements):
            assert each.specifier.contains(pinned[each.name]), f"{each} in docker/{name}: lock it again"


@pytest.mark.parametrize("extra", ["mcp", "notebook", "web"])
def test_an_extra_names_what_its_part_imports(extra: str) -> None:
    """What only comes with something else may go with its next version."""
    project = PROJECT["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"][extra]]
    named = {Requirement(each).name.replace("-", "_") for each in asked}
    folder = ROOT / "stargazer_cli" / {"notebook": "notebooks"}.get(extra, extra)
    nodes = [node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    modules = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    imported = {module.partition(".")[0] for module in modules}
    assert imported - named - {"stargazer_cli"} - sys.stdlib_module_names == set()


# Stands for Stargazer in its image, and tells what it was started with.
STARGAZER = """#!/bin/sh
echo "pipeline=${STARGAZER_PIPELINE:-} python=${PYTHONPATH:-}" "$@"
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What lies in /opt/stargazer of the image, with a stand-in for Stargazer."""
    image = tmp_path / "image"
    pipeline = image / "python" / "lib" / "python3.11" / "site-packages" / "stargazer_cli" / "pipeline"
    (pipeline / "bin").mkdir(parents=True)
    (pipeline / "main.nf").write_text("workflow {}\n")
    (pipeline / "bin" / "step").write_text("#!/bin/sh\n")
    (pipeline / "bin" / "step").chmod(0o755)
    (image / "version").write_text("0.1.0-abc\n")
    shutil.copy(ROOT / "docker" / "entrypoint", image / "entrypoint")
    program = image / "python" / "bin" / "stargazer"
    program.parent.mkdir()
    program.write_text(STARGAZER)
    program.chmod(0o755)
    return image


def enter(
    image: Path, *arguments: str, socket: bool = True, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Start the entrypoint in a folder of data, beside the image."""
    data = image.parent / "data"
    data.mkdir(exist_ok=True)
    engine = {"DOCKER_HOST": "unix:///nowhere"} if socket else {}
    return subprocess.run(
        [image / "entrypoint", *arguments],
        env={"PATH": "/usr/bin:/bin", "STARGAZER_LOCAL": "stargazer", **engine, **settings},
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
    )


def copy_of(image: Path) -> Path:
    return image.parent / "data" / "stargazer" / "app" / "0.1.0-abc"


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode) for path in found}


def test_the_image_leads_the_pipeline_alone_to_a_copy_that_the_host_has(image: Path) -> None:
    for _ in range(2):
        done = enter(image, "demo", "germline --help")
        assert done.stdout == f"pipeline={copy_of(image)} python= demo germline --help\n", done.stderr
        [pipeline] = image.glob("python/lib/*/site-packages/stargazer_cli/pipeline")
        assert files(copy_of(image)) == files(pipeline)
        assert [path.name for path in copy_of(image).parent.iterdir()] == ["0.1.0-abc"]
    assert copy_of(image).stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(Path("/var/run/docker.sock").is_socket(), reason="there is docker's socket here")
def test_the_image_copies_nothing_where_no_engine_is_given(image: Path) -> None:
    assert enter(image, "--version", socket=False).stdout == "pipeline= python= --version\n"
    assert list((image.parent / "data").iterdir()) == []


@pytest.mark.parametrize("planted", ["changed", "more", "link", "link to a file", "package"])
def test_what_a_data_folder_brought_is_never_run(image: Path, planted: str) -> None:
    enter(image)
    copy, evil = copy_of(image), image.parent / "evil"
    shutil.copytree(copy, evil)
    (evil / "main.nf").write_text("workflow { evil }\n")
    if planted == "changed":
        (copy / "main.nf").write_text("workflow { evil }\n")
    elif planted == "more":
        (copy / "bin" / "__pycache__").mkdir()
        (copy / "bin" / "__pycache__" / "step.cpython-311.pyc").write_bytes(b"evil")
    elif planted == "link":
        shutil.rmtree(copy)
        copy.symlink_to(evil)
    elif planted == "link to a file":
        # Of the same bytes, until somebody changes them.
        shutil.copy(copy / "main.nf", evil / "main.nf")
        (copy / "main.nf").unlink()
        (copy / "main.nf").symlink_to(evil / "main.nf")
    else:
        (copy / "stargazer_cli").mkdir()
        (copy / "stargazer_cli" / "__init__.py").write_text("raise SystemExit('evil')\n")
    done = enter(image, "doctor")
    assert done.stdout == f"pipeline={copy} python= doctor\n", done.stderr
    [pipeline] = image.glob("python/lib/*/site-packages/stargazer_cli/pipeline")
    assert files(copy) == files(pipeline)
    assert [path for path in copy.rglob("*") if path.is_symlink()] == [] and not copy.is_symlink()


def test_a_link_in_place_of_the_copies_is_refused(image: Path, tmp_path: Path) -> None:
    enter(image)
    copies = copy_of(image).parent
    copies.rename(tmp_path / "elsewhere")
    copies.symlink_to(tmp_path / "elsewhere")
    done = enter(image)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: stargazer/app is a link." in done.stderr


def test_no_run_is_left_behind_in_a_container_that_ends(image: Path) -> None:
    done = enter(image, "run", "germline", "--detach", socket=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "docker run --detach" in done.stderr


def test_it_is_said_that_notebooks_end_with_the_container(image: Path) -> None:
    assert "--env STARGAZER_NOTEBOOKS=" in enter(image, "notebook", "--no-open").stderr
    assert enter(image, "notebook", "--no-open", STARGAZER_NOTEBOOKS="notebooks").stderr == ""
    assert enter(image, "browse").stderr == ""


def test_the_pipeline_is_where_the_image_leads_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STARGAZER_PIPELINE", str(tmp_path))
    assert catalog.pipeline_dir() == tmp_path


def test_what_the_image_fetches_has_one_time_and_leaves_nothing_else(tmp_path: Path) -> None:
    tools, temporary = tmp_path / "tools", tmp_path / "tmp"
    (tools / "python").mkdir(parents=True)
    (temporary / "left").mkdir(parents=True)
    fetched = f"echo x >> {tools}/jar; ln -sf jar {tools}/link; echo {{}} > {tools}/probes.json"
    done = subprocess.run(
        [ROOT / "docker" / "fetch", "sh", "-c", fetched],
        env={
            "PATH": "/usr/bin:/bin",
            "STARGAZER_TOOLS": str(tools),
            "SOURCE_DATE_EPOCH": "1767225600",
            "TMPDIR": str(temporary),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tools.iterdir()} == {"python", "jar", "link"}
    assert {path.lstat().st_mtime for path in (tools, *tools.iterdir())} == {1767225600}
    assert list(temporary.iterdir()) == []


def test_a_fetch_that_fails_ends_the_build(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "STARGAZER_TOOLS": str(tmp_path), "SOURCE_DATE_EPOCH": "0"}
    environment["TMPDIR"] = str(tmp_path / "tmp")
    done = subprocess.run([ROOT / "docker" / "fetch", "false"], env=environment, check=False)
    assert done.returncode == 1


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = re.compile(
        r"pypi\.org|pythonhosted|maven\.org|repo1\.|registry\.npmjs|proxy\.golang|crates\.io/api"
    )
    files = [ROOT / "Dockerfile", *(ROOT / "docker").iterdir(), *WORKFLOWS]
    assert [file.name for file in files if hosts.search(file.read_text())] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_asks_for_little_and_ends(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "uses" in job or job["timeout-minutes"] <= 120, name
        assert "write-all" not in str(job.get("permissions")), name
    for step in steps(file):
        if action := step.get("uses"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", action)
            # Or whatever a step runs finds the job's token in the checkout.
            assert "/checkout@" not in action or step["with"]["persist-credentials"] is False
        # An expression in a script would be run as a part of it, whatever it holds.
        assert "${{" not in step.get("run", "")
    assert not re.search(r"secrets\.(?!GITHUB_TOKEN)", file.read_text())


def test_jobs_that_may_write_run_nothing_of_others() -> None:
    file = ROOT / ".github" / "workflows" / "release.yml"
    jobs = yaml.safe_load(file.read_text())["jobs"]
    trusted = {name: job for name, job in jobs.items() if "write" in str(job.get("permissions"))}
    assert trusted.keys() == {"attest-wheel", "images", "command-line", "publish", "release"}
    for name, job in trusted.items():
        for step in job["steps"]:
            # A tag can be moved to other code; the version is a comment.
            action = step.get("uses", "@" + "0" * 40)
            assert re.fullmatch(r".*@[0-9a-f]{40}", action), name
            assert not re.search(r"\b(?:pip|pytest|npm|cargo|stargazer) ", step.get("run", "")), name
            # By its name alone, an artifact may be what another job put in its place.
            if "/download-artifact@" in action and name != "release":
                assert step["with"].keys() >= {"artifact-ids"}, name
    assert all("#" in line for line in file.read_text().splitlines() if re.search(r"@[0-9a-f]{40}", line))


def test_what_a_release_installs_to_build_with_is_locked() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    for name in ("wheel", "build-images"):
        run = "\n".join(step.get("run", "") for step in jobs[name]["steps"])
        installs = re.findall(r"pip install (.*)", run)
        assert installs, name
        for options in installs:
            assert "--require-hashes" in options or "--no-deps --no-index" in options, name


def test_the_page_of_a_release_gets_each_file_once(tmp_path: Path) -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    [script] = [step["run"] for step in jobs["release"]["steps"] if "run" in step]
    made = [
        *(f"parts/wheel/stargazer-1.2.3{end}" for end in ("-py3-none-any.whl", ".tar.gz")),
        "parts/release-images/images.lock.json",
        "parts/release-images/images.sha256",
        "parts/release-images/sbom/bwa-0.7.17-abc.cdx.json",
        "parts/release-command-line-cli/stargazer-cli.digest",
        "parts/release-command-line-cli/sbom/stargazer-1.2.3.spdx.json",
        "parts/release-command-line-full/stargazer-full.digest",
        "parts/release-command-line-full/sbom/stargazer-1.2.3-full.spdx.json",
    ]
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\nfor each; do [ ! -f "$each" ] || echo "${each##*/}"; done\n')
    gh.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{gh.parent}:/usr/bin:/bin", "VERSION": "1.2.3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = {Path(name).name for name in made} - {"images.sha256"} | {"sha256sums.txt"}
    assert sorted(done.stdout.split()) == sorted(wanted)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_names_only_what_there_is(file: Path) -> None:
    run = scripts(file)
    for path in re.findall(r"(?<![\w/.$-])((?:scripts|tests|docker|\.ci)/[\w./-]+)", run):
        assert (ROOT / path).exists(), path
    workflow = yaml.safe_load(file.read_text())
    for job in workflow["jobs"].values():
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file()
        known = {step["id"] for step in job.get("steps", []) if "id" in step}
        assert set(re.findall(r"steps\.(\w+)\.", str(job))) <= known
        needed = job.get("needs", [])
        needed = {needed} if isinstance(needed, str) else set(needed)
        assert needed <= set(workflow["jobs"])
        assert set(re.findall(r"needs\.([\w-]+)\.", str(job))) <= needed
    # Of pull requests' paths, too: one that no longer is there would switch the workflow off.
    triggers = workflow[True]  # YAML reads `on` as a truth value
    for path in (triggers.get("pull_request") or {}).get("paths", []):
        assert (ROOT / path.removesuffix("/**")).exists(), path
    for extras in re.findall(r"\.\[([\w,]+)\]'", run):
        assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_commands_of_stargazer_in_a_workflow_exist(file: Path) -> None:
    text = (
        scripts(file)
        + "\n"
        + "\n".join(
            f"stargazer {each['smoke']}"
            for job in yaml.safe_load(file.read_text())["jobs"].values()
            for each in job.get("strategy", {}).get("matrix", {}).get("include", [])
        )
    )
    for line in re.findall(r"(?<![\w/.-])stargazer ([a-z-][^\n|]*)", text):
        words = line.split()
        command = [word for word in words[:2] if not word.startswith("-")] if words[0] != "--version" else []
        shown = CliRunner().invoke(root, [*command, "--help"])
        assert shown.exit_code == 0, line
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"{option}\b", shown.output), f"{option} in: stargazer {line}"


def test_profiles_in_workflows_exist() -> None:
    profiles = {name for file in WORKFLOWS for name in re.findall(r"--profile (\w+)", scripts(file))}
    assert profiles == {"podman"}
    for profile in profiles:
        catalog.check_profile(profile)


ENGINE = """#!/bin/sh
echo "$*" >> "{calls}"
case "$*" in
    {failing}) echo denied >&2; exit 1 ;;
    push*) echo "0.7.17: digest: sha256:{digest} size: 529" ;;
esac
"""


def publish(tmp_path: Path, *, failing: str = "nothing") -> subprocess.CompletedProcess[str]:
    """Publish one image by a stand-in for docker, which notes what it is asked for."""
    entry = {"tag": "stargazer/bwa:0.7.17-abc", "digest": "sha256:0", "inputs": "abc"}
    (tmp_path / "lock.json").write_text(json.dumps({"docker": {"stargazer/bwa:0.7.17": entry}, "podman": {}}))
    docker = tmp_path / "docker"
    docker.write_text(ENGINE.format(calls=tmp_path / "calls", digest="2" * 64, failing=failing))
    docker.chmod(0o755)
    command = [sys.executable, ROOT / "scripts" / "publish_images.py", "ghcr.io/Me"]
    return subprocess.run(
        [*command, "--lock", tmp_path / "lock.json", "--out", tmp_path / "out"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_images_are_pushed_by_both_names_and_their_digest_is_noted(tmp_path: Path) -> None:
    done = publish(tmp_path)
    assert done.returncode == 0, done.stderr
    pushed = re.findall(r"^push (\S+)$", (tmp_path / "calls").read_text(), re.M)
    assert pushed == ["ghcr.io/me/stargazer/bwa:0.7.17-abc", "ghcr.io/me/stargazer/bwa:0.7.17"]
    lock = json.loads((tmp_path / "out" / "images.lock.json").read_text())
    assert lock["docker"]["stargazer/bwa:0.7.17"] == {
        "tag": "stargazer/bwa:0.7.17-abc",
        "digest": "sha256:0",
        "inputs": "abc",
        "published": f"ghcr.io/me/stargazer/bwa@sha256:{'2' * 64}",
    }
    assert (tmp_path / "out" / "images.sha256").read_text() == f"{'2' * 64}  ghcr.io/me/stargazer/bwa\n"


def test_an_image_that_is_not_pushed_ends_the_release(tmp_path: Path) -> None:
    done = publish(tmp_path, failing="push*abc")
    assert done.returncode == 1
    assert "denied" in done.stderr and "docker push ghcr.io/me/stargazer/bwa:0.7.17-abc failed" in done.stderr
    assert not (tmp_path / "out").exists()

import json
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stargazer_cli import __version__, catalog
from stargazer_cli.errors import StargazerError, UsageError
from stargazer_cli.images import lock
from stargazer_cli.runs import execute, launch, record
from stargazer_cli.runs.ingest import Made
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.recipe import RecipeSpec
from stargazer_cli.runs.reproduce import site_to_reproduce
from stargazer_cli.runs.site import Site, find_site, images_of, site_of_record
from stargazer_cli.runs.versions import settled
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore
from stargazer_cli.tools import scanpy_env

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
SCANPY = "stargazer/scanpy:1.11.5"
Podman = Callable[..., None]


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Podman:
    """Put a Podman on PATH that has the images it is told to, each with its digest."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    monkeypatch.delenv("STARGAZER_CONTAINER_REGISTRY", raising=False)
    monkeypatch.setattr(lock, "lock_file", lambda _tools: tmp_path / "images.lock.json")

    def has(images: Mapping[str, str], wrong: str = "") -> None:
        tags = {name if name.startswith("ghcr") else f"localhost/{name}": images[name] for name in images}
        answers = [f"echo '{digest}\t{ARCHITECTURE}\t1\t[\"{tag}\"]'" for tag, digest in tags.items()]
        script = bin_ / "podman"
        script.write_text(
            "#!/bin/sh\n"
            "case $1 in --version) echo podman version 4.3.1; exit ;; info) echo /; exit ;; esac\n"
            + "\n".join(answers)
            + f"\necho '{wrong or 'Error: inspecting object: x: image not known'}' >&2\nexit 125\n"
        )
        script.chmod(0o755)

    has({})
    return has


@pytest.fixture
def failed(store: LocalStore, settings: Settings, podman: Podman) -> record.RunFolder:
    """A run that was planned by the code and with the images of today, and failed."""
    podman(dict.fromkeys(images_of("prepare_reference"), "0123"))
    site = find_site(settings, store, "podman", "prepare_reference", "bwa")
    folder = record.create(site.runs, "prepare_reference", "abc1234")
    spec = RecipeSpec(stage="samtools_faidx", subject="", tasks=("samtools_faidx",), sources=())
    kept = record.new_record(
        folder,
        Plan(workflow="prepare_reference", subject="b", parameters={"aligner": "bwa"}, recipes=[spec]),
        profile="podman",
        commit="abc1234",
        versions=site.versions,
        tools={},
    )
    kept.status = "failed"
    folder.save(kept)
    return folder


def _edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def test_a_run_of_the_same_code_may_go_on(
    store: LocalStore, settings: Settings, failed: record.RunFolder
) -> None:
    assert site_of_record(settings, store, failed.run_id).profile == "podman"


def test_a_run_of_a_task_alone_may_go_on(store: LocalStore, settings: Settings, podman: Podman) -> None:
    podman(dict.fromkeys(images_of("bwa_mem"), "0123"))
    site = find_site(settings, store, "podman", "bwa_mem")
    folder = record.create(site.runs, "bwa_mem", "abc1234")
    spec = RecipeSpec(stage="bwa_mem", subject="s", tasks=("bwa_mem",), sources=(), alone=True)
    kept = record.new_record(
        folder,
        Plan(workflow="bwa_mem", subject="s", parameters={"task": "bwa_mem"}, recipes=[spec]),
        profile="podman",
        commit="abc1234",
        versions=site.versions,
        tools={},
    )
    kept.status = "failed"
    folder.save(kept)
    record.check_workflow(folder.load())
    assert site_of_record(settings, store, folder.run_id).versions == site.versions
    podman(dict.fromkeys(images_of("bwa_mem"), "0456"))
    with pytest.raises(UsageError, match="tools of bwa_mem changed"):
        site_of_record(settings, store, folder.run_id)


def test_a_run_that_older_scripts_planned_does_not_go_on(
    store: LocalStore, settings: Settings, failed: record.RunFolder
) -> None:
    _edit(failed.path / "run.json", failed.load().scripts["samtools_faidx"], "0" * 64)
    with pytest.raises(UsageError, match="script of samtools_faidx changed"):
        site_of_record(settings, store, failed.run_id)


def test_a_run_of_other_images_does_not_go_on(
    store: LocalStore, settings: Settings, failed: record.RunFolder, podman: Podman
) -> None:
    podman(dict.fromkeys(images_of("prepare_reference"), "0456"))
    with pytest.raises(UsageError, match="tools of samtools_faidx changed"):
        site_of_record(settings, store, failed.run_id)


def test_a_run_whose_images_are_gone_says_so(
    store: LocalStore, settings: Settings, failed: record.RunFolder, podman: Podman
) -> None:
    podman({})
    with pytest.raises(StargazerError, match="is not built for podman"):
        site_of_record(settings, store, failed.run_id)


def test_a_run_is_not_reproduced_without_its_images(
    store: LocalStore, settings: Settings, failed: record.RunFolder, podman: Podman
) -> None:
    kept = failed.load()
    kept.status = "done"
    failed.save(kept)
    podman({})
    # The other tasks of the workflow need other images, and are no part of this run.
    image = catalog.tasks()["samtools_faidx"].image
    with pytest.raises(StargazerError) as refused:
        site_to_reproduce(settings, store, failed.run_id)
    assert str(refused.value) == f"{image} is not built for podman."


SCRNA = "scrna_clustering_pipeline"


def test_a_workflow_plans_with_the_versions_of_its_own_tools(
    store: LocalStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def find(*arguments: object) -> tuple[scanpy_env.Python, str]:
        asked.append("python3")
        libraries = catalog.tools_of(SCRNA)
        return scanpy_env.Python(Path("/x/python3"), "own", dict.fromkeys(libraries, "1.0")), ""

    monkeypatch.setattr(scanpy_env, "find", find)
    germline = find_site(settings, store, "local", "prepare_reference", "bwa")
    assert (asked, "scanpy" in germline.toolbox.tools) == ([], False)
    assert set(germline.versions) == set(catalog.workflows()["prepare_reference"].tasks)
    cells = find_site(settings, store, "local", SCRNA)
    assert asked == ["python3"]
    assert cells.needed == ("java", "nextflow", "scanpy")
    assert not {"gatk", "samtools", "bwa"} & set(cells.toolbox.tools)
    assert cells.versions["cluster"] == dict.fromkeys(catalog.tasks()["cluster"].tools, "1.0")


@pytest.mark.parametrize("task", ["bwa_mem", "bwa_mem2_mem", "multiqc"])
def test_a_task_alone_needs_its_own_tools(store: LocalStore, settings: Settings, task: str) -> None:
    tools = catalog.tasks()[task].tools
    site = find_site(settings, store, "local", task)
    assert site.needed == ("java", "nextflow", *tools)
    assert set(site.versions) == {task}
    assert images_of(task, site.without) == (catalog.tasks()[task].image,)


def test_a_tool_of_one_task_that_is_missing_is_told_as_any_other(
    store: LocalStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StargazerError, match="bwa-mem2") as error:
        find_site(settings, store, "local", "bwa_mem2_mem").require_tools()
    # There is no other aligner to take.
    assert "--aligner" not in f"{error.value.message} {error.value.hint}"


def test_in_containers_the_image_is_the_version(
    store: LocalStore, settings: Settings, podman: Podman
) -> None:
    podman({SCANPY: "0123"})
    site = find_site(settings, store, "slurm,podman", SCRNA)
    assert site.needed == ("java", "nextflow", "podman")
    assert site.images == {SCANPY: "sha256:0123"}
    assert site.versions["cluster"] == {"image": "sha256:0123"}
    assert "scanpy" not in site.toolbox.tools
    site.require_images()


def test_an_image_that_moves_during_a_run_is_told(
    store: LocalStore, settings: Settings, podman: Podman
) -> None:
    images = images_of("prepare_reference", {"bwa-mem2"})
    podman(dict.fromkeys(images, "0123"))
    site = find_site(settings, store, "podman", "prepare_reference", "bwa")
    assert site.changed_images() == ()
    moved = catalog.tasks()["samtools_faidx"].image
    podman({image: "0456" if image == moved else "0123" for image in images})
    assert site.changed_images() == (moved,)
    assert site.changed_images(["bwa_index"]) == ()
    # One that was removed after the last task ran.
    podman({})
    assert site.changed_images() == ()
    podman({}, "Error: opening database /x: no space left on device")
    with pytest.raises(StargazerError, match="no space"):
        site.changed_images()


@pytest.mark.parametrize("wrong", ["", "Error: opening database /x: no space left on device"])
def test_an_image_that_is_not_there_is_an_error_only_where_it_is_needed(
    store: LocalStore, settings: Settings, podman: Podman, wrong: str
) -> None:
    podman({}, wrong)
    site = find_site(settings, store, "podman", SCRNA)
    assert site.images == {}
    assert site.versions["cluster"] == {"image": SCANPY}
    with pytest.raises(StargazerError, match="no space" if wrong else f"{SCANPY} is not built for podman"):
        site.require_images()
    site.require_images(tasks=[])


def test_only_the_images_of_the_chosen_aligner_are_needed() -> None:
    chosen = images_of("preprocess_sample", {"bwa-mem2"})
    assert any(image.startswith("stargazer/bwa:") for image in chosen)
    assert not any("bwamem2" in image for image in chosen)
    assert images_of("preprocess_sample", tasks=["samtools_faidx"]) == (
        catalog.tasks()["samtools_faidx"].image,
    )


def note(settings: Settings, digests: Mapping[str, str]) -> None:
    """Write into the lock file what was built with Podman."""
    built = {name: {"digest": digest} for name, digest in digests.items()}
    lock.lock_file(settings.tools).write_text(json.dumps({"podman": built}))


def test_what_was_built_here_is_reused_while_the_engine_is_down(
    store: LocalStore, settings: Settings, podman: Podman
) -> None:
    podman({SCANPY: "0123"})
    then = find_site(settings, store, "podman", SCRNA)
    note(settings, {SCANPY: "sha256:0123"})
    for wrong in ("Error: opening database /x: no space left on device", ""):
        podman({}, wrong)
        site = find_site(settings, store, "podman", SCRNA)
        assert (site.images, site.versions) == (then.images, then.versions)
        with pytest.raises(
            StargazerError, match="no space" if wrong else f"{SCANPY} is not built for podman"
        ):
            site.require_images()
    # What is here counts, where another one was built later and moved away.
    podman({SCANPY: "0456"})
    assert find_site(settings, store, "podman", SCRNA).images == {SCANPY: "sha256:0456"}
    lock.lock_file(settings.tools).write_text("{")
    podman({})
    assert find_site(settings, store, "podman", SCRNA).images == {}


PULLED = f"ghcr.io/group/{SCANPY}"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, podman: Podman) -> Settings:
    """Settings that name a registry."""
    monkeypatch.setenv("STARGAZER_CONTAINER_REGISTRY", "ghcr.io/group")
    podman({})
    return Settings()


def test_images_of_a_registry_need_not_be_here(store: LocalStore, registry: Settings) -> None:
    site = find_site(registry, store, "podman", SCRNA)
    # A release moves the name.
    assert site.versions["cluster"] == {"image": f"{PULLED} of stargazer {__version__}"}
    assert site.images == {}
    site.require_images()
    assert site.toolbox.environment()["STARGAZER_CONTAINER_REGISTRY"] == "ghcr.io/group"


def test_two_engines_are_one_too_many(store: LocalStore, registry: Settings) -> None:
    with pytest.raises(UsageError, match="profiles podman and docker exclude each other"):
        find_site(registry, store, "slurm,podman,docker", SCRNA)


@pytest.mark.parametrize("cloud", ["awsbatch", "googlebatch", "kubernetes"])
def test_a_cloud_runs_images_of_the_registry_and_needs_no_tool_of_a_task_here(
    store: LocalStore, registry: Settings, cloud: str
) -> None:
    site = find_site(registry, store, cloud, SCRNA)
    assert site.needed == ("java", "nextflow")
    assert site.versions["cluster"] == {"image": f"{PULLED} of stargazer {__version__}"}
    assert site.engine == ""


def test_what_a_run_pulls_is_known_by_its_digest_afterwards(
    store: LocalStore, registry: Settings, podman: Podman
) -> None:
    site = find_site(registry, store, "podman", SCRNA)
    assert site.images_after() == {}
    podman({PULLED: "0123"})
    pulled = site.images_after()
    assert (pulled, site.changed_images()) == ({PULLED: "sha256:0123"}, ())
    later = find_site(registry, store, "podman", SCRNA)
    # The first result has the recipe that the next run looks for.
    assert settled(site.versions, pulled) == settled(later.versions, {}) == later.versions
    assert later.images == later.images_after() == pulled
    podman({PULLED: "0456"})
    assert later.changed_images() == (PULLED,)
    podman({}, "Error: opening database /x: no space left on device")
    assert site.images_after() == {}


def _go_on(site: Site, folder: record.RunFolder, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Carry a run out as though Nextflow had, and return what would be stored."""
    stored: list[Made] = []
    monkeypatch.setattr(launch, "run", lambda *_arguments, **_options: 0)

    def ingest(_store: LocalStore, made: Made) -> list[object]:
        stored.append(made)
        return []

    monkeypatch.setattr(execute, "ingest", ingest)
    execute.resume(site, folder.run_id, lambda _line: None)
    return stored[0]


def test_a_run_that_pulled_its_images_may_go_on(
    store: LocalStore,
    registry: Settings,
    failed: record.RunFolder,
    podman: Podman,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = failed.load()
    podman({})
    kept.planned_versions = find_site(registry, store, "podman", kept.workflow, "bwa").versions
    failed.save(kept)
    podman({f"ghcr.io/group/{image}": "0123" for image in images_of(kept.workflow)})
    site = site_of_record(registry, store, failed.run_id)
    assert site.versions["samtools_faidx"] == {"image": "sha256:0123"}
    # What it then makes has the recipe that the next run looks for.
    done = _go_on(site, failed, monkeypatch)
    assert done.versions["samtools_faidx"] == site.versions["samtools_faidx"]
    assert failed.load().images[f"ghcr.io/group/{catalog.tasks()['samtools_faidx'].image}"] == "sha256:0123"


def test_a_run_does_not_go_on_without_its_images(
    store: LocalStore, settings: Settings, failed: record.RunFolder, podman: Podman
) -> None:
    note(settings, dict.fromkeys(images_of("prepare_reference"), "sha256:0123"))
    podman({})
    with pytest.raises(StargazerError, match="is not built for podman"):
        site_of_record(settings, store, failed.run_id)

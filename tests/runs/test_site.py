from pathlib import Path

import pytest

from stargazer_cli import catalog
from stargazer_cli.errors import UsageError
from stargazer_cli.runs import record
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.recipe import RecipeSpec
from stargazer_cli.runs.site import find_site, site_of_record
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore
from stargazer_cli.tools import scanpy_env


@pytest.fixture
def failed(store: LocalStore, settings: Settings) -> record.RunFolder:
    """A run that was planned by the code of today, and failed."""
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


def test_a_run_that_older_scripts_planned_does_not_go_on(
    store: LocalStore, settings: Settings, failed: record.RunFolder
) -> None:
    _edit(failed.path / "run.json", failed.load().scripts["samtools_faidx"], "0" * 64)
    with pytest.raises(UsageError, match="script of samtools_faidx changed"):
        site_of_record(settings, store, failed.run_id)


def test_a_run_of_other_images_does_not_go_on(
    store: LocalStore, settings: Settings, failed: record.RunFolder
) -> None:
    image = failed.load().planned_versions["samtools_faidx"]["image"]
    _edit(failed.path / "run.json", image, "stargazer/samtools:1.0")
    with pytest.raises(UsageError, match="tools of samtools_faidx changed"):
        site_of_record(settings, store, failed.run_id)


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


def test_in_containers_the_image_is_the_version(store: LocalStore, settings: Settings) -> None:
    site = find_site(settings, store, "slurm,podman", SCRNA)
    assert site.needed == ("java", "nextflow", "podman")
    assert site.versions["cluster"] == {"image": "stargazer/scanpy:1.11.5"}
    assert "scanpy" not in site.toolbox.tools

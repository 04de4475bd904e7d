from pathlib import Path

import pytest

from stargazer_cli.errors import UsageError
from stargazer_cli.runs import record
from stargazer_cli.runs.plan import Plan
from stargazer_cli.runs.recipe import RecipeSpec
from stargazer_cli.runs.site import find_site, site_of_record
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore


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

import math

import pytest

from stargazer_cli import catalog
from stargazer_cli.errors import UsageError
from stargazer_cli.runs.germline import Request, plan
from stargazer_cli.runs.site import find_site
from stargazer_cli.settings import Settings
from stargazer_cli.store import LocalStore


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("sample_ploidy", 0, "at least 1"),
        ("sample_ploidy", -3, "at least 1"),
        ("sample_ploidy", 100_000, "at most 100"),
        ("stand_call_conf", math.nan, "finite"),
        ("stand_call_conf", -1.0, "at least 0"),
        ("pcr_indel_model", "SOME", "one of NONE"),
    ],
)
def test_a_parameter_that_the_pipeline_would_refuse_begins_no_run(
    store: LocalStore, name: str, value: object, problem: str
) -> None:
    request = Request(
        workflow="germline_short_variant_discovery", build="b", samples=("a",), parameters={name: value}
    )
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} .*{problem}"):
        plan(store, request, {})


@pytest.mark.parametrize("size", ["nonsense", "8", "0 GB", "8 GB; id", "-1 GB"])
def test_a_size_of_memory_that_is_none_is_refused(store: LocalStore, size: str) -> None:
    request = Request(workflow="prepare_reference", build="b", options={"max_memory": size})
    with pytest.raises(UsageError, match=r"--max-memory .*memory is given as 16 GB"):
        plan(store, request, {})


def test_an_empty_build_is_refused(store: LocalStore) -> None:
    with pytest.raises(UsageError, match=r"--build '': is empty"):
        plan(store, Request(workflow="prepare_reference", build=""), {})


@pytest.mark.parametrize("profile", ["nonsense", "", "local,", "slurm, podman", "-c"])
def test_a_profile_that_nobody_defines_is_refused(
    store: LocalStore, settings: Settings, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NXF_HOME", str(settings.local))
    with pytest.raises(UsageError, match="There is no profile") as error:
        find_site(settings, store, profile, "prepare_reference", "bwa")
    assert error.value.hint is not None
    assert "podman" in error.value.hint


def test_a_profile_of_the_user_s_own_configuration_is_taken(
    store: LocalStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NXF_HOME", str(settings.local))
    settings.local.mkdir(parents=True)
    (settings.local / "config").write_text(
        "profiles {\n  our_cluster {\n    process.executor = 'slurm'\n  }\n}\n"
    )
    assert find_site(settings, store, "our_cluster", "prepare_reference", "bwa").profile == "our_cluster"


def test_the_profiles_are_those_of_the_configuration() -> None:
    assert {"local", "docker", "podman", "apptainer", "conda", "slurm"} <= set(catalog.profiles())

"""MultiQC: found on PATH, or fetched from its lock file; not asked for by a run without a report."""

import re
import shutil
import sys

import pytest

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import ensure, locate, multiqc_env, tools_for, wheels
from stargazer_cli.tools.spec import MULTIQC_VERSION

GERMLINE = "germline_short_variant_discovery"


@pytest.fixture
def installed(monkeypatch):
    """The installer, replaced: it makes a `multiqc` and notes how it was called."""
    calls = []

    def make(lock, place, options, *, begin, **_):
        begin()
        calls.append((lock, tuple(options)))
        (place / "bin" / "multiqc").write_text("#!/bin/sh\necho 'multiqc, version 1.28'\n")
        (place / "bin" / "multiqc").chmod(0o755)

    monkeypatch.setattr(wheels, "install", make)
    return calls


def test_the_multiqc_of_path_is_taken(machine, installed):
    path = machine.add("multiqc", "echo 'multiqc, version 1.30'")
    box = ensure(machine.settings, ["multiqc"], yes=True, echo=print)
    assert (box.tools["multiqc"].path, box.tools["multiqc"].version) == (path, "1.30")
    assert not installed


@pytest.mark.parametrize(
    ("says", "note"),
    [("multiqc, version 1.9", "1.9 on PATH is older than 1.25"), ("", "does not answer")],
)
def test_one_that_will_not_do_is_fetched_instead_and_comes_first(machine, installed, says, note):
    machine.add("multiqc", f"echo '{says}'")
    tool = locate(machine.settings, ["multiqc"]).tools["multiqc"]
    assert tool.path is None
    assert tool.note.endswith(note)
    assert tool.command_to_get == "stargazer setup germline"
    lines: list[str] = []
    box = ensure(machine.settings, ["multiqc"], yes=True, echo=lines.append)
    found = box.tools["multiqc"]
    assert (found.origin, found.version) == ("fetched", MULTIQC_VERSION)
    assert shutil.which("multiqc", path=box.environment()["PATH"]) == str(found.path)
    # The lock leaves out what MultiQC says that it needs.
    assert installed == [(multiqc_env.ENVIRONMENT.lock, ("--no-deps",))]
    assert lines == ["Fetching multiqc 1.28 and its libraries: 70 MB, on disk 240 MB."]
    ensure(machine.settings, ["multiqc"], yes=True, echo=lines.append)
    assert len(installed) == 1


def test_a_python_that_it_does_not_run_on_is_told_the_ways_out(machine, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
    with pytest.raises(StargazerError, match=r"multiqc 1\.28 .* run on Python 3\.11 to 3\.13") as caught:
        multiqc_env.ENVIRONMENT.fetch(machine.tools, print)
    assert "--skip-report" in str(caught.value.hint)


def test_the_lock_pins_the_release_without_what_the_report_does_not_use():
    text = multiqc_env.ENVIRONMENT.lock.read_text()
    locked = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.M))
    assert locked["multiqc"] == MULTIQC_VERSION
    assert not set(multiqc_env.LEFT_OUT) & set(locked)
    assert not {"polars", "pyarrow"} & set(locked)
    pinned = re.split(r"^(?=[\w-]+==)", text, flags=re.M)[1:]
    assert all("--hash=sha256:" in package for package in pinned)


def test_a_run_without_a_report_needs_no_multiqc():
    assert "multiqc" in tools_for("local", GERMLINE, "bwa")
    assert "multiqc" not in tools_for("local", GERMLINE, "bwa", without=("multiqc",))
    assert "multiqc" not in tools_for("local", "preprocess_sample", "bwa")

import os
from pathlib import Path

import click
import pytest

from stargazer_cli.tools import ensure, locate, system

APT_CACHE = 'case " $HAS " in *" $3 "*) echo "Package: $3";; *) exit 100;; esac'
# Installs a fake tool for each package that it is given.
INSTALL = """
PATH=/usr/bin:/bin
[ "$HANG_UP" ] && [ ! -e "$LOG.once" ] && : > "$LOG.once" && echo 'E: 404 Not Found' && exit 100
for package in "$@"; do
    case $package in
        bwa|samtools|bcftools)
            printf '#!/bin/sh\\necho "Version: 1.21"\\n' > "$BIN/$package"
            chmod +x "$BIN/$package";;
    esac
done
"""


@pytest.fixture
def apt(machine, monkeypatch, tmp_path):
    """A Debian machine with package lists, as root, without a terminal."""
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "main_Packages").touch()
    monkeypatch.setattr(system, "_APT_LISTS", lists)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("BIN", str(machine.bin))
    monkeypatch.setenv("HAS", "bwa samtools bcftools")
    machine.add("apt-cache", APT_CACHE)
    machine.add("apt-get", INSTALL)
    return machine


def get(machine, names: list[str], *, yes: bool = True):
    lines: list[str] = []
    box = ensure(machine.settings, names, yes=yes, echo=lines.append)
    return box, lines


def changes(machine) -> list[str]:
    """What was really changed: the calls that are not questions."""
    return [call for call in machine.calls() if call.startswith(("apt-get", "sudo", "micromamba create"))]


def test_root_installs_what_is_missing_and_says_so(apt):
    apt.add("samtools", "echo samtools 1.16.1")
    box, lines = get(apt, ["bwa", "samtools", "bcftools"])
    assert not box.missing(["bwa", "samtools", "bcftools"])
    command = "apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends bwa bcftools"
    assert lines == [f"Running: {command}"]
    assert changes(apt) == [command]


def test_nothing_is_run_when_nothing_is_missing(apt):
    apt.add("bwa", "echo 'Version: 1'")
    get(apt, ["bwa"])
    assert changes(apt) == []


def test_a_failed_install_updates_the_lists_and_tries_once_more(apt, monkeypatch):
    monkeypatch.setenv("HANG_UP", "1")
    box, lines = get(apt, ["bwa"])
    assert not box.missing(["bwa"])
    assert [call.split()[3] for call in changes(apt)] == ["install", "update", "install"]
    assert "  E: 404 Not Found" in lines


def test_empty_package_lists_are_filled_first(apt, monkeypatch, tmp_path):
    (tmp_path / "lists" / "main_Packages").unlink()
    monkeypatch.setenv("HAS", "")
    get(apt, ["bwa"])
    assert [call.split()[3] for call in changes(apt)] == ["update"]


def test_who_is_not_root_gets_the_command_and_no_sudo_is_called(apt, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    apt.add("sudo", "exit 0")
    box, lines = get(apt, ["bwa", "bcftools"])
    assert changes(apt) == []
    sudo = "sudo apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends"
    assert f"Not root, so this is yours to run: {sudo} bwa bcftools" in lines
    assert [tool.command_to_get for tool in box.missing(["bwa", "bcftools"])] == [
        f"{sudo} bwa",
        f"{sudo} bcftools",
    ]


def test_a_terminal_is_asked_and_no_means_no(apt, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", lambda text, **_: asked.append(text) or False)
    box, _ = get(apt, ["bwa"], yes=False)
    assert len(asked) == 1
    assert "apt-get" in asked[0]
    assert changes(apt) == []
    assert box.missing(["bwa"])
    get(apt, ["bwa"], yes=True)
    assert len(asked) == 1
    assert changes(apt)


def test_what_the_distribution_lacks_is_left_for_conda_or_a_container(apt):
    box, lines = get(apt, ["bwa", "bwa-mem2"])
    assert not box.missing(["bwa"])
    (lacking,) = box.missing(["bwa-mem2"])
    assert "conda-forge -c bioconda bwa-mem2=" in lacking.command_to_get
    assert lines[-1] == "Not installed: bwa-mem2."
    apt.add("podman", "echo podman version 4.3.1")
    _, lines = get(apt, ["bwa-mem2"])
    assert lines[-1] == "Not installed: bwa-mem2. `--profile podman` runs with the images' own."


def test_the_distribution_that_has_bwa_mem2_is_named_for_it(apt, monkeypatch):
    monkeypatch.setenv("HAS", "bwa-mem2")
    assert locate(apt.settings, ["bwa-mem2"]).tools["bwa-mem2"].command_to_get.startswith("apt-get ")


MICROMAMBA = """
PATH=/usr/bin:/bin
[ "$1" = --version ] && echo 2.0.5 && exit 0
prefix=$4
mkdir -p "$prefix/bin"
[ "$CONDA_FAILS" ] && echo 'critical: no channel' && exit 1
for package in "$@"; do
    case $package in
        *=*)
            tool=$prefix/bin/${package%%=*}
            printf '#!/bin/sh\\necho "Version: 1.0"\\necho 2.2.1\\n' > "$tool"
            chmod +x "$tool";;
    esac
done
"""


def test_conda_gives_what_the_system_lacks(apt):
    apt.add("micromamba", MICROMAMBA)
    box, _ = get(apt, ["bwa", "bwa-mem2"])
    tool = box.tools["bwa-mem2"]
    assert (tool.origin, tool.version) == ("conda", "2.2.1")
    assert box.tools["bwa"].origin == "PATH"
    assert box.environment()["PATH"].split(os.pathsep)[0] == str(apt.tools / "conda" / "bin")
    (create,) = [call for call in changes(apt) if call.startswith("micromamba")]
    assert "--override-channels -c conda-forge -c bioconda bwa-mem2=2.2.1" in create


def test_a_second_conda_environment_keeps_the_tools_of_the_first(machine):
    machine.add("micromamba", MICROMAMBA)
    get(machine, ["bwa-mem2"])
    box, _ = get(machine, ["bwa"])
    assert not box.missing(["bwa"])
    assert (machine.tools / "conda" / "bin" / "bwa-mem2").exists()


def test_a_conda_environment_that_failed_is_not_used(machine, monkeypatch):
    monkeypatch.setenv("CONDA_FAILS", "1")
    machine.add("micromamba", MICROMAMBA)
    box, lines = get(machine, ["bwa"])
    assert box.missing(["bwa"])
    assert "  critical: no channel" in lines
    assert not (machine.tools / "conda").exists()


def test_the_package_manager_of_the_machine_is_chosen(machine, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert system.manager(os.environ) is None
    machine.add("brew", "")
    assert system.manager(os.environ).name == "brew"
    machine.add("dnf", "")
    assert system.manager(os.environ).name == "dnf"
    machine.add("apt-get", "")
    assert system.manager(os.environ).name == "apt-get"
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert system.manager(os.environ).name == "brew"


def test_package_names_follow_the_distribution(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.add("dnf", "")
    tools = locate(machine.settings, ["tabix", "samtools"]).tools
    assert tools["tabix"].command_to_get == "dnf install -y htslib-tools"
    assert tools["samtools"].command_to_get == "dnf install -y samtools"
    assert not Path(machine.tools / "conda").exists()

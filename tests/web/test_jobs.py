"""What takes long and belongs to the server."""

import threading
from collections.abc import Sequence
from typing import Any

from helpers.stand_in import wait_until

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

"""How quick `stargazer browse` is, by the number of assets: questions to its server, and the page itself.

python benchmarks/browser.py 1000 100000

Each question is asked over HTTP as the page asks it; the server is a process of its own. The page is looked
at by a real Chromium (on PATH): the time from an action until the table shows its answer. Medians, in
milliseconds; the last column is the last number of assets against the first.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from measure import machine, table
from metadata import OURS, fill

SIZES = [1_000, 10_000, 100_000]
REPEATS = 9
# The page's questions to its server.
QUESTIONS = {
    "first page": "assets?sort=-created_at&limit=50",
    "last page": "assets?sort=-created_at&limit=50&offset={last}",
    "a word": "assets?q=S77&limit=50",
    "a kind, by sample": "assets?kind=alignment&sort=sample_id&limit=50",
    "a field": "assets?where=sample_id%3DS7&limit=50",
    "values of a field": "keys/sample_id?q=S1",
    "one asset": "assets/{id}",
    "its graph": "graph/{cid}?direction=both&limit=200",
}
# JavaScript that is true once the table shows its answer; {0} is the number of assets that fit.
SHOWN = """(total) => !document.querySelector(".table-card[aria-busy]") &&
    document.querySelector(".pager > span")?.textContent.includes(` of ${total} asset`)"""


@contextmanager
def served(local: Path) -> Iterator[str]:
    """Start the server, and give its address with the token."""
    command = [sys.executable, "-m", "stargazer_cli", "browse", "--no-open"]
    environment = os.environ | {"STARGAZER_LOCAL": str(local)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment, text=True, **streams) as server:
        try:
            assert server.stdout is not None
            yield next(found[0] for line in server.stdout if (found := re.search(r"http://\S+", line)))
        finally:
            server.terminate()


def median(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Return the median time of some work in milliseconds."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def ask(address: str, count: int) -> dict[str, float]:
    """Time the questions, the first of all by itself: it reads the records."""
    parts = urlsplit(address)
    token = parts.query.removeprefix("token=")
    connection = http.client.HTTPConnection(parts.netloc)

    def get(question: str) -> Any:
        connection.request("GET", f"/api/{question}", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"{question}: {answer.status} {text[:500]!r}")
        return json.loads(text)

    timings = {"server: the very first": median(lambda: get("assets?limit=50"), 1)}
    chosen = get("assets?kind=alignment&limit=1")["assets"][0]
    known = {"last": count - 50, "id": chosen["id"], "cid": chosen["cid"]}
    for name, question in QUESTIONS.items():
        timings[f"server: {name}"] = median(lambda question=question: get(question.format(**known)))
    return timings


def look(address: str, count: int) -> dict[str, float]:
    """Time what a person waits for."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        sys.exit("There is no Chromium on PATH.")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        fitting = page.request.get(urljoin(address, "/api/assets?q=S77&limit=1")).json()["total"]

        def opened() -> None:
            page.goto("about:blank")
            page.goto(address)
            page.wait_for_function(SHOWN, arg=f"{count:,}")

        def clicked(button: str) -> None:
            page.get_by_role("button", name=button).click()
            page.wait_for_function(SHOWN, arg=f"{count:,}")

        def typed() -> None:
            search = page.get_by_role("searchbox", name="Search")
            search.fill("S77")
            page.wait_for_function(SHOWN, arg=f"{fitting:,}")
            search.fill("")
            page.wait_for_function(SHOWN, arg=f"{count:,}")

        timings = {"page: open": median(opened)}
        timings["page: next page"] = median(lambda: clicked("Next page"))
        timings["page: last page"] = median(lambda: (clicked("First page"), clicked("Last page"))) / 2
        timings["page: sort"] = median(lambda: clicked("Sample"))
        # Two searches; each waits 180 ms for the next letter before it asks.
        timings["page: search"] = median(typed) / 2
        browser.close()
    return timings


def measure(count: int) -> dict[str, float]:
    """Measure a store of so many assets."""
    with tempfile.TemporaryDirectory() as folder:
        fill(OURS, Path(folder), "", count)
        with served(Path(folder)) as address:
            return ask(address, count) | look(address, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("counts", nargs="*", type=int, default=SIZES, help="numbers of assets")
    counts = parser.parse_args().counts
    measured = {count: measure(count) for count in counts}
    print(machine())
    heads = ["milliseconds", *(f"{count:,}" for count in counts), "ratio"]
    first, last = measured[counts[0]], measured[counts[-1]]
    rows = [
        [name, *(f"{measured[count][name]:.1f}" for count in counts), f"{last[name] / first[name]:.2f}"]
        for name in first
    ]
    print(table(heads, rows))


if __name__ == "__main__":
    main()

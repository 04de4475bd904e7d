"""How quick records are found and added, by their number: plain TinyDB, the metadata file, PostgreSQL.

python benchmarks/metadata.py 1000 10000 100000 1000000
python tests/helpers/postgres.py python benchmarks/metadata.py     # with a server of its own

Each subject is measured in a process of its own, for each number of records. Plain TinyDB is left out where
it takes more than a minute. PostgreSQL takes part where --postgres or STARGAZER_DB names an empty database.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measure import machine, table

SIZES = [1_000, 10_000, 100_000, 1_000_000]
PLAIN, OURS, SERVER = "plain TinyDB", "stargazer", "PostgreSQL"
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
COMPANIONS = ("reference_index", "sequence_dict", "aligner_index")
MEASURES = ("open", "add one", "add 1,000", "query by two keys", "companions of one CID")
MEMORY = "memory (MB)"
TIMEOUT = 60.0


def records(count: int) -> Iterator[dict[str, Any]]:
    """Give records as a lab's store holds them: mostly of samples, each made from several others."""
    chance = random.Random(1)

    def cid() -> str:
        return "bafkrei" + "".join(chance.choices(LETTERS, k=52))

    for number in range(count):
        if number % 1_000 < len(COMPANIONS):
            keyvalues = {"asset": COMPANIONS[number % 1_000], "build": "GRCh38"}
        else:
            keyvalues = {
                "asset": ("r1", "r2", "alignment", "variants")[number % 4],
                "sample_id": f"S{number // 8}",
                "r1_cid": cid(),
                "tool": "mark_duplicates",
                "sorted": "coordinate",
                "duplicates_marked": "true",
                "bqsr_applied": "false",
            }
        reference = f"bafkrei{number // 1_000:052d}"  # one to a thousand records, with its three companions
        yield {
            "id": f"{number:016x}",
            "cid": cid(),
            "name": f"S{number // 8}.bam",
            "keyvalues": keyvalues | {"reference_cid": reference},
            "run_ids": [f"germline-0123456-{number // 1_000}"],
            "derived_from": [cid(), cid(), reference],
            "recipe": f"{number:064x}",
            "recipes": [f"{number:064x}"],
            "created_at": "2026-01-01T00:00:00+00:00",
            "owner": "",
        }


def fresh(count: int) -> list[dict[str, Any]]:
    """Return records that are not there yet."""
    unique = os.urandom
    return [record | {"id": unique(8).hex(), "cid": f"bafk{unique(20).hex()}"} for record in records(count)]


def seconds(work: Callable[[], Any], repeats: int = 1) -> float:
    """Return the median time of some work."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def memory() -> float:
    """Return the MB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def backend(subject: str, folder: Path, url: str) -> Any:
    """Return our records, in the file or on the server."""
    if subject == OURS:
        from stargazer_cli.store.metadata.json_file import JsonMetadata

        return JsonMetadata(folder)
    from stargazer_cli.store.metadata.postgres import PostgresMetadata

    return PostgresMetadata(url)


def fill(subject: str, folder: Path, url: str, count: int) -> None:
    """Put records where the subject keeps them; plain TinyDB's file is written as TinyDB would."""
    if subject == PLAIN:
        lines = (f'"{number}": {json.dumps(record)}' for number, record in enumerate(records(count), 1))
        with (folder / "plain.json").open("w") as file:
            file.write('{"assets": {' + next(lines))
            file.writelines(f", {line}" for line in lines)
            file.write("}}")
        return
    with backend(subject, folder, url).transaction() as table:
        table.truncate()
        table.insert_multiple(records(count))


def measure_plain(folder: Path) -> dict[str, float]:
    """Measure TinyDB as it comes."""
    from tinydb import TinyDB, where

    held = []

    def opened() -> None:
        held.append(TinyDB(folder / "plain.json").table("assets", cache_size=0))
        len(held[0])

    timings = {"open": seconds(opened)}
    [plain] = held
    keys = where("keyvalues")
    sample = (keys.asset == "alignment") & (keys.sample_id == "S7")
    reference = next(records(1))["keyvalues"]["reference_cid"]

    def companions() -> None:
        for kind in COMPANIONS:
            assert plain.search((keys.asset == kind) & (keys.reference_cid == reference))

    timings["query by two keys"] = seconds(lambda: plain.search(sample))
    timings["companions of one CID"] = seconds(companions)
    timings["add one"] = seconds(lambda: plain.insert(fresh(1)[0]))
    timings["add 1,000"] = seconds(lambda: plain.insert_multiple(fresh(1_000)))
    return timings


def measure_ours(subject: str, folder: Path, url: str) -> dict[str, float]:
    """Measure our table, over the file or the server."""
    from stargazer_cli.store.metadata.match import Match

    metadata = backend(subject, folder, url)
    # What a command does first; the modules are loaded before.
    timings = {"open": seconds(lambda: metadata.read().contains(Match({"cid": "none"})))}
    reference = next(records(1))["keyvalues"]["reference_cid"]

    def sample() -> None:
        assert metadata.read().search(Match({"asset": "alignment", "sample_id": "S7"}))

    def companions() -> None:
        for kind in COMPANIONS:
            assert metadata.read().search(Match({"asset": kind, "reference_cid": reference}))

    def add(count: int) -> None:
        given = fresh(count)
        with metadata.transaction() as table:
            table.search(Match({"cid": [record["cid"] for record in given]}))  # is it here already?
            table.insert_multiple(given)

    timings["query by two keys"] = seconds(sample, 9)
    timings["companions of one CID"] = seconds(companions, 9)
    timings["add one"] = seconds(lambda: add(1), 3)
    timings["add 1,000"] = seconds(lambda: add(1_000), 3)
    return timings


def measure(subject: str, folder: Path, url: str) -> dict[str, float]:
    timings = measure_plain(folder) if subject == PLAIN else measure_ours(subject, folder, url)
    return timings | {MEMORY: memory()}


def in_a_process(subject: str, step: str, folder: Path, url: str, count: int) -> dict[str, float] | None:
    """Run one step of this script on its own; None where plain TinyDB takes too long."""
    options = ["--step", step, "--subject", subject, "--folder", str(folder), str(count)]
    try:
        done = subprocess.run(
            [sys.executable, __file__, *options],
            env=os.environ | {"STARGAZER_DB": url},
            stdout=subprocess.PIPE,
            check=True,
            timeout=TIMEOUT if (subject, step) == (PLAIN, "measure") else None,
        )
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout) if done.stdout else {}


def shown(name: str, value: float | None) -> str:
    if value is None:
        return f"over {TIMEOUT:.0f} s"
    return (
        f"{value:.0f}" if name == MEMORY else f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.2f} ms"
    )


def compare(url: str, sizes: list[int], scratch: Path | None) -> None:
    """Measure every subject at every size, and print times and ratios."""
    subjects = [PLAIN, OURS, *([SERVER] if url else [])]
    results: dict[tuple[str, int], dict[str, float] | None] = {}
    for count in sizes:
        for subject in subjects:
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                # Larger than a size that took too long is not tried.
                known = [results[subject, size] for size in sizes if (subject, size) in results]
                if None not in known:
                    in_a_process(subject, "fill", Path(folder), url, count)
                    results[subject, count] = in_a_process(subject, "measure", Path(folder), url, count)
                    print(f"  {count:,}: {subject} done", file=sys.stderr)
                else:
                    results[subject, count] = None
    if url:
        with backend(SERVER, Path(), url).transaction() as records_made:
            records_made.truncate()
    for name in (*MEASURES, MEMORY):
        rows = []
        for count in sizes:
            values = {subject: (results[subject, count] or {}).get(name) for subject in subjects}
            plain, ours = values[PLAIN], values[OURS]
            ratio = f"{plain / ours:.1f}" if plain is not None and ours is not None else "-"
            rows.append([f"{count:,}", *(shown(name, values[subject]) for subject in subjects), ratio])
        print(f"\n**{name}**\n")
        print(table(["records", *subjects, f"{PLAIN} / {OURS}"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES, help="numbers of records")
    parser.add_argument(
        "--postgres", default=os.environ.get("STARGAZER_DB", ""), help="an empty database: postgresql://…"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the stores (default: the system's)")
    parser.add_argument("--step", choices=["fill", "measure"], help=argparse.SUPPRESS)
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "fill":
        fill(options.subject, options.folder, options.postgres, options.sizes[0])
    elif options.step == "measure":
        print(json.dumps(measure(options.subject, options.folder, options.postgres)))
    else:
        if options.postgres and len(backend(SERVER, Path(), options.postgres).read()):
            sys.exit("The database holds records: give an empty one, as this fills and empties it.")
        print(machine())
        compare(options.postgres, sorted(options.sizes), options.scratch)


if __name__ == "__main__":
    main()

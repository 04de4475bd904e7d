"""A stand-in for Nextflow, which does as a test tells it through files in the run's folder.

It writes what it does into `happened`. It waits for a file `go`, unless the variable STAND_IN says otherwise:
`fail` (a task fails), `stubborn` (it does not end when it is asked to), `at once` (it does not wait).
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

_SCRIPT = r"""#!{python}
import json, os, pathlib, signal, sys, time

if "-version" in sys.argv:
    sys.exit(print("nextflow version 25.04.4.5956"))
how = os.environ.get("STAND_IN", "")
given = dict(zip(sys.argv, sys.argv[1:]))


def note(word):
    with open("happened", "a") as file:
        print(word, file=file)


def end(*_):
    note("asked to end")
    if how != "stubborn":
        sys.exit(143)


signal.signal(signal.SIGTERM, end)
os.makedirs(".nextflow", exist_ok=True)
work = pathlib.Path(given["-work-dir"], "aa", "bbb")
work.mkdir(parents=True, exist_ok=True)
print("[aa/bbbbbb] Submitted process > STARGAZER:SAMTOOLS_FAIDX (r.fa)", flush=True)
note("started")  # with nothing more to print: who reads it may be killed now
if how == "fail":
    (work / ".command.err").write_text("the tool's last words\n")
    row = f"1\tSTARGAZER:SAMTOOLS_FAIDX\tr.fa\tFAILED\t2\t{{work}}\n"
    pathlib.Path(given["-with-trace"]).write_text("task_id\tprocess\ttag\tstatus\texit\tworkdir\n" + row)
    sys.exit(1)
while how != "at once" and not os.path.exists("go"):
    time.sleep(0.02)
parameters = json.load(open(given["-params-file"]))
made, published = work / "r.fa.fai", pathlib.Path(parameters["outdir"], "reference", "r.fa.fai")
made.write_text("chr1\t8\n")
published.parent.mkdir(parents=True, exist_ok=True)
published.unlink(missing_ok=True)
if parameters["publish_dir_mode"] == "link":
    os.link(made, published)
else:
    published.write_bytes(made.read_bytes())
fasta = parameters["fasta"]
line = {{
    "asset": "reference_index", "path": "reference/r.fa.fai", "task": "samtools_faidx", "build": "b",
    "tool": "samtools", "reference_cid": fasta, "derived_from": [fasta],
}}
(published.parent.parent / "assets.jsonl").write_text(json.dumps(line) + "\n")
note("done")
"""


def put_on_path(folder: Path) -> str:
    """Make the stand-in, and return a PATH on which it is the first."""
    folder.mkdir(exist_ok=True)
    script = folder / "nextflow"
    script.write_text(_SCRIPT.format(python=sys.executable))
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def happened(folder: Path) -> list[str]:
    """Return what the stand-in did in a run's folder."""
    file = folder / "happened"
    return file.read_text().splitlines() if file.exists() else []


def wait_until(true: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)

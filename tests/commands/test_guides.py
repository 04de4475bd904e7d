"""The transcripts in docs/guides are what the commands print: those of the store are run again, in order.

`PYTHONPATH=tests python tests/commands/test_guides.py` writes into the pages what they print now.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.pinata import TOKEN, Pinata
from helpers.postgres import programs, serve
from helpers.shell import FASTA, fastq, write

from stargazer_cli.store.metadata.address import Address

CHECKOUT = Path(__file__).parents[2]
GUIDES = CHECKOUT / "docs" / "guides"
BUNDLED = CHECKOUT / "stargazer_cli" / "demo" / "data" / "germline"
# As the pages show them.
HOME, LAB, SERVER = "/home/ada", "/lab/stargazer", "postgresql://stargazer@db.example.org/stargazer"
# A block of a terminal; or a command that readers need not see, which stands in a comment of the page.
STEP = re.compile(r"^```console\n(?P<block>.*?)^```$|^<!-- \$ (?P<hidden>[^\n]*) -->$", re.M | re.S)
# What needs the network, a run or another program: such a block stays as it is.
NOT_RUN = re.compile(r"^\$ (?:psql|unzip|stargazer (?:run |runs |bundles fetch))", re.M)
# What differs from run to run: ids of records, and times.
CHANGING = re.compile(r"\b[0-9a-f]{16}\b|\d{4}-?\d\d-?\d\dT[\d:.]+(?:Z|\+00:00)")


class Terminal:
    """Runs lines of a shell as a user with a home of their own would, in a folder of that home.

    `stands_for` says what stands in the pages for what is here; in what is printed, `also_printed` too.
    """

    def __init__(
        self,
        home: Path,
        *,
        stands_for: Mapping[str, str],
        also_printed: Mapping[str, str] | None = None,
        **environment: str,
    ) -> None:
        self.folder = home / "data"
        self.folder.mkdir(parents=True)
        self._here = {**stands_for, HOME: str(home)}
        self._printed = {**(also_printed or {}), **{here: page for page, here in self._here.items()}}
        self._environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PINATA_GATEWAY": "",
            **environment,
        }

    def __call__(self, line: str) -> str:
        """Return what a line prints on the terminal."""
        done = subprocess.run(
            ["bash", "-c", _replaced(line, self._here)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return _replaced(done.stdout, self._printed)


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for word, other in words.items():
        text = text.replace(word, other)
    return text


@contextmanager
def assets(home: Path) -> Iterator[Terminal]:
    """A folder with files of the demo, and a Pinata account."""
    server = Pinata()
    try:
        run = Terminal(
            home,
            stands_for={},
            PINATA_JWT=TOKEN,
            PINATA_API=server.url("api"),
            PINATA_UPLOADS=server.url("uploads"),
        )
        for name in ("reference.fa", *(path.name for path in BUNDLED.glob("child_*"))):
            shutil.copyfile(BUNDLED / name, run.folder / name)
        (run.folder / "incoming/tables").mkdir(parents=True)
        shutil.copyfile(BUNDLED / "truth.vcf", run.folder / "incoming/download")
        (run.folder / "incoming/.DS_Store").write_bytes(b"x")
        (run.folder / "incoming/tables/samples.tsv").write_text("sample\tsex\nchild\tf\n")
        (run.folder / "reference.fa.fai").write_text("chrA\t12600\t16\t60\t61\nchrB\t9000\t12842\t60\t61\n")
        yield run
    finally:
        server.close()


def stored(data: bytes) -> bytes:
    """Return gzip of one block that is not compressed: the same CID whichever zlib a machine has."""
    size = len(data).to_bytes(2, "little")
    block = b"\x01" + size + bytes(255 - byte for byte in size) + data
    end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + end


@contextmanager
def team_store(home: Path) -> Iterator[Terminal]:
    """A server with an empty database, and small files."""
    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL server on this machine (package postgresql)")
    with serve(found) as server:
        url = server.url(server.database())
        run = Terminal(
            home,
            stands_for={SERVER: url, LAB: str(home / "lab")},
            also_printed={
                str(Address(url)): SERVER,
                str(Address(url)).replace(f":{server.port}/", ":1/"): SERVER,
            },
        )
        write(run.folder / "GRCh38.fa", FASTA)
        for sample in ("NA1", "NA2"):
            for mate in ("1", "2"):
                reads = fastq(sample, f"{mate}:N:0:1").encode()
                (run.folder / f"{sample}_R{mate}.fq.gz").write_bytes(stored(reads))
        yield run


@contextmanager
def provenance(home: Path) -> Iterator[Terminal]:
    """The records of a run of the demo; a lineage asks for no more."""
    run = Terminal(home, stands_for={})
    page = (GUIDES / "provenance.md").read_text(encoding="utf-8")
    cids: dict[str, str] = dict(re.findall(r"(\S+)  (baf\w+)", page))
    lines: list[dict[str, object]] = [{"stargazer": 1}]
    for number, (name, (kind, links, made_from)) in enumerate(RECORDS.items()):
        keyvalues = {"asset": kind} | {key: cids[other] for key, other in links.items()}
        lines.append(
            {
                "id": f"{number:016x}",
                "cid": cids[name],
                "name": name,
                "keyvalues": keyvalues,
                "derived_from": [cids[other] for other in made_from],
            }
        )
    lines.append({"records": len(RECORDS)})
    (run.folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    yield run


# Of the files in the page: kind, links, and what each was made from.
RECORDS: dict[str, tuple[str, dict[str, str], Sequence[str]]] = {
    "mother_R1.fastq.gz": ("r1", {}, ()),
    "mother_R2.fastq.gz": ("r2", {}, ()),
    "reference.fa": ("reference", {}, ()),
    "demo_mother.bam": (
        "alignment",
        {"r1_cid": "mother_R1.fastq.gz", "reference_cid": "reference.fa"},
        ("mother_R1.fastq.gz", "mother_R2.fastq.gz", "reference.fa"),
    ),
    "demo_mother.duplicate_metrics.txt": ("duplicate_metrics", {"alignment_cid": "demo_mother.bam"}, ()),
    "demo_mother.bam.bai": ("alignment_index", {"alignment_cid": "demo_mother.bam"}, ("demo_mother.bam",)),
    "demo_mother.g.vcf.gz": ("variants", {}, ("demo_mother.bam",)),
    "demo_mother.g.vcf.gz.tbi": (
        "variants_index",
        {"variants_cid": "demo_mother.g.vcf.gz"},
        ("demo_mother.g.vcf.gz",),
    ),
    "demo_trio.vcf.gz": ("variants", {}, ("demo_mother.g.vcf.gz",)),
    "demo_trio.vcf.gz.tbi": ("variants_index", {"variants_cid": "demo_trio.vcf.gz"}, ("demo_trio.vcf.gz",)),
}


@contextmanager
def bundles(home: Path) -> Iterator[Terminal]:
    """A store with nothing in it, and no network."""
    yield Terminal(home, stands_for={})


# How many blocks of each page are run at least.
REPLAYED = {assets: 15, team_store: 4, provenance: 1, bundles: 1}
Setting = Callable[[Path], "contextmanager[Terminal]"]


def page_of(setting: Callable[..., object]) -> Path:
    return GUIDES / f"{setting.__name__.replace('_', '-')}.md"  # type: ignore[attr-defined]


def replayed(page: str, run: Terminal) -> str:
    """Return the page with what its commands print now."""

    def replay(step: re.Match[str]) -> str:
        if step["hidden"]:
            run(step["hidden"])
            return step[0]
        if NOT_RUN.search(step["block"]):
            return step[0]
        lines = [line for line in step["block"].splitlines() if line.startswith("$ ")]
        return "```console\n" + "".join(f"{line}\n{run(line[2:])}" for line in lines) + "```"

    return STEP.sub(replay, page)


@pytest.mark.parametrize("setting", REPLAYED, ids=lambda setting: setting.__name__)
def test_every_transcript_is_what_the_commands_print(setting: Setting, tmp_path: Path) -> None:
    page = page_of(setting).read_text(encoding="utf-8")
    blocks = [step["block"] for step in STEP.finditer(page) if step["block"]]
    assert sum(not NOT_RUN.search(block) for block in blocks) >= REPLAYED[setting]
    with setting(tmp_path / "home") as run:
        now = replayed(page, run)
    assert CHANGING.sub("…", now).splitlines() == CHANGING.sub("…", page).splitlines()


if __name__ == "__main__":
    for each in REPLAYED:
        with tempfile.TemporaryDirectory() as folder, each(Path(folder) / "home") as terminal:
            path = page_of(each)
            path.write_text(replayed(path.read_text(encoding="utf-8"), terminal), encoding="utf-8")

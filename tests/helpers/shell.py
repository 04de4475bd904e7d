"""What the tests of commands share: small files of each kind, and a shell that runs `stargazer` here."""

import gzip
import json
import os
import pty
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stargazer_cli.commands.main import cli

FASTA = ">chr1 test\nACGTACGT\n"
VCF = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
MATRIX = {"matrix.mtx": "%%MatrixMarket matrix\n", "barcodes.tsv": "AAA-1\n", "genes.tsv": "ENSG1\tA\n"}
BAM_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def fastq(name: str = "read1", comment: str = "", bases: str = "ACGT") -> str:
    header = f"@{name} {comment}".rstrip()
    return f"{header}\n{bases}\n+\n{'I' * len(bases)}\n" * 2


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def bgzf(data: bytes) -> bytes:
    """One BGZF block and the end mark."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    extra = b"BC\x02\x00" + (len(packed) + 25).to_bytes(2, "little")
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0" + extra
    tail = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return head + packed + tail + BAM_END


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs commands in this process, as `stargazer ARGS` would."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capture = capfd

    def __call__(self, *args: object) -> Result:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli([str(arg) for arg in args])
        out, err = self._capture.readouterr()
        return Result(int(ended.value.code or 0), out, err)

    def refuses(self, *args: object) -> str:
        """Run a command that must be refused as wrong usage, in an error of at most two lines."""
        result = self(*args)
        assert result.code == 2, result
        assert result.out == ""
        errors = result.err.splitlines()
        assert [line.split(":")[0] for line in errors] in (["Error"], ["Error", "Hint"])
        return result.err


def on_a_terminal(
    answer: bytes, *args: str, meanwhile: Callable[[], object] | None = None
) -> tuple[int, str]:
    """Run a command whose input, output and errors are a terminal.

    `meanwhile` is called when the command has asked, before the answer is given.
    """
    ours, theirs = pty.openpty()
    code = "from stargazer_cli.commands.main import cli; cli()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *args], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while meanwhile and b"?" not in shown and (piece := _read(ours)):
            shown += piece
        if meanwhile:
            meanwhile()
        os.write(ours, answer)
        while piece := _read(ours):
            shown += piece
        os.close(ours)
    return process.returncode, shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""

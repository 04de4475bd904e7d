"""What a command prints: results on stdout, everything else on stderr."""

import json
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, Literal

import click

_REDRAW = 0.05  # seconds
_NARROWEST = 20  # of a last column, in letters


def emit_json(document: Any) -> None:
    """Print one JSON document on stdout."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def emit_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print CSV (RFC 4180, with the line ends of this system) on stdout.

    A terminal is shown names escaped. A file or a pipe gets them as they are: click would strip what looks
    like a colour.
    """
    import csv

    shown = printable if sys.stdout.isatty() else str
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerows([shown(cell) for cell in row] for row in (header, *rows))


def note(text: str) -> None:
    """Print one line for the person who watches, on stderr."""
    click.echo(printable(text), err=True)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, prose: bool = False, err: bool = False
) -> None:
    """Print rows in columns under a header on stdout, or on stderr."""
    columns((header, *rows), prose=prose, err=err)


def columns(
    rows: Sequence[Sequence[str]], *, indent: str = "", prose: bool = False, err: bool = False
) -> None:
    """Print rows in columns; the last one, where it is prose and not a name to copy, fits a terminal."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    watched = (sys.stderr if err else sys.stdout).isatty()
    taken = len(indent) + sum(width + 2 for width in widths[:-1])
    room = max(shutil.get_terminal_size().columns - taken, _NARROWEST) if prose and watched else None
    for row in shown:
        for line in zip_longest(*([cell] for cell in row[:-1]), _folded(row[-1], room), fillvalue=""):
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            click.echo(f"{indent}{'  '.join(cells)}".rstrip(), err=err)


def _folded(cell: str, room: int | None) -> list[str]:
    """Return the lines of a cell, which end at words; all of it where there is room without end."""
    if room is None or len(cell) <= room:
        return [cell]
    return textwrap.wrap(cell, room, break_long_words=False, break_on_hyphens=False)


def printable(text: str) -> str:
    """Return text with what would disturb the terminal escaped: names are those of users."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def size_of(count: int) -> str:
    """Return a number of bytes for a person: 999 bytes, 1.5 KiB, 20.1 GiB."""
    if count < 1024:
        return f"{count} byte{'' if count == 1 else 's'}"
    size = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:,.1f} TiB"


@contextmanager
def progress(
    what: str, of: Literal["bytes", "things"] = "bytes"
) -> Iterator[Callable[[int, int | None], None] | None]:
    """Give a function to call with the bytes, or things, so far and their total; it moves a bar on stderr.

    None where nobody watches: a bar in a log is noise.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TransferSpeedColumn,
    )

    counts: tuple[ProgressColumn, ...] = (MofNCompleteColumn(),)
    if of == "bytes":
        counts = (DownloadColumn(binary_units=True), TransferSpeedColumn())
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), *counts)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(printable(what), total=None)
        shown = 0.0

        def show(done: int, total: int | None) -> None:
            nonlocal shown
            # To move the bar takes longer than to deal with a record, of which there may be a million.
            if done == total or time.monotonic() - shown > _REDRAW:
                bars.update(task, completed=done, total=total)
                shown = time.monotonic()

        yield show


@contextmanager
def live_line(begin: str, counted: tuple[str, ...], so_far: str) -> Iterator[Callable[[str], None]]:
    """Give a function that takes one line of progress: a live line on a terminal, else plain lines.

    Lines that begin with one of `counted` are counted, and the live line tells how many there were (`{}` in
    `so_far`). It alone shows an indented line, which is soon another one.
    """
    if not sys.stderr.isatty():
        yield note
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    with console.status(begin) as status:
        count = 0

        def tell(line: str) -> None:
            nonlocal count
            count += line.startswith(counted)
            if not line.startswith(" "):
                console.print(printable(line), highlight=False, markup=False, style="dim")
            status.update(escape(f"{so_far.format(count)}; {printable(line.strip())}"))

        yield tell

"""What samtools, bcftools and Picard counted: their text files as tables and numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stargazer_cli.errors import StargazerError, needing

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["coverage", "stats", "variants", "duplicates", ""]


def kind_of(path: Path) -> Kind:
    """Return what a file of metrics counts, as its first lines say; empty for others."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        head = "".join(line for _, line in zip(range(8), lines, strict=False))
    if head.startswith("#rname\t"):
        return "coverage"
    if "samtools stats" in head:
        return "stats"
    if "bcftools stats" in head:
        return "variants"
    return "duplicates" if "picard.sam.DuplicationMetrics" in head else ""


def coverage(path: Path) -> "pd.DataFrame":
    """Read `samtools coverage`: contig, length, covered (share of it), depth (mean), mapping quality."""
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    table = pd.read_csv(path, sep="\t").rename(
        columns={"#rname": "contig", "endpos": "length", "meandepth": "depth", "meanmapq": "mapping quality"}
    )
    table["covered"] = table["coverage"] / 100
    return table[["contig", "length", "covered", "depth", "mapping quality"]]


def read_numbers(path: Path) -> dict[str, float]:
    """Read the summary numbers (SN) of `samtools stats` or `bcftools stats`, by their names there."""
    numbers = {}
    for fields in _lines(path, "SN"):
        # samtools: name, value, remark; bcftools: number of the file, name, value.
        name, value = fields[:2] if fields[0].endswith(":") else fields[1:3]
        numbers[name.removesuffix(":")] = float(value)
    return numbers


def depths(path: Path) -> "pd.DataFrame":
    """Read how deep bases are covered from `samtools stats`: depth, bases of that depth.

    Of genomes the last row counts all bases that are as deep or deeper; bases without a read are not there.
    """
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    # [1-1]  1  33: the range, its beginning, the bases in it
    rows = [(int(fields[1]), int(fields[2])) for fields in _lines(path, "COV")]
    return pd.DataFrame(rows, columns=["depth", "bases"])


def inserts(path: Path) -> "pd.DataFrame":
    """Read the insert sizes from `samtools stats`: size, pairs."""
    with needing("A notebook", "pandas", "notebook"):
        import pandas as pd

    rows = [(int(fields[0]), int(fields[1])) for fields in _lines(path, "IS")]
    return pd.DataFrame(rows, columns=["size", "pairs"])


def ti_tv(path: Path) -> float:
    """Return transitions per transversion as `bcftools stats` counted them; nan where it has none."""
    for fields in _lines(path, "TSTV"):
        return float(fields[3])
    return float("nan")


def duplicates(path: Path) -> float:
    """Return the share of duplicates among the reads that Picard looked at; nan where it looked at none."""
    lines = iter(path.read_text("utf-8").splitlines())
    for line in lines:
        if line.startswith("LIBRARY\t"):
            names = line.split("\t")
            break
    else:
        raise StargazerError(f"{path.name} has no table of duplicates.")
    looked = marked = 0.0
    for line in lines:
        if not line:
            break
        row = dict(zip(names, line.split("\t"), strict=False))
        looked += float(row["UNPAIRED_READS_EXAMINED"]) + 2 * float(row["READ_PAIRS_EXAMINED"])
        marked += float(row["UNPAIRED_READ_DUPLICATES"]) + 2 * float(row["READ_PAIR_DUPLICATES"])
    return marked / looked if looked else float("nan")


def _lines(path: Path, section: str) -> Iterator[list[str]]:
    """Give the fields of each line of a section, without its name."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(f"{section}\t"):
                yield line.rstrip("\n").split("\t")[1:]
